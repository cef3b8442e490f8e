//! What Debezium's connector would write of a real server's changes, field by field as its
//! documentation has them.

use binlogd_decode::format::{DebeziumFormat, DebeziumOptions};
use serde_json::{Value, json};
use testkit::{Flavour, Server};

use crate::written::{objects, written};

/// The envelopes of a server's newest binlog file.
fn envelopes(server: &Server, options: &[(&str, &str)]) -> Vec<Value> {
    let mut wanted = DebeziumOptions::default();
    options.iter().for_each(|(name, value)| wanted.set(name, value).unwrap());
    objects(&written(server, &mut DebeziumFormat::new(wanted)))
}

/// Removes what differs from run to run, after a look at it.
fn settled(mut envelope: Value) -> Value {
    let moment = |from: &mut Value| {
        let object = from.as_object_mut().unwrap();
        let us = object.remove("ts_us").unwrap().as_u64().unwrap();
        assert_eq!(object.remove("ts_ms").unwrap(), us / 1000);
        assert_eq!(object.remove("ts_ns").unwrap(), us * 1000);
        assert!(us > 1_700_000_000_000_000);
    };
    moment(&mut envelope);
    moment(&mut envelope["source"]);
    let source = envelope["source"].as_object_mut().unwrap();
    assert!(source.remove("version").unwrap().as_str().unwrap().starts_with("binlogd "));
    assert!(source.remove("pos").unwrap().as_u64().unwrap() > 4);
    assert!(source.remove("thread").unwrap().is_u64());
    envelope
}

const CUSTOMERS: &str = "
create database inventory;
use inventory;
create table customers (id integer not null auto_increment primary key,
    first_name varchar(255) not null, last_name varchar(255) not null,
    email varchar(255) not null unique key) auto_increment=1004;
set session binlog_rows_query_log_events = on;
flush binary logs;
insert into customers values (default, 'Anne', 'Kretchmar', 'annek@noanswer.org');
update customers set first_name = 'Anne Marie' where id = 1004;
update customers set id = 1005 where id = 1004;
delete from customers where id = 1005;
";

/// What the documentation's example of a schema change does, on the table of its other examples.
const SCHEMA_CHANGES: &str = "
create database inventory;
use inventory;
flush binary logs;
create table customers (id integer not null auto_increment primary key,
    first_name varchar(255) not null, last_name varchar(255) not null,
    email varchar(255) not null unique key) charset utf8mb4 auto_increment=1001;
ALTER TABLE customers ADD middle_name varchar(255) AFTER first_name;
rename table customers to other.people;
drop table if exists other.people, nothing;
create view v as select 1;
";

#[test]
fn the_documentations_customers_come_as_it_shows_them() {
    let server = Server::builder(Flavour::Mysql97)
        .args(["--binlog-row-metadata=FULL"])
        .without_gtid()
        .start()
        .unwrap();
    server.sql(CUSTOMERS).unwrap();
    let all = envelopes(&server, &[("topic.prefix", "mysql-server-1"), ("include.query", "true")]);

    let row = |id: u32, first_name: &str| {
        json!({"id": id, "first_name": first_name, "last_name": "Kretchmar",
               "email": "annek@noanswer.org"})
    };
    let file = server.binlog_files().unwrap().pop().unwrap();
    let server_id: u32 = server.sql("select @@server_id").unwrap().trim().parse().unwrap();
    let envelope = |op: &str, before: Value, after: Value, query: &str| {
        json!({
            "before": before, "after": after, "op": op, "transaction": null,
            "source": {
                "connector": "mysql", "name": "mysql-server-1", "snapshot": "false",
                "db": "inventory", "sequence": null, "table": "customers",
                "server_id": server_id, "gtid": null,
                "file": file.file_name().unwrap().to_str().unwrap(), "row": 0, "query": query,
            },
        })
    };
    let null = Value::Null;
    let insert =
        "insert into customers values (default, 'Anne', 'Kretchmar', 'annek@noanswer.org')";
    let update = "update customers set first_name = 'Anne Marie' where id = 1004";
    let rekey = "update customers set id = 1005 where id = 1004";
    let delete = "delete from customers where id = 1005";
    let marie = |id| row(id, "Anne Marie");
    let wanted = [
        envelope("c", null.clone(), row(1004, "Anne"), insert),
        envelope("u", row(1004, "Anne"), marie(1004), update),
        // Another primary key: one row goes, another comes.
        envelope("d", marie(1004), null.clone(), rekey),
        envelope("c", null.clone(), marie(1005), rekey),
        envelope("d", marie(1005), null, delete),
    ];
    let found: Vec<Value> = all.into_iter().map(settled).collect();
    assert_eq!(found, wanted);
}

