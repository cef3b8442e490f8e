//! One file: its events, and how it ends.
//!
//! The last file of a folder may be written to meanwhile. Its end may be an event that has yet to
//! come whole, and a writer that starts an event anew replaces it. So a bad event behind what is
//! known to be durable is looked at again before it is believed.

use std::collections::VecDeque;
use std::io;
use std::thread;
use std::time::Duration;

use binlogd_event::body::Body;
use binlogd_event::{
    ChecksumAlgorithm, EventFlags, EventHeader, EventKind, EventPart, FIRST_EVENT, Gtid, GtidSet,
    HEADER_LEN, LogPos, LoggedGtids, MAGIC, Rotate, Verified, Verifier, gtid_of,
};

use super::finding::{Fault, Finding};
use super::folder::durable_len;
use super::plan::{Plan, PlannedFile, Sequence};
use super::{FileEnd, FileSummary, Observer};
use crate::catalog::{FORMAT_SIZE_MAX, read_full};
use crate::index::{self, Before, Checkpoint, identity};
use crate::recovery::scan::{BadEvent, scan_with};
use crate::{File, Fs, StoreError};

/// What a check of one file gives.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) summary: FileSummary,
    /// What its previous-GTIDs event lists, if it has one.
    pub(super) previous: Option<GtidSet>,
    /// The GTIDs that it accounts for.
    pub(super) logged: LoggedGtids,
    /// Whether it has no bad event, so that all of it is known.
    pub(super) is_complete: bool,
    /// Whether it is a relay log, whose name and GTIDs say nothing about the next one.
    pub(super) is_relay_log: bool,
    /// Whether it ends in the middle of a transaction.
    pub(super) in_transaction: bool,
    /// Where its last event begins, in bytes.
    pub(super) last_event: Option<u64>,
    pub(super) findings: Vec<Finding>,
}

/// What a file that is encrypted as a whole begins with.
const ENCRYPTED_MAGIC: [u8; 4] = [0xfd, b'b', b'i', b'n'];

/// How often a bad event that may be being written is looked at again.
const RETRIES_MAX: u32 = 5;

/// The pause before the second look; the next ones are longer.
const PAUSE: Duration = Duration::from_millis(10);

/// Progress is told in steps of so many bytes.
const STEP_BYTES: u64 = 1 << 20;

/// Checks a file as it is now.
pub(super) fn check(
    plan: &Plan,
    sequence: &Sequence,
    file: &PlannedFile,
    buffer: &mut [u8],
    observer: &dyn Observer,
) -> Checked {
    let mut checked = Checked::default();
    checked.summary.path.clone_from(&file.path);
    let fs = &*plan.fs;
    let outcome = fs.open(&file.path).and_then(|handle| Ok((handle.len()?, handle)));
    match outcome {
        Ok((len, handle)) => {
            let mut check =
                Check { fs, sequence, file, handle, len, tally: Tally::new(observer), checked };
            if let Err(error) = check.run(buffer) {
                check.found(Fault::Unreadable { error: cause(&error) });
            }
            check.finish()
        }
        Err(error) => {
            let fault = match error.kind() {
                io::ErrorKind::NotFound => Fault::Gone,
                _ => Fault::Unreadable { error: error.to_string() },
            };
            checked.findings.push(Finding::of_path(&file.path, fault));
            checked
        }
    }
}

struct Check<'a> {
    fs: &'a dyn Fs,
    sequence: &'a Sequence,
    file: &'a PlannedFile,
    handle: Box<dyn File>,
    /// The file's length, in bytes: what comes later is not looked at.
    len: u64,
    tally: Tally<'a>,
    checked: Checked,
}

