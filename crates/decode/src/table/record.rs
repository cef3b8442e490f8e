//! NULL bits as a table's own records have them, with which rows of version 0 begin.

use super::column::{Column, ColumnType};
use crate::schema::RowFormat;

/// Where they are in front of a row. Records have a bit for each column that may be NULL, and, if
/// they all have one length, another one before them.
#[derive(Debug, Clone)]
pub(crate) struct RecordNulls {
    len: usize,
    /// For each column its bit.
    bits: Box<[Option<usize>]>,
}

impl RecordNulls {
    /// Those of a table of MySQL 5.1; or what is missing to tell.
    pub(super) fn new(
        columns: &[Column],
        row_format: Option<RowFormat>,
    ) -> Result<Self, &'static str> {
        let is_odd =
            |column: &Column| matches!(column.kind, ColumnType::Bit { bits } if bits % 8 != 0);
        if columns.iter().any(is_odd) {
            return Err(
                "where those of a BIT column are that does not fill its bytes, its storage \
                        engine says",
            );
        }
        let mut next = usize::from(has_one_length(columns, row_format)?);
        let mut bit = |column: &Column| {
            column.nullable.then(|| {
                next += 1;
                next - 1
            })
        };
        let bits = columns.iter().map(&mut bit).collect();
        Ok(Self { len: next.div_ceil(8), bits })
    }

    /// The number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The bit of a column, if it may be NULL.
    #[inline]
    pub(crate) fn bit(&self, column: usize) -> Option<usize> {
        self.bits.get(column).copied().flatten()
    }
}

/// Whether a server takes a table's records to have one length.
fn has_one_length(columns: &[Column], row_format: Option<RowFormat>) -> Result<bool, &'static str> {
    let any = |is: fn(&ColumnType) -> bool| columns.iter().any(|column| is(&column.kind));
    if any(|kind| matches!(kind, ColumnType::Blob { .. } | ColumnType::Geometry { .. })) {
        return Ok(false);
    }
    match row_format {
        None => Err("they follow its ROW_FORMAT, which its definition tells (--schema FILE)"),
        Some(RowFormat::Fixed) => Ok(true),
        Some(RowFormat::Dynamic) => Ok(false),
        Some(RowFormat::ByColumns) => Ok(!any(|kind| matches!(kind, ColumnType::VarChar { .. }))),
    }
}
