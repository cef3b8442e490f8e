//! `SHOW REPLICA STATUS` and the statements that stop, start and move the way to the primary.
//!
//! The columns are those of MySQL 9.7 and MariaDB 11.8, in their order. binlogd applies nothing: where
//! a replica speaks of its applier, what is meant here is what has been made durable.

use super::super::error::SqlError;
use super::super::replica::{LastError, Obeyed, Order, OrderError, ReplicaStatus, Running};
use super::super::reply::{Column, Kind, Reply, ResultSet};
use super::super::sql::{Channel, Replica, Value};
use super::super::variables::View;
use super::{Query, show};

/// Runs `START REPLICA` and its like.
pub(super) fn run(query: &Query<'_>, verb: Replica, channel: &Channel) -> Result<Reply, SqlError> {
    let dialect = query.server.dialect();
    let session = &*query.session;
    if !session.rights.admin {
        return Err(SqlError::privilege_needed(match (dialect.mariadb, dialect.version) {
            (true, _) => "SUPER, REPLICATION SLAVE ADMIN",
            (false, 80_000..) => "SUPER or REPLICATION_SLAVE_ADMIN",
            _ => "SUPER",
        }));
    }
    check_channel(&query.view(), channel)?;
    let (name, order) = match verb {
        Replica::Start => ("START REPLICA", Order::Start),
        Replica::Stop => ("STOP REPLICA", Order::Stop),
        Replica::Reset => ("RESET REPLICA ALL", Order::Reset),
        Replica::Change(change) => ("CHANGE REPLICATION SOURCE", Order::Change(change)),
    };
    // After it has stopped, it is not known any more which of several servers was followed.
    let stopped = (order == Order::Stop).then(|| query.server.facts.replica_status()).flatten();
    let obeyed = query.server.facts.order(order.clone()).map_err(|error| match error {
        OrderError::Running => SqlError::replica_runs(dialect.mariadb),
        OrderError::NoUpstream => SqlError::not_a_replica(),
        error => SqlError::replica_order_failed(&error.to_string()),
    });
    let (connection, user) = (session.id, &session.user);
    match &obeyed {
        Ok(Obeyed::Already) => tracing::info!(connection, user, "{name}: it was so already"),
        Err(error) => tracing::warn!(connection, user, "{name} was refused: {}", error.message),
        Ok(Obeyed::Done) => {
            let source = stopped.or_else(|| query.server.facts.replica_status());
            let source = source.map(|to| format!("{}@{}:{}", to.user, to.host, to.port));
            tracing::info!(
                connection,
                user,
                source = source.map(tracing::field::display),
                "{name}"
            );
        }
    }
    Ok(match (obeyed?, order) {
        (Obeyed::Already, Order::Start) => {
            Reply::warned(vec![SqlError::replica_runs_already(dialect.mariadb)])
        }
        (Obeyed::Already, Order::Stop) => {
            Reply::warned(vec![SqlError::replica_stopped_already(dialect.mariadb)])
        }
        _ => Reply::Ok,
    })
}

/// There is one channel, which has no name.
fn check_channel(view: &View<'_>, channel: &Channel) -> Result<(), SqlError> {
    if channel.0.is_empty() {
        return Ok(());
    }
    Err(SqlError::no_such_channel(&channel.0, view.server.dialect().mariadb))
}

/// A row's maker: what a column holds.
type Cell = fn(&Row<'_>) -> Value;

/// What cells are made of.
struct Row<'a> {
    status: &'a ReplicaStatus,
    view: &'a View<'a>,
    /// Whether it speaks of sources and replicas.
    new_words: bool,
}

/// A column: its newer name, its older one, and what it holds.
struct Entry(&'static str, &'static str, Kind, Cell);

const fn text(new: &'static str, old: &'static str, cell: Cell) -> Entry {
    Entry(new, old, Kind::Text, cell)
}

const fn number(new: &'static str, old: &'static str, cell: Cell) -> Entry {
    Entry(new, old, Kind::Unsigned, cell)
}

fn empty(_: &Row<'_>) -> Value {
    Value::text("")
}

fn zero(_: &Row<'_>) -> Value {
    Value::UInt(0)
}

fn null(_: &Row<'_>) -> Value {
    Value::Null
}

fn path(path: Option<&std::path::PathBuf>) -> Value {
    Value::text(path.map(|path| path.display().to_string()).unwrap_or_default())
}

fn yes(holds: bool) -> Value {
    Value::text(if holds { "Yes" } else { "No" })
}

