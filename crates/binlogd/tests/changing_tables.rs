//! Tables that change while a binlog that names no columns is told: what was given of them (`--schema`)
//! follows.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::BINLOGD;
use testkit::{Flavour, Server};

/// A server that writes no names.
fn server() -> Server {
    Server::builder(Flavour::Mysql97).arg("--binlog-row-metadata=MINIMAL").start().unwrap()
}

/// Writes what the server says of tables to a file, with what the database is.
fn dump(server: &Server, tables: &[&str], path: &Path) {
    let mut text = "USE d;\n".to_owned();
    for table in tables {
        let rows = server.query_rows(&format!("show create table d.{table}")).unwrap();
        text += &format!("{};\n", rows[0][1].replace("\\n", "\n"));
    }
    fs::write(path, text).unwrap();
}

/// The lines of `tail` that tell rows, without what is in front of them, and what it says on stderr.
fn rows(args: &[&str], file: &Path) -> (Vec<String>, String) {
    let output = Command::new(BINLOGD).arg("tail").args(args).arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |line: &str| Some(line.get(line.find(" insert d.")? + 8..)?.replace("`", ""));
    (text.lines().filter_map(row).collect(), String::from_utf8(output.stderr).unwrap())
}

fn newest(server: &Server) -> PathBuf {
    server.binlog_files().unwrap().pop().unwrap()
}

/// The option that begins with a file's last transaction.
fn last_transaction(file: &Path) -> String {
    let events = Command::new(BINLOGD).args(["events", "--json"]).arg(file).output().unwrap();
    let events = String::from_utf8(events.stdout).unwrap();
    let last: serde_json::Value = events
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .rfind(|event| event["type"] == "Gtid")
        .unwrap();
    format!("--start-position={}", last["position"])
}

#[test]
fn names_are_those_that_statements_leave() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let schema = dir.path().join("schema.sql");
    server
        .sql("create database d; create table d.t (a int, b int); create table d.u (x int)")
        .unwrap();
    dump(&server, &["t", "u"], &schema);
    server
        .sql(
            "flush binary logs; use d;
             insert into t values (1, 2);
             alter table t rename column a to b, rename column b to a;
             insert into t values (1, 2);
             alter table t modify b int after a; insert into t values (1, 2);
             rename table t to v, u to t; insert into t values (3); insert into v values (1, 2);
             create table w like t; insert into w values (3);
             create table new (n int); insert into new values (4);
             set sql_mode = 'ANSI_QUOTES'; alter table \"new\" change n \"N\" int; insert into new values (4)",
        )
        .unwrap();
    let wanted = [
        "d.t a=1 b=2",
        "d.t b=1 a=2",
        "d.t a=1 b=2",
        "d.t x=3",
        "d.v a=1 b=2",
        "d.w x=3",
        "d.new n=4",
        "d.new N=4",
    ];
    let schema = schema.to_str().unwrap();
    let file = newest(&server);
    assert_eq!(
        rows(&["--schema", schema], &file),
        (wanted.map(String::from).to_vec(), String::new())
    );
    // Statements that are not told count, too.
    let (told, _) = rows(&["--schema", schema, "--table", "d.v", "--kind", "insert"], &file);
    assert_eq!(told, ["d.v a=1 b=2"]);
    // What a server has now is from behind all this; what is known of a statement comes first.
    let now = format!("mysql://repl:repl@127.0.0.1:{}", server.port());
    let (told, _) = rows(&["--schema", &now, "--table", "d.new"], &file);
    assert_eq!(told, ["d.new n=4", "d.new N=4"]);
}

