//! A table's definition as the connector sends it: as it was written, not as the server keeps it.

use super::super::json::{field, list, null_field, number_field, text_field};
use crate::write::json_string;
use crate::{Charset, ColumnSchema, SchemaType, TableSchema};

/// Numbers of `java.sql.Types`.
mod jdbc {
    pub(super) const CHAR: i32 = 1;
    pub(super) const NUMERIC: i32 = 2;
    pub(super) const DECIMAL: i32 = 3;
    pub(super) const INTEGER: i32 = 4;
    pub(super) const SMALLINT: i32 = 5;
    pub(super) const FLOAT: i32 = 6;
    pub(super) const REAL: i32 = 7;
    pub(super) const DOUBLE: i32 = 8;
    pub(super) const VARCHAR: i32 = 12;
    pub(super) const BOOLEAN: i32 = 16;
    pub(super) const DATE: i32 = 91;
    pub(super) const TIME: i32 = 92;
    pub(super) const TIMESTAMP: i32 = 93;
    pub(super) const OTHER: i32 = 1111;
    pub(super) const BLOB: i32 = 2004;
    pub(super) const TIMESTAMP_WITH_TIMEZONE: i32 = 2014;
    pub(super) const BINARY: i32 = -2;
    pub(super) const VARBINARY: i32 = -3;
    pub(super) const BIGINT: i32 = -5;
    pub(super) const BIT: i32 = -7;
    pub(super) const NVARCHAR: i32 = -9;
    pub(super) const NCHAR: i32 = -15;
}

/// Writes a table's definition.
pub(super) struct TableWriter<'a> {
    pub(super) table: &'a TableSchema,
    pub(super) with_comments: bool,
}

impl TableWriter<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let table = self.table;
        out.extend_from_slice(b"{\"defaultCharsetName\":");
        charset(table.charset, out);
        field("primaryKeyColumnNames", out);
        list(table.row_key(), out, |name, out| json_string(table.spelled(name), out));
        field("columns", out);
        list(table.columns.iter().enumerate(), out, |(index, column), out| {
            self.column(index, column, out);
        });
        self.comment(table.comment.as_deref(), out);
        out.push(b'}');
    }

    fn column(&self, index: usize, column: &ColumnSchema, out: &mut Vec<u8>) {
        let declared = &column.declared;
        let jdbc_type = jdbc_type(column);
        out.extend_from_slice(b"{\"name\":");
        json_string(&column.name, out);
        field("jdbcType", out);
        out.extend_from_slice(jdbc_type.to_string().as_bytes());
        null_field("nativeType", out);
        let type_name = type_name(column);
        text_field("typeName", type_name, out);
        text_field("typeExpression", type_name, out);
        field("charsetName", out);
        match jdbc_type {
            jdbc::NCHAR | jdbc::NVARCHAR => json_string("utf8", out),
            jdbc::CHAR | jdbc::VARCHAR => charset(column.charset.or(self.table.charset), out),
            _ => charset(None, out),
        }
        let (length, scale) = sizes(column, jdbc_type);
        for (name, number) in [("length", length), ("scale", scale)] {
            match number {
                Some(number) => number_field(name, number, out),
                None => null_field(name, out),
            }
        }
        number_field("position", index as u64 + 1, out);
        // To the connector a value that the server gives is a number that it counts.
        let is_given = column.auto_increment || declared.on_update;
        for (name, is_so) in
            [("optional", column.nullable), ("autoIncremented", is_given), ("generated", is_given)]
        {
            field(name, out);
            out.extend_from_slice(if is_so { b"true" } else { b"false" });
        }
        self.comment(declared.comment.as_deref(), out);
        text_or_null("defaultValueExpression", declared.default.as_deref(), out);
        match &declared.members[..] {
            [] => null_field("enumValues", out),
            members => {
                field("enumValues", out);
                list(members, out, |member, out| json_string(member, out));
            }
        }
        out.push(b'}');
    }

    fn comment(&self, comment: Option<&str>, out: &mut Vec<u8>) {
        text_or_null("comment", comment.filter(|_| self.with_comments), out);
    }
}

