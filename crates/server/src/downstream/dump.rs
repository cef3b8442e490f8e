//! Where a session hands over to the sender of events.
//!
//! [`DumpService`] is the sender's side; a [`DumpSession`] is all it gets: what the reader asked for,
//! what it wished, and both ways of the connection.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use binlogd_client::compressed::FrameSequence;
use binlogd_event::GtidSet;
use binlogd_wire::command::CommandKind;
use binlogd_wire::dump::{Ack, BinlogDump, BinlogDumpGtid, DumpFlags, EventEncoder};
use binlogd_wire::packet::PacketReceiver;
use binlogd_wire::{Capabilities, ServerError, StatusFlags, WireError};
use tokio::io::{AsyncReadExt, AsyncWrite, ReadHalf, WriteHalf};
use tokio_util::sync::CancellationToken;

use super::connection::send;
use super::error::SqlError;
use super::registry::{ReaderPlace, Session};
use super::transport::Transport;
use super::wishes::ReplicaWishes;

/// The longest payload taken from a reader while it is dumped to, in bytes: an acknowledgement with a
/// file name.
pub(super) const PAYLOAD_BYTES_MAX: usize = 1 << 10;

/// How long a dump may go on when it should end.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// Sends binlog events.
pub trait DumpService: Send + Sync + 'static {
    /// Serves one reader until it leaves, is told to stop, or gets an error. The connection is closed
    /// when the future is done: after a dump a server takes no further command.
    ///
    /// The future runs in the session's task. It should watch [`DumpSession::reader`], or a reader's
    /// leaving shows only when something is sent to it, and it must watch [`DumpSession::stop`]: three
    /// seconds later it is dropped.
    fn dump(self: Arc<Self>, session: DumpSession) -> DumpFuture;
}

/// What [`DumpService::dump`] returns.
pub type DumpFuture = Pin<Box<dyn Future<Output = DumpEnd> + Send>>;

/// A reader that has asked for a dump.
#[derive(Debug)]
pub struct DumpSession {
    /// Where it wants to begin.
    pub request: DumpRequest,
    /// What it has said before.
    pub wishes: ReplicaWishes,
    /// Who it is, for logs.
    pub who: Who,
    /// What both sides agreed on.
    pub capabilities: Capabilities,
    /// The way to the reader. The first packet has sequence id 1.
    pub writer: DumpWriter,
    /// The way from the reader.
    pub reader: DumpReader,
    /// Whether it must end.
    pub stop: Stop,
}

/// Where a reader wants to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpRequest {
    /// The reader's server id; 0 for tools that do not wait at the end.
    pub server_id: u32,
    /// The command's flags.
    pub flags: DumpFlags,
    /// The file; empty is the oldest one. With a GTID set it counts for nothing.
    pub file: String,
    /// The offset in that file.
    pub position: u64,
    /// COM_BINLOG_DUMP_GTID: what the reader has already. MariaDB's replicas say theirs in
    /// [`ReplicaWishes::slave_connect_state`].
    pub gtid_set: Option<GtidSet>,
}

/// Who reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The connection's id.
    pub connection_id: u32,
    /// The account.
    pub user: String,
    /// The client's address, or `localhost` on a unix socket.
    pub host: String,
}

/// How a dump ended; its `Display` is for logs.
#[derive(Debug)]
pub enum DumpEnd {
    /// The reader closed the connection.
    ReaderLeft,
    /// The end was reached and the reader did not want to wait: an EOF was sent.
    Finished,
    /// The reader was sent this error.
    Refused(ServerError),
    /// It had to end.
    Stopped(StopReason),
    /// The connection failed, or the reader did not take what it was sent.
    Io(io::Error),
    /// The reader does not speak the protocol.
    Protocol(WireError),
}

impl DumpRequest {
    pub(super) fn of_position(dump: &BinlogDump<'_>) -> Self {
        Self {
            server_id: dump.server_id,
            flags: dump.flags,
            file: file_name(dump.file),
            position: u64::from(dump.position),
            gtid_set: None,
        }
    }

    pub(super) fn of_gtid(dump: &BinlogDumpGtid<'_>) -> Result<Self, SqlError> {
        let gtid_set = match dump.gtid_set {
            [] => GtidSet::new(),
            bytes => GtidSet::from_bytes(bytes).map_err(|_| SqlError::malformed_packet())?,
        };
        Ok(Self {
            server_id: dump.server_id,
            flags: dump.flags,
            file: file_name(dump.file),
            position: dump.position,
            gtid_set: Some(gtid_set),
        })
    }

