//! Driving the intake and the writer from a connection.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use binlogd_client::{BinlogStream, ClientError};
use binlogd_event::{EventKind, EventPart};
use binlogd_store::StoreError;
use binlogd_wire::ServerError;
use binlogd_wire::dump::Step;
use tokio::time::timeout;

use super::acknowledge::Acknowledger;
use super::{Committer, Intake, IntakeError};
use crate::reader_acks::ReaderAcks;
use crate::stream::Counters;
use crate::upstream::{CR_SERVER_LOST, HEARTBEAT_PERIOD, client_error_number};

/// Why receiving has ended.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The connection failed, or the primary ended the stream with an error.
    #[error("{0}{advice}", advice = .0.server_error().map_or("", advice))]
    Client(#[from] ClientError),
    /// The primary ended the stream without a word.
    #[error("the primary ended the stream")]
    Ended,
    /// Nothing came for too long.
    #[error(
        "nothing came from the primary for {} s, though it should send heartbeats: the connection \
         is dead",
        .0.as_secs()
    )]
    Silent(Duration),
    /// What came may not be stored.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// What came could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReceiveError {
    /// The error's number, if the primary or the way to it gave one.
    #[must_use]
    pub fn number(&self) -> Option<u16> {
        match self {
            Self::Client(error) => client_error_number(error),
            Self::Ended => Some(CR_SERVER_LOST),
            _ => None,
        }
    }

    /// Whether it will not pass by itself.
    #[must_use]
    pub fn needs_somebody(&self) -> bool {
        match self {
            Self::Client(error) => error.server_error().is_some(),
            Self::Intake(error) => {
                matches!(
                    error,
                    IntakeError::Fork { .. }
                        | IntakeError::LostTail { .. }
                        | IntakeError::NotNext(_)
                        | IntakeError::Encrypted { .. }
                )
            }
            _ => false,
        }
    }
}

/// After so long a pause there is time to bring journalled bytes to their file: sooner than a kernel
/// would, whose failure to do so nobody would hear of.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// A connection on which nothing came for so long is dead.
const SILENCE_MAX: Duration = HEARTBEAT_PERIOD.saturating_mul(2);

/// Receives until something breaks. What the intake has gathered by then is still in it.
///
/// It blocks while it writes and syncs, so it wants a thread of its own. Cancel safe: what was
/// judged is in the intake or with the committer.
///
/// # Errors
/// Always ends with one.
pub async fn receive(
    mut stream: BinlogStream,
    intake: &mut Intake,
    committer: &mut Committer,
    counters: &Counters,
    readers: &ReaderAcks,
) -> Result<(), ReceiveError> {
    let mut acks = Acknowledger::new(stream.take_ack_sender(), readers, counters);
    let mut is_idle = false;
    loop {
        take_buffered(&mut stream, intake, committer, counters)?;
        if !committer.is_full() && fill_at_once(&mut stream)? {
            is_idle = false;
            continue;
        }
        intake.flush();
        apply_all(intake, committer)?;
        counters.note_proven(intake.is_proven());
        if let Some(point) = committer.commit()? {
            acks.acknowledge(point).await?;
        }
        let quiet_max = if is_idle { SILENCE_MAX - IDLE_AFTER } else { IDLE_AFTER };
        tokio::select! {
            biased;
            () = acks.due() => acks.send_due().await?,
            filled = timeout(quiet_max, stream.fill()) => match filled {
                Ok(filled) => {
                    filled?;
                    is_idle = false;
                }
                Err(_) if is_idle => return Err(ReceiveError::Silent(SILENCE_MAX)),
                Err(_) => {
                    committer.idle()?;
                    counters.note_quiet();
                    is_idle = true;
                }
            },
        }
    }
}

/// Judges everything that is in the receive buffer.
fn take_buffered(
    stream: &mut BinlogStream,
    intake: &mut Intake,
    committer: &mut Committer,
    counters: &Counters,
) -> Result<(), ReceiveError> {
    let (mut events, mut newest) = (0, 0);
    let outcome = loop {
        match stream.step()? {
            Step::Event(part) => {
                let (bytes, wants_ack) = (part.bytes, part.wants_ack);
                let part = EventPart { first: part.first, last: part.last, bytes };
                events += u64::from(part.last);
                if part.first {
                    newest = timestamp(bytes).unwrap_or(newest);
                }
                if let Err(error) = intake.part(part, wants_ack) {
                    break Err(error.into());
                }
            }
            Step::NeedMore => break Ok(()),
            Step::Eof | Step::Err(_) => break Err(ReceiveError::Ended),
        }
        if intake.has_commands() {
            apply_all(intake, committer)?;
        }
    };
    counters.add_events(events);
    if newest != 0 {
        counters.note_time(newest);
    }
    outcome
}

/// Lets the committer do all that the intake wants.
///
/// # Errors
/// If the store cannot.
pub fn apply_all(intake: &mut Intake, committer: &mut Committer) -> Result<(), StoreError> {
    while let Some(command) = intake.next_command() {
        if let Some(buffer) = committer.apply(command)? {
            intake.recycle(buffer);
        }
    }
    Ok(())
}

/// When the event that begins here was made; `None` if it was made for the connection.
fn timestamp(event: &[u8]) -> Option<u32> {
    let seconds = u32::from_le_bytes(*event.first_chunk()?);
    let is_of_file = event.get(4) == Some(&EventKind::FORMAT_DESCRIPTION.0);
    (seconds != 0 && !is_of_file).then_some(seconds)
}

/// Takes what has already arrived; `false` if nothing has.
fn fill_at_once(stream: &mut BinlogStream) -> Result<bool, ClientError> {
    // To ask once costs a system call; whoever waits afterwards registers a waker of its own.
    let filling = pin!(stream.fill());
    match filling.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(filled) => filled.map(|()| true),
        Poll::Pending => Ok(false),
    }
}

/// What to do about the errors with which primaries end a stream.
fn advice(error: &ServerError) -> &'static str {
    let text = &error.message;
    if text.contains("server_uuid") || text.contains("server_id") {
        ". Another replica has binlogd's server id or UUID: two streams or copies of one data \
         directory must not follow the same primary. Set another server_id, and remove the \
         server_uuid file of a copied data directory"
    } else if text.contains("Could not find first log file") {
        ". The primary has purged the file that comes next"
    } else if text.contains("GTID_MODE = ON") {
        ". The file has anonymous transactions that are not stored, which the primary does not send \
         while its gtid_mode is ON. Run SET GLOBAL gtid_mode = ON_PERMISSIVE there until binlogd has \
         them, then SET GLOBAL gtid_mode = ON; or begin at a later file, with a new data directory"
    } else if text.contains("GTID_MODE = OFF") {
        ". The file has transactions with GTIDs that are not stored, which the primary does not send \
         while its gtid_mode is OFF. Run SET GLOBAL gtid_mode = OFF_PERMISSIVE there until binlogd has \
         them, then SET GLOBAL gtid_mode = OFF; or begin at a later file, with a new data directory"
    } else {
        ""
    }
}
