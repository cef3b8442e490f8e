//! System variables: reading, showing and setting them.
//!
//! [`table`] is the one list of what exists; [`status`] is its sibling for `SHOW STATUS`. User
//! variables are the session's own (`state`).

mod check;
mod known;
pub(super) mod status;
mod table;

use std::borrow::Cow;

use super::charset;
use super::error::SqlError;
use super::server::Server;
use super::sql::{Dialect, Filter, Scope, SetValue, Value};
use super::state::SessionState;
use check::Given;
use known::Known;
use table::{Place, Setting, Source, Variable};

/// What values are computed from.
pub(super) struct View<'a> {
    pub(super) server: &'a Server,
    pub(super) session: &'a SessionState,
}

/// What a checked assignment will do to the session.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    name: Cow<'static, str>,
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
    let Known { name: found, place, kind, .. } = variable.described();
    let shown = match (scope, place) {
        (Some(Scope::Global), Place::Session) => {
            return Err(SqlError::incorrect_scope(&found, "SESSION"));
        }
        (Some(Scope::Session), Place::Global) => {
            return Err(SqlError::incorrect_scope(&found, "GLOBAL"));
        }
        (Some(Scope::Global), _) => variable.global(view),
        _ => variable.current(view),
    };
    match shown {
        Some(shown) => Ok(kind.value(shown)),
        None => Err(SqlError::unknown_system_variable(name)),
    }
}

/// The rows of `SHOW VARIABLES`. Values that the filter cannot let through are not computed.
pub(super) fn show(view: &View<'_>, scope: Scope, filter: &Filter) -> Vec<(String, Vec<u8>)> {
    let dialect = view.server.dialect();
    let own = table::TABLE.iter().filter(|variable| variable.exists(dialect)).map(Found::Own);
    let upstream = view.server.facts.upstream_variables().into_iter();
    let upstream = upstream.filter(|(name, _)| !known::is_hidden(name));
    let upstream = upstream.filter(|(name, _)| own_variable(name, dialect).is_none());
    let upstream = upstream.map(|(name, value)| {
        let known = known::known(&name, &value, dialect);
        Found::Upstream(known, value)
    });
    let mut rows = Vec::new();
    for variable in own.chain(upstream) {
        let Known { name, place, .. } = variable.described();
        let hidden = scope == Scope::Global && place == Place::Session;
        if hidden || !filter.may_match_name(&name) {
            continue;
        }
        let shown = match scope {
            Scope::Global => variable.global(view),
            Scope::Session => variable.current(view),
        };
        let Some(shown) = shown else { continue };
        let value = shown.unwrap_or_default().into_bytes();
        if filter.matches(&name, &value) {
            rows.push((name.into_owned(), value));
        }
    }
    rows.sort();
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
    let Known { name, place, kind, setting } = variable.described();
    if setting == Setting::ReadOnly {
        return Err(SqlError::incorrect_scope(&name, "read only"));
    }
    match (scope, place) {
        (Some(Scope::Global), Place::Session) => return Err(SqlError::session_only(&name)),
        (None | Some(Scope::Session), Place::Global) => {
            return Err(SqlError::set_global_needed(&name));
        }
        (Some(Scope::Global), _) => {
            check_global(view, &variable, value, computed)?;
            return Ok(Vec::new());
        }
        _ if setting == Setting::GlobalOnly => {
            return Err(SqlError::session_read_only(&name));
        }
        _ => {}
    }
    let check = match setting {
        Setting::Session(check) => check,
        // The primary's, which means nothing here.
        Setting::ReadOnly | Setting::GlobalOnly | Setting::Privileged => known::check(kind),
    };
    let given = match (value, computed) {
        (SetValue::Default, _) => return Ok(vec![Change { name, value: None }]),
        (SetValue::Word(word), _) => Given::Word(word),
        (SetValue::Expr(_), Some(value)) => Given::Value(value),
        (SetValue::Expr(_), None) => return Err(SqlError::wrong_type(&name)),
    };
    let value = check.run(&name, &given)?;
    let implied = implied(&name, value.clone(), view.server.dialect())?;
    let mut changes = vec![Change { name, value: Some(value) }];
    changes.extend(implied);
    Ok(changes)
}

