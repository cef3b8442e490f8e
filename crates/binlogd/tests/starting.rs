//! Where a new stream begins: the words, files, positions and GTIDs of `--start`, on every flavour.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{BINLOGD, PATIENCE, keeps_trying_saying};
use testkit::daemon::{source_name, stored_files};
use testkit::{Daemon, Flavour, Server};

fn from(primary: &Server, start: &str) -> Daemon {
    Daemon::new(BINLOGD, &primary.endpoint()).unwrap().arg(format!("--start={start}"))
}

/// Expects that the stream begins with this file, and that it and those behind it are the primary's.
fn begins_with(primary: &Server, start: &str, first: &str) {
    let daemon = from(primary, start).started().unwrap();
    daemon.wait_for_all_of(primary, PATIENCE).unwrap();
    let dir = daemon.stream_dir().join(format!("0001-{}", source_name(primary).unwrap()));
    let theirs = primary.binlog_files().unwrap();
    let name_of = |path: &std::path::Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let expected: Vec<_> =
        theirs.iter().map(|path| name_of(path)).skip_while(|name| name != first).collect();
    let stored: Vec<_> = stored_files(&dir).unwrap().iter().map(|path| name_of(path)).collect();
    assert_eq!(stored, expected, "from {start}");
    for path in theirs.iter().rev().skip(1).filter(|path| expected.contains(&name_of(path))) {
        assert!(std::fs::read(path).unwrap() == std::fs::read(dir.join(name_of(path))).unwrap());
    }
}

/// Four files, the first of which is purged. Returns the GTIDs at the ends of the first three.
fn four_files(primary: &Server) -> Vec<String> {
    let gtids = match primary.flavour().is_mariadb() {
        true => "select @@gtid_binlog_pos",
        false => "select @@global.gtid_executed",
    };
    primary.sql("create database d; create table d.t (a int primary key) engine = InnoDB").unwrap();
    let mut ends = Vec::new();
    for number in 1..=4 {
        primary.sql(&format!("insert into d.t values ({number})")).unwrap();
        if number < 4 {
            ends.push(primary.sql(gtids).unwrap().replace('\n', ""));
            primary.sql("flush binary logs").unwrap();
        }
    }
    primary.sql("purge binary logs to 'binlog.000002'").unwrap();
    ends
}

fn begins_where_it_is_told(flavour: Flavour) {
    let primary = Server::start_new(flavour).unwrap();
    let ends = four_files(&primary);
    for (start, first) in [
        ("earliest", "binlog.000002"),
        ("current", "binlog.000004"),
        ("binlog.000003", "binlog.000003"),
        ("binlog.000003:4", "binlog.000003"),
        (&ends[0], "binlog.000002"),
        (&ends[1], "binlog.000003"),
        (&ends[2], "binlog.000004"),
    ] {
        begins_with(&primary, start, first);
    }
    keeps_trying_saying(
        from(&primary, "binlog.000001"),
        &["has purged binlog.000001", "binlog.000002"],
    );
    keeps_trying_saying(from(&primary, "binlog.000003:9999999"), &["binlog.000003 has", "9999999"]);
    let (other, too_early) = match flavour.is_mariadb() {
        true => ("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5".to_owned(), {
            let (source, _) = ends[0].rsplit_once('-').unwrap();
            format!("{source}-1")
        }),
        false => ("0-1-25".to_owned(), "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5".to_owned()),
    };
    keeps_trying_saying(from(&primary, &other), &["no GTIDs of this primary", "they look like"]);
    keeps_trying_saying(
        from(&primary, &too_early),
        &["cannot send what follows", "purged", "earliest"],
    );
}

#[test]
fn at_a_word_a_file_or_a_gtid_set() {
    begins_where_it_is_told(Flavour::Mysql97);
}

#[test]
fn gtids_need_a_primary_that_has_them() {
    let primary = Server::builder(Flavour::Mysql97).without_gtid().start().unwrap();
    let gtids = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5";
    keeps_trying_saying(from(&primary, gtids), &["no GTIDs of this primary", "gtid_mode = ON"]);
}

mod on_mariadb {
    use super::*;

    #[test]
    fn at_a_word_a_file_or_a_gtid_position() {
        begins_where_it_is_told(Flavour::Mariadb118);
    }

    #[test]
    fn at_a_word_a_file_or_a_gtid_position_of_10_11() {
        begins_where_it_is_told(Flavour::Mariadb1011);
    }
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn at_a_word_a_file_or_a_gtid_set_of_5_6() {
        begins_where_it_is_told(Flavour::Mysql56);
    }
}
