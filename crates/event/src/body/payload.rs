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
    pub(super) fn read(mut f: Fields<'a>) -> Result<Self, EventError> {
        let (mut body, len) = Self::read_head(&mut f)?;
        body.payload = match len {
            Some(len) => f.take("payload", len)?,
            None => f.rest(),
        };
        Ok(body)
    }

    /// What the front of an event's body says: with as much of the payload as there is, and its length in
    /// bytes, if that is said.
    ///
    /// # Errors
    /// If what stands before the payload is cut short, or a field of it has a value that it cannot have.
    pub fn front(body: &'a [u8]) -> Result<(Self, Option<usize>), EventError> {
        let mut f = Fields::new(body);
        let (mut front, len) = Self::read_head(&mut f)?;
        let rest = f.rest();
        front.payload = len.and_then(|len| rest.get(..len)).unwrap_or(rest);
        Ok((front, len))
    }

    /// The head is a list of fields, each a number, a length and a value, ended by number 0. One of
    /// them is the payload's length.
    fn read_head(f: &mut Fields<'_>) -> Result<(Self, Option<usize>), EventError> {
        let mut len = None;
        let mut body =
            Self { compression: PayloadCompression::NONE, uncompressed_len: None, payload: &[] };
        loop {
            let field = f.packed("payload field")?;
            if field == 0 {
                return Ok((body, len));
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
    }
}
