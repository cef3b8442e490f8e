//! Stored bytes into the packets of a dump.

mod crossing;

use std::cell::RefCell;
use std::sync::Arc;

use binlogd_event::{
    ChecksumAlgorithm, EVENT_SIZE_MAX, EventHeader, EventKind, EventPart, FIRST_EVENT,
    FormatDescription, LogPos, Splitter,
};
use binlogd_store::{Catalog, Cursor, FileHead, Position, Read};
use binlogd_wire::dump::EventEncoder;
use binlogd_wire::status::StatusFlags;
use binlogd_wire::{Capabilities, ServerError};

use crate::downstream::ReaderPlace;

use super::artificial::{HeartbeatVersion, Place};
use super::filter::Wanted;
use super::lookout::Lookout;
use super::mariadb::{Action, MariadbFilter, Then, gtid_list};
use super::start::{forked_after, says_master, short};
use super::{DumpError, GtidFilter, MariadbWishes, Options, StartPoint};

/// One reader's dump.
#[derive(Debug)]
pub struct Sender {
    catalog: Arc<Catalog>,
    cursor: Cursor,
    /// The name under which the reader knows the file being sent.
    name: Arc<str>,
    /// Whether the reader follows by file and position.
    by_position: bool,
    /// The newest timeline when the dump began.
    newest_timeline: u32,
    /// Up to where the next timeline has nothing for a reader that is at the end of the last one.
    searched: Option<Position>,
    splitter: Splitter,
    /// Bytes behind the cursor that were seen and are not a whole event yet.
    incomplete: usize,
    encoder: EventEncoder,
    options: Options,
    filter: Option<GtidFilter>,
    mariadb: Option<MariadbFilter>,
    /// What follows the event being sent.
    then: Then,
    /// Whether the reader has got all that it wanted.
    is_done: bool,
    /// The end of the event that is to be acknowledged, if it is the next to end there.
    ack_at: Option<u64>,
    /// Where the event just sent ends that is to be acknowledged.
    asked: Option<Position>,
    /// Whether an event was sent since the last that was to be acknowledged.
    is_owed: bool,
    /// When to ask how much of the file the reader is sent nothing of.
    lookout: Lookout,
    /// Whether the rest of an event that comes in parts is left out.
    dropping: bool,
    /// The position of the last heartbeat that reported left-out events.
    gap_told_at: Option<Position>,
    /// The checksum of events made for the reader.
    checksum: ChecksumAlgorithm,
    /// Whether the file's format knows heartbeats of version 2: replicas look there for the length.
    knows_heartbeat_v2: bool,
    /// Whether the server, and so its errors, say "master" for a source.
    says_master: bool,
    start_offset: u64,
    /// Whether nothing was sent yet from where the reader wanted to start.
    is_first: bool,
    /// The time stamp of the newest event seen, in seconds since 1970; 0 before the first.
    event_time: u32,
}

/// Why [`Sender::fill`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is much to send, and more.
    More,
    /// Everything durable is sent.
    CaughtUp,
    /// What comes next is only on the disk: call again with leave to wait for it.
    OnDisk,
    /// The reader did not want to wait, and was told that this is the end.
    Ended,
}

/// Stored bytes are read so many at a time.
const CHUNK_LEN: usize = 48 << 10;

/// Packets are handed on when there are so many bytes of them. A reader that takes nothing keeps
/// that much memory, and up to a chunk more: 64 KiB with all that belongs to it.
const OUT_LEN: usize = 8 << 10;

/// What a reader is told who began where no event does.
const TRUNCATED: &str =
    "binlog truncated in the middle of event; consider out of disk space on source";

thread_local! {
    /// Where a sender reads to. What it could not send it reads again, so it needs this only while
    /// it runs, and a thousand waiting readers need none.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK_LEN]);
}

