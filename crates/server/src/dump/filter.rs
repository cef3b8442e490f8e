//! Leaving out the transactions that a reader has.

use binlogd_event::{EventError, EventHeader, EventKind, Gtid, GtidSet, gtid_of};

/// Says of each event, in order, whether a reader with a GTID set wants it.
#[derive(Debug)]
pub struct GtidFilter {
    /// What the reader has, also what it was sent.
    has: GtidSet,
    /// What is not for it in this timeline, since later sources lack it.
    forked: GtidSet,
    skipping: bool,
    /// Whether the reader follows by GTID alone, so that a transaction without one is an error.
    by_gtid: bool,
    /// Whether the file may hold transactions that a reader by position has from another server.
    overlaps: bool,
}

/// What to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Send it.
    Yes,
    /// Send it; what came before was left out, so the reader does not know where it is.
    AfterGap,
    /// Leave it out.
    No,
    /// It has no GTID, which a reader by GTID cannot be sent.
    Anonymous,
    /// It has no GTID, so whether the reader has it from another server cannot be known.
    Overlap,
}

impl GtidFilter {
    /// A filter for a reader that follows by GTID, has these transactions, and begins in a timeline of
    /// which the sources of later ones lack the `forked` ones.
    #[must_use]
    pub fn by_gtid(has: GtidSet, forked: GtidSet) -> Self {
        Self { has, forked, skipping: false, by_gtid: true, overlaps: false }
    }

    /// A filter for a reader that follows by file and position, which has yet to leave anything out.
    #[must_use]
    pub fn by_position() -> Self {
        let (has, forked) = (GtidSet::new(), GtidSet::new());
        Self { has, forked, skipping: false, by_gtid: false, overlaps: false }
    }

    /// Goes on in the next file of the same server.
    pub fn next_file(&mut self) {
        self.overlaps = false;
    }

    /// Goes on in the first file of another server, which may hold some of what was `sent`. What was left
    /// out as forked may come again, if this server is the one that committed it.
    pub fn next_timeline(&mut self, sent: &GtidSet, forked: GtidSet) {
        self.has.extend(&sent.difference(&self.forked));
        self.forked = forked;
        self.overlaps = true;
    }

    /// What the reader has, and what it was sent in earlier timelines.
    #[must_use]
    pub fn has(&self) -> &GtidSet {
        &self.has
    }

    /// Whether all of these are left out, as the last one before them was.
    #[must_use]
    pub fn leaves_out(&self, next: &GtidSet) -> bool {
        self.skipping && next.difference(&self.has).is_subset(&self.forked)
    }

    /// Judges the next event, of which the front must hold at least a GTID event.
    ///
    /// # Errors
    /// If a GTID event is malformed.
    pub fn judge(&mut self, header: &EventHeader, event: &[u8]) -> Result<Wanted, EventError> {
        let skip = match header.kind {
            EventKind::GTID | EventKind::GTID_TAGGED | EventKind::MARIADB_GTID => {
                let is_out = |gtid: Gtid| self.has.contains(&gtid) || self.forked.contains(&gtid);
                gtid_of(header, event)?.is_some_and(is_out)
            }
            EventKind::ANONYMOUS_GTID if self.by_gtid => return Ok(Wanted::Anonymous),
            EventKind::ANONYMOUS_GTID if self.overlaps => return Ok(Wanted::Overlap),
            EventKind::ANONYMOUS_GTID => false,
            // These belong to the file, not to a transaction.
            EventKind::FORMAT_DESCRIPTION
            | EventKind::PREVIOUS_GTIDS
            | EventKind::GTID_LIST
            | EventKind::BINLOG_CHECKPOINT
            | EventKind::ROTATE
            | EventKind::STOP => false,
            _ => self.skipping,
        };
        let skipped_before = std::mem::replace(&mut self.skipping, skip);
        Ok(match (skip, skipped_before) {
            (true, _) => Wanted::No,
            (false, true) => Wanted::AfterGap,
            (false, false) => Wanted::Yes,
        })
    }

    /// Whether the event before the next was left out.
    #[must_use]
    pub fn is_skipping(&self) -> bool {
        self.skipping
    }
}

#[cfg(test)]
mod tests {
    use binlogd_event::{EventFlags, LogPos};

    use super::*;

    #[test]
    fn what_is_forked_in_one_timeline_comes_in_a_later_one_of_its_server() {
        let set = |text: &str| text.parse::<GtidSet>().unwrap();
        let a = "11111111-1111-1111-1111-111111111111";
        let mut filter = GtidFilter::by_gtid(set(""), set(&format!("{a}:9-10")));
        filter.next_timeline(&set(&format!("{a}:1-10")), set(""));
        filter.skipping = true;
        assert!(filter.leaves_out(&set(&format!("{a}:1-8"))));
        assert!(!filter.leaves_out(&set(&format!("{a}:9"))));
    }

    #[test]
    fn what_a_reader_from_another_server_may_have_without_a_gtid_is_not_sent() {
        let kind = EventKind::ANONYMOUS_GTID;
        let (flags, log_pos) = (EventFlags(0), LogPos(0));
        let header = EventHeader { timestamp: 0, kind, server_id: 1, size: 19, log_pos, flags };
        let judge = |filter: &mut GtidFilter| filter.judge(&header, &header.to_bytes()).unwrap();
        let mut filter = GtidFilter::by_position();
        assert_eq!(judge(&mut filter), Wanted::Yes);
        filter.next_timeline(&GtidSet::new(), GtidSet::new());
        assert_eq!(judge(&mut filter), Wanted::Overlap);
        filter.next_file();
        assert_eq!(judge(&mut filter), Wanted::Yes);
        assert_eq!(
            judge(&mut GtidFilter::by_gtid(GtidSet::new(), GtidSet::new())),
            Wanted::Anonymous
        );
    }
}
