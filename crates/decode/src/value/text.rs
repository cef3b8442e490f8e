//! Text and bytes.

use crate::Charset;

/// Text in its character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// Its bytes. Those of `CHAR` are without the spaces at the end.
    pub bytes: &'a [u8],
    /// Its character set.
    pub charset: Charset,
}

/// Bytes. Those of `BINARY(n)` are stored without the zeros at their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes<'a> {
    stored: &'a [u8],
    padding: u16,
}

impl<'a> Text<'a> {
    /// The text, if it is stored as well-formed UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        self.charset.as_utf8(self.bytes)
    }
}

impl<'a> Bytes<'a> {
    #[inline]
    pub(crate) fn padded(stored: &'a [u8], full_len: u16) -> Self {
        let stored_len = u16::try_from(stored.len()).unwrap_or(u16::MAX);
        Self { stored, padding: full_len.saturating_sub(stored_len) }
    }

    /// The bytes that are stored.
    #[must_use]
    pub fn stored(&self) -> &'a [u8] {
        self.stored
    }

    /// How many zeros follow the stored bytes.
    #[must_use]
    pub fn padding(&self) -> usize {
        usize::from(self.padding)
    }

    /// Appends all bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.stored);
        out.resize(out.len() + self.padding(), 0);
    }

    /// All bytes, one by one.
    pub fn iter(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.stored.iter().copied().chain(std::iter::repeat_n(0, self.padding()))
    }
}

impl<'a> From<&'a [u8]> for Bytes<'a> {
    fn from(stored: &'a [u8]) -> Self {
        Self { stored, padding: 0 }
    }
}
