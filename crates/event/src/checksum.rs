//! The CRC32 at the end of events.

use crate::{EventKind, HEADER_LEN};

/// Length of an event's checksum in bytes.
pub const CHECKSUM_LEN: usize = 4;

/// The checksum algorithm that a format description event names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumAlgorithm {
    /// Events have no checksum: `binlog_checksum=NONE`, or a server that knows none.
    None,
    /// Events end with the CRC32 of all bytes before it.
    Crc32,
}

impl ChecksumAlgorithm {
    /// The bytes that the checksum takes at an event's end.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Crc32 => CHECKSUM_LEN,
        }
    }

    /// Whether events carry no checksum.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::None
    }

    /// The name that `binlog_checksum` has for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Crc32 => "CRC32",
        }
    }
}

/// The CRC32 of an event given without its last four bytes.
///
/// For a format description event the in-use flag counts as cleared, as servers have it: they set
/// the flag in the file without touching the checksum.
#[must_use]
#[inline]
pub fn event_crc32(body: &[u8]) -> u32 {
    match body.split_at_checked(HEADER_LEN) {
        Some((header, rest)) if header[4] == EventKind::FORMAT_DESCRIPTION.0 => {
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(&header[..17]);
            hasher.update(&[header[17] & !1, header[18]]);
            hasher.update(rest);
            hasher.finalize()
        }
        _ => crc32fast::hash(body),
    }
}

/// Clears the in-use flag of the format description event at the front of `event`, as a source
/// does before it sends the event. Other events and short slices are left as they are.
pub fn clear_in_use_flag(event: &mut [u8]) {
    if event.len() >= HEADER_LEN && event[4] == EventKind::FORMAT_DESCRIPTION.0 {
        event[17] &= !1;
    }
}
