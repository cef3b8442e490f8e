//! The event that names the next file.

use crate::fields::Fields;
use crate::{EventError, HEADER_LEN};

/// A Rotate event: the last of a file, or, made by the source, the first of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotate<'a> {
    /// Where reading goes on in the next file, in bytes.
    pub position: u64,
    /// The next file's name, without a directory.
    pub file: &'a str,
}

impl<'a> Rotate<'a> {
    /// Reads an event from which the checksum, if it has one, was already cut.
    ///
    /// # Errors
    /// If the event is cut short or the name is not UTF-8.
    pub fn parse(event: &'a [u8]) -> Result<Self, EventError> {
        let mut fields = Fields::new(event);
        fields.take("event header", HEADER_LEN)?;
        let position = fields.u64("position")?;
        let file = std::str::from_utf8(fields.rest())
            .map_err(|_| EventError::NotText { field: "next file name" })?;
        Ok(Self { position, file })
    }
}
