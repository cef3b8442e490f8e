//! `CAST` and `CONVERT`.

use bigdecimal::{BigDecimal, RoundingMode};

use super::super::super::error::SqlError;
use super::super::super::sql::{CastType, Temporal, Value};
use super::super::Query;
use super::Number;

pub(super) fn to(query: &mut Query<'_>, kind: CastType, value: &Value) -> Result<Value, SqlError> {
    if *value == Value::Null {
        return Ok(Value::Null);
    }
    // MariaDB cuts off what MySQL rounds.
    let rounds = !query.server.dialect().mariadb;
    Ok(match kind {
        CastType::Signed => Value::Int(integer(query, value).cast_signed()),
        CastType::Unsigned => Value::UInt(integer(query, value)),
        CastType::Decimal(precision, scale) => {
            query.number_of(value);
            let number = value.to_decimal().unwrap_or_default();
            decimal(query, &number, precision, scale)
        }
        CastType::Double => Value::double(query.number_of(value).to_f64().unwrap_or(0.0)),
        #[expect(clippy::cast_possible_truncation, reason = "that is what FLOAT means")]
        CastType::Float => {
            let single = query.number_of(value).to_f64().unwrap_or(0.0) as f32;
            single.to_string().parse().map_or(Value::Null, Value::double)
        }
        CastType::Char(length) => {
            let bytes = value.to_bytes().unwrap_or_default();
            let bytes = match length {
                None => bytes.into_owned(),
                Some(length) => first_chars(&bytes, length).to_vec(),
            };
            Value::Text(bytes)
        }
        CastType::Binary(length) => {
            let mut bytes = value.to_bytes().unwrap_or_default().into_owned();
            if let Some(length) = length {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if length > bytes.len() && !query.may_compute("cast_as_binary", length) {
                    return Ok(Value::Null);
                }
                bytes.resize(length, 0);
            }
            Value::Binary(bytes)
        }
        CastType::Date => {
            let today = query.now().date();
            let date =
                query.temporal(value).map(|time| Temporal::Date(time.datetime(today).date()));
            date.map_or(Value::Null, Value::Temporal)
        }
        CastType::DateTime(decimals) => {
            let today = query.now().date();
            let time = query.temporal(value);
            time.map_or(Value::Null, |time| {
                let time = Temporal::DateTime(time.datetime(today), time.decimals().max(6));
                Value::Temporal(time.with_decimals(decimals, rounds))
            })
        }
        CastType::Time(decimals) => {
            let time = time_of(query, value);
            time.map_or(Value::Null, |time| {
                Value::Temporal(
                    Temporal::Time(time.time_micros(), 6).with_decimals(decimals, rounds),
                )
            })
        }
        CastType::Year => Value::UInt(integer(query, value)),
    })
}

/// A value as a time of day or a length of time.
pub(in super::super) fn time_of(query: &mut Query<'_>, value: &Value) -> Option<Temporal> {
    match value {
        Value::Null => None,
        Value::Temporal(time) => Some(Temporal::Time(time.time_micros(), time.decimals())),
        other => {
            let text = other.to_text();
            let time = Temporal::time_of_text(&text);
            if time.is_none() {
                query.warn(SqlError::truncated_value("time", &text));
            }
            time
        }
    }
}

/// The 64 bits of an integer. A text counts up to its first character that is no digit.
fn integer(query: &mut Query<'_>, value: &Value) -> u64 {
    let number = match value {
        Value::Text(bytes) | Value::Binary(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let text = text.trim();
            let signed = usize::from(text.starts_with(['-', '+']));
            let digits = text.get(signed..).unwrap_or_default();
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            if end == 0 || end < digits.len() {
                query.warn(SqlError::truncated_value("INTEGER", text));
            }
            let number = text.get(..signed + end).unwrap_or_default();
            match number.parse::<i128>() {
                Ok(number) => number,
                Err(_) if end == 0 => 0,
                Err(_) if text.starts_with('-') => i128::MIN,
                Err(_) => i128::MAX,
            }
        }
        other => {
            let number = Number::of(other).0;
            number.to_integer().unwrap_or_else(|| match number.to_f64() {
                Some(number) if number < 0.0 => i128::MIN,
                _ => i128::MAX,
            })
        }
    };
    let number = number.clamp(i128::from(i64::MIN), i128::from(u64::MAX));
    u64::try_from(number).unwrap_or_else(|_| i64::try_from(number).unwrap_or(0).cast_unsigned())
}

/// The number with so many digits, or the nearest that has.
fn decimal(query: &mut Query<'_>, number: &BigDecimal, precision: u8, scale: u8) -> Value {
    let rounded = number.with_scale_round(i64::from(scale), RoundingMode::HalfUp);
    let limit = BigDecimal::new(10.into(), 0).powi(i64::from(precision) - i64::from(scale));
    let text = if rounded.abs() >= limit {
        query.warn(SqlError::out_of_range("DECIMAL", "cast"));
        let whole = "9".repeat(usize::from(precision - scale.min(precision)));
        let whole = if whole.is_empty() { "0".to_owned() } else { whole };
        let sign = if rounded < 0 { "-" } else { "" };
        match scale {
            0 => format!("{sign}{whole}"),
            scale => format!("{sign}{whole}.{}", "9".repeat(usize::from(scale))),
        }
    } else {
        rounded.to_plain_string()
    };
    Value::Decimal(text)
}

/// The text up to its `count`th character.
fn first_chars(bytes: &[u8], count: u32) -> &[u8] {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.char_indices().nth(count).map_or(bytes, |(end, _)| &bytes[..end]),
        Err(_) => bytes.get(..count).unwrap_or(bytes),
    }
}
