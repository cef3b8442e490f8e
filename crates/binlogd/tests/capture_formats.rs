//! `binlogd tail` in the formats of tools that capture changes, of transactions of any size.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::BINLOGD;
use serde_json::Value;
use testkit::{Flavour, Server};

fn tail(args: &[&str], paths: &[PathBuf], tmpdir: &Path) -> Output {
    let mut command = Command::new(BINLOGD);
    command.arg("tail").args(args).args(paths).env("TMPDIR", tmpdir).output().unwrap()
}

fn objects(args: &[&str], paths: &[PathBuf]) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let output = tail(args, paths, dir.path());
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*err), (Some(0), ""), "{args:?}");
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);
    let out = String::from_utf8(output.stdout).unwrap();
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A server with two transactions whose rows are too much for the memory that they may wait in.
fn server() -> Server {
    let server =
        Server::builder(Flavour::Mysql97).arg("--binlog-row-metadata=FULL").start().unwrap();
    server
        .sql(
            "create database d; use d;
             create table t (id int primary key auto_increment, v longtext);
             create table small (id int);
             set session cte_max_recursion_depth = 1000;
             begin;
             insert into t (v) with recursive n (i) as (select 1 union all select i + 1 from n
                where i < 150) select repeat(char(64 + i % 26), 150000) from n;
             insert into small values (1);
             commit;
             insert into small values (2), (3);
             begin;
             update t set v = concat(v, '!');
             insert into small values (4);
             commit;",
        )
        .unwrap();
    server
}

#[test]
fn rows_for_maxwell_wait_on_disk_where_memory_does_not_do() {
    let server = server();
    let files = server.binlog_files().unwrap();
    let rows = objects(&["--format=maxwell", "--option=output_xoffset=true"], &files);
    assert_eq!(rows.len(), 150 + 1 + 2 + 150 + 1);
    let mut xids = Vec::new();
    let mut offset = 0;
    for row in &rows {
        if offset == 0 {
            xids.push(row["xid"].as_u64().unwrap());
        }
        assert_eq!(row["xid"].as_u64(), xids.last().copied());
        if row.get("commit").is_some() {
            offset = 0;
        } else {
            assert_eq!(row["xoffset"], offset);
            offset += 1;
        }
    }
    assert_eq!(xids.len(), 3);
    for (index, row) in rows[..150].iter().enumerate() {
        assert_eq!(row["data"]["id"], index + 1);
        assert_eq!(row["data"]["v"].as_str().unwrap().len(), 150_000);
        assert_eq!(rows[153 + index]["old"]["v"], row["data"]["v"]);
    }
    let small: Vec<_> = rows.iter().filter(|row| row["table"] == "small").collect();
    let ids: Vec<_> = small.iter().map(|row| row["data"]["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3, 4]);

    // Of what is chosen the last row commits.
    let chosen = objects(&["--format=maxwell", "--table=d.t", "--kind=insert"], &files);
    assert_eq!(chosen.len(), 150);
    assert!(chosen[149]["commit"] == true && chosen[148].get("commit").is_none());

    let nowhere = tail(&["--format=maxwell"], &files, Path::new("/nowhere"));
    let said = String::from_utf8(nowhere.stderr).unwrap();
    assert!(said.contains("(TMPDIR says where)"), "{said}");
    assert!(nowhere.stdout.is_empty());
}

#[test]
fn canals_messages_are_as_many_as_events_of_rows() {
    let server = server();
    let files = server.binlog_files().unwrap();
    let told = objects(&["--format=canal", "--kind=insert,update"], &files);
    let changes = objects(&["--format=json", "--kind=insert,update"], &files);
    let rows = changes.iter().filter(|change| change["table"].is_string());
    let events: BTreeSet<u64> = rows.map(|row| row["pos"].as_u64().unwrap()).collect();
    assert_eq!(told.len(), events.len());
    let rows: usize = told.iter().map(|message| message["data"].as_array().unwrap().len()).sum();
    assert_eq!(rows, 150 + 1 + 2 + 150 + 1);
    let ids: Vec<_> = told.iter().map(|message| message["id"].as_u64().unwrap()).collect();
    assert!(ids.iter().zip(1..).all(|(&id, number)| id == number), "{ids:?}");
}
