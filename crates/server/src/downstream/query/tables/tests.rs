//! Rows of tables that are made here, over a stream that is not there.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use binlogd_store::Position;
use tokio_util::sync::CancellationToken;

use crate::config::{Limits, Rights};
use crate::downstream::registry::{Reader, ReaderPlace, Registration};
use crate::downstream::replica::{LastError, ReplicaStatus, Running};
use crate::downstream::server::Server;
use crate::downstream::testing::{ask, server, session};

fn register(server: &Server, user: &str) -> Registration {
    let token = CancellationToken::new();
    let limits = Limits::default();
    let registered = server.registry.register("10.0.0.2:4000".into(), token, &limits);
    let mut registration = registered.unwrap();
    registration.logged_in(user);
    registration
}

#[test]
fn rows_are_selected_filtered_ordered_and_limited() {
    let (server, _) = server("9.7.4");
    let _sessions: Vec<_> = ["b", "A", "c", "a"].map(|user| register(&server, user)).into();
    let mut session = session();
    session.rights.admin = true;
    let mut asked = |sql: &str| ask(&server, &mut session, sql);
    let from = "from information_schema.processlist";
    assert_eq!(asked(&format!("select id {from} order by id desc limit 1, 2")), "id\n3\n2");
    assert_eq!(
        asked(&format!(
            "select USER, Id as `n` {from} where user in ('a', 'c') order by user, n desc"
        )),
        "USER | n\na | 4\nA | 2\nc | 3",
        "equal without regard to case, in the order of the second column"
    );
    assert_eq!(
        asked(&format!("select distinct db, command {from}")),
        "db | command\nNULL | Connect"
    );
    assert_eq!(asked(&format!("select id {from} where db = 'x' or not db = 'x'")), "id");
    assert_eq!(
        asked(&format!("select id {from} where not (host like '%.2:%' and id <> 2)")),
        "id\n2"
    );
    let unknown = |clause: &str| format!("ERROR 1054: Unknown column 'nope' in '{clause}'");
    assert_eq!(asked(&format!("select nope {from}")), unknown("field list"));
    assert_eq!(asked(&format!("select id {from} where nope = 1")), unknown("where clause"));
    assert_eq!(asked(&format!("select id {from} order by nope")), unknown("order clause"));
    assert_eq!(
        asked(&format!(
            "select count(*), min(p.id) as `min`, sum(id), avg(id), max(user) {from} p"
        )),
        "count(*) | min | sum(id) | avg(id) | max(user)\n4 | 1 | 10 | 2.5000 | c"
    );
    assert_eq!(
        asked(&format!("select count(db) + 1 as n, max(id) {from} where id > 9")),
        "n | max(id)\n1 | NULL",
        "a group without rows"
    );
    assert_eq!(
        asked(&format!(
            "SELECT user, SUBSTRING_INDEX(host, ':', 1) AS host, COALESCE(command, '') AS command, \
             COUNT(*) AS processes, SUM(time) AS seconds {from} WHERE ID != connection_id() AND TIME \
             >= 0 GROUP BY user, host, command ORDER BY 4 DESC, user"
        )),
        "user | host | command | processes | seconds\nA | 10.0.0.2 | Connect | 2 | 0\n\
         b | 10.0.0.2 | Connect | 1 | 0\nc | 10.0.0.2 | Connect | 1 | 0",
        "as mysqld_exporter asks"
    );
    assert_eq!(
        asked(&format!("select id {from} where id between 2 and 3 and db is null")),
        "id\n2\n3"
    );
    assert_eq!(
        asked(&format!("select id {from} having id = 1")),
        "ERROR 1235: This version of MySQL doesn't yet support 'this kind of SELECT'"
    );
    assert_eq!(asked("USE performance_schema"), "OK");
    assert_eq!(
        asked("select PROCESSLIST_USER, type from threads where thread_id = 1"),
        "PROCESSLIST_USER | type\nb | FOREGROUND"
    );
    let all = asked("select * from processlist limit 1");
    assert!(
        all.starts_with("ID | USER | HOST | DB | COMMAND | TIME | STATE | INFO\n1 | b"),
        "{all}"
    );
}

#[test]
fn other_sessions_are_seen_by_those_who_may_see_processes() {
    let (server, _) = server("11.8.3-MariaDB-log");
    let (_own, _other) = (register(&server, "repl"), register(&server, "other"));
    let mut session = session();
    session.rights = Rights::default();
    let sql = "select user from information_schema.processlist";
    assert_eq!(ask(&server, &mut session, sql), "user\nrepl");
    let readers = ask(&server, &mut session, "select * from information_schema.BINLOG_READERS");
    assert!(readers.starts_with("ERROR 1227"), "{readers}");
}

