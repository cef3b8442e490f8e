//! A real primary's binlog, mirrored byte for byte and acknowledged.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{PATIENCE, follow, follow_semi_sync, primary, primary_with};
use testkit::daemon::compare_files;
use testkit::workload::{self, Load, LoadSpec};

fn semi_sync_counts(primary: &testkit::Server) -> (u64, u64) {
    let count = |name: &str| primary.status_var(name).unwrap().parse().unwrap();
    (count("Rpl_semi_sync_source_yes_tx"), count("Rpl_semi_sync_source_no_tx"))
}

#[test]
fn every_kind_of_event_is_stored_as_it_is_and_acknowledged() {
    let primary = primary();
    let daemon = follow_semi_sync(&primary);
    for scenario in workload::ALL {
        scenario.run(&primary).unwrap();
    }
    let (yes, no) = semi_sync_counts(&primary);
    assert!(yes > 100, "{yes} acknowledged");
    assert_eq!(no, 0, "not acknowledged");
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let dir = daemon.timeline_dir(&primary).unwrap();
    let files = compare_files(&primary, &dir).unwrap();
    assert!(files > workload::ALL.len());
    let index = std::fs::read_to_string(dir.join("binlog.index")).unwrap();
    assert_eq!(index.lines().count(), files);
    assert!(daemon.status_var(primary.prefix(), "Binlogd_acks_sent").unwrap() != "0");
}

#[test]
fn a_primary_without_checksums_is_mirrored_too() {
    let primary = primary_with(&["--binlog-checksum=NONE"]);
    let mut daemon = follow_semi_sync(&primary);
    primary.sql("create database n; create table n.t (a int primary key)").unwrap();
    // Resumed inside of a file.
    daemon.stop().unwrap();
    daemon.start().unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    primary.sql("insert into n.t values (1)").unwrap();
    daemon.kill().unwrap();
    daemon.start().unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    workload::TRANSACTIONS.run(&primary).unwrap();
    primary.sql("set global binlog_checksum = CRC32").unwrap();
    workload::ROW_IMAGES.run(&primary).unwrap();
    primary.sql("set global binlog_checksum = NONE").unwrap();
    workload::GTIDS.run(&primary).unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
    assert_eq!(semi_sync_counts(&primary).1, 0);
}

#[test]
fn a_primary_without_gtids_is_mirrored_by_file_and_position() {
    let primary = testkit::Server::builder(testkit::Flavour::Mysql97)
        .semi_sync()
        .without_gtid()
        .start()
        .unwrap();
    let mut daemon = follow_semi_sync(&primary);
    workload::TRANSACTIONS.run(&primary).unwrap();
    daemon.stop().unwrap();
    workload::STATEMENTS.run(&primary).unwrap();
    daemon.start().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
}

#[test]
fn semi_sync_falls_back_without_binlogd_and_resumes_with_it() {
    let primary = primary_with(&["--rpl-semi-sync-source-timeout=1000"]);
    let mut daemon = follow_semi_sync(&primary);
    primary.sql("create database d; create table d.t (a int primary key)").unwrap();
    primary.sql("insert into d.t values (1)").unwrap();
    assert_eq!(semi_sync_counts(&primary), (3, 0));

    daemon.stop().unwrap();
    primary.sql("insert into d.t values (2)").unwrap();
    assert_eq!(semi_sync_counts(&primary), (3, 1), "it waited in vain, then went on");
    assert_eq!(primary.status_var("Rpl_semi_sync_source_status").unwrap(), "OFF");

    daemon.start().unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    primary.sql("insert into d.t values (3)").unwrap();
    let (yes, no) = semi_sync_counts(&primary);
    assert_eq!((yes, no), (4, 1));
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
}

#[test]
fn killed_under_load_it_goes_on_without_gap_or_double() {
    let primary = primary();
    let mut daemon = follow_semi_sync(&primary);
    let load = Load::start(&primary, &LoadSpec { payload_bytes: 20_000, ..LoadSpec::default() });
    let load = load.unwrap();
    for round in 1..=5 {
        load.wait_for_commits(load.acknowledged() + 50, PATIENCE).unwrap();
        daemon.kill().unwrap();
        if round == 3 {
            primary.sql("flush binary logs").unwrap();
        }
        daemon.start().unwrap();
    }
    let acknowledged = load.stop().unwrap();
    assert!(acknowledged.total() >= 250);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    primary.sql("flush binary logs").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
}

#[test]
fn stopped_and_started_between_and_inside_of_files() {
    let primary = primary();
    primary.sql("create database d; create table d.t (a int primary key auto_increment)").unwrap();
    let mut daemon = follow(&primary);
    for round in 0..6 {
        primary.sql("insert into d.t values ()").unwrap();
        if round % 2 == 0 {
            daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        }
        daemon.stop().unwrap();
        if round % 3 == 0 {
            primary.sql("flush binary logs").unwrap();
        }
        daemon.start().unwrap();
    }
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
}

#[test]
fn it_reconnects_to_a_primary_that_was_restarted_or_crashed() {
    let mut primary = primary();
    let daemon = follow_semi_sync(&primary);
    primary.sql("create database d; create table d.t (a int primary key auto_increment)").unwrap();
    primary.restart().unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    primary.sql("insert into d.t values ()").unwrap();
    primary.kill().unwrap();
    primary.start().unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    primary.sql("insert into d.t values ()").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
}
