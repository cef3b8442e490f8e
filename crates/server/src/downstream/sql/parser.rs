//! Tokens into a [`Statement`]: what each kind of statement may look like.
//!
//! Recursion is bounded by [`DEPTH_MAX`], lists by [`LIST_LEN_MAX`]. Statements that MySQL knows and
//! binlogd does not are told apart from what is no SQL at all: the errors differ.

mod condition;
mod expr;
mod function;
mod inquiry;
mod operator;
mod own_table;
mod prepared;
mod purge;
mod replica;
mod session;
mod set;
mod show;

use super::lexer::{Kind, Lexer, Token};
use super::{Dialect, Kill, Statement, TransactionVerb, Value};
use crate::downstream::error::SqlError;

/// How deep parentheses, signs and `NOT` may nest.
const DEPTH_MAX: usize = 64;
/// How many operators an expression may have.
const OPERATIONS_MAX: usize = 256;
/// How many members a list (columns, assignments, `IN`) may have; MySQL's own limit of columns.
const LIST_LEN_MAX: usize = 4096;

/// Reads one statement, with or without a semicolon at its end.
///
/// # Errors
/// MySQL's own: 1064 with the offending text for what is no SQL, 1065 for nothing at all, 1290 for
/// writes, 1235 for SQL that binlogd does not answer, 1300 for a question about tables in other than UTF-8.
pub fn parse(sql: &[u8], dialect: Dialect) -> Result<Statement, SqlError> {
    Parser::new(sql, dialect)?.whole_statement(sql)
}

/// Reads a statement that was or is to be prepared, in which `?` stands for a value: one of `values`, or if
/// there are none yet, NULL. Says how many there are. The values never become text: each is put in the place
/// of a constant.
///
/// # Errors
/// As [`parse`], and 1210 if there are not as many values as parameters, 1390 if there are too many of these.
pub fn parse_prepared(
    sql: &[u8],
    dialect: Dialect,
    values: Option<&[Value]>,
) -> Result<(Statement, u16), SqlError> {
    let mut parser = Parser::new(sql, dialect)?;
    parser.markers = values.map_or(Markers::Unbound, Markers::Bound);
    let statement = parser.whole_statement(sql)?;
    let count = parser.marker_count;
    if values.is_some_and(|values| values.len() != usize::from(count)) {
        return Err(SqlError::wrong_arguments("EXECUTE"));
    }
    Ok((statement, count))
}

/// What `?` stands for.
#[derive(Debug, Clone, Copy)]
enum Markers<'a> {
    /// Nothing: the statement is not a prepared one.
    None,
    /// A value that is not known yet.
    Unbound,
    /// One of these values.
    Bound(&'a [Value]),
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token in hand.
    token: Token<'a>,
    /// Where the token before it ended.
    last_end: usize,
    depth: usize,
    markers: Markers<'a>,
    /// How many of them were read.
    marker_count: u16,
    /// The operators of the expression that is being read.
    operations: usize,
}

impl<'a> Parser<'a> {
    fn new(sql: &'a [u8], dialect: Dialect) -> Result<Self, SqlError> {
        let mut lexer = Lexer::new(sql, dialect);
        let token = lexer.next()?;
        Ok(Self {
            lexer,
            token,
            last_end: 0,
            depth: 0,
            markers: Markers::None,
            marker_count: 0,
            operations: 0,
        })
    }

    /// The statement and what may follow it.
    fn whole_statement(&mut self, sql: &[u8]) -> Result<Statement, SqlError> {
        let statement = self.statement()?;
        match &statement {
            Statement::SelectFrom { .. } => return Ok(statement),
            // It goes on to the primary, in UTF-8.
            Statement::Inquiry(_) => {
                str::from_utf8(sql).map_err(|error| SqlError::invalid_characters(sql, error))?;
            }
            _ => {}
        }
        self.end()?;
        Ok(statement)
    }

