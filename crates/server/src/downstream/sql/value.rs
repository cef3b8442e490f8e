//! The values of variables, literals and result cells.

use std::borrow::Cow;

use bigdecimal::{BigDecimal, RoundingMode};

use super::Temporal;

/// A value as SQL knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// An exact number with a fraction, or too large for 64 bits, in digits.
    Decimal(String),
    /// An approximate number.
    Double(Double),
    /// A time.
    Temporal(Temporal),
    /// A string; the bytes are the client's and need not be UTF-8.
    Text(Vec<u8>),
    /// A binary string.
    Binary(Vec<u8>),
}

/// A finite double; two are equal if they have the same bits.
#[derive(Debug, Clone, Copy)]
pub struct Double(pub f64);

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Double {}

/// The digits of a decimal, and those after its point, at most.
pub(crate) const DECIMAL_DIGITS_MAX: usize = 65;
pub(crate) const DECIMAL_SCALE_MAX: i64 = 30;

impl Value {
    /// A string value.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into().into_bytes())
    }

    /// An approximate number; NULL for what is none.
    pub fn double(number: f64) -> Self {
        if number.is_finite() { Self::Double(Double(number)) } else { Self::Null }
    }

    /// An exact number as it was written, without sign or exponent. One of very many digits is an approximate one.
    pub fn decimal(digits: &str) -> Self {
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.len() > DECIMAL_DIGITS_MAX || fraction.len() > DECIMAL_DIGITS_MAX {
            return Self::double(digits.parse().unwrap_or(f64::MAX));
        }
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            whole => whole,
        };
        Self::Decimal(if fraction.is_empty() {
            whole.to_owned()
        } else {
            format!("{whole}.{fraction}")
        })
    }

    /// Whether a condition is true; `None` for NULL.
    pub fn truth(&self) -> Option<bool> {
        self.to_f64().map(|number| number != 0.0)
    }

    /// The bytes of a text row's cell, `None` for NULL.
    pub fn to_bytes(&self) -> Option<Cow<'_, [u8]>> {
        Some(match self {
            Self::Null => return None,
            Self::Int(number) => Cow::Owned(number.to_string().into_bytes()),
            Self::UInt(number) => Cow::Owned(number.to_string().into_bytes()),
            Self::Decimal(number) => Cow::Borrowed(number.as_bytes()),
            Self::Double(number) => Cow::Owned(double_to_text(number.0).into_bytes()),
            Self::Temporal(temporal) => Cow::Owned(temporal.to_string().into_bytes()),
            Self::Text(bytes) | Self::Binary(bytes) => Cow::Borrowed(bytes),
        })
    }

    /// The value as text, for people and for variables that hold text; NULL is empty.
    pub fn to_text(&self) -> String {
        let bytes = self.to_bytes().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The value as a number, of a text as far as that is one; `None` for NULL.
    pub fn to_f64(&self) -> Option<f64> {
        Some(match self {
            Self::Null => return None,
            #[expect(clippy::cast_precision_loss, reason = "as MySQL does")]
            Self::Int(number) => *number as f64,
            #[expect(clippy::cast_precision_loss, reason = "as MySQL does")]
            Self::UInt(number) => *number as f64,
            Self::Decimal(number) => number.parse().unwrap_or(0.0),
            Self::Double(number) => number.0,
            Self::Temporal(temporal) => temporal.to_number().parse().unwrap_or(0.0),
            Self::Text(bytes) | Self::Binary(bytes) => number_of_text(bytes).0,
        })
    }

    /// The value as an exact number; `None` for NULL.
    pub(crate) fn to_decimal(&self) -> Option<BigDecimal> {
        Some(match self {
            Self::Null => return None,
            Self::Int(number) => BigDecimal::from(*number),
            Self::UInt(number) => BigDecimal::from(*number),
            Self::Decimal(number) => number.parse().unwrap_or_default(),
            Self::Temporal(temporal) => temporal.to_number().parse().unwrap_or_default(),
            Self::Double(number) => decimal_of_double(number.0),
            Self::Text(bytes) | Self::Binary(bytes) => {
                let prefix = numeric_prefix(bytes);
                let exact = prefix.len() <= DECIMAL_DIGITS_MAX && !prefix.contains(['e', 'E']);
                match prefix.parse() {
                    Ok(number) if exact => number,
                    _ => decimal_of_double(number_of_text(bytes).0),
                }
            }
        })
    }

    /// The value as a non-negative integer, as MySQL converts it: text counts up to its first
    /// character that is no digit, a fraction is cut off, what is negative or NULL is `None`.
    pub fn to_u64(&self) -> Option<u64> {
        match self {
            Self::Null => None,
            Self::Int(number) => u64::try_from(*number).ok(),
            Self::UInt(number) => Some(*number),
            Self::Decimal(_)
            | Self::Double(_)
            | Self::Temporal(_)
            | Self::Text(_)
            | Self::Binary(_) => {
                let text = match self {
                    Self::Temporal(temporal) => temporal.to_number(),
                    Self::Double(number) => format!("{}", number.0.trunc()),
                    other => other.to_text(),
                };
                let text = text.trim_start();
                if text.starts_with('-') {
                    return None;
                }
                let digits = text.strip_prefix('+').unwrap_or(text);
                let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
                if end == 0 { Some(0) } else { digits[..end].parse().ok() }
            }
        }
    }
}

