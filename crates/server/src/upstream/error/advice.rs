//! What to do about a primary, in the statements that its product and version know.

use binlogd_event::ServerVersion;

/// How binary logging is switched on.
pub(super) fn log_bin(version: &ServerVersion) -> &'static str {
    if version.is_mariadb() {
        "put log_bin and a server_id of its own into its option file and restart it"
    } else if version.at_least(8, 0, 0) {
        "restart it with log_bin (MySQL 8 and later have it on unless skip-log-bin is set)"
    } else {
        "put log_bin and a server_id other than 0 into its option file and restart it"
    }
}

/// The privilege that shows the list of files.
pub(super) fn monitor_privilege(version: &ServerVersion) -> &'static str {
    if version.is_mariadb() && version.at_least(10, 5, 0) {
        "BINLOG MONITOR"
    } else {
        "REPLICATION CLIENT"
    }
}

/// How semi-sync is switched on.
pub(super) fn semi_sync(version: &ServerVersion) -> &'static str {
    if version.is_mariadb() {
        "Run there: SET GLOBAL rpl_semi_sync_master_wait_point = 'AFTER_SYNC', GLOBAL \
         rpl_semi_sync_master_enabled = ON; and put both into its option file"
    } else if version.at_least(8, 0, 26) {
        "Run there: INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'; SET PERSIST \
         rpl_semi_sync_source_enabled = ON"
    } else {
        "Run there: INSTALL PLUGIN rpl_semi_sync_master SONAME 'semisync_master.so'; SET GLOBAL \
         rpl_semi_sync_master_enabled = ON; and put the variable into its option file"
    }
}

/// What GTIDs a primary has.
pub(super) fn gtids_of(version: &ServerVersion) -> &'static str {
    if version.is_mariadb() {
        "is a MariaDB (they look like 0-1-25)"
    } else {
        "is a MySQL (they look like uuid:1-25, and need gtid_mode = ON)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_told_in_its_own_statements() {
        for (version, monitor, source) in [
            ("9.7.4", "REPLICATION CLIENT", "rpl_semi_sync_source_enabled"),
            ("8.0.25", "REPLICATION CLIENT", "rpl_semi_sync_master_enabled"),
            ("5.6.24-log", "REPLICATION CLIENT", "semisync_master.so"),
            ("10.4.8-MariaDB", "REPLICATION CLIENT", "AFTER_SYNC"),
            ("11.8.9-MariaDB-log", "BINLOG MONITOR", "rpl_semi_sync_master_wait_point"),
        ] {
            let version = ServerVersion::new(version);
            assert_eq!(monitor_privilege(&version), monitor, "{version}");
            assert!(semi_sync(&version).contains(source), "{version}");
        }
    }
}
