//! Columns' types: as MySQL names them, and as numbers of `java.sql.Types`.

use crate::Charset;
use crate::table::{Column, ColumnType, Members, Sign};
use crate::value::Value;
use crate::write::json_string;

const BIT: i16 = -7;
const TINYINT: i16 = -6;
const BIGINT: i16 = -5;
const CHAR: i16 = 1;
const DECIMAL: i16 = 3;
const INTEGER: i16 = 4;
const SMALLINT: i16 = 5;
const REAL: i16 = 7;
const DOUBLE: i16 = 8;
const VARCHAR: i16 = 12;
const DATE: i16 = 91;
const TIME: i16 = 92;
const TIMESTAMP: i16 = 93;
const OTHER: i16 = 1111;
const BLOB: i16 = 2004;
const CLOB: i16 = 2005;

/// The type of a value as JDBC numbers it, with what Canal does differently for NULL and for numbers
/// that a signed type does not hold.
pub(super) fn sql_type(column: &Column, value: &Value<'_>) -> i16 {
    match column.kind() {
        ColumnType::Integer { len, .. } => {
            let bits = 8 * u32::from(*len);
            let is_large = matches!(value, Value::UInt(n) if n >> (bits - 1) != 0);
            match (len, is_large) {
                (1, false) => TINYINT,
                (1, true) | (2, false) => SMALLINT,
                (8, true) => DECIMAL,
                (4, true) | (8, false) => BIGINT,
                _ => INTEGER,
            }
        }
        ColumnType::Enum { .. } => INTEGER,
        ColumnType::Decimal { .. } => DECIMAL,
        ColumnType::Float => REAL,
        ColumnType::Double => DOUBLE,
        ColumnType::Set { .. } if value.is_null() => BLOB,
        ColumnType::Bit { .. } | ColumnType::Set { .. } => BIT,
        ColumnType::Date => DATE,
        ColumnType::Time { .. } | ColumnType::OldTime => TIME,
        ColumnType::DateTime { .. }
        | ColumnType::OldDateTime
        | ColumnType::Timestamp { .. }
        | ColumnType::OldTimestamp => TIMESTAMP,
        ColumnType::Char { charset, .. } => text_or_blob(*charset, CHAR),
        ColumnType::VarChar { charset, .. } | ColumnType::CompressedVarChar { charset, .. } => {
            text_or_blob(*charset, VARCHAR)
        }
        ColumnType::Blob { charset, .. } | ColumnType::CompressedBlob { charset, .. } => {
            text_or_blob(*charset, CLOB)
        }
        ColumnType::Geometry { .. } => BLOB,
        ColumnType::Json { .. } if value.is_null() => OTHER,
        ColumnType::Year | ColumnType::Json { .. } | ColumnType::Vector { .. } => VARCHAR,
        ColumnType::Null | ColumnType::Unknown { .. } => OTHER,
    }
}

fn text_or_blob(charset: Option<Charset>, text: i16) -> i16 {
    if charset.is_none_or(Charset::is_binary) { BLOB } else { text }
}

/// The type as MySQL writes it, as a JSON string, which is made once for all rows of a table map.
pub(super) fn mysql_type(column: &Column) -> &[u8] {
    column.json_type.get_or_init(|| {
        let mut json = Vec::new();
        json_string(&type_name(column), &mut json);
        json.into()
    })
}

/// As far as events tell: without the display width of integers.
fn type_name(column: &Column) -> String {
    match column.kind() {
        ColumnType::Null => "null".to_owned(),
        ColumnType::Integer { len, sign } => {
            let name = match len {
                1 => "tinyint",
                2 => "smallint",
                3 => "mediumint",
                4 => "int",
                _ => "bigint",
            };
            let unsigned = if *sign == Sign::Unsigned { " unsigned" } else { "" };
            format!("{name}{unsigned}")
        }
        ColumnType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        ColumnType::Float => "float".to_owned(),
        ColumnType::Double => "double".to_owned(),
        ColumnType::Bit { bits } => format!("bit({bits})"),
        ColumnType::Year => "year".to_owned(),
        ColumnType::Date => "date".to_owned(),
        ColumnType::OldTime => "time".to_owned(),
        ColumnType::OldDateTime => "datetime".to_owned(),
        ColumnType::OldTimestamp => "timestamp".to_owned(),
        ColumnType::Time { decimals } => with_decimals("time", *decimals),
        ColumnType::DateTime { decimals } => with_decimals("datetime", *decimals),
        ColumnType::Timestamp { decimals } => with_decimals("timestamp", *decimals),
        ColumnType::Char { len_max, charset } => sized("char", "binary", *len_max, *charset),
        ColumnType::VarChar { len_max, charset } => {
            sized("varchar", "varbinary", *len_max, *charset)
        }
        // A byte of it says how it is compressed.
        ColumnType::CompressedVarChar { len_max, charset } => {
            sized("varchar", "varbinary", len_max.saturating_sub(1), *charset)
        }
        ColumnType::Blob { len_bytes, charset }
        | ColumnType::CompressedBlob { len_bytes, charset } => {
            let size = match len_bytes {
                1 => "tiny",
                2 => "",
                3 => "medium",
                _ => "long",
            };
            let is_text = charset.is_some_and(|charset| !charset.is_binary());
            format!("{size}{}", if is_text { "text" } else { "blob" })
        }
        ColumnType::Enum { members, .. } => with_members("enum", members.as_deref()),
        ColumnType::Set { members, .. } => with_members("set", members.as_deref()),
        ColumnType::Json { .. } => "json".to_owned(),
        ColumnType::Geometry { .. } => geometry(column.geometry_type()).to_owned(),
        ColumnType::Vector { .. } => match column.dimensions() {
            Some(dimensions) => format!("vector({dimensions})"),
            None => "vector".to_owned(),
        },
        ColumnType::Unknown { code } => format!("type {code}"),
    }
}

fn with_decimals(name: &str, decimals: u8) -> String {
    if decimals == 0 { name.to_owned() } else { format!("{name}({decimals})") }
}

/// Text has its length in characters, bytes in bytes.
fn sized(text: &str, bytes: &str, len_max: u16, charset: Option<Charset>) -> String {
    match charset.filter(|charset| !charset.is_binary()) {
        Some(charset) => format!("{text}({})", len_max / charset.char_len_max()),
        None => format!("{bytes}({len_max})"),
    }
}

fn with_members(name: &str, members: Option<&Members>) -> String {
    let Some(members) = members else { return name.to_owned() };
    let charset = members.charset().unwrap_or(Charset::UTF8MB4);
    let quoted: Vec<String> = members
        .names()
        .map(|member| {
            let mut text = Vec::new();
            let known = charset.to_utf8(member, &mut text).is_ok();
            let text = String::from_utf8_lossy(if known { &text } else { member });
            format!("'{}'", text.replace('\'', "''"))
        })
        .collect();
    format!("{name}({})", quoted.join(","))
}

fn geometry(kind: Option<u64>) -> &'static str {
    match kind {
        Some(1) => "point",
        Some(2) => "linestring",
        Some(3) => "polygon",
        Some(4) => "multipoint",
        Some(5) => "multilinestring",
        Some(6) => "multipolygon",
        Some(7) => "geomcollection",
        _ => "geometry",
    }
}
