//! `SHOW` and its filters.

use super::super::lexer::Kind;
use super::super::{Channel, Comparison, Condition, Field, Filter, Operator, Scope, Show};
use super::{LIST_LEN_MAX, Parser};
use crate::downstream::error::SqlError;

/// What MySQL and MariaDB can also show and binlogd has not.
const NOT_HERE: &[&str] = &[
    "AUTHORS",
    "CHARACTER",
    "CHARSET",
    "COLLATION",
    "COLUMNS",
    "CONTRIBUTORS",
    "CREATE",
    "DATABASES",
    "ENGINE",
    "ENGINES",
    "EVENTS",
    "EXPLAIN",
    "EXTENDED",
    "FIELDS",
    "FUNCTION",
    "INDEX",
    "INDEXES",
    "KEYS",
    "LIBRARY",
    "LOCALES",
    "OPEN",
    "PACKAGE",
    "PARSE_TREE",
    "PLUGINS",
    "PRIVILEGES",
    "PROCEDURE",
    "PROFILE",
    "PROFILES",
    "RELAYLOG",
    "SCHEMAS",
    "STORAGE",
    "TABLE",
    "TABLES",
    "TRIGGERS",
];

impl Parser<'_> {
    pub(super) fn show(&mut self) -> Result<Show, SqlError> {
        self.bump()?;
        if let Some(scope) = self.scope_word() {
            self.bump()?;
            return self.variables_or_status(scope);
        }
        if self.is_any(&["VARIABLES", "STATUS"]) {
            return self.variables_or_status(Scope::Session);
        }
        if self.eat("FULL")? {
            if self.eat("PROCESSLIST")? {
                return Ok(Show::ProcessList { full: true });
            }
            return Err(self.not_here());
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
            b"PROCESSLIST" => self.bump().map(|_| Show::ProcessList { full: false }),
            b"WARNINGS" | b"ERRORS" => {
                self.bump()?;
                Ok(Show::Warnings { limit: self.limit()? })
            }
            b"COUNT" => self.warning_count(),
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
            return Ok(Show::Variables { scope, filter: self.filter()? });
        }
        self.expect("STATUS")?;
        Ok(Show::Status { scope, filter: self.filter()? })
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

    /// `[LIKE 'pattern' | WHERE condition]`
    fn filter(&mut self) -> Result<Filter, SqlError> {
        if self.eat("LIKE")? {
            return self.text().map(Filter::Like);
        }
        if self.eat("WHERE")? {
            return self.condition().map(Filter::Where);
        }
        Ok(Filter::All)
    }

    fn condition(&mut self) -> Result<Condition, SqlError> {
        let mut any = vec![self.conjunction()?];
        while self.eat("OR")? {
            self.check_len(any.len())?;
            any.push(self.conjunction()?);
        }
        Ok(unless_single(any, Condition::Or))
    }

    fn conjunction(&mut self) -> Result<Condition, SqlError> {
        let mut all = vec![self.nested(Self::term)?];
        while self.eat("AND")? {
            self.check_len(all.len())?;
            all.push(self.nested(Self::term)?);
        }
        Ok(unless_single(all, Condition::And))
    }

    fn term(&mut self) -> Result<Condition, SqlError> {
        if self.eat("NOT")? {
            return self.nested(Self::term).map(negated);
        }
        if self.eat_punct(b'(')? {
            let inner = self.condition()?;
            self.expect_punct(b')')?;
            return Ok(inner);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Condition, SqlError> {
        if !matches!(self.token.kind, Kind::Word(_) | Kind::Quoted(_)) {
            return Err(if self.at_end() {
                self.error()
            } else {
                SqlError::not_supported("this condition in SHOW")
            });
        }
        let name = self.name()?;
        let field = match name.to_ascii_lowercase().as_str() {
            "variable_name" => Field::Name,
            "value" => Field::Value,
            _ => {
                let text = format!("Unknown column '{name}' in 'where clause'");
                return Err(SqlError::new(1054, b"42S22", text));
            }
        };
        let not = self.eat("NOT")?;
        let (operator, texts, not) = if self.eat("LIKE")? {
            (Operator::Like, vec![self.text()?], not)
        } else if self.eat("IN")? {
            (Operator::In, self.texts()?, not)
        } else if not {
            return Err(self.error());
        } else if self.eat_punct(b'=')? {
            (Operator::In, vec![self.text_or_number()?], false)
        } else if self.not_equal()? {
            (Operator::In, vec![self.text_or_number()?], true)
        } else if self.at_end() {
            return Err(self.error());
        } else {
            return Err(SqlError::not_supported("this condition in SHOW"));
        };
        let comparison = Condition::Compare(Comparison { field, operator, texts });
        Ok(if not { negated(comparison) } else { comparison })
    }

    /// `<>` or `!=`
    fn not_equal(&mut self) -> Result<bool, SqlError> {
        if self.eat_punct(b'!')? {
            self.expect_punct(b'=')?;
            return Ok(true);
        }
        if self.eat_punct(b'<')? {
            self.expect_punct(b'>')?;
            return Ok(true);
        }
        Ok(false)
    }

    fn texts(&mut self) -> Result<Vec<Vec<u8>>, SqlError> {
        self.expect_punct(b'(')?;
        let mut texts = vec![self.text_or_number()?];
        while self.eat_punct(b',')? {
            self.check_len(texts.len())?;
            texts.push(self.text_or_number()?);
        }
        self.expect_punct(b')')?;
        Ok(texts)
    }

    fn text_or_number(&mut self) -> Result<Vec<u8>, SqlError> {
        if let Kind::Number(digits) = self.token.kind {
            self.bump()?;
            return Ok(digits.as_bytes().to_vec());
        }
        self.text()
    }

    fn check_len(&self, len: usize) -> Result<(), SqlError> {
        if len < LIST_LEN_MAX {
            return Ok(());
        }
        Err(SqlError::not_supported("a condition of this many members"))
    }
}

fn negated(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn unless_single(
    mut list: Vec<Condition>,
    joined: impl FnOnce(Vec<Condition>) -> Condition,
) -> Condition {
    if list.len() == 1 { list.swap_remove(0) } else { joined(list) }
}
