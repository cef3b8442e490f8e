//! Rows that are equal to others by most comparisons: `tail --format sql` and `undo` change the right one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use common::BINLOGD;
use testkit::Flavour;
use testkit::server::{Endpoint, Server};

/// Tables of all servers, then the changes. Of each table several rows look alike, and one is changed.
const FILL: &str = "
create table texts (a varchar(9) collate utf8_general_ci, b text collate utf8_general_ci, n int);
insert into texts values ('a', 'a', 1), ('A', 'a', 2), ('a', 'A', 3), ('a ', 'a', 4), ('á', 'a', 5);
create table numbers (f float, d double, n int);
insert into numbers values (0e0, 0e0, 1), (-0e0, 0e0, 2), (0e0, -0e0, 3), (null, null, 4), (0.1, 0.1, 5), (0.1, 0.1, 6);
create table members (e enum('a', '', '1', 'B') collate utf8_bin, s set('', 'b', '2') collate utf8_bin, n int);
insert into members values (2, 1, 1), (0, 1, 2), (2, 0, 3), ('1', 'b', 4), ('a', 'b', 5), (3, ',b', 6), (0, 0, 7), (4, 4, 8);
create table member_keys (e enum('a', '', '1') not null, s set('', 'b') not null, n int, primary key (e, s));
insert into member_keys values (2, 1, 1), (0, 1, 2), (2, 0, 3), (0, 0, 4), ('1', ',b', 5), ('1', 'b', 6);
create table bytes (b binary(4), v varbinary(9), l longblob, bits bit(60), y year, n int);
insert into bytes values (x'61', x'61', x'61', 1, 0, 1), (x'6100', x'6100', x'61', 1, 2000, 2), (x'61', x'6120', x'6120', 1, 0, 3), (null, null, null, null, null, 4);
create table dates (d date, t time(2), dt datetime(3), ts timestamp(2) null, n int);
insert into dates values ('2020-02-31', '-00:00:00.5', '0000-00-00 00:00:00', null, 1), ('0000-00-00', '00:00:00.5', '2020-00-01 00:00:00.001', '2001-02-03 04:05:06.07', 2);
create table padded (k varchar(9) collate latin1_swedish_ci, n int, primary key (k));
insert into padded values ('a ', 1), ('b', 2), ('ü', 3);
create table prefixed (k text, b blob, n int, primary key (k(3), b(2)));
insert into prefixed values ('abcd', 'xyz', 1), ('abc', 'xz', 2), ('ABX', 'xyz', 3);
create table promoted (a varchar(5) not null collate utf8_bin, b int not null, n int, unique (a, b));
insert into promoted values ('a', 1, 1), ('A', 1, 2), ('a ', 2, 3);
create table real_keys (f float not null, d double not null, n int, primary key (f, d));
insert into real_keys values (0.1, 0.1, 1), (0.1, 0.2, 2), (-0e0, 1e300, 3);
";

const CHANGES: &str = "
delete from texts where n = 2; update texts set n = 30 where n = 3; delete from texts where n = 4; update texts set n = 50 where n = 5;
delete from numbers where n = 2; update numbers set n = 30 where n = 3; delete from numbers where n = 4; update numbers set n = 60 where n = 6;
delete from members where n in (2, 3); update members set n = n * 10 where n > 3;
delete from member_keys where n in (2, 3); update member_keys set n = n * 10 where n > 3; update member_keys set e = 'a' where n = 40;
update bytes set n = n * 10 where n in (1, 4); delete from bytes where n = 3;
update dates set n = 10 where n = 1; delete from dates where n = 2;
update padded set k = 'a' where k = 'a'; delete from padded where n = 3;
update prefixed set n = 10 where n = 1; delete from prefixed where n = 2; update prefixed set k = 'z' where n = 3;
delete from promoted where n = 2; update promoted set n = 30 where n = 3;
update real_keys set n = 10 where n = 1; delete from real_keys where n = 3;
";

