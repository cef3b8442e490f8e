//! The folder of one stream: its lock, its timelines and their files.
//!
//! ```text
//! LOCK
//! 0001-<source>/          a timeline: the files that one server wrote, in order
//!     mysql-bin.000123    byte for byte the source's
//!     mysql-bin.index     their names
//!     DURABLE             how far they are durable for certain
//!     JOURNAL             what is durable behind that, and not yet in its file
//!     FORKED              after a fork: GTIDs that only earlier timelines have
//!     INHERITED           all other GTIDs of earlier timelines
//!     EARLIER             how far the file names of earlier timelines went
//!     UNLOGGED            GTIDs of the source that stand in none of its files
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::recovery::{self, Resume};
use binlogd_event::{GtidSet, Verifier};

use crate::atomic_write::sync_dir;
use crate::timeline::EarlierLog;
use crate::watermark::{Mark, Watermark, read_mark};
use crate::{
    Catalog, FileId, Fs, FsLock, LogFile, LogName, Position, StoreError, Timeline, Writer, access,
    leftovers, space, unlogged,
};

/// What tells the history of one source server from that of another: MySQL's server UUID. MariaDB
/// has none; there it is the server id, and the format description of the file, which every
/// connection shows, tells servers of the same id apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceId(String);

impl SourceId {
    /// Takes an identity; `None` unless it can be part of a folder's name: 1 to 64 letters,
    /// digits and hyphens.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let good = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        good.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The identity of a server that has only a server id: MariaDB.
    #[must_use]
    pub fn of_server_id(server_id: u32) -> Self {
        Self(format!("server-{server_id}"))
    }

    /// The identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An open stream. One process has it at a time.
#[derive(Debug)]
pub struct Store {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    catalog: Arc<Catalog>,
    timeline: Option<Arc<Timeline>>,
    resume: Option<Resume>,
    /// Whether a writer may have moved the end since `resume` was found.
    writer_taken: bool,
    lock: Arc<dyn FsLock>,
}

impl Store {
    /// Opens the stream in `dir`, which is made if it is not there, and brings its last file to a
    /// state that can be trusted: a torn event at the end is cut, all else is made durable.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it; [`StoreError::Damaged`] if the last file
    /// is damaged before its end; [`StoreError::Lost`] if durable bytes are missing;
    /// [`StoreError::Foreign`] if things lie there that no binlogd made.
    pub fn open(fs: Arc<dyn Fs>, dir: &Path) -> Result<Self, StoreError> {
        make_durable_dir(&*fs, dir)?;
        let lock_path = dir.join("LOCK");
        let lock = fs.lock(&lock_path).map_err(StoreError::io("lock", &lock_path))?;
        let lock = lock.ok_or_else(|| StoreError::Locked { dir: dir.to_owned() })?;

        if let Err(error) = space::remove_probe(&*fs, dir) {
            tracing::warn!("{error}");
        }
        let timelines = timelines(&*fs, dir)?;
        let (mut files, mut unlogged) = (Vec::new(), BTreeMap::new());
        for timeline in &timelines {
            if let Some(set) = unlogged::read(&*fs, &timeline.dir(dir))? {
                unlogged.insert(timeline.number, set);
            }
            list_files(&*fs, timeline, &timeline.dir(dir), &mut files)?;
            leftovers::sweep(&*fs, &timeline.dir(dir));
        }
        access::restrict_stream(&*fs, dir, &timelines);
        let timeline = timelines.last().cloned();
        if let Some(dir) = timeline.as_ref().map(|timeline| timeline.dir(dir))
            && files.last().is_none_or(|file| !file.is_in(&dir))
        {
            recovery::check_empty(&*fs, &dir)?;
        }
        let resume = match files.split_last() {
            Some((last, before)) => Some(recovery::recover(&*fs, before, last)?),
            None => None,
        };
        let catalog = Arc::new(Catalog::new(fs.clone(), files, unlogged));
        if let Some(resume) = &resume {
            catalog.recovered(resume)?;
        }
        let (dir, lock) = (dir.to_owned(), lock.into());
        Ok(Self { fs, dir, catalog, timeline, resume, writer_taken: false, lock })
    }

    /// The stream's files and frontier.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The timeline that a writer would write to; its folder may have no files yet.
    #[must_use]
    pub fn timeline(&self) -> Option<&Timeline> {
        self.timeline.as_deref()
    }

    /// The server that wrote the newest files, if there are any.
    #[must_use]
    pub fn source(&self) -> Option<&SourceId> {
        self.timeline.as_ref().map(|timeline| &timeline.source)
    }

    /// Where the stored bytes end and in what state.
    #[must_use]
    pub fn resume(&self) -> Option<&Resume> {
        self.resume.as_ref()
    }

