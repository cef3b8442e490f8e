//! What a session may set a variable to.

use super::super::error::SqlError;
use super::super::sql::Value;
use super::super::{charset, zone};

/// What an assignment gives.
pub(super) enum Given<'a> {
    /// A bare word.
    Word(&'a str),
    /// A computed value.
    Value(Value),
}

/// How a value is checked and normalized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// `ON` or `OFF`, in any of the ways to write them.
    Bool,
    /// A number, brought into these bounds as MySQL does.
    Number(u64, u64),
    /// One of these words, also by its number.
    OneOf(&'static [&'static str]),
    /// A list of SQL modes.
    SqlMode,
    /// A character set.
    Charset,
    /// A character set or NULL.
    CharsetOrNull,
    /// A collation.
    Collation,
    /// `SYSTEM`, `UTC` or an offset.
    TimeZone,
    /// An integer.
    AnyNumber,
    /// A number.
    AnyDouble,
    /// A text of [`TEXT_LEN_MAX`] bytes at most.
    AnyText,
}

/// The isolation levels.
pub(super) const ISOLATION_LEVELS: &[&str] =
    &["READ-UNCOMMITTED", "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE"];

/// The SQL modes of MySQL 5.6 to 9 and MariaDB.
const SQL_MODES: &[&str] = &[
    "ALLOW_INVALID_DATES",
    "ANSI",
    "ANSI_QUOTES",
    "DB2",
    "EMPTY_STRING_IS_NULL",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "HIGH_NOT_PRECEDENCE",
    "IGNORE_BAD_TABLE_OPTIONS",
    "IGNORE_SPACE",
    "MAXDB",
    "MSSQL",
    "MYSQL323",
    "MYSQL40",
    "NO_AUTO_CREATE_USER",
    "NO_AUTO_VALUE_ON_ZERO",
    "NO_BACKSLASH_ESCAPES",
    "NO_DIR_IN_CREATE",
    "NO_ENGINE_SUBSTITUTION",
    "NO_FIELD_OPTIONS",
    "NO_KEY_OPTIONS",
    "NO_TABLE_OPTIONS",
    "NO_UNSIGNED_SUBTRACTION",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "ONLY_FULL_GROUP_BY",
    "ORACLE",
    "PAD_CHAR_TO_FULL_LENGTH",
    "PIPES_AS_CONCAT",
    "POSTGRESQL",
    "REAL_AS_FLOAT",
    "SIMULTANEOUS_ASSIGNMENT",
    "STRICT_ALL_TABLES",
    "STRICT_TRANS_TABLES",
    "TIME_ROUND_FRACTIONAL",
    "TIME_TRUNCATE_FRACTIONAL",
    "TRADITIONAL",
];

/// How long a value may be that means nothing here.
const TEXT_LEN_MAX: usize = 4096;

impl Check {
    /// The value as it is kept; `None` is NULL.
    pub(super) fn run(self, name: &str, given: &Given<'_>) -> Result<Option<String>, SqlError> {
        let text = match given {
            Given::Word(word) => (*word).to_owned(),
            Given::Value(value) => value.to_text(),
        };
        let wrong = || {
            let shown = if given.is_null() { "NULL" } else { &text };
            SqlError::wrong_value(name, shown)
        };
        if given.is_null() {
            return if self == Self::CharsetOrNull { Ok(None) } else { Err(wrong()) };
        }
        let upper = text.to_ascii_uppercase();
        let kept = match self {
            Self::Bool => match upper.as_str() {
                "1" | "ON" | "TRUE" => "ON".to_owned(),
                "0" | "OFF" | "FALSE" => "OFF".to_owned(),
                _ => return Err(wrong()),
            },
            Self::Number(least, most) => given
                .number()
                .ok_or_else(|| SqlError::wrong_type(name))?
                .clamp(least, most)
                .to_string(),
            Self::OneOf(words) => {
                let by_number = given.number().and_then(|number| usize::try_from(number).ok());
                let word = match by_number {
                    Some(index) => words.get(index),
                    None => words.iter().find(|word| **word == upper),
                };
                (*word.ok_or_else(wrong)?).to_owned()
            }
            Self::SqlMode => {
                let mut modes = upper.split(',').map(str::trim).filter(|mode| !mode.is_empty());
                if let Some(unknown) = modes.find(|mode| !SQL_MODES.contains(mode)) {
                    return Err(SqlError::wrong_value(name, unknown));
                }
                upper
            }
            Self::Charset | Self::CharsetOrNull => charset::charset(&text)?.to_owned(),
            Self::Collation => {
                charset::charset_of_collation(&text)?;
                text.to_ascii_lowercase()
            }
            Self::AnyNumber => match given {
                Given::Value(Value::Int(_) | Value::UInt(_)) => text,
                _ => return Err(SqlError::wrong_type(name)),
            },
            Self::AnyDouble => match given {
                Given::Value(
                    Value::Int(_) | Value::UInt(_) | Value::Decimal(_) | Value::Double(_),
                ) => text,
                _ => return Err(SqlError::wrong_type(name)),
            },
            Self::AnyText if text.len() > TEXT_LEN_MAX => {
                return Err(SqlError::wrong_value(name, "a longer text than binlogd keeps"));
            }
            Self::AnyText => text,
            Self::TimeZone => {
                let is_system = upper == "SYSTEM";
                if !is_system && zone::of_name(&text).is_none() {
                    return Err(SqlError::unknown_time_zone(&text));
                }
                if is_system { upper } else { text }
            }
        };
        Ok(Some(kept))
    }
}

