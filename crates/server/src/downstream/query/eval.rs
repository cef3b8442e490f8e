//! Computes expressions, by the rules that were seen on MySQL 9.7 and MariaDB 11.8.
//!
//! What an expression may hold is bounded by [`COMPUTED_BYTES_MAX`] for each statement, how deep it is by the parser.

mod arithmetic;
mod cast;
pub(super) mod compare;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::super::error::SqlError;
use super::super::sql::{CastType, Expr, Operation, Temporal, Unit, Value, like_with};
use super::super::variables;
use super::{Query, function};
pub(super) use arithmetic::{Number, binary};
pub(super) use cast::time_of;

/// How many bytes of text all values of a statement may have that it computes or reads from variables.
pub(super) const COMPUTED_BYTES_MAX: usize = 16 << 20;
/// How many warnings a statement keeps.
const WARNINGS_MAX: usize = 64;

impl Query<'_> {
    /// A value.
    pub(super) fn eval(&mut self, expr: &Expr) -> Result<Value, SqlError> {
        match expr {
            Expr::Literal(value) => Ok(value.clone()),
            Expr::Hex(bytes) => Ok(Value::Binary(bytes.clone())),
            Expr::User(name) => {
                let value = self.session.user_variables.value(name);
                self.read(value)
            }
            Expr::AssignUser(name, value) => {
                let value = self.eval(value)?;
                if !self.is_trial {
                    self.session.user_variables.set(name.clone(), value.clone())?;
                }
                Ok(value)
            }
            Expr::System { scope, name } => {
                let value = variables::select(&self.view(), *scope, name)?;
                self.read(value)
            }
            Expr::Column(name) => self.column(name),
            Expr::Subquery(select) => {
                if select.limit.is_some_and(|limit| limit.count == 0 || limit.offset > 0) {
                    return Ok(Value::Null);
                }
                if let Some(condition) = &select.condition
                    && self.truth(condition)? != Some(true)
                {
                    return Ok(Value::Null);
                }
                match select.items.first() {
                    Some(item) => self.eval(&item.expr),
                    None => Ok(Value::Null),
                }
            }
            Expr::Call { function, args } => match self.aggregate(function, args)? {
                Some(value) => Ok(value),
                None => function::call(self, function, args),
            },
            Expr::Operation(operation, operands) => self.operate(*operation, operands),
        }
    }

    pub(super) fn eval_all(&mut self, exprs: &[Expr]) -> Result<Vec<Value>, SqlError> {
        exprs.iter().map(|expr| self.eval(expr)).collect()
    }

    pub(super) fn warn(&mut self, warning: SqlError) {
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(warning);
        }
    }

    /// The time at which the statement began, in the session's time zone.
    pub(super) fn now(&mut self) -> DateTime {
        self.utc_now()
            .to_zoned_datetime(TimeZone::UTC)
            .map_or(DateTime::MIN, |now| now.with_time_zone(self.zone()).datetime())
    }

    /// The same in UTC.
    pub(super) fn utc_now(&mut self) -> DateTime {
        *self.began.get_or_insert_with(|| {
            jiff::Timestamp::now().to_zoned_datetime(TimeZone::UTC).datetime()
        })
    }

    /// The session's time zone. `SYSTEM` is the primary's, if its name is known; else UTC.
    pub(super) fn zone(&self) -> TimeZone {
        let text = |name| variables::select(&self.view(), None, name).map(|zone| zone.to_text());
        let mut zone = text("time_zone").unwrap_or_default();
        if zone == "SYSTEM" {
            zone = text("system_time_zone").unwrap_or_default();
        }
        super::super::zone::of_name(&zone).unwrap_or(TimeZone::UTC)
    }

    /// Counts a value that a variable has.
    fn read(&mut self, value: Value) -> Result<Value, SqlError> {
        let len = match &value {
            Value::Text(bytes) | Value::Binary(bytes) => bytes.len(),
            _ => 0,
        };
        match self.bytes_left.checked_sub(len) {
            Some(left) => self.bytes_left = left,
            None => return Err(SqlError::statement_too_large(COMPUTED_BYTES_MAX)),
        }
        Ok(value)
    }

    /// Whether a text of this length may be computed. If not, it is NULL, with a warning.
    pub(super) fn may_compute(&mut self, function: &str, len: usize) -> bool {
        match self.bytes_left.checked_sub(len) {
            Some(left) => {
                self.bytes_left = left;
                true
            }
            None => {
                let function = function.to_ascii_lowercase();
                self.warn(SqlError::result_too_large(&function, COMPUTED_BYTES_MAX));
                false
            }
        }
    }

    fn operate(&mut self, operation: Operation, operands: &[Expr]) -> Result<Value, SqlError> {
        match (operation, operands) {
            (Operation::And | Operation::Or, [a, b]) => self.join(operation, a, b),
            (Operation::Xor, [a, b]) => {
                let (a, b) = (self.truth(a)?, self.truth(b)?);
                Ok(a.zip(b).map_or(Value::Null, |(a, b)| boolean(a != b)))
            }
            (Operation::Not, [a]) => {
                Ok(self.truth(a)?.map_or(Value::Null, |holds| boolean(!holds)))
            }
            (Operation::IsNull, [a]) => Ok(boolean(self.eval(a)? == Value::Null)),
            (Operation::IsTrue, [a]) => Ok(boolean(self.truth(a)? == Some(true))),
            (Operation::IsFalse, [a]) => Ok(boolean(self.truth(a)? == Some(false))),
            (Operation::Case, [value, rest @ ..]) => self.case(Some(value), rest),
            (Operation::CaseWhen, rest) => self.case(None, rest),
            (Operation::In, [value, list @ ..]) => self.is_in(value, list),
            (Operation::Between, [value, low, high]) => {
                let low = self.compare(value, low)?.map(|order| order.is_ge());
                let high = self.compare(value, high)?.map(|order| order.is_le());
                Ok(match (low, high) {
                    (Some(false), _) | (_, Some(false)) => boolean(false),
                    (Some(true), Some(true)) => boolean(true),
                    _ => Value::Null,
                })
            }
            (Operation::Like, [value, pattern, escape @ ..]) => {
                self.like(value, pattern, escape.first())
            }
            (Operation::NullSafeEqual, [a, b]) => {
                let nulls = [self.eval(a)? == Value::Null, self.eval(b)? == Value::Null];
                Ok(boolean(match nulls {
                    [false, false] => self.compare(a, b)?.is_some_and(std::cmp::Ordering::is_eq),
                    [a, b] => a == b,
                }))
            }
            (Operation::Cast(kind), [value]) => self.cast(kind, value),
            (Operation::Binary, [value]) => Ok(match self.eval(value)? {
                Value::Null => Value::Null,
                value => Value::Binary(value.to_bytes().unwrap_or_default().into_owned()),
            }),
            (Operation::AddInterval(unit), [value, count]) => {
                self.add_interval(value, count, unit, 1)
            }
            (Operation::SubtractInterval(unit), [value, count]) => {
                self.add_interval(value, count, unit, -1)
            }
            (Operation::TimestampDiff(unit), [from, to]) => {
                function::time::timestamp_diff(self, unit, from, to)
            }
            (Operation::Extract(unit), [value]) => function::time::extract(self, unit, value),
            (Operation::Negate | Operation::BitNot, [a]) => {
                let a = self.number(a)?;
                arithmetic::unary(operation, a)?.into_value()
            }
            (_, [a, b]) if let Some(holds) = comparison(operation) => {
                Ok(self.compare(a, b)?.map_or(Value::Null, |order| boolean(holds(order))))
            }
            (_, [a, b]) => {
                let (a, b) = (self.number(a)?, self.number(b)?);
                match binary(operation, &a, &b)? {
                    Some(number) => number.into_value(),
                    None => {
                        self.warn(SqlError::division_by_zero());
                        Ok(Value::Null)
                    }
                }
            }
            _ => Ok(Value::Null),
        }
    }

    pub(super) fn truth(&mut self, expr: &Expr) -> Result<Option<bool>, SqlError> {
        Ok(self.number(expr)?.truth())
    }

    /// AND and OR: the second operand is computed only where it counts.
    fn join(&mut self, operation: Operation, a: &Expr, b: &Expr) -> Result<Value, SqlError> {
        let decides = operation == Operation::Or;
        let a = self.truth(a)?;
        if a == Some(decides) {
            return Ok(boolean(decides));
        }
        let b = self.truth(b)?;
        Ok(match (a, b) {
            (_, Some(b)) if b == decides => boolean(decides),
            (Some(_), Some(_)) => boolean(!decides),
            _ => Value::Null,
        })
    }

    /// `WHEN … THEN …` in pairs, and what else.
    fn case(&mut self, value: Option<&Expr>, rest: &[Expr]) -> Result<Value, SqlError> {
        let mut pairs = rest.chunks_exact(2);
        for pair in &mut pairs {
            let [when, then] = pair else { break };
            let is_it = match value {
                Some(value) => self.compare(value, when)?.is_some_and(std::cmp::Ordering::is_eq),
                None => self.truth(when)? == Some(true),
            };
            if is_it {
                return self.eval(then);
            }
        }
        pairs.remainder().first().map_or(Ok(Value::Null), |other| self.eval(other))
    }

    fn is_in(&mut self, value: &Expr, list: &[Expr]) -> Result<Value, SqlError> {
        let mut unknown = false;
        for member in list {
            match self.compare(value, member)? {
                Some(order) if order.is_eq() => return Ok(boolean(true)),
                Some(_) => {}
                None => unknown = true,
            }
        }
        Ok(if unknown { Value::Null } else { boolean(false) })
    }

    fn like(
        &mut self,
        value: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
    ) -> Result<Value, SqlError> {
        let escape = match escape {
            Some(escape) => self.eval(escape)?.to_text().into_bytes(),
            None => b"\\".to_vec(),
        };
        if escape.len() > 1 {
            return Err(SqlError::wrong_arguments("ESCAPE"));
        }
        let (text, pattern) = (self.eval(value)?, self.eval(pattern)?);
        let is_binary = matches!(text, Value::Binary(_)) || matches!(pattern, Value::Binary(_));
        let (Some(text), Some(pattern)) = (text.to_bytes(), pattern.to_bytes()) else {
            return Ok(Value::Null);
        };
        Ok(boolean(like_with(&text, &pattern, escape.first().copied(), is_binary)))
    }

    /// A value as a number; a text that is none only in part gives a warning.
    pub(super) fn number(&mut self, expr: &Expr) -> Result<Number, SqlError> {
        if let Expr::Hex(bytes) = expr {
            return Ok(Number::of_bits(bytes));
        }
        let value = self.eval(expr)?;
        Ok(self.number_of(&value))
    }

    pub(super) fn number_of(&mut self, value: &Value) -> Number {
        let (number, is_whole) = Number::of(value);
        if !is_whole {
            self.warn(SqlError::truncated_value("DOUBLE", &value.to_text()));
        }
        number
    }

    fn add_interval(
        &mut self,
        value: &Expr,
        count: &Expr,
        unit: Unit,
        sign: i64,
    ) -> Result<Value, SqlError> {
        let (value, count) = (self.eval(value)?, self.eval(count)?);
        function::time::add_interval(self, &value, &count, unit, sign)
    }

    fn cast(&mut self, kind: CastType, value: &Expr) -> Result<Value, SqlError> {
        if let (Expr::Hex(bytes), CastType::Signed | CastType::Unsigned) = (value, kind) {
            let value = Number::of_bits(bytes).into_value()?;
            return cast::to(self, kind, &value);
        }
        let value = self.eval(value)?;
        cast::to(self, kind, &value)
    }

    /// A value as a date and time, if it is one.
    pub(super) fn temporal(&mut self, value: &Value) -> Option<Temporal> {
        match value {
            Value::Null => None,
            Value::Temporal(temporal) => Some(*temporal),
            other => {
                let text = other.to_text();
                let read = Temporal::datetime_of_text(&text);
                if read.is_none() {
                    self.warn(SqlError::incorrect_datetime(&text));
                }
                read
            }
        }
    }
}

pub(super) fn boolean(holds: bool) -> Value {
    Value::Int(i64::from(holds))
}

/// Which order an operation wants.
fn comparison(operation: Operation) -> Option<fn(std::cmp::Ordering) -> bool> {
    Some(match operation {
        Operation::Equal => std::cmp::Ordering::is_eq,
        Operation::NotEqual => std::cmp::Ordering::is_ne,
        Operation::Less => std::cmp::Ordering::is_lt,
        Operation::LessOrEqual => std::cmp::Ordering::is_le,
        Operation::Greater => std::cmp::Ordering::is_gt,
        Operation::GreaterOrEqual => std::cmp::Ordering::is_ge,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
