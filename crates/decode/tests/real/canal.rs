//! What Canal would send of a real server's changes as flat messages, field by field as the examples have
//! them that readers of its format document.

use std::collections::BTreeMap;

use binlogd_decode::changes::{At, Change, Transaction};
use binlogd_decode::format::{CanalFormat, CanalOptions, Format, FormatError};
use serde_json::{Value, json};
use testkit::{Flavour, Server};

use crate::written::{objects, try_written, written};

fn format(options: &[(&str, &str)]) -> CanalFormat {
    let mut wanted = CanalOptions::default();
    options.iter().for_each(|(name, value)| wanted.set(name, value).unwrap());
    CanalFormat::new(wanted)
}

/// The messages of a server's newest binlog file.
fn messages(server: &Server, options: &[(&str, &str)]) -> Vec<Value> {
    objects(&written(server, &mut format(options)))
}

fn server() -> Server {
    Server::builder(Flavour::Mysql97).args(["--binlog-row-metadata=FULL"]).start().unwrap()
}

/// The table of Flink's documentation of the format.
const PRODUCTS: &str = "
create database inventory;
use inventory;
create table products (id int not null primary key, name varchar(255), description varchar(512),
    weight float);
flush binary logs;
set timestamp = 1589373560;
insert into products values (111, 'scooter', 'Big 2-wheel scooter', 5.15);
update products set weight = 5.18 where id = 111;
delete from products where id = 111;
";

#[test]
fn the_documented_scooter_comes_as_it_is_shown() {
    let server = server();
    server.sql(PRODUCTS).unwrap();
    let row = |weight: &str| {
        json!([{"id": "111", "name": "scooter", "description": "Big 2-wheel scooter",
                "weight": weight}])
    };
    let message = |id: u32, kind: &str, data: Value, old: Value| {
        json!({
            "data": data, "database": "inventory", "es": 1_589_373_560_000_u64, "gtid": "",
            "id": id, "isDdl": false,
            "mysqlType": {"id": "int", "name": "varchar(255)", "description": "varchar(512)",
                          "weight": "float"},
            "old": old, "pkNames": ["id"], "sql": "",
            "sqlType": {"id": 4, "name": 12, "description": 12, "weight": 7},
            "table": "products", "type": kind,
        })
    };
    let wanted = [
        message(1, "INSERT", row("5.15"), Value::Null),
        message(2, "UPDATE", row("5.18"), json!([{"weight": "5.15"}])),
        message(3, "DELETE", row("5.18"), Value::Null),
    ];
    let mut found = messages(&server, &[]);
    for message in &mut found {
        let ts = message.as_object_mut().unwrap().remove("ts").unwrap().as_u64().unwrap();
        assert!(ts > 1_700_000_000_000);
    }
    assert_eq!(found, wanted);

    let line = written(&server, &mut format(&[("canal.instance.gtidon", "true")]));
    let line = String::from_utf8(line).unwrap().lines().nth(1).unwrap().to_owned();
    let mut last = 0;
    for field in [
        "data",
        "database",
        "es",
        "gtid",
        "id",
        "isDdl",
        "mysqlType",
        "old",
        "pkNames",
        "sql",
        "sqlType",
        "table",
        "ts",
        "type",
    ] {
        // `data` has an `id`, too.
        let at = line[last..]
            .find(&format!("\"{field}\":"))
            .unwrap_or_else(|| panic!("{field}: {line}"));
        last += at;
    }
    let uuid = server.sql("select @@server_uuid").unwrap();
    assert!(line.contains(&format!("\"gtid\":\"{}:", uuid.trim())), "{line}");
    assert_eq!(messages(&server, &[("canal.instance.filter.rows", "true")]), [] as [Value; 0]);
}

