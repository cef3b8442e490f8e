//! Values as the connector maps them.

use super::DebeziumOptions;
use crate::ValueError;
use crate::table::{Column, ColumnType, Spelling};
use crate::value::{Bytes, Date, DateTime, Decimal, Geometry, Time, Timestamp, Value};
use crate::write::{base64, decompressed, hex, json_string, signed, unsigned};

/// `decimal.handling.mode`: how exact numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DecimalMode {
    /// The unscaled number as big-endian bytes, in base64.
    #[default]
    Precise,
    /// A floating-point number, which may be another one.
    Double,
    /// A string.
    String,
}

/// `time.precision.mode`: in which units dates and times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeMode {
    /// `DATETIME` by its column's digits: milliseconds, or microseconds from four digits on; `TIME`
    /// in microseconds.
    #[default]
    AdaptiveTimeMicroseconds,
    /// Milliseconds, as Kafka Connect has them.
    Connect,
}

/// `bigint.unsigned.handling.mode`: how `BIGINT UNSIGNED` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnsignedMode {
    /// As Java's `long`, negative from 2 to the power of 63 on.
    #[default]
    Long,
    /// As exact numbers are by [`DecimalMode::Precise`].
    Precise,
}

/// `binary.handling.mode`: how bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BinaryMode {
    /// As bytes, which in JSON is base64.
    #[default]
    Bytes,
    /// In base64.
    Base64,
    /// In base64 with `-` and `_` in place of `+` and `/`.
    Base64UrlSafe,
    /// In hexadecimal digits.
    Hex,
}

type Known = String;

/// The type of points among those of geometries.
const POINT: u64 = 1;

impl DecimalMode {
    pub(super) fn parse(name: &str) -> Result<Self, Known> {
        match name {
            "precise" => Ok(Self::Precise),
            "double" => Ok(Self::Double),
            "string" => Ok(Self::String),
            _ => Err("'precise', 'double' or 'string'".to_owned()),
        }
    }
}

impl TimeMode {
    pub(super) fn parse(name: &str) -> Result<Self, Known> {
        match name {
            "adaptive_time_microseconds" => Ok(Self::AdaptiveTimeMicroseconds),
            "connect" => Ok(Self::Connect),
            _ => Err("'adaptive_time_microseconds' or 'connect'".to_owned()),
        }
    }
}

impl UnsignedMode {
    pub(super) fn parse(name: &str) -> Result<Self, Known> {
        match name {
            "long" => Ok(Self::Long),
            "precise" => Ok(Self::Precise),
            _ => Err("'long' or 'precise'".to_owned()),
        }
    }
}

impl BinaryMode {
    pub(super) fn parse(name: &str) -> Result<Self, Known> {
        match name {
            "bytes" => Ok(Self::Bytes),
            "base64" => Ok(Self::Base64),
            "base64-url-safe" => Ok(Self::Base64UrlSafe),
            "hex" => Ok(Self::Hex),
            _ => Err("'bytes', 'base64', 'base64-url-safe' or 'hex'".to_owned()),
        }
    }
}

