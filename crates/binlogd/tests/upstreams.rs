//! Primaries of every other flavour than MySQL 9.7: mirrored byte for byte, acknowledged, resumed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{PATIENCE, follow, follow_semi_sync};
use testkit::daemon::compare_files;
use testkit::workload::{self, Load, LoadSpec};
use testkit::{Daemon, Flavour, Server};

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
}
