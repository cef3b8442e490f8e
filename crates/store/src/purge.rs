//! Removing a stream's oldest files, and what readers have to say about it.
//!
//! Files go in order, so that a crash at any step leaves the newest ones without a hole: first they
//! are gone for readers, then from the list of files, then from the disk, oldest first, then the
//! folder is synced. A reader keeps its file and all behind it, as long as holds are respected.
//! What was purged before the first file is not written down: that file's own head says it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLockWriteGuard};
use std::time::SystemTime;

use binlogd_event::FIRST_EVENT;

use crate::atomic_write::sync_changed_dir;
use crate::{
    Catalog, FileId, LogFile, LogName, StoreError, Timeline, index, index_file, leftovers,
};

/// Whether readers can keep files from being purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A file stays while a reader is in it or in one before it.
    Respect,
    /// Files go. A reader can still read the one that it is in, and finds the next one gone.
    Ignore,
}

/// What a purge did.
#[derive(Debug, Clone, Default)]
pub struct Purge {
    /// The files that are gone, oldest first.
    pub removed: Vec<Arc<LogFile>>,
    /// What kept some from going, if something did.
    pub held: Option<Held>,
}

/// Files that could not be purged for their readers.
#[derive(Debug, Clone)]
pub struct Held {
    /// The oldest file that readers are in.
    pub file: Arc<LogFile>,
    /// How many files were to go and stayed.
    pub files: usize,
    /// How many readers are in the oldest one.
    pub readers: usize,
    /// Who they are, as far as [`Cursor::set_reader`](crate::Cursor::set_reader) has said.
    pub named: Vec<u32>,
}

/// Where readers are, and what must not happen twice at a time.
#[derive(Debug, Default)]
pub(crate) struct Purging {
    readers: Mutex<Readers>,
    /// Held by the one who removes files.
    one_at_a_time: Mutex<()>,
    /// Held by the one who writes a list of files.
    index: Mutex<()>,
}

#[derive(Debug, Default)]
struct Readers {
    last_key: u64,
    places: BTreeMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    file: FileId,
    reader: Option<u32>,
}

impl Catalog {
    /// Removes the files before `keep`, oldest first, up to the first one that is held. The last
    /// file stays, and so does the one before it as long as recovery would need it. Blocks for as
    /// long as the disk takes.
    ///
    /// # Errors
    /// If a file cannot be removed: that one and those behind it stay.
    pub fn purge(&self, keep: FileId, holds: Holds) -> Result<Purge, StoreError> {
        let _alone = lock(&self.purging.one_at_a_time);
        let keep = keep.min(self.first_needed()?);
        let purge = self.take_out(keep, holds);
        if purge.removed.is_empty() {
            return Ok(purge);
        }
        if let Err((removed, error)) = self.remove(&purge.removed) {
            self.put_back(&purge.removed[removed..]);
            return Err(error);
        }
        if let Err(error) = self.remove_empty_timelines() {
            // The next purge tries again, and nothing is in them.
            tracing::warn!("{error}");
        }
        Ok(purge)
    }

    /// When a file got its last bytes. That is what it was like here, not on the source: times in
    /// events are what clients say they are.
    ///
    /// # Errors
    /// If the system cannot tell; [`StoreError::Purged`] if the file is gone.
    pub fn modified(&self, file: &LogFile) -> Result<SystemTime, StoreError> {
        let modified = self.fs.modified(&file.path).map_err(StoreError::io("look at", &file.path));
        modified.map_err(|error| self.purged_or(file, error))
    }

    /// The first file that must stay whatever is asked for.
    fn first_needed(&self) -> Result<FileId, StoreError> {
        let durable = self.frontier().durable;
        let files = self.all_files();
        let at = files.partition_point(|file| file.id < durable.file);
        let Some(last) = files.get(at).filter(|_| durable.offset > FIRST_EVENT) else {
            return Ok(FileId::default());
        };
        // As long as a file does not say which GTIDs were before it, recovery asks the one before.
        let head = self.head(last)?;
        let speaks = self.readable_len(last) > FIRST_EVENT + head.format_event.len() as u64;
        Ok(if speaks { last.id } else { files[at.saturating_sub(1)].id })
    }

    /// Takes what can go out of the list, so that no reader finds it any more.
    fn take_out(&self, keep: FileId, holds: Holds) -> Purge {
        let mut files = self.files_mut();
        let readers = lock(&self.purging.readers);
        let wanted = files.partition_point(|file| file.id < keep);
        let held_from = match (holds, files.first()) {
            (Holds::Respect, Some(first)) => readers.first_held(first.id),
            _ => None,
        };
        let free = held_from.map_or(wanted, |id| files.partition_point(|file| file.id < id));
        let held = (free < wanted).then(|| {
            let file = files[free].clone();
            let (readers, named) = readers.holders_of(file.id, free == 0);
            Held { file, files: wanted - free, readers, named }
        });
        Purge { removed: files.drain(..free.min(wanted)).collect(), held }
    }

    fn put_back(&self, files: &[Arc<LogFile>]) {
        self.files_mut().splice(..0, files.iter().cloned());
        if let Some(dir) = files.first().and_then(|file| file.path.parent()) {
            self.write_index(dir);
        }
    }

