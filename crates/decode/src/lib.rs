//! Decodes the rows of MySQL and MariaDB binlogs: table maps and rows become values, values become
//! text, JSON and SQL.
//!
//! [`binlogd_event`] knows what events are made of; this crate knows what is in them: columns of
//! every type of MySQL 5.0 to 9.7 and MariaDB 5.5 to 11.8, documents, and what is compressed. It
//! does no IO, and what it decodes is borrowed from the event: nothing is allocated for a value.
//!
//! - [`Events`] cuts a file into events.
//! - [`Decoder`] takes events in order and gives each as an [`Event`]: a [`Table`], [`Rows`],
//!   a [`Payload`] of more events, or another [body](binlogd_event::body::Body).
//! - [`Rows`] is an iterator of [`Row`]s, a row has [`Image`]s before and after, an image is an
//!   iterator of columns and [`Value`]s.
//! - A [`Value`] is written by [`write_text`](Value::write_text),
//!   [`write_json`](Value::write_json) and [`write_sql`](Value::write_sql).
//! - [`changes::Changes`] makes transactions of events, which [`format`] writes.
//! - A [`Schema`], such as a [`SchemaDump`], tells what table maps leave out. What nobody tells stays unknown and is shown so:
//!   columns have numbers for names, integers may be [ambiguous](Value::AmbiguousInt), text may be
//!   [bytes](Value::TextOrBytes). Nothing is guessed.
//!
//! Bytes may be damaged or hostile: that is a [`DecodeError`] that says where, never a panic, and
//! memory is bounded by the event and by [`Limits`].
//!
//! ```
//! use binlogd_decode::{Body, DecodeError, Decoder, Event, Events};
//!
//! /// Counts the rows of a file, also those in compressed transactions.
//! fn rows(file: &[u8]) -> Result<usize, DecodeError> {
//!     let mut decoder = Decoder::new();
//!     let mut count = 0;
//!     for (offset, event) in Events::new(file) {
//!         decoder.walk(offset, event?, |Event { body, .. }| {
//!             if let Body::Rows(rows) = body {
//!                 for row in rows {
//!                     row?;
//!                     count += 1;
//!                 }
//!             }
//!             Ok::<(), DecodeError>(())
//!         })?;
//!     }
//!     Ok(count)
//! }
//! # assert_eq!(rows(&binlogd_event::MAGIC), Ok(0));
//! ```
#![forbid(unsafe_code)]

pub mod changes;
mod charset;
mod cursor;
mod decoder;
mod error;
mod events;
pub mod format;
mod inflate;
mod info;
mod json;
mod payload;
mod rows;
mod schema;
mod table;
mod value;
mod write;

pub use binlogd_event::body::RowsChange;
pub use charset::{Charset, NotText};
pub use decoder::{Body, Decoder, Event, Limits};
pub use error::{DecodeError, Flaw, Place, ValueError};
pub use events::{ENCRYPTED_MAGIC, Events};
pub use info::{info, write_info};
pub use json::{Json, JsonArray, JsonDiff, JsonDiffs, JsonObject, JsonOperation, JsonValue};
pub use payload::{Payload, PayloadPieces};
pub use rows::{Image, Row, Rows, Values};
pub use schema::{
    ColumnSchema, Declared, Fits, FollowedSchema, LostTable, NamedTable, RowFormat, Schema,
    SchemaAnswer, SchemaDump, SchemaError, SchemaFailure, SchemaType, TableChange, TableSchema,
};
pub use table::{Column, ColumnType, Members, Sign, Table};
pub use value::{
    Bits, Bytes, Compressed, Date, DateTime, Decimal, EnumValue, Geometry, SetValue, Text, Time,
    Timestamp, Value, Vector,
};
pub use write::shown_on_terminal;
