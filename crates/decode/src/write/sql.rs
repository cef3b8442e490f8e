//! Values as SQL literals.

use super::json::{are_text, is_text};
use super::text::{decompressed, set_text};
use super::{escape, number};
use crate::value::{EnumValue, SetValue, Value};
use crate::{Charset, ValueError};

impl Value<'_> {
    /// Appends the value as an SQL literal that a server takes for the same value.
    ///
    /// The literals hold in any session whose character set has ASCII where ASCII is, in
    /// `time_zone='+00:00'` for `TIMESTAMP`, and without the SQL mode `NO_BACKSLASH_ESCAPES`. Text
    /// is quoted, with `_utf8mb4` in front unless it is all ASCII. Text of an Asian character set
    /// of two bytes, which may not survive the way over Unicode, becomes `_sjis X'…'`; text of an
    /// unknown one, and bytes, `X'…'`, which a column of any character set takes as it is.
    ///
    /// What an update changes in a document needs that document: see
    /// [`JsonDiffs::write_sql`](crate::JsonDiffs::write_sql). Here `@doc` stands for it.
    ///
    /// ```
    /// # use binlogd_decode::{Charset, Text, Value};
    /// let mut out = Vec::new();
    /// Value::Text(Text { bytes: b"it's caf\xe9", charset: Charset::LATIN1 }).write_sql(&mut out)?;
    /// assert_eq!(out, r"_utf8mb4'it\'s café'".as_bytes());
    /// # Ok::<(), binlogd_decode::ValueError>(())
    /// ```
    ///
    /// # Errors
    /// [`ValueError::UnknownSign`] for an integer of unknown sign; other ones if a decimal number, a
    /// document or a compressed value is damaged; `out` then ends in the middle.
    pub fn write_sql(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        match self {
            Value::Null => out.extend_from_slice(b"NULL"),
            Value::Int(n) => number::signed(*n, out),
            Value::UInt(n) => number::unsigned(*n, out),
            Value::AmbiguousInt { signed, unsigned } => {
                return Err(ValueError::UnknownSign { signed: *signed, unsigned: *unsigned });
            }
            Value::Decimal(n) => n.write(out)?,
            Value::Float(n) => approximate(n.is_finite(), n.to_bits().into(), out, |out| {
                number::float(*n, out);
            })?,
            Value::Double(n) => approximate(n.is_finite(), n.to_bits(), out, |out| {
                number::double(*n, out);
            })?,
            Value::Bit(bits) => {
                out.extend_from_slice(b"b'");
                for bit in (0..bits.len).rev() {
                    out.push(b'0' + (bits.value >> bit & 1).to_le_bytes()[0]);
                }
                out.push(b'\'');
            }
            Value::Year(year) => number::unsigned(u64::from(*year), out),
            Value::Date(date) => quoted(out, |out| date.write(out)),
            Value::Time(time) => quoted(out, |out| time.write(out)),
            Value::DateTime(time) => quoted(out, |out| time.write(out)),
            Value::Timestamp(time) => quoted(out, |out| time.write(out)),
            Value::Text(text) => text_sql(text.bytes, text.charset, out),
            Value::Bytes(bytes) => hex_literal(bytes.iter(), out),
            Value::TextOrBytes(bytes) => hex_literal(bytes.iter().copied(), out),
            Value::Enum(value) => enum_sql(value, out),
            Value::Set(value) => set_sql(value, out),
            Value::Json(json) => crate::json::print_sql(json, out)?,
            Value::JsonDiffs(diffs) => diffs.write_sql(b"@doc", out)?,
            Value::Geometry(geometry) => hex_literal(geometry.stored().iter().copied(), out),
            Value::Vector(vector) => hex_literal(vector.stored().iter().copied(), out),
            Value::Compressed(value) => decompressed(value)?.value().write_sql(out)?,
        }
        Ok(())
    }
}

/// With an exponent, so that the server takes it for a double and not for an exact number.
fn approximate(
    is_finite: bool,
    bits: u64,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) -> Result<(), ValueError> {
    if !is_finite {
        return Err(ValueError::bad("floating-point number", bits));
    }
    let start = out.len();
    write(out);
    if !out[start..].contains(&b'e') {
        out.extend_from_slice(b"e0");
    }
    Ok(())
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'\'');
    write(out);
    out.push(b'\'');
}

fn text_sql(bytes: &[u8], charset: Charset, out: &mut Vec<u8>) {
    if let Some(text) = charset.as_utf8(bytes) {
        return sql_text(text, out);
    }
    let start = out.len();
    out.extend_from_slice(b"_utf8mb4");
    if charset.survives_unicode() && charset.to_utf8(bytes, out).is_ok() {
        return quote_sql_from(start + b"_utf8mb4".len(), out);
    }
    out.truncate(start);
    out.push(b'_');
    out.extend_from_slice(charset.name().as_bytes());
    out.push(b' ');
    hex_literal(bytes.iter().copied(), out);
}

