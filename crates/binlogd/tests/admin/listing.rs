//! `SHOW BINLOG EVENTS`, beside the primary's.

use std::io::Read;
use std::process::Stdio;

use testkit::{Flavour, Server, testbed, wait_until, workload};

use crate::client::{client, connection_of, error, rows, with_admin};
use crate::common::{PATIENCE, primary};

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

mod on_mariadb {
    use super::*;

    #[test]
    fn events_are_listed_as_the_primary_lists_them() {
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
}
