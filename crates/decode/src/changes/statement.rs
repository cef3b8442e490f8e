//! A statement: what it is, and what it depends on.

use std::borrow::Cow;

use binlogd_event::body::{RowsChange, StatusVar, StatusVars};

use crate::schema::lexer::{Lexer, Token};
use crate::schema::mode::SqlMode;
use crate::schema::named_tables;
use crate::{Charset, TableChange, shown_on_terminal};

/// A statement and what it depends on.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    /// The statement, in its session's character set.
    pub text: &'a [u8],
    /// The default schema; may be empty.
    pub schema: &'a [u8],
    /// The session's settings.
    pub settings: StatusVars<'a>,
    /// The MySQL error with which it ended, mostly 0.
    pub error_code: u16,
    /// The session that ran it. Temporary tables and `CONNECTION_ID()` depend on it.
    pub thread_id: u32,
    /// `SET` statements that must run before it, in ASCII but for names.
    pub context: &'a [String],
    /// Whether it is a transaction by itself, such as DDL.
    pub alone: bool,
    /// What it does to tables, each that it defines in its turn, for formats that tell it: empty unless
    /// a [`FollowedSchema`](crate::FollowedSchema) has said it.
    pub tables: &'a [TableChange],
    /// The file that `LOAD DATA` reads. Other statements have none.
    pub file: Option<LoadedFile<'a>>,
}

/// A file that `LOAD DATA` reads. Its bytes are in events before the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadedFile<'a> {
    /// Its number, to which the events with its bytes refer.
    pub id: u32,
    /// Where the text names it, from `LOCAL` or `INFILE` to `INTO`, in bytes.
    pub start: usize,
    /// Where that ends, in bytes.
    pub end: usize,
    /// What the statement does with rows that exist already: 0 is an error, 1 leaves them, 2 replaces them.
    pub duplicates: u8,
    /// Where its bytes were written, if they were. Without that no server can run the statement.
    pub path: Option<&'a str>,
}

/// The statement that changed rows, as the server logs it beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsQuery<'a> {
    /// The statement, in its session's character set.
    pub text: &'a [u8],
    /// That character set, as the beginning of the transaction tells it: its event has none. MariaDB does not
    /// tell it.
    pub charset: Option<Charset>,
}

/// Which tables a statement makes, changes or removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedTables {
    /// These, each with its schema; all tables of the schema if the name is empty.
    These(Vec<(String, String)>),
    /// None, but this schema itself.
    Schema(String),
    /// None: it controls a transaction.
    Control,
    /// None: it is about accounts, routines, views and the like.
    None,
    /// Any.
    Any,
}

impl LoadedFile<'_> {
    /// Whether a statement can name a file at this path, whatever its session's character set and SQL mode are.
    #[must_use]
    pub fn can_be_named(path: &str) -> bool {
        path.bytes().all(|b| (b.is_ascii_graphic() || b == b' ') && b != b'\'' && b != b'\\')
    }
}

impl<'a> Statement<'a> {
    /// What it does to rows, by its verb; `None` if that is none of the words that change rows.
    ///
    /// `WITH`, `ANALYZE` and `SET STATEMENT … FOR` may stand in front of the verb.
    #[must_use]
    pub fn kind(&self) -> Option<RowsChange> {
        match &*self.verb() {
            "insert" | "replace" | "load" => Some(RowsChange::Insert),
            "update" => Some(RowsChange::Update),
            "delete" => Some(RowsChange::Delete),
            _ => None,
        }
    }

    /// Whether it changes rows and does not say which: those of a [`kind`](Self::kind), and others
    /// that are logged only because of what they do to rows, such as a function that `SELECT` calls.
    #[must_use]
    pub fn changes_rows(&self) -> bool {
        self.kind().is_some()
            || match &*self.verb() {
                "with" | "select" | "call" | "do" => true,
                "create" => self.creates_from_select(),
                _ => false,
            }
    }

    /// The tables that it is about, as far as its text names them. Changes of rows may be of any table: a
    /// trigger or a function may make them.
    #[must_use]
    pub fn named_tables(&self) -> NamedTables {
        if self.changes_rows() {
            return NamedTables::Any;
        }
        named_tables(&self.to_text(), &String::from_utf8_lossy(self.schema), SqlMode::of(self))
    }

