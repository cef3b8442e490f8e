//! Updates that are logged without what stayed as it was, after a whole row before: they are read as if they
//! were logged whole.

use binlogd_decode::format::{
    CanalFormat, CanalOptions, DebeziumFormat, DebeziumOptions, Format, JsonFormat, MaxwellFormat,
    MaxwellOptions, SqlFormat, SqlOptions, TextFormat, UndoFormat, UndoOptions, last_piece,
};
use binlogd_decode::{Body, DecodeError, Decoder, Events};
use testkit::{Flavour, Server};

use crate::written::{objects, written};

/// The images of a server's newest file as JSON, and how many updates lack columns after them.
fn images(server: &Server) -> (Vec<String>, usize) {
    let file = std::fs::read(server.binlog_files().unwrap().pop().unwrap()).unwrap();
    let (mut decoder, mut images, mut partial) = (Decoder::new(), Vec::new(), 0);
    for (offset, event) in Events::new(&file) {
        decoder
            .walk(offset, event.unwrap(), |event| {
                let Body::Rows(rows) = event.body else { return Ok(()) };
                let columns = rows.table().columns().len();
                let has = |bits: &[u8], column: usize| bits[column / 8] >> (column % 8) & 1 != 0;
                let after = rows.body().present_after;
                let before = rows.body().present;
                partial += usize::from(
                    !after.is_empty()
                        && (0..columns).any(|column| has(before, column) && !has(after, column)),
                );
                let is_whole = (0..columns)
                    .all(|column| rows.has_column(column, true) == rows.has_column(column, false));
                for row in rows {
                    let row = row?;
                    let mut line = Vec::new();
                    for image in [row.before, row.after].into_iter().flatten() {
                        image.write_json(&mut line)?;
                        let mut values = Vec::new();
                        image.collect_into(&mut values)?;
                        for (column, value) in values.into_iter().enumerate() {
                            assert_eq!(image.has(column), value.is_some());
                            assert_eq!(image.value(column)?, value);
                        }
                    }
                    assert!(row.before.is_none() || row.after.is_none() || is_whole);
                    images.push(String::from_utf8(line).unwrap());
                }
                Ok::<(), DecodeError>(())
            })
            .unwrap();
    }
    (images, partial)
}

/// What `format` makes of the updates of a server's newest file, without what differs from file to file.
fn updates(server: &Server, format: &mut dyn Format) -> Vec<String> {
    let text = written(server, format);
    if !text.starts_with(b"{") {
        let text = String::from_utf8_lossy(&text).into_owned();
        let is_change = |line: &&str| line.contains("UPDATE ") || line.contains(" update ");
        let shown =
            |line: &str| line.split_once(" update ").map_or(line, |(_, row)| row).to_owned();
        return text.lines().filter(is_change).map(shown).collect();
    }
    let mut objects = objects(&text);
    for object in &mut objects {
        let object = object.as_object_mut().unwrap();
        for field in [
            "pos",
            "end",
            "gtid",
            "ts",
            "ts_ms",
            "ts_us",
            "ts_ns",
            "es",
            "id",
            "time",
            "file",
            "xid",
            "thread_id",
        ] {
            object.remove(field);
        }
        if let Some(source) = object.get_mut("source").and_then(|source| source.as_object_mut()) {
            source.retain(|field, _| matches!(field.as_str(), "db" | "table" | "row"));
        }
    }
    objects.retain(|object| object.get("type").is_none_or(|kind| kind.as_str() != Some("QUERY")));
    objects.iter().map(ToString::to_string).collect()
}

/// The same for statements that take the updates back, the last one first.
fn undone(server: &Server) -> Vec<String> {
    let options = UndoOptions { is_generated: Box::new(|_, _, _| false), check: true };
    let pieces = written(server, &mut UndoFormat::new(options));
    let (mut rest, mut statements) = (&pieces[..], Vec::new());
    while let Ok((before, piece)) = last_piece(rest) {
        rest = before;
        let text = String::from_utf8_lossy(piece).into_owned();
        statements.extend(text.starts_with("UPDATE ").then_some(text));
    }
    statements
}

/// What Maxwell's rows are, which wait as pieces.
fn maxwell(server: &Server) -> Vec<String> {
    let pieces = written(server, &mut MaxwellFormat::new(MaxwellOptions::default()));
    let text = String::from_utf8_lossy(&pieces).into_owned();
    let after = |line: &str| line.split_once("\"data\":").map(|(_, data)| data.to_owned());
    text.lines().filter_map(after).collect()
}

