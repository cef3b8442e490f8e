//! Administration with the clients and words of real servers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use binlogd_client::wire::dump::{BinlogDump, DumpFlags};
use binlogd_client::{BinlogStream, ClientError, ConnectOptions, Connection, DumpOptions};
use common::{BINLOGD, PATIENCE, follow, primary};
use testkit::daemon::{PASSWORD, USER};
use testkit::{Daemon, Endpoint, Flavour, Server, testbed, wait_until, workload};

/// Runs SQL as an administrator, with a client of its own choice; one row a line.
fn client(flavour: Flavour, daemon: &Daemon, more: &[&str], sql: &str) -> Output {
    let mut client = testbed::ensure(flavour).unwrap().mysql();
    client.arg("--user=dba").arg("--password=pw").arg("--protocol=tcp").arg("--host=127.0.0.1");
    client.arg(format!("--port={}", daemon.endpoint().port));
    client.args(more).arg("-e").arg(sql).output().unwrap()
}

fn rows(daemon: &Daemon, sql: &str) -> String {
    let output = client(Flavour::Mysql97, daemon, &["-NBr", "--show-warnings"], sql);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{sql}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn error(daemon: &Daemon, sql: &str) -> String {
    let output = client(Flavour::Mysql97, daemon, &[], sql);
    assert!(!output.status.success(), "{sql} was taken");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A column of `SHOW REPLICA STATUS`.
fn status(daemon: &Daemon, column: &str) -> String {
    let shown = client(Flavour::Mysql97, daemon, &["-E"], "show replica status");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let prefix = format!("{column}: ");
    let found = shown.lines().find_map(|line| line.trim_start().strip_prefix(&prefix));
    found.unwrap_or_else(|| panic!("no {column} in {shown}")).to_owned()
}

fn with_admin(primary: &Server) -> Daemon {
    Daemon::new(BINLOGD, &primary.endpoint()).unwrap().arg("--admin=dba:pw")
}

fn columns(output: &str) -> Vec<String> {
    output.lines().next().unwrap_or_default().split('\t').map(str::to_owned).collect()
}

#[test]
fn binlog_events_are_listed_as_the_primary_lists_them() {
    let primary = primary();
    primary
        .sql(
            "create database d; use d; create table t (id int primary key, v varchar(40)); \
             insert into t values (1,'a'),(2,'b'); update t set v='c' where id=1; delete from t \
             where id=2; set foreign_key_checks=0, unique_checks=0; insert into t values (3,'x'); \
             set foreign_key_checks=1, unique_checks=1; set @x:='y', @i:=5, @n:=null; set \
             binlog_format=statement; insert into t values (10, @x); insert into t values (@i, @n); \
             insert into t values (12, rand()); create table `a``b` (id int auto_increment primary \
             key, x int); insert into `a``b` values (null, 3); insert into `a``b` values (null, \
             last_insert_id()); set binlog_format=row; set binlog_rows_query_log_events=1; insert \
             into t values (20,'rows query'); set binlog_rows_query_log_events=0; set \
             gtid_next='AUTOMATIC:tagg'; insert into t values (40,'tagged'); set \
             gtid_next=automatic; xa start 'x','y',7; insert into t values (50,'xa'); xa end \
             'x','y',7; xa prepare 'x','y',7; xa commit 'x','y',7; create temporary table q (a \
             int); drop table q; flush binary logs; insert into t values (60, repeat('long', 9)); \
             create user 'u'@'%' identified by 'a'; flush binary logs",
        )
        .unwrap();
    // Compressed: longer than what is read at once, and an event of which only the front is kept.
    primary
        .sql(
            "create table d.big (id int primary key auto_increment, b longblob); set \
             binlog_transaction_compression=1; set @@cte_max_recursion_depth=9999; insert into d.big \
             (b) with recursive n as (select 1 as i union all select i + 1 from n where i < 300) \
             select random_bytes(1000) from n; insert into d.big (b) values \
             (repeat(random_bytes(1000), 3000)), ('x')",
        )
        .unwrap();
    for scenario in [workload::TRANSACTIONS, workload::DDL, workload::GTIDS, workload::COMPRESSION]
    {
        scenario.run(&primary).unwrap();
    }
    let daemon = with_admin(&primary).started().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let mut compared = 0;
    for path in primary.binlog_files().unwrap() {
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let all = primary.sql(&format!("show binlog events in '{file}'")).unwrap();
        let third = all.lines().nth(2).and_then(|line| line.split('\t').nth(1)).unwrap_or("4");
        let (from, some) = (format!(" from {third}"), format!(" from {third} limit 3"));
        for rest in ["", &from, &some, " limit 4, 7", " limit 6", " from 999999999"] {
            let sql = format!("show binlog events in '{file}'{rest}");
            let (theirs, ours) = (primary.sql(&sql).unwrap(), rows(&daemon, &sql));
            let theirs = theirs.trim_end();
            for (theirs, ours) in theirs.lines().zip(ours.lines()) {
                assert_eq!(ours, theirs, "{sql}");
                compared += 1;
            }
            assert_eq!(ours.lines().count(), theirs.lines().count(), "{sql}");
        }
    }
    assert!(compared > 300, "{compared}");
    let first = primary.sql("show binlog events limit 3").unwrap();
    assert_eq!(rows(&daemon, "show binlog events limit 3").trim_end(), first.trim_end());

    assert!(error(&daemon, "show binlog events in 'nope'").contains("ERROR 1220 (HY000)"));
}

#[test]
fn events_of_mariadb_are_listed_as_it_lists_them() {
    let mariadb = Server::start_new(Flavour::Mariadb118).unwrap();
    mariadb
        .sql(
            "create database d; use d; create table t (id int primary key, v varchar(40)); insert \
             into t values (1,'a'),(2,'b'); update t set v='c' where id=1; set @x=3, @n=null; set \
             binlog_format=statement; insert into t values (9, @x); insert into t values (10, @n); \
             set binlog_format=row; xa start 'x','y',7; insert into t values (50,'xa'); xa end \
             'x','y',7; xa prepare 'x','y',7; xa commit 'x','y',7; flush binary logs; insert into t \
             values (4,'x'); flush binary logs",
        )
        .unwrap();
    let daemon = with_admin(&mariadb).started().unwrap();
    daemon.wait_for_all_of(&mariadb, PATIENCE).unwrap();
    let list = |file: &str| {
        let output = client(
            Flavour::Mariadb118,
            &daemon,
            &["-NBr", "--skip-ssl"],
            &format!("show binlog events in '{file}'"),
        );
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let mut compared = 0;
    for path in mariadb.binlog_files().unwrap() {
        let file = path.file_name().unwrap().to_str().unwrap();
        // MariaDB notes a checkpoint in its newest file when it has the time.
        let (mut ours, mut theirs) = (String::new(), String::new());
        let same = wait_until("the same events", PATIENCE, || {
            theirs = mariadb.sql(&format!("show binlog events in '{file}'"))?;
            ours = list(file);
            Ok(ours.trim_end() == theirs.trim_end())
        });
        assert!(same.is_ok(), "{file}:\n{ours}\nis not\n{theirs}");
        compared += ours.lines().count();
    }
    assert!(compared > 30, "{compared}");
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
    // Twins, as MariaDB's client and orchestrator ask for them.
    let old = client(Flavour::Mariadb118, &daemon, &["-E", "--skip-ssl"], "show slave status");
    let old = String::from_utf8_lossy(&old.stdout).into_owned();
    assert!(old.contains("Slave_IO_Running: Yes") && old.contains("Master_Log_File: "), "{old}");

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
    let port = first.port();
    rows(
        &daemon,
        &format!(
            "change replication source to source_port={port}, source_password='x'; start replica"
        ),
    );
    fails_with("1045");
    rows(&daemon, "stop replica");
}

#[test]
fn files_are_purged_and_connections_killed_by_flags_alone() {
    let primary = primary();
    primary.sql("flush binary logs; flush binary logs").unwrap();
    let daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let denied = daemon.sql(primary.prefix(), "purge binary logs to 'binlog.000002'").unwrap_err();
    assert!(denied.to_string().contains("1227"), "{denied}");
    drop(daemon);
    let daemon = with_admin(&primary).started().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    rows(&daemon, "purge binary logs to 'binlog.000002'");
    assert!(rows(&daemon, "show binary logs").starts_with("binlog.000002\t"));
    let flush = error(&daemon, "flush binary logs");
    assert!(flush.contains("ERROR 1235") && flush.contains("flush them there"), "{flush}");

    // A dump is killed by its id, as the process list shows it.
    let Endpoint { host, port, .. } = daemon.endpoint();
    let mut reader = primary.prefix().mysqlbinlog();
    let mut reader = reader
        .args(["--read-from-remote-server", "--stop-never", "--raw", "--result-file=/dev/null"])
        .arg(format!("--host={host}"))
        .arg(format!("--port={port}"))
        .args([format!("--user={USER}"), format!("--password={PASSWORD}")])
        .arg("binlog.000002")
        .spawn()
        .unwrap();
    let mut dump = String::new();
    wait_until("the dump", PATIENCE, || {
        let list = rows(&daemon, "show processlist");
        let found = list.lines().find(|line| {
            line.contains("Binlog Dump") && line.contains("Source has sent all binlog to replica")
        });
        dump = found.unwrap_or_default().to_owned();
        Ok(!dump.is_empty())
    })
    .unwrap();
    let id = dump.split('\t').next().unwrap();
    rows(&daemon, &format!("kill {id}"));
    wait_until("the reader ends", PATIENCE, || Ok(reader.try_wait()?.is_some())).unwrap();
    assert!(error(&daemon, &format!("kill {id}")).contains("ERROR 1094"));
}

/// A dump of the replica with this UUID, which waits at the end.
async fn replica(daemon: &Daemon, uuid: &str) -> BinlogStream {
    let Endpoint { host, port, user, password } = daemon.endpoint();
    let options = ConnectOptions::new(host).port(port).user(user).password(password.as_str());
    let mut connection = Connection::connect(&options).await.unwrap();
    connection.execute("set @source_binlog_checksum = 'CRC32'").await.unwrap();
    connection
        .execute(&format!("set @replica_uuid = '{uuid}', @slave_uuid = '{uuid}'"))
        .await
        .unwrap();
    let file = b"binlog.000001".as_slice();
    let dump = BinlogDump { position: 4, flags: DumpFlags::default(), server_id: 77, file };
    connection.dump(&dump, &DumpOptions::default()).await.unwrap()
}

async fn next(stream: &mut BinlogStream) -> Result<Option<Vec<u8>>, ClientError> {
    let mut event = Vec::new();
    Ok(stream.next_event(&mut event).await?.map(|_| event))
}

#[tokio::test]
async fn a_replica_that_comes_again_replaces_its_older_connection() {
    const ONE: &str = "5b7adad5-e532-11f1-9117-000000000001";
    const TWO: &str = "5b7adad5-e532-11f1-9117-000000000002";
    let primary = primary();
    let daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let (mut older, mut other) = (replica(&daemon, ONE).await, replica(&daemon, TWO).await);
    for stream in [&mut older, &mut other] {
        next(stream).await.unwrap().unwrap();
    }
    let caught_up = || {
        let list = daemon.sql(primary.prefix(), "show processlist")?;
        Ok(list.matches("waiting for more updates").count() == 2)
    };
    wait_until("both have all", PATIENCE, caught_up).unwrap();
    let mut newer = replica(&daemon, &ONE.to_uppercase()).await;
    next(&mut newer).await.unwrap().unwrap();
    let told = loop {
        match next(&mut older).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("an end without a word"),
            Err(error) => break error.to_string(),
        }
    };
    let expected = "A replica with the same server_uuid/server_id as this replica has connected to \
                    the source; the first event 'binlog.000001' at 4, the last event read from \
                    './binlog.000001' at ";
    assert!(told.contains("1236") && told.contains(expected), "{told}");
    primary.sql("create database d").unwrap();
    for stream in [&mut newer, &mut other] {
        next(stream).await.unwrap().unwrap();
    }
}

#[test]
fn a_hash_stands_for_its_password() {
    let hash = |flags: &[&str]| {
        let mut command = Command::new(BINLOGD);
        let command = command.arg("hash-password").args(flags);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"s3cret\n").unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    assert!(hash(&["--native"]).starts_with("auth_string = \"*"));
    assert!(hash(&[]).starts_with("auth_string = \"0x24412430303524"));
    let primary = primary();
    let users = format!(
        "[[stream.user]]\nname = 'new'\n{}\n[[stream.user]]\nname = 'old'\n{}\n",
        hash(&[]),
        hash(&["--native"])
    );
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap().configured(&users).unwrap();
    let daemon = daemon.started().unwrap();
    let log_in = |user: &str, password: &str| {
        let to = Endpoint { user: user.into(), password: password.into(), ..daemon.endpoint() };
        primary.prefix().mysql_to(&to).args(["-e", "select 1"]).output().unwrap().status.success()
    };
    for user in ["new", "old"] {
        assert!(log_in(user, "s3cret"), "{user}");
        assert!(!log_in(user, "other"), "{user}");
    }
}

/// A result, or the error that a client shows.
fn outcome(result: anyhow::Result<String>) -> String {
    match result {
        Ok(rows) => rows.trim().to_owned(),
        Err(error) => {
            let text = error.to_string();
            let found = text.find("ERROR ").unwrap_or_else(|| panic!("{text}"));
            text[found..].lines().next().unwrap().replace(" at line 1", "")
        }
    }
}

/// The id of the connection whose statement begins so, once there is one.
fn connection_of(daemon: &Daemon, statement: &str) -> String {
    let mut id = String::new();
    wait_until(statement, PATIENCE, || {
        let list = rows(daemon, "show full processlist");
        let found = list
            .lines()
            .find(|line| line.split('\t').nth(7).is_some_and(|info| info.starts_with(statement)));
        id = found.and_then(|line| line.split('\t').next()).unwrap_or_default().to_owned();
        Ok(!id.is_empty())
    })
    .unwrap();
    id
}

#[test]
fn who_waits_for_transactions_is_answered_as_by_the_primary() {
    let primary = primary();
    let daemon = with_admin(&primary).started().unwrap();
    primary.sql("create database d").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let uuid = primary.sql("select @@server_uuid").unwrap().trim().to_owned();
    let function = "select wait_for_executed_gtid_set";
    for args in [
        format!("'{uuid}:1'"),
        format!("'{uuid}:1', 5"),
        format!("'{uuid}:1', 0"),
        format!("'{uuid}:1-100000', 0.2"),
        format!("'{uuid}:1-100000', '0.1'"),
        format!("'{uuid}:1', -1"),
        format!("'{uuid}:1', null"),
        "''".to_owned(),
        "null".to_owned(),
        "'nonsense', 1".to_owned(),
        "5, 1".to_owned(),
        "'nonsense', -1".to_owned(),
        String::new(),
        "'a', 1, 2".to_owned(),
    ] {
        let sql = format!("{function}({args})");
        let theirs = outcome(primary.sql(&sql));
        assert_eq!(outcome(daemon.sql(primary.prefix(), &sql)), theirs, "{sql}");
    }
    // One that comes while somebody waits, and one that never does.
    let next = format!("{function}('{uuid}:1-2')");
    let never = format!("{function}('{uuid}:1-100000')");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| outcome(daemon.sql(primary.prefix(), &next)));
        connection_of(&daemon, &next);
        primary.sql("create database e").unwrap();
        assert_eq!(waits.join().unwrap(), "0");
        let waits = scope.spawn(|| outcome(daemon.sql(primary.prefix(), &never)));
        let id = connection_of(&daemon, &never);
        rows(&daemon, &format!("kill query {id}"));
        assert_eq!(waits.join().unwrap(), "ERROR 1317 (70100): Query execution was interrupted");
    });
}

