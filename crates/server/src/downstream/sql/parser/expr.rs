//! `SELECT` and the values in it.

use super::super::lexer::Kind;
use super::super::{Expr, Limit, Scope, Select, SelectItem, Selection, Statement, Value};
use super::{LIST_LEN_MAX, Parser};
use crate::downstream::error::SqlError;

/// Words that cannot be an alias or a column: what follows a list of columns, or joins values.
const RESERVED: &[&str] = &[
    "AND",
    "AS",
    "BETWEEN",
    "COLLATE",
    "DIV",
    "FOR",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "INTO",
    "IS",
    "LIKE",
    "LIMIT",
    "LOCK",
    "MOD",
    "NOT",
    "ON",
    "OR",
    "ORDER",
    "PROCEDURE",
    "REGEXP",
    "RLIKE",
    "SELECT",
    "SET",
    "SHOW",
    "UNION",
    "USING",
    "WHERE",
    "WINDOW",
    "XOR",
];

/// Of those, the ones that go on with the value before them.
const OPERATORS: &[&str] = &[
    "AND", "BETWEEN", "COLLATE", "DIV", "IN", "IS", "LIKE", "MOD", "NOT", "OR", "REGEXP", "RLIKE",
    "XOR",
];

/// Words between `SELECT` and its columns that change nothing for one row.
const SELECT_OPTIONS: &[&str] =
    &["ALL", "DISTINCT", "DISTINCTROW", "HIGH_PRIORITY", "SQL_CACHE", "SQL_NO_CACHE"];

/// Functions that may be written without parentheses.
const BARE_FUNCTIONS: &[&str] =
    &["CURRENT_TIMESTAMP", "CURRENT_USER", "LOCALTIME", "LOCALTIMESTAMP"];

