//! MySQL's binary JSON, walked where it lies.
//!
//! An object or array begins with its number of members and its size; then stand offsets of keys,
//! types and offsets of values, the keys, the values. Offsets are of two or four bytes and count
//! from the container's start. [Format](https://dev.mysql.com/doc/dev/mysql-server/latest/json__binary_8h.html)

mod diff;
mod print;
mod types;

pub use diff::{JsonDiff, JsonDiffs, JsonOperation};
pub(crate) use print::print_sql;
use print::{Style, print};

use crate::ValueError;
use crate::cursor::Cursor;
use crate::value::{Date, DateTime, Decimal, Time};

/// A document. Nothing of it is looked at before it is asked for.
///
/// ```
/// use binlogd_decode::{Json, JsonValue};
///
/// // An array of one number: type, count, size, the member's type and its value in place.
/// let json = Json::new(&[0x02, 1, 0, 7, 0, 0x05, 42, 0]);
/// let JsonValue::Array(array) = json.root()? else { panic!() };
/// assert_eq!(array.get(0).transpose()?, Some(JsonValue::Int(42)));
/// # Ok::<(), binlogd_decode::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a> {
    bytes: &'a [u8],
}

/// A value in a document.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum JsonValue<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number with a sign.
    Int(i64),
    /// A number without one.
    UInt(u64),
    /// A number of 64 bits.
    Double(f64),
    /// Text.
    String(&'a str),
    /// Members with names.
    Object(JsonObject<'a>),
    /// Members in order.
    Array(JsonArray<'a>),
    /// An exact number, which only SQL puts into documents.
    Decimal(Decimal<'a>),
    /// A date, as above.
    Date(Date),
    /// A time, as above.
    Time(Time),
    /// A date and time, as above.
    DateTime(DateTime),
    /// A value of another type, as above.
    Opaque {
        /// The type's code as in table maps.
        kind: u8,
        /// Its bytes.
        bytes: &'a [u8],
    },
}

/// An object's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonObject<'a> {
    container: Container<'a>,
}

/// An array's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonArray<'a> {
    container: Container<'a>,
}

/// An object or an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Container<'a> {
    /// All of it, from which offsets count.
    bytes: &'a [u8],
    count: usize,
    /// Whether offsets have four bytes.
    large: bool,
    /// Where types and offsets of values begin.
    entries: usize,
}

mod kind {
    pub(super) const SMALL_OBJECT: u8 = 0x00;
    pub(super) const LARGE_OBJECT: u8 = 0x01;
    pub(super) const SMALL_ARRAY: u8 = 0x02;
    pub(super) const LARGE_ARRAY: u8 = 0x03;
    pub(super) const LITERAL: u8 = 0x04;
    pub(super) const INT16: u8 = 0x05;
    pub(super) const UINT16: u8 = 0x06;
    pub(super) const INT32: u8 = 0x07;
    pub(super) const UINT32: u8 = 0x08;
    pub(super) const INT64: u8 = 0x09;
    pub(super) const UINT64: u8 = 0x0a;
    pub(super) const DOUBLE: u8 = 0x0b;
    pub(super) const STRING: u8 = 0x0c;
    pub(super) const OPAQUE: u8 = 0x0f;
}

impl<'a> Json<'a> {
    /// How deep documents may be nested, as MySQL has it.
    pub const DEPTH_MAX: usize = 100;

    /// A document in its binary form.
    #[must_use]
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The outermost value. No bytes at all, which `INSERT IGNORE` leaves, are `null` to servers.
    ///
    /// # Errors
    /// If that value is damaged.
    pub fn root(&self) -> Result<JsonValue<'a>, ValueError> {
        match self.bytes.split_first() {
            Some((&kind, value)) => parse(kind, value),
            None => Ok(JsonValue::Null),
        }
    }

    /// Appends the document as MySQL prints it.
    ///
    /// # Errors
    /// If it is damaged; `out` then ends in the middle.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        print(self, Style::Mysql, out)
    }

    /// Appends the document as MySQL prints it, but without spaces between its parts.
    ///
    /// # Errors
    /// If it is damaged; `out` then ends in the middle.
    pub fn write_compact(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        print(self, Style::Compact, out)
    }

    /// Appends the document as Debezium's connector has it.
    pub(crate) fn write_as_connector(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        print(self, Style::Connector, out)
    }
}

