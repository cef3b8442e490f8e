//! Writes documents as text.

use super::{Json, JsonValue};
use crate::ValueError;
use crate::write;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As MySQL prints it, with a space behind colons and commas.
    Mysql,
    /// Without these spaces.
    Compact,
    /// As the library does that Debezium reads documents with.
    Connector,
    /// As calls of SQL functions that give the same document, types included.
    Sql,
}

/// Writes a whole document.
pub(crate) fn print(json: &Json<'_>, style: Style, out: &mut Vec<u8>) -> Result<(), ValueError> {
    // Parts of a well-formed document do not overlap, so that it cannot be larger than its bytes.
    let mut printer = Printer::new(json, style);
    printer.value(json.root()?, 0, out)
}

/// Writes a document as an SQL expression: as text, or, if that would lose types, call by call.
pub(crate) fn print_sql(json: &Json<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let start = out.len();
    out.extend_from_slice(b"CAST(");
    let text = out.len();
    let mut printer = Printer::new(json, Style::Compact);
    printer.value(json.root()?, 0, out)?;
    if printer.typed {
        out.truncate(start);
        return print(json, Style::Sql, out);
    }
    write::quote_sql_from(text, out);
    out.extend_from_slice(b" AS JSON)");
    Ok(())
}

struct Printer {
    style: Style,
    /// Bytes of the document that may still be used.
    left: usize,
    /// Whether there were values of types that JSON text does not have.
    typed: bool,
}

impl Printer {
    fn new(json: &Json<'_>, style: Style) -> Self {
        Self { style, left: json.bytes().len().max(1), typed: false }
    }

    fn value(
        &mut self,
        value: JsonValue<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        if depth > Json::DEPTH_MAX {
            return Err(ValueError::JsonDepth { limit: Json::DEPTH_MAX });
        }
        if self.style == Style::Sql {
            return self.sql(value, depth, out);
        }
        match value {
            JsonValue::Object(object) => {
                out.push(b'{');
                for (index, member) in object.iter().enumerate() {
                    let (name, value) = member?;
                    self.separate(index, out);
                    self.text(name, out)?;
                    out.extend_from_slice(if self.style == Style::Mysql { b": " } else { b":" });
                    self.member(value, depth, out)?;
                }
                out.push(b'}');
                Ok(())
            }
            JsonValue::Array(array) => {
                out.push(b'[');
                for (index, value) in array.iter().enumerate() {
                    self.separate(index, out);
                    self.member(value?, depth, out)?;
                }
                out.push(b']');
                Ok(())
            }
            JsonValue::String(text) => self.text(text, out),
            scalar => {
                self.typed |= matches!(scalar, JsonValue::Decimal(_));
                let quoted = matches!(
                    scalar,
                    JsonValue::Date(_)
                        | JsonValue::Time(_)
                        | JsonValue::DateTime(_)
                        | JsonValue::Opaque { .. }
                );
                self.typed |= quoted;
                let quote = if quoted { &b"\""[..] } else { b"" };
                out.extend_from_slice(quote);
                self.scalar(scalar, out)?;
                out.extend_from_slice(quote);
                Ok(())
            }
        }
    }

    fn separate(&self, index: usize, out: &mut Vec<u8>) {
        if index > 0 {
            let is_compact = matches!(self.style, Style::Compact | Style::Connector);
            out.extend_from_slice(if is_compact { b"," } else { b", " });
        }
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
        write::json_string(text, out);
        Ok(())
    }

    fn spend(&mut self, bytes: usize) -> Result<(), ValueError> {
        self.left = self.left.checked_sub(bytes).ok_or(ValueError::JsonOverlap)?;
        Ok(())
    }

