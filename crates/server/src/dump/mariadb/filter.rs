//! Which events a reader gets, in which form, and when it is told where it is.

use binlogd_event::{
    ChecksumAlgorithm, EventError, EventFlags, EventHeader, EventKind, FormatDescription, Gtid,
    GtidPosition, GtidSet, HEADER_LEN, TransactionState, gtid_of,
};

use super::stand_in;
use super::start::not_here;
use super::{MariadbWishes, begins_behind_list};
use crate::dump::DumpError;
use binlogd_store::FileHead;

/// Of a GTID event: one statement follows, without an end of its own.
const STANDALONE: u8 = 1;

/// The length of a Query event's fixed part where the format description does not say, in bytes.
const QUERY_POST_HEADER_LEN: usize = 13;

/// What becomes of an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is sent.
    Send,
    /// It is left out: the reader does not understand it, or wants none like it.
    Drop,
    /// It is left out, as its whole transaction is.
    Skip,
    /// This is sent instead.
    Replace(Vec<u8>),
}

/// What follows an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Then {
    /// The next one.
    #[default]
    Nothing,
    /// The list of GTIDs up to here: the reader's position was reached.
    List,
    /// The same, and the end: the reader wanted no more.
    End,
    /// Both, one after the other: its position was reached just where it wanted to end.
    ListAndEnd,
}

/// One reader's view of a stream, event by event.
#[derive(Debug)]
pub(crate) struct MariadbFilter {
    wishes: MariadbWishes,
    behind_list: bool,
    /// Where the reader stands in domains in which the stream is not there yet.
    ahead: GtidPosition,
    /// Where it wants to end, in domains in which it has not.
    until: Option<GtidPosition>,
    /// What the reader was sent on an earlier timeline.
    has: GtidSet,
    /// What is not for it in this timeline, since later sources lack it.
    forked: GtidSet,
    /// All GTIDs of the stream up to here, as long as somebody may want to know.
    seen: GtidSet,
    /// Those that came in the file. Where numbers are not kept in order one of an earlier file may come again.
    passed: GtidSet,
    /// All GTIDs that were stored when the dump began.
    stored: GtidSet,
    group: TransactionState,
    skipping: bool,
    list_due: bool,
    end_due: bool,
    query_post_header_len: usize,
}

impl MariadbFilter {
    /// A filter for a reader that begins in the file with this head, behind the GTIDs `before`;
    /// `stored` are all GTIDs that there are.
    pub(crate) fn new(
        wishes: MariadbWishes,
        head: &FileHead,
        before: &GtidSet,
        stored: GtidSet,
    ) -> Self {
        let behind_list = begins_behind_list(head);
        let by_gtid = wishes.state.is_some();
        let mut ahead = wishes.state.clone().unwrap_or_default();
        let mut until = wishes.until.clone().filter(|_| by_gtid);
        let reached = before.position();
        for gtid in wishes.state.iter().flat_map(GtidPosition::iter) {
            let domain = gtid.domain().unwrap_or_default();
            if reached.of_domain(domain) == Some(gtid) {
                ahead.remove(domain);
            }
        }
        if let Some(until) = &mut until {
            let all: Vec<_> = until.iter().collect();
            for gtid in all.into_iter().filter(|gtid| before.contains(gtid)) {
                until.remove(gtid.domain().unwrap_or_default());
            }
        }
        let is_told_before = behind_list || until.is_some();
        Self {
            wishes,
            behind_list,
            ahead,
            until,
            has: GtidSet::new(),
            forked: GtidSet::new(),
            seen: if is_told_before { before.clone() } else { GtidSet::new() },
            passed: GtidSet::new(),
            stored,
            group: TransactionState::Outside,
            skipping: false,
            list_due: false,
            end_due: false,
            query_post_header_len: QUERY_POST_HEADER_LEN,
        }
    }

    /// What the reader is told before the first event.
    pub(crate) fn at_start(&self) -> Then {
        if !self.behind_list {
            return Then::Nothing;
        }
        if self.is_done() {
            return Then::End;
        }
        let waits = self.is_behind_reader();
        if self.wishes.state.is_some() && !waits { Then::List } else { Then::Nothing }
    }

    fn is_done(&self) -> bool {
        self.until.as_ref().is_some_and(GtidPosition::is_empty)
    }

    /// Whether the reader stands further on: a format description must not tell it to drop the temporary
    /// tables that it made since.
    fn is_behind_reader(&self) -> bool {
        // Domains that another source serves are not waited for, nor a made place.
        let is_made = |gtid: &Gtid| gtid.domain().is_some_and(|domain| self.is_lenient(domain));
        self.ahead.iter().any(|gtid| self.stores_domain(&gtid) && !is_made(&gtid))
    }

