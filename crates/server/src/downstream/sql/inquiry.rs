//! Questions about tables, of which only the primary knows: what they can ask, and the SQL that asks it.
//!
//! That SQL is made of what was understood, never of the reader's text. Constants are hexadecimal where
//! the grammar allows it, so that no character set of a session makes something else of them; names and the
//! patterns of `SHOW` cannot be, and for those that are not ASCII `upstream::ask` makes sure of the character
//! set. The SQL means the same whatever the primary's `ANSI_QUOTES`, but wants backslashes to escape.

use std::fmt::Write as _;

use super::{Comparison, Condition, Filter, Limit, Operator};
use crate::downstream::charset::hides_ascii;
use crate::downstream::error::SqlError;

/// The character set of a session that says nothing else.
const CHARSET: &str = "utf8mb4";

/// The schema whose tables say what tables there are.
pub(super) const INFORMATION_SCHEMA: &str = "information_schema";

/// What readers ask about tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inquiry {
    /// `SHOW [FULL] COLUMNS FROM table`
    Columns {
        /// With collations, privileges and comments.
        full: bool,
        /// Of this table.
        table: TableName,
        /// Which of them.
        filter: Filter<String>,
    },
    /// `SHOW INDEX FROM table`
    Index {
        /// Of this table.
        table: TableName,
        /// Which of them.
        filter: Filter<String>,
    },
    /// `SHOW CREATE TABLE table`, `SHOW CREATE VIEW view` and so on
    Create {
        /// What was created: a word of [`Self::CREATED`].
        what: &'static str,
        /// Its name.
        name: TableName,
    },
    /// `SHOW CREATE DATABASE db`
    CreateDatabase {
        /// With `IF NOT EXISTS` in the answer.
        if_not_exists: bool,
        /// The database.
        name: String,
    },
    /// `SHOW TABLE STATUS`, `SHOW TRIGGERS`, `SHOW EVENTS`
    OfDatabase {
        /// One of [`Self::OF_DATABASES`].
        what: &'static str,
        /// Of this database, if one is named.
        schema: Option<String>,
        /// Which of them.
        filter: Filter<String>,
    },
    /// `SHOW ENGINES`, `SHOW COLLATION` and other lists of a server
    OfServer {
        /// One of [`Self::OF_SERVERS`].
        what: &'static str,
        /// Which of them.
        filter: Filter<String>,
    },
    /// `SHOW [FULL] TABLES`
    Tables {
        /// With their types.
        full: bool,
        /// Of this database, if one is named.
        schema: Option<String>,
        /// Which of them.
        filter: Filter<String>,
    },
    /// `SHOW DATABASES`
    Databases {
        /// Which of them.
        filter: Filter<String>,
    },
    /// `SELECT … FROM information_schema.…`
    Select(Selection),
}

/// A table, as it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The database, where one is named.
    pub schema: Option<String>,
    /// The table.
    pub name: String,
}

/// Rows and columns of one of `information_schema`'s tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Equal rows are shown once.
    pub distinct: bool,
    /// The columns, each with its alias.
    pub columns: Vec<(Selected, Option<String>)>,
    /// The table, perhaps of the database that is in use.
    pub table: TableName,
    /// Which rows.
    pub condition: Option<Condition<String>>,
    /// The columns that they are ordered by, and whether from the last on.
    pub order: Vec<(String, bool)>,
    /// How many of them.
    pub limit: Option<Limit>,
}

/// A column of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selected {
    /// `*`
    All,
    /// The table's column of this name.
    Column(String),
    /// `COUNT(*)`
    Count,
}

impl Selection {
    /// The tables that can be asked.
    const TABLES: &[&str] = &[
        "CHARACTER_SETS",
        "CHECK_CONSTRAINTS",
        "COLLATIONS",
        "COLLATION_CHARACTER_SET_APPLICABILITY",
        "COLUMNS",
        "ENGINES",
        "EVENTS",
        "KEY_COLUMN_USAGE",
        "PARAMETERS",
        "PARTITIONS",
        "PLUGINS",
        "REFERENTIAL_CONSTRAINTS",
        "ROUTINES",
        "SCHEMATA",
        "STATISTICS",
        "TABLES",
        "TABLE_CONSTRAINTS",
        "TRIGGERS",
        "VIEWS",
    ];

