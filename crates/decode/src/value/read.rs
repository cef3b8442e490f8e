//! Reads a value from a row.

use super::{
    Bits, Bytes, Compressed, Date, DateTime, Decimal, EnumValue, Geometry, SetValue, Text, Time,
    Timestamp, Value, Vector,
};
use crate::cursor::Cursor;
use crate::json::Json;
use crate::table::{ColumnType, Sign, length_len};
use crate::{Charset, ValueError};

/// Reads a value of `kind` that is not NULL.
#[inline]
pub(crate) fn read<'a>(
    kind: &'a ColumnType,
    cursor: &mut Cursor<'a>,
) -> Result<Value<'a>, ValueError> {
    Ok(match *kind {
        ColumnType::Integer { len, sign } => integer(len, sign, cursor)?,
        ColumnType::VarChar { len_max, charset } => {
            string(cursor.prefixed(length_len(len_max))?, charset, 0)
        }
        ColumnType::Char { len_max, charset } => {
            // Servers cut trailing spaces off, or the zeros that fill up BINARY.
            string(cursor.prefixed(length_len(len_max))?, charset, len_max)
        }
        ColumnType::Blob { len_bytes, charset } => string(cursor.prefixed(len_bytes)?, charset, 0),
        ColumnType::Decimal { precision, scale } => {
            let bytes = cursor.take(usize::from(super::decimal_len(precision, scale)))?;
            Value::Decimal(Decimal::new(bytes, precision, scale))
        }
        ColumnType::DateTime { decimals } => Value::DateTime(DateTime::read(cursor, decimals)?),
        ColumnType::Timestamp { decimals } => Value::Timestamp(Timestamp::read(cursor, decimals)?),
        ColumnType::Date => Value::Date(Date::read(cursor)?),
        ColumnType::Time { decimals } => Value::Time(Time::read(cursor, decimals)?),
        ColumnType::Double => Value::Double(f64::from_le_bytes(cursor.array()?)),
        ColumnType::Float => Value::Float(f32::from_le_bytes(cursor.array()?)),
        ColumnType::Json { len_bytes } => Value::Json(Json::new(cursor.prefixed(len_bytes)?)),
        ColumnType::Year => Value::Year(match cursor.u8()? {
            0 => 0,
            since_1900 => 1900 + u16::from(since_1900),
        }),
        ColumnType::Bit { bits } => {
            let value = cursor.big_endian(usize::from(bits.div_ceil(8)))?;
            Value::Bit(Bits { value, len: bits })
        }
        ColumnType::Enum { len, ref members } => Value::Enum(EnumValue {
            number: cursor.little_endian(usize::from(len))?,
            members: members.as_deref(),
        }),
        ColumnType::Set { len, ref members } => Value::Set(SetValue {
            bits: cursor.little_endian(usize::from(len))?,
            members: members.as_deref(),
        }),
        ColumnType::Geometry { len_bytes } => {
            Value::Geometry(Geometry::new(cursor.prefixed(len_bytes)?)?)
        }
        ColumnType::Vector { len_bytes } => {
            Value::Vector(Vector::new(cursor.prefixed(len_bytes)?)?)
        }
        ColumnType::CompressedVarChar { len_max, charset } => {
            Value::Compressed(Compressed::new(cursor.prefixed(length_len(len_max))?, charset)?)
        }
        ColumnType::CompressedBlob { len_bytes, charset } => {
            Value::Compressed(Compressed::new(cursor.prefixed(len_bytes)?, charset)?)
        }
        ColumnType::OldTime => Value::Time(Time::read_old(cursor)?),
        ColumnType::OldDateTime => Value::DateTime(DateTime::read_old(cursor)?),
        ColumnType::OldTimestamp => Value::Timestamp(Timestamp::read_old(cursor)?),
        ColumnType::Null => Value::Null,
        ColumnType::Unknown { code } => return Err(ValueError::UnknownType { code }),
    })
}

#[inline]
fn integer<'a>(len: u8, sign: Sign, cursor: &mut Cursor<'_>) -> Result<Value<'a>, ValueError> {
    let (signed, unsigned) = match len {
        1 => cursor.array().map(|b| (i64::from(i8::from_le_bytes(b)), u64::from(b[0])))?,
        2 => {
            let b = cursor.array()?;
            (i64::from(i16::from_le_bytes(b)), u64::from(u16::from_le_bytes(b)))
        }
        3 => {
            let unsigned = cursor.u24()?;
            // The sign bit goes to the top and comes down again.
            let signed = i32::from_le_bytes((unsigned << 8).to_le_bytes()) >> 8;
            (i64::from(signed), u64::from(unsigned))
        }
        4 => {
            let b = cursor.array()?;
            (i64::from(i32::from_le_bytes(b)), u64::from(u32::from_le_bytes(b)))
        }
        _ => {
            let b = cursor.array()?;
            (i64::from_le_bytes(b), u64::from_le_bytes(b))
        }
    };
    Ok(match sign {
        Sign::Signed => Value::Int(signed),
        Sign::Unsigned => Value::UInt(unsigned),
        Sign::Unknown if signed >= 0 => Value::Int(signed),
        Sign::Unknown => Value::AmbiguousInt { signed, unsigned },
    })
}

/// Text or bytes, as far as it is known. Bytes are filled up to `full_len`.
#[inline]
fn string(stored: &[u8], charset: Option<Charset>, full_len: u16) -> Value<'_> {
    match charset {
        Some(Charset::BINARY) => Value::Bytes(Bytes::padded(stored, full_len)),
        Some(charset) => Value::Text(Text { bytes: stored, charset }),
        None => Value::TextOrBytes(stored),
    }
}

/// Text or bytes that are whole.
pub(crate) fn whole_string(bytes: &[u8], charset: Option<Charset>) -> Value<'_> {
    string(bytes, charset, 0)
}
