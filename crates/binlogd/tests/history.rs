//! What a primary sends must follow what is stored: files that it has lost, other histories of the same
//! server, changes of its names and of its GTID mode.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{BINLOGD, PATIENCE, follow, logs};
use testkit::server::Server;
use testkit::{Daemon, Flavour, SourceSpec, wait_until};

/// A primary that waits for nobody, with a table.
fn primary_of(flavour: Flavour, args: &[&str]) -> Server {
    let primary = Server::builder(flavour).args(args.iter().copied()).start().unwrap();
    primary.sql("create database d; create table d.t (i int primary key, v varchar(9))").unwrap();
    insert(&primary, 1..6, "old");
    primary
}

fn insert(primary: &Server, rows: std::ops::Range<u32>, value: &str) {
    let insert = |i| format!("insert into d.t values ({i}, '{value}');");
    primary.sql(&rows.map(insert).collect::<String>()).unwrap();
}

fn rows(server: &Server) -> String {
    server.sql("select v, min(i), max(i), count(*) from d.t group by v order by 2").unwrap()
}

fn last_file(primary: &Server) -> String {
    primary.binlog_end().unwrap().0
}

/// The names of the files that readers see.
fn served(daemon: &Daemon, primary: &Server) -> Vec<String> {
    let files = daemon.sql(primary.prefix(), "show binary logs").unwrap();
    files.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

fn verify(daemon: &Daemon) -> (bool, String) {
    let out = Command::new(BINLOGD).arg("verify").arg(daemon.stream_dir()).output().unwrap();
    (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
}

/// A copy of a directory, for a server that is down.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").args(["-a"]).args([from, to]).status().unwrap().success());
}

fn replica_of(daemon: &Daemon, flavour: Flavour) -> Server {
    let replica = Server::start_new(flavour).unwrap();
    let source = SourceSpec { endpoint: daemon.endpoint(), ..SourceSpec::local(0) };
    replica.replicate_from(&source).unwrap();
    replica
}

fn a_lost_file_is_a_gap(flavour: Flavour) {
    let mut primary = primary_of(flavour, &[]);
    let mut daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let before = served(&daemon, &primary);
    daemon.stop().unwrap();
    primary.sql("flush binary logs").unwrap();
    let lost = last_file(&primary);
    insert(&primary, 6..9, "gap");
    primary.sql("flush binary logs").unwrap();
    insert(&primary, 9..12, "new");
    primary.stop().unwrap();
    // The file and its line in the list.
    let (path, away) = (primary.datadir().join(&lost), primary.tmpdir().join(&lost));
    let list = fs::read_dir(primary.datadir()).unwrap().map(|entry| entry.unwrap().path());
    let list = list.filter(|path| path.extension().is_some_and(|end| end == "index"));
    let list = list.into_iter().find(|path| fs::read_to_string(path).unwrap().contains(&lost));
    let list = list.unwrap();
    let lines = fs::read_to_string(&list).unwrap();
    let without: String =
        lines.lines().filter(|line| !line.contains(&lost)).map(|l| format!("{l}\n")).collect();
    fs::write(&list, &without).unwrap();
    fs::rename(&path, &away).unwrap();
    primary.start().unwrap();

    daemon.start().unwrap();
    logs(&daemon, &["does not follow", &lost, "is missing", "ERROR"]);
    assert_eq!(served(&daemon, &primary), before);
    assert!(verify(&daemon).0);

    // Put back, it goes on by itself.
    primary.stop().unwrap();
    let added = fs::read_to_string(&list).unwrap().replace(&without, "");
    fs::write(&list, lines + &added).unwrap();
    fs::rename(&away, &path).unwrap();
    primary.start().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    assert!(verify(&daemon).0);
}

/// A primary that was restored to what it was before its last transactions. Its GTIDs come again for others, so no setting
/// lets both histories into one store.
fn another_history_is_never_mixed_in(flavour: Flavour) {
    let mut primary = primary_of(flavour, &[]);
    primary.stop().unwrap();
    let snapshot = primary.tmpdir().join("snapshot");
    copy(&primary.datadir(), &snapshot);
    primary.start().unwrap();
    let daemon = Daemon::new(BINLOGD, &primary.endpoint())
        .unwrap()
        .arg("--on-fork=new-timeline")
        .started()
        .unwrap();
    insert(&primary, 6..11, "lost");
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let before = served(&daemon, &primary);

    primary.stop().unwrap();
    fs::remove_dir_all(primary.datadir()).unwrap();
    copy(&snapshot, &primary.datadir());
    primary.start().unwrap();
    insert(&primary, 6..8, "new");
    primary.sql("flush binary logs").unwrap();
    insert(&primary, 8..20, "newer");
    logs(
        &daemon,
        &["on_fork = \"new-timeline\" does not apply here", "new data directory", "ERROR"],
    );

    // A reader gets the stored history and nothing else.
    assert_eq!(served(&daemon, &primary), before);
    let fresh = replica_of(&daemon, flavour);
    wait_until("the stored history is read", PATIENCE, || {
        Ok(fresh.sql("select max(i) from d.t where v = 'lost'").is_ok_and(|max| max == "10"))
    })
    .unwrap();
    assert!(!rows(&fresh).contains("new"));
    let (is_good, findings) = verify(&daemon);
    assert!(is_good, "{findings}");
}

/// The last stored file is complete, and the primary, restored before it, has purged all files but later ones.
fn a_later_file_of_another_history_is_not_joined(flavour: Flavour) {
    let mut primary = primary_of(flavour, &[]);
    primary.stop().unwrap();
    let snapshot = primary.tmpdir().join("snapshot");
    copy(&primary.datadir(), &snapshot);
    primary.start().unwrap();
    let mut daemon = follow(&primary);
    insert(&primary, 6..11, "lost");
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let before = served(&daemon, &primary);
    let last = last_file(&primary);
    daemon.stop().unwrap();

    primary.stop().unwrap();
    fs::remove_dir_all(primary.datadir()).unwrap();
    copy(&snapshot, &primary.datadir());
    primary.start().unwrap();
    insert(&primary, 6..30, "new");
    while last_file(&primary) <= last {
        primary.sql("flush binary logs").unwrap();
    }
    primary.wait_for_checkpoint(PATIENCE).unwrap();
    primary.sql(&format!("purge binary logs to '{}'", last_file(&primary))).unwrap();
    daemon.start().unwrap();
    logs(&daemon, &["does not follow the stored", "are not stored", "ERROR"]);
    assert_eq!(served(&daemon, &primary), before);
}

fn empty_files_may_be_purged(flavour: Flavour) {
    let primary = primary_of(flavour, &[]);
    let mut daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    daemon.stop().unwrap();
    primary.sql("flush binary logs; flush binary logs").unwrap();
    primary.wait_for_checkpoint(PATIENCE).unwrap();
    primary.sql(&format!("purge binary logs to '{}'", last_file(&primary))).unwrap();
    daemon.start().unwrap();
    insert(&primary, 6..9, "new");
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    logs(&daemon, &["by GTID no transaction was in them"]);
    let replica = replica_of(&daemon, flavour);
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    assert_eq!(rows(&replica), rows(&primary));
    let (is_good, findings) = verify(&daemon);
    assert!(is_good && findings.contains("no transaction was in"), "{findings}");
}

const RENAMED: [&str; 2] = ["--log-bin=other", "--log-bin-index=other"];

/// By GTID nothing is missing.
fn a_new_base_name_is_followed(flavour: Flavour) {
    let mut primary = primary_of(flavour, &[]);
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    let daemon = daemon.configured("").unwrap().started().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let old = served(&daemon, &primary);
    let early = replica_of(&daemon, flavour);
    early.wait_for_replica_of(&primary, PATIENCE).unwrap();
    if flavour.is_mariadb() {
        // It keeps its GTIDs beside its files, under their base name.
        let base = last_file(&primary).split('.').next().unwrap().to_owned();
        primary.stop().unwrap();
        let dir = primary.datadir();
        fs::copy(dir.join(format!("{base}.state")), dir.join("other.state")).unwrap();
    }
    primary.restart_adding(RENAMED).unwrap();
    insert(&primary, 6..9, "new");
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    logs(&daemon, &["beginning a new timeline"]);
    let files = served(&daemon, &primary);
    assert!(files.starts_with(&old) && files.last().unwrap() == "other.000001", "{files:?}");

    // Readers by GTID, one of them connected all the time, and one by position.
    for replica in [early, replica_of(&daemon, flavour)] {
        replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
        assert_eq!(rows(&replica), rows(&primary));
    }
    let mut tool = primary.prefix().mysqlbinlog_from(&daemon.endpoint());
    let tool = tool.args(["--to-last-log", "--base64-output=decode-rows", "-v", &old[0]]);
    let out = tool.output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let count = |value: &str| text.matches(&format!("@2='{value}'")).count();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!((count("old"), count("new")), (5, 3));
    let (is_good, findings) = verify(&daemon);
    assert!(is_good, "{findings}");

    // It goes on under the new name.
    primary.restart().unwrap();
    insert(&primary, 9..12, "more");
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    assert_eq!(served(&daemon, &primary).last().unwrap(), "other.000002");
    assert!(verify(&daemon).0);
    purge_goes_by_the_order_of_the_files(&daemon, &primary, &old);
}

/// `ls` and PURGE take the files of both base names as one sequence: the old ones come first.
fn purge_goes_by_the_order_of_the_files(daemon: &Daemon, primary: &Server, old: &[String]) {
    let listed = || {
        let out = Command::new(BINLOGD).args(["ls", "--json"]).arg(daemon.stream_dir()).output();
        let out = out.unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let names = String::from_utf8(out.stdout).unwrap();
        let name = |line: &str| {
            let file: serde_json::Value = serde_json::from_str(line).unwrap();
            let path = file["file"].as_str().unwrap().to_owned();
            path.rsplit('/').next().unwrap().to_owned()
        };
        names.lines().map(name).collect::<Vec<_>>()
    };
    let all = served(daemon, primary);
    assert_eq!(listed(), all);
    let purge = |name: &str| {
        daemon.sql(primary.prefix(), &format!("purge binary logs to '{name}'")).unwrap();
        served(daemon, primary)
    };
    assert_eq!(purge(&old[0]), all);
    assert_eq!(purge("other.000001"), ["other.000001", "other.000002"]);
    assert_eq!(listed(), ["other.000001", "other.000002"]);
    let (is_good, findings) = verify(daemon);
    assert!(is_good, "{findings}");
    insert(primary, 12..13, "more");
    daemon.wait_for_all_of(primary, PATIENCE).unwrap();
}

/// Without GTIDs, or where the server has forgotten those that it gave.
fn a_new_base_name_is_reported(flavour: Flavour, args: &[&str]) {
    let mut primary = primary_of(flavour, args);
    let daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let before = served(&daemon, &primary);
    primary.restart_adding(RENAMED).unwrap();
    insert(&primary, 6..9, "new");
    logs(&daemon, &["another base name", "new data directory", "ERROR"]);
    assert_eq!(served(&daemon, &primary), before);
}

#[test]
fn a_file_that_the_primary_has_lost_is_reported_and_can_be_put_back() {
    a_lost_file_is_a_gap(Flavour::Mysql97);
}

#[test]
fn a_restored_primarys_history_is_never_mixed_in() {
    another_history_is_never_mixed_in(Flavour::Mysql97);
}

#[test]
fn files_without_transactions_may_be_purged_meanwhile() {
    empty_files_may_be_purged(Flavour::Mysql97);
}

#[test]
fn a_file_that_comes_next_by_name_alone_is_not_joined() {
    a_later_file_of_another_history_is_not_joined(Flavour::Mysql97);
}

#[test]
fn files_of_another_base_name_are_reported() {
    a_new_base_name_is_reported(Flavour::Mysql97, &["--gtid-mode=OFF"]);
}

#[test]
fn files_of_another_base_name_are_followed_by_gtid() {
    a_new_base_name_is_followed(Flavour::Mysql97);
}

#[test]
fn a_primary_that_changes_its_gtid_mode_is_followed_on() {
    let consistent = "--enforce-gtid-consistency=ON";
    let mut primary = primary_of(Flavour::Mysql97, &["--gtid-mode=OFF", consistent]);
    let daemon = follow(&primary);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    primary.restart_adding(["--gtid-mode=ON"]).unwrap();
    insert(&primary, 6..9, "on");
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    logs(
        &daemon,
        &["does not send the last stored transaction again", "going on after that transaction"],
    );
    primary.restart_adding(["--gtid-mode=OFF"]).unwrap();
    insert(&primary, 9..12, "off");
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    testkit::daemon::compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
    // What it does not send any more cannot be had, but it says what to do.
    primary.restart_adding(["--gtid-mode=ON"]).unwrap();
    let late = follow(&primary);
    logs(&late, &["gtid_mode = ON_PERMISSIVE"]);
    primary.sql("set global gtid_mode = ON_PERMISSIVE").unwrap();
    late.wait_for_all_of(&primary, PATIENCE).unwrap();
}

mod on_mariadb {
    use super::*;

    #[test]
    fn a_file_that_the_primary_has_lost_is_reported_and_can_be_put_back() {
        a_lost_file_is_a_gap(Flavour::Mariadb118);
    }

    #[test]
    fn a_restored_primarys_history_is_never_mixed_in() {
        another_history_is_never_mixed_in(Flavour::Mariadb118);
    }

    #[test]
    fn files_without_transactions_may_be_purged_meanwhile() {
        empty_files_may_be_purged(Flavour::Mariadb118);
    }

    #[test]
    fn a_file_that_comes_next_by_name_alone_is_not_joined() {
        a_later_file_of_another_history_is_not_joined(Flavour::Mariadb118);
    }

    #[test]
    fn files_of_another_base_name_are_reported() {
        a_new_base_name_is_reported(Flavour::Mariadb118, &[]);
    }

    #[test]
    fn files_of_another_base_name_are_followed_by_gtid() {
        a_new_base_name_is_followed(Flavour::Mariadb118);
    }
}
