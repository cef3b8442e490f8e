//! Failures on demand.

use std::path::Path;

use rustix::io::Errno;

/// What can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Making folders.
    CreateDir,
    /// Making a file.
    Create,
    /// Opening a file.
    Open,
    /// Opening a folder.
    OpenDir,
    /// Listing a folder's names.
    List,
    /// Asking for a file's length or age.
    Stat,
    /// Taking a lock.
    Lock,
    /// Reading.
    Read,
    /// Writing. Any part of the bytes is written when it fails.
    Write,
    /// Taking room.
    Allocate,
    /// Writing durably. What of it fails may be there, or in memory only, or nowhere.
    WriteDurable,
    /// Making a file durable. Pages are clean afterwards, also when it fails.
    Sync,
    /// Changing a file's length.
    SetLen,
    /// Making a folder's names durable.
    SyncDir,
    /// Giving a file another name; counts for the new one.
    Rename,
    /// Removing a file.
    Remove,
}

impl Op {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::CreateDir,
        Self::Create,
        Self::Open,
        Self::OpenDir,
        Self::List,
        Self::Stat,
        Self::Lock,
        Self::Read,
        Self::Write,
        Self::Allocate,
        Self::WriteDurable,
        Self::Sync,
        Self::SetLen,
        Self::SyncDir,
        Self::Rename,
        Self::Remove,
    ];

    /// Whether it changes nothing, so that the power does not go in its middle.
    fn only_looks(self) -> bool {
        matches!(
            self,
            Self::Open | Self::OpenDir | Self::List | Self::Stat | Self::Lock | Self::Read
        )
    }
}

/// What operations fail with, that have nothing to do with what they were asked to do.
pub const ERRORS: [Errno; 12] = [
    Errno::IO,
    Errno::NOSPC,
    Errno::DQUOT,
    Errno::MFILE,
    Errno::NFILE,
    Errno::NOMEM,
    Errno::INTR,
    Errno::AGAIN,
    Errno::ROFS,
    Errno::STALE,
    Errno::ACCESS,
    Errno::TIMEDOUT,
];

/// An operation that will fail, once.
#[derive(Debug, Clone)]
pub struct Fault {
    op: Op,
    error: Errno,
    skip: u64,
    name_end: String,
}

impl Fault {
    /// The next operation of this kind fails.
    #[must_use]
    pub fn new(op: Op, error: Errno) -> Self {
        Self { op, error, skip: 0, name_end: String::new() }
    }

    /// Lets so many pass before.
    #[must_use]
    pub fn after(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// Counts only files and folders whose path ends like this.
    #[must_use]
    pub fn on(self, name_end: &str) -> Self {
        Self { name_end: name_end.to_owned(), ..self }
    }
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Fail(Errno),
    /// It is done in part, or wholly, or not at all, and then there is silence.
    PowerOff,
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    announced: Vec<Fault>,
    /// How many have come true.
    pub(super) hits: u64,
    changes_left: Option<u64>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.announced.push(fault);
    }

    pub(super) fn clear(&mut self) {
        *self = Self { hits: self.hits, ..Self::default() };
    }

    pub(super) fn power_off_after(&mut self, changes: u64) {
        self.changes_left = Some(changes);
    }

    pub(super) fn judge(&mut self, op: Op, path: &Path) -> Verdict {
        if let Some(left) = self.changes_left.as_mut().filter(|_| !op.only_looks()) {
            if *left == 0 {
                return Verdict::PowerOff;
            }
            *left -= 1;
        }
        let path = path.to_string_lossy();
        let hits = |fault: &Fault| fault.op == op && path.ends_with(&fault.name_end);
        let due = self.announced.iter().position(|fault| hits(fault) && fault.skip == 0);
        for fault in self.announced.iter_mut().filter(|fault| hits(fault)) {
            fault.skip = fault.skip.saturating_sub(1);
        }
        match due {
            Some(due) => {
                self.hits += 1;
                Verdict::Fail(self.announced.remove(due).error)
            }
            None => Verdict::Pass,
        }
    }
}
