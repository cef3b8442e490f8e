//! Prepared statements: what preparing one says of it, and SQL's own `PREPARE`, `EXECUTE` and `DEALLOCATE`.

use std::sync::Arc;

use super::super::answer::Question;
use super::super::error::SqlError;
use super::super::prepared::Bound;
use super::super::reply::{Column, Kind, Reply};
use super::super::server::Server;
use super::super::sql::{
    Expr, Inquiry, Limit, Show, Statement, TransactionVerb, Value, parse_prepared,
};
use super::super::state::SessionState;
use super::{Query, show};

/// A statement that can be executed.
#[derive(Debug)]
pub(in super::super) struct Prepared {
    pub(in super::super) parameters: u16,
    pub(in super::super) columns: Columns,
}

/// The columns of a statement's rows, before it is executed.
#[derive(Debug)]
pub(in super::super) enum Columns {
    /// These; none if it has no rows.
    Known(Vec<Column>),
    /// Those of the answer to this, whose rows do not matter.
    Asked(Question),
}

/// Prepares a statement: finds out what it is made of, and does nothing.
pub(in super::super) fn prepare(
    server: &Server,
    session: &mut SessionState,
    sql: &[u8],
) -> Result<Prepared, SqlError> {
    let result = prepare_only(server, session, sql);
    session.warnings.clear();
    session.last_error = result.as_ref().err().cloned();
    result
}

fn prepare_only(
    server: &Server,
    session: &mut SessionState,
    sql: &[u8],
) -> Result<Prepared, SqlError> {
    let (statement, parameters) = parse_prepared(sql, server.dialect(), None)?;
    let mut query = Query::new(server, session);
    query.is_trial = true;
    query.check_preparable(&statement)?;
    let columns = query.columns(statement, parameters)?;
    Ok(Prepared { parameters, columns })
}

impl Query<'_> {
    /// Some statements can only be queried, as in MySQL; a MariaDB prepares nearly all.
    fn check_preparable(&self, statement: &Statement) -> Result<(), SqlError> {
        let is_mysql = !self.server.dialect().mariadb;
        match statement {
            Statement::Prepare { .. }
            | Statement::Execute { .. }
            | Statement::ExecuteImmediate { .. }
            | Statement::Deallocate(_) => Err(SqlError::cannot_be_prepared()),
            Statement::Use(_)
            | Statement::Purge(_)
            | Statement::Replica { .. }
            | Statement::Transaction(TransactionVerb::Begin)
            | Statement::Show(Show::Warnings { .. } | Show::WarningCount { .. })
                if is_mysql =>
            {
                Err(SqlError::cannot_be_prepared())
            }
            _ => Ok(()),
        }
    }

    fn columns(&mut self, statement: Statement, parameters: u16) -> Result<Columns, SqlError> {
        Ok(match statement {
            Statement::SelectFrom { schema, table } => return Err(self.no_table(schema, &table)),
            Statement::SelectOwn(select) => Columns::Known(self.select_own(&select)?.columns),
            Statement::Inquiry(mut inquiry) => {
                if let Inquiry::Select(selection) = &mut inquiry {
                    selection.limit = Some(Limit { offset: 0, count: 0 });
                }
                Columns::Asked(self.inquire(&inquiry)?)
            }
            Statement::Show(Show::BinlogEvents { .. }) => Columns::Known(show::events_columns()),
            Statement::Show(show) => Columns::Known(show::run(&self.view(), &show)?.columns),
            Statement::Select(select) => {
                let named = |item: &super::super::sql::SelectItem| Column {
                    name: item.name.clone(),
                    kind: Kind::Text,
                };
                match self.select(&select) {
                    Ok(Reply::Rows(set)) => Columns::Known(set.columns),
                    // A value that is not known yet is NULL here, which a function may refuse.
                    Err(error) if parameters == 0 || is_of_names(&error) => return Err(error),
                    _ => Columns::Known(select.items.iter().map(named).collect()),
                }
            }
            _ => Columns::Known(Vec::new()),
        })
    }

    /// `PREPARE`
    pub(super) fn prepare_named(&mut self, name: String, source: &Expr) -> Result<Reply, SqlError> {
        let sql = self.source(source)?;
        // The older statement goes, also if the newer one is refused.
        self.session.prepared.remove_named(&name);
        prepare_only(self.server, self.session, &sql)?;
        self.session.prepared.insert_named(name, &sql)?;
        Ok(Reply::Ok)
    }

    /// `DEALLOCATE PREPARE`
    pub(super) fn deallocate(&mut self, name: &str) -> Result<Reply, SqlError> {
        if self.session.prepared.remove_named(name) {
            return Ok(Reply::Ok);
        }
        Err(SqlError::unknown_statement(name, "DEALLOCATE PREPARE"))
    }

    /// The statement that `EXECUTE` executes, with its values; `None` if it is another statement.
    pub(super) fn executed(&mut self, statement: &Statement) -> Result<Option<Bound>, SqlError> {
        let (sql, using) = match statement {
            Statement::Execute { name, using } => {
                let sql = self.session.prepared.named(name);
                (sql.ok_or_else(|| SqlError::unknown_statement(name, "EXECUTE"))?, using)
            }
            Statement::ExecuteImmediate { source, using } => {
                let sql = self.source(source)?;
                prepare_only(self.server, self.session, &sql)?;
                (sql.into(), using)
            }
            _ => return Ok(None),
        };
        let values = using.iter().map(|expr| self.eval(expr)).collect::<Result<_, _>>()?;
        Ok(Some(Bound { sql: Arc::clone(&sql), values }))
    }

    fn source(&mut self, source: &Expr) -> Result<Vec<u8>, SqlError> {
        Ok(match self.eval(source)? {
            Value::Null => b"NULL".to_vec(),
            value => value.to_bytes().unwrap_or_default().into_owned(),
        })
    }
}

/// Whether an error is about what a statement names, and not about a value.
fn is_of_names(error: &SqlError) -> bool {
    const CODES: &[u16] = &[1046, 1049, 1054, 1109, 1146, 1193, 1227, 1235, 1238, 1305, 1582];
    CODES.contains(&error.code)
}
