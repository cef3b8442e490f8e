//! What a replica says before a dump, and the dump itself.

use std::time::Duration;

use binlogd_client::{BinlogStream, Connection, DumpOptions};
use binlogd_event::EVENT_SIZE_MAX;
use binlogd_store::LogName;
use binlogd_wire::dump::{BinlogDump, BinlogDumpGtid, DumpFlags, RegisterReplica};

use super::error::explain;
use super::{Primary, UpstreamError};
use crate::config::Report;
use crate::identity::Identity;

/// A primary that has nothing to send says so this often. A connection on which nothing came for
/// two periods is dead.
pub const HEARTBEAT_PERIOD: Duration = Duration::from_secs(5);

/// What to ask a primary for.
#[derive(Debug, Clone)]
pub struct Dump {
    /// The file.
    pub file: LogName,
    /// Where in it to begin, in bytes.
    pub offset: u64,
    /// Whether to acknowledge.
    pub semi_sync: bool,
    /// Whether to end at the end, instead of waiting for more.
    pub only_asks: bool,
    /// Where the primary shows us to be.
    pub report: Report,
}

/// Makes the connection a replica's and starts a dump on it.
///
/// # Errors
/// If the primary refuses anything.
pub async fn start_dump(
    mut connection: Connection,
    primary: &Primary,
    identity: &Identity,
    dump: &Dump,
) -> Result<BinlogStream, UpstreamError> {
    let checksum = primary.checksum.name();
    let period = HEARTBEAT_PERIOD.as_nanos();
    let uuid = identity.uuid;
    let mut statements = vec![
        // Whatever the value, a session that sets one gets the stored bytes as they are.
        format!(
            "SET @master_binlog_checksum = '{checksum}', @source_binlog_checksum = '{checksum}'"
        ),
        format!("SET @master_heartbeat_period = {period}, @source_heartbeat_period = {period}"),
        format!("SET @slave_uuid = '{uuid}', @replica_uuid = '{uuid}'"),
    ];
    let mut flags = DumpFlags::default();
    if primary.is_mariadb() {
        // Without both, a primary rewrites events for those who would not know them.
        statements.push("SET @mariadb_slave_capability = 4".to_owned());
        flags = DumpFlags::ANNOTATE_OR_HEARTBEAT_V2;
    }
    if dump.only_asks {
        flags = flags | DumpFlags::NON_BLOCKING;
    }
    if dump.semi_sync {
        statements.push("SET @rpl_semi_sync_slave = 1, @rpl_semi_sync_replica = 1".to_owned());
    }
    for statement in &statements {
        connection.execute(statement).await?;
    }
    let server_id = identity.server_id;
    let Report { host, port } = &dump.report;
    let register = RegisterReplica {
        server_id,
        host: host.as_bytes(),
        port: *port,
        ..RegisterReplica::default()
    };
    connection
        .register_replica(&register)
        .await
        .map_err(|error| explain(error, &primary.version))?;

    let options = DumpOptions {
        semi_sync: dump.semi_sync,
        max_event_len: u64::from(EVENT_SIZE_MAX),
        ..DumpOptions::default()
    };
    let file = dump.file.as_str().as_bytes();
    let stream = match u32::try_from(dump.offset) {
        Ok(position) => {
            let command = BinlogDump { position, flags, server_id, file };
            connection.dump(&command, &options).await
        }
        Err(_) if primary.is_mariadb() => {
            let (file, offset) = (dump.file.to_string(), dump.offset);
            return Err(UpstreamError::TooFarIn { file, offset });
        }
        // Only the GTID command has 64 bits for a position. Without the flag it goes by position.
        Err(_) => {
            let command = BinlogDumpGtid {
                flags: DumpFlags::default(),
                server_id,
                file,
                position: dump.offset,
                gtid_set: &[0; 8],
            };
            connection.dump_gtid(&command, &options).await
        }
    };
    stream.map_err(|error| explain(error, &primary.version))
}
