//! The hot path: from received bytes to events, without a copy.

use super::semi_sync::{MAGIC, SEQUENCE_AFTER_ACK, WANTS_ACK};
use super::{EVENT_HEADER_LEN, MAX_EVENT_LEN};
use crate::error::WireError;
use crate::packet::{HEADER_LEN, PacketHeader};
use crate::response::{EOF, ERR, OK, ServerError};

/// The smallest receive buffer that [`EventFramer`] works with, in bytes: a packet's header, the
/// markers and an event's header fit with room to spare. For a server's error, which must come
/// whole, 1 KiB is enough.
pub const MIN_BUFFER_LEN: usize = 64;

const STRUCTURE: &str = "binlog stream";

/// Incremental decoder of a binlog stream over the caller's receive buffer.
///
/// It neither copies nor allocates. An event that fits into the buffer comes whole; only one that
/// does not, or that is longer than a packet, comes in parts.
#[derive(Debug)]
pub struct EventFramer {
    sequence: u8,
    any_sequence: bool,
    semi_sync: bool,
    state: State,
    max_event_len: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// A payload's first packet is next.
    Boundary,
    /// Inside an event's payload.
    Event {
        /// Bytes due from the current packet.
        left: usize,
        /// Whether another packet continues the payload.
        continued: bool,
        wants_ack: bool,
        /// The payload's length as far as its packets have told it, in bytes.
        known_len: u64,
    },
}

/// An event, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPart<'a> {
    /// The bytes: of an event's first part at least its 19-byte header; of its last part, if it is
    /// not the first, maybe none.
    pub bytes: &'a [u8],
    /// The event starts here.
    pub first: bool,
    /// The event ends here.
    pub last: bool,
    /// The source waits for an acknowledgement of this event. The same in all parts.
    pub wants_ack: bool,
}

/// What the front of the buffer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// An event or a part of one.
    Event(EventPart<'a>),
    /// More bytes are needed. Some may have been consumed.
    NeedMore,
    /// The end of a stream that does not wait.
    Eof,
    /// The source ended the stream.
    Err(ServerError),
}

/// What [`EventFramer::next`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed<'a> {
    /// How many bytes are used up; the next call must start behind them.
    pub consumed: usize,
    /// What they were.
    pub step: Step<'a>,
}

impl EventFramer {
    /// A framer for the answer to a dump command that was sent with sequence id 0. `semi_sync` says
    /// whether the session asked for semi-sync before.
    #[must_use]
    pub fn new(semi_sync: bool) -> Self {
        Self {
            sequence: 1,
            any_sequence: false,
            semi_sync,
            state: State::Boundary,
            max_event_len: MAX_EVENT_LEN,
        }
    }

    /// Sets the longest event to accept, in bytes. The default is [`MAX_EVENT_LEN`].
    #[must_use]
    pub fn with_max_event_len(mut self, max_event_len: u64) -> Self {
        self.max_event_len = max_event_len;
        self
    }

    /// Takes packets of any sequence id: within compressed frames nobody keeps them in order.
    #[must_use]
    pub fn with_any_sequence(mut self) -> Self {
        self.any_sequence = true;
        self
    }

    /// Whether the stream stands between two events.
    #[must_use]
    pub fn is_at_boundary(&self) -> bool {
        matches!(self.state, State::Boundary)
    }

