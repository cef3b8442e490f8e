//! Changes as Canal's flat messages, one for each event of rows and each statement.
//!
//! Facts are from its `FlatMessage` and from what fills that. Its fields come in the order of the
//! alphabet.

mod kind;
mod value;

use binlogd_event::body::RowsChange;

use super::json::{field, number_field, text_field};
use super::{Format, FormatError, Untold, must_have_names, now_us, switch};
use crate::changes::{At, Change, End, Statement, Transaction};
use crate::schema::definition::{Action, Alteration, Definition, Name};
use crate::write::{json_string, signed};
use crate::{Image, Rows, Table};

/// Canal's settings that change what is written; its names, and its defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CanalOptions {
    /// `canal.instance.gtidon`: the transaction's GTID.
    pub gtids: bool,
    /// `canal.instance.filter.rows`: no rows.
    pub no_rows: bool,
    /// `canal.instance.filter.query.dml`: no statements that change rows.
    pub no_dml: bool,
    /// `canal.instance.filter.query.ddl`: no statements that define tables and databases.
    pub no_ddl: bool,
}

impl CanalOptions {
    /// Sets an option by Canal's own name.
    ///
    /// # Errors
    /// If there is no such option or value here; the text says which there are.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let option = match name {
            "canal.instance.gtidon" => &mut self.gtids,
            "canal.instance.filter.rows" => &mut self.no_rows,
            "canal.instance.filter.query.dml" => &mut self.no_dml,
            "canal.instance.filter.query.ddl" => &mut self.no_ddl,
            _ => {
                return Err(format!(
                    "no option '{name}'; there are canal.instance.gtidon, canal.instance.filter.rows, \
                     canal.instance.filter.query.dml and canal.instance.filter.query.ddl"
                ));
            }
        };
        *option = switch(value).map_err(|known| format!("{name} can be {known}, not '{value}'"))?;
        Ok(())
    }
}

/// Writes a flat message a line for each event of rows, and for each statement that changes rows or
/// defines databases and tables.
#[derive(Debug)]
pub struct CanalFormat {
    options: CanalOptions,
    /// How many messages there were.
    count: u64,
    /// The last statement of which rows came, by its number.
    told: Option<u64>,
    /// Whether rows of the transaction under way were written.
    has_rows: bool,
}

/// What a message is about.
struct About<'a> {
    kind: &'a str,
    schema: &'a str,
    table: &'a str,
    is_ddl: bool,
    sql: &'a str,
}

impl CanalFormat {
    /// A writer.
    #[must_use]
    pub fn new(options: CanalOptions) -> Self {
        Self { options, count: 0, told: None, has_rows: false }
    }

    fn rows(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        rows: Rows<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let table = rows.table();
        must_have_names(table, "Canal's format")?;
        let kind = name_of(rows.change());
        let about =
            About { kind, schema: table.schema(), table: table.name(), is_ddl: false, sql: "" };
        let mut columns = Columns::new(table);
        let (mut data, mut old) = (Vec::new(), Vec::new());
        for row in rows {
            let row = row?;
            let Some(image) = row.after.or(row.before) else { continue };
            let before = row.before.filter(|_| row.after.is_some());
            columns.data(&image, before, &mut data)?;
            if let Some(before) = before {
                columns.old(&before, &mut old)?;
            }
        }
        if data.is_empty() {
            // It ends a statement, and names no table.
            return Ok(());
        }
        self.message(at, transaction, &about, out, |part, out| match part {
            Part::Data => list(&data, out),
            Part::Old => list(&old, out),
            Part::Keys => columns.keys(out),
            Part::SqlTypes => columns.map(out, |column, out| {
                signed(columns.sql_types[column].into(), out);
            }),
            Part::MysqlTypes => columns.map(out, |column, out| {
                out.extend_from_slice(kind::mysql_type(&table.columns()[column]));
            }),
        });
        Ok(())
    }

