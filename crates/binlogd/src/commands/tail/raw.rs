//! Writes the chosen transactions as one binlog. Their events are the bytes that they are, but for the
//! positions and checksums of those that have another place than in their file.

mod copy;

use anyhow::{Result, bail};
use binlogd_decode::Event;
use binlogd_decode::changes::At;
use binlogd_event::{EventKind, MAGIC};

use super::chooser::{Choice, Chooser};
use super::filter::Filter;
use crate::sink::{Out, Sink, event_at, place};
use crate::sources::RawEvent;
use copy::Copy;

/// Copies events: those that begin and end a file, and the transactions that are wanted.
pub(super) struct RawSink {
    chooser: Chooser,
    copy: Copy,
    /// Events of a transaction before it is known whether it is wanted: those that lead to its first
    /// change, each with its header.
    held: Vec<u8>,
}

/// How much may be [held](RawSink::held), in bytes.
const HELD_BYTES_MAX: usize = 256 << 20;

impl RawSink {
    pub(super) fn new(filter: Filter) -> Self {
        Self { chooser: Chooser::new(filter), copy: Copy::new(), held: Vec::new() }
    }

    fn hold(&mut self, raw: &RawEvent<'_>) -> Result<()> {
        if self.held.len().saturating_add(raw.bytes.len()) > HELD_BYTES_MAX {
            bail!(
                "{}: more than {HELD_BYTES_MAX} bytes lead to a change of which it is not known yet \
                 whether it is wanted (limit held_bytes_max): the file is damaged or made up, or begin \
                 after this (--start-position)",
                event_at(&place(raw))
            );
        }
        self.held.extend_from_slice(raw.bytes);
        Ok(())
    }
}

impl Sink for RawSink {
    fn enter(&mut self, is_first: bool, is_last: bool, timeline: usize) {
        self.chooser.enter(is_first, is_last, timeline);
    }

    fn is_done(&self, at: &At<'_>) -> bool {
        self.chooser.is_done(at)
    }

    fn see(&mut self, at: &At<'_>, event: Event<'_>, _: &mut Out<'_>) -> Result<()> {
        if at.header.kind.is_gtid() {
            self.held.clear();
        }
        self.chooser.see(at, event)?;
        Ok(())
    }

    fn see_bytes(&mut self, raw: &RawEvent<'_>, out: &mut Vec<u8>) -> Result<()> {
        if self.copy.is_empty() {
            out.extend_from_slice(&MAGIC);
        }
        match self.chooser.choose(raw.header.kind) {
            Choice::OfFile => {
                self.held.clear();
                self.copy.event_of_file(raw, out)?;
                if raw.header.kind == EventKind::BINLOG_CHECKPOINT {
                    self.copy.events(raw.bytes, raw.format, out)?;
                }
            }
            Choice::Open => self.hold(raw)?,
            Choice::Wanted => {
                self.chooser.chosen();
                self.copy.events(&self.held, raw.format, out)?;
                self.held.clear();
                self.copy.events(raw.bytes, raw.format, out)?;
            }
            Choice::Unwanted => self.held.clear(),
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.copy.finish(out);
        self.chooser.finish();
    }
}
