//! The primary moves: another server takes over, with all of its transactions or without some.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::process::Command;

use binlogd_event::GtidSet;
use common::{BINLOGD, PATIENCE, primary};
use testkit::daemon::stored_files;
use testkit::server::Server;
use testkit::workload::{Load, LoadSpec};
use testkit::{Daemon, Endpoint, Flavour, SourceSpec, wait_until};

/// A replica that could be promoted.
fn standby(of: &Server) -> Server {
    // A replica gives a source up after ten seconds, so commits must not wait that long.
    let standby = Server::builder(Flavour::Mysql97)
        .semi_sync()
        .args(["--super-read-only=1", "--rpl-semi-sync-source-timeout=1000"])
        .start()
        .unwrap();
    standby.replicate_from(&SourceSpec::local(of.port())).unwrap();
    standby
}

fn promote(standby: &Server) {
    standby
        .sql("stop replica; reset replica all; set global super_read_only=0, read_only=0")
        .unwrap();
}

fn url(of: &Server) -> String {
    let Endpoint { host, port, user, password } = of.endpoint();
    format!("mysql://{user}:{password}@{host}:{port}")
}

fn follow_either(a: &Server, b: &Server) -> Daemon {
    let daemon = Daemon::new(BINLOGD, &a.endpoint()).unwrap();
    daemon.arg(format!("--upstream={}", url(b))).started().unwrap()
}

fn replica_of(daemon: &Daemon) -> Server {
    let replica = Server::start_new(Flavour::Mysql97).unwrap();
    replica.replicate_from(&daemon.as_source()).unwrap();
    replica
}

fn assert_equal(replica: &Server, primary: &Server) {
    replica.wait_for_replica_of(primary, PATIENCE).unwrap();
    let tables = |server: &Server| server.checksum_tables("load_rows").unwrap();
    assert_eq!(tables(replica), tables(primary));
    assert_eq!(replica.executed_gtids().unwrap(), primary.executed_gtids().unwrap());
}

fn logs(daemon: &Daemon, words: &[&str]) {
    wait_until("a line in the log", PATIENCE, || {
        Ok(daemon.log().lines().any(|line| words.iter().all(|word| line.contains(word))))
    })
    .unwrap_or_else(|_| panic!("no line with {words:?} in:\n{}", daemon.log()));
}

/// Timelines overlap, but what reads all of them does not tell a transaction twice.
fn each_transaction_is_read_once(daemon: &Daemon, primary: &Server) {
    let tail = Command::new(BINLOGD)
        .args(["tail", "--format=json"])
        .arg(daemon.stream_dir())
        .output()
        .unwrap();
    let mut gtids: Vec<String> = Vec::new();
    for line in String::from_utf8(tail.stdout).unwrap().lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        gtids.push(object["gtid"].as_str().unwrap().to_owned());
    }
    gtids.dedup();
    let executed: GtidSet = primary.executed_gtids().unwrap().parse().unwrap();
    assert_eq!(gtids.len() as u128, executed.count());
    assert_eq!(gtids.join(",").parse::<GtidSet>().unwrap(), executed);
}

#[test]
fn when_the_primary_dies_its_promoted_replica_is_followed_without_gap_or_double() {
    let mut a = primary();
    let b = standby(&a);
    let daemon = follow_either(&a, &b);
    let old_replica = replica_of(&daemon);
    let load = Load::start(&a, &LoadSpec::default()).unwrap();
    load.wait_for_commits(200, PATIENCE).unwrap();
    a.sql("flush binary logs").unwrap();
    load.wait_for_commits(300, PATIENCE).unwrap();
    load.stop().unwrap();
    b.wait_for_replica_of(&a, PATIENCE).unwrap();
    old_replica.wait_for_replica_of(&a, PATIENCE).unwrap();
    a.kill().unwrap();
    promote(&b);
    b.sql("insert into load_rows.t values (100, 1, 'on the new primary'); flush binary logs")
        .unwrap();
    b.sql("insert into load_rows.t values (100, 2, 'and on')").unwrap();
    logs(&daemon, &["beginning a new timeline"]);
    assert_equal(&old_replica, &b);
    assert_equal(&replica_of(&daemon), &b);
    each_transaction_is_read_once(&daemon, &b);

    // The files of both are there whole.
    let dir = daemon.stream_dir().join(format!("0002-{}", b.sql("select @@server_uuid").unwrap()));
    let files = b.binlog_files().unwrap();
    let stored = stored_files(&dir).unwrap().len();
    assert!(stored > 1, "{stored} of {files:?}");
    for path in files.iter().rev().skip(1) {
        let copy = dir.join(path.file_name().unwrap());
        if copy.exists() {
            assert!(std::fs::read(path).unwrap() == std::fs::read(&copy).unwrap());
        }
    }
}