    /// A scalar's characters, without quotes.
    fn scalar(&mut self, value: JsonValue<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
        match value {
            JsonValue::Double(n) if self.style == Style::Connector => java_double(n, out),
            JsonValue::Time(time) if self.style == Style::Connector => {
                without_zeros(out, |out| time.write(out));
            }
            JsonValue::DateTime(time) if self.style == Style::Connector => {
                without_zeros(out, |out| time.write(out));
            }
            JsonValue::Opaque { bytes, .. } if self.style == Style::Connector => {
                self.spend(bytes.len())?;
                write::base64(bytes.iter().copied(), out);
            }
            JsonValue::Null => out.extend_from_slice(b"null"),
            JsonValue::Bool(true) => out.extend_from_slice(b"true"),
            JsonValue::Bool(false) => out.extend_from_slice(b"false"),
            JsonValue::Int(n) => write::signed(n, out),
            JsonValue::UInt(n) => write::unsigned(n, out),
            JsonValue::Double(n) => write::json_double(n, out),
            JsonValue::Decimal(n) => n.write(out)?,
            JsonValue::Date(date) => date.write(out),
            JsonValue::Time(time) => time.write(out),
            JsonValue::DateTime(time) => time.write(out),
            JsonValue::Opaque { kind, bytes } => {
                self.spend(bytes.len())?;
                out.extend_from_slice(b"base64:type");
                write::unsigned(u64::from(kind), out);
                out.push(b':');
                write::base64(bytes.iter().copied(), out);
            }
            JsonValue::String(_) | JsonValue::Object(_) | JsonValue::Array(_) => {}
        }
        Ok(())
    }

    fn sql(
        &mut self,
        value: JsonValue<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        match value {
            JsonValue::Object(object) => {
                out.extend_from_slice(b"JSON_OBJECT(");
                for (index, member) in object.iter().enumerate() {
                    let (name, value) = member?;
                    self.separate(index, out);
                    self.spend(name.len())?;
                    write::sql_text(name, out);
                    out.extend_from_slice(b", ");
                    self.member(value, depth, out)?;
                }
                out.push(b')');
            }
            JsonValue::Array(array) => {
                out.extend_from_slice(b"JSON_ARRAY(");
                for (index, value) in array.iter().enumerate() {
                    self.separate(index, out);
                    self.member(value?, depth, out)?;
                }
                out.push(b')');
            }
            JsonValue::String(text) => {
                self.spend(text.len())?;
                // At the top a bare string would be taken for a document.
                if depth == 0 {
                    out.extend_from_slice(b"CAST(JSON_QUOTE(");
                }
                write::sql_text(text, out);
                if depth == 0 {
                    out.extend_from_slice(b") AS JSON)");
                }
            }
            JsonValue::Decimal(n) => {
                out.extend_from_slice(b"CAST(CAST('");
                n.write(out)?;
                out.extend_from_slice(b"' AS DECIMAL(");
                write::unsigned(u64::from(n.precision()), out);
                out.push(b',');
                write::unsigned(u64::from(n.scale()), out);
                out.extend_from_slice(b")) AS JSON)");
            }
            JsonValue::Date(_) => self.cast(value, "DATE", out)?,
            JsonValue::Time(_) => self.cast(value, "TIME(6)", out)?,
            JsonValue::DateTime(_) => self.cast(value, "DATETIME(6)", out)?,
            JsonValue::Opaque { bytes, .. } => {
                self.spend(bytes.len())?;
                out.extend_from_slice(b"CAST(X'");
                write::hex(bytes.iter().copied(), out);
                out.extend_from_slice(b"' AS JSON)");
            }
            scalar => {
                out.extend_from_slice(b"CAST('");
                self.scalar(scalar, out)?;
                out.extend_from_slice(b"' AS JSON)");
            }
        }
        Ok(())
    }

    fn cast(
        &mut self,
        value: JsonValue<'_>,
        kind: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        out.extend_from_slice(b"CAST(CAST('");
        self.scalar(value, out)?;
        out.extend_from_slice(b"' AS ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b") AS JSON)");
        Ok(())
    }
}

/// A number as Java prints it, but all of its digits where that would have an exponent.
fn java_double(n: f64, out: &mut Vec<u8>) {
    const DIGITS_MAX: usize = 1074;
    if n == 0.0 || (1e-3..1e7).contains(&n.abs()) {
        out.extend_from_slice(format!("{n:?}").as_bytes());
        return;
    }
    let digits = format!("{n:.DIGITS_MAX$}");
    out.extend_from_slice(digits.trim_end_matches('0').trim_end_matches('.').as_bytes());
}

/// What `write` appends, without zeros at the end of a fraction.
fn without_zeros(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    if out[start..].contains(&b'.') {
        let kept = out[start..].iter().rposition(|&b| b != b'0').map_or(0, |last| last + 1);
        out.truncate(start + kept);
        out.pop_if(|last| *last == b'.');
    }
}