#[test]
fn an_event_of_rows_is_a_message() {
    let server = server();
    server
        .sql(
            "create database d; use d;
              create table t (a int, id int, b int, primary key (id, a));
              flush binary logs;
              insert into t values (1, 1, null), (2, 2, 5);
              begin;
              update t set b = if(a = 1, 7, b), id = if(a = 2, 3, id);
              delete from t;
              commit;
              set session binlog_row_image = minimal;
              insert into t (a, id) values (8, 8);
              update t set b = 9 where a = 8;
              delete from t;",
        )
        .unwrap();
    let told = messages(&server, &[]);
    let brief: Vec<_> =
        told.iter().map(|m| [&m["type"], &m["data"], &m["old"], &m["pkNames"]]).collect();
    let row = |a: &str, id: &str, b: Value| json!({"a": a, "id": id, "b": b});
    let keys = json!(["a", "id"]);
    assert_eq!(
        brief,
        [
            [
                &json!("INSERT"),
                &json!([row("1", "1", Value::Null), row("2", "2", json!("5"))]),
                &Value::Null,
                &keys
            ],
            // The second row's `b` is the same, but Canal tells of columns that any row before changed.
            [
                &json!("UPDATE"),
                &json!([row("1", "1", json!("7")), row("2", "3", json!("5"))]),
                &json!([{"b": null}, {"id": "2", "b": "5"}]),
                &keys
            ],
            [
                &json!("DELETE"),
                &json!([row("1", "1", json!("7")), row("2", "3", json!("5"))]),
                &Value::Null,
                &keys
            ],
            [&json!("INSERT"), &json!([{"a": "8", "id": "8"}]), &Value::Null, &keys],
            [&json!("UPDATE"), &json!([{"b": "9"}]), &json!([{}]), &Value::Null],
            [&json!("DELETE"), &json!([{"a": "8", "id": "8"}]), &Value::Null, &keys],
        ]
    );
}

const DDL: &str = "
flush binary logs;
create database dip_test;
use dip_test;
create table customers (id int primary key);
alter table customers add column name varchar(9);
alter table customers add index i (name);
create index j on customers (name);
drop index j on customers;
alter table customers drop index i, add column n int;
rename table customers to clients;
alter table clients rename to customers;
truncate table customers;
create view v as select 1;
create user somebody;
create table t2 (a int) engine = MyISAM;
set session binlog_format = statement;
insert into customers values (1, 'a', 1);
set session binlog_format = row;
set session binlog_rows_query_log_events = on;
insert into customers values (2, 'b', 2);
xa start 'x'; delete from customers where id = 2; xa end 'x'; xa prepare 'x'; xa commit 'x';
drop table customers, t2;
drop database dip_test;
";

#[test]
fn statements_are_told_by_kind_and_table() {
    let server = server();
    server.sql(DDL).unwrap();
    let told = messages(&server, &[]);
    let brief: Vec<_> = told
        .iter()
        .map(|m| {
            let text = |field: &str| m[field].as_str().unwrap();
            if m["isDdl"] == true {
                for field in ["data", "old", "pkNames", "mysqlType", "sqlType"] {
                    assert!(m[field].is_null(), "{m}");
                }
            }
            (text("type"), text("table"), m["isDdl"].as_bool().unwrap(), text("sql").len() > 5)
        })
        .collect();
    assert_eq!(
        brief,
        [
            ("QUERY", "", true, true),
            ("CREATE", "customers", true, true),
            ("ALTER", "customers", true, true),
            ("CINDEX", "customers", true, true),
            ("CINDEX", "customers", true, true),
            ("DINDEX", "customers", true, true),
            ("DINDEX", "customers", true, true),
            ("RENAME", "clients", true, true),
            ("RENAME", "customers", true, true),
            ("TRUNCATE", "customers", true, true),
            ("CREATE", "t2", true, true),
            // What changes rows comes as it stands in the log, too.
            ("INSERT", "", false, true),
            ("QUERY", "", false, true),
            ("INSERT", "customers", false, false),
            ("QUERY", "", false, true),
            ("DELETE", "customers", false, false),
            ("XACOMMIT", "", false, true),
            // Tables without transactions go first.
            ("ERASE", "t2", true, true),
            ("ERASE", "customers", true, true),
            ("QUERY", "", true, true),
        ]
    );
    let create = json!({"database": "dip_test", "sql": "create database dip_test"});
    assert_eq!(json!({"database": told[0]["database"], "sql": told[0]["sql"]}), create);
    assert!(told.iter().filter(|m| m["isDdl"] == true).all(|m| m["database"] == "dip_test"));

    let kinds = |options: &[(&str, &str)]| -> Vec<String> {
        messages(&server, options).iter().map(|m| m["type"].as_str().unwrap().to_owned()).collect()
    };
    let filters =
        [("canal.instance.filter.query.dml", "true"), ("canal.instance.filter.query.ddl", "true")];
    assert_eq!(kinds(&filters), ["INSERT", "DELETE", "XACOMMIT"]);
}

