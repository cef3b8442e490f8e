//! `binlogd tail --format sql` and `binlogd undo`, run on real servers: there and back again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::BINLOGD;
use testkit::server::{Endpoint, Server};
use testkit::{Flavour, workload};

fn binlogd(args: &[&str], files: &[PathBuf]) -> Output {
    Command::new(BINLOGD).args(args).args(files).output().unwrap()
}

/// What `undo` refuses; it prints nothing then.
fn refusal(args: &[&str], files: &[PathBuf]) -> String {
    let output = binlogd(&[&["undo"], args].concat(), files);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!((output.status.code(), &*out), (Some(1), ""));
    String::from_utf8(output.stderr).unwrap()
}

/// Runs what binlogd prints on a server.
fn run_on(target: &Server, args: &[&str], files: &[PathBuf]) -> String {
    let output = binlogd(args, files);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.sql");
    fs::write(&path, &output.stdout).unwrap();
    target.sql_file(&path, false).unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The corpus' types, without what only MariaDB has and rows do not tell; first what fills tables, then
/// what changes rows.
fn corpus(server: &Server) -> [String; 2] {
    let all = workload::COLUMNS.sql(server.flavour(), &server.tmpdir());
    let kept = |line: &&str| {
        !["numbers_seq", "versioned", "old", "temporal_format"].iter().any(|w| line.contains(w))
    };
    let all: Vec<&str> = all.lines().filter(kept).collect();
    let all = all.join("\n");
    let (fill, change) = all.split_once("\nupdate integers").unwrap();
    let more = "
        create table a (id int primary key, v varchar(50), unique (v));
        create table twins (a int, b varchar(20), f float);
        insert into a values (1, 'a'), (2, 'b'), (3, 'c'); insert into twins values (1, 'x', 0.1), (1, 'x', 0.1), (2, null, null);
        flush binary logs;";
    let changes = "
        start transaction; update a set v = concat('-', v) order by v; savepoint s; delete from a where id = 1;
        rollback to s; update a set id = id + 1 order by id desc; insert into a values (1, 'new'); commit;
        update twins set b = 'y' where a = 1 limit 1; delete from twins where a = 1 and b = 'x';
        update twins set f = 1.5; set foreign_key_checks = 0; insert into twins values (9, 'z', 3.3);
        set foreign_key_checks = 1;
        delete from integers; update numbers set d = d / 3, n65 = -n65, f = 0.1; delete from texts where id <> 2;
        update moments set t6 = null, w6 = '2024-01-01 00:00:00.5', s6 = '2024-01-01 12:34:56.5', d = null;
        update shapes set g = null, p = point(9, 9);";
    [
        format!("{fill}{more}"),
        format!("use columns_; update integers{change}\nuse columns_;{changes}"),
    ]
}

fn tables(server: &Server) -> BTreeMap<String, String> {
    server.checksum_tables("columns_").unwrap()
}

fn names(server: &Server) -> Vec<String> {
    tables(server).into_keys().collect()
}

/// What the tables are, for servers that do not write it into their binlogs.
fn schema(server: &Server, dir: &Path) -> PathBuf {
    let create = |table: &String| {
        let row = &server.query_rows(&format!("show create table {table}")).unwrap()[0];
        format!("{};\n", row[1].replace("\\n", "\n"))
    };
    let all: String = names(server).iter().map(create).collect();
    let path = dir.join("schema.sql");
    fs::write(&path, all).unwrap();
    path
}

fn there_and_back_again(flavour: Flavour) {
    let builder = Server::builder(flavour).arg("--binlog-format=ROW");
    let server = match flavour {
        Flavour::Mysql56 => builder,
        _ => builder.arg("--binlog-row-metadata=FULL"),
    };
    let server = server.start().unwrap();
    let [fill, change] = corpus(&server);
    server.sql(&fill).unwrap();
    let begin = tables(&server);
    let filled = server.binlog_files().unwrap().len() - 1;
    server.sql(&change).unwrap();
    let end = tables(&server);
    assert!(
        begin.len() >= 8 && begin.iter().filter(|(table, sum)| end[*table] != **sum).count() > 5
    );
    let files = server.binlog_files().unwrap();

    let dir = tempfile::tempdir().unwrap();
    let schema = schema(&server, dir.path());
    let known =
        ["--schema", schema.to_str().unwrap(), "--schema-database=columns_"].map(str::to_owned);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let target = Server::builder(flavour).arg("--binlog-format=ROW").start().unwrap();
    run_on(&target, &[&["tail", "--format=sql"], &known[..]].concat(), &files);
    assert_eq!(tables(&target), end);
    the_server_itself_tells_as_much(&server, &known, &files);

    // Each row is found by all its values, of every type.
    let back = run_on(&target, &[&["undo", "--check"], &known[..]].concat(), &files[filled..]);
    assert_eq!(tables(&target), begin);
    assert_eq!(back.matches("BEGIN;\n").count(), back.matches("COMMIT;\n").count());

    // The schema changes stay, all rows go.
    let rows = [&["undo", "--kind=insert,update,delete"], &known[..]].concat();
    run_on(&target, &rows, &files[..filled]);
    for table in names(&target) {
        assert_eq!(target.sql(&format!("select count(*) from {table}")).unwrap(), "0", "{table}");
    }
    let said = refusal(&known, &files[..filled]);
    assert!(said.contains("cannot be undone: `create database columns_"), "{said}");
    assert!(said.contains("--kind"), "{said}");
}

fn the_server_itself_tells_as_much(server: &Server, known: &[&str], files: &[PathBuf]) {
    let by_file = binlogd(&[&["tail", "--format=sql"], known].concat(), files);
    let Endpoint { user, password, .. } = server.endpoint();
    let url = format!("--schema=mysql://{user}:{password}@127.0.0.1:{}", server.port());
    let by_server = binlogd(&["tail", "--format=sql", &url], files);
    assert!(by_server.status.success(), "{}", String::from_utf8_lossy(&by_server.stderr));
    assert!(by_server.stdout == by_file.stdout);
}

#[test]
fn a_replayed_server_is_brought_back_to_where_it_began() {
    there_and_back_again(Flavour::Mysql97);
}

fn a_check_ends_at_a_row_that_was_changed_since(flavour: Flavour) {
    let server = Server::start_new(flavour).unwrap();
    let create = "create table `it's` (id varchar(9) primary key, a int, b text) engine = InnoDB";
    let fill = format!(
        "create database d; use d; {create};
         insert into `it's` values ('x', 1, 'x'), ('y', 1, 'y'), ('z', 1, 'z'); flush binary logs"
    );
    server.sql(&fill).unwrap();
    let rows = || server.sql("select * from d.`it's` order by id").unwrap();
    let begin = rows();
    let change = "start transaction; update d.`it's` set a = 2 where id < 'z';
        insert into d.`it's` values ('w', 1, 'w'); commit; flush binary logs";
    server.sql(change).unwrap();
    let mut files = server.binlog_files().unwrap();
    files.pop();
    let dir = tempfile::tempdir().unwrap();
    let (schema, sql) = (dir.path().join("schema.sql"), dir.path().join("undo.sql"));
    fs::write(&schema, format!("use d; {create};")).unwrap();
    let undo = |args: &[&str]| {
        let schema = ["--schema", schema.to_str().unwrap()];
        let undo = binlogd(&[&["undo"], args, &schema].concat(), &files[files.len() - 1..]);
        assert!(undo.status.success(), "{}", String::from_utf8_lossy(&undo.stderr));
        fs::write(&sql, undo.stdout).unwrap();
        server.sql_file(&sql, false).map(drop).map_err(|error| error.to_string())
    };
    let changed = rows();
    // A row that is gone; one with another value, also in a column that the change did not touch; and in
    // letters that compare as equal.
    for since in [
        "delete from d.`it's` where id = 'y'",
        "update d.`it's` set a = 3 where id = 'y'",
        "update d.`it's` set b = 'Y' where id = 'y'",
    ] {
        server.sql(since).unwrap();
        let now = rows();
        let error = undo(&["--check"]).unwrap_err();
        assert!(error.contains("a row of d.it's is not as the changes left it"), "{error}");
        assert_eq!(rows(), now, "{since}");
        server.sql("replace into d.`it's` values ('y', 2, 'y')").unwrap();
        assert_eq!(rows(), changed);
    }
    undo(&["--check"]).unwrap();
    assert_eq!(rows(), begin);
    // Nothing of it is left to be undone: unchecked nobody notices.
    undo(&[]).unwrap();
    assert!(undo(&["--check"]).is_err());
    assert_eq!(rows(), begin);
}

#[test]
fn a_check_ends_at_a_row_of_mysql_9_7_that_was_changed_since() {
    a_check_ends_at_a_row_that_was_changed_since(Flavour::Mysql97);
}

#[test]
fn what_foreign_keys_deleted_and_changed_with_a_row_is_there_again() {
    let server =
        Server::builder(Flavour::Mysql97).arg("--binlog-row-metadata=FULL").start().unwrap();
    let fill = "create database d; create table d.parent (id int primary key);
        create table d.child (id int primary key, p int, foreign key (p) references d.parent (id) on delete cascade on update cascade);
        create table d.orphan (id int primary key, p int, foreign key (p) references d.parent (id) on delete set null);
        insert into d.parent values (1), (2), (3); insert into d.child values (10, 1), (11, 1), (20, 2), (30, 3);
        insert into d.orphan values (100, 1), (200, 2); flush binary logs";
    server.sql(fill).unwrap();
    let begin = server.checksum_tables("d").unwrap();
    server
        .sql("delete from d.parent where id = 1; update d.parent set id = 33 where id = 3")
        .unwrap();
    assert_eq!(server.sql("select count(*) from d.child").unwrap(), "2");
    let file = server.binlog_files().unwrap().pop().unwrap();
    run_on(&server, &["undo"], &[file]);
    assert_eq!(server.checksum_tables("d").unwrap(), begin);
}

#[test]
fn what_cannot_be_undone_is_named_with_its_place() {
    let server =
        Server::builder(Flavour::Mysql97).arg("--binlog-row-metadata=FULL").start().unwrap();
    server.sql("create database d; create table d.t (id int primary key, a int, b longtext); create table d.u (a int, j json);
                insert into d.t values (1, 1, 'x'), (2, 2, 'y'); insert into d.u values (1, json_object('a', 1, 'b', repeat('b', 500)))").unwrap();
    let refused = |sql: &str, args: &[&str]| {
        server.sql(&format!("flush binary logs; {sql}")).unwrap();
        let file = server.binlog_files().unwrap().pop().unwrap();
        let said = refusal(args, std::slice::from_ref(&file));
        let place = format!("binlogd: {}:", file.display());
        assert!(said.starts_with(&place), "{said}");
        let uuid = server.variable("server_uuid").unwrap();
        assert!(said.contains(&format!("event: transaction {uuid}:")), "{said}");
        said
    };
    let said = refused("set binlog_row_image = MINIMAL; update d.t set a = 5 where id = 1", &[]);
    assert!(said.contains("the update of a row of d.t was logged without a. "), "{said}");
    let said =
        refused("set binlog_row_image = NOBLOB; delete from d.t where id = 1", &["--table=d.t"]);
    assert!(said.contains("the delete of a row of d.t was logged without b. "), "{said}");
    let said = refused("set binlog_format = STATEMENT; update d.t set a = 6", &[]);
    assert!(said.contains("`update d.t set a = 6` was logged as a statement"), "{said}");
    let said = refused("alter table d.t add c int", &[]);
    assert!(said.contains("`alter table d.t add c int` is not a change of rows"), "{said}");
    let said = refused(
        "xa start 'x'; insert into d.t (id) values (9); xa end 'x'; xa prepare 'x'; xa rollback 'x'",
        &[],
    );
    assert!(said.contains("distributed"), "{said}");
    let said = refused(
        "set binlog_row_value_options = PARTIAL_JSON; update d.u set j = json_set(j, '$.a', 2)",
        &[],
    );
    assert!(said.contains("only the difference was logged"), "{said}");

    // What is refused no more if it is not chosen; a part of MINIMAL rows can be undone.
    server.sql("flush binary logs; set binlog_row_image = MINIMAL; insert into d.t (id) values (20); update d.t set id = 21 where id = 20;
                create table d.v (a int)").unwrap();
    let file = server.binlog_files().unwrap().pop().unwrap();
    let undo = binlogd(&["undo", "--kind=insert,update,delete"], &[file]);
    let sql = String::from_utf8(undo.stdout).unwrap();
    let statements: Vec<&str> = sql.lines().filter(|line| line.contains("`d`")).collect();
    assert_eq!(
        statements,
        ["UPDATE `d`.`t` SET `id`=20 WHERE `id`=21;", "DELETE FROM `d`.`t` WHERE `id`=20;"]
    );
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn a_check_ends_at_a_row_that_was_changed_since() {
        super::a_check_ends_at_a_row_that_was_changed_since(Flavour::Mysql56);
    }

    #[test]
    fn a_replayed_server_is_brought_back_to_where_it_began() {
        there_and_back_again(Flavour::Mysql56);
    }
}

mod on_mariadb {
    use super::*;

    #[test]
    fn a_check_ends_at_a_row_that_was_changed_since() {
        super::a_check_ends_at_a_row_that_was_changed_since(Flavour::Mariadb118);
    }

    #[test]
    fn a_replayed_server_is_brought_back_to_where_it_began() {
        there_and_back_again(Flavour::Mariadb118);
    }

    #[test]
    fn a_replayed_server_of_10_11_is_brought_back_to_where_it_began() {
        there_and_back_again(Flavour::Mariadb1011);
    }
}
