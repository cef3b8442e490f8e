//! The binlog stream: what a connection becomes when it asks for the binlog.
//!
//! Events come out as the bytes they are; to verify, store or decode them is for others.

use std::ops::Range;

use binlogd_wire::WireError;
use binlogd_wire::command::Command;
use binlogd_wire::dump::{
    Ack, BinlogDump, BinlogDumpGtid, EventFramer, EventPart, MAX_EVENT_LEN, RegisterReplica, Step,
};
use binlogd_wire::packet::HEADER_LEN;
use binlogd_wire::response::ERR;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::compressed::FrameSequence;
use crate::connection::{Connection, Phase, io_error};
use crate::error::ClientError;
use crate::transport::Stream;

/// The receive buffer of a stream, in bytes, by default. Events up to about this length come
/// whole.
pub const DEFAULT_STREAM_BUFFER_LEN: usize = 256 << 10;

/// The smallest receive buffer, in bytes: any error of a server fits, which is at most 512 bytes of
/// text.
const MIN_STREAM_BUFFER_LEN: usize = 1024;

const ACTIVITY: &str = "during the binlog stream";

/// How to receive a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpOptions {
    /// The session asked for semi-sync before (`SET @rpl_semi_sync_replica = 1`).
    pub semi_sync: bool,
    /// The length of the receive buffer in bytes; at least 1 KiB is taken.
    pub buffer_len: usize,
    /// The longest event to accept, in bytes.
    pub max_event_len: u64,
}

impl Default for DumpOptions {
    /// No semi-sync, [`DEFAULT_STREAM_BUFFER_LEN`], and events of any length.
    fn default() -> Self {
        Self {
            semi_sync: false,
            buffer_len: DEFAULT_STREAM_BUFFER_LEN,
            max_event_len: MAX_EVENT_LEN,
        }
    }
}

impl Connection {
    /// Introduces itself as a replica.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub async fn register_replica(
        &mut self,
        replica: &RegisterReplica<'_>,
    ) -> Result<(), ClientError> {
        self.command(&Command::RegisterReplica(*replica)).await
    }

    /// Asks for the binlog from a file and position. Whether the server can serve it shows when
    /// the stream is read.
    ///
    /// # Errors
    /// The connection's.
    pub async fn dump(
        self,
        dump: &BinlogDump<'_>,
        options: &DumpOptions,
    ) -> Result<BinlogStream, ClientError> {
        self.start_stream(&Command::BinlogDump(*dump), options).await
    }

    /// Asks for all of the binlog that is not in a GTID set.
    ///
    /// # Errors
    /// The connection's.
    pub async fn dump_gtid(
        self,
        dump: &BinlogDumpGtid<'_>,
        options: &DumpOptions,
    ) -> Result<BinlogStream, ClientError> {
        self.start_stream(&Command::BinlogDumpGtid(*dump), options).await
    }

    async fn start_stream(
        mut self,
        command: &Command<'_>,
        options: &DumpOptions,
    ) -> Result<BinlogStream, ClientError> {
        self.skip_answers().await?;
        let count = self.channel.unread_len();
        if count > 0 {
            let error = WireError::TrailingBytes { structure: "the last answer", count };
            return Err(self.broken(error));
        }
        self.send(command).await?;
        debug_assert_eq!(self.phase, Phase::Response);
        Ok(BinlogStream::new(self, options))
    }
}

/// A stream of binlog events.
///
/// [`next_part`](Self::next_part) waits for the next event or part of one. Who wants to do something
/// between what is buffered and what is not calls [`step`](Self::step) and [`fill`](Self::fill)
/// instead.
#[derive(Debug)]
pub struct BinlogStream {
    address: String,
    reader: ReadHalf<Stream>,
    acks: Option<AckSender>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    framer: EventFramer,
}

/// A [`Step`] whose bytes still lie in the buffer.
enum Framed {
    Event { bytes: Range<usize>, first: bool, last: bool, wants_ack: bool },
    NeedMore,
    Eof,
}

impl BinlogStream {
    fn new(connection: Connection, options: &DumpOptions) -> Self {
        let (mut stream, channel) = connection.channel.replace_stream(());
        let mut framer =
            EventFramer::new(options.semi_sync).with_max_event_len(options.max_event_len);
        if stream.compressed().is_some() {
            framer = framer.with_any_sequence();
        }
        let sequence = stream.compressed().map(|stream| {
            // Behind an event to be acknowledged packets are counted from 1 again, frames from 0 (seen on
            // MySQL 9.7) or as packets.
            stream.go_both_ways(&[0, 1])
        });
        let (reader, writer) = tokio::io::split(stream);
        let address = channel.address;
        let acks = AckSender { address: address.clone(), writer, sequence, out: Vec::new() };
        let buffer_len = options.buffer_len.max(MIN_STREAM_BUFFER_LEN);
        Self {
            address,
            reader,
            acks: Some(acks),
            buffer: vec![0; buffer_len].into_boxed_slice(),
            start: 0,
            end: 0,
            framer,
        }
    }

    /// The server: `host:port` or the socket's path.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The half that acknowledges, for use from another task; `None` if it was taken before. It
    /// makes sense with semi-sync only.
    pub fn take_ack_sender(&mut self) -> Option<AckSender> {
        self.acks.take()
    }

