//! A byte stream inside compressed frames, for either side of a connection. The frames themselves are
//! `binlogd-wire`'s.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use binlogd_wire::WireError;
use binlogd_wire::compress::{Compression, FrameDecoder, FrameEncoder};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The buffer for frames as they come, in bytes.
const RECEIVE_BUFFER_LEN: usize = 16 << 10;

/// At most so many bytes go into one frame: a millisecond's work.
pub const FRAME_PLAIN_LEN: usize = 64 << 10;

/// Behind a frame with so many bytes, others have their turn.
const TURN_LEN: usize = FRAME_PLAIN_LEN / 4;

thread_local! {
    /// Frames do not depend on each other, so what it takes to make one (some hundred KiB) is there
    /// once for each thread, not for each connection.
    static ENCODER: RefCell<FrameEncoder> = RefCell::new(FrameEncoder::new());
}

/// A stream that compresses what is written and decompresses what is read.
///
/// Sequence ids are counted over both directions, as commands and answers take turns, until
/// [`go_both_ways`](Self::go_both_ways). Memory is bounded: a frame of [`FRAME_PLAIN_LEN`] at most on its
/// way out, and a small buffer and a decompressor's window on the way in.
#[derive(Debug)]
pub struct Compressed<S> {
    inner: S,
    compression: Compression,
    decoder: FrameDecoder,
    received: Box<[u8]>,
    start: usize,
    end: usize,
    sequence: FrameSequence,
    both_ways: bool,
    /// The frame being sent.
    out: Vec<u8>,
    sent: usize,
    /// A long frame was made, so another must wait until others have run.
    owes_turn: bool,
}

/// The sequence id of the next frame to be written, for whoever must set it back.
#[derive(Debug, Clone)]
pub struct FrameSequence(Arc<AtomicU8>);

impl FrameSequence {
    /// Says which id the next frame has that is begun.
    pub fn set(&self, next: u8) {
        self.0.store(next, Ordering::Relaxed);
    }

