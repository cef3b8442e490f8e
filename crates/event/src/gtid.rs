//! Global transaction identifiers, sets of them, and MariaDB's positions.
//!
//! Both products number transactions per source: MySQL by server UUID and tag, MariaDB by domain and
//! server id. Everything that keeps or compares GTIDs does so for both alike.
//!
//! Manuals: [MySQL](https://dev.mysql.com/doc/refman/9.1/en/replication-gtids-concepts.html),
//! [MariaDB](https://mariadb.com/kb/en/gtid/)

mod binary;
mod logged;
mod position;
mod set;
mod text;

use std::fmt;

pub(crate) use binary::read_tag;
pub use logged::{ListDifference, LoggedGtids};
pub use position::GtidPosition;
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

/// Who numbers transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GtidSource {
    /// MySQL: a server, which numbers without gaps.
    Server {
        /// The server on which the transaction was committed first.
        uuid: ServerUuid,
        /// The tag, mostly empty.
        tag: GtidTag,
    },
    /// MariaDB: a server in a replication domain. The servers of a domain share its numbers, which
    /// grow from transaction to transaction.
    Domain {
        /// The domain.
        domain: u32,
        /// The server on which the transaction was committed first.
        server_id: u32,
    },
}

/// One transaction's identifier: MySQL's `source_id:[tag:]number` or MariaDB's
/// `domain-server_id-number`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gtid {
    /// Who numbered the transaction.
    pub source: GtidSource,
    /// Its number, 1 or more; MariaDB calls it sequence number.
    pub number: u64,
}

impl Gtid {
    /// A GTID of MySQL.
    #[must_use]
    pub fn mysql(uuid: ServerUuid, tag: GtidTag, number: u64) -> Self {
        Self { source: GtidSource::Server { uuid, tag }, number }
    }

    /// A GTID of MariaDB.
    #[must_use]
    pub fn mariadb(domain: u32, server_id: u32, number: u64) -> Self {
        Self { source: GtidSource::Domain { domain, server_id }, number }
    }

    /// The domain, of one of MariaDB's.
    #[must_use]
    pub fn domain(&self) -> Option<u32> {
        match self.source {
            GtidSource::Domain { domain, .. } => Some(domain),
            GtidSource::Server { .. } => None,
        }
    }
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
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (index, byte) in self.0.iter().enumerate() {
            at += usize::from(matches!(index, 4 | 6 | 8 | 10));
            text[at] = DIGITS[usize::from(byte >> 4)];
            text[at + 1] = DIGITS[usize::from(byte & 15)];
            at += 2;
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
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
        match self.source {
            GtidSource::Server { uuid, tag } if tag.is_empty() => {
                write!(f, "{uuid}:{}", self.number)
            }
            GtidSource::Server { uuid, tag } => write!(f, "{uuid}:{tag}:{}", self.number),
            GtidSource::Domain { domain, server_id } => {
                write!(f, "{domain}-{server_id}-{}", self.number)
            }
        }
    }
}