/// The columns that all have, up to where flavours part.
const COMMON: &[Entry] = &[
    text("Replica_IO_State", "Slave_IO_State", io_state),
    text("Source_Host", "Master_Host", |r| Value::text(r.status.host.as_str())),
    text("Source_User", "Master_User", |r| Value::text(r.status.user.as_str())),
    number("Source_Port", "Master_Port", |r| Value::UInt(u64::from(r.status.port))),
    // The longest pause between two tries.
    number("Connect_Retry", "Connect_Retry", |_| Value::UInt(10)),
    text("Source_Log_File", "Master_Log_File", |r| Value::text(r.status.received.0.as_str())),
    number("Read_Source_Log_Pos", "Read_Master_Log_Pos", |r| Value::UInt(r.status.received.1)),
    // The relay log is the primary's log itself.
    text("Relay_Log_File", "Relay_Log_File", |r| Value::text(r.status.durable.0.as_str())),
    number("Relay_Log_Pos", "Relay_Log_Pos", |r| Value::UInt(r.status.durable.1)),
    text("Relay_Source_Log_File", "Relay_Master_Log_File", |r| {
        Value::text(r.status.durable.0.as_str())
    }),
    text("Replica_IO_Running", "Slave_IO_Running", |r| {
        Value::text(match r.status.running {
            Running::No => "No",
            Running::Connecting | Running::Waiting => "Connecting",
            Running::Yes => "Yes",
        })
    }),
    text("Replica_SQL_Running", "Slave_SQL_Running", |r| yes(r.status.running != Running::No)),
    text("Replicate_Do_DB", "Replicate_Do_DB", empty),
    text("Replicate_Ignore_DB", "Replicate_Ignore_DB", empty),
    text("Replicate_Do_Table", "Replicate_Do_Table", empty),
    text("Replicate_Ignore_Table", "Replicate_Ignore_Table", empty),
    text("Replicate_Wild_Do_Table", "Replicate_Wild_Do_Table", empty),
    text("Replicate_Wild_Ignore_Table", "Replicate_Wild_Ignore_Table", empty),
    number("Last_Errno", "Last_Errno", zero),
    text("Last_Error", "Last_Error", empty),
    number("Skip_Counter", "Skip_Counter", zero),
    number("Exec_Source_Log_Pos", "Exec_Master_Log_Pos", |r| Value::UInt(r.status.durable.1)),
    number("Relay_Log_Space", "Relay_Log_Space", |r| {
        Value::UInt(r.view.server.facts.binary_logs().iter().map(|log| log.size).sum())
    }),
    text("Until_Condition", "Until_Condition", |_| Value::text("None")),
    text("Until_Log_File", "Until_Log_File", empty),
    number("Until_Log_Pos", "Until_Log_Pos", zero),
    text("Source_SSL_Allowed", "Master_SSL_Allowed", |r| yes(r.status.tls)),
    text("Source_SSL_CA_File", "Master_SSL_CA_File", |r| path(r.status.tls_ca.as_ref())),
    text("Source_SSL_CA_Path", "Master_SSL_CA_Path", empty),
    text("Source_SSL_Cert", "Master_SSL_Cert", |r| path(r.status.tls_cert.as_ref())),
    text("Source_SSL_Cipher", "Master_SSL_Cipher", empty),
    text("Source_SSL_Key", "Master_SSL_Key", |r| path(r.status.tls_key.as_ref())),
    number("Seconds_Behind_Source", "Seconds_Behind_Master", |r| {
        r.status.seconds_behind.map_or(Value::Null, Value::UInt)
    }),
    text("Source_SSL_Verify_Server_Cert", "Master_SSL_Verify_Server_Cert", |r| {
        yes(r.status.tls_verify)
    }),
    number("Last_IO_Errno", "Last_IO_Errno", |r| {
        Value::UInt(last_error(r).map_or(0, |error| u64::from(error.number)))
    }),
    text("Last_IO_Error", "Last_IO_Error", |r| {
        Value::text(last_error(r).map_or("", |error| error.text.as_str()))
    }),
    number("Last_SQL_Errno", "Last_SQL_Errno", zero),
    text("Last_SQL_Error", "Last_SQL_Error", empty),
    text("Replicate_Ignore_Server_Ids", "Replicate_Ignore_Server_Ids", empty),
    number("Source_Server_Id", "Master_Server_Id", |r| Value::UInt(u64::from(r.status.source_id))),
];

/// What follows in MySQL.
const MYSQL: &[Entry] = &[
    text("Source_UUID", "Master_UUID", |r| Value::text(r.status.source_uuid.as_str())),
    text("Source_Info_File", "Master_Info_File", |_| Value::text("source.toml")),
    number("SQL_Delay", "SQL_Delay", zero),
    number("SQL_Remaining_Delay", "SQL_Remaining_Delay", null),
    text("Replica_SQL_Running_State", "Slave_SQL_Running_State", sql_state),
    number("Source_Retry_Count", "Master_Retry_Count", |_| Value::UInt(u64::MAX)),
    text("Source_Bind", "Master_Bind", empty),
    text("Last_IO_Error_Timestamp", "Last_IO_Error_Timestamp", |r| {
        Value::text(last_error(r).map_or_else(String::new, timestamp))
    }),
    text("Last_SQL_Error_Timestamp", "Last_SQL_Error_Timestamp", empty),
    text("Source_SSL_Crl", "Master_SSL_Crl", empty),
    text("Source_SSL_Crlpath", "Master_SSL_Crlpath", empty),
    text("Retrieved_Gtid_Set", "Retrieved_Gtid_Set", |r| {
        Value::text(r.status.retrieved_gtids.as_str())
    }),
    text("Executed_Gtid_Set", "Executed_Gtid_Set", |r| {
        Value::text(r.status.executed_gtids.as_str())
    }),
    number("Auto_Position", "Auto_Position", |r| Value::UInt(u64::from(r.status.by_gtid))),
    text("Replicate_Rewrite_DB", "Replicate_Rewrite_DB", empty),
    text("Channel_Name", "Channel_Name", empty),
    text("Source_TLS_Version", "Master_TLS_Version", empty),
    text("Source_public_key_path", "Master_public_key_path", empty),
    number("Get_Source_public_key", "Get_master_public_key", |r| {
        Value::UInt(u64::from(r.status.fetch_public_key))
    }),
    text("Network_Namespace", "Network_Namespace", empty),
];

