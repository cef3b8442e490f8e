//! What an `ALTER TABLE` makes of a table. One that is not understood in every part is not followed.

use super::definition::Name;
use super::lexer::{Lexer, Token};
use super::mode::SqlMode;
use super::table_parser::{Defined, Place, TableParser};
use super::{ColumnSchema, RowFormat, SchemaType, TableSchema, is_same};
use crate::Charset;

/// The most columns that a server's table has, and the most that a statement may change.
pub(super) const COLUMNS_MAX: usize = 4096;

/// What the parts of a statement do together: servers look at them side by side.
#[derive(Debug, Default)]
pub(super) struct Alter {
    drops: Vec<Existing>,
    /// New and changed columns, in the statement's order.
    steps: Vec<Step>,
    drops_key: bool,
    key: Vec<String>,
    /// Whether there may be a primary key already, which then stays: `IF NOT EXISTS`.
    key_may_exist: bool,
    /// The columns of new unique keys.
    unique: Vec<Vec<String>>,
    /// New literals for `DEFAULT`.
    defaults: Vec<(String, Option<String>)>,
    comment: Option<String>,
    /// The new default, of columns that are defined here, too.
    charset: Option<Charset>,
    /// Whether all text is converted to that.
    converts: bool,
    row_format: Option<RowFormat>,
    /// The table's new name.
    pub(super) rename: Option<Name>,
}

/// A column of the table as it was.
#[derive(Debug)]
struct Existing {
    name: String,
    /// Whether it may be missing: `IF EXISTS`.
    may_lack: bool,
}

#[derive(Debug)]
enum Step {
    /// `may_exist` is `IF NOT EXISTS`.
    Add {
        defined: Defined,
        may_exist: bool,
    },
    Define {
        of: Existing,
        defined: Defined,
    },
    Rename {
        of: Existing,
        to: String,
    },
}

impl Alter {
    /// `None` if it is not understood. `schema` is the default one.
    pub(super) fn parse(sql: &str, schema: &str, mode: SqlMode) -> Option<Self> {
        if mode.oracle {
            return None;
        }
        let mut parser = Parser { table: TableParser::new(Lexer::at_verb(sql, mode)), schema };
        let alter = parser.statement()?;
        (!parser.table.lexer.is_conditional()).then_some(alter)
    }

    /// The table that it leaves; `None` if it cannot have been run on this one.
    pub(super) fn apply(&self, table: &TableSchema) -> Option<TableSchema> {
        let mut columns = self.columns_left(table)?;
        for step in &self.steps {
            let (column, place) = match step {
                Step::Add { may_exist: true, defined } if self.has(table, &defined.column.name) => {
                    continue;
                }
                Step::Add { defined, .. } => (self.converted(&defined.column), &defined.place),
                Step::Define { of, defined } => {
                    let is_there = find(&table.columns, &of.name).is_some();
                    if !is_there && self.adds(&of.name) {
                        // MariaDB takes what the same statement adds.
                        columns.remove(find(&columns, &of.name)?);
                    } else if !is_there || defined.place.is_none() {
                        continue;
                    }
                    (self.converted(&defined.column), &defined.place)
                }
                Step::Rename { .. } => continue,
            };
            let index = match place {
                None => columns.len(),
                Some(Place::First) => 0,
                Some(Place::After(name)) => find(&columns, name)? + 1,
            };
            columns.insert(index, column);
        }
        let primary_key = self.key_left(table)?;
        let mut names: Vec<_> = columns.iter().map(|c| c.name.to_lowercase()).collect();
        names.sort_unstable();
        let is_twice = names.windows(2).any(|two| two[0] == two[1]);
        let lacks_key = primary_key.iter().any(|name| find(&columns, name).is_none());
        if is_twice || lacks_key || columns.is_empty() || columns.len() > COLUMNS_MAX {
            return None;
        }
        let mut left = TableSchema {
            columns,
            primary_key,
            unique_key: self.names_left(&table.unique_key),
            charset: self.charset.or(table.charset),
            row_format: self.row_format.unwrap_or(table.row_format),
            comment: self.comment.as_ref().or(table.comment.as_ref()).cloned(),
        };
        left.settle(None);
        self.unique.iter().for_each(|key| left.add_unique(key.clone()));
        for (name, default) in &self.defaults {
            if let Some(at) = find(&left.columns, name) {
                left.columns[at].declared.default.clone_from(default);
            }
        }
        Some(left)
    }

