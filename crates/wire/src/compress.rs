//! Protocol compression: frames around the packets of a connection, from the end of the login on.
//!
//! A frame has seven bytes of header and carries any stretch of the packets' bytes: packets may begin
//! and end anywhere in it. Bytes that compression would not shorten travel as they are. Frames count
//! sequence ids of their own; those of the packets inside are then checked by nobody, since servers
//! set them back now and then. Manual: "Compression", "Compressed Packet".

mod decoder;
mod encoder;

pub use decoder::{FrameDecoder, Inflated};
pub use encoder::FrameEncoder;

use std::fmt;

use crate::capability::Capabilities;

/// The length of a frame's header in bytes.
pub const FRAME_HEADER_LEN: usize = 7;

/// The most bytes that a frame can hold, before or after compression.
pub const FRAME_LEN_MAX: usize = 0xff_ffff;

/// Shorter stretches are not compressed, in bytes. As MySQL does.
pub const COMPRESSED_LEN_MIN: usize = 50;

/// The level that clients ask for if nobody says otherwise. As MySQL's
/// `--zstd-compression-level`.
pub const ZSTD_LEVEL_DEFAULT: u8 = 3;

/// The highest level that a client can ask for.
pub const ZSTD_LEVEL_MAX: u8 = 22;

/// A way to compress a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// [`Capabilities::COMPRESS`].
    Zlib,
    /// [`Capabilities::ZSTD_COMPRESSION`].
    Zstd {
        /// 1 to [`ZSTD_LEVEL_MAX`]: how hard the sender of a frame tries. The client says it for
        /// both sides.
        level: u8,
    },
}

impl Compression {
    /// What both sides have agreed on; `zstd_level` is the client's. Of several, zlib is taken, as
    /// MySQL does.
    #[must_use]
    pub fn agreed(capabilities: Capabilities, zstd_level: Option<u8>) -> Option<Self> {
        if capabilities.contains(Capabilities::COMPRESS) {
            return Some(Self::Zlib);
        }
        let zstd = capabilities.contains(Capabilities::ZSTD_COMPRESSION);
        zstd.then(|| Self::Zstd { level: zstd_level.unwrap_or(ZSTD_LEVEL_DEFAULT) })
    }

    /// The capability that stands for it.
    #[must_use]
    pub fn capability(self) -> Capabilities {
        match self {
            Self::Zlib => Capabilities::COMPRESS,
            Self::Zstd { .. } => Capabilities::ZSTD_COMPRESSION,
        }
    }

    /// MySQL's name of the algorithm.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zlib => "zlib",
            Self::Zstd { .. } => "zstd",
        }
    }

    /// The level at which frames are compressed.
    #[must_use]
    pub fn level(self) -> u8 {
        match self {
            Self::Zlib => encoder::ZLIB_LEVEL,
            Self::Zstd { level } => level,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The length of what follows, in bytes.
    pub len: usize,
    /// The frame's sequence id.
    pub sequence: u8,
    /// The length of what comes out, in bytes; 0 if what follows is not compressed.
    pub plain_len: usize,
}

impl FrameHeader {
    /// Reads a header.
    #[must_use]
    pub fn parse(bytes: [u8; FRAME_HEADER_LEN]) -> Self {
        let [a, b, c, sequence, d, e, f] = bytes;
        let u24 = |a: u8, b: u8, c: u8| usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        Self { len: u24(a, b, c), sequence, plain_len: u24(d, e, f) }
    }

    /// The header's bytes. A length over [`FRAME_LEN_MAX`] is the caller's error.
    #[must_use]
    pub fn encode(self) -> [u8; FRAME_HEADER_LEN] {
        debug_assert!(self.len <= FRAME_LEN_MAX && self.plain_len <= FRAME_LEN_MAX);
        let [a, b, c, ..] = self.len.to_le_bytes();
        let [d, e, f, ..] = self.plain_len.to_le_bytes();
        [a, b, c, self.sequence, d, e, f]
    }
}

#[cfg(test)]
mod tests;
