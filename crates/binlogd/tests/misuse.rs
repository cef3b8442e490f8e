//! Wrong usage: exit code 2, whoever notices it, and before anything is opened.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::process::{Command, Output};

use common::BINLOGD;

fn binlogd(args: &[&str]) -> Output {
    Command::new(BINLOGD).args(args).output().unwrap()
}

fn refused(args: &[&str], words: &str) {
    let output = binlogd(args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}: {said}");
    assert!(said.contains(words) && !said.contains("secret"), "{args:?}: {said}");
}

/// Nobody listens there.
const URL: &str = "mysql://repl@127.0.0.1:1";

#[test]
fn options_that_do_not_go_together_are_wrong_usage() {
    let tail = |args: &[&str], words: &str| {
        refused(&[&["tail"], args, &["/nowhere"]].concat(), words);
    };
    tail(&["--option=include.query=true"], "--option is for --format debezium, maxwell and canal");
    tail(&["--format=maxwell", "--option=output_ddl"], "write NAME=VALUE");
    tail(&["--format=maxwell", "--option=ddl=true"], "--option: no option 'ddl'; there are ");
    tail(
        &["--format=debezium", "--option=decimal.handling.mode=exact"],
        "can be 'precise', 'double' or 'string', not 'exact'",
    );
    tail(&["--table=orders"], "write DB.TABLE, such as shop.orders or *.orders");
    tail(&["--gtids"], "--gtids is for --format sql");
    tail(&["--format=raw", "--kind=insert"], "whose bytes belong together");
    tail(&["--include-gtids=1-2-3-4"], "--include-gtids");
    tail(&["--start-position=4", "--from=end"], "cannot be used with");
    let set = "--gtid=3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5";
    refused(&["find", set, "/nowhere"], "is not one transaction's GTID");
    for command in ["tail", "stats", "undo"] {
        let times = [command, "--start-time=2026-01-31", "--stop-time=2026-01-31", "/nowhere"];
        refused(&times, "--stop-time is not behind --start-time");
    }
    refused(&["tail", "--follow", "-"], "standard input is read from its beginning");
}

#[test]
fn sources_that_cannot_be_meant_are_wrong_usage() {
    refused(&["events", &format!("{URL}/shop")], "'shop' is no binlog file");
    refused(&["undo", URL, "mysql-bin.000001"], "a server can only be read alone");
    refused(&["ls", "--register-id=7", "."], "--register-id is for a server");
    let file = format!("{URL}/binlog.000001");
    refused(&["tail", "--from=binlog.000001", &file], "name a file each");
    refused(&["stats", "mysql://repl@127.0.0.1:port"], "port");
    for place in ["mysql://repl:secret@127.0.0.1", "-"] {
        refused(&["verify", place], "only files and folders can be checked");
    }
}

#[test]
fn flags_of_serve_that_say_nothing_are_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = format!("--data-dir={}", data.display());
    let serve = |args: &[&str], words: &str| {
        refused(&[&["serve", &data, "--upstream", URL], args].concat(), words);
    };
    serve(&["--retention-max-age=soon"], "soon");
    serve(&["--user=nobody"], "user: write name:password");
    serve(&["--retention-max-bytes=500"], "is no size");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_is_asked_for_well_and_not_there_is_no_misuse() {
    for args in [&["tail", "/nowhere"][..], &["find", "--position=4", "/nowhere"]] {
        assert_eq!(binlogd(args).status.code(), Some(1), "{args:?}");
    }
}
