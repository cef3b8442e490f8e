//! The gate through which every event goes before it is stored, published or trusted.

use crate::checksum::CHECKSUM_LEN;
use crate::{
    ChecksumAlgorithm, EVENT_SIZE_MAX, EventError, EventFlags, EventHeader, EventKind, EventPart,
    FIRST_EVENT, FormatDescription, Gtid, GtidSet, HEADER_LEN, LogPos, LoggedGtids, Rotate,
    TransactionState, VerifyError, Violation, event_crc32, gtid_of, previous_gtids,
};

/// Checks the events of one file, in order: size, CRC32, `log_pos`, and transaction grammar.
///
/// Events come whole or in parts; no event is kept. After an error the verifier is still at the
/// end of the last good event, from which reading can start again with a new one.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// Where the last good event ends.
    offset: u64,
    format: Option<FormatDescription>,
    /// The checksum of artificial events: the reader's own choice until the source has sent a
    /// format description, then what that says.
    artificial_checksum: ChecksumAlgorithm,
    transaction: TransactionState,
    /// The GTID of the transaction that is under way.
    announced: Option<Gtid>,
    /// The GTIDs of transactions that are complete, not yet taken.
    committed: GtidSet,
    /// All that were taken, and what MariaDB's next file depends on.
    logged: LoggedGtids,
    /// Where the last good event begins.
    last_event: Option<u64>,
    /// Where the last event begins that gives a transaction its GTID, or says it has none.
    last_gtid: Option<u64>,
    /// Where the last whole transaction ends.
    transaction_end: u64,
    /// What `last_event` and `last_gtid` were there.
    before_transaction: (Option<u64>, Option<u64>),
    /// The file's readers are given whole transactions only.
    serves_whole_transactions: bool,
    /// Whether the file may be a relay log, and whether it is one.
    may_be_relay_log: bool,
    is_relay_log: bool,
    end: FileEnd,
    /// What the Rotate names that is being judged.
    next_file: String,
    /// The event of which not all parts have come.
    unfinished: Option<Unfinished>,
}

/// What ends a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum FileEnd {
    /// Nothing yet, or its server crashed.
    #[default]
    Open,
    /// Its server stopped.
    Stop,
    /// The name of the next file; empty if it cannot be read.
    Rotate(String),
}

/// What to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It is part of the file.
    Store,
    /// The source made it for the reader; it belongs to no file.
    Artificial,
}

/// What a verifier says of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The event's header.
    pub header: EventHeader,
    /// Whether it belongs into the file.
    pub disposition: Disposition,
}

#[derive(Debug, Clone)]
struct Unfinished {
    verified: Verified,
    /// Bytes that came.
    len: u64,
    /// The last bytes that came, which may be the checksum: not hashed yet.
    held: Vec<u8>,
    crc: Option<crc32fast::Hasher>,
    /// The event itself, where its contents are wanted: GTIDs of earlier files.
    kept: Option<Vec<u8>>,
    after: TransactionState,
}

/// The largest list of earlier files' GTIDs that is read, in bytes: some four million intervals.
const PREVIOUS_GTIDS_SIZE_MAX: u32 = 64 << 20;

/// The largest Rotate whose name is read where it comes in parts, in bytes.
const ROTATE_SIZE_MAX: u32 = 4096;

impl Verifier {
    /// A verifier before a file's first event.
    ///
    /// `artificial_checksum` is what artificial events have before the first format description
    /// of a connection: what the reader set `@source_binlog_checksum` to. It does not matter for
    /// bytes from a file.
    #[must_use]
    pub fn at_start(artificial_checksum: ChecksumAlgorithm) -> Self {
        Self {
            offset: FIRST_EVENT,
            format: None,
            artificial_checksum,
            transaction: TransactionState::Outside,
            announced: None,
            committed: GtidSet::new(),
            logged: LoggedGtids::default(),
            last_event: None,
            last_gtid: None,
            transaction_end: FIRST_EVENT,
            before_transaction: (None, None),
            serves_whole_transactions: false,
            may_be_relay_log: false,
            is_relay_log: false,
            end: FileEnd::Open,
            next_file: String::new(),
            unfinished: None,
        }
    }

