//! Tables as the statements of a log leave them, one after the other.
//!
//! What is not known for sure is not known: a table that a statement changes in a way that cannot be
//! followed is forgotten.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::alter::{Alter, COLUMNS_MAX};
use super::definition::{Action, Definition, Name};
use super::effect::Effect;
use super::lexer::Lexer;
use super::mode::SqlMode;
use super::table_parser::TableParser;
use super::{Fits, Schema, SchemaAnswer, SchemaDump, TableSchema};
use crate::Charset;
use crate::changes::Statement;

/// How much memory the definitions of tables take that statements made, in bytes, about.
const BYTES_MAX: usize = 16 << 20;
/// Databases that are remembered, and names of temporary tables.
const NAMES_MAX: usize = 10_000;

/// What a statement does to a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableChange {
    /// The table before it, if it was there and is known.
    pub before: Option<NamedTable>,
    /// The table behind it, if it is there and known.
    pub after: Option<NamedTable>,
}

/// A table with its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTable {
    /// The schema (database) that it is in.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// What it is made of.
    pub definition: Arc<TableSchema>,
}

/// A [`Schema`] that follows the statements of a log: it begins with what it is given, and with tables
/// that statements make.
///
/// ```
/// use binlogd_decode::{FollowedSchema, SchemaDump};
///
/// let dump = SchemaDump::parse("CREATE TABLE shop.item (id int, name varchar(9))", None)?;
/// let followed = FollowedSchema::new(dump);
/// let changes = followed.follow_sql("ALTER TABLE item RENAME COLUMN name TO title", "shop");
/// let after = changes[0].after.as_ref().unwrap();
/// assert_eq!(after.definition.columns[1].name, "title");
/// # Ok::<(), binlogd_decode::SchemaError>(())
/// ```
#[derive(Default)]
pub struct FollowedSchema {
    state: Mutex<State>,
    current: Option<Box<dyn Schema + Send + Sync>>,
}

#[derive(Debug, Default)]
struct State {
    tables: HashMap<Name, Arc<TableSchema>>,
    /// What the tables take.
    bytes: usize,
    bytes_max: usize,
    /// Whether it was said that a table found no room.
    is_full: bool,
    databases: HashMap<String, Database>,
    /// Names that sessions gave to temporary tables. What a statement means by one is not known, so these
    /// tables are not followed.
    temporary: HashSet<Name>,
    /// Whether what comes is of the time of the tables that were given, or later.
    begun: bool,
    /// Since the last look.
    lost: Vec<LostTable>,
}

/// What is known of a database.
#[derive(Debug, Default)]
struct Database {
    /// The character set of tables that name none.
    charset: Option<Charset>,
    /// Whether it was made by a statement of the log, and all its tables are known since.
    is_complete: bool,
}

/// A table that was known, and is not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostTable {
    table: String,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Statement,
    /// One that does not name the table.
    Other,
    Rows,
    Letters,
    Memory,
}

impl fmt::Display for LostTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Statement => {
                "this statement is not understood, or does not fit the definition that is known: if that \
                 was given, it is of another time"
            }
            Why::Other => "this statement is not known here, and may change their definitions",
            Why::Rows => "its rows have other columns than its definition: that is of another time",
            Why::Letters => {
                "this statement changes a table of the same name in other letters, which may be this one: \
                 lower_case_table_names says"
            }
            Why::Memory => "the tables that statements made take too much memory, as will others",
        };
        write!(f, "the columns of {} are not known from here on: {why}", self.table)
    }
}

impl FollowedSchema {
    /// One that knows these tables as they are where the log begins.
    #[must_use]
    pub fn new(tables: SchemaDump) -> Self {
        let mut state = State { bytes_max: usize::MAX, ..State::default() };
        for ((schema, table), definition) in tables.into_tables() {
            state.insert(Name { schema, table }, definition);
        }
        state.bytes_max = state.bytes.saturating_add(BYTES_MAX);
        Self { state: Mutex::new(state), current: None }
    }

