//! Operators between values, in the order of their precedence in the manual's "Operator Precedence".

use super::super::lexer::Kind;
use super::super::{Expr, Operation, Unit};
use super::{LIST_LEN_MAX, OPERATIONS_MAX, Parser};
use crate::downstream::error::SqlError;

/// A level of operators that are applied from left to right.
type Level = &'static [(&'static str, Operation)];

/// From the loosest to the tightest.
const BIT_LEVELS: &[Level] = &[
    &[("|", Operation::BitOr)],
    &[("&", Operation::BitAnd)],
    &[("<<", Operation::ShiftLeft), (">>", Operation::ShiftRight)],
    &[("+", Operation::Add), ("-", Operation::Subtract)],
    &[
        ("*", Operation::Multiply),
        ("/", Operation::Divide),
        ("DIV", Operation::IntegerDivide),
        ("%", Operation::Modulo),
        ("MOD", Operation::Modulo),
    ],
    &[("^", Operation::BitXor)],
];

const COMPARISONS: Level = &[
    ("=", Operation::Equal),
    ("<=>", Operation::NullSafeEqual),
    ("<>", Operation::NotEqual),
    ("!=", Operation::NotEqual),
    ("<=", Operation::LessOrEqual),
    (">=", Operation::GreaterOrEqual),
    ("<", Operation::Less),
    (">", Operation::Greater),
];

const OR: Level = &[("OR", Operation::Or), ("||", Operation::Or)];
const XOR: Level = &[("XOR", Operation::Xor)];
const AND: Level = &[("AND", Operation::And), ("&&", Operation::And)];

