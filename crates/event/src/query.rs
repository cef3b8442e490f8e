//! The one thing that structure needs of a Query event: its statement.

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
    let mut fixed = Fields::new(fields.take("fixed part", post_header_len)?);
    fixed.take("thread id and execution time", 8)?;
    let database_len = fixed.u8("database length")?;
    fixed.u16("error code")?;
    let status_vars_len = fixed.u16("status variables length")?;
    fields.take("status variables", usize::from(status_vars_len))?;
    fields.take("database and its NUL", usize::from(database_len) + 1)?;
    Ok(fields.rest())
}
