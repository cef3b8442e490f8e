//! A whole transaction in one event, mostly compressed.

use crate::EventError;
use crate::fields::Fields;

/// A transaction's events but for its GTID event, each with its header but without checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionPayload<'a> {
    /// How they are compressed.
    pub compression: PayloadCompression,
    /// Their length in bytes before, as the server says it; `None` if it does not.
    pub uncompressed_len: Option<u64>,
    /// The events as they are stored.
    pub payload: &'a [u8],
}

/// A payload's compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadCompression(pub u64);

impl PayloadCompression {
    /// Zstandard.
    pub const ZSTD: Self = Self(0);
    /// Not compressed.
    pub const NONE: Self = Self(255);
}

impl<'a> TransactionPayload<'a> {
    /// The head is a list of fields, each a number, a length and a value, ended by number 0.
    pub(super) fn read(mut f: Fields<'a>) -> Result<Self, EventError> {
        let mut len = None;
        let mut body =
            Self { compression: PayloadCompression::NONE, uncompressed_len: None, payload: &[] };
        loop {
            let field = f.packed("payload field")?;
            if field == 0 {
                break;
            }
            let value_len = f.packed_len("payload field length")?;
            let mut value = Fields::new(f.take("payload field value", value_len)?);
            match field {
                1 => len = Some(value.packed_len("payload size")?),
                2 => body.compression = PayloadCompression(value.packed("payload compression")?),
                3 => body.uncompressed_len = Some(value.packed("uncompressed size")?),
                _ => {}
            }
        }
        body.payload = match len {
            Some(len) => f.take("payload", len)?,
            None => f.rest(),
        };
        Ok(body)
    }
}
