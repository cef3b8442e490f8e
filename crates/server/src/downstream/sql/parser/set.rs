//! `SET` of variables, names and transaction characteristics.

use super::super::lexer::Kind;
use super::super::{Assignment, Expr, Scope, SetValue, Statement};
use super::expr::constant;
use super::{LIST_LEN_MAX, Parser};
use crate::downstream::error::SqlError;

impl Parser<'_> {
    pub(super) fn set(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        if self.eat("ROLE")? {
            return self.role();
        }
        if self.is("PASSWORD") {
            return Err(SqlError::read_only());
        }
        if self.is_any(&["DEFAULT", "RESOURCE", "STATEMENT"]) {
            let word = self.name()?.to_ascii_uppercase();
            return Err(SqlError::not_supported(&format!("SET {word}")));
        }
        if self.is("TRANSACTION") {
            // Without a scope it is for the next transaction alone, and none does anything here.
            self.transaction_characteristics(Scope::Session)?;
            return Ok(Statement::Set(Vec::new()));
        }
        let mut scope = self.scope_word();
        let mut list = Vec::new();
        if let Some(scope) = scope {
            self.bump()?;
            if self.is("TRANSACTION") {
                return self.transaction_characteristics(scope).map(Statement::Set);
            }
            list.push(self.named(Some(scope))?);
        } else {
            list.push(self.assignment(&mut scope)?);
        }
        while self.eat_punct(b',')? {
            if list.len() >= LIST_LEN_MAX {
                return Err(SqlError::not_supported("SET of this many variables"));
            }
            list.push(self.assignment(&mut scope)?);
        }
        Ok(Statement::Set(list))
    }

    /// What follows `SET ROLE`.
    fn role(&mut self) -> Result<Statement, SqlError> {
        if self.is_any(&["NONE", "DEFAULT", "ALL"]) {
            self.bump()?;
            return Ok(Statement::SetRole(None));
        }
        let role = match self.token.kind {
            Kind::Text(_) => String::from_utf8_lossy(&self.text()?).into_owned(),
            _ => self.name()?,
        };
        Ok(Statement::SetRole(Some(role)))
    }

    /// One member of the list. A scope word also holds for the plain names after it.
    fn assignment(&mut self, scope: &mut Option<Scope>) -> Result<Assignment, SqlError> {
        match &self.token.kind {
            Kind::UserVariable(name) => {
                let name = name.clone();
                self.bump()?;
                self.assign()?;
                Ok(Assignment::User { name, value: self.expr()? })
            }
            Kind::AtAt => {
                let (scope, name) = self.system_variable()?;
                self.assign()?;
                let name = name.to_ascii_lowercase();
                Ok(Assignment::System { scope, name, value: self.set_value()? })
            }
            _ => {
                if let Some(named) = self.scope_word() {
                    self.bump()?;
                    *scope = Some(named);
                } else if let Some(names) = self.names()? {
                    return Ok(names);
                }
                self.named(*scope)
            }
        }
    }

    /// `name = value`
    fn named(&mut self, scope: Option<Scope>) -> Result<Assignment, SqlError> {
        let name = self.variable_name()?.to_ascii_lowercase();
        self.assign()?;
        Ok(Assignment::System { scope, name, value: self.set_value()? })
    }

    fn assign(&mut self) -> Result<(), SqlError> {
        if self.token.kind == Kind::Assign || self.is_punct(b'=') {
            self.bump()?;
            return Ok(());
        }
        Err(self.error())
    }

    fn set_value(&mut self) -> Result<SetValue, SqlError> {
        let Kind::Word(word) = self.token.kind else { return self.expr().map(SetValue::Expr) };
        if self.eat("DEFAULT")? {
            return Ok(SetValue::Default);
        }
        // ON is reserved elsewhere, but a value here.
        if self.eat("ON")? {
            return Ok(SetValue::Word("ON".into()));
        }
        if constant(word).is_some() {
            return self.expr().map(SetValue::Expr);
        }
        Ok(match self.expr()? {
            Expr::Column(word) if !word.contains(['.', '*']) => SetValue::Word(word),
            expr => SetValue::Expr(expr),
        })
    }

    /// `NAMES x [COLLATE y]`, `CHARACTER SET x`, `CHARSET x`, if that is what comes.
    fn names(&mut self) -> Result<Option<Assignment>, SqlError> {
        if self.eat("NAMES")? {
            let charset = self.charset()?;
            let collation =
                if charset.is_some() && self.eat("COLLATE")? { self.charset()? } else { None };
            return Ok(Some(Assignment::Names { charset, collation }));
        }
        if self.eat("CHARACTER")? {
            self.expect("SET")?;
        } else if !self.eat("CHARSET")? {
            return Ok(None);
        }
        Ok(Some(Assignment::CharacterSet(self.charset()?)))
    }

    /// The name of a character set or collation; `DEFAULT` is none.
    fn charset(&mut self) -> Result<Option<String>, SqlError> {
        if self.eat("DEFAULT")? {
            return Ok(None);
        }
        if let Kind::Text(_) = self.token.kind {
            return Ok(Some(String::from_utf8_lossy(&self.text()?).to_ascii_lowercase()));
        }
        Ok(Some(self.name()?.to_ascii_lowercase()))
    }

    /// `TRANSACTION ISOLATION LEVEL …`, `TRANSACTION READ ONLY`, as the variables they set.
    fn transaction_characteristics(&mut self, scope: Scope) -> Result<Vec<Assignment>, SqlError> {
        self.bump()?;
        let mut list = Vec::new();
        loop {
            let (name, value) = if self.eat("ISOLATION")? {
                self.expect("LEVEL")?;
                ("transaction_isolation", self.isolation_level()?)
            } else {
                self.expect("READ")?;
                let read_only = self.eat("ONLY")?;
                if !read_only {
                    self.expect("WRITE")?;
                }
                ("transaction_read_only", if read_only { "ON" } else { "OFF" })
            };
            let value = SetValue::Word(value.into());
            list.push(Assignment::System { scope: Some(scope), name: name.into(), value });
            // Two characteristics exist; more of them cannot be meant.
            if list.len() > 1 || !self.eat_punct(b',')? {
                return Ok(list);
            }
        }
    }

    fn isolation_level(&mut self) -> Result<&'static str, SqlError> {
        if self.eat("SERIALIZABLE")? {
            return Ok("SERIALIZABLE");
        }
        if self.eat("REPEATABLE")? {
            self.expect("READ")?;
            return Ok("REPEATABLE-READ");
        }
        self.expect("READ")?;
        if self.eat("COMMITTED")? {
            return Ok("READ-COMMITTED");
        }
        self.expect("UNCOMMITTED")?;
        Ok("READ-UNCOMMITTED")
    }
}
