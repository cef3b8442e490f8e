//! Reads a table's columns, keys and options, as `CREATE TABLE` and `ALTER TABLE` have them.

use super::declared::{Declared, single_quoted, unquoted};
use super::dump::SchemaError;
use super::lexer::{Lexer, Token};
use super::types::{self, TypeName};
use super::{ColumnSchema, RowFormat, SchemaType, TableSchema};
use crate::Charset;

/// The schema if it is named, the table's name, and its definition.
type Created = (Option<String>, String, TableSchema);

/// Stand for the time of a change.
const NOW: &[&str] = &["current_timestamp", "now", "localtime", "localtimestamp"];

/// The most bits of precision that a `FLOAT` has.
const FLOAT_BITS_MAX: u64 = 24;

/// What matters of a table's options.
struct Options {
    charset: Option<Charset>,
    row_format: RowFormat,
    comment: Option<String>,
}

/// A column as a statement defines it.
#[derive(Debug, Clone)]
pub(super) struct Defined {
    pub(super) column: ColumnSchema,
    /// Whether it is the primary key.
    pub(super) is_key: bool,
    /// Whether it is a unique key.
    pub(super) is_unique: bool,
    /// Where `ALTER TABLE` puts it.
    pub(super) place: Option<Place>,
}

/// Where a column goes that is added or moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    First,
    After(String),
}

pub(super) struct TableParser<'a> {
    pub(super) lexer: Lexer<'a>,
    table: Option<String>,
}

impl<'a> TableParser<'a> {
    pub(super) fn new(lexer: Lexer<'a>) -> Self {
        Self { lexer, table: None }
    }
}

