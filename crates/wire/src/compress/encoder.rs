//! From bytes to frames.

use flate2::{Compress, FlushCompress, Status};
use zstd::bulk::Compressor;

use super::{
    COMPRESSED_LEN_MIN, Compression, FRAME_HEADER_LEN, FRAME_LEN_MAX, FrameHeader,
    ZSTD_LEVEL_DEFAULT,
};

/// zlib's own default, which MySQL uses too.
pub(super) const ZLIB_LEVEL: u8 = 6;

/// Makes frames. Nothing of one frame is needed for the next, so one encoder can serve many
/// connections.
#[derive(Default)]
pub struct FrameEncoder {
    zlib: Option<Compress>,
    zstd: Option<(Compressor<'static>, u8)>,
}

impl FrameEncoder {
    /// An encoder that has yet to allocate anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one frame with the bytes of `plain`, of which there are 1 to [`FRAME_LEN_MAX`].
    ///
    /// # Panics
    /// There are none or more.
    pub fn encode(
        &mut self,
        compression: Compression,
        sequence: u8,
        plain: &[u8],
        out: &mut Vec<u8>,
    ) {
        assert!((1..=FRAME_LEN_MAX).contains(&plain.len()), "a frame of {} bytes", plain.len());
        let frame_at = out.len();
        let body_at = frame_at + FRAME_HEADER_LEN;
        out.resize(body_at, 0);
        let mut header = FrameHeader { len: plain.len(), sequence, plain_len: 0 };
        // Room for all but one byte: what does not become shorter is not worth it.
        out.resize(body_at + plain.len() - 1, 0);
        let is_long = plain.len() >= COMPRESSED_LEN_MIN;
        match is_long.then(|| self.compress(compression, plain, &mut out[body_at..])).flatten() {
            Some(len) => {
                (header.len, header.plain_len) = (len, plain.len());
                out.truncate(body_at + len);
            }
            None => {
                out.truncate(body_at);
                out.extend_from_slice(plain);
            }
        }
        out[frame_at..body_at].copy_from_slice(&header.encode());
    }

    /// Compresses into `to`; `None` if there is not enough room.
    fn compress(&mut self, how: Compression, plain: &[u8], to: &mut [u8]) -> Option<usize> {
        match how {
            Compression::Zlib => {
                let new = || Compress::new(flate2::Compression::new(ZLIB_LEVEL.into()), true);
                let zlib = self.zlib.get_or_insert_with(new);
                zlib.reset();
                match zlib.compress(plain, to, FlushCompress::Finish) {
                    Ok(Status::StreamEnd) => usize::try_from(zlib.total_out()).ok(),
                    _ => None,
                }
            }
            Compression::Zstd { level } => {
                if self.zstd.is_none() {
                    let compressor = Compressor::new(ZSTD_LEVEL_DEFAULT.into()).ok()?;
                    self.zstd = Some((compressor, ZSTD_LEVEL_DEFAULT));
                }
                let (compressor, at) = self.zstd.as_mut()?;
                if *at != level {
                    compressor.set_compression_level(level.into()).ok()?;
                    *at = level;
                }
                compressor.compress_to_buffer(plain, to).ok()
            }
        }
    }
}

impl std::fmt::Debug for FrameEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameEncoder").finish_non_exhaustive()
    }
}
