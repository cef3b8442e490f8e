//! A small file in which bytes are durable sooner than in their own.
//!
//! To append to a file and sync it costs a file system two trips to the disk, one for the bytes and
//! one for the new length. To overwrite what is there costs one. So a small write goes to its file, as
//! all do, and is made durable here; its own file is synced later, once for many.
//!
//! What is here continues the [watermark](crate::watermark): all bytes before the mark are durable in
//! their files, and those behind it are here, record after record. Recovery copies them to
//! where they belong. A new mark, set when the file itself was synced, begins a new lap at the front;
//! since each record names the mark that it continues, the same stroke makes all of the last lap void.
//!
//! Records begin on pages of their own, so that none can be harmed by the next one's torn write.
//! Little-endian:
//!
//! ```text
//!  0  8  "blogjrnl"
//!  8  8  sequence number of the mark that the lap continues
//! 16  8  number of the record in its lap, from 0
//! 24  8  offset of its bytes in the mark's file; those that are missing before were synced there
//! 32  4  length n
//! 36  4  CRC32 of the mark's note
//! 40  4  CRC32 of all other bytes
//! 44  n  bytes
//! ```

use std::io;
use std::path::{Path, PathBuf};

use crate::atomic_write::{TEMPORARY, parent, sync_changed_dir, with_suffix};
use crate::catalog::read_full;
use crate::watermark::NoteId;
use crate::{Access, File, Fs, StoreError};

/// The name of the file in a timeline's folder.
pub(crate) const FILE: &str = "JOURNAL";
/// How long it is, in bytes. A commit of a few rows takes one page.
pub(crate) const CAPACITY: u64 = 4 << 20;
/// Above this many bytes the second copy costs more than the second trip to the disk.
const BYTES_MAX: usize = 64 << 10;

const TITLE: [u8; 8] = *b"blogjrnl";
const HEADER_LEN: usize = 44;
const CRC_AT: usize = 40;
const PAGE: usize = 4096;

/// The writer's side.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    capacity: u64,
    handle: Option<Box<dyn File>>,
    lap: Option<Lap>,
    /// Room for a header, and then all bytes that are not durable yet, if they are few enough.
    record: Vec<u8>,
    /// There are more bytes that are not durable than a record can hold.
    is_over: bool,
    /// It has failed, and is left alone until the next file.
    has_failed: bool,
}

/// Which records count.
#[derive(Debug)]
struct Lap {
    note: NoteId,
    records: u64,
    /// Where the next record goes.
    end: u64,
}

impl Journal {
    pub(crate) fn new(dir: &Path, capacity: u64) -> Self {
        let record = vec![0; HEADER_LEN];
        let path = dir.join(FILE);
        Self { path, capacity, handle: None, lap: None, record, is_over: false, has_failed: false }
    }

    /// Sets how long the file is; 0 for none. For a file that is begun after this.
    pub(crate) fn set_capacity(&mut self, bytes: u64) {
        self.capacity = bytes;
    }

    /// Takes note of bytes that were written behind those that it has.
    pub(crate) fn note(&mut self, bytes: &[u8]) {
        if self.is_over || self.record.len() + bytes.len() > HEADER_LEN + self.bytes_max() {
            self.is_over = true;
            self.record.truncate(HEADER_LEN);
        } else {
            self.record.extend_from_slice(bytes);
        }
    }

    /// Only the first `kept` of the noted bytes are in the file still.
    pub(crate) fn cut(&mut self, kept: u64) {
        self.is_over &= kept > 0;
        self.record.truncate(self.end_of(kept));
    }

    /// The first `len` of the noted bytes are durable, and `rest` follow that are not.
    pub(crate) fn forget(&mut self, len: u64, rest: u64) {
        self.is_over &= rest > 0;
        let end = self.end_of(len);
        self.record.drain(HEADER_LEN..end);
    }