#[test]
fn variables_and_status_have_a_table_in_the_schema_of_the_version() {
    let asked = |version, sql: &str| ask(&server(version).0, &mut session(), sql);
    let select = |schema: &str, table: &str| {
        format!("select variable_value from {schema}.{table} where VARIABLE_NAME = 'server_id'")
    };
    let value = "variable_value\n4000";
    for table in ["global_variables", "session_variables"] {
        assert_eq!(asked("9.7.4", &select("performance_schema", table)), value);
        assert_eq!(asked("11.8.3-MariaDB-log", &select("information_schema", table)), value);
        assert_eq!(asked("5.6.24-log", &select("INFORMATION_SCHEMA", table)), value);
    }
    let sql =
        "select * from performance_schema.global_status where variable_name like 'Threads_r%'";
    assert_eq!(asked("9.7.4", sql), "VARIABLE_NAME | VARIABLE_VALUE\nThreads_running | 1");
    let missing = asked("11.8.3-MariaDB-log", &select("performance_schema", "global_variables"));
    assert!(missing.starts_with("ERROR 1146"), "{missing}");
}

#[test]
fn binlogd_as_a_replica_is_in_performance_schema() {
    let (server, facts) = server("9.7.4");
    let asked = |sql: &str| ask(&server, &mut session(), sql);
    let connection = "select service_state, source_uuid, last_error_number, last_error_timestamp from \
                      performance_schema.replication_connection_status where channel_name = ''";
    let head = "service_state | source_uuid | last_error_number | last_error_timestamp";
    assert_eq!(asked(connection), head, "nothing is followed");
    *facts.replica.lock().unwrap() = Some(ReplicaStatus {
        host: "db1".into(),
        port: 3306,
        running: Running::Waiting,
        source_uuid: "u-1".into(),
        last_error: Some(LastError {
            number: 2003,
            text: "it is \"gone\"".into(),
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(86_400),
        }),
        ..ReplicaStatus::default()
    });
    assert_eq!(
        asked(connection),
        format!("{head}\nCONNECTING | u-1 | 2003 | 1970-01-02 00:00:00.000000")
    );
    for (sql, row) in [
        (
            "host, port, auto_position, ssl_allowed, tls_ciphersuites, tls_version from \
             performance_schema.replication_connection_configuration",
            "db1 | 3306 | 0 | NO | NULL | ",
        ),
        (
            "desired_delay, require_row_format from performance_schema.replication_applier_configuration",
            "0 | NO",
        ),
        ("* from performance_schema.replication_applier_status", " | ON | NULL | 0"),
        (
            "channel_name, worker_id, thread_id, service_state, last_error_number, \
             last_applied_transaction, LAST_APPLIED_TRANSACTION_END_APPLY_TIMESTAMP from \
             performance_schema.replication_applier_status_by_worker",
            " | 0 | NULL | ON | 0 |  | 0000-00-00 00:00:00.000000",
        ),
    ] {
        let answer = asked(&format!("select {sql}"));
        assert_eq!(answer.lines().nth(1), Some(row), "{answer}");
    }
    for table in [
        "replication_applier_status_by_coordinator",
        "replication_group_members",
        "replication_group_member_stats",
    ] {
        let answer = asked(&format!("select * from performance_schema.{table}"));
        assert_eq!(answer.lines().count(), 1, "{answer}");
        assert!(answer.starts_with("CHANNEL_NAME | "), "{answer}");
    }
    let local = asked("select local from performance_schema.log_status");
    let expected = "{\"gtid_executed\": \"aaaaaaaa-0000-0000-0000-000000000000:1-9\", \
                    \"binary_log_file\": \"binlog.000002\", \"binary_log_position\": 157}";
    assert_eq!(local.lines().last(), Some(expected));
}

#[test]
fn readers_are_shown_with_what_they_were_sent() {
    let (server, _) = server("9.7.4");
    let (reader, beginner) = (register(&server, "a"), register(&server, "b"));
    let _no_reader = register(&server, "c");
    for (registration, server_id) in [(&reader, 5), (&beginner, 6)] {
        registration.session().update(|state| {
            state.dumping = Some(Reader { server_id, uuid: None });
        });
    }
    let place = |offset| ReaderPlace {
        file: Arc::from("binlog.000001"),
        position: Position { offset, ..Position::default() },
        event_time: 1,
    };
    reader.session().reached(place(100), 70);
    reader.session().reached(place(200), 90);
    let sql = "select server_id, file, position, gtids, lag_bytes, lag_seconds, sent_bytes from \
               information_schema.binlog_readers order by server_id";
    assert_eq!(
        ask(&server, &mut session(), sql),
        "server_id | file | position | gtids | lag_bytes | lag_seconds | sent_bytes\n\
         5 | binlog.000001 | 200 | NULL | 0 | 0 | 160\n\
         6 | NULL | NULL | NULL | NULL | NULL | NULL"
    );
}
