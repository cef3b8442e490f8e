//! MariaDB's compressed columns.

use crate::cursor::Cursor;
use crate::{Charset, ValueError};

/// Text or bytes that MariaDB stores compressed.
///
/// In front stands a byte: in its high half the method, 0 for none and 8 for zlib; then a bit that
/// says whether zlib's own head is there, and the number of bytes of the length, which
/// follow, big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compressed<'a> {
    stored: &'a [u8],
    charset: Option<Charset>,
}

const NO_METHOD: u8 = 0;
const ZLIB: u8 = 8;
const RAW: u8 = 0x08;

impl<'a> Compressed<'a> {
    #[inline]
    pub(crate) fn new(stored: &'a [u8], charset: Option<Charset>) -> Result<Self, ValueError> {
        match stored.first().map_or(NO_METHOD, |head| head >> 4) {
            NO_METHOD | ZLIB => Ok(Self { stored, charset }),
            other => Err(ValueError::bad("method of compression", other)),
        }
    }

    /// The character set, if it is known.
    #[must_use]
    pub fn charset(&self) -> Option<Charset> {
        self.charset
    }

    /// The bytes that are stored, compressed.
    #[must_use]
    pub fn stored(&self) -> &'a [u8] {
        self.stored
    }

    /// The value's length in bytes.
    ///
    /// # Errors
    /// If the head is cut short.
    pub fn len(&self) -> Result<u64, ValueError> {
        self.parts().map(|(_, len, _)| len)
    }

    /// Whether the value is empty.
    ///
    /// # Errors
    /// If the head is cut short.
    pub fn is_empty(&self) -> Result<bool, ValueError> {
        self.len().map(|len| len == 0)
    }

    /// Appends the value's bytes, if they are not more than `len_max`.
    ///
    /// # Errors
    /// If the value is larger, or damaged.
    pub fn decompress(&self, len_max: usize, out: &mut Vec<u8>) -> Result<(), ValueError> {
        let (head, len, data) = self.parts()?;
        let len = usize::try_from(len)
            .ok()
            .filter(|&len| len <= len_max)
            .ok_or(ValueError::CompressedTooLarge { limit: len_max })?;
        if head >> 4 == NO_METHOD {
            out.extend_from_slice(data);
            return Ok(());
        }
        crate::inflate::inflate(data, head & RAW != 0, len, out).map_err(|_| ValueError::Compressed)
    }

    fn parts(&self) -> Result<(u8, u64, &'a [u8]), ValueError> {
        // An empty value has no head.
        let Some((&head, data)) = self.stored.split_first() else { return Ok((0, 0, &[])) };
        if head >> 4 == NO_METHOD {
            return Ok((head, data.len() as u64, data));
        }
        let mut cursor = Cursor::new(data);
        let len = cursor.big_endian(usize::from(head & 0x07))?;
        Ok((head, len, cursor.rest()))
    }
}
