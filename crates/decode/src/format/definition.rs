//! What statements define: databases, tables and indexes, by their names.
//!
//! Other tools tell such statements by kind and table. Only their beginnings are read here; what a table
//! is made of is for [`SchemaDump`](crate::SchemaDump).

use crate::schema::lexer::{Lexer, Token};

/// A database, table or index that a statement makes, changes or removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) action: Action,
    /// What it is in: the table, or the database alone.
    pub(super) name: Name,
}

/// A table's name with its database's; that of a database has no table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Name {
    pub(super) schema: String,
    pub(super) table: String,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    CreateDatabase {
        charset: Option<String>,
        /// Whether it may have been there before: `IF NOT EXISTS`.
        may_exist: bool,
    },
    AlterDatabase {
        charset: Option<String>,
    },
    DropDatabase,
    CreateTable,
    AlterTable(Alteration),
    DropTable,
    RenameTable {
        to: Name,
    },
    TruncateTable,
    CreateIndex,
    DropIndex,
}

/// The first thing that `ALTER TABLE` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Alteration {
    Rename { to: Name },
    AddIndex,
    DropIndex,
    Other,
}

impl Definition {
    /// What a statement defines, each table in its turn; nothing if it is of another kind, or of
    /// temporary tables. `schema` is the default one.
    pub(super) fn all(sql: &str, schema: &str) -> Vec<Self> {
        let mut parser = Parser { lexer: Lexer::new(sql), schema };
        parser.statement().unwrap_or_default()
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    schema: &'a str,
}

impl Parser<'_> {
    /// `None` where it is not understood.
    fn statement(&mut self) -> Option<Vec<Definition>> {
        let Token::Word(verb) = self.lexer.next()? else { return None };
        match &*verb.to_ascii_lowercase() {
            "create" => self.create(),
            "alter" => self.alter(),
            "drop" => self.drop(),
            "rename" => self.rename(),
            "truncate" => {
                self.lexer.take_word("table");
                one(Action::TruncateTable, self.name()?)
            }
            _ => None,
        }
    }

    fn create(&mut self) -> Option<Vec<Definition>> {
        self.pass(&[
            "or", "replace", "online", "offline", "unique", "fulltext", "spatial", "vector",
        ]);
        if self.lexer.take_word("table") {
            self.pass(&["if", "not", "exists"]);
            return one(Action::CreateTable, self.name()?);
        }
        if self.take_database() {
            let may_exist = self.lexer.take_word("if");
            self.pass(&["not", "exists"]);
            let name = self.database()?;
            return one(Action::CreateDatabase { charset: self.charset(), may_exist }, name);
        }
        self.index(Action::CreateIndex)
    }

    fn alter(&mut self) -> Option<Vec<Definition>> {
        self.pass(&["online", "offline", "ignore"]);
        if self.take_database() {
            let options = ["default", "character", "charset", "collate", "encryption", "read"];
            let is_unnamed =
                self.lexer.peek().is_some_and(|next| options.iter().any(|o| next.is_word(o)));
            let name = match is_unnamed {
                true => Name { schema: self.schema.to_owned(), ..Name::default() },
                false => self.database()?,
            };
            return one(Action::AlterDatabase { charset: self.charset() }, name);
        }
        if !self.lexer.take_word("table") {
            return None;
        }
        self.pass(&["if", "exists"]);
        let name = self.name()?;
        let first = self.alteration().unwrap_or(Alteration::Other);
        one(Action::AlterTable(first), name)
    }

    fn alteration(&mut self) -> Option<Alteration> {
        if self.lexer.take_word("rename") {
            let is_column = ["column", "index", "key"];
            if self.lexer.peek().is_some_and(|next| is_column.iter().any(|w| next.is_word(w))) {
                return None;
            }
            self.pass(&["to", "as"]);
            self.lexer.take_symbol('=');
            return Some(Alteration::Rename { to: self.name()? });
        }
        let adds = self.lexer.take_word("add");
        if !adds && !self.lexer.take_word("drop") {
            return None;
        }
        if self.lexer.take_word("constraint") {
            if !adds {
                return Some(Alteration::DropIndex);
            }
            let kinds = ["unique", "primary", "foreign", "check"];
            let next = self.lexer.peek()?;
            if !kinds.iter().any(|kind| next.is_word(kind)) {
                self.lexer.next();
            }
        }
        let next = self.lexer.peek()?;
        let is_any = |words: &[&str]| words.iter().any(|word| next.is_word(word));
        match adds {
            true if is_any(&["index", "key", "unique", "fulltext", "spatial", "primary"]) => {
                Some(Alteration::AddIndex)
            }
            false if is_any(&["index", "key"]) => Some(Alteration::DropIndex),
            _ => None,
        }
    }

    fn drop(&mut self) -> Option<Vec<Definition>> {
        self.pass(&["online", "offline"]);
        if self.take_database() {
            self.pass(&["if", "exists"]);
            return one(Action::DropDatabase, self.database()?);
        }
        if !self.lexer.take_word("table") && !self.lexer.take_word("tables") {
            return self.index(Action::DropIndex);
        }
        self.pass(&["if", "exists"]);
        let mut all = Vec::new();
        loop {
            all.push(Definition { action: Action::DropTable, name: self.name()? });
            if !self.lexer.take_symbol(',') {
                return Some(all);
            }
        }
    }