    /// Whether the dump ends with EOF at the end of the last file.
    #[must_use]
    pub fn is_non_blocking(&self) -> bool {
        self.flags.contains(DumpFlags::NON_BLOCKING)
    }
}

/// A file's name as servers read it: up to a NUL, which some clients append.
fn file_name(bytes: &[u8]) -> String {
    let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

impl DumpSession {
    /// Answers with an error and nothing else.
    ///
    /// Not cancel safe: a part of the packet may have been sent.
    pub async fn refuse(mut self, error: ServerError) -> DumpEnd {
        let mut out = Vec::new();
        EventEncoder::new(false).error(&mut out, &error);
        match self.writer.write(&out).await {
            Ok(()) => DumpEnd::Refused(error),
            Err(error) => DumpEnd::Io(error),
        }
    }

    /// Answers with the end and nothing else.
    ///
    /// Not cancel safe, as [`refuse`](Self::refuse).
    pub async fn finish(mut self) -> DumpEnd {
        let mut out = Vec::new();
        EventEncoder::new(false).eof(&mut out, self.capabilities, StatusFlags::AUTOCOMMIT);
        match self.writer.write(&out).await {
            Ok(()) => DumpEnd::Finished,
            Err(error) => DumpEnd::Io(error),
        }
    }
}

/// The way to a reader.
#[derive(Debug)]
pub struct DumpWriter {
    transport: WriteHalf<Transport>,
    /// Counts compressed frames, if there are such.
    frames: Option<FrameSequence>,
    /// Whether what was written may wait in a layer above the socket.
    is_layered: bool,
    timeout: Duration,
    session: Arc<Session>,
}

impl DumpWriter {
    /// Sends what the connection takes without waiting; returns how much that is, maybe nothing.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn write_some(&mut self, packets: &[u8]) -> io::Result<usize> {
        poll_fn(|context| {
            let mut sent = 0;
            while sent < packets.len() {
                match Pin::new(&mut self.transport).poll_write(context, &packets[sent..]) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(len)) => sent += len,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Ready(Ok(sent)),
                }
            }
            Poll::Ready(Ok(sent))
        })
        .await
    }

    /// Sends framed packets, or any part of them, and all that was left by
    /// [`write_some`](Self::write_some); large buffers are best.
    ///
    /// Not cancel safe: a part of `packets` may have been sent, and nothing more can follow it.
    ///
    /// # Errors
    /// The connection failed, or the reader took nothing for as long as `net_write_timeout` says.
    pub async fn write(&mut self, packets: &[u8]) -> io::Result<()> {
        send(&mut self.transport, packets, self.timeout).await
    }

    /// Says that the last packet written wants an acknowledgement: behind it compressed frames are
    /// counted anew, from 0 as MySQL 9.7 does.
    pub fn expect_ack(&self) {
        if let Some(frames) = &self.frames {
            frames.set(0);
        }
    }

    /// Whether what was written may not be on its way before it is flushed, which
    /// [`write`](Self::write) does.
    #[must_use]
    pub fn must_flush(&self) -> bool {
        self.is_layered
    }

    /// What `information_schema.BINLOG_READERS` shows: where the reader is, now that it was sent so many bytes
    /// more. It takes a lock that is held for moments only.
    pub fn show_place(&self, place: ReaderPlace, sent: usize) {
        self.session.reached(place, sent);
    }

    /// What `SHOW PROCESSLIST` shows as the session's state. Not for each event: it takes a lock.
    pub fn show_status(&self, status: &'static str) {
        self.session.update(|state| state.status = status);
    }
}

/// The way from a reader.
#[derive(Debug)]
pub struct DumpReader {
    transport: ReadHalf<Transport>,
    receiver: PacketReceiver,
}

/// What a reader says while it is dumped to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromReader {
    /// It has safely received everything up to this position.
    Ack {
        /// The file.
        file: Vec<u8>,
        /// The end of the last event received.
        position: u64,
    },
    /// It has closed the connection, or said that it leaves.
    Left,
}