    fn statement(&mut self) -> Result<Statement, SqlError> {
        let word = match self.token.kind {
            Kind::Word(word) => word.to_ascii_uppercase(),
            Kind::End | Kind::Punct(b';') => {
                self.end()?;
                return Err(SqlError::empty_query());
            }
            Kind::Punct(b'(') => return Err(SqlError::not_supported("parenthesized queries")),
            _ => return Err(self.error()),
        };
        match word.as_slice() {
            b"SELECT" => self.select(),
            b"SET" => self.set(),
            b"SHOW" => self.show(),
            b"DESC" | b"DESCRIBE" | b"EXPLAIN" => self.describe(),
            b"KILL" => self.kill(),
            b"PURGE" => self.purge(),
            b"STOP" => self.stop(),
            b"CHANGE" => self.change(),
            b"RESET" => self.reset(),
            b"FLUSH" => self.flush(),
            b"TRUNCATE" => self.truncate(),
            b"PREPARE" => self.prepare(),
            b"EXECUTE" => self.execute(),
            b"DEALLOCATE" => self.deallocate(),
            b"DROP" => self.drop_prepared(),
            b"LOCK" => self.lock(),
            b"UNLOCK" => self.unlock(),
            b"SAVEPOINT" => self.savepoint(),
            b"RELEASE" => self.release(),
            b"DO" => self.do_values(),
            b"XA" => self.xa(),
            b"CALL" => self.call_procedure(),
            b"USE" => self.use_database(),
            b"BEGIN" => self.begin(),
            b"START" => self.start(),
            b"COMMIT" => self.end_transaction(TransactionVerb::Commit),
            b"ROLLBACK" => self.end_transaction(TransactionVerb::Rollback),
            verb => Err(match refusal(verb) {
                Some(refusal) => refusal,
                None => self.error(),
            }),
        }
    }

    fn kill(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        let query_only = self.eat("QUERY")?;
        if !query_only {
            self.eat("CONNECTION")?;
        }
        Ok(Statement::Kill(Kill { id: self.expr()?, query_only }))
    }

    fn use_database(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        Ok(Statement::Use(self.name()?))
    }

    fn begin(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        self.eat("WORK")?;
        Ok(Statement::Transaction(TransactionVerb::Begin))
    }

    fn start(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        if self.is_any(&["REPLICA", "SLAVE", "ALL"]) {
            return self.replica_threads(true);
        }
        if self.is("GROUP_REPLICATION") {
            return Err(SqlError::not_supported("START GROUP_REPLICATION"));
        }
        self.expect("TRANSACTION")?;
        if !self.at_end() {
            self.transaction_option()?;
            while self.eat_punct(b',')? {
                self.transaction_option()?;
            }
        }
        Ok(Statement::Transaction(TransactionVerb::Begin))
    }

    fn stop(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        if self.is_any(&["REPLICA", "SLAVE", "ALL"]) {
            return self.replica_threads(false);
        }
        if self.is("GROUP_REPLICATION") {
            return Err(SqlError::not_supported("STOP GROUP_REPLICATION"));
        }
        Err(self.error())
    }

    fn transaction_option(&mut self) -> Result<(), SqlError> {
        if self.eat("WITH")? {
            self.expect("CONSISTENT")?;
            return self.expect("SNAPSHOT");
        }
        self.expect("READ")?;
        if self.eat("ONLY")? { Ok(()) } else { self.expect("WRITE") }
    }

    /// `COMMIT|ROLLBACK [WORK] [AND [NO] CHAIN] [NO RELEASE]`
    fn end_transaction(&mut self, verb: TransactionVerb) -> Result<Statement, SqlError> {
        self.bump()?;
        self.eat("WORK")?;
        if self.eat("AND")? {
            self.eat("NO")?;
            self.expect("CHAIN")?;
        }
        if self.is("RELEASE") {
            return Err(SqlError::not_supported("RELEASE"));
        }
        if verb == TransactionVerb::Rollback && self.eat("TO")? {
            return self.rollback_to();
        }
        if self.eat("NO")? {
            self.expect("RELEASE")?;
        }
        Ok(Statement::Transaction(verb))
    }

