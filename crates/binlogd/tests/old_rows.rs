//! Rows of version 0, as MySQL wrote them before 5.1.16: no server at hand writes them, but MySQL 5.6
//! still applies them. What it makes of the same bytes is what the commands have to say.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::BINLOGD;
use serde_json::{Value, json};
use testkit::Flavour;
use testkit::server::Server;

const DEFINITIONS: &str = "
    create table stiff (a int, b char(50), c tinyint unsigned not null) engine = MyISAM;
    create table many (n1 tinyint, n2 tinyint, n3 tinyint, n4 tinyint, n5 tinyint, n6 tinyint, n7 tinyint,
        n8 tinyint, n9 tinyint, id smallint not null primary key);
    create table loose (id int primary key, v varchar(300), d decimal(5,2), n date);
    create table named (a smallint, b smallint) row_format = dynamic;
    create table padded (v varchar(5), b int) row_format = fixed;
    create table texts (id bigint primary key, t text, e enum('p','q'), s set('x','y'), y year, f float, g double,
        m mediumint, bits bit(16))";

const QUERY: u8 = 2;
const FORMAT_DESCRIPTION: u8 = 15;
const TABLE_MAP: u8 = 19;
const WRITE: u8 = 20;
const UPDATE: u8 = 21;
const DELETE: u8 = 22;

