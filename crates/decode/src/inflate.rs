//! MariaDB's zlib compression, of events and of columns.

use flate2::{Decompress, FlushDecompress, Status};

use crate::ValueError;
use crate::cursor::Cursor;

/// What is wrong with zlib's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadZlib;

/// The least room that is made for output at a time.
const STEP_MIN: usize = 4096;

/// Appends exactly `len` bytes, decompressed from `data`, to `out`.
///
/// Memory grows with what really comes out: a wrong length costs none.
pub(crate) fn inflate(
    data: &[u8],
    raw: bool,
    len: usize,
    out: &mut Vec<u8>,
) -> Result<(), BadZlib> {
    let start = out.len();
    let mut zlib = Decompress::new(!raw);
    let mut input = data;
    loop {
        let room = (out.len() - start).max(STEP_MIN).min(len - (out.len() - start) + 1);
        out.reserve(room);
        let before = (zlib.total_in(), out.len());
        let status = zlib.decompress_vec(input, out, FlushDecompress::None).map_err(|_| BadZlib)?;
        let consumed = usize::try_from(zlib.total_in() - before.0).map_err(|_| BadZlib)?;
        input = input.get(consumed..).ok_or(BadZlib)?;
        let written = out.len() - start;
        match status {
            _ if written > len => return Err(BadZlib),
            Status::StreamEnd if written == len => return Ok(()),
            Status::StreamEnd => return Err(BadZlib),
            _ if consumed == 0 && out.len() == before.1 => return Err(BadZlib),
            _ => {}
        }
    }
}

/// The parts of a compressed event body: the length before, and zlib's bytes.
///
/// In front stands a byte: its highest bit set, three bits of method (0 is zlib), and the number of
/// bytes of the length, which follow, big-endian.
pub(crate) fn event_parts(bytes: &[u8]) -> Result<(u64, &[u8]), ValueError> {
    let mut cursor = Cursor::new(bytes);
    let head = cursor.u8()?;
    let len_bytes = usize::from(head & 0x07);
    if head & 0xf0 != 0x80 || !(1..=4).contains(&len_bytes) {
        return Err(ValueError::bad("head of compressed bytes", head));
    }
    let len = cursor.big_endian(len_bytes)?;
    Ok((len, cursor.rest()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn only_the_exact_length_is_taken() {
        let text = b"compressible ".repeat(5000);
        let packed = deflate(&text);
        let mut out = b"before".to_vec();
        inflate(&packed, false, text.len(), &mut out).unwrap();
        assert_eq!(out[6..], text);
        for wrong in [0, 1, text.len() - 1, text.len() + 1, usize::MAX >> 1] {
            assert_eq!(inflate(&packed, false, wrong, &mut Vec::new()), Err(BadZlib), "{wrong}");
        }
        inflate(&deflate(b""), false, 0, &mut Vec::new()).unwrap();
    }

    #[test]
    fn bytes_cut_short_are_an_error() {
        let text = b"some text that is not long".to_vec();
        let packed = deflate(&text);
        for cut in 0..packed.len() - 4 {
            assert_eq!(inflate(&packed[..cut], false, text.len(), &mut Vec::new()), Err(BadZlib));
        }
    }
}