    /// All GTIDs of the stream up to here.
    pub(crate) fn seen(&self) -> &GtidSet {
        &self.seen
    }

    /// Whether all transactions are left out up to the last ones in `next`, and the reader is told nothing on
    /// the way.
    pub(crate) fn leaves_out(&self, next: &GtidSet) -> bool {
        let is_idle = (self.skipping || self.group.is_outside()) && !self.list_due && !self.end_due;
        let left = next.difference(&self.passed);
        // Not all of a server's are forked if the last one is.
        let wanted = left.difference(&self.has).difference(&self.forked);
        is_idle && left.last_of_domains().all(|last| self.leaves_out_up_to(&last, &wanted))
    }

    /// The same of those of one domain and server, of which some are yet to come. Of the `wanted` ones the
    /// reader was sent none before, and none is forked.
    fn leaves_out_up_to(&self, last: &Gtid, wanted: &GtidSet) -> bool {
        let domain = last.domain().unwrap_or_default();
        let comes = |gtid: &Gtid| gtid.source == last.source && gtid.number <= last.number;
        let ahead = self.ahead.of_domain(domain);
        let until = self.until.as_ref().map(|until| until.of_domain(domain));
        // Of these it is told.
        if ahead.is_some_and(|at| comes(&at) || !self.stores_domain(&at))
            || until.flatten().is_some_and(|end| comes(&end))
        {
            return false;
        }
        let has_ended = until == Some(None);
        let wants_some = wanted.last_of_domains().any(|gtid| gtid.source == last.source);
        ahead.is_some() || has_ended || !wants_some
    }

    /// Takes note that transactions were left out unseen, up to the GTIDs `before`; the file's head
    /// lists those of `earlier` files.
    pub(crate) fn skipped(&mut self, before: &GtidSet, earlier: &GtidSet) {
        before.difference(earlier).last_of_domains().for_each(|gtid| self.passes(gtid));
        self.group = TransactionState::Outside;
        self.skipping = false;
    }

    /// Leaves out what later sources lack, in the timeline in which the reader begins.
    pub(crate) fn leave_out(&mut self, forked: GtidSet) {
        self.forked = forked;
    }

    /// Goes on in another timeline, which may hold some of what was `sent`, and of which later sources
    /// lack the `forked` ones.
    pub(crate) fn next_timeline(&mut self, sent: &GtidSet, forked: GtidSet) {
        self.has.extend(&sent.difference(&self.forked));
        self.forked = forked;
    }

    /// What the reader was sent in earlier timelines.
    pub(crate) fn has(&self) -> &GtidSet {
        &self.has
    }

    fn is_out(&self, gtid: &Gtid) -> bool {
        self.has.contains(gtid) || self.forked.contains(gtid)
    }

    /// Goes on in another file, or behind another format description.
    pub(crate) fn begin_format(&mut self, format: &FormatDescription) {
        self.group = TransactionState::Outside;
        self.skipping = false;
        self.passed = GtidSet::new();
        self.query_post_header_len =
            format.post_header_len(EventKind::QUERY).unwrap_or(QUERY_POST_HEADER_LEN);
    }

    /// Judges the next event, of which `event` is all or the front.
    ///
    /// # Errors
    /// The reader must be told something, or the event is malformed.
    pub(crate) fn judge(
        &mut self,
        header: &EventHeader,
        event: &[u8],
        checksum: ChecksumAlgorithm,
    ) -> Result<(Action, Then), DumpError> {
        let is_whole = usize::try_from(header.size).is_ok_and(|size| size == event.len());
        let crc_len = if is_whole { checksum.len() } else { 0 };
        let body = &event[..event.len().saturating_sub(crc_len)];
        if header.kind == EventKind::MARIADB_GTID {
            let gtid = gtid_of(header, body).map_err(|error| malformed(&error))?;
            self.skipping = match gtid {
                Some(gtid) => self.skips(&gtid)?,
                None => false,
            };
        }
        let marked = header.flags.contains(EventFlags::SKIP_REPLICATION);
        let action = if self.skipping && !belongs_to_file(header.kind) {
            Action::Skip
        } else if self.wishes.skip_replication && marked {
            Action::Drop
        } else {
            self.form(header, event, is_whole, checksum)
        };
        let was = self.group;
        // The primary's grammar was checked when the event was stored: only a reader who begins inside of
        // a transaction has none.
        let after = was.after(header, body, is_whole, self.query_post_header_len);
        self.group = after.unwrap_or(TransactionState::Outside);
        let ended = !was.is_outside() && self.group.is_outside();
        if header.kind == EventKind::GTID_LIST && self.is_done() {
            return Ok((action, Then::End));
        }
        let is_gtid = header.kind == EventKind::MARIADB_GTID;
        if is_gtid && !self.skipping && std::mem::take(&mut self.list_due) {
            // The reader's own number was never given away: it is told at the next one.
            return Ok((action, Then::List));
        }
        if !ended {
            return Ok((action, Then::Nothing));
        }
        self.skipping = false;
        let list_due = std::mem::take(&mut self.list_due);
        Ok((
            action,
            match (self.end_due, list_due) {
                (true, true) => Then::ListAndEnd,
                (true, false) => Then::End,
                (false, true) => Then::List,
                (false, false) => Then::Nothing,
            },
        ))
    }