    fn rename(&mut self) -> Option<Vec<Definition>> {
        if !self.lexer.take_word("table") && !self.lexer.take_word("tables") {
            return None;
        }
        self.pass(&["if", "exists"]);
        let mut all = Vec::new();
        loop {
            let name = self.name()?;
            // MariaDB's `WAIT 5` or `NOWAIT`.
            while !self.lexer.take_word("to") {
                self.lexer.next()?;
            }
            let action = Action::RenameTable { to: self.name()? };
            all.push(Definition { action, name });
            if !self.lexer.take_symbol(',') {
                return Some(all);
            }
        }
    }

    /// `INDEX name … ON table`.
    fn index(&mut self, action: Action) -> Option<Vec<Definition>> {
        if !self.lexer.take_word("index") {
            return None;
        }
        self.pass(&["if", "not", "exists"]);
        self.lexer.next()?;
        while !self.lexer.take_word("on") {
            self.lexer.next()?;
        }
        one(action, self.name()?)
    }

    /// The character set that a database's options name.
    fn charset(&mut self) -> Option<String> {
        let mut by_collation = None;
        while let Some(token) = self.lexer.next() {
            if token.is_word("charset") || token.is_word("character") {
                self.lexer.take_word("set");
                self.lexer.take_symbol('=');
                return self.lexer.next().and_then(word);
            }
            if token.is_word("collate") {
                self.lexer.take_symbol('=');
                let collation = self.lexer.next().and_then(word)?;
                by_collation = collation.split('_').next().map(str::to_owned);
            }
        }
        by_collation
    }

    fn take_database(&mut self) -> bool {
        self.lexer.take_word("database") || self.lexer.take_word("schema")
    }

    fn database(&mut self) -> Option<Name> {
        Some(Name { schema: self.lexer.next().and_then(word)?, ..Name::default() })
    }

    fn name(&mut self) -> Option<Name> {
        let first = self.lexer.next().and_then(word)?;
        if self.lexer.take_symbol('.') {
            return Some(Name { schema: first, table: self.lexer.next().and_then(word)? });
        }
        Some(Name { schema: self.schema.to_owned(), table: first })
    }

    /// Passes over any of these words.
    fn pass(&mut self, words: &[&str]) {
        while words.iter().any(|word| self.lexer.take_word(word)) {}
    }
}

fn one(action: Action, name: Name) -> Option<Vec<Definition>> {
    Some(vec![Definition { action, name }])
}

/// The text of a name; with `ANSI_QUOTES` it looks like a string.
fn word(token: Token) -> Option<String> {
    match token {
        Token::Word(text) | Token::Quoted(text) | Token::Text(text) => Some(text),
        Token::Symbol(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(schema: &str, table: &str) -> Name {
        Name { schema: schema.to_owned(), table: table.to_owned() }
    }

    #[test]
    fn tables_are_named_with_their_databases() {
        let to = || name("e", "u");
        let charset = || Some("latin1".to_owned());
        for (sql, action, of) in [
            ("create table if not exists t (a int)", Action::CreateTable, name("d", "t")),
            ("CREATE OR REPLACE TABLE `e`.`a.b` LIKE t", Action::CreateTable, name("e", "a.b")),
            ("/* c */ drop table `t` /* generated by server */", Action::DropTable, name("d", "t")),
            ("rename table t wait 5 to e.u", Action::RenameTable { to: to() }, name("d", "t")),
            ("truncate table \"t\"", Action::TruncateTable, name("d", "t")),
            ("truncate e.u", Action::TruncateTable, to()),
            ("create unique index i using btree on e.u (a)", Action::CreateIndex, to()),
            ("drop index `on` on t", Action::DropIndex, name("d", "t")),
            ("drop schema if exists e", Action::DropDatabase, name("e", "")),
            (
                "create database e default character set = 'latin1' collate latin1_bin",
                Action::CreateDatabase { charset: charset(), may_exist: false },
                name("e", ""),
            ),
            (
                "create schema if not exists e",
                Action::CreateDatabase { charset: None, may_exist: true },
                name("e", ""),
            ),
            (
                "alter database collate = latin1_bin",
                Action::AlterDatabase { charset: charset() },
                name("d", ""),
            ),
        ] {
            let wanted = vec![Definition { action, name: of }];
            assert_eq!(Definition::all(sql, "d"), wanted, "{sql}");
        }
        let dropped: Vec<Name> =
            Definition::all("drop table a, e.u", "d").into_iter().map(|d| d.name).collect();
        assert_eq!(dropped, [name("d", "a"), to()]);
        assert_eq!(Definition::all("rename tables a to b, c to d", "d").len(), 2);
    }

    #[test]
    fn the_first_alteration_counts() {
        for (sql, wanted) in [
            ("add column c int, add index (c)", Alteration::Other),
            ("add unique key k (c)", Alteration::AddIndex),
            ("add constraint pk primary key (c)", Alteration::AddIndex),
            ("add constraint foreign key (c) references u (c)", Alteration::Other),
            ("drop key k, drop c", Alteration::DropIndex),
            ("drop primary key", Alteration::Other),
            ("rename column a to b", Alteration::Other),
            ("rename to e.u", Alteration::Rename { to: name("e", "u") }),
            ("", Alteration::Other),
        ] {
            let all = Definition::all(&format!("alter table t {sql}"), "d");
            assert_eq!(all[0].action, Action::AlterTable(wanted), "{sql}");
        }
    }

    #[test]
    fn what_defines_no_table_is_nothing() {
        for sql in [
            "create temporary table t (a int)",
            "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`",
            "create view v as select 1",
            "create definer=`a`@`b` trigger t before insert on u for each row set @a = 1",
            "create user a",
            "insert into t values (1)",
            "drop table",
            "alter",
            "",
        ] {
            assert_eq!(Definition::all(sql, "d"), [], "{sql}");
        }
    }
}
