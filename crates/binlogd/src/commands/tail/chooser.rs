//! Which events belong to wanted transactions, for commands that take events as they are.

use anyhow::{Result, anyhow};
use binlogd_decode::Event;
use binlogd_decode::changes::{At, Change, Changes, NamedTables};
use binlogd_event::EventKind;

use super::filter::Filter;
use super::told::Told;
use super::unmatched::Unmatched;
use crate::sink::event_at;

/// Follows transactions, and decides on each event.
pub(crate) struct Chooser {
    changes: Changes,
    filter: Filter,
    told: Told,
    is_first: bool,
    is_last: bool,
    now: Choice,
    /// Whether the transaction under way has changed something.
    has_changed: bool,
    unmatched: Unmatched,
}

/// What to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// It belongs to its file, and to no transaction.
    OfFile,
    /// It is not known yet whether its transaction is wanted: keep the event.
    Open,
    /// Take it, after those that were kept.
    Wanted,
    /// Leave it out, and those that were kept.
    Unwanted,
}

impl Chooser {
    pub(crate) fn new(filter: Filter) -> Self {
        Self {
            changes: Changes::new(),
            filter,
            told: Told::default(),
            is_first: true,
            is_last: true,
            now: Choice::Open,
            has_changed: false,
            unmatched: Unmatched::default(),
        }
    }

    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What follows is of this file; see [`Sink::enter`](crate::sink::Sink::enter).
    pub(crate) fn enter(&mut self, is_first: bool, is_last: bool, timeline: usize) {
        (self.is_first, self.is_last) = (is_first, is_last);
        self.told.enter(timeline);
    }

    /// Whether nothing from `at` on can be wanted.
    pub(crate) fn is_done(&self, at: &At<'_>) -> bool {
        self.changes.is_outside() && self.is_last && self.filter.ends_before(at)
    }

    /// Takes what an event contains; whether that is a change that is wanted, if its transaction is. An
    /// event that gives a transaction its GTID ends what was under way: events that were kept are of no
    /// use then.
    pub(crate) fn see(&mut self, at: &At<'_>, event: Event<'_>) -> Result<bool> {
        if at.header.kind.is_gtid() {
            // What was under way may have broken off.
            self.end();
        }
        let taken = self.changes.take(at, event);
        let taken = taken.map_err(|error| anyhow!("{}: {error}", event_at(at)))?;
        let Some((_, change)) = taken else { return Ok(false) };
        self.has_changed = true;
        self.unmatched.change(&change);
        Ok(match &change {
            Change::Statement(statement) if statement.named_tables() == NamedTables::Control => {
                false
            }
            Change::Statement(statement) | Change::Load(statement) => {
                self.filter.wants_statement(statement)
            }
            Change::Rows { rows, .. } => self.filter.wants_rows(rows),
            Change::End(_) => false,
            _ => true,
        })
    }

    /// Decides on an event, all of whose contents were seen.
    pub(crate) fn choose(&mut self, kind: EventKind) -> Choice {
        if is_of_file(kind) {
            self.end();
            return Choice::OfFile;
        }
        if self.now == Choice::Open {
            self.now = self.decide();
        }
        let choice = self.now;
        if self.has_changed && self.changes.is_outside() {
            let transaction = self.changes.last();
            self.unmatched.transaction(transaction, choice == Choice::Wanted);
            self.told.tell(transaction.gtid);
            self.end();
        }
        choice
    }

    /// Something was taken.
    pub(crate) fn chosen(&mut self) {
        self.unmatched.chosen();
    }

    /// Nothing follows.
    pub(crate) fn finish(&self) {
        let _ = self.unmatched.finish(&self.filter);
    }

    /// Whether the transaction is wanted, as far as its events tell yet.
    fn decide(&self) -> Choice {
        let transaction = self.changes.last();
        let is_known = self.has_changed || !self.changes.is_outside();
        let wanted = match is_known {
            // Such as the value of a variable, before its statement.
            false => return Choice::Open,
            true if self.told.is_told(transaction.gtid) => false,
            // The session comes with the first statement.
            true if self.filter.asks_for_session()
                && transaction.thread_id.is_none()
                && !self.has_changed =>
            {
                return Choice::Open;
            }
            true => self.filter.wants(transaction, self.is_first, self.is_last),
        };
        if wanted { Choice::Wanted } else { Choice::Unwanted }
    }

    fn end(&mut self) {
        self.now = Choice::Open;
        self.has_changed = false;
    }
}

/// Whether events of a kind belong to their file, and to no transaction.
fn is_of_file(kind: EventKind) -> bool {
    const KINDS: [EventKind; 4] = [
        EventKind::FORMAT_DESCRIPTION,
        EventKind::ROTATE,
        EventKind::STOP,
        EventKind::BINLOG_CHECKPOINT,
    ];
    KINDS.contains(&kind) || kind.is_previous_gtids()
}
