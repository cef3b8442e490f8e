//! A simulated disk that does everything to unsynced data that a real one may do.
//!
//! [`SimDisk`] is a file system in memory. It keeps what processes see, the page cache, apart from
//! what is on the platter. [`SimDisk::crash`] is a power failure: it leaves what was synced, and of
//! the rest whatever the seed chooses of what POSIX permits: any set of pages, torn at sectors; any
//! of the lengths that a file had meanwhile, with zeros or old bytes where pages are missing;
//! and of each folder's changes the first few. [`SimDisk::kill`] ends only the process.
//!
//! Disks also fail in their lifetime, by [`SimDisk::fail`] and [`SimDisk::set_capacity`]. A sync
//! that fails marks pages clean that never reached the platter, as Linux does: the next sync says
//! that all is well, and some day a reader finds old bytes.
//!
//! `file` has the bytes of one file, `folder` the names, `fault` what goes wrong on demand.

mod fault;
mod file;
mod folder;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use binlogd_store::{Access, Dir, File, Fs, FsLock};
use rustix::io::Errno;

use crate::rng::Rng;
pub use fault::{ERRORS, Fault, Op};
use fault::{Faults, Verdict};
use file::{FileState, PAGE};
use folder::{Entry, Folders};

/// A disk with a file system. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    /// Nothing works any more.
    is_off: bool,
    folders: Folders,
    files: Vec<FileState>,
    locks: BTreeSet<PathBuf>,
    faults: Faults,
    capacity: Option<usize>,
    clock: SystemTime,
    bytes_read: u64,
}

impl SimDisk {
    /// An empty disk. All its choices follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::from_state(State {
            rng: Rng::new(seed),
            is_off: false,
            folders: Folders::new(),
            files: Vec::new(),
            locks: BTreeSet::new(),
            faults: Faults::default(),
            capacity: None,
            clock: SystemTime::UNIX_EPOCH,
            bytes_read: 0,
        })
    }

    fn from_state(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// A power failure: this disk and all open files are dead, the returned one has what survived.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut state = self.state();
        let next = state.successor(|folders, files, rng| {
            for file in files {
                file.crash(rng);
            }
            folders.crash(rng);
        });
        Self::from_state(next)
    }

    /// The death of the process: as [`SimDisk::crash`], but what was written is still there, in
    /// memory. Only of pages that a failed sync gave up may some be dropped.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut state = self.state();
        let next = state.successor(|_, files, rng| {
            let percent = rng.pick(&[0, 50, 100]);
            for file in files {
                file.drop_lost(rng, percent);
            }
        });
        Self::from_state(next)
    }

    /// Lets an operation fail that is still to come.
    pub fn fail(&self, fault: Fault) {
        self.state().faults.add(fault);
    }

    /// Takes back what [`SimDisk::fail`] and [`SimDisk::power_off_after`] have announced.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// How many operations have failed by [`SimDisk::fail`] so far.
    #[must_use]
    pub fn faults_hit(&self) -> u64 {
        self.state().faults.hits
    }

    /// Turns the power off in the middle of a change that is still to come, after `changes` more
    /// of any kind.
    pub fn power_off_after(&self, changes: u64) {
        self.state().faults.power_off_after(changes);
    }

    /// Whether nothing works any more.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// Limits what all files together may have, in bytes, rounded up to pages; `None` for no limit.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.state().capacity = bytes;
    }

    /// Sets the time at which files are changed from now on; it stands still.
    pub fn set_clock(&self, now: SystemTime) {
        self.state().clock = now;
    }

    /// How many bytes files take up.
    #[must_use]
    pub fn used(&self) -> usize {
        self.state().used()
    }

    /// How much was read so far, in bytes.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.state().bytes_read
    }

    /// A file's bytes as processes see them; `None` where there is no such file.
    #[must_use]
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let file = state.file_at(path).ok()?;
        Some(state.files[file].bytes().to_vec())
    }

    /// Makes a file, or replaces its bytes, durable at once: for damage done by others.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let file = match state.file_at(path) {
            Ok(file) => file,
            Err(_) => {
                state.create(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            }
        };
        state.files[file] = FileState::durable(bytes);
        if let Some(dir) = path.parent() {
            let _ = state.folders.sync(dir);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_file(&self, path: &Path, writable: bool) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        state.check_power()?;
        state.check(Op::Open, path)?;
        let file = state.file_at(path)?;
        Ok(Box::new(SimFile { disk: self.clone(), file, path: path.to_owned(), writable }))
    }

    /// Does something that changes the disk, unless it is to fail or the power goes.
    fn change<T>(
        &self,
        op: Op,
        path: &Path,
        act: impl FnOnce(&mut State, Verdict) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state();
        state.check_power()?;
        let verdict = state.faults.judge(op, path);
        let outcome = act(&mut state, verdict);
        state.write_back_some();
        match verdict {
            Verdict::Pass => outcome,
            Verdict::Fail(error) => Err(error.into()),
            Verdict::PowerOff => {
                state.is_off = true;
                Err(Errno::IO.into())
            }
        }
    }
}