    /// The columns that were there, where they stay, with what is changed of them.
    fn columns_left(&self, table: &TableSchema) -> Option<Vec<ColumnSchema>> {
        let changed = self.steps.iter().filter_map(|step| match step {
            Step::Define { of, .. } if self.adds(&of.name) => None,
            Step::Define { of, .. } | Step::Rename { of, .. } => Some(of),
            Step::Add { .. } => None,
        });
        for of in self.drops.iter().chain(changed) {
            if find(&table.columns, &of.name).is_none() && !of.may_lack {
                return None;
            }
        }
        let mut left = Vec::new();
        for column in &table.columns {
            if self.is_dropped(&column.name) {
                continue;
            }
            match self.change_of(&column.name) {
                Some(Step::Define { defined, .. }) if defined.place.is_some() => {}
                Some(Step::Define { defined, .. }) => left.push(self.converted(&defined.column)),
                Some(Step::Rename { to, .. }) => {
                    left.push(ColumnSchema { name: to.clone(), ..self.converted(column) });
                }
                _ => left.push(self.converted(column)),
            }
        }
        Some(left)
    }

    /// What is left of another key.
    fn names_left(&self, names: &[String]) -> Vec<String> {
        let left = names.iter().filter(|name| !self.drops_key && !self.is_dropped(name));
        let renamed = left.map(|name| match self.change_of(name) {
            Some(Step::Define { defined, .. }) => defined.column.name.clone(),
            Some(Step::Rename { to, .. }) => to.clone(),
            _ => name.clone(),
        });
        renamed.collect()
    }

    fn key_left(&self, table: &TableSchema) -> Option<Vec<String>> {
        let mut key = Vec::new();
        for name in table.primary_key.iter().filter(|_| !self.drops_key) {
            match self.change_of(name) {
                // Some servers take a new column of that name for it.
                _ if self.is_dropped(name) && self.adds(name) => return None,
                _ if self.is_dropped(name) => {}
                Some(Step::Define { defined, .. }) => key.push(defined.column.name.clone()),
                Some(Step::Rename { to, .. }) => key.push(to.clone()),
                _ => key.push(name.clone()),
            }
        }
        match (key.is_empty(), self.key.is_empty()) {
            (true, _) => Some(self.key.clone()),
            (false, true) => Some(key),
            (false, false) => self.key_may_exist.then_some(key),
        }
    }

    fn is_dropped(&self, name: &str) -> bool {
        self.drops.iter().any(|of| is_same(&of.name, name))
    }

    fn adds(&self, name: &str) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Add { defined: Defined { column, .. }, .. } => is_same(&column.name, name),
            _ => false,
        })
    }

    /// Whether a column of this name stays.
    fn has(&self, table: &TableSchema, name: &str) -> bool {
        find(&table.columns, name).is_some() && !self.is_dropped(name)
    }

    fn change_of(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| match step {
            Step::Define { of, .. } | Step::Rename { of, .. } => is_same(&of.name, name),
            Step::Add { .. } => false,
        })
    }

    /// A column with the character set that all text is converted to, whatever the statement says of it.
    fn converted(&self, column: &ColumnSchema) -> ColumnSchema {
        let mut column = column.clone();
        if let Some(charset) = self.charset.filter(|_| self.converts) {
            column.convert(charset);
        }
        column
    }
}

fn find(columns: &[ColumnSchema], name: &str) -> Option<usize> {
    columns.iter().position(|column| is_same(&column.name, name))
}

/// What may stand in an `ALTER TABLE` without changing columns or the key.
const OPTIONS: &[&str] = &[
    "algorithm",
    "auto_increment",
    "autoextend_size",
    "avg_row_length",
    "checksum",
    "compression",
    "connection",
    "data",
    "default",
    "delay_key_write",
    "disable",
    "discard",
    "enable",
    "encrypted",
    "encryption",
    "encryption_key_id",
    "engine",
    "engine_attribute",
    "force",
    "import",
    "index",
    "insert_method",
    "key_block_size",
    "lock",
    "max_rows",
    "min_rows",
    "pack_keys",
    "page_checksum",
    "page_compressed",
    "page_compression_level",
    "secondary_engine",
    "secondary_engine_attribute",
    "secondary_load",
    "secondary_unload",
    "stats_auto_recalc",
    "stats_persistent",
    "stats_sample_pages",
    "storage",
    "table_checksum",
    "tablespace",
    "transactional",
    "union",
    "with",
    "without",
];

/// What begins a change of partitions, which is all of its statement.
const OF_PARTITIONS: &[&str] = &[
    "analyze",
    "check",
    "coalesce",
    "exchange",
    "optimize",
    "rebuild",
    "reorganize",
    "repair",
    "remove",
    "truncate",
];

/// What begins a key or a constraint.
const KEYS: &[&str] =
    &["key", "index", "unique", "fulltext", "spatial", "foreign", "check", "constraint", "primary"];

