//! MariaDB's GTID position: how far somebody has come in each replication domain.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::text::split_gtids;
use super::{Gtid, GtidSet, GtidSource, ParseGtidError};

/// The last GTID of each domain: what a replica sends as `@slave_connect_state`, and what
/// `@@gtid_binlog_pos` says. Who is there has all of a domain's transactions up to that number,
/// whichever server they are from.
///
/// [Manual](https://mariadb.com/kb/en/gtid/#using-global-transaction-ids)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GtidPosition {
    /// Server id and number by domain.
    domains: BTreeMap<u32, (u32, u64)>,
}

impl GtidPosition {
    /// Before every transaction.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it is before every transaction.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    /// The GTIDs, one of each domain.
    pub fn iter(&self) -> impl Iterator<Item = Gtid> {
        self.domains.iter().map(|(&domain, &(server, number))| gtid(domain, server, number))
    }

    /// The last GTID of a domain.
    #[must_use]
    pub fn of_domain(&self, domain: u32) -> Option<Gtid> {
        self.domains.get(&domain).map(|&(server, number)| gtid(domain, server, number))
    }

    /// Moves to a GTID, forward or back. One of MySQL's changes nothing.
    pub fn set(&mut self, gtid: Gtid) {
        if let GtidSource::Domain { domain, server_id } = gtid.source {
            self.domains.insert(domain, (server_id, gtid.number));
        }
    }

    /// Moves before everything in a domain.
    pub fn remove(&mut self, domain: u32) {
        self.domains.remove(&domain);
    }

    /// Whether who is here has this transaction: one of its domain and of the same or a higher
    /// number.
    #[must_use]
    pub fn includes(&self, gtid: &Gtid) -> bool {
        let last = gtid.domain().and_then(|domain| self.domains.get(&domain));
        last.is_some_and(|&(_, number)| gtid.number <= number)
    }

    /// Whether who is here has all of these transactions.
    #[must_use]
    pub fn includes_all(&self, set: &GtidSet) -> bool {
        set.is_mariadbs() && set.last_of_domains().all(|gtid| self.includes(&gtid))
    }

    /// All that who is here has from the sources in `known`, and from those of the position itself.
    #[must_use]
    pub fn to_set(&self, known: &GtidSet) -> GtidSet {
        let mut set = GtidSet::new();
        for gtid in known.last_of_domains().chain(self.iter()) {
            if let Some(last) = gtid.domain().and_then(|domain| self.of_domain(domain)) {
                set.insert(Gtid { source: gtid.source, number: last.number });
            }
        }
        set
    }
}

fn gtid(domain: u32, server_id: u32, number: u64) -> Gtid {
    Gtid::mariadb(domain, server_id, number)
}

impl FromStr for GtidPosition {
    type Err = ParseGtidError;

    /// Takes `0-1-25,7-2-3`, at most one GTID of each domain; empty is before everything.
    fn from_str(text: &str) -> Result<Self, ParseGtidError> {
        let mut position = Self::new();
        for gtid in split_gtids(text) {
            let gtid = gtid?;
            if gtid.domain().is_some_and(|domain| position.of_domain(domain).is_some()) {
                return Err(ParseGtidError::DomainTwice(text.to_owned()));
            }
            position.set(gtid);
        }
        Ok(position)
    }
}

impl fmt::Display for GtidPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, gtid) in self.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{gtid}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str) -> GtidPosition {
        text.parse().unwrap()
    }

    #[test]
    fn it_has_one_gtid_of_each_domain() {
        assert_eq!(position(" 7-2-3,0-1-25 ,").to_string(), "0-1-25,7-2-3");
        assert_eq!(position("").to_string(), "");
        assert!(position("").is_empty());
        assert_eq!(
            "0-1-2,0-2-3".parse::<GtidPosition>(),
            Err(ParseGtidError::DomainTwice("0-1-2,0-2-3".to_owned()))
        );
        for wrong in ["nonsense", "0-1-1..2", "0-1", "0-1-x"] {
            assert!(wrong.parse::<GtidPosition>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_includes_what_any_server_has_written_before() {
        let here = position("0-2-20,1-1-5");
        for (gtid, is_included) in [
            ("0-2-20", true),
            ("0-1-19", true),
            ("0-2-21", false),
            ("1-9-5", true),
            ("2-1-1", false),
        ] {
            assert_eq!(here.includes(&gtid.parse().unwrap()), is_included, "{gtid}");
        }
        let known = GtidSet::from_last_of_domains("0-1-15,0-2-30,3-1-4").unwrap();
        assert!(!here.includes_all(&known));
        assert_eq!(here.to_set(&known).to_string(), "0-1-1..20,0-2-1..20,1-1-1..5");
        assert!(here.includes_all(&here.to_set(&known)));
    }
}
