//! What statements define: databases, tables and indexes, by their names.
//!
//! Other tools tell such statements by kind and table. Only their beginnings are read here; what a table
//! is made of is for the parsers beside this.

use binlogd_event::body::StatusVar;

use super::lexer::{Lexer, Token};
use super::mode::SqlMode;
use super::table_parser::TableParser;
use crate::Charset;
use crate::changes::Statement;

/// A database, table or index that a statement makes, changes or removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) action: Action,
    /// What it is in: the table, or the database alone.
    pub(crate) name: Name,
}

/// A table's name with its database's; that of a database has no table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Name {
    pub(crate) schema: String,
    pub(crate) table: String,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    CreateDatabase {
        charset: Option<String>,
        /// Whether it may have been there before: `IF NOT EXISTS`.
        may_exist: bool,
    },
    AlterDatabase {
        charset: Option<String>,
    },
    DropDatabase,
    CreateTable {
        /// Whether it may have been there before: `IF NOT EXISTS`.
        may_exist: bool,
        /// The table that its columns are those of.
        like: Option<Name>,
    },
    AlterTable(Alteration),
    DropTable,
    RenameTable {
        to: Name,
    },
    TruncateTable,
    CreateIndex {
        /// The columns of a unique one, if it is made of columns.
        unique: Option<Vec<String>>,
    },
    DropIndex {
        /// Whether it is the primary key.
        is_primary: bool,
    },
}

/// The first thing that `ALTER TABLE` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Alteration {
    Rename { to: Name },
    AddIndex,
    DropIndex,
    Other,
}

impl Definition {
    /// What a statement of a binlog defines, as [`all`](Self::all) has it; a database that names no
    /// character set gets the server's.
    pub(crate) fn of(statement: &Statement<'_>) -> Vec<Self> {
        let schema = String::from_utf8_lossy(statement.schema);
        let mut all = Self::all(&statement.to_text(), &schema, SqlMode::of(statement));
        for definition in &mut all {
            if let Action::CreateDatabase { charset: charset @ None, .. } = &mut definition.action {
                *charset = server_charset(statement);
            }
        }
        all
    }

    /// What a statement defines, each table in its turn; nothing if it is of another kind, or of
    /// temporary tables. `schema` is the default one.
    pub(crate) fn all(sql: &str, schema: &str, mode: SqlMode) -> Vec<Self> {
        let mut parser = Parser { lexer: Lexer::at_verb(sql, mode), schema };
        parser.statement().unwrap_or_default()
    }
}

impl Name {
    /// A name with or without its database, which `schema` is otherwise, also behind a point.
    pub(super) fn read(lexer: &mut Lexer<'_>, schema: &str) -> Option<Self> {
        lexer.take_symbol('.');
        let first = lexer.next()?.into_text()?;
        if lexer.take_symbol('.') {
            return Some(Self { schema: first, table: lexer.next()?.into_text()? });
        }
        Some(Self { schema: schema.to_owned(), table: first })
    }

    /// The temporary table that a statement makes, if it does.
    pub(super) fn of_temporary(sql: &str, schema: &str, mode: SqlMode) -> Option<Self> {
        let mut lexer = Lexer::at_verb(sql, mode);
        if !lexer.take_word("create") {
            return None;
        }
        lexer.pass(&["or", "replace"]);
        if !lexer.take_word("temporary") {
            return None;
        }
        lexer.pass(&["table", "if", "not", "exists"]);
        Self::read(&mut lexer, schema)
    }
}

