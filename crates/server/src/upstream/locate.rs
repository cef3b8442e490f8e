//! Which of a server's files to begin with: the server itself names it, as the first event of a dump.

use std::time::Duration;

use binlogd_client::{BinlogStream, ClientError, ConnectOptions, Connection, DumpOptions};
use binlogd_event::{FIRST_EVENT, GtidPosition, GtidSet, Rotate};
use binlogd_store::LogName;
use binlogd_wire::ErrorCode;
use binlogd_wire::dump::{BinlogDump, BinlogDumpGtid, DumpFlags};

use super::error::explain;
use super::{Chosen, Primary, UpstreamError};

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
        let text = UpstreamError::known(query, connection.scalar(query).await?)?;
        return text.parse().map_err(|_| UpstreamError::nonsense(query, &text));
    }
    let query = "SELECT @@GLOBAL.gtid_binlog_state";
    let text = UpstreamError::known(query, connection.scalar(query).await?)?;
    let mut executed =
        GtidSet::from_last_of_domains(&text).map_err(|_| UpstreamError::nonsense(query, &text))?;
    // One that was made from a backup has this in no binlog of its own.
    let query = "SELECT @@GLOBAL.gtid_slave_pos";
    let text = UpstreamError::known(query, connection.scalar(query).await?)?;
    let applied: GtidPosition = text.parse().map_err(|_| UpstreamError::nonsense(query, &text))?;
    executed.extend(&applied.to_set(known));
    Ok(executed)
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
    let mut connection = connect(options, primary).await?;
    let naming = async {
        if primary.is_mariadb() {
            let position = has.position();
            connection.execute(&format!("SET @slave_connect_state = '{position}'")).await?;
            return named_by_dump(connection, primary, server_id).await;
        }
        let gtid_set = has.to_bytes();
        let command = BinlogDumpGtid {
            flags: DumpFlags::NON_BLOCKING | DumpFlags::THROUGH_GTID,
            server_id,
            file: b"",
            position: FIRST_EVENT,
            gtid_set: &gtid_set,
        };
        let stream = connection.dump_gtid(&command, &DumpOptions::default()).await?;
        named_by(stream, primary).await
    };
    let named = in_time(options, naming).await?.map_err(|error| not_after(error, primary, has))?;
    named.ok_or_else(names_no_file)
}

/// The server's oldest file: a dump that names no file begins there.
///
/// # Errors
/// If the connection fails.
pub async fn oldest_file(chosen: &Chosen, server_id: u32) -> Result<LogName, UpstreamError> {
    let Chosen { options, primary, .. } = chosen;
    let connection = connect(options, primary).await?;
    let named = in_time(options, named_by_dump(connection, primary, server_id)).await?;
    named.map_err(|error| explain(error, &primary.version))?.ok_or_else(names_no_file)
}

/// The file that the server writes now. By its GTIDs it is the one that a reader with all transactions needs next. Only a
/// server without GTIDs is asked for its list, for which it may have to wait.
///
/// # Errors
/// If the connection fails.
pub async fn newest_file(chosen: &mut Chosen, server_id: u32) -> Result<LogName, UpstreamError> {
    if chosen.primary.has_gtids() {
        let Chosen { options, connection, primary } = chosen;
        let executed = executed_gtids(connection, primary, &GtidSet::new()).await?;
        if !executed.is_empty() {
            return first_file_with_news(options, primary, &executed, server_id).await;
        }
    }
    let newest = chosen.logs().await?.pop();
    Ok(newest.ok_or_else(|| UpstreamError::BinaryLogOff(chosen.primary.version.clone()))?.name)
}

/// How long a server may take to name a file.
const NAMING_TIMEOUT: Duration = Duration::from_secs(30);

async fn in_time<T>(
    options: &ConnectOptions,
    asking: impl Future<Output = T>,
) -> Result<T, UpstreamError> {
    tokio::time::timeout(NAMING_TIMEOUT, asking)
        .await
        .map_err(|_| UpstreamError::Silent(options.address(), NAMING_TIMEOUT.as_secs()))
}

/// A connection for a dump that ends at the end.
async fn connect(options: &ConnectOptions, primary: &Primary) -> Result<Connection, UpstreamError> {
    let mut connection = Connection::connect(options).await?;
    let checksum = primary.checksum.name();
    let preparing = async {
        connection
            .execute(&format!(
                "SET @master_binlog_checksum = '{checksum}', @source_binlog_checksum = '{checksum}'"
            ))
            .await?;
        if primary.is_mariadb() {
            connection.execute("SET @mariadb_slave_capability = 4").await?;
        }
        Ok(connection)
    };
    in_time(options, preparing).await?
}

/// The file with which a dump begins that names none; `None` if it is no file's name.
async fn named_by_dump(
    connection: Connection,
    primary: &Primary,
    server_id: u32,
) -> Result<Option<LogName>, ClientError> {
    let flags = DumpFlags::NON_BLOCKING;
    let command = BinlogDump { position: 4, flags, server_id, file: b"" };
    named_by(connection.dump(&command, &DumpOptions::default()).await?, primary).await
}

/// The file that a dump's first event names; `None` if it is no file's name.
async fn named_by(
    mut stream: BinlogStream,
    primary: &Primary,
) -> Result<Option<LogName>, ClientError> {
    let mut event = Vec::new();
    stream.next_event(&mut event).await?;
    let body = event.len().saturating_sub(primary.checksum.len());
    Ok(Rotate::parse(&event[..body]).ok().and_then(|rotate| LogName::new(rotate.file)))
}

fn names_no_file() -> UpstreamError {
    UpstreamError::Nonsense {
        query: "a dump without a file name",
        answer: "an event that names no file".to_owned(),
    }
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