    /// Whether the table may be one that can be asked, whatever database is in use.
    pub fn is_about(table: &TableName) -> bool {
        let schema = table.schema.as_deref().unwrap_or(INFORMATION_SCHEMA);
        schema.eq_ignore_ascii_case(INFORMATION_SCHEMA)
            && Self::TABLES.iter().any(|name| name.eq_ignore_ascii_case(&table.name))
    }

    /// Whether it is one of the primary's with this database in use.
    pub fn is_primarys(&self, db: Option<&str>) -> bool {
        let schema = self.table.schema.as_deref().or(db);
        schema.is_some_and(|schema| schema.eq_ignore_ascii_case(INFORMATION_SCHEMA))
            && Self::TABLES.iter().any(|name| name.eq_ignore_ascii_case(&self.table.name))
    }
}

impl Inquiry {
    /// What `SHOW CREATE` shows, beside databases.
    pub const CREATED: &[&str] = &["TABLE", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"];
    /// What `SHOW` lists of a database, beside its tables.
    pub const OF_DATABASES: &[&str] = &["TABLE STATUS", "TRIGGERS", "EVENTS"];
    /// What `SHOW` lists of a server.
    pub const OF_SERVERS: &[&str] = &[
        "CHARACTER SET",
        "COLLATION",
        "ENGINES",
        "PLUGINS",
        "PRIVILEGES",
        "PROCEDURE STATUS",
        "FUNCTION STATUS",
    ];

    /// The statement that asks this with `db` in use. Its names and constants are in `charset`, as the
    /// reader says; none is utf8mb4.
    ///
    /// # Errors
    /// 1046 if no database is in use and none is named; or there is text other than ASCII in a character
    /// set of which our lexer cannot tell where text ends.
    pub fn to_sql(&self, db: Option<&str>, charset: Option<&str>) -> Result<String, SqlError> {
        let charset = charset.unwrap_or(CHARSET);
        let mut sql = Sql { text: String::new(), db, charset, is_ascii: true };
        match self {
            Self::Columns { full, table, filter } => {
                sql.word(if *full { "SHOW FULL COLUMNS FROM" } else { "SHOW COLUMNS FROM" });
                sql.table(table)?;
                sql.filter(filter);
            }
            Self::Index { table, filter } => {
                sql.word("SHOW INDEX FROM");
                sql.table(table)?;
                sql.filter(filter);
            }
            Self::Create { what, name } => {
                sql.word(&format!("SHOW CREATE {what}"));
                sql.table(name)?;
            }
            Self::CreateDatabase { if_not_exists, name } => {
                sql.word("SHOW CREATE DATABASE");
                if *if_not_exists {
                    sql.word("IF NOT EXISTS");
                }
                sql.name(name);
            }
            Self::OfDatabase { what, schema, filter } => {
                sql.word(&format!("SHOW {what} FROM"));
                sql.schema(schema.as_deref())?;
                sql.filter(filter);
            }
            Self::OfServer { what, filter } => {
                sql.word(&format!("SHOW {what}"));
                sql.filter(filter);
            }
            Self::Tables { full, schema, filter } => {
                sql.word(if *full { "SHOW FULL TABLES FROM" } else { "SHOW TABLES FROM" });
                sql.schema(schema.as_deref())?;
                sql.filter(filter);
            }
            Self::Databases { filter } => {
                sql.word("SHOW DATABASES");
                sql.filter(filter);
            }
            Self::Select(selection) => sql.select(selection)?,
        }
        if !sql.is_ascii && hides_ascii(charset) {
            return Err(SqlError::not_supported("questions about tables in this character set"));
        }
        Ok(sql.text)
    }
}

/// A statement that is being written.
struct Sql<'a> {
    text: String,
    db: Option<&'a str>,
    charset: &'a str,
    /// Whether all names and constants are ASCII.
    is_ascii: bool,
}

