//! Where a new stream begins.

use binlogd_event::{FIRST_EVENT, GtidPosition, GtidSet};
use binlogd_store::LogName;

/// Where a new stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartAt {
    /// At the oldest binlog file that the primary has.
    Earliest,
    /// At the file that the primary writes now.
    Current,
    /// At this file, which has at least so many bytes. Files are kept whole, so it is stored from its
    /// start.
    File {
        /// The file's name.
        name: String,
        /// Bytes from the file's start.
        offset: u64,
    },
    /// At the file with the first transaction that is not one of these: a GTID set of MySQL or a
    /// position of MariaDB. It is stored from its start, too.
    After(GtidSet),
}

impl StartAt {
    /// Reads `earliest`, `current`, `file`, `file:offset`, `uuid:1-5,…` or `0-1-25,…`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "write \"earliest\", \"current\", a binlog file (mysql-bin.000123 or \
             mysql-bin.000123:4567), or the GTIDs that are not needed: MySQL's gtid_executed or \
             MariaDB's gtid_binlog_pos";
        match text {
            "" => return Err(EXPECTED),
            "earliest" | "oldest" => return Ok(Self::Earliest),
            "current" => return Ok(Self::Current),
            _ => {}
        }
        if let Ok(position) = text.parse::<GtidPosition>() {
            return Ok(Self::After(position.to_set(&GtidSet::new())));
        }
        if let Some(gtids) = text.parse().ok().filter(|gtids: &GtidSet| !gtids.is_empty()) {
            return Ok(Self::After(gtids));
        }
        let (name, offset) = match text.rsplit_once(':') {
            None => (text, FIRST_EVENT),
            Some((name, offset)) => (name, offset.parse().map_err(|_| EXPECTED)?),
        };
        if LogName::new(name).is_none() {
            return Err(EXPECTED);
        }
        Ok(Self::File { name: name.to_owned(), offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_word_a_file_or_gtids() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        let file = |name: &str, offset| StartAt::File { name: name.to_owned(), offset };
        let after = |set: &str| StartAt::After(set.parse().unwrap());
        for (text, start) in [
            ("earliest", StartAt::Earliest),
            ("oldest", StartAt::Earliest),
            ("current", StartAt::Current),
            ("mysql-bin.000123", file("mysql-bin.000123", 4)),
            ("mysql-bin.000123:4567", file("mysql-bin.000123", 4567)),
            (&format!("{uuid}:1-5"), after(&format!("{uuid}:1-5"))),
            ("0-1-25,7-2-3", after("0-1-1..25,7-2-1..3")),
        ] {
            assert_eq!(StartAt::parse(text), Ok(start), "{text}");
        }
        for wrong in [
            "latest",
            "binlog",
            "",
            "mysql-bin.000123:",
            "mysql-bin.000123:x",
            "0-1-2:",
            &format!("{uuid}:x"),
        ] {
            assert!(StartAt::parse(wrong).is_err(), "{wrong}");
        }
    }
}
