//! A MariaDB that dies while it writes leaves the beginning of a transaction in its file, and refuses to
//! send it. Everybody behind binlogd comes across that place.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::os::unix::fs::FileExt;
use std::process::Command;

use common::{PATIENCE, follow, logs};
use testkit::daemon::compare_files;
use testkit::torn::{TEARS, Tear, die_writing};
use testkit::{Daemon, Flavour, Server, SourceSpec, wait_until};

fn source(daemon: &Daemon) -> SourceSpec {
    SourceSpec { endpoint: daemon.endpoint(), ..SourceSpec::local(0) }
}

/// A row that comes twice, or of a transaction that never committed, shows in a table without a key.
fn insert(primary: &Server, what: &str) {
    primary.sql(&format!("insert into d.t values ('{what}', repeat('x', 100))")).unwrap();
}

fn assert_equal(primary: &Server, replicas: &[Server]) {
    for replica in replicas {
        replica.wait_for_replica_of(primary, PATIENCE).unwrap();
        let status = replica.replica_status().unwrap();
        assert!(status.io_running() && status.sql_running(), "{}", status.errors());
        assert_eq!(replica.checksum_tables("d").unwrap(), primary.checksum_tables("d").unwrap());
    }
}

fn output(args: &[&str], path: &std::path::Path) -> String {
    let out = Command::new(common::BINLOGD).args(args).arg(path).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&out.stderr));
    text
}

/// Replicas are there when the primary dies, and others come when all is over.
fn every_tear_is_crossed(flavour: Flavour, later: Flavour) {
    let mut primary = Server::builder(flavour).semi_sync().start().unwrap();
    let (file, pos) = primary.binlog_end().unwrap();
    primary.sql("create database d; create table d.t (what text, payload text)").unwrap();
    insert(&primary, "first");
    let mut daemon = follow(&primary);
    let replicas = |daemon: &Daemon, flavour| {
        let by_gtid = Server::start_new(flavour).unwrap();
        by_gtid.replicate_from(&source(daemon)).unwrap();
        let by_position = Server::start_new(flavour).unwrap();
        by_position.replicate_from(&source(daemon).at(file.as_str(), pos)).unwrap();
        [by_gtid, by_position]
    };
    let live = replicas(&daemon, flavour);
    assert_equal(&primary, &live);

    for tear in TEARS {
        insert(&primary, "before");
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let position = primary.sql("select @@gtid_binlog_pos").unwrap();
        let last: u64 = position.rsplit('-').next().unwrap().parse().unwrap();
        let torn = die_writing(&mut primary, tear).unwrap();
        primary.start().unwrap();
        insert(&primary, "after");
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap_or_else(|e| panic!("{tear:?}: {e:#}"));
        let (name, gtid) = (torn.file_name().unwrap().to_str().unwrap(), format!("-{}", last + 1));
        match tear {
            Tear::InFirstEvent => logs(&daemon, &["WARN", name, "has died while it wrote"]),
            Tear::BetweenEvents => logs(&daemon, &["WARN", name, "inside of a transaction", &gtid]),
            _ => logs(&daemon, &["WARN", name, "has died while it wrote", &gtid]),
        }
        assert_equal(&primary, &live);
        if tear == Tear::InHeader {
            daemon.kill().unwrap();
            daemon.start().unwrap();
        }
    }

    primary.sql("flush binary logs").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let dir = daemon.timeline_dir(&primary).unwrap();
    assert_eq!(compare_files(&primary, &dir).unwrap(), TEARS.len() + 2);
    assert_equal(&primary, &replicas(&daemon, later));

    daemon.stop().unwrap();
    output(&["verify", "--quiet"], &daemon.stream_dir());
    let rows = output(&["tail", "--format", "json", "--table", "d.t"], &dir);
    let inserts = rows.lines().filter(|line| line.contains("\"type\":\"insert\"")).count();
    assert_eq!(inserts, 1 + 2 * TEARS.len(), "{rows}");
}

mod on_mariadb {
    use super::*;

    #[test]
    fn every_torn_end_of_an_11_8_is_crossed() {
        every_tear_is_crossed(Flavour::Mariadb118, Flavour::Mariadb1011);
    }

    #[test]
    fn every_torn_end_of_a_10_11_is_crossed() {
        every_tear_is_crossed(Flavour::Mariadb1011, Flavour::Mariadb118);
    }

