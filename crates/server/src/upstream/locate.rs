//! Where in another server's binlog the stored transactions end.

use binlogd_client::{BinlogStream, ClientError, ConnectOptions, Connection, DumpOptions};
use binlogd_event::{GtidPosition, GtidSet, Rotate};
use binlogd_store::LogName;
use binlogd_wire::ErrorCode;
use binlogd_wire::dump::{BinlogDump, BinlogDumpGtid, DumpFlags};

use super::primary::explain;
use super::{Primary, UpstreamError};

/// All transactions that the server has executed. MariaDB names only the last ones of each domain; of
/// what it has as a replica those in `known` are counted.
///
/// # Errors
/// If the connection fails, or the answer is no GTID set.
pub async fn executed_gtids(
    connection: &mut Connection,
    primary: &Primary,
    known: &GtidSet,
) -> Result<GtidSet, UpstreamError> {
    if !primary.is_mariadb() {
        let query = "SELECT @@GLOBAL.gtid_executed";
        let text = connection.scalar(query).await?.unwrap_or_default();
        return text.parse().map_err(|_| nonsense(query, &text));
    }
    let query = "SELECT @@GLOBAL.gtid_binlog_state";
    let text = connection.scalar(query).await?.unwrap_or_default();
    let mut executed = GtidSet::from_last_of_domains(&text).map_err(|_| nonsense(query, &text))?;
    // One that was made from a backup has this in no binlog of its own.
    let query = "SELECT @@GLOBAL.gtid_slave_pos";
    let text = connection.scalar(query).await?.unwrap_or_default();
    let applied: GtidPosition = text.parse().map_err(|_| nonsense(query, &text))?;
    executed.extend(&applied.to_set(known));
    Ok(executed)
}

fn nonsense(query: &'static str, answer: &str) -> UpstreamError {
    UpstreamError::Nonsense { query, answer: format!("'{answer}'") }
}

/// The server's file in which the first transaction stands that is not in `has`. The server itself
/// finds it, for a dump by GTID, whose first event names it.
///
/// # Errors
/// If the server has purged what is needed or has GTIDs of another kind, or the connection fails.
pub async fn first_file_with_news(
    options: &ConnectOptions,
    primary: &Primary,
    has: &GtidSet,
    server_id: u32,
) -> Result<LogName, UpstreamError> {
    let is_its_own = if primary.is_mariadb() { has.is_mariadbs() } else { has.is_mysqls() };
    if !is_its_own || !primary.has_gtids() {
        let version = primary.version.clone();
        return Err(UpstreamError::OtherGtids { gtids: has.clone(), version });
    }
    let mut stream = dump_after(options, primary, has, server_id).await?;
    let mut event = Vec::new();
    stream.next_event(&mut event).await.map_err(|error| not_after(error, primary, has))?;
    let body = event.len().saturating_sub(primary.checksum.len());
    let named = Rotate::parse(&event[..body]).ok().and_then(|rotate| LogName::new(rotate.file));
    named.ok_or_else(|| UpstreamError::Nonsense {
        query: "a dump by GTID",
        answer: "an event that names no file".to_owned(),
    })
}

/// A dump of all that is not in `has`, which ends at the end.
async fn dump_after(
    options: &ConnectOptions,
    primary: &Primary,
    has: &GtidSet,
    server_id: u32,
) -> Result<BinlogStream, UpstreamError> {
    let mut connection = Connection::connect(options).await?;
    let checksum = primary.checksum.name();
    connection
        .execute(&format!(
            "SET @master_binlog_checksum = '{checksum}', @source_binlog_checksum = '{checksum}'"
        ))
        .await?;
    let dump_options = DumpOptions::default();
    let flags = DumpFlags::NON_BLOCKING;
    if primary.is_mariadb() {
        connection.execute("SET @mariadb_slave_capability = 4").await?;
        let position = has.position();
        connection.execute(&format!("SET @slave_connect_state = '{position}'")).await?;
        let command = BinlogDump { position: 4, flags, server_id, file: b"" };
        return Ok(connection.dump(&command, &dump_options).await?);
    }
    let gtid_set = has.to_bytes();
    let command = BinlogDumpGtid {
        flags: flags | DumpFlags::THROUGH_GTID,
        server_id,
        file: b"",
        position: 4,
        gtid_set: &gtid_set,
    };
    Ok(connection.dump_gtid(&command, &dump_options).await?)
}

/// What the server's refusal means.
fn not_after(error: ClientError, primary: &Primary, has: &GtidSet) -> UpstreamError {
    match error.server_error() {
        Some(server) if server.code == ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG => {
            let gtids =
                if primary.is_mariadb() { has.position().to_string() } else { has.to_string() };
            UpstreamError::NotAfter { gtids, error: server.clone() }
        }
        _ => explain(error, &primary.version),
    }
}
