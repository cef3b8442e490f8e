//! What can go wrong in the store, with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use binlogd_event::VerifyError;
use rustix::io::Errno;

use crate::LogName;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system failed us.
    #[error("cannot {action} {}: {source}{}", path.display(), advice(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A sync failed, so that nobody knows which bytes are on the disk.
    #[error("cannot make {} durable: {source}. {}", path.display(), sync_advice(source))]
    SyncFailed {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The stream was poisoned by an earlier [`StoreError::SyncFailed`].
    #[error("the stream is halted after a failed sync: check the disk and restart binlogd")]
    Poisoned,
    /// Another process has the stream open.
    #[error(
        "{} is locked: another binlogd uses this data directory. Stop it, or give this one another \
         data directory",
        dir.display()
    )]
    Locked {
        /// The stream's folder.
        dir: PathBuf,
    },
    /// A stored file is damaged, and not only at its end.
    #[error(
        "{} is damaged: {error}. This is no torn tail, so nothing was cut. Restore the file from a \
         copy; or move it, those after it and the file DURABLE away and let binlogd fetch them \
         again from the primary",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first bad event.
        error: VerifyError,
    },
    /// Bytes that were durable are not there.
    #[error(
        "{} has {len} bytes, though {durable} of it were durable: somebody has cut, moved or \
         replaced it. Put it back whole. If it is gone for good, remove {} too: binlogd then goes \
         on from what is there, and fetches the rest from the primary if that still has it",
        path.display(),
        watermark.display()
    )]
    Lost {
        /// The file.
        path: PathBuf,
        /// Its length now, in bytes; 0 where it is missing.
        len: u64,
        /// How many bytes of it were durable.
        durable: u64,
        /// Where that is noted.
        watermark: PathBuf,
    },
    /// Something in the folder does not belong there.
    #[error("{} is not what binlogd puts there: {what}", path.display())]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A new file that does not come behind those that are there.
    #[error(
        "{name} does not follow {last}: the primary's files have been numbered anew or renamed \
         (RESET BINARY LOGS, log_bin?). Keep this data directory and give binlogd a new one"
    )]
    OutOfOrder {
        /// The newest file.
        last: LogName,
        /// What was to follow it.
        name: LogName,
    },
    /// A second writer for the same stream.
    #[error("the stream has a writer already, or has had one since it was recovered")]
    WriterTaken,
    /// A file of that name is there already.
    #[error(
        "{} exists already: the primary's files have been numbered anew (RESET BINARY LOGS?). Keep \
         this data directory and give binlogd a new one",
        path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A reader wants a file that retention or an administrator has removed.
    #[error("{what} was purged: begin at a file that is still there")]
    Purged {
        /// The file, or what is known of it.
        what: String,
    },
    /// A reader wants a file or position that is not there.
    #[error("{0}")]
    NoSuchPosition(String),
}

impl StoreError {
    pub(crate) fn io<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> StoreError + 'a {
        move |source| StoreError::Io { action, path: path.to_owned(), source }
    }

    pub(crate) fn sync_failed<'a>(path: &'a Path) -> impl FnOnce(io::Error) -> StoreError + 'a {
        move |source| StoreError::SyncFailed { path: path.to_owned(), source }
    }

    /// Whether the disk, or the user's share of it, is full, so that it may pass by itself.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.source().is_some_and(is_full)
    }

    /// Whether it says nothing about the file: the same call may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_transient(source))
    }

    /// What helps a stream whose writer has met this error. ARCHITECTURE.md has the table.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::SyncFailed { source, .. } if is_full(source) || may_heal(source) => Remedy::Heal,
            Self::SyncFailed { .. }
            | Self::Poisoned
            | Self::Damaged { .. }
            | Self::Lost { .. }
            | Self::Exists { .. }
            | Self::OutOfOrder { .. } => Remedy::Stop,
            Self::Io { source, .. } if is_transient(source) => Remedy::Retry,
            Self::Io { .. }
            | Self::Locked { .. }
            | Self::Foreign { .. }
            | Self::WriterTaken
            | Self::Purged { .. }
            | Self::NoSuchPosition(_) => Remedy::Heal,
        }
    }

    fn source(&self) -> Option<&io::Error> {
        match self {
            Self::Io { source, .. } | Self::SyncFailed { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// What helps after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing was lost: the same again, a moment later.
    Retry,
    /// The disk decides what is there: drop the writer and [recover](crate::Store::recover), as after
    /// a restart.
    Heal,
    /// Nothing more is acknowledged by this process: somebody has to look at the disk and restart it.
    Stop,
}

/// Errors that come from a lack of something else than the file: descriptors, memory, time.
fn is_transient(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        number,
        Some(
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS | Errno::INTR | Errno::AGAIN
        )
    )
}

/// Errors of a sync that do not come from a disk that fails. (That a disk is full may be found out as late as
/// here: by delayed allocation, by quotas, over a network.) Recovery writes the bytes again before it
/// syncs, so that it does not depend on the pages that the kernel may have dropped.
fn may_heal(error: &io::Error) -> bool {
    is_transient(error) || error.raw_os_error().map(Errno::from_raw_os_error) == Some(Errno::STALE)
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(number, Some(Errno::MFILE | Errno::NFILE))
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn sync_advice(error: &io::Error) -> &'static str {
    if is_full(error) {
        "Nothing of it is acknowledged. Free some space: binlogd then goes on by itself, from what \
         really is there"
    } else if may_heal(error) {
        "Nothing of it is acknowledged. binlogd goes on by itself, from what really is there"
    } else {
        "Nothing more is acknowledged, since the kernel may have dropped what it could not write. \
         Check the disk, then restart binlogd: it goes on from what really is there"
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if is_full(error) => ". Free some space: binlogd goes on by itself",
        _ if is_out_of_descriptors(error) => {
            ". The process has no file descriptors left: raise the limit (ulimit -n, LimitNOFILE=)"
        }
        io::ErrorKind::PermissionDenied => ". Check who owns the data directory",
        io::ErrorKind::ReadOnlyFilesystem => ". Mount the file system writable",
        _ => "",
    }
}
