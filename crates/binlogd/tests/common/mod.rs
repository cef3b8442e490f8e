//! What all tests of the real binary share.
#![allow(dead_code, reason = "each test file uses some of it")]

pub(crate) mod corpus;
pub(crate) mod crafted;
pub(crate) mod dumps;

use std::path::Path;
use std::time::Duration;

use testkit::server::Server;
use testkit::{Daemon, Flavour, wait_until};

/// For things that take a moment, on a machine that may be very busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test.
pub(crate) const BINLOGD: &str = env!("CARGO_BIN_EXE_binlogd");

/// A MySQL 9.7 primary with semi-sync, which waits ten seconds for an acknowledgement.
pub(crate) fn primary() -> Server {
    primary_with(&[])
}

/// The same with further options.
pub(crate) fn primary_with(args: &[&str]) -> Server {
    Server::builder(Flavour::Mysql97)
        .semi_sync()
        .arg("--rpl-semi-sync-source-timeout=10000")
        .args(args.iter().copied())
        .start()
        .unwrap()
}

/// A binlogd that follows `primary` and serves readers.
pub(crate) fn follow(primary: &Server) -> Daemon {
    Daemon::new(BINLOGD, &primary.endpoint()).unwrap().started().unwrap()
}

/// A binlogd that acknowledges, with a primary that waits for it.
pub(crate) fn follow_semi_sync(primary: &Server) -> Daemon {
    let daemon = follow(primary);
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    daemon
}

/// Starts it, expects it to end with code 1, and its last words to have all of these.
pub(crate) fn ends_saying(mut daemon: Daemon, words: &[&str]) {
    let (status, log) = daemon.run_to_end().unwrap();
    assert_eq!(status.code(), Some(1), "{log}");
    let last = log.lines().last().unwrap();
    assert!(last.starts_with("binlogd: "), "{last}");
    for word in words {
        assert!(last.contains(word), "no '{word}' in: {last}");
    }
}

/// Starts it, expects an ERROR in the log that has all of these words, and that it goes on until it is
/// stopped.
pub(crate) fn keeps_trying_saying(mut daemon: Daemon, words: &[&str]) {
    daemon.spawn().unwrap();
    logs(&daemon, &[&["ERROR"], words].concat());
    daemon.stop().unwrap();
}

/// Waits for a line in the log that has all of these words.
pub(crate) fn logs(daemon: &Daemon, words: &[&str]) {
    wait_until("the error is logged", PATIENCE, || {
        let log = daemon.log();
        Ok(log.lines().any(|line| words.iter().all(|word| line.contains(word))))
    })
    .unwrap_or_else(|_| panic!("no line with {words:?} in:\n{}", daemon.log()));
}

/// Arguments by which a MariaDB can encrypt, with its keys in this file.
pub(crate) fn with_keys(keys: &Path) -> [String; 3] {
    std::fs::write(keys, "1;770A8A65DA156D24EE2A093277530142\n").unwrap();
    let plugins = testkit::testbed::mariadb_plugins(Flavour::Mariadb118).unwrap();
    [
        format!("--plugin-dir={}", plugins.display()),
        "--plugin-load-add=file_key_management.so".to_owned(),
        format!("--file-key-management-filename={}", keys.display()),
    ]
}

/// The most memory that a process has had, in KiB; `None` if it has ended.
pub(crate) fn peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse().unwrap())
}