#[test]
fn a_row_that_is_not_logged_whole_has_its_key() {
    let server =
        Server::builder(Flavour::Mysql97).args(["--binlog-row-metadata=FULL"]).start().unwrap();
    let sql = "
        create database d;
        use d;
        create table t (v int, x int, y int, primary key (y, x));
        create table b (w text, k text, primary key (k(9)));
        insert into t values (1, 1, 2);
        insert into b values ('w', 'k');
        flush binary logs;
        set session binlog_row_image = minimal;
        update t set v = 5;
        update t set x = 7;
        delete from t;
        update b set w = 'x';
        set session binlog_row_image = noblob;
        update b set w = 'y';";
    server.sql(sql).unwrap();
    let records = envelopes(&server, &[("keys", "true")]);
    let found: Vec<_> =
        records.iter().map(|record| (&record["value"]["op"], &record["key"])).collect();
    let (null, t, b) = (Value::Null, |x: u32| json!({"x": x, "y": 2}), json!({"k": "k"}));
    let wanted = [
        (json!("u"), t(1)),
        (json!("d"), t(1)),
        (null.clone(), t(1)),
        (json!("c"), t(7)),
        (json!("d"), t(7)),
        (null, t(7)),
        (json!("u"), b.clone()),
        (json!("u"), b),
    ];
    assert_eq!(found, wanted.iter().map(|(op, key)| (op, key)).collect::<Vec<_>>());
}

/// But for what the connector has changed since: the type is the one that was written, there are no attributes.
#[test]
fn the_documentations_schema_change_comes_as_it_shows_it() {
    let server = Server::builder(Flavour::Mysql97).without_gtid().start().unwrap();
    server.sql("create database other").unwrap();
    server.sql(SCHEMA_CHANGES).unwrap();
    let all = envelopes(&server, &[("topic.prefix", "mysql")]);
    let file = server.binlog_files().unwrap().pop().unwrap();
    let server_id: u32 = server.sql("select @@server_id").unwrap().trim().parse().unwrap();
    let mut alter = all[1].clone();
    let source = alter["source"].as_object_mut().unwrap();
    // What differs from run to run.
    for field in ["version", "ts_ms", "ts_us", "ts_ns", "pos", "thread"] {
        assert!(source.remove(field).is_some(), "{field}");
    }
    assert!(alter.as_object_mut().unwrap().remove("ts_ms").is_some());
    let column = |position: u32, name: &str, optional: bool| {
        json!({
            "name": name, "jdbcType": 12, "nativeType": null, "typeName": "VARCHAR",
            "typeExpression": "VARCHAR", "charsetName": "utf8mb4", "length": 255, "scale": null,
            "position": position, "optional": optional, "autoIncremented": false, "generated": false,
            "comment": null, "defaultValueExpression": null, "enumValues": null,
        })
    };
    let id = json!({
        "name": "id", "jdbcType": 4, "nativeType": null, "typeName": "INTEGER", "typeExpression": "INTEGER",
        "charsetName": null, "length": null, "scale": null, "position": 1, "optional": false,
        "autoIncremented": true, "generated": true, "comment": null, "defaultValueExpression": null,
        "enumValues": null,
    });
    let table = json!({
        "defaultCharsetName": "utf8mb4",
        "primaryKeyColumnNames": ["id"],
        "columns": [
            id, column(2, "first_name", false), column(3, "middle_name", true),
            column(4, "last_name", false), column(5, "email", false),
        ],
        "comment": null,
    });
    let wanted = json!({
        "source": {
            "connector": "mysql", "name": "mysql", "snapshot": "false", "db": "inventory",
            "sequence": null, "table": "customers", "server_id": server_id, "gtid": null,
            "file": file.file_name().unwrap().to_str().unwrap(), "row": 0, "query": null,
        },
        "databaseName": "inventory", "schemaName": null,
        "ddl": "ALTER TABLE customers ADD middle_name varchar(255) AFTER first_name",
        "tableChanges": [{"type": "ALTER", "id": "\"inventory\".\"customers\"", "table": table}],
    });
    assert_eq!(alter, wanted);

    let told: Vec<_> = all
        .iter()
        .map(|change| {
            let table = &change["tableChanges"][0];
            let is_known = table["table"].is_object();
            (
                &change["databaseName"],
                &change["source"]["table"],
                &table["type"],
                &table["id"],
                is_known,
            )
        })
        .collect();
    let names = |names: &[&str]| names.iter().map(|name| json!(name)).collect::<Vec<_>>();
    let (database, table) =
        (names(&["inventory", "other"]), names(&["customers", "people", "nothing"]));
    let kind = names(&["CREATE", "ALTER", "DROP"]);
    let id = names(&[
        "\"inventory\".\"customers\"",
        "\"other\".\"people\"",
        "\"inventory\".\"nothing\"",
    ]);
    let wanted = [
        (&database[0], &table[0], &kind[0], &id[0], true),
        (&database[0], &table[0], &kind[1], &id[0], true),
        (&database[1], &table[1], &kind[1], &id[1], true),
        (&database[1], &table[1], &kind[2], &id[1], false),
        (&database[0], &table[2], &kind[2], &id[2], false),
    ];
    assert_eq!(told, wanted);
}

