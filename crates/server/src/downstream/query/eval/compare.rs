//! Which of two values is less.

use std::cmp::Ordering;

use super::super::super::error::SqlError;
use super::super::super::sql::{Expr, Temporal, Value};
use super::super::super::variables;
use super::super::Query;
use super::Number;

impl Query<'_> {
    /// How two values compare; `None` if one is NULL.
    pub(in super::super) fn compare(
        &mut self,
        a: &Expr,
        b: &Expr,
    ) -> Result<Option<Ordering>, SqlError> {
        let values = (self.operand(a, b)?, self.operand(b, a)?);
        Ok(self.compare_values(&values.0, &values.1))
    }

    /// A constant of bits is a number where it is compared with one.
    fn operand(&mut self, expr: &Expr, other: &Expr) -> Result<Value, SqlError> {
        if let Expr::Hex(bytes) = expr
            && is_number(&self.eval(other)?)
        {
            return Number::of_bits(bytes).into_value();
        }
        self.eval(expr)
    }

    pub(in super::super) fn compare_values(&mut self, a: &Value, b: &Value) -> Option<Ordering> {
        match (a, b) {
            (Value::Null, _) | (_, Value::Null) => None,
            (Value::Text(a), Value::Text(b)) => Some(self.compare_texts(a, b)),
            (Value::Text(a) | Value::Binary(a), Value::Text(b) | Value::Binary(b)) => {
                Some(a.cmp(b))
            }
            (Value::Temporal(a), Value::Temporal(b)) => Some(self.compare_times(*a, *b)),
            (Value::Temporal(time), Value::Text(text)) => self.compare_time_with(*time, text),
            (Value::Text(text), Value::Temporal(time)) => {
                self.compare_time_with(*time, text).map(Ordering::reverse)
            }
            _ => {
                let (a, b) = (self.number_of(a), self.number_of(b));
                match (&a, &b) {
                    (Number::Double(_), _) | (_, Number::Double(_)) => {
                        a.to_f64()?.partial_cmp(&b.to_f64()?)
                    }
                    _ => Some(a.to_decimal().cmp(&b.to_decimal())),
                }
            }
        }
    }

    /// Case does not count. Spaces at the end count where the collation is one of MySQL 8's.
    fn compare_texts(&self, a: &[u8], b: &[u8]) -> Ordering {
        let collation = variables::select(&self.view(), None, "collation_connection");
        let collation = collation.map(|collation| collation.to_text()).unwrap_or_default();
        let pads = !collation.contains("_0900_");
        let ignores_case = !collation.ends_with("_bin") && collation != "binary";
        let trimmed = |text: &[u8]| {
            let end = text.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
            let text = text.get(..if pads { end } else { text.len() }).unwrap_or_default();
            if ignores_case { folded(text) } else { text.to_vec() }
        };
        trimmed(a).cmp(&trimmed(b))
    }

    fn compare_times(&mut self, a: Temporal, b: Temporal) -> Ordering {
        if let (Temporal::Time(a, _), Temporal::Time(b, _)) = (a, b) {
            return a.cmp(&b);
        }
        let today = self.now().date();
        a.datetime(today).cmp(&b.datetime(today))
    }

    fn compare_time_with(&mut self, time: Temporal, text: &[u8]) -> Option<Ordering> {
        let text = String::from_utf8_lossy(text);
        let other = match time {
            Temporal::Time(..) => Temporal::time_of_text(&text),
            Temporal::Date(_) | Temporal::DateTime(..) => Temporal::datetime_of_text(&text),
        };
        match other {
            Some(other) => Some(self.compare_times(time, other)),
            None => {
                self.warn(SqlError::incorrect_datetime(&text));
                Some(time.to_string().as_bytes().cmp(text.as_bytes()))
            }
        }
    }
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::UInt(_) | Value::Decimal(_) | Value::Double(_))
}

/// A text without regard to case.
pub(in super::super) fn folded(text: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(text) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => text.to_ascii_lowercase(),
    }
}
