//! What can be wrong with an event: with its structure, or with its place in the stream.

use crate::{EventKind, GrammarError};

/// An event's bytes do not have the structure of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The event ends in the middle of a field.
    #[error("truncated: {field} needs {needed} bytes, {available} are left")]
    Truncated {
        /// The field that does not fit.
        field: &'static str,
        /// Its length in bytes.
        needed: usize,
        /// What is left of the event, in bytes.
        available: usize,
    },
    /// A field has a value that it cannot have.
    #[error("{field} cannot be {value}")]
    BadValue {
        /// The field.
        field: &'static str,
        /// Its value as text.
        value: String,
    },
    /// A text field is not text.
    #[error("{field} is not UTF-8")]
    NotText {
        /// The field.
        field: &'static str,
    },
    /// The server numbered the types of events as no released one does.
    #[error(
        "{version}, a server from before MySQL 5.1's release, has other numbers for the types of events, \
         which are not known here"
    )]
    OtherNumbers {
        /// The server's version.
        version: String,
    },
}

impl EventError {
    pub(crate) fn bad_value(field: &'static str, value: &impl ToString) -> Self {
        Self::BadValue { field, value: value.to_string() }
    }
}

/// An event that must not be stored or served, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} event at offset {offset}: {violation}")]
pub struct VerifyError {
    /// Where in the file the event begins, in bytes.
    pub offset: u64,
    /// Its type, as its header says.
    pub kind: EventKind,
    /// What is wrong with it.
    pub violation: Violation,
}

/// A rule that an event breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The structure is wrong.
    #[error(transparent)]
    Structure(#[from] EventError),
    /// The header's size is not the number of bytes that came.
    #[error("the header says {header} bytes, but it has {actual}")]
    Size {
        /// The size in the header.
        header: u32,
        /// What came.
        actual: u64,
    },
    /// The size is smaller than any event, or larger than any server writes.
    #[error("impossible size of {size} bytes")]
    ImpossibleSize {
        /// The size in the header.
        size: u32,
    },
    /// The CRC32 does not match the bytes.
    #[error("checksum is {computed:08x}, but the event says {stored:08x}: the bytes are damaged")]
    Checksum {
        /// What the event carries.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// A source sent its file's in-use flag, which no checksum covers and none ever sends.
    #[error("its in-use flag is set, which no source sends: the bytes are damaged")]
    InUse,
    /// The event does not follow the one before: bytes are missing or doubled.
    #[error("it says that it ends at {found}, but it ends at {expected}: a gap or an overlap")]
    LogPos {
        /// The low 32 bits of where the event ends.
        expected: u32,
        /// The header's `log_pos`.
        found: u32,
    },
    /// A file begins with another event than its format description.
    #[error("a file must begin with its format description event")]
    NoFormatDescription,
    /// A second format description in one file.
    #[error("a second format description in the same file")]
    SecondFormatDescription,
    /// An event follows the one that ends the file.
    #[error("the file has already ended with a Rotate or Stop event")]
    AfterEnd,
    /// Events stand in an order that makes no transaction.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    /// The file's events are encrypted.
    #[error("the file is encrypted")]
    Encrypted,
}