    /// A verifier that goes on where this one stands, with what comes over a new connection.
    #[must_use]
    pub fn resume(&self, artificial_checksum: ChecksumAlgorithm) -> Self {
        Self { artificial_checksum, unfinished: None, ..self.clone() }
    }

    /// Where the last good event ends, in bytes from the file's start.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The file's format, once its first event was seen.
    #[must_use]
    pub fn format(&self) -> Option<&FormatDescription> {
        self.format.as_ref()
    }

    /// What the last good event left the stream in the middle of.
    #[must_use]
    pub fn transaction(&self) -> TransactionState {
        self.transaction
    }

    /// The checksum that the next artificial event has.
    #[must_use]
    pub fn artificial_checksum(&self) -> ChecksumAlgorithm {
        self.artificial_checksum
    }

    /// Notes that this connection's format description came, and was that of the file.
    pub fn format_was_sent(&mut self) {
        self.artificial_checksum = self.checksum();
    }

    /// Where the last good event begins, in bytes from the file's start; `None` before the first.
    #[must_use]
    pub fn last_event(&self) -> Option<u64> {
        self.last_event
    }

    /// Where the last transaction begins with its GTID event, in bytes from the file's start; `None`
    /// where the file has none.
    #[must_use]
    pub fn last_gtid(&self) -> Option<u64> {
        self.last_gtid
    }

    /// Where the last whole transaction ends, or what belongs to none, in bytes from the file's
    /// start: the last offset at which the file could be cut.
    #[must_use]
    pub fn transaction_end(&self) -> u64 {
        self.transaction_end
    }

    /// Up to where readers may be given the file, in bytes from its start: the end of the last whole
    /// event; in MariaDB's files the end of the last whole transaction. A MariaDB that died leaves the
    /// beginning of a transaction in its file and gives the same GTID to another one in the next, behind
    /// which its replicas can neither go on nor come back.
    #[must_use]
    #[inline]
    pub fn servable_end(&self) -> u64 {
        if self.serves_whole_transactions { self.transaction_end } else { self.offset }
    }

    /// Notes that readers were given the beginning of the transaction that is under way, so that what
    /// they may be given of this file ends behind any event.
    pub fn serve_parts(&mut self) {
        self.serves_whole_transactions = false;
    }

    /// Goes back to [`servable_end`](Self::servable_end), for a file that is cut there. Returns the GTID
    /// of the transaction that is forgotten, if one is and has one.
    pub fn go_back_to_servable_end(&mut self) -> Option<Gtid> {
        self.unfinished = None;
        if self.servable_end() == self.offset {
            return None;
        }
        self.offset = self.transaction_end;
        (self.last_event, self.last_gtid) = self.before_transaction;
        self.transaction = TransactionState::Outside;
        self.end = FileEnd::Open;
        self.announced.take()
    }

    /// Takes the GTIDs that became complete since the last call: those of whole transactions, and
    /// those of earlier files that the file's second event lists.
    #[must_use]
    pub fn take_committed(&mut self) -> GtidSet {
        let committed = std::mem::take(&mut self.committed);
        self.logged.extend(&committed);
        committed
    }

