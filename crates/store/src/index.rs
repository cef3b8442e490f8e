//! Where in a file a reader's GTIDs, a time or a position is: checkpoints, so that it is found
//! without a scan.
//!
//! The index of a file that is written to is in memory; a closed one's lies beside it
//! ([`sidecar`]). That is a hint and no more: one that is missing, torn or of another file is made
//! anew from the file, and what it points at must be there. So nothing of it is ever synced for
//! somebody's sake, and nothing waits for it but who seeks. (Lists of files are in `index_file`.)

mod before;
mod checkpoints;
mod sidecar;

use std::path::Path;

use binlogd_event::{EventHeader, GtidSet, Splitter};

pub(crate) use before::Before;
use checkpoints::Checkpoints;
pub use sidecar::Sidecar;
pub(crate) use sidecar::{SUFFIX, identity, path_of, read};
use sidecar::{is_there, write};

use crate::catalog::{FileHead, read_full};
use crate::{Catalog, File, LogFile, StoreError};

/// A checkpoint is taken at this distance, in bytes.
const EVERY: u64 = 1 << 20;

/// The same in a file of MariaDB's, which has such an index of its own since 11.4, by default at
/// this distance. Where it starts a reader, that sees.
const EVERY_OF_MARIADB: u64 = 64 << 10;

/// An index that grows beyond this many bytes gives up every other checkpoint.
const LEN_MAX: usize = 4 << 20;

/// So much of a file is read at a time, in bytes.
const CHUNK_LEN: usize = 256 << 10;

/// The beginning of a transaction, and what is known of all before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where it begins, in bytes from the file's start.
    pub offset: u64,
    /// Where the last event before it ends that belongs to the file, in bytes: from here on there
    /// are only transactions.
    pub head_end: u64,
    /// The latest time stamp of the file's transactions before it, in seconds since 1970; 0 if there
    /// are none.
    pub time: u32,
    /// All GTIDs before it, as text: of a hundred a search reads seven.
    pub(crate) gtids: Option<String>,
}

impl Checkpoint {
    /// All GTIDs before it; `None` where they do not tell what came before: a transaction had none,
    /// or one of MariaDB's came behind a higher one of its domain.
    #[must_use]
    pub fn gtids(&self) -> Option<GtidSet> {
        self.gtids.as_ref()?.parse().ok()
    }
}

/// The checkpoints of a file.
#[derive(Debug)]
pub(crate) struct FileIndex {
    checkpoints: Vec<Checkpoint>,
    every: u64,
    /// Where the last checkpoint was taken, or the head ended.
    last: u64,
    /// Up to where the file was read, an event's end.
    end: u64,
    before: Before,
    /// Whether nothing more can be said: what follows are no events.
    is_over: bool,
}

impl Catalog {
    /// The last checkpoint of a file, behind its head, of which `is_before` holds, as it must of all
    /// that come before that one; `None` if there is none. Takes a scan of the file if it has no
    /// index.
    ///
    /// # Errors
    /// If the file cannot be read; [`StoreError::Purged`] if it is gone.
    pub fn seek(
        &self,
        file: &LogFile,
        is_before: impl Fn(&Checkpoint) -> bool,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let found = self.with_index(file, |checkpoints| checkpoints.last(0, &is_before));
        found.map_err(|error| self.purged_or(file, error))
    }

    /// The last checkpoint of a file that a reader at `here` can go on at, since nothing but
    /// transactions that `leaves_out` says yes to lies between: those between two places at once, and so
    /// of MariaDB's the last of each domain and server. It is also given the transactions that come
    /// before `here` behind the checkpoint before that.
    ///
    /// # Errors
    /// As [`Catalog::seek`].
    pub fn seek_on(
        &self,
        file: &LogFile,
        here: u64,
        leaves_out: impl Fn(&GtidSet) -> bool,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let head = self.head(file)?;
        let found = self.with_index(file, |checkpoints| {
            let passed = checkpoints.count(0, |place| place.offset <= here);
            let before = match passed.checked_sub(1) {
                Some(last) => checkpoints.at(last)?.gtids()?,
                None => head.previous_gtids.clone(),
            };
            let can_go_on = |place: &Checkpoint| {
                let gtids = place.gtids().filter(|_| place.head_end <= here);
                gtids.is_some_and(|gtids| leaves_out(&gtids.difference(&before)))
            };
            checkpoints.last(passed, can_go_on)
        });
        found.map_err(|error| self.purged_or(file, error))
    }

