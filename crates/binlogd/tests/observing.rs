//! What binlogd knows of its primary is true: the way to a dump waits for nothing, and what changes later is seen.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::thread;

use common::{BINLOGD, PATIENCE, follow, follow_semi_sync, logs, primary_with};
use testkit::server::Server;
use testkit::{Daemon, Flavour, wait_until};

/// A primary whose commits wait for an acknowledgement for much longer than a test may take.
fn patient_primary(flavour: Flavour) -> Server {
    let args: &[&str] = match flavour.is_mariadb() {
        true => &[
            "--rpl-semi-sync-master-timeout=600000",
            "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
            "--rpl-semi-sync-master-wait-no-slave=1",
        ],
        false => {
            &["--rpl-semi-sync-source-timeout=600000", "--rpl-semi-sync-source-wait-no-replica=1"]
        }
    };
    Server::builder(flavour).semi_sync().args(args.iter().copied()).start().unwrap()
}

/// Waits until a session of the server runs this statement.
fn runs(server: &Server, statement: &str) {
    let query = format!(
        "select count(*) from information_schema.processlist where lower(info) like '{statement}%'"
    );
    wait_until(statement, PATIENCE, || Ok(server.sql(&query)? == "1")).unwrap();
}

/// A commit waits for the acknowledgement of a binlogd that has died, and a rotation waits for the commit.
fn comes_back_while_a_rotation_waits(flavour: Flavour) {
    let primary = patient_primary(flavour);
    let role = if flavour.is_mariadb() { "master" } else { "source" };
    let mut daemon = follow_semi_sync(&primary);
    primary.sql("create database d; create table d.t (a int primary key)").unwrap();
    daemon.kill().unwrap();
    thread::scope(|scope| {
        let commit = scope.spawn(|| primary.sql("insert into d.t values (1)"));
        runs(&primary, "insert into d.t");
        let rotation = scope.spawn(|| primary.sql("flush binary logs"));
        runs(&primary, "flush binary logs");
        daemon.start().unwrap();
        let ended = wait_until("the commit and the rotation", PATIENCE, || {
            Ok(commit.is_finished() && rotation.is_finished())
        });
        if ended.is_err() {
            // It ends their waiting, so that the test can fail.
            primary.sql(&format!("set global rpl_semi_sync_{role}_enabled = OFF")).unwrap();
        }
        ended.unwrap();
    });
    assert_eq!(primary.status_var(&format!("Rpl_semi_sync_{role}_no_tx")).unwrap(), "0");
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
}

#[test]
fn a_rotation_that_waits_for_a_commit_does_not_delay_its_acknowledgement() {
    comes_back_while_a_rotation_waits(Flavour::Mysql97);
}

/// Waits until binlogd presents these values of its primary, which are asked for by one query.
fn presents(daemon: &Daemon, primary: &Server, query: &str) {
    let theirs = primary.sql(query).unwrap();
    let mut ours = String::new();
    wait_until("the primary's values", PATIENCE, || {
        ours = daemon.sql(primary.prefix(), query)?;
        Ok(ours == theirs)
    })
    .unwrap_or_else(|_| panic!("{query}: {ours}, but the primary has {theirs}"));
}

#[test]
fn readers_are_told_the_primarys_present_values() {
    let primary = Server::builder(Flavour::Mysql97).without_gtid().start().unwrap();
    primary.sql("set global gtid_mode = OFF_PERMISSIVE").unwrap();
    let daemon = follow(&primary);
    let query = "select @@global.gtid_mode, @@global.enforce_gtid_consistency, \
                 @@global.binlog_row_image, @@global.binlog_checksum, @@global.sql_mode, \
                 @@global.binlog_transaction_compression";
    presents(&daemon, &primary, query);
    for sql in [
        "set global enforce_gtid_consistency = ON",
        "set global gtid_mode = ON_PERMISSIVE",
        "set global gtid_mode = ON, global binlog_row_image = MINIMAL, global binlog_checksum = NONE",
        "set global binlog_transaction_compression = ON, global sql_mode = 'ANSI'",
    ] {
        primary.sql(sql).unwrap();
        presents(&daemon, &primary, query);
    }
    let executed =
        "select wait_for_executed_gtid_set('00000000-0000-0000-0000-000000000001:1', 0.01)";
    assert_eq!(daemon.sql(primary.prefix(), executed).unwrap(), "1", "GTIDs can be waited for");
    let connects = daemon.status_var(primary.prefix(), "Binlogd_upstream_connects").unwrap();
    assert_eq!(connects, "1", "it was one dump all the while");
}