    /// Whether it would take what was noted, had it a lap with room.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.is_over && !self.has_failed && self.capacity > 0
    }

    /// Makes the first `len` noted bytes durable, which begin at `offset` of their file. `false` if
    /// that could not be done here.
    pub(crate) fn commit(&mut self, offset: u64, len: u64) -> bool {
        let end = self.end_of(len);
        let (Some(lap), Some(handle)) = (&mut self.lap, &self.handle) else { return false };
        let padded = end.next_multiple_of(PAGE);
        if self.is_over || lap.end + padded as u64 > self.capacity {
            return false;
        }
        // What follows is not whole yet, and comes again with the next record.
        let rest = self.record.split_off(end);
        seal(&mut self.record, lap, offset);
        self.record.resize(padded, 0);
        let outcome = handle.write_durable_at(&self.record, lap.end);
        self.record.truncate(HEADER_LEN);
        self.record.extend_from_slice(&rest);
        if let Err(error) = outcome {
            // The bytes are in no danger: they are in their file, which can be synced.
            self.fail(&StoreError::io("write to", &self.path)(error));
            return false;
        }
        lap.records += 1;
        lap.end += padded as u64;
        true
    }

    /// The mark is about to be set: no record may continue the one before any more.
    pub(crate) fn end_lap(&mut self) {
        self.lap = None;
    }

    /// Begins a lap that continues a mark, which is durable, and which no record has continued yet.
    pub(crate) fn begin_lap(&mut self, fs: &dyn Fs, note: NoteId) {
        if self.has_failed || self.capacity == 0 {
            return;
        }
        match self.open(fs) {
            Ok(()) => self.lap = Some(Lap { note, records: 0, end: 0 }),
            Err(error) => self.fail(&error),
        }
    }

    /// Goes on without.
    pub(crate) fn fail(&mut self, error: &StoreError) {
        tracing::warn!("{error}. Commits take a little longer until the next file begins");
        self.has_failed = true;
        self.lap = None;
    }

    /// A new file is begun, whose bytes are noted from its front; it brings a new chance.
    pub(crate) fn reset(&mut self) {
        self.lap = None;
        self.record.truncate(HEADER_LEN);
        self.is_over = false;
        if std::mem::take(&mut self.has_failed) {
            self.handle = None;
        }
    }

    fn bytes_max(&self) -> usize {
        let capacity = usize::try_from(self.capacity).unwrap_or(usize::MAX);
        BYTES_MAX.min(capacity.saturating_sub(HEADER_LEN))
    }

    /// Where the first `len` noted bytes end in the record.
    fn end_of(&self, len: u64) -> usize {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        HEADER_LEN.saturating_add(len).min(self.record.len())
    }

    /// Opens the file, and makes it of pages that can be overwritten.
    fn open(&mut self, fs: &dyn Fs) -> Result<(), StoreError> {
        if self.handle.is_some() {
            return Ok(());
        }
        let path = &self.path;
        let len = fs.len(path).map_err(StoreError::io("look for", path))?;
        if len == Some(self.capacity) {
            self.handle = Some(fs.open_write(path).map_err(StoreError::io("open", path))?);
            return Ok(());
        }
        if len.is_some() {
            fs.remove(path).map_err(StoreError::io("remove", path))?;
        }
        // It gets its name when it is whole, so that one of this length is known to be durable.
        let made = &with_suffix(path, TEMPORARY);
        if fs.len(made).map_err(StoreError::io("look for", made))?.is_some() {
            fs.remove(made).map_err(StoreError::io("remove", made))?;
        }
        let handle = fs.create_new(made, Access::Group).map_err(StoreError::io("create", made))?;
        let zeros = vec![0; 64 << 10];
        let mut offset = 0;
        while offset < self.capacity {
            let len = usize::try_from(self.capacity - offset)
                .map_or(zeros.len(), |left| left.min(zeros.len()));
            handle.write_all_at(&zeros[..len], offset).map_err(StoreError::io("write to", made))?;
            offset += len as u64;
        }
        handle.sync_data().map_err(StoreError::io("sync", made))?;
        fs.rename(made, path).map_err(StoreError::io("rename", made))?;
        sync_changed_dir(fs, parent(path))?;
        self.handle = Some(handle);
        Ok(())
    }
}

/// Fills in a record's header.
fn seal(record: &mut [u8], lap: &Lap, offset: u64) {
    let Some((header, bytes)) = record.split_first_chunk_mut::<HEADER_LEN>() else { return };
    header[..8].copy_from_slice(&TITLE);
    header[8..16].copy_from_slice(&lap.note.sequence.to_le_bytes());
    header[16..24].copy_from_slice(&lap.records.to_le_bytes());
    header[24..32].copy_from_slice(&offset.to_le_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "at most BYTES_MAX")]
    header[32..36].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
    header[36..40].copy_from_slice(&lap.note.crc.to_le_bytes());
    let crc = crc(header, bytes);
    header[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
}

fn crc(header: &[u8; HEADER_LEN], bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..CRC_AT]);
    hasher.update(bytes);
    hasher.finalize()
}

/// Bytes that were durable in a journal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Where they belong in the mark's file.
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The records in a timeline's folder that continue a mark.
pub(crate) struct Records {
    path: PathBuf,
    handle: Option<Box<dyn File>>,
    note: NoteId,
    number: u64,
    at: u64,
}

impl Records {
    pub(crate) fn open(fs: &dyn Fs, dir: &Path, note: NoteId) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let handle = match fs.len(&path).map_err(StoreError::io("look for", &path))? {
            Some(_) => Some(fs.open(&path).map_err(StoreError::io("open", &path))?),
            None => None,
        };
        Ok(Self { path, handle, note, number: 0, at: 0 })
    }

    pub(crate) fn next(&mut self) -> Result<Option<Record>, StoreError> {
        let Some(handle) = &self.handle else { return Ok(None) };
        let record = self.read(&**handle).map_err(StoreError::io("read", &self.path))?;
        if let Some(record) = &record {
            self.number += 1;
            self.at += (HEADER_LEN + record.bytes.len()).next_multiple_of(PAGE) as u64;
        }
        Ok(record)
    }

    fn read(&self, handle: &dyn File) -> io::Result<Option<Record>> {
        let mut header = [0; HEADER_LEN];
        if read_full(handle, &mut header, self.at)? < HEADER_LEN {
            return Ok(None);
        }
        let number = |at: usize| {
            header[at..].first_chunk().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes))
        };
        let word = |at: usize| {
            header[at..].first_chunk().map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes))
        };
        let len = usize::try_from(word(32)).unwrap_or(usize::MAX);
        let note = NoteId { sequence: number(8), crc: word(36) };
        let is_next = header[..8] == TITLE && note == self.note && number(16) == self.number;
        if !is_next || len > BYTES_MAX {
            return Ok(None);
        }
        let mut bytes = vec![0; len];
        let got = read_full(handle, &mut bytes, self.at + HEADER_LEN as u64)?;
        let is_good = got == len && crc(&header, &bytes) == word(CRC_AT);
        Ok(is_good.then(|| Record { offset: number(24), bytes }))
    }
}
