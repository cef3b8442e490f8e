//! Kills at random moments under load; `cargo xtask chaos` does the same for longer.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::BINLOGD;
use testkit::chaos::{self, Plan};

fn plan(rounds: u32) -> Plan {
    Plan { binary: BINLOGD.into(), rounds, seed: 1, clients: 16 }
}

#[test]
fn what_was_acknowledged_is_found_after_any_death_of_binlogd() {
    let killed = chaos::kill_binlogd(&plan(8), |_| {}).unwrap();
    assert!(killed.kills >= 8 && killed.commits > 16 && killed.files > 0, "{killed:?}");
    assert_eq!((killed.few_descriptors, killed.full_log), (2, 2));
}

#[test]
fn what_a_dead_primary_has_acknowledged_is_on_a_replica_of_binlogd() {
    assert!(chaos::kill_primary(&plan(1), |_| {}).unwrap() > 16);
}

mod on_mariadb {
    use super::*;

    #[test]
    fn what_a_dead_primary_has_acknowledged_and_nothing_else_is_on_a_replica_of_binlogd() {
        assert!(chaos::kill_mariadb(&plan(1), |_| {}).unwrap() > 16);
    }
}
