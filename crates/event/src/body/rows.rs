//! A row event's parts, without a look into the rows.

use super::fixed_len;
use super::table_map::read_table_id;
use crate::fields::Fields;
use crate::{EventError, EventHeader, EventKind, FormatDescription, HEADER_LEN};

/// What happened to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowsChange {
    /// Inserted: each row is an after-image.
    Insert,
    /// Updated: a before-image, then an after-image.
    Update,
    /// Deleted: each row is a before-image.
    Delete,
}

/// Rows inserted, updated or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsBody<'a> {
    /// What happened to them.
    pub change: RowsChange,
    /// The event's version: 0 before MySQL 5.1.16, 1 before 5.6 and in MariaDB, 2 since.
    pub version: u8,
    /// Whether updates may hold JSON differences.
    pub partial: bool,
    /// Whether `rows` is compressed (MariaDB).
    pub compressed: bool,
    /// The table map's number.
    pub table_id: u64,
    /// Flags.
    pub flags: u16,
    /// What else the writer says (version 2): partitions, or NDB's data; without its length.
    pub extra: &'a [u8],
    /// The number of columns.
    pub column_count: usize,
    /// Which columns the first image of each row has, as bits.
    pub present: &'a [u8],
    /// Which columns an update's after-image has; the same as `present` for other changes.
    pub present_after: &'a [u8],
    /// The rows.
    pub rows: &'a [u8],
}

impl RowsBody<'_> {
    /// In `flags`: the last event of its statement.
    pub const STATEMENT_END: u16 = 1;

    /// The table id of an event that has no rows and no table map, but ends a statement.
    pub const DUMMY_TABLE_ID: u64 = 0x00ff_ffff;

    /// Whether the statement ends with this event, and with it the table maps' validity.
    #[must_use]
    pub fn ends_statement(&self) -> bool {
        self.flags & Self::STATEMENT_END != 0
    }

    /// The partition that the rows are in, if the event says so (MySQL 8.0.16).
    #[must_use]
    pub fn partition(&self) -> Option<u16> {
        match *self.extra {
            [1, low, high, ..] => Some(u16::from_le_bytes([low, high])),
            _ => None,
        }
    }

    /// The version of a type's events.
    fn version_of(kind: EventKind) -> u8 {
        match kind.0 {
            20..=22 => 0,
            30..=32 | 39 | 169..=171 => 2,
            _ => 1,
        }
    }

    /// Whether events of a type have extra data.
    fn has_extra_data(kind: EventKind) -> bool {
        Self::version_of(kind) == 2
    }
}

impl<'a> RowsBody<'a> {
    /// Reads the body of a row event, as [`Body::parse`](super::Body::parse) does. Most events of a busy binlog are
    /// of these types, and the large enum need not be copied for them.
    ///
    /// # Errors
    /// If the event is of another type or ends too early, or a field has a value that it cannot have.
    #[inline]
    pub fn parse(
        header: &EventHeader,
        event: &'a [u8],
        format: &FormatDescription,
    ) -> Result<Self, EventError> {
        let mut f = Fields::new(event);
        f.take("event header", HEADER_LEN)?;
        let kind = header.kind;
        let change = change(kind)?;
        let fallback = if Self::has_extra_data(kind) { 10 } else { 8 };
        let fixed_len = fixed_len(format, kind, fallback);
        let mut fixed = Fields::new(f.take("fixed part", fixed_len)?);
        let table_id = read_table_id(&mut fixed, fixed_len)?;
        let flags = fixed.u16("row flags")?;
        let mut extra: &[u8] = &[];
        if Self::has_extra_data(kind) {
            let len = fixed.u16("extra data length")?;
            let len = usize::from(len)
                .checked_sub(2)
                .ok_or_else(|| EventError::bad_value("extra data length", &len))?;
            extra = f.take("extra data", len)?;
        }
        let column_count = f.packed_len("number of columns")?;
        let present = f.take("columns present", column_count.div_ceil(8))?;
        let version = Self::version_of(kind);
        let present_after = match change {
            RowsChange::Update if version > 0 => {
                f.take("columns present after", column_count.div_ceil(8))?
            }
            _ => present,
        };
        Ok(Self {
            change,
            version,
            partial: kind == EventKind::PARTIAL_UPDATE_ROWS,
            compressed: matches!(kind.0, 166..=171),
            table_id,
            flags,
            extra,
            column_count,
            present,
            present_after,
            rows: f.rest(),
        })
    }
}

fn change(kind: EventKind) -> Result<RowsChange, EventError> {
    match kind.0 {
        20 | 23 | 30 | 166 | 169 => Ok(RowsChange::Insert),
        21 | 24 | 31 | 39 | 167 | 170 => Ok(RowsChange::Update),
        22 | 25 | 32 | 168 | 171 => Ok(RowsChange::Delete),
        _ => Err(EventError::bad_value("row event type", &kind.0)),
    }
}