#[test]
fn who_waits_for_mariadbs_transactions_is_answered_as_by_a_replica() {
    let primary = Server::start_new(Flavour::Mariadb118).unwrap();
    let daemon = with_admin(&primary).started().unwrap();
    primary.sql("create database d; set gtid_domain_id = 1; create database e").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let id = primary.sql("select @@server_id").unwrap().trim().to_owned();
    // As if it had replicated all of it.
    primary.sql("set global gtid_slave_pos = @@gtid_binlog_pos").unwrap();
    for args in [
        "'0-S-1'",
        "'0-S-1,1-S-1', 5",
        "'0-9-1', 5",
        "'0-S-5', 0",
        "'0-S-5', 0.2",
        "'0-S-1', -1",
        "'0-S-1', null",
        "'0-S-1,7-1-1', 0.2",
        "'', 1",
        "null, 1",
        "'nonsense', 1",
        "",
        "'a', 1, 2",
    ] {
        let sql = format!("select master_gtid_wait({})", args.replace("-S-", &format!("-{id}-")));
        let theirs = outcome(primary.sql(&sql));
        assert_eq!(outcome(daemon.sql(primary.prefix(), &sql)), theirs, "{sql}");
    }
    assert_eq!(
        outcome(daemon.sql(primary.prefix(), "select wait_for_executed_gtid_set('')")),
        "ERROR 1305 (42000): FUNCTION wait_for_executed_gtid_set does not exist"
    );
}

