//! What there is to check: from the paths that a user names to files in order.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use binlogd_event::GtidSet;

use super::finding::{Fault, Finding};
use super::folder;
use crate::{Fs, LogName, StoreError, Timeline};

/// What there is to check, as it was when the plan was made.
pub struct Plan {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) sequences: Vec<Sequence>,
    /// What was found on the way.
    pub(super) findings: Vec<Finding>,
}

/// Files that follow each other.
#[derive(Debug)]
pub(super) struct Sequence {
    /// Where they are.
    pub(super) dir: PathBuf,
    /// The timeline that they make, if the folder is one.
    pub(super) timeline: Option<Timeline>,
    /// The folder of the stream that the timeline belongs to.
    pub(super) stream: Option<PathBuf>,
    /// Whether binlogd keeps them; otherwise a server does, or somebody has copied them.
    pub(super) is_store: bool,
    /// The GTIDs that their source has in no file.
    pub(super) unlogged: GtidSet,
    /// Whether it is all files of a folder, and not some that were named.
    pub(super) is_whole: bool,
    pub(super) files: Vec<PlannedFile>,
}

/// A file to check.
#[derive(Debug)]
pub(super) struct PlannedFile {
    pub(super) path: PathBuf,
    /// Its name, if it is one of a binlog.
    pub(super) name: Option<LogName>,
    /// Its length when the plan was made, in bytes.
    pub(super) len: u64,
    /// Whether it is the last of its folder, which may be written to.
    pub(super) is_last: bool,
}

/// Why nothing can be checked.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A folder or file cannot be looked at.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing to check.
    #[error(
        "{} holds no binlog files. Name a data directory of binlogd, the folder of a stream or \
         timeline in it, or binlog files",
        .0.display()
    )]
    NothingThere(PathBuf),
}

impl Plan {
    /// Finds out what lies at `paths`: data directories, folders of streams, timelines or other
    /// binlogs, and single files.
    ///
    /// # Errors
    /// If a path does not exist or cannot be looked at, or has no binlogs.
    pub fn new(fs: Arc<dyn Fs>, paths: &[PathBuf]) -> Result<Self, PlanError> {
        let mut plan = Self { fs, sequences: Vec::new(), findings: Vec::new() };
        let mut named: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
        for path in paths {
            match plan.fs.list(path) {
                Ok(names) => plan.add_dir(path, &names)?,
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                    named.entry(parent(path).to_owned()).or_default().push(path.clone());
                }
                Err(error) => return Err(StoreError::io("look at", path)(error).into()),
            }
        }
        for (dir, paths) in named {
            folder::add_named_files(&mut plan, &dir, &paths)?;
        }
        Ok(plan)
    }

    /// How many bytes there are to check.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files().map(|(_, file)| file.len).sum()
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&Sequence, &PlannedFile)> {
        let files = |sequence: &'_ Sequence| sequence.files.len();
        debug_assert!(self.sequences.iter().all(|sequence| files(sequence) > 0));
        self.sequences.iter().flat_map(|one| one.files.iter().map(move |file| (one, file)))
    }

    pub(super) fn found(&mut self, path: impl Into<PathBuf>, fault: Fault) {
        self.findings.push(Finding::of_path(path, fault));
    }

    fn add_dir(&mut self, dir: &Path, names: &[String]) -> Result<(), PlanError> {
        let timeline = self.timeline(dir)?;
        if timeline.is_some() || names.iter().any(|name| folder::is_of_a_folder(name)) {
            let is_newest = match &timeline {
                Some(timeline) => self.is_newest(timeline, parent(dir)),
                None => true,
            };
            folder::add_folder(self, None, timeline.as_ref(), is_newest, dir)?;
            return Ok(());
        }
        if self.is_stream(names) {
            return self.add_stream(dir, names);
        }
        let mut names = names.to_vec();
        names.sort();
        let mut found = false;
        for name in names {
            let path = dir.join(name);
            let Ok(names) = self.fs.list(&path) else { continue };
            if self.is_stream(&names) {
                found = true;
                self.add_stream(&path, &names)?;
            }
        }
        if found { Ok(()) } else { Err(PlanError::NothingThere(dir.to_owned())) }
    }

    /// The timeline that a folder's own name says it is.
    fn timeline(&mut self, dir: &Path) -> Result<Option<Timeline>, StoreError> {
        match dir.file_name().and_then(|name| name.to_str()) {
            Some(name) => Timeline::open(&*self.fs, parent(dir), name),
            None => Ok(None),
        }
    }

    fn is_newest(&self, timeline: &Timeline, stream: &Path) -> bool {
        let names = self.fs.list(stream).unwrap_or_default();
        let mut numbers = names.iter().filter_map(|name| name.split_once('-')?.0.parse().ok());
        numbers.all(|number: u32| number <= timeline.number)
    }

    fn is_stream(&self, names: &[String]) -> bool {
        names.iter().any(|name| name == "LOCK" || looks_like_timeline(name))
    }

    fn add_stream(&mut self, dir: &Path, names: &[String]) -> Result<(), PlanError> {
        let mut timelines = Vec::new();
        for name in names.iter().filter(|name| looks_like_timeline(name)) {
            match Timeline::open(&*self.fs, dir, name) {
                Ok(timeline) => timelines.extend(timeline),
                Err(StoreError::Foreign { path, what }) => {
                    self.found(path, Fault::Foreign { what });
                }
                Err(error) => return Err(error.into()),
            }
        }
        timelines.sort_by_key(|timeline| (timeline.number, timeline.name()));
        for pair in timelines.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            if before.number == after.number {
                self.found(after.dir(dir), Fault::TimelineTwice { other: before.name() });
            } else if before.number + 1 < after.number && self.fs.list(&before.dir(dir)).is_ok() {
                // Otherwise they have just been purged, oldest first.
                let (first, last) = (before.number + 1, after.number - 1);
                self.found(dir, Fault::MissingTimelines { first, last });
            }
        }
        let newest = timelines.last().map(|timeline| timeline.number);
        for timeline in timelines {
            let folder = timeline.dir(dir);
            let is_newest = newest == Some(timeline.number);
            match folder::add_folder(self, Some(dir), Some(&timeline), is_newest, &folder) {
                Err(StoreError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && !is_newest => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("sequences", &self.sequences).finish_non_exhaustive()
    }
}

/// Four digits or more, a hyphen: what comes of it is judged when it is opened.
fn looks_like_timeline(name: &str) -> bool {
    name.split_once('-').is_some_and(|(number, _)| {
        number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The folder that a path lies in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