struct Parser<'a> {
    table: TableParser<'a>,
    schema: &'a str,
}

impl Parser<'_> {
    fn statement(&mut self) -> Option<Alter> {
        let mut alter = Alter::default();
        let lexer = &mut self.table.lexer;
        lexer.pass(&["alter", "online", "offline", "ignore"]);
        if !lexer.take_word("table") {
            return None;
        }
        lexer.pass(&["if", "exists"]);
        Name::read(lexer, self.schema)?;
        if lexer.take_word("wait") {
            lexer.next();
        }
        lexer.take_word("nowait");
        while !matches!(self.table.lexer.peek(), None | Some(Token::Symbol(';'))) {
            if !self.element(&mut alter)? {
                break;
            }
            if alter.steps.len().max(alter.drops.len()) > COLUMNS_MAX {
                return None;
            }
            self.table.lexer.take_symbol(',');
        }
        Some(alter)
    }

    /// One part; `Some(false)` if what follows changes nothing here.
    fn element(&mut self, alter: &mut Alter) -> Option<bool> {
        let Token::Word(verb) = self.table.lexer.next()? else { return None };
        let verb = verb.to_ascii_lowercase();
        match &*verb {
            "add" => return self.add(alter),
            "drop" => return self.drop(alter),
            "modify" | "change" => self.define(alter, verb == "change")?,
            "rename" => self.rename(alter)?,
            "convert" => self.convert(alter)?,
            "alter" => self.change_default(alter),
            "charset" | "character" | "collate" | "row_format" | "comment" => {
                self.options(alter, &verb)?;
            }
            "partition" => return Some(false),
            // Behind it come names alone, which look like other parts.
            "order" => return self.order().then_some(false),
            word if OF_PARTITIONS.contains(&word) => return Some(false),
            word if OPTIONS.contains(&word) => self.options(alter, "")?,
            _ => return None,
        }
        Some(true)
    }

    fn add(&mut self, alter: &mut Alter) -> Option<bool> {
        let lexer = &mut self.table.lexer;
        if lexer.take_word("partition") {
            return Some(false);
        }
        if lexer.is_next(KEYS) {
            self.added_key(alter)?;
            return Some(true);
        }
        lexer.take_word("column");
        let may_exist = lexer.take_word("if");
        lexer.pass(&["not", "exists"]);
        if lexer.take_symbol('(') {
            loop {
                match self.table.lexer.is_next(KEYS) {
                    true => self.added_key(alter)?,
                    false => self.added(alter, may_exist)?,
                }
                match self.table.lexer.next()? {
                    Token::Symbol(',') => {}
                    Token::Symbol(')') => return Some(true),
                    _ => return None,
                }
            }
        }
        self.added(alter, may_exist)?;
        Some(true)
    }

    /// A key or a constraint.
    fn added_key(&mut self, alter: &mut Alter) -> Option<()> {
        let lexer = &mut self.table.lexer;
        if lexer.take_word("constraint") && !lexer.is_next(KEYS) {
            lexer.pass(&["if", "not", "exists"]);
            // Its name.
            lexer.next();
        }
        if lexer.take_word("primary") {
            lexer.take_word("key");
            alter.key_may_exist = lexer.is_next(&["if"]);
            alter.key = self.table.key_columns().ok()?;
        } else if lexer.take_word("unique") {
            alter.unique.extend(self.table.unique_columns());
        } else {
            self.table.rest_of_element();
        }
        Some(())
    }

    /// `ALTER COLUMN`: `SET DEFAULT`, `VISIBLE` and the like.
    fn change_default(&mut self, alter: &mut Alter) {
        self.table.lexer.take_word("column");
        let name = self.table.lexer.next().and_then(Token::into_name);
        let is_set = self.table.lexer.take_word("set");
        if (is_set || self.table.lexer.take_word("drop"))
            && self.table.lexer.take_word("default")
            && let Some(name) = name
        {
            let default = if is_set { self.table.default_value() } else { None };
            alter.defaults.push((name, default));
        }
        self.table.rest_of_element();
    }

    /// A new column, or what begins with a word that may be the name of one.
    fn added(&mut self, alter: &mut Alter, may_exist: bool) -> Option<()> {
        let may_be_other = self.table.lexer.is_next(&["period", "system", "vector"]);
        let name = self.table.column_name().ok()?;
        if may_be_other && self.table.lexer.is_next(&["for", "versioning", "index", "key"]) {
            // MariaDB's: PERIOD FOR and VECTOR INDEX make no column, SYSTEM VERSIONING makes two.
            let makes_columns = self.table.lexer.is_next(&["versioning"]);
            self.table.rest_of_element();
            return (!makes_columns).then_some(());
        }
        let defined = self.column(name, alter)?;
        alter.steps.push(Step::Add { defined, may_exist });
        Some(())
    }

    fn column(&mut self, name: String, alter: &mut Alter) -> Option<Defined> {
        let defined = self.table.column(name).ok()?;
        if defined.column.kind == SchemaType::Other {
            return None;
        }
        if defined.is_key {
            alter.key = vec![defined.column.name.clone()];
        }
        Some(defined)
    }

    fn drop(&mut self, alter: &mut Alter) -> Option<bool> {
        let lexer = &mut self.table.lexer;
        if lexer.take_word("partition") {
            return Some(false);
        }
        if lexer.take_word("primary") {
            alter.drops_key = true;
        } else if lexer.take_any(&["key", "index", "constraint"]) {
            lexer.pass(&["if", "exists"]);
            alter.drops_key |= self.table.name().ok()?.eq_ignore_ascii_case("primary");
        } else if !lexer.is_next(&["foreign", "check"]) {
            lexer.take_word("column");
            let of = self.existing()?;
            let may_be_other = ["period", "system"].iter().any(|word| is_same(&of.name, word));
            if may_be_other && self.table.lexer.is_next(&["for", "versioning"]) {
                return None;
            }
            alter.drops.push(of);
            self.table.lexer.pass(&["cascade", "restrict"]);
            let is_all = matches!(self.table.lexer.peek(), None | Some(Token::Symbol(',' | ';')));
            let removes_partitions = self.table.lexer.is_next(&["remove", "partition"]);
            return (is_all || removes_partitions).then_some(true);
        }
        self.table.rest_of_element();
        Some(true)
    }

    /// `MODIFY`, or `CHANGE`, which gives a new name.
    fn define(&mut self, alter: &mut Alter, renames: bool) -> Option<()> {
        self.table.lexer.take_word("column");
        let of = self.existing()?;
        let name = if renames { self.table.column_name().ok()? } else { of.name.clone() };
        let defined = self.column(name, alter)?;
        alter.steps.push(Step::Define { of, defined });
        Some(())
    }

    fn rename(&mut self, alter: &mut Alter) -> Option<()> {
        let lexer = &mut self.table.lexer;
        if lexer.take_any(&["index", "key", "constraint"]) {
            self.table.rest_of_element();
        } else if lexer.take_word("column") {
            let of = self.existing()?;
            if !self.table.lexer.take_word("to") {
                return None;
            }
            alter.steps.push(Step::Rename { of, to: self.table.name().ok()? });
        } else {
            lexer.pass(&["to", "as"]);
            lexer.take_symbol('=');
            alter.rename = Some(Name::read(lexer, self.schema)?);
        }
        Some(())
    }

    /// `CONVERT TO CHARACTER SET`.
    fn convert(&mut self, alter: &mut Alter) -> Option<()> {
        let lexer = &mut self.table.lexer;
        if !lexer.take_word("to") {
            return None;
        }
        let Token::Word(word) = lexer.next()? else { return None };
        lexer.take_word("set");
        if !Token::Word(word).is_any(&["charset", "character"]) {
            return None;
        }
        alter.charset = Some(self.table.charset_name()?);
        alter.converts = true;
        if self.table.lexer.take_word("collate") {
            self.table.charset_name();
        }
        Some(())
    }

    /// Options of the table up to a comma; `word` is the first one if it matters.
    fn options(&mut self, alter: &mut Alter, word: &str) -> Option<()> {
        let mut word = word.to_owned();
        loop {
            match &*word {
                "charset" | "character" => {
                    self.table.lexer.take_word("set");
                    // DEFAULT is the database's.
                    alter.charset = Some(self.table.charset_name()?);
                }
                "collate" => alter.charset = alter.charset.or(self.table.charset_name()),
                "row_format" => alter.row_format = Some(self.table.row_format()),
                "comment" => alter.comment = self.table.comment(),
                _ => {}
            }
            match self.table.next_of_element() {
                Some(Token::Word(next)) => word = next.to_ascii_lowercase(),
                Some(Token::Symbol(';')) | None => return Some(()),
                Some(_) => word.clear(),
            }
        }
    }

    /// Columns to sort by, up to the end; `false` if there is more.
    fn order(&mut self) -> bool {
        let parts = ["add", "drop", "modify", "change", "rename", "convert", "alter"];
        while let Some(token) = self.table.lexer.next() {
            if token.is_any(&parts) {
                return false;
            }
        }
        true
    }

    fn existing(&mut self) -> Option<Existing> {
        let may_lack = self.table.lexer.take_word("if");
        self.table.lexer.take_word("exists");
        Some(Existing { name: self.table.column_name().ok()?, may_lack })
    }
}
