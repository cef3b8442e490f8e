//! Values whose grammar is their own: `CASE`, `CAST`, `INTERVAL`, literals with a type before them, functions.

use super::super::lexer::Kind;
use super::super::{CastType, Expr, Operation, Temporal, Unit, Value};
use super::{LIST_LEN_MAX, Parser};
use crate::downstream::charset;
use crate::downstream::error::SqlError;

/// The precision and scale of `DECIMAL`, and the largest ones.
const DECIMAL: (u8, u8) = (10, 0);
const DECIMAL_MAX: (u8, u8) = (65, 30);
/// The most digits after a second's point.
const FRACTION_MAX: u8 = 6;

impl Parser<'_> {
    /// A value that begins with a word of its own grammar, if this is one.
    pub(super) fn special_operand(&mut self) -> Result<Option<Expr>, SqlError> {
        let Kind::Word(word) = self.token.kind else { return Ok(None) };
        Ok(match word.to_ascii_uppercase().as_slice() {
            b"CASE" => Some(self.nested(Self::case)?),
            b"BINARY" => {
                self.bump()?;
                let operand = self.nested(Self::operand)?;
                Some(self.operation(Operation::Binary, vec![operand])?)
            }
            b"INTERVAL" | b"EXISTS" | b"MATCH" | b"ROW" => {
                let name = self.name()?.to_ascii_uppercase();
                return Err(SqlError::not_supported(&name));
            }
            b"DATE" | b"TIME" | b"TIMESTAMP" => self.typed_literal()?,
            [b'_', charset @ ..] => self.introduced(charset)?,
            _ => None,
        })
    }

    /// `CASE [value] WHEN … THEN … [ELSE …] END`
    fn case(&mut self) -> Result<Expr, SqlError> {
        self.bump()?;
        let mut operands = Vec::new();
        let operation = if self.is("WHEN") {
            Operation::CaseWhen
        } else {
            operands.push(self.expr()?);
            Operation::Case
        };
        while self.eat("WHEN")? {
            if operands.len() >= LIST_LEN_MAX {
                return Err(SqlError::too_many_columns());
            }
            operands.push(self.expr()?);
            self.expect("THEN")?;
            operands.push(self.expr()?);
        }
        if operands.len() < 2 {
            return Err(self.error());
        }
        let other = if self.eat("ELSE")? { self.expr()? } else { Expr::Literal(Value::Null) };
        operands.push(other);
        self.expect("END")?;
        self.operation(operation, operands)
    }

    /// `DATE '2026-01-02'`, if a text follows.
    fn typed_literal(&mut self) -> Result<Option<Expr>, SqlError> {
        let word = self.token.clone();
        let mut lexer = self.lexer.clone();
        if !matches!(lexer.next()?.kind, Kind::Text(_)) {
            return Ok(None);
        }
        self.bump()?;
        let text = String::from_utf8_lossy(&self.text()?).into_owned();
        let (value, kind) = match word.kind {
            Kind::Word(word) if word.eq_ignore_ascii_case(b"DATE") => {
                (Temporal::date_of_text(&text), "DATE")
            }
            Kind::Word(word) if word.eq_ignore_ascii_case(b"TIME") => {
                (Temporal::time_of_text(&text), "TIME")
            }
            _ => (Temporal::datetime_of_text(&text), "DATETIME"),
        };
        let value = value.ok_or_else(|| SqlError::incorrect_literal(kind, &text))?;
        Ok(Some(Expr::Literal(Value::Temporal(value))))
    }

    /// `_utf8mb4 'text'`, `_binary x'00'`, if that is what it is.
    fn introduced(&mut self, name: &[u8]) -> Result<Option<Expr>, SqlError> {
        let Ok(charset) = charset::charset(&String::from_utf8_lossy(name)) else { return Ok(None) };
        let mut lexer = self.lexer.clone();
        if !matches!(lexer.next()?.kind, Kind::Text(_) | Kind::Hex(_)) {
            return Ok(None);
        }
        self.bump()?;
        let bytes = match &self.token.kind {
            Kind::Hex(bytes) => {
                let bytes = bytes.clone();
                self.bump()?;
                bytes
            }
            _ => self.text()?,
        };
        let is_binary = charset == "binary";
        Ok(Some(Expr::Literal(if is_binary { Value::Binary(bytes) } else { Value::Text(bytes) })))
    }

    /// A function's arguments, after the opening parenthesis.
    pub(super) fn call(&mut self, function: String) -> Result<Expr, SqlError> {
        match function.to_ascii_uppercase().as_str() {
            "CAST" => {
                let value = self.expr()?;
                self.expect("AS")?;
                let kind = self.cast_type()?;
                self.expect_punct(b')')?;
                self.operation(Operation::Cast(kind), vec![value])
            }
            "CONVERT" => self.convert(),
            "POSITION" => {
                let what = self.bits_only()?;
                self.expect("IN")?;
                let whole = self.expr()?;
                self.expect_punct(b')')?;
                Ok(Expr::Call { function: "LOCATE".into(), args: vec![what, whole] })
            }
            "SUBSTRING" | "SUBSTR" | "MID" => self.substring(function),
            "TRIM" => self.trim(),
            "EXTRACT" => {
                let unit = self.unit()?;
                self.expect("FROM")?;
                let value = self.expr()?;
                self.expect_punct(b')')?;
                self.operation(Operation::Extract(unit), vec![value])
            }
            "TIMESTAMPDIFF" | "TIMESTAMPADD" => {
                let is_difference = function.eq_ignore_ascii_case("TIMESTAMPDIFF");
                let unit = self.unit()?;
                self.expect_punct(b',')?;
                let first = self.expr()?;
                self.expect_punct(b',')?;
                let second = self.expr()?;
                self.expect_punct(b')')?;
                if is_difference {
                    return self.operation(Operation::TimestampDiff(unit), vec![first, second]);
                }
                self.operation(Operation::AddInterval(unit), vec![second, first])
            }
            "DATE_ADD" | "ADDDATE" | "DATE_SUB" | "SUBDATE" => self.shifted(&function),
            _ => Ok(Expr::Call { args: self.arguments()?, function }),
        }
    }

    /// `DATE_ADD(value, INTERVAL count unit)`
    fn shifted(&mut self, function: &str) -> Result<Expr, SqlError> {
        let value = self.expr()?;
        self.expect_punct(b',')?;
        let (count, unit) = match self.eat("INTERVAL")? {
            true => self.interval()?,
            false
                if function.eq_ignore_ascii_case("ADDDATE")
                    || function.eq_ignore_ascii_case("SUBDATE") =>
            {
                (self.expr()?, Unit::Day)
            }
            false => return Err(self.error()),
        };
        self.expect_punct(b')')?;
        let adds = function.to_ascii_uppercase().contains("ADD");
        let operation =
            if adds { Operation::AddInterval(unit) } else { Operation::SubtractInterval(unit) };
        self.operation(operation, vec![value, count])
    }

    /// `CONVERT(value, type)`, `CONVERT(value USING charset)`
    fn convert(&mut self) -> Result<Expr, SqlError> {
        let value = self.expr()?;
        let kind = if self.eat("USING")? {
            let charset = charset::charset(&self.name()?)?;
            if charset == "binary" { CastType::Binary(None) } else { CastType::Char(None) }
        } else {
            self.expect_punct(b',')?;
            self.cast_type()?
        };
        self.expect_punct(b')')?;
        self.operation(Operation::Cast(kind), vec![value])
    }

    /// `SUBSTRING(text FROM start [FOR length])`, or with commas
    fn substring(&mut self, function: String) -> Result<Expr, SqlError> {
        let mut args = vec![self.expr()?];
        if self.eat("FROM")? {
            args.push(self.expr()?);
            if self.eat("FOR")? {
                args.push(self.expr()?);
            }
        } else {
            while self.eat_punct(b',')? {
                args.push(self.expr()?);
                if args.len() > 3 {
                    return Err(self.error());
                }
            }
        }
        self.expect_punct(b')')?;
        Ok(Expr::Call { function, args })
    }

    /// `TRIM([BOTH|LEADING|TRAILING] [what] FROM text)`, `TRIM(text)`
    fn trim(&mut self) -> Result<Expr, SqlError> {
        let function = if self.eat("LEADING")? {
            "LTRIM"
        } else if self.eat("TRAILING")? {
            "RTRIM"
        } else {
            self.eat("BOTH")?;
            "TRIM"
        };
        let mut args = Vec::new();
        if !self.is("FROM") {
            args.push(self.expr()?);
        }
        if self.eat("FROM")? {
            args.insert(0, self.expr()?);
        }
        self.expect_punct(b')')?;
        Ok(Expr::Call { function: function.to_owned(), args })
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, SqlError> {
        let mut args = Vec::new();
        if self.eat_punct(b')')? {
            return Ok(args);
        }
        loop {
            if args.len() >= LIST_LEN_MAX {
                return Err(SqlError::too_many_columns());
            }
            args.push(self.expr()?);
            if !self.eat_punct(b',')? {
                self.expect_punct(b')')?;
                return Ok(args);
            }
        }
    }

    /// The name of a unit of time.
    pub(super) fn unit(&mut self) -> Result<Unit, SqlError> {
        let Kind::Word(word) = self.token.kind else { return Err(self.error()) };
        let Some(unit) = Unit::of_name(&String::from_utf8_lossy(word)) else {
            return Err(match word.contains(&b'_') {
                true => SqlError::not_supported("intervals of two units"),
                false => self.error(),
            });
        };
        self.bump()?;
        Ok(unit)
    }

    fn cast_type(&mut self) -> Result<CastType, SqlError> {
        let word = self.name()?.to_ascii_uppercase();
        Ok(match word.as_str() {
            "SIGNED" => {
                let _ = self.eat("INTEGER")? || self.eat("INT")?;
                CastType::Signed
            }
            "INT" | "INTEGER" if self.lexer.dialect().mariadb => CastType::Signed,
            "UNSIGNED" => {
                let _ = self.eat("INTEGER")? || self.eat("INT")?;
                CastType::Unsigned
            }
            "DECIMAL" | "DEC" => {
                let (precision, scale) = self.precision()?;
                CastType::Decimal(precision, scale)
            }
            "DOUBLE" => {
                self.eat("PRECISION")?;
                CastType::Double
            }
            "REAL" => CastType::Double,
            "FLOAT" => CastType::Float,
            "CHAR" | "NCHAR" | "VARCHAR" => {
                let length = self.length()?;
                if self.eat("CHARACTER")? {
                    self.expect("SET")?;
                    charset::charset(&self.name()?)?;
                } else if self.eat("CHARSET")? {
                    charset::charset(&self.name()?)?;
                }
                CastType::Char(length)
            }
            "BINARY" => CastType::Binary(self.length()?),
            "DATE" => CastType::Date,
            "TIME" => CastType::Time(self.fraction()?),
            "DATETIME" => CastType::DateTime(self.fraction()?),
            "YEAR" => CastType::Year,
            "JSON" => return Err(SqlError::not_supported("CAST to JSON")),
            _ => return Err(self.error()),
        })
    }

    fn length(&mut self) -> Result<Option<u32>, SqlError> {
        if !self.eat_punct(b'(')? {
            return Ok(None);
        }
        let length = self.number_below::<u32>(u64::from(u32::MAX))?;
        self.expect_punct(b')')?;
        Ok(Some(length))
    }

    fn fraction(&mut self) -> Result<u8, SqlError> {
        let digits = self.length()?.unwrap_or(0);
        let digits = u8::try_from(digits).ok().filter(|digits| *digits <= FRACTION_MAX);
        digits.ok_or_else(|| SqlError::too_big_precision(FRACTION_MAX))
    }

    fn precision(&mut self) -> Result<(u8, u8), SqlError> {
        if !self.eat_punct(b'(')? {
            return Ok(DECIMAL);
        }
        let precision = self.number_below::<u64>(u64::MAX)?;
        let scale = if self.eat_punct(b',')? { self.number_below::<u64>(u64::MAX)? } else { 0 };
        self.expect_punct(b')')?;
        match (u8::try_from(precision), u8::try_from(scale)) {
            (Ok(0), Ok(scale)) if scale <= DECIMAL.0 => Ok((DECIMAL.0, scale)),
            (Ok(precision), Ok(scale))
                if precision <= DECIMAL_MAX.0 && scale <= DECIMAL_MAX.1.min(precision) =>
            {
                Ok((precision, scale))
            }
            _ => Err(SqlError::too_big_precision(DECIMAL_MAX.0)),
        }
    }
}
