use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::config::{Rights, Secret};
use crate::downstream::SourceChange;
use crate::downstream::state::SessionState;
use crate::downstream::testing::{FakeFacts, ask, server, session};

fn admin() -> SessionState {
    let rights = Rights { admin: true, replicate: true, ..Rights::default() };
    SessionState { rights, ..session() }
}

fn status() -> ReplicaStatus {
    ReplicaStatus {
        host: "db1".into(),
        port: 3306,
        user: "repl".into(),
        running: Running::Waiting,
        source_id: 9,
        source_uuid: "5b7adad5-e532-11f1-9117-02fc00000001".into(),
        received: ("binlog.000002".into(), 300),
        durable: ("binlog.000002".into(), 157),
        last_error: Some(LastError {
            number: 13_117,
            text: "it went away".into(),
            at: UNIX_EPOCH + Duration::from_secs(951_782_400),
        }),
        ..ReplicaStatus::default()
    }
}

/// What `\G` shows, by column.
fn column(facts: &FakeFacts, table: &str, name: &str) -> String {
    let _ = facts;
    let (names, row) = table.split_once('\n').unwrap();
    let at = names.split(" | ").position(|column| column == name);
    let at = at.unwrap_or_else(|| panic!("no {name} in {names}"));
    row.split(" | ").nth(at).unwrap().to_owned()
}

#[test]
fn the_status_has_the_columns_of_the_words_used() {
    let (server, facts) = server("9.7.4");
    *facts.replica.lock().unwrap() = Some(status());
    let mut session = session();
    let new = ask(&server, &mut session, "SHOW REPLICA STATUS");
    let old = ask(&server, &mut session, "show slave status for channel ''");
    for (new_name, old_name, value) in [
        ("Replica_IO_State", "Slave_IO_State", ""),
        ("Source_Host", "Master_Host", "db1"),
        ("Source_Port", "Master_Port", "3306"),
        ("Read_Source_Log_Pos", "Read_Master_Log_Pos", "300"),
        ("Exec_Source_Log_Pos", "Exec_Master_Log_Pos", "157"),
        ("Replica_IO_Running", "Slave_IO_Running", "Connecting"),
        ("Replica_SQL_Running", "Slave_SQL_Running", "Yes"),
        ("Seconds_Behind_Source", "Seconds_Behind_Master", "NULL"),
        ("Last_IO_Errno", "Last_IO_Errno", "13117"),
        ("Last_IO_Error", "Last_IO_Error", "it went away"),
        ("Last_IO_Error_Timestamp", "Last_IO_Error_Timestamp", "000229 00:00:00"),
        ("Source_UUID", "Master_UUID", "5b7adad5-e532-11f1-9117-02fc00000001"),
    ] {
        let (new, old) = (column(&facts, &new, new_name), column(&facts, &old, old_name));
        if !value.is_empty() {
            assert_eq!((new.as_str(), old.as_str()), (value, value), "{new_name}");
        }
    }
    assert!(new.contains("Waiting to reconnect after a failed source event read"));
    assert!(old.contains("Waiting to reconnect after a failed master event read"));
    // As many columns as a server of 9.7 has.
    assert_eq!(new.lines().next().unwrap().split(" | ").count(), 60);
    assert_eq!(
        ask(&server, &mut session, "SHOW REPLICA STATUS FOR CHANNEL 'x'"),
        "ERROR 3074: Replica channel 'x' does not exist."
    );
    *facts.replica.lock().unwrap() = None;
    assert_eq!(ask(&server, &mut session, "SHOW REPLICA STATUS").lines().count(), 1);
}

#[test]
fn mariadb_has_columns_of_its_own() {
    let (server, facts) = server("11.8.3-MariaDB-log");
    *facts.replica.lock().unwrap() = Some(ReplicaStatus { running: Running::Yes, ..status() });
    let mut session = session();
    let shown = ask(&server, &mut session, "show replica status");
    assert_eq!(column(&facts, &shown, "Slave_IO_State"), "Waiting for master to send event");
    assert_eq!(column(&facts, &shown, "Using_Gtid"), "No");
    let all = ask(&server, &mut session, "SHOW ALL SLAVES STATUS");
    assert!(all.starts_with("Connection_name | Slave_SQL_State | Slave_IO_State"), "{all}");
    assert_eq!(
        ask(&server, &mut session, "SHOW SLAVE 'x' STATUS"),
        "ERROR 1617: There is no master connection 'x'"
    );
}

