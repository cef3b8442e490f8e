//! Arithmetic over integers, exact and approximate numbers.

use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive, Zero};

use super::super::super::error::SqlError;
use super::super::super::sql::{
    DECIMAL_DIGITS_MAX, DECIMAL_SCALE_MAX, Operation, Value, number_of_text,
};

/// How many digits more than the dividend a quotient has: `div_precision_increment`.
const QUOTIENT_DIGITS: i64 = 4;

/// A number, or NULL.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Number {
    Null,
    Int(i64),
    UInt(u64),
    Decimal(BigDecimal),
    Double(f64),
}

impl Number {
    /// A value as a number, and whether it is one as a whole.
    pub(in super::super) fn of(value: &Value) -> (Self, bool) {
        let number = match value {
            Value::Null => Self::Null,
            Value::Int(number) => Self::Int(*number),
            Value::UInt(number) => Self::UInt(*number),
            Value::Double(number) => Self::Double(number.0),
            Value::Text(bytes) | Value::Binary(bytes) => {
                let (number, is_whole) = number_of_text(bytes);
                return (Self::Double(number), is_whole);
            }
            Value::Temporal(temporal) if temporal.decimals() == 0 => {
                Self::Int(temporal.to_number().parse().unwrap_or(0))
            }
            Value::Decimal(_) | Value::Temporal(_) => {
                Self::Decimal(value.to_decimal().unwrap_or_default())
            }
        };
        (number, true)
    }

    /// The number that the last eight bytes of a constant make.
    pub(in super::super) fn of_bits(bytes: &[u8]) -> Self {
        Self::UInt(bytes.iter().fold(0, |sum: u64, byte| (sum << 8) | u64::from(*byte)))
    }

    pub(in super::super) fn truth(&self) -> Option<bool> {
        Some(match self {
            Self::Null => return None,
            Self::Int(number) => *number != 0,
            Self::UInt(number) => *number != 0,
            Self::Decimal(number) => !number.is_zero(),
            Self::Double(number) => *number != 0.0,
        })
    }

    /// The value, if there can be such a one.
    pub(in super::super) fn into_value(self) -> Result<Value, SqlError> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(number),
            Self::UInt(number) => Value::UInt(number),
            Self::Double(number) if number.is_finite() => Value::double(number),
            Self::Double(number) => {
                return Err(SqlError::out_of_range("DOUBLE", &number.to_string()));
            }
            Self::Decimal(number) => Value::Decimal(decimal_text(&number)?),
        })
    }

    pub(in super::super) fn to_f64(&self) -> Option<f64> {
        Some(match self {
            Self::Null => return None,
            #[expect(clippy::cast_precision_loss, reason = "as MySQL does")]
            Self::Int(number) => *number as f64,
            #[expect(clippy::cast_precision_loss, reason = "as MySQL does")]
            Self::UInt(number) => *number as f64,
            Self::Decimal(number) => number.to_f64().unwrap_or(0.0),
            Self::Double(number) => *number,
        })
    }

    pub(in super::super) fn to_decimal(&self) -> BigDecimal {
        match self {
            Self::Null => BigDecimal::zero(),
            Self::Int(number) => BigDecimal::from(*number),
            Self::UInt(number) => BigDecimal::from(*number),
            Self::Decimal(number) => number.clone(),
            Self::Double(number) => Value::double(*number).to_decimal().unwrap_or_default(),
        }
    }

    fn to_i128(&self) -> Option<i128> {
        match self {
            Self::Int(number) => Some(i128::from(*number)),
            Self::UInt(number) => Some(i128::from(*number)),
            Self::Null | Self::Decimal(_) | Self::Double(_) => None,
        }
    }

    /// An integer, rounded; `None` if it has more than 64 bits.
    pub(in super::super) fn to_integer(&self) -> Option<i128> {
        match self {
            Self::Null => None,
            Self::Int(_) | Self::UInt(_) => self.to_i128(),
            Self::Decimal(number) => number.with_scale_round(0, RoundingMode::HalfUp).to_i128(),
            Self::Double(number) => BigDecimal::try_from(number.round_ties_even()).ok()?.to_i128(),
        }
    }

    /// The bits of an integer: what is negative has its two's complement, what is too large the nearest.
    fn to_bits(&self) -> u64 {
        let number = self.to_integer().unwrap_or_else(|| match self.to_f64() {
            Some(number) if number < 0.0 => i128::from(i64::MIN),
            _ => i128::from(u64::MAX),
        });
        match u64::try_from(number) {
            Ok(number) => number,
            Err(_) if number > 0 => u64::MAX,
            Err(_) => i64::try_from(number).unwrap_or(i64::MIN).cast_unsigned(),
        }
    }
}

/// A decimal with all its digits, which are not too many.
pub(in super::super) fn decimal_text(number: &BigDecimal) -> Result<String, SqlError> {
    let scale = number.fractional_digit_count().clamp(0, DECIMAL_SCALE_MAX);
    let number = number.with_scale_round(scale, RoundingMode::HalfUp);
    let text = number.to_plain_string();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    // A leading zero before the point counts for nothing.
    let counted = digits - usize::from(number.abs() < 1);
    if counted > DECIMAL_DIGITS_MAX {
        return Err(SqlError::out_of_range("DECIMAL", &text));
    }
    Ok(text)
}

pub(super) fn unary(operation: Operation, a: Number) -> Result<Number, SqlError> {
    if operation == Operation::BitNot {
        return Ok(if a == Number::Null { a } else { Number::UInt(!a.to_bits()) });
    }
    Ok(match a {
        Number::Null => Number::Null,
        Number::Decimal(number) => Number::Decimal(-number),
        Number::Double(number) => Number::Double(-number),
        integer @ (Number::Int(_) | Number::UInt(_)) => {
            let negative = integer.to_i128().and_then(i128::checked_neg);
            signed(negative, || format!("-({})", shown(&integer)))?
        }
    })
}