/// What passes on no rows of one table, as a reader does that has chosen others.
struct Without<'f>(&'f str, &'f mut CanalFormat);

impl Format for Without<'_> {
    fn begin(&mut self, transaction: &Transaction, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.1.begin(transaction, out)
    }

    fn change(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        change: Change<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        match &change {
            Change::Rows { rows, .. } if rows.table().name() == self.0 => Ok(()),
            _ => self.1.change(at, transaction, change, out),
        }
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}

#[test]
fn each_statement_is_told_where_some_of_its_rows_are_not() {
    let server = server();
    server
        .sql(
            "create database d; use d;
             create table a (id int primary key); create table b (id int);
             create trigger tr after insert on a for each row insert into b values (new.id);
             set session binlog_rows_query_log_events = on;
             flush binary logs;
             begin;
             insert into a values (1);
             insert into a values (2), (3);
             delete from b;
             insert into a values (4);
             insert into a values (4) on duplicate key update id = 5;
             set session binlog_rows_query_log_events = off;
             delete from a where id = 5;
             commit;",
        )
        .unwrap();
    let told = |without: &str| -> Vec<String> {
        let mut format = format(&[]);
        objects(&written(&server, &mut Without(without, &mut format)))
            .iter()
            .map(|message| {
                let text = |field: &str| message[field].as_str().unwrap();
                let is_query = text("type") == "QUERY";
                if is_query {
                    text("sql").to_owned()
                } else {
                    format!("{} {}", text("type"), text("table"))
                }
            })
            .collect()
    };
    let (one, two, four) =
        ("insert into a values (1)", "insert into a values (2), (3)", "insert into a values (4)");
    let five = "insert into a values (4) on duplicate key update id = 5";
    let last = "DELETE a";
    let (a, b) = ("INSERT a", "INSERT b");
    // The trigger runs between the rows.
    assert_eq!(told("b"), [one, a, two, a, a, four, a, five, "UPDATE a", last]);
    assert_eq!(told("a"), [one, b, two, b, b, "delete from b", "DELETE b", four, b]);
    let all = [&[one, a, b, two, a, b, a, b][..], &["delete from b", "DELETE b", four, a, b]];
    assert_eq!(told(""), [all.concat(), vec![five, "UPDATE a", last]].concat());
}

const TYPES: &str = "
create database d;
use d;
set time_zone = '+00:00', sql_mode = '';
create table t (id int primary key, tiny tinyint, tu tinyint unsigned, su smallint unsigned,
    mu mediumint unsigned, iu int unsigned, bu bigint unsigned, low int unsigned, big bigint,
    price decimal(12,2), free decimal(12,2), tenth decimal(12,2), exact decimal(30,11), f float, dbl double, flag bit(1), bits bit(12), y year, y0 year, day date,
    no_day date, t time, neg time(1), dt datetime, dt6 datetime(6), ts timestamp null,
    ts3 timestamp(3) null, c char(4) character set utf8mb3, vc varchar(9),
    latin varchar(7) character set latin1, txt text, mt mediumtext character set cp1251, tt tinytext,
    bin binary(3), vb varbinary(4), blb blob, lb longblob, e enum('a','it''s'),
    s set('x','y','z'), s0 set('x'), g geometry, p point, nothing int, no_text text);
