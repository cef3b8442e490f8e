//! `PURGE BINARY LOGS`.

use super::super::{Purge, Statement};
use super::Parser;
use crate::downstream::error::SqlError;

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
        Ok(Statement::Purge(Purge::Before(self.expr()?)))
    }
}