    /// Its verb, in small letters.
    pub(crate) fn verb(&self) -> String {
        match self.lexer(&self.to_text()).next() {
            Some(Token::Word(word)) => word.to_ascii_lowercase(),
            _ => String::new(),
        }
    }

    /// Reads its `text` from the verb on.
    pub(crate) fn lexer<'t>(&self, text: &'t str) -> Lexer<'t> {
        Lexer::at_verb(text, SqlMode::of(self))
    }

    /// Whether it is `CREATE TABLE … SELECT`, of a table that others see.
    fn creates_from_select(&self) -> bool {
        let text = self.to_text();
        let mut lexer = self.lexer(&text);
        lexer.pass(&["create", "or", "replace"]);
        lexer.take_word("table")
            && std::iter::from_fn(|| lexer.next()).any(|token| token.is_word("select"))
    }

    /// The first `chars_max` characters on one line, with `…` behind if there are more.
    #[must_use]
    pub fn beginning(&self, chars_max: usize) -> String {
        let text = self.to_text();
        let mut chars =
            text.trim_ascii_start().chars().map(|c| if c.is_control() { ' ' } else { c });
        let shown: String = chars.by_ref().take(chars_max).collect();
        let mut shown = shown_on_terminal(&shown).into_owned();
        if chars.next().is_some() {
            shown.push('…');
        }
        shown
    }

    /// The character set of its session, in which it is written, if that is known.
    #[must_use]
    pub fn charset(&self) -> Option<Charset> {
        charset_of(self.settings)
    }

    /// The schemas that it changes something in, if its event says so.
    pub(crate) fn schemas(&self) -> Option<Vec<String>> {
        let names = self.settings.iter().find_map(|item| match item {
            Ok(StatusVar::UpdatedSchemas(Some(names))) if !names.is_empty() => Some(names),
            _ => None,
        })?;
        let names = names.split(|&byte| byte == 0).filter(|name| !name.is_empty());
        Some(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }

    /// Its text in UTF-8. What is no text in its character set is replaced.
    pub(crate) fn to_text(self) -> Cow<'a, str> {
        utf8(self.text, self.charset())
    }
}

impl<'a> RowsQuery<'a> {
    /// Its text in UTF-8. What is no text in its character set is replaced.
    #[must_use]
    pub fn to_text(self) -> Cow<'a, str> {
        utf8(self.text, self.charset)
    }
}

/// The character set of a session with these settings, in which its statements are written.
pub(super) fn charset_of(settings: StatusVars<'_>) -> Option<Charset> {
    settings.iter().find_map(|item| match item {
        Ok(StatusVar::Charset { client, .. }) => Charset::of_collation(u64::from(client)),
        _ => None,
    })
}

