//! What statements define, with the tables before and behind them.

use std::convert::Infallible;

use super::{MaxwellOptions, piece, position};
use crate::changes::{At, Statement, Transaction};
use crate::format::json::{field, list, null_field, number_field, text_field};
use crate::schema::definition::{Action, Definition};
use crate::write::json_string;
use crate::{Charset, ColumnSchema, NamedTable, SchemaType};

/// The lines of what a statement defines.
pub(super) fn write(
    options: &MaxwellOptions,
    at: &At<'_>,
    transaction: &Transaction,
    statement: &Statement<'_>,
    out: &mut Vec<u8>,
) {
    let sql = statement.to_text();
    for (index, Definition { action, name }) in Definition::of(statement).into_iter().enumerate() {
        let Some(kind) = kind(&action) else { continue };
        let change = statement.tables.get(index);
        let Ok(()) = piece::line(out, |out| {
            out.extend_from_slice(b"{\"type\":");
            json_string(kind, out);
            text_field("database", &name.schema, out);
            if !name.table.is_empty() {
                text_field("table", &name.table, out);
            }
            match &action {
                Action::CreateDatabase { charset, .. } | Action::AlterDatabase { charset } => {
                    match charset {
                        Some(charset) => text_field("charset", charset, out),
                        None => null_field("charset", out),
                    }
                }
                Action::CreateTable { .. } => {
                    table("def", change.and_then(|change| change.after.as_ref()), out);
                }
                Action::AlterTable(_) | Action::RenameTable { .. } => {
                    table("old", change.and_then(|change| change.before.as_ref()), out);
                    table("def", change.and_then(|change| change.after.as_ref()), out);
                }
                _ => {}
            }
            number_field("ts", u64::from(at.header.timestamp) * 1000, out);
            text_field("sql", &sql, out);
            position(options, at, transaction, out);
            out.extend_from_slice(b"}\n");
            Ok::<(), Infallible>(())
        });
    }
}

/// The field of a table, if it is known.
fn table(key: &str, named: Option<&NamedTable>, out: &mut Vec<u8>) {
    let Some(NamedTable { schema, table, definition }) = named else { return };
    let charset = definition.charset.map(Charset::name);
    field(key, out);
    out.extend_from_slice(b"{\"database\":");
    json_string(schema, out);
    if let Some(charset) = charset {
        text_field("charset", charset, out);
    }
    text_field("table", table, out);
    field("columns", out);
    list(&definition.columns, out, column);
    field("primary-key", out);
    let key = &definition.primary_key;
    list(key, out, |name, out| json_string(definition.spelled(name), out));
    out.push(b'}');
}

/// What Maxwell calls it; nothing if it tells no such thing.
fn kind(action: &Action) -> Option<&'static str> {
    Some(match action {
        Action::CreateDatabase { .. } => "database-create",
        Action::AlterDatabase { .. } => "database-alter",
        Action::DropDatabase => "database-drop",
        Action::CreateTable { .. } => "table-create",
        Action::AlterTable(_) | Action::RenameTable { .. } => "table-alter",
        Action::DropTable => "table-drop",
        Action::TruncateTable | Action::CreateIndex { .. } | Action::DropIndex { .. } => {
            return None;
        }
    })
}

fn column(column: &ColumnSchema, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":");
    json_string(type_name(column), out);
    text_field("name", &column.name, out);
    match column.kind {
        SchemaType::Integer { .. } => {
            field("signed", out);
            out.extend_from_slice(if column.unsigned { b"false" } else { b"true" });
        }
        SchemaType::Char | SchemaType::VarChar | SchemaType::Blob => {
            if let Some(charset) = column.charset.map(Charset::name) {
                text_field("charset", charset, out);
            }
        }
        SchemaType::Enum | SchemaType::Set => {
            field("enum-values", out);
            list(&column.members, out, |member, out| json_string(member, out));
        }
        SchemaType::Time | SchemaType::DateTime | SchemaType::Timestamp => {
            number_field("column-length", column.size.unwrap_or(0), out);
        }
        _ => {}
    }
    out.push(b'}');
}

/// The type's name. With a size `TEXT` and `BLOB` are of the smallest type that holds so much; text
/// without characters is bytes.
fn type_name(column: &ColumnSchema) -> &str {
    let is_bytes = column.charset == Some(Charset::BINARY);
    let sizes = match &*column.type_name {
        "char" if is_bytes => return "binary",
        "varchar" if is_bytes => return "varbinary",
        "tinytext" if is_bytes => return "tinyblob",
        "mediumtext" if is_bytes => return "mediumblob",
        "longtext" if is_bytes => return "longblob",
        "text" if !is_bytes => ["tinytext", "text", "mediumtext", "longtext"],
        "text" | "blob" => ["tinyblob", "blob", "mediumblob", "longblob"],
        name => return name,
    };
    match column.size {
        Some(0..=0xff) => sizes[0],
        None | Some(0x100..=0xffff) => sizes[1],
        Some(0x1_0000..=0xff_ffff) => sizes[2],
        Some(_) => sizes[3],
    }
}