impl Parser<'_> {
    pub(super) fn select(&mut self) -> Result<Statement, SqlError> {
        self.bump()?;
        let mut distinct = false;
        while self.is_any(SELECT_OPTIONS) {
            distinct |= self.is_any(&["DISTINCT", "DISTINCTROW"]);
            self.bump()?;
        }
        let mut items = vec![self.item()?];
        while self.eat_punct(b',')? {
            if items.len() >= LIST_LEN_MAX {
                return Err(SqlError::too_many_columns());
            }
            items.push(self.item()?);
        }
        if self.eat("FROM")? && !self.eat("DUAL")? {
            return self.select_from(distinct, items);
        }
        let limit = self.limit()?;
        if self.is_any(RESERVED) {
            return Err(SqlError::not_supported("this kind of SELECT"));
        }
        Ok(Statement::Select(Select { items, limit }))
    }

    fn item(&mut self) -> Result<SelectItem, SqlError> {
        let start = self.token.start;
        let literal = match &self.token.kind {
            Kind::Text(text) => Some(text.to_vec()),
            _ => None,
        };
        let expr = self.expr()?;
        let written = self.lexer.text(start, self.last_end);
        let alias = self.alias()?;
        let is_alias = alias.is_some();
        let name = alias.unwrap_or_else(|| literal.unwrap_or_else(|| written.to_vec()));
        Ok(SelectItem { expr, name, is_alias })
    }

    fn alias(&mut self) -> Result<Option<Vec<u8>>, SqlError> {
        let needed = self.eat("AS")?;
        let alias = match &self.token.kind {
            Kind::Word(_) if self.is_any(RESERVED) => None,
            Kind::Word(word) => Some(word.to_vec()),
            Kind::Quoted(name) | Kind::Text(name) => Some(name.to_vec()),
            _ => None,
        };
        if alias.is_some() {
            self.bump()?;
        } else if needed {
            return Err(self.error());
        }
        Ok(alias)
    }

    /// What follows `FROM`; of tables that nobody here knows of not what follows their name.
    fn select_from(
        &mut self,
        distinct: bool,
        items: Vec<SelectItem>,
    ) -> Result<Statement, SqlError> {
        if self.is_punct(b'(') {
            return Err(SqlError::not_supported("subqueries"));
        }
        let table = self.table_name()?;
        if Selection::is_about(&table) {
            return self.selection(distinct, items, table);
        }
        Ok(Statement::SelectFrom { schema: table.schema, table: table.name })
    }

    /// `LIMIT n`, `LIMIT offset, n`, `LIMIT n OFFSET offset`
    pub(super) fn limit(&mut self) -> Result<Option<Limit>, SqlError> {
        if !self.eat("LIMIT")? {
            return Ok(None);
        }
        let first = self.count()?;
        Ok(Some(if self.eat_punct(b',')? {
            Limit { offset: first, count: self.count()? }
        } else if self.eat("OFFSET")? {
            Limit { offset: self.count()?, count: first }
        } else {
            Limit { offset: 0, count: first }
        }))
    }

    fn count(&mut self) -> Result<u64, SqlError> {
        if self.is_punct(b'?') {
            return Ok(self.marker()?.to_u64().unwrap_or(0));
        }
        let Kind::Number(digits) = self.token.kind else { return Err(self.error()) };
        let Ok(count) = digits.parse() else { return Err(self.error()) };
        self.bump()?;
        Ok(count)
    }

    /// One value; what would combine values is refused.
    pub(super) fn expr(&mut self) -> Result<Expr, SqlError> {
        let expr = self.nested(Self::operand)?;
        let combines = match self.token.kind {
            Kind::Assign => true,
            Kind::Punct(byte) => b"=<>!+-*/%|&^~".contains(&byte),
            Kind::Word(_) => self.is_any(OPERATORS),
            _ => false,
        };
        if combines { Err(SqlError::not_supported("operators between values")) } else { Ok(expr) }
    }

    pub(super) fn operand(&mut self) -> Result<Expr, SqlError> {
        match &self.token.kind {
            Kind::Text(_) => self.text().map(|text| Expr::Literal(Value::Text(text))),
            Kind::Number(digits) => {
                let value = number(digits);
                self.bump()?;
                Ok(Expr::Literal(value))
            }
            Kind::UserVariable(name) => {
                let name = name.clone();
                self.bump()?;
                Ok(Expr::User(name))
            }
            Kind::AtAt => {
                let (scope, name) = self.system_variable()?;
                Ok(Expr::System { scope, name })
            }
            Kind::Punct(b'-') => {
                self.bump()?;
                negate(self.nested(Self::operand)?)
            }
            Kind::Punct(b'+') => {
                self.bump()?;
                self.nested(Self::operand)
            }
            Kind::Punct(b'(') => {
                self.bump()?;
                let inner = self.expr()?;
                self.expect_punct(b')')?;
                Ok(inner)
            }
            Kind::Punct(b'?') => self.marker().map(Expr::Literal),
            Kind::Punct(b'*') => {
                self.bump()?;
                Ok(Expr::Column("*".into()))
            }
            // MySQL's clients ask whether it begins a quoted text, which it does since 8.0.32.
            Kind::Word(word) if word.starts_with(b"$$") => Err(self.error()),
            Kind::Word(_) if !self.is_any(RESERVED) => self.word_operand(),
            Kind::Quoted(_) => self.word_operand(),
            _ => Err(self.error()),
        }
    }

    /// A constant, a function or a column.
    fn word_operand(&mut self) -> Result<Expr, SqlError> {
        let bare = self.is_any(BARE_FUNCTIONS);
        let constant = match self.token.kind {
            Kind::Word(word) => constant(word),
            _ => None,
        };
        let mut name = self.name()?;
        if self.eat_punct(b'(')? {
            return Ok(Expr::Call { function: name, args: self.arguments()? });
        }
        if let Some(value) = constant {
            return Ok(Expr::Literal(value));
        }
        if bare {
            return Ok(Expr::Call { function: name, args: Vec::new() });
        }
        // a.b, a.b.c, a.*
        for _ in 0..2 {
            if !self.eat_punct(b'.')? {
                break;
            }
            name.push('.');
            if self.eat_punct(b'*')? {
                name.push('*');
                break;
            }
            name.push_str(&self.name()?);
        }
        Ok(Expr::Column(name))
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, SqlError> {
        let mut args = Vec::new();
        if self.eat_punct(b')')? {
            return Ok(args);
        }
        loop {
            if args.len() >= LIST_LEN_MAX {
                return Err(SqlError::too_many_columns());
            }
            args.push(self.expr()?);
            if !self.eat_punct(b',')? {
                self.expect_punct(b')')?;
                return Ok(args);
            }
        }
    }

    /// What follows `@@`, with no space between: a scope, a name, and the second part some have.
    pub(super) fn system_variable(&mut self) -> Result<(Option<Scope>, String), SqlError> {
        self.bump()?;
        if self.token.start != self.last_end {
            return Err(self.error());
        }
        let scope = self.scope_word();
        let mut name = self.name()?;
        if let Some(scope) = scope.filter(|_| self.is_punct(b'.')) {
            self.bump()?;
            return Ok((Some(scope), self.variable_name()?));
        }
        if self.eat_punct(b'.')? {
            name = format!("{name}.{}", self.name()?);
        }
        Ok((None, name))
    }

    /// A variable's name, which may have two parts (a component's, a key cache's).
    pub(super) fn variable_name(&mut self) -> Result<String, SqlError> {
        let name = self.name()?;
        if self.eat_punct(b'.')? {
            return Ok(format!("{name}.{}", self.name()?));
        }
        Ok(name)
    }

    /// The scope that the word in hand names.
    pub(super) fn scope_word(&self) -> Option<Scope> {
        if self.is_any(&["GLOBAL", "PERSIST", "PERSIST_ONLY"]) {
            Some(Scope::Global)
        } else if self.is_any(&["SESSION", "LOCAL"]) {
            Some(Scope::Session)
        } else {
            None
        }
    }
}

/// The constants that are words.
pub(super) fn constant(word: &[u8]) -> Option<Value> {
    match word.to_ascii_uppercase().as_slice() {
        b"NULL" => Some(Value::Null),
        b"TRUE" => Some(Value::Int(1)),
        b"FALSE" => Some(Value::Int(0)),
        _ => None,
    }
}

fn number(digits: &str) -> Value {
    match (digits.parse::<i64>(), digits.parse::<u64>()) {
        (Ok(small), _) => Value::Int(small),
        (_, Ok(large)) => Value::UInt(large),
        _ => Value::Decimal(digits.to_owned()),
    }
}

fn negate(expr: Expr) -> Result<Expr, SqlError> {
    const BELOW_I64_MAX: u64 = i64::MIN.unsigned_abs();
    let value = match expr {
        Expr::Literal(Value::Int(number)) => match number.checked_neg() {
            Some(negative) => Value::Int(negative),
            None => Value::UInt(number.unsigned_abs()),
        },
        Expr::Literal(Value::UInt(BELOW_I64_MAX)) => Value::Int(i64::MIN),
        Expr::Literal(Value::UInt(number)) => Value::Decimal(format!("-{number}")),
        Expr::Literal(Value::Decimal(number)) => Value::Decimal(match number.strip_prefix('-') {
            Some(positive) => positive.to_owned(),
            None => format!("-{number}"),
        }),
        Expr::Literal(Value::Null) => Value::Null,
        _ => return Err(SqlError::not_supported("a sign before this value")),
    };
    Ok(Expr::Literal(value))
}
