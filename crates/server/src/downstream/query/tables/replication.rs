//! binlogd as a replica, in the tables of `performance_schema`.

use super::super::super::error::SqlError;
use super::super::super::replica::{LastError, ReplicaStatus, Running};
use super::super::super::reply::ResultSet;
use super::super::super::sql::Value;
use super::super::super::variables::View;
use super::super::show::{needs_replication_client, text, unsigned};
use super::timestamp;

/// The time of what has never happened.
const NEVER: &str = "0000-00-00 00:00:00.000000";

/// A table by its name; one of which there is nothing to show is empty.
pub(super) fn table(view: &View<'_>, name: &str) -> Result<ResultSet, SqlError> {
    needs_replication_client(view)?;
    let status = view.server.facts.replica_status();
    let columns = columns(name);
    let row = match (name, status) {
        ("log_status", _) => Some(log_status(view)),
        ("replication_connection_configuration", Some(status)) => Some(configuration(&status)),
        ("replication_connection_status", Some(status)) => Some(connection(&status)),
        // What is received is durable at once: nothing is applied, and nothing waits for it.
        ("replication_applier_configuration", Some(_)) => {
            Some(vec![Value::text(""), Value::UInt(0)])
        }
        ("replication_applier_status", Some(status)) => {
            Some(vec![Value::text(""), applier_state(&status), Value::Null, Value::UInt(0)])
        }
        ("replication_applier_status_by_worker", Some(status)) => Some(worker(&status)),
        _ => None,
    };
    Ok(ResultSet { columns, rows: row.into_iter().collect() })
}

fn columns(name: &str) -> Vec<super::Column> {
    // Numbers end with #, times with @.
    let names: &[&str] = match name {
        "log_status" => &["SERVER_UUID", "LOCAL", "REPLICATION", "STORAGE_ENGINES"],
        "replication_connection_configuration" => &[
            "CHANNEL_NAME",
            "HOST",
            "PORT#",
            "USER",
            "NETWORK_INTERFACE",
            "AUTO_POSITION",
            "SSL_ALLOWED",
            "SSL_CA_FILE",
            "SSL_CERTIFICATE",
            "SSL_KEY",
            "SSL_VERIFY_SERVER_CERTIFICATE",
            "GET_PUBLIC_KEY",
        ],
        "replication_connection_status" => &[
            "CHANNEL_NAME",
            "GROUP_NAME",
            "SOURCE_UUID",
            "THREAD_ID#",
            "SERVICE_STATE",
            "COUNT_RECEIVED_HEARTBEATS#",
            "LAST_HEARTBEAT_TIMESTAMP@",
            "RECEIVED_TRANSACTION_SET",
            "LAST_ERROR_NUMBER#",
            "LAST_ERROR_MESSAGE",
            "LAST_ERROR_TIMESTAMP@",
        ],
        "replication_applier_configuration" => &["CHANNEL_NAME", "DESIRED_DELAY#"],
        "replication_applier_status" => {
            &["CHANNEL_NAME", "SERVICE_STATE", "REMAINING_DELAY#", "COUNT_TRANSACTIONS_RETRIES#"]
        }
        "replication_applier_status_by_coordinator" => &[
            "CHANNEL_NAME",
            "THREAD_ID#",
            "SERVICE_STATE",
            "LAST_ERROR_NUMBER#",
            "LAST_ERROR_MESSAGE",
            "LAST_ERROR_TIMESTAMP@",
        ],
        "replication_applier_status_by_worker" => &[
            "CHANNEL_NAME",
            "WORKER_ID#",
            "THREAD_ID#",
            "SERVICE_STATE",
            "LAST_ERROR_NUMBER#",
            "LAST_ERROR_MESSAGE",
            "LAST_ERROR_TIMESTAMP@",
        ],
        "replication_group_members" => &[
            "CHANNEL_NAME",
            "MEMBER_ID",
            "MEMBER_HOST",
            "MEMBER_PORT#",
            "MEMBER_STATE",
            "MEMBER_ROLE",
            "MEMBER_VERSION",
            "MEMBER_COMMUNICATION_STACK",
        ],
        _ => &["CHANNEL_NAME", "VIEW_ID", "MEMBER_ID"],
    };
    let column = |name: &&str| match (name.strip_suffix('#'), name.strip_suffix('@')) {
        (Some(name), _) => unsigned(name),
        (_, Some(name)) => timestamp(name),
        _ => text(name),
    };
    names.iter().map(column).collect()
}

fn log_status(view: &View<'_>) -> Vec<Value> {
    let facts = &view.server.facts;
    let status = facts.binary_log_status();
    let (file, position) = status.map(|status| (status.file, status.position)).unwrap_or_default();
    let local = format!(
        r#"{{"gtid_executed": {}, "binary_log_file": {}, "binary_log_position": {position}}}"#,
        quoted(&facts.gtid_executed()),
        quoted(&file)
    );
    vec![
        Value::text(facts.server_uuid()),
        Value::text(local),
        Value::text(r#"{"channels": []}"#),
        Value::text("{}"),
    ]
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn yes(is: bool) -> Value {
    Value::text(if is { "YES" } else { "NO" })
}

fn configuration(status: &ReplicaStatus) -> Vec<Value> {
    let path = |path: &Option<std::path::PathBuf>| {
        Value::text(path.as_ref().map_or_else(String::new, |path| path.display().to_string()))
    };
    vec![
        Value::text(""),
        Value::text(status.host.as_str()),
        Value::UInt(u64::from(status.port)),
        Value::text(status.user.as_str()),
        Value::text(""),
        Value::text(if status.by_gtid { "1" } else { "0" }),
        yes(status.tls),
        path(&status.tls_ca),
        path(&status.tls_cert),
        path(&status.tls_key),
        yes(status.tls_verify),
        yes(status.fetch_public_key),
    ]
}

fn connection(status: &ReplicaStatus) -> Vec<Value> {
    let state = match status.running {
        Running::Yes => "ON",
        Running::Connecting | Running::Waiting => "CONNECTING",
        Running::No => "OFF",
    };
    let mut row = vec![
        Value::text(""),
        Value::text(""),
        Value::text(status.source_uuid.as_str()),
        Value::Null,
        Value::text(state),
        Value::UInt(0),
        Value::text(NEVER),
        Value::text(status.retrieved_gtids.as_str()),
    ];
    row.extend(error(status.last_error.as_ref()));
    row
}

fn applier_state(status: &ReplicaStatus) -> Value {
    Value::text(if status.running == Running::No { "OFF" } else { "ON" })
}

fn worker(status: &ReplicaStatus) -> Vec<Value> {
    let mut row = vec![Value::text(""), Value::UInt(0), Value::Null, applier_state(status)];
    row.extend(error(None));
    row
}

/// Number, text and time of an error.
fn error(error: Option<&LastError>) -> [Value; 3] {
    let Some(LastError { number, text, at }) = error else {
        return [Value::UInt(0), Value::text(""), Value::text(NEVER)];
    };
    let time = jiff::Timestamp::try_from(*at).unwrap_or_default();
    let time = time.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string();
    [Value::UInt(u64::from(*number)), Value::text(text.as_str()), Value::text(time)]
}
