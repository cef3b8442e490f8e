//! System variables: reading, showing and setting them.
//!
//! [`table`] is the one list of what exists; [`status`] is its sibling for `SHOW STATUS`. User
//! variables are the session's own (`state`).

mod check;
pub(super) mod status;
mod table;

use super::charset;
use super::error::SqlError;
use super::server::Server;
use super::sql::{Dialect, Filter, Scope, SetValue, Value};
use super::state::SessionState;
use check::Given;
use table::{Place, Setting, Source, Variable};

/// What values are computed from.
pub(super) struct View<'a> {
    pub(super) server: &'a Server,
    pub(super) session: &'a SessionState,
}

/// What a checked assignment will do to the session.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    name: &'static str,
    /// `None` goes back to the default.
    value: Option<Option<String>>,
}

/// The upstream's variables whose values are presented.
pub(crate) fn upstream_variables() -> impl Iterator<Item = &'static str> {
    let relayed = table::TABLE.iter().filter(|variable| match variable.source {
        Source::Upstream(_) | Source::UpstreamOnly => true,
        Source::Fixed(_) | Source::Computed(_) | Source::OnIf(_) => false,
    });
    relayed.map(|variable| variable.name).chain(table::COMPUTED_FROM_UPSTREAM)
}

/// A variable's value as `SELECT @@[scope.]name` gives it.
pub(super) fn select(view: &View<'_>, scope: Option<Scope>, name: &str) -> Result<Value, SqlError> {
    let variable = find(view, name)?;
    let shown = match (scope, variable.place) {
        (Some(Scope::Global), Place::Session) => {
            return Err(SqlError::incorrect_scope(variable.name, "SESSION"));
        }
        (Some(Scope::Session), Place::Global) => {
            return Err(SqlError::incorrect_scope(variable.name, "GLOBAL"));
        }
        (Some(Scope::Global), _) => global(view, variable),
        _ => current(view, variable),
    };
    match shown {
        Some(shown) => Ok(variable.kind.value(shown)),
        None => Err(SqlError::unknown_system_variable(name)),
    }
}

/// The rows of `SHOW VARIABLES`. Values that the filter cannot let through are not computed.
pub(super) fn show(view: &View<'_>, scope: Scope, filter: &Filter) -> Vec<(String, Vec<u8>)> {
    let dialect = view.server.dialect();
    let mut rows = Vec::new();
    for variable in table::TABLE {
        let hidden = scope == Scope::Global && variable.place == Place::Session;
        if hidden || !variable.exists(dialect) || !filter.may_match_name(variable.name) {
            continue;
        }
        let shown = match scope {
            Scope::Global => global(view, variable),
            Scope::Session => current(view, variable),
        };
        let Some(shown) = shown else { continue };
        let value = shown.unwrap_or_default().into_bytes();
        if filter.matches(variable.name, &value) {
            rows.push((variable.name.to_owned(), value));
        }
    }
    rows
}

/// Checks an assignment; what it does comes with [`apply`]. `computed` is the value of an expression.
pub(super) fn check(
    view: &View<'_>,
    scope: Option<Scope>,
    name: &str,
    value: &SetValue,
    computed: Option<Value>,
) -> Result<Vec<Change>, SqlError> {
    let variable = find(view, name)?;
    if variable.setting == Setting::ReadOnly {
        return Err(SqlError::incorrect_scope(variable.name, "read only"));
    }
    match (scope, variable.place) {
        (Some(Scope::Global), Place::Session) => {
            return Err(SqlError::session_only(variable.name));
        }
        (None | Some(Scope::Session), Place::Global) => {
            return Err(SqlError::set_global_needed(variable.name));
        }
        (Some(Scope::Global), _) => return Err(needs_privilege()),
        _ => {}
    }
    let check = match variable.setting {
        Setting::Session(check) => check,
        Setting::ReadOnly | Setting::Privileged => return Err(needs_privilege()),
    };
    let given = match (value, computed) {
        (SetValue::Default, _) => return Ok(vec![Change { name: variable.name, value: None }]),
        (SetValue::Word(word), _) => Given::Word(word),
        (SetValue::Expr(_), Some(value)) => Given::Value(value),
        (SetValue::Expr(_), None) => return Err(SqlError::wrong_type(variable.name)),
    };
    let value = check.run(variable.name, &given)?;
    let mut changes = vec![Change { name: variable.name, value: Some(value.clone()) }];
    changes.extend(implied(variable.name, value, view.server.dialect())?);
    Ok(changes)
}

