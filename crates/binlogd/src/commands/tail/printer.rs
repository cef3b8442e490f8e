//! Gives a format those changes that pass the filter.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use binlogd_decode::changes::{
    At, Change, Changes, End, LoadedFile, NamedTables, Statement, Transaction,
};
use binlogd_decode::format::{Format, FormatError};
use binlogd_decode::{Body, Event, FollowedSchema, TableChange};

use super::filter::Filter;
use super::left_out::{LeftOut, UnknownTables};
use super::loads::Loads;
use super::told::Told;
use super::unmatched::Unmatched;
use crate::logging::print_note;
use crate::sink::{Out, Sink, event_at};

/// Follows transactions and prints what is wanted of them.
pub(crate) struct Printer<'f> {
    changes: Changes,
    format: Box<dyn Format + 'f>,
    filter: Filter,
    /// Whether transactions are printed of which no change is: not where a table is chosen.
    keeps_empty: bool,
    /// Whether the transaction under way was printed, at least its beginning.
    begun: bool,
    is_first: bool,
    is_last: bool,
    told: Told,
    left_out: LeftOut,
    unmatched: Unmatched,
    /// Whether a distributed transaction was printed that a later one may commit or roll back.
    has_prepared: bool,
    /// Whether a note says why there is nothing in the output: nothing was chosen, or what was is left out.
    has_noted: bool,
    followed: Option<Followed>,
    /// What writes the files of `LOAD DATA`, if that is wanted.
    loads: Option<Loads>,
}

/// What is known of tables.
struct Followed {
    tables: Arc<FollowedSchema>,
    /// Whether the first wanted transaction has come: definitions that were given are of that time.
    begun: bool,
}

impl<'f> Printer<'f> {
    pub(crate) fn new(format: Box<dyn Format + 'f>, filter: Filter, keeps_empty: bool) -> Self {
        let keeps_empty = keeps_empty && !filter.chooses_changes();
        Self {
            changes: Changes::new(),
            format,
            filter,
            keeps_empty,
            begun: false,
            is_first: true,
            is_last: true,
            told: Told::default(),
            left_out: LeftOut::default(),
            unmatched: Unmatched::default(),
            has_prepared: false,
            has_noted: false,
            followed: None,
            loads: None,
        }
    }

    /// Does this with changes of tables whose columns are not known, where the format needs their names.
    pub(crate) fn with_unknown_tables(mut self, unknown: UnknownTables) -> Self {
        self.left_out = LeftOut::new(unknown);
        self
    }

    /// Writes the files of `LOAD DATA`.
    pub(crate) fn with_loads(self, loads: Option<Loads>) -> Self {
        Self { loads, ..self }
    }

    /// Follows what statements do to these tables: from the first wanted transaction on if definitions were
    /// `given`, which are of that time, else from the start.
    pub(crate) fn following(mut self, tables: Option<Arc<FollowedSchema>>, given: bool) -> Self {
        self.followed = tables.map(|tables| Followed { tables, begun: false });
        if !given && let Some(followed) = &mut self.followed {
            followed.begin();
        }
        self
    }
}

impl Printer<'_> {
    /// Whether a note has said that nothing was chosen, or that changes were left out.
    pub(crate) fn has_noted(&self) -> bool {
        self.has_noted
    }

    /// An error if changes were left out that were wanted.
    pub(crate) fn must_be_whole(&self) -> Result<()> {
        match self.left_out.missing() {
            Some(missing) => bail!(missing),
            None => Ok(()),
        }
    }

    /// Lets the file of `LOAD DATA` be written, if an event has something of one.
    fn load(&mut self, at: &At<'_>, event: &Event<'_>) -> Result<()> {
        let (Some(loads), Body::Other(body)) = (&mut self.loads, &event.body) else {
            return Ok(());
        };
        let transaction = self.changes.last();
        // The files of old servers come before their transactions.
        let is_wanted = self.changes.is_outside()
            || self.filter.wants(transaction, self.is_first, self.is_last)
                && !self.told.is_told(transaction.gtid);
        loads.see(at, body, is_wanted).with_context(|| event_at(at))
    }

    /// Begins to follow tables with the first wanted transaction, before its rows ask for them.
    fn foresee(&mut self) {
        let Some(followed) = &mut self.followed else { return };
        let transaction = self.changes.last();
        if !followed.begun
            && !self.changes.is_outside()
            && self.filter.wants(transaction, self.is_first, self.is_last)
        {
            followed.begin();
        }
    }
}

impl Followed {
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.tables.begin();
        }
    }

    fn take(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        change: &Change<'_>,
        is_wanted: bool,
    ) -> Vec<TableChange> {
        if is_wanted {
            self.begin();
        }
        let changes = match change {
            Change::Statement(statement) if self.begun && transaction.takes_effect() => {
                self.tables.follow(statement)
            }
            _ => Vec::new(),
        };
        for lost in self.tables.take_lost() {
            print_note(&format!("{}: {lost}", event_at(at)));
        }
        changes
    }
}

const FILE_IS_EARLIER: &str = "the file of LOAD DATA is in events before the first one that was read: start reading \
                               further ahead";