impl Check<'_> {
    fn run(&mut self, buffer: &mut [u8]) -> Result<(), StoreError> {
        if !self.check_magic()? {
            return Ok(());
        }
        self.tally.checkpoints = self.checkpoints()?.into();
        let mut verifier = Verifier::at_start(ChecksumAlgorithm::None);
        if !self.sequence.is_store {
            verifier = verifier.allowing_relay_log();
        }
        let bad = self.scan(&mut verifier, buffer);
        // Also after an error, up to where it came.
        let summary = &mut self.checked.summary;
        summary.bytes = verifier.offset();
        self.checked.last_event = verifier.last_event();
        self.checked.logged = verifier.logged();
        self.checked.in_transaction = !verifier.transaction().is_outside();
        self.checked.is_relay_log = verifier.is_relay_log();
        match bad? {
            Some(finding) => self.checked.findings.push(finding),
            None => self.checked.is_complete = true,
        }
        if self.tally.in_use && self.sequence.is_store {
            self.found(Fault::InUse);
        }
        if self.checked.is_complete
            && let Some(offset) = self.tally.wrong_checkpoint()
        {
            self.found(Fault::WrongIndex { offset });
        }
        if verifier.ended() && self.checked.in_transaction {
            self.found(Fault::OpenTransaction);
        }
        if verifier.offset() == FIRST_EVENT && self.checked.is_complete && !self.file.is_last {
            self.found(Fault::NoEvent);
        }
        Ok(())
    }

    /// What the index of a closed file claims. One that is damaged claims nothing.
    fn checkpoints(&self) -> Result<Vec<Checkpoint>, StoreError> {
        let Some(name) = self.file.name.as_ref().filter(|_| !self.file.is_last) else {
            return Ok(Vec::new());
        };
        let mut event = vec![0; FORMAT_SIZE_MAX as usize];
        let len = self.read(&mut event, FIRST_EVENT)?;
        let size = EventHeader::parse(&event[..len]).map_or(0, |header| header.size as usize);
        let Some(format_event) = event[..len].get(..size) else { return Ok(Vec::new()) };
        let identity = identity(name, format_event, self.len);
        let lines = index::read(self.fs, &self.file.path, &identity);
        Ok(lines.and_then(|lines| lines.all()).unwrap_or_default())
    }

    /// Whether the file begins as binlogs do, and goes on.
    fn check_magic(&mut self) -> Result<bool, StoreError> {
        let mut magic = [0; MAGIC.len()];
        let len = self.read(&mut magic, 0)?;
        if magic == MAGIC {
            return Ok(true);
        }
        let may_come = magic.iter().zip(MAGIC).all(|(&byte, good)| byte == good || byte == 0);
        if self.file.is_last && self.len <= FIRST_EVENT && may_come {
            // It is being made.
            self.checked.is_complete = true;
            return Ok(false);
        }
        self.found(match magic {
            ENCRYPTED_MAGIC => Fault::Encrypted,
            _ if len == 0 => Fault::Empty,
            [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd] => Fault::Compressed,
            _ => Fault::NoBinlog,
        });
        Ok(false)
    }

    /// Scans the events. What is wrong with the first bad one, if that is certain.
    fn scan(
        &mut self,
        verifier: &mut Verifier,
        buffer: &mut [u8],
    ) -> Result<Option<Finding>, StoreError> {
        let path = &self.file.path;
        for retries in 0.. {
            // Before the bytes are read: what was durable then does not change.
            let durable = match self.file.is_last {
                true => durable_len(self.fs, &self.sequence.dir, self.file.name.as_ref())?,
                false => Some(u64::MAX),
            };
            let tally = &mut self.tally;
            let visit = |verifier: &mut Verifier, verified: &Verified, part: EventPart<'_>| {
                tally.see(verifier, verified, part);
            };
            let bad = scan_with(&*self.handle, path, verifier, self.len, buffer, visit)?;
            let Some(bad) = bad else { return Ok(None) };
            let start = bad.error.offset;
            if durable.is_some_and(|durable| start < durable) {
                return self.damaged(bad).map(Some);
            }
            if let Some(tail) = self.unfinished(&bad, verifier)? {
                return Ok(Some(tail));
            }
            let may_change = self.sequence.is_store || self.tally.in_use;
            if !may_change || retries >= RETRIES_MAX {
                return self.damaged(bad).map(Some);
            }
            thread::sleep(PAUSE * retries);
            self.len = self.handle.len().map_err(StoreError::io("look at", path))?;
        }
        Ok(None)
    }

    /// What a writer or a crash may have left at the end of a file that is not closed.
    fn unfinished(
        &self,
        bad: &BadEvent,
        verifier: &Verifier,
    ) -> Result<Option<Finding>, StoreError> {
        if !(self.sequence.is_store || self.tally.in_use) {
            return Ok(None);
        }
        let start = bad.error.offset;
        let there = self.len.saturating_sub(start);
        let header = self.header_at(start)?;
        let is_mariadb = verifier.format().is_some_and(|f| f.server_version.is_mariadb());
        // A damaged size makes any event look as if it were cut short.
        let fits = header.is_none_or(|header| {
            header.log_pos == LogPos::of(start + u64::from(header.size))
                || header.log_pos.0 == 0 && is_mariadb
        });
        let path = self.file.path.clone();
        if bad.is_cut_short && fits {
            let fault = Fault::UnfinishedEvent { there };
            return Ok(Some(Finding::of_event(path, start, bad.error.kind, fault)));
        }
        if self.is_zero_from(start)? {
            let fault = Fault::Zeros { len: there };
            return Ok(Some(Finding { offset: Some(start), ..Finding::of_path(path, fault) }));
        }
        Ok(None)
    }

    fn damaged(&self, bad: BadEvent) -> Result<Finding, StoreError> {
        let path = self.file.path.clone();
        let size = self.header_at(bad.error.offset)?.map(|header| header.size);
        if bad.is_cut_short {
            let there = self.len.saturating_sub(bad.error.offset);
            let fault = Fault::CutShort { size, there };
            return Ok(Finding::of_event(path, bad.error.offset, bad.error.kind, fault));
        }
        Ok(Finding::of_bad_event(path, bad.error, size, self.len))
    }

    fn header_at(&self, offset: u64) -> Result<Option<EventHeader>, StoreError> {
        let mut bytes = [0; HEADER_LEN];
        let len = self.read(&mut bytes, offset)?;
        Ok(EventHeader::parse(&bytes[..len]).ok())
    }

    fn is_zero_from(&self, mut offset: u64) -> Result<bool, StoreError> {
        let mut chunk = [0; 4096];
        loop {
            match self.read(&mut chunk, offset)? {
                0 => return Ok(true),
                got if chunk[..got].iter().any(|&byte| byte != 0) => return Ok(false),
                got => offset += got as u64,
            }
        }
    }

    fn read(&self, buf: &mut [u8], offset: u64) -> Result<usize, StoreError> {
        read_full(&*self.handle, buf, offset).map_err(StoreError::io("read", &self.file.path))
    }

    fn found(&mut self, fault: Fault) {
        self.checked.findings.push(Finding::of_path(&self.file.path, fault));
    }

    fn finish(mut self) -> Checked {
        let Tally {
            twice, first_twice, incident, own, previous, events, transactions, end, ..
        } = self.tally.finish(self.len);
        if let Some((offset, fault)) = incident {
            let path = self.file.path.clone();
            self.checked.findings.push(Finding::of_event(path, offset, EventKind::INCIDENT, fault));
        }
        if let Some((offset, kind)) = first_twice {
            let fault = Fault::GtidsTwice { gtids: twice };
            let finding = Finding::of_event(self.file.path.clone(), offset, kind, fault);
            self.checked.findings.push(finding);
        }
        let summary = &mut self.checked.summary;
        (summary.events, summary.transactions, summary.gtids) = (events, transactions, own);
        summary.end = end;
        self.checked.previous = previous;
        self.checked
    }
}