    /// Asks `current`, such as a server, of tables that are not known. What it says of a table that its
    /// rows fit is followed from there.
    #[must_use]
    pub fn with_current(mut self, current: impl Schema + Send + Sync + 'static) -> Self {
        self.current = Some(Box::new(current));
        self
    }

    /// What comes from here on is of the time of the tables that were given, or later, as the first
    /// statement is that is taken. Rows in front of it may be of other definitions, which says nothing of these.
    pub fn begin(&self) {
        self.state().begun = true;
    }

    /// Takes the next statement; says what it does to each table that it defines, in their order.
    pub fn follow(&self, statement: &Statement<'_>) -> Vec<TableChange> {
        if statement.kind().is_some() {
            return Vec::new();
        }
        let schema = String::from_utf8_lossy(statement.schema);
        let text = Text {
            sql: &statement.to_text(),
            schema: &schema,
            mode: SqlMode::of(statement),
            failed: statement.error_code != 0,
            schemas: statement.schemas(),
        };
        self.state().follow(&text, Definition::of(statement))
    }

    /// Takes the next statement of a session with the default settings and this default database.
    pub fn follow_sql(&self, sql: &str, schema: &str) -> Vec<TableChange> {
        let text = Text { sql, schema, mode: SqlMode::default(), failed: false, schemas: None };
        self.state().follow(&text, Definition::all(sql, schema, text.mode))
    }

    /// The tables that could not be followed since this was last asked.
    pub fn take_lost(&self) -> Vec<LostTable> {
        std::mem::take(&mut self.state().lost)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Schema for FollowedSchema {
    fn table(&self, schema: &str, table: &str, fits: &Fits<'_>) -> SchemaAnswer {
        let name = Name { schema: schema.to_owned(), table: table.to_owned() };
        let known = self.state().tables.get(&name).cloned();
        if known.as_deref().is_some_and(fits) {
            return Ok(known);
        }
        if self.state().begun {
            self.state().lose(&name, Why::Rows);
        }
        let Some(current) = &self.current else { return Ok(known) };
        let Some(found) = current.table(schema, table, fits)? else { return Ok(known) };
        if fits(&found) {
            self.state().learn(name, found.clone());
        }
        Ok(Some(found))
    }
}

/// A statement, and what its session was.
struct Text<'a> {
    sql: &'a str,
    schema: &'a str,
    mode: SqlMode,
    /// Whether it did only a part of what it says.
    failed: bool,
    /// The schemas that it changes something in, if that is known.
    schemas: Option<Vec<String>>,
}

impl State {
    fn follow(&mut self, text: &Text<'_>, definitions: Vec<Definition>) -> Vec<TableChange> {
        self.begun = true;
        if definitions.is_empty() {
            match Name::of_temporary(text.sql, text.schema, text.mode) {
                Some(name) => self.hide(name),
                None => self.take_other(text),
            }
        }
        definitions.into_iter().map(|definition| self.define(text, definition)).collect()
    }

    /// A statement that defines no table as far as is known here.
    fn take_other(&mut self, text: &Text<'_>) {
        match Effect::of(text.sql, text.schema, text.mode) {
            Effect::None => {}
            Effect::Sequence(name) => drop(self.remove(&name)),
            Effect::Unknown => {
                let is_of = |schema: &String| match &text.schemas {
                    Some(schemas) => schemas.contains(schema),
                    None => true,
                };
                let names: Vec<Name> =
                    self.tables.keys().filter(|name| is_of(&name.schema)).cloned().collect();
                if !names.is_empty() {
                    let table = match &text.schemas {
                        Some(schemas) => format!("all tables in {}", schemas.join(", ")),
                        None => "all tables".to_owned(),
                    };
                    self.lost.push(LostTable { table, why: Why::Other });
                }
                names.iter().for_each(|name| drop(self.remove(name)));
                self.databases.values_mut().for_each(|database| database.is_complete = false);
            }
        }
    }

