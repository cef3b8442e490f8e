//! A timeline: the files that one source server wrote, in a folder of their own.
//!
//! Numbers count up: a stream moves to a new timeline when it follows another server, or the same
//! one with another history. Names of files may repeat between timelines.

use std::path::{Path, PathBuf};

use binlogd_event::GtidSet;

use crate::atomic_write::{atomic_write, sync_dir};
use crate::catalog::read_full;
use crate::{Access, Fs, SourceId, StoreError};

/// A timeline of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// Its place among the stream's timelines, from 1.
    pub number: u32,
    /// The server that wrote the files.
    pub source: SourceId,
    /// Transactions that earlier timelines hold and this one's source did not have when it was
    /// first followed: a fork. They stay readable by file and position; readers by GTID, who follow
    /// the new source, do not get them.
    pub forked: GtidSet,
    /// All other transactions that were stored when the timeline was begun. Its first file may begin
    /// before the last of them, and then tells of fewer.
    pub inherited: GtidSet,
}

/// Holds `forked` as text, if there is any.
const FORKED: &str = "FORKED";

/// Holds `inherited` as text, if there is any.
const INHERITED: &str = "INHERITED";

/// The longest text of a GTID set that is read, in bytes.
const TEXT_LEN_MAX: u64 = 64 << 20;

impl Timeline {
    /// A timeline that takes over nothing.
    pub(crate) fn new(number: u32, source: SourceId) -> Self {
        Self { number, source, forked: GtidSet::new(), inherited: GtidSet::new() }
    }

    /// The timeline that a folder in `stream` holds; `None` if the name is no timeline's.
    pub(crate) fn open(fs: &dyn Fs, stream: &Path, name: &str) -> Result<Option<Self>, StoreError> {
        let Some((number, source)) = name.split_once('-') else { return Ok(None) };
        let Some((number, source)) = number.parse().ok().zip(SourceId::new(source)) else {
            return Ok(None);
        };
        let mut timeline = Self::new(number, source);
        if timeline.name() != name {
            return Ok(None);
        }
        let dir = timeline.dir(stream);
        timeline.forked = read_set(fs, &dir.join(FORKED))?;
        timeline.inherited = read_set(fs, &dir.join(INHERITED))?;
        Ok(Some(timeline))
    }

    /// Makes the timeline's folder in `stream`, durably.
    pub(crate) fn create(&self, fs: &dyn Fs, stream: &Path) -> Result<(), StoreError> {
        let dir = self.dir(stream);
        fs.create_dir_all(&dir).map_err(StoreError::io("create", &dir))?;
        write_set(fs, &dir.join(FORKED), &self.forked)?;
        write_set(fs, &dir.join(INHERITED), &self.inherited)?;
        // Also where they were there: a process before may have died behind writing them.
        sync_dir(fs, &dir)?;
        sync_dir(fs, stream)
    }

    /// `0001-<source>`
    pub(crate) fn name(&self) -> String {
        format!("{:04}-{}", self.number, self.source)
    }

    /// The timeline's folder.
    pub(crate) fn dir(&self, stream: &Path) -> PathBuf {
        stream.join(self.name())
    }
}

/// Writes a set, unless it is there. One that was never there need not be, while it is empty.
fn write_set(fs: &dyn Fs, path: &Path, set: &GtidSet) -> Result<(), StoreError> {
    if *set == read_set(fs, path)? {
        return Ok(());
    }
    atomic_write(fs, path, format!("{set}\n").as_bytes(), Access::Group)
}

fn read_set(fs: &dyn Fs, path: &Path) -> Result<GtidSet, StoreError> {
    let Some(len) = fs.len(path).map_err(StoreError::io("look for", path))? else {
        return Ok(GtidSet::new());
    };
    let foreign = |what: String| StoreError::Foreign { path: path.to_owned(), what };
    let len = usize::try_from(len.min(TEXT_LEN_MAX)).unwrap_or(0);
    let mut text = vec![0; len];
    let file = fs.open(path).map_err(StoreError::io("open", path))?;
    let len = read_full(&*file, &mut text, 0).map_err(StoreError::io("read", path))?;
    let text = std::str::from_utf8(&text[..len]).map_err(|error| foreign(error.to_string()))?;
    text.trim().parse().map_err(|error| foreign(format!("{error}")))
}
