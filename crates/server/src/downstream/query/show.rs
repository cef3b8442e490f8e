//! `SHOW`: rows about the stream, its readers and its variables.

use super::super::error::SqlError;
use super::super::facts::EventsError;
use super::super::reply::{Column, Events, Kind, Reply, ResultSet};
use super::super::sql::{Limit, Scope, Show, Value};
use super::super::variables::{self, View};
use super::replica;

/// How much of a statement `SHOW PROCESSLIST` shows without `FULL`, in characters.
const INFO_CHARS: usize = 100;

pub(super) fn run(view: &View<'_>, show: &Show) -> Result<ResultSet, SqlError> {
    match show {
        Show::Variables { scope, filter } => Ok(pairs(variables::show(view, *scope, filter))),
        Show::Status { filter, .. } => Ok(pairs(variables::status::show(view, filter))),
        Show::BinaryLogs => binary_logs(view),
        Show::BinaryLogStatus => binary_log_status(view),
        Show::ReplicaStatus { new_words, all, channel } => {
            replica::show_status(view, *new_words, *all, channel)
        }
        // Its rows come one by one.
        Show::BinlogEvents { .. } => Ok(ResultSet { columns: events_columns(), rows: Vec::new() }),
        Show::Replicas => {
            replicas(view, ["Server_Id", "Host", "Port", "Source_Id", "Replica_UUID"])
        }
        Show::SlaveHosts => {
            replicas(view, ["Server_id", "Host", "Port", "Master_id", "Slave_UUID"])
        }
        Show::ProcessList { full } => Ok(process_list(view, *full)),
        Show::Warnings { limit } => Ok(warnings(view, *limit)),
        Show::WarningCount { errors } => warning_count(view, *errors),
        Show::Grants => Ok(grants(view)),
        Show::OpenTables => Ok(nothing(&["Database", "Table", "In_use", "Name_locked"])),
        Show::Profiles => Ok(nothing(&["Query_ID", "Duration", "Query"])),
        Show::XaRecover => Ok(nothing(&["formatID", "gtrid_length", "bqual_length", "data"])),
    }
}

/// No rows of these columns.
fn nothing(columns: &[&str]) -> ResultSet {
    ResultSet { columns: columns.iter().map(|name| text(name)).collect(), rows: Vec::new() }
}

pub(super) fn text(name: &str) -> Column {
    Column { name: name.into(), kind: Kind::Text }
}

pub(super) fn unsigned(name: &str) -> Column {
    Column { name: name.into(), kind: Kind::Unsigned }
}

pub(super) fn pairs(rows: Vec<(String, Vec<u8>)>) -> ResultSet {
    let rows = rows.into_iter().map(|(name, value)| vec![Value::text(name), Value::Text(value)]);
    ResultSet { columns: vec![text("Variable_name"), text("Value")], rows: rows.collect() }
}

pub(super) fn needs_replication_client(view: &View<'_>) -> Result<(), SqlError> {
    if view.session.rights.replication_client() {
        return Ok(());
    }
    let dialect = view.server.dialect();
    Err(SqlError::privilege_needed(match (dialect.mariadb, dialect.version) {
        (true, 100_502..) => "SUPER, BINLOG MONITOR",
        _ => "SUPER, REPLICATION CLIENT",
    }))
}

pub(super) fn events_columns() -> Vec<Column> {
    vec![
        text("Log_name"),
        unsigned("Pos"),
        text("Event_type"),
        unsigned("Server_id"),
        unsigned("End_log_pos"),
        text("Info"),
    ]
}

/// `SHOW BINLOG EVENTS`: events hold data, so it takes the right to read them.
pub(super) fn binlog_events(
    view: &View<'_>,
    file: Option<&str>,
    from: u64,
    limit: Option<Limit>,
) -> Result<Reply, SqlError> {
    if !view.session.rights.replicate {
        return Err(SqlError::privilege_needed("REPLICATION SLAVE"));
    }
    let file = file.map(|file| file.strip_prefix("./").unwrap_or(file));
    let rows = view.server.facts.events(file, from).map_err(events_failed)?;
    Ok(Reply::Events(Events::new(events_columns(), rows, limit)))
}

/// ER_ERROR_WHEN_EXECUTING_COMMAND.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(in super::super) fn events_failed(error: EventsError) -> SqlError {
    SqlError::command_failed("SHOW BINLOG EVENTS", &error.to_string())
}

fn binary_logs(view: &View<'_>) -> Result<ResultSet, SqlError> {
    needs_replication_client(view)?;
    let dialect = view.server.dialect();
    let tells_encryption = !dialect.mariadb && dialect.version >= 80_014;
    let mut columns = vec![text("Log_name"), unsigned("File_size")];
    if tells_encryption {
        columns.push(text("Encrypted"));
    }
    let logs = view.server.facts.binary_logs().into_iter();
    let rows = logs.map(|log| {
        let mut row = vec![Value::text(log.name), Value::UInt(log.size)];
        if tells_encryption {
            row.push(Value::text("No"));
        }
        row
    });
    Ok(ResultSet { columns, rows: rows.collect() })
}

