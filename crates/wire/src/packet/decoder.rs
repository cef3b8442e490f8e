//! From bytes to payloads, over a buffer that belongs to the caller.

use std::ops::Range;

use super::{HEADER_LEN, PacketHeader};
use crate::error::WireError;

/// An assembly buffer that has grown beyond this many bytes is given back after use.
const KEEP_CAPACITY: usize = 1 << 20;

/// Incremental decoder of payloads.
///
/// A payload that lies whole in the caller's buffer in one packet is not copied. Any other is
/// collected here as its bytes come, so the caller's buffer can stay small, and what is collected
/// never exceeds the bytes that were really received, nor the limit.
#[derive(Debug)]
pub struct PacketDecoder {
    sequence: u8,
    any_sequence: bool,
    max_payload_len: usize,
    assembled: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A header is next; nothing of its payload was seen.
    Idle,
    /// A header is next; it continues the payload collected so far.
    Continuing,
    /// So many bytes of the current packet are due.
    Body { left: usize, continued: bool },
    /// `assembled` holds a payload that was returned.
    Returned,
}

/// What [`PacketDecoder::decode`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// How many bytes of the buffer are used up; the next call must start behind them.
    pub consumed: usize,
    /// The payload, or `None` if more bytes are needed. Then at most three bytes are not consumed.
    pub payload: Option<Payload>,
}

/// Where a complete payload lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// In this range of the buffer given to [`PacketDecoder::decode`].
    InBuffer(Range<usize>),
    /// In [`PacketDecoder::assembled`], until the next call of `decode`.
    Assembled,
}

impl PacketDecoder {
    /// A decoder that expects sequence id 0 first and refuses payloads of more than
    /// `max_payload_len` bytes.
    #[must_use]
    pub fn new(max_payload_len: usize) -> Self {
        Self {
            sequence: 0,
            any_sequence: false,
            max_payload_len,
            assembled: Vec::new(),
            state: State::Idle,
        }
    }

    /// The sequence id that the next packet must have.
    #[must_use]
    pub fn sequence(&self) -> u8 {
        self.sequence
    }

    /// Sets the sequence id that the next packet must have.
    pub fn set_sequence(&mut self, sequence: u8) {
        self.sequence = sequence;
    }

    /// Takes packets of any sequence id from now on: within compressed frames nobody keeps them in
    /// order.
    pub fn accept_any_sequence(&mut self) {
        self.any_sequence = true;
    }

    /// The limit for payloads, in bytes.
    #[must_use]
    pub fn max_payload_len(&self) -> usize {
        self.max_payload_len
    }

    /// Changes the limit for payloads not begun yet, in bytes.
    pub fn set_max_payload_len(&mut self, max_payload_len: usize) {
        self.max_payload_len = max_payload_len;
    }

    /// Whether a payload has begun and is not complete.
    #[must_use]
    pub fn is_mid_payload(&self) -> bool {
        matches!(self.state, State::Continuing | State::Body { .. })
    }

    /// The payload of [`Payload::Assembled`].
    #[must_use]
    pub fn assembled(&self) -> &[u8] {
        &self.assembled
    }

    /// Decodes the next payload from the front of `buffer`.
    ///
    /// # Errors
    /// A sequence id out of order, or a payload over the limit, which is noticed from the header,
    /// before its bytes are taken. The stream cannot be used any further.
    pub fn decode(&mut self, buffer: &[u8]) -> Result<Decoded, WireError> {
        if self.state == State::Returned {
            self.assembled.clear();
            if self.assembled.capacity() > KEEP_CAPACITY {
                self.assembled = Vec::new();
            }
            self.state = State::Idle;
        }
        let mut consumed = 0;
        loop {
            let rest = &buffer[consumed..];
            match self.state {
                State::Body { left, continued } => {
                    let take = left.min(rest.len());
                    self.assembled.extend_from_slice(&rest[..take]);
                    consumed += take;
                    self.state = match (left - take, continued) {
                        (0, true) => State::Continuing,
                        (0, false) => State::Returned,
                        (left, continued) => State::Body { left, continued },
                    };
                    match self.state {
                        State::Returned => {
                            return Ok(Decoded { consumed, payload: Some(Payload::Assembled) });
                        }
                        State::Body { .. } => return Ok(Decoded { consumed, payload: None }),
                        _ => {}
                    }
                }
                State::Idle | State::Continuing | State::Returned => {
                    let Some(header) = PacketHeader::parse(rest) else {
                        return Ok(Decoded { consumed, payload: None });
                    };
                    self.admit(header)?;
                    consumed += HEADER_LEN;
                    let whole = self.state == State::Idle && !header.is_continued();
                    if whole && rest.len() - HEADER_LEN >= header.len {
                        let body = consumed..consumed + header.len;
                        let consumed = body.end;
                        return Ok(Decoded { consumed, payload: Some(Payload::InBuffer(body)) });
                    }
                    self.state = State::Body { left: header.len, continued: header.is_continued() };
                }
            }
        }
    }

    fn admit(&mut self, header: PacketHeader) -> Result<(), WireError> {
        if header.sequence != self.sequence && !self.any_sequence {
            return Err(WireError::OutOfOrder { expected: self.sequence, found: header.sequence });
        }
        let size = self.assembled.len() + header.len;
        if size > self.max_payload_len {
            return Err(WireError::TooLarge {
                size: size as u64,
                limit: self.max_payload_len as u64,
            });
        }
        self.sequence = header.sequence.wrapping_add(1);
        Ok(())
    }
}
