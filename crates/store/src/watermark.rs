//! How far a timeline is durable for certain, noted in a small file of its own.
//!
//! After a crash a bad event may be one of two things: bytes that were never synced, to be cut, or
//! damage to bytes that were, to be refused. Only what was noted before the crash tells them apart.
//! A note may be old, and mostly is: it is written behind the sync of the bytes it speaks of, and
//! only now and then, so that commits do not wait for it. It must never be ahead of the truth.
//!
//! The file `DURABLE` has two places, written in turn, so that a torn write spoils only the newer
//! note. Each is on a page of its own and holds, little-endian:
//!
//! ```text
//!  0  8  "blogmark"
//!  8  8  sequence number: the valid note with the larger one counts
//! 16  8  offset
//! 24  2  length n of the file name
//! 26  n  file name
//!     4  CRC32 of all bytes before
//! ```

use std::path::{Path, PathBuf};

use crate::atomic_write::sync_dir;
use crate::catalog::read_full;
use crate::{Access, File, Fs, LogName, StoreError};

/// Every byte of the files before `file`, and the first `offset` bytes of `file`, were synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) file: LogName,
    pub(crate) offset: u64,
}

/// What tells one note from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoteId {
    /// Grows from note to note, unless somebody has removed the file meanwhile.
    pub(crate) sequence: u64,
    /// Of the whole note.
    pub(crate) crc: u32,
}

/// A timeline's note on the disk.
#[derive(Debug)]
pub(crate) struct Watermark {
    path: PathBuf,
    handle: Option<Box<dyn File>>,
    sequence: u64,
    mark: Option<Mark>,
    /// Whether `mark` is known to be on the disk, under this name. What was read may be only in
    /// the memory of a kernel that has failed to sync it.
    is_durable: bool,
}

pub(crate) const FILE: &str = "DURABLE";
const TITLE: [u8; 8] = *b"blogmark";
const FIXED_LEN: usize = 26;
const NOTE_LEN_MAX: usize = FIXED_LEN + LogName::LEN_MAX + 4;
/// Places do not share a page, whose write may be torn.
const PLACE_LEN: u64 = 4096;

impl Watermark {
    /// Reads the note in a timeline's folder. One that is missing or damaged is no error.
    pub(crate) fn open(fs: &dyn Fs, dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let mut watermark = Self { path, handle: None, sequence: 0, mark: None, is_durable: false };
        let path = &watermark.path;
        if fs.len(path).map_err(StoreError::io("look for", path))?.is_none() {
            return Ok(watermark);
        }
        let handle = fs.open_write(path).map_err(StoreError::io("open", path))?;
        if let Some((sequence, mark)) = newest(&*handle, path)? {
            watermark.sequence = sequence;
            watermark.mark = Some(mark);
        }
        watermark.handle = Some(handle);
        Ok(watermark)
    }

    /// The note's file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The last note that is there whole.
    pub(crate) fn mark(&self) -> Option<&Mark> {
        self.mark.as_ref()
    }

    /// What tells that note from all others.
    pub(crate) fn note_id(&self) -> Option<NoteId> {
        let crc = crc32fast::hash(&encode(self.sequence, self.mark.as_ref()?));
        Some(NoteId { sequence: self.sequence, crc })
    }

    /// Notes that everything up to `mark` is durable, which it must be. Durable itself on return.
    ///
    /// After an error the note before is still there, and this may be tried again; but not after
    /// [`StoreError::SyncFailed`], with which the folder may not have the file.
    pub(crate) fn set(&mut self, fs: &dyn Fs, mark: Mark) -> Result<(), StoreError> {
        if let Some(last) = self.mark.clone().filter(|_| !self.is_durable) {
            // It must be there for certain before the other place is written to.
            self.write(fs, self.sequence, last)?;
        }
        if self.mark.as_ref() == Some(&mark) {
            return Ok(());
        }
        self.write(fs, self.sequence + 1, mark)
    }

