//! What can be wrong with rows and values, and where it is.

use std::fmt;

use binlogd_event::{EventError, EventKind};

/// An event that cannot be decoded: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    // Boxed, so that the results of the common path stay small.
    details: Box<Details>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    place: Place,
    column: Option<usize>,
    flaw: Flaw,
}

/// Where an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The event's offset in its file, in bytes. Events inside of a compressed transaction have
    /// the offset of that.
    pub offset: u64,
    /// The event's type.
    pub kind: EventKind,
}

/// What is wrong with an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The event does not have the structure of its type.
    #[error(transparent)]
    Structure(#[from] EventError),
    /// The bytes end inside of an event's header.
    #[error("{actual} bytes are left, less than an event's header")]
    NoHeader {
        /// What is there, in bytes.
        actual: usize,
    },
    /// The event's length is not what its header says.
    #[error("the header says {header} bytes, but it has {actual}")]
    Size {
        /// The length that the header says, in bytes.
        header: u32,
        /// What is there, in bytes.
        actual: usize,
    },
    /// The file does not begin as a binlog does.
    #[error("not a binlog: it does not begin with fe 62 69 6e")]
    NotABinlog,
    /// No format description event came before.
    #[error("no format description event came before it")]
    NoFormat,
    /// The file, or the rest of it, is encrypted.
    #[error("encrypted: decode it on a server that has the key")]
    Encrypted,
    /// Rows of a table that no table map has named.
    #[error("no table map for table id {table_id} came before it: start reading further ahead")]
    NoTableMap {
        /// The table's number.
        table_id: u64,
    },
    /// The rows have another number of columns than their table.
    #[error("rows of {rows} columns for a table of {table}")]
    ColumnCount {
        /// The row event's number.
        rows: usize,
        /// The table map's number.
        table: usize,
    },
    /// Rows of version 0 whose NULL bits cannot be told.
    #[error("rows of MySQL before 5.1.16 have the NULL bits of the table's own records: {why}")]
    OldRows {
        /// Why they cannot.
        why: &'static str,
    },
    /// Rows of a table of which nothing but its columns' type codes is known.
    #[error(
        "the table map of this old server does not tell how long values are: give the table's \
         definition (--schema FILE) as it was then"
    )]
    UndefinedTable,
    /// A statement with more tables than [`Limits::tables_max`](crate::Limits::tables_max).
    #[error("more than {limit} tables in one statement (limit tables_max)")]
    TooManyTables {
        /// The limit.
        limit: usize,
    },
    /// An event would be larger than [`Limits::inflated_event_max`](crate::Limits).
    #[error("decompresses to more than {limit} bytes (limit {name})")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
        /// The limit's name.
        name: &'static str,
    },
    /// Compressed bytes that cannot be decompressed.
    #[error("cannot be decompressed: {reason}")]
    Compressed {
        /// What the decompressor says.
        reason: String,
    },
    /// The definition of the table could not be found out.
    #[error("the definition of {table} cannot be had: {reason}")]
    Schema {
        /// The table.
        table: String,
        /// What the [`Schema`](crate::Schema) says.
        reason: String,
    },
    /// A column's value.
    #[error(transparent)]
    Value(#[from] ValueError),
}

/// What is wrong with a column's type or value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The bytes end inside of the value.
    #[error("truncated: {needed} bytes are needed, {available} are left")]
    Truncated {
        /// The bytes that the value needs.
        needed: usize,
        /// The bytes that are left.
        available: usize,
    },
    /// A part has a value that it cannot have.
    #[error("{part} cannot be {value}")]
    BadValue {
        /// The part.
        part: &'static str,
        /// Its value.
        value: u64,
    },
    /// The column has a type that is not known here, so that its rows cannot be cut.
    #[error("column type {code} is not known")]
    UnknownType {
        /// The type's code.
        code: u8,
    },
    /// A JSON document is nested deeper than any server allows.
    #[error("JSON is nested deeper than {limit}")]
    JsonDepth {
        /// The limit.
        limit: usize,
    },
    /// Parts of a JSON document overlap, so that it would be larger written than stored.
    #[error("parts of the JSON document overlap")]
    JsonOverlap,
    /// A geometry is nested deeper than [`Geometry::DEPTH_MAX`](crate::Geometry::DEPTH_MAX).
    #[error("the geometry is nested deeper than {limit}")]
    GeometryDepth {
        /// The limit.
        limit: usize,
    },
    /// A compressed column's value that cannot be decompressed.
    #[error("the compressed value is damaged")]
    Compressed,
    /// A compressed column's value is larger than the limit.
    #[error("the compressed value is larger than {limit} bytes")]
    CompressedTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The log has only what an update changed in a document, and the format wants all of it.
    #[error(
        "only what changed in the document is logged (binlog_row_value_options=PARTIAL_JSON), which \
         this format cannot say"
    )]
    PartialJson,
    /// The value cannot be written as SQL, as the column may be signed or unsigned.
    #[error("without the table's schema it cannot be told whether it is {signed} or {unsigned}")]
    UnknownSign {
        /// The value if the column is signed.
        signed: i64,
        /// The value if it is unsigned.
        unsigned: u64,
    },
}

impl DecodeError {
    #[cold]
    pub(crate) fn new(place: Place, column: Option<usize>, flaw: impl Into<Flaw>) -> Self {
        Self { details: Box::new(Details { place, column, flaw: flaw.into() }) }
    }

    /// Where the event is.
    #[must_use]
    pub fn place(&self) -> Place {
        self.details.place
    }

    /// The column's index from 0, if the flaw is in a column.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.details.column
    }

    /// What is wrong.
    #[must_use]
    pub fn flaw(&self) -> &Flaw {
        &self.details.flaw
    }
}

impl ValueError {
    #[cold]
    pub(crate) fn bad(part: &'static str, value: impl Into<u64>) -> Self {
        Self::BadValue { part, value: value.into() }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { place, column, flaw } = &*self.details;
        write!(f, "{} event at offset {}", place.kind, place.offset)?;
        if let Some(column) = column {
            write!(f, ", column {}", column + 1)?;
        }
        write!(f, ": {flaw}")
    }
}

impl std::error::Error for DecodeError {}