/// Counts what goes by.
struct Tally<'a> {
    observer: &'a dyn Observer,
    /// Bytes that the observer was told of, and was not.
    told: u64,
    untold: u64,
    events: u64,
    transactions: u64,
    was_outside: bool,
    previous: Option<GtidSet>,
    /// The GTIDs of whole transactions.
    own: GtidSet,
    /// The GTID of the transaction that is under way.
    announced: Option<Gtid>,
    /// GTIDs that were there before.
    twice: GtidSet,
    first_twice: Option<(u64, EventKind)>,
    /// Where the server says first that it lost changes, and what it says.
    incident: Option<(u64, Fault)>,
    in_use: bool,
    end: FileEnd,
    /// What the file's index claims of what is still to come.
    checkpoints: VecDeque<Checkpoint>,
    /// What came behind the file's head, if the index claims anything.
    before: Option<Before>,
    /// Where the next event or part begins, in bytes.
    offset: u64,
    /// The first of its claims that is not true.
    wrong_checkpoint: Option<u64>,
}

impl<'a> Tally<'a> {
    fn new(observer: &'a dyn Observer) -> Self {
        Self {
            observer,
            told: 0,
            untold: 0,
            events: 0,
            transactions: 0,
            was_outside: true,
            previous: None,
            own: GtidSet::new(),
            announced: None,
            twice: GtidSet::new(),
            first_twice: None,
            incident: None,
            in_use: false,
            end: FileEnd::Open,
            checkpoints: VecDeque::new(),
            before: None,
            offset: FIRST_EVENT,
            wrong_checkpoint: None,
        }
    }