    /// Whether the file has its last event, a Rotate or Stop.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.end != FileEnd::Open
    }

    /// What ends the file.
    #[must_use]
    pub fn end(&self) -> &FileEnd {
        &self.end
    }

    /// The GTIDs that the file accounts for so far, which the next file must list.
    #[must_use]
    pub fn logged(&self) -> LoggedGtids {
        let mut logged = self.logged.clone();
        logged.extend(&self.committed);
        logged
    }

    /// Takes relay logs, too: files in which a replica keeps what it receives. Their events have the
    /// places of the source's file, and what a source makes for a reader stands between them.
    #[must_use]
    pub fn allowing_relay_log(mut self) -> Self {
        self.may_be_relay_log = true;
        self
    }

    /// Whether the file is a relay log, as its first event says.
    #[must_use]
    pub fn is_relay_log(&self) -> bool {
        self.is_relay_log
    }

    /// Checks an event or a part of one. The event is good once this has returned `Ok` for its
    /// last part; the parts before tell only what it is and whether it will belong into the file.
    ///
    /// # Errors
    /// [`VerifyError`] names the first rule that the event breaks and where it begins.
    #[inline]
    pub fn check(&mut self, part: EventPart<'_>) -> Result<Verified, VerifyError> {
        if part.first && part.last { self.check_whole(part.bytes) } else { self.check_part(part) }
    }

    /// Forgets the parts of an event that will not come to its end.
    pub fn abandon_event(&mut self) {
        self.unfinished = None;
    }

    fn check_whole(&mut self, event: &[u8]) -> Result<Verified, VerifyError> {
        let verified = self.classify(event)?;
        let header = verified.header;
        let outcome = self.judge_whole(&verified, event);
        let after = outcome.map_err(|violation| self.error(header.kind, violation))?;
        self.accept(&verified, after);
        Ok(verified)
    }

    fn judge_whole(
        &mut self,
        verified: &Verified,
        event: &[u8],
    ) -> Result<TransactionState, Violation> {
        let header = &verified.header;
        if header.size as usize != event.len() {
            return Err(Violation::Size { header: header.size, actual: event.len() as u64 });
        }
        if self.may_be_relay_log && self.format.is_none() {
            self.is_relay_log = header.kind == EventKind::FORMAT_DESCRIPTION
                && header.flags.contains(EventFlags::RELAY_LOG);
        }
        if self.is_relay_log && header.is_artificial() {
            return self.judge_made_for_replica(header, event);
        }
        if verified.disposition == Disposition::Artificial {
            if header.kind == EventKind::FORMAT_DESCRIPTION {
                self.artificial_checksum = artificial_format(event)?.checksum;
            } else {
                check_crc(event, self.artificial_checksum)?;
            }
            return Ok(self.transaction);
        }
        self.check_place(header)?;
        if header.kind == EventKind::FORMAT_DESCRIPTION {
            let format = checked_format(event)?;
            self.artificial_checksum = format.checksum;
            self.serves_whole_transactions = format.server_version.is_mariadb();
            self.format = Some(format);
            return Ok(self.transaction);
        }
        check_crc(event, self.checksum())?;
        let body = without_crc(event, self.checksum());
        let after = self.transaction_after(header, body, true)?;
        if header.kind.is_gtid() {
            self.announced = gtid_of(header, body)?;
        } else if header.kind.is_previous_gtids() {
            self.list(&previous_gtids(body)?);
        } else if header.kind == EventKind::ROTATE {
            self.next_file = next_file(body);
        }
        Ok(after)
    }

    /// An event of a relay log that the source made for the replica. A connection begins with it: what
    /// was received of a transaction before comes again.
    fn judge_made_for_replica(
        &mut self,
        header: &EventHeader,
        event: &[u8],
    ) -> Result<TransactionState, Violation> {
        self.announced = None;
        if header.kind == EventKind::FORMAT_DESCRIPTION {
            self.format = Some(artificial_format(event)?);
        } else {
            check_crc(event, self.checksum())?;
        }
        Ok(TransactionState::Outside)
    }

    fn check_part(&mut self, part: EventPart<'_>) -> Result<Verified, VerifyError> {
        if part.first {
            self.begin(part.bytes)?;
        } else if let Some(unfinished) = &mut self.unfinished {
            unfinished.feed(part.bytes);
        }
        let Some(unfinished) = &self.unfinished else {
            let missing =
                EventError::Truncated { field: "event header", needed: HEADER_LEN, available: 0 };
            return Err(self.error(EventKind(0), missing.into()));
        };
        let verified = unfinished.verified;
        if part.last
            && let Some(unfinished) = self.unfinished.take()
        {
            let kind = verified.header.kind;
            unfinished.judge().map_err(|violation| self.error(kind, violation))?;
            if let Some(event) = &unfinished.kept {
                let body = without_crc(event, self.checksum());
                if kind == EventKind::ROTATE {
                    self.next_file = next_file(body);
                } else {
                    let set = previous_gtids(body);
                    self.list(&set.map_err(|error| self.error(kind, error.into()))?);
                }
            }
            self.accept(&verified, unfinished.after);
        }
        Ok(verified)
    }

    /// Judges what the first part of a large event can tell.
    fn begin(&mut self, bytes: &[u8]) -> Result<(), VerifyError> {
        let verified = self.classify(bytes)?;
        let header = verified.header;
        let mut after = Ok(self.transaction);
        if header.kind == EventKind::FORMAT_DESCRIPTION {
            // Always a few hundred bytes, so never in parts.
            after = Err(Violation::ImpossibleSize { size: header.size });
        } else if verified.disposition == Disposition::Store {
            after = self
                .check_place(&header)
                .and_then(|()| self.transaction_after(&header, bytes, false));
        }
        let after = after.map_err(|violation| self.error(header.kind, violation))?;
        let crc = (!self.checksum().is_empty()).then(crc32fast::Hasher::new);
        let held = Vec::with_capacity(CHECKSUM_LEN);
        let is_rotate = header.kind == EventKind::ROTATE && header.size <= ROTATE_SIZE_MAX;
        let kept = (header.kind.is_previous_gtids() || is_rotate).then(Vec::new);
        if kept.is_some() && header.size > PREVIOUS_GTIDS_SIZE_MAX {
            let violation = Violation::ImpossibleSize { size: header.size };
            return Err(self.error(header.kind, violation));
        }
        let mut unfinished = Unfinished { verified, len: 0, held, crc, kept, after };
        unfinished.feed(bytes);
        self.unfinished = Some(unfinished);
        Ok(())
    }

    fn classify(&self, event: &[u8]) -> Result<Verified, VerifyError> {
        let header =
            EventHeader::parse(event).map_err(|error| self.error(EventKind(0), error.into()))?;
        let (disposition, checksum) = if header.is_artificial() && !self.is_relay_log {
            (Disposition::Artificial, self.artificial_checksum)
        } else {
            (Disposition::Store, self.checksum())
        };
        let len_min = HEADER_LEN + checksum.len();
        if (header.size as usize) < len_min || header.size > EVENT_SIZE_MAX {
            let violation = Violation::ImpossibleSize { size: header.size };
            return Err(self.error(header.kind, violation));
        }
        Ok(Verified { header, disposition })
    }

    /// Whether an event may stand here: behind the one before, and not behind the file's end.
    #[inline]
    fn check_place(&self, header: &EventHeader) -> Result<(), Violation> {
        let is_format = header.kind == EventKind::FORMAT_DESCRIPTION;
        match &self.format {
            None if !is_format => return Err(Violation::NoFormatDescription),
            Some(_) if self.is_relay_log => return Ok(()),
            Some(_) if is_format => return Err(Violation::SecondFormatDescription),
            _ => {}
        }
        if self.ended() {
            return Err(Violation::AfterEnd);
        }
        if header.kind == EventKind::START_ENCRYPTION {
            return Err(Violation::Encrypted);
        }
        let expected = LogPos::of(self.offset + u64::from(header.size));
        // MariaDB leaves log_pos 0 in events that were written to a transaction's cache.
        let may_be_zero = || self.format.as_ref().is_some_and(|f| f.server_version.is_mariadb());
        if header.log_pos != expected && !(header.log_pos.0 == 0 && may_be_zero()) {
            return Err(Violation::LogPos { expected: expected.0, found: header.log_pos.0 });
        }
        Ok(())
    }

    #[inline]
    fn transaction_after(
        &self,
        header: &EventHeader,
        event: &[u8],
        whole: bool,
    ) -> Result<TransactionState, Violation> {
        if header.kind.is_rows()
            && self.transaction.is_outside()
            && self.format.as_ref().is_some_and(|f| f.server_version.logs_rows_alone())
        {
            return Ok(self.transaction);
        }
        let query_len = self.format.as_ref().and_then(|f| f.post_header_len(EventKind::QUERY));
        self.transaction.after(header, event, whole, query_len.unwrap_or(QUERY_POST_HEADER_LEN))
    }

    #[inline]
    fn accept(&mut self, verified: &Verified, after: TransactionState) {
        if verified.disposition == Disposition::Store {
            self.last_event = Some(self.offset);
            if verified.header.kind.is_gtid() {
                self.last_gtid = Some(self.offset);
            }
            if after.is_outside()
                && let Some(gtid) = self.announced.take()
            {
                self.committed.insert(gtid);
                self.logged.commit(gtid);
            }
            self.offset += u64::from(verified.header.size);
            self.transaction = after;
            if after.is_outside() {
                self.transaction_end = self.offset;
                self.before_transaction = (self.last_event, self.last_gtid);
            }
            if matches!(verified.header.kind, EventKind::ROTATE | EventKind::STOP) {
                self.accept_end(verified.header.kind);
            }
        }
    }

    /// Takes a Rotate or Stop, after which nothing comes. Those of a relay log's source say nothing of the relay log.
    #[cold]
    fn accept_end(&mut self, kind: EventKind) {
        match kind {
            _ if self.is_relay_log => {}
            EventKind::ROTATE => {
                self.end = FileEnd::Rotate(std::mem::take(&mut self.next_file));
            }
            _ => self.end = FileEnd::Stop,
        }
    }

    /// Takes the list of earlier GTIDs at the file's head.
    fn list(&mut self, gtids: &GtidSet) {
        self.committed.extend(gtids);
        self.logged.list(gtids);
    }

    fn checksum(&self) -> ChecksumAlgorithm {
        self.format.as_ref().map_or(ChecksumAlgorithm::None, |f| f.checksum)
    }

    fn error(&self, kind: EventKind, violation: Violation) -> VerifyError {
        VerifyError { offset: self.offset, kind, violation }
    }
}

