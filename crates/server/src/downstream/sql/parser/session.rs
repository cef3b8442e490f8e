//! Statements that do something to a server with tables, and to this one little or nothing: `FLUSH`, `LOCK`, `SAVEPOINT`, `DO`.

use super::super::lexer::Kind;
use super::super::{Flush, Show, Statement};
use super::{LIST_LEN_MAX, Parser};
use crate::downstream::error::SqlError;

impl Parser<'_> {
    /// `FLUSH [NO_WRITE_TO_BINLOG|LOCAL] what, …`
    pub(super) fn flush(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        if !self.eat("NO_WRITE_TO_BINLOG")? {
            self.eat("LOCAL")?;
        }
        if self.is_any(&["TABLES", "TABLE"]) {
            return self.flush_tables();
        }
        let mut all = vec![self.flushed()?];
        while self.eat_punct(b',')? {
            if all.len() >= LIST_LEN_MAX {
                return Err(self.error());
            }
            all.push(self.flushed()?);
        }
        Ok(Statement::Flush(all))
    }

    /// `TRUNCATE [TABLE] performance_schema.host_cache`, by which newer clients say `FLUSH HOSTS`; other tables are not
    /// here.
    pub(super) fn truncate(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        self.eat("TABLE")?;
        let table = self.table_name()?;
        let schema = table.schema.as_deref().unwrap_or_default();
        let is_host_cache = schema.eq_ignore_ascii_case("performance_schema")
            && table.name.eq_ignore_ascii_case("host_cache");
        if !is_host_cache {
            return Err(SqlError::read_only());
        }
        Ok(Statement::Flush(vec![Flush::Hosts]))
    }

    fn flushed(&mut self) -> Result<Flush, SqlError> {
        const KINDS_OF_LOGS: &[&str] = &["ENGINE", "ERROR", "GENERAL", "SLOW"];
        const OTHERS: &[&str] = &[
            "CLIENT_STATISTICS",
            "DES_KEY_FILE",
            "INDEX_STATISTICS",
            "OPTIMIZER_COSTS",
            "PRIVILEGES",
            "STATUS",
            "TABLE_STATISTICS",
            "USER_RESOURCES",
            "USER_STATISTICS",
            "USER_VARIABLES",
        ];
        if self.eat("HOSTS")? {
            return Ok(Flush::Hosts);
        }
        if self.is_any(KINDS_OF_LOGS) {
            self.bump()?;
            self.expect("LOGS")?;
            return Ok(Flush::Nothing);
        }
        if self.is_any(&["BINARY", "LOGS", "RELAY"]) {
            return Err(SqlError::not_supported(
                "FLUSH LOGS: the files are copies of the primary's, flush them there",
            ));
        }
        if self.eat("QUERY")? {
            self.expect("CACHE")?;
            return Ok(Flush::Nothing);
        }
        if self.is_any(OTHERS) {
            self.bump()?;
            return Ok(Flush::Nothing);
        }
        Err(self.error())
    }

    /// `TABLES [names] [WITH READ LOCK | FOR EXPORT]`
    fn flush_tables(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        if matches!(self.token.kind, Kind::Word(_) | Kind::Quoted(_))
            && !self.is_any(&["WITH", "FOR"])
        {
            self.table_names()?;
        }
        if self.eat("WITH")? {
            self.expect("READ")?;
            self.expect("LOCK")?;
            self.eat("AND")?;
            if self.eat("DISABLE")? {
                self.expect("CHECKPOINT")?;
            }
        } else if self.eat("FOR")? {
            self.expect("EXPORT")?;
        }
        Ok(Statement::Flush(vec![Flush::Tables]))
    }

    fn table_names(&mut self) -> Result<(), SqlError> {
        let mut count = 0;
        loop {
            self.table_name()?;
            count += 1;
            if !self.eat_punct(b',')? {
                return Ok(());
            }
            if count > LIST_LEN_MAX {
                return Err(self.error());
            }
        }
    }

    /// `LOCK TABLES name [AS alias] READ [LOCAL]|WRITE, …`, `LOCK INSTANCE FOR BACKUP`
    pub(super) fn lock(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        if self.eat("INSTANCE")? {
            self.expect("FOR")?;
            self.expect("BACKUP")?;
            return Ok(Statement::LockInstance);
        }
        if !self.eat("TABLES")? {
            self.expect("TABLE")?;
        }
        let mut writes = false;
        let mut count = 0;
        loop {
            self.table_name()?;
            let needs_alias = self.eat("AS")?;
            if needs_alias || !self.is_any(&["READ", "WRITE", "LOW_PRIORITY"]) {
                self.name()?;
            }
            if self.eat("READ")? {
                self.eat("LOCAL")?;
            } else {
                self.eat("LOW_PRIORITY")?;
                self.expect("WRITE")?;
                writes = true;
            }
            count += 1;
            if !self.eat_punct(b',')? {
                return Ok(Statement::LockTables { writes });
            }
            if count > LIST_LEN_MAX {
                return Err(self.error());
            }
        }
    }

    /// `UNLOCK TABLES`, `UNLOCK INSTANCE`
    pub(super) fn unlock(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        if !self.eat("TABLES")? && !self.eat("INSTANCE")? {
            self.expect("TABLE")?;
        }
        Ok(Statement::Unlock)
    }

    /// `SAVEPOINT name`
    pub(super) fn savepoint(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        Ok(Statement::Savepoint(self.name()?))
    }

    /// `RELEASE SAVEPOINT name`
    pub(super) fn release(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        self.expect("SAVEPOINT")?;
        Ok(Statement::ReleaseSavepoint(self.name()?))
    }

    /// What follows `ROLLBACK TO`.
    pub(super) fn rollback_to(&mut self) -> Result<Statement, SqlError> {
        self.eat("SAVEPOINT")?;
        Ok(Statement::RollbackTo(self.name()?))
    }

    /// `DO value, …`
    pub(super) fn do_values(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        let mut values = vec![self.expr()?];
        while self.eat_punct(b',')? {
            if values.len() >= LIST_LEN_MAX {
                return Err(SqlError::too_many_columns());
            }
            values.push(self.expr()?);
        }
        Ok(Statement::Do(values))
    }

    /// `XA RECOVER`; other kinds of XA transactions are not begun here.
    pub(super) fn xa(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        if !self.eat("RECOVER")? {
            return Err(SqlError::not_supported("XA"));
        }
        if self.eat("CONVERT")? {
            self.expect("XID")?;
        }
        Ok(Statement::Show(Show::XaRecover))
    }

    /// `CALL name[(values)]`
    pub(super) fn call_procedure(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        let procedure = self.table_name()?;
        if self.eat_punct(b'(')? {
            self.call(String::new())?;
        }
        Ok(Statement::Call(match procedure.schema {
            Some(schema) => format!("{schema}.{}", procedure.name),
            None => procedure.name,
        }))
    }
}