/// The definitions are of a later time than the binlog.
#[test]
fn stale_definitions_name_no_columns() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let schema = dir.path().join("schema.sql");
    server
        .sql(
            "create database d; use d; create table t (a int, d int); flush binary logs;
        alter table t add c int; insert into t values (1, 2, 3);
        alter table t rename column d to e; insert into t values (1, 2, 3)",
        )
        .unwrap();
    dump(&server, &["t"], &schema);
    let file = newest(&server);
    let (told, said) = rows(&["--schema", schema.to_str().unwrap()], &file);
    assert_eq!(told, ["d.t @1=1 @2=2 @3=3", "d.t @1=1 @2=2 @3=3"]);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("the columns of d.t are not known from here on: this statement"),
        "{said}"
    );
    // From where they are right on.
    let start = last_transaction(&file);
    let (told, said) = rows(&["--schema", schema.to_str().unwrap(), &start], &file);
    assert_eq!((told, said), (vec!["d.t a=1 e=2 c=3".to_owned()], String::new()));
}

/// They are of where what is chosen begins.
#[test]
fn rows_in_front_of_what_is_chosen_say_nothing_of_definitions() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let schema = dir.path().join("schema.sql");
    server
        .sql(
            "create database d; use d; create table t (a int); flush binary logs;
             insert into t values (1); alter table t add b int; insert into t values (1, 2)",
        )
        .unwrap();
    dump(&server, &["t"], &schema);
    let file = newest(&server);
    let given = ["--schema", schema.to_str().unwrap()];
    let (told, said) = rows(&[&given[..], &[&last_transaction(&file)]].concat(), &file);
    assert_eq!((told, said), (vec!["d.t a=1 b=2".to_owned()], String::new()));
    // Where these are chosen, they do.
    let (told, said) = rows(&given, &file);
    assert_eq!(told, ["d.t @1=1", "d.t @1=1 @2=2"]);
    assert!(said.contains("the columns of d.t are not known from here on: its rows"), "{said}");
}

#[test]
fn a_table_that_nobody_knows_is_said_to_be_that() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let schema = dir.path().join("schema.sql");
    fs::write(&schema, "create table d.other (a int)").unwrap();
    server.sql("create database d; create table d.t (a int); flush binary logs; insert into d.t values (1)").unwrap();
    let (_, said) = rows(&["--format=sql", "--schema", schema.to_str().unwrap()], &newest(&server));
    assert!(
        said.contains("does not name the columns of d.t, and what was given to tell them"),
        "{said}"
    );
}

