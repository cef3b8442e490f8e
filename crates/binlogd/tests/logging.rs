//! The log: it never stands in the way, and people can read it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use common::{BINLOGD, PATIENCE, logs, primary};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustix::process::Signal;
use testkit::{Daemon, Endpoint, Flavour, Server, wait_until};

/// Nobody listens there.
fn nowhere() -> Endpoint {
    Endpoint { port: 1, ..Endpoint::local(1) }
}

#[test]
fn a_lost_full_or_blocked_stderr_is_not_in_the_way() {
    let primary = primary();
    primary.sql("create database d; create table d.t (a int primary key auto_increment)").unwrap();
    let without_reader = std::io::pipe().unwrap().1;
    let (reader, mut blocked) = std::io::pipe().unwrap();
    // As much as a pipe takes: every further byte waits for the reader, which reads nothing.
    blocked.write_all(&[b'x'; 64 << 10]).unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    for stderr in [OwnedFd::from(full), without_reader.into(), blocked.into()] {
        let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
        let mut daemon = daemon.env("RUST_LOG", "trace").stderr(stderr).started().unwrap();
        primary.wait_for_semi_sync(1, PATIENCE).unwrap();
        let acknowledged = || primary.status_var("Rpl_semi_sync_source_yes_tx").unwrap();
        let before: u64 = acknowledged().parse().unwrap();
        primary.sql("insert into d.t values (); insert into d.t values ()").unwrap();
        assert_eq!(acknowledged(), (before + 2).to_string());
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        daemon.stop().unwrap();
        primary.wait_for_semi_sync(0, PATIENCE).unwrap();
    }
    drop(reader);
}

#[test]
fn a_typo_in_rust_log_is_reported_and_hides_no_error() {
    let daemon = Daemon::new(BINLOGD, &nowhere()).unwrap();
    let mut daemon = daemon.env("RUST_LOG", "inof");
    daemon.spawn().unwrap();
    logs(&daemon, &["WARN", "RUST_LOG is 'inof'", "write a level"]);
    logs(&daemon, &["ERROR", "cannot connect to 127.0.0.1:1"]);
    daemon.stop().unwrap();
}

#[test]
fn signals_that_mean_nothing_are_logged_and_the_last_line_says_why_it_ended() {
    let primary = primary();
    let mut daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap().started().unwrap();
    logs(&daemon, &["INFO", "binlogd starts", env!("CARGO_PKG_VERSION")]);
    for (signal, words) in [
        (Signal::HUP, "SIGHUP is ignored: reload is not supported yet"),
        (Signal::USR1, "SIGUSR1 is ignored"),
        (Signal::USR2, "SIGUSR2 is ignored"),
        (Signal::PIPE, ""),
    ] {
        daemon.signal(signal).unwrap();
        logs(&daemon, &[words]);
    }
    primary.sql("create database d").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    daemon.stop().unwrap();
    let log = daemon.log();
    let last = log.lines().last().unwrap();
    assert!(last.contains("INFO") && last.contains("binlogd has stopped"), "{last}");
    // Nothing went wrong, so nothing else is a warning.
    let warnings = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR"));
    assert_eq!(warnings.filter(|line| !line.contains("is ignored")).count(), 0, "{log}");
}

#[test]
fn what_may_not_be_meant_is_a_warning_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(vec!["db1".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let key = KeyPair::generate().unwrap();
    let (cert_path, key_path) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    fs::write(&cert_path, params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&key_path, key.serialize_pem()).unwrap();
    let mut daemon = Daemon::new(BINLOGD, &nowhere())
        .unwrap()
        .arg("--user=open:")
        .arg(format!("--tls-cert={}", cert_path.display()))
        .arg(format!("--tls-key={}", key_path.display()));
    daemon.spawn().unwrap();
    logs(&daemon, &["WARN", "'open' has an empty password"]);
    logs(&daemon, &["WARN", "cert.pem", "expired on", "2021"]);
    daemon.stop().unwrap();
}

#[test]
fn standby_upstreams_need_gtids() {
    let primary = Server::builder(Flavour::Mysql97).without_gtid().start().unwrap();
    let Endpoint { host, port, user, password } = primary.endpoint();
    // The same server by another name.
    let daemon = Daemon::new(BINLOGD, &primary.endpoint())
        .unwrap()
        .arg(format!("--upstream=mysql://{user}:{password}@{host}:{port}/?ssl-mode=required"));
    let mut daemon = daemon.started().unwrap();
    logs(&daemon, &["WARN", "standby upstreams", "gtid_mode = ON"]);
    daemon.stop().unwrap();
}

#[test]
fn a_change_of_the_upstream_is_logged_with_the_new_host() {
    let primary = primary();
    let Endpoint { port, user, password, .. } = primary.endpoint();
    let down = Endpoint { port: 1, ..primary.endpoint() };
    let flags = Daemon::new(BINLOGD, &down).unwrap();
    let flags = flags.arg(format!("--upstream=mysql://{user}:{password}@127.0.0.1:{port}"));
    let daemon = flags.configured("").unwrap().started().unwrap();
    logs(&daemon, &["connected to the primary"]);
    daemon.sql(primary.prefix(), "stop replica").unwrap();
    logs(&daemon, &["STOP REPLICA", &format!("source=repl@127.0.0.1:{port}")]);
    let change = "change replication source to source_host='192.0.2.7', source_port=3399";
    daemon.sql(primary.prefix(), change).unwrap();
    logs(&daemon, &["CHANGE REPLICATION SOURCE", "user=\"app\"", "source=repl@192.0.2.7:3399"]);
    daemon.sql(primary.prefix(), "start replica").unwrap();
    let refused = daemon.sql(primary.prefix(), change).unwrap_err().to_string();
    assert!(refused.contains("3021"), "{refused}");
    logs(&daemon, &["WARN", "CHANGE REPLICATION SOURCE was refused"]);
    wait_until("readers are served on", PATIENCE, || {
        Ok(daemon.sql(primary.prefix(), "show binary logs").is_ok())
    })
    .unwrap();
}

#[test]
fn a_client_that_is_gone_is_no_error() {
    let primary = primary();
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap().arg("--admin=dba:pw");
    let daemon = daemon.started().unwrap();
    let dba = Endpoint { user: "dba".into(), password: "pw".into(), ..daemon.endpoint() };
    let mut client = primary.prefix().mysql_to(&dba);
    client.arg("--ssl-mode=REQUIRED").stdin(Stdio::piped()).stdout(Stdio::null());
    let mut client = client.spawn().unwrap();
    logs(&daemon, &["connected", r#"user="dba""#, r#"tls="TLSv1.3""#]);
    client.kill().unwrap();
    client.wait().unwrap();
    logs(&daemon, &["INFO", "left", r#"why="it closed the connection""#]);
    assert!(!daemon.log().contains("close_notify"), "{}", daemon.log());
}
