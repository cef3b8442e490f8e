//! A statement: what it is, and what it depends on.

use std::borrow::Cow;

use binlogd_event::body::{RowsChange, StatusVar, StatusVars};

use crate::schema::lexer::Lexer;
use crate::{Charset, TableChange};

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
    /// `SET` statements that must run before it, in ASCII but for names.
    pub context: &'a [String],
    /// Whether it is a transaction by itself, such as DDL.
    pub alone: bool,
    /// What it does to tables, each that it defines in its turn, for formats that tell it: empty unless
    /// a [`FollowedSchema`](crate::FollowedSchema) has said it.
    pub tables: &'a [TableChange],
}

impl<'a> Statement<'a> {
    /// What it does to rows, by its first word; `None` if that is none of the words that change
    /// rows.
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

    /// Its first word, in small letters; comments before it are none.
    pub(crate) fn verb(&self) -> String {
        first_word(self.text)
    }

    /// Whether it is `CREATE TABLE … SELECT`, of a table that others see.
    fn creates_from_select(&self) -> bool {
        let text = self.to_text();
        let mut lexer = Lexer::new(&text);
        lexer.next();
        if lexer.take_word("or") {
            lexer.take_word("replace");
        }
        lexer.take_word("table")
            && std::iter::from_fn(|| lexer.next()).any(|token| token.is_word("select"))
    }

    /// The first `chars_max` characters on one line, with `…` behind if there are more.
    #[must_use]
    pub fn beginning(&self, chars_max: usize) -> String {
        // No character has more bytes.
        let start = self.text.trim_ascii_start();
        let start = &start[..start.len().min(chars_max.saturating_add(1).saturating_mul(4))];
        let text = String::from_utf8_lossy(start);
        let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        let mut shown: String = chars.by_ref().take(chars_max).collect();
        if chars.next().is_some() {
            shown.push('…');
        }
        shown
    }

    /// The character set of its session, in which it is written, if that is known.
    #[must_use]
    pub fn charset(&self) -> Option<Charset> {
        self.settings.iter().find_map(|item| match item {
            Ok(StatusVar::Charset { client, .. }) => Charset::of_collation(u64::from(client)),
            _ => None,
        })
    }

    /// Its text in UTF-8. What is no text in its character set is replaced.
    pub(crate) fn to_text(self) -> Cow<'a, str> {
        let charset = self.charset().unwrap_or(Charset::UTF8MB4);
        if let Some(text) = charset.as_utf8(self.text) {
            return Cow::Borrowed(text);
        }
        let mut text = Vec::new();
        match charset.to_utf8(self.text, &mut text) {
            Ok(()) => Cow::Owned(String::from_utf8_lossy(&text).into_owned()),
            Err(_) => String::from_utf8_lossy(self.text),
        }
    }
}

fn first_word(statement: &[u8]) -> String {
    let mut text = statement.trim_ascii_start();
    let behind = |text: &'_ [u8], end: &[u8]| {
        text.windows(end.len()).position(|bytes| bytes == end).map(|at| at + end.len())
    };
    loop {
        let comment_len = match text {
            // What stands in it is no comment to the server, but for the version in front.
            [b'/', b'*', b'!', ..] => 3 + digits(&text[3..]),
            [b'/', b'*', b'M', b'!', ..] => 4 + digits(&text[4..]),
            [b'/', b'*', rest @ ..] => behind(rest, b"*/").map_or(text.len(), |len| 2 + len),
            [b'#', ..] | [b'-', b'-', 0..=b' ', ..] => behind(text, b"\n").unwrap_or(text.len()),
            _ => break,
        };
        text = text[comment_len..].trim_ascii_start();
    }
    let word = text.iter().take_while(|b| b.is_ascii_alphabetic());
    word.map(|b| char::from(b.to_ascii_lowercase())).collect()
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_digit()).count()
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
            context: &[],
            alone: true,
            tables: &[],
        }
    }

    #[test]
    fn a_statements_kind_is_its_first_word() {
        let kind = |text: &str| statement(text).kind();
        assert_eq!(kind(" /* a */ /*b*/insert into t"), Some(RowsChange::Insert));
        assert_eq!(kind("-- why\n# who\nREPLACE t"), Some(RowsChange::Insert));
        assert_eq!(kind("/*!50003 update t*/"), Some(RowsChange::Update));
        assert_eq!(kind("/*M!100501 delete*/"), Some(RowsChange::Delete));
        assert_eq!(kind("create table t"), None);
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
    fn a_beginning_is_a_line_of_whole_characters() {
        let beginning = |text: &str, max| statement(text).beginning(max);
        assert_eq!(beginning("  a\nb\u{9b}", 4), "a b ");
        assert_eq!(beginning("ééééé", 4), "éééé…");
        assert_eq!(beginning("𝄞𝄞", 2), "𝄞𝄞");
        assert_eq!(beginning("", 4), "");
    }
}
