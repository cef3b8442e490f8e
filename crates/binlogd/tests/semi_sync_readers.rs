//! Real replicas that acknowledge to binlogd, and a primary whose commits wait for them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{BINLOGD, PATIENCE, logs, primary_with};
use testkit::server::Server;
use testkit::{Daemon, Flavour, SourceSpec, wait_until};

fn follow(primary: &Server, ack: &str) -> Daemon {
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    let daemon = daemon.configured(&format!("[stream.ack]\n{ack}")).unwrap().started().unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    daemon
}

fn wait_for_status(server: impl Fn(&str) -> String, name: &str, value: &str) {
    wait_until(&format!("{name} is {value}"), PATIENCE, || Ok(server(name) == value)).unwrap();
}

/// How many acknowledgements readers were in time for, and how many not.
fn counts(status: impl Fn(&str) -> String) -> (u64, u64) {
    let count = |name| status(name).parse().unwrap();
    (count("Rpl_semi_sync_source_yes_tx"), count("Rpl_semi_sync_source_no_tx"))
}

#[test]
fn commits_wait_for_a_replica_until_it_takes_too_long() {
    let primary = primary_with(&["--rpl-semi-sync-source-timeout=100000"]);
    let daemon = follow(&primary, "wait_for_readers = 1\ntimeout = '1s'");
    let status = |name: &str| daemon.status_var(primary.prefix(), name).unwrap();
    primary.sql("create database d; create table d.t (a int primary key)").unwrap();
    let (yes, no) = counts(status);
    assert_eq!(yes, 0);
    assert!(no > 0, "nobody was there to acknowledge");
    assert_eq!(status("Rpl_semi_sync_source_status"), "OFF");

    let replica = Server::builder(Flavour::Mysql97).semi_sync().start().unwrap();
    replica.replicate_from(&daemon.as_source()).unwrap();
    wait_for_status(|n| replica.status_var(n).unwrap(), "Rpl_semi_sync_replica_status", "ON");
    wait_for_status(status, "Rpl_semi_sync_source_clients", "1");
    wait_for_status(status, "Rpl_semi_sync_source_status", "ON");
    for a in 0..20 {
        primary.sql(&format!("insert into d.t values ({a})")).unwrap();
    }
    primary.sql("flush binary logs").unwrap();
    primary.sql("insert into d.t values (20)").unwrap();
    let (yes, no_now) = counts(status);
    assert!(yes >= 20, "{yes}");
    assert_eq!(no_now, no, "each was acknowledged by the replica in time");

    replica.stop_replica().unwrap();
    wait_for_status(status, "Rpl_semi_sync_source_clients", "0");
    assert_eq!(status("Rpl_semi_sync_source_status"), "OFF", "nobody is left to acknowledge");
    logs(&daemon, &["WARN", "a reader that acknowledged has left"]);
    primary.sql("insert into d.t values (100)").unwrap();
    assert_eq!(counts(status).1, no + 1, "it was waited for in vain");
    assert_eq!(status("Rpl_semi_sync_source_status"), "OFF");
    primary.sql("insert into d.t values (101)").unwrap();

    replica.start_replica().unwrap();
    wait_for_status(status, "Rpl_semi_sync_source_status", "ON");
    let (yes, no) = counts(status);
    primary.sql("insert into d.t values (102)").unwrap();
    assert_eq!(counts(status), (yes + 1, no));
    assert_eq!(primary.status_var("Rpl_semi_sync_source_no_tx").unwrap(), "0");
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    assert_eq!(replica.sql("select count(*) from d.t").unwrap(), "24");
}

