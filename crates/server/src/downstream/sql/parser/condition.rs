//! Filters: `LIKE` and `WHERE`, with conditions over columns and constants.

use std::borrow::Cow;

use super::super::lexer::Kind;
use super::super::{Comparison, Condition, Filter, Operator};
use super::{LIST_LEN_MAX, Parser};
use crate::downstream::error::SqlError;

/// Which column a name means.
pub(super) type FieldOf<F> = fn(&str) -> Result<F, SqlError>;

impl Parser<'_> {
    /// `[LIKE 'pattern' | WHERE condition]`
    pub(super) fn filter<F>(&mut self, field: FieldOf<F>) -> Result<Filter<F>, SqlError> {
        if self.eat("LIKE")? {
            return self.text().map(Filter::Like);
        }
        if self.eat("WHERE")? {
            return self.condition(field).map(Filter::Where);
        }
        Ok(Filter::All)
    }

    pub(super) fn condition<F>(&mut self, field: FieldOf<F>) -> Result<Condition<F>, SqlError> {
        let mut any = vec![self.conjunction(field)?];
        while self.eat("OR")? {
            self.check_len(any.len())?;
            any.push(self.conjunction(field)?);
        }
        Ok(unless_single(any, Condition::Or))
    }

    fn conjunction<F>(&mut self, field: FieldOf<F>) -> Result<Condition<F>, SqlError> {
        let mut all = vec![self.nested(|parser| parser.term(field))?];
        while self.eat("AND")? {
            self.check_len(all.len())?;
            all.push(self.nested(|parser| parser.term(field))?);
        }
        Ok(unless_single(all, Condition::And))
    }

    fn term<F>(&mut self, field: FieldOf<F>) -> Result<Condition<F>, SqlError> {
        if self.eat("NOT")? {
            return self.nested(|parser| parser.term(field)).map(negated);
        }
        if self.eat_punct(b'(')? {
            let inner = self.condition(field)?;
            self.expect_punct(b')')?;
            return Ok(inner);
        }
        self.comparison(field)
    }

    fn comparison<F>(&mut self, field: FieldOf<F>) -> Result<Condition<F>, SqlError> {
        if !matches!(self.token.kind, Kind::Word(_) | Kind::Quoted(_)) {
            return Err(if self.at_end() {
                self.error()
            } else {
                SqlError::not_supported("this condition")
            });
        }
        let field = field(&self.name()?)?;
        let not = self.eat("NOT")?;
        let (operator, constants, not) = if self.eat("LIKE")? {
            (Operator::Like, vec![self.text_or_marker()?], not)
        } else if self.eat("IN")? {
            (Operator::In, self.constants()?, not)
        } else if not {
            return Err(self.error());
        } else if self.eat_punct(b'=')? {
            (Operator::In, vec![self.constant()?], false)
        } else if self.not_equal()? {
            (Operator::In, vec![self.constant()?], true)
        } else if self.at_end() {
            return Err(self.error());
        } else {
            return Err(SqlError::not_supported("this condition"));
        };
        let has_null = constants.contains(&None);
        let texts: Vec<_> = constants.into_iter().flatten().collect();
        let mut any = Vec::new();
        if !texts.is_empty() {
            any.push(Condition::Compare(Comparison { field, operator, texts }));
        }
        if has_null {
            any.push(Condition::Unknown);
        }
        let comparison = unless_single(any, Condition::Or);
        Ok(if not { negated(comparison) } else { comparison })
    }

    /// `<>` or `!=`
    fn not_equal(&mut self) -> Result<bool, SqlError> {
        let is = matches!(self.token.kind, Kind::Symbol("<>" | "!="));
        if is {
            self.bump()?;
        }
        Ok(is)
    }

    fn constants(&mut self) -> Result<Vec<Option<Vec<u8>>>, SqlError> {
        self.expect_punct(b'(')?;
        let mut constants = vec![self.constant()?];
        while self.eat_punct(b',')? {
            self.check_len(constants.len())?;
            constants.push(self.constant()?);
        }
        self.expect_punct(b')')?;
        Ok(constants)
    }

    /// A text, a number or a parameter's value; `None` is NULL.
    fn constant(&mut self) -> Result<Option<Vec<u8>>, SqlError> {
        if let Kind::Number(digits) = self.token.kind {
            self.bump()?;
            return Ok(Some(digits.as_bytes().to_vec()));
        }
        self.text_or_marker()
    }

    fn text_or_marker(&mut self) -> Result<Option<Vec<u8>>, SqlError> {
        if self.is_punct(b'?') {
            return Ok(self.marker()?.to_bytes().map(Cow::into_owned));
        }
        self.text().map(Some)
    }

    fn check_len(&self, len: usize) -> Result<(), SqlError> {
        if len < LIST_LEN_MAX {
            return Ok(());
        }
        Err(SqlError::not_supported("a condition of this many members"))
    }
}

fn negated<F>(condition: Condition<F>) -> Condition<F> {
    Condition::Not(Box::new(condition))
}

fn unless_single<F>(
    mut list: Vec<Condition<F>>,
    joined: impl FnOnce(Vec<Condition<F>>) -> Condition<F>,
) -> Condition<F> {
    if list.len() == 1 { list.swap_remove(0) } else { joined(list) }
}
