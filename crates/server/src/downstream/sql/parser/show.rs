//! `SHOW`.

use super::super::lexer::Kind;
use super::super::{Channel, Field, Scope, Show, Statement};
use super::Parser;
use crate::downstream::error::SqlError;

/// What MySQL and MariaDB can also show and binlogd has not.
const NOT_HERE: &[&str] = &[
    "AUTHORS",
    "CONTRIBUTORS",
    "ENGINE",
    "EXPLAIN",
    "EXTENDED",
    "LIBRARY",
    "LOCALES",
    "PACKAGE",
    "PARSE_TREE",
    "PROFILE",
    "RELAYLOG",
];

impl Parser<'_> {
    pub(super) fn show(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        let full = self.eat("FULL")?;
        if let Some(inquiry) = self.show_of_tables(full)? {
            return Ok(Statement::Inquiry(inquiry));
        }
        self.show_of_server(full).map(Statement::Show)
    }

    fn show_of_server(&mut self, full: bool) -> Result<Show, SqlError> {
        if full && !self.is("PROCESSLIST") {
            return Err(self.not_here());
        }
        if let Some(scope) = self.scope_word() {
            self.bump()?;
            return self.variables_or_status(scope);
        }
        if self.is_any(&["VARIABLES", "STATUS"]) {
            return self.variables_or_status(Scope::Session);
        }
        if self.is_any(NOT_HERE) {
            return Err(self.not_here());
        }
        let word = match self.token.kind {
            Kind::Word(word) => word.to_ascii_uppercase(),
            _ => return Err(self.error()),
        };
        match word.as_slice() {
            b"BINARY" | b"MASTER" => self.binary_logs(),
            b"BINLOG" => self.binlog_events(),
            b"REPLICAS" => self.bump().map(|_| Show::Replicas),
            b"ALL" => self.all_replicas(),
            b"REPLICA" | b"SLAVE" => self.hosts(),
            b"PROCESSLIST" => self.bump().map(|_| Show::ProcessList { full }),
            b"WARNINGS" | b"ERRORS" => {
                self.bump()?;
                Ok(Show::Warnings { limit: self.limit()? })
            }
            b"COUNT" => self.warning_count(),
            b"OPEN" => {
                self.bump()?;
                self.expect("TABLES")?;
                let _in_database =
                    if self.eat("FROM")? || self.eat("IN")? { Some(self.name()?) } else { None };
                let _of_these = self.filter(|name| Ok(name.to_owned()))?;
                Ok(Show::OpenTables)
            }
            b"PROFILES" => self.bump().map(|_| Show::Profiles),
            b"GRANTS" => self.grants(),
            _ => Err(self.error()),
        }
    }

    /// 1235 if the word in hand is something MySQL shows, else a syntax error.
    fn not_here(&mut self) -> SqlError {
        match self.token.kind {
            Kind::Word(word) if self.is_any(NOT_HERE) => {
                let word = String::from_utf8_lossy(word).to_ascii_uppercase();
                SqlError::not_supported(&format!("SHOW {word}"))
            }
            _ => self.error(),
        }
    }

    fn variables_or_status(&mut self, scope: Scope) -> Result<Show, SqlError> {
        if self.eat("VARIABLES")? {
            return Ok(Show::Variables { scope, filter: self.filter(field)? });
        }
        self.expect("STATUS")?;
        Ok(Show::Status { scope, filter: self.filter(field)? })
    }

    /// `BINARY LOGS`, `MASTER LOGS`, `BINARY LOG STATUS`, `MASTER STATUS`
    fn binary_logs(&mut self) -> Result<Show, SqlError> {
        let binary = self.is("BINARY");
        self.bump()?;
        if self.eat("LOGS")? {
            return Ok(Show::BinaryLogs);
        }
        if binary {
            self.expect("LOG")?;
        }
        self.expect("STATUS")?;
        Ok(Show::BinaryLogStatus)
    }

    /// `BINLOG EVENTS [IN 'file'] [FROM position] [LIMIT [offset,] count]`
    fn binlog_events(&mut self) -> Result<Show, SqlError> {
        self.bump()?;
        if self.lexer.dialect().mariadb && self.eat("STATUS")? {
            return Ok(Show::BinaryLogStatus);
        }
        self.expect("EVENTS")?;
        let file = match self.eat("IN")? {
            true => Some(String::from_utf8_lossy(&self.text()?).into_owned()),
            false => None,
        };
        let from = if self.eat("FROM")? { self.number_below(u64::MAX)? } else { 0 };
        Ok(Show::BinlogEvents { file, from, limit: self.limit()? })
    }

    /// MariaDB's `ALL SLAVES STATUS`
    fn all_replicas(&mut self) -> Result<Show, SqlError> {
        self.bump()?;
        let new_words = self.eat("REPLICAS")?;
        if !new_words {
            self.expect("SLAVES")?;
        }
        self.expect("STATUS")?;
        Ok(Show::ReplicaStatus { new_words, all: true, channel: Channel::default() })
    }

    /// `SLAVE HOSTS`, and MariaDB's `REPLICA HOSTS`; `REPLICA STATUS`, `SLAVE ['name'] STATUS`
    fn hosts(&mut self) -> Result<Show, SqlError> {
        let new_words = self.is("REPLICA");
        self.bump()?;
        let mut channel = self.connection_name()?;
        if self.eat("STATUS")? {
            if self.is("NONBLOCKING") {
                self.bump()?;
            }
            if channel == Channel::default() {
                channel = self.for_channel()?;
            }
            return Ok(Show::ReplicaStatus { new_words, all: false, channel });
        }
        self.expect("HOSTS")?;
        Ok(Show::SlaveHosts)
    }

    fn warning_count(&mut self) -> Result<Show, SqlError> {
        self.bump()?;
        self.expect_punct(b'(')?;
        self.expect_punct(b'*')?;
        self.expect_punct(b')')?;
        let errors = self.eat("ERRORS")?;
        if !errors {
            self.expect("WARNINGS")?;
        }
        Ok(Show::WarningCount { errors })
    }

    /// `GRANTS [FOR CURRENT_USER[()]]`
    fn grants(&mut self) -> Result<Show, SqlError> {
        self.bump()?;
        if self.eat("FOR")? {
            if !self.is("CURRENT_USER") {
                return Err(SqlError::not_supported("SHOW GRANTS FOR another user"));
            }
            self.bump()?;
            if self.eat_punct(b'(')? {
                self.expect_punct(b')')?;
            }
        }
        Ok(Show::Grants)
    }
}

/// The column of `SHOW VARIABLES` and `SHOW STATUS` with this name.
fn field(name: &str) -> Result<Field, SqlError> {
    match name.to_ascii_lowercase().as_str() {
        "variable_name" => Ok(Field::Name),
        "value" => Ok(Field::Value),
        _ => {
            let text = format!("Unknown column '{name}' in 'where clause'");
            Err(SqlError::new(1054, b"42S22", text))
        }
    }
}