    fn statement(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        statement: &Statement<'_>,
        out: &mut Vec<u8>,
    ) {
        let sql = statement.to_text();
        let schema = String::from_utf8_lossy(statement.schema);
        let about = |kind| About { kind, schema: &schema, table: "", is_ddl: false, sql: &sql };
        if let Some(change) = statement.kind() {
            if !self.options.no_dml {
                self.message(at, transaction, &about(name_of(change)), out, nothing);
            }
            return;
        }
        let begins =
            |words: &str| sql.get(..words.len()).is_some_and(|s| s.eq_ignore_ascii_case(words));
        if begins("XA COMMIT") || begins("XA ROLLBACK") {
            let kind = if begins("XA COMMIT") { "XACOMMIT" } else { "XAROLLBACK" };
            return self.message(at, transaction, &about(kind), out, nothing);
        }
        if self.options.no_ddl {
            return;
        }
        // Of several tables Canal names the first.
        let Some(definition) = Definition::of(statement).into_iter().next() else { return };
        let (kind, name) = ddl(definition);
        let about =
            About { kind, schema: &name.schema, table: &name.table, is_ddl: true, sql: &sql };
        self.message(at, transaction, &about, out, nothing);
    }

    /// The statement that changes the rows that follow, before the first of them.
    fn query(&mut self, at: &At<'_>, transaction: &Transaction, query: &[u8], out: &mut Vec<u8>) {
        let sql = String::from_utf8_lossy(query);
        let about = About { kind: "QUERY", schema: "", table: "", is_ddl: false, sql: &sql };
        self.message(at, transaction, &about, out, nothing);
    }

    fn message(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        about: &About<'_>,
        out: &mut Vec<u8>,
        part: impl Fn(Part, &mut Vec<u8>),
    ) {
        self.count += 1;
        out.extend_from_slice(b"{\"data\":");
        part(Part::Data, out);
        text_field("database", about.schema, out);
        number_field("es", u64::from(at.header.timestamp) * 1000, out);
        let gtid = transaction.gtid.filter(|_| self.options.gtids);
        text_field("gtid", &gtid.map(|gtid| gtid.to_string()).unwrap_or_default(), out);
        number_field("id", self.count, out);
        field("isDdl", out);
        out.extend_from_slice(if about.is_ddl { b"true" } else { b"false" });
        for (name, what) in
            [("mysqlType", Part::MysqlTypes), ("old", Part::Old), ("pkNames", Part::Keys)]
        {
            field(name, out);
            part(what, out);
        }
        text_field("sql", about.sql, out);
        field("sqlType", out);
        part(Part::SqlTypes, out);
        text_field("table", about.table, out);
        number_field("ts", now_us() / 1000, out);
        text_field("type", about.kind, out);
        out.extend_from_slice(b"}\n");
    }
}

/// The type that Canal tells for a change of rows.
fn name_of(change: RowsChange) -> &'static str {
    match change {
        RowsChange::Insert => "INSERT",
        RowsChange::Update => "UPDATE",
        RowsChange::Delete => "DELETE",
    }
}

/// What only rows have.
#[derive(Clone, Copy)]
enum Part {
    Data,
    Old,
    Keys,
    SqlTypes,
    MysqlTypes,
}

/// The parts of a message without rows.
fn nothing(_: Part, out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// A list of what is there with commas between; `null` if there is nothing.
fn list(items: &[u8], out: &mut Vec<u8>) {
    if items.is_empty() {
        return out.extend_from_slice(b"null");
    }
    out.push(b'[');
    out.extend_from_slice(items);
    out.push(b']');
}

/// The type and table that Canal tells for a definition.
fn ddl(definition: Definition) -> (&'static str, Name) {
    let Definition { action, name } = definition;
    let kind = match action {
        Action::RenameTable { to } | Action::AlterTable(Alteration::Rename { to }) => {
            return ("RENAME", to);
        }
        Action::CreateDatabase { .. } | Action::AlterDatabase { .. } | Action::DropDatabase => {
            "QUERY"
        }
        Action::CreateTable { .. } => "CREATE",
        Action::DropTable => "ERASE",
        Action::TruncateTable => "TRUNCATE",
        Action::CreateIndex { .. } | Action::AlterTable(Alteration::AddIndex) => "CINDEX",
        Action::DropIndex { .. } | Action::AlterTable(Alteration::DropIndex) => "DINDEX",
        Action::AlterTable(Alteration::Other) => "ALTER",
    };
    (kind, name)
}

/// What a message says of the columns of its rows.
struct Columns<'a> {
    table: &'a Table,
    /// Those that `data` has.
    present: Vec<bool>,
    /// Those that were changed in this row, or in one before it: of these Canal tells old values.
    updated: Vec<bool>,
    /// By the last row: a number without sign may need a larger type than another.
    sql_types: Vec<i16>,
}

