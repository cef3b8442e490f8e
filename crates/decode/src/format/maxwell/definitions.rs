//! What statements define, with the tables that they make.
//!
//! Maxwell knows each table's columns before and after a statement; here only `CREATE TABLE` tells them.

use std::collections::HashMap;
use std::convert::Infallible;

use binlogd_event::body::StatusVar;

use super::{MaxwellOptions, piece, position};
use crate::changes::{At, Statement, Transaction};
use crate::format::definition::{Action, Definition, Name};
use crate::format::json::{field, null_field, number_field, text_field};
use crate::write::json_string;
use crate::{Charset, ColumnSchema, SchemaDump, SchemaType, TableSchema};

/// Databases whose character sets are remembered.
const DATABASES_MAX: usize = 10_000;

/// Writes definitions.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    /// The character sets of databases, which their tables get that name none, as far as statements
    /// told them.
    charsets: HashMap<String, String>,
}

impl Definitions {
    /// The lines of what a statement defines.
    pub(super) fn write(
        &mut self,
        options: &MaxwellOptions,
        at: &At<'_>,
        transaction: &Transaction,
        statement: &Statement<'_>,
        out: &mut Vec<u8>,
    ) {
        let sql = statement.to_text();
        let schema = String::from_utf8_lossy(statement.schema);
        for Definition { mut action, name } in Definition::all(&sql, &schema) {
            if let Action::CreateDatabase { charset, .. } = &mut action {
                *charset = charset.take().or_else(|| default_charset(statement));
            }
            self.learn(&action, &name);
            let Some(kind) = kind(&action) else { continue };
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
                    Action::CreateTable => self.table(&sql, &name, out),
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

    /// Remembers a database's character set.
    fn learn(&mut self, action: &Action, name: &Name) {
        let charset = match action {
            Action::CreateDatabase { may_exist: false, charset } => charset,
            Action::AlterDatabase { charset: charset @ Some(_) } => charset,
            Action::DropDatabase => &None,
            _ => return,
        };
        self.charsets.remove(&name.schema);
        if let Some(charset) = charset
            && self.charsets.len() < DATABASES_MAX
        {
            self.charsets.insert(name.schema.clone(), charset.clone());
        }
    }

    /// The field of the table that a statement makes, if it tells the columns.
    fn table(&self, sql: &str, name: &Name, out: &mut Vec<u8>) {
        let Ok(dump) = SchemaDump::parse(sql, Some(&name.schema)) else { return };
        let Some(table) = dump.find(&name.schema, &name.table) else { return };
        let of_database = self.charsets.get(&name.schema).map(String::as_str);
        let charset = table.charset.map(Charset::name).or(of_database);
        field("def", out);
        out.extend_from_slice(b"{\"database\":");
        json_string(&name.schema, out);
        if let Some(charset) = charset {
            text_field("charset", charset, out);
        }
        text_field("table", &name.table, out);
        field("columns", out);
        list(&table.columns, out, |item, out| column(item, charset, out));
        field("primary-key", out);
        list(&table.primary_key, out, |name, out| json_string(as_defined(name, &table), out));
        out.push(b'}');
    }
}

/// What Maxwell calls it; nothing if it tells no such thing.
fn kind(action: &Action) -> Option<&'static str> {
    Some(match action {
        Action::CreateDatabase { .. } => "database-create",
        Action::AlterDatabase { .. } => "database-alter",
        Action::DropDatabase => "database-drop",
        Action::CreateTable => "table-create",
        Action::AlterTable(_) | Action::RenameTable { .. } => "table-alter",
        Action::DropTable => "table-drop",
        Action::TruncateTable | Action::CreateIndex | Action::DropIndex => return None,
    })
}

/// The server's character set, which databases get that name none.
fn default_charset(statement: &Statement<'_>) -> Option<String> {
    let server = statement.settings.iter().find_map(|item| match item {
        Ok(StatusVar::Charset { server, .. }) => Some(server),
        _ => None,
    })?;
    Some(Charset::of_collation(u64::from(server))?.name().to_owned())
}

/// A column of a table with this default character set.
fn column(column: &ColumnSchema, default: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":");
    json_string(type_name(column), out);
    text_field("name", &column.name, out);
    match column.kind {
        SchemaType::Integer { .. } => {
            field("signed", out);
            out.extend_from_slice(if column.unsigned { b"false" } else { b"true" });
        }
        SchemaType::Char | SchemaType::VarChar | SchemaType::Blob => {
            if let Some(charset) = column.charset.map(Charset::name).or(default) {
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

/// A key's column with the large and small letters of its definition.
fn as_defined<'a>(name: &'a str, table: &'a TableSchema) -> &'a str {
    let mut columns = table.columns.iter().map(|column| column.name.as_str());
    columns.find(|known| known.eq_ignore_ascii_case(name)).unwrap_or(name)
}

fn list<T>(items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}