    /// Nothing but a semicolon may follow.
    fn end(&mut self) -> Result<(), SqlError> {
        self.eat_punct(b';')?;
        if self.token.kind == Kind::End { Ok(()) } else { Err(self.error()) }
    }

    fn at_end(&self) -> bool {
        matches!(self.token.kind, Kind::End | Kind::Punct(b';'))
    }

    /// Takes the token in hand and reads on.
    fn bump(&mut self) -> Result<Token<'a>, SqlError> {
        let next = self.lexer.next()?;
        self.last_end = self.token.end;
        Ok(std::mem::replace(&mut self.token, next))
    }

    /// A syntax error at the token in hand.
    fn error(&self) -> SqlError {
        self.lexer.error_at(self.token.start)
    }

    fn is(&self, keyword: &str) -> bool {
        matches!(self.token.kind, Kind::Word(word) if word.eq_ignore_ascii_case(keyword.as_bytes()))
    }

    fn is_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }

    fn eat(&mut self, keyword: &str) -> Result<bool, SqlError> {
        let is = self.is(keyword);
        if is {
            self.bump()?;
        }
        Ok(is)
    }

    fn expect(&mut self, keyword: &str) -> Result<(), SqlError> {
        if self.eat(keyword)? { Ok(()) } else { Err(self.error()) }
    }

    fn is_punct(&self, byte: u8) -> bool {
        self.token.kind == Kind::Punct(byte)
    }

    fn eat_punct(&mut self, byte: u8) -> Result<bool, SqlError> {
        let is = self.is_punct(byte);
        if is {
            self.bump()?;
        }
        Ok(is)
    }

    fn expect_punct(&mut self, byte: u8) -> Result<(), SqlError> {
        if self.eat_punct(byte)? { Ok(()) } else { Err(self.error()) }
    }

    /// An identifier, quoted or not.
    fn name(&mut self) -> Result<String, SqlError> {
        let name = match &self.token.kind {
            Kind::Word(word) => String::from_utf8_lossy(word).into_owned(),
            Kind::Quoted(name) => String::from_utf8_lossy(name).into_owned(),
            _ => return Err(self.error()),
        };
        self.bump()?;
        Ok(name)
    }

    /// Strings side by side are one string.
    fn text(&mut self) -> Result<Vec<u8>, SqlError> {
        let Kind::Text(first) = &self.token.kind else { return Err(self.error()) };
        let mut text = first.to_vec();
        self.bump()?;
        while let Kind::Text(more) = &self.token.kind {
            text.extend_from_slice(more);
            self.bump()?;
        }
        Ok(text)
    }

    /// Runs `parse` one level deeper.
    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        if self.depth >= DEPTH_MAX {
            return Err(SqlError::not_supported("expressions nested this deep"));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }
}

/// How a statement that MySQL knows is refused; `None` for a word that begins no statement.
fn refusal(verb: &[u8]) -> Option<SqlError> {
    const WRITES: &[&str] = &[
        "ALTER",
        "ANALYZE",
        "CREATE",
        "DELETE",
        "DROP",
        "GRANT",
        "IMPORT",
        "INSERT",
        "INSTALL",
        "LOAD",
        "OPTIMIZE",
        "RENAME",
        "REPAIR",
        "REPLACE",
        "REVOKE",
        "UNINSTALL",
        "UPDATE",
    ];
    const OTHERS: &[&str] = &[
        "BACKUP", "BINLOG", "CACHE", "CALL", "CHECK", "CHECKSUM", "CLONE", "GET", "HANDLER",
        "HELP", "RESIGNAL", "RESTART", "SHUTDOWN", "SIGNAL", "TABLE", "VALUES", "WITH", "XA",
    ];
    let verb = std::str::from_utf8(verb).ok()?;
    if WRITES.contains(&verb) {
        return Some(SqlError::read_only());
    }
    OTHERS.contains(&verb).then(|| SqlError::not_supported(verb))
}
