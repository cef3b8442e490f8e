//! What goes wrong at the start: a clear error each, with what to do. What only the primary can change is
//! tried again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::TcpListener;

use common::{
    BINLOGD, PATIENCE, ends_saying, follow, keeps_trying_saying, logs, primary, with_keys,
};
use testkit::server::Server;
use testkit::{Daemon, Endpoint, Flavour, wait_until};

#[test]
fn a_wrong_password() {
    let primary = primary();
    let to = Endpoint { password: "wrong".into(), ..primary.endpoint() };
    keeps_trying_saying(Daemon::new(BINLOGD, &to).unwrap(), &["Access denied", "repl", "password"]);
}

#[test]
fn a_primary_that_is_not_there_yet() {
    let mut primary = primary();
    let to = primary.endpoint();
    primary.stop().unwrap();
    let mut daemon = Daemon::new(BINLOGD, &to).unwrap();
    daemon.spawn().unwrap();
    logs(&daemon, &["cannot connect to 127.0.0.1", "does the server run", "retry_in"]);
    primary.start().unwrap();
    logs(&daemon, &["connected to the primary"]);
}

/// A stream whose account does not exist yet: its clients are told so at once, and when the account is there
/// it goes on by itself, and so does its replica.
fn a_first_start_that_fails_is_repeated(flavour: Flavour) {
    let primary = Server::start_new(flavour).unwrap();
    let to = Endpoint { user: "late".into(), password: "pw".into(), ..primary.endpoint() };
    let mut daemon = Daemon::new(BINLOGD, &to).unwrap();
    daemon.spawn().unwrap();
    logs(&daemon, &["ERROR", "Access denied", "late", "retry_in_s"]);
    let refused = daemon.sql(primary.prefix(), "select 1").unwrap_err().to_string();
    assert!(refused.contains("3168") && refused.contains("refuses binlogd's account"), "{refused}");
    assert!(!refused.contains("late"), "no names before a login: {refused}");
    let replica = Server::start_new(flavour).unwrap();
    replica.replicate_from(&daemon.as_source()).unwrap();
    wait_until("the replica is refused", PATIENCE, || {
        Ok(replica.replica_status()?.column("Last_IO_Error").contains("nothing to serve"))
    })
    .unwrap();

    let rights = if flavour.is_mariadb() { "binlog monitor" } else { "replication client" };
    let grant = format!("grant replication slave, {rights} on *.* to late");
    primary.sql(&format!("create user late identified by 'pw'; {grant}")).unwrap();
    logs(&daemon, &["connected to the primary"]);
    primary.sql("create database d").unwrap();
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    // Between CREATE USER and GRANT the account is refused for another reason, which is an error of its own.
    let log = daemon.log();
    let mut errors: Vec<_> = log
        .lines()
        .filter_map(|line| line.split_once(" ERROR ")?.1.split(" retry_in_s=").next())
        .collect();
    let all = errors.len();
    errors.sort_unstable();
    errors.dedup();
    assert_eq!(errors.len(), all, "an error that stays is logged once: {log}");
    daemon.stop().unwrap();
}

#[test]
fn an_account_that_does_not_exist_yet() {
    a_first_start_that_fails_is_repeated(Flavour::Mysql97);
}

#[test]
fn binary_logging_off() {
    let primary = Server::builder(Flavour::Mysql97).arg("--skip-log-bin").start().unwrap();
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    keeps_trying_saying(daemon, &["binary logging is off", "log_bin"]);
}

#[test]
fn an_account_that_may_not_replicate() {
    let primary = primary();
    primary.sql("create user weak identified by 'weak'").unwrap();
    let to = Endpoint { user: "weak".into(), password: "weak".into(), ..primary.endpoint() };
    keeps_trying_saying(
        Daemon::new(BINLOGD, &to).unwrap(),
        &["privilege", "GRANT REPLICATION SLAVE"],
    );
}

#[test]
fn semi_sync_wanted_but_not_enabled() {
    let primary = Server::start_new(Flavour::Mysql97).unwrap();
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap().arg("--semi-sync=on");
    keeps_trying_saying(daemon, &["semi-sync", "INSTALL PLUGIN", "auto"]);
}

