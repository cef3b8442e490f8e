//! Values as Maxwell maps them.

use super::MaxwellOptions;
use crate::ValueError;
use crate::value::{Date, SetValue, Timestamp, Value};
use crate::write::{base64, decompressed, is_text, json_string, unsigned};

/// Whether the value is written as `null`.
pub(super) fn is_null(value: &Value<'_>, options: &MaxwellOptions) -> bool {
    let is_zero = |date: &Date| options.null_zerodates && (date.month == 0 || date.day == 0);
    match value {
        Value::Null => true,
        // What the column did not allow.
        Value::Enum(value) => value.number == 0,
        Value::Date(date) => is_zero(date),
        Value::DateTime(time) => is_zero(&time.date),
        Value::Timestamp(Timestamp { seconds: 0, microseconds: 0, .. }) => options.null_zerodates,
        Value::Geometry(geometry) => geometry.stored().is_empty(),
        _ => false,
    }
}

/// Appends a value.
pub(super) fn write(
    value: &Value<'_>,
    options: &MaxwellOptions,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    if is_null(value, options) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match value {
        Value::AmbiguousInt { signed, unsigned } => {
            return Err(ValueError::UnknownSign { signed: *signed, unsigned: *unsigned });
        }
        Value::Decimal(n) => n.write(out)?,
        // As they are stored: without the zeros that `BINARY` has at its end.
        Value::Bytes(bytes) => binary(bytes.stored(), out),
        Value::TextOrBytes(bytes) => binary(bytes, out),
        Value::Text(text) => match text.as_str() {
            Some(text) => json_string(text, out),
            None if text.charset.to_utf8(text.bytes, &mut Vec::new()).is_ok() => {
                value.write_json(out)?;
            }
            None => binary(text.bytes, out),
        },
        Value::Set(set) => members(set, out),
        Value::Geometry(geometry) => {
            let mut text = Vec::new();
            geometry.write_wkt(&mut text)?;
            wkt(&text, out);
        }
        Value::JsonDiffs(_) => return Err(ValueError::PartialJson),
        Value::Compressed(value) => write(&decompressed(value)?.value(), options, out)?,
        value => value.write_json(out)?,
    }
    Ok(())
}

fn binary(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    base64(bytes.iter().copied(), out);
    out.push(b'"');
}

/// The strings of a `SET` as a list; where they are not known, their bits.
fn members(set: &SetValue<'_>, out: &mut Vec<u8>) {
    let Some((members, names)) = set.members.zip(set.names()) else {
        return unsigned(set.bits, out);
    };
    out.push(b'[');
    for (index, name) in names.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let mut text = Vec::new();
        let known = is_text(members, name)
            && members.charset().is_some_and(|charset| charset.to_utf8(name, &mut text).is_ok());
        match std::str::from_utf8(&text) {
            Ok(text) if known => json_string(text, out),
            _ => binary(name, out),
        }
    }
    out.push(b']');
}

/// Well-known text with the spaces of JTS, which Maxwell writes it by: `LINESTRING (0 1, 2 3)`.
fn wkt(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut last = b' ';
    for &byte in text {
        if byte == b'(' && last.is_ascii_alphabetic() {
            out.push(b' ');
        }
        out.push(byte);
        if byte == b',' {
            out.push(b' ');
        }
        last = byte;
    }
    out.push(b'"');
}