/// Text in UTF-8. What is no text in its character set, UTF-8 if that is not known, is replaced.
fn utf8(bytes: &[u8], charset: Option<Charset>) -> Cow<'_, str> {
    let charset = charset.unwrap_or(Charset::UTF8MB4);
    if let Some(text) = charset.as_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = Vec::new();
    match charset.to_utf8(bytes, &mut text) {
        Ok(()) => Cow::Owned(String::from_utf8_lossy(&text).into_owned()),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(text: &str) -> Statement<'_> {
        Statement {
            text: text.as_bytes(),
            schema: b"",
            settings: StatusVars::default(),
            error_code: 0,
            thread_id: 0,
            context: &[],
            alone: true,
            tables: &[],
            file: None,
        }
    }

    #[test]
    fn a_statements_kind_is_its_verb() {
        let kind = |text: &str| statement(text).kind();
        assert_eq!(kind(" /* a */ /*b*/insert into t"), Some(RowsChange::Insert));
        assert_eq!(kind("-- why\n# who\nREPLACE t"), Some(RowsChange::Insert));
        assert_eq!(kind("/*!50003 update t*/"), Some(RowsChange::Update));
        assert_eq!(kind("/*M!100501 delete*/"), Some(RowsChange::Delete));
        assert_eq!(kind("create table t"), None);
        for (text, wanted) in [
            ("ANALYZE UPDATE t SET a = 1", Some(RowsChange::Update)),
            ("analyze format = json delete from t", Some(RowsChange::Delete)),
            ("analyze table t", None),
            ("analyze", None),
            (
                "set statement a = 'x for delete', b = (select 1 for update) for insert into t values (1)",
                Some(RowsChange::Insert),
            ),
            (
                "set statement a=1 for analyze /* c */ replace t values (1)",
                Some(RowsChange::Insert),
            ),
            ("set statement a=1 for alter table t add a int", None),
            ("set password = 'a'", None),
            (
                "with c as (select 1), `delete` (a) as (select 2 from (select 1) x) delete from t",
                Some(RowsChange::Delete),
            ),
            ("with recursive c as (select 1) update t set a = 1", Some(RowsChange::Update)),
            ("with c as (select 1) select f()", None),
            ("((delete from t", Some(RowsChange::Delete)),
            ("with", None),
            ("set statement", None),
        ] {
            assert_eq!(kind(text), wanted, "{text}");
        }
        for unended in ["/* never ends", "-- never ends", "#", "/*", "/*!", "/*M!", "--", ""] {
            assert_eq!(kind(unended), None, "{unended}");
        }
    }

    #[test]
    fn rows_are_changed_by_more_than_statements_of_a_kind() {
        let changes = |text: &str| statement(text).changes_rows();
        for text in [
            "delete from t",
            "with c as (select 1) update t set a = 1",
            "SELECT `d`.`f`()",
            "create table t (a int) select 1 as a",
            "create or replace table t as select * from u",
        ] {
            assert!(changes(text), "{text}");
        }
        for text in [
            "create table t (a int comment 'select')",
            "create temporary table t select 1",
            "create view v as select 1",
            "savepoint s",
            "grant select on *.* to u",
        ] {
            assert!(!changes(text), "{text}");
        }
    }

    #[test]
    fn statements_are_about_the_tables_that_they_name() {
        let tables = |text: &str| Statement { schema: b"d", ..statement(text) }.named_tables();
        let these = |names: &[(&str, &str)]| {
            let names = names.iter().map(|(s, t)| ((*s).to_owned(), (*t).to_owned()));
            NamedTables::These(names.collect())
        };
        for (text, wanted) in [
            ("create table t (a int)", these(&[("d", "t")])),
            ("create table e.t like u", these(&[("e", "t")])),
            ("alter table `e`.t rename to u", these(&[("e", "t"), ("d", "u")])),
            (
                "rename table a to b, e.c to e.f",
                these(&[("d", "a"), ("d", "b"), ("e", "c"), ("e", "f")]),
            ),
            (
                "drop table if exists a, e.b /* generated by server */",
                these(&[("d", "a"), ("e", "b")]),
            ),
            ("create index i on t (a)", these(&[("d", "t")])),
            ("truncate t", these(&[("d", "t")])),
            ("drop database e", these(&[("e", "")])),
            ("create temporary table t (a int)", these(&[("d", "t")])),
            (
                "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`, e.u",
                these(&[("d", "t"), ("e", "u")]),
            ),
            ("analyze no_write_to_binlog table t, e.u", these(&[("d", "t"), ("e", "u")])),
            ("optimize table t", these(&[("d", "t")])),
            ("create sequence s", these(&[("d", "s")])),
            ("create trigger r before insert on e.t for each row set @a = 1", these(&[("e", "t")])),
        ] {
            assert_eq!(tables(text), wanted, "{text}");
        }
        for text in [
            "grant all on *.* to u",
            "create user u",
            "drop user u",
            "create view v as select 1",
            "create definer=`a`@`b` procedure p() begin end",
            "flush tables",
            "set password for u = 'x'",
        ] {
            assert_eq!(tables(text), NamedTables::None, "{text}");
        }
        for text in ["savepoint s", "rollback to s", "xa end 'a'", "COMMIT"] {
            assert_eq!(tables(text), NamedTables::Control, "{text}");
        }
        for text in ["create database e", "alter schema e charset latin1"] {
            assert_eq!(tables(text), NamedTables::Schema("e".to_owned()), "{text}");
        }
        for text in ["update t set a = 1", "something new"] {
            assert_eq!(tables(text), NamedTables::Any, "{text}");
        }
    }

    #[test]
    fn a_beginning_is_a_line_of_whole_characters() {
        let beginning = |text: &str, max| statement(text).beginning(max);
        assert_eq!(beginning("  a\nb\u{9b}", 4), "a b ");
        assert_eq!(beginning("ééééé", 4), "éééé…");
        assert_eq!(beginning("𝄞𝄞", 2), "𝄞𝄞");
        assert_eq!(beginning("", 4), "");
    }
}
