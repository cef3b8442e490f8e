//! Type codes and their metadata: what a table map says of how values are laid out.

use binlogd_event::body::TableMapBody;

use super::column::{ColumnType, Sign};
use crate::ValueError;
use crate::cursor::Cursor;

/// How many bytes a value takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// Always as many.
    Fixed(u8),
    /// What the length of so many bytes in front says.
    Prefixed(u8),
    /// Not known: the type is not.
    Unknown(u8),
}

impl Width {
    pub(crate) fn of(kind: &ColumnType) -> Self {
        match *kind {
            ColumnType::Null => Self::Fixed(0),
            ColumnType::Integer { len, .. }
            | ColumnType::Enum { len, .. }
            | ColumnType::Set { len, .. } => Self::Fixed(len),
            ColumnType::Decimal { precision, scale } => {
                Self::Fixed(crate::value::decimal_len(precision, scale))
            }
            ColumnType::Float | ColumnType::OldTimestamp => Self::Fixed(4),
            ColumnType::Double | ColumnType::OldDateTime => Self::Fixed(8),
            ColumnType::Bit { bits } => Self::Fixed(bits.div_ceil(8)),
            ColumnType::Year => Self::Fixed(1),
            ColumnType::Date | ColumnType::OldTime => Self::Fixed(3),
            ColumnType::Time { decimals } => Self::Fixed(3 + decimals.div_ceil(2)),
            ColumnType::DateTime { decimals } => Self::Fixed(5 + decimals.div_ceil(2)),
            ColumnType::Timestamp { decimals } => Self::Fixed(4 + decimals.div_ceil(2)),
            ColumnType::Char { len_max, .. }
            | ColumnType::VarChar { len_max, .. }
            | ColumnType::CompressedVarChar { len_max, .. } => Self::Prefixed(length_len(len_max)),
            ColumnType::Blob { len_bytes, .. }
            | ColumnType::CompressedBlob { len_bytes, .. }
            | ColumnType::Json { len_bytes }
            | ColumnType::Geometry { len_bytes }
            | ColumnType::Vector { len_bytes } => Self::Prefixed(len_bytes),
            ColumnType::Unknown { code } => Self::Unknown(code),
        }
    }

    /// Goes past a value.
    #[inline]
    pub(crate) fn skip(self, cursor: &mut Cursor<'_>) -> Result<(), ValueError> {
        match self {
            Self::Fixed(len) => cursor.take(usize::from(len)).map(drop),
            Self::Prefixed(len_bytes) => cursor.prefixed(len_bytes).map(drop),
            Self::Unknown(code) => Err(ValueError::UnknownType { code }),
        }
    }
}

/// The bytes of the length in front of a string of at most `len_max` bytes.
#[inline]
pub(crate) fn length_len(len_max: u16) -> u8 {
    if len_max < 256 { 1 } else { 2 }
}

/// Type codes of `enum_field_types`, as far as they stand in table maps.
mod code {
    pub(super) const ENUM: u8 = 247;
    pub(super) const SET: u8 = 248;
    pub(super) const VAR_STRING: u8 = 253;
    pub(super) const STRING: u8 = 254;
}

/// The columns' types; an error has the column that it is in.
pub(super) fn column_types(
    map: &TableMapBody<'_>,
) -> Result<Vec<ColumnType>, (Option<usize>, ValueError)> {
    let mut metadata = Cursor::new(map.column_metadata);
    let mut types = Vec::with_capacity(map.column_types.len());
    let mut lost = false;
    for (index, &code) in map.column_types.iter().enumerate() {
        // The length of an unknown type's metadata is unknown too, and so is all behind it.
        let kind = match lost {
            true => ColumnType::Unknown { code },
            false => column_type(code, &mut metadata).map_err(|error| (Some(index), error))?,
        };
        lost |= matches!(kind, ColumnType::Unknown { .. });
        types.push(kind);
    }
    Ok(types)
}

