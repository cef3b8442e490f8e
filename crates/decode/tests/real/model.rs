//! Tables as the row events of a server's binlogs leave them, to compare with its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use binlogd_client::{ConnectOptions, Connection};
use binlogd_decode::{Body, DecodeError, Decoder, Events, Image, Row, SchemaDump, Value};
use testkit::workload::{self, Scenario};
use testkit::{Flavour, Server};

use crate::json;

/// A row's columns as text; NULL is `None`.
pub(crate) type TextRow = Vec<Option<Vec<u8>>>;

/// A server on which scenarios have run, and the bytes of its binlogs afterwards.
pub(crate) struct Subject {
    pub(crate) server: Server,
    pub(crate) files: Vec<(PathBuf, Vec<u8>)>,
}

/// What makes every type and every kind of row event.
pub(crate) const SCENARIOS: [Scenario; 6] = [
    workload::COLUMNS,
    workload::ROW_IMAGES,
    workload::TRANSACTIONS,
    workload::GTIDS,
    workload::COMPRESSION,
    workload::CHECKSUMS,
];

/// Schemas that statements fill, or whose tables are altered: rows do not tell all of them.
const SCHEMAS_LEFT_OUT: [&str; 2] = ["stmts", "ddl"];

fn subject(flavour: Flavour) -> Subject {
    let server = Server::start_new(flavour).unwrap();
    for scenario in SCENARIOS.into_iter().chain([workload::STATEMENTS, workload::DDL]) {
        scenario.run(&server).unwrap();
    }
    let files = server.binlog_files().unwrap();
    let read = |path: PathBuf| (path.clone(), std::fs::read(path).unwrap());
    Subject { files: files.into_iter().map(read).collect(), server }
}

/// One server of each flavour, which the tests share.
pub(crate) fn of(flavour: Flavour) -> &'static Subject {
    static SUBJECTS: [LazyLock<Subject>; 5] = [
        LazyLock::new(|| subject(Flavour::Mysql97)),
        LazyLock::new(|| subject(Flavour::Mysql56)),
        LazyLock::new(|| subject(Flavour::Mariadb118)),
        LazyLock::new(|| subject(Flavour::Mariadb1011)),
        LazyLock::new(|| subject(Flavour::Mariadb114)),
    ];
    let index = Flavour::ALL.iter().position(|&f| f == flavour).unwrap();
    &SUBJECTS[index]
}

/// A row as text, and each column as an SQL literal.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ModelRow {
    pub(crate) text: TextRow,
    pub(crate) sql: Vec<Vec<u8>>,
}

/// A table's rows, and the names of its columns if events tell them.
#[derive(Debug, Default)]
pub(crate) struct ModelTable {
    pub(crate) names: Option<Vec<String>>,
    pub(crate) rows: Vec<ModelRow>,
}

pub(crate) type Model = BTreeMap<(String, String), ModelTable>;

/// A change of one row, with differences of documents as SQL.
struct Change {
    before: Option<Cells>,
    after: Option<Cells>,
}

type Cells = Vec<Option<Cell>>;

enum Cell {
    Null,
    /// Text, and an SQL literal.
    Value(Vec<u8>, Vec<u8>),
    /// A document's new value, given its old one as `@doc`.
    Diff(Vec<u8>),
}

pub(crate) async fn connect(server: &Server) -> Connection {
    let options = ConnectOptions::default().socket(server.socket());
    let mut connection = Connection::connect(&options).await.unwrap();
    connection.execute("set names utf8mb4").await.unwrap();
    connection.execute("set time_zone = '+00:00'").await.unwrap();
    connection
}

/// Replays all row events of the server's binlogs; with how many rows there were.
pub(crate) async fn replay(
    subject: &Subject,
    connection: &mut Connection,
    schema: Option<SchemaDump>,
) -> (Model, usize) {
    let mut model = Model::new();
    let mut count = 0;
    for (path, bytes) in &subject.files {
        let mut decoder = Decoder::new();
        if let Some(schema) = schema.clone() {
            decoder = decoder.with_schema(schema);
        }
        for (offset, event) in Events::new(bytes) {
            let mut changes = Vec::new();
            decoder
                .walk(offset, event.unwrap(), |event| {
                    if let Body::Rows(rows) = event.body {
                        let table = rows.table();
                        let name = (table.schema().to_owned(), table.name().to_owned());
                        let names = table.columns().iter().map(|c| c.name().map(str::to_owned));
                        let names: Option<Vec<String>> = names.collect();
                        assert_ne!(table.schema_fits(), Some(false), "{name:?}");
                        for row in rows {
                            changes.push((name.clone(), names.clone(), change(row?)?));
                        }
                    }
                    Ok::<(), DecodeError>(())
                })
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            for (name, names, change) in changes {
                count += 1;
                if SCHEMAS_LEFT_OUT.contains(&name.0.as_str()) {
                    continue;
                }
                let table = model.entry(name.clone()).or_default();
                table.names = names;
                apply(table, change, connection).await;
            }
        }
    }
    (model, count)
}

