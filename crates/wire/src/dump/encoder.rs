//! The sender's side of the stream: events into packets.

use super::semi_sync::{MAGIC, SEQUENCE_AFTER_ACK};
use crate::capability::Capabilities;
use crate::packet::{HEADER_LEN, MAX_BODY_LEN, PacketHeader, PacketWriter};
use crate::response::{EofPacket, OK, OkPacket, ServerError};
use crate::status::StatusFlags;

/// Frames events into a buffer, as a source sends them.
#[derive(Debug)]
pub struct EventEncoder {
    packets: PacketWriter,
    semi_sync: bool,
    /// The event begun and not finished.
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    /// Bytes due to the current packet.
    packet_left: usize,
    /// Bytes due to the event, those of the current packet included.
    event_left: u64,
    /// Whether the current packet must be followed by another.
    continued: bool,
    wants_ack: bool,
}

impl EventEncoder {
    /// An encoder for the answer to a dump command, which had sequence id 0. `semi_sync` says
    /// whether the replica asked for semi-sync before; then every event carries the header.
    #[must_use]
    pub fn new(semi_sync: bool) -> Self {
        Self { packets: PacketWriter::new(1), semi_sync, open: None }
    }

    /// Appends a whole event. `wants_ack` counts only with semi-sync.
    ///
    /// # Panics
    /// Another event is open.
    #[inline]
    pub fn event(&mut self, out: &mut Vec<u8>, event: &[u8], wants_ack: bool) {
        if self.open.is_some() || event.len() >= MAX_BODY_LEN - 3 {
            self.begin(out, event.len() as u64, wants_ack);
            self.part(out, event);
            return;
        }
        out.reserve(HEADER_LEN + 3 + event.len());
        self.packet_header(out, self.marker_len() + event.len());
        self.markers(out, wants_ack);
        out.extend_from_slice(event);
        self.after_event(wants_ack);
    }

    /// Begins an event of `len` bytes whose bytes come by [`part`](Self::part).
    ///
    /// # Panics
    /// Another event is open, or `len` is 0.
    pub fn begin(&mut self, out: &mut Vec<u8>, len: u64, wants_ack: bool) {
        assert!(self.open.is_none(), "an event is open");
        assert!(len > 0, "an event has bytes");
        let room = MAX_BODY_LEN - self.marker_len();
        let packet_left = usize::try_from(len).unwrap_or(room).min(room);
        self.packet_header(out, self.marker_len() + packet_left);
        self.markers(out, wants_ack);
        let continued = packet_left == room;
        self.open = Some(Open { packet_left, event_left: len, continued, wants_ack });
    }

    /// Appends the next bytes of the event begun.
    ///
    /// # Panics
    /// They are more than the event still lacks.
    pub fn part(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut open = match self.open {
                Some(open) if open.event_left >= rest.len() as u64 => open,
                _ => panic!("more bytes than the event has"),
            };
            let (head, tail) = rest.split_at(rest.len().min(open.packet_left));
            out.extend_from_slice(head);
            rest = tail;
            open.packet_left -= head.len();
            open.event_left -= head.len() as u64;
            if open.packet_left == 0 && open.continued {
                let event_left = usize::try_from(open.event_left).unwrap_or(MAX_BODY_LEN);
                open.packet_left = event_left.min(MAX_BODY_LEN);
                open.continued = open.packet_left == MAX_BODY_LEN;
                self.packet_header(out, open.packet_left);
            }
            self.open = Some(open);
            if open.event_left == 0 {
                self.open = None;
                self.after_event(open.wants_ack);
            }
        }
    }

    /// Whether an event is begun and not complete.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Appends an error, which ends the stream. Only between events.
    pub fn error(&mut self, out: &mut Vec<u8>, error: &ServerError) {
        debug_assert!(self.open.is_none());
        self.packets.build(out, |out| error.encode(out));
    }

    /// Appends the end of a stream that does not wait. Only between events.
    pub fn eof(&mut self, out: &mut Vec<u8>, capabilities: Capabilities, status: StatusFlags) {
        debug_assert!(self.open.is_none());
        self.packets.build(out, |out| {
            if capabilities.contains(Capabilities::DEPRECATE_EOF) {
                OkPacket { status, ..OkPacket::default() }.encode_as_eof(out, capabilities);
            } else {
                EofPacket { warnings: 0, status }.encode(out);
            }
        });
    }

    fn marker_len(&self) -> usize {
        if self.semi_sync { 3 } else { 1 }
    }

    #[inline]
    fn markers(&self, out: &mut Vec<u8>, wants_ack: bool) {
        out.push(OK);
        if self.semi_sync {
            out.extend_from_slice(&[MAGIC, u8::from(wants_ack)]);
        }
    }

    #[inline]
    fn packet_header(&mut self, out: &mut Vec<u8>, len: usize) {
        let sequence = self.packets.sequence();
        out.extend_from_slice(&PacketHeader { len, sequence }.encode());
        self.packets.set_sequence(sequence.wrapping_add(1));
    }

    #[inline]
    fn after_event(&mut self, wants_ack: bool) {
        if self.semi_sync && wants_ack {
            self.packets.set_sequence(SEQUENCE_AFTER_ACK);
        }
    }
}
