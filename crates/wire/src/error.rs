//! What can be wrong with bytes from the other side.

use crate::error_code::ErrorCode;

/// Bytes that do not follow the protocol. Each names the structure and, where there is one, the
/// field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end inside a field.
    #[error("{structure}: truncated in {field}")]
    Truncated {
        /// What was being parsed.
        structure: &'static str,
        /// The field that did not fit.
        field: &'static str,
    },
    /// The structure is complete and bytes remain.
    #[error("{structure}: {count} bytes left over")]
    TrailingBytes {
        /// What was being parsed.
        structure: &'static str,
        /// How many bytes remain.
        count: usize,
    },
    /// A field holds a value that it cannot have.
    #[error("{structure}: bad value {value:#x} in {field}")]
    BadValue {
        /// What was being parsed.
        structure: &'static str,
        /// The field.
        field: &'static str,
        /// Its value, or its length where the length is what is wrong.
        value: u64,
    },
    /// A field that is text is not UTF-8.
    #[error("{structure}: {field} is not UTF-8")]
    NotUtf8 {
        /// What was being parsed.
        structure: &'static str,
        /// The field.
        field: &'static str,
    },
    /// Compressed or checked bytes are not what they should be.
    #[error("{structure}: {what}")]
    Damaged {
        /// What was being decoded.
        structure: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A packet's sequence id is not the next one.
    #[error("packets out of order: sequence id {found}, expected {expected}")]
    OutOfOrder {
        /// The id that was due.
        expected: u8,
        /// The id that came.
        found: u8,
    },
    /// A payload is longer than the receiver allows.
    #[error("payload of at least {size} bytes, allowed are {limit}")]
    TooLarge {
        /// The length known so far, in bytes.
        size: u64,
        /// The receiver's limit, in bytes.
        limit: u64,
    },
}

impl WireError {
    /// The error code a server answers with when a client sent such bytes.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::OutOfOrder { .. } => ErrorCode::NET_PACKETS_OUT_OF_ORDER,
            Self::TooLarge { .. } => ErrorCode::NET_PACKET_TOO_LARGE,
            Self::Damaged { .. } => ErrorCode::NET_UNCOMPRESS_ERROR,
            _ => ErrorCode::MALFORMED_PACKET,
        }
    }
}
