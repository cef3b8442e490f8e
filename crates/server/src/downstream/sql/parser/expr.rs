//! `SELECT` and the values in it.

use super::super::lexer::Kind;
use super::super::{
    Expr, Limit, Operation, Scope, Select, SelectItem, SelectOwn, Selection, Statement, Value,
};
use super::{LIST_LEN_MAX, Parser};
use crate::downstream::error::SqlError;

/// Words that cannot be an alias or a column: what follows a list of columns, or joins values.
const RESERVED: &[&str] = &[
    "AND",
    "AS",
    "BETWEEN",
    "COLLATE",
    "DIV",
    "ELSE",
    "ESCAPE",
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
    "SOUNDS",
    "THEN",
    "UNION",
    "USING",
    "WHEN",
    "WHERE",
    "WINDOW",
    "XOR",
];

/// Words between `SELECT` and its columns that change nothing for one row.
const SELECT_OPTIONS: &[&str] =
    &["ALL", "DISTINCT", "DISTINCTROW", "HIGH_PRIORITY", "SQL_CACHE", "SQL_NO_CACHE"];

/// Functions that may be written without parentheses.
const BARE_FUNCTIONS: &[&str] = &[
    "CURRENT_DATE",
    "CURRENT_ROLE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "UTC_DATE",
    "UTC_TIME",
    "UTC_TIMESTAMP",
];

/// Of the reserved words, those that are functions too.
const FUNCTION_WORDS: &[&str] = &["MOD"];

impl Parser<'_> {
    /// What follows the opening parenthesis of `(SELECT value)`.
    fn subquery(&mut self) -> Result<Expr, SqlError> {
        let Statement::Select(select) = self.select()? else {
            return Err(SqlError::not_supported("subqueries of tables"));
        };
        self.expect_punct(b')')?;
        if select.items.len() > 1 {
            return Err(SqlError::one_column_needed());
        }
        Ok(Expr::Subquery(Box::new(select)))
    }

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
        let condition = if self.eat("WHERE")? { Some(self.expr()?) } else { None };
        let limit = self.limit()?;
        if self.is_any(RESERVED) {
            return Err(SqlError::not_supported("this kind of SELECT"));
        }
        Ok(Statement::Select(Select { items, condition, limit }))
    }

    fn item(&mut self) -> Result<SelectItem, SqlError> {
        let start = self.token.start;
        let literal = match &self.token.kind {
            Kind::Text(text) => Some(text.to_vec()),
            _ => None,
        };
        let expr = self.expr()?;
        let written = self.lexer.text(start, self.last_end);
        let name = match (&expr, literal) {
            // Without its quotes, if that is all.
            (Expr::Literal(Value::Text(_)), Some(text)) => text,
            _ if written.eq_ignore_ascii_case(b"NULL") => b"NULL".to_vec(),
            _ => written.to_vec(),
        };
        let alias = self.alias()?;
        let is_alias = alias.is_some();
        let name = alias.unwrap_or(name);
        Ok(SelectItem { expr, name, is_alias })
    }

    pub(super) fn alias(&mut self) -> Result<Option<Vec<u8>>, SqlError> {
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
        if SelectOwn::is_about(&table) {
            return self.select_own(distinct, items, table).map(Statement::SelectOwn);
        }
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

    pub(super) fn operand(&mut self) -> Result<Expr, SqlError> {
        match &self.token.kind {
            Kind::Text(_) => self.text().map(|text| Expr::Literal(Value::Text(text))),
            Kind::Number(digits) => {
                let value = number(digits);
                self.bump()?;
                Ok(Expr::Literal(value))
            }
            Kind::Hex(bytes) => {
                let bytes = bytes.clone();
                self.bump()?;
                Ok(Expr::Hex(bytes))
            }
            Kind::UserVariable(name) => {
                let name = name.clone();
                self.bump()?;
                if self.token.kind == Kind::Assign {
                    self.bump()?;
                    return Ok(Expr::AssignUser(name, Box::new(self.expr()?)));
                }
                Ok(Expr::User(name))
            }
            Kind::AtAt => {
                let (scope, name) = self.system_variable()?;
                Ok(Expr::System { scope, name })
            }
            Kind::Punct(b'-') => {
                self.bump()?;
                let operand = self.nested(Self::operand)?;
                match negated(&operand) {
                    Some(literal) => Ok(literal),
                    None => self.operation(Operation::Negate, vec![operand]),
                }
            }
            Kind::Punct(b'!') => {
                self.bump()?;
                let operand = self.nested(Self::operand)?;
                self.operation(Operation::Not, vec![operand])
            }
            Kind::Punct(b'~') => {
                self.bump()?;
                let operand = self.nested(Self::operand)?;
                self.operation(Operation::BitNot, vec![operand])
            }
            Kind::Punct(b'+') => {
                self.bump()?;
                self.nested(Self::operand)
            }
            Kind::Punct(b'(') => {
                self.bump()?;
                if self.is("SELECT") {
                    return self.nested(Self::subquery);
                }
                let inner = self.expr()?;
                if self.is_punct(b',') {
                    return Err(SqlError::not_supported("rows of several values"));
                }
                self.expect_punct(b')')?;
                Ok(inner)
            }
            Kind::Punct(b'?') => self.marker().map(Expr::Literal),
            Kind::Punct(b'*') => {
                self.bump()?;
                Ok(Expr::Column("*".into()))
            }
            // MySQL's clients ask whether it begins a quoted text, which it does since 8.0.32.
            Kind::Word(word) if word.starts_with(b"$$") && !self.lexer.dialect().mariadb => {
                Err(self.error())
            }
            Kind::Word(_) if self.is_any(FUNCTION_WORDS) => self.word_operand(),
            Kind::Word(_) if !self.is_any(RESERVED) => self.word_operand(),
            Kind::Quoted(_) => self.word_operand(),
            _ => Err(self.error()),
        }
    }

    /// A constant, a function or a column.
    fn word_operand(&mut self) -> Result<Expr, SqlError> {
        if let Some(special) = self.special_operand()? {
            return Ok(special);
        }
        let bare = self.is_any(BARE_FUNCTIONS);
        let constant = match self.token.kind {
            Kind::Word(word) => constant(word),
            _ => None,
        };
        let mut name = self.name()?;
        if self.eat_punct(b'(')? {
            return self.call(name);
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
        _ if digits.contains(['e', 'E']) => Value::double(digits.parse().unwrap_or(f64::MAX)),
        _ => Value::decimal(digits),
    }
}

/// A number with the other sign; `None` if it is to be computed.
fn negated(expr: &Expr) -> Option<Expr> {
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
        Expr::Literal(Value::Double(number)) => Value::double(-number.0),
        Expr::Literal(Value::Null) => Value::Null,
        _ => return None,
    };
    Some(Expr::Literal(value))
}
