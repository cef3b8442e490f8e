//! What a primary says about itself.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use binlogd_client::{ClientError, Connection};
use binlogd_event::{ChecksumAlgorithm, ServerVersion};
use binlogd_store::{LogName, SourceId};
use binlogd_wire::ErrorCode;

use super::UpstreamError;

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
    /// Its binlog files, oldest first.
    pub logs: Vec<PrimaryLog>,
    /// Its global variables, by name in lower case.
    pub variables: HashMap<String, String>,
}

/// How a primary stands to semi-synchronous replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SemiSyncState {
    /// Commits wait for an acknowledgement.
    On,
    /// It is there but switched off. A session that asks for it now takes part as soon as it is
    /// switched on.
    Disabled,
    /// It is not to be had.
    Absent,
}

impl std::fmt::Display for SemiSyncState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::On => "on",
            Self::Disabled => "off at the primary",
            Self::Absent => "not to be had at the primary",
        })
    }
}

/// A line of the primary's `SHOW BINARY LOGS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrimaryLog {
    /// The file.
    pub name: LogName,
    /// Its length on the primary's disk, in bytes.
    pub size: u64,
    /// Whether the primary keeps it encrypted; `None` if it does not say, as before MySQL 8.0.14.
    pub encrypted: Option<bool>,
}

/// What stands before the magic of a file that MySQL encrypts, and is never sent, in bytes.
const ENCRYPTION_HEADER_LEN: u64 = 512;

impl PrimaryLog {
    /// Where it ends for those to whom it is sent, in bytes.
    #[must_use]
    pub fn end(&self) -> u64 {
        match self.encrypted {
            Some(true) => self.size.saturating_sub(ENCRYPTION_HEADER_LEN),
            _ => self.size,
        }
    }
}

impl Primary {
    /// Asks.
    ///
    /// # Errors
    /// If the connection fails, or the primary cannot be followed as it is.
    pub async fn ask(connection: &mut Connection) -> Result<Self, UpstreamError> {
        let version = ServerVersion::new(connection.server_version().to_string());
        let variables = variables(connection).await?;
        let variable = |name: &str| variables.get(name).map(String::as_str);
        let is_on = |name: &str| variable(name).is_some_and(|v| v == "ON" || v == "1");
        if !is_on("log_bin") {
            return Err(UpstreamError::BinaryLogOff(version));
        }
        let number = variable("server_id").unwrap_or_default();
        let server_id = number.parse().map_err(|_| UpstreamError::Nonsense {
            query: "@@server_id",
            answer: format!("'{number}'"),
        })?;
        let source = if version.is_mariadb() {
            SourceId::of_server_id(server_id)
        } else {
            let uuid = variable("server_uuid").unwrap_or_default();
            SourceId::new(uuid).ok_or_else(|| UpstreamError::Nonsense {
                query: "@@server_uuid",
                answer: format!("'{uuid}'"),
            })?
        };
        let checksum = match variable("binlog_checksum") {
            Some("CRC32") => ChecksumAlgorithm::Crc32,
            _ => ChecksumAlgorithm::None,
        };
        Ok(Self {
            source,
            server_id,
            checksum,
            semi_sync: semi_sync(&variables),
            // MariaDB 12 has more words for what is not OFF.
            writable: ["read_only", "super_read_only"]
                .iter()
                .all(|name| matches!(variable(name), None | Some("OFF" | "0"))),
            clock_ahead_s: clock_ahead_s(connection).await?,
            logs: logs(connection, &version).await?,
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
        self.variables.get("encrypt_binlog").is_some_and(|on| on == "ON" || on == "1")
    }

    /// Whether its transactions have GTIDs, so that a stream can come from another server to it.
    #[must_use]
    pub fn has_gtids(&self) -> bool {
        self.is_mariadb() || self.variables.get("gtid_mode").is_some_and(|mode| mode == "ON")
    }

    /// The file called `name`, if the primary has it.
    #[must_use]
    pub fn log(&self, name: &LogName) -> Option<&PrimaryLog> {
        self.logs.iter().find(|log| log.name == *name)
    }
}

/// From the variable's new name or its old one.
fn semi_sync(variables: &HashMap<String, String>) -> SemiSyncState {
    let enabled = ["rpl_semi_sync_source_enabled", "rpl_semi_sync_master_enabled"]
        .iter()
        .find_map(|name| variables.get(*name));
    match enabled.map(String::as_str) {
        Some("ON" | "1") => SemiSyncState::On,
        Some(_) => SemiSyncState::Disabled,
        None => SemiSyncState::Absent,
    }
}

async fn clock_ahead_s(connection: &mut Connection) -> Result<i64, UpstreamError> {
    const QUERY: &str = "SELECT UNIX_TIMESTAMP()";
    let rows = connection.query_all(QUERY).await?;
    let answer = rows.first().and_then(|row| row.text(0)).unwrap_or_default();
    let theirs: i64 = answer
        .parse()
        .map_err(|_| UpstreamError::Nonsense { query: QUERY, answer: format!("'{answer}'") })?;
    Ok(theirs.saturating_sub(now_s()))
}

/// Seconds since 1970.
pub(crate) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

async fn variables(connection: &mut Connection) -> Result<HashMap<String, String>, UpstreamError> {
    let rows = connection.query_all("SHOW GLOBAL VARIABLES").await?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((row.text(0)?.to_lowercase(), row.text(1)?.into_owned())))
        .collect())
}

async fn logs(
    connection: &mut Connection,
    version: &ServerVersion,
) -> Result<Vec<PrimaryLog>, UpstreamError> {
    let rows = connection.query_all("SHOW BINARY LOGS").await;
    let rows = rows.map_err(|error| explain(error, version))?;
    rows.iter()
        .map(|row| {
            let name = row.text(0).and_then(|name| LogName::new(&name));
            let size = row.text(1).and_then(|size| size.parse().ok());
            let encrypted = row.by_name("Encrypted").map(|text| text == "Yes");
            let log = |(name, size)| PrimaryLog { name, size, encrypted };
            name.zip(size).map(log).ok_or_else(|| {
                let answer = format!("'{}'", row.text(0).unwrap_or_default());
                UpstreamError::Nonsense { query: "SHOW BINARY LOGS", answer }
            })
        })
        .collect()
}

/// Gives errors that somebody has to act on a name.
pub(super) fn explain(error: ClientError, version: &ServerVersion) -> UpstreamError {
    let version = version.clone();
    match error.server_error() {
        // Older servers deny replication as they deny a login.
        Some(server)
            if [ErrorCode::SPECIFIC_ACCESS_DENIED, ErrorCode::ACCESS_DENIED]
                .contains(&server.code) =>
        {
            UpstreamError::Privilege { denied: server.message.to_string(), version }
        }
        Some(server) if server.code == ErrorCode::NO_BINARY_LOGGING => {
            UpstreamError::BinaryLogOff(version)
        }
        _ => error.into(),
    }
}
