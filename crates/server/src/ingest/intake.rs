//! Judges what a primary sends and gathers what is to be written. No IO.
//!
//! Nothing of a new file is handed on before it is known to follow what is stored: its name, and the
//! GTIDs that its second event lists ([`Head`]).

use std::collections::VecDeque;
use std::sync::Arc;

use binlogd_event::{
    ChecksumAlgorithm, Disposition, EventHeader, EventKind, EventPart, FIRST_EVENT,
    FormatDescription, Gtid, GtidSet, Rotate, Verified, Verifier, VerifyError, Violation,
};
use binlogd_store::{Batch, LogFile, LogName, Resume, StoreError};

use super::Overlap;
use super::head::{Head, NotNext, Predecessor};

/// Where a stream's stored bytes end, and the verifier that has seen the last file.
#[derive(Debug, Clone)]
pub struct Tail {
    /// The last file.
    pub file: Arc<LogFile>,
    /// Knows the file up to its end.
    pub verifier: Verifier,
}

impl From<&Resume> for Tail {
    fn from(resume: &Resume) -> Self {
        Self { file: resume.file.clone(), verifier: resume.verifier.clone() }
    }
}

/// What the writer is to do next.
#[derive(Debug)]
pub enum Command {
    /// Append to the active file; then, if `ack` is given, the event that ends there wants an
    /// acknowledgement.
    Write {
        /// The bytes.
        batch: Batch,
        /// Where the last event ends that wants one, in bytes from the file's start.
        ack: Option<u64>,
    },
    /// Close the active file and begin this one.
    StartFile(LogName),
}