impl Given<'_> {
    fn is_null(&self) -> bool {
        matches!(self, Self::Value(Value::Null))
    }

    /// An integer, not below 0; text and words are none.
    fn number(&self) -> Option<u64> {
        match self {
            Self::Value(Value::Int(number)) => Some(u64::try_from(*number).unwrap_or(0)),
            Self::Value(Value::UInt(number)) => Some(*number),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(check: Check, word: &str) -> Result<Option<String>, u16> {
        check.run("x", &Given::Word(word)).map_err(|error| error.code)
    }

    fn value(check: Check, value: Value) -> Result<Option<String>, u16> {
        check.run("x", &Given::Value(value)).map_err(|error| error.code)
    }

    fn kept(text: &str) -> Result<Option<String>, u16> {
        Ok(Some(text.to_owned()))
    }

    #[test]
    fn values_are_brought_to_one_form() {
        assert_eq!(word(Check::Bool, "on"), kept("ON"));
        assert_eq!(value(Check::Bool, Value::Int(0)), kept("OFF"));
        assert_eq!(value(Check::Bool, Value::Int(2)), Err(1231));
        assert_eq!(value(Check::Number(1, 9), Value::Int(-5)), kept("1"));
        assert_eq!(value(Check::Number(1, 9), Value::Int(50)), kept("9"));
        assert_eq!(value(Check::Number(1, 9), Value::text("5")), Err(1232));
        assert_eq!(
            value(Check::OneOf(ISOLATION_LEVELS), Value::text("serializable")),
            kept("SERIALIZABLE")
        );
        assert_eq!(value(Check::OneOf(ISOLATION_LEVELS), Value::Int(1)), kept("READ-COMMITTED"));
        assert_eq!(value(Check::OneOf(ISOLATION_LEVELS), Value::Int(9)), Err(1231));
        assert_eq!(
            value(Check::SqlMode, Value::text("ansi, TRADITIONAL")),
            kept("ANSI, TRADITIONAL")
        );
        assert_eq!(value(Check::SqlMode, Value::text("")), kept(""));
        assert_eq!(value(Check::SqlMode, Value::text("ANSI,STRICT")), Err(1231));
        assert_eq!(word(Check::Charset, "utf8"), kept("utf8mb3"));
        assert_eq!(value(Check::Charset, Value::Null), Err(1231));
        assert_eq!(value(Check::CharsetOrNull, Value::Null), Ok(None));
        assert_eq!(word(Check::Collation, "Latin1_Swedish_CI"), kept("latin1_swedish_ci"));
    }

    #[test]
    fn time_zones_are_offsets_or_two_names() {
        for zone in ["SYSTEM", "utc", "+00:00", "-13:59", "+14:00", "+5:30"] {
            assert!(word(Check::TimeZone, zone).is_ok(), "{zone}");
        }
        for zone in ["", "+", "+14:01", "+25:00", "1:00", "+1", "++1:00", "+1:+5", "Mars/Phobos"] {
            assert_eq!(word(Check::TimeZone, zone), Err(1298), "{zone}");
        }
    }
}
