//! Table definitions out of `CREATE TABLE` statements, as `SHOW CREATE TABLE` and mysqldump write
//! them, and as people do.

use std::collections::HashMap;
use std::sync::Arc;

use super::lexer::{Lexer, Token};
use super::types::{self, TypeName};
use super::{ColumnSchema, RowFormat, Schema, SchemaFailure, SchemaType, TableSchema};
use crate::Charset;

/// The tables of a dump's `CREATE TABLE` statements.
///
/// ```
/// use binlogd_decode::SchemaDump;
///
/// let dump = SchemaDump::parse(
///     "USE shop;
///      CREATE TABLE `item` (
///        `id` int unsigned NOT NULL AUTO_INCREMENT,
///        `name` varchar(100) COLLATE utf8mb4_bin DEFAULT 'none, yet',
///        PRIMARY KEY (`id`)
///      ) ENGINE=InnoDB DEFAULT CHARSET=latin1;",
///     None,
/// )?;
/// let item = dump.find("shop", "item").unwrap();
/// assert_eq!(item.columns[1].name, "name");
/// assert_eq!(item.primary_key, ["id"]);
/// # Ok::<(), binlogd_decode::SchemaError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SchemaDump {
    tables: HashMap<(String, String), Arc<TableSchema>>,
}

/// A `CREATE TABLE` statement that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what} in CREATE TABLE{}", table.as_ref().map(|t| format!(" {t}")).unwrap_or_default())]
pub struct SchemaError {
    /// The line, from 1.
    pub line: usize,
    /// The table, if its name was reached.
    pub table: Option<String>,
    /// What is wrong.
    pub what: &'static str,
}

impl SchemaDump {
    /// Reads all `CREATE TABLE` statements; others are passed over, but for `USE`. Tables that are
    /// named without a schema before any `USE` are in `schema`, or in none.
    ///
    /// # Errors
    /// At the first `CREATE TABLE` that is not understood.
    pub fn parse(sql: &str, schema: Option<&str>) -> Result<Self, SchemaError> {
        let mut parser = Parser { lexer: Lexer::new(sql), table: None };
        let mut current = schema.unwrap_or_default().to_owned();
        let mut dump = Self::default();
        while let Some(token) = parser.lexer.next() {
            if token.is_word("use") {
                if let Some(Token::Word(name) | Token::Quoted(name)) = parser.lexer.next() {
                    current = name;
                }
            } else if token.is_word("create")
                && let Some((schema, name, table)) = parser.create()?
            {
                let schema = schema.unwrap_or_else(|| current.clone());
                dump.tables.insert((schema, name), Arc::new(table));
            }
            parser.lexer.skip_statement();
        }
        Ok(dump)
    }

    /// Adds the tables of another dump, which prevail.
    pub fn extend(&mut self, other: Self) {
        self.tables.extend(other.tables);
    }

    /// The definition of a table.
    #[must_use]
    pub fn find(&self, schema: &str, table: &str) -> Option<Arc<TableSchema>> {
        self.tables.get(&(schema.to_owned(), table.to_owned())).cloned()
    }

    /// The names of schemas and tables.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tables.keys().map(|(schema, table)| (schema.as_str(), table.as_str()))
    }
}

impl Schema for SchemaDump {
    fn table(&self, schema: &str, table: &str) -> Result<Option<Arc<TableSchema>>, SchemaFailure> {
        Ok(self.find(schema, table))
    }
}

type Created = (Option<String>, String, TableSchema);

/// What matters of a table's options.
struct Options {
    charset: Option<Charset>,
    row_format: RowFormat,
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    table: Option<String>,
}

