//! Functions over numbers.

use bigdecimal::{BigDecimal, RoundingMode};

use super::super::super::error::SqlError;
use super::super::super::sql::{DECIMAL_SCALE_MAX, Operation, Value};
use super::super::Query;
use super::super::eval::{Number, binary};
use super::session::rand_u64;
use super::{Found, none};

pub(super) fn call(query: &mut Query<'_>, name: &str, args: &[Value]) -> Found {
    Ok(Some(match (name, args) {
        ("PI", _) => {
            none(name, args)?;
            // With the digits that servers show.
            "3.141593".parse().map_or(Value::Null, Value::double)
        }
        ("RAND", [] | [_]) => {
            #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
            let fraction = (rand_u64() >> 11) as f64 / (1u64 << 53) as f64;
            Value::double(fraction)
        }
        ("ABS", [value]) => match query.number_of(value) {
            Number::Int(number) => {
                let number = number.checked_abs().map(Number::Int);
                number.ok_or_else(|| SqlError::out_of_range("BIGINT", "abs"))?.into_value()?
            }
            Number::Decimal(number) => Number::Decimal(number.abs()).into_value()?,
            Number::Double(number) => Value::double(number.abs()),
            other => other.into_value()?,
        },
        ("SIGN", [value]) => match query.number_of(value).to_f64() {
            None => Value::Null,
            Some(number) if number > 0.0 => Value::Int(1),
            Some(number) if number < 0.0 => Value::Int(-1),
            Some(_) => Value::Int(0),
        },
        ("CEIL" | "CEILING", [value]) => whole(query, value, RoundingMode::Ceiling)?,
        ("FLOOR", [value]) => whole(query, value, RoundingMode::Floor)?,
        ("ROUND", [value]) => round(query, value, 0, true)?,
        ("ROUND" | "TRUNCATE", [value, places]) => match query.number_of(places).to_integer() {
            None => Value::Null,
            Some(places) => {
                let places = i64::try_from(places.clamp(-100, 100)).unwrap_or(0);
                round(query, value, places, name == "ROUND")?
            }
        },
        ("MOD", [a, b]) => {
            let (a, b) = (query.number_of(a), query.number_of(b));
            match binary(Operation::Modulo, &a, &b)? {
                Some(number) => number.into_value()?,
                None => {
                    query.warn(SqlError::division_by_zero());
                    Value::Null
                }
            }
        }
        ("POW" | "POWER", [a, b]) => {
            let numbers = query.number_of(a).to_f64().zip(query.number_of(b).to_f64());
            match numbers {
                None => Value::Null,
                Some((a, b)) => Number::Double(a.powf(b)).into_value()?,
            }
        }
        ("SQRT" | "EXP" | "LN" | "LOG" | "LOG2" | "LOG10", [value]) => {
            let Some(number) = query.number_of(value).to_f64() else {
                return Ok(Some(Value::Null));
            };
            let result = match name {
                "SQRT" => number.sqrt(),
                "EXP" => number.exp(),
                "LOG2" => number.log2(),
                "LOG10" => number.log10(),
                _ => number.ln(),
            };
            Value::double(result)
        }
        ("CRC32", [value]) => match value.to_bytes() {
            None => Value::Null,
            Some(bytes) => Value::UInt(u64::from(crc32fast::hash(&bytes))),
        },
        ("BIN" | "OCT", [value]) => match query.number_of(value).to_integer() {
            None => Value::Null,
            Some(number) => {
                let bits = i64::try_from(number).map(i64::cast_unsigned);
                let bits = bits.or_else(|_| u64::try_from(number)).unwrap_or(u64::MAX);
                Value::text(if name == "BIN" { format!("{bits:b}") } else { format!("{bits:o}") })
            }
        },
        (
            "ABS" | "SIGN" | "CEIL" | "CEILING" | "FLOOR" | "ROUND" | "TRUNCATE" | "MOD" | "POW"
            | "POWER" | "SQRT" | "EXP" | "LN" | "LOG2" | "LOG10" | "CRC32" | "BIN" | "OCT",
            _,
        ) => return Err(SqlError::wrong_parameter_count(name)),
        _ => return Ok(None),
    }))
}

/// The integer above or below.
fn whole(query: &mut Query<'_>, value: &Value, mode: RoundingMode) -> Result<Value, SqlError> {
    Ok(match query.number_of(value) {
        Number::Decimal(number) => {
            let number = Number::Decimal(number.with_scale_round(0, mode));
            match number.to_integer().map(i64::try_from) {
                Some(Ok(number)) => Value::Int(number),
                _ => number.into_value()?,
            }
        }
        Number::Double(number) if mode == RoundingMode::Floor => Value::double(number.floor()),
        Number::Double(number) => Value::double(number.ceil()),
        integer => integer.into_value()?,
    })
}

/// To so many places after the point, or before it.
fn round(
    query: &mut Query<'_>,
    value: &Value,
    places: i64,
    rounds: bool,
) -> Result<Value, SqlError> {
    let mode = if rounds { RoundingMode::HalfUp } else { RoundingMode::Down };
    let rounded = |number: &BigDecimal| {
        let scale = number.fractional_digit_count().max(0);
        let rounded = number.with_scale_round(places.min(scale), mode);
        rounded.with_scale(places.clamp(0, scale.min(DECIMAL_SCALE_MAX)))
    };
    match query.number_of(value) {
        Number::Null => Ok(Value::Null),
        Number::Decimal(number) => Number::Decimal(rounded(&number)).into_value(),
        Number::Double(number) => {
            let factor = 10f64.powi(i32::try_from(places).unwrap_or(0));
            let scaled = number * factor;
            let scaled = if rounds { scaled.round_ties_even() } else { scaled.trunc() };
            let result = scaled / factor;
            Ok(Value::double(if result.is_finite() { result } else { number }))
        }
        integer if places >= 0 => integer.into_value(),
        integer => {
            let number = rounded(&integer.to_decimal());
            match Number::Decimal(number).to_integer().map(i64::try_from) {
                Some(Ok(number)) => Ok(Value::Int(number)),
                _ => Err(SqlError::out_of_range("BIGINT", "round")),
            }
        }
    }
}