#[test]
fn what_comes_while_readers_are_waited_for_is_stored() {
    let primary = primary_with(&["--rpl-semi-sync-source-timeout=1000000"]);
    let daemon = follow(&primary, "wait_for_readers = 1\ntimeout = '1000s'");
    let status = |name: &str| daemon.status_var(primary.prefix(), name).unwrap();
    let replica = Server::builder(Flavour::Mysql97).semi_sync().start().unwrap();
    replica.replicate_from(&daemon.as_source()).unwrap();
    wait_for_status(status, "Rpl_semi_sync_source_clients", "1");
    primary.sql("create database d; create table d.t (a int primary key)").unwrap();
    replica.stop_replica().unwrap();
    wait_for_status(status, "Rpl_semi_sync_source_clients", "0");

    std::thread::scope(|scope| {
        let mut commits = Vec::new();
        for a in 0..4 {
            let end = primary.binlog_end().unwrap();
            let insert = format!("insert into d.t values ({a})");
            commits.push(scope.spawn(|| primary.sql(&{ insert }).unwrap()));
            let is_written = || Ok(primary.binlog_end()? != end);
            wait_until("the commit is in the binlog", PATIENCE, is_written).unwrap();
        }
        let stored = daemon.wait_for_all_of(&primary, PATIENCE);
        let is_early = commits.iter().any(|commit| commit.is_finished());
        // Before anything is asserted: the commits end by it.
        replica.start_replica().unwrap();
        stored.unwrap();
        assert!(!is_early, "nobody has acknowledged");
    });
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    assert_eq!(replica.sql("select count(*) from d.t").unwrap(), "4");
    assert_eq!(counts(status).1, 0, "all were waited for");
}

#[test]
fn replicas_that_acknowledge_are_waited_for_only_where_that_is_wanted() {
    let primary = primary_with(&[]);
    let daemon = follow(&primary, "offer = true");
    let replica = Server::builder(Flavour::Mysql97).semi_sync().start().unwrap();
    replica.replicate_from(&daemon.as_source()).unwrap();
    wait_for_status(|n| replica.status_var(n).unwrap(), "Rpl_semi_sync_replica_status", "ON");
    replica.stop_replica().unwrap();
    primary.sql("create database d; create table d.t (a int primary key)").unwrap();
    replica.start_replica().unwrap();
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    let status = |name: &str| daemon.status_var(primary.prefix(), name).unwrap();
    assert_eq!(counts(status), (0, 0));
    assert_eq!(status("Rpl_semi_sync_source_status"), "ON");
}

#[test]
fn acknowledgements_come_through_compression_and_tls() {
    let primary = primary_with(&[]);
    let daemon = follow(&primary, "wait_for_readers = 1\ntimeout = '30s'");
    let status = |name: &str| daemon.status_var(primary.prefix(), name).unwrap();
    let replica = Server::builder(Flavour::Mysql97).semi_sync().start().unwrap();
    let compressed = |spec: SourceSpec, algorithm: &str| SourceSpec {
        compression: Some(algorithm.to_owned()),
        ..spec
    };
    let plain = daemon.as_source();
    let ways = [
        compressed(plain.clone(), "zlib"),
        compressed(plain.clone(), "zstd"),
        plain.clone().tls(None),
        compressed(plain.clone().tls(None), "zlib"),
        compressed(plain.tls(None), "zstd"),
    ];
    let mut schema_is_there = false;
    for (way, source) in ways.iter().enumerate() {
        replica.replicate_from(source).unwrap();
        wait_for_status(|n| replica.status_var(n).unwrap(), "Rpl_semi_sync_replica_status", "ON");
        wait_for_status(status, "Rpl_semi_sync_source_clients", "1");
        if !std::mem::replace(&mut schema_is_there, true) {
            primary
                .sql("create database d; create table d.t (a int primary key, b longtext)")
                .unwrap();
        }
        let (yes, no) = counts(status);
        for a in 0..10 {
            // Also more than a compressed frame holds.
            let row = format!("({way}{a}, repeat('x{a}', {}))", if a == 5 { 200_000 } else { 10 });
            primary.sql(&format!("insert into d.t values {row}")).unwrap();
        }
        primary.sql("flush binary logs; delete from d.t where a % 10 = 3").unwrap();
        let (yes_now, no_now) = counts(status);
        assert!(yes_now >= yes + 11, "{source:?}: {yes} {yes_now}");
        assert_eq!(no_now, no, "{source:?}: each was acknowledged by the replica in time");
        replica.stop_replica().unwrap();
        wait_for_status(status, "Rpl_semi_sync_source_clients", "0");
    }
    replica.start_replica().unwrap();
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    assert_eq!(replica.checksum_tables("d").unwrap(), primary.checksum_tables("d").unwrap());
}

