//! Writes values as MySQL's text, as SQL literals and as JSON, into a caller's buffer.
//!
//! Nothing here allocates but the buffer, where that has no room left, and for what is stored
//! compressed.

mod escape;
mod json;
mod number;
mod sql;
mod temporal;
mod terminal;
mod text;

pub(crate) use json::{base64, is_text, json_string};
pub(crate) use number::{double, json_double, padded, signed, unsigned};
pub(crate) use sql::{hex, hex_upper, quote_sql_from, sql_identifier, sql_text};
pub(crate) use terminal::has_acting;
pub use terminal::shown_on_terminal;
pub(crate) use text::decompressed;

/// The most that is decompressed of one value, in bytes: what a server can send at all.
const DECOMPRESSED_MAX: usize = 1 << 30;
