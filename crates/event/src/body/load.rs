//! `LOAD DATA` in statement format: pieces of the file, then the statement.

use std::ops::Range;

use super::query::Query;
use crate::EventError;
use crate::fields::Fields;

/// A piece of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadBlock<'a> {
    /// The file's number, to which the other events refer.
    pub file_id: u32,
    /// The piece.
    pub data: &'a [u8],
}

/// The statement that loads a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecuteLoadQuery<'a> {
    /// The statement and its session.
    pub query: Query<'a>,
    /// The number of the file to load.
    pub file_id: u32,
    /// Where in the statement the file's name stands, from `LOCAL` or `INFILE` on, in bytes.
    pub file_name: Range<usize>,
    /// What to do with duplicates: 0 is an error, 1 ignores, 2 replaces them.
    pub duplicates: u8,
}

/// The fixed part that only this event has, behind that of a Query.
const OWN_FIXED_LEN: usize = 13;

impl<'a> LoadBlock<'a> {
    pub(super) fn read(mut f: Fields<'a>) -> Result<Self, EventError> {
        Ok(Self { file_id: f.u32("file id")?, data: f.rest() })
    }
}

impl<'a> ExecuteLoadQuery<'a> {
    pub(super) fn read(mut f: Fields<'a>, fixed_len: usize) -> Result<Self, EventError> {
        let fixed = f.take("fixed part", fixed_len)?;
        let (of_query, own) = fixed
            .len()
            .checked_sub(OWN_FIXED_LEN)
            .and_then(|at| fixed.split_at_checked(at))
            .ok_or(EventError::Truncated {
                field: "fixed part",
                needed: OWN_FIXED_LEN,
                available: fixed.len(),
            })?;
        let query = Query::read_parts(Fields::new(of_query), f)?;
        let mut own = Fields::new(own);
        let file_id = own.u32("file id")?;
        let file_name = own.length("file name start")?..own.length("file name end")?;
        let duplicates = own.u8("handling of duplicates")?;
        if query.statement.get(file_name.clone()).is_none() {
            return Err(EventError::bad_value("file name place", &format!("{file_name:?}")));
        }
        Ok(Self { query, file_id, file_name, duplicates })
    }
}
