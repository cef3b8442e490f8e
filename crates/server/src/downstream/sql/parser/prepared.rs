//! `PREPARE`, `EXECUTE`, `DEALLOCATE PREPARE`, and the parameters of prepared statements.

use super::super::lexer::Kind;
use super::super::{Expr, Statement, Value};
use super::{LIST_LEN_MAX, Markers, Parser, refusal};
use crate::downstream::error::SqlError;

impl Parser<'_> {
    /// The value in the place of the `?` in hand.
    pub(super) fn marker(&mut self) -> Result<Value, SqlError> {
        let index = usize::from(self.marker_count);
        let value = match self.markers {
            Markers::None => return Err(self.error()),
            Markers::Unbound => Value::Null,
            Markers::Bound(values) => match values.get(index) {
                Some(value) => value.clone(),
                None => return Err(SqlError::wrong_arguments("EXECUTE")),
            },
        };
        let count = self.marker_count.checked_add(1);
        self.marker_count = count.ok_or_else(SqlError::too_many_parameters)?;
        self.bump()?;
        Ok(value)
    }

    /// `PREPARE name FROM source`
    pub(super) fn prepare(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        let name = self.statement_name()?;
        self.expect("FROM")?;
        Ok(Statement::Prepare { name, source: self.source()? })
    }

    /// `EXECUTE name [USING @a, …]`, MariaDB's `EXECUTE IMMEDIATE source [USING …]`
    pub(super) fn execute(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        if self.lexer.dialect().mariadb && self.eat("IMMEDIATE")? {
            let source = self.source()?;
            return Ok(Statement::ExecuteImmediate { source, using: self.using()? });
        }
        let name = self.statement_name()?;
        Ok(Statement::Execute { name, using: self.using()? })
    }

    /// `DEALLOCATE PREPARE name`
    pub(super) fn deallocate(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        self.expect("PREPARE")?;
        self.statement_name().map(Statement::Deallocate)
    }

    /// `DROP PREPARE name`; anything else that is dropped is refused.
    pub(super) fn drop_prepared(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        if self.is("PREPARE") {
            self.bump()?;
            return self.statement_name().map(Statement::Deallocate);
        }
        Err(refusal(b"DROP").unwrap_or_else(|| self.error()))
    }

    fn using(&mut self) -> Result<Vec<Expr>, SqlError> {
        let mut using = Vec::new();
        if !self.eat("USING")? {
            return Ok(using);
        }
        loop {
            using.push(self.source()?);
            if !self.eat_punct(b',')? {
                return Ok(using);
            }
            if using.len() >= LIST_LEN_MAX {
                return Err(SqlError::too_many_parameters());
            }
        }
    }

    /// A text or a variable; a MariaDB takes any value.
    fn source(&mut self) -> Result<Expr, SqlError> {
        if self.lexer.dialect().mariadb {
            return self.expr();
        }
        match self.token.kind {
            Kind::Text(_) | Kind::UserVariable(_) => self.operand(),
            _ => Err(self.error()),
        }
    }

    fn statement_name(&mut self) -> Result<String, SqlError> {
        Ok(self.name()?.to_lowercase())
    }
}