/// What a command prints, says and ends with.
fn outcome(args: &[&str], file: &Path) -> (String, String, Option<i32>) {
    let output = Command::new(BINLOGD).args(args).arg(file).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// One table's definition is lost. Changes of the other one can be written.
#[test]
fn a_lost_table_is_left_out_and_named_and_the_exit_code_says_so() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let schema = dir.path().join("schema.sql");
    server
        .sql(
            "create database d; use d; create table t (a int); create table u (x int primary key);
             flush binary logs; alter table t add b int;
             insert into u values (1); insert into t values (1, 2);
             begin; insert into t values (3, 4); insert into u values (2); commit",
        )
        .unwrap();
    let file = newest(&server);
    // That of t is of a later time.
    dump(&server, &["t", "u"], &schema);
    let schema = ["--schema", schema.to_str().unwrap()];
    const ALLOW: &str = "--allow-unknown-tables";
    for format in ["canal", "maxwell"] {
        let rows = ["tail", "--format", format, "--kind=insert"];
        let (out, said, code) = outcome(&[&rows[..], &schema].concat(), &file);
        assert_eq!((out.lines().count(), code), (2, Some(1)), "{format}: {out} {said}");
        assert!(out.lines().all(|line| line.contains("\"table\":\"u\"")), "{format}: {out}");
        let lines: Vec<_> = said.lines().collect();
        let [lost, note, missing] = lines[..] else { panic!("{format}: {said}") };
        assert!(lost.contains("the columns of d.t are not known from here on"), "{lost}");
        assert!(note.starts_with("binlogd: note: ") && note.contains("_rows event: "), "{note}");
        assert!(note.contains(": changes of d.t are left out from here on: the binlog"), "{note}");
        assert!(missing.starts_with("binlogd: changes are missing in the output"), "{missing}");
        assert!(missing.contains(": d.t (2 events). ") && missing.contains(ALLOW), "{missing}");

        let (allowed, said, code) = outcome(&[&rows[..], &schema, &[ALLOW]].concat(), &file);
        assert_eq!((allowed.lines().count(), code), (2, Some(0)), "{format}: {said}");
        assert!(
            said.lines().last().unwrap().ends_with(" (--allow-unknown-tables): d.t (2 events)")
        );
        // Where no definition is given all tables are such.
        let (out, said, code) = outcome(&rows, &file);
        assert_eq!(
            (out.as_str(), code, said.lines().count()),
            ("", Some(1), 1),
            "{format}: {said}"
        );
        assert!(said.contains("does not name the columns of d.u"), "{said}");
    }

    // Without names a key is not known either.
    let keyed = ["tail", "--format=debezium", "--option=keys=true", "--kind=insert"];
    let (out, said, code) = outcome(&keyed, &file);
    assert_eq!((out.as_str(), code), ("", Some(1)), "{said}");
    assert!(said.contains("does not name the columns of d.u"), "{said}");
    let (out, said, code) =
        outcome(&[&["undo", "--table=d.t", "--kind=insert", ALLOW], &schema[..]].concat(), &file);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(
        said.contains("changes of d.t are left out") && !said.contains("nothing to undo"),
        "{said}"
    );

    for command in [&["tail", "--format=sql"][..], &["undo"]] {
        let command = [command, &schema, &["--kind=insert"]].concat();
        let (out, said, code) = outcome(&command, &file);
        let last = said.lines().last().unwrap();
        assert_eq!(code, Some(1), "{said}");
        assert!(last.contains("columns of d.t") && last.contains(ALLOW), "{last}");
        assert!(!out.contains("VALUES (2)") && (command[0] == "tail" || out.is_empty()), "{out}");
    }
    let sql = [&["tail", "--format=sql", "--kind=insert", ALLOW], &schema[..]].concat();
    let (sql, said, code) = outcome(&sql, &file);
    assert_eq!(code, Some(0), "{said}");
    let comment = "-- left out: changes of d.t, whose columns are not known\n";
    assert_eq!(sql.matches(comment).count(), 2, "{sql}");
    let (undo, said, code) =
        outcome(&[&["undo", ALLOW], &schema[..], &["--kind=insert"]].concat(), &file);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(undo.matches(comment).count(), 2, "{undo}");
    // What is written can be run.
    let run = |text: &str| {
        let path = dir.path().join("replay.sql");
        fs::write(&path, text).unwrap();
        server.sql_file(&path, false).unwrap();
        server
            .sql("select concat((select count(*) from d.t), ' ', (select count(*) from d.u))")
            .unwrap()
    };
    assert_eq!(run(&undo), "2 0");
    assert_eq!(run(&sql), "2 2");
}

mod on_mariadb {
    use super::*;

    /// There a table's rows are of its name in small letters, whatever statements call it.
    #[test]
    fn a_table_that_is_changed_by_a_name_in_large_letters_is_not_guessed() {
        let server = Server::builder(Flavour::Mariadb118)
            .args(["--binlog-row-metadata=NO_LOG", "--lower-case-table-names=1"])
            .start()
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let schema = dir.path().join("schema.sql");
        server.sql("create database d; use d; create table T (a int, b int)").unwrap();
        dump(&server, &["t"], &schema);
        server
            .sql(
                "flush binary logs; use d; insert into T values (1, 2);
                 alter table T rename column a to x, rename column b to a; insert into T values (1, 2)",
            )
            .unwrap();
        let (told, said) = rows(&["--schema", schema.to_str().unwrap()], &newest(&server));
        assert_eq!(told, ["d.t a=1 b=2", "d.t @1=1 @2=2"]);
        assert!(said.contains("lower_case_table_names"), "{said}");
    }
}
