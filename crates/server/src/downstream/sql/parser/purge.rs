//! `PURGE BINARY LOGS`.

use super::super::lexer::Kind;
use super::super::{Moment, Purge, Statement};
use super::Parser;
use crate::downstream::error::SqlError;

/// Functions that move a time forward and back.
const ADD: &[&str] = &["DATE_ADD", "ADDDATE"];
const SUBTRACT: &[&str] = &["DATE_SUB", "SUBDATE"];

impl Parser<'_> {
    /// `PURGE {BINARY | MASTER} LOGS {TO 'file' | BEFORE time}`
    pub(super) fn purge(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        if !self.eat("BINARY")? {
            self.expect("MASTER")?;
        }
        self.expect("LOGS")?;
        if self.eat("TO")? {
            let name = self.text()?;
            return Ok(Statement::Purge(Purge::To(String::from_utf8_lossy(&name).into_owned())));
        }
        self.expect("BEFORE")?;
        Ok(Statement::Purge(Purge::Before(self.moment()?)))
    }

    /// A time, and any number of `± INTERVAL n unit`.
    fn moment(&mut self) -> Result<Moment, SqlError> {
        let mut moment = self.nested(Self::moment_operand)?;
        loop {
            let sign = if self.eat_punct(b'-')? {
                -1
            } else if self.eat_punct(b'+')? {
                1
            } else {
                return Ok(moment);
            };
            moment.shift(sign, self.interval()?);
        }
    }

    fn moment_operand(&mut self) -> Result<Moment, SqlError> {
        let sign = i64::from(self.is_any(ADD)) - i64::from(self.is_any(SUBTRACT));
        if sign != 0 {
            self.bump()?;
            self.expect_punct(b'(')?;
            let mut moment = self.moment()?;
            self.expect_punct(b',')?;
            moment.shift(sign, self.interval()?);
            self.expect_punct(b')')?;
            return Ok(moment);
        }
        if self.eat_punct(b'(')? {
            let moment = self.moment()?;
            self.expect_punct(b')')?;
            return Ok(moment);
        }
        Ok(Moment { base: self.operand()?, shift_s: 0 })
    }

    /// `INTERVAL n unit`, in seconds.
    fn interval(&mut self) -> Result<i64, SqlError> {
        self.expect("INTERVAL")?;
        let sign = if self.eat_punct(b'-')? { -1 } else { 1 };
        let number = match &self.token.kind {
            Kind::Number(digits) => digits.parse::<i64>().ok(),
            Kind::Text(text) => {
                std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok())
            }
            _ => None,
        };
        let Some(number) = number else { return Err(self.error()) };
        self.bump()?;
        let unit_s = match &self.token.kind {
            Kind::Word(unit) => unit_s(unit).ok_or_else(|| self.error_of_unit(unit))?,
            _ => return Err(self.error()),
        };
        self.bump()?;
        Ok(number.saturating_mul(unit_s).saturating_mul(sign))
    }

    fn error_of_unit(&self, unit: &[u8]) -> SqlError {
        const OTHERS: &[&str] = &["MICROSECOND", "MONTH", "QUARTER", "YEAR"];
        let unit = String::from_utf8_lossy(unit).to_ascii_uppercase();
        if OTHERS.contains(&unit.as_str()) || unit.contains('_') {
            return SqlError::not_supported(&format!("INTERVAL of {unit}"));
        }
        self.error()
    }
}

fn unit_s(unit: &[u8]) -> Option<i64> {
    match unit.to_ascii_uppercase().as_slice() {
        b"SECOND" => Some(1),
        b"MINUTE" => Some(60),
        b"HOUR" => Some(3_600),
        b"DAY" => Some(86_400),
        b"WEEK" => Some(604_800),
        _ => None,
    }
}
