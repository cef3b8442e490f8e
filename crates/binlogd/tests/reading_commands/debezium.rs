//! What Debezium's connector itself sent of a binlog, and what `tail` writes of the same file. Both were kept by
//! `cargo xtask compat --client debezium --record`, which compares them as well.

use std::process::Command;

use serde_json::Value;
use testkit::debezium::{SETTINGS, differences};

use crate::common::BINLOGD;

const BINLOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/debezium/binlog.000001");
const CONNECTOR: &str = include_str!("../data/debezium/connector.jsonl");

fn records(args: &[&str]) -> String {
    let mut tail = Command::new(BINLOGD);
    tail.args(["tail", "--format=debezium", "--option=keys=true"]).args(args);
    let settings = SETTINGS.iter().flat_map(|setting| ["--option", *setting]);
    let out = tail.args(settings).arg(BINLOG).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn records_are_those_of_the_connector() {
    let ours = records(&[]);
    let (theirs, ours): (Vec<_>, Vec<_>) = (CONNECTOR.lines().collect(), ours.lines().collect());
    let found = differences(&theirs, &ours).unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
    // All of the workload.
    assert!(theirs.len() > 200, "{}", theirs.len());
}

#[test]
fn definitions_are_known_that_come_before_what_is_chosen() {
    let made = CONNECTOR.lines().find(|line| line.contains("create table integers ")).unwrap();
    let made: Value = serde_json::from_str(made).unwrap();
    let after_it = made["value"]["source"]["pos"].as_u64().unwrap() + 1;
    let start = format!("--start-position={after_it}");
    let chosen = records(&[&start, "--table=dbz.integers", "--kind=insert"]);
    let first: Value = serde_json::from_str(chosen.lines().next().unwrap()).unwrap();
    let after = &first["value"]["after"];
    let known = (&first["key"]["id"], &after["truth"], &after["u8"]);
    assert_eq!(known, (&1.into(), &false.into(), &0.into()));
    assert_eq!(chosen.lines().count(), 4);
}

#[test]
fn tombstones_are_left_out_if_they_are_not_wanted() {
    let deletes = ["--table=dbz.unique_key", "--kind=delete"];
    let both = records(&deletes);
    let alone = records(&[&deletes[..], &["--option=tombstones.on.delete=false"]].concat());
    let both: Vec<&str> = both.lines().collect();
    assert_eq!(both.len(), 2);
    assert!(both[1].ends_with("},\"value\":null}"), "{}", both[1]);
    assert_eq!(alone.lines().count(), 1);
}