impl Sender {
    /// A dump from a start point. The first packets, an artificial Rotate and the file's format
    /// description, are put into `out`.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn begin(
        catalog: &Arc<Catalog>,
        start: StartPoint,
        options: Options,
        mariadb: Option<MariadbWishes>,
        out: &mut Vec<u8>,
    ) -> Result<Self, DumpError> {
        let head = catalog.head(&start.file)?;
        let mut format = format_for_reader(catalog, &start, &head)?;
        let stored = catalog.executed();
        let lookout = Lookout::new(start.before.is_some(), catalog.index_distance(&start.file)?);
        let forked = forked_after(catalog, &start.file.timeline);
        let filter = mariadb.map(|wishes| {
            let is_further = wishes.is_further(&head.previous_gtids, &stored);
            let before = start.before.as_ref().unwrap_or(&head.previous_gtids);
            let by_gtid = wishes.state.is_some();
            let mut filter = MariadbFilter::new(wishes, &head, before, stored);
            if by_gtid {
                filter.leave_out(forked.clone());
            }
            (filter, is_further)
        });
        if filter.as_ref().is_some_and(|(_, is_further)| *is_further) {
            // It must not drop the temporary tables that it has made since.
            FormatDescription::clear_created(&mut format)
                .map_err(|error| DumpError::fatal(error.to_string()))?;
        }
        // Behind the format description, or where the reader wants to, be it inside of that.
        let is_at_start = start.offset == FIRST_EVENT;
        let offset = if is_at_start { FIRST_EVENT + format.len() as u64 } else { start.offset };
        let by_position = start.name.is_some();
        let name = start.name.unwrap_or_else(|| start.file.name.to_string());
        let mut sender = Self {
            catalog: catalog.clone(),
            cursor: Cursor::open(catalog.clone(), start.file, offset)?,
            name: name.into(),
            by_position,
            newest_timeline: start.newest_timeline,
            searched: None,
            splitter: Splitter::new(),
            incomplete: 0,
            encoder: EventEncoder::new(options.semi_sync),
            ack_at: None,
            asked: None,
            is_owed: false,
            options,
            filter: start.has.map(|has| GtidFilter::by_gtid(has, forked)),
            mariadb: filter.map(|(filter, _)| filter),
            then: Then::Nothing,
            is_done: false,
            lookout,
            dropping: false,
            gap_told_at: None,
            checksum: options.checksum.unwrap_or(ChecksumAlgorithm::None),
            knows_heartbeat_v2: knows_heartbeat_v2(&head.format),
            says_master: says_master(&head.format.server_version),
            start_offset: start.offset,
            is_first: true,
            event_time: 0,
        };
        sender.announce_file(start.offset, out);
        sender.checksum = head.format.checksum;
        if !sender.is_refused() {
            sender.encoder.event(out, &format, false);
            if let Some(mariadb) = &mut sender.mariadb {
                mariadb.begin_format(&head.format);
                sender.then = mariadb.at_start();
            }
            sender.follow_up(out);
        }
        Ok(sender)
    }

    /// Says which connection reads, for those who ask what keeps files from being purged.
    pub fn set_reader(&self, connection: u32) {
        self.cursor.set_reader(connection);
    }

    /// The file being sent and where in it the next event begins.
    #[must_use]
    pub fn place(&self) -> (&str, u64) {
        (&self.name, self.offset())
    }

    /// How far the reader is, for those who ask.
    #[must_use]
    pub fn reached(&self) -> ReaderPlace {
        let position = self.cursor.position();
        ReaderPlace { file: self.name.clone(), position, event_time: self.event_time }
    }

    /// Up to where all was seen: what to wait behind when caught up.
    #[must_use]
    pub fn position(&self) -> Position {
        if let Some(searched) = self.searched {
            return searched;
        }
        let mut position = self.cursor.position();
        position.offset += self.incomplete as u64;
        position
    }

    /// The file and end of the event that the last packet of `out` asks to acknowledge, if it does.
    /// An acknowledgement covers all before it, so only the newest event is asked for.
    pub fn take_asked(&mut self) -> Option<(Arc<str>, Position)> {
        let asked = self.asked.take()?;
        Some((self.name.clone(), asked))
    }

    /// Whether the reader has everything up to [`position`](Self::position) if it has what it was
    /// asked to acknowledge: nothing else was sent behind that.
    #[must_use]
    pub fn is_all_asked(&self) -> bool {
        !self.is_owed
    }

    /// Appends packets to `out` until there are enough, or no more can be had now.
    ///
    /// # Errors
    /// If the reader must be told something, or the files cannot be read.
    pub fn fill(&mut self, out: &mut Vec<u8>, may_wait: bool) -> Result<Progress, DumpError> {
        loop {
            if self.is_refused() {
                return Err(self.refusal());
            }
            if self.is_done {
                self.encoder.eof(out, Capabilities::default(), StatusFlags::default());
                return Ok(Progress::Ended);
            }
            if out.len() >= OUT_LEN || self.asked.is_some() {
                return Ok(Progress::More);
            }
            match self.send_chunk(out, may_wait)? {
                Read::Bytes(_) => {}
                Read::NotCached => return Ok(Progress::OnDisk),
                Read::EndOfFile if self.next_file(out)? => {}
                Read::Frontier | Read::EndOfFile if self.encoder.is_open() => {
                    // All that is readable ends with an event, so none began where the reader wanted to.
                    return Err(self.failed(TRUNCATED));
                }
                Read::Frontier | Read::EndOfFile if self.options.non_blocking => {
                    self.tell_gap(out);
                    self.encoder.eof(out, Capabilities::default(), StatusFlags::default());
                    return Ok(Progress::Ended);
                }
                Read::Frontier | Read::EndOfFile => {
                    // It may wait for this position, and the next event may be long in coming.
                    self.tell_gap(out);
                    return Ok(Progress::CaughtUp);
                }
            }
        }
    }

    /// Appends a heartbeat.
    pub fn heartbeat(&mut self, out: &mut Vec<u8>) {
        let is_v2 = self.options.heartbeat_v2 && self.knows_heartbeat_v2;
        let version = if is_v2 { HeartbeatVersion::V2 } else { HeartbeatVersion::V1 };
        let event = self.here().heartbeat(version);
        self.encoder.event(out, &event, false);
    }

    /// Appends an error, which ends the stream. In the middle of an event there is no place for
    /// one; then the connection has to be closed.
    pub fn error(&mut self, out: &mut Vec<u8>, error: &ServerError) {
        if !self.encoder.is_open() {
            self.encoder.error(out, error);
        }
    }

    /// Sends a chunk's whole events, or the next part of one that is larger than a chunk.
    fn send_chunk(&mut self, out: &mut Vec<u8>, may_wait: bool) -> Result<Read, DumpError> {
        if self.lookout.is_due() {
            if !may_wait {
                return Ok(Read::NotCached);
            }
            self.leap()?;
        }
        if self.options.semi_sync {
            self.ack_at = Some(self.offset() + self.cursor.available());
        }
        if let Some(shared) = self.cursor.tail() {
            let sent = self.send_events(&shared, false, out)?;
            if sent > 0 {
                return Ok(Read::Bytes(sent));
            }
        }
        SCRATCH.with_borrow_mut(|chunk| {
            let available = self.cursor.available();
            let len = match self.cursor.look(chunk, !may_wait)? {
                Read::Bytes(len) => len,
                none => return Ok(none),
            };
            let sent = self.send_events(&chunk[..len], len == CHUNK_LEN, out)?;
            if sent > 0 {
                return Ok(Read::Bytes(sent));
            }
            if (len as u64) < available {
                // Not all of the event is in the page cache.
                return Ok(Read::NotCached);
            }
            // What was there when this reader began has been cut back meanwhile.
            self.incomplete = len;
            let is_over = self.catalog.after(self.cursor.file().id).is_some();
            Ok(if is_over { Read::EndOfFile } else { Read::Frontier })
        })
    }

    /// Goes on where the reader is next sent or told something, or at the last place before it that the
    /// index knows.
    fn leap(&mut self) -> Result<(), DumpError> {
        let (file, here) = (self.cursor.file(), self.offset());
        let found =
            self.catalog.seek_on(file, here, |next| match (&self.mariadb, &self.filter) {
                (Some(mariadb), _) => mariadb.leaves_out(next),
                (None, Some(filter)) => filter.leaves_out(next),
                (None, None) => false,
            })?;
        self.lookout.answered(found.is_some(), self.catalog.index_distance(file)?);
        let Some(to) = found else { return Ok(()) };
        if let Some(mariadb) = &mut self.mariadb {
            let head = self.catalog.head(file)?;
            mariadb.skipped(&to.gtids().unwrap_or_default(), &head.previous_gtids);
        }
        // Maybe out of the middle of a large event.
        self.splitter = Splitter::new();
        self.incomplete = 0;
        self.cursor.advance(len_to(to.offset, here));
        Ok(())
    }

    /// Sends from the front of a chunk; returns how much of it. `is_full` says that nobody can
    /// show more of an event at once.
    fn send_events(
        &mut self,
        chunk: &[u8],
        is_full: bool,
        out: &mut Vec<u8>,
    ) -> Result<usize, DumpError> {
        if self.is_first && self.check_first(chunk)? {
            self.is_first = false;
        }
        self.incomplete = 0;
        out.reserve(chunk.len() + chunk.len() / 16);
        let mut sent = 0;
        loop {
            let part = self.splitter.next(&chunk[sent..], is_full && sent == 0);
            let part = part.map_err(|_| self.failed("bogus data in log event"))?;
            let Some(part) = part else { return Ok(sent) };
            self.send_part(part, out)?;
            sent += part.bytes.len();
            self.cursor.advance(part.bytes.len());
            if part.last {
                self.follow_up(out);
                if self.is_done {
                    return Ok(sent);
                }
            }
        }
    }

    /// Sees whether an event begins where the reader wants to, once there is one.
    fn check_first(&self, chunk: &[u8]) -> Result<bool, DumpError> {
        let available = self.cursor.available();
        let Ok(header) = EventHeader::parse(chunk) else {
            // What is durable ends with an event, so this is in the middle of the last one.
            let is_all = chunk.len() as u64 == available;
            return if is_all && available > 0 { Err(self.failed(TRUNCATED)) } else { Ok(false) };
        };
        if header.size > EVENT_SIZE_MAX {
            return Err(self.failed(
                "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source",
            ));
        }
        if u64::from(header.size) > available {
            return Err(self.failed(TRUNCATED));
        }
        let end = LogPos::of(self.offset() + u64::from(header.size));
        if header.log_pos != end && header.log_pos != LogPos(0) {
            return Err(self.failed("bogus data in log event"));
        }
        Ok(true)
    }

    #[inline]
    fn send_part(&mut self, part: EventPart<'_>, out: &mut Vec<u8>) -> Result<(), DumpError> {
        if !part.first {
            if self.dropping {
                self.lookout.more(part.bytes.len());
            } else {
                self.encoder.part(out, part.bytes);
            }
            return Ok(());
        }
        if let [a, b, c, d, ..] = *part.bytes {
            self.event_time = u32::from_le_bytes([a, b, c, d]);
        }
        if self.filter.is_some() || self.mariadb.is_some() || part.bytes[4] == FORMAT {
            let header = EventHeader::parse(part.bytes)
                .map_err(|error| DumpError::fatal(error.to_string()))?;
            if header.kind == EventKind::FORMAT_DESCRIPTION {
                let format = FormatDescription::parse(part.bytes)
                    .map_err(|error| DumpError::fatal(error.to_string()))?;
                self.checksum = format.checksum;
                self.knows_heartbeat_v2 = knows_heartbeat_v2(&format);
                if let Some(mariadb) = &mut self.mariadb {
                    mariadb.begin_format(&format);
                }
            }
            if self.is_refused() {
                return Err(self.refusal());
            }
            let is_left_out = match &mut self.mariadb {
                None => {
                    self.dropping = !self.is_wanted(&header, part.bytes, out)?;
                    self.dropping
                }
                Some(mariadb) => {
                    let (action, then) = mariadb.judge(&header, part.bytes, self.checksum)?;
                    self.then = then;
                    if let Action::Replace(event) = &action {
                        self.encoder.event(out, event, false);
                        self.is_owed = true;
                    }
                    self.dropping = action != Action::Send;
                    action == Action::Skip
                }
            };
            self.lookout.event(part.bytes.len(), is_left_out);
            if self.dropping {
                return Ok(());
            }
        }
        if part.last {
            let wants_ack = self.wants_ack(part.bytes, part.bytes.len() as u64);
            self.encoder.event(out, part.bytes, wants_ack);
        } else if let Ok(header) = EventHeader::parse(part.bytes) {
            let wants_ack = self.wants_ack(part.bytes, u64::from(header.size));
            self.encoder.begin(out, u64::from(header.size), wants_ack);
            self.encoder.part(out, part.bytes);
        }
        Ok(())
    }

    /// Whether the event that begins here is to be acknowledged: the newest there is, but for one
    /// that ends a file, of which replicas say another position.
    #[inline]
    fn wants_ack(&mut self, event: &[u8], len: u64) -> bool {
        let Some(ack_at) = self.ack_at else { return false };
        let (end, kind) = (self.offset() + len, EventKind(event[4]));
        if end != ack_at || matches!(kind, EventKind::ROTATE | EventKind::STOP) {
            self.is_owed |= !OF_FILES.contains(&kind);
            return false;
        }
        self.is_owed = false;
        self.asked = Some(Position { offset: end, ..self.cursor.position() });
        true
    }

    fn is_wanted(
        &mut self,
        header: &EventHeader,
        event: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, DumpError> {
        let Some(filter) = &mut self.filter else { return Ok(true) };
        let bad = |error: binlogd_event::EventError| DumpError::fatal(error.to_string());
        match filter.judge(header, event).map_err(bad)? {
            Wanted::Yes => Ok(true),
            Wanted::No => Ok(false),
            Wanted::AfterGap => {
                self.tell_place(out);
                Ok(true)
            }
            Wanted::Overlap => Err(self.refuse_overlap()),
            Wanted::Anonymous => {
                let (file, offset) = self.place();
                Err(self.failed(&format!(
                    "Cannot replicate anonymous transaction when AUTO_POSITION = 1, at file \
                     ./{file}, position {offset}."
                )))
            }
        }
    }

    /// Sends what a MariaDB reader is told behind an event.
    #[inline]
    fn follow_up(&mut self, out: &mut Vec<u8>) {
        let then = std::mem::take(&mut self.then);
        if then == Then::Nothing {
            return;
        }
        if let Some(mariadb) = &self.mariadb {
            if then == Then::ListAndEnd {
                let list = gtid_list(&self.here(), mariadb.seen(), false);
                self.encoder.event(out, &list, false);
            }
            self.is_done = then != Then::List;
            self.lookout = Lookout::default();
            let list = gtid_list(&self.here(), mariadb.seen(), self.is_done);
            self.encoder.event(out, &list, false);
        }
    }

    /// Whether the reader knows no checksums, but the file has them.
    fn is_refused(&self) -> bool {
        self.options.checksum.is_none() && !self.checksum.is_empty()
    }

    fn refusal(&self) -> DumpError {
        self.failed(
            "Replica can not handle replication events with the checksum that source is configured \
             to log",
        )
    }

    /// An error with the places that MySQL adds to it.
    pub(super) fn failed(&self, what: &str) -> DumpError {
        let name = &self.name;
        let what = match self.says_master {
            true => what.replace("source", "master").replace("Replica", "Slave"),
            false => what.to_owned(),
        };
        if self.mariadb.is_some() {
            return DumpError::fatal(format!(
                "{what}; the first event '{name}' at {}, the last event read from '{name}' at \
                 {end}, the last byte read from '{name}' at {end}.",
                self.start_offset,
                end = self.offset(),
            ));
        }
        DumpError::fatal(format!(
            "{what}; the first event '{name}' at {}, the last event read from './{name}' at {end}, \
             the last byte read from './{name}' at {end}.",
            self.start_offset,
            end = self.offset(),
        ))
    }

    /// Sends a heartbeat if the last transactions were left out: the reader does not know its place.
    fn tell_gap(&mut self, out: &mut Vec<u8>) {
        if self.filter.as_ref().is_some_and(GtidFilter::is_skipping) {
            self.tell_place(out);
        }
    }

    /// Sends one heartbeat after events that were left out.
    fn tell_place(&mut self, out: &mut Vec<u8>) {
        let place = Some(self.cursor.position());
        if self.gap_told_at != place {
            self.gap_told_at = place;
            self.heartbeat(out);
        }
    }

    fn announce_file(&mut self, offset: u64, out: &mut Vec<u8>) {
        let event = Place { offset, ..self.here() }.rotate();
        self.encoder.event(out, &event, false);
    }

    fn here(&self) -> Place<'_> {
        Place {
            server_id: self.options.server_id,
            file: &self.name,
            offset: self.offset(),
            checksum: self.checksum,
        }
    }

    /// Where the next event begins in its file, or the rest of one that is sent in parts.
    fn offset(&self) -> u64 {
        self.cursor.position().offset
    }
}

