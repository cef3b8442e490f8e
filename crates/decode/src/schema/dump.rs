//! Table definitions out of `CREATE TABLE` statements, as `SHOW CREATE TABLE` and mysqldump write
//! them, and as people do.

use std::collections::HashMap;
use std::sync::Arc;

use super::lexer::{Lexer, Token};
use super::mode::SqlMode;
use super::table_parser::TableParser;
use super::{Fits, Schema, SchemaAnswer, TableSchema};

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
        let mut parser = TableParser::new(Lexer::new(sql));
        let mut current = schema.unwrap_or_default().to_owned();
        let mut dump = Self::default();
        while let Some(token) = parser.lexer.next() {
            if token.is_word("use") {
                if let Some(name) = parser.lexer.next().and_then(Token::into_name) {
                    current = name;
                }
            } else if token.is_word("set") {
                set_mode(&mut parser.lexer);
                continue;
            } else if token.is_word("create")
                && let Some((schema, name, mut table)) = parser.create()?
            {
                table.settle(None);
                let schema = schema.unwrap_or_else(|| current.clone());
                dump.tables.insert((schema, name), Arc::new(table));
            }
            parser.lexer.skip_statement();
        }
        Ok(dump)
    }

    /// Its tables by their names.
    pub(super) fn into_tables(self) -> impl Iterator<Item = ((String, String), Arc<TableSchema>)> {
        self.tables.into_iter()
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
    fn table(&self, schema: &str, table: &str, _: &Fits<'_>) -> SchemaAnswer {
        Ok(self.find(schema, table))
    }
}

/// Takes `sql_mode` from a `SET`, as mysqldump writes it, to the statement's end.
fn set_mode(lexer: &mut Lexer<'_>) {
    let mut named = false;
    while let Some(token) = lexer.next() {
        match token {
            Token::Symbol(';') => break,
            Token::Symbol('=' | ':' | '@' | '.') => {}
            Token::Text(names) | Token::Double(names) if named => {
                lexer.set_mode(SqlMode::from_names(&names));
                named = false;
            }
            // A variable's value was the mode before any that is set here.
            Token::Word(name) if named => {
                if name.eq_ignore_ascii_case("old_sql_mode") {
                    lexer.set_mode(SqlMode::default());
                }
                named = false;
            }
            token => named = token.is_word("sql_mode"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Charset, ColumnSchema, RowFormat, SchemaType};

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
                "g mediumtext None latin2",
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
    fn names_may_stand_in_double_quotes() {
        let sql = "CREATE TABLE \"t\" (\"a\" int, \"b \"\"c\" enum(\"x\") DEFAULT \"x\", PRIMARY KEY (\"a\"))";
        let table = parsed(sql);
        assert_eq!(table.columns[1].name, "b \"c");
        assert_eq!(table.columns[1].members, ["x"]);
        assert_eq!(table.primary_key, ["a"]);
        // Backslashes and types by the mode that a dump sets, until it sets the former one.
        let sql = "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='ANSI,NO_BACKSLASH_ESCAPES' */;
            create table \"t\" (\"a\\\" real, b int default '\\'); set sql_mode=@OLD_SQL_MODE;
            create table u (a real, b enum('\\''));";
        let dump = SchemaDump::parse(sql, Some("d")).unwrap();
        let (t, u) = (dump.find("d", "t").unwrap(), dump.find("d", "u").unwrap());
        assert_eq!((&*t.columns[0].name, t.columns[0].kind), ("a\\", SchemaType::Float));
        assert_eq!((u.columns[0].kind, &*u.columns[1].members[0]), (SchemaType::Double, "'"));
    }

    #[test]
    fn members_are_as_servers_keep_them() {
        let table = parsed("create table t (a enum('a ', 'b\\%', 'c\\_\\n', ' d'), b int)");
        assert_eq!(table.columns[0].members, ["a", "b\\%", "c\\_\n", " d"]);
        // Of others it is not known which they are.
        for member in ["x'41'", "0x41", "_latin1'a'"] {
            let table = parsed(&format!("create table t (a set('b', {member}))"));
            assert_eq!(table.columns[0].kind, SchemaType::Other, "{member}");
        }
    }

    #[test]
    fn comments_end_with_their_lines() {
        let table =
            parsed("create table t (a int, --\tb int,\n c int, --\n#d int\ne int -- f\n)--");
        let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["a", "c", "e"]);
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
