//! Rows in binary form, made of the text of their values.
//!
//! What answers a statement has its values as text, ours and the primary's, so that a prepared statement
//! is answered with the same values as a query. Manual: "Binary Protocol Resultset Row".

use super::value::{Unfit, width};
use super::{BinaryValue, DateTime, ParameterType, Time};
use crate::error::WireError;
use crate::reader::Reader;
use crate::resultset::{ColumnDefinition, ColumnType};
use crate::writer::Put;

/// The bits before the first column's in the bitmap of NULLs.
const BITMAP_OFFSET: usize = 2;

/// A column's value that is not of the column's type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column} (type {kind:#04x}) has a value that is not of this type: {text}")]
pub struct InvalidText {
    /// The column's name.
    pub column: String,
    /// Its type.
    pub kind: u8,
    /// The beginning of the value.
    pub text: String,
}

/// Appends a row's payload. There must be as many values as columns; `None` is NULL.
///
/// # Errors
/// A value is not of its column's type. `out` then ends in the middle of the row.
pub(crate) fn encode<V: AsRef<[u8]>>(
    columns: &[BinaryColumn],
    values: impl IntoIterator<Item = Option<V>>,
    out: &mut Vec<u8>,
) -> Result<(), InvalidText> {
    out.put_u8(0);
    let bitmap_at = out.len();
    out.put_zeros((columns.len() + BITMAP_OFFSET).div_ceil(8));
    for (i, (column, value)) in columns.iter().zip(values).enumerate() {
        match value {
            Some(value) => column.encode(value.as_ref(), out)?,
            None => {
                let bit = i + BITMAP_OFFSET;
                if let Some(byte) = out.get_mut(bitmap_at + bit / 8) {
                    *byte |= 1 << (bit % 8);
                }
            }
        }
    }
    Ok(())
}

/// What of a column's definition decides how its values are written.
#[derive(Debug, Clone)]
pub(crate) struct BinaryColumn {
    name: String,
    kind: ParameterType,
}

impl BinaryColumn {
    pub(crate) fn new(column: &ColumnDefinition<'_>) -> Self {
        Self { name: String::from_utf8_lossy(column.name).into_owned(), kind: column.value_type() }
    }

    fn encode(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), InvalidText> {
        let value = from_text(text, self.kind);
        value.and_then(|value| value.encode(self.kind.kind, out)).map_err(|Unfit| {
            const SHOWN: usize = 64;
            let shown = text.get(..SHOWN).unwrap_or(text);
            InvalidText {
                column: self.name.clone(),
                kind: self.kind.kind.0,
                text: String::from_utf8_lossy(shown).into_owned(),
            }
        })
    }
}

/// What a text stands for in a column of this type.
fn from_text(text: &[u8], kind: ParameterType) -> Result<BinaryValue<'_>, Unfit> {
    fn parse<T: std::str::FromStr>(text: &[u8]) -> Result<T, Unfit> {
        std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Unfit)
    }
    let date = |text| str::from_utf8(text).ok().and_then(DateTime::from_text).ok_or(Unfit);
    match kind.kind {
        number if width(number).is_some() => match parse(text) {
            Ok(number) if !kind.is_unsigned => Ok(BinaryValue::Int(number)),
            _ if kind.is_unsigned => parse(text).map(BinaryValue::UInt),
            _ => Err(Unfit),
        },
        ColumnType::FLOAT => parse(text).map(BinaryValue::Float),
        ColumnType::DOUBLE => parse(text).map(BinaryValue::Double),
        ColumnType::DATE | ColumnType::NEWDATE => date(text).map(BinaryValue::Date),
        ColumnType::DATETIME | ColumnType::TIMESTAMP => date(text).map(BinaryValue::DateTime),
        ColumnType::TIME => {
            let time = str::from_utf8(text).ok().and_then(Time::from_text);
            time.map(BinaryValue::Time).ok_or(Unfit)
        }
        _ => Ok(BinaryValue::Bytes(text)),
    }
}

/// The values of one row in binary form.
#[derive(Debug, Clone)]
pub struct BinaryRow<'a> {
    nulls: &'a [u8],
    values: Reader<'a>,
}

impl<'a> BinaryRow<'a> {
    /// The row in a payload with as many values as there are columns.
    ///
    /// # Errors
    /// Truncated, or it does not begin as a row.
    pub fn parse(payload: &'a [u8], columns: usize) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "binary row");
        match r.u8("header")? {
            0 => {}
            other => return Err(r.bad_value("header", u64::from(other))),
        }
        let nulls = r.bytes((columns + BITMAP_OFFSET).div_ceil(8), "null bitmap")?;
        Ok(Self { nulls, values: r })
    }

    /// The values, which are of these types.
    ///
    /// # Errors
    /// Truncated or over-long.
    pub fn values(
        mut self,
        types: impl IntoIterator<Item = ParameterType>,
    ) -> Result<Vec<BinaryValue<'a>>, WireError> {
        let mut values = Vec::new();
        for (i, kind) in types.into_iter().enumerate() {
            let bit = i + BITMAP_OFFSET;
            let is_null = self.nulls.get(bit / 8).is_some_and(|bits| bits >> (bit % 8) & 1 == 1);
            values.push(match is_null {
                true => BinaryValue::Null,
                false => BinaryValue::parse(&mut self.values, kind)?,
            });
        }
        self.values.finish()?;
        Ok(values)
    }
}