flush binary logs;
insert into t values (1, -128, 255, 65535, 16777215, 4294967295, 18446744073709551615, 7,
    -9223372036854775808, -1234567890.12, 0, 5, 1.000000000001, 1.5, 1e-300, 1, b'100000000001', 2024, 0, '2018-06-20',
    '0000-00-00', '838:59:59', '-00:00:01.5', '2018-06-20 06:37:03', '2018-06-20 06:37:03.123456',
    '2018-06-20 06:37:03', '2018-06-20 06:37:03.12', 'ab', '\u{fc}\"\\\\', '\u{e9}', 'long text',
    '\u{434}\u{430}', '', 'a', x'ff00', x'00e9ff', 'b', 'it''s', 'x,z', null, point(1, 2),
    point(1, 2), null, null);
";

fn types() -> BTreeMap<&'static str, (Value, i16)> {
    let point = "\0\0\0\0\u{1}\u{1}\0\0\0\0\0\0\0\0\0\u{f0}?\0\0\0\0\0\0\0@";
    [
        ("id", json!("1"), 4),
        ("tiny", json!("-128"), -6),
        // One size up, where a signed number would not do.
        ("tu", json!("255"), 5),
        ("su", json!("65535"), 4),
        ("mu", json!("16777215"), 4),
        ("iu", json!("4294967295"), -5),
        ("bu", json!("18446744073709551615"), 3),
        ("low", json!("7"), 4),
        ("big", json!("-9223372036854775808"), -5),
        ("price", json!("-1234567890.12"), 3),
        // Of zeros at the end those are left out that do not fill nine digits, but for one.
        ("free", json!("0.0"), 3),
        ("tenth", json!("5.0"), 3),
        ("exact", json!("1.000000000"), 3),
        ("f", json!("1.5"), 7),
        ("dbl", json!("1.0E-300"), 8),
        ("flag", json!("1"), -7),
        ("bits", json!("2049"), -7),
        ("y", json!("2024"), 12),
        ("y0", json!("0000"), 12),
        ("day", json!("2018-06-20"), 91),
        ("no_day", json!("0000-00-00"), 91),
        ("t", json!("838:59:59"), 92),
        ("neg", json!("-00:00:01.5"), 92),
        ("dt", json!("2018-06-20 06:37:03"), 93),
        ("dt6", json!("2018-06-20 06:37:03.123456"), 93),
        ("ts", json!("2018-06-20 06:37:03"), 93),
        ("ts3", json!("2018-06-20 06:37:03.120"), 93),
        ("c", json!("ab"), 1),
        ("vc", json!("\u{fc}\"\\"), 12),
        ("latin", json!("\u{e9}"), 12),
        ("txt", json!("long text"), 2005),
        ("mt", json!("\u{434}\u{430}"), 2005),
        ("tt", json!(""), 2005),
        // Bytes are the characters of ISO 8859-1.
        ("bin", json!("a"), 2004),
        ("vb", json!("\u{ff}\0"), 2004),
        ("blb", json!("\0\u{e9}\u{ff}"), 2004),
        ("lb", json!("b"), 2004),
        // A member's number, and members' bits.
        ("e", json!("2"), 4),
        ("s", json!("5"), -7),
        ("s0", Value::Null, 2004),
        ("g", json!(point), 2004),
        ("p", json!(point), 2004),
        ("nothing", Value::Null, 4),
        ("no_text", Value::Null, 2005),
    ]
    .into_iter()
    .map(|(name, value, number)| (name, (value, number)))
    .collect()
}