    fn write(&mut self, fs: &dyn Fs, sequence: u64, mark: Mark) -> Result<(), StoreError> {
        let path = &self.path;
        if self.handle.is_none() {
            if fs.len(path).map_err(StoreError::io("look for", path))?.is_some() {
                fs.remove(path).map_err(StoreError::io("remove", path))?;
            }
            let made = fs.create_new(path, Access::Group);
            self.handle = Some(made.map_err(StoreError::io("create", path))?);
        }
        let Some(handle) = &self.handle else { return Ok(()) };
        let outcome = handle
            .write_all_at(&encode(sequence, &mark), (sequence % 2) * PLACE_LEN)
            .map_err(StoreError::io("write to", path))
            .and_then(|()| handle.sync_data().map_err(StoreError::io("sync", path)))
            .and_then(|()| match path.parent() {
                Some(dir) if !self.is_durable => sync_dir(fs, dir),
                _ => Ok(()),
            });
        outcome?;
        self.sequence = sequence;
        self.mark = Some(mark);
        self.is_durable = true;
        Ok(())
    }
}

/// What the note in a timeline's folder says, while somebody else may be writing it; `None` if it
/// is missing or damaged.
pub(crate) fn read_mark(fs: &dyn Fs, dir: &Path) -> Result<Option<Mark>, StoreError> {
    let path = &dir.join(FILE);
    if fs.len(path).map_err(StoreError::io("look for", path))?.is_none() {
        return Ok(None);
    }
    let handle = fs.open(path).map_err(StoreError::io("open", path))?;
    Ok(newest(&*handle, path)?.map(|(_, mark)| mark))
}

/// The valid note with the larger sequence number.
fn newest(handle: &dyn File, path: &Path) -> Result<Option<(u64, Mark)>, StoreError> {
    let mut newest: Option<(u64, Mark)> = None;
    for place in 0..2 {
        let mut bytes = [0; NOTE_LEN_MAX];
        let len = read_full(handle, &mut bytes, place * PLACE_LEN)
            .map_err(StoreError::io("read", path))?;
        if let Some(note) = decode(&bytes[..len])
            && newest.as_ref().is_none_or(|(sequence, _)| note.0 >= *sequence)
        {
            newest = Some(note);
        }
    }
    Ok(newest)
}

fn encode(sequence: u64, mark: &Mark) -> Vec<u8> {
    let name = mark.file.as_str().as_bytes();
    let mut bytes = TITLE.to_vec();
    bytes.extend_from_slice(&sequence.to_le_bytes());
    bytes.extend_from_slice(&mark.offset.to_le_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "at most LogName::LEN_MAX")]
    bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u64, Mark)> {
    let (title, rest) = bytes.split_first_chunk::<8>()?;
    let (sequence, rest) = rest.split_first_chunk::<8>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let (name_len, rest) = rest.split_first_chunk::<2>()?;
    let (name, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*name_len)))?;
    let crc = rest.first_chunk::<4>()?;
    let good = *title == TITLE
        && u32::from_le_bytes(*crc) == crc32fast::hash(&bytes[..FIXED_LEN + name.len()]);
    let file = LogName::new(std::str::from_utf8(name).ok()?).filter(|_| good)?;
    Some((u64::from_le_bytes(*sequence), Mark { file, offset: u64::from_le_bytes(*offset) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsFs;

    fn mark(offset: u64) -> Mark {
        Mark { file: LogName::new("b.000007").unwrap(), offset }
    }

    #[test]
    fn the_newer_note_counts_and_the_older_stands_in_for_a_torn_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        assert_eq!(Watermark::open(&OsFs, dir.path()).unwrap().mark(), None);
        for offset in [4, 100, 200] {
            // Opened anew each time, as after a restart.
            let mut watermark = Watermark::open(&OsFs, dir.path()).unwrap();
            watermark.set(&OsFs, mark(offset)).unwrap();
            let found = Watermark::open(&OsFs, dir.path()).unwrap();
            assert_eq!(found.mark(), Some(&mark(offset)));
        }
        let good = std::fs::read(&path).unwrap();
        // The third note is in the second place.
        for (torn, left) in [(4096 + 17, Some(mark(100))), (17, Some(mark(200)))] {
            let mut bytes = good.clone();
            bytes[torn] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(Watermark::open(&OsFs, dir.path()).unwrap().mark(), left.as_ref());
        }
    }

    #[test]
    fn a_note_that_is_cut_or_garbled_counts_for_nothing() {
        let note = encode(5, &mark(9));
        assert_eq!(decode(&note), Some((5, mark(9))));
        for cut in 0..note.len() {
            assert_eq!(decode(&note[..cut]), None);
        }
        for bit in 0..note.len() * 8 {
            let mut bytes = note.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bytes), None);
        }
    }
}
