//! The 19 bytes in front of every event.

use std::fmt;

use crate::fields::Fields;
use crate::{EventError, EventKind};

/// Length of an event header in bytes, fixed since binlog version 4 (MySQL 5.0).
pub const HEADER_LEN: usize = 19;

/// A header's `log_pos`: the low 32 bits of the file offset at which the event ends, or 0.
///
/// It wraps in files over 4 GiB, so it is only ever compared with an offset, never used as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPos(pub u32);

impl LogPos {
    /// The `log_pos` of an event that ends at `offset` bytes.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the field holds the low 32 bits")]
    pub fn of(offset: u64) -> Self {
        Self(offset as u32)
    }
}

/// The flags of an event header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFlags(pub u16);

impl EventFlags {
    /// On a format description event: the file was not closed. Only ever on the source's disk.
    pub const IN_USE: EventFlags = EventFlags(0x0001);
    /// The event was made for the reader and is in no file.
    pub const ARTIFICIAL: EventFlags = EventFlags(0x0020);
    /// A statement that needs no `USE` before it.
    pub const SUPPRESS_USE: EventFlags = EventFlags(0x0008);
    /// A replica wrote the event into its relay log by itself.
    pub const RELAY_LOG: EventFlags = EventFlags(0x0040);
    /// Who does not know the event's type may leave it out.
    pub const IGNORABLE: EventFlags = EventFlags(0x0080);
    /// MariaDB: replicas may be told to leave the event out.
    pub const SKIP_REPLICATION: EventFlags = EventFlags(0x8000);

    /// Whether all of `flags` are set.
    #[must_use]
    pub fn contains(self, flags: EventFlags) -> bool {
        self.0 & flags.0 == flags.0
    }
}

/// An event's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventHeader {
    /// When the statement began, in seconds since 1970.
    pub timestamp: u32,
    /// The event's type.
    pub kind: EventKind,
    /// The id of the server on which the change was first made.
    pub server_id: u32,
    /// The event's length in bytes with header and checksum.
    pub size: u32,
    /// Where the event ends.
    pub log_pos: LogPos,
    /// Flags.
    pub flags: EventFlags,
}

impl EventHeader {
    /// Reads the header at the front of `bytes`.
    ///
    /// # Errors
    /// If fewer than [`HEADER_LEN`] bytes are there. No field is judged.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, EventError> {
        let mut fields = Fields::new(bytes);
        // One bounds check for all of them.
        let b: [u8; HEADER_LEN] = fields.array("event header")?;
        Ok(Self {
            timestamp: u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            kind: EventKind(b[4]),
            server_id: u32::from_le_bytes([b[5], b[6], b[7], b[8]]),
            size: u32::from_le_bytes([b[9], b[10], b[11], b[12]]),
            log_pos: LogPos(u32::from_le_bytes([b[13], b[14], b[15], b[16]])),
            flags: EventFlags(u16::from_le_bytes([b[17], b[18]])),
        })
    }

    /// The header's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut b = [0; HEADER_LEN];
        b[0..4].copy_from_slice(&self.timestamp.to_le_bytes());
        b[4] = self.kind.0;
        b[5..9].copy_from_slice(&self.server_id.to_le_bytes());
        b[9..13].copy_from_slice(&self.size.to_le_bytes());
        b[13..17].copy_from_slice(&self.log_pos.0.to_le_bytes());
        b[17..19].copy_from_slice(&self.flags.0.to_le_bytes());
        b
    }

    /// Whether the event was made for the reader and stands in no file: heartbeats, and the
    /// Rotate and format description events with which a source opens a stream.
    #[must_use]
    #[inline]
    pub fn is_artificial(&self) -> bool {
        self.kind.is_heartbeat()
            || self.flags.contains(EventFlags::ARTIFICIAL)
            || (self.log_pos.0 == 0
                && matches!(self.kind, EventKind::FORMAT_DESCRIPTION | EventKind::ROTATE))
    }
}

impl fmt::Display for LogPos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_little_endian_and_in_order() {
        let bytes = [
            0x01, 0x02, 0x03, 0x04, // timestamp
            0x10, // kind: Xid
            0x05, 0, 0, 0, // server id
            0x1f, 0, 0, 0, // size
            0xff, 0xff, 0, 0, // log_pos
            0x20, 0x00, // flags: artificial
        ];
        let header = EventHeader::parse(&bytes).unwrap();
        assert_eq!(header.timestamp, 0x0403_0201);
        assert_eq!(header.kind, EventKind::XID);
        assert_eq!((header.server_id, header.size, header.log_pos), (5, 31, LogPos(0xffff)));
        assert!(header.is_artificial());
        assert_eq!(header.to_bytes(), bytes);
        for cut in 0..HEADER_LEN {
            assert!(EventHeader::parse(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn log_pos_wraps_past_four_gib() {
        assert_eq!(LogPos::of(0x1_0000_0010), LogPos(0x10));
    }
}
