//! SQL that takes changes back, in pieces that are to be read from the last one to the first.
//!
//! Where the pieces are kept until then is for others: nothing here grows with them.

use binlogd_event::body::{RowsBody, RowsChange};

use super::names::Names;
use super::sql::{Checks, FOR_ROWS};
use super::{ColumnTest, Format, FormatError, comment_left_out};
use crate::changes::{At, Change, End, Statement, Transaction};
use crate::write::sql_text;
use crate::{Image, Row, Rows, Table, Value, shown_on_terminal};

/// Why a transaction cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UndoFlaw {
    /// A statement that changes tables themselves, or accounts, or the like.
    #[error(
        "`{text}` is not a change of rows. Choose what came behind it, or rows alone (--kind \
         insert,update,delete), if the tables have the same columns still"
    )]
    Ddl {
        /// Its beginning.
        text: String,
    },
    /// A statement that changes rows.
    #[error(
        "`{text}` was logged as a statement, which does not say what the rows were before. Servers \
         log rows with binlog_format=ROW"
    )]
    Statement {
        /// Its beginning.
        text: String,
    },
    /// A row of which the event has not enough.
    #[error(
        "the {change} of a row of {table} was logged without {columns}{}. Servers log whole rows with \
         binlog_row_image=FULL",
        if *.no_key { ", and the table has no known primary key" } else { "" }
    )]
    MissingColumns {
        /// What was done.
        change: &'static str,
        /// The table.
        table: String,
        /// The columns that are not there.
        columns: String,
        /// Whether a key would help.
        no_key: bool,
    },
    /// A document of which only the difference was logged, in a row that only it could tell.
    #[error(
        "{table} has no known primary key, and of a document only the difference was logged \
         (binlog_row_value_options=PARTIAL_JSON), so that the row cannot be found"
    )]
    PartialJson {
        /// The table.
        table: String,
    },
    /// It was rolled back, but had changed tables that cannot roll back.
    #[error("it was rolled back, and the binlog does not tell which of its changes stayed")]
    RolledBack,
    /// It was prepared, and may have been rolled back afterwards.
    #[error("it is a distributed one (XA), which may have been committed later, or not")]
    Xa,
}

/// What there is to choose.
pub struct UndoOptions {
    /// As in [`SqlOptions`](super::SqlOptions).
    pub is_generated: Box<ColumnTest>,
    /// Whether rows must be as the changes left them: a statement that finds none is an error of the
    /// server's.
    pub check: bool,
}

/// Writes statements that take changes back, each followed by its length, to be read from the end by
/// [`last_piece`].
pub struct UndoFormat {
    options: UndoOptions,
    /// Those of the rows that came last.
    checks: Option<Checks>,
    /// Whether anything of the transaction was written.
    begun: bool,
    statement: Vec<u8>,
}

impl std::fmt::Debug for UndoFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UndoFormat").field("begun", &self.begun).finish_non_exhaustive()
    }
}

/// The length of what says a piece's length, in bytes.
const LEN: usize = 8;

/// Takes the last piece off `written`; `None` if it is not there whole, with how many bytes before
/// the end it begins.
///
/// # Errors
/// The bytes that must be there for the piece to be whole.
pub fn last_piece(written: &[u8]) -> Result<(&[u8], &[u8]), u64> {
    let (rest, len) = written.split_last_chunk::<LEN>().ok_or(LEN as u64)?;
    let len = u64::from_le_bytes(*len);
    let start = usize::try_from(len).ok().and_then(|len| rest.len().checked_sub(len));
    start.map(|start| rest.split_at(start)).ok_or(len.saturating_add(LEN as u64))
}

fn push(piece: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(piece);
    out.extend_from_slice(&(piece.len() as u64).to_le_bytes());
}

impl UndoFormat {
    /// A writer.
    #[must_use]
    pub fn new(options: UndoOptions) -> Self {
        Self { options, checks: None, begun: false, statement: Vec::new() }
    }

    /// Whether there was any change of rows to take back.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.checks.is_some()
    }

    fn rows(&mut self, rows: Rows<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        let table = rows.table();
        if rows.body().table_id == RowsBody::DUMMY_TABLE_ID && table.columns().is_empty() {
            return Ok(());
        }
        let UndoOptions { is_generated, check } = &self.options;
        let names = Names::of(table, is_generated)?.exact(*check);
        if !std::mem::replace(&mut self.begun, true) {
            push(b"COMMIT;\n", out);
        }
        let checks = Checks::of_rows(rows.body().flags);
        if let Some(earlier) = self.checks.replace(checks).filter(|earlier| *earlier != checks) {
            // Read backwards this comes before the earlier rows.
            self.statement.clear();
            earlier.set(Some(checks), &mut self.statement);
            push(&self.statement, out);
        }
        let change = rows.change();
        for row in rows {
            self.statement.clear();
            let statement = &mut self.statement;
            match (change, row?) {
                (RowsChange::Insert, Row { after: Some(after), .. }) => {
                    must_be_found("insert", table, &names, &after)?;
                    names.delete(&after, statement)?;
                    must_have_found(*check, table, statement);
                }
                (RowsChange::Update, Row { before: Some(before), after: Some(after) }) => {
                    let is_lost = |&column: &usize| after.has(column) && !before.has(column);
                    must_have("update", table, names.settable().filter(is_lost), false)?;
                    must_be_found("update", table, &names, &after)?;
                    names.restore(&before, &after, statement)?;
                    must_have_found(*check, table, statement);
                }
                (_, Row { before: Some(before), .. }) => {
                    let lost = names.settable().filter(|&column| !before.has(column));
                    must_have("delete", table, lost, false)?;
                    names.insert(&before, statement)?;
                }
                _ => {}
            }
            push(&self.statement, out);
        }
        Ok(())
    }
}

