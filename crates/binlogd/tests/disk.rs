//! What binlogd keeps on its disk: who can read it, what a power failure may leave, and what happens
//! where there is no room or no descriptor for more.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{BINLOGD, PATIENCE, follow_semi_sync, logs, primary, primary_with};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use testkit::daemon::compare_files;
use testkit::{Daemon, Flavour, Server, wait_until};

/// All files and folders below a folder, and the folder itself.
fn all_in(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_in(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

/// Expects the modes that binlogd gives, of everything that it has made.
fn assert_modes(data: &Path) {
    let all = all_in(data);
    for name in ["DURABLE", "JOURNAL", "LOCK", "server_uuid", "binlog.index", "ca.pem"] {
        assert!(all.iter().any(|path| path.ends_with(name)), "no {name} in {all:?}");
    }
    for path in all {
        let is_secret = ["server-key.pem", "source.toml"].iter().any(|name| path.ends_with(name));
        let expected = match path.is_dir() {
            true => 0o750,
            false if is_secret => 0o600,
            false => 0o640,
        };
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
}

#[test]
fn files_are_closed_to_others_and_a_torn_certificate_is_made_anew() {
    let primary = primary();
    let mut daemon = Daemon::new(BINLOGD, &primary.endpoint())
        .unwrap()
        .after_shell("umask 0")
        .configured("")
        .unwrap()
        .started()
        .unwrap();
    primary.sql("create database d; flush binary logs").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let change = format!(
        "stop replica; change replication source to source_port = {}; start replica",
        primary.port()
    );
    daemon.sql(primary.prefix(), &change).unwrap();
    let data = daemon.stream_dir().parent().unwrap().to_owned();
    wait_until("the journal", PATIENCE, || {
        Ok(all_in(&data).iter().any(|path| path.ends_with("JOURNAL")))
    })
    .unwrap();
    daemon.stop().unwrap();
    assert_modes(&data);
    assert!(!daemon.log().contains("open to other users"), "{}", daemon.log());

    // As an earlier version has left them.
    for path in all_in(&data) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
    // A folder that somebody else has made is theirs.
    fs::set_permissions(&data, Permissions::from_mode(0o750)).unwrap();
    let key = data.join("tls/server-key.pem");
    fs::write(&key, "").unwrap();
    let cert = fs::read(data.join("tls/server-cert.pem")).unwrap();
    // The stream's folder, its lock, and the folder of the timeline with all that is in it.
    let count = 2 + all_in(&daemon.timeline_dir(&primary).unwrap()).len();
    daemon.start().unwrap();
    assert_modes(&data);
    let in_all = format!(" {count} in all");
    logs(&daemon, &["WARN", "open to other users", "default (mode 0755)", &in_all]);
    logs(&daemon, &["WARN", "made a new certificate", "server-key.pem"]);
    assert_ne!(fs::read(data.join("tls/server-cert.pem")).unwrap(), cert);
    primary.sql("create table d.t (a int primary key)").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
}

/// How often binlogd has connected to its primary so far.
fn connects(daemon: &Daemon, primary: &Server) -> u64 {
    daemon.status_var(primary.prefix(), "Binlogd_upstream_connects").unwrap().parse().unwrap()
}

/// How much the primary has sent to all its clients so far.
fn bytes_sent(primary: &Server) -> u64 {
    let row = primary.sql("show global status like 'Bytes_sent'").unwrap();
    row.split_once('\t').unwrap().1.parse().unwrap()
}

/// Lets the primary do things for some time, however long that takes here.
fn pass_time(primary: &Server) -> Duration {
    let begun = Instant::now();
    for _ in 0..100 {
        primary.sql("select 1").unwrap();
    }
    begun.elapsed()
}

#[test]
fn nothing_is_fetched_for_a_full_disk() {
    let primary = primary_with(&["--rpl-semi-sync-source-timeout=500"]);
    let daemon =
        Daemon::new(BINLOGD, &primary.endpoint()).unwrap().small_disk(64, 48).started().unwrap();
    primary.sql("create database d; create table d.t (a int primary key, b longblob)").unwrap();
    for n in 0..4 {
        primary.sql(&format!("insert into d.t values ({n}, repeat('x', 6 << 20))")).unwrap();
    }
    logs(&daemon, &["Free some space"]);
    let (before, sent) = (connects(&daemon, &primary), bytes_sent(&primary));
    pass_time(&primary);
    assert!(connects(&daemon, &primary) <= before + 1, "{}", daemon.log());
    assert!(bytes_sent(&primary) - sent < 32 << 20, "the primary sent all again and again");
    assert_eq!(daemon.log().matches("Free some space").count(), 1, "{}", daemon.log());
    daemon.free_disk().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    logs(&daemon, &["room on the disk again"]);
    compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
}

fn a_damaged_event_is_asked_for_less_and_less_often(flavour: Flavour) {
    let primary = Server::start_new(flavour).unwrap();
    let table =
        "create database d; create table d.t (a int primary key auto_increment, b longblob)";
    primary.sql(table).unwrap();
    primary.sql("insert into d.t (b) values (repeat('x', 1000000))").unwrap();
    primary.sql("insert into d.t (b) values ('SPOILT-LATER')").unwrap();
    primary.sql("insert into d.t (b) values ('y')").unwrap();
    let path = primary.binlog_files().unwrap().pop().unwrap();
    let at = fs::read(&path).unwrap().windows(12).position(|w| w == b"SPOILT-LATER").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"X", at as u64).unwrap();

    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap().started().unwrap();
    logs(&daemon, &["bad event from the primary", "checksum"]);
    let before = connects(&daemon, &primary);
    let passed = pass_time(&primary);
    // Waits double up to ten seconds, of which half may be left out.
    let most = 9 + passed.as_secs() / 4;
    let count = connects(&daemon, &primary) - before;
    assert!(count <= most, "{count} connections in {passed:?}");
    assert_eq!(daemon.log().matches("bad event from the primary").count(), 1, "{}", daemon.log());

    file.write_all_at(b"S", at as u64).unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
}

#[test]
fn a_damaged_event_is_no_storm() {
    a_damaged_event_is_asked_for_less_and_less_often(Flavour::Mysql97);
}

#[test]
fn clients_cannot_take_the_descriptors_that_commits_need() {
    let primary = primary();
    let daemon = Daemon::new(BINLOGD, &primary.endpoint())
        .unwrap()
        .after_shell("ulimit -Sn 64; ulimit -Hn 160")
        .started()
        .unwrap();
    logs(&daemon, &["WARN", "limit on open files, 160", "40 connections"]);
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    let address = ("127.0.0.1", daemon.endpoint().port);
    let silent: Vec<_> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
    primary.sql("create database d; create table d.t (a int primary key)").unwrap();
    for n in 0..5 {
        primary.sql(&format!("flush binary logs; insert into d.t values ({n})")).unwrap();
    }
    assert_eq!(primary.status_var("Rpl_semi_sync_source_no_tx").unwrap(), "0");
    assert_eq!(primary.status_var("Rpl_semi_sync_source_status").unwrap(), "ON");
    // A client is told so at once, unless one of the silent ones has timed out.
    if let Err(error) = daemon.sql(primary.prefix(), "select 1") {
        assert!(error.to_string().contains("ERROR 1040"), "{error}");
    }
    drop(silent);
    wait_until("clients are served", PATIENCE, || {
        Ok(daemon.sql(primary.prefix(), "select 1").is_ok())
    })
    .unwrap();
    assert_eq!(connects(&daemon, &primary), 1);
    assert!(!daemon.log().contains("cannot accept"), "{}", daemon.log());
}

#[test]
fn a_stream_that_had_no_descriptors_goes_on_without_a_restart() {
    let primary = primary_with(&["--rpl-semi-sync-source-timeout=500"]);
    let replica = Server::start_new(Flavour::Mysql97).unwrap();
    let daemon = follow_semi_sync(&primary);
    replica.replicate_from(&daemon.as_source()).unwrap();
    primary.sql("create database d; create table d.t (a int primary key)").unwrap();
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    let pid = daemon.pid().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    let limit = |current| {
        let limit = getrlimit(Resource::Nofile);
        prlimit(pid, Resource::Nofile, Rlimit { current, ..limit }).unwrap();
    };
    // Not one more, for the next file neither.
    limit(Some(3));
    primary.sql("flush binary logs; insert into d.t values (1)").unwrap();
    logs(&daemon, &["cannot create", "no file descriptors left"]);
    primary.sql("insert into d.t values (2); flush binary logs").unwrap();
    limit(Some(1000));
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    // The replica was not sent away for good.
    primary.sql("insert into d.t values (3)").unwrap();
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
}

mod on_mariadb {
    use super::*;

    #[test]
    fn a_damaged_event_is_no_storm() {
        a_damaged_event_is_asked_for_less_and_less_often(Flavour::Mariadb118);
    }
}
