//! A table map's parts, not yet made sense of.

use crate::EventError;
use crate::fields::Fields;

/// The table that following row events refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableMapBody<'a> {
    /// The number that row events name it by; it means nothing outside of its file.
    pub table_id: u64,
    /// Flags.
    pub flags: u16,
    /// The schema.
    pub schema: &'a str,
    /// The table.
    pub table: &'a str,
    /// A type code for each column.
    pub column_types: &'a [u8],
    /// For each column what its type needs to be read: up to two bytes. Empty if the map is
    /// [`bare`](Self::is_bare).
    pub column_metadata: &'a [u8],
    /// Which columns may be NULL, as bits. Empty if the map is [`bare`](Self::is_bare).
    pub nullable: &'a [u8],
    /// Names, signedness, character sets and so on (MySQL 8.0, MariaDB 10.5): each a type byte, a
    /// length and a value.
    pub optional_metadata: &'a [u8],
}

/// A fixed part of this length has a table id of four bytes (before MySQL 5.1.4).
const SHORT_FIXED_LEN: usize = 6;

impl<'a> TableMapBody<'a> {
    /// Whether it says no more of its columns than their type codes, as those of the first MySQL 5.1.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.nullable.is_empty() && !self.column_types.is_empty()
    }

    /// Reads it; of a server that `may_be_bare` one that ends behind the types is whole.
    pub(super) fn read(
        mut f: Fields<'a>,
        fixed_len: usize,
        may_be_bare: bool,
    ) -> Result<Self, EventError> {
        let mut fixed = Fields::new(f.take("fixed part", fixed_len)?);
        let table_id = read_table_id(&mut fixed, fixed_len)?;
        let flags = fixed.u16("table flags")?;
        let schema = f.short_name("schema name")?;
        let table = f.short_name("table name")?;
        let count = f.packed_len("number of columns")?;
        let column_types = f.take("column types", count)?;
        let bare = Self {
            table_id,
            flags,
            schema,
            table,
            column_types,
            column_metadata: &[],
            nullable: &[],
            optional_metadata: &[],
        };
        if may_be_bare && f.is_empty() {
            return Ok(bare);
        }
        let metadata_len = f.packed_len("column metadata length")?;
        let column_metadata = f.take("column metadata", metadata_len)?;
        let nullable = f.take("nullable columns", count.div_ceil(8))?;
        Ok(Self { column_metadata, nullable, optional_metadata: f.rest(), ..bare })
    }
}

pub(super) fn read_table_id(fixed: &mut Fields<'_>, fixed_len: usize) -> Result<u64, EventError> {
    match fixed_len {
        SHORT_FIXED_LEN => fixed.u32("table id").map(u64::from),
        _ => fixed.uint::<6>("table id"),
    }
}
