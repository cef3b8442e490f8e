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
    let names = columns(name);
    let columns = names.iter().map(|name| match split(name) {
        (name, Some('#')) => unsigned(name),
        (name, Some('@')) => timestamp(name),
        (name, _) => text(name),
    });
    let columns = columns.collect();
    let status = view.server.facts.replica_status();
    let is_empty = name != "log_status"
        && (status.is_none()
            || name.starts_with("replication_group")
            || name.ends_with("coordinator"));
    if is_empty {
        return Ok(ResultSet { columns, rows: Vec::new() });
    }
    let status = status.unwrap_or_default();
    let row = names.iter().map(|column| {
        let (column, kind) = split(column);
        let known = match name {
            "log_status" => log_status(view, column),
            "replication_connection_configuration" => configuration(&status, column),
            "replication_connection_status" => connection(&status, column),
            _ => applier(&status, column),
        };
        known.unwrap_or_else(|| match kind {
            Some('#') => Value::UInt(0),
            Some('@') => Value::text(NEVER),
            Some('?') => Value::Null,
            _ => Value::text(""),
        })
    });
    Ok(ResultSet { columns, rows: vec![row.collect()] })
}

/// A column's name, and what it holds where nothing is known: `#` numbers, `@` times, `?` NULL, else text.
fn split(column: &str) -> (&str, Option<char>) {
    match column.strip_suffix(['#', '@', '?']) {
        Some(name) => (name, column.chars().last()),
        None => (column, None),
    }
}