fn column_type(code: u8, metadata: &mut Cursor<'_>) -> Result<ColumnType, ValueError> {
    let integer = |len| ColumnType::Integer { len, sign: Sign::Unknown };
    Ok(match code {
        1 => integer(1),
        2 => integer(2),
        9 => integer(3),
        3 => integer(4),
        8 => integer(8),
        4 | 5 => float(metadata)?,
        6 => ColumnType::Null,
        7 => ColumnType::OldTimestamp,
        10 | 14 => ColumnType::Date,
        11 => ColumnType::OldTime,
        12 => ColumnType::OldDateTime,
        13 => ColumnType::Year,
        15 => ColumnType::VarChar { len_max: metadata.u16()?, charset: None },
        16 => {
            let [rest, bytes] = metadata.array()?;
            let bits = u16::from(bytes) * 8 + u16::from(rest);
            let bits = u8::try_from(bits).ok().filter(|bits| (1..=64).contains(bits));
            ColumnType::Bit { bits: bits.ok_or(ValueError::bad("number of bits", rest))? }
        }
        17 => ColumnType::Timestamp { decimals: decimals(metadata)? },
        18 => ColumnType::DateTime { decimals: decimals(metadata)? },
        19 => ColumnType::Time { decimals: decimals(metadata)? },
        140 => ColumnType::CompressedBlob { len_bytes: len_bytes(metadata, 4)?, charset: None },
        141 => ColumnType::CompressedVarChar { len_max: metadata.u16()?, charset: None },
        242 => ColumnType::Vector { len_bytes: len_bytes(metadata, 4)? },
        245 => ColumnType::Json { len_bytes: len_bytes(metadata, 4)? },
        246 => {
            let (precision, scale) = crate::value::precision_and_scale(metadata)?;
            ColumnType::Decimal { precision, scale }
        }
        249..=252 => ColumnType::Blob { len_bytes: len_bytes(metadata, 4)?, charset: None },
        255 => ColumnType::Geometry { len_bytes: len_bytes(metadata, 4)? },
        code::ENUM | code::SET | code::VAR_STRING | code::STRING => string(metadata)?,
        code => ColumnType::Unknown { code },
    })
}

fn float(metadata: &mut Cursor<'_>) -> Result<ColumnType, ValueError> {
    match metadata.u8()? {
        4 => Ok(ColumnType::Float),
        8 => Ok(ColumnType::Double),
        other => Err(ValueError::bad("length of a floating-point number", other)),
    }
}

fn decimals(metadata: &mut Cursor<'_>) -> Result<u8, ValueError> {
    match metadata.u8()? {
        decimals @ 0..=6 => Ok(decimals),
        other => Err(ValueError::bad("number of digits of a second", other)),
    }
}

fn len_bytes(metadata: &mut Cursor<'_>, max: u8) -> Result<u8, ValueError> {
    let len = metadata.u8()?;
    if len == 0 || len > max {
        return Err(ValueError::bad("number of length bytes", len));
    }
    Ok(len)
}

/// `CHAR`, `ENUM` and `SET`: the real type, then the length, whose bits 8 and 9 hide inverted in
/// the type's bits 4 and 5, as every type of this kind has both set.
fn string(metadata: &mut Cursor<'_>) -> Result<ColumnType, ValueError> {
    const LEN_BITS: u8 = 0x30;
    let [kind, len] = metadata.array()?;
    match kind | LEN_BITS {
        code::ENUM => match len {
            1 | 2 => Ok(ColumnType::Enum { len, members: None }),
            _ => Err(ValueError::bad("length of an ENUM", len)),
        },
        code::SET => match len {
            1..=8 => Ok(ColumnType::Set { len, members: None }),
            _ => Err(ValueError::bad("length of a SET", len)),
        },
        code::STRING | code::VAR_STRING => {
            let high = u16::from((kind & LEN_BITS) ^ LEN_BITS) << 4;
            Ok(ColumnType::Char { len_max: high | u16::from(len), charset: None })
        }
        _ => Err(ValueError::bad("real type of a string", kind)),
    }
}