    #[inline]
    fn see(&mut self, verifier: &mut Verifier, verified: &Verified, part: EventPart<'_>) {
        if part.first && !self.checkpoints.is_empty() {
            self.compare_checkpoint(verifier, &verified.header, part.bytes);
        }
        self.offset += part.bytes.len() as u64;
        self.untold += part.bytes.len() as u64;
        if self.untold >= STEP_BYTES {
            self.tell();
        }
        if !part.last {
            return;
        }
        self.events += 1;
        let header = &verified.header;
        match header.kind {
            EventKind::FORMAT_DESCRIPTION => {
                self.in_use = header.flags.contains(EventFlags::IN_USE);
            }
            // A replica that connects again receives a transaction again.
            kind if kind.is_gtid() && verifier.is_relay_log() => {}
            kind if kind.is_previous_gtids() => self.previous = Some(verifier.take_committed()),
            // The source's say nothing of a relay log.
            EventKind::STOP | EventKind::ROTATE if verifier.is_relay_log() => {}
            EventKind::STOP => self.end = FileEnd::Stop,
            EventKind::ROTATE if part.first => {
                let next = Rotate::parse(body(verifier, part.bytes)).map(|r| r.file.to_owned());
                // One without a name names no file that is there.
                self.end = FileEnd::Rotate(next.unwrap_or_default());
            }
            EventKind::INCIDENT if part.first => self.incident(verifier, header, part.bytes),
            kind if kind.is_gtid() && part.first => self.announce(verifier, header, part.bytes),
            _ => {}
        }
        let is_outside = verifier.transaction().is_outside();
        if is_outside {
            if let Some(gtid) = self.announced.take() {
                self.own.insert(gtid);
            }
            let stands_alone = self.was_outside && header.kind == EventKind::QUERY;
            self.transactions += u64::from(!self.was_outside || stands_alone);
        }
        self.was_outside = is_outside;
    }

    fn announce(&mut self, verifier: &Verifier, header: &EventHeader, event: &[u8]) {
        // The verifier has read it, so it can be read.
        let gtid = gtid_of(header, body(verifier, event)).ok().flatten();
        if let Some(gtid) = &gtid
            && (self.own.contains(gtid)
                || self.previous.as_ref().is_some_and(|set| set.contains(gtid)))
        {
            self.twice.insert(*gtid);
            self.first_twice.get_or_insert((verifier.last_event().unwrap_or(0), header.kind));
        }
        self.announced = gtid;
    }

    fn incident(&mut self, verifier: &Verifier, header: &EventHeader, event: &[u8]) {
        if let Some((_, Fault::Incident { more, .. })) = &mut self.incident {
            *more += 1;
            return;
        }
        let parsed =
            verifier.format().map(|format| Body::parse(header, body(verifier, event), format));
        let offset = verifier.last_event().unwrap_or(0);
        let message = match parsed {
            Some(Ok(Body::Incident(incident))) => String::from_utf8_lossy(incident.message)
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect(),
            Some(Err(error)) => {
                let fault = Fault::Event { violation: error.into(), unchecked: 0 };
                self.incident = Some((offset, fault));
                return;
            }
            _ => "(what it says cannot be read)".to_owned(),
        };
        self.incident = Some((offset, Fault::Incident { message, more: 0 }));
    }

    /// Compares what the file's index claims with what came before an event.
    fn compare_checkpoint(&mut self, verifier: &Verifier, header: &EventHeader, event: &[u8]) {
        let is_head =
            header.kind == EventKind::FORMAT_DESCRIPTION || header.kind.is_previous_gtids();
        let Some(format) = verifier.format().filter(|_| !is_head) else { return };
        let before = self.before.get_or_insert_with(|| {
            Before::new(format, self.previous.clone().unwrap_or_default(), self.offset)
        });
        while let Some(claimed) = self.checkpoints.pop_front_if(|next| next.offset <= self.offset) {
            let is_true = before.begins(header) && claimed == before.checkpoint(self.offset);
            if !is_true {
                self.wrong_checkpoint.get_or_insert(claimed.offset);
            }
        }
        // The verifier has judged it by the same grammar.
        let _ = before.event(self.offset, header, event);
    }

    /// The first claim of the file's index that is not true, at the file's end.
    fn wrong_checkpoint(&self) -> Option<u64> {
        self.wrong_checkpoint.or(self.checkpoints.front().map(|left| left.offset))
    }

    fn tell(&mut self) {
        self.told += self.untold;
        self.observer.checked(std::mem::take(&mut self.untold));
    }

    /// Tells of the rest of a file of `len` bytes, checked or not.
    fn finish(mut self, len: u64) -> Self {
        self.untold = len.saturating_sub(self.told);
        self.tell();
        self
    }
}

/// An event without its checksum.
fn body<'a>(verifier: &Verifier, event: &'a [u8]) -> &'a [u8] {
    let checksum_len = verifier.format().map_or(0, |format| format.checksum.len());
    &event[..event.len().saturating_sub(checksum_len)]
}

/// What the system said, without the path, which a finding has already.
fn cause(error: &StoreError) -> String {
    match error {
        StoreError::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}
