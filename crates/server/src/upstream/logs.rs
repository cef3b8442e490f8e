//! The primary's binlog files, as it lists them.
//!
//! Never ask for the list on the way to a dump. `SHOW BINARY LOGS` waits for a rotation, a rotation waits for the commits
//! before it, and with semi-sync these commits wait for the acknowledgements that only the dump brings.

use binlogd_client::Connection;
use binlogd_event::ServerVersion;
use binlogd_store::LogName;

use super::UpstreamError;
use super::error::explain;

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

/// The primary's files, oldest first. May wait for as long as a commit of the primary does.
///
/// # Errors
/// If the account may not see them, or the connection fails.
pub(super) async fn binary_logs(
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
