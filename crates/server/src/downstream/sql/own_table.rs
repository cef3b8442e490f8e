//! `SELECT` from tables whose rows binlogd makes itself. Which rows these are `query` knows.

use super::inquiry::INFORMATION_SCHEMA;
use super::{Expr, Limit, SelectItem, TableName};

/// The schema whose tables say what a server is doing.
const PERFORMANCE_SCHEMA: &str = "performance_schema";

/// The tables that are made here, which say what binlogd is doing: schema and name.
const TABLES: &[(&str, &str)] = &[
    (INFORMATION_SCHEMA, "BINLOG_READERS"),
    (INFORMATION_SCHEMA, "GLOBAL_STATUS"),
    (INFORMATION_SCHEMA, "GLOBAL_VARIABLES"),
    (INFORMATION_SCHEMA, "PROCESSLIST"),
    (INFORMATION_SCHEMA, "SESSION_STATUS"),
    (INFORMATION_SCHEMA, "SESSION_VARIABLES"),
    (PERFORMANCE_SCHEMA, "global_status"),
    (PERFORMANCE_SCHEMA, "global_variables"),
    (PERFORMANCE_SCHEMA, "log_status"),
    (PERFORMANCE_SCHEMA, "processlist"),
    (PERFORMANCE_SCHEMA, "replication_applier_configuration"),
    (PERFORMANCE_SCHEMA, "replication_applier_status"),
    (PERFORMANCE_SCHEMA, "replication_applier_status_by_coordinator"),
    (PERFORMANCE_SCHEMA, "replication_applier_status_by_worker"),
    (PERFORMANCE_SCHEMA, "replication_connection_configuration"),
    (PERFORMANCE_SCHEMA, "replication_connection_status"),
    (PERFORMANCE_SCHEMA, "replication_group_member_stats"),
    (PERFORMANCE_SCHEMA, "replication_group_members"),
    (PERFORMANCE_SCHEMA, "session_status"),
    (PERFORMANCE_SCHEMA, "session_variables"),
    (PERFORMANCE_SCHEMA, "threads"),
];

/// `SELECT … FROM` one of these tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectOwn {
    /// Equal rows are shown once.
    pub distinct: bool,
    /// The columns, at least one.
    pub items: Vec<SelectItem>,
    /// The table, perhaps of the database that is in use.
    pub table: TableName,
    /// `WHERE`
    pub condition: Option<Expr>,
    /// `GROUP BY`
    pub groups: Vec<Expr>,
    /// `ORDER BY`, and whether from the last on.
    pub order: Vec<(Expr, bool)>,
    /// `LIMIT`
    pub limit: Option<Limit>,
}

impl SelectOwn {
    /// Whether the table may be one of these, whatever database is in use.
    pub fn is_about(table: &TableName) -> bool {
        let schema = table.schema.as_deref();
        TABLES.iter().any(|(of, name)| {
            schema.is_none_or(|schema| schema.eq_ignore_ascii_case(of))
                && name.eq_ignore_ascii_case(&table.name)
        })
    }

    /// Schema and name of the table, if with this database in use it is one of these.
    pub fn found(&self, db: Option<&str>) -> Option<(&'static str, &'static str)> {
        let schema = self.table.schema.as_deref().or(db)?;
        let mut tables = TABLES.iter();
        let found = tables.find(|(of, name)| {
            of.eq_ignore_ascii_case(schema) && name.eq_ignore_ascii_case(&self.table.name)
        });
        found.copied()
    }

    /// Calls `visit` with each expression, and all in it.
    pub fn each_expr<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        let items = self.items.iter().map(|item| &item.expr);
        let order = self.order.iter().map(|(expr, _)| expr);
        for expr in items.chain(&self.condition).chain(&self.groups).chain(order) {
            expr.each(visit);
        }
    }

    /// Whether a column's values are needed.
    pub fn needs(&self, column: &str) -> bool {
        let mut needs = false;
        self.each_expr(&mut |expr| {
            if let Expr::Column(name) = expr {
                let name = name.rsplit('.').next().unwrap_or_default();
                needs |= name == "*" || name.eq_ignore_ascii_case(column);
            }
        });
        needs
    }
}
