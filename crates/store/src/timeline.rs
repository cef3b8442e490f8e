//! A timeline: the files that one source server wrote, in a folder of their own.
//!
//! Numbers count up: a stream moves to a new timeline when it follows another server, or the same
//! one with another history. Names of files may repeat between timelines.

use std::path::{Path, PathBuf};

use binlogd_event::GtidSet;

use crate::catalog::read_full;
use crate::{Fs, SourceId, StoreError};

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
}

/// Holds `forked` as text, if there is any.
const FORKED: &str = "FORKED";

/// The longest text of a GTID set that is read from it, in bytes.
const FORKED_LEN_MAX: u64 = 64 << 20;

impl Timeline {
    /// The timeline that a folder in `stream` holds; `None` if the name is no timeline's.
    pub(crate) fn open(fs: &dyn Fs, stream: &Path, name: &str) -> Result<Option<Self>, StoreError> {
        let Some((number, source)) = name.split_once('-') else { return Ok(None) };
        let Some((number, source)) = number.parse().ok().zip(SourceId::new(source)) else {
            return Ok(None);
        };
        let mut timeline = Self { number, source, forked: GtidSet::new() };
        if timeline.name() != name {
            return Ok(None);
        }
        timeline.forked = read_forked(fs, &timeline.dir(stream).join(FORKED))?;
        Ok(Some(timeline))
    }

    /// Makes the timeline's folder in `stream`, durably.
    pub(crate) fn create(&self, fs: &dyn Fs, stream: &Path) -> Result<(), StoreError> {
        let dir = self.dir(stream);
        fs.create_dir_all(&dir).map_err(StoreError::io("create", &dir))?;
        let path = dir.join(FORKED);
        let is_there = fs.len(&path).map_err(StoreError::io("look for", &path))?.is_some();
        if !self.forked.is_empty() && !is_there {
            let file = fs.create_new(&path).map_err(StoreError::io("create", &path))?;
            let text = format!("{}\n", self.forked);
            file.write_all_at(text.as_bytes(), 0).map_err(StoreError::io("write to", &path))?;
            file.sync_data().map_err(StoreError::io("sync", &path))?;
            fs.sync_dir(&dir).map_err(StoreError::io("sync", &dir))?;
        }
        fs.sync_dir(stream).map_err(StoreError::io("sync", stream))
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

fn read_forked(fs: &dyn Fs, path: &Path) -> Result<GtidSet, StoreError> {
    let Some(len) = fs.len(path).map_err(StoreError::io("look for", path))? else {
        return Ok(GtidSet::new());
    };
    let foreign = |what: String| StoreError::Foreign { path: path.to_owned(), what };
    let len = usize::try_from(len.min(FORKED_LEN_MAX)).unwrap_or(0);
    let mut text = vec![0; len];
    let file = fs.open(path).map_err(StoreError::io("open", path))?;
    let len = read_full(&*file, &mut text, 0).map_err(StoreError::io("read", path))?;
    let text = std::str::from_utf8(&text[..len]).map_err(|error| foreign(error.to_string()))?;
    text.trim().parse().map_err(|error| foreign(format!("{error}")))
}