/// Appends a value.
pub(super) fn write(
    column: &Column,
    value: &Value<'_>,
    options: &DebeziumOptions,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let connect = options.times == TimeMode::Connect;
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Int(n) if column.spelling == Spelling::Boolean => {
            out.extend_from_slice(if *n == 0 { b"false" } else { b"true" });
        }
        Value::Float(n) if column.spelling == Spelling::FloatWithScale => {
            float(&Value::Double(f64::from(*n)), out)?;
        }
        Value::Bytes(bytes) if column.spelling == Spelling::BinaryText => {
            // Each byte is a character.
            let text: String = bytes.stored().iter().copied().map(char::from).collect();
            json_string(&text, out);
        }
        Value::AmbiguousInt { signed, unsigned } => {
            return Err(ValueError::UnknownSign { signed: *signed, unsigned: *unsigned });
        }
        Value::UInt(n) if is_bigint(column) => match options.unsigned {
            UnsignedMode::Long => signed(n.cast_signed(), out),
            UnsignedMode::Precise => unscaled(n.to_string().as_bytes(), out),
        },
        Value::Decimal(n) => decimal(n, options.decimals, out)?,
        Value::Bit(bits) if bits.len == 1 => {
            out.extend_from_slice(if bits.value == 0 { b"false" } else { b"true" });
        }
        Value::Bit(bits) => {
            let len = usize::from(bits.len.div_ceil(8));
            quoted(out, |out| base64(bits.value.to_le_bytes()[..len].iter().copied(), out));
        }
        Value::Date(date) => moment(column, days(&options.adjusted(*date)), out),
        Value::Time(time) => signed(microseconds(time) / if connect { 1000 } else { 1 }, out),
        Value::DateTime(time) => {
            let unit = if connect || time.decimals <= 3 { 1000 } else { 1 };
            let time = DateTime { date: options.adjusted(time.date), ..*time };
            moment(column, since_1970(&time).map(|us| us.div_euclid(unit)), out);
        }
        Value::Timestamp(time) => timestamp(column, time, out),
        Value::Set(_) | Value::Enum(_) | Value::Text(_) => text(value, options, out)?,
        Value::Bytes(bytes) => binary(*bytes, options.binaries, out),
        Value::TextOrBytes(bytes) => binary(Bytes::from(*bytes), options.binaries, out),
        Value::Json(json) => {
            let mut document = Vec::new();
            json.write_as_connector(&mut document)?;
            json_string(&String::from_utf8_lossy(&document), out);
        }
        Value::JsonDiffs(_) => return Err(ValueError::PartialJson),
        Value::Geometry(shape) => geometry(column, shape, out)?,
        Value::Compressed(value) => {
            write(column, &decompressed(value)?.value(), options, out)?;
        }
        Value::Vector(vector) => {
            out.push(b'[');
            for (index, n) in vector.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                float(&Value::Float(n), out)?;
            }
            out.push(b']');
        }
        Value::Float(_) | Value::Double(_) => float(value, out)?,
        Value::Int(_) | Value::UInt(_) | Value::Year(_) => value.write_json(out)?,
    }
    Ok(())
}

/// A floating-point number, which has a fraction or an exponent.
fn float(value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let start = out.len();
    value.write_json(out)?;
    if out[start..].iter().all(|b| b.is_ascii_digit() || *b == b'-') {
        out.extend_from_slice(b".0");
    }
    Ok(())
}

/// A geometry; one of a column of points has its coordinates, too.
fn geometry(column: &Column, shape: &Geometry<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    out.push(b'{');
    if column.geometry_type() == Some(POINT)
        && let Some((x, y)) = shape.point()
    {
        out.extend_from_slice(b"\"x\":");
        float(&Value::Double(x), out)?;
        out.extend_from_slice(b",\"y\":");
        float(&Value::Double(y), out)?;
        out.push(b',');
    }
    out.extend_from_slice(b"\"wkb\":");
    quoted(out, |out| base64(shape.wkb().iter().copied(), out));
    out.extend_from_slice(b",\"srid\":");
    match shape.srid() {
        0 => out.extend_from_slice(b"null"),
        srid => unsigned(u64::from(srid), out),
    }
    out.push(b'}');
    Ok(())
}