impl Parser<'_> {
    /// A whole expression.
    pub(super) fn expr(&mut self) -> Result<Expr, SqlError> {
        if self.depth == 0 {
            self.operations = 0;
        }
        self.nested(|parser| {
            parser.left_to_right(OR, |parser| {
                parser.left_to_right(XOR, |parser| parser.left_to_right(AND, Self::negation))
            })
        })
    }

    fn negation(&mut self) -> Result<Expr, SqlError> {
        if self.eat("NOT")? {
            let operand = self.nested(Self::negation)?;
            return self.operation(Operation::Not, vec![operand]);
        }
        self.boolean()
    }

    /// Comparisons and `IS`.
    fn boolean(&mut self) -> Result<Expr, SqlError> {
        let mut left = self.predicate()?;
        loop {
            if self.eat("IS")? {
                left = self.is_something(left)?;
            } else if let Some(operation) = self.operator_of(COMPARISONS)? {
                if self.is_any(&["ALL", "ANY", "SOME"]) {
                    return Err(SqlError::not_supported("subqueries"));
                }
                let right = self.predicate()?;
                left = self.operation(operation, vec![left, right])?;
            } else {
                return Ok(left);
            }
        }
    }

    /// What follows `IS`.
    fn is_something(&mut self, left: Expr) -> Result<Expr, SqlError> {
        let not = self.eat("NOT")?;
        let operation = if self.eat("NULL")? || self.eat("UNKNOWN")? {
            Operation::IsNull
        } else if self.eat("TRUE")? {
            Operation::IsTrue
        } else {
            self.expect("FALSE")?;
            Operation::IsFalse
        };
        self.operation_unless(not, operation, vec![left])
    }

    /// `IN`, `BETWEEN`, `LIKE`.
    fn predicate(&mut self) -> Result<Expr, SqlError> {
        let left = self.bits(BIT_LEVELS)?;
        let not = self.eat("NOT")?;
        if self.eat("IN")? {
            let mut operands = vec![left];
            self.expect_punct(b'(')?;
            if self.is("SELECT") {
                return Err(SqlError::not_supported("subqueries"));
            }
            loop {
                if operands.len() > LIST_LEN_MAX {
                    return Err(SqlError::too_many_columns());
                }
                operands.push(self.expr()?);
                if !self.eat_punct(b',')? {
                    break;
                }
            }
            self.expect_punct(b')')?;
            return self.operation_unless(not, Operation::In, operands);
        }
        if self.eat("BETWEEN")? {
            let low = self.bits(BIT_LEVELS)?;
            self.expect("AND")?;
            let high = self.nested(Self::predicate)?;
            return self.operation_unless(not, Operation::Between, vec![left, low, high]);
        }
        if self.eat("LIKE")? {
            let mut operands = vec![left, self.bits(BIT_LEVELS)?];
            if self.eat("ESCAPE")? {
                operands.push(self.nested(Self::operand)?);
            }
            return self.operation_unless(not, Operation::Like, operands);
        }
        if self.is_any(&["REGEXP", "RLIKE", "SOUNDS", "MEMBER"]) {
            return Err(SqlError::not_supported("REGEXP, SOUNDS LIKE and MEMBER OF"));
        }
        if not { Err(self.error()) } else { Ok(left) }
    }

    /// Arithmetic and bits.
    fn bits(&mut self, levels: &'static [Level]) -> Result<Expr, SqlError> {
        let Some((level, tighter)) = levels.split_first() else {
            return self.nested(Self::operand_collated);
        };
        let mut left = self.bits(tighter)?;
        while let Some(operation) = self.operator_of(level)? {
            let interval = match operation {
                Operation::Add if self.is("INTERVAL") => Some(Operation::AddInterval as fn(_) -> _),
                Operation::Subtract if self.is("INTERVAL") => {
                    Some(Operation::SubtractInterval as fn(_) -> _)
                }
                _ => None,
            };
            left = match interval {
                Some(operation) => {
                    self.bump()?;
                    let (count, unit) = self.interval()?;
                    self.operation(operation(unit), vec![left, count])?
                }
                None => {
                    let right = self.bits(tighter)?;
                    self.operation(operation, vec![left, right])?
                }
            };
        }
        Ok(left)
    }

    /// A value before `IN` that is no comparison: `POSITION(a IN b)`.
    pub(super) fn bits_only(&mut self) -> Result<Expr, SqlError> {
        self.nested(|parser| parser.bits(BIT_LEVELS))
    }

    /// What follows `INTERVAL`.
    pub(super) fn interval(&mut self) -> Result<(Expr, Unit), SqlError> {
        let count = self.expr()?;
        let unit = self.unit()?;
        Ok((count, unit))
    }

    fn operand_collated(&mut self) -> Result<Expr, SqlError> {
        let mut operand = self.operand()?;
        while self.eat("COLLATE")? {
            let collation = match self.token.kind {
                Kind::Text(_) => String::from_utf8_lossy(&self.text()?).into_owned(),
                _ => self.name()?,
            };
            crate::downstream::charset::charset_of_collation(&collation)?;
            if collation.ends_with("_bin") || collation.eq_ignore_ascii_case("binary") {
                operand = self.operation(Operation::Binary, vec![operand])?;
            }
        }
        Ok(operand)
    }

    fn left_to_right(
        &mut self,
        level: Level,
        tighter: impl Fn(&mut Self) -> Result<Expr, SqlError>,
    ) -> Result<Expr, SqlError> {
        let mut left = tighter(self)?;
        while let Some(operation) = self.operator_of(level)? {
            let right = tighter(self)?;
            left = self.operation(operation, vec![left, right])?;
        }
        Ok(left)
    }

    /// Takes the operator in hand if it is of this level.
    fn operator_of(&mut self, level: Level) -> Result<Option<Operation>, SqlError> {
        let found = level.iter().find(|(symbol, _)| match self.token.kind {
            Kind::Word(word) => word.eq_ignore_ascii_case(symbol.as_bytes()),
            Kind::Punct(byte) => symbol.as_bytes() == [byte],
            Kind::Symbol(text) => *symbol == text,
            _ => false,
        });
        let Some((_, operation)) = found else { return Ok(None) };
        self.bump()?;
        Ok(Some(*operation))
    }

    fn operation_unless(
        &mut self,
        not: bool,
        operation: Operation,
        operands: Vec<Expr>,
    ) -> Result<Expr, SqlError> {
        let expr = self.operation(operation, operands)?;
        if not { self.operation(Operation::Not, vec![expr]) } else { Ok(expr) }
    }

    /// An operation, if there are not too many already: each may be an operand of the next one.
    pub(super) fn operation(
        &mut self,
        operation: Operation,
        operands: Vec<Expr>,
    ) -> Result<Expr, SqlError> {
        self.operations += 1;
        if self.operations > OPERATIONS_MAX {
            return Err(SqlError::not_supported("expressions of this many operators"));
        }
        Ok(Expr::Operation(operation, operands))
    }
}
