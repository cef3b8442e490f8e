//! Which statements leave the definitions of tables as they are.
//!
//! Only those that are listed here do: any other one that is not understood may change tables.

use super::definition::Name;
use super::lexer::Lexer;
use super::mode::SqlMode;

/// What a statement does to tables' definitions that makes, changes and removes no table by the
/// statements that are understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// This is a sequence from now on, which MariaDB keeps as a table.
    Sequence(Name),
    /// It is not known.
    Unknown,
}

/// The verbs of statements that change no definition, whatever follows.
const VERBS: &[&str] = &[
    "analyze",
    "begin",
    "binlog",
    "cache",
    "call",
    "change",
    "check",
    "checksum",
    "commit",
    "delete",
    "do",
    "explain",
    "flush",
    "grant",
    "handler",
    "insert",
    "install",
    "kill",
    "load",
    "lock",
    "optimize",
    "purge",
    "release",
    "repair",
    "replace",
    "reset",
    "revoke",
    "rollback",
    "savepoint",
    "select",
    "set",
    "show",
    "start",
    "stop",
    "truncate",
    "uninstall",
    "unlock",
    "update",
    "use",
    "xa",
];

/// What `CREATE`, `ALTER`, `DROP` and `RENAME` can be of that is no table and no database.
const OBJECTS: &[&str] = &[
    "event",
    "function",
    "instance",
    "library",
    "logfile",
    "package",
    "procedure",
    "resource",
    "role",
    "server",
    "tablespace",
    "temporary",
    "trigger",
    "undo",
    "user",
    "view",
];

impl Effect {
    /// That of a statement. `schema` is the default one.
    pub(super) fn of(sql: &str, schema: &str, mode: SqlMode) -> Self {
        let mut lexer = Lexer::at_verb(sql, mode);
        if lexer.peek().is_none() || lexer.is_next(VERBS) {
            return Self::None;
        }
        if !lexer.take_any(&["create", "alter", "drop", "rename"]) {
            return Self::Unknown;
        }
        pass_attributes(&mut lexer);
        if lexer.is_next(OBJECTS) {
            return Self::None;
        }
        if lexer.take_word("spatial") && lexer.is_next(&["reference"]) {
            return Self::None;
        }
        if lexer.take_word("sequence") {
            lexer.pass(&["if", "not", "exists"]);
            return Name::read(&mut lexer, schema).map_or(Self::Unknown, Self::Sequence);
        }
        Self::Unknown
    }
}

/// Passes over what may stand between the verb and the word for what it makes.
pub(crate) fn pass_attributes(lexer: &mut Lexer<'_>) {
    loop {
        if lexer.take_any(&["or", "replace", "aggregate"]) {
        } else if lexer.take_any(&["algorithm", "sql"]) {
            // ALGORITHM = x, SQL SECURITY x
            lexer.take_symbol('=');
            lexer.take_word("security");
            lexer.next();
        } else if lexer.take_word("definer") {
            lexer.take_symbol('=');
            lexer.next();
            if lexer.take_symbol('(') {
                lexer.take_symbol(')');
            }
            if lexer.take_symbol('@') {
                lexer.next();
            }
        } else {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_leaves_tables_alone() {
        let effect = |sql: &str| Effect::of(sql, "d", SqlMode::default());
        for sql in [
            "",
            "/* nothing */",
            "grant all on *.* to u",
            "SET STATEMENT a = 1 FOR FLUSH TABLES",
            "create definer=`a`@`b` sql security invoker view v as select 1",
            "create algorithm=merge definer = current_user() view v as select 1",
            "CREATE DEFINER=`a`@`%` TRIGGER t BEFORE INSERT ON u FOR EACH ROW SET @a = 1",
            "create or replace aggregate function f () returns int return 1",
            "rename user a to b",
            "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS t",
            "create spatial reference system 1 name 'x' definition 'y'",
            "alter instance rotate innodb master key",
            "xa rollback 'x'",
        ] {
            assert_eq!(effect(sql), Effect::None, "{sql}");
        }
        let name = Name { schema: "d".to_owned(), table: "s".to_owned() };
        assert_eq!(effect("create or replace sequence s"), Effect::Sequence(name));
        for sql in [
            "import table from 'x'",
            "alter table",
            "create x",
            "drop database",
            "execute immediate 'x'",
            "§",
        ] {
            assert_eq!(effect(sql), Effect::Unknown, "{sql}");
        }
    }
}