/// The server's character set, which databases get that name none.
fn server_charset(statement: &Statement<'_>) -> Option<String> {
    let server = statement.settings.iter().find_map(|item| match item {
        Ok(StatusVar::Charset { server, .. }) => Some(server),
        _ => None,
    })?;
    Some(Charset::of_collation(u64::from(server))?.name().to_owned())
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
        self.lexer.pass(&["or", "replace", "online", "offline"]);
        let is_unique = self.lexer.take_word("unique");
        self.lexer.pass(&["fulltext", "spatial", "vector"]);
        if self.lexer.take_word("table") {
            let may_exist = self.lexer.take_word("if");
            self.lexer.pass(&["not", "exists"]);
            let name = self.name()?;
            self.lexer.take_symbol('(');
            let like = if self.lexer.take_word("like") { Some(self.name()?) } else { None };
            return one(Action::CreateTable { may_exist, like }, name);
        }
        if self.take_database() {
            let may_exist = self.lexer.take_word("if");
            self.lexer.pass(&["not", "exists"]);
            let name = self.database()?;
            return one(Action::CreateDatabase { charset: self.charset(), may_exist }, name);
        }
        let mut index = self.index(|_| Action::CreateIndex { unique: None })?;
        let key =
            if is_unique { TableParser::new(self.lexer.clone()).unique_columns() } else { None };
        index.iter_mut().for_each(|made| made.action = Action::CreateIndex { unique: key.clone() });
        Some(index)
    }

    fn alter(&mut self) -> Option<Vec<Definition>> {
        self.lexer.pass(&["online", "offline", "ignore"]);
        if self.take_database() {
            let options = ["default", "character", "charset", "collate", "encryption", "read"];
            let name = match self.lexer.is_next(&options) {
                true => Name { schema: self.schema.to_owned(), ..Name::default() },
                false => self.database()?,
            };
            return one(Action::AlterDatabase { charset: self.charset() }, name);
        }
        if !self.lexer.take_word("table") {
            return None;
        }
        self.lexer.pass(&["if", "exists"]);
        let name = self.name()?;
        let first = self.alteration().unwrap_or(Alteration::Other);
        one(Action::AlterTable(first), name)
    }

    fn alteration(&mut self) -> Option<Alteration> {
        if self.lexer.take_word("rename") {
            if self.lexer.is_next(&["column", "index", "key"]) {
                return None;
            }
            self.lexer.pass(&["to", "as"]);
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
            if !self.lexer.is_next(&["unique", "primary", "foreign", "check"]) {
                self.lexer.next();
            }
        }
        let next = self.lexer.peek()?;
        match adds {
            true if next.is_any(&["index", "key", "unique", "fulltext", "spatial", "primary"]) => {
                Some(Alteration::AddIndex)
            }
            false if next.is_any(&["index", "key"]) => Some(Alteration::DropIndex),
            _ => None,
        }
    }

    fn drop(&mut self) -> Option<Vec<Definition>> {
        self.lexer.pass(&["online", "offline"]);
        if self.take_database() {
            self.lexer.pass(&["if", "exists"]);
            return one(Action::DropDatabase, self.database()?);
        }
        if !self.lexer.take_word("table") && !self.lexer.take_word("tables") {
            return self.index(|name| Action::DropIndex {
                is_primary: name.eq_ignore_ascii_case("primary"),
            });
        }
        self.lexer.pass(&["if", "exists"]);
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
        self.lexer.pass(&["if", "exists"]);
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
    fn index(&mut self, action: impl Fn(&str) -> Action) -> Option<Vec<Definition>> {
        if !self.lexer.take_word("index") {
            return None;
        }
        self.lexer.pass(&["if", "not", "exists"]);
        let action = action(&self.lexer.next()?.into_text()?);
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
                return self.lexer.next().and_then(Token::into_text);
            }
            if token.is_word("collate") {
                self.lexer.take_symbol('=');
                let collation = self.lexer.next().and_then(Token::into_text)?;
                // MariaDB's `uca1400_ai_ci` names none.
                let charset = Charset::of_name(collation.split('_').next().unwrap_or_default());
                by_collation = charset.map(|charset| charset.name().to_owned());
            }
        }
        by_collation
    }

    fn take_database(&mut self) -> bool {
        self.lexer.take_word("database") || self.lexer.take_word("schema")
    }

    fn database(&mut self) -> Option<Name> {
        Some(Name { schema: self.lexer.next().and_then(Token::into_text)?, ..Name::default() })
    }

    fn name(&mut self) -> Option<Name> {
        Name::read(&mut self.lexer, self.schema)
    }
}

fn one(action: Action, name: Name) -> Option<Vec<Definition>> {
    Some(vec![Definition { action, name }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(sql: &str) -> Vec<Definition> {
        Definition::all(sql, "d", SqlMode::default())
    }

    fn name(schema: &str, table: &str) -> Name {
        Name { schema: schema.to_owned(), table: table.to_owned() }
    }

    #[test]
    fn tables_are_named_with_their_databases() {
        let to = || name("e", "u");
        let charset = || Some("latin1".to_owned());
        for (sql, action, of) in [
            (
                "create table if not exists t (a int)",
                Action::CreateTable { may_exist: true, like: None },
                name("d", "t"),
            ),
            (
                "CREATE OR REPLACE TABLE `e`.`a.b` LIKE t",
                Action::CreateTable { may_exist: false, like: Some(name("d", "t")) },
                name("e", "a.b"),
            ),
            (
                "create table t (like e.u)",
                Action::CreateTable { may_exist: false, like: Some(to()) },
                name("d", "t"),
            ),
            ("/* c */ drop table `t` /* generated by server */", Action::DropTable, name("d", "t")),
            ("rename table t wait 5 to e.u", Action::RenameTable { to: to() }, name("d", "t")),
            ("truncate table \"t\"", Action::TruncateTable, name("d", "t")),
            ("truncate .`t`", Action::TruncateTable, name("d", "t")),
            ("set statement a = 1 for drop table t", Action::DropTable, name("d", "t")),
            ("truncate e.u", Action::TruncateTable, to()),
            (
                "create unique index i using btree on e.u (a, b desc)",
                Action::CreateIndex { unique: Some(vec!["a".to_owned(), "b".to_owned()]) },
                to(),
            ),
            (
                "create unique index i on e.u (a, (b + 1))",
                Action::CreateIndex { unique: None },
                to(),
            ),
            ("create index i on e.u (a)", Action::CreateIndex { unique: None }, to()),
            ("drop index `on` on t", Action::DropIndex { is_primary: false }, name("d", "t")),
            ("drop index `PRIMARY` on t", Action::DropIndex { is_primary: true }, name("d", "t")),
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
            assert_eq!(all(sql), wanted, "{sql}");
        }
        let dropped: Vec<Name> = all("drop table a, e.u").into_iter().map(|d| d.name).collect();
        assert_eq!(dropped, [name("d", "a"), to()]);
        assert_eq!(all("rename tables a to b, c to d").len(), 2);
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
            let all = all(&format!("alter table t {sql}"));
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
            assert_eq!(all(sql), [], "{sql}");
        }
    }
}
