//! Sets of GTIDs as sorted, disjoint intervals, and their algebra.

use std::collections::BTreeMap;

use super::{Gtid, GtidPosition, GtidSource, ServerUuid};

/// Numbers from `start` up to but not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// The largest number a GTID has, 2^63 - 2, so that an interval's exclusive end fits in an i64.
pub(super) const NUMBER_MAX: u64 = i64::MAX as u64 - 1;

/// A set of GTIDs.
///
/// MariaDB's servers tell only the last GTID of each domain and server, and their numbers have gaps
/// where another server of the domain has written. So with one of MariaDB's GTIDs all those before it
/// of the same domain and server are in the set, whether or not there are transactions of these
/// numbers.
///
/// The text form is MySQL's (`uuid:1-5:7:tag:1-3,…`), and for MariaDB's GTIDs a list of single ones
/// and of ranges (`0-1-7`, `0-1-1..5`). The binary form, which only MySQL's have, is that of
/// previous-GTIDs events and of `COM_BINLOG_DUMP_GTID`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GtidSet {
    // Intervals are sorted, do not touch each other, and no list is empty: equal sets are equal.
    pub(super) sources: BTreeMap<GtidSource, Vec<Interval>>,
}

impl GtidSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether no GTID is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The text with each server's GTIDs on a line of their own, as MySQL prints it; MariaDB's stay on one.
    #[must_use]
    pub fn to_lines(&self) -> String {
        let text = self.to_string();
        if self.is_mysqls() { text.replace(',', ",\n") } else { text }
    }

    /// How many GTIDs are in the set.
    #[must_use]
    pub fn count(&self) -> u128 {
        self.sources.values().flatten().map(|i| u128::from(i.end - i.start)).sum()
    }

    /// Whether `gtid` is in the set.
    #[must_use]
    pub fn contains(&self, gtid: &Gtid) -> bool {
        self.sources.get(&gtid.source).is_some_and(|intervals| {
            let after = intervals.partition_point(|i| i.start <= gtid.number);
            after > 0 && gtid.number < intervals[after - 1].end
        })
    }

    /// Adds one GTID; with one of MariaDB's, all before it of its domain and server. A number that
    /// no GTID has (0, or over 2^63 - 2) is left out.
    pub fn insert(&mut self, gtid: Gtid) {
        if (1..=NUMBER_MAX).contains(&gtid.number) {
            let start = match gtid.source {
                GtidSource::Server { .. } => gtid.number,
                GtidSource::Domain { .. } => 1,
            };
            self.insert_interval(gtid.source, Interval { start, end: gtid.number + 1 });
        }
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &GtidSet) {
        for (&source, intervals) in &other.sources {
            for &interval in intervals {
                self.insert_interval(source, interval);
            }
        }
    }

    /// Whether every GTID of this set is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &GtidSet) -> bool {
        self.sources.iter().all(|(source, intervals)| {
            let theirs = other.sources.get(source).map_or(&[][..], Vec::as_slice);
            intervals.iter().all(|mine| {
                let after = theirs.partition_point(|i| i.start <= mine.start);
                after > 0 && mine.end <= theirs[after - 1].end
            })
        })
    }

    /// The GTIDs of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &GtidSet) -> GtidSet {
        let mut sources = BTreeMap::new();
        for (source, mine) in &self.sources {
            let theirs = other.sources.get(source).map_or(&[][..], Vec::as_slice);
            let left: Vec<_> = mine.iter().flat_map(|&i| without(i, theirs)).collect();
            if !left.is_empty() {
                sources.insert(*source, left);
            }
        }
        GtidSet { sources }
    }

    /// Those of one of MySQL's servers, with whatever tag.
    #[must_use]
    pub fn of_server(&self, server: ServerUuid) -> GtidSet {
        let of_it = |source: &GtidSource| matches!(source, GtidSource::Server { uuid, .. } if *uuid == server);
        let sources = self.sources.iter().filter(|(source, _)| of_it(source));
        GtidSet { sources: sources.map(|(source, all)| (*source, all.clone())).collect() }
    }

    /// Whether all of its GTIDs are MySQL's.
    #[must_use]
    pub fn is_mysqls(&self) -> bool {
        self.sources.keys().all(|source| matches!(source, GtidSource::Server { .. }))
    }

    /// Whether all of its GTIDs are MariaDB's.
    #[must_use]
    pub fn is_mariadbs(&self) -> bool {
        self.sources.keys().all(|source| matches!(source, GtidSource::Domain { .. }))
    }

    /// The last GTID of each of MariaDB's domains and servers, as `@@gtid_binlog_state` lists them.
    pub fn last_of_domains(&self) -> impl Iterator<Item = Gtid> {
        self.sources.iter().filter_map(|(&source, intervals)| match source {
            GtidSource::Domain { .. } => {
                intervals.last().map(|last| Gtid { source, number: last.end - 1 })
            }
            GtidSource::Server { .. } => None,
        })
    }

    /// Where a MariaDB replica stands that has these transactions: at the highest number of each
    /// domain.
    #[must_use]
    pub fn position(&self) -> GtidPosition {
        let mut position = GtidPosition::new();
        for gtid in self.last_of_domains() {
            if !position.includes(&gtid) {
                position.set(gtid);
            }
        }
        position
    }

    /// Adds a valid interval, joining those that it touches.
    pub(super) fn insert_interval(&mut self, source: GtidSource, new: Interval) {
        let intervals = self.sources.entry(source).or_default();
        match intervals.last_mut() {
            // Transactions mostly come in order.
            Some(last) if last.end == new.start => last.end = new.end,
            Some(last) if new.start <= last.end => join(intervals, new),
            _ => intervals.push(new),
        }
    }
}

