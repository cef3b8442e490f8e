//! A cursor over received bytes that cannot overrun.
//!
//! Every method names the field it reads, so that an error tells where a structure broke. What
//! the fields mean lives with the structures.

use crate::error::WireError;

/// The first byte of a length-encoded integer that stands for NULL in a text row.
pub const LENENC_NULL: u8 = 0xfb;

/// Reads fields from the front of a slice. All integers are little-endian.
///
/// Cloning it is cheap and gives a look-ahead.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    structure: &'static str,
}

macro_rules! integer {
    ($(#[$doc:meta])* $name:ident, $int:ty) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// Fewer bytes are left.
        #[inline]
        pub fn $name(&mut self, field: &'static str) -> Result<$int, WireError> {
            Ok(<$int>::from_le_bytes(self.array(field)?))
        }
    };
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`; `structure` is the name errors carry.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8], structure: &'static str) -> Self {
        Self { rest: bytes, structure }
    }

    /// How many bytes are left.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether no bytes are left.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte, which stays unread.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The error of a field cut short.
    #[must_use]
    pub fn truncated(&self, field: &'static str) -> WireError {
        WireError::Truncated { structure: self.structure, field }
    }

    /// The error of a field with an impossible value.
    #[must_use]
    pub fn bad_value(&self, field: &'static str, value: u64) -> WireError {
        WireError::BadValue { structure: self.structure, field, value }
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// Fewer bytes are left.
    #[inline]
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(self.truncated(field))?;
        self.rest = rest;
        Ok(*head)
    }

    integer!(/// One byte.
        u8, u8);
    integer!(/// Two bytes.
        u16, u16);
    integer!(/// Four bytes.
        u32, u32);
    integer!(/// Eight bytes.
        u64, u64);

    /// Three bytes.
    ///
    /// # Errors
    /// Fewer bytes are left.
    #[inline]
    pub fn u24(&mut self, field: &'static str) -> Result<u32, WireError> {
        let [a, b, c] = self.array(field)?;
        Ok(u32::from_le_bytes([a, b, c, 0]))
    }

    /// Six bytes.
    ///
    /// # Errors
    /// Fewer bytes are left.
    #[inline]
    pub fn u48(&mut self, field: &'static str) -> Result<u64, WireError> {
        let [a, b, c, d, e, f] = self.array(field)?;
        Ok(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    /// A length-encoded integer.
    ///
    /// # Errors
    /// Too few bytes are left, or the first one is `fb` (NULL) or `ff`.
    #[inline]
    pub fn lenenc_int(&mut self, field: &'static str) -> Result<u64, WireError> {
        match self.u8(field)? {
            0xfc => self.u16(field).map(u64::from),
            0xfd => self.u24(field).map(u64::from),
            0xfe => self.u64(field),
            first @ (LENENC_NULL | 0xff) => Err(self.bad_value(field, u64::from(first))),
            value => Ok(u64::from(value)),
        }
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// Fewer bytes are left.
    #[inline]
    pub fn bytes(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(self.truncated(field))?;
        self.rest = rest;
        Ok(head)
    }

    /// A length-encoded integer and that many bytes.
    ///
    /// # Errors
    /// As [`lenenc_int`](Self::lenenc_int), or fewer bytes are left than it says.
    #[inline]
    pub fn lenenc_bytes(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        let len = self.lenenc_int(field)?;
        self.bytes(usize::try_from(len).map_err(|_| self.truncated(field))?, field)
    }

    /// One byte of length and that many bytes.
    ///
    /// # Errors
    /// Fewer bytes are left than it says.
    pub fn short_bytes(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        let len = self.u8(field)?;
        self.bytes(usize::from(len), field)
    }

    /// Everything up to a NUL, which is consumed and not returned.
    ///
    /// # Errors
    /// There is no NUL.
    pub fn nul_bytes(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        let len = self.rest.iter().position(|&b| b == 0).ok_or(self.truncated(field))?;
        let head = self.bytes(len, field)?;
        self.u8(field)?;
        Ok(head)
    }

    /// Everything that is left.
    #[inline]
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// `bytes`, read before, as text.
    ///
    /// # Errors
    /// They are not UTF-8.
    pub fn utf8(&self, bytes: &'a [u8], field: &'static str) -> Result<&'a str, WireError> {
        std::str::from_utf8(bytes)
            .map_err(|_| WireError::NotUtf8 { structure: self.structure, field })
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// Bytes remain.
    #[inline]
    pub fn finish(self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(WireError::TrailingBytes { structure: self.structure, count }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_little_endian() {
        let bytes: Vec<u8> = (1..=24).collect();
        let mut r = Reader::new(&bytes, "test");
        assert_eq!(r.u8("a"), Ok(1));
        assert_eq!(r.u16("b"), Ok(0x0302));
        assert_eq!(r.u24("c"), Ok(0x06_0504));
        assert_eq!(r.u32("d"), Ok(0x0a09_0807));
        assert_eq!(r.u48("e"), Ok(0x100f_0e0d_0c0b));
        assert_eq!(r.u64("f"), Ok(0x1817_1615_1413_1211));
        assert!(r.is_empty());
        assert_eq!(r.u8("g"), Err(WireError::Truncated { structure: "test", field: "g" }));
    }

    #[test]
    fn lenenc_integers_have_four_widths_and_two_forbidden_bytes() {
        let int = |bytes: &[u8]| Reader::new(bytes, "test").lenenc_int("n");
        assert_eq!(int(&[250]), Ok(250));
        assert_eq!(int(&[0xfc, 251, 0]), Ok(251));
        assert_eq!(int(&[0xfd, 0, 0, 1]), Ok(0x1_0000));
        assert_eq!(int(&[0xfe, 0, 0, 0, 1, 0, 0, 0, 0]), Ok(0x100_0000));
        for first in [0xfb, 0xff] {
            let bad =
                WireError::BadValue { structure: "test", field: "n", value: u64::from(first) };
            assert_eq!(int(&[first, 0, 0]), Err(bad));
        }
        for short in [&[][..], &[0xfc, 1], &[0xfd, 1, 2], &[0xfe, 1, 2, 3, 4, 5, 6, 7]] {
            assert_eq!(int(short), Err(WireError::Truncated { structure: "test", field: "n" }));
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_truncation_even_when_it_is_huge() {
        let bytes = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2];
        let mut r = Reader::new(&bytes, "test");
        assert_eq!(
            r.lenenc_bytes("s"),
            Err(WireError::Truncated { structure: "test", field: "s" })
        );
    }

    #[test]
    fn nul_terminated_bytes_need_their_nul() {
        let mut r = Reader::new(b"ab\0c", "test");
        assert_eq!(r.nul_bytes("x"), Ok(&b"ab"[..]));
        assert!(r.nul_bytes("y").is_err());
        assert_eq!(r.rest(), b"c");
    }

    #[test]
    fn leftovers_are_counted() {
        let mut r = Reader::new(&[1, 2, 3], "test");
        r.u8("a").unwrap();
        assert_eq!(r.finish(), Err(WireError::TrailingBytes { structure: "test", count: 2 }));
    }
}