impl Unfinished {
    /// Hashes what came, but for the last bytes of it, which may be the checksum.
    fn feed(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
        let Some(crc) = &mut self.crc else { return };
        let tail = bytes.len().min(CHECKSUM_LEN);
        let (now, later) = bytes.split_at(bytes.len() - tail);
        let settled = (self.held.len() + tail).saturating_sub(CHECKSUM_LEN);
        // At least as many held bytes are settled as a full tail pushes out.
        crc.update(&self.held[..settled]);
        self.held.drain(..settled);
        crc.update(now);
        self.held.extend_from_slice(later);
    }

    fn judge(&self) -> Result<(), Violation> {
        let size = self.verified.header.size;
        if u64::from(size) != self.len {
            return Err(Violation::Size { header: size, actual: self.len });
        }
        match (&self.crc, self.held.first_chunk::<CHECKSUM_LEN>()) {
            (Some(crc), Some(&stored)) => {
                compare(u32::from_le_bytes(stored), crc.clone().finalize())
            }
            _ => Ok(()),
        }
    }
}

/// The fixed part of Query events since MySQL 5.0, in bytes.
const QUERY_POST_HEADER_LEN: usize = 13;

fn next_file(event: &[u8]) -> String {
    Rotate::parse(event).map(|rotate| rotate.file.to_owned()).unwrap_or_default()
}