#[test]
fn a_start_file_that_was_purged_or_never_was() {
    let primary = primary();
    primary
        .sql("flush binary logs; flush binary logs; purge binary logs to 'binlog.000003'")
        .unwrap();
    let daemon = |file: &str| {
        Daemon::new(BINLOGD, &primary.endpoint()).unwrap().arg(format!("--start={file}"))
    };
    keeps_trying_saying(daemon("binlog.000001"), &["has purged binlog.000001", "binlog.000003"]);
    keeps_trying_saying(
        daemon("binlog.000099"),
        &["no binlog file binlog.000099", "binlog.000003"],
    );
    keeps_trying_saying(daemon("nonsense.000001"), &["nonsense.000001", "binlog.000003"]);
}

#[test]
fn what_comes_next_was_purged_while_binlogd_was_away() {
    let primary = primary();
    let mut daemon = follow(&primary);
    primary.sql("create database d").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    daemon.stop().unwrap();
    primary
        .sql(
            "flush binary logs; create database e; flush binary logs; \
             purge binary logs to 'binlog.000003'",
        )
        .unwrap();
    let lost = format!("{}:2", primary.sql("select @@server_uuid").unwrap());
    // What is stored is still served.
    daemon.start().unwrap();
    logs(
        &daemon,
        &["binlog.000003", "does not follow", "binlog.000002 is missing", &lost, "new data dir"],
    );
    let files = daemon.sql(primary.prefix(), "show binary logs").unwrap();
    assert!(files.starts_with("binlog.000001\t"), "{files}");
}

#[test]
fn a_port_in_use() {
    let primary = primary();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let daemon =
        Daemon::new(BINLOGD, &primary.endpoint()).unwrap().arg(format!("--listen={address}"));
    ends_saying(daemon, &[&address, "in use"]);
}

#[test]
fn a_data_directory_of_another_stream_or_process() {
    let (one, other) = (primary(), primary());
    let mut first = follow(&one);
    one.sql("create database d").unwrap();
    first.wait_for_all_of(&one, PATIENCE).unwrap();
    let data = first.stream_dir().parent().unwrap().to_owned();

    let second = Daemon::new(BINLOGD, &one.endpoint()).unwrap().data_dir(&data);
    ends_saying(second, &["is locked", "another binlogd"]);

    first.stop().unwrap();
    let mut second =
        Daemon::new(BINLOGD, &other.endpoint()).unwrap().data_dir(&data).started().unwrap();
    let uuid = other.sql("select @@server_uuid").unwrap();
    logs(&second, &["holds the binlog of server", &uuid, "data directory of its own"]);
    second.stop().unwrap();
}

#[test]
fn a_primary_that_was_reset_is_not_taken_for_the_old_one() {
    let primary = primary();
    let mut daemon = follow(&primary);
    primary.sql("create database d; create table d.t (a int primary key)").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let before = daemon.sql(primary.prefix(), "show binary log status").unwrap();
    daemon.stop().unwrap();
    primary.sql("reset binary logs and gtids").unwrap();
    // Another history of at least the same length.
    primary.sql("create database e; create table e.t (a int primary key); drop table e.t").unwrap();
    daemon.start().unwrap();
    logs(&daemon, &["another history", "binlog.000001", "new data directory"]);
    assert_eq!(daemon.sql(primary.prefix(), "show binary log status").unwrap(), before);
}

#[test]
fn an_own_server_id_that_is_the_primarys() {
    let primary = primary();
    let id = primary.variable("server_id").unwrap();
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    keeps_trying_saying(daemon.arg(format!("--server-id={id}")), &[&id, "server_id"]);
}

/// An account with these privileges only.
fn account(primary: &Server, name: &str, privileges: &str) -> Endpoint {
    primary
        .sql(&format!(
            "create user {name}@'127.0.0.1' identified by 'pw';
             grant {privileges} on *.* to {name}@'127.0.0.1'"
        ))
        .unwrap();
    Endpoint { user: name.into(), password: "pw".into(), ..primary.endpoint() }
}

mod on_mariadb {
    use super::*;

    fn primary_with(args: &[&str]) -> Server {
        Server::builder(Flavour::Mariadb118).args(args.iter().copied()).start().unwrap()
    }

    #[test]
    fn an_account_that_does_not_exist_yet() {
        a_first_start_that_fails_is_repeated(Flavour::Mariadb118);
    }

    #[test]
    fn what_an_account_lacks_is_named_as_mariadb_names_it() {
        let primary = primary_with(&[]);
        let daemon = |to: &Endpoint| Daemon::new(BINLOGD, to).unwrap();
        let to = account(&primary, "nothing", "usage");
        let words = ["privilege", "GRANT REPLICATION SLAVE, BINLOG MONITOR ON"];
        keeps_trying_saying(daemon(&to), &words);
        let to = account(&primary, "looks", "binlog monitor");
        keeps_trying_saying(daemon(&to), &words);
        let to = account(&primary, "may", "replication slave, binlog monitor");
        let daemon = daemon(&to).started().unwrap();
        logs(&daemon, &["connected to the primary", "MariaDB"]);
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    }

