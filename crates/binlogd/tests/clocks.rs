//! A system clock that is wrong, or jumps while binlogd runs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{BINLOGD, PATIENCE, logs, primary};
use testkit::daemon::{compare_files, stored_files};
use testkit::{Daemon, FalseClock, Flavour, Server};

const YEAR_S: i64 = 365 * 86_400;

#[test]
fn a_clock_before_1970_and_one_that_jumps_do_no_harm() {
    let primary = primary();
    let replica = Server::start_new(Flavour::Mysql97).unwrap();
    let clock = FalseClock::ahead_by(-100 * YEAR_S).unwrap();
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    let mut daemon = clock.of(daemon.arg("--retention-max-age=1d")).started().unwrap();
    // Its certificate was made before 1970, too.
    logs(&daemon, &["WARN", "is not valid before", "Is the system clock right?"]);
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    replica.replicate_from(&daemon.as_source()).unwrap();
    let rotate = "flush binary logs; insert into d.t values (null); flush binary logs";
    primary.sql("create database d; create table d.t (a int primary key auto_increment)").unwrap();
    primary.sql(rotate).unwrap();
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    for sql in ["select now(), unix_timestamp()", "show replica status", "show binary logs"] {
        daemon.sql(primary.prefix(), sql).unwrap();
    }
    let mut client = primary.prefix().mysql_to(&daemon.endpoint());
    let out = client.args(["--ssl-mode=REQUIRED", "--execute=select 1"]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));

    // To the future and back: a minute ago everything was new.
    for (ahead_s, direction) in [(10 * YEAR_S, "forward"), (-100 * YEAR_S, "back")] {
        clock.set(ahead_s).unwrap();
        primary.sql(rotate).unwrap();
        logs(&daemon, &["WARN", "the system clock jumped", direction]);
    }
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();

    // After a start in the future the primary's clock is the witness.
    daemon.stop().unwrap();
    clock.set(10 * YEAR_S).unwrap();
    daemon.start().unwrap();
    primary.sql(rotate).unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let files = primary.binlog_files().unwrap().len();
    let stored = stored_files(&daemon.timeline_dir(&primary).unwrap()).unwrap().len();
    assert!(stored + 1 >= files, "{stored} of {files} files are left\n{}", daemon.log());
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
}