    fn define(&mut self, text: &Text<'_>, definition: Definition) -> TableChange {
        let Definition { action, name } = definition;
        let before = self.named(&name);
        let after = match action {
            Action::CreateDatabase { charset, may_exist: false } => {
                self.forget_database(&name.schema);
                self.database(name.schema, charset.as_deref(), true);
                None
            }
            Action::AlterDatabase { charset: charset @ Some(_) } => {
                let is_complete = self.is_complete(&name.schema);
                self.database(name.schema, charset.as_deref(), is_complete);
                None
            }
            Action::CreateDatabase { .. } | Action::AlterDatabase { .. } => None,
            Action::DropDatabase => {
                self.forget_database(&name.schema);
                None
            }
            Action::CreateTable { may_exist: true, .. } if before.is_some() => before.clone(),
            Action::CreateTable { may_exist, like } => self.create(text, &name, may_exist, like),
            Action::DropTable => {
                self.remove(&name);
                None
            }
            _ if text.failed => {
                self.lose(&name, Why::Statement);
                self.put(name, None)
            }
            Action::AlterTable(_) => self.alter(text, &name),
            Action::RenameTable { to } => {
                let table = self.remove(&name);
                self.rename(&name, &to);
                self.put(to, table)
            }
            Action::DropIndex { is_primary: true } => {
                let keyless = self.remove(&name).map(|mut table| {
                    let keyed = Arc::make_mut(&mut table);
                    (keyed.primary_key, keyed.unique_key) = Default::default();
                    table
                });
                self.put(name, keyless)
            }
            Action::CreateIndex { unique: Some(key) } => {
                let indexed = self.remove(&name).map(|mut table| {
                    Arc::make_mut(&mut table).add_unique(key);
                    table
                });
                self.put(name, indexed)
            }
            Action::TruncateTable | Action::CreateIndex { .. } | Action::DropIndex { .. } => {
                before.clone()
            }
        };
        TableChange { before, after }
    }

    fn create(
        &mut self,
        text: &Text<'_>,
        name: &Name,
        may_exist: bool,
        like: Option<Name>,
    ) -> Option<NamedTable> {
        let table = match like {
            Some(like) => self.tables.get(&like).cloned(),
            None => self.created(text, name).map(Arc::new),
        };
        if may_exist && !self.is_complete(&name.schema) || text.failed {
            // Which one is there is not known, but what was asked for is.
            self.put(name.clone(), None);
            return Some(name.of(table?));
        }
        self.put(name.clone(), table)
    }

    /// The table that the statement itself defines.
    fn created(&self, text: &Text<'_>, name: &Name) -> Option<TableSchema> {
        if text.mode.oracle {
            return None;
        }
        let mut parser = TableParser::new(Lexer::at_verb(text.sql, text.mode));
        if !parser.lexer.take_word("create") {
            return None;
        }
        let (_, _, mut table) = parser.create().ok()??;
        if table.columns.len() > COLUMNS_MAX || parser.lexer.is_conditional() {
            return None;
        }
        table.settle(self.databases.get(&name.schema).and_then(|database| database.charset));
        Some(table)
    }

    fn alter(&mut self, text: &Text<'_>, name: &Name) -> Option<NamedTable> {
        let Some(alter) = Alter::parse(text.sql, text.schema, text.mode) else {
            // It may make another table, too, of one of this one's parts.
            self.databases.values_mut().for_each(|database| database.is_complete = false);
            self.lose(name, Why::Statement);
            return None;
        };
        let table = self.tables.get(name).and_then(|table| alter.apply(table)).map(Arc::new);
        match table {
            Some(_) => drop(self.remove(name)),
            None => self.lose(name, Why::Statement),
        }
        let to = alter.rename.unwrap_or_else(|| name.clone());
        self.rename(name, &to);
        self.put(to, table)
    }

    /// A table has a name from now on; it may not be known what it is like.
    fn put(&mut self, name: Name, table: Option<Arc<TableSchema>>) -> Option<NamedTable> {
        self.remove(&name);
        self.lose_in_small_letters(&name);
        let Some(table) = table else {
            if let Some(database) = self.databases.get_mut(&name.schema) {
                database.is_complete = false;
            }
            return None;
        };
        let named = name.of(table.clone());
        self.learn(name, table);
        Some(named)
    }

