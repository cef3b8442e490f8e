//! Questions about tables.

use super::super::lexer::Kind;
use super::super::{Expr, Filter, Inquiry, SelectItem, Selected, Selection, Statement, TableName};
use super::{LIST_LEN_MAX, Parser};
use crate::downstream::error::SqlError;

impl Parser<'_> {
    /// What follows `SHOW [FULL]`, if it is about tables.
    pub(super) fn show_of_tables(&mut self, full: bool) -> Result<Option<Inquiry>, SqlError> {
        if self.is_any(&["COLUMNS", "FIELDS"]) {
            self.bump()?;
            let table = self.table_shown()?;
            let filter = self.filter(any_column)?;
            return Ok(Some(Inquiry::Columns { full, table, filter }));
        }
        if self.eat("TABLES")? {
            let schema = if self.eats_from()? { Some(self.name()?) } else { None };
            return Ok(Some(Inquiry::Tables { full, schema, filter: self.filter(any_column)? }));
        }
        if full && !self.is("TRIGGERS") {
            return Ok(None);
        }
        if self.is_any(&["INDEX", "INDEXES", "KEYS"]) {
            self.bump()?;
            let table = self.table_shown()?;
            let filter = if self.is("LIKE") { Filter::All } else { self.filter(any_column)? };
            return Ok(Some(Inquiry::Index { table, filter }));
        }
        if self.eat("CREATE")? {
            return self.show_create().map(Some);
        }
        if self.is_any(&["DATABASES", "SCHEMAS"]) {
            self.bump()?;
            return Ok(Some(Inquiry::Databases { filter: self.filter(any_column)? }));
        }
        if let Some(what) = self.eat_words(Inquiry::OF_DATABASES)? {
            let schema = if self.eats_from()? { Some(self.name()?) } else { None };
            let filter = self.filter(any_column)?;
            return Ok(Some(Inquiry::OfDatabase { what, schema, filter }));
        }
        if self.eat("CHARSET")? {
            let filter = self.filter(any_column)?;
            return Ok(Some(Inquiry::OfServer { what: "CHARACTER SET", filter }));
        }
        if self.is("STORAGE") {
            self.bump()?;
            if !self.is("ENGINES") {
                return Err(self.error());
            }
        }
        if let Some(what) = self.eat_words(Inquiry::OF_SERVERS)? {
            let has_filter = !matches!(what, "ENGINES" | "PLUGINS" | "PRIVILEGES");
            let filter = if has_filter { self.filter(any_column)? } else { Filter::All };
            return Ok(Some(Inquiry::OfServer { what, filter }));
        }
        Ok(None)
    }

    /// `DATABASE db`, `TABLE table` and so on, after `SHOW CREATE`
    fn show_create(&mut self) -> Result<Inquiry, SqlError> {
        if self.is_any(&["DATABASE", "SCHEMA"]) {
            self.bump()?;
            let if_not_exists = self.eat("IF")?;
            if if_not_exists {
                self.expect("NOT")?;
                self.expect("EXISTS")?;
            }
            return Ok(Inquiry::CreateDatabase { if_not_exists, name: self.name()? });
        }
        match self.eat_words(Inquiry::CREATED)? {
            Some(what) => Ok(Inquiry::Create { what, name: self.table_name()? }),
            None => Err(SqlError::not_supported("SHOW CREATE of this")),
        }
    }

    /// The phrase that comes, of these, each of one word or two.
    fn eat_words(&mut self, phrases: &[&'static str]) -> Result<Option<&'static str>, SqlError> {
        let first = phrases.iter().find(|phrase| self.is(phrase.split(' ').next().unwrap_or("")));
        let Some(phrase) = first else { return Ok(None) };
        self.bump()?;
        if let Some((_, second)) = phrase.split_once(' ') {
            self.expect(second)?;
        }
        Ok(Some(phrase))
    }

    /// `DESCRIBE table [column | 'pattern']`, which is `SHOW COLUMNS`; what explains statements is refused.
    pub(super) fn describe(&mut self) -> Result<Statement, SqlError> {
        const EXPLAINED: &[&str] = &[
            "ANALYZE",
            "DELETE",
            "EXTENDED",
            "FOR",
            "FORMAT",
            "INSERT",
            "INTO",
            "PARTITIONS",
            "REPLACE",
            "SELECT",
            "TABLE",
            "UPDATE",
            "VALUES",
            "WITH",
        ];
        self.bump()?;
        if self.is_any(EXPLAINED) || self.is_punct(b'(') {
            return Err(SqlError::not_supported("EXPLAIN of statements"));
        }
        let table = self.table_name()?;
        let filter = match &self.token.kind {
            Kind::Text(_) => Filter::Like(self.text()?),
            // A column's name is no pattern, but is taken for one.
            Kind::Word(_) | Kind::Quoted(_) => Filter::Like(self.name()?.into_bytes()),
            _ => Filter::All,
        };
        Ok(Statement::Inquiry(Inquiry::Columns { full: false, table, filter }))
    }

    /// `FROM [db.]table [FROM db]`
    fn table_shown(&mut self) -> Result<TableName, SqlError> {
        if !self.eats_from()? {
            return Err(self.error());
        }
        let mut table = self.table_name()?;
        if self.eats_from()? {
            table.schema = Some(self.name()?);
        }
        Ok(table)
    }

    fn eats_from(&mut self) -> Result<bool, SqlError> {
        Ok(self.eat("FROM")? || self.eat("IN")?)
    }

    /// `[db.]table`
    pub(super) fn table_name(&mut self) -> Result<TableName, SqlError> {
        let first = self.name()?;
        if self.eat_punct(b'.')? {
            return Ok(TableName { schema: Some(first), name: self.name()? });
        }
        Ok(TableName { schema: None, name: first })
    }

    /// What follows `SELECT items FROM` a table of `information_schema`.
    pub(super) fn selection(
        &mut self,
        distinct: bool,
        items: Vec<SelectItem>,
        table: TableName,
    ) -> Result<Statement, SqlError> {
        let columns = items.into_iter().map(column_selected).collect::<Result<_, _>>()?;
        let condition = match self.eat("WHERE")? {
            true => Some(self.condition(any_column)?),
            false => None,
        };
        let order = if self.eat("ORDER")? { self.order()? } else { Vec::new() };
        let limit = self.limit()?;
        if !self.at_end() {
            return Err(SqlError::not_supported("this kind of SELECT"));
        }
        let selection = Selection { distinct, columns, table, condition, order, limit };
        Ok(Statement::Inquiry(Inquiry::Select(selection)))
    }

    /// `BY column [ASC|DESC], …`
    fn order(&mut self) -> Result<Vec<(String, bool)>, SqlError> {
        self.expect("BY")?;
        let mut order = Vec::new();
        loop {
            if !matches!(self.token.kind, Kind::Word(_) | Kind::Quoted(_)) {
                return Err(SqlError::not_supported("ORDER BY what is not a column"));
            }
            let column = self.name()?;
            let descending = self.eat("DESC")?;
            if !descending {
                self.eat("ASC")?;
            }
            order.push((column, descending));
            if !self.eat_punct(b',')? {
                return Ok(order);
            }
            if order.len() >= LIST_LEN_MAX {
                return Err(SqlError::too_many_columns());
            }
        }
    }
}

/// Which columns there are the primary knows.
#[expect(clippy::unnecessary_wraps, reason = "other filters know theirs")]
fn any_column(name: &str) -> Result<String, SqlError> {
    Ok(name.to_owned())
}

/// A column, and its alias if it has one. The number of rows has the name that the client wrote.
fn column_selected(item: SelectItem) -> Result<(Selected, Option<String>), SqlError> {
    let name = String::from_utf8_lossy(&item.name).into_owned();
    match item.expr {
        Expr::Column(all) if all == "*" => Ok((Selected::All, item.is_alias.then_some(name))),
        Expr::Column(column) if !column.contains('.') => {
            Ok((Selected::Column(column), item.is_alias.then_some(name)))
        }
        Expr::Call { function, args }
            if function.eq_ignore_ascii_case("COUNT") && args == [Expr::Column("*".into())] =>
        {
            Ok((Selected::Count, Some(name)))
        }
        _ => Err(SqlError::not_supported("anything but columns of this table")),
    }
}
