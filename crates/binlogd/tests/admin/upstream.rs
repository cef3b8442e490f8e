//! The way to the primary: seen, stopped, started, moved.

use testkit::{Daemon, Endpoint, Flavour, Server, wait_until};

use crate::client::{client, error, rows, with_admin};
use crate::common::{PATIENCE, primary};

/// A column of `SHOW REPLICA STATUS`.
fn status(daemon: &Daemon, column: &str) -> String {
    let shown = client(Flavour::Mysql97, daemon, &["-E"], "show replica status");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let prefix = format!("{column}: ");
    let found = shown.lines().find_map(|line| line.trim_start().strip_prefix(&prefix));
    found.unwrap_or_else(|| panic!("no {column} in {shown}")).to_owned()
}

fn columns(output: &str) -> Vec<String> {
    output.lines().next().unwrap_or_default().split('\t').map(str::to_owned).collect()
}

#[test]
fn the_status_has_a_real_servers_columns_and_its_values() {
    let (primary, replica) = (primary(), Server::start_new(Flavour::Mysql97).unwrap());
    replica.sql("change replication source to source_host='127.0.0.1', source_port=1").unwrap();
    let daemon = with_admin(&primary).started().unwrap();
    primary.sql("create database d").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    for sql in
        ["show replica status", "show binary logs", "show binary log status", "show replicas"]
    {
        let output = client(Flavour::Mysql97, &daemon, &["-B"], sql);
        let mut theirs = replica.client();
        let theirs = theirs.arg("-B").arg("-e").arg(sql).output().unwrap();
        let (ours, theirs) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(theirs.stdout).unwrap());
        assert_eq!(columns(&ours), columns(&theirs), "{sql}");
    }
    let shown = primary.query_rows("show replicas").unwrap();
    assert_eq!(shown[0][1..3], [String::new(), daemon.endpoint().port.to_string()]);
    let (file, position) = primary.binlog_end().unwrap();
    let port = primary.port().to_string();
    let uuid = primary.sql("select @@server_uuid").unwrap();
    let gtids = primary.executed_gtids().unwrap();
    for (column, value) in [
        ("Replica_IO_State", "Waiting for source to send event"),
        ("Source_Host", "127.0.0.1"),
        ("Source_Port", port.as_str()),
        ("Source_User", "repl"),
        ("Source_Log_File", &file),
        ("Read_Source_Log_Pos", &position.to_string()),
        ("Exec_Source_Log_Pos", &position.to_string()),
        ("Replica_IO_Running", "Yes"),
        ("Replica_SQL_Running", "Yes"),
        ("Last_IO_Errno", "0"),
        ("Source_UUID", uuid.trim()),
        ("Executed_Gtid_Set", gtids.trim()),
    ] {
        assert_eq!(status(&daemon, column), value, "{column}");
    }
    wait_until("nothing more comes", PATIENCE, || {
        Ok(status(&daemon, "Seconds_Behind_Source") == "0")
    })
    .unwrap();
    let semi_sync = rows(&daemon, "show global status like 'rpl_semi_sync_replica_status'");
    assert_eq!(semi_sync, "Rpl_semi_sync_replica_status\tON\n");

    let processes = rows(&daemon, "show processlist");
    assert!(processes.contains("show processlist"), "{processes}");
    let says = rows(&daemon, "show grants");
    assert!(says.contains("SUPER, REPLICATION SLAVE, REPLICATION CLIENT"), "{says}");
}