/// `None` where it is divided by zero.
pub(in super::super) fn binary(
    operation: Operation,
    a: &Number,
    b: &Number,
) -> Result<Option<Number>, SqlError> {
    if *a == Number::Null || *b == Number::Null {
        return Ok(Some(Number::Null));
    }
    if let Some(result) = bits(operation, a, b) {
        return Ok(Some(Number::UInt(result)));
    }
    let divides =
        matches!(operation, Operation::Divide | Operation::IntegerDivide | Operation::Modulo);
    if divides && b.truth() == Some(false) {
        return Ok(None);
    }
    let is_double = matches!(a, Number::Double(_)) || matches!(b, Number::Double(_));
    let integers = a.to_i128().zip(b.to_i128());
    match (operation, integers) {
        (Operation::IntegerDivide, None) => integer_quotient(a, b).map(Some),
        (Operation::Divide, _) if !is_double => {
            let (a, b) = (a.to_decimal(), b.to_decimal());
            let scale =
                (a.fractional_digit_count().max(0) + QUOTIENT_DIGITS).min(DECIMAL_SCALE_MAX);
            Ok(Some(Number::Decimal((a / b).with_scale_round(scale, RoundingMode::HalfUp))))
        }
        (_, Some((x, y))) if operation != Operation::Divide => {
            integer(operation, a, b, (x, y)).map(Some)
        }
        _ if is_double => {
            let (x, y) = (a.to_f64().unwrap_or(0.0), b.to_f64().unwrap_or(0.0));
            Ok(Some(Number::Double(match operation {
                Operation::Add => x + y,
                Operation::Subtract => x - y,
                Operation::Multiply => x * y,
                Operation::Divide => x / y,
                _ => x % y,
            })))
        }
        _ => Ok(Some(Number::Decimal(exact(operation, &a.to_decimal(), &b.to_decimal())))),
    }
}

fn bits(operation: Operation, a: &Number, b: &Number) -> Option<u64> {
    let shift = |b: &Number| u32::try_from(b.to_bits()).ok();
    Some(match operation {
        Operation::BitOr => a.to_bits() | b.to_bits(),
        Operation::BitAnd => a.to_bits() & b.to_bits(),
        Operation::BitXor => a.to_bits() ^ b.to_bits(),
        Operation::ShiftLeft => shift(b).and_then(|by| a.to_bits().checked_shl(by)).unwrap_or(0),
        Operation::ShiftRight => shift(b).and_then(|by| a.to_bits().checked_shr(by)).unwrap_or(0),
        _ => return None,
    })
}

fn exact(operation: Operation, a: &BigDecimal, b: &BigDecimal) -> BigDecimal {
    let scales = (a.fractional_digit_count().max(0), b.fractional_digit_count().max(0));
    let (result, scale) = match operation {
        Operation::Add => (a + b, scales.0.max(scales.1)),
        Operation::Subtract => (a - b, scales.0.max(scales.1)),
        Operation::Multiply => (a * b, scales.0 + scales.1),
        _ => (a % b, scales.0.max(scales.1)),
    };
    result.with_scale_round(scale.min(DECIMAL_SCALE_MAX), RoundingMode::HalfUp)
}

fn integer(
    operation: Operation,
    a: &Number,
    b: &Number,
    (x, y): (i128, i128),
) -> Result<Number, SqlError> {
    let (result, symbol) = match operation {
        Operation::Add => (x.checked_add(y), "+"),
        Operation::Subtract => (x.checked_sub(y), "-"),
        Operation::Multiply => (x.checked_mul(y), "*"),
        Operation::IntegerDivide => (x.checked_div(y), "DIV"),
        _ => (x.checked_rem(y), "%"),
    };
    let what = || format!("({} {symbol} {})", shown(a), shown(b));
    let is_unsigned = matches!(a, Number::UInt(_))
        || matches!(b, Number::UInt(_)) && operation != Operation::Modulo;
    if !is_unsigned {
        return signed(result, what);
    }
    let result = result.and_then(|result| u64::try_from(result).ok());
    let result = result.ok_or_else(|| SqlError::out_of_range("BIGINT UNSIGNED", &what()))?;
    Ok(Number::UInt(result))
}

fn integer_quotient(a: &Number, b: &Number) -> Result<Number, SqlError> {
    let quotient = (a.to_decimal() / b.to_decimal()).with_scale_round(0, RoundingMode::Down);
    let is_unsigned = matches!(a, Number::UInt(_)) || matches!(b, Number::UInt(_));
    let what = || format!("({} DIV {})", shown(a), shown(b));
    if !is_unsigned {
        return signed(quotient.to_i128(), what);
    }
    let result = quotient.to_u64();
    result.map(Number::UInt).ok_or_else(|| SqlError::out_of_range("BIGINT UNSIGNED", &what()))
}

fn signed(result: Option<i128>, what: impl Fn() -> String) -> Result<Number, SqlError> {
    let result = result.and_then(|result| i64::try_from(result).ok());
    result.map(Number::Int).ok_or_else(|| SqlError::out_of_range("BIGINT", &what()))
}

fn shown(number: &Number) -> String {
    match number {
        Number::Null => "NULL".into(),
        Number::Int(number) => number.to_string(),
        Number::UInt(number) => number.to_string(),
        Number::Decimal(number) => number.to_plain_string(),
        Number::Double(number) => number.to_string(),
    }
}
