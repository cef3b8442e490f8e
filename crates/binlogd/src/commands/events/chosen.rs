//! Lists the events that a filter chooses.

use std::collections::HashMap;

use anyhow::{Result, bail};
use binlogd_decode::Event;
use binlogd_decode::changes::At;
use binlogd_event::body::Body;
use binlogd_event::{EventHeader, FormatDescription};

use super::List;
use crate::commands::tail::chooser::{Choice, Chooser};
use crate::commands::tail::filter::Filter;
use crate::sink::{Out, Sink, event_at, place};
use crate::sources::RawEvent;

/// How much of a transaction is kept until it is known whether it is wanted, in bytes.
const HELD_BYTES_MAX: usize = 64 << 20;

/// Lists the events of the chosen transactions; of those the chosen ones, if changes are chosen.
pub(super) struct Chosen {
    chooser: Chooser,
    list: List,
    /// Events that are kept: where they begin, and their bytes.
    held: Vec<(u64, Vec<u8>)>,
    held_len: usize,
    tables: Tables,
    /// Whether the event that is seen holds a wanted change.
    is_wanted: bool,
}

/// Which numbers of table maps stand for wanted tables.
#[derive(Default)]
struct Tables(HashMap<u64, bool>);

impl Tables {
    /// Whether a table map or row event is of a wanted table; `None` of other events.
    fn wants(
        &mut self,
        filter: &Filter,
        header: &EventHeader,
        event: &[u8],
        format: &FormatDescription,
    ) -> Option<bool> {
        match Body::parse(header, event, format) {
            Ok(Body::TableMap(map)) => {
                let is_wanted = filter.wants_names(map.schema, map.table);
                self.0.insert(map.table_id, is_wanted);
                Some(is_wanted)
            }
            Ok(Body::Rows(rows)) => {
                let is_wanted = self.0.get(&rows.table_id).copied().unwrap_or(false);
                Some(is_wanted && filter.wants_kind(rows.change))
            }
            _ => None,
        }
    }
}

impl Chosen {
    pub(super) fn new(filter: Filter, list: List) -> Self {
        Self {
            chooser: Chooser::new(filter),
            list,
            held: Vec::new(),
            held_len: 0,
            tables: Tables::default(),
            is_wanted: false,
        }
    }

    fn hold(&mut self, raw: &RawEvent<'_>) -> Result<()> {
        self.held_len = self.held_len.saturating_add(raw.bytes.len());
        if self.held_len > HELD_BYTES_MAX {
            bail!(
                "{}: more than {HELD_BYTES_MAX} bytes lead to a change of which it is not known yet \
                 whether it is wanted: the file is damaged or made up, or begin after this \
                 (--start-position)",
                event_at(&place(raw))
            );
        }
        self.held.push((raw.offset, raw.bytes.to_vec()));
        Ok(())
    }

    fn forget(&mut self) {
        self.held.clear();
        self.held_len = 0;
    }

    /// Lists what is wanted of an event of a wanted transaction.
    fn take(&mut self, raw: &RawEvent<'_>, is_wanted: bool, out: &mut Vec<u8>) -> Result<()> {
        let Self { chooser, list, tables, .. } = self;
        let filter = chooser.filter();
        if !filter.chooses_changes() {
            chooser.chosen();
            return list.event(raw, out);
        }
        let of_table = tables.wants(filter, raw.header, raw.body(), raw.format);
        if !of_table.unwrap_or(is_wanted) {
            return Ok(());
        }
        list.outer(raw, out)?;
        let wanted = |header: &EventHeader, event: &[u8]| {
            tables.wants(filter, header, event, raw.format).unwrap_or(false)
        };
        list.inner(raw, wanted, out)?;
        chooser.chosen();
        Ok(())
    }
}

impl Sink for Chosen {
    fn enter(&mut self, is_first: bool, is_last: bool, timeline: usize) {
        self.chooser.enter(is_first, is_last, timeline);
    }

    fn is_done(&self, at: &At<'_>) -> bool {
        self.list.is_full() || self.chooser.is_done(at)
    }

    fn see(&mut self, at: &At<'_>, event: Event<'_>, _: &mut Out<'_>) -> Result<()> {
        if at.header.kind.is_gtid() {
            self.forget();
        }
        self.is_wanted |= self.chooser.see(at, event)?;
        Ok(())
    }

    fn see_bytes(&mut self, raw: &RawEvent<'_>, out: &mut Vec<u8>) -> Result<()> {
        let is_wanted = std::mem::take(&mut self.is_wanted);
        match self.chooser.choose(raw.header.kind) {
            Choice::OfFile | Choice::Unwanted => self.forget(),
            Choice::Open => self.hold(raw)?,
            Choice::Wanted => {
                for (offset, bytes) in std::mem::take(&mut self.held) {
                    let header = EventHeader::parse(&bytes)?;
                    self.take(
                        &RawEvent { offset, header: &header, bytes: &bytes, ..*raw },
                        false,
                        out,
                    )?;
                }
                self.held_len = 0;
                self.take(raw, is_wanted, out)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<u8>) {
        self.chooser.finish();
    }
}
