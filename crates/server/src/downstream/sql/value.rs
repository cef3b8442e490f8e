//! The values of variables, literals and result cells.

use std::borrow::Cow;

/// A value as the text protocol shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A number with a fraction or exponent, or too large for 64 bits, as it was written.
    Decimal(String),
    /// A string; the bytes are the client's and need not be UTF-8.
    Text(Vec<u8>),
}

impl Value {
    /// A string value.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into().into_bytes())
    }

    /// The bytes of a text row's cell, `None` for NULL.
    pub fn to_bytes(&self) -> Option<Cow<'_, [u8]>> {
        Some(match self {
            Self::Null => return None,
            Self::Int(number) => Cow::Owned(number.to_string().into_bytes()),
            Self::UInt(number) => Cow::Owned(number.to_string().into_bytes()),
            Self::Decimal(number) => Cow::Borrowed(number.as_bytes()),
            Self::Text(bytes) => Cow::Borrowed(bytes),
        })
    }

    /// The value as text, for people and for variables that hold text; NULL is empty.
    pub fn to_text(&self) -> String {
        let bytes = self.to_bytes().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The value as a number, of a text as far as that is one; `None` for NULL.
    pub fn to_f64(&self) -> Option<f64> {
        if *self == Self::Null {
            return None;
        }
        let text = self.to_text();
        let text = text.trim_start();
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
        let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
        // The longest part in front that is a number.
        let parsed = (1..=end).rev().find_map(|len| text.get(..len)?.parse::<f64>().ok());
        Some(parsed.unwrap_or(0.0))
    }

    /// The value as a non-negative integer, as MySQL converts it: text counts up to its first
    /// character that is no digit, a fraction is cut off, what is negative or NULL is `None`.
    pub fn to_u64(&self) -> Option<u64> {
        match self {
            Self::Null => None,
            Self::Int(number) => u64::try_from(*number).ok(),
            Self::UInt(number) => Some(*number),
            Self::Decimal(_) | Self::Text(_) => {
                let text = self.to_text();
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
}
