//! Values as JSON.

use super::text::{decompressed, set_text};
use super::{escape, number};
use crate::table::Members;
use crate::value::{EnumValue, SetValue, Value};
use crate::{Charset, ValueError};

impl Value<'_> {
    /// Appends the value as JSON, from which it can be had back.
    ///
    /// - Integers, `FLOAT`, `DOUBLE`, `BIT` and `YEAR` are numbers; 64 bits need a reader that
    ///   takes them. `DECIMAL` is a string, as readers would round it.
    /// - Dates and times are strings as MySQL prints them, `TIMESTAMP` in UTC.
    /// - Text is a string. Bytes, and text that is none or of an unknown character set, are
    ///   `{"$base64":"…"}`, which no string can be.
    /// - `ENUM` and `SET` are strings, or numbers where the names are not known.
    /// - Documents are themselves, with values that JSON does not have as MySQL prints them. What
    ///   an update changes in one is a list, see
    ///   [`JsonDiffs::write_json`](crate::JsonDiffs::write_json).
    /// - A geometry is `{"srid":0,"wkb":"…"}` in base64, a vector a list of numbers.
    /// - An integer of unknown sign is `{"signed":-1,"unsigned":255}`.
    ///
    /// ```
    /// # use binlogd_decode::{Charset, Text, Value};
    /// let mut out = Vec::new();
    /// Value::Text(Text { bytes: b"caf\xe9", charset: Charset::LATIN1 }).write_json(&mut out)?;
    /// out.push(b' ');
    /// Value::Bytes(b"\xff\x00"[..].into()).write_json(&mut out)?;
    /// assert_eq!(String::from_utf8(out).unwrap(), r#""café" {"$base64":"/wA="}"#);
    /// # Ok::<(), binlogd_decode::ValueError>(())
    /// ```
    ///
    /// # Errors
    /// If a decimal number, a document or a compressed value is damaged; `out` then ends in the
    /// middle.
    pub fn write_json(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        match self {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Int(n) => number::signed(*n, out),
            Value::UInt(n) => number::unsigned(*n, out),
            Value::AmbiguousInt { signed, unsigned } => {
                out.extend_from_slice(b"{\"signed\":");
                number::signed(*signed, out);
                out.extend_from_slice(b",\"unsigned\":");
                number::unsigned(*unsigned, out);
                out.push(b'}');
            }
            Value::Decimal(n) => {
                out.push(b'"');
                n.write(out)?;
                out.push(b'"');
            }
            Value::Float(n) => finite(n.is_finite(), out, |out| number::float(*n, out)),
            Value::Double(n) => finite(n.is_finite(), out, |out| number::double(*n, out)),
            Value::Bit(bits) => number::unsigned(bits.value, out),
            Value::Year(year) => number::unsigned(u64::from(*year), out),
            Value::Date(date) => quoted(out, |out| date.write(out)),
            Value::Time(time) => quoted(out, |out| time.write(out)),
            Value::DateTime(time) => quoted(out, |out| time.write(out)),
            Value::Timestamp(time) => quoted(out, |out| time.write(out)),
            Value::Text(text) => text_json(text.bytes, text.charset, out),
            Value::Bytes(bytes) => base64_json(bytes.iter(), out),
            Value::TextOrBytes(bytes) => base64_json(bytes.iter().copied(), out),
            Value::Enum(value) => enum_json(value, out),
            Value::Set(value) => set_json(value, out),
            Value::Json(json) => json.write_compact(out)?,
            Value::JsonDiffs(diffs) => diffs.write_json(out)?,
            Value::Geometry(geometry) => {
                out.extend_from_slice(b"{\"srid\":");
                number::unsigned(u64::from(geometry.srid()), out);
                out.extend_from_slice(b",\"wkb\":\"");
                base64(geometry.wkb().iter().copied(), out);
                out.extend_from_slice(b"\"}");
            }
            Value::Vector(vector) => {
                out.push(b'[');
                for (index, n) in vector.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    finite(n.is_finite(), out, |out| number::float(n, out));
                }
                out.push(b']');
            }
            Value::Compressed(value) => decompressed(value)?.value().write_json(out)?,
        }
        Ok(())
    }
}