    /// What is buffered next: an event or a part of one, the end, or that more is needed: then call
    /// [`fill`](Self::fill). Never waits. An error from the server comes as `Err`, not as
    /// [`Step::Err`].
    ///
    /// # Errors
    /// The server's, or bytes that are no binlog stream.
    #[inline]
    pub fn step(&mut self) -> Result<Step<'_>, ClientError> {
        Ok(match self.framed()? {
            Framed::Event { bytes, first, last, wants_ack } => {
                let bytes = &self.buffer[bytes];
                Step::Event(EventPart { bytes, first, last, wants_ack })
            }
            Framed::NeedMore => Step::NeedMore,
            Framed::Eof => Step::Eof,
        })
    }

    /// Waits until the source has begun to send events. For use before anything was taken from the stream, of which it
    /// takes nothing. Cancellation loses nothing.
    ///
    /// # Errors
    /// The source refuses the dump; or the connection broke or was closed.
    pub async fn begun(&mut self) -> Result<(), ClientError> {
        loop {
            match self.buffer[self.start..self.end].get(HEADER_LEN) {
                Some(&ERR) => {
                    // It ends with the error once that is whole.
                    self.framed()?;
                }
                Some(_) => return Ok(()),
                None => {}
            }
            self.fill().await?;
        }
    }

    /// Waits for bytes, at least one. Cancellation loses nothing.
    ///
    /// # Errors
    /// The connection broke or was closed.
    pub async fn fill(&mut self) -> Result<(), ClientError> {
        // What is left is the start of an event that is not complete; most often nothing.
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        // `step` always makes room in a full buffer.
        debug_assert!(self.end < self.buffer.len());
        match self.reader.read(&mut self.buffer[self.end..]).await {
            Ok(0) => {
                let address = self.address.clone();
                let during = if self.is_mid_event() { "within an event" } else { ACTIVITY };
                Err(ClientError::Closed { address, during })
            }
            Ok(len) => {
                self.end += len;
                Ok(())
            }
            Err(error) => Err(io_error(&self.address, ACTIVITY, error)),
        }
    }

    /// Waits for the next event or part of one; `None` is the end of a stream that does not wait.
    /// Cancellation loses nothing.
    ///
    /// # Errors
    /// As [`step`](Self::step) and [`fill`](Self::fill).
    pub async fn next_part(&mut self) -> Result<Option<EventPart<'_>>, ClientError> {
        loop {
            match self.framed()? {
                Framed::Event { bytes, first, last, wants_ack } => {
                    let bytes = &self.buffer[bytes];
                    return Ok(Some(EventPart { bytes, first, last, wants_ack }));
                }
                Framed::NeedMore => self.fill().await?,
                Framed::Eof => return Ok(None),
            }
        }
    }

    /// Waits for the next whole event and puts it into `event`, replacing what was there; `None` is
    /// the end of a stream that does not wait, else whether the source wants an acknowledgement.
    /// Not for the hot path: it copies, and takes as much memory as the event has bytes. Not
    /// cancellation safe.
    ///
    /// # Errors
    /// As [`next_part`](Self::next_part).
    pub async fn next_event(&mut self, event: &mut Vec<u8>) -> Result<Option<bool>, ClientError> {
        event.clear();
        while let Some(part) = self.next_part().await? {
            event.extend_from_slice(part.bytes);
            if part.last {
                return Ok(Some(part.wants_ack));
            }
        }
        Ok(None)
    }

    /// Whether the stream stands within an event.
    #[must_use]
    pub fn is_mid_event(&self) -> bool {
        self.start < self.end || !self.framer.is_at_boundary()
    }

    #[inline]
    fn framed(&mut self) -> Result<Framed, ClientError> {
        let is_full = self.start == 0 && self.end == self.buffer.len();
        let framed = self.framer.next(&self.buffer[self.start..self.end], is_full);
        let framed = framed.map_err(|error| protocol(&self.address, error))?;
        self.start += framed.consumed;
        Ok(match framed.step {
            // An event's bytes are the last of those consumed.
            Step::Event(part) => Framed::Event {
                bytes: self.start - part.bytes.len()..self.start,
                first: part.first,
                last: part.last,
                wants_ack: part.wants_ack,
            },
            Step::NeedMore => Framed::NeedMore,
            Step::Eof => Framed::Eof,
            Step::Err(error) => {
                return Err(ClientError::Server { address: self.address.clone(), error });
            }
        })
    }
}

#[cold]
fn protocol(address: &str, error: WireError) -> ClientError {
    ClientError::Protocol { address: address.to_owned(), error }
}

/// The half of a [`BinlogStream`] that acknowledges events.
#[derive(Debug)]
pub struct AckSender {
    address: String,
    writer: WriteHalf<Stream>,
    /// Of the compressed frames, if there are such.
    sequence: Option<FrameSequence>,
    out: Vec<u8>,
}

impl AckSender {
    /// Tells the source that everything up to `position` in `file` is safe: the end of an event that
    /// wanted an acknowledgement, or the last of several such. Not cancellation safe.
    ///
    /// # Errors
    /// The connection broke or was closed.
    pub async fn ack(&mut self, file: &str, position: u64) -> Result<(), ClientError> {
        self.out.clear();
        Ack { position, file: file.as_bytes() }.encode_packet(&mut self.out);
        if let Some(sequence) = &self.sequence {
            sequence.set(0);
        }
        let sent = async {
            self.writer.write_all(&self.out).await?;
            self.writer.flush().await
        };
        sent.await.map_err(|error| io_error(&self.address, ACTIVITY, error))
    }
}