    /// Whether the reader has a transaction, or wants none of it.
    fn skips(&mut self, gtid: &Gtid) -> Result<bool, DumpError> {
        let domain = gtid.domain().unwrap_or_default();
        let mut skip = self.is_out(gtid);
        if let Some(at) = self.ahead.of_domain(domain) {
            if !self.stores_domain(&at) {
                // The domain's first transaction: what the reader has of it must come, too.
                return Err(not_here(&at, &self.seen));
            }
            if at.source != gtid.source || gtid.number < at.number {
                skip = true;
            } else {
                skip |= gtid.number == at.number;
                let strict = self.wishes.strict && !self.is_lenient(domain);
                if strict && gtid.number > at.number {
                    return Err(DumpError::fatal(format!(
                        "The binlog on the master is missing the GTID {at} requested by the slave \
                         (even though both a prior and a subsequent sequence number does exist), \
                         and GTID strict mode is enabled"
                    )));
                }
                self.ahead.remove(domain);
                self.list_due = true;
            }
        }
        if let Some(until) = &mut self.until {
            match until.of_domain(domain) {
                None => skip = true,
                Some(last) if last.source == gtid.source && gtid.number >= last.number => {
                    until.remove(domain);
                    self.end_due = until.is_empty();
                    skip |= gtid.number > last.number;
                }
                Some(_) => {}
            }
        }
        if self.wishes.state.is_some() {
            self.passes(*gtid);
        }
        Ok(skip)
    }

    fn passes(&mut self, gtid: Gtid) {
        self.seen.insert(gtid);
        self.passed.insert(gtid);
    }

    fn is_lenient(&self, domain: u32) -> bool {
        self.wishes.lenient_domains.contains(&domain)
    }

    fn stores_domain(&self, gtid: &Gtid) -> bool {
        self.stored.last_of_domains().any(|stored| stored.domain() == gtid.domain())
    }

    /// The form in which the reader understands an event.
    fn form(
        &self,
        header: &EventHeader,
        event: &[u8],
        is_whole: bool,
        checksum: ChecksumAlgorithm,
    ) -> Action {
        const HOLES: u64 = 2;
        const CHECKPOINTS: u64 = 3;
        const GTIDS: u64 = 4;
        if header.kind == EventKind::FORMAT_DESCRIPTION && is_whole && self.is_behind_reader() {
            let mut cleared = event.to_vec();
            let changed = FormatDescription::clear_created(&mut cleared);
            return changed.map_or(Action::Send, |()| Action::Replace(cleared));
        }
        let capability = self.wishes.capability;
        let understands = match header.kind {
            EventKind::ANNOTATE_ROWS => self.wishes.annotate || capability == 1,
            EventKind::BINLOG_CHECKPOINT => capability >= CHECKPOINTS,
            EventKind::GTID_LIST | EventKind::MARIADB_GTID => capability >= GTIDS,
            _ => true,
        };
        if understands {
            return Action::Send;
        }
        // What does not fit into the buffer is left out: nobody says so much in an annotation.
        let instead = |event: Option<Vec<u8>>| match event {
            Some(event) if is_whole => Action::Replace(event),
            // There is no such short Query event.
            None if is_whole => Action::Send,
            _ => Action::Drop,
        };
        let flags = event.get(HEADER_LEN + 8 + 4).copied().unwrap_or_default();
        if header.kind == EventKind::MARIADB_GTID && flags & STANDALONE == 0 {
            return instead(stand_in::begin(header, event.len(), checksum));
        }
        if capability >= HOLES {
            return Action::Drop;
        }
        instead(stand_in::comment(header, event.len(), checksum))
    }
}

fn belongs_to_file(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::FORMAT_DESCRIPTION
            | EventKind::GTID_LIST
            | EventKind::BINLOG_CHECKPOINT
            | EventKind::START_ENCRYPTION
            | EventKind::ROTATE
            | EventKind::STOP
    )
}

fn malformed(error: &EventError) -> DumpError {
    DumpError::fatal(error.to_string())
}