    #[test]
    fn semi_sync_wanted_but_not_enabled() {
        let primary = primary_with(&[]);
        let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap().arg("--semi-sync=on");
        keeps_trying_saying(
            daemon,
            &["semi-sync", "SET GLOBAL rpl_semi_sync_master", "AFTER_SYNC"],
        );
        let id = primary.variable("server_id").unwrap();
        let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
        keeps_trying_saying(daemon.arg(format!("--server-id={id}")), &[&id, "server_id"]);
    }

    #[test]
    fn binary_logging_off() {
        let primary = primary_with(&["--skip-log-bin"]);
        let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
        keeps_trying_saying(daemon, &["binary logging is off", "log_bin", "option file"]);
    }

    #[test]
    fn a_primary_that_was_reset_is_not_taken_for_the_old_one() {
        let primary = primary_with(&[]);
        let mut daemon = follow(&primary);
        primary.sql("create database d; create table d.t (a int) engine = InnoDB").unwrap();
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        let before = daemon.sql(primary.prefix(), "show master status").unwrap();
        daemon.stop().unwrap();
        primary.sql("reset master").unwrap();
        // Another history of at least the same length, with the same GTIDs.
        primary.sql("create database e; create table e.t (a int); drop table e.t").unwrap();
        daemon.start().unwrap();
        logs(&daemon, &["another history", "binlog.000001", "new data directory"]);
        assert_eq!(daemon.sql(primary.prefix(), "show master status").unwrap(), before);
    }

    #[test]
    fn an_encrypted_binlog_is_named_as_one() {
        let keys = tempfile::NamedTempFile::new().unwrap();
        let args = with_keys(keys.path());
        let builder = Server::builder(Flavour::Mariadb118).args(args.clone());
        let mut primary = builder.arg("--encrypt-binlog=ON").start().unwrap();
        let daemon = || Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
        keeps_trying_saying(daemon(), &["encrypts its binlog", "encrypt_binlog = OFF"]);
        primary.restart_with(args).unwrap();
        let daemon = || Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
        // What it wrote before is still there.
        logs(&daemon().started().unwrap(), &["binlog.000001 is encrypted", "a later file"]);
        let daemon = daemon().arg("--start=current").started().unwrap();
        primary.sql("create database d").unwrap();
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    }

    #[test]
    fn a_second_replica_with_the_same_server_id() {
        let primary = primary_with(&[]);
        let daemon = || Daemon::new(BINLOGD, &primary.endpoint()).unwrap().arg("--server-id=4711");
        let first = daemon().started().unwrap();
        first.wait_for_all_of(&primary, PATIENCE).unwrap();
        let _second = daemon().started().unwrap();
        logs(&first, &["Another replica", "server_id"]);
    }
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn what_is_missing_is_named_as_5_6_names_it() {
        let primary = Server::start_new(Flavour::Mysql56).unwrap();
        let daemon = |to: &Endpoint| Daemon::new(BINLOGD, to).unwrap();
        let words = ["privilege", "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON"];
        keeps_trying_saying(daemon(&account(&primary, "nothing", "usage")), &words);
        keeps_trying_saying(daemon(&account(&primary, "looks", "replication client")), &words);
        let semi_sync = daemon(&primary.endpoint()).arg("--semi-sync=on");
        keeps_trying_saying(
            semi_sync,
            &["semi-sync", "rpl_semi_sync_master SONAME 'semisync_master.so'"],
        );
        let id = primary.variable("server_id").unwrap();
        keeps_trying_saying(daemon(&primary.endpoint()).arg(format!("--server-id={id}")), &[&id]);
        let wrong = Endpoint { password: "wrong".into(), ..primary.endpoint() };
        keeps_trying_saying(daemon(&wrong), &["Access denied", "repl", "password"]);
    }

    #[test]
    fn binary_logging_off() {
        let primary = Server::builder(Flavour::Mysql56).without_gtid().arg("--skip-log-bin");
        let primary = primary.arg("--skip-log-slave-updates").start().unwrap();
        let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
        keeps_trying_saying(daemon, &["binary logging is off", "log_bin", "option file"]);
    }
}