fn knows_heartbeat_v2(format: &FormatDescription) -> bool {
    format.post_header_len(EventKind::HEARTBEAT_V2).is_some()
}

/// How many bytes from one place to a later one.
fn len_to(place: u64, from: u64) -> usize {
    usize::try_from(place.saturating_sub(from)).unwrap_or(usize::MAX)
}

/// Events that belong to a file and to no transaction.
const OF_FILES: [EventKind; 5] = [
    EventKind::FORMAT_DESCRIPTION,
    EventKind::PREVIOUS_GTIDS,
    EventKind::GTID_LIST,
    EventKind::ROTATE,
    EventKind::STOP,
];

const FORMAT: u8 = EventKind::FORMAT_DESCRIPTION.0;

/// The format description of the file in which a reader starts, as a source changes it for one
/// that is not at its beginning.
fn format_for_reader(
    catalog: &Catalog,
    start: &StartPoint,
    head: &FileHead,
) -> Result<Vec<u8>, DumpError> {
    let mut event = head.format_event.clone();
    let changed = match &start.has {
        _ if start.clear_log_pos => FormatDescription::make_artificial(&mut event),
        // A reader that has the file's first transaction must not take the event for a restart.
        Some(has) if catalog.first_gtid(&start.file)?.is_some_and(|gtid| has.contains(&gtid)) => {
            FormatDescription::clear_created(&mut event)
        }
        _ => Ok(()),
    };
    changed.map_err(|error| DumpError::fatal(error.to_string()))?;
    Ok(event)
}

#[cfg(test)]
mod tests;