    fn next(&self) -> u8 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl<S> Compressed<S> {
    /// Goes on over `inner` in frames. `received` has come already. What a frame of the peer holds is
    /// limited to `plain_len_max` bytes.
    pub fn new(inner: S, compression: Compression, received: &[u8], plain_len_max: usize) -> Self {
        let mut buffer = received.to_vec();
        buffer.resize(received.len().max(RECEIVE_BUFFER_LEN), 0);
        Self {
            inner,
            compression,
            decoder: FrameDecoder::new(compression, plain_len_max),
            received: buffer.into_boxed_slice(),
            start: 0,
            end: received.len(),
            sequence: FrameSequence(Arc::new(AtomicU8::new(0))),
            both_ways: false,
            out: Vec::new(),
            sent: 0,
            owes_turn: false,
        }
    }

    /// The stream below.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// How it is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Starts sequence ids again: a command comes next, in either direction.
    pub fn begin_command(&mut self) {
        self.sequence.set(0);
        self.decoder.set_sequence(0);
    }

    /// From now on both sides send when they like, as in a dump, and count for themselves. The peer may
    /// set its count back to one of `peer_restarts`; the one returned is ours.
    pub fn go_both_ways(&mut self, peer_restarts: &'static [u8]) -> FrameSequence {
        self.both_ways = true;
        self.decoder.set_restarts(peer_restarts);
        self.sequence.clone()
    }
}

impl<S: AsyncWrite + Unpin> Compressed<S> {
    /// Sends what is left of the frame made last.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            match ready!(Pin::new(&mut self.inner).poll_write(cx, &self.out[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                len => self.sent += len,
            }
        }
        self.out.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Compressed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while buf.remaining() > 0 {
            let received = &this.received[this.start..this.end];
            let done = this.decoder.decode(received, buf.initialize_unfilled());
            let done = done.map_err(|error| {
                if !this.both_ways {
                    // Whatever the frame was, an error answers it.
                    this.sequence.set(1);
                }
                io::Error::new(io::ErrorKind::InvalidData, error)
            })?;
            this.start += done.read;
            buf.advance(done.written);
            if !this.both_ways && done.read > 0 {
                this.sequence.set(this.decoder.sequence());
            }
            if done.written > 0 {
                break;
            }
            let mut more = ReadBuf::new(&mut this.received);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut more))?;
            (this.start, this.end) = (0, more.filled().len());
            if this.end == 0 {
                if this.decoder.is_mid_frame() {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Compressed<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        if std::mem::take(&mut this.owes_turn) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let plain = &bytes[..bytes.len().min(FRAME_PLAIN_LEN)];
        if plain.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let sequence = this.sequence.next();
        ENCODER.with_borrow_mut(|encoder| {
            encoder.encode(this.compression, sequence, plain, &mut this.out);
        });
        if !this.both_ways {
            this.decoder.set_sequence(sequence.wrapping_add(1));
        }
        this.owes_turn = plain.len() >= TURN_LEN;
        match this.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(plain.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        // Who is idle needs no buffer.
        this.out = Vec::new();
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

/// The protocol's error within an error of a stream, if it is one.
///
/// # Errors
/// The error itself, if it is not.
pub fn wire_error(error: io::Error) -> Result<WireError, io::Error> {
    error.downcast()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const HOW: Compression = Compression::Zlib;

    fn pair(
        len: usize,
    ) -> (Compressed<tokio::io::DuplexStream>, Compressed<tokio::io::DuplexStream>) {
        let (a, b) = duplex(len);
        (Compressed::new(a, HOW, &[], 1 << 20), Compressed::new(b, HOW, &[], 1 << 20))
    }

    #[tokio::test]
    async fn commands_and_answers_take_turns_over_a_narrow_way() {
        let (mut client, mut server) = pair(100);
        for round in 0..300_u32 {
            let ask = round.to_string();
            let answer = "x".repeat(200_000);
            client.begin_command();
            let (asked, answered) = (ask.clone(), answer.clone());
            let serving = async {
                server.begin_command();
                let mut got = vec![0; asked.len()];
                server.read_exact(&mut got).await.unwrap();
                assert_eq!(got, asked.as_bytes());
                server.write_all(answered.as_bytes()).await.unwrap();
                server.flush().await.unwrap();
            };
            let asking = async {
                client.write_all(ask.as_bytes()).await.unwrap();
                client.flush().await.unwrap();
                let mut got = vec![0; answer.len()];
                client.read_exact(&mut got).await.unwrap();
                assert_eq!(got, answer.as_bytes());
            };
            tokio::join!(serving, asking);
        }
    }

    #[tokio::test]
    async fn both_ways_each_side_counts_for_itself_and_may_start_again() {
        let (mut replica, mut source) = pair(1 << 20);
        let of_source = source.go_both_ways(&[0]);
        let of_replica = replica.go_both_ways(&[1]);
        let mut got = [0; 5];
        for _ in 0..3 {
            source.write_all(b"event").await.unwrap();
            of_source.set(1);
            replica.read_exact(&mut got).await.unwrap();
            of_replica.set(0);
            replica.write_all(b"an ok").await.unwrap();
            source.read_exact(&mut got).await.unwrap();
        }
        source.write_all(b"event").await.unwrap();
        of_source.set(9);
        source.write_all(b"event").await.unwrap();
        replica.read_exact(&mut got).await.unwrap();
        let error = replica.read_exact(&mut got).await.unwrap_err();
        assert_eq!(wire_error(error).unwrap(), WireError::OutOfOrder { expected: 2, found: 9 });
    }

    #[tokio::test]
    async fn an_end_within_a_frame_is_not_the_end() {
        for (bytes, is_end) in [(&b""[..], true), (b"\x01", false), (b"\x02\0\0\0\0\0\0x", false)] {
            let (mut raw, b) = duplex(100);
            let mut stream = Compressed::new(b, HOW, &[], 100);
            raw.write_all(bytes).await.unwrap();
            drop(raw);
            let mut out = Vec::new();
            assert_eq!(stream.read_to_end(&mut out).await.is_ok(), is_end);
        }
    }
}