#[test]
fn the_upstream_is_stopped_started_and_moved() {
    let (first, second) = (primary(), primary());
    let mut daemon = with_admin(&first).started().unwrap();
    first.wait_for_semi_sync(1, PATIENCE).unwrap();
    first.sql("create database d; create table d.t (a int)").unwrap();
    daemon.wait_for_all_of(&first, PATIENCE).unwrap();

    let app = daemon.sql(first.prefix(), "stop replica").unwrap_err().to_string();
    assert!(app.contains("1227") && app.contains("REPLICATION_SLAVE_ADMIN"), "{app}");
    let change = format!(
        "change replication source to source_host='127.0.0.1', source_port={}, source_user='repl', \
         source_password='repl'",
        second.port()
    );
    assert!(error(&daemon, &change).contains("ERROR 3021 (HY000)"));
    rows(&daemon, "stop replica");
    assert_eq!(status(&daemon, "Replica_IO_Running"), "No");
    assert!(rows(&daemon, "stop replica").contains("3084"), "a note");
    first.wait_for_semi_sync(0, PATIENCE).unwrap();
    // What is written now comes after the start, not before.
    let before = rows(&daemon, "show binary log status");
    first.sql("set global rpl_semi_sync_source_enabled=0; insert into d.t values (1)").unwrap();
    assert_eq!(rows(&daemon, "show binary log status"), before);
    rows(&daemon, "start replica");
    assert!(rows(&daemon, "start replica").contains("3083"), "a note");
    daemon.wait_for_all_of(&first, PATIENCE).unwrap();
    assert_eq!(status(&daemon, "Replica_IO_Running"), "Yes");

    // The second one has all transactions of the first, and goes on.
    second
        .sql(&format!(
            "change replication source to source_host='127.0.0.1', source_port={}, \
             source_user='repl', source_password='repl', get_source_public_key=1, \
             source_auto_position=1; start replica",
            first.port()
        ))
        .unwrap();
    second.wait_for_replica_of(&first, PATIENCE).unwrap();
    second.sql("stop replica; reset replica all; insert into d.t values (2)").unwrap();
    rows(&daemon, "stop replica");
    let (file, position) = (rows(&daemon, "show binary log status"), 4);
    let wrong = format!("{change}, source_log_file='binlog.000001', source_log_pos={position}");
    assert!(error(&daemon, &wrong).contains("goes on where its files end"), "{file}");
    rows(&daemon, &change);
    let info = rows(&daemon, "show full processlist");
    assert!(!info.contains("'repl'"), "{info}");
    rows(&daemon, "start replica");
    daemon.wait_for_all_of(&second, PATIENCE).unwrap();
    assert_eq!(status(&daemon, "Source_Port"), second.port().to_string());
    // Each server's on a line of its own.
    let executed = second.sql("select @@gtid_executed").unwrap().replace("\\n", "\n");
    assert!(executed.contains(",\n"), "{executed}");
    assert_eq!(rows(&daemon, "select @@gtid_executed").trim(), executed.trim());
    assert!(rows(&daemon, "show replica status").contains(executed.trim()));

    // It holds after a restart, and is said; RESET goes back to the configuration.
    daemon.stop().unwrap();
    daemon.start().unwrap();
    second.sql("insert into d.t values (3)").unwrap();
    daemon.wait_for_all_of(&second, PATIENCE).unwrap();
    assert!(daemon.log().contains("not the configuration"), "{}", daemon.log());
    rows(&daemon, "stop replica; reset replica all");
    assert_eq!(status(&daemon, "Source_Port"), first.port().to_string());

    // A primary that cannot be reached is seen.
    rows(&daemon, "change replication source to source_port=1; start replica");
    let fails_with = |number: &str| {
        wait_until(number, PATIENCE, || Ok(status(&daemon, "Last_IO_Errno") == number)).unwrap();
    };
    fails_with("2003");
    assert_eq!(status(&daemon, "Replica_IO_Running"), "Connecting");
    assert_eq!(status(&daemon, "Seconds_Behind_Source"), "NULL");
    assert!(!status(&daemon, "Last_IO_Error_Timestamp").is_empty());
    rows(&daemon, "stop replica");
    // Nor is one that refuses.
    let port = second.port();
    rows(
        &daemon,
        &format!(
            "change replication source to source_port={port}, source_password='x'; start replica"
        ),
    );
    fails_with("1045");
    assert_eq!(status(&daemon, "Replica_IO_Running"), "No", "it does not pass by itself");
    assert!(status(&daemon, "Last_IO_Error").contains("Access denied for user 'repl'"));
    // Once somebody has mended it, a start need not wait for the next try.
    second.sql("alter user repl identified by 'x'").unwrap();
    rows(&daemon, "start replica");
    wait_until("it follows", PATIENCE, || Ok(status(&daemon, "Replica_IO_Running") == "Yes"))
        .unwrap();
    assert_eq!(status(&daemon, "Last_IO_Errno"), "0");
    rows(&daemon, "stop replica");
}

#[test]
fn a_stream_that_all_its_upstreams_refuse_is_shown_as_stopped() {
    let primary = primary();
    let url = |host: &str| {
        let Endpoint { port, user, password, .. } = primary.endpoint();
        format!("mysql://{user}:{password}@{host}:{port}")
    };
    let daemon =
        with_admin(&primary).arg(format!("--upstream={}", url("localhost"))).started().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let password = primary.endpoint().password;
    primary.sql("alter user repl identified by 'another'").unwrap();
    rows(&daemon, "stop replica; start replica");
    wait_until("it is refused", PATIENCE, || Ok(status(&daemon, "Last_IO_Errno") == "1045"))
        .unwrap();
    assert_eq!(status(&daemon, "Replica_IO_Running"), "No");
    let shown = status(&daemon, "Last_IO_Error");
    assert_eq!(shown.matches("Access denied for user 'repl'").count(), 2, "{shown}");
    let log = daemon.log();
    let errors: Vec<_> = log.lines().filter(|line| line.contains("Access denied")).collect();
    assert!(errors.len() == 1 && errors[0].contains("ERROR"), "{log}");
    primary.sql(&format!("alter user repl identified by '{password}'")).unwrap();
    rows(&daemon, "start replica");
    wait_until("it follows", PATIENCE, || Ok(status(&daemon, "Replica_IO_Running") == "Yes"))
        .unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
}

mod on_mariadb {
    use super::*;

    #[test]
    fn the_status_is_told_in_old_words_to_those_who_ask_so() {
        let primary = primary();
        let daemon = with_admin(&primary).started().unwrap();
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        // As MariaDB's client and orchestrator ask.
        let old = client(Flavour::Mariadb118, &daemon, &["-E", "--skip-ssl"], "show slave status");
        let old = String::from_utf8_lossy(&old.stdout).into_owned();
        assert!(
            old.contains("Slave_IO_Running: Yes") && old.contains("Master_Log_File: "),
            "{old}"
        );
    }
}