    /// Finds out whether there is room for so many bytes more.
    ///
    /// # Errors
    /// If there is not; see [`StoreError::is_full`].
    pub fn probe_space(&self, bytes: u64) -> Result<(), StoreError> {
        space::probe(&*self.fs, &self.dir, bytes)
    }

    /// Finds out anew where the last file ends, after the writer has failed and is gone.
    ///
    /// # Errors
    /// As [`Store::open`]; also if the file has lost bytes that were durable.
    pub fn recover(&mut self) -> Result<Option<&Resume>, StoreError> {
        self.resume = match self.catalog.all_files().split_last() {
            None => None,
            Some((last, before)) => {
                let recovered = recovery::recover(&*self.fs, before, last);
                let resume = recovered.inspect_err(|error| self.distrust(last, error))?;
                self.catalog.recovered(&resume)?;
                Some(resume)
            }
        };
        self.writer_taken = false;
        Ok(self.resume.as_ref())
    }

    /// After a failed sync: readers must not look in the file for what is durable in the journal only,
    /// since the kernel may have dropped it.
    fn distrust(&self, file: &LogFile, error: &StoreError) {
        if let (StoreError::SyncFailed { .. }, Some(dir)) = (error, file.path.parent()) {
            let mark = read_mark(&*self.fs, dir).ok().flatten();
            let synced = mark.filter(|mark| mark.file == file.name).map_or(0, |mark| mark.offset);
            self.catalog.cut_back(Position { file: file.id, offset: synced });
        }
    }

    /// The stream's writer, for files of `source`. There must be only one at a time, and
    /// [`Store::recover`] between two.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] if the stream has files of another source;
    /// [`StoreError::WriterTaken`] for a second one; or if the timeline's folder cannot be made.
    pub fn writer(&mut self, source: &SourceId) -> Result<Writer, StoreError> {
        if self.writer_taken {
            return Err(StoreError::WriterTaken);
        }
        let timeline = match &self.timeline {
            Some(timeline) if timeline.source == *source => timeline.clone(),
            Some(timeline) => {
                let what = format!("it holds files of server {}, not {source}", timeline.source);
                return Err(StoreError::Foreign { path: self.dir.clone(), what });
            }
            None => Arc::new(Timeline::new(1, source.clone())),
        };
        timeline.create(&*self.fs, &self.dir)?;
        let dir = timeline.dir(&self.dir);
        self.timeline = Some(timeline.clone());
        let last = self.resume.as_ref().filter(|resume| resume.file.is_in(&dir));
        let watermark = Watermark::open(&*self.fs, &dir)?;
        let folder = self.fs.open_dir(&dir).map_err(StoreError::io("open", &dir))?;
        let (catalog, lock) = (self.catalog.clone(), self.lock.clone());
        let mut writer = Writer::new(catalog, timeline, (dir, folder), watermark, lock);
        if let Some(resume) = last {
            let path = &resume.file.path;
            let handle = self.fs.open_write(path).map_err(StoreError::io("open", path))?;
            writer.continue_file(resume.file.clone(), handle, resume.end());
        }
        self.writer_taken = true;
        Ok(writer)
    }

    /// Begins a new timeline, for another source or another history, once the writer of the last
    /// one is gone. `end` stands at the end of the last file: a transaction that is not whole there
    /// will never be, and is cut. `forked` are the stored transactions that the new source lacks;
    /// they count as executed until the timeline has a file, and not any more then.
    ///
    /// # Errors
    /// If the disk does not take it. Then it can be tried again.
    pub fn begin_timeline(
        &mut self,
        source: &SourceId,
        end: &Verifier,
        forked: GtidSet,
    ) -> Result<(), StoreError> {
        let newest = self.catalog.newest();
        if let Some(last) = &newest {
            self.cut_back(last, end.transaction_end())?;
        }
        let earlier = newest.as_ref().map(|last| Self::earlier_logs(last, end.ended()));
        let number = match &self.timeline {
            None => 1,
            // Begun before, but nothing came of it.
            Some(last)
                if last.source == *source
                    && newest.is_some_and(|file| file.timeline.number != last.number) =>
            {
                last.number
            }
            Some(last) => last.number + 1,
        };
        let inherited = self.catalog.executed().difference(&forked);
        let earlier = earlier.unwrap_or_default();
        let timeline =
            Timeline { forked, inherited, earlier, ..Timeline::new(number, source.clone()) };
        timeline.create(&*self.fs, &self.dir)?;
        self.timeline = Some(Arc::new(timeline));
        self.resume = None;
        self.writer_taken = false;
        Ok(())
    }

