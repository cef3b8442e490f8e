//! Filters: `LIKE` and `WHERE`, with conditions over columns and constants.

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
        let (operator, texts, not) = if self.eat("LIKE")? {
            (Operator::Like, vec![self.text()?], not)
        } else if self.eat("IN")? {
            (Operator::In, self.texts()?, not)
        } else if not {
            return Err(self.error());
        } else if self.eat_punct(b'=')? {
            (Operator::In, vec![self.text_or_number()?], false)
        } else if self.not_equal()? {
            (Operator::In, vec![self.text_or_number()?], true)
        } else if self.at_end() {
            return Err(self.error());
        } else {
            return Err(SqlError::not_supported("this condition"));
        };
        let comparison = Condition::Compare(Comparison { field, operator, texts });
        Ok(if not { negated(comparison) } else { comparison })
    }

    /// `<>` or `!=`
    fn not_equal(&mut self) -> Result<bool, SqlError> {
        if self.eat_punct(b'!')? {
            self.expect_punct(b'=')?;
            return Ok(true);
        }
        if self.eat_punct(b'<')? {
            self.expect_punct(b'>')?;
            return Ok(true);
        }
        Ok(false)
    }

    fn texts(&mut self) -> Result<Vec<Vec<u8>>, SqlError> {
        self.expect_punct(b'(')?;
        let mut texts = vec![self.text_or_number()?];
        while self.eat_punct(b',')? {
            self.check_len(texts.len())?;
            texts.push(self.text_or_number()?);
        }
        self.expect_punct(b')')?;
        Ok(texts)
    }

    fn text_or_number(&mut self) -> Result<Vec<u8>, SqlError> {
        if let Kind::Number(digits) = self.token.kind {
            self.bump()?;
            return Ok(digits.as_bytes().to_vec());
        }
        self.text()
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
