//! What files a stream has, in order, and how far each may be read.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use binlogd_event::{
    ChecksumAlgorithm, EventHeader, EventKind, FIRST_EVENT, FormatDescription, Gtid, GtidSet,
    HEADER_LEN, Verifier, gtid_of, previous_gtids,
};

use crate::frontier::FrontierCell;
use crate::index::FileIndex;
use crate::purge::Purging;
use crate::recovery::scan::scan;
use crate::tail::Tail;
use crate::unlogged::Unlogged;
use crate::{File, Frontier, FrontierWatch, Fs, LogName, Resume, StoreError, Timeline};

/// A file's place in the stream: larger is later, across timelines. Holds for one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileId(pub u64);

/// A place in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The file.
    pub file: FileId,
    /// Bytes from the file's start.
    pub offset: u64,
}

/// A binlog file of the store.
#[derive(Debug)]
pub struct LogFile {
    /// Its place in the stream.
    pub id: FileId,
    /// The timeline that it is a part of.
    pub timeline: Arc<Timeline>,
    /// Its name, which is that on the source.
    pub name: LogName,
    /// Where it is.
    pub path: PathBuf,
    /// Its length once it is no longer written to.
    closed_len: AtomicU64,
    head: OnceLock<Arc<FileHead>>,
    /// All GTIDs up to the file's end, once somebody wanted to know.
    end_gtids: OnceLock<Arc<GtidSet>>,
    /// Of a file that is written to, and of a closed one until it is beside that.
    index: Mutex<Option<FileIndex>>,
}

/// What a file's first events say.
#[derive(Debug)]
pub struct FileHead {
    /// The format description event as it stands in the file.
    pub format_event: Vec<u8>,
    /// The same, read.
    pub format: FormatDescription,
    /// All GTIDs of the files before; empty where the file does not say.
    pub previous_gtids: GtidSet,
    /// Where the events behind these begin, in bytes from the file's start.
    pub events_start: u64,
}

/// The largest list of earlier files' GTIDs that is read, in bytes: some four million intervals.
const PREVIOUS_GTIDS_SIZE_MAX: u32 = 64 << 20;

/// Enough of a GTID event to read its GTID, in bytes.
pub(crate) const GTID_EVENT_LEN: usize = 256;

/// The largest format description event, in bytes; real ones have about 120 (MariaDB's 250).
pub(crate) const FORMAT_SIZE_MAX: u32 = 1024;

/// The GTIDs of what is durable.
#[derive(Debug, Default)]
struct Executed {
    /// Of all timelines, without those that the newest one has forked off, and of those before.
    all: GtidSet,
    /// Those that stand in files of the newest timeline, or that its files list.
    newest: GtidSet,
}

/// The files of a stream and its frontier, shared by the writer and all readers.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) files: RwLock<Vec<Arc<LogFile>>>,
    pub(crate) frontier: FrontierCell,
    executed: Mutex<Executed>,
    pub(crate) unlogged: Unlogged,
    pub(crate) purging: Purging,
    pub(crate) tail: Tail,
    /// In bytes; 0 is the usual one.
    pub(crate) index_distance: AtomicU64,
}

impl Catalog {
    /// All files but the last are durable to their ends.
    pub(crate) fn new(
        fs: Arc<dyn Fs>,
        files: Vec<Arc<LogFile>>,
        unlogged: BTreeMap<u32, GtidSet>,
    ) -> Self {
        let durable = match files.split_last() {
            Some((_, [.., closed])) => {
                let offset = closed.closed_len.load(Ordering::Acquire);
                Position { file: closed.id, offset }
            }
            _ => Position::default(),
        };
        let (frontier, executed) = (FrontierCell::new(durable), Mutex::default());
        let (files, purging) = (RwLock::new(files), Purging::default());
        Self {
            fs,
            files,
            frontier,
            executed,
            unlogged: Unlogged::new(unlogged),
            purging,
            tail: Tail::default(),
            index_distance: AtomicU64::new(0),
        }
    }

    /// The files that have durable bytes, oldest first.
    #[must_use]
    pub fn files(&self) -> Vec<Arc<LogFile>> {
        let durable = self.frontier.now().durable;
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        let past = files.partition_point(|file| file.id <= durable.file);
        let past = if durable.offset > FIRST_EVENT { past } else { past.saturating_sub(1) };
        files[..past].to_vec()
    }

