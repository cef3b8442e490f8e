//! Tables as the row events of a server's binlogs leave them, to compare with its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use binlogd_client::{ConnectOptions, Connection};
use binlogd_decode::{Body, DecodeError, Decoder, Events, Image, Row, Schema, TableSchema, Value};
use testkit::Server;

/// A row's columns as text; NULL is `None`.
pub(crate) type TextRow = Vec<Option<Vec<u8>>>;

/// A table's rows, and the names of its columns if events tell them.
#[derive(Debug, Default)]
pub(crate) struct ModelTable {
    pub(crate) names: Option<Vec<String>>,
    pub(crate) rows: Vec<TextRow>,
}

pub(crate) type Model = BTreeMap<(String, String), ModelTable>;

/// A change of one row, with differences of documents as SQL.
enum Change {
    Row { before: Option<Cells>, after: Option<Cells> },
}

type Cells = Vec<Option<Cell>>;

enum Cell {
    Null,
    Text(Vec<u8>),
    /// A document's new value, given its old one as `@doc`.
    Diff(Vec<u8>),
}

/// The bytes of the server's binlogs.
pub(crate) fn binlogs(server: &Server) -> Vec<(PathBuf, Vec<u8>)> {
    let files = server.binlog_files().unwrap();
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Definitions that do not change.
#[derive(Clone, Default)]
pub(crate) struct Definitions(pub(crate) BTreeMap<(String, String), Arc<TableSchema>>);

impl Schema for Definitions {
    fn table(&self, schema: &str, table: &str) -> Option<Arc<TableSchema>> {
        self.0.get(&(schema.to_owned(), table.to_owned())).cloned()
    }
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
    server: &Server,
    connection: &mut Connection,
    schema: Option<Definitions>,
) -> (Model, usize) {
    let mut model = Model::new();
    let mut count = 0;
    for (path, bytes) in binlogs(server) {
        let mut decoder = Decoder::new();
        if let Some(schema) = schema.clone() {
            decoder = decoder.with_schema(schema);
        }
        for (offset, event) in Events::new(&bytes) {
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
    Ok(Change::Row { before, after })
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
                // What is written as SQL or JSON must be writable, and JSON must be JSON.
                let mut sql = Vec::new();
                value.write_sql(&mut sql).map_err(|e| image.error(index, e))?;
                let mut json = Vec::new();
                value.write_json(&mut json).map_err(|e| image.error(index, e))?;
                serde_json::from_slice::<serde_json::Value>(&json).expect("well-formed JSON");
                Cell::Text(out)
            }
        }))
    };
    values.into_iter().enumerate().map(cell).collect()
}

async fn apply(table: &mut ModelTable, change: Change, connection: &mut Connection) {
    let Change::Row { before, after } = change;
    let place = before.as_ref().map(|before| {
        let found = table.rows.iter().position(|row| {
            before.iter().zip(row).all(|(cell, text)| match cell {
                None => true,
                Some(Cell::Null) => text.is_none(),
                Some(Cell::Text(wanted)) => text.as_ref() == Some(wanted),
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
            let row = after.into_iter().map(|cell| match cell {
                Some(Cell::Text(text)) => Some(text),
                _ => None,
            });
            table.rows.push(row.collect());
        }
        (Some(place), Some(after)) => {
            for (text, cell) in table.rows[place].iter_mut().zip(after) {
                match cell {
                    None => {}
                    Some(Cell::Null) => *text = None,
                    Some(Cell::Text(new)) => *text = Some(new),
                    Some(Cell::Diff(sql)) => {
                        let old = std::mem::take(text).expect("a document");
                        *text = Some(new_document(&old, &sql, connection).await);
                    }
                }
            }
        }
        (None, None) => unreachable!("a row has an image"),
    }
}

/// Lets the server make the changes of a document by what the decoder wrote as SQL.
async fn new_document(old: &[u8], sql: &[u8], connection: &mut Connection) -> Vec<u8> {
    let old = old.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let set = format!("set @doc = cast(convert(x'{old}' using utf8mb4) as json)");
    connection.execute(&set).await.unwrap();
    let sql = format!("select {}", String::from_utf8(sql.to_vec()).unwrap());
    let row = connection.query_first(&sql).await.unwrap().unwrap();
    row.get(0).unwrap().to_vec()
}

/// MariaDB's own types look like `BINARY` in events.
const STORED_ADDRESSES: &str = "id, unhex(replace(u, '-', '')), inet6_aton(a4), inet6_aton(a6)";

/// A table's rows as the server answers them.
pub(crate) async fn select(
    connection: &mut Connection,
    name: &(String, String),
    names: Option<&Vec<String>>,
) -> Vec<TextRow> {
    let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
    let columns = match names {
        Some(_) if name.1 == "addresses" => STORED_ADDRESSES.to_owned(),
        Some(names) => names.iter().map(|n| quoted(n)).collect::<Vec<_>>().join(", "),
        None => "*".to_owned(),
    };
    let sql = format!("select {columns} from {}.{}", quoted(&name.0), quoted(&name.1));
    let rows = connection.query_all(&sql).await.unwrap();
    rows.iter().map(|row| row.values().map(|v| v.map(<[u8]>::to_vec)).collect()).collect()
}