#[test]
fn a_listing_that_is_under_way_can_be_ended() {
    let primary = primary();
    let daemon = with_admin(&primary).started().unwrap();
    let long = "x".repeat(900_000);
    let statement = format!("insert into d.t values (length('{long}'));");
    let before = "create database d; create table d.t (a int); set binlog_format = statement;";
    primary.sql(&format!("{before} {}", statement.repeat(20))).unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let mut client = testbed::ensure(Flavour::Mysql97).unwrap().mysql();
    let mut client = client
        .args(["--user=dba", "--password=pw", "--protocol=tcp", "--host=127.0.0.1", "--quick"])
        .arg(format!("--port={}", daemon.endpoint().port))
        .args(["-e", "show binlog events"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It takes no more than fits into the pipe.
    let id = connection_of(&daemon, "show binlog events");
    rows(&daemon, &format!("kill query {id}"));
    let mut shown = Vec::new();
    client.stdout.take().unwrap().read_to_end(&mut shown).unwrap();
    let output = client.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("ERROR 1317"), "{error}");
    assert!(shown.len() < 18_000_000, "{} bytes came", shown.len());
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn who_waits_for_an_older_servers_transactions_is_answered_as_by_a_replica() {
        let primary = Server::start_new(Flavour::Mysql56).unwrap();
        let daemon = with_admin(&primary).started().unwrap();
        let replica = Server::start_new(Flavour::Mysql56).unwrap();
        primary.sql("create database d").unwrap();
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let uuid = primary.sql("select @@server_uuid").unwrap().trim().to_owned();
        let ask = |args: &str| {
            format!("select wait_until_sql_thread_after_gtids({})", args.replace("UUID", &uuid))
        };
        let same = |args: &str| {
            let theirs = outcome(replica.sql(&ask(args)));
            assert_eq!(outcome(daemon.sql(primary.prefix(), &ask(args))), theirs, "{args}");
        };
        replica.replicate_from(&testkit::SourceSpec::local(primary.port())).unwrap();
        replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
        for args in [
            "'UUID:1'",
            "'UUID:1', 5",
            "'UUID:1', 0",
            "'UUID:1', -1",
            "'UUID:1', null",
            "'UUID:1', 'x'",
            "'UUID:1-100000', 1",
            "'UUID:1-100000', 0.6",
            "'UUID:1-100000', '1'",
            "''",
            "null, 1",
            "'nonsense', 1",
            "",
            "'a', 1, 2",
        ] {
            same(args);
        }
        let sql = ask("'UUID:1-2'");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| outcome(daemon.sql(primary.prefix(), &sql)));
            connection_of(&daemon, &sql);
            primary.sql("create database e").unwrap();
            assert_eq!(waits.join().unwrap(), "0");
        });
        replica.sql("stop slave").unwrap();
        rows(&daemon, "stop slave");
        same("'UUID:1', 1");
        same("'nonsense', 1");
    }
}
