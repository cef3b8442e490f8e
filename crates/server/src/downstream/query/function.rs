//! Functions, by what they are about. A function's room is asked with its name in upper case, and its values.

pub(super) mod gtid;
mod number;
mod session;
mod text;
pub(super) mod time;
pub(super) mod wait;

use super::super::error::SqlError;
use super::super::sql::{Expr, Value};
use super::Query;

/// What a room has for a name: no value if it does not know the function.
type Found = Result<Option<Value>, SqlError>;

/// Calls a function by its name, in any case.
pub(super) fn call(query: &mut Query<'_>, name: &str, args: &[Expr]) -> Result<Value, SqlError> {
    const WRONG_PARAMETER_COUNT: u16 = 1582;
    call_known(query, name, args).map_err(|error| match error.code {
        // The rooms know its name in upper case only.
        WRONG_PARAMETER_COUNT => SqlError::wrong_parameter_count(name),
        _ => error,
    })
}

fn call_known(query: &mut Query<'_>, name: &str, args: &[Expr]) -> Result<Value, SqlError> {
    let upper = name.to_ascii_uppercase();
    if let Some(value) = control(query, &upper, args)? {
        return Ok(value);
    }
    let values = query.eval_all(args)?;
    if let Some(found) = waited(query, &upper, &values) {
        return found;
    }
    let rooms = [session::call, gtid::call, text::call, number::call, time::call];
    for room in rooms {
        if let Some(value) = room(query, &upper, &values)? {
            return Ok(value);
        }
    }
    let dialect = query.server.dialect();
    Err(match &query.session.db {
        Some(db) => SqlError::unknown_function(&format!("{db}.{name}")),
        None if !dialect.mariadb && dialect.version >= 80_000 => SqlError::no_database(),
        None => SqlError::unknown_function(name),
    })
}

/// Functions that compute only what they need of their arguments.
fn control(query: &mut Query<'_>, name: &str, args: &[Expr]) -> Found {
    Ok(Some(match (name, args) {
        ("IF", [condition, then, other]) => {
            let holds = query.truth(condition)? == Some(true);
            query.eval(if holds { then } else { other })?
        }
        ("IFNULL" | "NVL", [value, other]) => match query.eval(value)? {
            Value::Null => query.eval(other)?,
            value => value,
        },
        ("NULLIF", [value, other]) => {
            let same = query.compare(value, other)?.is_some_and(std::cmp::Ordering::is_eq);
            if same { Value::Null } else { query.eval(value)? }
        }
        ("ISNULL", [value]) => super::eval::boolean(query.eval(value)? == Value::Null),
        ("COALESCE", [_, ..]) => {
            for arg in args {
                let value = query.eval(arg)?;
                if value != Value::Null {
                    return Ok(Some(value));
                }
            }
            Value::Null
        }
        // Of one row.
        ("COUNT", [Expr::Column(all)]) if all == "*" => Value::Int(1),
        ("COUNT", [value]) => super::eval::boolean(query.eval(value)? != Value::Null),
        ("IF" | "COALESCE" | "COUNT", _) => return Err(SqlError::syntax(name.as_bytes(), 1)),
        ("IFNULL" | "NULLIF" | "ISNULL", _) => return Err(SqlError::wrong_parameter_count(name)),
        _ => return Ok(None),
    }))
}

/// What a function that waits says when the wait is over.
fn waited(query: &Query<'_>, name: &str, args: &[Value]) -> Option<Result<Value, SqlError>> {
    let wait = wait::wait(&query.view(), name, args)?;
    Some(wait.map(|wait| wait.map_or(Value::Null, |wait| wait.outcome(&query.view()))))
}

fn none(name: &str, args: &[Value]) -> Result<(), SqlError> {
    if args.is_empty() { Ok(()) } else { Err(SqlError::wrong_parameter_count(name)) }
}
