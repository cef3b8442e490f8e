//! From payloads to packets.

use super::{HEADER_LEN, MAX_BODY_LEN, PacketHeader};

/// Frames payloads into a buffer and counts sequence ids, modulo 256.
#[derive(Debug, Clone, Default)]
pub struct PacketWriter {
    sequence: u8,
}

/// A payload being built in place: see [`PacketWriter::begin`].
#[derive(Debug)]
#[must_use = "a frame must be ended, or its header stays empty"]
pub struct Frame {
    header_at: usize,
}

impl PacketWriter {
    /// A writer whose first packet has sequence id `sequence`.
    #[must_use]
    pub fn new(sequence: u8) -> Self {
        Self { sequence }
    }

    /// The sequence id of the next packet.
    #[must_use]
    pub fn sequence(&self) -> u8 {
        self.sequence
    }

    /// Sets the sequence id of the next packet.
    pub fn set_sequence(&mut self, sequence: u8) {
        self.sequence = sequence;
    }

    /// Appends `payload` to `out`, in as many packets as it needs.
    pub fn write(&mut self, out: &mut Vec<u8>, payload: &[u8]) {
        let packets = payload.len() / MAX_BODY_LEN + 1;
        out.reserve(payload.len() + packets * HEADER_LEN);
        let mut rest = payload;
        loop {
            let (body, after) = rest.split_at(rest.len().min(MAX_BODY_LEN));
            out.extend_from_slice(&self.header(body.len()));
            out.extend_from_slice(body);
            if body.len() < MAX_BODY_LEN {
                return;
            }
            rest = after;
        }
    }

    /// Appends a packet whose payload `build` appends to `out`, without a copy.
    pub fn build(&mut self, out: &mut Vec<u8>, build: impl FnOnce(&mut Vec<u8>)) {
        let frame = self.begin(out);
        build(out);
        self.end(out, frame);
    }

    /// Leaves room for a header in `out`; append the payload, then call [`end`](Self::end).
    pub fn begin(&self, out: &mut Vec<u8>) -> Frame {
        let header_at = out.len();
        out.extend_from_slice(&[0; HEADER_LEN]);
        Frame { header_at }
    }

    /// Writes the header of the payload appended since [`begin`](Self::begin). Only a payload of
    /// [`MAX_BODY_LEN`] or more bytes is moved, to make room for further headers.
    #[expect(clippy::needless_pass_by_value, reason = "a frame ends once")]
    pub fn end(&mut self, out: &mut Vec<u8>, frame: Frame) {
        let Frame { header_at } = frame;
        let body_at = header_at + HEADER_LEN;
        let len = out.len() - body_at;
        let continuations = len / MAX_BODY_LEN;
        let first = self.header(len.min(MAX_BODY_LEN));
        out[header_at..body_at].copy_from_slice(&first);

        // Further bodies move towards the end by one header each, the last one first.
        out.resize(out.len() + continuations * HEADER_LEN, 0);
        let first_sequence = self.sequence;
        for i in (1..=continuations).rev() {
            let from = body_at + i * MAX_BODY_LEN;
            let len = (len - i * MAX_BODY_LEN).min(MAX_BODY_LEN);
            let to = from + i * HEADER_LEN;
            out.copy_within(from..from + len, to);
            self.sequence = first_sequence.wrapping_add(low_byte(i - 1));
            let header = self.header(len);
            out[to - HEADER_LEN..to].copy_from_slice(&header);
        }
        self.sequence = first_sequence.wrapping_add(low_byte(continuations));
    }

    /// The header of the next packet.
    fn header(&mut self, len: usize) -> [u8; HEADER_LEN] {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        PacketHeader { len, sequence }.encode()
    }
}

fn low_byte(n: usize) -> u8 {
    n.to_le_bytes()[0]
}
