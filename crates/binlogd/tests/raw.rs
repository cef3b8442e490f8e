//! `binlogd tail --format raw`: what it writes is a binlog, to binlogd and to the real mysqlbinlog.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::BINLOGD;
use serde_json::Value;
use testkit::binlog_gen::{BinlogGen, Options};
use testkit::server::{Endpoint, Server};
use testkit::{Flavour, workload};

fn binlogd(args: &[&str], files: &[PathBuf]) -> Output {
    Command::new(BINLOGD).args(args).args(files).output().unwrap()
}

fn printed(args: &[&str], files: &[PathBuf]) -> Vec<u8> {
    let output = binlogd(args, files);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Without the places of events, which are others in a copy.
fn changes(args: &[&str], files: &[PathBuf]) -> Vec<Value> {
    let json = printed(&[&["tail", "--format=json"], args].concat(), files);
    let lines = std::str::from_utf8(&json).unwrap().lines();
    lines
        .map(|line| {
            let mut object: Value = serde_json::from_str(line).unwrap();
            let fields = object.as_object_mut().unwrap();
            for place in ["file", "pos", "end"] {
                fields.remove(place);
            }
            object
        })
        .collect()
}

/// The chosen transactions as a binlog in `dir`.
fn copy(args: &[&str], files: &[PathBuf], dir: &Path) -> PathBuf {
    let path = dir.join("copy");
    fs::write(&path, printed(&[&["tail", "--format=raw"], args].concat(), files)).unwrap();
    let verified = Command::new(BINLOGD).arg("verify").arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success(), "{args:?}: {said}");
    path
}

/// What mysqlbinlog says of rows.
fn rows(server: &Server, files: &[PathBuf]) -> Vec<String> {
    let mut tool = server.mysqlbinlog();
    let output = tool.args(["-v", "--base64-output=decode-rows"]).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter(|line| line.starts_with("###")).map(str::to_owned).collect()
}

fn what_is_chosen_is_a_binlog_again(flavour: Flavour) {
    let server = Server::start_new(flavour).unwrap();
    for scenario in [workload::ROW_IMAGES, workload::TRANSACTIONS, workload::COMPRESSION] {
        scenario.run(&server).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    // There is no mysqlbinlog of its own for MySQL 5.6, and others write what it does not know.
    if flavour != Flavour::Mysql56 {
        it_replays(&server, dir.path());
    }
    workload::STATEMENTS.run(&server).unwrap();
    let files = server.binlog_files().unwrap();
    for file in &files {
        let one = copy(&[], std::slice::from_ref(file), dir.path());
        assert!(fs::read(one).unwrap() == fs::read(file).unwrap());
    }
    let whole = copy(&[], &files, dir.path());
    assert_eq!(changes(&[], std::slice::from_ref(&whole)), changes(&[], &files));
    let theirs = rows(&server, &files);
    assert!(theirs.len() > 100);
    assert_eq!(rows(&server, &[whole]), theirs);

    let all = changes(&[], &files);
    let time = all[all.len() / 2]["time"].to_string();
    let session = all.iter().find(|object| object["table"] == "no_key").unwrap();
    let session = session["thread_id"].to_string();
    let first = printed(&["tail", "--format=json"], &files[..1]);
    let first: Vec<Value> = std::str::from_utf8(&first)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let middle = first[20]["pos"].to_string();
    let begin = first.iter().rfind(|object| object["type"] == "begin").unwrap()["pos"].to_string();
    let gtid = all.iter().rev().find_map(|object| object["gtid"].as_str()).unwrap_or_default();
    let mut fewer = 0;
    for choice in [
        &["--start-time", &time][..],
        &["--stop-time", &time],
        &["--start-position", &middle],
        &["--stop-position", &middle],
        &["--thread-id", &session],
        &["--server-id", "4711"],
        &["--include-gtids", gtid],
        &["--exclude-gtids", gtid],
    ] {
        if choice.contains(&"") || session == "null" && choice[0] == "--thread-id" {
            continue;
        }
        let chosen = changes(choice, &files);
        let copy = copy(choice, &files, dir.path());
        assert_eq!(changes(&[], std::slice::from_ref(&copy)), chosen, "{choice:?}");
        fewer += usize::from(chosen.len() < all.len());
        rows(&server, &[copy]);
    }
    assert!(fewer > 3, "{fewer}");

    // In the middle of a file the server sends a format description that belongs to no place.
    let Endpoint { host, port, user, password } = server.endpoint();
    let url = [PathBuf::from(format!("mysql://{user}:{password}@{host}:{port}"))];
    let name = files[0].file_name().unwrap().to_str().unwrap();
    let copy = copy(&[&format!("--from={name}:{begin}")], &url, dir.path());
    assert_eq!(changes(&[], &[copy]), changes(&["--start-position", &begin], &files));
}

/// By mysqlbinlog, into a server that had nothing.
fn it_replays(server: &Server, dir: &Path) {
    let copy = copy(&[], &server.binlog_files().unwrap(), dir);
    let output = server.mysqlbinlog().arg(copy).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = dir.join("replay.sql");
    fs::write(&path, &output.stdout).unwrap();
    let target = Server::start_new(server.flavour()).unwrap();
    target.sql("reset master").or_else(|_| target.sql("reset binary logs and gtids")).unwrap();
    target.sql_file(&path, false).unwrap();
    let expected = workload::checksums(server).unwrap();
    assert!(expected.len() > 5, "{expected:?}");
    assert_eq!(workload::checksums(&target).unwrap(), expected);
}

#[test]
fn what_is_chosen_of_mysql_is_a_binlog_again() {
    what_is_chosen_is_a_binlog_again(Flavour::Mysql97);
}

#[test]
fn parts_of_transactions_are_no_choice_of_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = BinlogGen::new(1, Options::default());
    let path = dir.path().join(source.file_name());
    fs::write(&path, source.file(3)).unwrap();
    for choice in ["--table=d.t", "--database=d", "--kind=insert"] {
        let output = binlogd(&["tail", "--format=raw", choice], std::slice::from_ref(&path));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        assert!(said.contains("whose bytes belong together"), "{said}");
    }
}

#[test]
fn files_with_different_checksums_are_not_one_binlog() {
    let dir = tempfile::tempdir().unwrap();
    let file = |(name, checksums): (&str, bool)| {
        let path = dir.path().join(name);
        let mut source = BinlogGen::new(1, Options { checksums, ..Options::default() });
        fs::write(&path, source.file(3)).unwrap();
        path
    };
    let files = [("binlog.000001", true), ("binlog.000002", false)].map(file);
    let output = binlogd(&["tail", "--format=raw"], &files);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("one binlog cannot hold both: write them one by one"), "{said}");
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn what_is_chosen_is_a_binlog_again() {
        super::what_is_chosen_is_a_binlog_again(Flavour::Mysql56);
    }
}

mod on_mariadb {
    use super::*;

    #[test]
    fn what_is_chosen_is_a_binlog_again() {
        super::what_is_chosen_is_a_binlog_again(Flavour::Mariadb118);
    }
}
