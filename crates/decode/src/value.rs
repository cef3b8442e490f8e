//! A column's value, borrowed from the row.

mod bits;
mod compressed;
mod decimal;
mod geometry;
mod read;
mod temporal;
mod text;

pub use bits::{Bits, EnumValue, SetValue};
pub use compressed::Compressed;
pub use decimal::Decimal;
pub(crate) use decimal::{precision_and_scale, stored_len as decimal_len};
pub use geometry::{Geometry, Vector};
pub(crate) use read::{read, whole_string};
pub use temporal::{Date, DateTime, Time, Timestamp};
pub use text::{Bytes, Text};

use crate::json::{Json, JsonDiffs};

/// A column's value.
///
/// Nothing is copied: text, documents and the like lie in the row, and are decoded when they are
/// written or walked.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// No value.
    Null,
    /// An integer of a column with a sign; also of one without that is known, if its highest bit is
    /// not set, so that it means the same either way.
    Int(i64),
    /// An integer of an unsigned column.
    UInt(u64),
    /// An integer with its highest bit set, of a column of which is not known whether it is signed.
    AmbiguousInt {
        /// The value if the column is signed.
        signed: i64,
        /// The value if it is unsigned.
        unsigned: u64,
    },
    /// An exact number.
    Decimal(Decimal<'a>),
    /// A number of 32 bits.
    Float(f32),
    /// A number of 64 bits.
    Double(f64),
    /// Bits.
    Bit(Bits),
    /// A year, 1901 to 2155, or 0.
    Year(u16),
    /// A date.
    Date(Date),
    /// A time of day or a span.
    Time(Time),
    /// A date and a time, of no particular time zone.
    DateTime(DateTime),
    /// A moment.
    Timestamp(Timestamp),
    /// Text, in its character set.
    Text(Text<'a>),
    /// Bytes.
    Bytes(Bytes<'a>),
    /// Text or bytes: the table map does not tell which, nor in which character set.
    TextOrBytes(&'a [u8]),
    /// One of some strings.
    Enum(EnumValue<'a>),
    /// Any of some strings.
    Set(SetValue<'a>),
    /// A document.
    Json(Json<'a>),
    /// What an update changes in a document.
    JsonDiffs(JsonDiffs<'a>),
    /// A geometry.
    Geometry(Geometry<'a>),
    /// A vector.
    Vector(Vector<'a>),
    /// Text or bytes, compressed (MariaDB).
    Compressed(Compressed<'a>),
}

impl Value<'_> {
    /// Whether it is NULL.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}
