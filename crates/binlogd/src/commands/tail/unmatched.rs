//! What there was to choose from, for a note if nothing of it was chosen.

use std::collections::BTreeSet;

use binlogd_decode::changes::{Change, Transaction};
use binlogd_event::GtidSet;

use super::filter::Filter;
use crate::logging::print_note;
use crate::time;

/// So many tables, and so many servers, are kept.
const NAMES_MAX: usize = 1000;
/// So many of them are shown.
const NAMES_SHOWN: usize = 20;
/// So many characters of a GTID set are shown.
const GTIDS_SHOWN: usize = 200;

/// What was read until something is chosen; nothing is kept after that.
#[derive(Debug, Default)]
pub(crate) struct Unmatched {
    is_chosen: bool,
    transactions: u64,
    /// Those that match as a whole.
    matching: u64,
    times: Option<(u32, u32)>,
    gtids: GtidSet,
    servers: BTreeSet<u32>,
    tables: BTreeSet<String>,
}

impl Unmatched {
    /// Something was chosen.
    pub(crate) fn chosen(&mut self) {
        if !self.is_chosen {
            *self = Self { is_chosen: true, ..Self::default() };
        }
    }

    /// Takes a transaction at its end.
    pub(crate) fn transaction(&mut self, transaction: &Transaction, matches: bool) {
        if self.is_chosen {
            return;
        }
        self.transactions += 1;
        self.matching += u64::from(matches);
        let time = transaction.time;
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
        if let Some(gtid) = transaction.gtid {
            self.gtids.insert(gtid);
        }
        if self.servers.len() < NAMES_MAX {
            self.servers.insert(transaction.server_id);
        }
    }

    /// Takes a change of a transaction that matches.
    pub(crate) fn change(&mut self, change: &Change<'_>) {
        if let Change::Rows { rows, .. } = change
            && !self.is_chosen
            && self.tables.len() < NAMES_MAX
            && !rows.table().columns().is_empty()
        {
            self.tables.insert(format!("{}.{}", rows.table().schema(), rows.table().name()));
        }
    }

    /// Prints a note if nothing was chosen; whether it did.
    pub(crate) fn finish(&self, filter: &Filter) -> bool {
        let is_nothing = filter.is_given() && !self.is_chosen;
        if is_nothing {
            let there_is = self.there_is(&Mentioned {
                time: filter.is_by_time(),
                gtids: filter.is_by_gtid(),
                servers: filter.is_by_server(),
                tables: filter.chooses_changes(),
            });
            print_note(&format!("nothing was chosen: {there_is}"));
        }
        is_nothing
    }

    /// Says what there is of the kinds that were asked for.
    pub(crate) fn there_is(&self, what: &Mentioned) -> String {
        let Some((first, last)) = self.times else {
            return "no transaction was read".to_owned();
        };
        let mut text = match (self.transactions, self.matching) {
            (1, 0) => "one transaction was read, which does not match".to_owned(),
            (all, 0) => format!("{all} transactions were read, of which none matches"),
            (all, _) => format!("{all} transactions were read, and no change in them matches"),
        };
        if what.time || self.matching == 0 && !what.gtids && !what.servers {
            let (first, last) = (time::show(first), time::show(last));
            text.push_str(&format!(". They began from {first} to {last} (UTC)"));
        }
        if what.gtids {
            let gtids = match self.gtids.is_empty() {
                true => "none".to_owned(),
                false => beginning(&self.gtids.to_string(), GTIDS_SHOWN),
            };
            text.push_str(&format!(". Their GTIDs: {gtids}"));
        }
        if what.servers {
            text.push_str(&format!(". Their server ids: {}", list(&self.servers)));
        }
        if what.tables && self.matching > 0 {
            match self.tables.is_empty() {
                true => text.push_str(". They change no rows that are logged as rows"),
                false => {
                    text.push_str(&format!(
                        ". Tables with changes of rows: {}",
                        list(&self.tables)
                    ));
                }
            }
        }
        text
    }
}

/// What a note mentions.
#[derive(Debug, Default)]
pub(crate) struct Mentioned {
    pub(crate) time: bool,
    pub(crate) gtids: bool,
    pub(crate) servers: bool,
    pub(crate) tables: bool,
}

fn list<T: ToString>(names: &BTreeSet<T>) -> String {
    let mut shown: Vec<String> = names.iter().take(NAMES_SHOWN).map(T::to_string).collect();
    let more = names.len().saturating_sub(NAMES_SHOWN);
    match (more, names.len() == NAMES_MAX) {
        (0, _) => {}
        (more, false) => shown.push(format!("and {more} more")),
        (more, true) => shown.push(format!("and {more} or more")),
    }
    shown.join(", ")
}

fn beginning(text: &str, chars_max: usize) -> String {
    let mut shown: String = text.chars().take(chars_max).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
