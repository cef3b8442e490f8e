//! Whether a file is the one that follows another: by name, and by the GTIDs that its head lists.
//!
//! Pure. What receives a new file asks before anything of it is stored; `verify` asks afterwards.

use binlogd_event::{FileEnd, GtidSet, ListDifference, LoggedGtids, Verifier};

use crate::LogName;

/// The end of a file, which the next one must follow.
#[derive(Debug, Clone, Copy)]
pub struct FileBefore<'a> {
    /// Its name.
    pub name: &'a LogName,
    /// What ends it.
    pub end: &'a FileEnd,
    /// The GTIDs that it accounts for; `None` if it is not known to its end.
    pub logged: Option<&'a LoggedGtids>,
    /// The GTIDs that the source has in no file. MySQL 5.6 lists them in later files all the same.
    pub unlogged: &'a GtidSet,
}

/// Two files in a row, compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seam {
    /// What the names say.
    pub order: Order,
    /// What the GTIDs say.
    pub gtids: ListDifference,
    /// Whether GTIDs say anything: both files have a list, and there were transactions.
    pub has_gtids: bool,
}

/// What the names of two files in a row say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// The second is the next one.
    Next,
    /// The Rotate at the end of the first names another file.
    WrongNext {
        /// That name.
        named: String,
    },
    /// There are others between them.
    Missing {
        /// The name of the first.
        first: String,
        /// The name of the last.
        last: String,
    },
    /// The second comes earlier, or is not named alike.
    Unrelated,
}

impl Seam {
    /// Compares the end of a file with the name of another one and the GTIDs that this lists, if it
    /// has a list.
    #[must_use]
    pub fn new(before: FileBefore<'_>, name: &LogName, listed: Option<&GtidSet>) -> Self {
        let logged = before.logged.filter(|logged| logged.has_list());
        let (mut gtids, has_gtids) = match (logged, listed) {
            (Some(logged), Some(listed)) => (logged.compare(listed), !logged.all().is_empty()),
            _ => (ListDifference::default(), false),
        };
        if !gtids.missing.is_empty() && gtids.missing.is_mysqls() {
            gtids.missing = gtids.missing.difference(before.unlogged);
        }
        Self { order: order(before, name), gtids, has_gtids }
    }

    /// Whether the second file follows. `is_one_stream` says that the source itself has sent the
    /// second one behind the end of the first: then it may have forgotten MariaDB's domains. Where
    /// files between them are not there, only GTIDs can prove that no transaction was in them.
    #[must_use]
    pub fn is_whole(&self, is_one_stream: bool) -> bool {
        let is_same = self.gtids.missing.is_empty()
            && self.gtids.unknown.is_empty()
            && (is_one_stream || self.gtids.dropped.is_empty());
        is_same
            && match self.order {
                Order::Next => true,
                Order::WrongNext { .. } | Order::Unrelated => false,
                Order::Missing { .. } => self.has_gtids,
            }
    }
}

fn order(before: FileBefore<'_>, name: &LogName) -> Order {
    if before.name.base() != name.base() || before.name.number() >= name.number() {
        return Order::Unrelated;
    }
    if before.name.number() + 1 < name.number() {
        let named = |number: u64| format!("{}.{number:06}", name.base());
        let (first, last) = (before.name.number() + 1, name.number() - 1);
        return Order::Missing { first: named(first), last: named(last) };
    }
    match before.end {
        // A name that cannot be read says nothing.
        FileEnd::Rotate(named) if !named.is_empty() && named != name.as_str() => {
            Order::WrongNext { named: named.clone() }
        }
        _ => Order::Next,
    }
}

impl<'a> FileBefore<'a> {
    /// The end at which a verifier stands, whose [`Verifier::logged`] is `logged`.
    #[must_use]
    pub fn at(
        name: &'a LogName,
        verifier: &'a Verifier,
        logged: &'a LoggedGtids,
        unlogged: &'a GtidSet,
    ) -> Self {
        Self { name, end: verifier.end(), logged: Some(logged), unlogged }
    }
}