/// Global values are the primary's, or configured: an administrator can set one to what it is, nobody to another.
fn check_global(
    view: &View<'_>,
    variable: &Found,
    value: &SetValue,
    computed: Option<Value>,
) -> Result<(), SqlError> {
    if !view.session.rights.admin {
        return Err(needs_privilege());
    }
    let Known { name, kind, .. } = variable.described();
    let wanted = match (value, computed) {
        (SetValue::Default, _) => return Err(SqlError::global_not_settable(&name)),
        (SetValue::Word(word), _) => kind.value(Some(word.clone())),
        (SetValue::Expr(_), value) => value.unwrap_or(Value::Null),
    };
    let now = variable.global(view).flatten();
    let is_same = |value: &Value| {
        value.to_text().eq_ignore_ascii_case(&kind.value(now.clone()).to_text())
            || value.to_text().eq_ignore_ascii_case(now.as_deref().unwrap_or_default())
    };
    if is_same(&wanted) { Ok(()) } else { Err(SqlError::global_not_settable(&name)) }
}

/// `SET NAMES`; without a character set, back to the defaults.
pub(super) fn check_names(
    charset: Option<&str>,
    collation: Option<&str>,
    dialect: Dialect,
) -> Result<Vec<Change>, SqlError> {
    let Some(name) = charset else {
        let names = [CLIENT, CONNECTION, RESULTS, COLLATION_CONNECTION];
        return Ok(names
            .into_iter()
            .map(|name| Change { name: name.into(), value: None })
            .collect());
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
        Change { name: CONNECTION.into(), value: None },
        Change { name: COLLATION_CONNECTION.into(), value: None },
    ];
    for name in [CLIENT, RESULTS] {
        changes.push(match charset {
            None => Change { name: name.into(), value: None },
            Some(charset) => change(name, charset::charset(charset)?),
        });
    }
    Ok(changes)
}

/// Does what was checked.
pub(super) fn apply(session: &mut SessionState, change: Change) {
    match change.value {
        Some(value) => session.system.0.insert(change.name, value),
        None => session.system.0.remove(&change.name),
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
    Change { name: name.into(), value: Some(Some(value.into())) }
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

/// A variable that was found.
enum Found {
    /// One of the table's.
    Own(&'static Variable),
    /// One of the primary's, with its value there.
    Upstream(Known, String),
}

/// The variable of this name, in any case, if the presented server has it.
fn find(view: &View<'_>, name: &str) -> Result<Found, SqlError> {
    let lower = name.to_ascii_lowercase();
    let dialect = view.server.dialect();
    if let Some(variable) = own_variable(&lower, dialect) {
        return Ok(Found::Own(variable));
    }
    let upstream = view.server.facts.upstream_variable(&lower);
    match upstream.filter(|_| !known::is_hidden(&lower)) {
        Some(value) => Ok(Found::Upstream(known::known(&lower, &value, dialect), value)),
        None => Err(SqlError::unknown_system_variable(name)),
    }
}

/// The table's variable of this name, in lower case.
fn own_variable(name: &str, dialect: Dialect) -> Option<&'static Variable> {
    let index = table::TABLE.binary_search_by(|variable| variable.name.cmp(name));
    let variable = index.ok().and_then(|index| table::TABLE.get(index));
    variable.filter(|variable| variable.exists(dialect))
}

/// A value as `SHOW` writes it; the inner `None` is NULL, the outer one no such variable.
type Shown = Option<Option<String>>;

impl Found {
    fn described(&self) -> Known {
        match self {
            Self::Own(variable) => {
                let Variable { name, place, kind, setting, .. } = **variable;
                Known { name: name.into(), place, kind, setting }
            }
            Self::Upstream(known, _) => known.clone(),
        }
    }

    fn global(&self, view: &View<'_>) -> Shown {
        let variable = match self {
            Self::Own(variable) => *variable,
            Self::Upstream(_, value) => return Some(Some(value.clone())),
        };
        let upstream = || view.server.facts.upstream_variable(variable.name);
        match variable.source {
            Source::Fixed(value) => Some(Some(value.to_owned())),
            Source::Upstream(default) => {
                Some(Some(upstream().unwrap_or_else(|| default.to_owned())))
            }
            Source::UpstreamOnly => upstream().map(Some),
            Source::Computed(compute) => Some(Some(compute(view))),
            Source::OnIf(holds) => holds(view).then(|| Some("ON".to_owned())),
        }
    }

    fn current(&self, view: &View<'_>) -> Shown {
        match view.session.system.0.get(&self.described().name) {
            Some(own) => Some(own.clone()),
            None => self.global(view),
        }
    }
}

#[cfg(test)]
mod tests;
