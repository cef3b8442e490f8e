//! Reads one binlog file or stream of bytes, event by event.
//!
//! Each event is checked: its length and its checksum. What comes out is whole.

use std::io::{Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use binlogd_decode::ENCRYPTED_MAGIC;
use binlogd_event::{
    CHECKSUM_LEN, ChecksumAlgorithm, EVENT_SIZE_MAX, EventHeader, EventKind, FIRST_EVENT,
    FormatDescription, HEADER_LEN, MAGIC, event_crc32,
};

use super::Input;
use super::bytes::Bytes;

/// How much is read at once, in bytes.
const CHUNK_LEN: usize = 1 << 20;

/// An event of a file, whole, with its checksum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawEvent<'a> {
    /// The file as it was named.
    pub(crate) file: &'a str,
    /// Where the event begins there, in bytes.
    pub(crate) offset: u64,
    /// By reference: copies of what was written just before make a processor wait.
    pub(crate) header: &'a EventHeader,
    pub(crate) bytes: &'a [u8],
    pub(crate) format: &'a FormatDescription,
}

impl<'a> RawEvent<'a> {
    /// Where it ends in its file, in bytes.
    pub(crate) fn end(&self) -> u64 {
        self.offset + u64::from(self.header.size)
    }

    /// The event without its checksum.
    pub(crate) fn body(&self) -> &'a [u8] {
        &self.bytes[..self.bytes.len() - self.format.checksum.len()]
    }
}

/// Reads a file from its beginning.
pub(crate) struct Reader {
    input: Bytes,
    name: String,
    buffer: Vec<u8>,
    /// Where in the buffer the last event lies, and what follows it.
    event: std::ops::Range<usize>,
    /// The length of what is filled of the buffer.
    filled: usize,
    /// The file's offset of what follows the last event.
    offset: u64,
    header: Option<EventHeader>,
    format: Option<FormatDescription>,
    /// Where to go on behind the first event, in bytes.
    skip_to: Option<u64>,
}

impl Reader {
    pub(crate) fn open(input: &Input) -> Result<Self> {
        let name = if input.is_stdin() { "-".to_owned() } else { input.path.display().to_string() };
        let mut reader = Self {
            input: Bytes::open(input, &name)?,
            name,
            buffer: Vec::new(),
            event: 0..0,
            filled: 0,
            offset: 0,
            header: None,
            format: None,
            skip_to: None,
        };
        reader.begin()?;
        Ok(reader)
    }

    /// Where the next event begins, in bytes.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the file is compressed: offsets and sizes are those of what is in it.
    pub(crate) fn is_compressed(&self) -> bool {
        self.input.is_compressed()
    }

