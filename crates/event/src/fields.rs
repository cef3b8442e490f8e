//! A cursor over an event's bytes that cannot overrun: every read says which field it wanted.

use crate::EventError;

/// Reads little-endian fields from the front of a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn take(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], EventError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(EventError::Truncated {
            field,
            needed: len,
            available: self.rest.len(),
        })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], EventError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(EventError::Truncated {
            field,
            needed: N,
            available: self.rest.len(),
        })?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, EventError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, EventError> {
        self.array(field).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, EventError> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, EventError> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// The variable-length integer of MySQL's serialization library (MySQL 8.3): the number of
    /// trailing one bits in the first byte is the number of bytes that follow it.
    pub(crate) fn varint(&mut self, field: &'static str) -> Result<u64, EventError> {
        let first = self.u8(field)?;
        let more = first.trailing_ones() as usize;
        let mut bytes = [0u8; 8];
        bytes[..more].copy_from_slice(self.take(field, more)?);
        let high = u64::from_le_bytes(bytes);
        Ok(match more {
            7 | 8 => high,
            _ => u64::from(first) >> (more + 1) | high << (7 - more),
        })
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_hold_seven_bits_a_byte() {
        let read = |bytes: &[u8]| Fields::new(bytes).varint("n");
        assert_eq!(read(&[0b0000_0000]), Ok(0));
        assert_eq!(read(&[127 << 1]), Ok(127));
        // 128 in two bytes: low six bits and the marker 01, then 128 >> 6.
        assert_eq!(read(&[0b01, 2]), Ok(128));
        // Seven one bits: seven bytes follow and hold the whole value.
        assert_eq!(read(&[0x7f, 0, 0, 0, 0, 0, 0, 1]), Ok(1 << 48));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Ok(u64::MAX));
    }

    #[test]
    fn a_cut_varint_is_an_error() {
        assert_eq!(
            Fields::new(&[0b011, 1]).varint("n"),
            Err(EventError::Truncated { field: "n", needed: 2, available: 1 })
        );
    }
}