    /// Decodes from the front of `buffer`. `buffer_is_full` says that no more bytes can be added
    /// before some are consumed; the buffer must then hold at least [`MIN_BUFFER_LEN`] bytes.
    ///
    /// # Errors
    /// The bytes are not a binlog stream, a sequence id is wrong, or an event is too long. The
    /// stream cannot be used any further.
    #[inline]
    pub fn next<'a>(
        &mut self,
        buffer: &'a [u8],
        buffer_is_full: bool,
    ) -> Result<Framed<'a>, WireError> {
        if matches!(self.state, State::Boundary)
            && let Some((consumed, part)) = self.whole_event(buffer)
        {
            return Ok(Framed { consumed, step: Step::Event(part) });
        }
        self.next_uncommon(buffer, buffer_is_full)
    }

    /// The common case alone: a whole event in one packet, and nothing wrong with it.
    #[inline]
    fn whole_event<'a>(&mut self, buffer: &'a [u8]) -> Option<(usize, EventPart<'a>)> {
        let header = PacketHeader::parse(buffer)?;
        let end = HEADER_LEN + header.len;
        let payload = buffer.get(HEADER_LEN..end)?;
        let (wants_ack, bytes) = match payload {
            [OK, bytes @ ..] if !self.semi_sync => (false, bytes),
            [OK, MAGIC, flag, bytes @ ..] => (flag & WANTS_ACK != 0, bytes),
            _ => return None,
        };
        let is_common = (header.sequence == self.sequence || self.any_sequence)
            && !header.is_continued()
            && bytes.len() >= EVENT_HEADER_LEN
            && bytes.len() as u64 <= self.max_event_len;
        if !is_common {
            return None;
        }
        self.sequence =
            if wants_ack { SEQUENCE_AFTER_ACK } else { header.sequence.wrapping_add(1) };
        Some((end, EventPart { bytes, first: true, last: true, wants_ack }))
    }

    #[cold]
    fn next_uncommon<'a>(
        &mut self,
        buffer: &'a [u8],
        buffer_is_full: bool,
    ) -> Result<Framed<'a>, WireError> {
        match self.state {
            State::Boundary => self.payload_start(buffer, buffer_is_full),
            State::Event { .. } => self.event_part(buffer),
        }
    }

    /// The first packet of a payload that is not a whole event.
    fn payload_start<'a>(
        &mut self,
        buffer: &'a [u8],
        buffer_is_full: bool,
    ) -> Result<Framed<'a>, WireError> {
        let need_more = Framed { consumed: 0, step: Step::NeedMore };
        let Some(header) = PacketHeader::parse(buffer) else { return Ok(need_more) };
        self.check_sequence(header)?;
        if header.len == 0 {
            return Err(bad_value("payload length", 0));
        }
        let body = &buffer[HEADER_LEN..];
        let body = &body[..body.len().min(header.len)];
        match body.first() {
            None => Ok(need_more),
            Some(&OK) => self.event_start(header, body, buffer_is_full),
            Some(&(ERR | EOF)) if body.len() < header.len => {
                if buffer_is_full {
                    return Err(too_large(header.len as u64, buffer.len() as u64));
                }
                Ok(need_more)
            }
            Some(&ERR) => {
                let step = Step::Err(ServerError::parse(body)?);
                self.finish_packet(HEADER_LEN + header.len, step)
            }
            // Also an OK that stands for it under CLIENT_DEPRECATE_EOF.
            Some(&EOF) => self.finish_packet(HEADER_LEN + header.len, Step::Eof),
            Some(&other) => Err(bad_value("marker", u64::from(other))),
        }
    }

    fn finish_packet<'a>(
        &mut self,
        consumed: usize,
        step: Step<'a>,
    ) -> Result<Framed<'a>, WireError> {
        self.sequence = self.sequence.wrapping_add(1);
        Ok(Framed { consumed, step })
    }

    /// The start of an event that is not whole, or that has something wrong.
    fn event_start<'a>(
        &mut self,
        header: PacketHeader,
        body: &'a [u8],
        buffer_is_full: bool,
    ) -> Result<Framed<'a>, WireError> {
        let marker_len = if self.semi_sync { 3 } else { 1 };
        if header.len < marker_len + EVENT_HEADER_LEN {
            return Err(bad_value("event length", header.len as u64));
        }
        let event_len = (header.len - marker_len) as u64;
        if event_len > self.max_event_len {
            return Err(too_large(event_len, self.max_event_len));
        }
        if body.len() < header.len && !buffer_is_full {
            return Ok(Framed { consumed: 0, step: Step::NeedMore });
        }
        if body.len() < marker_len + EVENT_HEADER_LEN {
            return Err(too_large(header.len as u64, body.len() as u64));
        }
        let (markers, bytes) = body.split_at(marker_len);
        let wants_ack = match markers {
            [_, MAGIC, flag] => flag & WANTS_ACK != 0,
            [_, other, _] => return Err(bad_value("semi-sync marker", u64::from(*other))),
            _ => false,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.state = State::Event {
            left: header.len - body.len(),
            continued: header.is_continued(),
            wants_ack,
            known_len: event_len,
        };
        let part = EventPart { bytes, first: true, last: false, wants_ack };
        Ok(Framed { consumed: HEADER_LEN + body.len(), step: Step::Event(part) })
    }

    /// A further part of an event.
    fn event_part<'a>(&mut self, buffer: &'a [u8]) -> Result<Framed<'a>, WireError> {
        let State::Event { mut left, mut continued, wants_ack, mut known_len } = self.state else {
            return Ok(Framed { consumed: 0, step: Step::NeedMore });
        };
        let mut consumed = 0;
        if left == 0 && continued {
            let Some(header) = PacketHeader::parse(buffer) else {
                return Ok(Framed { consumed: 0, step: Step::NeedMore });
            };
            self.check_sequence(header)?;
            self.sequence = self.sequence.wrapping_add(1);
            known_len += header.len as u64;
            if known_len > self.max_event_len {
                return Err(too_large(known_len, self.max_event_len));
            }
            (left, continued) = (header.len, header.is_continued());
            consumed = HEADER_LEN;
        }
        let body = &buffer[consumed..];
        let bytes = &body[..body.len().min(left)];
        consumed += bytes.len();
        left -= bytes.len();
        let last = left == 0 && !continued;
        if last {
            self.state = State::Boundary;
            if wants_ack {
                self.sequence = SEQUENCE_AFTER_ACK;
            }
        } else {
            self.state = State::Event { left, continued, wants_ack, known_len };
            if bytes.is_empty() {
                return Ok(Framed { consumed, step: Step::NeedMore });
            }
        }
        let part = EventPart { bytes, first: false, last, wants_ack };
        Ok(Framed { consumed, step: Step::Event(part) })
    }

    fn check_sequence(&self, header: PacketHeader) -> Result<(), WireError> {
        if header.sequence == self.sequence || self.any_sequence {
            return Ok(());
        }
        Err(WireError::OutOfOrder { expected: self.sequence, found: header.sequence })
    }
}

fn bad_value(field: &'static str, value: u64) -> WireError {
    WireError::BadValue { structure: STRUCTURE, field, value }
}

fn too_large(size: u64, limit: u64) -> WireError {
    WireError::TooLarge { size, limit }
}
