//! What is printed is whole lines that a terminal only shows, and printing takes bounded memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::BINLOGD;
use crate::common::crafted::Crafted;
use serde_json::Value;
use testkit::Flavour;
use testkit::server::Server;

fn binlogd(args: &[&str], path: &Path) -> Output {
    Command::new(BINLOGD).args(args).arg(path).output().unwrap()
}

const FORMATS: [&[&str]; 6] = [
    &["tail"],
    &["tail", "--format=json"],
    &["tail", "--format=debezium"],
    &["tail", "--format=maxwell"],
    &["tail", "--format=canal"],
    &["events"],
];

#[test]
fn a_terminal_only_shows_what_is_printed() {
    let server = Server::builder(Flavour::Mysql97).arg("--binlog-row-metadata=FULL").start();
    let server = server.unwrap();
    let sql = "create database d; create table d.t (a int primary key, b varchar(99) charset utf8mb4, j json);
               flush logs;
               set names utf8mb4;
               insert into d.t values (1, _utf8mb4 0x5b1b5b33316d20c29b20e280ae20e280a85d, json_object('k', _utf8mb4 0x1bc29be280ae));
               create table d.`\u{9b}\u{202e}` (a int);
               insert into d.`\u{9b}\u{202e}` values (1)";
    server.sql(sql).unwrap();
    let file = server.binlog_files().unwrap().pop().unwrap();
    for command in
        FORMATS.iter().chain(&[&["stats"][..], &["find", "--table=d.*", "--all"], &["ls"]])
    {
        let output = binlogd(command, &file);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        for c in ['\u{1b}', '\u{9b}', '\u{202e}', '\u{2028}'] {
            assert!(!text.contains(c), "{command:?} {c:?}: {text}");
        }
    }
    // JSON says the same by other means.
    let json = binlogd(FORMATS[1], &file).stdout;
    let rows: Vec<Value> =
        json.split(|&b| b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let row = rows.iter().find(|row| row["type"] == "insert").unwrap();
    assert_eq!(row["after"]["b"], "[\u{1b}[31m \u{9b} \u{202e} \u{2028}]");
    assert_eq!(row["after"]["j"]["k"], "\u{1b}\u{9b}\u{202e}");
}

#[test]
fn a_line_that_cannot_be_written_whole_is_not_begun() {
    let args = ["--binlog-row-metadata=FULL", "--binlog-checksum=NONE"];
    let server = Server::builder(Flavour::Mysql97).args(args).start().unwrap();
    let sql = "create database d; create table d.t (a int primary key, j json); flush logs;
               insert into d.t values (1, '[1, 2]'), (2, '[3, 4, 12345]'); flush logs";
    server.sql(sql).unwrap();
    let files = server.binlog_files().unwrap();
    let mut bytes = fs::read(&files[files.len() - 2]).unwrap();
    // An array of three, the last of which has a type that does not exist.
    let array = [2_u8, 3, 0, 13, 0, 5, 3, 0, 5, 4, 0, 5];
    let at = bytes.windows(array.len()).position(|window| window == array).unwrap();
    bytes[at + array.len() - 1] = 0xee;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("binlog.000001");
    fs::write(&path, bytes).unwrap();
    for format in ["text", "json", "debezium", "maxwell", "canal", "sql"] {
        let output = binlogd(&["tail", "--format", format], &path);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{format}: {said}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{format}: {text}");
        assert!(!text.contains("[3"), "{format}: {text}");
        match format {
            // They are printed with the end of their transaction, or together.
            "maxwell" | "canal" => assert_eq!(text, "", "{format}"),
            _ => assert!(text.contains("[1"), "{format}: {text}"),
        }
        if matches!(format, "json" | "debezium") {
            text.lines().for_each(|line| _ = serde_json::from_str::<Value>(line).unwrap());
        }
    }
}

/// A transaction with one event of `count` rows of `d.t`, each NULL.
fn many_rows(count: usize) -> Crafted {
    rows_and(count, &[])
}

/// The same with more after the rows.
fn rows_and(count: usize, more: &[u8]) -> Crafted {
    let mut file = Crafted::new();
    file.statement("BEGIN");
    let map = b"\x07\0\0\0\0\0\x01\0\x01d\0\x01t\0\x01\x01\0\x01";
    file.event(19, 0, map);
    let head = b"\x07\0\0\0\0\0\x01\0\x02\0\x01\xff";
    let mut rows = head.to_vec();
    rows.resize(head.len() + count, 0xff);
    rows.extend(more);
    file.event(30, 0, &rows);
    file.event(16, 0, &[0; 8]);
    file
}

#[test]
fn a_long_line_that_cannot_be_written_whole_is_not_begun() {
    // The last row has a value, but no byte of it.
    let file = rows_and(100_000, &[0xfe]);
    let schema = file.path().with_extension("sql");
    fs::write(&schema, "create database d; use d; create table t (a tinyint);").unwrap();
    let args = ["tail", "--format=canal", "--schema", schema.to_str().unwrap()];
    let output = binlogd(&args, &file.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
}

#[test]
fn an_event_with_many_rows_takes_bounded_memory() {
    const ROWS: usize = 150_000;
    let file = many_rows(ROWS);
    let schema = file.path().with_extension("sql");
    fs::write(&schema, "create database d; use d; create table t (a tinyint);").unwrap();
    for format in ["json", "debezium", "maxwell", "sql"] {
        let output = Command::new("sh")
            .args(["-c", "ulimit -v 130000; exec \"$@\" | tail -c 100000 | wc -l", "sh", BINLOGD])
            .args(["tail", "--format", format, "--schema"])
            .args([&schema, &file.path()])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, "", "{format}");
        let lines: usize = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        assert!(lines > 50, "{format}: {lines}");
    }
    // Canal's message is one line, which is longer than the memory.
    let name = "a".repeat(64);
    fs::write(&schema, format!("create database d; use d; create table t ({name} tinyint);"))
        .unwrap();
    let file = many_rows(1_000_000);
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 130000; exec \"$@\" | tr , '\\n' | grep -c aaa", "sh", BINLOGD])
        .args(["tail", "--format=canal", "--schema"])
        .args([&schema, &file.path()])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    // Each row, and the columns' types.
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1000002");
    // Each row comes once, and has its number.
    let rows = 70_001;
    let file = many_rows(rows);
    let output = binlogd(&["tail", "--format=json", "--kind=insert"], &file.path());
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["row"].as_u64());
    assert!(numbers.eq(0..rows as u64));
}