/// A table's name and, for each column, its type code, its metadata and whether it may be NULL.
struct Table(&'static str, &'static [(u8, &'static [u8], bool)]);

const STIFF: Table = Table("stiff", &[(3, &[], true), (254, &[0xfe, 50], true), (1, &[], false)]);
const TINY: (u8, &[u8], bool) = (1, &[], true);
const MANY: Table =
    Table("many", &[TINY, TINY, TINY, TINY, TINY, TINY, TINY, TINY, TINY, (2, &[], false)]);
const LOOSE: Table =
    Table("loose", &[(3, &[], false), (15, &[44, 1], true), (246, &[5, 2], true), (10, &[], true)]);
const NAMED: Table = Table("named", &[(2, &[], true), (2, &[], true)]);
const PADDED: Table = Table("padded", &[(15, &[5, 0], true), (3, &[], true)]);
const TEXTS: Table = Table(
    "texts",
    &[
        (8, &[], false),
        (252, &[2], true),
        (254, &[0xf7, 1], true),
        (254, &[0xf8, 1], true),
        (13, &[], true),
        (4, &[4], true),
        (5, &[8], true),
        (9, &[], true),
        (16, &[0, 2], true),
    ],
);

/// What a server wrote: the first ones had short table ids, and table maps without sizes.
struct Old {
    short_ids: bool,
    bare: bool,
    out: Vec<u8>,
    /// The row events with what is needed to apply them.
    groups: Vec<Vec<u8>>,
}

impl Old {
    fn new(short_ids: bool, bare: bool) -> Self {
        let mut old = Self { short_ids, bare, out: b"\xfebin".to_vec(), groups: Vec::new() };
        let id = if short_ids { 6 } else { 8 };
        let mut body = vec![4, 0];
        body.extend_from_slice(b"5.1.15-log");
        body.resize(2 + 50, 0);
        body.extend([0, 0, 0, 0, 19]);
        body.extend([56, 13, 0, 8, 0, 18, 0, 4, 4, 4, 4, 18, 0, 0, 0, 0, 4, 26, id, id, id, id]);
        let len = u8::try_from(body.len()).unwrap();
        body[2 + 50 + 5 + 14] = len; // the length of this event itself
        old.event(FORMAT_DESCRIPTION, &body);
        old
    }

    /// Appends an event; returns it.
    fn event(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let size = 19 + u32::try_from(body.len()).unwrap();
        let end = u32::try_from(self.out.len()).unwrap() + size;
        let mut event = 1_170_000_000_u32.to_le_bytes().to_vec();
        event.extend([kind, 1, 0, 0, 0]);
        event.extend(size.to_le_bytes());
        event.extend(end.to_le_bytes());
        event.extend([0, 0]);
        event.extend_from_slice(body);
        self.out.extend_from_slice(&event);
        event
    }

    fn query(&mut self, sql: &str) {
        // thread, seconds, length of the database's name, error, length of the variables
        let mut body = vec![7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        body.extend_from_slice(b"d\0");
        body.extend_from_slice(sql.as_bytes());
        self.event(QUERY, &body);
    }

    /// A statement's rows of a table.
    fn rows(&mut self, table: &Table, kind: u8, rows: &[&[u8]]) {
        let Table(name, columns) = table;
        let id: &[u8] = if self.short_ids { &[9, 0, 0, 0] } else { &[9, 0, 0, 0, 0, 0] };
        let count = u8::try_from(columns.len()).unwrap();
        let bits = |is: &dyn Fn(usize) -> bool| -> Vec<u8> {
            let byte = |at: usize| {
                (0..8).filter(|bit| is(at * 8 + bit)).fold(0, |byte, bit| byte | 1_u8 << bit)
            };
            (0..columns.len().div_ceil(8)).map(byte).collect()
        };
        let mut map = [id, &[0, 0, 1], b"d\0", &[u8::try_from(name.len()).unwrap()]].concat();
        map.extend_from_slice(name.as_bytes());
        map.extend([0, count]);
        map.extend(columns.iter().map(|(code, ..)| code));
        if !self.bare {
            let metadata: Vec<u8> =
                columns.iter().flat_map(|(_, bytes, _)| *bytes).copied().collect();
            map.push(u8::try_from(metadata.len()).unwrap());
            map.extend(metadata);
            map.extend(bits(&|column| columns.get(column).is_some_and(|column| column.2)));
        }
        let mut body = [id, &[1, 0, count], &bits(&|_| true)].concat();
        rows.iter().for_each(|row| body.extend_from_slice(row));
        self.query("BEGIN");
        let format = self.out[4..4 + 19 + 79].to_vec();
        let group = [format, self.event(TABLE_MAP, &map), self.event(kind, &body)].concat();
        self.groups.push(group);
        self.query("COMMIT");
    }

    /// All layouts, with bytes that mean nothing where a column is NULL.
    fn with_rows(short_ids: bool, bare: bool) -> Self {
        let mut old = Self::new(short_ids, bare);
        // Records of one length: a bit that is always set, then one for each column that may be NULL.
        let two = b"\xf9\x02\0\0\0\x03two\xff";
        let six = b"\xf9\x06\0\0\0\x03six\xfe";
        old.rows(&STIFF, WRITE, &[two, b"\xfb\x07\0\0\0\x01y\x01", b"\xfd\x08\0\0\0\x02zz\x02"]);
        old.rows(&STIFF, UPDATE, &[two, six]);
        // Ten bits: n7 is bit 7 of the first byte, n9 bit 1 of the second.
        let some = b"\x01\xfc\x01\x02\x03\x04\x05\x06\xf9\x08\x09\x01\0";
        let none = b"\xff\xff\x01\x02\x03\x04\x05\x06\x07\x08\x09\x02\0";
        let edge = b"\x81\xfe\x01\x02\x03\x04\x05\x06\x07\x08\x09\x03\0";
        old.rows(&MANY, WRITE, &[some, none, edge]);
        old.rows(&MANY, DELETE, &[some]);
        // A VARCHAR: lengths differ, and there is no bit in front.
        let long =
            [&b"\xf8\x01\0\0\0\x04\x01"[..], &[b'v'; 260], b"\x80\x7b\x2d\x21\xa5\x0f"].concat();
        let null = b"\xfd\x02\0\0\0\x01\0?\x7f\x84\xd2\x22\xa5\x0f";
        let last = b"\xfe\x02\0\0\0\x01\0?\x80\0\0\x22\xa5\x0f";
        old.rows(&LOOSE, WRITE, &[&long, null]);
        old.rows(&LOOSE, UPDATE, &[null, last]);
        // What ROW_FORMAT makes of it: DYNAMIC no bit, FIXED one.
        old.rows(&NAMED, WRITE, &[b"\xfd\x01\0\x02\0", b"\xfe\x01\0\xff\xff"]);
        old.rows(&PADDED, WRITE, &[b"\xfb\x02no\x03\0\0\0", b"\xfd\x02ab\x04\0\0\0"]);
        old
    }

    /// Types whose sizes MySQL 5.6 wants to be told.
    fn and_texts(mut self) -> Self {
        let text = b"\0\x05\0\0\0\0\0\0\0\x03\0abc\x02\x03\x89\0\0\xc0?\0\0\0\0\0\0\x04\xc0\xfe\xff\xff\x01\x02";
        self.rows(&TEXTS, WRITE, &[text]);
        self.rows(&TEXTS, DELETE, &[text]);
        let some =
            b"\xd5\x06\0\0\0\0\0\0\0\x02\0ab\x01\x01\x02\0\0\0@\0\0\0\0\0\0\xf0?\x01\0\0\0\0";
        self.rows(&TEXTS, WRITE, &[some]);
        self
    }

    /// The statement by which a server applies the rows.
    fn statements(&self) -> String {
        let statement = |group: &Vec<u8>| format!("BINLOG '{}';\n", base64(group));
        self.groups.iter().map(statement).collect()
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(*three.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn run(args: &[&str], schema: Option<&Path>, file: &Path) -> Output {
    let mut command = Command::new(BINLOGD);
    command.args(args).arg(file);
    if let Some(schema) = schema {
        command.arg("--schema").arg(schema).arg("--schema-database=d");
    }
    command.output().unwrap()
}

fn said(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn complaint(output: Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// Which rows were changed and how, as the JSON format has them.
fn changes(schema: Option<&Path>, file: &Path) -> Vec<Value> {
    let lines = said(run(&["tail", "--format=json"], schema, file));
    let objects = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_rows = objects.filter(|object| !object["table"].is_null());
    let part =
        |object: Value| json!([object["type"], object["table"], object["before"], object["after"]]);
    of_rows.map(part).collect()
}

#[test]
fn what_a_binlog_alone_does_not_tell_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mysql-bin.000001");
    fs::write(&file, Old::with_rows(true, true).out).unwrap();
    let place = format!("binlogd: {}:", file.display());
    for command in [&["tail"][..], &["tail", "--format=json"], &["undo"], &["stats"]] {
        let said = complaint(run(command, None, &file));
        assert!(
            said.starts_with(&place)
                && said.contains("Write_rows_v0 event")
                && said.contains("--schema FILE"),
            "{said}"
        );
        assert!(command == ["undo"] || said.contains("how long values are"), "{said}");
    }
    // What does not need the rows is told.
    let found = said(run(&["find", "--all", "--table=d.l*"], None, &file));
    assert!(found.contains("mysql-bin.000001"), "{found}");
    assert!(said(run(&["events"], None, &file)).contains("Delete_rows_v0"));

    fs::write(&file, Old::with_rows(false, false).out).unwrap();
    let refused = complaint(run(&["tail", "--format=json"], None, &file));
    assert!(refused.contains("they follow its ROW_FORMAT"), "{refused}");
    // Another definition, by which rows would be others.
    let other = dir.path().join("other.sql");
    fs::write(&other, "create table stiff (a int, b char(50), c smallint);").unwrap();
    let refused = complaint(run(&["tail", "--format=json"], Some(&other), &file));
    assert!(refused.contains("they follow its ROW_FORMAT"), "{refused}");

    // Of records with a TEXT the length differs always, and with it goes the bit in front.
    let mut old = Old::new(false, false);
    let text: &[u8] = b"\xfa\x05\0\0\0\x03\0abc\x02\0no";
    const WITH_TEXT: Table = Table("t", &[(3, &[], false), (252, &[2], true), (252, &[2], true)]);
    old.rows(&WITH_TEXT, WRITE, &[text]);
    fs::write(&file, &old.out).unwrap();
    let told = changes(None, &file);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0][3]["@3"], Value::Null, "{told:?}");
    assert_ne!(told[0][3]["@2"], Value::Null, "{told:?}");

    let mut old = Old::new(false, false);
    const WITH_BITS: Table = Table("t", &[(16, &[3, 0], true), (252, &[2], true)]);
    old.rows(&WITH_BITS, WRITE, &[b"\xfe\x05\x03\0abc"]);
    fs::write(&file, &old.out).unwrap();
    let refused = complaint(run(&["tail", "--format=json"], None, &file));
    assert!(refused.contains("BIT column"), "{refused}");
}

mod on_mysql_5_6 {
    use super::*;

    fn empty() -> Server {
        let server = Server::builder(Flavour::Mysql56).arg("--binlog-format=ROW").start().unwrap();
        server.sql(&format!("create database d; use d; {DEFINITIONS}; flush logs")).unwrap();
        server
    }

    fn schema(server: &Server, path: &Path) {
        let tables = server.query_rows("show tables in d").unwrap();
        let create = |table: &Vec<String>| {
            let row = &server.query_rows(&format!("show create table d.{}", table[0])).unwrap()[0];
            format!("{};\n", row[1].replace("\\n", "\n"))
        };
        fs::write(path, tables.iter().map(create).collect::<String>()).unwrap();
    }

    /// All rows. (`CHECKSUM TABLE` of MyISAM takes in what bytes a NULL has.)
    fn rows(server: &Server) -> BTreeMap<String, Vec<Vec<String>>> {
        let tables = server.query_rows("show tables in d").unwrap();
        let all = |table: &Vec<String>| {
            let rows = server.query_rows(&format!("select * from d.{} order by 1, 2", table[0]));
            (table[0].clone(), rows.unwrap())
        };
        tables.iter().map(all).collect()
    }

    fn rows_are_what_it_applies(old: &Old, count: usize) {
        let server = empty();
        let no_rows = rows(&server);
        server.sql(&old.statements()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (file, known) = (dir.path().join("mysql-bin.000001"), dir.path().join("schema.sql"));
        fs::write(&file, &old.out).unwrap();
        schema(&server, &known);
        let known = Some(&*known);

        let theirs = changes(known, server.binlog_files().unwrap().last().unwrap());
        assert_eq!(changes(known, &file), theirs);
        let of_their_time = dir.path().join("mysql-bin.000002");
        fs::write(&of_their_time, Old::with_rows(true, true).and_texts().out).unwrap();
        assert_eq!(changes(known, &of_their_time)[..count], theirs);
        assert_eq!(theirs.len(), count, "{theirs:?}");
        let select = server.query_rows("select *, v is null from d.loose").unwrap();
        let long = "v".repeat(260);
        assert_eq!(select[0][..4], ["1", &long, "123.45", "2002-09-01"][..]);

        let stats = said(run(&["stats", "--json"], known, &file));
        let stats: Value = serde_json::from_str(&stats).unwrap();
        let inserts = theirs.iter().filter(|change| change[0] == "insert").count();
        assert_eq!(stats["total"]["inserts"], inserts);
        for format in ["text", "debezium", "maxwell", "canal"] {
            let format = format!("--format={format}");
            let out = said(run(&["tail", &format], known, &file));
            assert!(out.contains(&long[..60]), "{out}");
        }

        let after = rows(&server);
        assert!(after.values().filter(|rows| !rows.is_empty()).count() >= 5);
        let target = empty();
        target.sql(&said(run(&["tail", "--format=sql"], known, &file))).unwrap();
        assert_eq!(rows(&target), after);
        target.sql(&said(run(&["undo"], known, &file))).unwrap();
        assert_eq!(rows(&target), no_rows);
    }

    #[test]
    fn rows_with_table_maps_of_later_servers_are_what_it_applies() {
        rows_are_what_it_applies(&Old::with_rows(false, false).and_texts(), 18);
    }

    #[test]
    fn rows_with_table_maps_of_their_time_are_what_it_applies() {
        rows_are_what_it_applies(&Old::with_rows(true, true), 15);
    }
}