fn without_crc(event: &[u8], algorithm: ChecksumAlgorithm) -> &[u8] {
    &event[..event.len().saturating_sub(algorithm.len())]
}

/// Reads a format description event, which always carries a CRC32 if its server knows checksums,
/// also where it says that other events carry none.
fn checked_format(event: &[u8]) -> Result<FormatDescription, Violation> {
    let format = FormatDescription::parse(event)?;
    if format.server_version.knows_checksums() {
        check_crc32(event)?;
    }
    Ok(format)
}

/// Reads a format description event that a source has changed for a reader. Where events carry no
/// checksum, the source leaves that of this one as it was, though it no longer fits.
fn artificial_format(event: &[u8]) -> Result<FormatDescription, Violation> {
    let format = FormatDescription::parse(event)?;
    check_crc(event, format.checksum)?;
    Ok(format)
}

#[inline]
fn check_crc(event: &[u8], algorithm: ChecksumAlgorithm) -> Result<(), Violation> {
    match algorithm {
        ChecksumAlgorithm::None => Ok(()),
        ChecksumAlgorithm::Crc32 => check_crc32(event),
    }
}

#[inline]
fn check_crc32(event: &[u8]) -> Result<(), Violation> {
    let (body, stored) = event.split_last_chunk::<CHECKSUM_LEN>().ok_or(EventError::Truncated {
        field: "checksum",
        needed: CHECKSUM_LEN,
        available: event.len(),
    })?;
    compare(u32::from_le_bytes(*stored), event_crc32(body))
}

fn compare(stored: u32, computed: u32) -> Result<(), Violation> {
    if stored == computed { Ok(()) } else { Err(Violation::Checksum { stored, computed }) }
}