/// What follows in MariaDB.
const MARIADB: &[Entry] = &[
    text("Master_SSL_Crl", "Master_SSL_Crl", empty),
    text("Master_SSL_Crlpath", "Master_SSL_Crlpath", empty),
    text("Using_Gtid", "Using_Gtid", |r| {
        Value::text(if r.status.by_gtid { "Slave_Pos" } else { "No" })
    }),
    text("Gtid_IO_Pos", "Gtid_IO_Pos", |r| Value::text(r.view.server.facts.gtid_binlog_pos())),
    text("Replicate_Do_Domain_Ids", "Replicate_Do_Domain_Ids", empty),
    text("Replicate_Ignore_Domain_Ids", "Replicate_Ignore_Domain_Ids", empty),
    text("Parallel_Mode", "Parallel_Mode", |_| Value::text("none")),
    number("SQL_Delay", "SQL_Delay", zero),
    number("SQL_Remaining_Delay", "SQL_Remaining_Delay", null),
    text("Slave_SQL_Running_State", "Slave_SQL_Running_State", sql_state),
    number("Slave_DDL_Groups", "Slave_DDL_Groups", zero),
    number("Slave_Non_Transactional_Groups", "Slave_Non_Transactional_Groups", zero),
    number("Slave_Transactional_Groups", "Slave_Transactional_Groups", zero),
    text("Replicate_Rewrite_DB", "Replicate_Rewrite_DB", empty),
];

fn last_error<'a>(row: &Row<'a>) -> Option<&'a LastError> {
    row.status.last_error.as_ref()
}

/// `yymmdd hh:mm:ss`, UTC.
fn timestamp(error: &LastError) -> String {
    let at = jiff::Timestamp::try_from(error.at).unwrap_or_default();
    at.strftime("%y%m%d %H:%M:%S").to_string()
}

fn io_state(row: &Row<'_>) -> Value {
    Value::text(match (row.status.running, row.new_words) {
        (Running::No, _) => "",
        (Running::Yes, true) => "Waiting for source to send event",
        (Running::Yes, false) => "Waiting for master to send event",
        (Running::Connecting, true) => "Connecting to source",
        (Running::Connecting, false) => "Connecting to master",
        (Running::Waiting, true) => "Waiting to reconnect after a failed source event read",
        (Running::Waiting, false) => "Waiting to reconnect after a failed master event read",
    })
}

fn sql_state(row: &Row<'_>) -> Value {
    Value::text(match (row.status.running, row.new_words) {
        (Running::No, _) => "",
        (_, true) => "Replica has read all relay log; waiting for more updates",
        (_, false) => "Slave has read all relay log; waiting for more updates",
    })
}

/// `SHOW REPLICA STATUS`, with the older columns' names for `SHOW SLAVE STATUS` and in MariaDB.
pub(super) fn show_status(
    view: &View<'_>,
    new_words: bool,
    all: bool,
    channel: &Channel,
) -> Result<ResultSet, SqlError> {
    show::needs_replication_client(view)?;
    check_channel(view, channel)?;
    let mariadb = view.server.dialect().mariadb;
    let new_words = new_words && !mariadb;
    let first: &[Entry] = match all {
        true => &[
            text("Connection_name", "Connection_name", empty),
            text("Slave_SQL_State", "Slave_SQL_State", sql_state),
        ],
        false => &[],
    };
    let entries: Vec<&Entry> =
        first.iter().chain(COMMON).chain(if mariadb { MARIADB } else { MYSQL }).collect();
    let column = |entry: &&Entry| {
        let name = if new_words { entry.0 } else { entry.1 };
        Column { name: name.into(), kind: entry.2 }
    };
    let columns = entries.iter().map(column).collect();
    let status = view.server.facts.replica_status();
    let rows = status.iter().map(|status| {
        let row = Row { status, view, new_words };
        entries.iter().map(|entry| entry.3(&row)).collect()
    });
    Ok(ResultSet { columns, rows: rows.collect() })
}

#[cfg(test)]
mod tests;