    /// The very first transaction, before which there are no GTIDs; and binlogd has nothing yet.
    #[test]
    fn a_first_transaction_that_is_torn_is_crossed_from_the_start() {
        let mut primary = Server::start_new(Flavour::Mariadb118).unwrap();
        primary.sql("create database d; create table d.t (what text, payload text)").unwrap();
        primary.sql("reset master").unwrap();
        insert(&primary, "lost");
        let torn = die_writing(&mut primary, Tear::InFirstEvent).unwrap();
        // Only the torn one is left, and that it was lost is all that the primary knows.
        let end = testkit::torn::first_transaction(&torn).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&torn).unwrap();
        file.set_len(end + 50).unwrap();
        primary.start().unwrap();
        insert(&primary, "after");
        let daemon = follow(&primary);
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        logs(&daemon, &["WARN", "has died while it wrote"]);
        let dir = daemon.timeline_dir(&primary).unwrap();
        assert_eq!(compare_files(&primary, &dir).unwrap(), 2);
    }

    /// A server's own folder has the beginning of what it rolled back, with the GTID of another transaction.
    #[test]
    fn what_was_torn_is_told_as_rolled_back() {
        let mut primary = Server::start_new(Flavour::Mariadb118).unwrap();
        let named = "set global binlog_row_metadata = FULL";
        primary.sql(named).unwrap();
        primary.sql("create database d; create table d.t (what text, payload text)").unwrap();
        insert(&primary, "before");
        die_writing(&mut primary, Tear::BetweenEvents).unwrap();
        primary.start().unwrap();
        primary.sql(named).unwrap();
        insert(&primary, "after");
        let files = primary.binlog_files().unwrap();
        let tail = |format| {
            let args = ["tail", "--format", format, "--table", "d.t", "--kind", "insert"];
            output(&args, files[0].parent().unwrap())
        };

        let json = tail("json");
        let object = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let kinds: Vec<_> = json.lines().map(|line| object(line)["type"].to_string()).collect();
        let wanted = ["begin insert commit", "begin insert rollback", "begin insert commit"];
        assert_eq!(kinds.join(" ").replace('"', ""), wanted.join(" "), "{json}");
        let sql = tail("sql");
        assert_eq!(sql.matches("BEGIN;").count(), 3, "{sql}");
        assert_eq!(sql.matches("ROLLBACK;").count(), 1, "{sql}");
        assert_eq!(tail("maxwell").lines().count(), 2);
        // Who has told its row has no word for taking that back.
        for (format, notes) in [("debezium", 1), ("canal", 1), ("maxwell", 0)] {
            let mut told = Command::new(common::BINLOGD);
            told.args(["tail", "--format", format, "--table", "d.t", "--kind", "insert"]);
            let told = told.arg(files[0].parent().unwrap()).output().unwrap();
            let said = String::from_utf8(told.stderr).unwrap();
            assert_eq!(said.matches(" rows that were told before are rolled back").count(), notes);
            assert_eq!(said.lines().count(), notes, "{said}");
        }
    }

    /// Behind a damaged event stand whole transactions: they must not be left out.
    #[test]
    fn damage_in_the_middle_of_a_file_is_not_taken_for_its_end() {
        let mut primary = Server::start_new(Flavour::Mariadb118).unwrap();
        primary.sql("create database d; create table d.t (what text, payload text)").unwrap();
        for what in ["one", "two", "three"] {
            insert(&primary, what);
        }
        primary.stop().unwrap();
        let path = primary.binlog_files().unwrap().pop().unwrap();
        let at = testkit::torn::first_transaction(&path).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        // A size that no event has.
        file.write_all_at(&[3, 0, 0, 0], at + 9).unwrap();
        primary.start().unwrap();
        insert(&primary, "after");
        let daemon = follow(&primary);
        logs(&daemon, &["ERROR", "bogus data in log event"]);
        wait_until("it has tried again", PATIENCE, || {
            let connects = daemon.status_var(primary.prefix(), "Binlogd_upstream_connects")?;
            Ok(connects.parse::<u32>()? >= 3)
        })
        .unwrap();
        let files = daemon.sql(primary.prefix(), "show binary logs").unwrap();
        assert_eq!(files.lines().count(), 1, "{files}");
        assert!(!daemon.log().contains("has died"), "{}", daemon.log());
    }
}
