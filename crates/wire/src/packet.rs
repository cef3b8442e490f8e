//! Packets: the four-byte header, splitting, sequence ids.
//!
//! A payload of any length travels as packets of up to 0xffffff bytes; one of exactly that length
//! says that another follows, down to an empty one. Payloads are whole here; the dump stream, which
//! is not, has its own framing in [`dump`](crate::dump).
//! Manual: "MySQL Packets".

mod decoder;
mod receiver;
mod writer;

pub use decoder::{Decoded, PacketDecoder, Payload};
pub use receiver::PacketReceiver;
pub use writer::{Frame, PacketWriter};

/// The length of a packet's header in bytes.
pub const HEADER_LEN: usize = 4;

/// The longest body of one packet in bytes; a packet of this length is continued by the next.
pub const MAX_BODY_LEN: usize = 0xff_ffff;

/// A sensible limit for the payloads of a client's command or of one row, in bytes.
/// MySQL's `max_allowed_packet` has the same default.
pub const DEFAULT_MAX_PAYLOAD_LEN: usize = 64 << 20;

/// A packet's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketHeader {
    /// The length of the body in bytes, at most [`MAX_BODY_LEN`].
    pub len: usize,
    /// The sequence id.
    pub sequence: u8,
}

impl PacketHeader {
    /// Parses the first four bytes of `bytes`; `None` if there are fewer.
    #[inline]
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[a, b, c, sequence] = bytes.first_chunk()?;
        Some(Self { len: usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16, sequence })
    }

    /// The header's bytes. A `len` over [`MAX_BODY_LEN`] is the caller's error.
    #[inline]
    #[must_use]
    pub fn encode(self) -> [u8; HEADER_LEN] {
        debug_assert!(self.len <= MAX_BODY_LEN);
        let [a, b, c, ..] = self.len.to_le_bytes();
        [a, b, c, self.sequence]
    }

    /// Whether the payload goes on in another packet.
    #[inline]
    #[must_use]
    pub fn is_continued(self) -> bool {
        self.len == MAX_BODY_LEN
    }
}

#[cfg(test)]
mod tests;