/// A value at the front of `bytes`.
fn parse(kind: u8, bytes: &[u8]) -> Result<JsonValue<'_>, ValueError> {
    let mut cursor = Cursor::new(bytes);
    Ok(match kind {
        kind::SMALL_OBJECT | kind::LARGE_OBJECT => JsonValue::Object(JsonObject {
            container: Container::parse(bytes, kind == kind::LARGE_OBJECT, true)?,
        }),
        kind::SMALL_ARRAY | kind::LARGE_ARRAY => JsonValue::Array(JsonArray {
            container: Container::parse(bytes, kind == kind::LARGE_ARRAY, false)?,
        }),
        kind::LITERAL => literal(cursor.u8()?)?,
        kind::INT16 => JsonValue::Int(i64::from(i16::from_le_bytes(cursor.array()?))),
        kind::UINT16 => JsonValue::UInt(u64::from(cursor.u16()?)),
        kind::INT32 => JsonValue::Int(i64::from(i32::from_le_bytes(cursor.array()?))),
        kind::UINT32 => JsonValue::UInt(u64::from(cursor.u32()?)),
        kind::INT64 => JsonValue::Int(i64::from_le_bytes(cursor.array()?)),
        kind::UINT64 => JsonValue::UInt(cursor.u64()?),
        kind::DOUBLE => JsonValue::Double(f64::from_le_bytes(cursor.array()?)),
        kind::STRING => JsonValue::String(text(sized(&mut cursor)?)?),
        kind::OPAQUE => {
            let kind = cursor.u8()?;
            opaque(kind, sized(&mut cursor)?)?
        }
        other => return Err(ValueError::bad("JSON type", other)),
    })
}

fn literal(code: u8) -> Result<JsonValue<'static>, ValueError> {
    match code {
        0 => Ok(JsonValue::Null),
        1 => Ok(JsonValue::Bool(true)),
        2 => Ok(JsonValue::Bool(false)),
        other => Err(ValueError::bad("JSON literal", other)),
    }
}

fn text(bytes: &[u8]) -> Result<&str, ValueError> {
    std::str::from_utf8(bytes)
        .map_err(|error| ValueError::bad("byte of JSON text", error.valid_up_to() as u64))
}

/// Bytes behind a length of seven bits a byte, lowest first, the highest bit saying that more come.
fn sized<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], ValueError> {
    let mut len = 0_usize;
    for shift in [0, 7, 14, 21, 28] {
        let byte = cursor.u8()?;
        let bits = usize::from(byte & 0x7f);
        len |= bits.checked_shl(shift).unwrap_or(usize::MAX);
        if byte & 0x80 == 0 {
            return cursor.take(len);
        }
    }
    Err(ValueError::bad("length of JSON text", len as u64))
}

/// Column types that MySQL prints as such rather than as bytes.
fn opaque(kind: u8, bytes: &[u8]) -> Result<JsonValue<'_>, ValueError> {
    const TIMESTAMP: u8 = 7;
    const DATE: u8 = 10;
    const TIME: u8 = 11;
    const DATETIME: u8 = 12;
    const DECIMAL: u8 = 246;
    let mut cursor = Cursor::new(bytes);
    Ok(match kind {
        DATE => JsonValue::Date(DateTime::from_packed(i64::from_le_bytes(cursor.array()?))?.date),
        TIME => JsonValue::Time(Time::from_packed(i64::from_le_bytes(cursor.array()?))?),
        DATETIME | TIMESTAMP => {
            JsonValue::DateTime(DateTime::from_packed(i64::from_le_bytes(cursor.array()?))?)
        }
        DECIMAL => JsonValue::Decimal(Decimal::with_head(&mut cursor)?),
        kind => JsonValue::Opaque { kind, bytes },
    })
}

