//! MySQL's global transaction identifiers and sets of them.
//!
//! [Manual: GTID format and storage](https://dev.mysql.com/doc/refman/9.1/en/replication-gtids-concepts.html)

mod binary;
mod set;
mod text;

use std::fmt;

pub(crate) use binary::read_tag;
pub use set::GtidSet;
pub use text::ParseGtidError;

/// A server's UUID (the manual's "source id").
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerUuid(pub [u8; 16]);

/// A GTID's tag (MySQL 8.3), at most 32 characters of `a-z0-9_`; empty where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct GtidTag {
    // Padded with NUL, which sorts shorter tags first as comparing text would.
    text: [u8; GtidTag::LEN_MAX],
}

/// One transaction's identifier: `source_id:[tag:]number`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gtid {
    /// The server on which the transaction was committed first.
    pub uuid: ServerUuid,
    /// The tag, mostly empty.
    pub tag: GtidTag,
    /// The transaction's number, 1 or more.
    pub number: u64,
}

impl GtidTag {
    /// The most characters that a tag has.
    pub const LEN_MAX: usize = 32;

    /// No tag.
    pub const NONE: GtidTag = GtidTag { text: [0; Self::LEN_MAX] };

    /// Takes a tag's text, folding upper case as MySQL does.
    ///
    /// # Errors
    /// If it is longer than 32 characters, begins with a digit or has characters other than
    /// letters, digits and `_`.
    pub fn new(text: &[u8]) -> Result<Self, ParseGtidError> {
        let good = text.len() <= Self::LEN_MAX
            && !text.first().is_some_and(u8::is_ascii_digit)
            && text.iter().all(|&c| c.is_ascii_alphanumeric() || c == b'_');
        if !good {
            return Err(ParseGtidError::Tag(String::from_utf8_lossy(text).into_owned()));
        }
        let mut tag = Self::NONE;
        tag.text[..text.len()].copy_from_slice(text);
        tag.text.make_ascii_lowercase();
        Ok(tag)
    }

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let len = self.text.iter().position(|&b| b == 0).unwrap_or(Self::LEN_MAX);
        // `new` lets only ASCII in.
        std::str::from_utf8(&self.text[..len]).unwrap_or_default()
    }

    /// Whether there is no tag.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text[0] == 0
    }
}

impl fmt::Display for ServerUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ServerUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for GtidTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for GtidTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.uuid)?;
        if !self.tag.is_empty() {
            write!(f, "{}:", self.tag)?;
        }
        write!(f, "{}", self.number)
    }
}
