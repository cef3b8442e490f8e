//! Driving the intake and the writer from a connection.

use std::time::Duration;

use binlogd_client::{AckSender, BinlogStream, ClientError};
use binlogd_event::EventPart;
use binlogd_wire::ServerError;
use binlogd_wire::dump::Step;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::writer_thread::Stopped;
use super::{AckPoint, Intake, IntakeError, WriterThread};
use crate::stream::Counters;
use crate::upstream::HEARTBEAT_PERIOD;

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
    /// The writer has stopped, and knows why.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl ReceiveError {
    /// Whether it will not pass by itself.
    #[must_use]
    pub fn needs_somebody(&self) -> bool {
        match self {
            Self::Client(error) => error.server_error().is_some(),
            Self::Intake(error) => matches!(error, IntakeError::Fork { .. }),
            _ => false,
        }
    }
}

/// A connection on which nothing came for so long is dead.
const SILENCE_MAX: Duration = HEARTBEAT_PERIOD.saturating_mul(2);

/// Receives until something breaks. What the intake has gathered by then is still in it.
///
/// Cancel safe: what was judged is in the intake or with the writer.
///
/// # Errors
/// Always ends with one.
pub async fn receive(
    mut stream: BinlogStream,
    intake: &mut Intake,
    writer: &mut WriterThread,
    counters: &Counters,
) -> Result<(), ReceiveError> {
    let _acknowledging = stream.take_ack_sender().map(|sender| {
        AbortOnDrop(tokio::spawn(acknowledge(writer.acks(), sender, counters.clone())))
    });
    loop {
        take_buffered(&mut stream, intake, writer, counters).await?;
        intake.flush();
        hand_over(intake, writer).await?;
        while let Some(buffer) = writer.empty_buffer() {
            intake.recycle(buffer);
        }
        match tokio::time::timeout(SILENCE_MAX, stream.fill()).await {
            Ok(filled) => filled?,
            Err(_) => return Err(ReceiveError::Silent(SILENCE_MAX)),
        }
    }
}

/// Judges everything that is in the receive buffer.
async fn take_buffered(
    stream: &mut BinlogStream,
    intake: &mut Intake,
    writer: &WriterThread,
    counters: &Counters,
) -> Result<(), ReceiveError> {
    let mut events = 0;
    let outcome = loop {
        match stream.step()? {
            Step::Event(part) => {
                let (bytes, wants_ack) = (part.bytes, part.wants_ack);
                let part = EventPart { first: part.first, last: part.last, bytes };
                events += u64::from(part.last);
                if let Err(error) = intake.part(part, wants_ack) {
                    break Err(error.into());
                }
            }
            Step::NeedMore => break Ok(()),
            Step::Eof | Step::Err(_) => break Err(ReceiveError::Ended),
        }
        if intake.has_commands() {
            hand_over(intake, writer).await?;
        }
    };
    counters.add_events(events);
    outcome
}

/// Gives the intake's commands to the writer. Cancel safe.
///
/// # Errors
/// If the writer has stopped.
pub async fn hand_over(intake: &mut Intake, writer: &WriterThread) -> Result<(), Stopped> {
    while intake.has_commands() {
        let place = writer.reserve().await?;
        if let Some(command) = intake.next_command() {
            place.send(command);
        }
    }
    Ok(())
}

/// Acknowledges what has become durable: always only the newest, which covers all before it.
async fn acknowledge(
    mut acks: watch::Receiver<Option<AckPoint>>,
    mut sender: AckSender,
    counters: Counters,
) {
    // What became durable before this connection is no business of it.
    acks.mark_unchanged();
    while acks.changed().await.is_ok() {
        let point = acks.borrow_and_update().clone();
        let Some(point) = point else { continue };
        if let Err(error) = sender.ack(point.file.as_str(), point.offset).await {
            // The receiving half sees the same and says so.
            tracing::debug!(%error, "cannot acknowledge");
            return;
        }
        counters.add_ack();
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
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
    } else {
        ""
    }
}
