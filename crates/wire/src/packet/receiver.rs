//! A decoder with its own buffer, for connections that exchange whole payloads.

use std::ops::Range;

use super::{PacketDecoder, Payload};
use crate::error::WireError;

/// The smallest receive buffer, in bytes.
const MIN_BUFFER_LEN: usize = 64;

/// A fixed receive buffer and a [`PacketDecoder`].
///
/// Read into [`spare`](Self::spare), tell [`filled`](Self::filled), then call
/// [`poll`](Self::poll) until it says `false`.
#[derive(Debug)]
pub struct PacketReceiver {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    decoder: PacketDecoder,
    payload: Option<Payload>,
}

impl PacketReceiver {
    /// A receiver with a buffer of `buffer_len` bytes (at least 64 are taken) that refuses payloads
    /// of more than `max_payload_len` bytes.
    #[must_use]
    pub fn new(buffer_len: usize, max_payload_len: usize) -> Self {
        Self {
            buffer: vec![0; buffer_len.max(MIN_BUFFER_LEN)].into_boxed_slice(),
            start: 0,
            end: 0,
            decoder: PacketDecoder::new(max_payload_len),
            payload: None,
        }
    }

    /// The decoder, to set the expected sequence id or the limit.
    pub fn decoder(&mut self) -> &mut PacketDecoder {
        &mut self.decoder
    }

    /// Room for received bytes, never empty after [`poll`](Self::poll) said `false`. The last
    /// payload is gone after this.
    pub fn spare(&mut self) -> &mut [u8] {
        self.payload = None;
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.buffer[self.end..]
    }

    /// Says that the first `len` bytes of [`spare`](Self::spare) were filled.
    ///
    /// # Panics
    /// `len` is more than there was room for.
    pub fn filled(&mut self, len: usize) {
        assert!(len <= self.buffer.len() - self.end, "more bytes than the buffer has room for");
        self.end += len;
    }

    /// Whether a payload is complete; then [`payload`](Self::payload) is it. Otherwise more bytes
    /// are needed.
    ///
    /// # Errors
    /// As [`PacketDecoder::decode`].
    pub fn poll(&mut self) -> Result<bool, WireError> {
        let decoded = self.decoder.decode(&self.buffer[self.start..self.end])?;
        self.payload = decoded.payload.map(|payload| match payload {
            Payload::InBuffer(range) => Payload::InBuffer(shift(range, self.start)),
            Payload::Assembled => Payload::Assembled,
        });
        self.start += decoded.consumed;
        Ok(self.payload.is_some())
    }

    /// The payload that the last [`poll`](Self::poll) completed; empty if it did not.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match &self.payload {
            Some(Payload::InBuffer(range)) => &self.buffer[range.clone()],
            Some(Payload::Assembled) => self.decoder.assembled(),
            None => &[],
        }
    }

    /// The bytes received and not decoded. A server must find none behind an SSLRequest, or
    /// whoever sent them spoke in the clear for the TLS client.
    #[must_use]
    pub fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Takes bytes of [`buffered`](Self::buffered) that were used without being decoded: whole packets,
    /// between two payloads.
    ///
    /// # Panics
    /// There are fewer.
    pub fn consume(&mut self, len: usize) {
        assert!(len <= self.end - self.start, "more bytes than were received");
        self.payload = None;
        self.start += len;
    }

    /// Whether the peer has sent a part of a packet.
    #[must_use]
    pub fn is_mid_packet(&self) -> bool {
        self.start < self.end || self.decoder.is_mid_payload()
    }
}

fn shift(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}
