//! File systems under which the store breaks a rule, to see that the checks notice.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use binlogd_store::{Access, Dir, File, Fs, FsLock};
use testkit::sim_disk::SimDisk;

/// A rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// None is.
    None,
    /// Bytes are reported durable that were not synced.
    SyncLies,
    /// Files are reported durable whose names were not synced.
    SyncDirLies,
    /// A sync that failed is taken for one that did not.
    SyncErrorsHidden,
    /// A write that failed is taken for one that did not.
    WriteErrorsHidden,
    /// The torn tail stays.
    NeverCuts,
    /// What the kernel has in memory is believed to be on the disk: recovery does not write it
    /// again.
    NothingWrittenTwice,
    /// The same of the watermark.
    WatermarkNotWrittenTwice,
    /// No watermark is found.
    NoWatermark,
    /// The watermark is not durable when it should be.
    WatermarkSyncLies,
    /// The watermark is synced, and the bytes that it speaks of are not.
    WatermarkAhead,
    /// The journal is not durable when it should be.
    JournalLies,
    /// No journal is found.
    NoJournal,
}

/// A disk with a flaw between it and the store.
#[derive(Debug)]
pub(crate) struct FlawedFs {
    pub(crate) disk: SimDisk,
    pub(crate) flaw: Flaw,
}

#[derive(Debug)]
struct FlawedFile {
    file: Box<dyn File>,
    flaw: Flaw,
    path: PathBuf,
}

impl FlawedFs {
    fn wrap(&self, file: io::Result<Box<dyn File>>, path: &Path) -> io::Result<Box<dyn File>> {
        let file = file?;
        Ok(Box::new(FlawedFile { file, flaw: self.flaw, path: path.to_owned() }))
    }

    fn is_hidden(&self, path: &Path) -> bool {
        match self.flaw {
            Flaw::NoWatermark => is_watermark(path),
            Flaw::NoJournal => is_journal(path),
            _ => false,
        }
    }
}

fn is_watermark(path: &Path) -> bool {
    path.ends_with("DURABLE")
}

fn is_journal(path: &Path) -> bool {
    path.ends_with("JOURNAL")
}

impl Fs for FlawedFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.wrap(self.disk.open(path), path)
    }

    fn open_write(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.wrap(self.disk.open_write(path), path)
    }

    fn restrict(&self, path: &Path, access: Access) -> io::Result<Option<u32>> {
        self.disk.restrict(path, access)
    }

    fn create_new(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        if self.is_hidden(path) && self.disk.len(path)?.is_some() {
            self.disk.remove(path)?;
        }
        self.wrap(self.disk.create_new(path, access), path)
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        if self.is_hidden(path) { Ok(None) } else { self.disk.len(path) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.remove_dir(dir)
    }

    fn modified(&self, path: &Path) -> io::Result<SystemTime> {
        self.disk.modified(path)
    }

    fn open_dir(&self, dir: &Path) -> io::Result<Box<dyn Dir>> {
        let dir = self.disk.open_dir(dir)?;
        Ok(if self.flaw == Flaw::SyncDirLies { Box::new(LyingDir) } else { dir })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn FsLock>>> {
        self.disk.lock(path)
    }
}

#[derive(Debug)]
struct LyingDir;

impl Dir for LyingDir {
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl File for FlawedFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn read_cached_at(&self, buf: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
        self.file.read_cached_at(buf, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let skips_what_is_there = match self.flaw {
            Flaw::NothingWrittenTwice => !is_watermark(&self.path),
            Flaw::WatermarkNotWrittenTwice => is_watermark(&self.path),
            _ => false,
        };
        if skips_what_is_there {
            let mut there = vec![0; bytes.len()];
            let mut len = 0;
            while len < there.len() {
                match self.file.read_at(&mut there[len..], offset + len as u64)? {
                    0 => break,
                    more => len += more,
                }
            }
            if there[..len] == *bytes {
                return Ok(());
            }
        }
        match self.file.write_all_at(bytes, offset) {
            Err(_) if self.flaw == Flaw::WriteErrorsHidden => Ok(()),
            outcome => outcome,
        }
    }

    fn write_durable_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if matches!(self.flaw, Flaw::JournalLies | Flaw::SyncLies) {
            return self.file.write_all_at(bytes, offset);
        }
        match self.file.write_durable_at(bytes, offset) {
            Err(_) if self.flaw == Flaw::WriteErrorsHidden => Ok(()),
            outcome => outcome,
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let lies = match self.flaw {
            Flaw::SyncLies => true,
            Flaw::WatermarkSyncLies => is_watermark(&self.path),
            Flaw::WatermarkAhead => !is_watermark(&self.path),
            _ => false,
        };
        if lies {
            return Ok(());
        }
        match self.file.sync_data() {
            Err(_) if self.flaw == Flaw::SyncErrorsHidden => Ok(()),
            outcome => outcome,
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.flaw == Flaw::NeverCuts { Ok(()) } else { self.file.set_len(len) }
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.file.allocate(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}
