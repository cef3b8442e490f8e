//! What statements define: databases, and tables with their columns.

use serde_json::{Value, json};

use super::{server, tell};

#[test]
fn definitions_of_databases_and_several_tables_are_told() {
    let server = server();
    server
        .sql(
            "flush binary logs;
              create database ser_d1 charset 'latin1';
              create database if not exists ser_d2;
              alter database ser_d1 charset 'utf8mb4';
              use ser_d1;
              create table a (id int); create table b like a; create index i on a (id);
              rename table a to c, b to ser_d2.b;
              truncate table c; analyze table c;
              drop table if exists c, ser_d2.b;
              drop database ser_d2;",
        )
        .unwrap();
    let told: Vec<_> = tell(&server, &[("output_ddl", "true")])
        .iter()
        .map(|object| {
            let text = |field: &str| object.get(field).map(|v| v.as_str().unwrap().to_owned());
            assert!(object["ts"].as_u64().unwrap() > 1_700_000_000_000);
            assert!(object["sql"].as_str().unwrap().len() > 10);
            (text("type").unwrap(), text("database").unwrap(), text("table"), text("charset"))
        })
        .collect();
    let entry = |kind: &str, database: &str, table: Option<&str>, charset: Option<&str>| {
        (kind.to_owned(), database.to_owned(), table.map(str::to_owned), charset.map(str::to_owned))
    };
    assert_eq!(
        told,
        [
            entry("database-create", "ser_d1", None, Some("latin1")),
            entry("database-create", "ser_d2", None, Some("utf8mb4")),
            entry("database-alter", "ser_d1", None, Some("utf8mb4")),
            entry("table-create", "ser_d1", Some("a"), None),
            entry("table-create", "ser_d1", Some("b"), None),
            entry("table-alter", "ser_d1", Some("a"), None),
            entry("table-alter", "ser_d1", Some("b"), None),
            entry("table-drop", "ser_d1", Some("c"), None),
            entry("table-drop", "ser_d2", Some("b"), None),
            entry("database-drop", "ser_d2", None, None),
        ]
    );
}

/// The tables of Maxwell's own test of what it writes, and columns of its other types.
const TABLES: &str = "
create database old charset latin2;
flush binary logs;
create database ser1 charset utf8mb3;
create table `ser1`.`tbl1` ( id mediumint, `a` varchar(255) character set latin1, `b` mediumtext,
    `c` enum('a','b'), primary key(ID) );
create table `ser1`.`tbl2` ( id int unsigned, `a` bit, primary key (id, a));
create table `ser1`.`tbl3` ( id int, `dt` datetime(6), `ts` timestamp(3), `t` time, primary key (id));
create table ser1.tbl4 like ser1.tbl2;
use ser1;
create table tbl5 (b bigint unsigned zerofill, ok bool, n numeric(10, 2), f real, y year, d date,
    s set('x','it''s') charset ascii, j json, p point, bl blob, tt text(100), vb varbinary(9),
    bin char(3) byte, na nchar(2), co varchar(5) collate latin1_bin) charset koi8r;
create table tbl6 (a int) select 1 as b;
alter database ser1 charset latin5;
create table tbl7 (a text);
create table old.tbl8 (a int, b text, c text charset greek);
create database if not exists old;
create table old.tbl9 (b text);
";

