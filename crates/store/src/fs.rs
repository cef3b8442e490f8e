//! The one seam between the store and a disk, so that tests can put a failing disk behind it.

mod os;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::time::SystemTime;

pub use os::OsFs;

/// A file system. Paths are absolute or relative to the process.
pub trait Fs: Debug + Send + Sync {
    /// Makes a folder and those above it, for the owner to write and the group to read; one that
    /// exists is no error.
    ///
    /// # Errors
    /// Those of `mkdir(2)`.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// The names of what is in a folder, in no order. Names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// Those of `opendir(3)`.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// Those of `open(2)`.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// Those of `open(2)`.
    fn open_write(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Makes a file that must not exist yet.
    ///
    /// # Errors
    /// Those of `open(2)` with `O_CREAT | O_EXCL`.
    fn create_new(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>>;

    /// Takes away the permissions of a file or folder that go beyond `access`. Returns the mode
    /// before, where that was so.
    ///
    /// # Errors
    /// Those of `stat(2)` and `chmod(2)`.
    fn restrict(&self, path: &Path, access: Access) -> io::Result<Option<u32>>;

    /// A file's length in bytes, or `None` where there is no such file.
    ///
    /// # Errors
    /// Those of `stat(2)` but for `ENOENT`.
    fn len(&self, path: &Path) -> io::Result<Option<u64>>;

    /// Gives a file another name, replacing what has that name.
    ///
    /// # Errors
    /// Those of `rename(2)`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Those of `unlink(2)`.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder.
    ///
    /// # Errors
    /// Those of `rmdir(2)`.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;

    /// When a file's bytes were last changed.
    ///
    /// # Errors
    /// Those of `stat(2)`.
    fn modified(&self, path: &Path) -> io::Result<SystemTime>;

    /// Opens a folder, to make durable what changes in it.
    ///
    /// # Errors
    /// Those of `open(2)`.
    fn open_dir(&self, dir: &Path) -> io::Result<Box<dyn Dir>>;

    /// Takes a lock that only one process holds, until the returned value is dropped; `None`
    /// where another one holds it.
    ///
    /// # Errors
    /// Those of `open(2)` and `flock(2)`.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn FsLock>>>;
}

/// Who can read what the store writes, whatever the umask. Only the owner can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The owner and the group: binlogs, and what belongs to them.
    Group,
    /// The owner only: what holds a secret.
    Owner,
}

impl Access {
    /// The mode of a file, as `chmod(1)` counts.
    #[must_use]
    pub fn file_mode(self) -> u32 {
        match self {
            Self::Group => 0o640,
            Self::Owner => 0o600,
        }
    }

    /// The mode of a folder.
    #[must_use]
    pub fn dir_mode(self) -> u32 {
        match self {
            Self::Group => 0o750,
            Self::Owner => 0o700,
        }
    }
}

/// An open folder.
pub trait Dir: Debug + Send + Sync {
    /// Makes the names in it durable.
    ///
    /// # Errors
    /// Those of `fsync(2)`.
    fn sync(&self) -> io::Result<()>;
}

/// Held as long as it lives.
pub trait FsLock: Debug + Send + Sync {}

/// An open file.
pub trait File: Debug + Send + Sync {
    /// Reads up to `buf.len()` bytes at `offset`; 0 at the end.
    ///
    /// # Errors
    /// Those of `pread(2)`.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// As [`File::read_at`] if that needs no disk; `None` where it would, or cannot be known.
    ///
    /// # Errors
    /// Those of `preadv2(2)`.
    fn read_cached_at(&self, buf: &mut [u8], offset: u64) -> io::Result<Option<usize>>;

    /// Writes all of `bytes` at `offset`. After an error any part of them may be written.
    ///
    /// # Errors
    /// Those of `pwrite(2)`.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, where the file has bytes already, and makes them durable,
    /// and only them. After an error any part of them may be written, and durable or not.
    ///
    /// # Errors
    /// Those of `pwritev2(2)` with `RWF_DSYNC`.
    fn write_durable_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the file's bytes and length durable. An error must never be followed by another
    /// try: the kernel may have dropped the pages that it could not write.
    ///
    /// # Errors
    /// Those of `fdatasync(2)`.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts the file, or lengthens it with zeros.
    ///
    /// # Errors
    /// Those of `ftruncate(2)`.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Takes room for the file's first `len` bytes, as far as the file system can.
    ///
    /// # Errors
    /// Those of `fallocate(2)`; that there is not enough room may be found out only by a write.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// The file's length in bytes.
    ///
    /// # Errors
    /// Those of `fstat(2)`.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// Those of [`File::len`].
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }
}
