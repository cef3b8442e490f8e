//! Which tables a statement names as those that it makes, changes or removes.

use super::definition::{Action, Alteration, Definition, Name};
use super::effect::Effect;
use super::lexer::Lexer;
use super::mode::SqlMode;
use crate::changes::NamedTables;

/// The verbs of statements that are about no table, whatever follows.
const OF_NO_TABLE: &[&str] =
    &["change", "flush", "grant", "install", "purge", "reset", "revoke", "set", "uninstall"];
/// The verbs of statements that control a transaction.
const CONTROL: &[&str] = &["begin", "commit", "release", "rollback", "savepoint", "start", "xa"];
/// The verbs of statements that administer the tables of a list.
const OF_A_LIST: &[&str] = &["analyze", "check", "checksum", "optimize", "repair"];

/// The tables that a statement which changes no rows is about. `schema` is the default one.
pub(crate) fn named_tables(sql: &str, schema: &str, mode: SqlMode) -> NamedTables {
    let definitions = Definition::all(sql, schema, mode);
    if !definitions.is_empty() {
        if let [Definition { action, name }] = &definitions[..]
            && matches!(action, Action::CreateDatabase { .. } | Action::AlterDatabase { .. })
        {
            return NamedTables::Schema(name.schema.clone());
        }
        return NamedTables::These(definitions.into_iter().flat_map(names).collect());
    }
    let mut lexer = Lexer::at_verb(sql, mode);
    if lexer.is_next(OF_NO_TABLE) {
        return NamedTables::None;
    }
    if lexer.is_next(CONTROL) {
        return NamedTables::Control;
    }
    if lexer.take_any(OF_A_LIST) {
        lexer.pass(&["no_write_to_binlog", "local"]);
        return list(&mut lexer, schema);
    }
    let is_drop = lexer.is_next(&["drop"]);
    if !lexer.take_any(&["create", "alter", "drop", "rename"]) {
        return NamedTables::Any;
    }
    if let Some(name) = Name::of_temporary(sql, schema, mode) {
        return these(name);
    }
    if is_drop && lexer.take_word("temporary") {
        return list(&mut lexer, schema);
    }
    if let Some(name) = table_of_trigger(sql, schema, mode) {
        return these(name);
    }
    match Effect::of(sql, schema, mode) {
        Effect::None => NamedTables::None,
        Effect::Sequence(name) => these(name),
        Effect::Unknown => NamedTables::Any,
    }
}

fn these(name: Name) -> NamedTables {
    NamedTables::These(vec![(name.schema, name.table)])
}

/// The names in a definition; one without a table is a whole database.
fn names(definition: Definition) -> impl Iterator<Item = (String, String)> {
    let Definition { action, name } = definition;
    let other = match action {
        Action::RenameTable { to } | Action::AlterTable(Alteration::Rename { to }) => Some(to),
        _ => None,
    };
    std::iter::once(name).chain(other).map(|name| (name.schema, name.table))
}

/// `TABLE a, b`.
fn list(lexer: &mut Lexer<'_>, schema: &str) -> NamedTables {
    if !lexer.take_any(&["table", "tables"]) {
        return NamedTables::Any;
    }
    lexer.pass(&["if", "exists"]);
    let mut names = Vec::new();
    loop {
        let Some(name) = Name::read(lexer, schema) else { return NamedTables::Any };
        names.push((name.schema, name.table));
        if !lexer.take_symbol(',') {
            return NamedTables::These(names);
        }
    }
}

/// The table of `CREATE … TRIGGER … ON table FOR EACH ROW`.
fn table_of_trigger(sql: &str, schema: &str, mode: SqlMode) -> Option<Name> {
    let mut lexer = Lexer::at_verb(sql, mode);
    if !lexer.take_word("create") {
        return None;
    }
    while !lexer.take_word("trigger") {
        // What comes before it is short, and no such word is in it.
        if lexer.is_next(&["table", "view", "procedure", "function", "event", "user", "role"]) {
            return None;
        }
        lexer.next()?;
    }
    while !lexer.take_word("on") {
        lexer.next()?;
    }
    Name::read(&mut lexer, schema)
}
