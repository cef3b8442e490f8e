//! Query events: a statement and the session that it ran in.

use super::status_var::StatusVars;
use crate::EventError;
use crate::fields::Fields;

/// A statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// The session that ran it; names temporary tables apart.
    pub thread_id: u32,
    /// How long it ran, in seconds.
    pub execution_time_s: u32,
    /// The MySQL error with which it ended, mostly 0.
    pub error_code: u16,
    /// What of the session's settings a replica needs.
    pub status_vars: StatusVars<'a>,
    /// The default schema, in UTF-8; may be empty.
    pub schema: &'a [u8],
    /// The statement, in the session's character set.
    pub statement: &'a [u8],
}

impl<'a> Query<'a> {
    pub(crate) fn read(mut f: Fields<'a>, fixed_len: usize) -> Result<Self, EventError> {
        let fixed = Fields::new(f.take("fixed part", fixed_len)?);
        Self::read_parts(fixed, f)
    }

    /// Reads the query from the fixed part and what stands behind that.
    pub(super) fn read_parts(mut fixed: Fields<'a>, mut f: Fields<'a>) -> Result<Self, EventError> {
        let thread_id = fixed.u32("thread id")?;
        let execution_time_s = fixed.u32("execution time")?;
        let schema_len = usize::from(fixed.u8("schema length")?);
        let error_code = fixed.u16("error code")?;
        let status_vars_len = usize::from(fixed.u16("status variables length")?);
        let status_vars = StatusVars::new(f.take("status variables", status_vars_len)?);
        let schema = f.take("schema", schema_len)?;
        f.u8("NUL behind the schema")?;
        let statement = f.rest();
        Ok(Self { thread_id, execution_time_s, error_code, status_vars, schema, statement })
    }
}
