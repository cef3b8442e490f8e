//! The events of a stored file one by one, for `SHOW BINLOG EVENTS`.
//!
//! What an event says in a line is in [`binlogd_decode::info`]. Reading is bounded: of a large event only the front is
//! kept.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use binlogd_decode::{Limits, PayloadPieces, Place, info};
use binlogd_event::body::TransactionPayload;
use binlogd_event::{EventHeader, EventKind, FIRST_EVENT, FormatDescription, HEADER_LEN, Splitter};
use binlogd_store::{Catalog, Cursor, NameError, Read};

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
    /// The file's name as it is shown.
    name: String,
    format: FormatDescription,
    /// Events that begin before are left out.
    from: u64,
    splitter: Splitter,
    buffer: Vec<u8>,
    /// How much of `buffer` is taken.
    taken: usize,
    /// The file's offset at which the next part begins.
    offset: u64,
    /// The compressed transaction that is being listed.
    payload: Option<Inner>,
}

/// A part of an event, or all of it, and where it lies in the buffer.
struct Part {
    first: bool,
    last: bool,
    /// The file's offset.
    offset: u64,
    at: Range<usize>,
}

/// A compressed transaction that is being listed.
#[derive(Debug)]
struct Inner {
    pieces: PayloadPieces,
    /// What is not decompressed yet of the part of the event that was read last.
    input: Vec<u8>,
    /// How much of the payload is still to be read, in bytes.
    left: usize,
    /// Whether parts of the event follow.
    more: bool,
    /// Where the event ends.
    end: u64,
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
        let file = match file {
            Some(name) => catalog.resolve(name, None).map_err(not_found)?,
            None => catalog.files().into_iter().next().ok_or(EventsError::NoSuchFile)?,
        };
        let name = catalog.shown_name(&file);
        let format = catalog.head(&file).map_err(failed)?.format.clone();
        let cursor = Cursor::open(catalog.clone(), file, FIRST_EVENT).map_err(failed)?;
        let splitter = Splitter::new();
        let (buffer, offset) = (Vec::new(), FIRST_EVENT);
        Ok(Self { cursor, name, format, from, splitter, buffer, taken: 0, offset, payload: None })
    }

    fn next_row(&mut self) -> Result<Option<EventRow>, EventsError> {
        if self.payload.is_some()
            && let Some(row) = self.next_inner()?
        {
            return Ok(Some(row));
        }
        let mut found: Option<(u64, EventHeader, Vec<u8>)> = None;
        while let Some(part) = self.next_part()? {
            let bytes = self.buffer.get(part.at).unwrap_or_default();
            if part.first {
                let header = EventHeader::parse(bytes).map_err(failed)?;
                let wanted = part.offset >= self.from;
                if wanted && header.kind == EventKind::TRANSACTION_PAYLOAD {
                    let (row, inner) = self.payload(&header, part.offset, bytes, !part.last)?;
                    self.payload = Some(inner);
                    return Ok(Some(row));
                }
                found = wanted.then(|| (part.offset, header, bytes.to_vec()));
            } else if let Some((_, _, kept)) = &mut found {
                let room = EVENT_BYTES_MAX.saturating_sub(kept.len());
                kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            if part.last
                && let Some((offset, header, mut event)) = found.take()
            {
                event.truncate(self.body_len(&header));
                return Ok(Some(self.row(&header, offset, &event)));
            }
        }
        Ok(None)
    }

    fn row(&self, header: &EventHeader, offset: u64, event: &[u8]) -> EventRow {
        // In a transaction MariaDB's events say 0.
        let end = if header.log_pos.0 == 0 { 0 } else { offset + u64::from(header.size) };
        EventRow {
            file: self.name.clone(),
            position: offset,
            kind: header.kind.name().unwrap_or("Unknown").to_owned(),
            server_id: header.server_id,
            end,
            info: info(header, event, &self.format),
        }
    }

    /// The length of an event without its checksum.
    fn body_len(&self, header: &EventHeader) -> usize {
        let size = usize::try_from(header.size).unwrap_or(usize::MAX);
        size.saturating_sub(self.format.checksum.len())
    }

    /// A compressed transaction's own row, and what is in it, by the front of its event.
    fn payload(
        &self,
        header: &EventHeader,
        offset: u64,
        front: &[u8],
        more: bool,
    ) -> Result<(EventRow, Inner), EventsError> {
        let body_len = self.body_len(header);
        let event = &front[..front.len().min(body_len)];
        let body = event.get(HEADER_LEN..).unwrap_or_default();
        let (head, len) = TransactionPayload::front(body).map_err(failed)?;
        let place = Place { offset, kind: header.kind };
        let pieces = PayloadPieces::new(&head, &Limits::default(), place).map_err(failed)?;
        let len = len.unwrap_or(body_len.saturating_sub(event.len() - head.payload.len()));
        let inner = Inner {
            pieces: pieces.fronts(EVENT_BYTES_MAX),
            input: head.payload.to_vec(),
            left: len.saturating_sub(head.payload.len()),
            more,
            end: offset + u64::from(header.size),
        };
        Ok((self.row(header, offset, event), inner))
    }

    /// The next row of the compressed transaction, which lies where the event ends, as MySQL says it; `None`
    /// at its end.
    fn next_inner(&mut self) -> Result<Option<EventRow>, EventsError> {
        while let Some(mut inner) = self.payload.take() {
            let mut input = inner.input.as_slice();
            let found = inner.pieces.advance(&mut input).map_err(failed)?;
            let used = inner.input.len() - input.len();
            inner.input.drain(..used);
            if found {
                let event = inner.pieces.event();
                let header = EventHeader::parse(event).map_err(failed)?;
                let mut row = self.row(&header, inner.end, event);
                row.end = inner.end;
                self.payload = Some(inner);
                return Ok(Some(row));
            }
            if !inner.more {
                inner.pieces.finish().map_err(failed)?;
                return Ok(None);
            }
            let Some(part) = self.next_part()? else { return Ok(None) };
            inner.more = !part.last;
            let bytes = self.buffer.get(part.at).unwrap_or_default();
            let payload = &bytes[..bytes.len().min(inner.left)];
            inner.input.extend_from_slice(payload);
            inner.left -= payload.len();
            self.payload = Some(inner);
        }
        Ok(None)
    }

    /// The next event, or a part of one that is larger than the buffer; `None` at the end.
    fn next_part(&mut self) -> Result<Option<Part>, EventsError> {
        loop {
            let buffered = &self.buffer[self.taken..];
            let is_full = buffered.len() >= BUFFER_LEN;
            if let Some(part) = self.splitter.next(buffered, is_full).map_err(failed)? {
                let (first, last, len) = (part.first, part.last, part.bytes.len());
                let at = self.taken..self.taken + len;
                let offset = self.offset;
                self.taken += len;
                self.offset += u64::try_from(len).unwrap_or(u64::MAX);
                return Ok(Some(Part { first, last, offset, at }));
            }
            if !self.read_more()? {
                return Ok(None);
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

fn not_found(error: NameError) -> EventsError {
    match error {
        NameError::NoSuchFile(_) => EventsError::NoSuchFile,
        NameError::Ambiguous(ambiguous) => EventsError::Ambiguous(ambiguous),
        NameError::Store(error) => failed(error),
    }
}

fn failed(error: impl fmt::Display) -> EventsError {
    EventsError::Failed(error.to_string())
}
