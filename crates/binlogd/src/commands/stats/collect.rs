//! Counts changes as they come: by table, by server, by time; and keeps the largest transactions.
//!
//! Nothing here grows with the binlog: tables and servers beyond a limit are counted together.

use std::collections::{BTreeMap, HashMap};

use binlogd_decode::changes::{At, Change, End, Transaction};
use binlogd_decode::format::{Format, FormatError, Untold};
use binlogd_decode::{Rows, RowsChange};
use serde::Serialize;

use super::timeline::Timeline;

/// So many tables, and so many servers, are counted each for itself.
const NAMES_MAX: usize = 10_000;
/// So many tables of a transaction are named.
const TABLES_SHOWN: usize = 3;
/// So many characters of a statement are shown.
const STATEMENT_SHOWN: usize = 50;

/// What was done: by a transaction, to a table, in a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Changed {
    pub(super) transactions: u64,
    /// Rows.
    pub(super) inserts: u64,
    pub(super) updates: u64,
    pub(super) deletes: u64,
    /// Of a table: of its row events, not compressed. Else of whole transactions as they are stored.
    pub(super) bytes: u64,
}

impl Changed {
    pub(super) fn add(&mut self, other: &Self) {
        self.transactions += other.transactions;
        self.inserts += other.inserts;
        self.updates += other.updates;
        self.deletes += other.deletes;
        self.bytes += other.bytes;
    }

    pub(super) fn rows(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }
}

/// A transaction that is worth to be named.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Named {
    pub(super) file: String,
    pub(super) position: u64,
    pub(super) gtid: Option<String>,
    /// When it was written, in seconds since 1970.
    pub(super) time: u32,
    /// From its first change to its commit, to within one.
    pub(super) seconds: u32,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) server_id: u32,
    pub(super) thread_id: Option<u32>,
    /// Some of the tables, or the beginning of a statement.
    pub(super) what: Vec<String>,
}

/// How many transactions have up to so much, each twice as much as the one before.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram(BTreeMap<u32, u64>);

impl Histogram {
    fn add(&mut self, value: u64) {
        *self.0.entry(u64::BITS - value.leading_zeros()).or_default() += 1;
    }

    /// The ranges from the first to the last that has any, as their lower and upper ends and numbers.
    pub(super) fn ranges(&self) -> Vec<(u64, u64, u64)> {
        let (Some((&first, _)), Some((&last, _))) =
            (self.0.first_key_value(), self.0.last_key_value())
        else {
            return Vec::new();
        };
        let from = |bits: u32| if bits == 0 { 0 } else { 1_u64 << (bits - 1) };
        let to = |bits: u32| 1_u64.checked_shl(bits).unwrap_or(0).wrapping_sub(1);
        let count = |bits| self.0.get(&bits).copied().unwrap_or(0);
        (first..=last).map(|bits| (from(bits), to(bits), count(bits))).collect()
    }
}

/// A table, and the transaction that it was counted for last.
#[derive(Debug, Clone, Copy, Default)]
struct Table {
    changed: Changed,
    last: u64,
}

/// All that is counted.
#[derive(Debug)]
pub(super) struct Stats {
    pub(super) total: Changed,
    /// Statements in statement format, of which the rows are not known.
    pub(super) statements: u64,
    /// Statements that are no change of rows, such as DDL.
    pub(super) ddl: u64,
    pub(super) rollbacks: u64,
    tables: HashMap<String, Table>,
    /// Of tables that are one too many to be counted for themselves.
    pub(super) other_tables: Option<Changed>,
    pub(super) servers: BTreeMap<u32, Changed>,
    pub(super) other_servers: Option<Changed>,
    pub(super) timeline: Timeline,
    pub(super) sizes: Histogram,
    pub(super) durations: Histogram,
    pub(super) largest: Vec<Named>,
    pub(super) longest: Vec<Named>,
    pub(super) first_time: Option<u32>,
    pub(super) last_time: Option<u32>,
    top: usize,
    now: Now,
    name: String,
}

/// The transaction under way.
#[derive(Debug, Default)]
struct Now {
    changed: Changed,
    /// When its first change was made, in seconds since 1970.
    began: Option<u32>,
    what: Vec<String>,
}

impl Stats {
    /// Names the `top` largest and longest transactions.
    pub(super) fn new(top: usize) -> Self {
        Self {
            total: Changed::default(),
            statements: 0,
            ddl: 0,
            rollbacks: 0,
            tables: HashMap::new(),
            other_tables: None,
            servers: BTreeMap::new(),
            other_servers: None,
            timeline: Timeline::new(),
            sizes: Histogram::default(),
            durations: Histogram::default(),
            largest: Vec::new(),
            longest: Vec::new(),
            first_time: None,
            last_time: None,
            top,
            now: Now::default(),
            name: String::new(),
        }
    }

    /// The tables, those with most bytes first.
    pub(super) fn tables(&self) -> Vec<(&str, Changed)> {
        let mut all: Vec<_> = self.tables.iter().map(|(n, t)| (n.as_str(), t.changed)).collect();
        all.sort_by(|(a, x), (b, y)| y.bytes.cmp(&x.bytes).then(a.cmp(b)));
        all
    }

