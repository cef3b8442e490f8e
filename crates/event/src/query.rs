//! The one thing that structure needs of a Query event: its statement.

use crate::body::Query;
use crate::fields::Fields;
use crate::{EventError, HEADER_LEN};

/// The statement of a Query event from which the checksum was already cut.
///
/// `post_header_len` is the length of the fixed part as the file's format description says it; 13
/// bytes since MySQL 5.0.
///
/// # Errors
/// If the event is cut short.
pub fn statement(event: &[u8], post_header_len: usize) -> Result<&[u8], EventError> {
    let mut fields = Fields::new(event);
    fields.take("event header", HEADER_LEN)?;
    Query::read(fields, post_header_len).map(|query| query.statement)
}
