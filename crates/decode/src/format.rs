//! Writes changes for people, for programs and for servers: [`TextFormat`], [`JsonFormat`],
//! [`SqlFormat`]; as other tools tell them: [`DebeziumFormat`], [`MaxwellFormat`], [`CanalFormat`];
//! what takes them back: [`UndoFormat`]; and events themselves as a list: [`ListJson`].
//!
//! What is written of a single value is in [`Value`](crate::Value).

mod canal;
mod debezium;
mod json;
mod list;
mod maxwell;
mod names;
mod sql;
mod text;
mod undo;
mod untold;

pub use canal::{CanalFormat, CanalOptions};
pub use debezium::{
    BinaryMode, DebeziumFormat, DebeziumOptions, DecimalMode, TimeMode, UnsignedMode,
};
pub use json::JsonFormat;
pub use list::ListJson;
pub use maxwell::{MaxwellCommit, MaxwellFormat, MaxwellOptions, MaxwellPiece, MaxwellRow};
pub use sql::{ColumnTest, SqlFormat, SqlOptions};
pub use text::TextFormat;
pub use undo::{UndoFlaw, UndoFormat, UndoOptions, last_piece};
pub use untold::Untold;

use std::time::{SystemTime, UNIX_EPOCH};

use binlogd_event::body::Incident;

use crate::changes::{At, Change, Transaction};
use crate::{DecodeError, Table};

/// Appends changes to a buffer, in their order.
pub trait Format {
    /// A transaction begins, of which changes follow. Statements that are
    /// [alone](crate::changes::Statement::alone) have none.
    ///
    /// # Errors
    /// If it cannot be written in this form.
    fn begin(&mut self, transaction: &Transaction, out: &mut Vec<u8>) -> Result<(), FormatError>;

    /// A change in the transaction that was begun, its end, or a statement that is alone.
    ///
    /// # Errors
    /// If it is damaged, or cannot be written in this form. Rows before are in `out` then, and nothing
    /// of this one.
    fn change(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        change: Change<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError>;

    /// What of a change that comes next [`change`](Self::change) will leave out, because this form has
    /// no record for it. What the form's options leave out, they leave out.
    fn untold<'a>(&self, _change: &Change<'a>) -> Option<Untold<'a>> {
        None
    }

    /// Whether it tells what statements leave of tables ([`Statement::tables`](crate::changes::Statement)).
    fn tells_tables(&self) -> bool {
        false
    }

    /// Whether values depend on the tables that statements made, also where no definitions were given.
    fn asks_for_tables(&self) -> bool {
        false
    }

    /// Whether the rows of an event may come in several [parts](crate::Rows::next_part), so that not all
    /// of what is written of them must be in memory at once.
    fn takes_parts(&self) -> bool {
        false
    }

    /// Begins to write a change that is a single line, too long to have all of it in memory at once: gives what
    /// writes it. `None`, and nothing in `out`, if [`change`](Self::change) is to write it.
    ///
    /// # Errors
    /// If it is damaged, or cannot be written in this form. All of it was read before anything is written.
    fn pieces<'a>(
        &mut self,
        _at: &At<'_>,
        _transaction: &Transaction,
        _change: &Change<'a>,
        _out: &mut Vec<u8>,
    ) -> Result<Option<Box<dyn Pieces + 'a>>, FormatError> {
        Ok(None)
    }

    /// Whether a server is to run what is written.
    fn is_replayed(&self) -> bool {
        false
    }

    /// Changes of this table are left out here, since its columns are [not known](FormatError::unknown_table).
    /// A format that has comments says so.
    fn leave_out(&mut self, _table: &str, _out: &mut Vec<u8>) {}

    /// Nothing follows.
    fn finish(&mut self, out: &mut Vec<u8>);
}

/// A line that is written piece by piece.
pub trait Pieces {
    /// Appends the next piece; says whether there was one.
    ///
    /// # Errors
    /// If the piece cannot be written. Those before it were, so that the line is torn: this is not for what
    /// could have been known before.
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, FormatError>;
}