    fn rows(&mut self, at: &At<'_>, rows: Rows<'_>) -> Result<(), FormatError> {
        let table = rows.table();
        if table.columns().is_empty() {
            // The event that only ends a statement.
            return Ok(());
        }
        self.name.clear();
        self.name.extend([table.schema(), ".", table.name()]);
        let kind = rows.change();
        let mut count = 0;
        for row in rows {
            row?;
            count += 1;
        }
        let mut changed = Changed::default();
        match kind {
            RowsChange::Insert => changed.inserts = count,
            RowsChange::Update => changed.updates = count,
            RowsChange::Delete => changed.deletes = count,
        }
        self.now.changed.add(&changed);
        self.now.note(at, &self.name);
        changed.bytes = u64::from(at.header.size);
        // Each transaction is counted once; its number is that of those before and itself.
        let number = self.total.transactions + 1;
        if !self.tables.contains_key(&self.name) && self.tables.len() < NAMES_MAX {
            self.tables.insert(self.name.clone(), Table::default());
        }
        match self.tables.get_mut(&self.name) {
            Some(table) => {
                changed.transactions = u64::from(table.last != number);
                table.last = number;
                table.changed.add(&changed);
            }
            None => self.other_tables.get_or_insert_default().add(&changed),
        }
        Ok(())
    }

    fn end(&mut self, at: &At<'_>, transaction: &Transaction) {
        let Now { mut changed, began, what } = std::mem::take(&mut self.now);
        changed.transactions = 1;
        changed.bytes = at.end.saturating_sub(transaction.offset);
        self.total.add(&changed);
        self.timeline.add(transaction.time, &changed);
        let id = transaction.server_id;
        if self.servers.len() < NAMES_MAX || self.servers.contains_key(&id) {
            self.servers.entry(id).or_default().add(&changed);
        } else {
            self.other_servers.get_or_insert_default().add(&changed);
        }
        let time = transaction.time;
        self.first_time = Some(self.first_time.map_or(time, |first| first.min(time)));
        self.last_time = Some(self.last_time.map_or(time, |last| last.max(time)));
        let committed = transaction.commit_us.and_then(|us| u32::try_from(us / 1_000_000).ok());
        let committed = committed.unwrap_or(0).max(time).max(at.header.timestamp);
        let seconds = committed.saturating_sub(began.unwrap_or(time));
        self.sizes.add(changed.bytes);
        self.durations.add(u64::from(seconds));
        let is_in = |list: &[Named], by: &dyn Fn(&Named) -> u64, value: u64| {
            list.len() < self.top || list.last().is_some_and(|last| by(last) < value)
        };
        let is_large = is_in(&self.largest, &|named| named.bytes, changed.bytes);
        let is_long = seconds > 0
            && is_in(&self.longest, &|named| u64::from(named.seconds), u64::from(seconds));
        if !is_large && !is_long {
            return;
        }
        let named = Named {
            file: transaction.file.clone(),
            position: transaction.offset,
            gtid: transaction.gtid.map(|gtid| gtid.to_string()),
            time,
            seconds,
            bytes: changed.bytes,
            rows: changed.rows(),
            server_id: transaction.server_id,
            thread_id: transaction.thread_id,
            what,
        };
        if is_large {
            insert(&mut self.largest, named.clone(), self.top, |named| named.bytes);
        }
        if is_long {
            insert(&mut self.longest, named, self.top, |named| u64::from(named.seconds));
        }
    }
}

/// Keeps the `top` first of a list that falls; of equals the earlier ones.
fn insert(list: &mut Vec<Named>, named: Named, top: usize, by: impl Fn(&Named) -> u64) {
    let place = list.partition_point(|other| by(other) >= by(&named));
    list.insert(place, named);
    list.truncate(top);
}

impl Now {
    fn note(&mut self, at: &At<'_>, what: &str) {
        let time = at.header.timestamp;
        self.began = Some(self.began.map_or(time, |began| began.min(time)));
        if self.what.len() <= TABLES_SHOWN && !self.what.iter().any(|known| known == what) {
            let is_more = self.what.len() == TABLES_SHOWN;
            self.what.push(if is_more { "…".to_owned() } else { what.to_owned() });
        }
    }
}

impl Format for Stats {
    fn begin(&mut self, _: &Transaction, _: &mut Vec<u8>) -> Result<(), FormatError> {
        self.now = Now::default();
        Ok(())
    }

    fn change(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        change: Change<'_>,
        _: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        match change {
            Change::Rows { rows, .. } => return self.rows(at, rows),
            Change::Statement(statement) | Change::Load(statement) => {
                match statement.changes_rows() {
                    true => self.statements += 1,
                    false => self.ddl += 1,
                }
                self.now.note(at, &statement.beginning(STATEMENT_SHOWN));
                if statement.alone {
                    self.end(at, transaction);
                }
            }
            Change::End(end) => {
                self.rollbacks += u64::from(end == End::Rollback);
                self.end(at, transaction);
            }
            _ => {}
        }
        Ok(())
    }

    fn untold<'a>(&self, change: &Change<'a>) -> Option<Untold<'a>> {
        Untold::by_changes(change)
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_has_all_ranges_between_its_ends() {
        let mut histogram = Histogram::default();
        for value in [0, 1, 5, 7, 8] {
            histogram.add(value);
        }
        assert_eq!(histogram.ranges(), [(0, 0, 1), (1, 1, 1), (2, 3, 0), (4, 7, 2), (8, 15, 1)]);
        histogram.add(u64::MAX);
        assert_eq!(histogram.ranges().last(), Some(&(1 << 63, u64::MAX, 1)));
    }

    #[test]
    fn the_largest_are_kept_in_order_and_the_earlier_of_equals() {
        let mut list = Vec::new();
        for (position, bytes) in [(1, 5), (2, 9), (3, 5), (4, 7), (5, 1)] {
            insert(&mut list, Named { position, bytes, ..Named::default() }, 3, |named| {
                named.bytes
            });
        }
        assert_eq!(list.iter().map(|named| named.position).collect::<Vec<_>>(), [2, 4, 1]);
    }
}
