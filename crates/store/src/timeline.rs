//! A timeline: the files that one source server wrote, in a folder of their own.
//!
//! Numbers count up: a stream moves to a new timeline when it follows another server, or the same
//! one with another history. Names of files may repeat between timelines.

use std::path::{Path, PathBuf};

use binlogd_event::GtidSet;

use crate::atomic_write::{atomic_write, sync_dir};
use crate::catalog::read_full;
use crate::{Access, Fs, LogName, SourceId, StoreError};

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
    /// How far the file names of earlier timelines went when this one was begun. It is kept also
    /// when those timelines are purged, because their readers may come back.
    pub earlier: Vec<EarlierLog>,
}

/// The binlog of an earlier timeline: its server had files of this base up to `last`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierLog {
    /// The timeline's number.
    pub timeline: u32,
    /// The server that wrote the files.
    pub source: SourceId,
    /// The last file that the server is known to have begun. It need not be stored.
    pub last: LogName,
}

/// Holds `forked` as text, if there is any.
const FORKED: &str = "FORKED";

/// Holds `inherited` as text, if there is any.
const INHERITED: &str = "INHERITED";

/// Holds `earlier`, a line for each log.
const EARLIER: &str = "EARLIER";

/// The longest text of a GTID set, or of a list of logs, that is read, in bytes.
const TEXT_LEN_MAX: u64 = 64 << 20;

impl Timeline {
    /// A timeline that takes over nothing.
    pub(crate) fn new(number: u32, source: SourceId) -> Self {
        let (forked, inherited) = (GtidSet::new(), GtidSet::new());
        Self { number, source, forked, inherited, earlier: Vec::new() }
    }

    /// The timeline that a folder in `stream` holds; `None` if the name is no timeline's.
    pub(crate) fn open(fs: &dyn Fs, stream: &Path, name: &str) -> Result<Option<Self>, StoreError> {
        let Some((number, source)) = parse_name(name) else { return Ok(None) };
        let mut timeline = Self::new(number, source);
        let dir = timeline.dir(stream);
        timeline.forked = read_set(fs, &dir.join(FORKED))?;
        timeline.inherited = read_set(fs, &dir.join(INHERITED))?;
        timeline.earlier = read_earlier(fs, &dir.join(EARLIER))?;
        Ok(Some(timeline))
    }

    /// Makes the timeline's folder in `stream`, durably.
    pub(crate) fn create(&self, fs: &dyn Fs, stream: &Path) -> Result<(), StoreError> {
        let dir = self.dir(stream);
        fs.create_dir_all(&dir).map_err(StoreError::io("create", &dir))?;
        write_set(fs, &dir.join(FORKED), &self.forked)?;
        write_set(fs, &dir.join(INHERITED), &self.inherited)?;
        write_earlier(fs, &dir.join(EARLIER), &self.earlier)?;
        // Also where they were there: a process before may have died behind writing them.
        sync_dir(fs, &dir)?;
        sync_dir(fs, stream)
    }

    /// `0001-<source>`
    pub(crate) fn name(&self) -> String {
        folder_name(self.number, &self.source)
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
    let Some(text) = read_text(fs, path)? else { return Ok(GtidSet::new()) };
    let foreign = |what: String| StoreError::Foreign { path: path.to_owned(), what };
    text.trim().parse().map_err(|error| foreign(format!("{error}")))
}

/// Writes the list of logs, unless it is there. It need not be there while it is empty.
fn write_earlier(fs: &dyn Fs, path: &Path, logs: &[EarlierLog]) -> Result<(), StoreError> {
    if *logs == read_earlier(fs, path)? {
        return Ok(());
    }
    let line =
        |log: &EarlierLog| format!("{} {}\n", folder_name(log.timeline, &log.source), log.last);
    let text: String = logs.iter().map(line).collect();
    atomic_write(fs, path, text.as_bytes(), Access::Group)
}

fn read_earlier(fs: &dyn Fs, path: &Path) -> Result<Vec<EarlierLog>, StoreError> {
    let Some(text) = read_text(fs, path)? else { return Ok(Vec::new()) };
    let log = |line: &str| {
        let (timeline, last) = line.split_once(' ')?;
        let (timeline, source) = parse_name(timeline)?;
        Some(EarlierLog { timeline, source, last: LogName::new(last)? })
    };
    let log = |line: &str| {
        let what = || format!("its line '{line}' is no timeline and the name of a binlog file");
        log(line).ok_or_else(|| StoreError::Foreign { path: path.to_owned(), what: what() })
    };
    text.lines().map(log).collect()
}

/// A small file's text; `None` if it is not there.
fn read_text(fs: &dyn Fs, path: &Path) -> Result<Option<String>, StoreError> {
    let Some(len) = fs.len(path).map_err(StoreError::io("look for", path))? else {
        return Ok(None);
    };
    let len = usize::try_from(len.min(TEXT_LEN_MAX)).unwrap_or(0);
    let mut text = vec![0; len];
    let file = fs.open(path).map_err(StoreError::io("open", path))?;
    let len = read_full(&*file, &mut text, 0).map_err(StoreError::io("read", path))?;
    text.truncate(len);
    let text = String::from_utf8(text);
    text.map(Some)
        .map_err(|error| StoreError::Foreign { path: path.to_owned(), what: error.to_string() })
}

/// The name of a timeline's folder: `0001-<source>`.
fn folder_name(number: u32, source: &SourceId) -> String {
    format!("{number:04}-{source}")
}

/// What a folder's name says, if it is a timeline's.
fn parse_name(name: &str) -> Option<(u32, SourceId)> {
    let (number, source) = name.split_once('-')?;
    let (number, source) = (number.parse().ok()?, SourceId::new(source)?);
    (folder_name(number, &source) == name).then_some((number, source))
}