#[test]
fn a_switchover_is_followed_while_the_old_primary_lives() {
    let a = primary();
    let b = standby(&a);
    let mut daemon = follow_either(&a, &b);
    let replica = replica_of(&daemon);
    let load = Load::start(&a, &LoadSpec::default()).unwrap();
    load.wait_for_commits(100, PATIENCE).unwrap();
    load.stop().unwrap();
    a.sql("set global super_read_only=1").unwrap();
    b.wait_for_replica_of(&a, PATIENCE).unwrap();
    promote(&b);
    b.sql("insert into load_rows.t values (100, 1, 'on the new primary')").unwrap();
    logs(&daemon, &["is read-only now", "following that one"]);
    assert_equal(&replica, &b);
    // A restart in the new timeline resumes there.
    daemon.kill().unwrap();
    b.sql("insert into load_rows.t values (100, 2, 'meanwhile')").unwrap();
    daemon.start().unwrap();
    assert_equal(&replica, &b);

    // And back again.
    a.replicate_from(&SourceSpec::local(b.port())).unwrap();
    b.sql("set global super_read_only=1").unwrap();
    a.wait_for_replica_of(&b, PATIENCE).unwrap();
    promote(&a);
    a.sql("insert into load_rows.t values (100, 3, 'back on the first')").unwrap();
    assert_equal(&replica, &a);
    assert_equal(&replica_of(&daemon), &a);
}

#[test]
fn a_transaction_that_the_new_primary_lacks_is_reported_and_stays_readable() {
    let mut a = primary();
    let b = standby(&a);
    let mut daemon = follow_either(&a, &b);
    let load = Load::start(&a, &LoadSpec::default()).unwrap();
    load.wait_for_commits(100, PATIENCE).unwrap();
    load.stop().unwrap();
    b.wait_for_replica_of(&a, PATIENCE).unwrap();
    b.stop_replica().unwrap();
    a.sql("insert into load_rows.t values (99, 1, 'only on the old primary')").unwrap();
    daemon.wait_for_all_of(&a, PATIENCE).unwrap();
    let all = a.executed_gtids().unwrap();
    let (last_file, _) = a.binlog_end().unwrap();
    let prefix = a.prefix().clone();
    a.kill().unwrap();
    promote(&b);
    b.sql("insert into load_rows.t values (100, 1, 'on the new primary')").unwrap();
    let lost = b.sql(&format!("select gtid_subtract('{all}', @@global.gtid_executed)")).unwrap();
    assert!(!lost.is_empty());
    logs(&daemon, &["does not have these stored transactions", &lost, "on_fork"]);

    // It can be read, by file, before and after the new history is followed.
    let reads_it = |daemon: &Daemon, file: &str| {
        let mut tool = prefix.mysqlbinlog_from(&daemon.endpoint());
        let out = tool.args(["--base64-output=decode-rows", "-v", file]).output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout);
        out.status.success() && text.contains("only on the old primary")
    };
    assert!(reads_it(&daemon, &last_file));

    daemon.stop().unwrap();
    let mut daemon = daemon.arg("--on-fork=new-timeline").started().unwrap();
    logs(&daemon, &["beginning a new timeline", &lost]);
    assert_equal(&replica_of(&daemon), &b);

    // A reader by file gets the old history to its end, and does not go on with the new one.
    let last_file = format!("0001@{last_file}");
    assert!(reads_it(&daemon, &last_file));
    for option in ["--to-last-log", "--stop-never"] {
        let mut tool = prefix.mysqlbinlog_from(&daemon.endpoint());
        let out = tool.args([option, &last_file]).output().unwrap();
        let error = String::from_utf8_lossy(&out.stderr);
        assert!(error.contains("ends here") && error.contains(&lost), "{option}: {error}");
        assert!(!out.status.success());
    }
    daemon.kill().unwrap();
    daemon.start().unwrap();
    assert_equal(&replica_of(&daemon), &b);
}
