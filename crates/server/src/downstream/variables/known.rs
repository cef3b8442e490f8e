//! What is known of the primary's variables that binlogd has no value of its own for.
//!
//! Their values are the primary's. Which scope and type they have a server does not say with them, so that is a list;
//! what is not in it is told by its value.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::super::sql::Dialect;
use super::check::Check;
use super::table::{Kind, Place, Setting};

/// A variable of the primary's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: Cow<'static, str>,
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) setting: Setting,
}

/// A variable for MySQL and for MariaDB.
type OfBoth = [Option<Known>; 2];

static KNOWN: LazyLock<HashMap<&'static str, OfBoth>> = LazyLock::new(|| {
    let mut known: HashMap<&'static str, OfBoth> = HashMap::new();
    for line in include_str!("known.txt").lines() {
        let Some((products, variable)) = line_of(line) else { continue };
        let name = line.split(' ').next().unwrap_or_default();
        let of_both = known.entry(name).or_default();
        for product in products {
            of_both[*product] = Some(variable.clone());
        }
    }
    known
});

fn line_of(line: &'static str) -> Option<(&'static [usize], Known)> {
    let mut words = line.split(' ');
    let mut next = || words.next();
    let (name, product, place, kind, setting) = (next()?, next()?, next()?, next()?, next()?);
    let products: &[usize] = match product {
        "*" => &[0, 1],
        "mysql" => &[0],
        "mariadb" => &[1],
        _ => return None,
    };
    let place = match place {
        "global" => Place::Global,
        "session" => Place::Session,
        _ => Place::Both,
    };
    let kind = match kind {
        "bool" => Kind::Bool,
        "number" => Kind::Number,
        "double" => Kind::Double,
        "text-or-null" => Kind::TextOrNull,
        _ => Kind::Text,
    };
    let setting = match (setting, place) {
        ("read-only", _) => Setting::ReadOnly,
        ("dynamic", Place::Both | Place::Session) => Setting::Session(check(kind)),
        (_, Place::Both) => Setting::GlobalOnly,
        _ => Setting::Privileged,
    };
    Some((products, Known { name: Cow::Borrowed(name), place, kind, setting }))
}

/// What a session may set it to.
pub(super) fn check(kind: Kind) -> Check {
    match kind {
        Kind::Bool => Check::Bool,
        Kind::Number => Check::AnyNumber,
        Kind::Double => Check::AnyDouble,
        Kind::Text | Kind::TextOrNull => Check::AnyText,
    }
}

/// The variable of this name, in lower case, which the primary has with this value.
pub(super) fn known(name: &str, value: &str, dialect: Dialect) -> Known {
    let of_both = KNOWN.get(name);
    if let Some(known) = of_both.and_then(|of| of[usize::from(dialect.mariadb)].as_ref()) {
        return known.clone();
    }
    let kind = match value {
        "ON" | "OFF" => Kind::Bool,
        value if value.parse::<i64>().is_ok() || value.parse::<u64>().is_ok() => Kind::Number,
        _ => Kind::Text,
    };
    let setting = Setting::Session(check(kind));
    Known { name: Cow::Owned(name.to_owned()), place: Place::Both, kind, setting }
}

/// Whether a variable of the primary's must not be shown: a replica that finds it takes binlogd for something else.
pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with("rpl_semi_sync_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_understood() {
        let lines = include_str!("known.txt").lines().filter(|line| !line.starts_with("## "));
        for line in lines {
            assert!(line_of(line).is_some(), "{line}");
        }
        let mysql = Dialect { version: 90_704, mariadb: false };
        let known = |name| known(name, "", mysql);
        assert_eq!(known("innodb_version").setting, Setting::ReadOnly);
        assert_eq!(known("long_query_time").kind, Kind::Double);
        assert_eq!(known("sort_buffer_size").setting, Setting::Session(Check::AnyNumber));
    }
}