impl Sql<'_> {
    fn select(&mut self, selection: &Selection) -> Result<(), SqlError> {
        self.word(if selection.distinct { "SELECT DISTINCT" } else { "SELECT" });
        self.list(&selection.columns, |sql, (column, alias)| {
            match column {
                Selected::All => sql.word("*"),
                Selected::Column(name) => sql.name(name),
                Selected::Count => sql.word("COUNT(*)"),
            }
            if let Some(alias) = alias {
                sql.word("AS");
                sql.name(alias);
            }
        });
        self.word("FROM");
        self.table(&selection.table)?;
        if let Some(condition) = &selection.condition {
            self.word("WHERE");
            self.condition(condition);
        }
        if !selection.order.is_empty() {
            self.word("ORDER BY");
            self.list(&selection.order, |sql, (column, descending)| {
                sql.name(column);
                if *descending {
                    sql.word("DESC");
                }
            });
        }
        if let Some(Limit { offset, count }) = selection.limit {
            self.word(&format!("LIMIT {offset}, {count}"));
        }
        Ok(())
    }

    fn filter(&mut self, filter: &Filter<String>) {
        match filter {
            Filter::All => {}
            Filter::Like(pattern) => {
                self.word("LIKE");
                self.pattern_of_show(pattern);
            }
            Filter::Where(condition) => {
                self.word("WHERE");
                self.condition(condition);
            }
        }
    }

    fn condition(&mut self, condition: &Condition<String>) {
        match condition {
            Condition::And(all) => self.joined(all, "AND"),
            Condition::Or(any) => self.joined(any, "OR"),
            Condition::Not(inner) => {
                self.word("NOT (");
                self.condition(inner);
                self.text.push(')');
            }
            Condition::Compare(comparison) => self.comparison(comparison),
            Condition::Unknown => self.word("NULL"),
        }
    }

    fn joined(&mut self, conditions: &[Condition<String>], by: &str) {
        for (i, condition) in conditions.iter().enumerate() {
            if i > 0 {
                self.word(by);
            }
            self.word("(");
            self.condition(condition);
            self.text.push(')');
        }
    }

    fn comparison(&mut self, comparison: &Comparison<String>) {
        self.name(&comparison.field);
        match (comparison.operator, comparison.texts.as_slice()) {
            // Not by IN: older servers look a table up only where its name is equal to something.
            (Operator::In, [text]) => {
                self.word("=");
                self.constant(text);
            }
            (Operator::In, texts) => {
                self.word("IN (");
                self.list(texts, |sql, text| sql.constant(text));
                self.text.push(')');
            }
            (Operator::Like, patterns) => {
                self.word("LIKE");
                self.list(patterns, |sql, pattern| sql.constant(pattern));
            }
        }
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.text.push(',');
            }
            write(self, item);
        }
    }

    fn table(&mut self, table: &TableName) -> Result<(), SqlError> {
        self.schema(table.schema.as_deref())?;
        self.text.push('.');
        self.quote(&table.name);
        Ok(())
    }

    /// A database, or the one in use.
    fn schema(&mut self, schema: Option<&str>) -> Result<(), SqlError> {
        self.name(schema.or(self.db).ok_or_else(SqlError::no_database)?);
        Ok(())
    }

    fn name(&mut self, name: &str) {
        self.word("");
        self.quote(name);
    }

    fn quote(&mut self, name: &str) {
        self.is_ascii &= name.is_ascii();
        self.text.push('`');
        self.text.push_str(&name.replace('`', "``"));
        self.text.push('`');
    }

    /// A constant where any expression may stand.
    fn constant(&mut self, text: &[u8]) {
        self.is_ascii &= text.is_ascii();
        if text.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'\'' | b'\\')) {
            return self.pattern_of_show(text);
        }
        // All its names; old servers do not know the last one.
        let charset = if self.charset == "utf8mb3" { CHARSET } else { self.charset };
        self.word(&format!("_{charset} x'"));
        for byte in text {
            let _ = write!(self.text, "{byte:02x}");
        }
        self.text.push('\'');
    }

    /// The pattern of a `SHOW`, for which the grammar wants a quoted text.
    fn pattern_of_show(&mut self, text: &[u8]) {
        self.is_ascii &= text.is_ascii();
        self.word("'");
        for c in String::from_utf8_lossy(text).chars() {
            match c {
                '\'' => self.text.push_str("''"),
                '\\' => self.text.push_str("\\\\"),
                '\0' => self.text.push_str("\\0"),
                c => self.text.push(c),
            }
        }
        self.text.push('\'');
    }

    /// A word, apart from what stands before it.
    fn word(&mut self, word: &str) {
        if !self.text.is_empty() && !self.text.ends_with([' ', '(']) {
            self.text.push(' ');
        }
        self.text.push_str(word);
    }
}