/// `Binlogd_upstream_state` becomes this.
fn state_becomes(daemon: &Daemon, primary: &Server, state: &str) {
    wait_until(&format!("the state is '{state}'"), PATIENCE, || {
        Ok(daemon.status_var(primary.prefix(), "Binlogd_upstream_state")? == state)
    })
    .unwrap();
}

#[test]
fn semi_sync_that_is_installed_later_is_taken_part_in() {
    let mut primary = Server::start_new(Flavour::Mysql97).unwrap();
    let daemon = follow(&primary);
    state_becomes(&daemon, &primary, "Following");
    primary.sql("create database d; create table d.t (a int primary key auto_increment)").unwrap();
    primary
        .sql(
            "install plugin rpl_semi_sync_source soname 'semisync_source.so'; \
             set global rpl_semi_sync_source_timeout = 600000; \
             set global rpl_semi_sync_source_enabled = ON",
        )
        .unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    state_becomes(&daemon, &primary, "Following, semi-sync");
    logs(&daemon, &["WARN", "semi-sync has been installed"]);
    logs(&daemon, &["WARN", "now wait until they are stored"]);
    primary.sql("insert into d.t values ()").unwrap();
    assert_eq!(primary.status_var("Rpl_semi_sync_source_yes_tx").unwrap(), "1");

    // As a server that is promoted without the plugin.
    primary.restart_with(["--loose-rpl-semi-sync-source=OFF"]).unwrap();
    assert_eq!(primary.variable("rpl_semi_sync_source_enabled").unwrap(), "");
    state_becomes(&daemon, &primary, "Following");
    logs(&daemon, &["WARN", "no longer wait until they are stored", "not installed"]);
}

#[test]
fn semi_sync_that_is_switched_on_and_off_is_reported() {
    let primary = primary_with(&[]);
    let daemon = follow_semi_sync(&primary);
    state_becomes(&daemon, &primary, "Following, semi-sync");
    primary.sql("set global rpl_semi_sync_source_enabled = OFF").unwrap();
    state_becomes(&daemon, &primary, "Following");
    logs(&daemon, &["WARN", "no longer wait until they are stored", "off at the primary"]);
    let status = |name: &str| daemon.status_var(primary.prefix(), name).unwrap();
    assert_eq!(status("Rpl_semi_sync_replica_status"), "OFF");
    primary.sql("set global rpl_semi_sync_source_enabled = ON").unwrap();
    state_becomes(&daemon, &primary, "Following, semi-sync");
    logs(&daemon, &["WARN", "now wait until they are stored"]);
    assert_eq!(status("Rpl_semi_sync_replica_status"), "ON");
    assert_eq!(status("Binlogd_upstream_connects"), "1");
}

/// A primary to which a second connection cannot be made, after the dump has begun.
fn variables_that_cannot_be_read_are_reported(flavour: Flavour) -> (Server, Daemon) {
    let primary = Server::start_new(flavour).unwrap();
    let daemon = follow(&primary);
    // A MariaDB is first read to its end, over a connection of its own.
    let dumps = if flavour.is_mariadb() { "2" } else { "1" };
    let connects = || daemon.status_var(primary.prefix(), "Binlogd_upstream_connects");
    wait_until("the dump has begun", PATIENCE, || Ok(connects()? == dumps)).unwrap();
    presents(&daemon, &primary, "select @@global.binlog_row_image");
    primary.sql("alter user repl@'%' account lock").unwrap();
    let observers = "select id from information_schema.processlist
                     where user = 'repl' and command not like 'Binlog Dump%'";
    for row in primary.query_rows(observers).unwrap() {
        // It may have ended meanwhile.
        let _ = primary.sql(&format!("kill {}", row[0]));
    }
    let failed = ["WARN", "variables cannot be read over a second connection", "is locked"];
    logs(&daemon, &failed);
    primary.sql("alter user repl@'%' account unlock").unwrap();
    logs(&daemon, &["INFO", "the primary's variables can be read again"]);
    let log = daemon.log();
    let reports = log.lines().filter(|line| failed.iter().all(|word| line.contains(word)));
    assert_eq!(reports.count(), 1, "{log}");
    assert_eq!(connects().unwrap(), dumps, "it was one dump all the while");
    (primary, daemon)
}

