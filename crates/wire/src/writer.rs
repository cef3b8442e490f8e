//! Appending fields to a buffer: the counterpart of [`reader`](crate::reader).

use crate::reader::LENENC_NULL;

/// Protocol fields appended to a `Vec<u8>`. All integers are little-endian.
pub trait Put {
    /// One byte.
    fn put_u8(&mut self, value: u8);
    /// Two bytes.
    fn put_u16(&mut self, value: u16);
    /// The low three bytes of `value`; the caller makes sure that the fourth is 0.
    fn put_u24(&mut self, value: u32);
    /// Four bytes.
    fn put_u32(&mut self, value: u32);
    /// The low six bytes of `value`; the caller makes sure that the others are 0.
    fn put_u48(&mut self, value: u64);
    /// Eight bytes.
    fn put_u64(&mut self, value: u64);
    /// A length-encoded integer, in its shortest form.
    fn put_lenenc_int(&mut self, value: u64);
    /// The length, length-encoded, and the bytes.
    fn put_lenenc_bytes(&mut self, bytes: &[u8]);
    /// The one byte that is NULL in a text row.
    fn put_null(&mut self);
    /// The bytes up to their first NUL, if there is one, and a NUL.
    fn put_nul_bytes(&mut self, bytes: &[u8]);
    /// The length in one byte and the bytes, of which no more than 255 are taken.
    fn put_short_bytes(&mut self, bytes: &[u8]);
    /// The bytes alone.
    fn put_bytes(&mut self, bytes: &[u8]);
    /// `count` bytes of 0.
    fn put_zeros(&mut self, count: usize);
}

impl Put for Vec<u8> {
    #[inline]
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }

    #[inline]
    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    #[inline]
    fn put_u24(&mut self, value: u32) {
        debug_assert!(value <= 0xff_ffff);
        self.extend_from_slice(&value.to_le_bytes()[..3]);
    }

    #[inline]
    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    #[inline]
    fn put_u48(&mut self, value: u64) {
        debug_assert!(value < 1 << 48);
        self.extend_from_slice(&value.to_le_bytes()[..6]);
    }

    #[inline]
    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_lenenc_int(&mut self, value: u64) {
        let bytes = value.to_le_bytes();
        match value {
            0..=0xfa => self.push(bytes[0]),
            0xfb..=0xffff => {
                self.push(0xfc);
                self.extend_from_slice(&bytes[..2]);
            }
            0x1_0000..=0xff_ffff => {
                self.push(0xfd);
                self.extend_from_slice(&bytes[..3]);
            }
            _ => {
                self.push(0xfe);
                self.extend_from_slice(&bytes);
            }
        }
    }

    fn put_lenenc_bytes(&mut self, bytes: &[u8]) {
        self.put_lenenc_int(bytes.len() as u64);
        self.extend_from_slice(bytes);
    }

    fn put_null(&mut self) {
        self.push(LENENC_NULL);
    }

    fn put_nul_bytes(&mut self, bytes: &[u8]) {
        let len = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
        self.extend_from_slice(&bytes[..len]);
        self.push(0);
    }

    fn put_short_bytes(&mut self, bytes: &[u8]) {
        let len = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
        self.push(len);
        self.extend_from_slice(&bytes[..usize::from(len)]);
    }

    #[inline]
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn put_zeros(&mut self, count: usize) {
        self.resize(self.len() + count, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Reader;

    #[test]
    fn lenenc_integers_take_the_shortest_form() {
        for (value, len) in [
            (0, 1),
            (0xfa, 1),
            (0xfb, 3),
            (0xffff, 3),
            (0x1_0000, 4),
            (0xff_ffff, 4),
            (0x100_0000, 9),
            (u64::MAX, 9),
        ] {
            let mut out = Vec::new();
            out.put_lenenc_int(value);
            assert_eq!(out.len(), len, "{value:#x}");
            let mut r = Reader::new(&out, "test");
            assert_eq!(r.lenenc_int("n"), Ok(value));
            assert!(r.is_empty());
        }
    }

    #[test]
    fn what_is_put_is_read_back() {
        let mut out = Vec::new();
        out.put_u24(0x01_0203);
        out.put_u48(0x0102_0304_0506);
        out.put_nul_bytes(b"cut\0here");
        out.put_short_bytes(&[7; 300]);
        out.put_lenenc_bytes(&[8; 300]);
        out.put_zeros(2);
        let mut r = Reader::new(&out, "test");
        assert_eq!(r.u24("a"), Ok(0x01_0203));
        assert_eq!(r.u48("b"), Ok(0x0102_0304_0506));
        assert_eq!(r.nul_bytes("c"), Ok(&b"cut"[..]));
        assert_eq!(r.short_bytes("d"), Ok(&[7; 255][..]));
        assert_eq!(r.lenenc_bytes("e"), Ok(&[8; 300][..]));
        assert_eq!(r.rest(), [0, 0]);
    }
}