impl Parser<'_> {
    /// What follows `CREATE`; `None` if that is no table.
    fn create(&mut self) -> Result<Option<Created>, SchemaError> {
        while self.lexer.peek().is_some_and(|t| t.is_word("or") || t.is_word("replace")) {
            self.lexer.next();
        }
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
        if self.is_next(&["like"]) {
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
        for column in &mut table.columns {
            if column.charset.is_none() && column.kind.is_text() {
                column.charset = options.charset;
            }
            let is_named = |name: &String| name.eq_ignore_ascii_case(&column.name);
            column.nullable &= !table.primary_key.iter().any(is_named);
        }
        Ok(Some((schema, name, table)))
    }

    /// A column, a key or a constraint.
    fn element(&mut self, table: &mut TableSchema) -> Result<(), SchemaError> {
        const OTHERS: [&str; 7] =
            ["key", "index", "unique", "fulltext", "spatial", "foreign", "check"];
        if self.lexer.take_word("constraint")
            && !self.is_next(&OTHERS)
            && !self.is_next(&["primary"])
        {
            // Its name.
            self.lexer.next();
        }
        if self.lexer.take_word("primary") {
            self.lexer.take_word("key");
            return self.primary_key(table);
        }
        if self.is_next(&OTHERS) {
            self.rest_of_element();
            return Ok(());
        }
        let may_be_period = self.is_next(&["period"]);
        let name = self.name()?;
        if may_be_period && self.is_next(&["for"]) {
            self.rest_of_element();
            return Ok(());
        }
        let column = self.column(name, table)?;
        table.columns.push(column);
        Ok(())
    }

    fn is_next(&mut self, words: &[&str]) -> bool {
        self.lexer.peek().is_some_and(|token| words.iter().any(|word| token.is_word(word)))
    }

    fn primary_key(&mut self, table: &mut TableSchema) -> Result<(), SchemaError> {
        while !self.lexer.take_symbol('(') {
            if self.lexer.next().is_none() {
                return Err(self.error("no columns of the primary key"));
            }
        }
        loop {
            table.primary_key.push(self.name()?);
            self.rest_of_element();
            match self.lexer.next() {
                Some(Token::Symbol(',')) => {}
                Some(Token::Symbol(')')) => break,
                _ => return Err(self.error("no end of the primary key")),
            }
        }
        self.rest_of_element();
        Ok(())
    }

    fn column(
        &mut self,
        name: String,
        table: &mut TableSchema,
    ) -> Result<ColumnSchema, SchemaError> {
        let Some(TypeName { name: type_name, charset, unsigned }) = TypeName::read(&mut self.lexer)
        else {
            return Err(self.error("no type of a column"));
        };
        let kind = types::kind(&type_name);
        let mut column = ColumnSchema {
            name,
            kind,
            type_name,
            size: None,
            scale: None,
            nullable: true,
            unsigned,
            charset,
            members: Vec::new(),
            generated: false,
        };
        if self.lexer.take_symbol('(') {
            self.arguments(&mut column);
        }
        self.attributes(&mut column, unsigned, table);
        Ok(column)
    }

    /// The strings and the first two numbers in parentheses that are open.
    fn arguments(&mut self, column: &mut ColumnSchema) {
        while let Some(token) = self.lexer.next() {
            match token {
                Token::Text(text) => column.members.push(text),
                Token::Word(word) if column.size.is_none() => column.size = word.parse().ok(),
                Token::Word(word) => column.scale = column.scale.or(word.parse().ok()),
                Token::Symbol(')') => break,
                _ => {}
            }
        }
    }

    /// What follows a column's type, as far as it matters.
    fn attributes(&mut self, column: &mut ColumnSchema, is_serial: bool, table: &mut TableSchema) {
        let mut nullable = None;
        while let Some(token) = self.next_of_element() {
            if token.is_word("not") && self.lexer.take_word("null") {
                nullable = Some(false);
            } else if token.is_word("null") {
                nullable = nullable.or(Some(true));
            } else if token.is_word("unsigned") || token.is_word("zerofill") {
                // ZEROFILL makes a column unsigned.
                column.unsigned = true;
            } else if token.is_word("as") {
                // GENERATED ALWAYS AS (…), and MariaDB's AS ROW START.
                column.generated = true;
            } else if token.is_word("unique") {
                self.lexer.take_word("key");
            } else if token.is_word("primary") || token.is_word("key") {
                // PRIMARY or KEY alone say it as well.
                self.lexer.take_word("key");
                table.primary_key.push(column.name.clone());
            } else if token.is_word("charset") || token.is_word("character") {
                self.lexer.take_word("set");
                column.charset = self.charset_name();
            } else if token.is_word("collate") {
                let charset = self.charset_name();
                column.charset = column.charset.or(charset);
            } else if let Some(charset) = types::charset_attribute(&token) {
                column.charset = Some(charset);
            }
        }
        column.nullable = nullable.unwrap_or(column.kind != SchemaType::Timestamp && !is_serial);
    }

    /// The name of a character set, or of a collation, which begins with it.
    fn charset_name(&mut self) -> Option<Charset> {
        self.lexer.take_symbol('=');
        let (Token::Word(name) | Token::Text(name) | Token::Quoted(name)) = self.lexer.next()?
        else {
            return None;
        };
        // MariaDB's `uca1400_ai_ci` says nothing: the character set stands elsewhere.
        Charset::of_name(name.split('_').next().unwrap_or_default())
    }

    /// The table's options up to the statement's end. `None` if there is a query, by which the table
    /// has more columns.
    fn options(&mut self) -> Option<Options> {
        let (mut charset, mut by_collation) = (None, None);
        let mut row_format = RowFormat::default();
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
            self.lexer.next();
            if is_charset {
                self.lexer.take_word("set");
                charset = self.charset_name();
            } else if is_collation {
                by_collation = self.charset_name();
            } else if is_row_format {
                row_format = self.row_format();
            }
        }
        Some(Options { charset: charset.or(by_collation), row_format })
    }

    fn row_format(&mut self) -> RowFormat {
        self.lexer.take_symbol('=');
        match self.lexer.next() {
            Some(token) if token.is_word("fixed") => RowFormat::Fixed,
            Some(token) if token.is_word("dynamic") => RowFormat::Dynamic,
            _ => RowFormat::ByColumns,
        }
    }

    /// Goes on to the comma or parenthesis that ends an element.
    fn rest_of_element(&mut self) {
        while self.next_of_element().is_some() {}
    }

    /// The next token of an element, what is in parentheses left out; `None` at the comma or
    /// parenthesis that ends it, which is left to be read.
    fn next_of_element(&mut self) -> Option<Token> {
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

    fn name(&mut self) -> Result<String, SchemaError> {
        match self.lexer.next() {
            Some(Token::Word(name) | Token::Quoted(name)) => Ok(name),
            _ => Err(self.error("a name is missing")),
        }
    }

    fn error(&self, what: &'static str) -> SchemaError {
        SchemaError { line: self.lexer.line(), table: self.table.clone(), what }
    }
}

