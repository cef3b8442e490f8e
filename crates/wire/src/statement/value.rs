//! Values in binary form.

use super::{DateTime, ParameterType, Time};
use crate::error::WireError;
use crate::reader::Reader;
use crate::resultset::ColumnType;
use crate::writer::Put;

/// A value. Manual: "Binary Protocol Value".
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BinaryValue<'a> {
    /// NULL, of which a bitmap tells.
    Null,
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A float of 32 bits.
    Float(f32),
    /// A float of 64 bits.
    Double(f64),
    /// A date.
    Date(DateTime),
    /// A date with a time of day.
    DateTime(DateTime),
    /// A length of time.
    Time(Time),
    /// Anything else: text, a decimal, bytes.
    Bytes(&'a [u8]),
}

impl<'a> BinaryValue<'a> {
    /// Parses a value of a type. Types that are not known have a length before them, as all new ones do.
    ///
    /// # Errors
    /// Truncated, or a date or time has a length that none has.
    pub fn parse(r: &mut Reader<'a>, kind: ParameterType) -> Result<Self, WireError> {
        const FIELD: &str = "parameter value";
        let ParameterType { kind, is_unsigned } = kind;
        let integer = |unsigned: u64, signed: i64| {
            if is_unsigned { Self::UInt(unsigned) } else { Self::Int(signed) }
        };
        Ok(match kind {
            ColumnType::NULL => Self::Null,
            ColumnType::TINY => {
                let bits = r.u8(FIELD)?;
                integer(bits.into(), bits.cast_signed().into())
            }
            ColumnType::SHORT | ColumnType::YEAR => {
                let bits = r.u16(FIELD)?;
                integer(bits.into(), bits.cast_signed().into())
            }
            ColumnType::LONG | ColumnType::INT24 => {
                let bits = r.u32(FIELD)?;
                integer(bits.into(), bits.cast_signed().into())
            }
            ColumnType::LONGLONG => {
                let bits = r.u64(FIELD)?;
                integer(bits, bits.cast_signed())
            }
            ColumnType::FLOAT => Self::Float(f32::from_bits(r.u32(FIELD)?)),
            ColumnType::DOUBLE => Self::Double(f64::from_bits(r.u64(FIELD)?)),
            ColumnType::DATE | ColumnType::NEWDATE => Self::Date(DateTime::parse(r)?),
            ColumnType::DATETIME | ColumnType::TIMESTAMP => Self::DateTime(DateTime::parse(r)?),
            ColumnType::TIME => Self::Time(Time::parse(r)?),
            _ => Self::Bytes(r.lenenc_bytes(FIELD)?),
        })
    }

    /// Appends a value of a type.
    ///
    /// # Errors
    /// The type has no such value, or the number is too large for it; nothing was appended.
    pub fn encode(&self, kind: ColumnType, out: &mut Vec<u8>) -> Result<(), Unfit> {
        match (kind, *self) {
            (_, Self::Null) => {}
            (ColumnType::FLOAT, Self::Float(value)) => out.put_u32(value.to_bits()),
            (ColumnType::DOUBLE, Self::Double(value)) => out.put_u64(value.to_bits()),
            (ColumnType::DATE | ColumnType::NEWDATE, Self::Date(date))
            | (ColumnType::DATETIME | ColumnType::TIMESTAMP, Self::DateTime(date)) => {
                date.encode(out);
            }
            (ColumnType::TIME, Self::Time(time)) => time.encode(out),
            (kind, Self::Int(number)) => {
                let bytes = number.to_le_bytes();
                let width = width(kind).ok_or(Unfit)?;
                let (low, high) = bytes.split_at(width);
                let sign = if number < 0 { 0xff } else { 0 };
                let is_same_sign = low.last().is_some_and(|byte| (byte >> 7 == 1) == (number < 0));
                if !is_same_sign || high.iter().any(|byte| *byte != sign) {
                    return Err(Unfit);
                }
                out.put_bytes(low);
            }
            (kind, Self::UInt(number)) => {
                let bytes = number.to_le_bytes();
                let (low, high) = bytes.split_at(width(kind).ok_or(Unfit)?);
                if high.iter().any(|byte| *byte != 0) {
                    return Err(Unfit);
                }
                out.put_bytes(low);
            }
            (kind, Self::Bytes(bytes)) if has_length(kind) => out.put_lenenc_bytes(bytes),
            _ => return Err(Unfit),
        }
        Ok(())
    }
}

/// A value that its type cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit;

/// How many bytes an integer has.
pub(super) fn width(kind: ColumnType) -> Option<usize> {
    match kind {
        ColumnType::TINY => Some(1),
        ColumnType::SHORT | ColumnType::YEAR => Some(2),
        ColumnType::LONG | ColumnType::INT24 => Some(4),
        ColumnType::LONGLONG => Some(8),
        _ => None,
    }
}

/// Whether values are bytes with a length before them.
fn has_length(kind: ColumnType) -> bool {
    width(kind).is_none()
        && !matches!(
            kind,
            ColumnType::NULL
                | ColumnType::FLOAT
                | ColumnType::DOUBLE
                | ColumnType::DATE
                | ColumnType::NEWDATE
                | ColumnType::DATETIME
                | ColumnType::TIMESTAMP
                | ColumnType::TIME
        )
}
