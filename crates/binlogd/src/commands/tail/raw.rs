//! Writes the chosen transactions as the bytes that they are, such that all of it is a binlog again.

use anyhow::{Result, anyhow, bail};
use binlogd_decode::Event;
use binlogd_decode::changes::{At, Changes};
use binlogd_event::{EventKind, MAGIC};

use super::filter::Filter;
use super::told::Told;
use crate::sink::{Sink, event_at, place};
use crate::sources::RawEvent;

/// Copies events: those that belong to no transaction, and the transactions that are wanted.
pub(super) struct RawSink {
    changes: Changes,
    filter: Filter,
    told: Told,
    is_first: bool,
    is_last: bool,
    has_begun: bool,
    now: Now,
    /// Whether the transaction under way has changed something.
    has_changed: bool,
    /// What came of it before it was known whether it is wanted: events that lead to its first change.
    held: Vec<u8>,
}

/// How much may be [held](RawSink::held), in bytes.
const HELD_BYTES_MAX: usize = 256 << 20;

/// The transaction under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Now {
    /// There is none, or it is not known yet whether it is wanted.
    Open,
    Wanted,
    Unwanted,
}

impl RawSink {
    pub(super) fn new(filter: Filter) -> Self {
        Self {
            changes: Changes::new(),
            filter,
            told: Told::default(),
            is_first: true,
            is_last: true,
            has_begun: false,
            now: Now::Open,
            has_changed: false,
            held: Vec::new(),
        }
    }

    /// Whether the transaction is wanted, as far as its events tell yet.
    fn decide(&self) -> Now {
        let transaction = self.changes.last();
        let is_known = self.has_changed || !self.changes.is_outside();
        let wanted = match is_known {
            // Such as the value of a variable, before its statement.
            false => None,
            true if self.told.is_told(transaction.gtid) => Some(false),
            // The session comes with the first statement.
            true if self.filter.asks_for_session()
                && transaction.thread_id.is_none()
                && !self.has_changed =>
            {
                None
            }
            true => Some(self.filter.wants(transaction, self.is_first, self.is_last)),
        };
        match wanted {
            None => Now::Open,
            Some(true) => Now::Wanted,
            Some(false) => Now::Unwanted,
        }
    }

    fn hold(&mut self, raw: &RawEvent<'_>) -> Result<()> {
        if self.held.len().saturating_add(raw.bytes.len()) > HELD_BYTES_MAX {
            bail!(
                "{}: more than {HELD_BYTES_MAX} bytes lead to a change of which it is not known yet \
                 whether it is wanted (limit held_bytes_max): the file is damaged or made up, or begin \
                 behind this (--start-position)",
                event_at(&place(raw))
            );
        }
        self.held.extend_from_slice(raw.bytes);
        Ok(())
    }

    fn end(&mut self) {
        self.now = Now::Open;
        self.has_changed = false;
        self.held.clear();
    }
}

impl Sink for RawSink {
    fn enter(&mut self, is_first: bool, is_last: bool, timeline: usize) {
        (self.is_first, self.is_last) = (is_first, is_last);
        self.told.enter(timeline);
    }

    fn is_done(&self, at: &At<'_>) -> bool {
        self.changes.is_outside() && self.is_last && self.filter.ends_before(at)
    }

    fn see(&mut self, at: &At<'_>, event: Event<'_>, _: &mut Vec<u8>) -> Result<()> {
        if at.header.kind.is_gtid() {
            // What was under way may have broken off.
            self.end();
        }
        let taken = self.changes.take(at, event);
        let taken = taken.map_err(|error| anyhow!("{}: {error}", event_at(at)))?;
        self.has_changed |= taken.is_some();
        Ok(())
    }

    fn see_bytes(&mut self, raw: &RawEvent<'_>, out: &mut Vec<u8>) -> Result<()> {
        if !std::mem::replace(&mut self.has_begun, true) {
            out.extend_from_slice(&MAGIC);
        }
        if is_of_file(raw.header.kind) {
            self.end();
            out.extend_from_slice(raw.bytes);
            return Ok(());
        }
        if self.now == Now::Open {
            self.now = self.decide();
            match self.now {
                Now::Open => self.hold(raw)?,
                Now::Wanted => out.append(&mut self.held),
                Now::Unwanted => self.held.clear(),
            }
        }
        if self.now == Now::Wanted {
            out.extend_from_slice(raw.bytes);
        }
        if self.has_changed && self.changes.is_outside() {
            self.told.tell(self.changes.last().gtid);
            self.end();
        }
        Ok(())
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