/// Strings where they are known, else numbers, which servers take as well.
fn enum_sql(value: &EnumValue<'_>, out: &mut Vec<u8>) {
    match value.members.zip(value.name()) {
        Some((members, name)) if value.number > 0 && is_text(members, name) => {
            text_sql(name, members.charset().unwrap_or(Charset::UTF8MB4), out);
        }
        _ => number::unsigned(value.number, out),
    }
}

fn set_sql(value: &SetValue<'_>, out: &mut Vec<u8>) {
    // The empty set and one of an empty string look the same.
    let has_empty = value.members.is_some_and(|members| members.names().any(<[u8]>::is_empty));
    if has_empty || !are_text(value) {
        return number::unsigned(value.bits, out);
    }
    let start = out.len();
    out.extend_from_slice(b"_utf8mb4");
    let text = out.len();
    set_text(value, out);
    if out[text..].is_ascii() {
        out.drain(start..text);
        return quote_sql_from(start, out);
    }
    quote_sql_from(text, out);
}

/// Appends an identifier in backticks.
pub(crate) fn sql_identifier(name: impl AsRef<[u8]>, out: &mut Vec<u8>) {
    out.push(b'`');
    for &byte in name.as_ref() {
        if byte == b'`' {
            out.push(b'`');
        }
        out.push(byte);
    }
    out.push(b'`');
}

/// Appends text as a literal.
pub(crate) fn sql_text(text: &str, out: &mut Vec<u8>) {
    if !text.is_ascii() {
        out.extend_from_slice(b"_utf8mb4");
    }
    escape::SQL.quote(text.as_bytes(), out);
}

/// Puts quotes around what stands in the buffer from `start` on, and escapes it there.
pub(crate) fn quote_sql_from(start: usize, out: &mut Vec<u8>) {
    escape::SQL.quote_from(start, out);
}

fn hex_literal(bytes: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"X'");
    hex(bytes, out);
    out.push(b'\'');
}

/// Appends two digits for each byte.
pub(crate) fn hex(bytes: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// Appends two digits for each byte, in upper case.
pub(crate) fn hex_upper(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    hex(bytes.iter().copied(), out);
    out[start..].make_ascii_uppercase();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bits, Bytes, Text};

    fn sql(value: Value<'_>) -> String {
        let mut out = b"x".to_vec();
        value.write_sql(&mut out).unwrap();
        assert_eq!(out.remove(0), b'x');
        String::from_utf8(out).unwrap()
    }

    fn text(bytes: &[u8], charset: Charset) -> String {
        sql(Value::Text(Text { bytes, charset }))
    }

    #[test]
    fn text_is_quoted_with_its_character_set_where_that_matters() {
        assert_eq!(text(b"it's \\ \n\r\0\x1a", Charset::LATIN1), r"'it\'s \\ \n\r\0\Z'");
        assert_eq!(text("ü'".as_bytes(), Charset::UTF8MB4), r"_utf8mb4'ü\''");
        assert_eq!(text(b"\0\xfc", Charset::UCS2), "_utf8mb4'ü'");
        assert_eq!(text(b"\x83e", Charset::SJIS), "_sjis X'8365'");
        assert_eq!(text(b"\xff", Charset::UTF8MB4), "_utf8mb4 X'ff'");
        assert_eq!(text(b"", Charset::UTF8MB4), "''");
    }

    #[test]
    fn numbers_and_bytes_have_literals_of_their_own() {
        assert_eq!(sql(Value::Double(1.5)), "1.5e0");
        assert_eq!(sql(Value::Double(1e300)), "1e300");
        assert_eq!(sql(Value::Bit(Bits { value: 5, len: 4 })), "b'0101'");
        assert_eq!(sql(Value::Bytes(Bytes::from(&b"\x00\xff"[..]))), "X'00ff'");
        assert_eq!(sql(Value::TextOrBytes(b"a'b")), "X'612762'");
    }

    #[test]
    fn a_number_of_unknown_sign_is_no_literal() {
        let value = Value::AmbiguousInt { signed: -1, unsigned: 255 };
        assert_eq!(
            value.write_sql(&mut Vec::new()),
            Err(ValueError::UnknownSign { signed: -1, unsigned: 255 })
        );
    }

    #[test]
    fn identifiers_keep_their_backticks() {
        let mut out = Vec::new();
        sql_identifier("a`b", &mut out);
        assert_eq!(out, b"`a``b`");
    }
}
