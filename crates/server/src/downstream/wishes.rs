//! What a reader has asked for by user variables before its dump.
//!
//! Twins of old and new names mean the same; which is set depends on the reader's version. Facts
//! from the replicas' own statements, see `sql`'s tests.

use std::time::Duration;

use super::sql::Value;
use super::state::UserVariables;

/// What a session has said it wants of its dump.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplicaWishes {
    /// Whether it can read checksums.
    pub checksum: ChecksumWish,
    /// Send a heartbeat when so much time has passed without an event; `None` for never.
    pub heartbeat_period: Option<Duration>,
    /// It wants to be a semi-synchronous replica, and may
    /// ([`StreamFacts::semi_sync_offered`](super::StreamFacts::semi_sync_offered)): every event it
    /// is sent must have the semi-sync header.
    pub semi_sync: bool,
    /// The replica's server UUID.
    pub uuid: Option<String>,
    /// What a MariaDB replica understands, 0 to 4; 0 for others. 4 is GTIDs and all before.
    pub mariadb_capability: u64,
    /// MariaDB: the position, as a list of GTIDs, to begin behind; it replaces file and position.
    pub slave_connect_state: Option<String>,
    /// MariaDB: end the dump behind these GTIDs.
    pub slave_until_gtid: Option<String>,
    /// MariaDB: refuse what does not follow in order.
    pub gtid_strict_mode: bool,
    /// MariaDB: the replica has several sources and drops what it got from another one.
    pub gtid_ignore_duplicates: bool,
    /// MariaDB: leave out events whose `skip_replication` flag is set.
    pub skip_replication: bool,
}

/// What a reader has said of checksums.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ChecksumWish {
    /// Nothing: it knows of none, and a stream with checksums is an error for it.
    #[default]
    NotSet,
    /// `CRC32`
    Crc32,
    /// Anything else, such as `NONE`: it still gets events as they are stored.
    Other(String),
}

impl ReplicaWishes {
    /// Reads a session's variables. `skip_replication` is a system variable and given apart.
    pub(super) fn of(variables: &UserVariables, skip_replication: bool) -> Self {
        let text =
            |names: &[&str]| variables.first_of(names).and_then(non_null).map(Value::to_text);
        let number =
            |names: &[&str]| variables.first_of(names).and_then(Value::to_u64).unwrap_or(0);
        let checksum = match text(&["source_binlog_checksum", "master_binlog_checksum"]) {
            None => ChecksumWish::NotSet,
            Some(name) if name.eq_ignore_ascii_case("CRC32") => ChecksumWish::Crc32,
            Some(name) => ChecksumWish::Other(name),
        };
        let period_ns = number(&["source_heartbeat_period", "master_heartbeat_period"]);
        Self {
            checksum,
            heartbeat_period: (period_ns > 0).then(|| Duration::from_nanos(period_ns)),
            semi_sync: number(&["rpl_semi_sync_replica", "rpl_semi_sync_slave"]) != 0,
            uuid: text(&["replica_uuid", "slave_uuid"]).filter(|uuid| !uuid.is_empty()),
            mariadb_capability: number(&["mariadb_slave_capability"]),
            slave_connect_state: text(&["slave_connect_state"]),
            slave_until_gtid: text(&["slave_until_gtid"]),
            gtid_strict_mode: number(&["slave_gtid_strict_mode"]) != 0,
            gtid_ignore_duplicates: number(&["slave_gtid_ignore_duplicates"]) != 0,
            skip_replication,
        }
    }
}

fn non_null(value: &Value) -> Option<&Value> {
    (*value != Value::Null).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    fn wishes(set: &[(&str, Value)]) -> ReplicaWishes {
        let mut variables = UserVariables::new(&Limits::default());
        for (name, value) in set {
            variables.set(name.as_bytes().to_vec(), value.clone()).unwrap();
        }
        ReplicaWishes::of(&variables, false)
    }

    #[test]
    fn nothing_set_is_nothing_wished() {
        assert_eq!(wishes(&[]), ReplicaWishes::default());
        let null = wishes(&[("source_binlog_checksum", Value::Null), ("slave_uuid", Value::Null)]);
        assert_eq!(null, ReplicaWishes::default());
    }

    #[test]
    fn old_and_new_names_mean_the_same() {
        let new = wishes(&[
            ("source_binlog_checksum", Value::text("CRC32")),
            ("source_heartbeat_period", Value::Int(30_000_001_024)),
            ("rpl_semi_sync_replica", Value::Int(1)),
            ("replica_uuid", Value::text("u")),
        ]);
        let old = wishes(&[
            ("master_binlog_checksum", Value::text("crc32")),
            ("master_heartbeat_period", Value::Decimal("30000001024.0".into())),
            ("rpl_semi_sync_slave", Value::UInt(1)),
            ("slave_uuid", Value::text("u")),
        ]);
        assert_eq!(new, old);
        assert_eq!(new.checksum, ChecksumWish::Crc32);
        assert_eq!(new.heartbeat_period, Some(Duration::from_nanos(30_000_001_024)));
        assert!(new.semi_sync);
        assert_eq!(new.uuid.as_deref(), Some("u"));
    }

    #[test]
    fn a_mariadb_replica_says_more() {
        let wishes = wishes(&[
            ("master_binlog_checksum", Value::text("NONE")),
            ("mariadb_slave_capability", Value::Int(4)),
            ("slave_connect_state", Value::text("")),
            ("slave_gtid_strict_mode", Value::Int(1)),
            ("slave_gtid_ignore_duplicates", Value::Int(0)),
        ]);
        assert_eq!(wishes.checksum, ChecksumWish::Other("NONE".into()));
        assert_eq!(wishes.mariadb_capability, 4);
        assert_eq!(wishes.slave_connect_state.as_deref(), Some(""), "empty is a position too");
        assert!(wishes.gtid_strict_mode && !wishes.gtid_ignore_duplicates);
    }
}
