//! GTIDs and sets of them as text: MySQL's in its syntax, MariaDB's as `0-1-7` and `0-1-1..5`.

use std::fmt;
use std::str::FromStr;

use super::set::{Interval, NUMBER_MAX};
use super::{Gtid, GtidSet, GtidSource, GtidTag, ServerUuid};

/// A text that is no GTID or GTID set; carries the part that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseGtidError {
    /// Not a UUID.
    #[error("'{0}' is not a server UUID")]
    Uuid(String),
    /// Not a tag.
    #[error(
        "'{0}' is not a GTID tag (at most 32 letters, digits and _, not beginning with a digit)"
    )]
    Tag(String),
    /// Not a number or an interval of numbers from 1 on.
    #[error("'{0}' is not an interval of transaction numbers, such as 1-5")]
    Interval(String),
    /// A set where one transaction is wanted.
    #[error("'{0}' is not one transaction's GTID: name one number behind the server's UUID")]
    NotOne(String),
    /// Not a GTID of MariaDB.
    #[error("'{0}' is not a GTID such as 0-1-25 (domain, server id, number)")]
    Domain(String),
    /// A position with two GTIDs of one domain.
    #[error("'{0}' has two GTIDs of one domain")]
    DomainTwice(String),
}

impl FromStr for ServerUuid {
    type Err = ParseGtidError;

    /// Takes 32 hexadecimal digits, with or without hyphens in the usual places.
    fn from_str(text: &str) -> Result<Self, ParseGtidError> {
        let error = || ParseGtidError::Uuid(text.to_owned());
        let mut digits = text.bytes().enumerate().filter(|&(index, byte)| {
            !(byte == b'-' && text.len() == 36 && matches!(index, 8 | 13 | 18 | 23))
        });
        let mut uuid = [0; 16];
        for byte in &mut uuid {
            let mut digit = || {
                let (_, c) = digits.next()?;
                u8::try_from(char::from(c).to_digit(16)?).ok()
            };
            *byte = (|| Some(digit()? << 4 | digit()?))().ok_or_else(error)?;
        }
        digits.next().is_none().then_some(Self(uuid)).ok_or_else(error)
    }
}

impl FromStr for GtidSet {
    type Err = ParseGtidError;

    /// Takes `uuid:1-5:7:tag:1-3,…` and `0-1-7,0-2-1..5`; white space and empty parts do no harm, as
    /// in MySQL.
    fn from_str(text: &str) -> Result<Self, ParseGtidError> {
        let mut set = GtidSet::new();
        for source in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if is_mariadbs(source) {
                let (first, last) = parse_range(source)?;
                let interval = Interval { start: first.number, end: last + 1 };
                set.insert_interval(first.source, interval);
                continue;
            }
            let mut parts = source.split(':').map(str::trim);
            let uuid: ServerUuid = parts.next().unwrap_or_default().parse()?;
            let mut tag = GtidTag::NONE;
            for part in parts.filter(|part| !part.is_empty()) {
                if part.starts_with(|c: char| c.is_ascii_digit()) {
                    if let Some(interval) = parse_interval(part)? {
                        set.insert_interval(GtidSource::Server { uuid, tag }, interval);
                    }
                } else {
                    tag = GtidTag::new(part.as_bytes())?;
                }
            }
        }
        Ok(set)
    }
}

impl FromStr for Gtid {
    type Err = ParseGtidError;

    fn from_str(text: &str) -> Result<Self, ParseGtidError> {
        let set: GtidSet = text.parse()?;
        let mut sources = set.sources.iter();
        match (sources.next(), sources.next()) {
            (Some((&source, intervals)), None) if set.count() == 1 => {
                Ok(Gtid { source, number: intervals[0].start })
            }
            _ => Err(ParseGtidError::NotOne(text.to_owned())),
        }
    }
}

impl GtidSet {
    /// Reads what MariaDB's `@@gtid_binlog_state` and its like say: the last GTIDs of domains and
    /// servers. With each the set has those before it.
    ///
    /// # Errors
    /// If a part of it is no such GTID.
    pub fn from_last_of_domains(text: &str) -> Result<Self, ParseGtidError> {
        let mut set = GtidSet::new();
        for gtid in split_gtids(text) {
            set.insert(gtid?);
        }
        Ok(set)
    }
}

/// The GTIDs in a list of MariaDB's.
pub(super) fn split_gtids(text: &str) -> impl Iterator<Item = Result<Gtid, ParseGtidError>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| match parse_range(part)? {
        (gtid, last) if last == gtid.number => Ok(gtid),
        _ => Err(ParseGtidError::Domain(part.to_owned())),
    })
}

/// Whether a part of a set looks like MariaDB's rather than MySQL's.
fn is_mariadbs(part: &str) -> bool {
    !part.contains(':') && part.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'-' | b'.'))
}