impl<'a> Columns<'a> {
    fn new(table: &'a Table) -> Self {
        let len = table.columns().len();
        Self {
            table,
            present: vec![false; len],
            updated: vec![false; len],
            sql_types: vec![0; len],
        }
    }

    /// Appends a row to `data`; `before` is what it was if it was updated.
    fn data(
        &mut self,
        image: &Image<'_>,
        before: Option<Image<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let mut former = Vec::new();
        if let Some(before) = before {
            before.collect_into(&mut former)?;
        }
        for item in image.values() {
            let (index, value) = item?;
            self.present[index] = true;
            self.sql_types[index] = kind::sql_type(&self.table.columns()[index], &value);
            if before.is_some() && former.get(index).copied().flatten() != Some(value) {
                self.updated[index] = true;
            }
        }
        row(image, |_| true, out)
    }

    /// Appends to `old` what a row was before, in the columns that were updated.
    fn old(&self, before: &Image<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        row(before, |column| self.updated[column], out)
    }

    /// The primary key's columns, in the table's order.
    fn keys(&self, out: &mut Vec<u8>) {
        let mut items = Vec::new();
        for column in self.table.columns() {
            if column.key_part().is_some() && self.present[column.index()] {
                if !items.is_empty() {
                    items.push(b',');
                }
                json_string(column.name().unwrap_or_default(), &mut items);
            }
        }
        list(&items, out);
    }

    /// An object with something of each column; `null` without columns.
    fn map(&self, out: &mut Vec<u8>, write: impl Fn(usize, &mut Vec<u8>)) {
        let mut separator = b'{';
        for column in self.table.columns().iter().filter(|c| self.present[c.index()]) {
            out.push(separator);
            separator = b',';
            out.extend_from_slice(&column.json_key);
            write(column.index(), out);
        }
        out.extend_from_slice(if separator == b'{' { b"null" } else { b"}" });
    }
}

/// Appends a row's columns to a list of rows, as far as they are wanted.
fn row(
    image: &Image<'_>,
    is_wanted: impl Fn(usize) -> bool,
    out: &mut Vec<u8>,
) -> Result<(), FormatError> {
    if !out.is_empty() {
        out.push(b',');
    }
    out.push(b'{');
    let mut is_first = true;
    for item in image.values() {
        let (index, value) = item?;
        if !is_wanted(index) {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        let column = &image.table().columns()[index];
        out.extend_from_slice(&column.json_key);
        value::write(column, &value, out).map_err(|error| image.error(index, error))?;
    }
    out.push(b'}');
    Ok(())
}

impl Format for CanalFormat {
    fn begin(&mut self, _: &Transaction, _: &mut Vec<u8>) -> Result<(), FormatError> {
        Ok(())
    }

    fn change(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        change: Change<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        match change {
            Change::Rows { rows, query, statement } => {
                let is_told = self.told.replace(statement) == Some(statement);
                if let Some(query) = query.filter(|_| !is_told && !self.options.no_dml) {
                    self.query(at, transaction, query, out);
                }
                if !self.options.no_rows {
                    self.rows(at, transaction, rows, out)?;
                    self.has_rows = true;
                }
            }
            Change::Statement(_) if !transaction.takes_effect() => {}
            Change::Statement(statement) | Change::Load(statement) => {
                self.statement(at, transaction, &statement, out);
            }
            Change::End(_) => self.has_rows = false,
            Change::Incident(_) | Change::Unknown { .. } => {}
        }
        Ok(())
    }

    fn untold<'a>(&self, change: &Change<'a>) -> Option<Untold<'a>> {
        match change {
            Change::End(End::Rollback) if self.has_rows => Some(Untold::RolledBack),
            // Those of a kind are told.
            Change::Statement(statement) if statement.kind().is_some() => None,
            Change::Load(_) => None,
            change => Untold::by_rows(change),
        }
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}