/// The type as it is written, but for `SERIAL`.
fn type_name(column: &ColumnSchema) -> &str {
    match &*column.declared.type_name {
        "SERIAL" => "BIGINT UNSIGNED",
        name => name,
    }
}

/// The type's number.
fn jdbc_type(column: &ColumnSchema) -> i32 {
    let name = &*column.declared.type_name;
    let mut words = name.split(' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match first {
        "BOOL" | "BOOLEAN" => jdbc::BOOLEAN,
        "REAL" => jdbc::REAL,
        "NUMERIC" => jdbc::NUMERIC,
        "NCHAR" if matches!(second, "" | "BINARY") => jdbc::NCHAR,
        "NATIONAL" if matches!(second, "CHAR" | "CHARACTER") && !name.ends_with("VARYING") => {
            jdbc::NCHAR
        }
        "NCHAR" | "NVARCHAR" | "NATIONAL" => jdbc::NVARCHAR,
        "CHAR" | "CHARACTER" if second != "VARYING" => jdbc::CHAR,
        "CHAR" | "CHARACTER" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" => {
            jdbc::VARCHAR
        }
        "BINARY" => jdbc::BINARY,
        "VARBINARY" => jdbc::VARBINARY,
        "LONG" if second == "VARBINARY" => jdbc::BLOB,
        "LONG" => jdbc::VARCHAR,
        _ => match column.kind {
            SchemaType::Integer { len: 1 | 2 } => jdbc::SMALLINT,
            SchemaType::Integer { len: 8 } => jdbc::BIGINT,
            SchemaType::Integer { .. } | SchemaType::Year => jdbc::INTEGER,
            SchemaType::Decimal => jdbc::DECIMAL,
            SchemaType::Float => jdbc::FLOAT,
            SchemaType::Double if first == "FLOAT" => jdbc::FLOAT,
            SchemaType::Double => jdbc::DOUBLE,
            SchemaType::Bit => jdbc::BIT,
            SchemaType::Date => jdbc::DATE,
            SchemaType::Time => jdbc::TIME,
            SchemaType::DateTime => jdbc::TIMESTAMP,
            SchemaType::Timestamp => jdbc::TIMESTAMP_WITH_TIMEZONE,
            SchemaType::Enum | SchemaType::Set => jdbc::CHAR,
            SchemaType::Blob => jdbc::BLOB,
            _ => jdbc::OTHER,
        },
    }
}

/// A column's length and scale.
fn sizes(column: &ColumnSchema, jdbc_type: i32) -> (Option<u64>, Option<u64>) {
    let declared = &column.declared;
    let is_exact = matches!(jdbc_type, jdbc::DECIMAL | jdbc::NUMERIC);
    let default = match column.kind {
        SchemaType::Enum => Some(1),
        // Each name and each comma between them.
        SchemaType::Set => Some((declared.members.len() as u64 * 2).saturating_sub(1)),
        _ if is_exact => Some(10),
        SchemaType::Bit => Some(1),
        _ if jdbc_type == jdbc::NCHAR => Some(1),
        _ => None,
    };
    let has_fraction =
        matches!(column.kind, SchemaType::Time | SchemaType::DateTime | SchemaType::Timestamp);
    let length = match declared.size {
        // The connector does not know that a length can be 0.
        Some(0) if !has_fraction => Some(10),
        size => size,
    };
    (length.or(default), declared.scale.or(is_exact.then_some(0)))
}

fn text_or_null(name: &str, text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => text_field(name, text, out),
        None => null_field(name, out),
    }
}

fn charset(charset: Option<Charset>, out: &mut Vec<u8>) {
    match charset {
        Some(charset) => json_string(charset.name(), out),
        None => out.extend_from_slice(b"null"),
    }
}