/// Replaces all intervals that `new` overlaps or touches by one.
fn join(intervals: &mut Vec<Interval>, new: Interval) {
    let first = intervals.partition_point(|i| i.end < new.start);
    let past = intervals.partition_point(|i| i.start <= new.end);
    let joined = intervals[first..past]
        .iter()
        .fold(new, |all, i| Interval { start: all.start.min(i.start), end: all.end.max(i.end) });
    intervals.splice(first..past, [joined]);
}

/// What is left of `interval` without `others`, which are sorted and disjoint.
fn without(interval: Interval, others: &[Interval]) -> Vec<Interval> {
    let mut left = Vec::new();
    let mut start = interval.start;
    let first = others.partition_point(|i| i.end <= interval.start);
    for other in others[first..].iter().take_while(|i| i.start < interval.end) {
        if start < other.start {
            left.push(Interval { start, end: other.start });
        }
        start = other.end;
    }
    if start < interval.end {
        left.push(Interval { start, end: interval.end });
    }
    left
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::GtidTag;

    fn gtid(source: u8, number: u64) -> Gtid {
        Gtid::mysql(ServerUuid([source; 16]), GtidTag::NONE, number)
    }

    fn pairs() -> impl Strategy<Value = BTreeSet<(u8, u64)>> {
        prop::collection::btree_set((0u8..3, 1u64..40), 0..60)
    }

    fn set(pairs: impl IntoIterator<Item = (u8, u64)>) -> GtidSet {
        let mut set = GtidSet::new();
        for (source, number) in pairs {
            set.insert(gtid(source, number));
        }
        set
    }

    proptest! {
        #[test]
        fn algebra_agrees_with_sets_of_single_gtids(a in pairs(), b in pairs(), order in any::<bool>()) {
            let forward = set(a.iter().copied());
            let other = set(b.iter().copied());
            let backward = set(a.iter().rev().copied());
            prop_assert_eq!(&forward, if order { &backward } else { &forward });
            prop_assert_eq!(forward.count(), a.len() as u128);
            prop_assert_eq!(forward.is_subset(&other), a.is_subset(&b));
            prop_assert_eq!(forward.difference(&other), set(&a - &b));
            let mut union = forward.clone();
            union.extend(&other);
            prop_assert_eq!(&union, &set(&a | &b));
            for source in 0..3 {
                for number in 0..41 {
                    prop_assert_eq!(
                        forward.contains(&gtid(source, number)),
                        a.contains(&(source, number))
                    );
                }
            }
        }
    }

    #[test]
    fn a_gtid_of_mariadb_stands_for_those_before_it() {
        let mut old = GtidSet::new();
        old.insert(Gtid::mariadb(0, 1, 20));
        let mut new = old.clone();
        new.insert(Gtid::mariadb(0, 2, 23));
        new.insert(Gtid::mariadb(7, 2, 5));
        assert!(old.is_subset(&new) && new.contains(&Gtid::mariadb(0, 1, 3)));
        old.insert(Gtid::mariadb(0, 1, 25));
        assert_eq!(old.difference(&new).to_string(), "0-1-21..25");
        assert_eq!(new.difference(&old).to_string(), "0-2-1..23,7-2-1..5");
        assert_eq!(new.position().to_string(), "0-2-23,7-2-5");
        assert_eq!(old.position().to_string(), "0-1-25");
    }

    #[test]
    fn a_servers_own_are_those_with_and_without_tags() {
        let other = "22222222-2222-2222-2222-222222222222";
        let server: ServerUuid = "11111111-1111-1111-1111-111111111111".parse().unwrap();
        let all: GtidSet = format!("{server}:1-3:a:7,{other}:1-9").parse().unwrap();
        assert_eq!(all.of_server(server).to_string(), format!("{server}:1-3:a:7"));
        assert!(GtidSet::new().of_server(server).is_empty());
        let mariadbs: GtidSet = "0-1-7".parse().unwrap();
        assert!(mariadbs.of_server(server).is_empty());
    }
}