fn change(row: Row<'_>) -> Result<Change, DecodeError> {
    let before = row.before.map(cells).transpose()?;
    let after = row.after.map(cells).transpose()?;
    Ok(Change { before, after })
}

fn cells(image: Image<'_>) -> Result<Cells, DecodeError> {
    let mut values = Vec::new();
    image.collect_into(&mut values)?;
    let cell = |(index, value): (usize, Option<Value<'_>>)| {
        let Some(value) = value else { return Ok(None) };
        let mut out = Vec::new();
        Ok(Some(match value {
            Value::Null => Cell::Null,
            Value::JsonDiffs(diffs) => {
                diffs.write_sql(b"@doc", &mut out).map_err(|e| image.error(index, e))?;
                Cell::Diff(out)
            }
            value => {
                value.write_text(&mut out).map_err(|e| image.error(index, e))?;
                // What is written as SQL must be writable, and JSON must say the same.
                let mut sql = Vec::new();
                value.write_sql(&mut sql).map_err(|e| image.error(index, e))?;
                let mut json = Vec::new();
                value.write_json(&mut json).map_err(|e| image.error(index, e))?;
                let json = serde_json::from_slice(&json).expect("well-formed JSON");
                assert_eq!(json::text(&value, &json), out, "{value:?} is {json}");
                Cell::Value(out, sql)
            }
        }))
    };
    values.into_iter().enumerate().map(cell).collect()
}

async fn apply(table: &mut ModelTable, change: Change, connection: &mut Connection) {
    let Change { before, after } = change;
    let place = before.as_ref().map(|before| {
        let found = table.rows.iter().position(|row| {
            before.iter().zip(&row.text).all(|(cell, text)| match cell {
                None => true,
                Some(Cell::Null) => text.is_none(),
                Some(Cell::Value(wanted, _)) => text.as_ref() == Some(wanted),
                Some(Cell::Diff(_)) => false,
            })
        });
        found.expect("the row before is there")
    });
    match (place, after) {
        (Some(place), None) => {
            table.rows.remove(place);
        }
        (None, Some(after)) => {
            let mut row = ModelRow::default();
            for cell in after {
                let (text, sql) = match cell {
                    Some(Cell::Value(text, sql)) => (Some(text), sql),
                    // What the event does not have has its default, here always NULL.
                    _ => (None, b"NULL".to_vec()),
                };
                row.text.push(text);
                row.sql.push(sql);
            }
            table.rows.push(row);
        }
        (Some(place), Some(after)) => {
            let ModelRow { text, sql } = &mut table.rows[place];
            for ((text, sql), cell) in text.iter_mut().zip(sql).zip(after) {
                match cell {
                    None => {}
                    Some(Cell::Null) => (*text, *sql) = (None, b"NULL".to_vec()),
                    Some(Cell::Value(new, literal)) => (*text, *sql) = (Some(new), literal),
                    Some(Cell::Diff(change)) => {
                        let old = std::mem::take(text).expect("a document");
                        let new = new_document(&old, &change, connection).await;
                        *sql = format!("cast({} as json)", utf8_literal(&new)).into_bytes();
                        *text = Some(new);
                    }
                }
            }
        }
        (None, None) => unreachable!("a row has an image"),
    }
}

fn utf8_literal(text: &[u8]) -> String {
    let hex = text.iter().map(|b| format!("{b:02x}")).collect::<String>();
    format!("convert(x'{hex}' using utf8mb4)")
}

/// Lets the server make the changes of a document by what the decoder wrote as SQL.
async fn new_document(old: &[u8], sql: &[u8], connection: &mut Connection) -> Vec<u8> {
    let set = format!("set @doc = cast({} as json)", utf8_literal(old));
    connection.execute(&set).await.unwrap();
    let sql = format!("select {}", String::from_utf8(sql.to_vec()).unwrap());
    let row = connection.query_first(&sql).await.unwrap().unwrap();
    row.get(0).unwrap().to_vec()
}

pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// MariaDB's own types look like `BINARY` in events.
const STORED_ADDRESSES: &str = "id, unhex(replace(u, '-', '')), inet6_aton(a4), inet6_aton(a6)";

/// A table's rows as the server answers them.
pub(crate) async fn select(
    connection: &mut Connection,
    name: &(String, String),
    names: Option<&Vec<String>>,
) -> Vec<TextRow> {
    let columns = match names {
        Some(_) if name.1.starts_with("addresses") => STORED_ADDRESSES.to_owned(),
        Some(names) => names.iter().map(|n| quoted(n)).collect::<Vec<_>>().join(", "),
        None => "*".to_owned(),
    };
    let sql = format!("select {columns} from {}.{}", quoted(&name.0), quoted(&name.1));
    let rows = connection.query_all(&sql).await.unwrap();
    rows.iter().map(|row| row.values().map(|v| v.map(<[u8]>::to_vec)).collect()).collect()
}