    /// The file that follows `id`, once it has durable bytes.
    #[must_use]
    pub fn after(&self, id: FileId) -> Option<Arc<LogFile>> {
        let durable = self.frontier.now().durable;
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        let next = files.get(files.partition_point(|file| file.id <= id))?;
        (next.id < durable.file || next.id == durable.file && durable.offset > FIRST_EVENT)
            .then(|| next.clone())
    }

    /// How many bytes of a file may be read.
    #[must_use]
    pub fn readable_len(&self, file: &LogFile) -> u64 {
        let durable = self.frontier.now().durable;
        match file.id.cmp(&durable.file) {
            std::cmp::Ordering::Less => file.closed_len.load(Ordering::Acquire),
            std::cmp::Ordering::Equal => durable.offset,
            std::cmp::Ordering::Greater => 0,
        }
    }

    /// Whether a file will get no more bytes.
    #[must_use]
    pub fn is_closed(&self, file: &LogFile) -> bool {
        file.id < self.frontier.now().durable.file
    }

    /// How far the stream has come.
    #[must_use]
    pub fn frontier(&self) -> Frontier {
        self.frontier.now()
    }

    /// Watches how far the stream has come.
    #[must_use]
    pub fn watch(&self) -> FrontierWatch {
        self.frontier.watch()
    }

    /// Sets how much of the stream's end is kept in memory while it is read; 8 MiB unless told, 0
    /// is nothing.
    pub fn set_tail_bytes_max(&self, bytes: usize) {
        self.tail.set_bytes_max(bytes);
    }

    /// The GTIDs of all durable transactions, of those before the first file, and of those that
    /// stand in none of MySQL's files. Never of one that is still to come.
    #[must_use]
    pub fn executed(&self) -> GtidSet {
        let mut executed = self.logged();
        match self.unlogged() {
            // A MariaDB does not count them, it only serves those who have them.
            Some(unlogged) if unlogged.is_mysqls() => executed.extend(&unlogged),
            _ => {}
        }
        executed
    }

    /// The GTIDs of all durable transactions, and of those before the first file.
    #[must_use]
    pub fn logged(&self) -> GtidSet {
        self.lock_executed().all.clone()
    }

    /// The GTIDs of the newest timeline's durable transactions, and of those that its files list.
    #[must_use]
    pub fn logged_by_newest(&self) -> GtidSet {
        self.lock_executed().newest.clone()
    }

    fn lock_executed(&self) -> MutexGuard<'_, Executed> {
        self.executed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The timelines that have files, oldest first.
    #[must_use]
    pub fn timelines(&self) -> Vec<Arc<Timeline>> {
        let mut timelines: Vec<Arc<Timeline>> = Vec::new();
        for file in self.files() {
            if timelines.last().is_none_or(|last| last.number != file.timeline.number) {
                timelines.push(file.timeline.clone());
            }
        }
        timelines
    }

    /// The transactions that the sources of timelines lacked. A later source may have some of them.
    #[must_use]
    pub fn forked(&self) -> GtidSet {
        let mut forked = GtidSet::new();
        for timeline in self.timelines() {
            forked.extend(&timeline.forked);
        }
        forked
    }