impl<'a> Container<'a> {
    fn parse(bytes: &'a [u8], large: bool, object: bool) -> Result<Self, ValueError> {
        let mut cursor = Cursor::new(bytes);
        let offset_len = if large { 4 } else { 2 };
        let count = size(cursor.little_endian(offset_len)?)?;
        let len = size(cursor.little_endian(offset_len)?)?;
        let key_entry = if object { offset_len + 2 } else { 0 };
        let entries = 2 * offset_len;
        let values = key_entry.checked_mul(count).and_then(|keys| keys.checked_add(entries));
        let end = count
            .checked_mul(1 + offset_len)
            .zip(values)
            .and_then(|(entries, values)| values.checked_add(entries));
        let (Some(entries), Some(end)) = (values, end) else {
            return Err(ValueError::bad("number of JSON members", count as u64));
        };
        if end > len {
            return Err(ValueError::Truncated { needed: end, available: len });
        }
        let bytes = Cursor::new(bytes).take(len)?;
        Ok(Self { bytes, count, large, entries })
    }

    fn offset_len(&self) -> usize {
        if self.large { 4 } else { 2 }
    }

    /// `index` is less than `count`.
    fn key(&self, index: usize) -> Result<&'a str, ValueError> {
        let at = 2 * self.offset_len() + index * (self.offset_len() + 2);
        let mut cursor = self.at(at)?;
        let offset = size(cursor.little_endian(self.offset_len())?)?;
        let len = usize::from(cursor.u16()?);
        text(self.at(offset)?.take(len)?)
    }

    /// `index` is less than `count`.
    fn value(&self, index: usize) -> Result<JsonValue<'a>, ValueError> {
        let mut cursor = self.at(self.entries + index * (1 + self.offset_len()))?;
        let kind = cursor.u8()?;
        let inline = match kind {
            kind::LITERAL | kind::INT16 | kind::UINT16 => true,
            kind::INT32 | kind::UINT32 => self.large,
            _ => false,
        };
        if inline {
            return parse(kind, cursor.take(self.offset_len())?);
        }
        let offset = size(cursor.little_endian(self.offset_len())?)?;
        // No value lies in the container's own entries, least of all the container itself.
        if offset < self.entries + self.count * (1 + self.offset_len()) {
            return Err(ValueError::bad("offset of a JSON value", offset as u64));
        }
        parse(kind, self.at(offset)?.rest())
    }

    fn at(&self, offset: usize) -> Result<Cursor<'a>, ValueError> {
        let mut cursor = Cursor::new(self.bytes);
        cursor.take(offset)?;
        Ok(cursor)
    }
}

fn size(value: u64) -> Result<usize, ValueError> {
    usize::try_from(value).map_err(|_| ValueError::bad("JSON size", value))
}

impl<'a> JsonObject<'a> {
    /// The number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.container.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The members in their stored order: shorter names first, then by bytes.
    pub fn iter(
        &self,
    ) -> impl ExactSizeIterator<Item = Result<(&'a str, JsonValue<'a>), ValueError>> + use<'a> {
        let container = self.container;
        (0..container.count).map(move |index| Ok((container.key(index)?, container.value(index)?)))
    }

    /// The member of this name, if there is one.
    ///
    /// # Errors
    /// If a name that is compared, or the value, is damaged.
    pub fn get(&self, name: &str) -> Result<Option<JsonValue<'a>>, ValueError> {
        for index in 0..self.container.count {
            if self.container.key(index)? == name {
                return self.container.value(index).map(Some);
            }
        }
        Ok(None)
    }
}

impl<'a> JsonArray<'a> {
    /// The number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.container.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The members in order.
    pub fn iter(
        &self,
    ) -> impl ExactSizeIterator<Item = Result<JsonValue<'a>, ValueError>> + use<'a> {
        let container = self.container;
        (0..container.count).map(move |index| container.value(index))
    }

    /// The member at `index`, from 0, if there are as many.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Result<JsonValue<'a>, ValueError>> {
        (index < self.len()).then(|| self.container.value(index))
    }
}

#[cfg(test)]
mod tests;