    /// The event that was read last.
    pub(crate) fn event(&self) -> Option<RawEvent<'_>> {
        let (header, format) = (self.header.as_ref()?, self.format.as_ref()?);
        let offset = self.offset - u64::from(header.size);
        let bytes = &self.buffer[self.event.clone()];
        Some(RawEvent { file: &self.name, offset, header, bytes, format })
    }

    /// Goes on at `offset`, where an event begins, once the file's first event was read.
    pub(crate) fn skip_to(&mut self, offset: u64) {
        self.skip_to = Some(offset);
    }

    fn begin(&mut self) -> Result<()> {
        self.fill(MAGIC.len())?;
        match self.buffer.get(..self.filled.min(MAGIC.len())) {
            Some(magic) if *magic == MAGIC => {}
            Some(magic) if *magic == ENCRYPTED_MAGIC => {
                return Err(anyhow!("{}: {}", self.name, ENCRYPTED));
            }
            Some([]) | None => return Err(anyhow!("{}: is empty: it has no bytes", self.name)),
            _ => {
                return Err(anyhow!(
                    "{}: not a binlog: it does not begin with fe 62 69 6e. Name binlog files, such \
                     as mysql-bin.000001, not their index",
                    self.name
                ));
            }
        }
        self.event = 0..MAGIC.len();
        self.offset = FIRST_EVENT;
        Ok(())
    }

    /// Reads the next event; `false` at the end of the file. If it `grows`, an event of which only a
    /// part is there has not come yet.
    pub(crate) fn advance(&mut self, grows: bool) -> Result<bool> {
        if let Some(offset) = self.skip_to.take_if(|_| self.format.is_some()) {
            self.seek(offset)?;
        }
        if !self.fill(HEADER_LEN)? {
            let left = self.filled - self.event.end;
            if left == 0 || grows {
                return Ok(false);
            }
            return Err(self.truncated(None, HEADER_LEN, left));
        }
        let header = EventHeader::parse(&self.buffer[self.event.end..self.filled])?;
        let size = header.size as usize;
        if size < HEADER_LEN || header.size > EVENT_SIZE_MAX {
            return Err(self.error(
                header.kind,
                &format!(
                    "impossible size of {size} bytes: the bytes are damaged. Fetch the file again"
                ),
            ));
        }
        if !self.fill(size)? {
            if grows {
                return Ok(false);
            }
            let left = self.filled - self.event.end;
            return Err(self.truncated(Some(header.kind), size, left));
        }
        let range = self.event.end..self.event.end + size;
        self.check(&header, range.clone())?;
        self.header = Some(header);
        self.event = range;
        self.offset += u64::from(header.size);
        Ok(true)
    }

    /// Sees whether the file that ended has still all that was read of it. What came of an event that
    /// is not whole yet may be cut off by the server, after a crash, and begun anew.
    pub(crate) fn look_again(&mut self, path: &Path) -> Result<()> {
        let Bytes::Plain(file) = &mut self.input else { return Ok(()) };
        let len = file.metadata().with_context(|| self.name.clone())?.len();
        // A file of the same name may have taken its place.
        let there = std::fs::metadata(path).map_or(len, |metadata| metadata.len());
        if there.min(len) < self.offset {
            return Err(anyhow!(
                "{}: was cut to {} bytes after {} were read: the server lost its tail, or was reset. \
                 What was printed of what is gone did not happen there",
                self.name,
                there.min(len),
                self.offset
            ));
        }
        let left = (self.filled - self.event.end) as u64;
        if len < self.offset + left {
            file.seek(SeekFrom::Start(self.offset)).with_context(|| self.name.clone())?;
            self.filled = self.event.end;
        }
        Ok(())
    }

    fn seek(&mut self, offset: u64) -> Result<()> {
        let Bytes::Plain(file) = &mut self.input else { return Ok(()) };
        file.seek(SeekFrom::Start(offset)).with_context(|| self.name.clone())?;
        (self.event, self.filled, self.header, self.offset) = (0..0, 0, None, offset);
        Ok(())
    }

    fn check(&mut self, header: &EventHeader, range: std::ops::Range<usize>) -> Result<()> {
        let event = &self.buffer[range];
        match header.kind {
            EventKind::FORMAT_DESCRIPTION => {
                let format = FormatDescription::parse(event)
                    .map_err(|error| self.error(header.kind, &error.to_string()))?;
                self.format = Some(format);
            }
            EventKind::START_ENCRYPTION => return Err(self.error(header.kind, ENCRYPTED)),
            _ => {}
        }
        let Some(format) = &self.format else {
            return Err(self.error(
                header.kind,
                "a file must begin with its format description event: name it from its beginning",
            ));
        };
        let event = &self.buffer[self.event.end..self.event.end + header.size as usize];
        // A server that knows checksums gives its format description one, also where others have none;
        // only in one that it changed for a reader, as relay logs keep it, that does not fit.
        let is_covered = match format.checksum {
            ChecksumAlgorithm::Crc32 => true,
            ChecksumAlgorithm::None => {
                header.kind == EventKind::FORMAT_DESCRIPTION
                    && format.server_version.knows_checksums()
                    && header.log_pos.0 != 0
            }
        };
        if !is_covered {
            return Ok(());
        }
        match event.split_last_chunk::<CHECKSUM_LEN>() {
            Some((body, crc)) if body.len() >= HEADER_LEN => {
                let (stored, computed) = (u32::from_le_bytes(*crc), event_crc32(body));
                if stored == computed {
                    return Ok(());
                }
                Err(self.error(
                    header.kind,
                    &format!(
                        "checksum is {computed:08x}, but the event says {stored:08x}: the bytes \
                         are damaged. Fetch the file again"
                    ),
                ))
            }
            _ => Err(self.error(header.kind, "too short for its checksum: the bytes are damaged")),
        }
    }

    /// Sees to it that `len` bytes follow the last event; `false` if the file has less. Memory grows
    /// with what comes, not with what a header says.
    fn fill(&mut self, len: usize) -> Result<bool> {
        if self.filled - self.event.end >= len {
            return Ok(true);
        }
        self.buffer.copy_within(self.event.end..self.filled, 0);
        self.filled -= self.event.end;
        self.event = 0..0;
        self.header = None;
        while self.filled < len {
            if self.buffer.len() < self.filled + CHUNK_LEN {
                self.buffer.resize(self.filled + CHUNK_LEN.max(self.filled), 0);
            }
            let free = &mut self.buffer[self.filled..];
            let read = self.input.read(free);
            match read.with_context(|| format!("{}:{}", self.name, self.offset))? {
                0 => return Ok(false),
                read => self.filled += read,
            }
        }
        Ok(true)
    }

    /// Of an event of which not even the header is there the type is not known.
    fn truncated(&self, kind: Option<EventKind>, wanted: usize, left: usize) -> anyhow::Error {
        let what = format!(
            "the file ends after {left} of its {wanted} bytes: it was cut, or is being written \
             just now. All before it was read. Fetch the file again, or try again later"
        );
        match kind {
            Some(kind) => self.error(kind, &what),
            None => anyhow!("{}:{}: event: {what}", self.name, self.offset),
        }
    }

    fn error(&self, kind: EventKind, what: &str) -> anyhow::Error {
        anyhow!("{}:{}: {kind} event: {what}", self.name, self.offset)
    }
}

const ENCRYPTED: &str = "encrypted: only the server that has the key can read it, which sends it decrypted: name \
                         the server in the file's place, as mysql://USER@HOST:PORT/FILE";

#[cfg(test)]
mod tests;
