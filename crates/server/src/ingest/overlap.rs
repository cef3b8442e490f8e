//! Seeing that the primary's history is the stored one: the last stored transaction, read again.
//!
//! A stream is resumed before its end, at the last GTID event. That carries what no other history
//! has, a GTID and a time in microseconds, so equal bytes from there on mean an equal past. Where
//! there is no GTID event, or far too much behind it, the last event must do.

use std::sync::Arc;

use binlogd_store::{Catalog, Cursor, Read, StoreError};

use super::Tail;

/// The end of what is stored, compared with what comes, chunk by chunk.
#[derive(Debug)]
pub struct Overlap {
    cursor: Cursor,
    start: u64,
    left: u64,
}

/// Stored bytes are read so many at a time.
const CHUNK: usize = 64 << 10;

/// A transaction larger than this, in bytes, is not sent again as a whole.
const LEN_MAX: u64 = 4 << 20;

impl Overlap {
    /// The overlap at a stream's end; `None` where the last file has no event yet.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn at(catalog: &Arc<Catalog>, tail: &Tail) -> Result<Option<Self>, StoreError> {
        let end = tail.verifier.offset();
        let transaction = tail.verifier.last_gtid().filter(|start| end - start <= LEN_MAX);
        let Some(start) = transaction.or(tail.verifier.last_event()) else { return Ok(None) };
        let cursor = Cursor::open(catalog.clone(), tail.file.clone(), start)?;
        Ok(Some(Self { cursor, start, left: end - start }))
    }

    /// Where it begins, in bytes from the file's start.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// How many bytes were not compared yet.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Whether the next stored bytes are these.
    ///
    /// # Errors
    /// If the stored ones cannot be read.
    pub fn is_same(&mut self, bytes: &[u8]) -> Result<bool, StoreError> {
        if bytes.len() as u64 > self.left {
            return Ok(false);
        }
        let mut stored = vec![0; bytes.len().min(CHUNK)];
        let mut rest = bytes;
        while !rest.is_empty() {
            let len = rest.len().min(CHUNK);
            let Read::Bytes(got) = self.cursor.read(&mut stored[..len], false)? else {
                return Ok(false);
            };
            if stored[..got] != rest[..got] {
                return Ok(false);
            }
            rest = &rest[got..];
        }
        self.left -= bytes.len() as u64;
        Ok(true)
    }
}