fn binary_log_status(view: &View<'_>) -> Result<ResultSet, SqlError> {
    needs_replication_client(view)?;
    let mut columns =
        vec![text("File"), unsigned("Position"), text("Binlog_Do_DB"), text("Binlog_Ignore_DB")];
    let tells_gtids = !view.server.dialect().mariadb;
    if tells_gtids {
        columns.push(text("Executed_Gtid_Set"));
    }
    let status = view.server.facts.binary_log_status().into_iter();
    let rows = status.map(|status| {
        let nothing = Value::text("");
        let mut row =
            vec![Value::text(status.file), Value::UInt(status.position), nothing.clone(), nothing];
        if tells_gtids {
            row.push(Value::text(view.server.facts.gtid_executed()));
        }
        row
    });
    Ok(ResultSet { columns, rows: rows.collect() })
}

/// The replicas that have introduced themselves and are still connected.
fn replicas(view: &View<'_>, names: [&str; 5]) -> Result<ResultSet, SqlError> {
    if !view.session.rights.replication_client() {
        return Err(SqlError::privilege_needed("REPLICATION SLAVE"));
    }
    let [id, host, port, source, uuid] = names;
    let mut columns = vec![unsigned(id), text(host), unsigned(port), unsigned(source)];
    let tells_uuid = !view.server.dialect().mariadb;
    if tells_uuid {
        columns.push(text(uuid));
    }
    let source_id = u64::from(view.server.facts.server_id());
    let sessions = view.server.registry.all().into_iter();
    let rows = sessions.filter_map(|session| session.state().replica).map(|replica| {
        let mut row = vec![
            Value::UInt(u64::from(replica.server_id)),
            Value::text(replica.host),
            Value::UInt(u64::from(replica.port)),
            Value::UInt(source_id),
        ];
        if tells_uuid {
            row.push(Value::text(replica.uuid));
        }
        row
    });
    Ok(ResultSet { columns, rows: rows.collect() })
}

/// All sessions for those who may see them, else the user's own.
fn process_list(view: &View<'_>, full: bool) -> ResultSet {
    let mut columns = vec![
        unsigned("Id"),
        text("User"),
        text("Host"),
        text("db"),
        text("Command"),
        unsigned("Time"),
        text("State"),
        text("Info"),
    ];
    // How far an ALTER TABLE is, of which there are none here.
    let progress = view.server.dialect().mariadb.then(|| Value::Decimal("0.000".into()));
    if progress.is_some() {
        columns.push(Column { name: "Progress".into(), kind: Kind::Decimal });
    }
    let or_null = |text: Option<String>| text.map_or(Value::Null, Value::text);
    let mut rows = Vec::new();
    for session in view.server.registry.all() {
        let state = session.state();
        let own = state.user.as_deref() == Some(view.session.user.as_str());
        if !own && !view.session.rights.process() {
            continue;
        }
        let info = state
            .info
            .map(|info| if full { info } else { info.chars().take(INFO_CHARS).collect() });
        let mut row = vec![
            Value::UInt(u64::from(session.id)),
            Value::text(state.user.unwrap_or_else(|| "unauthenticated user".into())),
            Value::text(session.host.as_str()),
            or_null(state.db),
            Value::text(state.command),
            Value::UInt(state.since.elapsed().as_secs()),
            Value::text(state.status),
            or_null(info),
        ];
        row.extend(progress.clone());
        rows.push(row);
    }
    ResultSet { columns, rows }
}

fn warnings(view: &View<'_>, limit: Option<Limit>) -> ResultSet {
    let columns = vec![text("Level"), unsigned("Code"), text("Message")];
    let errors = view.session.last_error.iter().map(|error| ("Error", error));
    let warnings = view.session.warnings.iter().map(|warning| ("Warning", warning));
    let rows = errors.chain(warnings).map(|(level, what)| {
        vec![
            Value::text(level),
            Value::UInt(u64::from(what.code)),
            Value::text(what.message.as_str()),
        ]
    });
    ResultSet { columns, rows: Limit::apply(limit, rows.collect()) }
}

fn warning_count(view: &View<'_>, errors: bool) -> Result<ResultSet, SqlError> {
    let name = if errors { "error_count" } else { "warning_count" };
    let count = variables::select(view, Some(Scope::Session), name)?;
    let columns = vec![unsigned(&format!("@@session.{name}"))];
    Ok(ResultSet { columns, rows: vec![vec![count]] })
}

/// The user's rights as the privileges that a server would call them.
fn grants(view: &View<'_>) -> ResultSet {
    let session = view.session;
    let mut privileges = Vec::new();
    let rights = session.rights;
    if rights.process() {
        privileges.push("PROCESS");
    }
    if rights.admin {
        privileges.push("SUPER");
    }
    if rights.replicate {
        privileges.push("REPLICATION SLAVE");
    }
    if rights.replication_client() {
        privileges.push("REPLICATION CLIENT");
    }
    if privileges.is_empty() {
        privileges.push("USAGE");
    }
    let user = session.user.replace('`', "``");
    let grant = format!("GRANT {} ON *.* TO `{user}`@`%`", privileges.join(", "));
    ResultSet {
        columns: vec![text(&format!("Grants for {}@%", session.user))],
        rows: vec![vec![Value::text(grant)]],
    }
}
