//! The fixtures themselves, on a real MySQL 9.7.
#![expect(clippy::unwrap_used, reason = "a helper's failure is the test's")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use testkit::{Flavour, Server, SourceSpec, wait_until};

const LONG: Duration = Duration::from_secs(60);

fn server() -> Server {
    Server::start_new(Flavour::Mysql97).unwrap()
}

#[test]
fn a_new_server_has_accounts_but_no_transactions() {
    let server = server();
    assert_eq!(server.executed_gtids().unwrap(), "");
    assert_eq!(server.sql("select @@server_id").unwrap(), server.port().to_string());
    let user =
        server.prefix().mysql_to(&server.endpoint()).args(["-Nse", "select user()"]).output();
    assert_eq!(String::from_utf8(user.unwrap().stdout).unwrap(), "repl@127.0.0.1\n");
}

#[test]
fn two_servers_have_different_uuids_and_ports() {
    let (a, b) = (server(), server());
    let uuid = |s: &Server| s.sql("select @@server_uuid").unwrap();
    assert_ne!(uuid(&a), uuid(&b));
    assert_ne!(a.port(), b.port());
}

#[test]
fn a_failed_statement_gives_the_servers_message() {
    let error = server().sql("select * from mysql.nothing").unwrap_err().to_string();
    assert!(error.contains("ERROR 1146 (42S02)"), "{error}");
}

#[test]
fn values_come_back_as_they_went_in() {
    let server = server();
    let rows = server.query_rows("select 'a\\tb', 'c\\nd', '', null, 'ü'").unwrap();
    assert_eq!(rows, [["a\tb", "c\nd", "", "NULL", "ü"]]);
    assert_eq!(server.query_maps("select 1 as one, 2 as two").unwrap()[0]["two"], "2");
    assert_eq!(server.variable("binlog_format").unwrap(), "ROW");
}

#[test]
fn committed_rows_survive_a_kill_and_a_restart() {
    let mut server = server();
    server
        .sql("create database d; create table d.t (a int primary key); insert into d.t values (1)")
        .unwrap();
    let port = server.port();
    server.kill().unwrap();
    assert!(server.pid().is_none() && server.sql("select 1").is_err());
    server.start().unwrap();
    assert_eq!(server.sql("select a from d.t").unwrap(), "1");
    server.restart_with(["--binlog-checksum=NONE"]).unwrap();
    assert_eq!(server.variable("binlog_checksum").unwrap(), "NONE");
    assert_eq!(server.port(), port);
    let files = server.binlog_files().unwrap();
    assert_eq!(files.len(), 3, "each start begins a file");
    assert!(files[0].ends_with("binlog.000001"));
}

#[test]
fn the_binlog_tool_copies_a_closed_file_byte_for_byte() {
    let server = server();
    server.sql("create database d; flush binary logs").unwrap();
    let out = tempfile::tempdir().unwrap();
    let status = server
        .mysqlbinlog_remote()
        .args(["--raw", "binlog.000001"])
        .arg(format!("--result-file={}/", out.path().display()))
        .status()
        .unwrap();
    assert!(status.success());
    let copied = fs::read(out.path().join("binlog.000001")).unwrap();
    assert_eq!(copied, fs::read(&server.binlog_files().unwrap()[0]).unwrap());
}

#[test]
fn a_semi_sync_replica_follows_by_gtid() {
    let source = Server::builder(Flavour::Mysql97).semi_sync().start().unwrap();
    let replica = Server::builder(Flavour::Mysql97).semi_sync().start().unwrap();
    replica.replicate_from(&SourceSpec::local(source.port()).workers(2)).unwrap();
    source.wait_for_semi_sync(1, LONG).unwrap();
    source.sql("create database d; create table d.t (a int primary key); insert into d.t values (1), (2)").unwrap();
    replica.wait_for_replica_of(&source, LONG).unwrap();
    let sums = source.checksum_tables("d").unwrap();
    assert_eq!(sums.len(), 1);
    assert_eq!(sums, replica.checksum_tables("d").unwrap());
    assert_eq!(source.status_var("Rpl_semi_sync_source_yes_tx").unwrap(), "3");
    let status = replica.replica_status().unwrap();
    assert!(status.io_running() && status.sql_running() && status.errors().is_empty());
}

#[test]
fn a_replica_follows_by_file_and_position() {
    let source = server();
    source.sql("create database before_it; flush binary logs").unwrap();
    let replica = server();
    let spec = SourceSpec::local(source.port()).at("binlog.000002", 4);
    replica.replicate_from(&spec).unwrap();
    source.sql("create database after_it").unwrap();
    replica.wait_for_replica_of(&source, LONG).unwrap();
    let databases = replica.sql("show databases").unwrap();
    assert!(databases.contains("after_it") && !databases.contains("before_it"), "{databases}");
}

#[test]
fn a_broken_applier_ends_the_wait_with_its_error() {
    let source = server();
    let replica = server();
    source.sql("create database d").unwrap();
    replica.sql("set sql_log_bin=0; create database d").unwrap();
    replica.replicate_from(&SourceSpec::local(source.port())).unwrap();
    let error = replica.wait_for_replica_of(&source, LONG).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("applier stopped") && text.contains("database exists"), "{text}");
}

#[test]
fn a_dropped_server_leaves_neither_process_nor_directory() {
    let server = server();
    let (pid, data) = (server.pid().unwrap(), server.datadir());
    thread::spawn(move || drop(server)).join().unwrap();
    assert!(!data.exists());
    wait_until("process to end", LONG, || Ok(!fs::exists(format!("/proc/{pid}"))?)).unwrap();
}

/// Set in the process that the next test starts and kills.
const VICTIM: &str = "TESTKIT_VICTIM";

#[test]
#[expect(clippy::print_stdout, reason = "the one process reads the other's output")]
fn a_killed_test_leaves_neither_server_nor_directory() {
    if env::var_os(VICTIM).is_some() {
        let server = server();
        println!("started {} {}", server.pid().unwrap(), server.datadir().display());
        thread::sleep(LONG);
        return;
    }
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "a_killed_test_leaves_neither_server_nor_directory"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let started = lines.map(Result::unwrap).find_map(|line| {
        // The harness may have begun the line with the test's name.
        Some(line.split_once("started ")?.1.to_owned())
    });
    victim.kill().unwrap();
    victim.wait().unwrap();
    let started = started.unwrap();
    let (pid, data) = started.split_once(' ').unwrap();
    wait_until("server and directory to go", LONG, || {
        // Nobody may be there to collect the dead server's status: then it has no command line.
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        Ok(command_line.is_empty() && !fs::exists(data)?)
    })
    .unwrap();
}
