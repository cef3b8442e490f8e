//! Global variables of a primary, and what follows from them.

use std::collections::HashMap;

use binlogd_event::{ChecksumAlgorithm, ServerVersion};
use binlogd_store::SourceId;

use super::UpstreamError;

/// Global variables by name, in lower case. Switches are `ON` and `OFF` or 1 and 0, as the primary wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables(HashMap<String, String>);

/// How a primary stands to semi-synchronous replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SemiSyncState {
    /// Commits wait for an acknowledgement.
    On,
    /// It is there but switched off. A session that asks for it now takes part as soon as it is
    /// switched on.
    Disabled,
    /// The primary does not have it: the plugin is not installed.
    Absent,
}

impl std::fmt::Display for SemiSyncState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::On => "on",
            Self::Disabled => "off at the primary",
            Self::Absent => "not installed at the primary",
        })
    }
}

/// The newer name and the older one.
pub(super) const SEMI_SYNC_ENABLED: [&str; 2] =
    ["rpl_semi_sync_source_enabled", "rpl_semi_sync_master_enabled"];

impl Variables {
    /// The variable of this name, in lower case.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|(name, value)| (name.clone(), value.clone()))
    }

    pub(super) fn set(&mut self, name: &str, value: String) {
        self.0.insert(name.to_lowercase(), value);
    }

    /// Takes newer values, of which semi-sync's are all that there are.
    pub(crate) fn renew(&mut self, newer: &Self) {
        self.0.retain(|name, _| !SEMI_SYNC_ENABLED.contains(&name.as_str()));
        self.0.extend(newer.0.clone());
    }

    /// Whether a switch is on; not if there is none.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.value(name), Some("ON" | "1"))
    }

    /// Whether the server can be written to.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        // MariaDB 12 has more words for what is not OFF.
        matches!(self.value("read_only"), None | Some("OFF" | "0"))
    }

    /// From the variable's new name or its old one.
    #[must_use]
    pub fn semi_sync(&self) -> SemiSyncState {
        match SEMI_SYNC_ENABLED.iter().find_map(|name| self.value(name)) {
            Some("ON" | "1") => SemiSyncState::On,
            Some(_) => SemiSyncState::Disabled,
            None => SemiSyncState::Absent,
        }
    }

    /// The checksum of events that are written now.
    #[must_use]
    pub fn checksum(&self) -> ChecksumAlgorithm {
        match self.value("binlog_checksum") {
            Some("CRC32") => ChecksumAlgorithm::Crc32,
            _ => ChecksumAlgorithm::None,
        }
    }

    pub(super) fn server_id(&self) -> Result<u32, UpstreamError> {
        let number = self.value("server_id").unwrap_or_default();
        number.parse().map_err(|_| UpstreamError::Nonsense {
            query: "@@server_id",
            answer: format!("'{number}'"),
        })
    }

    /// Whose history the server's files are.
    pub(super) fn source(&self, version: &ServerVersion) -> Result<SourceId, UpstreamError> {
        if version.is_mariadb() {
            return Ok(SourceId::of_server_id(self.server_id()?));
        }
        let uuid = self.value("server_uuid").unwrap_or_default();
        SourceId::new(uuid).ok_or_else(|| UpstreamError::Nonsense {
            query: "@@server_uuid",
            answer: format!("'{uuid}'"),
        })
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(values: T) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(values: &[(&str, &str)]) -> Variables {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn semi_sync_is_known_by_either_name_and_either_way_to_write_a_switch() {
        for (name, value, state) in [
            ("rpl_semi_sync_source_enabled", "1", SemiSyncState::On),
            ("rpl_semi_sync_master_enabled", "ON", SemiSyncState::On),
            ("Rpl_semi_sync_master_enabled", "OFF", SemiSyncState::Disabled),
            ("rpl_semi_sync_source_enabled", "0", SemiSyncState::Disabled),
            ("rpl_semi_sync_slave_enabled", "ON", SemiSyncState::Absent),
        ] {
            assert_eq!(variables(&[(name, value)]).semi_sync(), state, "{name} {value}");
        }
    }

    #[test]
    fn newer_values_replace_older_ones_and_semi_sync_can_vanish() {
        let mut values = variables(&[
            ("rpl_semi_sync_source_enabled", "ON"),
            ("binlog_checksum", "CRC32"),
            ("sql_mode", "ANSI"),
        ]);
        values.renew(&variables(&[("binlog_checksum", "NONE")]));
        assert_eq!(values, variables(&[("binlog_checksum", "NONE"), ("sql_mode", "ANSI")]));
    }

    #[test]
    fn a_server_can_be_written_to_unless_it_is_read_only_in_any_words() {
        for (value, writable) in
            [("0", true), ("OFF", true), ("1", false), ("ON", false), ("NO_LOCK_NO_ADMIN", false)]
        {
            assert_eq!(variables(&[("read_only", value)]).is_writable(), writable, "{value}");
        }
    }
}
