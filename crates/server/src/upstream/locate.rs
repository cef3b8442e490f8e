//! Where in another server's binlog the stored transactions end.

use binlogd_client::{ConnectOptions, Connection, DumpOptions};
use binlogd_event::{GtidSet, Rotate};
use binlogd_store::LogName;
use binlogd_wire::dump::{BinlogDumpGtid, DumpFlags};

use super::primary::explain;
use super::{Primary, UpstreamError};

/// All transactions that the server has executed.
///
/// # Errors
/// If the connection fails, or the answer is no GTID set.
pub async fn executed_gtids(connection: &mut Connection) -> Result<GtidSet, UpstreamError> {
    let query = "SELECT @@GLOBAL.gtid_executed";
    let text = connection.scalar(query).await?.unwrap_or_default();
    text.parse().map_err(|_| UpstreamError::Nonsense { query, answer: format!("'{text}'") })
}

/// The server's file in which the first transaction stands that is not in `has`. The server itself
/// finds it, for a dump by GTID, whose first event names it.
///
/// # Errors
/// If the server has purged what is needed, or the connection fails.
pub async fn first_file_with_news(
    options: &ConnectOptions,
    primary: &Primary,
    has: &GtidSet,
    server_id: u32,
) -> Result<LogName, UpstreamError> {
    let mut connection = Connection::connect(options).await?;
    let checksum = primary.checksum.name();
    connection
        .execute(&format!(
            "SET @master_binlog_checksum = '{checksum}', @source_binlog_checksum = '{checksum}'"
        ))
        .await?;
    let gtid_set = has.to_bytes();
    let command = BinlogDumpGtid {
        flags: DumpFlags::THROUGH_GTID | DumpFlags::NON_BLOCKING,
        server_id,
        file: b"",
        position: 4,
        gtid_set: &gtid_set,
    };
    let mut stream = connection.dump_gtid(&command, &DumpOptions::default()).await?;
    let mut event = Vec::new();
    stream.next_event(&mut event).await.map_err(explain)?;
    let body = event.len().saturating_sub(primary.checksum.len());
    let named = Rotate::parse(&event[..body]).ok().and_then(|rotate| LogName::new(rotate.file));
    named.ok_or_else(|| UpstreamError::Nonsense {
        query: "COM_BINLOG_DUMP_GTID",
        answer: "an event that names no file".to_owned(),
    })
}
