//! Columns by the table's definition, for table maps that say no more of them than their type codes:
//! those of the first MySQL 5.1.

use binlogd_event::body::TableMapBody;

use super::column::{ColumnType, Sign};
use crate::schema::{ColumnSchema, SchemaType, TableSchema};

/// The columns' types; all are unknown if there is no definition, or one that does not fit.
pub(super) fn column_types(
    map: &TableMapBody<'_>,
    schema: Option<&TableSchema>,
) -> Vec<ColumnType> {
    let codes = map.column_types;
    let columns = schema.map(|schema| &*schema.columns).unwrap_or_default();
    let known = (columns.len() == codes.len())
        .then(|| codes.iter().zip(columns).map(|(&code, column)| column_type(code, column)));
    let known = known.and_then(Iterator::collect::<Option<Vec<_>>>);
    known.unwrap_or_else(|| codes.iter().map(|&code| ColumnType::Unknown { code }).collect())
}

/// The type of a column that a table map has this code for, as far as MySQL 5.1 had it.
fn column_type(code: u8, column: &ColumnSchema) -> Option<ColumnType> {
    let integer = |len| ColumnType::Integer { len, sign: Sign::Unknown };
    Some(match (code, column.kind) {
        (1, SchemaType::Integer { len: 1 }) => integer(1),
        (2, SchemaType::Integer { len: 2 }) => integer(2),
        (9, SchemaType::Integer { len: 3 }) => integer(3),
        (3, SchemaType::Integer { len: 4 }) => integer(4),
        (8, SchemaType::Integer { len: 8 }) => integer(8),
        (4, SchemaType::Float) => ColumnType::Float,
        (5, SchemaType::Double) => ColumnType::Double,
        (7, SchemaType::Timestamp) => ColumnType::OldTimestamp,
        (10 | 14, SchemaType::Date) => ColumnType::Date,
        (11, SchemaType::Time) => ColumnType::OldTime,
        (12, SchemaType::DateTime) => ColumnType::OldDateTime,
        (13, SchemaType::Year) => ColumnType::Year,
        (15, SchemaType::VarChar) => {
            ColumnType::VarChar { len_max: len_max(column)?, charset: None }
        }
        (254, SchemaType::Char) => ColumnType::Char { len_max: len_max(column)?, charset: None },
        (16, SchemaType::Bit) => ColumnType::Bit { bits: number(column.size, 1, 1..=64)? },
        (246, SchemaType::Decimal) => {
            let precision = number(column.size, 10, 1..=65)?;
            let scale = number(column.scale, 0, 0..=precision.min(30))?;
            ColumnType::Decimal { precision, scale }
        }
        // Servers tell these as CHAR.
        (247 | 254, SchemaType::Enum) => {
            let len = if column.members.len() < 256 { 1 } else { 2 };
            ColumnType::Enum { len, members: None }
        }
        (248 | 254, SchemaType::Set) => {
            let len = match column.members.len().div_ceil(8) {
                len @ 1..=4 => u8::try_from(len).ok()?,
                _ => 8,
            };
            ColumnType::Set { len, members: None }
        }
        (249..=252, SchemaType::Blob) => {
            ColumnType::Blob { len_bytes: blob_len_bytes(column)?, charset: None }
        }
        (255, SchemaType::Geometry) => ColumnType::Geometry { len_bytes: 4 },
        _ => return None,
    })
}

/// A number in parentheses behind the type, or what stands for none.
fn number(given: Option<u64>, usual: u8, limits: std::ops::RangeInclusive<u8>) -> Option<u8> {
    let number = given.map_or(Some(usual), |given| u8::try_from(given).ok());
    number.filter(|number| limits.contains(number))
}

/// The most bytes of a `CHAR` or `VARCHAR`, by which its values have one or two bytes of length.
fn len_max(column: &ColumnSchema) -> Option<u16> {
    let chars = u16::try_from(column.size.unwrap_or(1)).ok()?;
    chars.checked_mul(column.charset?.char_len_max())
}

/// The bytes of a value's length. `TEXT(N)` stands for the smallest type that holds so much, but
/// servers do not tell it so.
fn blob_len_bytes(column: &ColumnSchema) -> Option<u8> {
    match (&*column.type_name, column.size) {
        ("tinytext" | "tinyblob", _) => Some(1),
        ("text" | "blob", None) => Some(2),
        ("mediumtext" | "mediumblob", _) => Some(3),
        ("longtext" | "longblob", _) => Some(4),
        _ => None,
    }
}
