//! `SELECT` from tables whose rows are made here.

use super::super::{Expr, SelectItem, SelectOwn, TableName};
use super::{LIST_LEN_MAX, Parser};
use crate::downstream::error::SqlError;

impl Parser<'_> {
    /// What follows the table's name: `[[AS] alias] [WHERE …] [GROUP BY …] [ORDER BY …] [LIMIT …]`
    pub(super) fn select_own(
        &mut self,
        distinct: bool,
        items: Vec<SelectItem>,
        table: TableName,
    ) -> Result<SelectOwn, SqlError> {
        // A column's name is looked up without what stands before it: there is one table.
        self.alias()?;
        let condition = if self.eat("WHERE")? { Some(self.expr()?) } else { None };
        let mut groups = Vec::new();
        if self.eat("GROUP")? {
            self.expect("BY")?;
            groups = self.list(Self::expr)?;
        }
        let mut order = Vec::new();
        if self.eat("ORDER")? {
            self.expect("BY")?;
            order = self.list(Self::ordered)?;
        }
        let limit = self.limit()?;
        if !self.at_end() {
            return Err(SqlError::not_supported("this kind of SELECT"));
        }
        Ok(SelectOwn { distinct, items, table, condition, groups, order, limit })
    }

    /// `value [ASC|DESC]`
    fn ordered(&mut self) -> Result<(Expr, bool), SqlError> {
        let expr = self.expr()?;
        let descending = self.eat("DESC")?;
        if !descending {
            self.eat("ASC")?;
        }
        Ok((expr, descending))
    }

    fn list<T>(
        &mut self,
        member: fn(&mut Self) -> Result<T, SqlError>,
    ) -> Result<Vec<T>, SqlError> {
        let mut list = vec![member(self)?];
        while self.eat_punct(b',')? {
            if list.len() >= LIST_LEN_MAX {
                return Err(SqlError::too_many_columns());
            }
            list.push(member(self)?);
        }
        Ok(list)
    }
}
