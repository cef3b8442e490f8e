//! One binlog of the events of several files, or of some of the events of one.

use anyhow::{Result, bail};
use binlogd_event::{
    CHECKSUM_LEN, ChecksumAlgorithm, EventFlags, EventHeader, EventKind, FIRST_EVENT,
    FormatDescription, LogPos, event_crc32,
};

use crate::sink::{event_at, place};
use crate::sources::RawEvent;

/// Where a header has its log_pos, and after it its flags.
const LOG_POS: std::ops::Range<usize> = 13..17;
const FLAGS: std::ops::Range<usize> = 17..19;
/// Where a format description has the time at which its file was begun.
const CREATED: std::ops::Range<usize> = 71..75;

/// What was written of a binlog.
pub(super) struct Copy {
    /// Where it ends, in bytes.
    end: u64,
    /// Its format description, and the file that this is of.
    format: Option<(String, Vec<u8>)>,
    /// Whether it has events after those that begin it.
    has_events: bool,
    /// The Rotate or Stop of the file that was read last: it is the end of the copy if nothing follows.
    end_event: Vec<u8>,
}

impl Copy {
    pub(super) fn new() -> Self {
        Self { end: FIRST_EVENT, format: None, has_events: false, end_event: Vec::new() }
    }

    /// Whether nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        self.format.is_none()
    }

    /// Takes an event that begins or ends a file. The first file's beginning and the last one's end are
    /// those of the copy.
    pub(super) fn event_of_file(&mut self, raw: &RawEvent<'_>, out: &mut Vec<u8>) -> Result<()> {
        match raw.header.kind {
            EventKind::FORMAT_DESCRIPTION => match &self.format {
                None => {
                    self.format = Some((raw.file.to_owned(), raw.bytes.to_vec()));
                    self.write(raw.bytes, raw.format, out);
                }
                Some((first, bytes)) if essence(bytes) != essence(raw.bytes) => bail!(
                    "{}: its file is of another server version or has other checksums than {first}, and \
                     one binlog cannot hold both: write them one by one",
                    event_at(&place(raw))
                ),
                Some(_) => {}
            },
            // In a relay log they say where the source's events come from.
            EventKind::ROTATE if raw.header.is_artificial() => {}
            EventKind::ROTATE | EventKind::STOP => {
                self.end_event.clear();
                self.write_end(raw);
            }
            kind if kind.is_previous_gtids() && !self.has_events => {
                self.has_events = true;
                self.write(raw.bytes, raw.format, out);
            }
            _ => {}
        }
        Ok(())
    }

    fn write_end(&mut self, raw: &RawEvent<'_>) {
        let mut event = std::mem::take(&mut self.end_event);
        event.extend_from_slice(raw.bytes);
        move_to(&mut event, self.end, raw.format);
        self.end_event = event;
    }

    /// Writes events, which follow each other in `bytes`.
    pub(super) fn events(
        &mut self,
        mut bytes: &[u8],
        format: &FormatDescription,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        while !bytes.is_empty() {
            let size = EventHeader::parse(bytes)?.size as usize;
            let Some((event, rest)) = bytes.split_at_checked(size) else { bail!("half an event") };
            self.has_events = true;
            self.end_event.clear();
            self.write(event, format, out);
            bytes = rest;
        }
        Ok(())
    }

    /// Nothing follows.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.end_event);
    }

    fn write(&mut self, event: &[u8], format: &FormatDescription, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(event);
        move_to(&mut out[start..], self.end, format);
        self.end += event.len() as u64;
    }
}

/// Gives an event the `log_pos` of its place in the copy, and a checksum that fits it.
fn move_to(event: &mut [u8], offset: u64, format: &FormatDescription) {
    let Ok(header) = EventHeader::parse(event) else { return };
    let log_pos = LogPos::of(offset + event.len() as u64);
    let is_format = header.kind == EventKind::FORMAT_DESCRIPTION;
    // MariaDB leaves it out of events that were written to a transaction's cache.
    let has_none = header.log_pos.0 == 0 && format.server_version.is_mariadb() && !is_format;
    let is_artificial = is_format && header.flags.contains(EventFlags::ARTIFICIAL);
    if !is_artificial && (has_none || header.log_pos == log_pos) {
        return;
    }
    event[LOG_POS].copy_from_slice(&log_pos.0.to_le_bytes());
    if is_artificial {
        let flags = header.flags.0 & !EventFlags::ARTIFICIAL.0;
        event[FLAGS].copy_from_slice(&flags.to_le_bytes());
    }
    let has_checksum = format.checksum == ChecksumAlgorithm::Crc32
        || is_format && format.server_version.knows_checksums();
    if let Some((body, checksum)) = event.split_last_chunk_mut::<CHECKSUM_LEN>()
        && has_checksum
    {
        *checksum = event_crc32(body).to_le_bytes();
    }
}

/// What two format descriptions must have in common so that events of both can be in one file: all but
/// the header, the time of the file and the checksum.
fn essence(event: &[u8]) -> (&[u8], &[u8]) {
    let end = event.len().saturating_sub(CHECKSUM_LEN);
    let front = event.get(FLAGS.end..CREATED.start).unwrap_or_default();
    (front, event.get(CREATED.end..end).unwrap_or_default())
}
