//! The events of a stored file one by one, for `SHOW BINLOG EVENTS`.
//!
//! What an event says in a line is in [`binlogd_decode::info`]. Reading is bounded: of a large event only the front is
//! kept.

use std::sync::Arc;

use binlogd_decode::info;
use binlogd_event::{
    CHECKSUM_LEN, ChecksumAlgorithm, EventHeader, FIRST_EVENT, FormatDescription, Splitter,
};
use binlogd_store::{Catalog, Cursor, LogFile, Read, StoreError};

use crate::downstream::{EventRow, EventRows, EventsError};

/// How many rows are made at once.
const BATCH_ROWS: usize = 256;
/// How many bytes of them, about.
const BATCH_BYTES: usize = 256 << 10;

/// How much is read at once, in bytes.
const BUFFER_LEN: usize = 64 << 10;
/// How much of an event is kept to be described, in bytes: longer statements are shown cut.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// The events of one file, as far as they can be read now.
#[derive(Debug)]
pub(crate) struct Listing {
    cursor: Cursor,
    file: Arc<LogFile>,
    format: FormatDescription,
    /// Events that begin before are left out.
    from: u64,
    splitter: Splitter,
    buffer: Vec<u8>,
    /// How much of `buffer` is taken.
    taken: usize,
    /// The file's offset at which the next part begins.
    offset: u64,
}

impl Listing {
    /// The events of `file`, or of the oldest one, that begin at `from` or behind it.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    pub(crate) fn open(
        catalog: &Arc<Catalog>,
        file: Option<&str>,
        from: u64,
    ) -> Result<Self, EventsError> {
        let found = match file {
            Some(name) => catalog.find(name),
            None => catalog.files().into_iter().next(),
        };
        let file = found.ok_or(EventsError::NoSuchFile)?;
        let format = catalog.head(&file).map_err(failed)?.format.clone();
        let cursor = Cursor::open(catalog.clone(), file.clone(), FIRST_EVENT).map_err(failed)?;
        let splitter = Splitter::new();
        let (buffer, offset) = (Vec::new(), FIRST_EVENT);
        Ok(Self { cursor, file, format, from, splitter, buffer, taken: 0, offset })
    }

    /// The front of the next event, its header and its offset; `None` at the end.
    fn next_event(&mut self) -> Result<Option<(u64, EventHeader, Vec<u8>)>, EventsError> {
        let mut found: Option<(u64, EventHeader, Vec<u8>)> = None;
        loop {
            let buffered = &self.buffer[self.taken..];
            let is_full = buffered.len() >= BUFFER_LEN;
            let part = self.splitter.next(buffered, is_full);
            let part = part.map_err(|violation| EventsError::Failed(violation.to_string()))?;
            let Some(part) = part else {
                if !self.read_more()? {
                    return Ok(None);
                }
                continue;
            };
            let (len, last) = (part.bytes.len(), part.last);
            if part.first {
                let header = EventHeader::parse(part.bytes)
                    .map_err(|error| EventsError::Failed(error.to_string()))?;
                let wanted = self.offset >= self.from;
                let kept = if wanted { part.bytes.to_vec() } else { Vec::new() };
                found = Some((self.offset, header, kept));
            } else if let Some((at, _, kept)) = &mut found
                && *at >= self.from
            {
                let room = EVENT_BYTES_MAX.saturating_sub(kept.len());
                kept.extend_from_slice(&part.bytes[..len.min(room)]);
            }
            self.taken += len;
            self.offset += u64::try_from(len).unwrap_or(u64::MAX);
            if last && let Some(event) = found.take().filter(|(at, ..)| *at >= self.from) {
                return Ok(Some(event));
            }
        }
    }

    /// Reads more of the file; `false` at its end.
    fn read_more(&mut self) -> Result<bool, EventsError> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let len = self.buffer.len();
        self.buffer.resize(len + BUFFER_LEN, 0);
        let read = self.cursor.read(&mut self.buffer[len..], false);
        let got = match read {
            Ok(Read::Bytes(got)) => got,
            Ok(Read::NotCached | Read::Frontier | Read::EndOfFile) => 0,
            Err(error) => return Err(failed(error)),
        };
        self.buffer.truncate(len + got);
        Ok(got > 0)
    }
}

/// What `SHOW BINLOG EVENTS` says of an event without its checksum, which may be cut short; nothing
/// of what is no event. `format` is that of its file.
#[must_use]
pub fn event_info(event: &[u8], format: &FormatDescription) -> Vec<u8> {
    EventHeader::parse(event).map(|header| info(&header, event, format)).unwrap_or_default()
}

impl EventRows for Listing {
    fn next_batch(&mut self) -> Result<Vec<EventRow>, EventsError> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        tokio::task::block_in_place(|| {
            while rows.len() < BATCH_ROWS && bytes < BATCH_BYTES {
                let Some(row) = self.next_row()? else { break };
                bytes += row.info.len();
                rows.push(row);
            }
            Ok(rows)
        })
    }
}

impl Listing {
    fn next_row(&mut self) -> Result<Option<EventRow>, EventsError> {
        let Some((offset, header, mut event)) = self.next_event()? else { return Ok(None) };
        let size = usize::try_from(header.size).unwrap_or(usize::MAX);
        let has_checksum = self.format.checksum == ChecksumAlgorithm::Crc32;
        let body_len = if has_checksum { size.saturating_sub(CHECKSUM_LEN) } else { size };
        event.truncate(body_len);
        // In a transaction MariaDB's events say 0.
        let end = if header.log_pos.0 == 0 { 0 } else { offset + u64::from(header.size) };
        Ok(Some(EventRow {
            file: self.file.name.to_string(),
            position: offset,
            kind: header.kind.name().unwrap_or("Unknown").to_owned(),
            server_id: header.server_id,
            end,
            info: info(&header, &event, &self.format),
        }))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: StoreError) -> EventsError {
    EventsError::Failed(error.to_string())
}
