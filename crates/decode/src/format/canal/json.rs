//! Documents as Canal prints them: as MySQL does, but for doubles, dates, and values that are neither.

use super::value::{decimal, double};
use crate::write::{signed, unsigned};
use crate::{Json, JsonValue, ValueError};

/// Appends a document; nothing of one without bytes, which `INSERT IGNORE` leaves.
pub(super) fn write(json: &Json<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    if json.bytes().is_empty() {
        return Ok(());
    }
    // Parts of a well-formed document do not overlap, so that it cannot be larger than its bytes.
    Printer { left: json.bytes().len() }.value(json.root()?, 0, out)
}

struct Printer {
    /// Bytes of the document that may still be used.
    left: usize,
}

impl Printer {
    fn value(
        &mut self,
        value: JsonValue<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        if depth > Json::DEPTH_MAX {
            return Err(ValueError::JsonDepth { limit: Json::DEPTH_MAX });
        }
        match value {
            JsonValue::Object(object) => {
                out.push(b'{');
                for (index, member) in object.iter().enumerate() {
                    let (name, value) = member?;
                    separate(index, out);
                    self.text(name, out)?;
                    out.extend_from_slice(b": ");
                    self.member(value, depth, out)?;
                }
                out.push(b'}');
            }
            JsonValue::Array(array) => {
                out.push(b'[');
                for (index, value) in array.iter().enumerate() {
                    separate(index, out);
                    self.member(value?, depth, out)?;
                }
                out.push(b']');
            }
            JsonValue::Null => out.extend_from_slice(b"null"),
            JsonValue::Bool(true) => out.extend_from_slice(b"true"),
            JsonValue::Bool(false) => out.extend_from_slice(b"false"),
            JsonValue::Int(n) => signed(n, out),
            JsonValue::UInt(n) => unsigned(n, out),
            JsonValue::Double(n) => double(n, out),
            JsonValue::Decimal(n) => decimal(&n, out)?,
            JsonValue::String(text) => self.text(text, out)?,
            // A date is printed with a time, and a zero without its fraction.
            JsonValue::Date(date) => {
                out.push(b'"');
                date.write(out);
                let is_zero = (date.year, date.month, date.day) == (0, 0, 0);
                out.extend_from_slice(if is_zero { b" 00:00:00" } else { b" 00:00:00.000000" });
                out.push(b'"');
            }
            JsonValue::DateTime(time) => quoted(out, "0000-00-00 00:00:00", |out| time.write(out)),
            JsonValue::Time(time) => quoted(out, "00:00:00", |out| time.write(out)),
            // As if its bytes were text.
            JsonValue::Opaque { bytes, .. } => {
                self.spend(bytes.len())?;
                escaped(&String::from_utf8_lossy(bytes), out);
            }
        }
        Ok(())
    }

    /// A member has an entry of three bytes at least, and is one level deeper.
    fn member(
        &mut self,
        value: JsonValue<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        self.spend(3)?;
        self.value(value, depth + 1, out)
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), ValueError> {
        self.spend(text.len())?;
        escaped(text, out);
        Ok(())
    }

    fn spend(&mut self, bytes: usize) -> Result<(), ValueError> {
        self.left = self.left.checked_sub(bytes).ok_or(ValueError::JsonOverlap)?;
        Ok(())
    }
}

/// Text between quotes, with the escapes that Canal uses.
fn escaped(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut buffer = [0; 4];
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\0'..='\x1f' | '\x7f'..='\u{a0}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    out.push(b'"');
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.extend_from_slice(b", ");
    }
}

/// A moment between quotes; of the one that is zero only what is before the fraction.
fn quoted(out: &mut Vec<u8>, zero: &str, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    let start = out.len();
    write(out);
    if out[start..].strip_prefix(zero.as_bytes()).is_some_and(is_zero_fraction) {
        out.truncate(start + zero.len());
    }
    out.push(b'"');
}

fn is_zero_fraction(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'.' | b'0'))
}