/// Compares the message of a row with its columns' values and numbers, and its types with the server's.
fn check_types(server: &Server) {
    server.sql(TYPES).unwrap();
    // MariaDB logs the statement, too.
    let told = messages(server, &[]).pop().unwrap();
    for (name, (value, number)) in types() {
        assert_eq!(
            (&told["data"][0][name], &told["sqlType"][name]),
            (&value, &json!(number)),
            "{name}"
        );
    }
    assert_eq!(told["data"][0].as_object().unwrap().len(), types().len());
    types_are_the_servers(server, &told, "t");
}

fn types_are_the_servers(server: &Server, told: &Value, table: &str) {
    let query = format!(
        "select column_name, column_type from information_schema.columns \
         where table_schema = 'd' and table_name = '{table}'"
    );
    let columns = server.query_rows(&query).unwrap();
    assert_eq!(columns.len(), told["mysqlType"].as_object().unwrap().len());
    for column in columns {
        let ours = told["mysqlType"][&column[0]].as_str().unwrap();
        let theirs = match column[1].split_once('(') {
            // How wide integers and years are shown is not in the log.
            Some((name, rest)) if name.ends_with("int") || name == "year" => {
                format!("{name}{}", rest.split_once(')').unwrap().1)
            }
            _ => column[1].clone(),
        };
        assert_eq!(ours, theirs, "{}", column[0]);
    }
}

#[test]
fn each_type_is_mapped() {
    let server = server();
    check_types(&server);
    server
        .sql("use d; create table j (id int primary key, j json, v vector(2), n json,
                 m multipolygon, gc geometrycollection);
              flush binary logs;
              insert into j values (1, '{\"a\": [1, 2.5, \"x\"]}', to_vector('[1,-0.5]'), null, null, null);
              set session binlog_row_value_options = partial_json;
              update j set j = json_set(j, '$.a[0]', 7);")
        .unwrap();
    let told = messages(&server, &[]);
    let wanted = json!({"id": "1", "j": "{\"a\": [1, 2.5, \"x\"]}", "v": "[1,-0.5]", "n": null,
                        "m": null, "gc": null});
    assert_eq!(told[0]["data"][0], wanted);
    assert_eq!([&told[0]["sqlType"]["j"], &told[0]["sqlType"]["n"]], [&json!(12), &json!(1111)]);
    types_are_the_servers(&server, &told[0], "j");
    let partial = told[1]["data"][0]["j"].as_str().unwrap();
    assert!(partial.starts_with("JSON_REPLACE(j,") && partial.contains("'$.a[0]'"), "{partial}");

    // What MySQL prints in another way.
    let document = "json_object('d', cast(1e300 as double), 'e', cast(5e0 as double), 'n', cast(5.10 as decimal(5,2)),
                    'z', cast(0 as decimal(5,2)), 'day', cast('2024-02-29' as date), 't', cast('00:00:00' as time),
                    'dt', cast('2024-02-29 01:02:03.5' as datetime(6)), 's', '\\b/\\t\u{7f}', 'o', x'6162')";
    server
        .sql(&format!("use d; flush binary logs; insert into j (id, j) values (2, {document})"))
        .unwrap();
    let told = messages(&server, &[]);
    let mut wanted = String::from("{\"d\": 1.0E300, \"e\": 5.0, \"n\": 5.10, \"o\": \"ab\", ");
    wanted += "\"s\": \"\\u0008/\\t\\u007f\", \"t\": \"00:00:00\", \"z\": 0.0, ";
    wanted += "\"dt\": \"2024-02-29 01:02:03.500000\", \"day\": \"2024-02-29 00:00:00.000000\"}";
    assert_eq!(told[0]["data"][0]["j"], wanted);
}

