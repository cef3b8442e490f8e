//! What filters choose, and what is said if that is nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::BINLOGD;
use serde_json::Value;
use testkit::Flavour;
use testkit::server::Server;

fn binlogd(args: &[&str], file: &Path) -> Output {
    Command::new(BINLOGD).args(args).arg(file).output().unwrap()
}

fn objects(args: &[&str], file: &Path) -> Vec<Value> {
    let output = binlogd(args, file);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The statements and the tables with rows.
fn chosen(args: &[&str], file: &Path) -> (Vec<String>, Vec<String>) {
    let objects = objects(&[&["tail", "--format=json"], args].concat(), file);
    let texts = |key: &str| {
        objects.iter().filter_map(|object| object[key].as_str()).map(str::to_owned).collect()
    };
    (texts("sql"), texts("table"))
}

fn file_of(server: &Server) -> PathBuf {
    let sql = "create database shop; use shop; flush logs;
               create table orders (a int primary key); create table orders2 (a int primary key);
               create user u; grant select on shop.* to u; grant select on shop.orders2 to u;
               insert into orders values (1); insert into orders2 values (2), (3);
               alter table orders2 add b int; truncate table orders2;
               create view v as select * from orders;
               create database other; create table other.t (a int); rename table orders to other.moved;
               insert into other.moved values (4)";
    server.sql(sql).unwrap();
    server.binlog_files().unwrap().pop().unwrap()
}

fn filters_choose_what_they_name(flavour: Flavour) {
    let server = Server::start_new(flavour).unwrap();
    let file = file_of(&server);

    let (statements, tables) = chosen(&["--table=shop.orders"], &file);
    assert_eq!(tables, ["orders"]);
    assert_eq!(statements.len(), 2, "{statements:?}");
    assert!(
        statements[0].starts_with("create table orders (") && statements[1].starts_with("rename")
    );
    let (statements, tables) = chosen(&["--table=shop.orders2"], &file);
    assert_eq!(tables, ["orders2", "orders2"]);
    assert_eq!(statements.len(), 3, "{statements:?}");
    let (statements, tables) = chosen(&["--database=other"], &file);
    assert_eq!(tables, ["moved"]);
    assert_eq!(statements.len(), 3, "{statements:?}");
    let (statements, _) = chosen(&["--database=shop", "--kind=ddl"], &file);
    assert!(statements.iter().any(|sql| sql.to_lowercase().contains(" view ")), "{statements:?}");

    nothing_is_chosen_with_a_note(&server, &file);
    the_end_is_named(&file);
    times_are_taken_as_people_write_them(&server, &file);
    events_are_chosen(&file);
}

fn nothing_is_chosen_with_a_note(server: &Server, file: &Path) {
    let tables = "Tables with changes of rows: other.moved, shop.orders, shop.orders2";
    let servers = format!("Their server ids: {}", server.variable("server_id").unwrap());
    let gtid = objects(&["tail", "--format=json"], file);
    let gtid = gtid.iter().find_map(|object| object["gtid"].as_str()).unwrap().to_owned();
    let unknown = match gtid.contains(':') {
        true => format!("{}:999999", gtid.split(':').next().unwrap()),
        false => "99-99-999999".to_owned(),
    };
    for (choice, words) in [
        (&["--table=shop.ordres"][..], tables),
        (&["--database=shopp"], tables),
        (&["--include-gtids", &unknown], "Their GTIDs: "),
        (&["--server-id=4711"], &servers),
        (&["--start-time=2105-01-01"], "They began from 20"),
        (&["--stop-time=2001-01-01"], "They began from 20"),
        (&["--thread-id=4294967295"], "They began from 20"),
    ] {
        let raw = ["tail", "--format=raw"];
        let commands =
            [&["tail"][..], &["tail", "--format=json"], &["events"], &["stats"], &["undo"], &raw];
        for command in commands {
            if command == raw && words == tables {
                continue;
            }
            let output = binlogd(&[command, choice].concat(), file);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{command:?} {choice:?}: {said}");
            let is_said =
                said.starts_with("binlogd: note: nothing was chosen: ") && said.contains(words);
            assert!(is_said && said.lines().count() == 1, "{command:?} {choice:?}: {said}");
            if command != ["stats"] && command != ["undo"] && command != raw {
                assert_eq!(output.stdout.len(), 0, "{command:?} {choice:?}");
            }
        }
    }
    for (what, words) in
        [(["--table=shop.ordres"], tables), (["--time=2105-01-01"], "They began from 20")]
    {
        let output = binlogd(&[&["find"][..], &what].concat(), file);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("binlogd: not found: ") && said.contains(words), "{said}");
    }
}