/// The output of each format for a server's newest file.
fn all(server: &Server) -> Vec<(&'static str, Vec<String>)> {
    let sql = SqlOptions { gtids: false, is_generated: Box::new(|_, _, _| false) };
    let debezium = DebeziumOptions { include_schema_changes: false, ..DebeziumOptions::default() };
    vec![
        ("json", updates(server, &mut JsonFormat::new())),
        ("text", updates(server, &mut TextFormat::new(false))),
        ("sql", updates(server, &mut SqlFormat::new(sql))),
        ("undo", undone(server)),
        ("debezium", updates(server, &mut DebeziumFormat::new(debezium))),
        ("maxwell", maxwell(server)),
        ("canal", updates(server, &mut CanalFormat::new(CanalOptions::default()))),
    ]
}

const UPDATES: &str = "
    update t set v = 5 where id = 1;
    update t set id = 9 where id = 2;
    update t set a = null, b = 'new' where id = 3;
    update t set z = repeat('z', 150), bits = b'101' where id in (1, 3);
    update n set s = concat(s, s);
    update n set x = null;";

/// Both images of the same updates, one after the other: `set` is what makes the server log less.
fn compare(server: &Server, tables: &str, set: &str) {
    server.sql(&format!("create database d; use d; {tables}")).unwrap();
    let run = |set: &str| {
        server.sql(&format!("use d; call fill(); flush binary logs; {set}; {UPDATES}")).unwrap();
    };
    run("set @nothing = 1");
    let (whole, partial) = images(server);
    assert_eq!(partial, 0);
    assert!(whole.len() >= 8, "{whole:?}");
    let told = all(server);
    run(set);
    let (images, partial) = images(server);
    assert!(partial >= 2, "{partial}");
    assert_eq!(images, whole);
    for ((name, now), (_, wanted)) in all(server).into_iter().zip(told) {
        assert!(!wanted.is_empty(), "{name}");
        assert_eq!(now.len(), wanted.len(), "{name}");
        now.iter().zip(&wanted).for_each(|(now, wanted)| assert_eq!(now, wanted, "{name}"));
    }
}

/// A server with MINIMAL logs whole rows before where no key finds them.
#[test]
fn a_table_without_a_key_is_read_whole_also_with_minimal_images() {
    let server =
        Server::builder(Flavour::Mysql97).args(["--binlog-row-metadata=FULL"]).start().unwrap();
    let tables = "
        create table t (id int, a int, b varchar(10), v int, z blob, bits bit(3), d date, doubled int as (v * 2),
            tripled int as (v * 3) stored, j json);
        create table n (s varchar(100), x int);
        create procedure fill() begin
            truncate t; truncate n;
            insert into t (id, a, b, v, z, bits, d, j)
                values (1, 10, 'x', 1, 'zz', 1, '2024-01-01', '[1]'), (2, null, 'y', 2, null, null, null, null),
                       (3, 30, null, 3, '', 7, '2024-01-03', '{}');
            insert into n values ('p', 1), ('q', null);
        end";
    // The client takes the body of a procedure for one statement only with another delimiter.
    let tables = tables.replacen("create procedure", "delimiter //\ncreate procedure", 1)
        + "//\ndelimiter ;";
    compare(&server, &tables, "set binlog_row_image = minimal");
}

mod on_mariadb {
    use super::*;

    #[test]
    fn updates_without_what_stayed_are_read_whole() {
        let server = Server::builder(Flavour::Mariadb118)
            .args(["--binlog-row-metadata=FULL", "--binlog-annotate-row-events=0"])
            .start()
            .unwrap();
        let tables = "
            create table t (id int primary key, a int, b varchar(10), v int, z varchar(200) compressed, bits bit(3),
                d date, doubled int as (v * 2), tripled int as (v * 3) stored, j json);
            create table n (s varchar(100), x int);
            delimiter //
            create procedure fill() begin
                truncate t; truncate n;
                insert into t (id, a, b, v, z, bits, d, j)
                    values (1, 10, 'x', 1, 'zz', 1, '2024-01-01', '[1]'), (2, null, 'y', 2, null, null, null, null),
                           (3, 30, null, 3, '', 7, '2024-01-03', '{}');
                insert into n values ('p', 1), ('q', null);
            end//
            delimiter ;";
        compare(&server, tables, "set binlog_row_image = FULL_NODUP");
        // The same in events that are compressed.
        server
            .sql("set global log_bin_compress = 1, log_bin_compress_min_len = 10; drop database d")
            .unwrap();
        compare(&server, tables, "set binlog_row_image = FULL_NODUP");
    }
}
