//! Values as JSON.

use super::number;
use super::text::{decompressed, set_text};
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
    out.push(b'"');
    if charset.to_utf8(bytes, out).is_ok() {
        escape_from(start + 1, out);
        out.push(b'"');
    } else {
        out.truncate(start);
        base64_json(bytes.iter().copied(), out);
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
    out.push(b'"');
    let start = out.len();
    set_text(value, out);
    escape_from(start, out);
    out.push(b'"');
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

/// What a byte of UTF-8 needs in a JSON string: nothing, `u` for its code, or a letter of its own.
/// These are the escapes that MySQL uses.
const ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        escapes[control] = b'u';
        control += 1;
    }
    escapes[0x08] = b'b';
    escapes[0x09] = b't';
    escapes[0x0a] = b'n';
    escapes[0x0c] = b'f';
    escapes[0x0d] = b'r';
    escapes[b'"' as usize] = b'"';
    escapes[b'\\' as usize] = b'\\';
    escapes
};

/// Appends a JSON string with its quotes.
#[inline]
pub(crate) fn json_string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    while let Some(at) = next_escape(rest) {
        out.extend_from_slice(&rest[..at]);
        escape(rest[at], out);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The first byte that needs an escape. Most text has none, so that eight are looked at together.
#[inline]
fn next_escape(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    let plain = words.iter().take_while(|word| !may_need_escape(u64::from_le_bytes(**word)));
    let start = plain.count() * 8;
    let needs = |&byte: &u8| ESCAPES[usize::from(byte)] != 0;
    bytes[start..].iter().position(needs).map(|at| start + at)
}

/// Whether one of eight bytes is below 20, a quote or a backslash. Where it says so wrongly, which a
/// borrow between bytes can make it, nothing but time is lost.
#[inline]
fn may_need_escape(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | is(b'"') | is(b'\\')) & HIGHS != 0
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match ESCAPES[usize::from(byte)] {
        b'u' => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        letter => out.extend_from_slice(&[b'\\', letter]),
    }
}

/// Escapes what stands in the buffer from `start` on.
fn escape_from(start: usize, out: &mut Vec<u8>) {
    let Some(first) = out[start..].iter().position(|&b| ESCAPES[usize::from(b)] != 0) else {
        return;
    };
    // Rare enough to copy.
    let tail = out.split_off(start + first);
    for byte in tail {
        match ESCAPES[usize::from(byte)] {
            0 => out.push(byte),
            _ => escape(byte, out),
        }
    }
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
    fn strings_are_escaped_as_mysql_does() {
        assert_eq!(
            text(|out| json_string("a\"\\\n\t\u{8}\u{c}\r\u{1}\u{1f}/ü", out)),
            r#""a\"\\\n\t\b\f\r\u0001\u001f/ü""#
        );
        // Wherever it stands in a word, and whatever is beside it.
        for byte in 0..=0x7f {
            for at in 0..20 {
                let mut long = "\u{7f}ü\u{80}aé zz\u{fffd}~bcdefgh".to_owned();
                long.insert(long.floor_char_boundary(at), char::from(byte));
                let json = text(|out| json_string(&long, out));
                assert_eq!(serde_json::from_str::<String>(&json).unwrap(), long);
            }
        }
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
