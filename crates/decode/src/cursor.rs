//! Reads values from the front of a slice and cannot overrun.

use crate::ValueError;

/// A place in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], ValueError> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.truncated(len)),
        }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ValueError> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(self.truncated(N)),
        }
    }

    #[cold]
    fn truncated(&self, needed: usize) -> ValueError {
        ValueError::Truncated { needed, available: self.rest.len() }
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, ValueError> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, ValueError> {
        self.array().map(u16::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u24(&mut self) -> Result<u32, ValueError> {
        self.array().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, ValueError> {
        self.array().map(u32::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, ValueError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A big-endian integer of `len` bytes, at most eight.
    #[inline]
    pub(crate) fn big_endian(&mut self, len: usize) -> Result<u64, ValueError> {
        Ok(self.take(len)?.iter().fold(0, |n, &byte| n << 8 | u64::from(byte)))
    }

    /// A little-endian integer of `len` bytes, at most eight.
    #[inline]
    pub(crate) fn little_endian(&mut self, len: usize) -> Result<u64, ValueError> {
        Ok(self.take(len)?.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte)))
    }

    /// Bytes behind their length of `len_bytes` bytes, at most four.
    #[inline]
    pub(crate) fn prefixed(&mut self, len_bytes: u8) -> Result<&'a [u8], ValueError> {
        let len = match len_bytes {
            1 => usize::from(self.u8()?),
            2 => usize::from(self.u16()?),
            3 => self.size(u64::from(self.peek().u24()?), 3)?,
            _ => self.size(u64::from(self.peek().u32()?), 4)?,
        };
        self.take(len)
    }

    fn peek(&self) -> Self {
        *self
    }

    fn size(&mut self, len: u64, read: usize) -> Result<usize, ValueError> {
        self.take(read)?;
        usize::try_from(len).map_err(|_| ValueError::bad("length", len))
    }

    /// The protocol's length-encoded integer.
    pub(crate) fn packed(&mut self) -> Result<u64, ValueError> {
        match self.u8()? {
            0xfc => self.u16().map(u64::from),
            0xfd => self.u24().map(u64::from),
            0xfe => self.u64(),
            bad @ (0xfb | 0xff) => Err(ValueError::bad("length-encoded integer", bad)),
            small => Ok(u64::from(small)),
        }
    }

    /// A length-encoded integer that is a length or a count.
    pub(crate) fn packed_len(&mut self) -> Result<usize, ValueError> {
        let len = self.packed()?;
        usize::try_from(len).map_err(|_| ValueError::bad("length", len))
    }
}