fn columns(name: &str) -> &'static [&'static str] {
    match name {
        "replication_connection_configuration" => &[
            "CHANNEL_NAME",
            "HOST",
            "PORT#",
            "USER",
            "NETWORK_INTERFACE",
            "AUTO_POSITION",
            "SSL_ALLOWED",
            "SSL_CA_FILE",
            "SSL_CA_PATH",
            "SSL_CERTIFICATE",
            "SSL_CIPHER",
            "SSL_KEY",
            "SSL_VERIFY_SERVER_CERTIFICATE",
            "SSL_CRL_FILE",
            "SSL_CRL_PATH",
            "CONNECTION_RETRY_INTERVAL#",
            "CONNECTION_RETRY_COUNT#",
            "HEARTBEAT_INTERVAL#",
            "TLS_VERSION",
            "PUBLIC_KEY_PATH",
            "GET_PUBLIC_KEY",
            "NETWORK_NAMESPACE",
            "COMPRESSION_ALGORITHM",
            "ZSTD_COMPRESSION_LEVEL#",
            "TLS_CIPHERSUITES?",
            "SOURCE_CONNECTION_AUTO_FAILOVER",
            "GTID_ONLY",
        ],
        "replication_connection_status" => &[
            "CHANNEL_NAME",
            "GROUP_NAME",
            "SOURCE_UUID",
            "THREAD_ID?",
            "SERVICE_STATE",
            "COUNT_RECEIVED_HEARTBEATS#",
            "LAST_HEARTBEAT_TIMESTAMP@",
            "RECEIVED_TRANSACTION_SET",
            "LAST_ERROR_NUMBER#",
            "LAST_ERROR_MESSAGE",
            "LAST_ERROR_TIMESTAMP@",
            "LAST_QUEUED_TRANSACTION",
            "LAST_QUEUED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP@",
            "LAST_QUEUED_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP@",
            "LAST_QUEUED_TRANSACTION_START_QUEUE_TIMESTAMP@",
            "LAST_QUEUED_TRANSACTION_END_QUEUE_TIMESTAMP@",
            "QUEUEING_TRANSACTION",
            "QUEUEING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP@",
            "QUEUEING_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP@",
            "QUEUEING_TRANSACTION_START_QUEUE_TIMESTAMP@",
        ],
        "replication_applier_configuration" => &[
            "CHANNEL_NAME",
            "DESIRED_DELAY#",
            "PRIVILEGE_CHECKS_USER?",
            "REQUIRE_ROW_FORMAT",
            "REQUIRE_TABLE_PRIMARY_KEY_CHECK",
            "ASSIGN_GTIDS_TO_ANONYMOUS_TRANSACTIONS_TYPE",
            "ASSIGN_GTIDS_TO_ANONYMOUS_TRANSACTIONS_VALUE?",
        ],
        "replication_applier_status" => {
            &["CHANNEL_NAME", "SERVICE_STATE", "REMAINING_DELAY?", "COUNT_TRANSACTIONS_RETRIES#"]
        }
        "replication_applier_status_by_coordinator" => &[
            "CHANNEL_NAME",
            "THREAD_ID?",
            "SERVICE_STATE",
            "LAST_ERROR_NUMBER#",
            "LAST_ERROR_MESSAGE",
            "LAST_ERROR_TIMESTAMP@",
            "LAST_PROCESSED_TRANSACTION",
            "LAST_PROCESSED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP@",
            "LAST_PROCESSED_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP@",
            "LAST_PROCESSED_TRANSACTION_START_BUFFER_TIMESTAMP@",
            "LAST_PROCESSED_TRANSACTION_END_BUFFER_TIMESTAMP@",
            "PROCESSING_TRANSACTION",
            "PROCESSING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP@",
            "PROCESSING_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP@",
            "PROCESSING_TRANSACTION_START_BUFFER_TIMESTAMP@",
        ],
        "replication_applier_status_by_worker" => &[
            "CHANNEL_NAME",
            "WORKER_ID#",
            "THREAD_ID?",
            "SERVICE_STATE",
            "LAST_ERROR_NUMBER#",
            "LAST_ERROR_MESSAGE",
            "LAST_ERROR_TIMESTAMP@",
            "LAST_APPLIED_TRANSACTION",
            "LAST_APPLIED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP@",
            "LAST_APPLIED_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP@",
            "LAST_APPLIED_TRANSACTION_START_APPLY_TIMESTAMP@",
            "LAST_APPLIED_TRANSACTION_END_APPLY_TIMESTAMP@",
            "APPLYING_TRANSACTION",
            "APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP@",
            "APPLYING_TRANSACTION_IMMEDIATE_COMMIT_TIMESTAMP@",
            "APPLYING_TRANSACTION_START_APPLY_TIMESTAMP@",
            "LAST_APPLIED_TRANSACTION_RETRIES_COUNT#",
            "LAST_APPLIED_TRANSACTION_LAST_TRANSIENT_ERROR_NUMBER#",
            "LAST_APPLIED_TRANSACTION_LAST_TRANSIENT_ERROR_MESSAGE",
            "LAST_APPLIED_TRANSACTION_LAST_TRANSIENT_ERROR_TIMESTAMP@",
            "APPLYING_TRANSACTION_RETRIES_COUNT#",
            "APPLYING_TRANSACTION_LAST_TRANSIENT_ERROR_NUMBER#",
            "APPLYING_TRANSACTION_LAST_TRANSIENT_ERROR_MESSAGE",
            "APPLYING_TRANSACTION_LAST_TRANSIENT_ERROR_TIMESTAMP@",
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
        "replication_group_member_stats" => &[
            "CHANNEL_NAME",
            "VIEW_ID",
            "MEMBER_ID",
            "COUNT_TRANSACTIONS_IN_QUEUE#",
            "COUNT_TRANSACTIONS_CHECKED#",
            "COUNT_CONFLICTS_DETECTED#",
            "COUNT_TRANSACTIONS_ROWS_VALIDATING#",
            "TRANSACTIONS_COMMITTED_ALL_MEMBERS",
            "LAST_CONFLICT_FREE_TRANSACTION",
            "COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE#",
            "COUNT_TRANSACTIONS_REMOTE_APPLIED#",
            "COUNT_TRANSACTIONS_LOCAL_PROPOSED#",
            "COUNT_TRANSACTIONS_LOCAL_ROLLBACK#",
        ],
        _ => &["SERVER_UUID", "LOCAL", "REPLICATION", "STORAGE_ENGINES"],
    }
}

fn log_status(view: &View<'_>, column: &str) -> Option<Value> {
    let facts = &view.server.facts;
    Some(Value::text(match column {
        "SERVER_UUID" => facts.server_uuid(),
        "LOCAL" => {
            let status = facts.binary_log_status();
            let (file, position) =
                status.map(|status| (status.file, status.position)).unwrap_or_default();
            format!(
                r#"{{"gtid_executed": {}, "binary_log_file": {}, "binary_log_position": {position}}}"#,
                quoted(&facts.gtid_executed()),
                quoted(&file)
            )
        }
        "REPLICATION" => r#"{"channels": []}"#.into(),
        _ => "{}".into(),
    }))
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

fn configuration(status: &ReplicaStatus, column: &str) -> Option<Value> {
    let path = |path: &Option<std::path::PathBuf>| {
        Value::text(path.as_ref().map_or_else(String::new, |path| path.display().to_string()))
    };
    Some(match column {
        "HOST" => Value::text(status.host.as_str()),
        "PORT" => Value::UInt(u64::from(status.port)),
        "USER" => Value::text(status.user.as_str()),
        "AUTO_POSITION" => Value::text(if status.by_gtid { "1" } else { "0" }),
        "SSL_ALLOWED" => yes(status.tls),
        "SSL_CA_FILE" => path(&status.tls_ca),
        "SSL_CERTIFICATE" => path(&status.tls_cert),
        "SSL_KEY" => path(&status.tls_key),
        "SSL_VERIFY_SERVER_CERTIFICATE" => yes(status.tls_verify),
        "GET_PUBLIC_KEY" => yes(status.fetch_public_key),
        "SOURCE_CONNECTION_AUTO_FAILOVER" | "GTID_ONLY" => Value::text("0"),
        _ => return None,
    })
}

fn connection(status: &ReplicaStatus, column: &str) -> Option<Value> {
    Some(match column {
        "SOURCE_UUID" => Value::text(status.source_uuid.as_str()),
        "SERVICE_STATE" => Value::text(match status.running {
            Running::Yes => "ON",
            Running::Connecting | Running::Waiting => "CONNECTING",
            Running::No => "OFF",
        }),
        "RECEIVED_TRANSACTION_SET" => Value::text(status.retrieved_gtids.as_str()),
        column => return error(status.last_error.as_ref()?, column),
    })
}

/// What is received is durable at once: nothing is applied, and nothing waits for it.
fn applier(status: &ReplicaStatus, column: &str) -> Option<Value> {
    Some(Value::text(match column {
        "SERVICE_STATE" if status.running == Running::No => "OFF",
        "SERVICE_STATE" => "ON",
        "REQUIRE_ROW_FORMAT" => "NO",
        "REQUIRE_TABLE_PRIMARY_KEY_CHECK" => "STREAM",
        "ASSIGN_GTIDS_TO_ANONYMOUS_TRANSACTIONS_TYPE" => "OFF",
        _ => return None,
    }))
}

/// Number, text and time of an error.
fn error(error: &LastError, column: &str) -> Option<Value> {
    Some(match column {
        "LAST_ERROR_NUMBER" => Value::UInt(u64::from(error.number)),
        "LAST_ERROR_MESSAGE" => Value::text(error.text.as_str()),
        "LAST_ERROR_TIMESTAMP" => {
            let time = jiff::Timestamp::try_from(error.at).unwrap_or_default();
            Value::text(time.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string())
        }
        _ => return None,
    })
}
