//! Checking stored files: every event, every file against the one before, every folder against
//! its list and its watermark.
//!
//! It reads only and takes no lock, so a writer may be at work meanwhile. [`Plan`] finds out what
//! there is to check, in an order in which nothing that a writer does looks like damage;
//! [`Plan::run`] checks it. What is wrong is no error but a [`Finding`].

mod file;
mod finding;
mod folder;
mod histories;
mod plan;
mod sequence;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

pub use binlogd_event::FileEnd;
use binlogd_event::GtidSet;

use crate::recovery::scan::CHUNK;
use file::Checked;
pub use finding::{Fault, Finding, Severity};
pub use plan::{Plan, PlanError};
use sequence::Sequences;

/// Hears of a check while it goes on, from several threads.
pub trait Observer: Sync {
    /// So many more bytes were checked, or lie behind a bad event, so that they cannot be.
    fn checked(&self, bytes: u64) {
        let _ = bytes;
    }

    /// Something was found. Findings come in the order of the files.
    fn found(&self, finding: &Finding) {
        let _ = finding;
    }
}

/// Nobody listens.
impl Observer for () {}

/// What came of a check.
#[derive(Debug, Default)]
pub struct Report {
    /// All that was found, in the order of the files.
    pub findings: Vec<Finding>,
    /// The files that were checked, in order.
    pub files: Vec<FileSummary>,
}

/// What is in a file, up to its end or its first bad event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSummary {
    /// The file.
    pub path: PathBuf,
    /// How many bytes of it are good.
    pub bytes: u64,
    /// How many events.
    pub events: u64,
    /// How many whole transactions, or statements that stand alone.
    pub transactions: u64,
    /// The GTIDs of its whole transactions.
    pub gtids: GtidSet,
    /// What ends it.
    pub end: FileEnd,
}

impl Report {
    /// How many findings are problems.
    #[must_use]
    pub fn problems(&self) -> usize {
        self.count(Severity::Problem)
    }

    /// How many findings are warnings.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity() == severity).count()
    }

    /// The good bytes, events and transactions of all files, and their GTIDs.
    #[must_use]
    pub fn total(&self) -> FileSummary {
        self.files.iter().fold(FileSummary::default(), |mut all, file| {
            all.bytes += file.bytes;
            all.events += file.events;
            all.transactions += file.transactions;
            all.gtids.extend(&file.gtids);
            all
        })
    }
}

impl Plan {
    /// Checks everything with `jobs` threads, each with a buffer of 1 MiB.
    #[must_use]
    pub fn run(&self, jobs: NonZeroUsize, observer: &dyn Observer) -> Report {
        let files: Vec<_> = self.files().collect();
        let next = AtomicUsize::new(0);
        let in_order = Mutex::new(InOrder::new(Sequences::new(self, observer)));
        thread::scope(|scope| {
            for _ in 0..jobs.get().min(files.len()) {
                scope.spawn(|| {
                    let mut buffer = vec![0; CHUNK];
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some((sequence, file)) = files.get(index) else { break };
                        let checked = file::check(self, sequence, file, &mut buffer, observer);
                        let mut in_order = in_order.lock().unwrap_or_else(PoisonError::into_inner);
                        in_order.take(index, checked);
                    }
                });
            }
        });
        let in_order = in_order.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut report = in_order.sequences.finish();
        for finding in histories::compare(self) {
            observer.found(&finding);
            report.findings.push(finding);
        }
        report
    }
}

/// Brings files that were checked side by side back into their order.
struct InOrder<'a> {
    sequences: Sequences<'a>,
    waiting: BTreeMap<usize, Checked>,
    next: usize,
}

impl<'a> InOrder<'a> {
    fn new(sequences: Sequences<'a>) -> Self {
        Self { sequences, waiting: BTreeMap::new(), next: 0 }
    }

    fn take(&mut self, index: usize, checked: Checked) {
        self.waiting.insert(index, checked);
        while let Some(checked) = self.waiting.remove(&self.next) {
            self.sequences.take(checked);
            self.next += 1;
        }
    }
}
