//! Gives a format those changes that pass the filter.

use anyhow::{Result, anyhow};
use binlogd_decode::Event;
use binlogd_decode::changes::{At, Change, Changes};
use binlogd_decode::format::{Format, FormatError};
use binlogd_event::GtidSet;

use super::filter::Filter;

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
    /// Which of a store's timelines is read; 0 if it is none.
    timeline: usize,
    /// The transactions of this timeline, and of those before: a timeline begins with the file in which
    /// its first new transaction stands, behind some that are in the one before, too.
    seen: GtidSet,
    earlier: GtidSet,
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
            timeline: 0,
            seen: GtidSet::new(),
            earlier: GtidSet::new(),
        }
    }

    /// Says whether what follows is of the first and of the last file, and of which timeline.
    pub(crate) fn enter(&mut self, is_first: bool, is_last: bool, timeline: usize) {
        (self.is_first, self.is_last) = (is_first, is_last);
        if timeline != self.timeline {
            self.timeline = timeline;
            self.earlier.extend(&std::mem::take(&mut self.seen));
        }
    }

    /// Whether nothing from `at` on can be wanted.
    pub(crate) fn is_done(&self, at: &At<'_>) -> bool {
        self.changes.is_outside() && self.is_last && self.filter.ends_before(at)
    }

    pub(crate) fn see(&mut self, at: &At<'_>, event: Event<'_>, out: &mut Vec<u8>) -> Result<()> {
        let failed = |error: FormatError| match error {
            // It says where by itself.
            FormatError::Decode(error) => error.into(),
            error => anyhow!("{}:{}: {} event: {error}", at.file, at.offset, at.header.kind),
        };
        let taken = self.changes.take(at, event).map_err(|error| failed(error.into()))?;
        let Some((transaction, change)) = taken else { return Ok(()) };
        let is_end = matches!(change, Change::End(_));
        let alone = matches!(&change, Change::Statement(statement) if statement.alone);
        if let Some(gtid) = transaction.gtid.filter(|_| self.timeline > 0) {
            if self.earlier.contains(&gtid) {
                return Ok(());
            }
            if is_end || alone {
                self.seen.insert(gtid);
            }
        }
        if !self.filter.wants(transaction, self.is_first, self.is_last) {
            return Ok(());
        }
        let wanted = match &change {
            Change::End(_) => self.begun || self.keeps_empty,
            Change::Statement(statement) | Change::Load(statement) => {
                self.filter.wants_statement(statement)
            }
            Change::Rows { rows, .. } => self.filter.wants_rows(rows),
            _ => true,
        };
        if !wanted {
            return Ok(());
        }
        if !self.begun && !alone {
            self.format.begin(transaction, out).map_err(failed)?;
        }
        self.begun = !is_end && !alone;
        self.format.change(at, transaction, change, out).map_err(failed)
    }

    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        self.format.finish(out);
    }
}