/// Lets `write` append a line, or whatever else is of use only as a whole; nothing is left of it after an
/// error.
fn whole<T, E>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
) -> Result<T, E> {
    let start = out.len();
    let written = write(out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

impl<F: Format + ?Sized> Format for &mut F {
    fn begin(&mut self, transaction: &Transaction, out: &mut Vec<u8>) -> Result<(), FormatError> {
        (**self).begin(transaction, out)
    }

    fn change(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        change: Change<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        (**self).change(at, transaction, change, out)
    }

    fn untold<'a>(&self, change: &Change<'a>) -> Option<Untold<'a>> {
        (**self).untold(change)
    }

    fn tells_tables(&self) -> bool {
        (**self).tells_tables()
    }

    fn asks_for_tables(&self) -> bool {
        (**self).asks_for_tables()
    }

    fn takes_parts(&self) -> bool {
        (**self).takes_parts()
    }

    fn pieces<'a>(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        change: &Change<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Box<dyn Pieces + 'a>>, FormatError> {
        (**self).pieces(at, transaction, change, out)
    }

    fn is_replayed(&self) -> bool {
        (**self).is_replayed()
    }

    fn leave_out(&mut self, table: &str, out: &mut Vec<u8>) {
        (**self).leave_out(table, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        (**self).finish(out);
    }
}

/// A change that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// It is damaged, or its table map does not say enough.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The format needs names, and the table map has none.
    #[error(
        "the binlog does not name the columns of {table}, which {format} needs. Servers write names with \
         binlog_row_metadata=FULL, from when that is set on; for what is written already, give the \
         table's definition (--schema FILE, of mysqldump --no-data, or a server's URL) as it was then"
    )]
    NoNames {
        /// The table.
        table: String,
        /// The format.
        format: &'static str,
    },
    /// The format needs names, and those that were given are of another table.
    #[error(
        "the binlog does not name the columns of {table}, and its definition that was given does not \
         fit: it has another number of columns, or other types. Give it as it was when this was written"
    )]
    OtherTable {
        /// The table.
        table: String,
    },
    /// The format needs names, and whoever was asked for them does not know the table.
    #[error(
        "the binlog does not name the columns of {table}, and what was given to tell them (--schema) has no \
         such table, or lost it where the binlog changes it in a way that cannot be followed. Give its \
         definition as it was when this was written"
    )]
    UnknownTable {
        /// The table.
        table: String,
    },
    /// A table that was created with its rows in one transaction, which is to keep its GTID.
    #[error(
        "CREATE TABLE … SELECT is one transaction of a statement and of rows, which SQL cannot repeat \
         under one GTID. Leave the GTIDs out, or replay it by a replica"
    )]
    CreateSelect,
    /// A transaction that cannot be taken back.
    #[error("{transaction} cannot be undone: {flaw}")]
    Undo {
        /// What it is called.
        transaction: Box<str>,
        /// Why.
        flaw: Box<UndoFlaw>,
    },
    /// What a statement's session was is not known.
    #[error(
        "the session of the statement has {0}, without which it could do something else. Read it by a newer \
         binlogd, or replay it by a replica"
    )]
    Settings(
        /// What is wrong with it.
        Box<str>,
    ),
    /// A row that a statement could take for another one.
    #[error(
        "the {change} of a row of {table} was logged without {columns}, and the table has no known \
         primary key, so that a statement cannot find the row for certain. Replay it by a replica; \
         servers log whole rows with binlog_row_image=FULL"
    )]
    PartialRow {
        /// What was done.
        change: &'static str,
        /// The table.
        table: String,
        /// The columns that are not there.
        columns: String,
    },
    /// The file of `LOAD DATA` is no part of any statement, and was not written anywhere.
    #[error(
        "LOAD DATA in statement format has its file in the binlog, beside the statement. \
         Name a folder for such files (--local-load DIR), or replay it by a replica"
    )]
    LoadData,
    /// A `LOAD DATA` that ended with an error, after some rows.
    #[error(
        "LOAD DATA ended with error {0} on the first server, after it had loaded some rows of its file. With \
         LOCAL it would load more. Replay it by a replica"
    )]
    LoadFailed(
        /// The MySQL error.
        u16,
    ),
    /// The server lost changes.
    #[error(
        "the server says that changes are missing here: {message}. What follows may not fit what they \
         left: copy its tables anew, or begin behind this event (--start-position)"
    )]
    Incident {
        /// What it says of them.
        message: Box<str>,
    },
    /// An event of a type that is not known here.
    #[error(
        "what it changes is not known here. Read it by a newer binlogd, or begin behind this event \
         (--start-position)"
    )]
    Unknown,
}

impl FormatError {
    /// The table, as `schema.table`, if the error is that its columns are not known. Changes of other tables
    /// can be written.
    #[must_use]
    pub fn unknown_table(&self) -> Option<&str> {
        match self {
            Self::NoNames { table, .. }
            | Self::OtherTable { table }
            | Self::UnknownTable { table } => Some(table),
            _ => None,
        }
    }

    fn incident(incident: &Incident<'_>) -> Self {
        Self::Incident { message: String::from_utf8_lossy(incident.message).into() }
    }
}

/// Sees that the columns of a table have names.
fn must_have_names(table: &Table, format: &'static str) -> Result<(), FormatError> {
    if table.columns().iter().all(|column| column.name().is_some()) {
        return Ok(());
    }
    let name = format!("{}.{}", table.schema(), table.name());
    Err(match table.schema_fits() {
        Some(false) => FormatError::OtherTable { table: name },
        None if table.schema_lacks_it() => FormatError::UnknownTable { table: name },
        _ => FormatError::NoNames { table: name, format },
    })
}

/// The comment, without its line's end, which says that changes of a table are left out. It is ASCII, as the
/// client program may take its input for any character set.
fn comment_left_out(table: &str) -> String {
    format!("-- left out: changes of {}, whose columns are not known", table.escape_default())
}

/// A setting that is on or off, as other tools name them.
fn switch(value: &str) -> Result<bool, String> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("'true' or 'false'".to_owned()),
    }
}

/// Microseconds since 1970.
fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