/// The pieces of a message of many rows together, and how many there were.
fn in_pieces(server: &Server, options: &[(&str, &str)]) -> (Vec<Value>, usize) {
    struct Pieces(CanalFormat, usize);

    impl Format for Pieces {
        fn begin(&mut self, _: &Transaction, _: &mut Vec<u8>) -> Result<(), FormatError> {
            Ok(())
        }

        fn change(
            &mut self,
            at: &At<'_>,
            transaction: &Transaction,
            change: Change<'_>,
            out: &mut Vec<u8>,
        ) -> Result<(), FormatError> {
            match self.0.pieces(at, transaction, &change, out)? {
                Some(mut pieces) => {
                    while pieces.next(out)? {
                        self.1 += 1;
                    }
                    Ok(())
                }
                None => self.0.change(at, transaction, change, out),
            }
        }

        fn finish(&mut self, _: &mut Vec<u8>) {}
    }

    let mut format = Pieces(format(options), 0);
    (objects(&written(server, &mut format)), format.1)
}

#[test]
fn a_message_is_the_same_in_pieces() {
    let args = ["--binlog-row-metadata=FULL", "--binlog-row-event-max-size=4194304"];
    let server = Server::builder(Flavour::Mysql97).args(args).start().unwrap();
    server
        .sql(
            "create database d; use d;
             create table t (id int primary key, a varchar(99), n int unsigned);
             set session cte_max_recursion_depth = 100000, binlog_rows_query_log_events = on;
             flush binary logs;
             insert into t with recursive r as (select 1 i union all select i + 1 from r where i < 5000)
                select i, repeat('\u{fc}', 30), i from r;
             update t set n = if(id < 3000, n, 4000000000), a = if(id = 4999, null, a);
             insert into t values (6000, 'one', 1);
             delete from t;",
        )
        .unwrap();
    let settled = |mut told: Vec<Value>| {
        told.iter_mut().for_each(|message| _ = message.as_object_mut().unwrap().remove("ts"));
        told
    };
    let (told, pieces) = in_pieces(&server, &[]);
    assert!(pieces > 20, "{pieces}");
    assert_eq!(told.len(), 8);
    assert_eq!(told[3]["old"].as_array().unwrap().len(), 2001);
    assert_eq!(settled(told), settled(messages(&server, &[])));
    assert_eq!(in_pieces(&server, &[("canal.instance.filter.rows", "true")]).1, 0);
}

#[test]
fn without_names_of_columns_nothing_is_told() {
    let server = Server::start_new(Flavour::Mysql97).unwrap();
    server
        .sql(
            "create database d; create table d.t (a int); flush binary logs;
              insert into d.t values (1)",
        )
        .unwrap();
    let error = try_written(&server, &mut format(&[])).unwrap_err().to_string();
    assert!(error.contains("columns of d.t, which Canal's format needs"), "{error}");
    assert!(error.contains("binlog_row_metadata=FULL"), "{error}");
    let error = CanalOptions::default().set("canal.instance.gtidon", "on").unwrap_err();
    assert_eq!(error, "canal.instance.gtidon can be 'true' or 'false', not 'on'");
    let error = CanalOptions::default().set("canal.mq.topic", "t").unwrap_err();
    assert!(error.contains("there are canal.instance.gtidon, "), "{error}");
}

mod on_mariadb {
    use super::*;

    #[test]
    fn mariadbs_types_and_transactions_are_told() {
        let server = Server::builder(Flavour::Mariadb118)
            .args(["--binlog-row-metadata=FULL"])
            .start()
            .unwrap();
        check_types(&server);
        server
            .sql(
                "use d; create table j (j json, z text compressed, v varchar(200) compressed);
                  flush binary logs;
                  insert into j values ('{\"a\":1}', repeat('a', 200), repeat('b', 190))",
            )
            .unwrap();
        let options = [("canal.instance.gtidon", "true")];
        let told = messages(&server, &options).pop().unwrap();
        assert!(told["gtid"].as_str().unwrap().starts_with("0-"), "{told}");
        let row = json!({"j": "{\"a\":1}", "z": "a".repeat(200), "v": "b".repeat(190)});
        assert_eq!(told["data"][0], row);
        let types = json!({"j": "longtext", "z": "text", "v": "varchar(200)"});
        assert_eq!(told["mysqlType"], types);
        assert_eq!(told["sqlType"], json!({"j": 2005, "z": 2005, "v": 12}));
    }
}