/// Lets a format write a change, many rows in parts, and a long line in pieces. A change that it cannot write is a [`FormatError`].
fn write(
    format: &mut dyn Format,
    at: &At<'_>,
    transaction: &Transaction,
    change: Change<'_>,
    out: &mut Out<'_>,
) -> Result<()> {
    match change {
        Change::Rows { mut rows, query, statement } if rows.is_large() && format.takes_parts() => {
            while let Some(rows) = rows.next_part() {
                let part = Change::Rows { rows, query, statement };
                format.change(at, transaction, part, &mut out.buffer)?;
                out.put(false)?;
            }
        }
        change => match format.pieces(at, transaction, &change, &mut out.buffer)? {
            Some(mut pieces) => {
                while pieces.next(&mut out.buffer)? {
                    out.put(false)?;
                }
            }
            None => format.change(at, transaction, change, &mut out.buffer)?,
        },
    }
    Ok(())
}

impl Sink for Printer<'_> {
    fn enter(&mut self, is_first: bool, is_last: bool, timeline: usize) {
        (self.is_first, self.is_last) = (is_first, is_last);
        self.told.enter(timeline);
    }

    fn is_done(&self, at: &At<'_>) -> bool {
        self.changes.is_outside() && self.is_last && self.filter.ends_before(at)
    }

    fn see(&mut self, at: &At<'_>, event: Event<'_>, out: &mut Out<'_>) -> Result<()> {
        let failed = |error: FormatError| match error {
            // It says where by itself.
            FormatError::Decode(error) => error.into(),
            error if error.unknown_table().is_some() => anyhow!(
                "{}: {error}. Or leave its changes out (--allow-unknown-tables)",
                event_at(at)
            ),
            error => anyhow!("{}: {error}", event_at(at)),
        };
        if at.header.kind.is_gtid() && std::mem::take(&mut self.begun) {
            // What was under way never ended: the server died there, and rolled it back.
            let broken_off = Change::End(End::Rollback);
            if let Some(untold) = self.format.untold(&broken_off) {
                self.left_out.note(at, &untold);
            }
            let out = &mut out.buffer;
            self.format.change(at, self.changes.last(), broken_off, out).map_err(failed)?;
        }
        self.load(at, &event)?;
        let path;
        let taken = self.changes.take(at, event);
        let taken = taken.map_err(|error| anyhow!("{}: {error}", event_at(at)))?;
        let Some((transaction, mut change)) = taken else {
            self.foresee();
            return Ok(());
        };
        if let (Change::Load(Statement { file: Some(file), .. }), Some(loads)) =
            (&mut change, &mut self.loads)
        {
            path = loads.path(file.id);
            file.path = path.as_deref();
        }
        let is_end = matches!(change, Change::End(_));
        let alone = match &change {
            Change::Statement(statement) => statement.alone,
            Change::Incident(_) => !self.begun,
            Change::Unknown { alone } => *alone,
            _ => false,
        };
        if self.told.is_told(transaction.gtid) {
            return Ok(());
        }
        if is_end || alone {
            self.told.tell(transaction.gtid);
        }
        let is_wanted = self.filter.wants(transaction, self.is_first, self.is_last);
        if is_end || alone {
            self.unmatched.transaction(transaction, is_wanted);
        }
        let tables = match &mut self.followed {
            Some(followed) => followed.take(at, transaction, &change, is_wanted),
            None => Vec::new(),
        };
        if !is_wanted {
            return Ok(());
        }
        self.unmatched.change(&change);
        if let Change::Statement(statement) = &mut change {
            statement.tables = &tables;
        }
        let is_control = self.filter.chooses_changes()
            && matches!(&change, Change::Statement(statement)
                if statement.named_tables() == NamedTables::Control);
        // Of a transaction of which nothing was chosen such a statement is of no use. What is replayed
        // keeps it: later ones may name the savepoint.
        let is_under_way = if alone { self.has_prepared } else { self.begun };
        let is_idle = is_control && !is_under_way && !self.format.is_replayed();
        let wanted = match &change {
            Change::End(_) => self.begun || self.keeps_empty,
            Change::Statement(_) if is_idle => false,
            Change::Statement(statement) | Change::Load(statement) => {
                self.filter.wants_statement(statement)
            }
            Change::Rows { rows, .. } => self.filter.wants_rows(rows),
            _ => true,
        };
        if !wanted {
            return Ok(());
        }
        if !is_control {
            self.unmatched.chosen();
        }
        self.has_prepared |= matches!(change, Change::End(End::Prepared(_)));
        if !self.begun && !alone {
            self.format.begin(transaction, &mut out.buffer).map_err(failed)?;
        }
        self.begun = !is_end && !alone;
        if let Some(untold) = self.format.untold(&change) {
            self.left_out.note(at, &untold);
        }
        if let Change::Load(Statement { file: Some(LoadedFile { path: None, .. }), .. }) = &change
            && self.loads.is_some()
        {
            bail!("{}: {FILE_IS_EARLIER}", event_at(at));
        }
        let is_load = matches!(change, Change::Load(_));
        let Err(error) = write(&mut *self.format, at, transaction, change, out) else {
            self.loads.iter_mut().filter(|_| is_load).for_each(Loads::keep);
            return Ok(());
        };
        let error = error.downcast::<FormatError>()?;
        match error.unknown_table() {
            Some(table) if self.left_out.table(at, table, &error) => {
                self.format.leave_out(table, &mut out.buffer);
                Ok(())
            }
            _ => Err(failed(error)),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.format.finish(out);
        self.left_out.finish();
        self.has_noted = self.unmatched.finish(&self.filter) || self.left_out.has_any();
    }
}