impl DumpReader {
    /// Waits for the reader to say something.
    ///
    /// Cancel safe: nothing is lost.
    ///
    /// # Errors
    /// The connection failed, or the reader says what it must not say now; the dump has to end.
    pub async fn next(&mut self) -> Result<FromReader, DumpEnd> {
        while !self.receiver.poll().map_err(DumpEnd::Protocol)? {
            let len = self.transport.read(self.receiver.spare()).await.map_err(DumpEnd::Io)?;
            if len == 0 {
                return Ok(FromReader::Left);
            }
            self.receiver.filled(len);
        }
        // Each acknowledgement begins a sequence of its own.
        self.receiver.decoder().set_sequence(0);
        let payload = self.receiver.payload();
        if payload.first() == Some(&CommandKind::QUIT.0) {
            return Ok(FromReader::Left);
        }
        let Ack { position, file } = Ack::parse(payload).map_err(DumpEnd::Protocol)?;
        Ok(FromReader::Ack { file: file.to_vec(), position })
    }
}

/// Both ways of a connection whose command phase is over.
pub(super) fn split(
    mut transport: Transport,
    mut receiver: PacketReceiver,
    timeout: Duration,
    session: Arc<Session>,
) -> (DumpWriter, DumpReader) {
    receiver.decoder().set_max_payload_len(PAYLOAD_BYTES_MAX);
    receiver.decoder().set_sequence(0);
    // Each acknowledgement begins a sequence of frames as well.
    let frames = transport.compressed().map(|stream| stream.go_both_ways(&[0]));
    let is_layered = frames.is_some() || transport.tls().is_some();
    let (read, write) = tokio::io::split(transport);
    let writer = DumpWriter { transport: write, frames, is_layered, timeout, session };
    (writer, DumpReader { transport: read, receiver })
}

/// Whether a session must end.
#[derive(Debug, Clone)]
pub struct Stop {
    pub(super) killed: CancellationToken,
    pub(super) shutdown: CancellationToken,
    /// The reader has come back on another connection.
    pub(super) replaced: Arc<AtomicBool>,
}

/// Why a session must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// `KILL`.
    Killed,
    /// The same reader has come back on another connection.
    Replaced,
    /// binlogd goes away.
    Shutdown,
}

impl Stop {
    /// Waits until the session must end. Cancel safe.
    pub async fn stopped(&self) -> StopReason {
        // The second is cancelled with the first.
        self.killed.cancelled().await;
        self.reason()
    }

    /// Waits until the session should have ended some time ago. Cancel safe.
    pub(super) async fn overdue(&self) -> StopReason {
        let reason = self.stopped().await;
        tokio::time::sleep(STOP_GRACE).await;
        reason
    }

    /// Whether the session must end already.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.killed.is_cancelled()
    }

    fn reason(&self) -> StopReason {
        if self.shutdown.is_cancelled() {
            StopReason::Shutdown
        } else if self.replaced.load(Ordering::Acquire) {
            StopReason::Replaced
        } else {
            StopReason::Killed
        }
    }
}

impl StopReason {
    /// The error that a client is told, if it can be told one.
    #[must_use]
    pub fn error(self) -> ServerError {
        match self {
            Self::Killed => SqlError::interrupted().into(),
            Self::Replaced => SqlError::duplicate_reader().into(),
            Self::Shutdown => SqlError::server_shutdown().into(),
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Killed => "killed",
            Self::Replaced => "the same reader has come back on another connection",
            Self::Shutdown => "binlogd shuts down",
        })
    }
}

impl fmt::Display for DumpEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReaderLeft => f.write_str("it closed the connection"),
            Self::Finished => f.write_str("it has all and did not want to wait"),
            Self::Refused(error) => write!(f, "it was sent {error}"),
            Self::Stopped(reason) => reason.fmt(f),
            Self::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                f.write_str("it took nothing for as long as net_write_timeout allows")
            }
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Protocol(error) => write!(f, "it does not follow the protocol: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_ends_at_a_nul() {
        for (sent, file) in
            [(&b"binlog.000001\0"[..], "binlog.000001"), (b"b\0c\0", "b"), (b"", "")]
        {
            let dump =
                BinlogDump { position: 4, flags: DumpFlags::default(), server_id: 7, file: sent };
            assert_eq!(DumpRequest::of_position(&dump).file, file);
        }
    }

    #[test]
    fn an_empty_gtid_set_may_have_no_bytes() {
        let dump = |gtid_set| BinlogDumpGtid {
            flags: DumpFlags::default(),
            server_id: 7,
            file: b"",
            position: 4,
            gtid_set,
        };
        let none = DumpRequest::of_gtid(&dump(&[])).unwrap();
        assert_eq!(none.gtid_set, Some(GtidSet::new()));
        assert_eq!(DumpRequest::of_gtid(&dump(&[0; 8])).unwrap(), none);
        assert_eq!(DumpRequest::of_gtid(&dump(&[1; 7])).unwrap_err().code, 1835);
    }
}