impl SchemaType {
    fn is_text(self) -> bool {
        matches!(self, Self::Char | Self::VarChar | Self::Blob | Self::Json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(sql: &str) -> Arc<TableSchema> {
        let dump = SchemaDump::parse(sql, Some("s")).unwrap();
        let (schema, name) = dump.names().next().unwrap();
        dump.find(schema, name).unwrap()
    }

    #[test]
    fn columns_keep_what_events_leave_out() {
        let table = parsed(
            "CREATE TABLE `t` (
              `a` int(10) unsigned zerofill NOT NULL DEFAULT 0 COMMENT 'a, (b',
              `b``c` enum('it''s','a\\'b','(x,y)') CHARACTER SET utf8mb3 COLLATE utf8mb3_bin,
              `d` varchar(10) GENERATED ALWAYS AS (concat(`a`,',',')')) VIRTUAL,
              `e` varbinary(10), `f` double precision, `g` char(3) collate latin2_bin,
              `h` longtext /*!50606 STORAGE DISK */ -- a comment
              DEFAULT NULL,
              PRIMARY KEY (`a`,`g`(2)) USING BTREE,
              KEY `k` (`e`),
              CONSTRAINT `fk` FOREIGN KEY (`e`) REFERENCES `o` (`p`) ON DELETE CASCADE
            ) ENGINE=InnoDB DEFAULT CHARSET=koi8r COMMENT='x;y'",
        );
        let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["a", "b`c", "d", "e", "f", "g", "h"]);
        let charsets: Vec<_> = table.columns.iter().map(|c| c.charset.map(Charset::name)).collect();
        assert_eq!(
            charsets,
            [
                None,
                Some("utf8mb3"),
                Some("koi8r"),
                Some("binary"),
                None,
                Some("latin2"),
                Some("koi8r")
            ]
        );
        assert!(table.columns[0].unsigned);
        assert_eq!(table.columns[1].members, ["it's", "a'b", "(x,y)"]);
        assert_eq!(table.columns[4].kind, SchemaType::Double);
        assert_eq!(table.primary_key, ["a", "g"]);
    }

    #[test]
    fn types_and_keys_have_other_spellings() {
        let table = parsed(
            "create table t (a serial, b integer(10) unique key, c national char varying(9), d dec(5, 2),
              e long varchar, f char(3) byte, g text(70000), h double precision, period bool,
              i varchar(9) charset latin1 binary, j timestamp(3) default now(3), k text ascii, l nchar(2),
              constraint pk primary key using btree (B, c(3) desc), constraint foreign key (a) references u (a),
              constraint c1 check (a > 1), period for p (j, j)) row_format = dynamic, charset = 'latin2'
              partition by range (b) (partition p values less than (5)) START TRANSACTION",
        );
        let column = |c: &ColumnSchema| {
            format!(
                "{} {} {:?} {}",
                c.name,
                c.type_name,
                c.size,
                c.charset.map_or("-", Charset::name)
            )
        };
        let columns: Vec<_> = table.columns.iter().map(column).collect();
        assert_eq!(
            columns,
            [
                "a bigint None -",
                "b int Some(10) -",
                "c varchar Some(9) utf8mb3",
                "d decimal Some(5) -",
                "e mediumtext None latin2",
                "f char Some(3) binary",
                "g text Some(70000) latin2",
                "h double None -",
                "period tinyint None -",
                "i varchar Some(9) latin1",
                "j timestamp Some(3) -",
                "k text None latin1",
                "l char Some(2) utf8mb3",
            ]
        );
        assert!(table.columns[0].unsigned);
        assert_eq!(
            (&*table.primary_key, table.charset),
            (&["B", "c"].map(String::from)[..], Some(Charset::LATIN2))
        );
        assert_eq!(table.row_format, RowFormat::Dynamic);
        let nullable = table.columns.iter().filter(|column| column.nullable);
        let nullable: String = nullable.map(|column| &*column.name).collect::<Vec<_>>().join(" ");
        // Not a SERIAL, the primary key, a TIMESTAMP that does not say so.
        assert_eq!(nullable, "d e f g h period i k l");
        let table = parsed(
            "create table t (a int not null, b timestamp null, c decimal(9,3)) row_format fixed",
        );
        assert_eq!(
            table.columns.iter().map(|c| c.nullable).collect::<Vec<_>>(),
            [false, true, true]
        );
        assert_eq!((table.columns[2].size, table.columns[2].scale), (Some(9), Some(3)));
        assert_eq!(table.row_format, RowFormat::Fixed);
        let key = |sql| parsed(sql).primary_key.clone();
        assert_eq!(key("create table t (a int key)"), ["a"]);
        assert_eq!(key("create table t (a int unique key, b int primary key)"), ["b"]);
    }