const TYPES: &str = "
create database d;
use d;
set time_zone = '+00:00', sql_mode = '';
create table t (id int primary key, flag bit(1), bits bit(12), tiny tinyint, big bigint unsigned,
    price decimal(10,2), f float, d double, y year, day date, no_day date, t time(6), t0 time,
    dt0 datetime, dt6 datetime(6), ts timestamp null, ts6 timestamp(6) null, c char(4),
    txt text character set latin1, bin binary(3), blb blob, e enum('a','b'), s set('x','y','z'),
    j json, g geometry, nothing int);
flush binary logs;
insert into t values (1, 1, b'100000000001', -1, 18446744073709551615, -123.45, 1.5, 0.1, 2024,
    '2018-06-20', '0000-00-00', '-00:00:01.5', '10:11:12', '2018-06-20 06:37:03',
    '2018-06-20 06:37:03.123456', '2018-06-20 06:37:03', '2018-06-20 06:37:03.12', 'ab', 'caf\u{e9}',
    'a', x'ff00', 'b', 'x,z', '{\"a\": [1, 2]}', st_geomfromtext('POINT(1 1)'), null);
";

#[test]
fn each_type_is_mapped_as_documented() {
    let server =
        Server::builder(Flavour::Mysql97).args(["--binlog-row-metadata=FULL"]).start().unwrap();
    server.sql(TYPES).unwrap();
    let row = |options| envelopes(&server, options)[0]["after"].clone();
    let wanted = json!({
        "id": 1, "flag": true, "bits": "AQg=", "tiny": -1, "big": -1, "price": "z8c=", "f": 1.5,
        "d": 0.1, "y": 2024, "day": 17702, "no_day": null, "t": -1_500_000, "t0": 36_672_000_000_u64,
        "dt0": 1_529_476_623_000_u64, "dt6": 1_529_476_623_123_456_u64,
        "ts": "2018-06-20T06:37:03Z", "ts6": "2018-06-20T06:37:03.120000Z", "c": "ab",
        "txt": "caf\u{e9}", "bin": "YQAA", "blb": "/wA=", "e": "b", "s": "x,z",
        "j": "{\"a\":[1,2]}",
        "g": {"wkb": "AQEAAAAAAAAAAADwPwAAAAAAAPA/", "srid": null}, "nothing": null,
    });
    assert_eq!(row(&[]), wanted);
    let other = row(&[("decimal.handling.mode", "string"), ("time.precision.mode", "connect")]);
    assert_eq!((&other["price"], &other["t"]), (&json!("-123.45"), &json!(-1500)));
    assert_eq!(other["dt6"], 1_529_476_623_123_u64);
    let other = row(&[("decimal.handling.mode", "double"), ("binary.handling.mode", "hex")]);
    assert_eq!((&other["price"], &other["blb"]), (&json!(-123.45), &json!("ff00")));
}