#[test]
fn orders_are_read_in_all_words_and_passed_on() {
    let (server, facts) = server("9.7.4");
    let mut admin = admin();
    for sql in [
        "START REPLICA",
        "stop slave io_thread",
        "STOP REPLICA IO_THREAD, SQL_THREAD",
        "START ALL SLAVES",
    ] {
        assert_eq!(ask(&server, &mut admin, sql), "OK", "{sql}");
    }
    assert_eq!(ask(&server, &mut admin, "RESET REPLICA ALL FOR CHANNEL ''"), "OK");
    let sql = "CHANGE REPLICATION SOURCE TO SOURCE_HOST='h', source_port = 3307, SOURCE_USER='u', \
               SOURCE_PASSWORD='p', SOURCE_SSL=1, SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1;";
    assert_eq!(ask(&server, &mut admin, sql), "OK");
    let sql = "change master to master_host='h', master_log_file='f', master_log_pos=4, \
               master_use_gtid=slave_pos, get_master_public_key=0";
    assert_eq!(ask(&server, &mut admin, sql), "OK");
    let first = SourceChange {
        host: Some("h".into()),
        port: Some(3307),
        user: Some("u".into()),
        password: Some(Secret::new("p")),
        ssl: Some(true),
        fetch_public_key: Some(true),
        ..SourceChange::default()
    };
    let second = SourceChange {
        host: Some("h".into()),
        log_file: Some("f".into()),
        log_pos: Some(4),
        fetch_public_key: Some(false),
        ..SourceChange::default()
    };
    let change = |change| Order::Change(Box::new(change));
    assert_eq!(
        *facts.orders.lock().unwrap(),
        [
            Order::Start,
            Order::Stop,
            Order::Stop,
            Order::Start,
            Order::Reset,
            change(first),
            change(second),
        ]
    );
}

#[test]
fn what_cannot_be_ordered_is_said_as_mysql_says_it() {
    let (server, facts) = server("9.7.4");
    let mut admin = admin();
    assert_eq!(
        ask(&server, &mut session(), "STOP REPLICA"),
        "ERROR 1227: Access denied; you need (at least one of) the SUPER or REPLICATION_SLAVE_ADMIN \
         privilege(s) for this operation"
    );
    for (sql, code) in [
        ("STOP REPLICA FOR CHANNEL 'x'", 3074),
        ("STOP REPLICA SQL_THREAD", 1235),
        ("START REPLICA UNTIL SQL_AFTER_GTIDS='x'", 1235),
        ("CHANGE REPLICATION SOURCE TO SOURCE_DELAY=5", 1235),
        ("CHANGE REPLICATION SOURCE TO SOURCE_NONSENSE=5", 1064),
        ("CHANGE REPLICATION SOURCE TO SOURCE_PORT=65536", 1064),
        ("CHANGE REPLICATION SOURCE TO", 1064),
        ("CHANGE REPLICATION FILTER REPLICATE_DO_DB=(d)", 1235),
        ("RESET REPLICA", 1235),
        ("RESET MASTER", 1235),
        ("RESET BINARY LOGS AND GTIDS", 1235),
        ("FLUSH BINARY LOGS", 1235),
        ("FLUSH LOGS", 1235),
        ("FLUSH NONSENSE", 1064),
        ("STOP NONSENSE", 1064),
    ] {
        let answer = ask(&server, &mut admin, sql);
        assert!(answer.starts_with(&format!("ERROR {code}: ")), "{sql}: {answer}");
    }
    assert!(facts.orders.lock().unwrap().is_empty());
    let mut after = |obeyed, sql: &str| {
        *facts.obeyed.lock().unwrap() = obeyed;
        let answer = ask(&server, &mut admin, sql);
        (answer, ask(&server, &mut admin, "SHOW WARNINGS"))
    };
    let (answer, warnings) = after(Ok(Obeyed::Already), "START REPLICA");
    assert_eq!(answer, "OK, 1 warnings");
    assert!(warnings.contains("| 3083 | Replication thread(s) for channel ''"), "{warnings}");
    let (_, warnings) = after(Ok(Obeyed::Already), "STOP REPLICA");
    assert!(warnings.contains("| 3084 |"), "{warnings}");
    let (answer, _) =
        after(Err(OrderError::Running), "CHANGE REPLICATION SOURCE TO SOURCE_HOST='x'");
    assert!(answer.starts_with("ERROR 3021: "), "{answer}");
    let (answer, _) = after(Err(OrderError::NoUpstream), "START REPLICA");
    assert!(answer.starts_with("ERROR 1200: "), "{answer}");
}

#[test]
fn events_are_shown_by_file_position_and_number() {
    let (server, _) = server("9.7.4");
    let mut session = session();
    let mut positions = |sql: &str| {
        let answer = ask(&server, &mut session, sql);
        let mut lines = answer.lines();
        assert_eq!(
            lines.next(),
            Some("Log_name | Pos | Event_type | Server_id | End_log_pos | Info")
        );
        lines.map(|line| line.split(" | ").nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(positions("SHOW BINLOG EVENTS"), ["4", "14", "24", "34", "44"]);
    assert_eq!(positions("show binlog events in './binlog.000001' from 24 limit 2"), ["24", "34"]);
    assert_eq!(positions("show binlog events limit 3, 9"), ["34", "44"]);
    assert_eq!(positions("show binlog events limit 0"), [""; 0]);
    assert_eq!(
        ask(&server, &mut session, "SHOW BINLOG EVENTS IN 'x'"),
        "ERROR 1220: Error when executing command SHOW BINLOG EVENTS: Could not find target log"
    );
    session.rights = Rights { admin: true, ..Rights::default() };
    assert!(ask(&server, &mut session, "SHOW BINLOG EVENTS").starts_with("ERROR 1227: "));
}
