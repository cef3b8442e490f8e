//! Semi-synchronous replication's additions to the stream.
//!
//! Once a replica has asked for it, every event's `00` is followed by `ef` and a flag: 1 if the
//! source waits for an acknowledgement of this event, 0 if not. After an event with flag 1 the
//! source's sequence ids start again at 1, whenever the acknowledgement comes, as if the
//! acknowledgement (whose own id is 0) had been a command. Seen on MySQL 9.7.

use crate::error::WireError;
use crate::handshake::marker;
use crate::packet::PacketWriter;
use crate::reader::Reader;
use crate::writer::Put;

/// The byte that marks semi-sync headers and acknowledgements.
pub(super) const MAGIC: u8 = 0xef;
/// The flag of an event that the source waits for.
pub(super) const WANTS_ACK: u8 = 1;
/// The sequence id behind such an event.
pub(super) const SEQUENCE_AFTER_ACK: u8 = 1;

/// A replica's acknowledgement: it has safely received everything up to a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The end of the acknowledged event, a file offset.
    pub position: u64,
    /// The source's file name.
    pub file: &'a [u8],
}

impl<'a> Ack<'a> {
    /// Parses a payload.
    ///
    /// # Errors
    /// Not such a payload, or truncated.
    pub fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "semi-sync acknowledgement");
        marker(&mut r, MAGIC)?;
        let position = r.u64("position")?;
        let file = r.rest();
        if file.is_empty() {
            return Err(r.truncated("file"));
        }
        Ok(Self { position, file })
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(MAGIC);
        out.put_u64(self.position);
        out.put_bytes(self.file);
    }

    /// Appends the packet, whose sequence id is always 0.
    pub fn encode_packet(&self, out: &mut Vec<u8>) {
        PacketWriter::new(0).build(out, |out| self.encode(out));
    }
}