    /// Brings a file's index to where the file is, and beside it if the file is closed.
    ///
    /// # Errors
    /// As [`Catalog::seek`].
    pub fn update_index(&self, file: &LogFile) -> Result<(), StoreError> {
        let done = self.with_index(file, |_| None).map(|_| ());
        done.map_err(|error| self.purged_or(file, error))
    }

    /// Takes checkpoints at this distance, in bytes, and not a MiB (for MariaDB 64 KiB) apart.
    pub fn set_index_distance(&self, bytes: u64) {
        self.index_distance.store(bytes, std::sync::atomic::Ordering::Relaxed);
    }

    /// How far apart a file's checkpoints are taken, in bytes.
    ///
    /// # Errors
    /// As [`Catalog::seek`].
    pub fn index_distance(&self, file: &LogFile) -> Result<u64, StoreError> {
        let is_mariadb = self.head(file)?.format.server_version.is_mariadb();
        Ok(match self.index_distance.load(std::sync::atomic::Ordering::Relaxed) {
            0 if is_mariadb => EVERY_OF_MARIADB,
            0 => EVERY,
            bytes => bytes,
        })
    }

    fn with_index(
        &self,
        file: &LogFile,
        find: impl Fn(Checkpoints<'_>) -> Option<Checkpoint>,
    ) -> Result<Option<Checkpoint>, StoreError> {
        // In this order: what was closed then has its full length now.
        let is_closed = self.is_closed(file);
        let (head, len) = (self.head(file)?, self.readable_len(file));
        let handle = self.fs.open(&file.path).map_err(StoreError::io("open", &file.path))?;
        let mut index = file.index();
        if is_closed && index.is_none() {
            let identity = identity(&file.name, &head.format_event, len);
            let stored = read(&*self.fs, &file.path, &identity);
            if let Some(found) = stored.map(|lines| find(Checkpoints::Lines(&lines))) {
                match found {
                    Some(found) if !is_there(&*handle, &found) => {}
                    found => return Ok(found),
                }
            }
        }
        // What it has seen may have been cut off again.
        if index.as_ref().is_some_and(|index| index.end > len) {
            *index = None;
        }
        let every = self.index_distance(file)?;
        let made = index.get_or_insert_with(|| FileIndex::new(&head, every));
        made.extend(&*handle, &file.path, len)?;
        let found = find(Checkpoints::Made(&made.checkpoints));
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
    fn new(head: &FileHead, every: u64) -> Self {
        Self {
            checkpoints: Vec::new(),
            every,
            last: head.events_start,
            end: head.events_start,
            before: Before::new(&head.format, head.previous_gtids.clone(), head.events_start),
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
                // What cannot be read as events is for others to complain about.
                self.is_over |=
                    part.first && self.event(offset + seen as u64, part.bytes).is_none();
                seen += part.bytes.len();
                if part.last {
                    self.end = offset + seen as u64;
                }
                if self.is_over {
                    break;
                }
            }
            offset += seen as u64;
            self.is_over |= seen == 0;
        }
        Ok(())
    }

    fn event(&mut self, offset: u64, event: &[u8]) -> Option<()> {
        let header = EventHeader::parse(event).ok()?;
        if offset - self.last >= self.every && self.before.begins(&header) {
            self.checkpoints.push(self.before.checkpoint(offset));
            self.last = offset;
            self.thin_out();
        }
        if header.kind.is_previous_gtids() {
            self.last = offset + u64::from(header.size);
        }
        self.before.event(offset, &header, event)
    }

    fn thin_out(&mut self) {
        let gtids = self.checkpoints.last().and_then(|last| last.gtids.as_ref());
        let len = gtids.map_or(0, String::len) + size_of::<Checkpoint>();
        if self.checkpoints.len() * len > LEN_MAX {
            self.every *= 2;
            let mut number = 0_usize;
            self.checkpoints.retain(|_| {
                number += 1;
                number.is_multiple_of(2)
            });
        }
    }
}
