//! What this side must know of the stream it serves.

/// The stream behind a listener, as its readers see it. The stream implements it; tests have a fake.
///
/// Every method answers from memory, at once: they are called while a client waits, and for each
/// query anew, so what they return may change between two calls. Methods that build something large
/// are only called when a client asks for just that.
pub trait StreamFacts: Send + Sync + 'static {
    /// The version that is presented: the upstream's, as it says it (`9.7.4`,
    /// `11.8.3-MariaDB-log`). Replicas refuse what does not begin with a number of 5 or more.
    fn server_version(&self) -> String;

    /// binlogd's own server id in this stream.
    fn server_id(&self) -> u32;

    /// binlogd's own server UUID in this stream: not the upstream's, or a replica of both would take
    /// them for one. Not presented in a MariaDB stream.
    fn server_uuid(&self) -> String;

    /// Whether the stream's events carry MySQL GTIDs, so that `gtid_mode` is ON.
    fn gtid_mode_on(&self) -> bool;

    /// The GTIDs that can be had here or were purged, as MySQL writes a set; may be long.
    fn gtid_executed(&self) -> String;

    /// The GTIDs that were and can no longer be had here; may be long.
    fn gtid_purged(&self) -> String;

    /// `CRC32` or `NONE`: the checksum of the events now written.
    fn binlog_checksum(&self) -> String;

    /// A global variable of the upstream as `SHOW GLOBAL VARIABLES` last showed it; the name is in
    /// lower case. `None` if the upstream has no such variable or was never asked.
    fn upstream_variable(&self, name: &str) -> Option<String>;

    /// The files that can be dumped, oldest first.
    fn binary_logs(&self) -> Vec<BinaryLog>;

    /// Where the served stream ends: the newest file and the position up to which it may be read.
    /// `None` if nothing is stored yet.
    fn binary_log_status(&self) -> Option<BinaryLogStatus>;

    /// MariaDB: the last GTID of each domain, as `@@gtid_binlog_pos` shows it.
    fn gtid_binlog_pos(&self) -> String {
        String::new()
    }

    /// MariaDB: what `BINLOG_GTID_POS(file, position)` answers; `None` is NULL.
    fn binlog_gtid_pos(&self, file: &str, position: u64) -> Option<String> {
        let _ = (file, position);
        None
    }

    /// Whether replicas may ask for semi-synchronous replication. If they may not, they find no variable
    /// that speaks of it: real replicas ask even where it says OFF.
    fn semi_sync_offered(&self) -> bool {
        false
    }

    /// Further status variables for `SHOW STATUS`, names beginning with `Binlogd_`.
    fn status(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// A line of `SHOW BINARY LOGS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryLog {
    /// The file's name.
    pub name: String,
    /// Its length in bytes, as far as it may be read.
    pub size: u64,
}

/// Where a stream ends, for `SHOW BINARY LOG STATUS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryLogStatus {
    /// The newest file.
    pub file: String,
    /// The end of its last event that may be read.
    pub position: u64,
}
