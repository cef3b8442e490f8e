//! Tables whose rows are made here: of sessions, readers, variables, and binlogd as a replica.
//!
//! Tools read them of any server. What only an applier or a storage engine has is empty or NULL. Names and columns
//! are those of MySQL 9.7, but for `BINLOG_READERS`, which is binlogd's own.

mod replication;
mod select;
mod sessions;

use super::super::error::SqlError;
use super::super::reply::{Column, Kind, ResultSet};
use super::super::sql::{self, Filter, SelectOwn};
use super::super::variables::{self, View};
use super::{Query, show};
pub(super) use select::Scope;

impl Query<'_> {
    /// The rows that are selected of a table that is made here.
    pub(super) fn select_own(&mut self, select: &SelectOwn) -> Result<ResultSet, SqlError> {
        let view = self.view();
        let found = select.found(self.session.db.as_deref());
        let Some((_, name)) = found.filter(|(schema, name)| exists(&view, schema, name)) else {
            return Err(self.no_table(select.table.schema.clone(), &select.table.name));
        };
        let all = rows(&view, select, self.is_trial, name)?;
        self.select_rows(select, all)
    }
}

/// Whether a server of this product and version has the table.
fn exists(view: &View<'_>, schema: &str, name: &str) -> bool {
    let dialect = view.server.dialect();
    let is_older = dialect.mariadb || dialect.version < 80_000;
    match (schema, name) {
        ("information_schema", "BINLOG_READERS" | "PROCESSLIST") => true,
        ("information_schema", _) => is_older,
        (_, "threads") => true,
        _ => !dialect.mariadb && dialect.version >= 50_700,
    }
}

/// All rows of a table. What is large or slow is made only where the selection needs it.
fn rows(
    view: &View<'_>,
    select: &SelectOwn,
    is_trial: bool,
    name: &str,
) -> Result<ResultSet, SqlError> {
    match name.to_ascii_lowercase().as_str() {
        "binlog_readers" => sessions::binlog_readers(view, !is_trial && select.needs("GTIDS")),
        "processlist" => Ok(sessions::process_list(view)),
        "threads" => Ok(sessions::threads(view)),
        "global_variables" => Ok(variables(view, sql::Scope::Global)),
        "session_variables" => Ok(variables(view, sql::Scope::Session)),
        "global_status" | "session_status" => {
            Ok(pairs(variables::status::show(view, &Filter::All)))
        }
        name => replication::table(view, name),
    }
}

fn variables(view: &View<'_>, scope: sql::Scope) -> ResultSet {
    pairs(variables::show(view, scope, &Filter::All))
}

fn pairs(rows: Vec<(String, Vec<u8>)>) -> ResultSet {
    let columns = vec![show::text("VARIABLE_NAME"), show::text("VARIABLE_VALUE")];
    ResultSet { columns, ..show::pairs(rows) }
}

/// A column of times.
fn timestamp(name: &str) -> Column {
    Column { name: name.into(), kind: Kind::DateTime(6) }
}

#[cfg(test)]
mod tests;