/// What is no number in JSON becomes a string.
fn finite(is: bool, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    if is { write(out) } else { quoted(out, write) }
}

#[inline]
fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

#[inline]
fn text_json(bytes: &[u8], charset: Charset, out: &mut Vec<u8>) {
    if let Some(text) = charset.as_utf8(bytes) {
        return json_string(text, out);
    }
    // Turned into UTF-8 in the buffer, and escaped there.
    let start = out.len();
    match charset.to_utf8(bytes, out) {
        Ok(()) => escape::JSON.quote_from(start, out),
        Err(_) => base64_json(bytes.iter().copied(), out),
    }
}

fn enum_json(value: &EnumValue<'_>, out: &mut Vec<u8>) {
    match value.members.zip(value.name()) {
        Some((members, name)) if is_text(members, name) => {
            text_json(name, members.charset().unwrap_or(Charset::UTF8MB4), out);
        }
        _ => number::unsigned(value.number, out),
    }
}

fn set_json(value: &SetValue<'_>, out: &mut Vec<u8>) {
    if !are_text(value) {
        return number::unsigned(value.bits, out);
    }
    let start = out.len();
    set_text(value, out);
    escape::JSON.quote_from(start, out);
}

/// Whether all strings of the value are known to be text.
pub(super) fn are_text(value: &SetValue<'_>) -> bool {
    let known = value.members.zip(value.names());
    known.is_some_and(|(members, mut names)| names.all(|name| is_text(members, name)))
}

pub(crate) fn is_text(members: &Members, name: &[u8]) -> bool {
    let Some(charset) = members.charset() else { return false };
    // Names are short; most are ASCII.
    charset.as_utf8(name).is_some() || charset.to_utf8(name, &mut Vec::new()).is_ok()
}

fn base64_json(bytes: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"$base64\":\"");
    base64(bytes, out);
    out.extend_from_slice(b"\"}");
}

/// Appends bytes in base64, with padding.
pub(crate) fn base64(mut bytes: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| DIGITS[(bits & 63) as usize];
    while let Some(a) = bytes.next() {
        let (b, c) = (bytes.next(), bytes.next());
        let bits = u32::from_be_bytes([0, a, b.unwrap_or(0), c.unwrap_or(0)]);
        out.extend_from_slice(&[
            digit(bits >> 18),
            digit(bits >> 12),
            if b.is_some() { digit(bits >> 6) } else { b'=' },
            if c.is_some() { digit(bits) } else { b'=' },
        ]);
    }
}

/// Appends a JSON string with its quotes.
#[inline]
pub(crate) fn json_string(text: &str, out: &mut Vec<u8>) {
    escape::JSON.quote(text.as_bytes(), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, wanted) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            assert_eq!(text(|out| base64(bytes.bytes(), out)), wanted);
        }
    }

    #[test]
    fn text_of_other_character_sets_is_escaped_too() {
        let value = Value::Text(crate::Text { bytes: b"\xe9\"\n", charset: Charset::LATIN1 });
        assert_eq!(text(|out| value.write_json(out).unwrap()), "\"é\\\"\\n\"");
    }

    #[test]
    fn what_is_no_text_is_base64() {
        let value = Value::Text(crate::Text { bytes: b"\xff", charset: Charset::UTF8MB4 });
        assert_eq!(text(|out| value.write_json(out).unwrap()), r#"{"$base64":"/w=="}"#);
        let value = Value::TextOrBytes(b"a");
        assert_eq!(text(|out| value.write_json(out).unwrap()), r#"{"$base64":"YQ=="}"#);
    }
}
