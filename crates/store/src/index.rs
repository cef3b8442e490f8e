//! Where in a file a reader's GTIDs end: checkpoints, so that it is found without a scan.
//!
//! The index of a file that is written to is in memory; a closed one's lies beside it, as text, in
//! `<file>.idx`. That is a hint and no more: one that is missing, torn or of another file is made
//! anew from the file, and what it points at must be there. So nothing of it is ever synced for
//! somebody's sake, and nothing waits for it but who seeks. (Lists of files are in `index_file`.)

use std::path::{Path, PathBuf};

use binlogd_event::{EventHeader, EventKind, GtidSet, LogPos, Splitter, gtid_of};

use crate::catalog::{FileHead, read_full};
use crate::replace::replace;
use crate::{Catalog, File, Fs, LogFile, LogName, StoreError};

/// What stands behind the name of a file in that of its index.
pub(crate) const SUFFIX: &str = ".idx";

/// A checkpoint is taken at this distance, in bytes.
const EVERY: u64 = 1 << 20;

/// An index that grows beyond this many bytes gives up every other checkpoint.
const LEN_MAX: usize = 4 << 20;

/// So much of a file is read at a time, in bytes.
const CHUNK_LEN: usize = 256 << 10;

const TITLE: &str = "binlogd index 1";

/// The checkpoints of a file.
#[derive(Debug)]
pub(crate) struct FileIndex {
    checkpoints: Vec<Checkpoint>,
    every: u64,
    /// Up to where the file was read, an event's end.
    end: u64,
    /// All GTIDs up to there.
    gtids: GtidSet,
    /// Whether nothing more can be said: a transaction without GTID came, or one of MariaDB's.
    is_over: bool,
}

/// The beginning of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) offset: u64,
    /// All GTIDs before it, as text: of a hundred a search reads seven.
    pub(crate) gtids: String,
}

impl Catalog {
    /// The last place of a file, behind its head, before which there are only transactions out of
    /// `has`; `None` if none is known. Takes a scan of the file if it has no index.
    ///
    /// # Errors
    /// If the file cannot be read; [`StoreError::Purged`] if it is gone.
    pub fn seek(&self, file: &LogFile, has: &GtidSet) -> Result<Option<u64>, StoreError> {
        let found = self.with_index(file, |checkpoints| search(checkpoints, has));
        found.map_err(|error| self.purged_or(file, error))
    }

    /// Brings a file's index to where the file is, and beside it if the file is closed.
    ///
    /// # Errors
    /// As [`Catalog::seek`].
    pub fn update_index(&self, file: &LogFile) -> Result<(), StoreError> {
        let done = self.with_index(file, |_| None::<Checkpoint>).map(|_| ());
        done.map_err(|error| self.purged_or(file, error))
    }

    fn with_index(
        &self,
        file: &LogFile,
        find: impl Fn(&[Checkpoint]) -> Option<Checkpoint>,
    ) -> Result<Option<u64>, StoreError> {
        // In this order: what was closed then has its full length now.
        let is_closed = self.is_closed(file);
        let (head, len) = (self.head(file)?, self.readable_len(file));
        let handle = self.fs.open(&file.path).map_err(StoreError::io("open", &file.path))?;
        let mut index = file.index();
        if is_closed && index.is_none() {
            let identity = identity(&file.name, &head.format_event, len);
            let stored = read(&*self.fs, &file.path, &identity);
            if let Some(found) = stored.map(|checkpoints| find(&checkpoints)) {
                match found {
                    Some(found) if !is_there(&*handle, &found) => {}
                    found => return Ok(found.map(|found| found.offset)),
                }
            }
        }
        let made = index.get_or_insert_with(|| FileIndex::new(&head));
        made.extend(&*handle, &file.path, len)?;
        let found = find(&made.checkpoints).map(|found| found.offset);
        if is_closed {
            match write(&*self.fs, file, &head, len, &made.checkpoints) {
                Ok(()) => *index = None,
                Err(error) => tracing::warn!("{error}; it stays in memory"),
            }
        }
        Ok(found)
    }
}

impl FileIndex {
    fn new(head: &FileHead) -> Self {
        Self {
            checkpoints: Vec::new(),
            every: EVERY,
            end: head.events_start,
            gtids: head.previous_gtids.clone(),
            is_over: false,
        }
    }

    /// Reads on up to `until`.
    fn extend(&mut self, handle: &dyn File, path: &Path, until: u64) -> Result<(), StoreError> {
        let mut splitter = Splitter::new();
        let mut buffer = vec![0; CHUNK_LEN];
        let mut offset = self.end;
        while !self.is_over && offset < until {
            let left = usize::try_from(until - offset).unwrap_or(usize::MAX);
            let chunk = &mut buffer[..left.min(CHUNK_LEN)];
            let got = read_full(handle, chunk, offset).map_err(StoreError::io("read", path))?;
            let mut seen = 0;
            while let Ok(Some(part)) =
                splitter.next(&chunk[seen..got], seen == 0 && got == CHUNK_LEN)
            {
                if part.first {
                    self.event(offset + seen as u64, part.bytes);
                }
                seen += part.bytes.len();
                if part.last {
                    self.end = offset + seen as u64;
                }
            }
            offset += seen as u64;
            // What cannot be read as events is for others to complain about.
            self.is_over |= seen == 0;
        }
        Ok(())
    }

