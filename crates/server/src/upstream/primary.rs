//! What has to be known of a primary before a dump.
//!
//! Only what replicas ask too, each variable by `SELECT @@…`. A statement that waits for a lock of the binlog (such as
//! `SHOW BINARY LOGS`) would deadlock: a rotation holds that lock while it waits for commits, and they may wait for the
//! acknowledgements of the dump that is being prepared. All else is asked by the [`observer`](super::observer), or after a
//! refusal.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use binlogd_client::{ClientError, Connection};
use binlogd_event::{ChecksumAlgorithm, ServerVersion};
use binlogd_store::SourceId;
use binlogd_wire::ErrorCode;

use super::UpstreamError;
use super::variables::{SEMI_SYNC_ENABLED, SemiSyncState, Variables};

/// A primary as it was when we connected.
#[derive(Debug, Clone)]
pub struct Primary {
    /// Its version.
    pub version: ServerVersion,
    /// Whose history its files are.
    pub source: SourceId,
    /// Its server id.
    pub server_id: u32,
    /// The checksum of what it writes now.
    pub checksum: ChecksumAlgorithm,
    /// Whether it waits for replicas' acknowledgements, or would if it were told to.
    pub semi_sync: SemiSyncState,
    /// Whether it can be written to.
    pub writable: bool,
    /// How far its clock is ahead of ours, in seconds.
    pub clock_ahead_s: i64,
    /// The variables that this follows from.
    pub variables: Variables,
}

/// Asked of every server. `UNIX_TIMESTAMP()` comes first.
const ANY: [&str; 4] = ["server_id", "log_bin", "binlog_checksum", "read_only"];

/// Asked of MySQL.
const MYSQL: [&str; 2] = ["server_uuid", "gtid_mode"];

impl Primary {
    /// Asks. Waits for no lock of the server's binlog.
    ///
    /// # Errors
    /// If the connection fails, or the primary cannot be followed as it is.
    pub async fn ask(connection: &mut Connection) -> Result<Self, UpstreamError> {
        let version = ServerVersion::new(connection.server_version().to_string());
        let (clock_ahead_s, mut variables) = ask_variables(connection, &version).await?;
        if !variables.is_on("log_bin") {
            return Err(UpstreamError::BinaryLogOff(version));
        }
        let optional = if version.is_mariadb() {
            &["rpl_semi_sync_master_enabled", "encrypt_binlog"]
        } else {
            &SEMI_SYNC_ENABLED
        };
        for name in optional {
            if let Some(value) = ask_optional(connection, name).await? {
                variables.set(name, value);
            }
        }
        Ok(Self {
            source: variables.source(&version)?,
            server_id: variables.server_id()?,
            checksum: variables.checksum(),
            semi_sync: variables.semi_sync(),
            writable: variables.is_writable(),
            clock_ahead_s,
            version,
            variables,
        })
    }

    /// Whether it is a MariaDB.
    #[must_use]
    pub fn is_mariadb(&self) -> bool {
        self.version.is_mariadb()
    }

    /// Whether it is a MariaDB whose new files have events that are encrypted, which it sends decrypted.
    #[must_use]
    pub fn encrypts_events(&self) -> bool {
        self.variables.is_on("encrypt_binlog")
    }

    /// Whether its transactions have GTIDs, so that a stream can come from another server to it.
    #[must_use]
    pub fn has_gtids(&self) -> bool {
        self.is_mariadb() || self.variables.value("gtid_mode") == Some("ON")
    }
}

/// The variables that every server of this kind has, in one statement; and how far its clock is ahead.
async fn ask_variables(
    connection: &mut Connection,
    version: &ServerVersion,
) -> Result<(i64, Variables), UpstreamError> {
    let of_mysql: &[&str] = if version.is_mariadb() { &[] } else { &MYSQL };
    let names = || ANY.iter().chain(of_mysql).copied();
    let query = names().fold("SELECT UNIX_TIMESTAMP()".to_owned(), |mut query, name| {
        query.push_str(", @@GLOBAL.");
        query.push_str(name);
        query
    });
    let row = connection.query_first(&query).await?;
    let row = row.ok_or_else(|| ClientError::NoRow {
        address: connection.address().to_owned(),
        query: query.clone(),
    })?;
    let time = row.text(0).unwrap_or_default();
    let theirs: i64 = time.parse().map_err(|_| UpstreamError::Nonsense {
        query: "SELECT UNIX_TIMESTAMP()",
        answer: format!("'{time}'"),
    })?;
    let values = names().zip(1..).filter_map(|(name, index)| {
        row.text(index).map(|value| (name.to_owned(), value.into_owned()))
    });
    Ok((theirs.saturating_sub(now_s()), values.collect()))
}

/// A variable that some servers do not have.
async fn ask_optional(
    connection: &mut Connection,
    name: &str,
) -> Result<Option<String>, UpstreamError> {
    match connection.scalar(&format!("SELECT @@GLOBAL.{name}")).await {
        Ok(value) => Ok(value),
        Err(error) if error.code() == Some(ErrorCode::UNKNOWN_SYSTEM_VARIABLE) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Seconds since 1970; below 0 before.
pub(crate) fn now_s() -> i64 {
    let whole = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => whole(since),
        Err(until) => -whole(until.duration()),
    }
}
