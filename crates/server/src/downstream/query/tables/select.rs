//! `SELECT` over rows: conditions, groups, order.
//!
//! A column is a value of the row in hand; an aggregate function has a value for the rows of a group.

use std::cmp::Ordering;

use super::super::super::error::SqlError;
use super::super::super::reply::{Column, Kind, ResultSet};
use super::super::super::sql::{Expr, Limit, SelectOwn, Value};
use super::super::Query;

/// The functions of many rows.
const AGGREGATES: &[&str] = &["AVG", "COUNT", "MAX", "MIN", "SUM"];

/// What columns are values of, while an expression is computed.
#[derive(Debug, Default)]
pub(in super::super) struct Scope {
    columns: Vec<Column>,
    /// The row in hand; in an empty group there is none, and each of its values is NULL.
    row: Vec<Value>,
    /// The rows of the group in hand, outside of aggregate functions.
    group: Option<Vec<Vec<Value>>>,
}

impl Scope {
    fn index(&self, name: &str) -> Option<usize> {
        let name = name.rsplit('.').next().unwrap_or_default();
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// A row of the result, and the values that it is ordered by.
struct Selected {
    row: Vec<Value>,
    order: Vec<Value>,
}

impl Query<'_> {
    /// The value of a column.
    pub(in super::super) fn column(&self, name: &str) -> Result<Value, SqlError> {
        match self.scope.index(name) {
            Some(at) => Ok(self.scope.row.get(at).cloned().unwrap_or(Value::Null)),
            None => Err(SqlError::unknown_column(name)),
        }
    }

    /// The value of an aggregate function; `None` if it is another one, or there are no groups.
    pub(in super::super) fn aggregate(
        &mut self,
        function: &str,
        args: &[Expr],
    ) -> Result<Option<Value>, SqlError> {
        if self.scope.group.is_none() || !is_aggregate(function) {
            return Ok(None);
        }
        let [arg] = args else { return Err(SqlError::wrong_parameter_count(function)) };
        // Within the function there are only rows.
        let group = self.scope.group.take().unwrap_or_default();
        let row = std::mem::take(&mut self.scope.row);
        let value = self.fold(&function.to_ascii_uppercase(), arg, &group);
        self.scope.group = Some(group);
        self.scope.row = row;
        value.map(Some)
    }

    fn fold(
        &mut self,
        function: &str,
        arg: &Expr,
        group: &[Vec<Value>],
    ) -> Result<Value, SqlError> {
        let is_every_row = matches!(arg, Expr::Column(name) if name == "*");
        if is_every_row {
            return match function {
                "COUNT" => Ok(Value::Int(i64::try_from(group.len()).unwrap_or(i64::MAX))),
                _ => Err(SqlError::not_supported("this of every column")),
            };
        }
        let mut values = Vec::new();
        for row in group {
            self.scope.row.clone_from(row);
            values.push(self.eval(arg)?);
        }
        values.retain(|value| *value != Value::Null);
        Ok(match function {
            "COUNT" => Value::Int(i64::try_from(values.len()).unwrap_or(i64::MAX)),
            "MAX" | "MIN" => {
                let wanted = if function == "MAX" { Ordering::Greater } else { Ordering::Less };
                let mut best = None;
                for value in values {
                    let is_better = match &best {
                        None => true,
                        Some(best) => self.compare_values(&value, best) == Some(wanted),
                    };
                    if is_better {
                        best = Some(value);
                    }
                }
                best.unwrap_or(Value::Null)
            }
            _ if values.is_empty() => Value::Null,
            _ => {
                let numbers: Vec<_> = values.iter().filter_map(Value::to_decimal).collect();
                let count = bigdecimal::BigDecimal::from(u32::try_from(numbers.len()).unwrap_or(1));
                let sum: bigdecimal::BigDecimal = numbers.iter().sum();
                const AVERAGE_SCALE: i64 = 4;
                Value::Decimal(match function {
                    "AVG" => (sum / count).with_scale(AVERAGE_SCALE).to_plain_string(),
                    _ => sum.to_plain_string(),
                })
            }
        })
    }

    /// What is selected of `all` rows.
    pub(in super::super) fn select_rows(
        &mut self,
        select: &SelectOwn,
        all: ResultSet,
    ) -> Result<ResultSet, SqlError> {
        self.scope = Scope { columns: all.columns, ..Scope::default() };
        self.check_names(select)?;
        let mut rows = Vec::new();
        for row in all.rows {
            self.scope.row.clone_from(&row);
            let holds = match &select.condition {
                Some(condition) => self.truth(condition)? == Some(true),
                None => true,
            };
            if holds {
                rows.push(row);
            }
        }
        let mut selected = Vec::new();
        if !select.groups.is_empty() || has_aggregate(select) {
            for group in self.groups(select, rows)? {
                self.scope.row = group.first().cloned().unwrap_or_default();
                self.scope.group = Some(group);
                selected.push(self.selected(select)?);
            }
        } else {
            for row in rows {
                self.scope.row = row;
                selected.push(self.selected(select)?);
            }
        }
        selected.sort_by(|a, b| by_order(self, select, a, b));
        let mut rows: Vec<_> = selected.into_iter().map(|selected| selected.row).collect();
        if select.distinct {
            let mut seen = Vec::new();
            rows.retain(|row| {
                let is_new = !seen.contains(row);
                if is_new {
                    seen.push(row.clone());
                }
                is_new
            });
        }
        let columns = self.columns_of(select, &rows);
        self.scope = Scope::default();
        Ok(ResultSet { columns, rows: Limit::apply(select.limit, rows) })
    }

    /// Which names are known does not hang on how many rows there are.
    fn check_names(&self, select: &SelectOwn) -> Result<(), SqlError> {
        let known = |name: &str| name.ends_with('*') || self.scope.index(name).is_some();
        let check = |expr: &Expr, clause: &str, is_alias: &dyn Fn(&str) -> bool| {
            let mut result = Ok(());
            expr.each(&mut |expr| {
                if let Expr::Column(name) = expr
                    && !known(name)
                    && !is_alias(name)
                {
                    result = Err(SqlError::unknown_column_in(name, clause));
                }
            });
            result
        };
        let none = |_: &str| false;
        let alias = |name: &str| alias(select, name).is_some();
        for item in &select.items {
            check(&item.expr, "field list", &none)?;
        }
        if let Some(condition) = &select.condition {
            check(condition, "where clause", &none)?;
        }
        for group in &select.groups {
            check(group, "group statement", &alias)?;
        }
        for (expr, _) in &select.order {
            check(expr, "order clause", &alias)?;
        }
        Ok(())
    }

    /// The groups in the order of their first rows; without `GROUP BY` all rows are one.
    fn groups(
        &mut self,
        select: &SelectOwn,
        rows: Vec<Vec<Value>>,
    ) -> Result<Vec<Vec<Vec<Value>>>, SqlError> {
        if select.groups.is_empty() {
            return Ok(vec![rows]);
        }
        let mut groups: Vec<(Vec<Value>, Vec<Vec<Value>>)> = Vec::new();
        for row in rows {
            self.scope.row.clone_from(&row);
            let mut key = Vec::with_capacity(select.groups.len());
            for expr in &select.groups {
                key.push(self.eval(resolved(select, expr))?);
            }
            let same = |(other, _): &&mut (Vec<Value>, Vec<Vec<Value>>)| is_same(other, &key);
            match groups.iter_mut().find(same) {
                Some((_, members)) => members.push(row),
                None => groups.push((key, vec![row])),
            }
        }
        Ok(groups.into_iter().map(|(_, members)| members).collect())
    }

    /// The values of the row or group in hand.
    fn selected(&mut self, select: &SelectOwn) -> Result<Selected, SqlError> {
        let mut row = Vec::new();
        for item in &select.items {
            match &item.expr {
                Expr::Column(name) if name.ends_with('*') => {
                    row.extend(self.scope.row.iter().cloned());
                }
                expr => row.push(self.eval(expr)?),
            }
        }
        let mut order = Vec::with_capacity(select.order.len());
        for (expr, _) in &select.order {
            order.push(self.eval(resolved(select, expr))?);
        }
        Ok(Selected { row, order })
    }

    fn columns_of(&self, select: &SelectOwn, rows: &[Vec<Value>]) -> Vec<Column> {
        let mut columns = Vec::new();
        for item in &select.items {
            let name = item.name.clone();
            let column = match &item.expr {
                Expr::Column(all) if all.ends_with('*') => {
                    columns.extend(self.scope.columns.iter().cloned());
                    continue;
                }
                Expr::Column(known) => self.scope.index(known),
                _ => None,
            };
            let of_table = column.and_then(|at| self.scope.columns.get(at));
            let kind = match of_table {
                Some(column) => column.kind,
                None => kind_of(rows.iter().filter_map(|row| row.get(columns.len()))),
            };
            columns.push(Column { name, kind });
        }
        columns
    }
}

fn is_aggregate(function: &str) -> bool {
    AGGREGATES.iter().any(|known| known.eq_ignore_ascii_case(function))
}

fn has_aggregate(select: &SelectOwn) -> bool {
    let mut has = false;
    select.each_expr(&mut |expr| {
        has |= matches!(expr, Expr::Call { function, .. } if is_aggregate(function));
    });
    has
}

/// The expression of the column with this alias.
fn alias<'a>(select: &'a SelectOwn, name: &str) -> Option<&'a Expr> {
    let is = |name: &str, of: &[u8]| of.eq_ignore_ascii_case(name.as_bytes());
    let found = select.items.iter().find(|item| item.is_alias && is(name, &item.name));
    found.map(|item| &item.expr)
}