impl State {
    /// The same disk in the next life; this one dies.
    fn successor(&mut self, age: impl FnOnce(&mut Folders, &mut [FileState], &mut Rng)) -> State {
        self.is_off = true;
        let mut rng = self.rng.fork();
        let mut folders = std::mem::take(&mut self.folders);
        let mut files = std::mem::take(&mut self.files);
        age(&mut folders, &mut files, &mut rng);
        State {
            rng,
            is_off: false,
            folders,
            files,
            locks: BTreeSet::new(),
            faults: Faults::default(),
            capacity: self.capacity,
            clock: self.clock,
            bytes_read: 0,
        }
    }

    fn check_power(&self) -> io::Result<()> {
        if self.is_off { Err(Errno::IO.into()) } else { Ok(()) }
    }

    /// Fails if that was announced of an operation that changes nothing.
    fn check(&mut self, op: Op, path: &Path) -> io::Result<()> {
        match self.faults.judge(op, path) {
            Verdict::Fail(error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn file_at(&self, path: &Path) -> io::Result<usize> {
        match self.folders.find(path)? {
            Entry::File(file) => Ok(file),
            Entry::Folder => Err(Errno::ISDIR.into()),
        }
    }

    fn create(&mut self, path: &Path) -> io::Result<usize> {
        let file = self.files.len();
        self.folders.add(path, Entry::File(file))?;
        self.files.push(FileState::default());
        Ok(file)
    }

    fn used(&self) -> usize {
        let pages = self.folders.files().map(|file| self.files[file].bytes().len().div_ceil(PAGE));
        pages.sum::<usize>() * PAGE
    }

    /// How many of `len` bytes at `offset` of a file there is room for.
    fn room(&self, file: usize, offset: usize, len: usize) -> usize {
        let Some(capacity) = self.capacity else { return len };
        let own = self.files[file].bytes().len().next_multiple_of(PAGE);
        let end_max = own + capacity.saturating_sub(self.used()) / PAGE * PAGE;
        len.min(end_max.saturating_sub(offset))
    }

    /// The kernel writes some pages back when it likes.
    fn write_back_some(&mut self) {
        if !self.files.is_empty() && self.rng.one_in(8) {
            // Mostly what is being written to.
            let newest = self.files.len() - 1;
            let file = self.rng.between(newest.saturating_sub(2), newest);
            self.files[file].write_back_some(&mut self.rng);
        }
        if self.rng.one_in(32) {
            self.folders.write_back_some(&mut self.rng);
        }
    }
}

impl Fs for SimDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.change(Op::CreateDir, dir, |state, verdict| match verdict {
            Verdict::Fail(_) => Ok(()),
            _ => state.folders.add_all(dir),
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.check_power()?;
        state.check(Op::List, dir)?;
        let mut names = state.folders.list(dir)?;
        for i in (1..names.len()).rev() {
            let j = state.rng.below(i + 1);
            names.swap(i, j);
        }
        Ok(names)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.open_file(path, false)
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.open_file(path, true)
    }

    fn restrict(&self, _: &Path, _: Access) -> io::Result<Option<u32>> {
        // There is only one user.
        Ok(None)
    }

    fn create_new(&self, path: &Path, _: Access) -> io::Result<Box<dyn File>> {
        let file = self.change(Op::Create, path, |state, verdict| match verdict {
            Verdict::Fail(error) => Err(error.into()),
            _ => state.create(path),
        })?;
        Ok(Box::new(SimFile { disk: self.clone(), file, path: path.to_owned(), writable: true }))
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        let mut state = self.state();
        state.check_power()?;
        state.check(Op::Stat, path)?;
        match state.folders.find(path) {
            Ok(Entry::File(file)) => Ok(Some(state.files[file].bytes().len() as u64)),
            Ok(Entry::Folder) => Ok(Some(0)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(Op::Rename, to, |state, verdict| match verdict {
            Verdict::Fail(_) => Ok(()),
            _ => state.folders.rename(from, to),
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(Op::Remove, path, |state, verdict| match verdict {
            Verdict::Fail(_) => Ok(()),
            _ => state.folders.remove(path),
        })
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(Op::Remove, dir, |state, verdict| match verdict {
            Verdict::Fail(_) => Ok(()),
            _ => state.folders.remove_folder(dir),
        })
    }

    fn modified(&self, path: &Path) -> io::Result<SystemTime> {
        let mut state = self.state();
        state.check_power()?;
        state.check(Op::Stat, path)?;
        let file = state.file_at(path)?;
        Ok(state.files[file].modified.unwrap_or(SystemTime::UNIX_EPOCH))
    }

    fn open_dir(&self, dir: &Path) -> io::Result<Box<dyn Dir>> {
        let mut state = self.state();
        state.check_power()?;
        state.check(Op::OpenDir, dir)?;
        state.folders.list(dir)?;
        Ok(Box::new(SimDir { disk: self.clone(), path: dir.to_owned() }))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn FsLock>>> {
        let mut state = self.state();
        state.check_power()?;
        state.check(Op::Lock, path)?;
        match state.folders.find(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                state.create(path)?;
            }
            Err(error) => return Err(error),
        }
        if !state.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(SimLock { disk: self.clone(), path: path.to_owned() })))
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl FsLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state().locks.remove(&self.path);
    }
}

#[derive(Debug)]
struct SimDir {
    disk: SimDisk,
    path: PathBuf,
}

impl Dir for SimDir {
    fn sync(&self) -> io::Result<()> {
        self.disk.change(Op::SyncDir, &self.path, |state, verdict| match verdict {
            Verdict::Pass => state.folders.sync(&self.path),
            _ => {
                let State { folders, rng, .. } = state;
                folders.write_back_some(rng);
                Ok(())
            }
        })
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: usize,
    path: PathBuf,
    writable: bool,
}

impl SimFile {
    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(Errno::BADF.into()) }
    }
}

impl File for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.check_power()?;
        state.check(Op::Read, &self.path)?;
        let State { files, rng, bytes_read, .. } = &mut *state;
        let got = files[self.file].read(buf, place(offset), rng);
        *bytes_read += got as u64;
        Ok(got)
    }

    fn read_cached_at(&self, buf: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
        if self.disk.state().rng.one_in(4) {
            return Ok(None);
        }
        self.read_at(buf, offset).map(Some)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.check_writable()?;
        self.disk.change(Op::Write, &self.path, |state, verdict| {
            let offset = place(offset);
            let mut len = state.room(self.file, offset, bytes.len());
            if verdict != Verdict::Pass {
                len = state.rng.between(0, len);
            }
            state.files[self.file].write(&bytes[..len], offset);
            state.files[self.file].modified = Some(state.clock);
            if len < bytes.len() { Err(Errno::NOSPC.into()) } else { Ok(()) }
        })
    }

    fn write_durable_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.check_writable()?;
        self.disk.change(Op::WriteDurable, &self.path, |state, verdict| {
            let offset = place(offset);
            let mut len = state.room(self.file, offset, bytes.len());
            if verdict != Verdict::Pass {
                len = state.rng.between(0, len);
            }
            let State { files, rng, .. } = state;
            let file = &mut files[self.file];
            file.write(&bytes[..len], offset);
            match verdict {
                Verdict::Pass => file.sync_range(offset..offset + len),
                Verdict::Fail(_) => file.sync_range_in_vain(offset..offset + len, rng),
                Verdict::PowerOff => {}
            }
            if len < bytes.len() { Err(Errno::NOSPC.into()) } else { Ok(()) }
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check_writable()?;
        self.disk.change(Op::Sync, &self.path, |state, verdict| {
            let State { files, rng, .. } = state;
            match verdict {
                Verdict::Pass => files[self.file].sync(),
                Verdict::Fail(_) => files[self.file].sync_in_vain(rng),
                Verdict::PowerOff => files[self.file].write_back_some(rng),
            }
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        self.disk.change(Op::SetLen, &self.path, |state, verdict| {
            if !matches!(verdict, Verdict::Fail(_)) {
                state.files[self.file].set_len(place(len));
                state.files[self.file].modified = Some(state.clock);
            }
            Ok(())
        })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        self.disk.change(Op::Allocate, &self.path, |state, _| {
            let len = place(len);
            if state.room(self.file, 0, len) < len { Err(Errno::NOSPC.into()) } else { Ok(()) }
        })
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.check_power()?;
        state.check(Op::Stat, &self.path)?;
        Ok(state.files[self.file].bytes().len() as u64)
    }
}

/// Simulated files fit into memory.
fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
