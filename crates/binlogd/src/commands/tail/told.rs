//! Which transactions of a store were told: its timelines overlap.

use binlogd_event::{Gtid, GtidSet};

/// The transactions of the timeline that is read, and of those before it: a timeline begins with the
/// file in which its first new transaction stands, behind some that are in the one before, too.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// 0 if it is none.
    timeline: usize,
    here: GtidSet,
    earlier: GtidSet,
}

impl Told {
    /// What follows is of this timeline.
    pub(super) fn enter(&mut self, timeline: usize) {
        if timeline != self.timeline {
            self.timeline = timeline;
            self.earlier.extend(&std::mem::take(&mut self.here));
        }
    }

    /// Whether a transaction was told with an earlier timeline.
    pub(super) fn is_told(&self, gtid: Option<Gtid>) -> bool {
        self.timeline > 0 && gtid.is_some_and(|gtid| self.earlier.contains(&gtid))
    }

    /// A transaction of this timeline was told.
    pub(super) fn tell(&mut self, gtid: Option<Gtid>) {
        if let Some(gtid) = gtid.filter(|_| self.timeline > 0) {
            self.here.insert(gtid);
        }
    }
}