    /// The newest file, also while it has no durable event.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<LogFile>> {
        self.files.read().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }

    /// A file's first events, from memory after the first time.
    ///
    /// # Errors
    /// If they cannot be read, or are not what a file begins with; [`StoreError::Purged`] if the
    /// file is gone.
    pub fn head(&self, file: &LogFile) -> Result<Arc<FileHead>, StoreError> {
        if let Some(head) = file.head.get() {
            return Ok(head.clone());
        }
        // In this order, and before reading: what was closed then was complete then.
        let is_closed = self.is_closed(file);
        let len = self.readable_len(file);
        let head = FileHead::read(&*self.fs, file, len).map_err(|e| self.purged_or(file, e))?;
        let head = Arc::new(head);
        // While a file has only its first event, the second may still come.
        let format_end = FIRST_EVENT + head.format_event.len() as u64;
        if is_closed || len > format_end {
            return Ok(file.head.get_or_init(|| head).clone());
        }
        Ok(head)
    }

    /// The GTID of a file's first transaction; `None` where that has none, or there is none yet.
    ///
    /// # Errors
    /// If the file cannot be read; [`StoreError::Purged`] if it is gone.
    pub fn first_gtid(&self, file: &LogFile) -> Result<Option<Gtid>, StoreError> {
        let head = self.head(file)?;
        let handle = self.open_file(file)?;
        let mut bytes = [0; GTID_EVENT_LEN];
        let left = self.readable_len(file).saturating_sub(head.events_start);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let len = read_full(&*handle, &mut bytes[..len], head.events_start)
            .map_err(StoreError::io("read", &file.path))?;
        let Ok(header) = EventHeader::parse(&bytes[..len]) else { return Ok(None) };
        Ok(gtid_of(&header, &bytes[..len]).unwrap_or_default())
    }

    /// All GTIDs up to the end of a closed file. Scans the file, the first time.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged; [`StoreError::Purged`] if it is gone.
    pub fn gtids_at_end(&self, file: &LogFile) -> Result<Arc<GtidSet>, StoreError> {
        if let Some(gtids) = file.end_gtids.get() {
            return Ok(gtids.clone());
        }
        let path = &file.path;
        let handle = self.open_file(file)?;
        let mut verifier = Verifier::at_start(ChecksumAlgorithm::None);
        if let Some(bad) = scan(&*handle, file, &mut verifier, self.readable_len(file))? {
            return Err(StoreError::Damaged { path: path.clone(), error: bad.error });
        }
        Ok(file.end_gtids.get_or_init(|| Arc::new(verifier.take_committed())).clone())
    }

    /// Opens a file for reading.
    pub(crate) fn open_file(&self, file: &LogFile) -> Result<Box<dyn File>, StoreError> {
        let opened = self.fs.open(&file.path).map_err(StoreError::io("open", &file.path));
        opened.map_err(|error| self.purged_or(file, error))
    }

    pub(crate) fn add(
        &self,
        timeline: Arc<Timeline>,
        name: LogName,
        path: PathBuf,
    ) -> Arc<LogFile> {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        let id = FileId(files.last().map_or(1, |last| last.id.0 + 1));
        if files.last().is_some_and(|last| last.timeline.number != timeline.number) {
            // From now on another source's transactions are what counts.
            let mut executed = self.lock_executed();
            executed.all = executed.all.difference(&timeline.forked);
            executed.all.extend(&timeline.inherited);
            executed.newest = GtidSet::new();
        }
        let file = Arc::new(LogFile::new(id, timeline, name, path, 0));
        files.push(file.clone());
        file
    }

    /// Publishes what a recovery found.
    pub(crate) fn recovered(&self, resume: &Resume) -> Result<(), StoreError> {
        let end = Position { file: resume.file.id, offset: resume.end() };
        let durable = self.frontier.now().durable;
        if end < durable {
            let what = format!("it ends at {}, but {} was durable", end.offset, durable.offset);
            return Err(StoreError::Foreign { path: resume.file.path.clone(), what });
        }
        self.add_executed(&resume.file.timeline.inherited, &resume.executed);
        self.move_durable(end);
        Ok(())
    }

    /// Lets readers have everything up to `end`, which is durable. A file that has no event yet
    /// is not there for them, and must not wake them.
    pub(crate) fn publish(&self, end: Position, gtids: &GtidSet) -> Position {
        self.add_executed(&GtidSet::new(), gtids);
        self.move_durable(end);
        self.frontier.now().durable
    }

    fn move_durable(&self, end: Position) {
        if end.offset > FIRST_EVENT {
            self.frontier.set_durable(end);
        }
    }

    /// Takes back what was published behind `end`, which will never be a whole transaction.
    pub(crate) fn cut_back(&self, end: Position) {
        self.frontier.cut_back(end);
        self.tail.clear();
    }

    pub(crate) fn all_files(&self) -> Vec<Arc<LogFile>> {
        self.files.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn at_path(&self, path: &Path) -> Option<Arc<LogFile>> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        files.iter().find(|file| file.path == path).cloned()
    }

    /// The names of the files in a folder.
    pub(crate) fn names_in(&self, dir: &Path) -> Vec<LogName> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        let here = files.iter().filter(|file| file.is_in(dir));
        here.map(|file| file.name.clone()).collect()
    }

    fn add_executed(&self, inherited: &GtidSet, gtids: &GtidSet) {
        if !inherited.is_empty() || !gtids.is_empty() {
            let mut executed = self.lock_executed();
            executed.all.extend(inherited);
            executed.all.extend(gtids);
            executed.newest.extend(gtids);
        }
    }
}