/// Why a change was not written.
enum Refused {
    Flaw(UndoFlaw),
    Other(FormatError),
}

impl From<UndoFlaw> for Refused {
    fn from(flaw: UndoFlaw) -> Self {
        Self::Flaw(flaw)
    }
}

impl<E: Into<FormatError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

fn full_name(table: &Table) -> String {
    format!("{}.{}", table.schema(), table.name())
}

/// Lets the server see, if that is wanted, that the statement before has found its row. Plain SQL has
/// no condition for statements, but what is prepared can be one that it complains of, in our words.
fn must_have_found(is_wanted: bool, table: &Table, out: &mut Vec<u8>) {
    if !is_wanted || out.is_empty() {
        return;
    }
    out.extend_from_slice(b"SET @binlogd=IF(ROW_COUNT()=1, 'DO 0', ");
    let what = format!("a row of {} is not as the changes left it", full_name(table));
    sql_text(&what, out);
    out.extend_from_slice(b"); PREPARE binlogd FROM @binlogd;\n");
}

/// Sees that a statement can find the row as it is now.
fn must_be_found(
    change: &'static str,
    table: &Table,
    names: &Names<'_>,
    now: &Image<'_>,
) -> Result<(), Refused> {
    if names.by_key(now) {
        return Ok(());
    }
    must_have(change, table, names.settable().filter(|&column| !now.has(column)), true)?;
    for item in now.values() {
        if let (_, Value::JsonDiffs(_)) = item? {
            return Err(UndoFlaw::PartialJson { table: full_name(table) }.into());
        }
    }
    Ok(())
}

fn must_have(
    change: &'static str,
    table: &Table,
    lost: impl Iterator<Item = usize>,
    no_key: bool,
) -> Result<(), Refused> {
    let columns: Vec<&str> =
        lost.map(|column| table.columns()[column].name().unwrap_or_default()).collect();
    if columns.is_empty() {
        return Ok(());
    }
    let columns = columns.join(", ");
    Err(UndoFlaw::MissingColumns { change, table: full_name(table), columns, no_key }.into())
}

impl Format for UndoFormat {
    fn begin(&mut self, _: &Transaction, _: &mut Vec<u8>) -> Result<(), FormatError> {
        self.begun = false;
        Ok(())
    }

    fn change(
        &mut self,
        _: &At<'_>,
        transaction: &Transaction,
        change: Change<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let done = match change {
            Change::Rows { rows, .. } => self.rows(rows, out),
            Change::Statement(statement) | Change::Load(statement) => judge(&statement),
            Change::Incident(incident) => Err(FormatError::incident(&incident).into()),
            Change::Unknown { .. } => Err(FormatError::Unknown.into()),
            Change::End(_) if !self.begun => Ok(()),
            Change::End(End::Rollback) => Err(UndoFlaw::RolledBack.into()),
            Change::End(End::Prepared(text)) if text.starts_with("XA PREPARE") => {
                Err(UndoFlaw::Xa.into())
            }
            Change::End(End::Commit | End::Prepared(_)) => {
                self.begun = false;
                push(format!("{}BEGIN;\n", comment(transaction)).as_bytes(), out);
                Ok(())
            }
        };
        done.map_err(|refused| match refused {
            Refused::Flaw(flaw) => FormatError::Undo {
                transaction: match transaction.gtid {
                    Some(gtid) => format!("transaction {gtid}").into(),
                    None => "the transaction".into(),
                },
                flaw: Box::new(flaw),
            },
            Refused::Other(error) => error,
        })
    }

    fn takes_parts(&self) -> bool {
        true
    }

    fn leave_out(&mut self, table: &str, out: &mut Vec<u8>) {
        push(format!("{}\n", comment_left_out(table)).as_bytes(), out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.begun {
            // The log ends in the middle of the transaction.
            push(b"BEGIN;\n", out);
        }
        self.statement.clear();
        self.statement.extend_from_slice(b"-- written by binlogd undo\n");
        if let Some(checks) = self.checks {
            self.statement.extend_from_slice(FOR_ROWS.as_bytes());
            checks.set(None, &mut self.statement);
        }
        push(&self.statement, out);
    }
}

/// Where the transaction is, on a line of its own.
fn comment(transaction: &Transaction) -> String {
    let Transaction { file, offset, gtid, .. } = transaction;
    let file = shown_on_terminal(file);
    let gtid = gtid.map(|gtid| format!(" {gtid}")).unwrap_or_default();
    format!("-- {file}:{offset}{gtid}\n")
}

/// Lets statements pass that change nothing which stays.
fn judge(statement: &Statement<'_>) -> Result<(), Refused> {
    const SHOWN_MAX: usize = 60;
    let text = statement.to_text();
    let mut lexer = statement.lexer(&text);
    if lexer.take_any(&["savepoint", "release", "flush", "analyze", "optimize"]) {
        return Ok(());
    }
    if lexer.take_any(&["create", "drop"]) {
        lexer.pass(&["or", "replace"]);
        if lexer.take_word("temporary") {
            return Ok(());
        }
    }
    if lexer.take_word("rollback") && lexer.take_word("to") {
        return Err(UndoFlaw::RolledBack.into());
    }
    if lexer.take_word("xa") {
        return Err(UndoFlaw::Xa.into());
    }
    let shown = statement.beginning(SHOWN_MAX);
    Err(match statement.changes_rows() {
        true => UndoFlaw::Statement { text: shown },
        false => UndoFlaw::Ddl { text: shown },
    }
    .into())
}
