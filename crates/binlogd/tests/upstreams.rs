//! Primaries of every other flavour than MySQL 9.7: mirrored byte for byte, acknowledged, resumed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{PATIENCE, follow, follow_semi_sync};
use testkit::daemon::compare_files;
use testkit::workload::{self, Load, LoadSpec, Scenario};
use testkit::{Daemon, Endpoint, Flavour, Server};

fn assert_mirrored(daemon: &Daemon, primary: &Server) -> usize {
    daemon.wait_for_all_of(primary, PATIENCE).unwrap();
    compare_files(primary, &daemon.timeline_dir(primary).unwrap()).unwrap()
}

/// Nothing is left to be cut or mended, and every file follows from the one before.
fn assert_verifies(daemon: &Daemon) {
    let data_dir = daemon.stream_dir();
    let out = std::process::Command::new(common::BINLOGD)
        .args(["verify", "--quiet"])
        .arg(&data_dir)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
}

/// Kills binlogd again and again while clients write, and the primary at last.
fn killed_under_load(mut primary: Server) {
    let mut daemon = follow(&primary);
    let semi_sync = primary.flavour().is_mariadb();
    if semi_sync {
        primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    }
    let spec = LoadSpec { payload_bytes: 20_000, ..LoadSpec::default() };
    let load = Load::start(&primary, &spec).unwrap();
    for round in 1..=4 {
        load.wait_for_commits(50, PATIENCE).unwrap();
        daemon.kill().unwrap();
        if round == 3 {
            primary.sql("flush binary logs").unwrap();
        }
        daemon.start().unwrap();
    }
    load.wait_for_commits(50, PATIENCE).unwrap();
    load.stop().unwrap();
    assert_mirrored(&daemon, &primary);

    primary.restart().unwrap();
    let load = Load::start(&primary, &spec).unwrap();
    load.wait_for_commits(50, PATIENCE).unwrap();
    primary.kill().unwrap();
    load.stop().unwrap();
    primary.start().unwrap();
    if semi_sync {
        primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    }
    let load = Load::start(&primary, &spec).unwrap();
    load.wait_for_commits(50, PATIENCE).unwrap();
    load.stop().unwrap();
    primary.sql("flush binary logs").unwrap();
    assert!(assert_mirrored(&daemon, &primary) >= 5);
    daemon.stop().unwrap();
    assert_verifies(&daemon);
}

/// Stopped and started, with and without something new, inside of files and between them.
fn stopped_and_started(primary: &Server) {
    primary.sql("create database d; create table d.t (a int primary key auto_increment)").unwrap();
    let mut daemon = follow(primary);
    for round in 0..6 {
        primary.sql("insert into d.t values ()").unwrap();
        if round % 2 == 0 {
            daemon.wait_for_all_of(primary, PATIENCE).unwrap();
        }
        daemon.stop().unwrap();
        if round % 3 == 0 {
            primary.sql("flush binary logs").unwrap();
        }
        daemon.start().unwrap();
    }
    assert_mirrored(&daemon, primary);
}

mod on_mariadb {
    use super::*;

    fn primary(flavour: Flavour, args: &[&str]) -> Server {
        Server::builder(flavour)
            .semi_sync()
            .args(["--rpl-semi-sync-master-wait-point=AFTER_SYNC"])
            .args(args.iter().copied())
            .start()
            .unwrap()
    }

    fn unacknowledged(primary: &Server) -> String {
        primary.status_var("Rpl_semi_sync_master_no_tx").unwrap()
    }

    fn every_kind_of_event(flavour: Flavour) {
        let primary = primary(flavour, &[]);
        let mut daemon = follow_semi_sync(&primary);
        for scenario in workload::ALL {
            scenario.run(&primary).unwrap();
        }
        let acknowledged = primary.status_var("Rpl_semi_sync_master_yes_tx").unwrap();
        assert!(acknowledged.parse::<u64>().unwrap() > 100, "{acknowledged}:\n{}", daemon.log());
        assert_eq!(unacknowledged(&primary), "0");
        let files = assert_mirrored(&daemon, &primary);
        assert!(files > workload::ALL.len());
        daemon.stop().unwrap();
        assert_verifies(&daemon);
    }