mod on_mariadb {
    use super::*;

    #[test]
    fn a_mariadb_replica_acknowledges_too() {
        let primary = Server::builder(Flavour::Mariadb118).semi_sync().start().unwrap();
        let daemon = follow(&primary, "wait_for_readers = 1\ntimeout = '5s'");
        let replica = Server::builder(Flavour::Mariadb118).semi_sync().start().unwrap();
        replica.replicate_from(&daemon.as_source()).unwrap();
        let status = |name: &str| daemon.status_var(primary.prefix(), name).unwrap();
        wait_for_status(status, "Rpl_semi_sync_master_clients", "1");
        wait_for_status(|n| replica.status_var(n).unwrap(), "Rpl_semi_sync_slave_status", "ON");
        primary.sql("create database d; create table d.t (a int primary key)").unwrap();
        wait_for_status(status, "Rpl_semi_sync_master_status", "ON");
        let (yes, no) = counts(status);
        primary.sql("insert into d.t values (1)").unwrap();
        assert_eq!(counts(status), (yes + 1, no));

        replica.stop_replica().unwrap();
        wait_for_status(status, "Rpl_semi_sync_master_clients", "0");
        assert_eq!(status("Rpl_semi_sync_master_status"), "OFF", "nobody is left to acknowledge");
        logs(&daemon, &["WARN", "a reader that acknowledged has left"]);
    }

    #[test]
    fn also_through_compression_and_tls() {
        let primary = Server::builder(Flavour::Mariadb118).semi_sync().start().unwrap();
        let daemon = follow(&primary, "wait_for_readers = 1\ntimeout = '30s'");
        let status = |name: &str| daemon.status_var(primary.prefix(), name).unwrap();
        let replicas = [Flavour::Mariadb118, Flavour::Mariadb1011]
            .map(|flavour| Server::builder(flavour).semi_sync().start().unwrap());
        primary.sql("create database d; create table d.t (a int primary key, b longtext)").unwrap();
        for (index, replica) in replicas.iter().enumerate() {
            for (way, compressed, tls) in [(1, true, false), (2, false, true), (3, true, true)] {
                replica
                    .sql(&format!("set global slave_compressed_protocol = {compressed}"))
                    .unwrap();
                let source = SourceSpec { tls, ..daemon.as_source() };
                replica.replicate_from(&source).unwrap();
                let of_replica = |n: &str| replica.status_var(n).unwrap();
                wait_for_status(of_replica, "Rpl_semi_sync_slave_status", "ON");
                wait_for_status(status, "Rpl_semi_sync_master_clients", "1");
                wait_for_status(status, "Rpl_semi_sync_master_status", "ON");
                let (yes, no) = counts(status);
                for a in 0..10 {
                    let size = if a == 5 { 30_000 } else { 10 };
                    let row = format!("({index}{way}{a}, repeat('x{a}', {size}))");
                    primary.sql(&format!("insert into d.t values {row}")).unwrap();
                }
                primary.sql("flush binary logs; delete from d.t where a % 10 = 3").unwrap();
                let (yes_now, no_now) = counts(status);
                assert!(yes_now >= yes + 11, "{index}, {way}: {yes} {yes_now}");
                assert_eq!(no_now, no, "{index}, {way}");
                replica.stop_replica().unwrap();
                wait_for_status(status, "Rpl_semi_sync_master_clients", "0");
            }
        }
        for replica in &replicas {
            replica.start_replica().unwrap();
            replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
            let table = |server: &Server| server.checksum_tables("d").unwrap();
            assert_eq!(table(replica), table(&primary));
        }
    }
}