/// A double as an exact number, rounded to what a decimal can hold.
fn decimal_of_double(number: f64) -> BigDecimal {
    let text = double_to_text(number);
    let number = text.parse::<BigDecimal>().unwrap_or_default();
    let (_, exponent) = number.as_bigint_and_exponent();
    // An exponent far away would make digits without end.
    if exponent < -i64::from(u8::MAX) {
        let digits = "9".repeat(DECIMAL_DIGITS_MAX);
        let sign = if text.starts_with('-') { "-" } else { "" };
        return format!("{sign}{digits}").parse().unwrap_or_default();
    }
    number.with_scale_round(exponent.clamp(0, DECIMAL_SCALE_MAX), RoundingMode::HalfUp)
}

/// The part in front of a text that is a number.
pub(crate) fn numeric_prefix(text: &[u8]) -> &str {
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(text.len());
    let text = text.get(start..).unwrap_or_default();
    let digits = |from: usize| {
        let tail = text.get(from..).unwrap_or_default();
        from + tail.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let mut end = digits(sign);
    let mut has_digits = end > sign;
    if text.get(end) == Some(&b'.') {
        let after = digits(end + 1);
        has_digits |= after > end + 1;
        end = after;
    }
    if !has_digits {
        return "";
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let after = digits(end + 1 + sign);
        if after > end + 1 + sign {
            end = after;
        }
    }
    let prefix = text.get(..end).and_then(|prefix| std::str::from_utf8(prefix).ok());
    prefix.unwrap_or_default()
}

/// The number that a text begins with, and whether it is one as a whole.
pub(crate) fn number_of_text(text: &[u8]) -> (f64, bool) {
    let prefix = numeric_prefix(text);
    let number = prefix.parse::<f64>().unwrap_or(0.0);
    let number = number.clamp(f64::MIN, f64::MAX);
    (number, !prefix.is_empty() && prefix.as_bytes() == text.trim_ascii())
}

/// A double in its shortest form, with an exponent only where it has more than 15 digits on one side.
pub(crate) fn double_to_text(number: f64) -> String {
    const PLAIN_DIGITS_MAX: i32 = 15;
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    if (-PLAIN_DIGITS_MAX + 1..=PLAIN_DIGITS_MAX).contains(&point) {
        return number.to_string();
    }
    format!("{digits}e{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_a_number_as_far_as_it_is_one() {
        let cases =
            [("30", Some(30)), (" 7x", Some(7)), ("x", Some(0)), ("", Some(0)), ("-1", None)];
        for (text, number) in cases {
            assert_eq!(Value::text(text).to_u64(), number, "{text}");
        }
        assert_eq!(Value::text("99999999999999999999").to_u64(), None);
        assert_eq!(Value::Decimal("1.9".into()).to_u64(), Some(1));
        assert_eq!(Value::Null.to_u64(), None);
        assert_eq!(Value::Int(-3).to_u64(), None);
        for (text, number) in [("0.5", 0.5), ("-1", -1.0), ("abc", 0.0), (" 1e1x", 10.0), ("", 0.0)]
        {
            assert_eq!(Value::text(text).to_f64(), Some(number), "{text}");
        }
        assert_eq!(Value::Null.to_f64(), None);
    }

    #[test]
    fn doubles_are_written_as_short_as_can_be() {
        let cases = [
            (0.1 + 0.2, "0.30000000000000004"),
            (1e14, "100000000000000"),
            (1e15, "1e15"),
            (1.5e-7, "0.00000015"),
            (1e-20, "1e-20"),
            (-2.5, "-2.5"),
        ];
        for (number, text) in cases {
            assert_eq!(double_to_text(number), text);
        }
    }
}