/// Why a stream cannot go on over this connection.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// An event is damaged or out of place. It was not stored.
    #[error("bad event from the primary: {file}: {error}. It was not stored; reconnecting")]
    Verify {
        /// The file that the primary is sending.
        file: String,
        /// What is wrong.
        error: VerifyError,
    },
    /// A file that a MariaDB has encrypted.
    #[error(
        "the primary's {file} is encrypted (encrypt_binlog was ON when it was written). Its events come \
         decrypted, so that a file made of them could not be the primary's own. Begin at a later file, \
         with a new data directory if this one has files already"
    )]
    Encrypted {
        /// The file that the primary is sending.
        file: String,
    },
    /// What the primary sends again is not what is stored: two histories.
    #[error(
        "the primary's {file} differs from the stored one behind {offset}: this is another \
         history (was the primary reset, restored or replaced?). The stored files are kept as they \
         are; to follow the new history give binlogd a new data directory"
    )]
    Fork {
        /// The file.
        file: String,
        /// Where the comparison began, in bytes from the file's start.
        offset: u64,
    },
    /// The primary has less than is stored.
    #[error(
        "the primary's {file} ends at {theirs}, but {ours} bytes of it are stored: it has lost its tail or \
         was reset. The stored files are kept as they are; to follow the new history give binlogd a new \
         data directory"
    )]
    LostTail {
        /// The file.
        file: String,
        /// Its length there, in bytes.
        theirs: u64,
        /// Its length here, in bytes.
        ours: u64,
    },
    /// A file that does not follow what is stored. Nothing of it was stored.
    #[error(transparent)]
    NotNext(#[from] NotNext),
    /// A file that is not the one that was asked for.
    #[error("asked the primary for {wanted}, but it began with {got}")]
    WrongStart {
        /// File and position that were asked for.
        wanted: String,
        /// What came.
        got: String,
    },
    /// A file name that cannot be one.
    #[error("the primary names its next file {0:?}, which is no binlog file name")]
    BadName(String),
    /// The stored event could not be read for comparison.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The judge of one connection's events.
#[derive(Debug)]
pub struct Intake {
    file: LogName,
    /// Of a file of which nothing was handed on yet.
    head: Option<Head>,
    /// The primary's transactions that stand in none of its files, as they were known when the dump began.
    unlogged: GtidSet,
    /// Where the dump was asked to begin.
    start: u64,
    verifier: Verifier,
    phase: Phase,
    batch: Batch,
    ack: Option<u64>,
    commands: VecDeque<Command>,
    spare: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum Phase {
    /// The stream's first event, an artificial Rotate, has yet to come.
    Opening { overlap: Option<Overlap> },
    /// The end of what is stored is coming again.
    Overlapping(Overlap),
    /// All that comes is new.
    Following,
}

/// A batch is handed on when it has this many bytes, however many more are there to be read.
const BATCH_LEN: usize = 512 << 10;

/// Empty buffers that are kept for later batches.
const SPARE_MAX: usize = 4;

impl Intake {
    /// For a stream that begins at the start of `file`, which must follow `before`.
    /// `session_checksum` is what was asked for with `@source_binlog_checksum`.
    #[must_use]
    pub fn at_file(
        file: LogName,
        before: Predecessor,
        session_checksum: ChecksumAlgorithm,
    ) -> Self {
        let verifier = Verifier::at_start(session_checksum);
        let head = Some(Head::new(before));
        Self { head, ..Self::new(file, FIRST_EVENT, verifier, Phase::Opening { overlap: None }) }
    }

    /// For a stream that goes on at `tail`. `overlap` reads the end of what is stored, with which the
    /// dump begins, so that both histories are seen to be one.
    #[must_use]
    pub fn at_tail(
        tail: &Tail,
        overlap: Option<Overlap>,
        session_checksum: ChecksumAlgorithm,
    ) -> Self {
        let verifier = tail.verifier.resume(session_checksum);
        let start = overlap.as_ref().map_or(FIRST_EVENT, Overlap::start);
        let phase = Phase::Opening { overlap };
        Self::new(tail.file.name.clone(), start, verifier, phase)
    }

    /// For a stream that goes on behind `tail`, and shows nothing of what is stored but the file's
    /// format.
    #[must_use]
    pub fn at_end(tail: &Tail, session_checksum: ChecksumAlgorithm) -> Self {
        let verifier = tail.verifier.resume(session_checksum);
        let start = verifier.offset();
        let phase = Phase::Opening { overlap: None };
        Self::new(tail.file.name.clone(), start, verifier, phase)
    }

    /// Sets which of the primary's transactions stand in none of its files: a file's head may list them.
    #[must_use]
    pub fn with_unlogged(self, unlogged: GtidSet) -> Self {
        Self { unlogged, ..self }
    }

    fn new(file: LogName, start: u64, verifier: Verifier, phase: Phase) -> Self {
        Self {
            file,
            head: None,
            unlogged: GtidSet::new(),
            start,
            verifier,
            phase,
            batch: Batch::default(),
            ack: None,
            commands: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// The file whose events are coming.
    #[must_use]
    pub fn file(&self) -> &LogName {
        &self.file
    }

    /// Where a dump must begin for this intake.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Whether all that comes is new: what is stored has come again, and was the same.
    #[must_use]
    pub fn is_following(&self) -> bool {
        matches!(self.phase, Phase::Following)
    }

    /// Whether what comes was seen to follow what is stored: also of a new file, whose head was accepted.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.is_following() && self.head.is_none()
    }

    /// Gives up a transaction of which the rest will not come over this connection, and which therefore
    /// is not to be kept; what was handed to the writer of it is cut by that. Returns its GTID.
    pub fn settle(&mut self) -> Option<Gtid> {
        if let Some(head) = self.head.take() {
            self.batch.bytes.clear();
            self.batch.verified_end = 0;
            match head.into_file() {
                Some((file, verifier)) => (self.file, self.verifier) = (file, verifier),
                None => self.verifier = Verifier::at_start(self.verifier.artificial_checksum()),
            }
        }
        self.flush();
        self.verifier.go_back_to_servable_end()
    }

    /// The verifier, at the end of the last good event.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Takes an event or a part of one.
    ///
    /// # Errors
    /// If it is not what may come here. What came before is still good.
    #[inline]
    pub fn part(&mut self, part: EventPart<'_>, wants_ack: bool) -> Result<(), IntakeError> {
        if !matches!(self.phase, Phase::Following) && self.is_before_following(part, wants_ack)? {
            return Ok(());
        }
        if part.first && is_marked_in_use(part.bytes) {
            let (offset, kind) = (self.verifier.offset(), EventKind::FORMAT_DESCRIPTION);
            return Err(self.bad(VerifyError { offset, kind, violation: Violation::InUse }));
        }
        let verified = self.verifier.check(part).map_err(|error| self.bad(error))?;
        if self.head.is_some() {
            self.judge_head(&verified, part.last)?;
        }
        match verified.disposition {
            Disposition::Store => {
                self.batch.bytes.extend_from_slice(part.bytes);
                if part.last {
                    let end = self.verifier.servable_end();
                    self.batch.verified_end = end;
                    if wants_ack && end == self.verifier.offset() {
                        self.ack = Some(end);
                    }
                }
                if self.batch.bytes.len() >= BATCH_LEN {
                    self.flush();
                }
            }
            Disposition::Artificial if part.first && part.last => {
                self.artificial(&verified.header, part.bytes)?;
            }
            // No source makes large events of its own, and nothing depends on one.
            Disposition::Artificial => {}
        }
        Ok(())
    }

    /// Makes a command of what is gathered, if anything is and may be handed on.
    pub fn flush(&mut self) {
        if self.head.is_some() || self.batch.bytes.is_empty() && self.ack.is_none() {
            return;
        }
        let next = Batch {
            bytes: self.spare.pop().unwrap_or_default(),
            verified_end: self.batch.verified_end,
            ..Batch::default()
        };
        let mut batch = std::mem::replace(&mut self.batch, next);
        batch.gtids = self.verifier.take_committed();
        self.commands.push_back(Command::Write { batch, ack: self.ack.take() });
    }

    /// Whether there is something for the writer to do.
    #[must_use]
    #[inline]
    pub fn has_commands(&self) -> bool {
        !self.commands.is_empty()
    }

    /// The next command for the writer.
    #[inline]
    pub fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// Gives a written batch's buffer back.
    pub fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < SPARE_MAX {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// Notes that the primary has sent all that it has.
    ///
    /// # Errors
    /// If that is less than is stored.
    pub fn has_ended(&self) -> Result<(), IntakeError> {
        match &self.phase {
            Phase::Overlapping(overlap) => Err(self.lost_tail(overlap)),
            Phase::Opening { .. } | Phase::Following => Ok(()),
        }
    }

    /// Handles what comes until the stored end is reached; `false` for what the verifier judges.
    fn is_before_following(
        &mut self,
        part: EventPart<'_>,
        wants_ack: bool,
    ) -> Result<bool, IntakeError> {
        let header = if part.first { EventHeader::parse(part.bytes).ok() } else { None };
        if let Some(header) = header.filter(EventHeader::is_artificial) {
            // A primary that waits for something to send has nothing after what it has sent.
            return if header.kind.is_heartbeat() {
                self.has_ended().map(|()| false)
            } else {
                Ok(false)
            };
        }
        let is_format = header.is_some_and(|h| h.kind == EventKind::FORMAT_DESCRIPTION);
        match &mut self.phase {
            // A dump by COM_BINLOG_DUMP_GTID repeats the format with its log_pos.
            Phase::Overlapping(overlap) if is_format && overlap.start() != FIRST_EVENT => {
                self.format_again(part.bytes)?;
                self.verifier.format_was_sent();
                Ok(true)
            }
            Phase::Opening { .. } => Err(self.wrong_start("an event without a file name")),
            Phase::Overlapping(overlap) => {
                let same = overlap.is_same(part.bytes)?;
                if !same || (overlap.left() == 0 && !part.last) {
                    let offset = overlap.start();
                    return Err(IntakeError::Fork { file: self.file.to_string(), offset });
                }
                if wants_ack {
                    // It is durable, though its acknowledgement may not have got through.
                    self.batch.verified_end = self.verifier.offset();
                    self.ack = Some(self.verifier.offset());
                }
                if overlap.left() == 0 {
                    self.phase = Phase::Following;
                    self.verifier.format_was_sent();
                }
                Ok(true)
            }
            Phase::Following => Ok(false),
        }
    }

    fn artificial(&mut self, header: &EventHeader, event: &[u8]) -> Result<(), IntakeError> {
        match header.kind {
            EventKind::ROTATE => self.rotate(event),
            EventKind::FORMAT_DESCRIPTION => self.format_again(event),
            _ => Ok(()),
        }
    }

    /// An artificial Rotate names the file whose events follow.
    fn rotate(&mut self, event: &[u8]) -> Result<(), IntakeError> {
        // Before the first format description the event's checksum is the session's choice; after
        // it, what that says. The verifier has checked it.
        let checksum_len = self.verifier.artificial_checksum().len();
        let body = &event[..event.len().saturating_sub(checksum_len)];
        let (name, position) = match Rotate::parse(body) {
            Ok(rotate) => (rotate.file.to_owned(), rotate.position),
            Err(error) => return Err(IntakeError::BadName(error.to_string())),
        };
        let name = LogName::new(&name).ok_or(IntakeError::BadName(name))?;
        match std::mem::replace(&mut self.phase, Phase::Following) {
            Phase::Opening { overlap } => {
                if name != self.file || position != self.start {
                    return Err(self.wrong_start(&format!("{name} at {position}")));
                }
                if let Some(overlap) = overlap {
                    self.phase = Phase::Overlapping(overlap);
                }
                Ok(())
            }
            Phase::Following if name != self.file => self.switch_to(name, position),
            Phase::Following => Ok(()),
            Phase::Overlapping(overlap) if name != self.file => Err(self.lost_tail(&overlap)),
            Phase::Overlapping(_) => Err(self.wrong_start(&format!("{name} at {position}"))),
        }
    }

    fn switch_to(&mut self, name: LogName, position: u64) -> Result<(), IntakeError> {
        if position != FIRST_EVENT {
            return Err(self.wrong_start(&format!("{name} at {position}")));
        }
        // It had a format description and nothing else.
        self.accept_head(None)?;
        if !self.verifier.transaction().is_outside() {
            let end = self.verifier.offset();
            let gtid = self.verifier.go_back_to_servable_end();
            tracing::warn!(
                file = %self.file, offset = self.verifier.offset(), end,
                gtid = gtid.map(tracing::field::display),
                "the primary's file ends inside of a transaction: has it crashed?"
            );
        }
        self.flush();
        let new = Verifier::at_start(self.verifier.artificial_checksum());
        let file = std::mem::replace(&mut self.file, name);
        let verifier = std::mem::replace(&mut self.verifier, new);
        self.head = Some(Head::new(Predecessor::Sent { file, verifier }));
        self.batch.verified_end = 0;
        Ok(())
    }

    /// Looks at an event while nothing of its file was handed on.
    fn judge_head(&mut self, verified: &Verified, is_last: bool) -> Result<(), IntakeError> {
        let kind = verified.header.kind;
        match verified.disposition {
            Disposition::Store if kind == EventKind::FORMAT_DESCRIPTION => Ok(()),
            Disposition::Store if kind.is_previous_gtids() => {
                if !is_last {
                    return Ok(());
                }
                let listed = self.verifier.logged();
                self.accept_head(Some(listed.all()))
            }
            Disposition::Store => self.accept_head(None),
            // The primary waits: its file has no list.
            Disposition::Artificial if kind.is_heartbeat() && self.verifier.format().is_some() => {
                self.accept_head(None)
            }
            Disposition::Artificial => Ok(()),
        }
    }

    /// Begins the file, if it follows what is stored.
    fn accept_head(&mut self, listed: Option<&GtidSet>) -> Result<(), IntakeError> {
        let Some(head) = &self.head else { return Ok(()) };
        head.check(&self.file, listed, &self.unlogged)?;
        self.head = None;
        self.commands.push_back(Command::StartFile(self.file.clone()));
        Ok(())
    }

    /// A dump that begins inside of a file repeats its format: it must be the stored one.
    fn format_again(&self, event: &[u8]) -> Result<(), IntakeError> {
        let Some(stored) = self.verifier.format() else { return Ok(()) };
        let same = FormatDescription::parse(event).is_ok_and(|mut sent| {
            sent.created = stored.created;
            sent == *stored
        });
        if same {
            return Ok(());
        }
        Err(IntakeError::Fork { file: self.file.to_string(), offset: FIRST_EVENT })
    }

    fn lost_tail(&self, overlap: &Overlap) -> IntakeError {
        let ours = self.verifier.offset();
        let theirs = ours.saturating_sub(overlap.left());
        IntakeError::LostTail { file: self.file.to_string(), theirs, ours }
    }

    fn wrong_start(&self, got: &str) -> IntakeError {
        let wanted = format!("{} at {}", self.file, self.start);
        IntakeError::WrongStart { wanted, got: got.to_owned() }
    }

    fn bad(&self, error: VerifyError) -> IntakeError {
        if error.violation == Violation::Encrypted {
            return IntakeError::Encrypted { file: self.file.to_string() };
        }
        IntakeError::Verify { file: self.file.to_string(), error }
    }
}

/// The one bit of an event that its checksum does not cover: servers set it in their own files.
#[inline]
fn is_marked_in_use(event: &[u8]) -> bool {
    event.get(4) == Some(&EventKind::FORMAT_DESCRIPTION.0)
        && event.get(17).is_some_and(|flags| flags & 1 != 0)
}