    fn event(&mut self, offset: u64, event: &[u8]) {
        let Ok(header) = EventHeader::parse(event) else { return };
        match header.kind {
            EventKind::GTID | EventKind::GTID_TAGGED => {}
            EventKind::ANONYMOUS_GTID | EventKind::MARIADB_GTID => {
                self.is_over = true;
                return;
            }
            _ => return,
        }
        let Ok(Some(gtid)) = gtid_of(&header, event) else { return };
        let last = self.checkpoints.last().map_or(0, |last| last.offset);
        if offset - last >= self.every {
            self.checkpoints.push(Checkpoint { offset, gtids: self.gtids.to_string() });
            self.thin_out();
        }
        self.gtids.insert(gtid);
    }

    fn thin_out(&mut self) {
        let gtids_len = self.checkpoints.last().map_or(0, |last| last.gtids.len());
        if self.checkpoints.len() * (gtids_len + size_of::<Checkpoint>()) > LEN_MAX {
            self.every *= 2;
            let mut number = 0_usize;
            self.checkpoints.retain(|_| {
                number += 1;
                number.is_multiple_of(2)
            });
        }
    }
}

/// The last checkpoint before which there is nothing but `has`.
fn search(checkpoints: &[Checkpoint], has: &GtidSet) -> Option<Checkpoint> {
    // What is before a checkpoint is before all that follow.
    let is_had = |checkpoint: &Checkpoint| {
        checkpoint.gtids.parse::<GtidSet>().is_ok_and(|gtids| gtids.is_subset(has))
    };
    let behind = checkpoints.partition_point(is_had);
    checkpoints.get(behind.checked_sub(1)?).cloned()
}

/// Whether a transaction begins there that is not among those before.
fn is_there(handle: &dyn File, checkpoint: &Checkpoint) -> bool {
    let mut bytes = [0; 256];
    let Ok(len) = read_full(handle, &mut bytes, checkpoint.offset) else { return false };
    let Ok(header) = EventHeader::parse(&bytes[..len]) else { return false };
    let Some(event) = bytes[..len].get(..header.size as usize) else { return false };
    let end = LogPos::of(checkpoint.offset + u64::from(header.size));
    let gtids = checkpoint.gtids.parse::<GtidSet>();
    match (gtid_of(&header, event), gtids) {
        (Ok(Some(gtid)), Ok(gtids)) => header.log_pos == end && !gtids.contains(&gtid),
        _ => false,
    }
}

pub(crate) fn path_of(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(SUFFIX);
    PathBuf::from(path)
}

/// What file an index is of: its name, its length and what it begins with.
pub(crate) fn identity(name: &LogName, format_event: &[u8], len: u64) -> String {
    format!("{name} {len} {:08x}", crc32fast::hash(format_event))
}

fn write(
    fs: &dyn Fs,
    file: &LogFile,
    head: &FileHead,
    len: u64,
    checkpoints: &[Checkpoint],
) -> Result<(), StoreError> {
    let mut text = format!("{TITLE}\n{}\n", identity(&file.name, &head.format_event, len));
    for Checkpoint { offset, gtids } in checkpoints {
        // A set's text may have its sources on lines of their own.
        text.push_str(&format!("{offset} {}\n", gtids.replace('\n', "")));
    }
    text.push_str(&format!("end {:08x}\n", crc32fast::hash(text.as_bytes())));
    replace(fs, &path_of(&file.path), &text)
}

/// The index beside a closed file, if it is whole and of the file of this [`identity`].
pub(crate) fn read(fs: &dyn Fs, file: &Path, identity: &str) -> Option<Vec<Checkpoint>> {
    let path = path_of(file);
    let bytes = fs.len(&path).ok()??;
    let size = usize::try_from(bytes).ok().filter(|size| *size <= 2 * LEN_MAX)?;
    let mut text = vec![0; size];
    let got = read_full(&*fs.open(&path).ok()?, &mut text, 0).ok()?;
    text.truncate(got);
    let text = String::from_utf8(text).ok()?;
    let (content, crc) = text.strip_suffix('\n')?.rsplit_once("end ")?;
    if u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(content.as_bytes()) {
        return None;
    }
    let mut lines = content.lines();
    if lines.next()? != TITLE || lines.next()? != identity {
        return None;
    }
    lines
        .map(|line| {
            let (offset, gtids) = line.split_once(' ')?;
            Some(Checkpoint { offset: offset.parse().ok()?, gtids: gtids.to_owned() })
        })
        .collect()
}
