//! What binlogd keeps on its disk: who can read it, what a power failure may leave, and what happens
//! where there is no room or no descriptor for more.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use common::{BINLOGD, PATIENCE, logs, primary};
use testkit::{Daemon, wait_until};

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
    daemon.start().unwrap();
    assert_modes(&data);
    logs(&daemon, &["WARN", "open to other users", "default (mode 0755)", "8 in all"]);
    logs(&daemon, &["WARN", "made a new certificate", "server-key.pem"]);
    assert_ne!(fs::read(data.join("tls/server-cert.pem")).unwrap(), cert);
    primary.sql("create table d.t (a int primary key)").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
}
