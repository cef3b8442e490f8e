//! What Maxwell would write of a real server's changes, field by field as its documentation and its own
//! tests have them.

mod definitions;

use binlogd_decode::format::{MaxwellFormat, MaxwellOptions, MaxwellPiece};
use serde_json::{Value, json};
use testkit::{Flavour, Server};

use crate::written::{objects, try_written, written};

fn format(options: &[(&str, &str)]) -> MaxwellFormat {
    let mut wanted = MaxwellOptions::default();
    options.iter().for_each(|(name, value)| wanted.set(name, value).unwrap());
    MaxwellFormat::new(wanted)
}

/// The objects of a server's newest binlog file.
fn tell(server: &Server, options: &[(&str, &str)]) -> Vec<Value> {
    objects(&complete(&written(server, &mut format(options))))
}

/// The lines of what was written: rows wait for their transaction's end.
fn complete(mut pieces: &[u8]) -> Vec<u8> {
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    while !pieces.is_empty() {
        let (piece, rest) = MaxwellPiece::first(pieces).unwrap();
        match piece {
            MaxwellPiece::Line(line) => lines.extend_from_slice(line),
            MaxwellPiece::Row(row) => rows.push(row),
            MaxwellPiece::Commit(commit) => {
                for (index, row) in rows.iter().enumerate() {
                    let is_last = index + 1 == rows.len();
                    commit.write(*row, index.try_into().unwrap(), is_last, &mut lines);
                }
                rows.clear();
            }
            MaxwellPiece::Rollback => rows.clear(),
        }
        pieces = rest;
    }
    assert_eq!(rows, []);
    lines
}

fn server() -> Server {
    Server::builder(Flavour::Mysql97).args(["--binlog-row-metadata=FULL"]).start().unwrap()
}

/// The objects' `data`.
fn data(server: &Server, options: &[(&str, &str)]) -> Vec<Value> {
    tell(server, options).into_iter().map(|mut object| object["data"].take()).collect()
}

const EVERYTHING: [(&str, &str); 8] = [
    ("output_binlog_position", "true"),
    ("output_gtid_position", "true"),
    ("output_server_id", "true"),
    ("output_thread_id", "true"),
    ("output_row_query", "true"),
    ("output_primary_keys", "true"),
    ("output_primary_key_columns", "true"),
    ("output_ddl", "true"),
];

/// The statements of "So you ran some sql?", with the moments that their output has.
const CREATURE: &str = "
set time_zone = '+00:00';
flush binary logs;
create database test;
create table test.e (
  id int(10) not null primary key auto_increment,
  m double,
  c timestamp(6),
  comment varchar(255) charset 'latin1'
);
set timestamp = 1477027997.523;
insert into test.e set m = 4.2341, c = now(3), comment = 'I am a creature of light.';
set timestamp = 1477028034.631;
update test.e set m = 5.444, c = now(3) where id = 1;
delete from test.e where id = 1;
alter table test.e add column torvalds bigint unsigned after m;
drop table test.e;
";

