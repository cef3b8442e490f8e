//! Changes as Canal's flat messages, one for each event of rows and each statement.
//!
//! Facts are from its `FlatMessage` and from what fills that. Its fields come in the order of the
//! alphabet.

mod json;
mod kind;
mod rows;
mod value;

use binlogd_event::Gtid;
use binlogd_event::body::RowsChange;

use super::json::{field, number_field, text_field};
use super::{Format, FormatError, Pieces, Untold, must_have_names, now_us, switch};
use crate::Rows;
use crate::changes::{At, Change, End, RowsQuery, Statement, Transaction};
use crate::schema::definition::{Action, Alteration, Definition, Name};
use rows::{Columns, RowsPieces};

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

impl<'a> About<'a> {
    fn rows(rows: &Rows<'a>) -> Self {
        let table = rows.table();
        let kind = name_of(rows.change());
        Self { kind, schema: table.schema(), table: table.name(), is_ddl: false, sql: "" }
    }
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
        must_have_names(rows.table(), "Canal's format")?;
        let message = self.message_of(at, transaction, About::rows(&rows));
        // What ends a statement names no table and has no rows.
        if rows::write(&message, rows, out)? {
            self.count += 1;
        }
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
                self.message(at, transaction, about(name_of(change)), out);
            }
            return;
        }
        let begins =
            |words: &str| sql.get(..words.len()).is_some_and(|s| s.eq_ignore_ascii_case(words));
        if begins("XA COMMIT") || begins("XA ROLLBACK") {
            let kind = if begins("XA COMMIT") { "XACOMMIT" } else { "XAROLLBACK" };
            return self.message(at, transaction, about(kind), out);
        }
        if self.options.no_ddl {
            return;
        }
        // Of several tables Canal names the first.
        let Some(definition) = Definition::of(statement).into_iter().next() else { return };
        let (kind, name) = ddl(definition);
        let about =
            About { kind, schema: &name.schema, table: &name.table, is_ddl: true, sql: &sql };
        self.message(at, transaction, about, out);
    }

    /// The statement that changes the rows that follow, before the first of them.
    fn query(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        query: Option<RowsQuery<'_>>,
        statement: u64,
        out: &mut Vec<u8>,
    ) {
        let is_told = self.told.replace(statement) == Some(statement);
        let Some(query) = query.filter(|_| !is_told && !self.options.no_dml) else { return };
        let sql = query.to_text();
        let about = About { kind: "QUERY", schema: "", table: "", is_ddl: false, sql: &sql };
        self.message(at, transaction, about, out);
    }

    /// A message that is nothing but this.
    fn message(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        about: About<'_>,
        out: &mut Vec<u8>,
    ) {
        let message = self.message_of(at, transaction, about);
        out.extend_from_slice(b"{\"data\":null");
        message.middle(None, out);
        out.extend_from_slice(b"null");
        message.end(None, out);
        self.count += 1;
    }

    /// The next message.
    fn message_of<'m>(
        &self,
        at: &At<'_>,
        transaction: &Transaction,
        about: About<'m>,
    ) -> Message<'m> {
        let gtid = transaction.gtid.filter(|_| self.options.gtids);
        let es = u64::from(at.header.timestamp) * 1000;
        Message { about, es, gtid, id: self.count + 1 }
    }
}

/// A message without its rows: the text between them, and after them.
struct Message<'m> {
    about: About<'m>,
    /// When the event was logged, in milliseconds since 1970.
    es: u64,
    gtid: Option<Gtid>,
    /// The number of the message.
    id: u64,
}

impl Message<'_> {
    /// What stands between `data` and `old`.
    fn middle(&self, columns: Option<&Columns<'_>>, out: &mut Vec<u8>) {
        text_field("database", self.about.schema, out);
        number_field("es", self.es, out);
        text_field("gtid", &self.gtid.map(|gtid| gtid.to_string()).unwrap_or_default(), out);
        number_field("id", self.id, out);
        field("isDdl", out);
        out.extend_from_slice(if self.about.is_ddl { b"true" } else { b"false" });
        field("mysqlType", out);
        or_null(columns, out, Columns::mysql_types);
        field("old", out);
    }

    /// The text after `old`.
    fn end(&self, columns: Option<&Columns<'_>>, out: &mut Vec<u8>) {
        field("pkNames", out);
        or_null(columns, out, Columns::keys);
        text_field("sql", self.about.sql, out);
        field("sqlType", out);
        or_null(columns, out, Columns::sql_types);
        text_field("table", self.about.table, out);
        number_field("ts", now_us() / 1000, out);
        text_field("type", self.about.kind, out);
        out.extend_from_slice(b"}\n");
    }
}

fn or_null<'t>(
    columns: Option<&Columns<'t>>,
    out: &mut Vec<u8>,
    write: impl FnOnce(&Columns<'t>, &mut Vec<u8>),
) {
    match columns {
        Some(columns) => write(columns, out),
        None => out.extend_from_slice(b"null"),
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
                self.query(at, transaction, query, statement, out);
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

    fn pieces<'a>(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        change: &Change<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Box<dyn Pieces + 'a>>, FormatError> {
        let Change::Rows { rows, query, statement } = change else { return Ok(None) };
        if self.options.no_rows || !rows.is_large() {
            return Ok(None);
        }
        // One part is no more than a row, or little.
        let mut rest = rows.clone();
        if rest.next_part().is_none() || rest.next_part().is_none() {
            return Ok(None);
        }
        must_have_names(rows.table(), "Canal's format")?;
        rows::check(rows.clone())?;
        self.query(at, transaction, *query, *statement, out);
        let message = self.message_of(at, transaction, About::rows(rows));
        self.count += 1;
        self.has_rows = true;
        Ok(Some(Box::new(RowsPieces::new(message, rows.clone()))))
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
