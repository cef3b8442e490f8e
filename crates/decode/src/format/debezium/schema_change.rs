//! What the connector sends to its schema change topic: statements that define tables and databases,
//! with the tables that they leave.

use super::super::json::{bytes_field, field, list, null_field, number_field, text_field};
use super::super::now_us;
use super::DebeziumFormat;
use crate::changes::{At, Statement, Transaction};
use crate::schema::definition::{Action, Definition, Name};
use crate::write::json_string;
use crate::{Charset, ColumnSchema, NamedTable, SchemaType, TableChange};

impl DebeziumFormat {
    /// A message for each table that a statement defines; one if there is none.
    pub(super) fn schema_changes(
        &self,
        at: &At<'_>,
        transaction: &Transaction,
        statement: &Statement<'_>,
        out: &mut Vec<u8>,
    ) {
        let definitions = Definition::of(statement);
        for (index, definition) in definitions.iter().enumerate() {
            let change = statement.tables.get(index);
            let schema = definition.name.schema.as_bytes();
            let told = Told { schema, definition: Some(definition), change };
            self.schema_change(at, transaction, statement, &told, out);
        }
        if definitions.is_empty() {
            let told = Told { schema: statement.schema, definition: None, change: None };
            self.schema_change(at, transaction, statement, &told, out);
        }
    }

    fn schema_change(
        &self,
        at: &At<'_>,
        transaction: &Transaction,
        statement: &Statement<'_>,
        told: &Told<'_>,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"{\"source\":");
        self.source_head(at, transaction, told.schema, out);
        match told.table() {
            Some(table) => text_field("table", table, out),
            None => null_field("table", out),
        }
        number_field("row", 0, out);
        null_field("query", out);
        out.push(b'}');
        number_field("ts_ms", now_us() / 1000, out);
        bytes_field("databaseName", told.schema, Some(Charset::UTF8MB4), out);
        null_field("schemaName", out);
        bytes_field("ddl", statement.text, statement.charset(), out);
        field("tableChanges", out);
        out.push(b'[');
        told.table_change(out);
        out.extend_from_slice(b"]}\n");
    }
}

/// What a message is about.
struct Told<'a> {
    schema: &'a [u8],
    definition: Option<&'a Definition>,
    change: Option<&'a TableChange>,
}

impl Told<'_> {
    /// The table's name, of a renamed one the new one.
    fn table(&self) -> Option<&str> {
        let after = self.change.and_then(|change| change.after.as_ref());
        let name = &self.definition?.name;
        let table = after.map_or(&*name.table, |after| &*after.table);
        (!name.table.is_empty()).then_some(table)
    }

    /// What became of the table, if that is known.
    fn table_change(&self, out: &mut Vec<u8>) {
        let Some(Definition { action, name }) = self.definition else { return };
        let after = self.change.and_then(|change| change.after.as_ref());
        let kind = match (action, after) {
            (Action::CreateTable { .. }, Some(_)) => "CREATE",
            (Action::AlterTable(_) | Action::RenameTable { .. }, Some(_)) => "ALTER",
            (Action::DropTable, _) => "DROP",
            _ => return,
        };
        out.extend_from_slice(b"{\"type\":");
        json_string(kind, out);
        text_field("id", &id(name, after), out);
        match after {
            Some(after) => table(after, out),
            None => null_field("table", out),
        }
        out.push(b'}');
    }
}

/// A table's names in quotes; of one with a new name both.
fn id(name: &Name, after: Option<&NamedTable>) -> String {
    let quoted = |schema: &str, table: &str| format!("\"{schema}\".\"{table}\"");
    let old = quoted(&name.schema, &name.table);
    match after.map(|after| quoted(&after.schema, &after.table)) {
        Some(new) if new != old => format!("{old},{new}"),
        _ => old,
    }
}

fn table(NamedTable { definition, .. }: &NamedTable, out: &mut Vec<u8>) {
    field("table", out);
    out.extend_from_slice(b"{\"defaultCharsetName\":");
    charset(definition.charset, out);
    field("primaryKeyColumnNames", out);
    list(&definition.primary_key, out, |name, out| {
        json_string(definition.spelled(name), out);
    });
    field("columns", out);
    list(definition.columns.iter().enumerate(), out, |(index, item), out| {
        column(index, item, out);
    });
    out.extend_from_slice(b",\"attributes\":[]}");
}

fn column(index: usize, column: &ColumnSchema, out: &mut Vec<u8>) {
    let (kind, jdbc_type) = kind(column);
    out.extend_from_slice(b"{\"name\":");
    json_string(&column.name, out);
    field("jdbcType", out);
    out.extend_from_slice(jdbc_type.to_string().as_bytes());
    null_field("nativeType", out);
    text_field("typeName", &kind, out);
    text_field("typeExpression", &kind, out);
    field("charsetName", out);
    charset(column.charset.filter(|charset| *charset != Charset::BINARY), out);
    for (name, number) in [("length", column.size), ("scale", column.scale)] {
        match number {
            Some(number) => number_field(name, number, out),
            None => null_field(name, out),
        }
    }
    number_field("position", index as u64 + 1, out);
    for (name, is_so) in [
        ("optional", column.nullable),
        ("autoIncremented", column.auto_increment),
        // To the connector a number that the server gives is generated, too.
        ("generated", column.generated || column.auto_increment),
    ] {
        field(name, out);
        out.extend_from_slice(if is_so { b"true" } else { b"false" });
    }
    out.push(b'}');
}

/// The type's name, and the number of `java.sql.Types` that the connector has for it.
fn kind(column: &ColumnSchema) -> (String, i32) {
    let is_bytes = column.charset == Some(Charset::BINARY);
    let name = match &*column.type_name {
        "char" if is_bytes => "binary",
        "varchar" if is_bytes => "varbinary",
        name => name,
    };
    let number = match column.kind {
        SchemaType::Integer { len: 1 | 2 } => 5,
        SchemaType::Integer { len: 8 } => -5,
        SchemaType::Integer { .. } | SchemaType::Year => 4,
        SchemaType::Decimal => 3,
        SchemaType::Float => 6,
        SchemaType::Double => 8,
        SchemaType::Bit => -7,
        SchemaType::Date => 91,
        SchemaType::Time => 92,
        SchemaType::DateTime => 93,
        SchemaType::Timestamp => 2014,
        SchemaType::Char if is_bytes => -2,
        SchemaType::Char | SchemaType::Enum | SchemaType::Set => 1,
        SchemaType::VarChar if is_bytes => -3,
        SchemaType::Blob if is_bytes => 2004,
        SchemaType::VarChar | SchemaType::Blob => 12,
        SchemaType::Json | SchemaType::Geometry | SchemaType::Vector | SchemaType::Other => 1111,
    };
    let sign = if column.unsigned { " UNSIGNED" } else { "" };
    (name.to_ascii_uppercase() + sign, number)
}

fn charset(charset: Option<Charset>, out: &mut Vec<u8>) {
    match charset {
        Some(charset) => json_string(charset.name(), out),
        None => out.extend_from_slice(b"null"),
    }
}