    /// Removes files that are no longer in the list; an error comes with how many were removed.
    fn remove(&self, all: &[Arc<LogFile>]) -> Result<(), (usize, StoreError)> {
        let mut removed = 0;
        for files in all.chunk_by(|a, b| a.path.parent() == b.path.parent()) {
            let Some(dir) = files.first().and_then(|file| file.path.parent()) else { continue };
            self.write_index(dir);
            for file in files {
                match self.fs.remove(&file.path) {
                    // Somebody was faster.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    outcome => outcome
                        .map_err(|error| (removed, StoreError::io("remove", &file.path)(error)))?,
                }
                removed += 1;
                // One that stays is of no file: the next start removes it.
                let _ = self.fs.remove(&index::path_of(&file.path));
            }
            match sync_changed_dir(&*self.fs, dir) {
                // If more went from the next timeline, a crash could leave a hole.
                Err(error) if removed < all.len() => return Err((removed, error)),
                // After a crash some may be there again, and be purged again.
                Err(error) => tracing::warn!("{error}"),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Removes the folders of timelines before the first file's: a crash may leave empty ones.
    fn remove_empty_timelines(&self) -> Result<(), StoreError> {
        let Some(first) = self.all_files().into_iter().next() else { return Ok(()) };
        let Some(stream) = first.path.parent().and_then(Path::parent) else { return Ok(()) };
        let fs = &*self.fs;
        let mut is_changed = false;
        for name in fs.list(stream).map_err(StoreError::io("list", stream))? {
            let timeline = Timeline::open(fs, stream, &name)?;
            if timeline.is_none_or(|timeline| timeline.number >= first.timeline.number) {
                continue;
            }
            let dir = stream.join(&name);
            let names = fs.list(&dir).map_err(StoreError::io("list", &dir))?;
            if !names.iter().all(|name| leftovers::is_ours(name)) {
                // Binlog files that are to be purged later, or what somebody has put there.
                continue;
            }
            for name in &names {
                let path = dir.join(name);
                fs.remove(&path).map_err(StoreError::io("remove", &path))?;
            }
            fs.remove_dir(&dir).map_err(StoreError::io("remove", &dir))?;
            is_changed = true;
        }
        if is_changed {
            sync_changed_dir(fs, stream)?;
        }
        Ok(())
    }

    /// Writes a timeline's list of files anew.
    pub(crate) fn write_index(&self, dir: &Path) {
        let _alone = lock(&self.purging.index);
        index_file::write(&*self.fs, dir, self.names_in(dir).iter());
    }

    /// What to say of an error with a file, which may come from its having been purged.
    pub(crate) fn purged_or(&self, file: &LogFile, error: StoreError) -> StoreError {
        if self.all_files().iter().any(|there| there.id == file.id) {
            return error;
        }
        purged(&file.name)
    }

    fn files_mut(&self) -> RwLockWriteGuard<'_, Vec<Arc<LogFile>>> {
        self.files.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn purged(name: &LogName) -> StoreError {
    StoreError::Purged { what: name.to_string() }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Readers {
    /// The first file that readers need, where `first` is the first there is.
    fn first_held(&self, first: FileId) -> Option<FileId> {
        self.places.values().filter_map(|place| place.holds(first)).min()
    }

    /// How many readers need `file` before any other, and the names of those who have one.
    fn holders_of(&self, file: FileId, is_first: bool) -> (usize, Vec<u32>) {
        let first = if is_first { file } else { FileId::default() };
        let here = self.places.values().filter(|place| place.holds(first) == Some(file));
        (here.clone().count(), here.filter_map(|place| place.reader).collect())
    }
}

impl Place {
    /// The first file that the reader needs, where `first` is the first there is: its own, or if
    /// that was purged under it the next. If that was purged too, nothing helps it.
    fn holds(&self, first: FileId) -> Option<FileId> {
        if self.file >= first {
            Some(self.file)
        } else {
            (self.file.0 + 1 == first.0).then_some(first)
        }
    }
}

/// A reader's place, given up when dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    catalog: Arc<Catalog>,
    key: u64,
}

impl Hold {
    /// Holds a file and all behind it, unless it is gone.
    pub(crate) fn new(catalog: &Arc<Catalog>, file: &LogFile) -> Result<Self, StoreError> {
        // Under this lock nothing is purged.
        let files = catalog.files.read().unwrap_or_else(PoisonError::into_inner);
        if files.first().is_none_or(|first| file.id < first.id) {
            return Err(purged(&file.name));
        }
        let mut readers = lock(&catalog.purging.readers);
        readers.last_key += 1;
        let key = readers.last_key;
        readers.places.insert(key, Place { file: file.id, reader: None });
        Ok(Self { catalog: catalog.clone(), key })
    }

    pub(crate) fn set_reader(&self, reader: u32) {
        if let Some(place) = lock(&self.catalog.purging.readers).places.get_mut(&self.key) {
            place.reader = Some(reader);
        }
    }

    /// Lets `file` go and holds the one behind it, which is returned; `None` if there is none yet.
    pub(crate) fn move_on(&self, file: &LogFile) -> Result<Option<Arc<LogFile>>, StoreError> {
        let durable = self.catalog.frontier().durable;
        let files = self.catalog.files.read().unwrap_or_else(PoisonError::into_inner);
        let Some(next) = files.get(files.partition_point(|there| there.id <= file.id)) else {
            return Ok(None);
        };
        if next.id.0 != file.id.0 + 1 {
            return Err(StoreError::Purged { what: format!("what follows {}", file.name) });
        }
        if next.id > durable.file || next.id == durable.file && durable.offset <= FIRST_EVENT {
            return Ok(None);
        }
        if let Some(place) = lock(&self.catalog.purging.readers).places.get_mut(&self.key) {
            place.file = next.id;
        }
        Ok(Some(next.clone()))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        lock(&self.catalog.purging.readers).places.remove(&self.key);
    }
}