#[test]
fn tables_are_told_with_their_columns() {
    let server = server();
    server.sql(TABLES).unwrap();
    let mut told = tell(&server, &[("output_ddl", "true")]);
    told.retain(|object| object["type"] == "table-create");
    let def = |database: &str, table: &str, charset: &str, columns: Value, key: Value| {
        json!({"database": database, "charset": charset, "table": table, "columns": columns,
               "primary-key": key})
    };
    let wanted = [
        def(
            "ser1",
            "tbl1",
            "utf8mb3",
            json!([
                {"name": "id", "type": "mediumint", "signed": true},
                {"name": "a", "type": "varchar", "charset": "latin1"},
                {"name": "b", "type": "mediumtext", "charset": "utf8mb3"},
                {"name": "c", "type": "enum", "enum-values": ["a", "b"]},
            ]),
            json!(["id"]),
        ),
        def(
            "ser1",
            "tbl2",
            "utf8mb3",
            json!([
                {"name": "id", "type": "int", "signed": false},
                {"name": "a", "type": "bit"},
            ]),
            json!(["id", "a"]),
        ),
        def(
            "ser1",
            "tbl3",
            "utf8mb3",
            json!([
                {"name": "id", "type": "int", "signed": true},
                {"name": "dt", "type": "datetime", "column-length": 6},
                {"name": "ts", "type": "timestamp", "column-length": 3},
                {"name": "t", "type": "time", "column-length": 0},
            ]),
            json!(["id"]),
        ),
        def(
            "ser1",
            "tbl4",
            "utf8mb3",
            json!([
                {"name": "id", "type": "int", "signed": false},
                {"name": "a", "type": "bit"},
            ]),
            json!(["id", "a"]),
        ),
        def(
            "ser1",
            "tbl5",
            "koi8r",
            json!([
                {"name": "b", "type": "bigint", "signed": false},
                {"name": "ok", "type": "tinyint", "signed": true},
                {"name": "n", "type": "decimal"},
                {"name": "f", "type": "double"},
                {"name": "y", "type": "year"},
                {"name": "d", "type": "date"},
                {"name": "s", "type": "set", "enum-values": ["x", "it's"]},
                {"name": "j", "type": "json"},
                {"name": "p", "type": "point"},
                {"name": "bl", "type": "blob", "charset": "binary"},
                {"name": "tt", "type": "tinytext", "charset": "koi8r"},
                {"name": "vb", "type": "varbinary", "charset": "binary"},
                {"name": "bin", "type": "binary", "charset": "binary"},
                {"name": "na", "type": "char", "charset": "utf8mb3"},
                {"name": "co", "type": "varchar", "charset": "latin1"},
            ]),
            json!([]),
        ),
        // The server logs what the query made of it.
        def(
            "ser1",
            "tbl6",
            "utf8mb3",
            json!([
                {"name": "a", "type": "int", "signed": true},
                {"name": "b", "type": "int", "signed": true},
            ]),
            json!([]),
        ),
        def(
            "ser1",
            "tbl7",
            "latin5",
            json!([{"name": "a", "type": "text", "charset": "latin5"}]),
            json!([]),
        ),
        // Of a database that was there before the character set is not known.
        json!({"database": "old", "table": "tbl8", "primary-key": [], "columns": [
            {"name": "a", "type": "int", "signed": true},
            {"name": "b", "type": "text"},
            {"name": "c", "type": "text", "charset": "greek"},
        ]}),
        json!({"database": "old", "table": "tbl9", "primary-key": [], "columns": [
            {"name": "b", "type": "text"},
        ]}),
    ];
    assert_eq!(told.len(), wanted.len());
    for (told, wanted) in told.iter().zip(&wanted) {
        assert_eq!(told.get("def").unwrap_or(&Value::Null), wanted, "{told}");
    }
    // Where a table names a character set, it is the server's own.
    let stored = server
        .query_rows(
            "select column_name, data_type, character_set_name from information_schema.columns
             where table_schema in ('ser1', 'old') and table_name in ('tbl1', 'tbl5', 'tbl7')
             order by table_name, ordinal_position",
        )
        .unwrap();
    let mut columns = wanted[..7].iter().flat_map(|def| {
        let told = ["tbl1", "tbl5", "tbl7"].iter().any(|name| def["table"] == *name);
        def["columns"].as_array().filter(|_| told).cloned().unwrap_or_default()
    });
    for row in stored {
        let column = columns.next().unwrap();
        assert_eq!(column["name"], row[0]);
        assert_eq!(column["type"], row[1]);
        let charset = column["charset"].as_str().filter(|name| *name != "binary");
        if let Some(charset) = charset {
            assert_eq!(charset, row[2]);
        }
    }
    assert_eq!(columns.next(), None);
}

#[test]
fn tables_are_told_as_they_were_and_are() {
    let server = server();
    server
        .sql(
            "create database d; create table d.older (a int); flush binary logs; use d;
              create table t (a int primary key, b text charset latin1) charset utf8mb4;
              alter table t drop b, add c varchar(9) first;
              alter table older add b int;
              rename table t to u, older to c;",
        )
        .unwrap();
    let told = tell(&server, &[("output_ddl", "true")]);
    let def = |table: &str, columns: Value| {
        json!({"database": "d", "charset": "utf8mb4", "table": table, "columns": columns,
               "primary-key": ["a"]})
    };
    let a = json!({"name": "a", "type": "int", "signed": true});
    let c = json!({"name": "c", "type": "varchar", "charset": "utf8mb4"});
    let first = def("t", json!([a, {"name": "b", "type": "text", "charset": "latin1"}]));
    let wanted = [
        ("table-create", "t", None, Some(first.clone())),
        ("table-alter", "t", Some(first), Some(def("t", json!([c, a])))),
        // What it was like is not in the log.
        ("table-alter", "older", None, None),
        ("table-alter", "t", Some(def("t", json!([c, a]))), Some(def("u", json!([c, a])))),
        ("table-alter", "older", None, None),
    ];
    assert_eq!(told.len(), wanted.len());
    for (told, (kind, table, old, def)) in told.iter().zip(wanted) {
        assert_eq!((&told["type"], &told["table"]), (&json!(kind), &json!(table)));
        assert_eq!((told.get("old"), told.get("def")), (old.as_ref(), def.as_ref()), "{told}");
    }
}
