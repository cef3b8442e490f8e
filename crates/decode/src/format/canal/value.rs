//! Values as Canal writes them: strings, all but NULL.

use std::fmt::Write as _;

use super::json;
use crate::table::Column;
use crate::value::Value;
use crate::write::{decompressed, json_string, signed, unsigned};
use crate::{Decimal, Text, ValueError};

/// Appends a value as JSON.
pub(super) fn write(
    column: &Column,
    value: &Value<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    if value.is_null() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    if let Value::Text(text) = value
        && let Some(text) = text.as_str()
    {
        json_string(text, out);
        return Ok(());
    }
    let mut text = Vec::new();
    string(column, value, &mut text)?;
    json_string(&String::from_utf8_lossy(&text), out);
    Ok(())
}

/// Appends the value's characters, which are UTF-8.
fn string(column: &Column, value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    match value {
        Value::AmbiguousInt { signed, unsigned } => {
            return Err(ValueError::UnknownSign { signed: *signed, unsigned: *unsigned });
        }
        Value::Int(n) => signed(*n, out),
        Value::Bit(bits) => unsigned(bits.value, out),
        // Their number and their bits.
        Value::Enum(value) => unsigned(value.number, out),
        Value::Set(value) => unsigned(value.bits, out),
        Value::Decimal(n) => decimal(n, out)?,
        Value::Float(n) => java_number(&format!("{n:e}"), out),
        Value::Double(n) => double(*n, out),
        Value::Text(value) => text(value, out),
        // As they are stored: without the zeros that `BINARY` has at its end.
        Value::Bytes(bytes) => characters(bytes.stored(), out),
        Value::TextOrBytes(bytes) => characters(bytes, out),
        Value::Geometry(geometry) => characters(geometry.stored(), out),
        Value::Json(document) => json::write(document, out)?,
        Value::JsonDiffs(diffs) => {
            diffs.write_sql(column.name().unwrap_or_default().as_bytes(), out)?;
        }
        Value::Vector(_) => value.write_json(out)?,
        Value::Compressed(value) => string(column, &decompressed(value)?.value(), out)?,
        value => value.write_text(out)?,
    }
    Ok(())
}

/// Text; of what is none in its character set, what is no UTF-8 is replaced, as by Java.
fn text(text: &Text<'_>, out: &mut Vec<u8>) {
    if text.charset.to_utf8(text.bytes, out).is_err() {
        out.extend_from_slice(String::from_utf8_lossy(text.bytes).as_bytes());
    }
}

/// Bytes as the characters of these numbers, which is ISO 8859-1.
fn characters(bytes: &[u8], out: &mut Vec<u8>) {
    let mut buffer = [0; 4];
    for &byte in bytes {
        out.extend_from_slice(char::from(byte).encode_utf8(&mut buffer).as_bytes());
    }
}

/// An exact number as Canal has it. The last digits after the point, where they are fewer than the nine that
/// servers store together, are left out if all of them are zeros; one zero stays after the point. There is
/// one zero, without a sign.
pub(super) fn decimal(number: &Decimal<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    const STORED_TOGETHER: u8 = 9;
    let start = out.len();
    number.write(out)?;
    let last = usize::from(number.scale() % STORED_TOGETHER);
    if last > 0 && out.ends_with(&b"00000000"[..last]) {
        out.truncate(out.len() - last);
        if out.ends_with(b".") {
            out.push(b'0');
        }
    }
    if out[start..].iter().all(|digit| matches!(digit, b'-' | b'0' | b'.')) && out[start] == b'-' {
        out.remove(start);
    }
    Ok(())
}

pub(super) fn double(number: f64, out: &mut Vec<u8>) {
    java_number(&format!("{number:e}"), out);
}

/// A floating-point number as Java prints it, of the form `-1.25e-7`: with a point always, and with an
/// exponent from 10 to the power of 7 on and below a thousandth.
fn java_number(number: &str, out: &mut Vec<u8>) {
    let (negative, number) = match number.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", number),
    };
    let Some((mantissa, exponent)) = number.split_once('e') else {
        // Infinity and the like.
        return out.extend_from_slice(format!("{negative}{number}").as_bytes());
    };
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mut text = negative.to_owned();
    match exponent {
        0..7 => {
            let whole = usize::try_from(exponent).unwrap_or(0) + 1;
            let digits = format!("{digits:0<width$}", width = whole + 1);
            let (whole, fraction) = digits.split_at(whole);
            let _ = write!(text, "{whole}.{fraction}");
        }
        -3..0 => {
            let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
            let _ = write!(text, "0.{:0<zeros$}{digits}", "");
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let rest = if rest.is_empty() { "0" } else { rest };
            let _ = write!(text, "{first}.{rest}E{exponent}");
        }
    }
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Cursor;

    #[test]
    fn zeros_that_fill_no_group_are_left_out_of_decimals() {
        // Precision, scale, the stored bytes: what Canal 1.1.7 made of them.
        for (stored, wanted) in [
            (&[3, 2, 0x85, 10][..], "5.10"),
            (&[3, 2, 0x85, 0], "5.0"),
            (&[3, 2, 0x80, 0], "0.0"),
            (&[3, 2, !0x80, !0], "0.0"),
            (&[3, 2, !0x85, !0], "-5.0"),
            (&[1, 0, 0x80], "0"),
            (&[10, 9, 0x81, 0, 0, 0, 0], "1.000000000"),
            (&[12, 11, 0x81, 0, 0, 0, 0, 0], "1.000000000"),
            (&[12, 11, 0x81, 0, 0, 0, 0, 7], "1.00000000007"),
        ] {
            let mut out = b"before ".to_vec();
            let number = Decimal::with_head(&mut Cursor::new(stored)).unwrap();
            decimal(&number, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), format!("before {wanted}"));
        }
    }

    #[test]
    fn what_is_no_text_is_replaced_within_its_value() {
        for (bytes, wanted) in
            [(&b"caf\xc3\xa9"[..], "caf\u{e9}"), (b"a\xffb\xe2\x82c", "a\u{fffd}b\u{fffd}c")]
        {
            let mut out = Vec::new();
            text(&Text { bytes, charset: crate::Charset::UTF8MB4 }, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
    }

    #[test]
    fn numbers_are_as_java_prints_them() {
        // Of java.lang.Double.toString.
        for (number, wanted) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-5.18, "-5.18"),
            (123_456.75, "123456.75"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.25e10, "1.25E10"),
            (0.001, "0.001"),
            (0.0125, "0.0125"),
            (0.00099, "9.9E-4"),
            (-1.7976931348623157e308, "-1.7976931348623157E308"),
            (5e-324, "5.0E-324"),
        ] {
            let mut out = Vec::new();
            java_number(&format!("{number:e}"), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
    }
}