    /// How far file names went up to `newest`, after whose end its server may have begun another file
    /// if the file has ended.
    fn earlier_logs(newest: &LogFile, has_ended: bool) -> Vec<EarlierLog> {
        let Timeline { number, source, earlier, .. } = &*newest.timeline;
        let last = if has_ended { newest.name.next() } else { newest.name.clone() };
        let mut logs = earlier.clone();
        logs.push(EarlierLog { timeline: *number, source: source.clone(), last });
        logs
    }

    /// Cuts a file that will get no more bytes behind its last whole transaction.
    fn cut_back(&self, file: &LogFile, end: u64) -> Result<(), StoreError> {
        let path = &file.path;
        let handle = self.fs.open_write(path).map_err(StoreError::io("open", path))?;
        // Bytes that are durable only in the journal would never be brought here.
        handle
            .sync_data()
            .map_err(StoreError::sync_failed(path))
            .inspect_err(|error| self.distrust(file, error))?;
        let len = handle.len().map_err(StoreError::io("look at", path))?;
        if len > end {
            tracing::warn!(
                "{} ends inside of a transaction that its server never completed: its last {} \
                 bytes are cut",
                path.display(),
                len - end
            );
            // First, or the next start would miss what is cut.
            let dir = path.parent().unwrap_or(path);
            let mut watermark = Watermark::open(&*self.fs, dir)?;
            watermark.set(&*self.fs, Mark { file: file.name.clone(), offset: end })?;
            handle.set_len(end).map_err(StoreError::io("cut", path))?;
            handle.sync_data().map_err(StoreError::sync_failed(path))?;
        }
        file.close(end);
        self.catalog.cut_back(Position { file: file.id, offset: end });
        Ok(())
    }
}

/// Makes a folder, and those above it, that a crash does not take away again.
fn make_durable_dir(fs: &dyn Fs, dir: &Path) -> Result<(), StoreError> {
    let mut missing = Vec::new();
    for folder in dir.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
        if fs.len(folder).map_err(StoreError::io("look for", folder))?.is_some() {
            match sync_parent(fs, folder) {
                // Somebody else's, so it was somebody else who made this one.
                Err(StoreError::Io { source, .. })
                    if source.kind() == io::ErrorKind::PermissionDenied => {}
                // It may have been made by a process that died before this.
                outcome => outcome?,
            }
            break;
        }
        missing.push(folder);
    }
    // Each is durable before there is anything in it.
    for folder in missing.into_iter().rev() {
        fs.create_dir_all(folder).map_err(StoreError::io("create", folder))?;
        sync_parent(fs, folder)?;
    }
    Ok(())
}

fn sync_parent(fs: &dyn Fs, folder: &Path) -> Result<(), StoreError> {
    match folder.parent() {
        None => Ok(()),
        Some(parent) => {
            sync_dir(fs, if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
        }
    }
}

/// The timelines of a stream, oldest first.
fn timelines(fs: &dyn Fs, dir: &Path) -> Result<Vec<Arc<Timeline>>, StoreError> {
    let names = fs.list(dir).map_err(StoreError::io("list", dir))?;
    let mut timelines = Vec::new();
    for name in names {
        timelines.extend(Timeline::open(fs, dir, &name)?.map(Arc::new));
    }
    timelines.sort_by_key(|timeline| timeline.number);
    if let Some(pair) = timelines.windows(2).find(|pair| pair[0].number == pair[1].number) {
        let what = "another timeline has the same number".to_owned();
        return Err(StoreError::Foreign { path: pair[1].dir(dir), what });
    }
    Ok(timelines)
}

/// Adds a timeline's files, in order.
fn list_files(
    fs: &dyn Fs,
    timeline: &Arc<Timeline>,
    dir: &Path,
    files: &mut Vec<Arc<LogFile>>,
) -> Result<(), StoreError> {
    let names = fs.list(dir).map_err(StoreError::io("list", dir))?;
    let mut names: Vec<_> = names.iter().filter_map(|name| LogName::new(name)).collect();
    names.sort();
    if let Some(pair) = names.windows(2).find(|pair| pair[0].base() != pair[1].base()) {
        let what = format!("file names begin with '{}' and '{}'", pair[0].base(), pair[1].base());
        return Err(StoreError::Foreign { path: dir.to_owned(), what });
    }
    if let Some(pair) = names.windows(2).find(|pair| pair[0].number() == pair[1].number()) {
        let what = format!("{} and {} have the same number", pair[0], pair[1]);
        return Err(StoreError::Foreign { path: dir.to_owned(), what });
    }
    for name in names {
        let path = dir.join(name.as_str());
        let len = fs.len(&path).map_err(StoreError::io("look at", &path))?.unwrap_or(0);
        let id = FileId(files.last().map_or(1, |last| last.id.0 + 1));
        files.push(Arc::new(LogFile::new(id, timeline.clone(), name, path, len)));
    }
    Ok(())
}