impl TableParser<'_> {
    /// What follows `CREATE`; `None` if that is no table.
    pub(super) fn create(&mut self) -> Result<Option<Created>, SchemaError> {
        self.lexer.pass(&["or", "replace"]);
        if self.lexer.take_word("temporary") || !self.lexer.take_word("table") {
            return Ok(None);
        }
        if self.lexer.take_word("if") {
            self.lexer.take_word("not");
            self.lexer.take_word("exists");
        }
        self.table = None;
        let mut name = self.name()?;
        let mut schema = None;
        if self.lexer.take_symbol('.') {
            schema = Some(std::mem::replace(&mut name, self.name()?));
        }
        self.table = Some(name.clone());
        // `LIKE` or `SELECT`: the columns are not here.
        if !self.lexer.take_symbol('(') {
            return Ok(None);
        }
        let mut table = TableSchema::default();
        if self.lexer.is_next(&["like"]) {
            return Ok(None);
        }
        loop {
            self.element(&mut table)?;
            match self.lexer.next() {
                Some(Token::Symbol(',')) => {}
                Some(Token::Symbol(')')) => break,
                _ => return Err(self.error("no end of the columns")),
            }
        }
        let Some(options) = self.options() else { return Ok(None) };
        (table.charset, table.row_format) = (options.charset, options.row_format);
        table.comment = options.comment;
        Ok(Some((schema, name, table)))
    }

    /// A column, a key or a constraint.
    fn element(&mut self, table: &mut TableSchema) -> Result<(), SchemaError> {
        const OTHERS: [&str; 7] =
            ["key", "index", "unique", "fulltext", "spatial", "foreign", "check"];
        if self.lexer.take_word("constraint")
            && !self.lexer.is_next(&OTHERS)
            && !self.lexer.is_next(&["primary"])
        {
            // Its name.
            self.lexer.next();
        }
        if self.lexer.take_word("primary") {
            self.lexer.take_word("key");
            table.primary_key = self.key_columns()?;
            return Ok(());
        }
        if self.lexer.take_word("unique") {
            if let Some(key) = self.unique_columns() {
                table.add_unique(key);
            }
            return Ok(());
        }
        if self.lexer.is_next(&OTHERS) {
            self.rest_of_element();
            return Ok(());
        }
        let may_be_period = self.lexer.is_next(&["period"]);
        let name = self.column_name()?;
        if may_be_period && self.lexer.is_next(&["for"]) {
            self.rest_of_element();
            return Ok(());
        }
        let Defined { column, is_key, is_unique, .. } = self.column(name)?;
        if is_key {
            table.primary_key = vec![column.name.clone()];
        } else if is_unique && !table.has_key() {
            table.unique_key = vec![column.name.clone()];
        }
        table.columns.push(column);
        Ok(())
    }

    /// The columns of a unique key, up to the element's end; `None` if it is made of anything else.
    pub(super) fn unique_columns(&mut self) -> Option<Vec<String>> {
        let start = self.lexer.clone();
        let columns = self.key_columns().ok();
        if columns.is_none() {
            self.lexer = start;
            self.rest_of_element();
        }
        columns
    }

    /// The columns of a key, up to the element's end.
    pub(super) fn key_columns(&mut self) -> Result<Vec<String>, SchemaError> {
        while !self.lexer.take_symbol('(') {
            if self.lexer.next().is_none() {
                return Err(self.error("no columns of the primary key"));
            }
        }
        let mut columns = Vec::new();
        loop {
            columns.push(self.name()?);
            self.rest_of_element();
            match self.lexer.next() {
                Some(Token::Symbol(',')) => {}
                Some(Token::Symbol(')')) => break,
                _ => return Err(self.error("no end of the primary key")),
            }
        }
        self.rest_of_element();
        Ok(columns)
    }

    /// What follows a column's name.
    pub(super) fn column(&mut self, name: String) -> Result<Defined, SchemaError> {
        let Some(TypeName { name: type_name, words, charset, unsigned, is_serial }) =
            TypeName::read(&mut self.lexer)
        else {
            return Err(self.error("no type of a column"));
        };
        let mut column = ColumnSchema {
            name,
            kind: types::kind(&type_name),
            type_name,
            size: None,
            scale: None,
            unsigned,
            charset,
            members: Vec::new(),
            nullable: true,
            auto_increment: is_serial,
            generated: false,
            declared: Declared { type_name: words, ..Declared::default() },
        };
        if self.lexer.take_symbol('(') {
            self.arguments(&mut column);
        }
        (column.declared.size, column.declared.scale) = (column.size, column.scale);
        if column.type_name == "float" && column.scale.is_none() {
            // The number is that of bits, which makes one type or another.
            if column.size.take().is_some_and(|bits| bits > FLOAT_BITS_MAX) {
                (column.kind, column.type_name) = (SchemaType::Double, "double".to_owned());
            }
        }
        let mut defined = Defined { column, is_key: false, is_unique: is_serial, place: None };
        let nullable = self.attributes(&mut defined)?;
        let column = &mut defined.column;
        let has_default =
            column.kind == SchemaType::Timestamp && !self.lexer.mode().explicit_timestamps;
        column.nullable = nullable.unwrap_or(!has_default && !column.auto_increment);
        Ok(defined)
    }

    /// The strings and the first numbers in parentheses that are open.
    fn arguments(&mut self, column: &mut ColumnSchema) {
        let has_members = matches!(column.kind, SchemaType::Enum | SchemaType::Set);
        while let Some(token) = self.lexer.next() {
            match token {
                Token::Text(text) | Token::Double(text) => {
                    column.declared.members.push(single_quoted(self.lexer.raw()));
                    // Servers leave out what is behind.
                    column.members.push(text.trim_end_matches(' ').to_owned());
                }
                // A member that is no plain string, such as X'41'.
                Token::Word(_) if has_members => column.kind = SchemaType::Other,
                Token::Word(word) if column.size.is_none() => column.size = word.parse().ok(),
                Token::Word(word) => column.scale = column.scale.or(word.parse().ok()),
                Token::Symbol(')') => break,
                _ => {}
            }
        }
    }

    /// What follows a column's type, as far as it matters; whether it may be NULL, if that is said.
    fn attributes(&mut self, defined: &mut Defined) -> Result<Option<bool>, SchemaError> {
        let mut nullable = None;
        let (mut sign, mut is_zerofill, mut is_binary) = (None, false, false);
        while let Some(token) = self.next_of_element() {
            let column = &mut defined.column;
            // ZEROFILL makes a column unsigned.
            if token.is_any(&["unsigned", "zerofill"]) {
                column.unsigned = true;
                is_zerofill |= token.is_word("zerofill");
                sign = Some("UNSIGNED");
            } else if token.is_word("signed") {
                sign = Some("SIGNED");
            } else if token.is_word("binary") && column.kind.is_text() {
                is_binary = true;
            } else if token.is_word("default") {
                column.declared.default = self.default_value();
            } else if token.is_word("comment") {
                column.declared.comment = self.comment();
            } else if token.is_word("on") && self.lexer.take_word("update") {
                // Not ON UPDATE CASCADE.
                column.declared.on_update = self.lexer.is_next(NOW);
            } else if token.is_word("as") {
                // GENERATED ALWAYS AS (…), and MariaDB's AS ROW START.
                column.generated = true;
            } else if token.is_word("not") && self.lexer.take_word("null") {
                nullable = Some(false);
            } else if token.is_word("null") {
                nullable = nullable.or(Some(true));
            } else if token.is_any(&["auto_increment", "serial"]) {
                // SERIAL DEFAULT VALUE says it, too.
                (column.auto_increment, nullable) = (true, Some(false));
            } else if token.is_word("unique") {
                self.lexer.take_word("key");
                defined.is_unique = true;
            } else if token.is_any(&["primary", "key"]) {
                // PRIMARY or KEY alone say it as well.
                self.lexer.take_word("key");
                defined.is_key = true;
            } else if token.is_any(&["charset", "character"]) {
                self.lexer.take_word("set");
                column.charset = self.charset_name();
            } else if token.is_word("collate") {
                let charset = self.charset_name();
                column.charset = column.charset.or(charset);
            } else if let Some(charset) = types::charset_attribute(&token) {
                column.charset = Some(charset);
            } else if token.is_word("partition") {
                // Of the whole table, BY KEY perhaps.
                self.rest_of_element();
            } else if token.is_word("constraint") && !self.lexer.is_next(&["check"]) {
                // It may be called `first`, too.
                self.name()?;
            } else if token.is_word("references") {
                // A table may be called `first`.
                self.name()?;
            } else if token.is_word("first") {
                defined.place = Some(Place::First);
            } else if token.is_word("after") {
                defined.place = Some(Place::After(self.name()?));
            }
        }
        defined.column.declared.modify(sign, is_zerofill, is_binary);
        Ok(nullable)
    }

    /// The literal after `DEFAULT`. An expression is none, and `NULL` is left to be read.
    pub(super) fn default_value(&mut self) -> Option<String> {
        let sign = ['-', '+'].into_iter().find(|&sign| self.lexer.take_symbol(sign));
        if let Some(number) = self.lexer.take_number() {
            return Some(sign.into_iter().chain(number.chars()).collect());
        }
        match self.lexer.peek()? {
            Token::Text(_) | Token::Double(_) => self.text(),
            token if token.is_any(&["true", "false"]) => {
                self.lexer.next();
                Some(self.lexer.raw().to_owned())
            }
            token if token.is_any(NOW) => {
                self.lexer.next();
                Some(Declared::NOW.to_owned())
            }
            // X'41', B'1', _latin1'a'
            token
                if token.is_any(&["x", "b"])
                    || matches!(token, Token::Word(w) if w.starts_with('_')) =>
            {
                self.lexer.next();
                self.text()
            }
            _ => None,
        }
    }

    /// What follows `COMMENT`.
    pub(super) fn comment(&mut self) -> Option<String> {
        self.lexer.take_symbol('=');
        self.text()
    }

    /// A string without its quotes, if one follows. What is escaped in it stays so.
    fn text(&mut self) -> Option<String> {
        if !matches!(self.lexer.peek(), Some(Token::Text(_) | Token::Double(_))) {
            return None;
        }
        self.lexer.next();
        Some(unquoted(self.lexer.raw()))
    }

    /// The name of a character set, or of a collation, which begins with it.
    pub(super) fn charset_name(&mut self) -> Option<Charset> {
        self.lexer.take_symbol('=');
        let name = self.lexer.next()?.into_text()?;
        // MariaDB's `uca1400_ai_ci` says nothing: the character set stands elsewhere.
        Charset::of_name(name.split('_').next().unwrap_or_default())
    }

    /// The table's options up to the statement's end. `None` if there is a query, by which the table
    /// has more columns.
    fn options(&mut self) -> Option<Options> {
        let (mut charset, mut by_collation) = (None, None);
        let (mut row_format, mut comment, mut is_parted) = (RowFormat::default(), None, false);
        let mut depth = 0_usize;
        while let Some(token) = self.lexer.peek() {
            match token {
                Token::Symbol(';') => break,
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth = depth.saturating_sub(1),
                // Partitions have VALUES in parentheses.
                _ if depth == 0 && (token.is_word("values") || token.is_word("table"))
                    || token.is_word("select") =>
                {
                    return None;
                }
                _ => {}
            }
            let (is_charset, is_collation) =
                (token.is_word("charset") || token.is_word("character"), token.is_word("collate"));
            let is_row_format = token.is_word("row_format");
            // Those of partitions are not the table's.
            let is_comment = token.is_word("comment") && !is_parted;
            is_parted |= token.is_word("partition");
            self.lexer.next();
            if is_charset {
                self.lexer.take_word("set");
                charset = self.charset_name();
            } else if is_collation {
                by_collation = self.charset_name();
            } else if is_row_format {
                row_format = self.row_format();
            } else if is_comment {
                comment = self.comment();
            }
        }
        Some(Options { charset: charset.or(by_collation), row_format, comment })
    }

    pub(super) fn row_format(&mut self) -> RowFormat {
        self.lexer.take_symbol('=');
        match self.lexer.next() {
            Some(token) if token.is_word("fixed") => RowFormat::Fixed,
            Some(token) if token.is_word("dynamic") => RowFormat::Dynamic,
            _ => RowFormat::ByColumns,
        }
    }

    /// Goes on to the comma or parenthesis that ends an element.
    pub(super) fn rest_of_element(&mut self) {
        while self.next_of_element().is_some() {}
    }

    /// The next token of an element, what is in parentheses left out; `None` at the comma or
    /// parenthesis that ends it, which is left to be read.
    pub(super) fn next_of_element(&mut self) -> Option<Token> {
        if let Some(Token::Symbol(',' | ')')) = self.lexer.peek() {
            return None;
        }
        let token = self.lexer.next()?;
        let mut depth = usize::from(token == Token::Symbol('('));
        while depth > 0 {
            match self.lexer.next()? {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth -= 1,
                _ => {}
            }
        }
        Some(token)
    }

    /// A column's name, also behind that of its table.
    pub(super) fn column_name(&mut self) -> Result<String, SchemaError> {
        self.lexer.take_symbol('.');
        let mut name = self.name()?;
        while self.lexer.take_symbol('.') {
            name = self.name()?;
        }
        Ok(name)
    }

    pub(super) fn name(&mut self) -> Result<String, SchemaError> {
        let name = self.lexer.next().and_then(Token::into_name);
        name.ok_or_else(|| self.error("a name is missing"))
    }

    pub(super) fn error(&self, what: &'static str) -> SchemaError {
        SchemaError { line: self.lexer.line(), table: self.table.clone(), what }
    }
}