/// What only MySQL 9.7 has.
const MYSQL_FILL: &str = r#"
create table json_ (j json, n int);
insert into json_ values ('1', 1), ('1.0', 2), ('1e0', 3), ('"1"', 4), ('null', 5), (null, 6), (cast(1.0 as json), 7), ('{"a": 1, "b": [0, -0.0]}', 8), ('{"b": [0, 0], "a": 1}', 9);
create table vectors (v vector(3), n int);
insert into vectors values (to_vector('[1,2,3]'), 1), (to_vector('[1,2]'), 2), (null, 3);
create table tenants (tenant int not null, doc json, ext int generated always as (json_value(doc, '$.id' returning signed)) stored not null, v int, primary key (tenant, ext));
insert into tenants (tenant, doc, v) values (1, '{"id": 1}', 10), (1, '{"id": 2}', 20), (1, '{"id": 3}', 30), (1, '{"id": 4}', 30);
create table generated_ (a int, b int as (a + 1) stored primary key);
insert into generated_ (a) values (1), (2), (3);
create table keyless (a int, b int as (a + 1) virtual, c float as (a / 3) stored, n int);
insert into keyless (a, n) values (1, 1), (1, 2), (2, 1);
create table virtual_key (a int, b int as (a + 1) virtual not null, n int, unique (b));
insert into virtual_key (a, n) values (1, 1), (2, 1);
create table hidden (a int invisible, b int, n int);
insert into hidden (a, b, n) values (1, 1, 1), (2, 1, 1);
set sql_generate_invisible_primary_key = 1; create table numbered (a int); set sql_generate_invisible_primary_key = 0;
insert into numbered values (1), (1), (2);
"#;
const MYSQL_CHANGES: &str = "
delete from json_ where n in (2, 5); update json_ set n = n * 10 where n in (3, 4, 6, 7, 9);
delete from vectors where n in (2, 3); update vectors set n = 10 where n = 1;
delete from tenants where tenant = 1 and ext = 3; update tenants set v = 40 where ext = 4; update tenants set doc = '{\"id\": 5}' where ext = 2;
update generated_ set a = 10 where a = 1; delete from generated_ where a = 2;
delete from keyless where n = 2; update keyless set a = 7 where a = 2;
update virtual_key set n = 2 where a = 2; delete from virtual_key where a = 1;
delete from hidden where a = 2; delete from numbered where a = 1 limit 1; update numbered set a = 3 where a = 2;
";

/// Rows are logged in part, but with their keys.
const MYSQL_PARTS: &str = "
use d; set binlog_row_image = MINIMAL; update tenants set v = 11 where ext = 1; delete from generated_ where a = 3; update padded set n = 20 where n = 2;
update promoted set n = 10 where n = 1; set binlog_row_image = NOBLOB; update prefixed set n = 100 where n = 10; delete from keyless where n = 1 limit 1;
";

/// What only MariaDB has.
const MARIADB_FILL: &str = "
create table compressed_ (a varchar(500) compressed, b text compressed, n int);
insert into compressed_ values (repeat('a', 300), repeat('b', 300), 1), (repeat('A', 300), repeat('b', 300), 2), (repeat('a', 300), repeat('B', 300), 3), ('a', 'b', 4);
create table keyless (a int, b int as (a + 1) virtual, c float as (a / 3) stored, n int);
insert into keyless (a, n) values (1, 1), (1, 2), (2, 1);
create table ids (u uuid, i inet6, n int);
insert into ids values ('123e4567-e89b-12d3-a456-426655440000', '::1', 1), (null, '::ffff:1.2.3.4', 2), ('123e4567-e89b-12d3-a456-426655440000', '::2', 3);
create table id_keys (u uuid primary key, i inet6, n int);
insert into id_keys values ('123e4567-e89b-12d3-a456-426655440000', '::1', 1), ('123e4567-e89b-12d3-a456-426655440001', '::1', 2);
create table periods (id int, s date, e date, n int, period for p (s, e), primary key (id, p without overlaps));
insert into periods values (1, '2020-01-01', '2020-02-01', 1), (1, '2020-02-01', '2020-03-01', 2), (1, '2020-04-01', '2020-05-01', 3);
create table checked (a int check (a > 0), n int);
set check_constraint_checks = 0; insert into checked values (-1, 1), (-2, 1); set check_constraint_checks = 1; insert into checked values (1, 1);
";
const MARIADB_CHANGES: &str = "
delete from compressed_ where n = 2; update compressed_ set n = n * 10 where n > 2;
delete from keyless where n = 2; update keyless set a = 7 where a = 2;
delete from ids where n in (2, 3); update ids set n = 10; update id_keys set n = 20 where n = 2; delete from id_keys where n = 1;
delete from periods where n = 2; update periods set n = 30 where n = 3;
set check_constraint_checks = 0; update checked set n = 2 where a = -2; set check_constraint_checks = 1; update checked set n = 3 where a = 1;
";