#[test]
fn variables_and_files_that_cannot_be_read_are_reported() {
    let (primary, daemon) = variables_that_cannot_be_read_are_reported(Flavour::Mysql97);
    drop(daemon);
    // The files are only listed for transactions that may stand in none of them.
    primary.sql("revoke super, replication client on *.* from repl@'%'").unwrap();
    let daemon = follow(&primary);
    presents(&daemon, &primary, "select @@global.binlog_row_image");
    primary.sql("set global gtid_purged = '+aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee:1'").unwrap();
    logs(&daemon, &["WARN", "readers that lack them are not refused", "REPLICATION CLIENT"]);
    presents(&daemon, &primary, "select @@global.binlog_row_image");
}

/// The last transaction's end is gone from a file that was left: a power loss, or a disk that lied.
#[test]
fn a_primary_that_has_lost_its_tail_is_found_out() {
    let mut primary = Server::start_new(Flavour::Mysql97).unwrap();
    primary.sql("create database d; create table d.t (a int primary key)").unwrap();
    primary.sql("insert into d.t values (1)").unwrap();
    let (name, end) = primary.binlog_end().unwrap();
    let mut daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap().started().unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    daemon.kill().unwrap();
    primary.stop().unwrap();
    // An Xid event with its checksum.
    let file = std::fs::File::options().write(true).open(primary.datadir().join(&name)).unwrap();
    file.set_len(end - 31).unwrap();
    primary.start().unwrap();
    daemon.start().unwrap();
    logs(&daemon, &["has lost its tail", &name, &(end - 31).to_string(), &end.to_string()]);
}

mod on_mariadb {
    use super::*;

    #[test]
    fn a_rotation_that_waits_for_a_commit_does_not_delay_its_acknowledgement_by_11_8() {
        comes_back_while_a_rotation_waits(Flavour::Mariadb118);
    }

    #[test]
    fn a_rotation_that_waits_for_a_commit_does_not_delay_its_acknowledgement_by_10_11() {
        comes_back_while_a_rotation_waits(Flavour::Mariadb1011);
    }

    #[test]
    fn variables_that_cannot_be_read_are_reported() {
        super::variables_that_cannot_be_read_are_reported(Flavour::Mariadb118);
    }

    #[test]
    fn values_and_semi_sync_of_a_mariadb_are_its_present_ones() {
        let primary = Server::builder(Flavour::Mariadb118).semi_sync().start().unwrap();
        let daemon = follow_semi_sync(&primary);
        state_becomes(&daemon, &primary, "Following, semi-sync");
        let query = "select @@global.binlog_row_image, @@global.binlog_checksum, \
                     @@global.gtid_strict_mode, @@global.gtid_domain_id, \
                     @@global.binlog_annotate_row_events";
        presents(&daemon, &primary, query);
        primary
            .sql(
                "set global binlog_row_image = MINIMAL, global binlog_checksum = NONE, \
                 global gtid_strict_mode = 1, global gtid_domain_id = 7, \
                 global binlog_annotate_row_events = 0",
            )
            .unwrap();
        presents(&daemon, &primary, query);
        assert!(!daemon.log().contains("now wait until"), "nothing has changed:\n{}", daemon.log());
        primary.sql("set global rpl_semi_sync_master_enabled = OFF").unwrap();
        state_becomes(&daemon, &primary, "Following");
        logs(&daemon, &["WARN", "no longer wait until they are stored"]);
        primary.sql("set global rpl_semi_sync_master_enabled = ON").unwrap();
        state_becomes(&daemon, &primary, "Following, semi-sync");
    }
}