/// `SET NAMES`; without a character set, back to the defaults.
pub(super) fn check_names(
    charset: Option<&str>,
    collation: Option<&str>,
    dialect: Dialect,
) -> Result<Vec<Change>, SqlError> {
    let Some(name) = charset else {
        let names = [CLIENT, CONNECTION, RESULTS, COLLATION_CONNECTION];
        return Ok(names.into_iter().map(|name| Change { name, value: None }).collect());
    };
    let charset = charset::charset(name)?;
    let collation = match collation {
        None => charset::default_collation(charset, dialect).to_owned(),
        Some(collation) if charset::charset_of_collation(collation)? == charset => {
            collation.to_owned()
        }
        Some(collation) => return Err(SqlError::collation_mismatch(collation, charset)),
    };
    Ok(vec![
        change(CLIENT, charset),
        change(CONNECTION, charset),
        change(RESULTS, charset),
        change(COLLATION_CONNECTION, collation),
    ])
}

/// `SET CHARACTER SET`: the connection goes back to the database's.
pub(super) fn check_character_set(charset: Option<&str>) -> Result<Vec<Change>, SqlError> {
    let mut changes = vec![
        Change { name: CONNECTION, value: None },
        Change { name: COLLATION_CONNECTION, value: None },
    ];
    for name in [CLIENT, RESULTS] {
        changes.push(match charset {
            None => Change { name, value: None },
            Some(charset) => change(name, charset::charset(charset)?),
        });
    }
    Ok(changes)
}

/// Does what was checked.
pub(super) fn apply(session: &mut SessionState, change: Change) {
    match change.value {
        Some(value) => session.system.0.insert(change.name, value),
        None => session.system.0.remove(change.name),
    };
}

/// A number that the session goes by, in its own value or the default.
pub(super) fn number(view: &View<'_>, name: &str) -> Option<u64> {
    select(view, None, name).ok()?.to_u64()
}

const CLIENT: &str = "character_set_client";
const CONNECTION: &str = "character_set_connection";
const RESULTS: &str = "character_set_results";
const COLLATION_CONNECTION: &str = "collation_connection";

fn change(name: &'static str, value: impl Into<String>) -> Change {
    Change { name, value: Some(Some(value.into())) }
}

/// What else changes with some variables: character sets and collations go together.
fn implied(
    name: &str,
    value: Option<String>,
    dialect: Dialect,
) -> Result<Option<Change>, SqlError> {
    let Some(value) = value else { return Ok(None) };
    Ok(match name {
        CONNECTION => {
            Some(change(COLLATION_CONNECTION, charset::default_collation(&value, dialect)))
        }
        COLLATION_CONNECTION => Some(change(CONNECTION, charset::charset_of_collation(&value)?)),
        _ => None,
    })
}

fn needs_privilege() -> SqlError {
    SqlError::privilege_needed("SUPER or SYSTEM_VARIABLES_ADMIN")
}

/// The variable of this name, in any case, if the presented server has it.
fn find(view: &View<'_>, name: &str) -> Result<&'static Variable, SqlError> {
    let lower = name.to_ascii_lowercase();
    let index = table::TABLE.binary_search_by(|variable| variable.name.cmp(&lower));
    let variable = index.ok().and_then(|index| table::TABLE.get(index));
    variable
        .filter(|variable| variable.exists(view.server.dialect()))
        .ok_or_else(|| SqlError::unknown_system_variable(name))
}

/// A value as `SHOW` writes it; the inner `None` is NULL, the outer one no such variable.
type Shown = Option<Option<String>>;

fn global(view: &View<'_>, variable: &Variable) -> Shown {
    let upstream = || view.server.facts.upstream_variable(variable.name);
    match variable.source {
        Source::Fixed(value) => Some(Some(value.to_owned())),
        Source::Upstream(default) => Some(Some(upstream().unwrap_or_else(|| default.to_owned()))),
        Source::UpstreamOnly => upstream().map(Some),
        Source::Computed(compute) => Some(Some(compute(view))),
        Source::OnIf(holds) => holds(view).then(|| Some("ON".to_owned())),
    }
}

fn current(view: &View<'_>, variable: &Variable) -> Shown {
    match view.session.system.0.get(variable.name) {
        Some(own) => Some(own.clone()),
        None => global(view, variable),
    }
}

#[cfg(test)]
mod tests;