/// What is meant in `ORDER BY` and `GROUP BY`: an alias, a column's number, or the expression itself.
fn resolved<'a>(select: &'a SelectOwn, expr: &'a Expr) -> &'a Expr {
    let meant = match expr {
        Expr::Column(name) => alias(select, name),
        Expr::Literal(Value::Int(number)) => {
            let at = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
            at.and_then(|at| select.items.get(at)).map(|item| &item.expr)
        }
        _ => None,
    };
    meant.unwrap_or(expr)
}

/// Whether two rows are equal for `GROUP BY`: case does not count.
fn is_same(a: &[Value], b: &[Value]) -> bool {
    let same = |(a, b): (&Value, &Value)| match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.eq_ignore_ascii_case(b),
        (a, b) => a == b,
    };
    a.iter().zip(b).all(same)
}

/// NULL comes first.
fn by_order(query: &mut Query<'_>, select: &SelectOwn, a: &Selected, b: &Selected) -> Ordering {
    for (i, (_, descending)) in select.order.iter().enumerate() {
        let (Some(a), Some(b)) = (a.order.get(i), b.order.get(i)) else { continue };
        let ordering = match (a, b) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Less,
            (_, Value::Null) => Ordering::Greater,
            _ => query.compare_values(a, b).unwrap_or(Ordering::Equal),
        };
        if ordering.is_ne() {
            return if *descending { ordering.reverse() } else { ordering };
        }
    }
    Ordering::Equal
}

/// The kind of a column with these values: that of all that are not NULL, or text.
fn kind_of<'a>(values: impl Iterator<Item = &'a Value>) -> Kind {
    let mut kinds = values.filter(|value| **value != Value::Null).map(Kind::of);
    let Some(first) = kinds.next() else { return Kind::Text };
    if kinds.all(|kind| kind == first) { first } else { Kind::Text }
}