fn is_bigint(column: &Column) -> bool {
    matches!(column.kind(), ColumnType::Integer { len: 8, .. })
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// A string; what is no text in its character set is written as bytes are.
fn text(value: &Value<'_>, options: &DebeziumOptions, out: &mut Vec<u8>) -> Result<(), ValueError> {
    if let Value::Text(text) = value
        && text.charset.to_utf8(text.bytes, &mut Vec::new()).is_err()
    {
        binary(Bytes::from(text.bytes), options.binaries, out);
        return Ok(());
    }
    value.write_json(out)
}

fn binary(bytes: Bytes<'_>, mode: BinaryMode, out: &mut Vec<u8>) {
    quoted(out, |out| match mode {
        BinaryMode::Bytes | BinaryMode::Base64 => base64(bytes.iter(), out),
        BinaryMode::Base64UrlSafe => {
            let start = out.len();
            base64(bytes.iter(), out);
            for digit in &mut out[start..] {
                *digit = match *digit {
                    b'+' => b'-',
                    b'/' => b'_',
                    other => other,
                };
            }
        }
        BinaryMode::Hex => hex(bytes.iter(), out),
    });
}

fn decimal(n: &Decimal<'_>, mode: DecimalMode, out: &mut Vec<u8>) -> Result<(), ValueError> {
    match mode {
        DecimalMode::String => {
            out.push(b'"');
            n.write(out)?;
            out.push(b'"');
        }
        DecimalMode::Precise => {
            let mut digits = Vec::new();
            n.write(&mut digits)?;
            unscaled(&digits, out);
        }
        DecimalMode::Double => {
            let mut digits = Vec::new();
            n.write(&mut digits)?;
            let number = std::str::from_utf8(&digits).ok().and_then(|text| text.parse().ok());
            float(&Value::Double(number.unwrap_or(f64::NAN)), out)?;
        }
    }
    Ok(())
}

/// The digits of a number, without its point, as the bytes of Java's `BigInteger`: big-endian, in
/// two's complement, and as few as will do.
fn unscaled(number: &[u8], out: &mut Vec<u8>) {
    let mut bytes = [0_u8; 32];
    for digit in number.iter().filter(|b| b.is_ascii_digit()) {
        let mut carry = u16::from(digit - b'0');
        for byte in bytes.iter_mut().rev() {
            let [low, high] = (u16::from(*byte) * 10 + carry).to_le_bytes();
            *byte = low;
            carry = u16::from(high);
        }
    }
    let is_negative = number.first() == Some(&b'-');
    if is_negative {
        let mut carry = true;
        for byte in bytes.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    // Bytes in front that only repeat the sign.
    let needed = |pair: &[u8]| {
        let fill = if pair[1] & 0x80 == 0 { 0 } else { 0xff };
        pair[0] != fill
    };
    let start = bytes.windows(2).position(needed).unwrap_or(bytes.len() - 1);
    quoted(out, |out| base64(bytes[start..].iter().copied(), out));
}

/// A number of days or of other units; dates that do not exist are null where the column allows it,
/// else 1970.
fn moment(column: &Column, number: Option<i64>, out: &mut Vec<u8>) {
    match number {
        Some(number) => signed(number, out),
        None if column.is_nullable() => out.extend_from_slice(b"null"),
        None => out.push(b'0'),
    }
}

/// A moment in ISO 8601, with the column's digits.
fn timestamp(column: &Column, time: &Timestamp, out: &mut Vec<u8>) {
    if time.seconds == 0 && time.microseconds == 0 && column.is_nullable() {
        out.extend_from_slice(b"null");
        return;
    }
    let utc = match time {
        // Where there must be one.
        Timestamp { seconds: 0, microseconds: 0, decimals } => {
            let date = Date { year: 1970, month: 1, day: 1 };
            DateTime { date, decimals: *decimals, ..DateTime::default() }
        }
        time => time.to_utc(),
    };
    quoted(out, |out| {
        let start = out.len();
        utc.write(out);
        if let Some(space) = out[start..].iter().position(|&b| b == b' ') {
            out[start + space] = b'T';
        }
        out.push(b'Z');
    });
}

/// Days since 1970; `None` if there is no such date.
fn days(date: &Date) -> Option<i64> {
    let Date { year, month, day } = *date;
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if month == 0 || day == 0 || day > days_of_month {
        return None;
    }
    // Years from March on end with the leap day.
    let year = year - i64::from(month <= 2);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year
            - 719_468,
    )
}

/// Microseconds since 1970; `None` if there is no such date.
fn since_1970(time: &DateTime) -> Option<i64> {
    let seconds =
        i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second);
    let days = days(&time.date)?;
    Some((days * 86400 + seconds) * 1_000_000 + i64::from(time.microseconds))
}

