//! Tables whose rows are made here: of sessions, readers, variables, and binlogd as a replica.
//!
//! Tools read them of any server. What only an applier or a storage engine has is empty or NULL. Names and columns
//! are those of MySQL 9.7, but for `BINLOG_READERS`, which is binlogd's own.

mod replication;
mod sessions;

use std::cmp::Ordering;

use super::super::error::SqlError;
use super::super::reply::{Column, Kind, ResultSet};
use super::super::sql::{Filter, Inquiry, Limit, Scope, Selection, Value};
use super::super::variables::{self, View};
use super::{Query, show};

impl Query<'_> {
    /// The rows of a question about a table that is made here; `None` if it is about another one.
    pub(super) fn own_table(&self, inquiry: &Inquiry) -> Result<Option<ResultSet>, SqlError> {
        let Inquiry::Select(selection) = inquiry else { return Ok(None) };
        let Some((schema, name)) = selection.own_table(self.session.db.as_deref()) else {
            return Ok(None);
        };
        let view = self.view();
        if !exists(&view, schema, name) {
            return Ok(None);
        }
        select(selection, rows(&view, selection, name)?).map(Some)
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
fn rows(view: &View<'_>, selection: &Selection, name: &str) -> Result<ResultSet, SqlError> {
    match name.to_ascii_lowercase().as_str() {
        "binlog_readers" => sessions::binlog_readers(view, selection),
        "processlist" => Ok(sessions::process_list(view)),
        "threads" => Ok(sessions::threads(view)),
        "global_variables" => Ok(variables(view, Scope::Global)),
        "session_variables" => Ok(variables(view, Scope::Session)),
        "global_status" | "session_status" => {
            Ok(pairs(variables::status::show(view, &Filter::All)))
        }
        name => replication::table(view, name),
    }
}

fn variables(view: &View<'_>, scope: Scope) -> ResultSet {
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

/// The rows and columns that are selected.
fn select(selection: &Selection, all: ResultSet) -> Result<ResultSet, SqlError> {
    let all_columns = all.columns;
    let index = |name: &str, clause| {
        let is = |column: &Column| column.name.eq_ignore_ascii_case(name.as_bytes());
        let found = all_columns.iter().position(is);
        found.ok_or_else(|| SqlError::unknown_column_in(name, clause))
    };
    let mut columns = Vec::new();
    let mut picked = Vec::new();
    for (name, alias) in &selection.columns {
        if name == "*" {
            picked.extend(0..all_columns.len());
            columns.extend(all_columns.iter().cloned());
            continue;
        }
        let at = index(name, "field list")?;
        picked.push(at);
        let name = alias.as_ref().unwrap_or(name).clone().into_bytes();
        columns.extend(all_columns.get(at).map(|column| Column { name, kind: column.kind }));
    }
    let mut order = Vec::new();
    for (name, descending) in &selection.order {
        let aliased = selection.columns.iter().find(|(_, alias)| alias.as_ref() == Some(name));
        order.push((index(aliased.map_or(name, |(name, _)| name), "order clause")?, *descending));
    }
    let mut rows = all.rows;
    if let Some(condition) = &selection.condition {
        for name in condition.fields() {
            index(name, "where clause")?;
        }
        rows.retain(|row| {
            let value = |name: &String| {
                let at = index(name, "where clause").ok()?;
                row.get(at)?.to_bytes().map(|bytes| bytes.into_owned().into())
            };
            condition.holds(&value) == Some(true)
        });
    }
    rows.sort_by(|a, b| by_columns(a, b, &order));
    let pick = |row: Vec<Value>| picked.iter().filter_map(|at| row.get(*at).cloned()).collect();
    let mut rows: Vec<Vec<Value>> = rows.into_iter().map(pick).collect();
    if selection.distinct {
        let mut seen = Vec::new();
        rows.retain(|row| {
            let is_new = !seen.contains(row);
            if is_new {
                seen.push(row.clone());
            }
            is_new
        });
    }
    Ok(ResultSet { columns, rows: Limit::apply(selection.limit, rows) })
}

fn by_columns(a: &[Value], b: &[Value], order: &[(usize, bool)]) -> Ordering {
    let by_column = |(at, descending): &(usize, bool)| {
        let ordering = match (a.get(*at), b.get(*at)) {
            (Some(a), Some(b)) => compare(a, b),
            _ => Ordering::Equal,
        };
        if *descending { ordering.reverse() } else { ordering }
    };
    order.iter().map(by_column).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

/// NULL comes first, numbers by their value, text without regard to case.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::UInt(a), Value::UInt(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        _ => {
            let text = |value: &Value| value.to_bytes().map(|bytes| bytes.to_ascii_lowercase());
            text(a).cmp(&text(b))
        }
    }
}

#[cfg(test)]
mod tests;