fn binlogd(args: &[&str], files: &[PathBuf]) -> Output {
    Command::new(BINLOGD).args(args).args(files).output().unwrap()
}

fn run_on(target: &Server, args: &[&str], files: &[PathBuf]) -> String {
    let output = binlogd(args, files);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.sql");
    fs::write(&path, &output.stdout).unwrap();
    target.sql_file(&path, false).unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Every value of every row of a server's tables.
fn rows(server: &Server) -> String {
    let tables = server
        .query_rows("select table_name from information_schema.tables where table_schema = 'd'");
    let mut tables: Vec<String> = tables.unwrap().into_iter().flatten().collect();
    tables.sort();
    let dump = |table: &String| {
        let columns = server
            .query_rows(&format!(
                "select column_name, data_type from information_schema.columns where \
                 table_schema = 'd' and table_name = '{table}' order by ordinal_position"
            ))
            .unwrap();
        let columns: Vec<String> = columns
            .iter()
            .map(|column| match &*column[1] {
                "vector" => format!("hex({})", column[0]),
                _ => format!("hex({0}), hex(cast({0} as char)), left({0}, 1)", column[0]),
            })
            .collect();
        let mut rows: Vec<String> = server
            .sql(&format!("select {} from d.{table}", columns.join(", ")))
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        rows.sort();
        format!("{table}\n{}\n", rows.join("\n"))
    };
    tables.iter().map(dump).collect()
}

/// Replays a server's changes, and takes them back: as they were logged, and with a look at each row.
fn each_row_is_the_right_one(flavour: Flavour, fill: &str, changes: &str, parts: &str) {
    let mut server = Server::builder(flavour);
    if flavour != Flavour::Mysql56 {
        server = server.arg("--binlog-row-metadata=FULL");
    }
    let server = server.start().unwrap();
    let start = "set sql_mode = 'ALLOW_INVALID_DATES'; create database d charset utf8; use d;";
    let states = [&format!("{start}{FILL}{fill}"), &format!("use d;{CHANGES}{changes}"), parts]
        .map(|sql| {
            server.sql(&format!("{sql}; flush logs")).unwrap();
            rows(&server)
        });
    let files = server.binlog_files().unwrap();
    let [.., changes, parts, _] = &files[..] else { panic!("{files:?}") };
    let filled = &files[..files.len() - 3];

    // What is generated is known from the server.
    let Endpoint { user, password, .. } = server.endpoint();
    let schema = format!("--schema=mysql://{user}:{password}@127.0.0.1:{}", server.port());
    let target = Server::start_new(flavour).unwrap();
    let run = |args: &[&str], files: &[PathBuf], state: &str| {
        let sql = run_on(&target, &[args, &[schema.as_str()]].concat(), files);
        assert!(!sql.contains("WHERE ;") && !sql.contains("WHERE  LIMIT"), "{sql}");
        assert_eq!(rows(&target), state, "{args:?}");
    };
    let (tail, changes) = (["tail", "--format=sql"], std::slice::from_ref(changes));
    run(&tail, filled, &states[0]);
    run(&tail, changes, &states[1]);
    for undo in [&["undo"][..], &["undo", "--check"]] {
        run(undo, changes, &states[0]);
        run(&tail, changes, &states[1]);
    }
    run(&tail, std::slice::from_ref(parts), &states[2]);
}

#[test]
fn each_row_is_the_right_one_in_mysql_9_7() {
    each_row_is_the_right_one(Flavour::Mysql97, MYSQL_FILL, MYSQL_CHANGES, MYSQL_PARTS);
}

mod on_mysql_5_6 {
    use super::Flavour;

    #[test]
    fn each_row_is_the_right_one() {
        super::each_row_is_the_right_one(Flavour::Mysql56, "", "", "");
    }
}

mod on_mariadb {
    use super::{Flavour, MARIADB_CHANGES, MARIADB_FILL, each_row_is_the_right_one};

    #[test]
    fn each_row_is_the_right_one_in_11_8() {
        each_row_is_the_right_one(Flavour::Mariadb118, MARIADB_FILL, MARIADB_CHANGES, "");
    }

    #[test]
    fn each_row_is_the_right_one_in_10_11() {
        each_row_is_the_right_one(Flavour::Mariadb1011, MARIADB_FILL, MARIADB_CHANGES, "");
    }
}