    #[test]
    fn every_kind_of_event_of_11_8_is_stored_as_it_is_and_acknowledged() {
        every_kind_of_event(Flavour::Mariadb118);
    }

    #[test]
    fn every_kind_of_event_of_10_11_is_stored_as_it_is_and_acknowledged() {
        every_kind_of_event(Flavour::Mariadb1011);
    }

    #[test]
    fn killed_under_load_it_goes_on_without_gap_or_double() {
        killed_under_load(primary(Flavour::Mariadb118, &[]));
    }

    #[test]
    fn a_primary_of_10_11_is_followed_over_kills_and_restarts() {
        killed_under_load(primary(Flavour::Mariadb1011, &["--log-bin-compress=1"]));
    }

    #[test]
    fn an_account_that_signs_logs_in() {
        for flavour in [Flavour::Mariadb118, Flavour::Mariadb1011] {
            let plugins = testkit::testbed::mariadb_plugins(flavour).unwrap();
            let dir = format!("--plugin-dir={}", plugins.display());
            let primary = primary(flavour, &[&dir, "--plugin-load-add=auth_ed25519.so"]);
            primary
                .sql(
                    "create user signs@'127.0.0.1' identified via ed25519 using password('secret');
                     grant replication slave, binlog monitor on *.* to signs@'127.0.0.1'",
                )
                .unwrap();
            let to =
                Endpoint { user: "signs".into(), password: "secret".into(), ..primary.endpoint() };
            let daemon = Daemon::new(common::BINLOGD, &to).unwrap().started().unwrap();
            primary.wait_for_semi_sync(1, PATIENCE).unwrap();
            primary.sql("create database d").unwrap();
            assert_mirrored(&daemon, &primary);
            let wrong = Endpoint { password: "Secret".into(), ..to };
            let daemon = Daemon::new(common::BINLOGD, &wrong).unwrap();
            common::keeps_trying_saying(daemon, &["Access denied", "signs"]);
        }
    }

    #[test]
    fn a_primary_without_checksums_is_mirrored_too() {
        let primary = primary(Flavour::Mariadb118, &["--binlog-checksum=NONE"]);
        stopped_and_started(&primary);
    }
}

mod on_mysql_5_6 {
    use super::*;

    fn every_kind_of_event(primary: &Server, scenarios: &[Scenario]) {
        let mut daemon = follow(primary);
        for scenario in scenarios {
            scenario.run(primary).unwrap();
        }
        let files = assert_mirrored(&daemon, primary);
        assert!(files > scenarios.len());
        daemon.stop().unwrap();
        assert_verifies(&daemon);
    }

    #[test]
    fn every_kind_of_event_is_stored_as_it_is() {
        every_kind_of_event(&Server::start_new(Flavour::Mysql56).unwrap(), &workload::ALL);
    }

    #[test]
    fn every_kind_of_event_without_gtids_and_checksums_is_stored_as_it_is() {
        let builder = Server::builder(Flavour::Mysql56).without_gtid();
        let primary = builder.arg("--binlog-checksum=NONE").start().unwrap();
        let without_gtids = [
            workload::COLUMNS,
            workload::ROW_IMAGES,
            workload::STATEMENTS,
            workload::TRANSACTIONS,
            workload::DDL,
            workload::CHECKSUMS,
        ];
        every_kind_of_event(&primary, &without_gtids);
    }

    #[test]
    fn killed_under_load_it_goes_on_without_gap_or_double() {
        killed_under_load(Server::start_new(Flavour::Mysql56).unwrap());
    }

    #[test]
    fn without_gtids_it_goes_on_by_file_and_position() {
        let builder = Server::builder(Flavour::Mysql56).without_gtid();
        stopped_and_started(&builder.start().unwrap());
    }
}