/// `0-1-7`, or `0-1-1..5`, of which the last number comes beside the first GTID.
fn parse_range(text: &str) -> Result<(Gtid, u64), ParseGtidError> {
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| is_number)
    };
    let parsed = (|| {
        let mut parts = text.splitn(3, '-');
        let domain = u32::try_from(number(parts.next()?)?).ok()?;
        let server_id = u32::try_from(number(parts.next()?)?).ok()?;
        let numbers = parts.next()?;
        let (first, last) = numbers.split_once("..").unwrap_or((numbers, numbers));
        let (first, last) = (number(first)?, number(last)?);
        let fits = 1 <= first && first <= last && last <= NUMBER_MAX;
        fits.then_some((Gtid::mariadb(domain, server_id, first), last))
    })();
    parsed.ok_or_else(|| ParseGtidError::Domain(text.to_owned()))
}

/// `7` or `1-5`. An interval that ends before it begins is empty.
fn parse_interval(text: &str) -> Result<Option<Interval>, ParseGtidError> {
    let number = |digits: &str| {
        let number = digits.trim().parse::<u64>().ok()?;
        (1..=NUMBER_MAX).contains(&number).then_some(number)
    };
    let bounds = match text.split_once('-') {
        Some((start, end)) => number(start).zip(number(end)),
        None => number(text).map(|n| (n, n)),
    };
    let (start, last) = bounds.ok_or_else(|| ParseGtidError::Interval(text.to_owned()))?;
    Ok((start <= last).then_some(Interval { start, end: last + 1 }))
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before: Option<ServerUuid> = None;
        let mut comma = "";
        for (&source, intervals) in &self.sources {
            match source {
                GtidSource::Server { uuid, tag } => {
                    if before != Some(uuid) {
                        write!(f, "{comma}{uuid}")?;
                    }
                    before = Some(uuid);
                    if !tag.is_empty() {
                        write!(f, ":{tag}")?;
                    }
                    for interval in intervals {
                        write!(f, ":{}", interval.start)?;
                        if interval.end - interval.start > 1 {
                            write!(f, "-{}", interval.end - 1)?;
                        }
                    }
                }
                GtidSource::Domain { .. } => {
                    for interval in intervals {
                        write!(f, "{comma}{}", Gtid { source, number: interval.start })?;
                        if interval.end - interval.start > 1 {
                            write!(f, "..{}", interval.end - 1)?;
                        }
                        comma = ",";
                    }
                }
            }
            comma = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const B: &str = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

    #[test]
    fn text_is_brought_into_mysqls_normal_form() {
        for (given, normal) in [
            (String::new(), String::new()),
            (format!("{A}:1"), format!("{A}:1")),
            (format!(" {A} : 1-3 : 4 : 9-8 "), format!("{A}:1-4")),
            (format!("{B}:7,{A}:5:1-2,,{B}:8"), format!("{A}:1-2:5,{B}:7-8")),
            (format!("{A}:Tag_a:1-3:2:zz:5,{A}:9"), format!("{A}:9:tag_a:1-3:zz:5")),
            (format!("{}:1", A.to_uppercase().replace('-', "")), format!("{A}:1")),
        ] {
            let set: GtidSet = given.parse().unwrap();
            assert_eq!(set.to_string(), normal, "{given}");
        }
    }

    #[test]
    fn mariadbs_are_single_ones_and_ranges() {
        for (given, normal) in [
            ("0-1-7", "0-1-7"),
            (" 1-2-3..5 ,0-1-9, 0-1-8", "0-1-8..9,1-2-3..5"),
            ("0-10-1..4,0-9-2,", "0-9-2,0-10-1..4"),
        ] {
            let set: GtidSet = given.parse().unwrap();
            assert_eq!(set.to_string(), normal, "{given}");
            assert_eq!(normal.parse(), Ok(set));
        }
        let state = GtidSet::from_last_of_domains("0-1-7,0-2-5").unwrap();
        assert_eq!(state.to_string(), "0-1-1..7,0-2-1..5");
        assert_eq!("0-1-7".parse(), Ok(Gtid::mariadb(0, 1, 7)));
        for wrong in ["0-1", "0-1-0", "0-1-5..4", "4294967296-1-1", "0-1-7-8", "0--7", "12"] {
            let error = ParseGtidError::Domain(wrong.to_owned());
            assert_eq!(wrong.parse::<GtidSet>(), Err(error));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        use ParseGtidError::{Interval, Tag, Uuid};
        for (given, error) in [
            ("nonsense:1".to_owned(), Uuid("nonsense".into())),
            (format!("{A}0:1"), Uuid(format!("{A}0"))),
            (format!("{A}:0"), Interval("0".into())),
            (format!("{A}:1-x"), Interval("1-x".into())),
            (format!("{A}:9223372036854775807"), Interval("9223372036854775807".into())),
            (format!("{A}:tag-b:1"), Tag("tag-b".into())),
        ] {
            assert_eq!(given.parse::<GtidSet>(), Err(error));
        }
    }
}
