//! Real MySQL 9.7 replicas behind binlogd.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{BINLOGD, PATIENCE, follow_semi_sync, primary, primary_with};
use testkit::server::Server;
use testkit::workload::{self, Load, LoadSpec};
use testkit::{Daemon, Flavour, SourceSpec, wait_until};

/// Applying 200 MB of large transactions takes a while on two busy cores.
const APPLY: Duration = Duration::from_secs(240);

fn replica() -> Server {
    // What comes from a source is written to the replica's own binlog only where that is wanted.
    Server::builder(Flavour::Mysql97)
        .semi_sync()
        .args(["--replica-preserve-commit-order=1", "--skip-log-replica-updates"])
        .start()
        .unwrap()
}

fn source(daemon: &Daemon) -> SourceSpec {
    daemon.as_source().workers(4)
}

fn assert_equal(primary: &Server, replica: &Server) {
    replica.wait_for_replica_of(primary, APPLY).unwrap();
    let on_primary = workload::checksums(primary).unwrap();
    assert!(!on_primary.is_empty());
    assert_eq!(workload::checksums(replica).unwrap(), on_primary);
    if replica.replica_status().unwrap().column("Auto_Position") == "1" {
        assert_eq!(replica.executed_gtids().unwrap(), primary.executed_gtids().unwrap());
    }
}

#[test]
fn by_gtid_from_the_beginning_and_on() {
    let primary = primary();
    let daemon = follow_semi_sync(&primary);
    for scenario in &workload::ALL[..4] {
        scenario.run(&primary).unwrap();
    }
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    // Started long after the data.
    let replica = replica();
    replica.replicate_from(&source(&daemon)).unwrap();
    for scenario in &workload::ALL[4..] {
        scenario.run(&primary).unwrap();
    }
    assert_equal(&primary, &replica);
    let status = replica.replica_status().unwrap();
    assert_eq!(
        status.column("Source_Server_Id"),
        daemon.sql(primary.prefix(), "select @@server_id").unwrap()
    );
    assert!(status.io_running() && status.sql_running());
}

/// Each of the primary's commits waits until both binlogd and the replica have it.
#[test]
fn by_gtid_acknowledging_what_commits_wait_for() {
    let primary = primary_with(&["--rpl-semi-sync-source-timeout=120000"]);
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    let acks = "[stream.ack]\nwait_for_readers = 1\ntimeout = '60s'";
    let daemon = daemon.configured(acks).unwrap().started().unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    let replica = replica();
    replica.replicate_from(&source(&daemon)).unwrap();
    let status = |name: &str| daemon.status_var(primary.prefix(), name);
    wait_until("the replica acknowledges", PATIENCE, || {
        Ok(status("Rpl_semi_sync_source_clients")? == "1")
    })
    .unwrap();
    for scenario in workload::ALL {
        scenario.run(&primary).unwrap();
    }
    assert_equal(&primary, &replica);
    let in_time: u64 = status("Rpl_semi_sync_source_yes_tx").unwrap().parse().unwrap();
    assert!(in_time > 100, "{in_time}");
    assert_eq!(status("Rpl_semi_sync_source_no_tx").unwrap(), "0");
    assert_eq!(primary.status_var("Rpl_semi_sync_source_no_tx").unwrap(), "0");
    assert_eq!(replica.status_var("Rpl_semi_sync_replica_status").unwrap(), "ON");
}

#[test]
fn by_file_and_position_acknowledging_compressed_transactions() {
    let primary = primary_with(&["--binlog-transaction-compression=ON"]);
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    let daemon = daemon.configured("[stream.ack]\noffer = true").unwrap().started().unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    let (file, pos) = primary.binlog_end().unwrap();
    for scenario in workload::ALL {
        scenario.run(&primary).unwrap();
    }
    let replica = replica();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    replica.replicate_from(&source(&daemon).at(file, pos)).unwrap();
    assert_equal(&primary, &replica);
    assert_eq!(replica.status_var("Rpl_semi_sync_replica_status").unwrap(), "ON");
}

#[test]
fn stopped_in_the_middle_on_either_side() {
    let primary = primary();
    let mut daemon = follow_semi_sync(&primary);
    let mut by_gtid = replica();
    let by_position = replica();
    by_gtid.replicate_from(&source(&daemon)).unwrap();
    let (file, pos) = primary.binlog_end().unwrap();
    by_position.replicate_from(&source(&daemon).at(file, pos)).unwrap();
    let load = Load::start(&primary, &LoadSpec::default()).unwrap();
    for round in 0..3 {
        load.wait_for_commits(load.acknowledged() + 100, PATIENCE).unwrap();
        by_position.stop_replica().unwrap();
        if round == 1 {
            by_gtid.restart().unwrap();
            primary.sql("flush binary logs").unwrap();
        }
        if round == 2 {
            daemon.kill().unwrap();
            daemon.start().unwrap();
        }
        by_position.start_replica().unwrap();
    }
    load.stop().unwrap();
    for replica in [&by_gtid, &by_position] {
        replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
        let tables = |server: &Server| server.checksum_tables("load_rows").unwrap();
        assert_eq!(tables(replica), tables(&primary));
    }
}

#[test]
fn by_tls_with_the_certificate_that_binlogd_makes_or_is_given() {
    let primary = primary();
    let pki = testkit::Pki::new().unwrap();
    let own = follow_semi_sync(&primary);
    let given = Daemon::new(BINLOGD, &primary.endpoint())
        .unwrap()
        .arg(format!("--tls-cert={}", pki.server_cert().display()))
        .arg(format!("--tls-key={}", pki.server_key().display()))
        .started()
        .unwrap();
    workload::TRANSACTIONS.run(&primary).unwrap();
    for spec in [source(&own).tls(None), source(&given).tls(Some(pki.ca()))] {
        let replica = replica();
        replica.replicate_from(&SourceSpec { public_key: false, ..spec }).unwrap();
        assert_equal(&primary, &replica);
        assert_eq!(replica.replica_status().unwrap().column("Source_SSL_Allowed"), "Yes");
    }
}

#[test]
fn a_replica_that_lacks_what_was_purged_is_told_so() {
    let primary = primary();
    workload::TRANSACTIONS.run(&primary).unwrap();
    let (file, _) = primary.binlog_end().unwrap();
    primary.sql(&format!("purge binary logs to '{file}'")).unwrap();
    let daemon = follow_semi_sync(&primary);
    let replica = replica();
    replica.replicate_from(&source(&daemon)).unwrap();
    replica
        .wait_for("the replica's error", PATIENCE, |replica| {
            let status = replica.replica_status()?;
            Ok(status.column("Last_IO_Errno") == "13114"
                && status.column("Last_IO_Error").contains("purged required binary logs"))
        })
        .unwrap();
}

#[test]
fn idle_replicas_get_heartbeats() {
    let primary = primary();
    let daemon = follow_semi_sync(&primary);
    let replica = replica();
    replica.replicate_from(&SourceSpec { heartbeat_s: Some(1), ..source(&daemon) }).unwrap();
    primary.sql("create database d").unwrap();
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    let count = |replica: &Server| -> anyhow::Result<u64> {
        let sql = "select count_received_heartbeats from \
                   performance_schema.replication_connection_status";
        Ok(replica.sql(sql)?.parse()?)
    };
    let before = count(&replica).unwrap_or(0);
    replica.wait_for("heartbeats", PATIENCE, |replica| Ok(count(replica)? > before + 1)).unwrap();
}
