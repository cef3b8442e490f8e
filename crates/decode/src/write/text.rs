//! Values as `SELECT` answers them in the text protocol.

use super::{DECOMPRESSED_MAX, number};
use crate::ValueError;
use crate::table::Members;
use crate::value::{Compressed, EnumValue, SetValue, Value};

impl Value<'_> {
    /// Appends the value as MySQL answers it to `SELECT` in a session with UTF-8 and in UTC.
    ///
    /// Text becomes UTF-8, unless it is no text in its character set, then its bytes are taken as
    /// they are; so are those of which the character set is not known. NULL becomes `NULL`. An
    /// integer of unknown sign becomes `-1 (255)`, as mysqlbinlog has it. What an update changes in
    /// a document becomes JSON. `ENUM` and `SET` become numbers where the names are not known.
    /// What only the table's definition says cannot be seen: `ZEROFILL`, or the digits of
    /// `FLOAT(7,4)`.
    ///
    /// ```
    /// # use binlogd_decode::{Value, Time};
    /// let time = Time { negative: true, hours: 12, decimals: 1, ..Time::default() };
    /// let mut out = Vec::new();
    /// Value::Time(time).write_text(&mut out)?;
    /// assert_eq!(out, b"-12:00:00.0");
    /// # Ok::<(), binlogd_decode::ValueError>(())
    /// ```
    ///
    /// # Errors
    /// If a decimal number, a document or a compressed value is damaged; `out` then ends in the
    /// middle.
    pub fn write_text(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        match self {
            Value::Null => out.extend_from_slice(b"NULL"),
            Value::Int(n) => number::signed(*n, out),
            Value::UInt(n) => number::unsigned(*n, out),
            Value::AmbiguousInt { signed, unsigned } => {
                number::signed(*signed, out);
                out.extend_from_slice(b" (");
                number::unsigned(*unsigned, out);
                out.push(b')');
            }
            Value::Decimal(n) => n.write(out)?,
            Value::Float(n) => number::float_as_shown(*n, out),
            Value::Double(n) => number::double(*n, out),
            Value::Bit(bits) => {
                let len = usize::from(bits.len.div_ceil(8)).min(8);
                out.extend_from_slice(&bits.value.to_be_bytes()[8 - len..]);
            }
            Value::Year(year) => number::padded(u32::from(*year), 4, out),
            Value::Date(date) => date.write(out),
            Value::Time(time) => time.write(out),
            Value::DateTime(time) => time.write(out),
            Value::Timestamp(time) => time.write(out),
            Value::Text(text) => {
                if text.charset.to_utf8(text.bytes, out).is_err() {
                    out.extend_from_slice(text.bytes);
                }
            }
            Value::Bytes(bytes) => bytes.write(out),
            Value::TextOrBytes(bytes) => out.extend_from_slice(bytes),
            Value::Enum(value) => enum_text(value, out),
            Value::Set(value) => set_text(value, out),
            Value::Json(json) => json.write(out)?,
            Value::JsonDiffs(diffs) => diffs.write_json(out)?,
            Value::Geometry(geometry) => out.extend_from_slice(geometry.stored()),
            Value::Vector(vector) => out.extend_from_slice(vector.stored()),
            Value::Compressed(value) => decompressed(value)?.write_text(out)?,
        }
        Ok(())
    }
}

fn enum_text(value: &EnumValue<'_>, out: &mut Vec<u8>) {
    match value.members.zip(value.name()) {
        Some((members, name)) => member(members, name, out),
        None => number::unsigned(value.number, out),
    }
}

pub(super) fn set_text(value: &SetValue<'_>, out: &mut Vec<u8>) {
    match value.members.zip(value.names()) {
        Some((members, names)) => {
            for (index, name) in names.enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                member(members, name, out);
            }
        }
        None => number::unsigned(value.bits, out),
    }
}

fn member(members: &Members, name: &[u8], out: &mut Vec<u8>) {
    let known = members.charset().is_some_and(|charset| charset.to_utf8(name, out).is_ok());
    if !known {
        out.extend_from_slice(name);
    }
}

/// A compressed value's bytes, owned, with what is known of them.
pub(crate) struct Decompressed {
    bytes: Vec<u8>,
    charset: Option<crate::Charset>,
}

pub(crate) fn decompressed(value: &Compressed<'_>) -> Result<Decompressed, ValueError> {
    let mut bytes = Vec::new();
    value.decompress(DECOMPRESSED_MAX, &mut bytes)?;
    Ok(Decompressed { bytes, charset: value.charset() })
}

impl Decompressed {
    pub(crate) fn value(&self) -> Value<'_> {
        crate::value::whole_string(&self.bytes, self.charset)
    }

    fn write_text(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        self.value().write_text(out)
    }
}