    #[test]
    fn tables_that_queries_make_have_columns_that_are_not_known() {
        for sql in [
            "create table t (a int) select 1 as b",
            "create table t (a int) engine = InnoDB ignore as (select * from u)",
            "create table t (a int) with x as (select 1) select * from x",
            "create table t (a int) table u",
            "create table t (a int) values row (1, 2)",
            "create table t (like u)",
        ] {
            assert_eq!(SchemaDump::parse(sql, None).unwrap().names().count(), 0, "{sql}");
        }
    }

    #[test]
    fn other_statements_are_passed_over() {
        let dump = SchemaDump::parse(
            "-- dump; of\n/*!40101 SET NAMES utf8 */;\nINSERT INTO x VALUES ('create table y (a int);');
             CREATE DATABASE d; USE `d`; CREATE VIEW v AS SELECT 1; DROP TABLE IF EXISTS t;
             CREATE TABLE IF NOT EXISTS t (a int primary key); create table e.u (`b` blob);
             CREATE TABLE copy LIKE t;",
            None,
        )
        .unwrap();
        let mut names: Vec<_> = dump.names().collect();
        names.sort_unstable();
        assert_eq!(names, [("d", "t"), ("e", "u")]);
        assert_eq!(dump.find("d", "t").unwrap().primary_key, ["a"]);
    }

    #[test]
    fn what_is_not_understood_is_said_with_its_line() {
        let error = SchemaDump::parse("\n\ncreate table t (a int, 'b' int)", None).unwrap_err();
        assert_eq!((error.line, error.table.as_deref()), (3, Some("t")));
        for cut in
            ["create table t (", "create table t (a", "create table t (a int,", "create table"]
        {
            assert!(SchemaDump::parse(cut, None).is_err(), "{cut}");
        }
    }
}