#[test]
fn the_documentations_creature_comes_as_it_is_shown() {
    let server = server();
    server.sql(CREATURE).unwrap();
    let file = server.binlog_files().unwrap().pop().unwrap();
    let position = format!("{}:", file.file_name().unwrap().to_str().unwrap());
    let server_id: u64 = server.sql("select @@server_id").unwrap().trim().parse().unwrap();
    let uuid = server.sql("select @@server_uuid").unwrap().trim().to_owned();

    let mut told = tell(&server, &EVERYTHING);
    assert_eq!(told.remove(0)["type"], "database-create");
    for object in &mut told {
        let fields = object.as_object_mut().unwrap();
        // What differs from run to run.
        assert!(fields.remove("position").unwrap().as_str().unwrap().starts_with(&position));
        assert!(fields.remove("gtid").unwrap().as_str().unwrap().starts_with(&uuid));
        if !fields.contains_key("data") {
            continue;
        }
        assert_eq!(fields.remove("server_id").unwrap(), server_id);
        assert!(fields.remove("thread_id").unwrap().is_u64());
        assert!(fields.remove("xid").unwrap().is_u64());
    }
    let (early, late) = ("2016-10-21 05:33:17.523000", "2016-10-21 05:33:54.631000");
    let row =
        |m: f64, c: &str| json!({"id": 1, "m": m, "c": c, "comment": "I am a creature of light."});
    let rows = [
        json!({
            "database": "test", "table": "e", "type": "insert", "ts": 1477027997, "commit": true,
            "primary_key": [1], "primary_key_columns": ["id"], "data": row(4.2341, early),
        }),
        json!({
            "database": "test", "table": "e", "type": "update", "ts": 1477028034, "commit": true,
            "primary_key": [1], "primary_key_columns": ["id"], "data": row(5.444, late),
            "old": {"m": 4.2341, "c": early},
        }),
        json!({
            "database": "test", "table": "e", "type": "delete", "ts": 1477028034, "commit": true,
            "primary_key": [1], "primary_key_columns": ["id"], "data": row(5.444, late),
        }),
    ];
    assert_eq!(told[1..4], rows);
    let kinds: Vec<_> = told.iter().map(|object| object["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["table-create", "insert", "update", "delete", "table-alter", "table-drop"]);
    let def = |columns: &[Value]| {
        json!({
            "database": "test", "charset": "utf8mb4", "table": "e", "columns": columns,
            "primary-key": ["id"],
        })
    };
    let mut columns = vec![
        json!({"type": "int", "name": "id", "signed": true}),
        json!({"type": "double", "name": "m"}),
        json!({"type": "timestamp", "name": "c", "column-length": 6}),
        json!({"type": "varchar", "name": "comment", "charset": "latin1"}),
    ];
    let old = def(&columns);
    columns.insert(2, json!({"type": "bigint", "name": "torvalds", "signed": false}));
    let create = json!({"type": "table-create", "database": "test", "table": "e", "def": old});
    let told_create = told[0].as_object().unwrap();
    for (field, value) in create.as_object().unwrap() {
        assert_eq!(&told_create[field], value, "{field}");
    }
    let fields: Vec<_> = told_create.keys().collect();
    assert_eq!(fields, ["database", "def", "sql", "table", "ts", "type"]);
    let alter = json!({
        "type": "table-alter", "database": "test", "table": "e", "ts": 1477028034000_u64,
        "sql": "alter table test.e add column torvalds bigint unsigned after m",
        "old": old, "def": def(&columns),
    });
    assert_eq!(told[4], alter);
    // Unless they are asked for, most fields are not there.
    let plain = tell(&server, &[]);
    let fields: Vec<_> = plain[1].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["commit", "data", "database", "old", "table", "ts", "type", "xid"]);
    assert_eq!(plain.len(), 3);
}

/// In the order of Maxwell's output, which readers of text may rely on.
#[test]
fn fields_come_in_maxwells_order() {
    let server = server();
    server.sql(CREATURE).unwrap();
    let lines = complete(&written(&server, &mut format(&EVERYTHING)));
    let line = String::from_utf8(lines).unwrap().lines().nth(3).unwrap().to_owned();
    let mut last = 0;
    for field in [
        "database",
        "table",
        "type",
        "ts",
        "xid",
        "commit",
        "position",
        "gtid",
        "server_id",
        "thread_id",
        "primary_key",
        "primary_key_columns",
        "data",
        "old",
    ] {
        let at = line.find(&format!("\"{field}\":")).unwrap_or_else(|| panic!("{field}: {line}"));
        assert!(at > last, "{field}: {line}");
        last = at;
    }
}

const TRANSACTIONS: &str = "
create database d;
use d;
create table t (id int primary key, user_name varchar(10), note int);
create table plain (id int) engine = MyISAM;
flush binary logs;
begin;
insert into t values (1, 'a', null), (2, 'b', 1);
update t set note = 3 where id = 1;
create temporary table scratch (a int);
drop temporary table scratch;
delete from t where id = 2;
commit;
insert into plain values (1), (2);
begin;
insert into plain values (3);
insert into t values (9, 'z', null);
rollback;
xa start 'x';
insert into t values (4, 'x', null);
xa end 'x';
xa prepare 'x';
xa commit 'x';
set session binlog_transaction_compression = on;
insert into t values (5, 'zip', null), (6, 'zip', null);
set session binlog_transaction_compression = off;
create table copy select id from t where id < 3;
";

#[test]
fn rows_of_a_transaction_share_a_number_and_the_last_one_commits() {
    let server = server();
    server.sql(TRANSACTIONS).unwrap();
    let told = tell(&server, &[("output_xoffset", "true"), ("output_nulls", "false")]);
    let brief: Vec<_> = told
        .iter()
        .map(|row| {
            let is = |field: &str| row.get(field).is_some();
            (
                row["table"].as_str().unwrap(),
                row["data"]["id"].as_i64().unwrap(),
                row.get("xoffset").and_then(Value::as_i64),
                is("commit"),
                is("xid"),
            )
        })
        .collect();
    assert_eq!(
        brief,
        [
            ("t", 1, Some(0), false, true),
            ("t", 2, Some(1), false, true),
            ("t", 1, Some(2), false, true),
            ("t", 2, None, true, true),
            // Tables without transactions have no number.
            ("plain", 1, Some(0), false, false),
            ("plain", 2, None, true, false),
            // What was rolled back is not there, but for what could not be.
            ("plain", 3, None, true, false),
            ("t", 4, None, true, false),
            ("t", 5, Some(0), false, true),
            ("t", 6, None, true, true),
            ("copy", 1, None, true, true),
        ]
    );
    let xids: Vec<_> = told[..4].iter().map(|row| &row["xid"]).collect();
    assert!(xids.iter().all(|xid| *xid == xids[0]) && told[8]["xid"] == told[9]["xid"]);
    assert_ne!(told[0]["xid"], told[8]["xid"]);
    assert_eq!(told[0]["data"], json!({"id": 1, "user_name": "a"}));
    // NULL is left out of `old` as well.
    assert_eq!(told[2]["old"], json!({}));

    let told = tell(&server, &[("output_commit_info", "false"), ("output_ddl", "true")]);
    assert!(told.iter().all(|row| row.get("xid").is_none() && row.get("commit").is_none()));
    // It is told when it comes, before the rows that wait.
    assert_eq!((&told[10]["type"], &told[10]["table"]), (&json!("table-create"), &json!("copy")));
    let camels = tell(
        &server,
        &[
            ("output_naming_strategy", "underscore_to_camelcase"),
            ("output_server_id", "true"),
            ("output_push_timestamp", "true"),
        ],
    );
    assert_eq!(camels[0]["data"], json!({"id": 1, "userName": "a", "note": null}));
    assert!(camels[0]["serverId"].is_u64());
    assert!(camels[0]["pushTs"].as_f64().unwrap() > 1_700_000_000.0);
}

/// Of Maxwell's own tests: test_bit, test_blob, test_enum, test_set, test_gis, test_json, test_bignum,
/// test_time, test_invalid_time, test_ucs2.
#[test]
fn values_are_those_of_maxwells_tests() {
    let server = server();
    server.sql("create database d").unwrap();
    let check = |columns: &str, values: &[(&str, Value)]| {
        let rows: Vec<_> = values.iter().map(|(sql, _)| format!("({sql})")).collect();
        let rows = rows.join(", ");
        server
            .sql(&format!(
                "set sql_mode = 'allow_invalid_dates', time_zone = '+00:00', names utf8mb4; use d;
                 drop table if exists t; create table t ({columns}); flush binary logs;
                 insert into t values {rows};"
            ))
            .unwrap_or_else(|error| panic!("{columns}: {error}"));
        let wanted: Vec<_> = values.iter().map(|(_, value)| value.clone()).collect();
        assert_eq!(data(&server, &[]), wanted, "{columns}");
    };
    check(
        "b bit(64)",
        &[
            ("b'00011'", json!({"b": 3})),
            ("409832983", json!({"b": 409832983})),
            ("18446744073709551615", json!({"b": 18446744073709551615_u64})),
        ],
    );
    check(
        "b blob, f binary(10), v varbinary(10)",
        &[(
            "x'00010203', x'00010203', x'00010203'",
            json!({"b": "AAECAw==", "f": "AAECAw==", "v": "AAECAw=="}),
        )],
    );
    check(
        "e enum('foo', 'bar', 'baz'), s set('foo', 'bar', 'baz')",
        &[
            ("'bar', 'bar,baz'", json!({"e": "bar", "s": ["bar", "baz"]})),
            ("'baz', 'baz,foo'", json!({"e": "baz", "s": ["foo", "baz"]})),
            ("null, ''", json!({"e": null, "s": []})),
        ],
    );
    check(
        "g geometry null",
        &[
            ("point(3, 2)", json!({"g": "POINT (3 2)"})),
            (
                "geometrycollection(point(1, 1), linestring(point(0,1), point(1,2), point(2,3), point(3,4)))",
                json!({"g": "GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (0 1, 1 2, 2 3, 3 4))"}),
            ),
            (
                "st_geomfromtext('MULTIPOLYGON(((0 0,1 0,1 1,0 0)))')",
                json!({"g": "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))"}),
            ),
            ("null", json!({"g": null})),
        ],
    );
    let document =
        json!({"foo": "bar", "baz": [1, 2, 3, {"hello": "inside an array"}], "bar": 123.4321});
    check(
        "j json, i int",
        &[
            (&format!("'{document}', 0"), json!({"j": document, "i": 0})),
            ("'null', 1", json!({"j": null, "i": 1})),
        ],
    );
    check("l bigint unsigned", &[("18446744073709551615", json!({"l": 18446744073709551615_u64}))]);
    check(
        "t time(6), small_t time(3), dt datetime(6), small_dt datetime(3), ts timestamp(4) null, \
           raw_dt datetime, dcol date",
        &[
            (
                "'12:23:33.123456', '12:23:33.345', '2012-01-01 22:32:34.222222', '2012-01-01 22:32:34.123', \
          '2012-01-01 22:32:34.1234', '1970-01-01', '1950-01-01'",
                json!({"t": "12:23:33.123456", "small_t": "12:23:33.345", "dt": "2012-01-01 22:32:34.222222",
                "small_dt": "2012-01-01 22:32:34.123", "ts": "2012-01-01 22:32:34.1234",
                "raw_dt": "1970-01-01 00:00:00", "dcol": "1950-01-01"}),
            ),
            (
                "0, 0, 0, 0, 0, 0, 0",
                json!({"t": "00:00:00.000000", "small_t": "00:00:00.000",
                "dt": "0000-00-00 00:00:00.000000", "small_dt": "0000-00-00 00:00:00.000",
                "ts": "0000-00-00 00:00:00.0000", "raw_dt": "0000-00-00 00:00:00",
                "dcol": "0000-00-00"}),
            ),
        ],
    );
    let nulls = data(&server, &[("output_null_zerodates", "true")]).pop().unwrap();
    assert_eq!(
        nulls,
        json!({"t": "00:00:00.000000", "small_t": "00:00:00.000", "dt": null,
                             "small_dt": null, "ts": null, "raw_dt": null, "dcol": null})
    );
    let text = "\u{2206}\u{2da}\u{f8}\u{a8}";
    check(
        "u text character set ucs2, l varchar(9) character set latin1",
        &[(&format!("'{text}', '\u{f8}'"), json!({"u": text, "l": "\u{f8}"}))],
    );
}

const TYPES: &str = "
create database d;
use d;
set time_zone = '+00:00', sql_mode = '';
create table t (id int primary key, tiny tinyint, tu tinyint unsigned, small smallint, su smallint unsigned,
    med mediumint, mu mediumint unsigned, iu int unsigned, big bigint, price decimal(12,2),
    dz decimal(5,5), f float, dbl double, y year, t time, neg time(1), c char(4), vc varchar(9),
    txt mediumtext character set cp1251, vb varbinary(4), e enum('a','b'), nothing int);
flush binary logs;
insert into t values (1, -128, 255, -32768, 65535, -8388608, 16777215, 4294967295,
    -9223372036854775808, -1234567890.12, 0.00001, 1.5, 1e-300, 2024, '838:59:59', '-00:00:01.5',
    'ab', '\u{fc}\"\\\\', '\u{434}\u{430}', x'ff00', 9, null);
";

fn types(year: u16) -> Value {
    json!({
        "id": 1, "tiny": -128, "tu": 255, "small": -32768, "su": 65535, "med": -8388608,
        "mu": 16777215, "iu": 4294967295_u64, "big": i64::MIN, "price": -1234567890.12,
        "dz": 0.00001, "f": 1.5, "dbl": 1e-300, "y": year, "t": "838:59:59", "neg": "-00:00:01.5",
        "c": "ab", "vc": "\u{fc}\"\\", "txt": "\u{434}\u{430}", "vb": "/wA=", "e": null,
        "nothing": null,
    })
}

#[test]
fn each_type_is_mapped() {
    let server = server();
    server.sql(TYPES).unwrap();
    assert_eq!(data(&server, &[]), [types(2024)]);
    server
        .sql(
            "use d; create table v (v vector(2)); flush binary logs;
                insert into v values (to_vector('[1,-0.5]'))",
        )
        .unwrap();
    assert_eq!(data(&server, &[]), [json!({"v": [1, -0.5]})]);
}

/// Of Maxwell's test_minimal and test_row_query_log_is_on.
#[test]
fn rows_that_are_logged_in_part_are_told_with_what_there_is() {
    let server = server();
    server
        .sql(
            "create database d; use d;
              create table t (id int auto_increment primary key, a text, b text);
              set session binlog_row_image = minimal, binlog_rows_query_log_events = on;
              flush binary logs;
              insert into t set a = 'avalue';
              insert into t set a = 'avalue2', b = 'bvalue2';
              update t set a = 'avalue3' where id = 2;
              delete from t where id = 1;",
        )
        .unwrap();
    let told = tell(
        &server,
        &[
            ("output_row_query", "true"),
            ("row_query_max_length", "15"),
            ("output_primary_keys", "true"),
        ],
    );
    let brief: Vec<_> =
        told.iter().map(|row| [&row["query"], &row["data"], &row["primary_key"]]).collect();
    assert_eq!(
        brief,
        [
            [&json!("insert into t s"), &json!({"id": 1, "a": "avalue"}), &json!([1])],
            [
                &json!("insert into t s"),
                &json!({"id": 2, "a": "avalue2", "b": "bvalue2"}),
                &json!([2])
            ],
            [&json!("update t set a "), &json!({"id": 2, "a": "avalue3"}), &json!([2])],
            [&json!("delete from t w"), &json!({"id": 1}), &json!([1])],
        ]
    );
    assert!(told.iter().all(|row| row.get("old").is_none()));
}

#[test]
fn what_cannot_be_told_is_an_error_that_teaches() {
    let server = server();
    let refused = |sql: &str| {
        server.sql(&format!("create database if not exists d; use d; {sql}")).unwrap();
        try_written(&server, &mut format(&[])).unwrap_err().to_string()
    };
    let minimal = refused(
        "set global binlog_row_metadata = minimal; create table t (a int);
                           flush binary logs; insert into t values (1); \
                           set global binlog_row_metadata = full",
    );
    assert!(minimal.contains("columns of d.t, which Maxwell's format needs"), "{minimal}");
    assert!(minimal.contains("binlog_row_metadata=FULL"), "{minimal}");
    let partial = refused(
        "create table j (a int primary key, j json);
                           insert into j values (1, '{\"a\": \"xxxxxxxxxxxxxxxx\", \"b\": 1}');
                           set session binlog_row_value_options = partial_json; flush binary logs;
                           update j set j = json_set(j, '$.b', 2)",
    );
    assert!(partial.contains("PARTIAL_JSON"), "{partial}");
}

mod on_mariadb {
    use super::*;

    #[test]
    fn mariadbs_transactions_and_types_are_told() {
        let server = Server::builder(Flavour::Mariadb118)
            .args(["--binlog-row-metadata=FULL"])
            .start()
            .unwrap();
        server.sql(TYPES).unwrap();
        let told = tell(&server, &[("output_gtid_position", "true"), ("output_server_id", "true")]);
        assert_eq!(told[0]["data"], types(2024));
        assert!(told[0]["xid"].is_u64() && told[0]["commit"] == true);
        let server_id = told[0]["server_id"].as_u64().unwrap();
        assert!(told[0]["gtid"].as_str().unwrap().starts_with(&format!("0-{server_id}-")));
        server
            .sql("use d; create table j (j json, u uuid, i inet6, z text compressed); flush binary logs;
                  insert into j values ('{\"a\":1}', '123e4567-e89b-12d3-a456-426655440000', '::1',
                  repeat('a', 200)); drop table j, t;")
            .unwrap();
        let told = tell(&server, &[("output_ddl", "true")]);
        // Its JSON is a text, and types of its own are bytes.
        assert_eq!(told[0]["data"]["j"], "{\"a\":1}");
        assert_eq!(told[0]["data"]["z"], "a".repeat(200));
        let kinds: Vec<_> = told.iter().map(|object| &object["type"]).collect();
        assert_eq!(kinds, ["insert", "table-drop", "table-drop"]);
    }

    /// Where a temporary table stays, a rollback is logged with what it took back.
    #[test]
    fn what_was_rolled_back_is_not_told() {
        let server = Server::builder(Flavour::Mariadb118)
            .args(["--binlog-row-metadata=FULL", "--binlog-format=MIXED"])
            .start()
            .unwrap();
        server
            .sql(
                "create database d; use d;
                 create table t (id int, u varchar(40)); flush binary logs;
                 begin; insert into t values (1, uuid()); create temporary table x (a int);
                 insert into t values (2, uuid()); rollback;
                 insert into t values (3, uuid());",
            )
            .unwrap();
        let pieces = written(&server, &mut format(&[]));
        let (mut rest, mut kinds) = (&pieces[..], Vec::new());
        while let Ok((piece, behind)) = MaxwellPiece::first(rest) {
            kinds.push(match piece {
                MaxwellPiece::Line(_) => "line",
                MaxwellPiece::Row(_) => "row",
                MaxwellPiece::Commit(_) => "commit",
                MaxwellPiece::Rollback => "rollback",
            });
            rest = behind;
        }
        assert_eq!(kinds, ["row", "row", "rollback", "row", "commit"]);
        let told = objects(&complete(&pieces));
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["data"]["id"], 3);
    }
}