fn microseconds(time: &Time) -> i64 {
    let seconds =
        i64::from(time.hours) * 3600 + i64::from(time.minutes) * 60 + i64::from(time.seconds);
    let size = seconds * 1_000_000 + i64::from(time.microseconds);
    if time.negative { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::ColumnType;

    fn column(kind: ColumnType, nullable: bool) -> Column {
        Column::new(0, kind, nullable)
    }

    fn written(kind: ColumnType, value: Value<'_>, options: &DebeziumOptions) -> String {
        let mut out = Vec::new();
        write(&column(kind, false), &value, options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn exact_numbers_are_as_javas_integers() {
        let text = |number: &str| {
            let mut out = Vec::new();
            unscaled(number.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        // Base64 of java.math.BigInteger.toByteArray().
        for (number, wanted) in [
            ("0", "AA=="),
            ("1.27", "fw=="),
            ("1.28", "AIA="),
            ("-1.28", "gA=="),
            ("-1.29", "/38="),
            ("255", "AP8="),
            ("-256", "/wA="),
            ("123.45", "MDk="),
            ("18446744073709551615", "AP//////////"),
        ] {
            assert_eq!(text(number), format!("\"{wanted}\""), "{number}");
        }
        let nines = "9".repeat(65);
        assert_ne!(text(&nines), text(&format!("-{nines}")));
    }

    #[test]
    fn dates_count_from_1970_and_those_that_do_not_exist_are_null() {
        let date = |year, month, day| days(&Date { year, month, day });
        assert_eq!(date(1970, 1, 1), Some(0));
        assert_eq!(date(1969, 12, 31), Some(-1));
        assert_eq!(date(2000, 2, 29), Some(11_016));
        assert_eq!(date(2018, 6, 20), Some(17_702));
        assert_eq!(date(1000, 1, 1), Some(-354_285));
        assert_eq!(date(9999, 12, 31), Some(2_932_896));
        for (year, month, day) in [(0, 0, 0), (2001, 2, 29), (2024, 4, 31), (2024, 1, 0)] {
            assert_eq!(date(year, month, day), None);
        }
        let mut out = Vec::new();
        moment(&column(ColumnType::Date, true), None, &mut out);
        moment(&column(ColumnType::Date, false), None, &mut out);
        assert_eq!(out, b"null0");
    }

    #[test]
    fn options_are_the_connectors() {
        let mut options = DebeziumOptions::default();
        let bigint = || ColumnType::Integer { len: 8, sign: crate::Sign::Unsigned };
        assert_eq!(written(bigint(), Value::UInt(u64::MAX), &options), "-1");
        let blob = || ColumnType::Blob { len_bytes: 1, charset: None };
        let bytes = || Value::Bytes(Bytes::from(&b"\xff\xef\xbe"[..]));
        assert_eq!(written(blob(), bytes(), &options), "\"/+++\"");
        for (name, value) in [
            ("bigint.unsigned.handling.mode", "precise"),
            ("binary.handling.mode", "base64-url-safe"),
            ("time.precision.mode", "connect"),
        ] {
            options.set(name, value).unwrap();
        }
        assert_eq!(written(bigint(), Value::UInt(u64::MAX), &options), "\"AP//////////\"");
        assert_eq!(written(blob(), bytes(), &options), "\"_---\"");
        options.set("binary.handling.mode", "hex").unwrap();
        assert_eq!(written(blob(), bytes(), &options), "\"ffefbe\"");
        let time = Time { negative: true, seconds: 1, microseconds: 500, ..Time::default() };
        assert_eq!(written(ColumnType::Time { decimals: 6 }, Value::Time(time), &options), "-1000");
        assert_eq!(
            options.set("decimal.handling.mode", "exact").unwrap_err(),
            "decimal.handling.mode can be 'precise', 'double' or 'string', not 'exact'"
        );
        assert!(options.set("snapshot.mode", "never").unwrap_err().contains("topic.prefix"));
    }
}