/// Without `--follow` nothing is after the end.
fn the_end_is_named(file: &Path) {
    let len = std::fs::metadata(file).unwrap().len();
    for args in [&["tail", "--from=end"][..], &["tail", "--from=end", "--table=shop.orders"]] {
        let output = binlogd(args, file);
        let said = String::from_utf8(output.stderr).unwrap();
        let end = format!(
            "binlogd: note: reading begins at the end, which is {}:{len} now, so nothing is printed: with \
             --follow it waits there for more\n",
            file.display()
        );
        assert_eq!((output.status.code(), output.stdout.len(), said), (Some(0), 0, end));
    }
}

fn times_are_taken_as_people_write_them(server: &Server, file: &Path) {
    let all = objects(&["tail", "--format=json"], file);
    let count = |args: &[&str]| objects(&[&["tail", "--format=json"], args].concat(), file).len();
    for start in ["-1h", "1 hour ago", "-90m", "2 days ago"] {
        assert_eq!(count(&["--start-time", start]), all.len(), "{start}");
        assert_eq!(count(&["--stop-time", start]), 0, "{start}");
    }
    // The first transaction's own time, in several forms: nothing is before it.
    let first = all[0]["time"].as_u64().unwrap();
    let shown = |zone: &str| {
        let sql = format!("set time_zone = '{zone}'; select from_unixtime({first})");
        server.query_rows(&sql).unwrap().pop().unwrap().pop().unwrap()
    };
    let (utc, east) = (shown("+00:00"), shown("+05:30"));
    let with_offset = format!("{}+05:30", east.replace(' ', "T"));
    for start in [
        &[&first.to_string()[..]][..],
        &[&utc],
        &[&format!("{utc}Z")],
        &[&with_offset],
        &[&east, "--timezone=+05:30"],
        &[&utc, "--timezone", "UTC"],
    ] {
        assert_eq!(count(&[&["--start-time"], start].concat()), all.len(), "{start:?}");
        assert_eq!(count(&[&["--stop-time"], start].concat()), 0, "{start:?}");
    }
}

fn events_are_chosen(file: &Path) {
    let all = objects(&["events", "--json"], file);
    assert_eq!(objects(&["events", "--json", "--limit=3"], file), all[..3]);
    let of_table = objects(&["events", "--json", "--table=shop.orders2"], file);
    let count = |kind: &str| {
        of_table.iter().filter(|event| event["type"].as_str().unwrap().starts_with(kind)).count()
    };
    assert_eq!(
        (count("Table_map"), count("Write_rows"), count("Query")),
        (1, 1, 3),
        "{of_table:?}"
    );
    assert_eq!(of_table.len(), 5);
    // A transaction's events follow each other.
    let json = objects(&["tail", "--format=json", "--table=shop.orders2", "--kind=insert"], file);
    let gtid = json.iter().find_map(|object| object["gtid"].as_str()).unwrap();
    let of_gtid = objects(&["events", "--json", "--include-gtids", gtid], file);
    assert!(
        of_gtid.len() >= 4 && of_gtid[0]["info"].as_str().unwrap().contains(gtid),
        "{of_gtid:?}"
    );
    let at = all.iter().position(|event| event["position"] == of_gtid[0]["position"]).unwrap();
    assert_eq!(all[at..at + of_gtid.len()], of_gtid);
    assert_eq!(
        objects(&["events", "--json", "--limit=2", "--include-gtids", gtid], file),
        of_gtid[..2]
    );
}

#[test]
fn filters_choose_what_they_name_in_mysql() {
    filters_choose_what_they_name(Flavour::Mysql97);
}

mod on_mariadb {
    use super::*;

    #[test]
    fn filters_choose_what_they_name() {
        super::filters_choose_what_they_name(Flavour::Mariadb118);
    }
}
