//! The GTIDs that a file accounts for, which the next file must list.

use std::collections::BTreeMap;

use super::set::Interval;
use super::{Gtid, GtidSet, GtidSource};

/// The GTIDs that the head of a file lists, and those of the file's own whole transactions.
///
/// The next file of the same history lists exactly these. MySQL lists a set. MariaDB lists the
/// number of each domain and server that came *last*, which is not always the highest one, and
/// forgets domains on `FLUSH BINARY LOGS DELETE_DOMAIN_ID`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoggedGtids {
    has_list: bool,
    all: GtidSet,
    /// Of MariaDB's domains and servers the number that came last.
    last: BTreeMap<GtidSource, u64>,
    /// The last of MariaDB's, which is not in `last` yet: mostly the next one is of the same source.
    newest: Option<Gtid>,
}

/// How the list of a file differs from what the file before accounts for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListDifference {
    /// Listed, but not in the files before: a gap.
    pub missing: GtidSet,
    /// In the files before, but not listed: the file belongs to another history.
    pub unknown: GtidSet,
    /// Those of MariaDB's domains that the file does not list at all. Its server may have been told
    /// to forget them.
    pub dropped: GtidSet,
}

impl ListDifference {
    /// Whether both are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unknown.is_empty() && self.dropped.is_empty()
    }
}

impl LoggedGtids {
    /// Whether the file has a list of earlier GTIDs. Without one nobody knows what came before.
    #[must_use]
    pub fn has_list(&self) -> bool {
        self.has_list
    }

    /// All of them; of a MariaDB with those before each.
    #[must_use]
    pub fn all(&self) -> &GtidSet {
        &self.all
    }

    /// Compares with what the next file lists.
    #[must_use]
    pub fn compare(&self, listed: &GtidSet) -> ListDifference {
        if self.all.is_mysqls() && listed.is_mysqls() {
            return ListDifference {
                missing: listed.difference(&self.all),
                unknown: self.all.difference(listed),
                dropped: GtidSet::new(),
            };
        }
        let theirs: BTreeMap<_, _> =
            listed.last_of_domains().map(|gtid| (gtid.source, gtid.number)).collect();
        let ours = self.last_numbers();
        let mut difference = ListDifference::default();
        for (source, &number) in &theirs {
            let before = ours.get(source).copied().unwrap_or(0);
            add_range(&mut difference.missing, *source, before, number);
        }
        for (source, &number) in &ours {
            let is_dropped = !theirs.keys().any(|other| is_same_domain(other, source));
            let listed = theirs.get(source).copied().unwrap_or(0);
            let to = match is_dropped {
                true => &mut difference.dropped,
                false => &mut difference.unknown,
            };
            add_range(to, *source, listed, number);
        }
        difference
    }

    /// Takes the list at the file's head.
    pub(crate) fn list(&mut self, listed: &GtidSet) {
        self.has_list = true;
        self.last.extend(listed.last_of_domains().map(|gtid| (gtid.source, gtid.number)));
    }

    /// Takes GTIDs that were listed or committed.
    pub(crate) fn extend(&mut self, gtids: &GtidSet) {
        self.all.extend(gtids);
    }

    /// Takes the GTID of a whole transaction, of which only MariaDB's order counts.
    #[inline]
    pub(crate) fn commit(&mut self, gtid: Gtid) {
        if matches!(gtid.source, GtidSource::Server { .. }) {
            return;
        }
        if let Some(newest) = self.newest.replace(gtid)
            && newest.source != gtid.source
        {
            self.last.insert(newest.source, newest.number);
        }
    }

    fn last_numbers(&self) -> BTreeMap<GtidSource, u64> {
        let mut last = self.last.clone();
        last.extend(self.newest.map(|newest| (newest.source, newest.number)));
        last
    }
}

/// Adds the numbers behind `after`, up to and with `last`.
fn add_range(set: &mut GtidSet, source: GtidSource, after: u64, last: u64) {
    if after < last {
        set.insert_interval(source, Interval { start: after + 1, end: last + 1 });
    }
}

fn is_same_domain(a: &GtidSource, b: &GtidSource) -> bool {
    match (a, b) {
        (GtidSource::Domain { domain: a, .. }, GtidSource::Domain { domain: b, .. }) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "11111111-1111-1111-1111-111111111111";

    fn set(text: &str) -> GtidSet {
        GtidSet::from_last_of_domains(text).or_else(|_| text.parse()).unwrap()
    }

    fn logged(list: &str, own: &[&str]) -> LoggedGtids {
        let mut logged = LoggedGtids::default();
        logged.list(&set(list));
        logged.extend(&set(list));
        for gtid in own {
            let gtid: Gtid = gtid.parse().unwrap();
            logged.commit(gtid);
            let mut one = GtidSet::new();
            one.insert(gtid);
            logged.extend(&one);
        }
        logged
    }

    fn texts(difference: &ListDifference) -> [String; 3] {
        [&difference.missing, &difference.unknown, &difference.dropped].map(ToString::to_string)
    }

    #[test]
    fn mysqls_next_file_lists_the_same_set() {
        let before = logged(&format!("{A}:1-5"), &[&format!("{A}:7")]);
        assert!(before.compare(&set(&format!("{A}:1-5:7"))).is_empty());
        let difference = before.compare(&set(&format!("{A}:1-6")));
        assert_eq!(texts(&difference), [format!("{A}:6"), format!("{A}:7"), String::new()]);
    }

    #[test]
    fn mariadbs_next_file_lists_the_numbers_that_came_last() {
        let own = ["0-1-500", "0-1-300", "0-2-301", "0-1-302", "7-1-1"];
        let before = logged("0-1-9", &own);
        assert!(before.compare(&set("0-1-302,0-2-301,7-1-1")).is_empty());
        let difference = before.compare(&set("0-1-310,0-2-300,7-1-1"));
        assert_eq!(texts(&difference), ["0-1-303..310", "0-2-301", ""].map(str::to_owned));
        let difference = before.compare(&set("0-1-302,0-2-301"));
        assert_eq!(texts(&difference), ["", "", "7-1-1"].map(str::to_owned));
    }
}