    fn learn(&mut self, name: Name, table: Arc<TableSchema>) {
        if self.temporary.contains(&name) || self.temporary.len() >= NAMES_MAX {
            return;
        }
        if self.bytes.saturating_add(bytes(&name, &table)) > self.bytes_max.max(BYTES_MAX) {
            self.databases.clear();
            // Where one finds no room others will not.
            if !std::mem::replace(&mut self.is_full, true) {
                self.lost.push(LostTable { table: name.to_string(), why: Why::Memory });
            }
            return;
        }
        self.insert(name, table);
    }

    fn insert(&mut self, name: Name, table: Arc<TableSchema>) {
        self.remove(&name);
        self.bytes += bytes(&name, &table);
        self.tables.insert(name, table);
    }

    fn remove(&mut self, name: &Name) -> Option<Arc<TableSchema>> {
        let table = self.tables.remove(name)?;
        self.bytes = self.bytes.saturating_sub(bytes(name, &table));
        Some(table)
    }

    fn lose(&mut self, name: &Name, why: Why) {
        if self.remove(name).is_some() {
            self.lost.push(LostTable { table: name.to_string(), why });
        }
    }

    /// Some servers keep tables in small letters, whatever letters a statement has.
    fn lose_in_small_letters(&mut self, name: &Name) {
        let (schema, table) = (name.schema.to_lowercase(), name.table.to_lowercase());
        let small = Name { schema, table };
        if small != *name {
            self.lose(&small, Why::Letters);
        }
    }

    fn named(&self, name: &Name) -> Option<NamedTable> {
        Some(name.of(self.tables.get(name)?.clone()))
    }

    /// A temporary table has this name, at least for one session.
    fn hide(&mut self, name: Name) {
        self.lose(&name, Why::Statement);
        if self.temporary.len() < NAMES_MAX {
            self.temporary.insert(name);
        }
        if self.temporary.len() == NAMES_MAX {
            // From here on nobody knows which names mean one table only.
            let names: Vec<Name> = self.tables.keys().cloned().collect();
            names.iter().for_each(|name| self.lose(name, Why::Memory));
        }
    }

    /// A temporary table keeps being one under another name.
    fn rename(&mut self, name: &Name, to: &Name) {
        if name != to && self.temporary.contains(name) {
            self.hide(to.clone());
        }
    }

    fn database(&mut self, name: String, charset: Option<&str>, is_complete: bool) {
        if self.databases.len() < NAMES_MAX {
            let charset = charset.and_then(Charset::of_name);
            self.databases.insert(name, Database { charset, is_complete });
        } else {
            self.databases.remove(&name);
        }
    }

    fn is_complete(&self, schema: &str) -> bool {
        self.databases.get(schema).is_some_and(|database| database.is_complete)
    }

    fn forget_database(&mut self, schema: &str) {
        self.databases.remove(schema);
        let of_it = |name: &&Name| name.schema == schema;
        let names: Vec<Name> = self.tables.keys().filter(of_it).cloned().collect();
        names.iter().for_each(|name| drop(self.remove(name)));
    }
}

impl Name {
    fn of(&self, definition: Arc<TableSchema>) -> NamedTable {
        NamedTable { schema: self.schema.clone(), table: self.table.clone(), definition }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// What a definition takes, about.
fn bytes(name: &Name, table: &TableSchema) -> usize {
    let of_column = |column: &super::ColumnSchema| {
        let members: usize = column.members.iter().map(|m| size_of::<String>() + m.len()).sum();
        let names = column.name.len() + column.type_name.len() + column.declared.bytes();
        size_of::<super::ColumnSchema>() + names + members
    };
    let keys = table.primary_key.iter().chain(&table.unique_key);
    let key: usize = keys.map(|k| size_of::<String>() + k.len()).sum();
    let names = 2 * size_of::<Name>() + name.schema.len() + name.table.len();
    names
        + key
        + table.comment.as_ref().map_or(0, String::len)
        + table.columns.iter().map(of_column).sum::<usize>()
}

impl fmt::Debug for FollowedSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowedSchema").field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
