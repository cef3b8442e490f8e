//! Trouble on the way to the primary: dead lines, damaged bytes, rivals, switches.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{BINLOGD, PATIENCE, follow, primary, primary_with};
use testkit::daemon::compare_files;
use testkit::server::Server;
use testkit::{Daemon, Proxy, wait_until};

fn logs(daemon: &Daemon, words: &[&str]) {
    wait_until("a line in the log", PATIENCE, || {
        Ok(daemon.log().lines().any(|line| words.iter().all(|word| line.contains(word))))
    })
    .unwrap_or_else(|_| panic!("no line with {words:?} in:\n{}", daemon.log()));
}

/// A binlogd that reaches the primary through a proxy, without TLS.
fn follow_through(proxy: &Proxy) -> Daemon {
    let url = format!(
        "mysql://repl:repl@127.0.0.1:{}/?ssl-mode=DISABLED&get-server-public-key=true",
        proxy.port()
    );
    let endpoint = testkit::Endpoint::local(proxy.port());
    Daemon::new(BINLOGD, &endpoint).unwrap().upstream(&url).started().unwrap()
}

fn assert_mirrored(daemon: &Daemon, primary: &Server) {
    daemon.wait_for_all_of(primary, PATIENCE).unwrap();
    compare_files(primary, &daemon.timeline_dir(primary).unwrap()).unwrap();
}

#[test]
fn a_dead_line_is_found_out_and_the_stream_goes_on_where_it_was() {
    let primary = primary_with(&["--rpl-semi-sync-source-timeout=200"]);
    let proxy = Proxy::to(primary.port()).unwrap();
    let daemon = follow_through(&proxy);
    primary.sql("create database d; create table d.t (a int primary key auto_increment)").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    proxy.cut();
    primary.sql("insert into d.t values ()").unwrap();
    logs(&daemon, &["nothing came from the primary for 10 s", "heartbeats"]);
    proxy.mend();
    assert_mirrored(&daemon, &primary);
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
}

#[test]
fn a_damaged_event_is_not_stored_and_comes_again() {
    let primary = primary_with(&["--rpl-semi-sync-source-timeout=200"]);
    let proxy = Proxy::to(primary.port()).unwrap();
    let daemon = follow_through(&proxy);
    primary.sql("create database d; create table d.t (a int primary key, b longtext)").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    for (n, offset) in [100, 5_000, 70_000, 900_000].into_iter().enumerate() {
        proxy.flip_bit_after(offset);
        primary.sql(&format!("insert into d.t values ({n}, repeat('x', 1000000))")).unwrap();
        wait_until("the damage", PATIENCE, || Ok(proxy.has_flipped())).unwrap();
        assert_mirrored(&daemon, &primary);
    }
    // Where the damage hits a packet's header it is the protocol that is broken.
    let log = daemon.log();
    assert!(log.contains("the bytes are damaged") || log.contains("not understood"), "{log}");
    primary.sql("flush binary logs").unwrap();
    assert_mirrored(&daemon, &primary);
}

#[test]
fn a_rival_with_the_same_identity_is_named() {
    let primary = primary();
    let daemon = follow(&primary);
    let uuid = std::fs::read_to_string(daemon.stream_dir().join("server_uuid")).unwrap();
    let rival = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    std::fs::create_dir_all(rival.stream_dir()).unwrap();
    std::fs::write(rival.stream_dir().join("server_uuid"), uuid).unwrap();
    let _rival = rival.started().unwrap();
    logs(&daemon, &["same server_uuid", "remove the server_uuid file"]);
}

#[test]
fn semi_sync_is_switched_on_and_off_while_binlogd_follows() {
    let primary = primary_with(&["--rpl-semi-sync-source-enabled=0"]);
    let daemon = follow(&primary);
    primary.sql("create database d; create table d.t (a int primary key auto_increment)").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    logs(&daemon, &["connected to the primary", "off at the primary"]);
    let yes = || primary.status_var("Rpl_semi_sync_source_yes_tx").unwrap();
    assert_eq!(yes(), "0");
    for round in 1..=3 {
        primary.sql("set global rpl_semi_sync_source_enabled = 1").unwrap();
        primary.sql("insert into d.t values ()").unwrap();
        assert_eq!(yes(), round.to_string());
        primary.sql("set global rpl_semi_sync_source_enabled = 0").unwrap();
        primary.sql("insert into d.t values ()").unwrap();
        assert_eq!(yes(), round.to_string());
    }
    assert_eq!(primary.status_var("Rpl_semi_sync_source_no_tx").unwrap(), "0");
    assert_mirrored(&daemon, &primary);
    assert_eq!(daemon.status_var(primary.prefix(), "Binlogd_upstream_connects").unwrap(), "1");
}
