//! `binlogd stats`: what it counts is what was done, and what mysqlbinlog shows.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use common::BINLOGD;
use serde_json::Value;
use testkit::server::Server;
use testkit::{Flavour, workload};

fn stats(args: &[&str], files: &[PathBuf]) -> String {
    let output = Command::new(BINLOGD).arg("stats").args(args).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn counted(args: &[&str], files: &[PathBuf]) -> Value {
    serde_json::from_str(&stats(&[&["--json"], args].concat(), files)).unwrap()
}

fn sum(list: &Value, of: &str) -> u64 {
    list.as_array().unwrap().iter().map(|one| one[of].as_u64().unwrap()).sum()
}

#[test]
fn a_known_workload_is_counted_as_it_was() {
    let server = Server::start_new(Flavour::Mysql97).unwrap();
    server
        .sql(
            "create database shop; create table shop.a (id int primary key, v longtext); create table shop.b (id int);
             flush binary logs;
             start transaction; insert into shop.a values (1, 'x'), (2, 'y'), (3, 'z'); insert into shop.b values (1); commit;
             update shop.a set v = 'new' where id < 3; delete from shop.a where id = 3;
             insert into shop.a values (10, repeat('large', 20000));
             start transaction; insert into shop.b values (2); select sleep(3); insert into shop.b values (3); commit;
             set binlog_format = STATEMENT; update shop.b set id = id + 1; set binlog_format = ROW;
             set binlog_transaction_compression = ON; insert into shop.b values (7), (8); set binlog_transaction_compression = OFF;
             create table shop.c (id int);",
        )
        .unwrap();
    let files = server.binlog_files().unwrap();
    let file = &files[1..];
    let all = counted(&[], file);
    let total = &all["total"];
    for (what, expected) in [("transactions", 8), ("inserts", 9), ("updates", 2), ("deletes", 1)] {
        assert_eq!(total[what], expected, "{what}: {all}");
    }
    assert_eq!(
        (&all["statements"], &all["ddl"], &all["rolled_back"]),
        (&1.into(), &1.into(), &0.into())
    );
    let tables = all["tables"].as_array().unwrap();
    let table = |name: &str| tables.iter().find(|table| table["table"] == name).unwrap();
    let counts = |name: &str| {
        ["transactions", "inserts", "updates", "deletes"].map(|w| table(name)[w].as_u64().unwrap())
    };
    assert_eq!(tables.len(), 2);
    assert_eq!(counts("shop.a"), [4, 4, 2, 1]);
    assert_eq!(counts("shop.b"), [3, 5, 0, 0]);
    // Whole transactions are all of the file but its head.
    let begin = sum(&counted(&["--kind=insert,update,delete,ddl"], file)["sizes"], "transactions");
    assert_eq!(begin, 8);
    let first = &all["largest"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["position"].as_u64().unwrap())
        .min()
        .unwrap();
    assert_eq!(total["bytes"].as_u64().unwrap(), fs::metadata(&file[0]).unwrap().len() - first);

    let largest = &all["largest"][0];
    assert!(
        largest["bytes"].as_u64().unwrap() > 100_000
            && largest["rows"] == 1
            && largest["what"][0] == "shop.a"
    );
    let longest = &all["longest"][0];
    assert!((3..=30).contains(&longest["seconds"].as_u64().unwrap()), "{longest}");
    let uuid = server.variable("server_uuid").unwrap();
    assert!(longest["gtid"].as_str().unwrap().starts_with(&uuid) && longest["rows"] == 2);
    let found = Command::new(BINLOGD)
        .args(["find", "--json", "--gtid", longest["gtid"].as_str().unwrap()])
        .args(file)
        .output()
        .unwrap();
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["position"], longest["position"]);
    assert_eq!(
        (sum(&all["sizes"], "transactions"), sum(&all["durations"], "transactions")),
        (8, 8)
    );
    assert_eq!((sum(&all["spans"], "transactions"), sum(&all["spans"], "inserts")), (8, 9));
    assert_eq!(all["servers"][0]["transactions"], 8);

    let chosen = counted(&["--table=shop.a", "--kind=delete"], file);
    assert_eq!(
        (&chosen["total"]["transactions"], &chosen["total"]["deletes"]),
        (&1.into(), &1.into())
    );
    assert_eq!(counted(&["--top=1"], file)["largest"].as_array().unwrap().len(), 1);

    let text = stats(&[], file);
    assert!(text.contains("12 rows: 9 inserted, 2 updated, 1 deleted"), "{text}");
    assert!(text.contains("shop.a") && text.contains('█'), "{text}");
    a_page_stands_alone(file);
}

fn a_page_stands_alone(files: &[PathBuf]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.html");
    let printed = stats(&["--html", path.to_str().unwrap()], files);
    assert_eq!(printed, "");
    let page = fs::read_to_string(path).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert!(
        page.contains("<svg") && page.contains("shop.a") && page.contains("Longest transactions")
    );
    for outside in ["http:", "https:", "src=", "href=", "@import", "url(", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for tag in ["svg", "figure", "section", "table", "main", "g"] {
        assert_eq!(
            page.matches(&format!("</{tag}>")).count(),
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count(),
            "{tag}"
        );
    }
}

/// All types, and rows in every form, of all kinds of servers.
fn rows_are_as_many_as_mysqlbinlog_has(flavour: Flavour) {
    let server = Server::start_new(flavour).unwrap();
    for scenario in [workload::ROW_IMAGES, workload::TRANSACTIONS, workload::COMPRESSION] {
        scenario.run(&server).unwrap();
    }
    let files = server.binlog_files().unwrap();
    let theirs =
        server.mysqlbinlog().args(["-v", "--base64-output=decode-rows"]).args(&files).output();
    let theirs = String::from_utf8_lossy(&theirs.unwrap().stdout).into_owned();
    let ours = counted(&[], &files);
    for (kind, words) in [
        ("inserts", "### INSERT INTO"),
        ("updates", "### UPDATE `"),
        ("deletes", "### DELETE FROM"),
    ] {
        let count = theirs.lines().filter(|line| line.starts_with(words)).count() as u64;
        assert_eq!(
            (sum(&ours["tables"], kind), ours["total"][kind].as_u64().unwrap()),
            (count, count),
            "{kind}"
        );
        assert!(count > 2);
    }
}

#[test]
fn rows_are_as_many_as_mysqlbinlog_shows() {
    rows_are_as_many_as_mysqlbinlog_has(Flavour::Mysql97);
}

mod on_mariadb {
    use super::*;

    #[test]
    fn rows_are_as_many_as_mysqlbinlog_shows() {
        rows_are_as_many_as_mysqlbinlog_has(Flavour::Mariadb118);
    }
}