impl LogFile {
    pub(crate) fn new(
        id: FileId,
        timeline: Arc<Timeline>,
        name: LogName,
        path: PathBuf,
        closed_len: u64,
    ) -> Self {
        let closed_len = AtomicU64::new(closed_len);
        let (head, end_gtids) = (OnceLock::new(), OnceLock::new());
        Self { id, timeline, name, path, closed_len, head, end_gtids, index: Mutex::default() }
    }

    /// The index, for one at a time: who comes while it is made, waits for it.
    pub(crate) fn index(&self) -> MutexGuard<'_, Option<FileIndex>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_in(&self, dir: &Path) -> bool {
        self.path.parent() == Some(dir)
    }

    pub(crate) fn close(&self, len: u64) {
        self.closed_len.store(len, Ordering::Release);
    }
}

impl FileHead {
    /// Reads them from the first `len` bytes of a file.
    fn read(fs: &dyn Fs, file: &LogFile, len: u64) -> Result<Self, StoreError> {
        let damaged = |what: String| StoreError::Foreign { path: file.path.clone(), what };
        let handle = fs.open(&file.path).map_err(StoreError::io("open", &file.path))?;
        let event_at = |offset: u64, size_max, is_wanted: fn(EventKind) -> bool| {
            if offset >= len {
                Ok(None)
            } else {
                read_event(&*handle, file, offset, size_max, is_wanted)
            }
        };
        let format_event =
            event_at(FIRST_EVENT, FORMAT_SIZE_MAX, |kind| kind == EventKind::FORMAT_DESCRIPTION)?
                .ok_or_else(|| damaged("it does not begin with a format description".to_owned()))?;
        let format = FormatDescription::parse(&format_event).map_err(|e| damaged(e.to_string()))?;
        let mut events_start = FIRST_EVENT + format_event.len() as u64;
        let mut gtids = GtidSet::new();
        let second = event_at(events_start, PREVIOUS_GTIDS_SIZE_MAX, EventKind::is_previous_gtids)?;
        if let Some(event) = second {
            events_start += event.len() as u64;
            gtids = body(&event, format.checksum)
                .and_then(|body| previous_gtids(body).ok())
                .ok_or_else(|| damaged("its list of earlier GTIDs is malformed".to_owned()))?;
        }
        Ok(Self { format_event, format, previous_gtids: gtids, events_start })
    }
}

/// The event at `offset`, if it is of a wanted kind.
fn read_event(
    handle: &dyn File,
    file: &LogFile,
    offset: u64,
    size_max: u32,
    is_wanted: fn(EventKind) -> bool,
) -> Result<Option<Vec<u8>>, StoreError> {
    let io = || StoreError::io("read", &file.path);
    let mut bytes = vec![0; HEADER_LEN];
    if read_full(handle, &mut bytes, offset).map_err(io())? < HEADER_LEN {
        return Ok(None);
    }
    let header = EventHeader::parse(&bytes).ok().filter(|header| is_wanted(header.kind));
    let Some(header) = header else { return Ok(None) };
    let size = header.size as usize;
    if header.size > size_max || size < HEADER_LEN {
        let what = format!("its {} event at offset {offset} has {size} bytes", header.kind);
        return Err(StoreError::Foreign { path: file.path.clone(), what });
    }
    bytes.resize(size, 0);
    let len = read_full(handle, &mut bytes, offset).map_err(io())?;
    Ok((len == size).then_some(bytes))
}

fn body(event: &[u8], checksum: ChecksumAlgorithm) -> Option<&[u8]> {
    event.get(..event.len().checked_sub(checksum.len())?)
}

/// Reads until `buf` is full or the file ends; returns how much came.
pub(crate) fn read_full(file: &dyn File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read_at(&mut buf[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(len) => filled += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
