//! The one hand that appends to a stream.
//!
//! It blocks, so it runs on a thread of its own. Order within a stream: `write`, `sync`, and only
//! then does the frontier move. A sync of few bytes makes them durable in the
//! [journal](crate::journal), any other in their file. Behind it, now and then, follows the
//! [watermark](crate::watermark).

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use binlogd_event::{EventHeader, FIRST_EVENT, FormatDescription, GtidSet, MAGIC};

use crate::catalog::{Catalog, FORMAT_SIZE_MAX, read_full};
use crate::journal::{self, Journal};
use crate::watermark::{Mark, Watermark};
use crate::{Access, Dir, File, FsLock, LogFile, LogName, Position, StoreError, Timeline};

/// Bytes to append to the active file.
#[derive(Debug, Default)]
pub struct Batch {
    /// What to append.
    pub bytes: Vec<u8>,
    /// Where the last verified event of this batch or those before ends, in bytes from the
    /// file's start. What lies behind it is the beginning of an event that is still coming.
    pub verified_end: u64,
    /// GTIDs of the transactions that became complete with this batch.
    pub gtids: GtidSet,
}

/// Appends to the last file of a stream.
#[derive(Debug)]
pub struct Writer {
    catalog: Arc<Catalog>,
    timeline: Arc<Timeline>,
    dir: PathBuf,
    /// The same, open: that a new file is durable must not depend on a descriptor being left.
    folder: Box<dyn Dir>,
    active: Option<Active>,
    /// GTIDs that are written but not durable.
    pending_gtids: GtidSet,
    poisoned: bool,
    /// How much of the active file a failed write would have needed behind its last whole event.
    refused: u64,
    watermark: Watermark,
    mark_every: u64,
    journal: Journal,
    /// A writer may outlive its store.
    _lock: Arc<dyn FsLock>,
}

#[derive(Debug)]
struct Active {
    file: Arc<LogFile>,
    handle: Box<dyn File>,
    /// Where the next byte goes. `end >= verified_end`.
    end: u64,
    verified_end: u64,
    /// How far whole events are durable, in this file or in the journal.
    durable: u64,
    /// How far this file itself was synced. `synced <= durable <= verified_end`.
    synced: u64,
    /// Whether bytes or length have changed since then.
    is_dirty: bool,
    /// Whether events carry checksums, once the file has said so.
    has_checksums: Option<bool>,
    /// How far the watermark says that the file is durable.
    marked: u64,
}

/// The watermark follows the frontier at this distance, in bytes.
const MARK_EVERY: u64 = 16 << 20;

impl Writer {
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        timeline: Arc<Timeline>,
        (dir, folder): (PathBuf, Box<dyn Dir>),
        watermark: Watermark,
        lock: Arc<dyn FsLock>,
    ) -> Self {
        let journal = Journal::new(&dir, journal::CAPACITY);
        Self {
            catalog,
            timeline,
            dir,
            folder,
            active: None,
            pending_gtids: GtidSet::new(),
            poisoned: false,
            refused: 0,
            watermark,
            mark_every: MARK_EVERY,
            journal,
            _lock: lock,
        }
    }

    /// Goes on with a file whose durable bytes end at `end`.
    pub(crate) fn continue_file(&mut self, file: Arc<LogFile>, handle: Box<dyn File>, end: u64) {
        let mark = self.watermark.mark().filter(|mark| mark.file == file.name);
        let marked = mark.map_or(0, |mark| mark.offset);
        self.active = Some(Active {
            file,
            handle,
            end,
            verified_end: end,
            durable: end,
            synced: end,
            is_dirty: false,
            has_checksums: None,
            marked,
        });
    }

    /// Sets how many durable bytes there may be that the watermark does not cover; 16 MiB unless
    /// told. After a crash damage to them is taken for a torn end.
    pub fn mark_every(&mut self, bytes: u64) {
        self.mark_every = bytes;
    }

    /// Sets how long the journal is; 4 MiB unless told, 0 for none. To be said at the beginning.
    pub fn journal_capacity(&mut self, bytes: u64) {
        self.journal.set_capacity(bytes);
    }

    /// The file that is written to.
    #[must_use]
    pub fn file(&self) -> Option<&Arc<LogFile>> {
        self.active.as_ref().map(|active| &active.file)
    }

    /// Closes the active file, if any, and begins a new one with the binlog magic. Readers see it
    /// when its first event is durable.
    ///
    /// # Errors
    /// If the old file cannot be made durable or the new one not be made; then the old one is still
    /// active, and this can be tried again. [`StoreError::OutOfOrder`] and [`StoreError::Exists`]
    /// if it cannot come behind those that are there.
    pub fn start_file(&mut self, name: &LogName) -> Result<Arc<LogFile>, StoreError> {
        self.rollback()?;
        self.sync()?;
        self.sync_file()?;
        self.check_order(name)?;
        // A new file without a mark would leave recovery in doubt.
        match &self.active {
            Some(_) => self.mark_durable()?,
            None => self.set_watermark(Mark { file: name.clone(), offset: 0 })?,
        }
        let (path, handle) = self.create_file(name)?;
        if let Some(closed) = &self.active {
            closed.file.close(closed.verified_end);
        }
        let file = self.catalog.add(self.timeline.clone(), name.clone(), path);
        self.active = Some(Active {
            file: file.clone(),
            handle,
            end: FIRST_EVENT,
            verified_end: FIRST_EVENT,
            durable: 0,
            synced: 0,
            is_dirty: true,
            has_checksums: None,
            marked: 0,
        });
        self.journal.reset();
        self.journal.note(&MAGIC);
        self.catalog.write_index(&self.dir);
        Ok(file)
    }

    /// Appends a batch to the active file. Nothing of it is durable yet.
    ///
    /// # Errors
    /// If the system cannot take it, for want of space for example; then [`Writer::rollback`]
    /// brings the file back to its last whole event.
    pub fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.check_poison()?;
        let Some(active) = &mut self.active else {
            let what = "a batch came before the name of its file".to_owned();
            return Err(StoreError::Foreign { path: self.dir.clone(), what });
        };
        active.is_dirty = true;
        let written = active.handle.write_all_at(&batch.bytes, active.end);
        if written.is_err() {
            self.refused = active.end - active.verified_end + batch.bytes.len() as u64;
        }
        written.map_err(StoreError::io("write to", &active.file.path))?;
        active.end += batch.bytes.len() as u64;
        self.journal.note(&batch.bytes);
        debug_assert!(batch.verified_end <= active.end);
        active.verified_end = active.verified_end.max(batch.verified_end);
        self.pending_gtids.extend(&batch.gtids);
        self.catalog.frontier.set_written(active.verified_position());
        Ok(())
    }

    /// How many bytes behind the last whole event could not be kept when a write failed.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Makes all whole events durable, publishes them, and says how far that is.
    ///
    /// # Errors
    /// [`StoreError::SyncFailed`], after which the writer refuses everything: which bytes are on
    /// the disk is known only after a restart. Another error if the watermark cannot be moved
    /// where it must be, in a file without checksums; that may be tried again.
    pub fn sync(&mut self) -> Result<Option<Position>, StoreError> {
        self.check_poison()?;
        let Some(active) = &mut self.active else { return Ok(None) };
        let new = active.verified_end - active.durable;
        if new > 0 && self.journal.commit(active.durable, new) {
            active.durable = active.verified_end;
        } else {
            let begins_lap = new > 0 && self.journal.is_wanted();
            if new > 0 {
                self.sync_file()?;
            }
            self.mark_if_due(begins_lap)?;
        }
        let Some(active) = &self.active else { return Ok(None) };
        let gtids = std::mem::take(&mut self.pending_gtids);
        let durable = self.catalog.publish(active.verified_position(), &gtids);
        Ok((durable != Position::default()).then_some(durable))
    }

    /// Makes the active file itself durable. If that fails, the kernel may have dropped what was
    /// durable in the journal only, so that readers must not look for it in the file any more.
    fn sync_file(&mut self) -> Result<(), StoreError> {
        self.check_poison()?;
        let Some(active) = &mut self.active else { return Ok(()) };
        if active.is_dirty {
            let path = active.file.path.clone();
            let outcome = active.handle.sync_data();
            if outcome.is_err() {
                let synced = Position { file: active.file.id, offset: active.synced };
                self.catalog.cut_back(synced);
            }
            active.is_dirty = outcome.is_err();
            self.poison_on_error(outcome, path)?;
        }
        let Some(active) = &mut self.active else { return Ok(()) };
        let new = active.verified_end - active.durable;
        self.journal.forget(new, active.end - active.verified_end);
        active.durable = active.verified_end;
        active.synced = active.verified_end;
        Ok(())
    }

    /// Moves the watermark to the end of the file, which is synced, if that is wanted.
    fn mark_if_due(&mut self, begins_lap: bool) -> Result<(), StoreError> {
        if !self.has_checksums() {
            // After a crash nothing else can say that bytes are those that were written.
            return self.mark_durable();
        }
        let Some(active) = &self.active else { return Ok(()) };
        let is_due = begins_lap || active.verified_end - active.marked >= self.mark_every;
        if !is_due {
            return Ok(());
        }
        match self.mark_durable() {
            // Nothing hangs on it but how much a crash leaves in doubt, and how long a commit takes.
            Err(error @ StoreError::Io { .. }) => {
                self.journal.fail(&error);
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Cuts the active file behind its last whole event.
    ///
    /// # Errors
    /// If the file cannot be cut.
    pub fn rollback(&mut self) -> Result<(), StoreError> {
        self.check_poison()?;
        let Some(active) = &mut self.active else { return Ok(()) };
        // A failed write may have left bytes that `end` does not count, so always cut.
        active.is_dirty = true;
        active
            .handle
            .set_len(active.verified_end)
            .map_err(StoreError::io("cut", &active.file.path))?;
        active.end = active.verified_end;
        self.journal.cut(active.verified_end - active.durable);
        Ok(())
    }

    /// Brings the active file itself to the disk and notes there how far it is durable, so that
    /// damage up to there is told from a torn end after a crash. For a clean end, and for idle
    /// moments.
    ///
    /// # Errors
    /// If the note cannot be written. The one before still holds. [`StoreError::SyncFailed`] as
    /// for [`Writer::sync`].
    pub fn mark_durable(&mut self) -> Result<(), StoreError> {
        self.check_poison()?;
        let Some(active) = &self.active else { return Ok(()) };
        let offset = active.verified_end;
        if offset <= active.marked || offset > active.durable {
            return Ok(());
        }
        self.sync_file()?;
        let Some(active) = &self.active else { return Ok(()) };
        self.set_watermark(Mark { file: active.file.name.clone(), offset })?;
        if let Some(active) = &mut self.active {
            active.marked = offset;
        }
        Ok(())
    }

    /// Everything up to `mark` is synced in its file. What the journal says is void from here on.
    fn set_watermark(&mut self, mark: Mark) -> Result<(), StoreError> {
        // If this fails nobody knows which of the two marks is there, and what continues it.
        self.journal.end_lap();
        let before = self.watermark.note_id();
        let fs = &*self.catalog.fs;
        let is_active = self.active.as_ref().is_some_and(|active| active.file.name == mark.file);
        let marked = self.watermark.set(fs, mark);
        self.poisoned |= matches!(marked, Err(StoreError::SyncFailed { .. }));
        marked?;
        let note = self.watermark.note_id().filter(|_| is_active);
        if let Some(note) = note.filter(|_| note != before) {
            self.journal.begin_lap(fs, note);
        }
        Ok(())
    }

    fn check_order(&self, name: &LogName) -> Result<(), StoreError> {
        let last = self.active.as_ref().map(|active| &active.file.name);
        match last {
            Some(last) if last == name => {
                Err(StoreError::Exists { path: self.dir.join(name.as_str()) })
            }
            Some(last) if last.base() != name.base() || last.number() >= name.number() => {
                Err(StoreError::OutOfOrder { last: last.clone(), name: name.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Makes a file with the binlog magic, or nothing.
    fn create_file(&mut self, name: &LogName) -> Result<(PathBuf, Box<dyn File>), StoreError> {
        let path = self.dir.join(name.as_str());
        let fs = self.catalog.fs.clone();
        match fs.len(&path).map_err(StoreError::io("look for", &path))? {
            None => {}
            // An attempt to begin it has failed, and could not take it away again.
            Some(len) if len <= FIRST_EVENT && self.catalog.at_path(&path).is_none() => {
                fs.remove(&path).map_err(StoreError::io("remove", &path))?;
            }
            Some(_) => return Err(StoreError::Exists { path }),
        }
        let handle = fs.create_new(&path, Access::Group);
        let handle = handle.map_err(StoreError::io("create", &path))?;
        if let Err(error) = handle.write_all_at(&MAGIC, 0) {
            // What stays would be in the way of the next try.
            fs.remove(&path).map_err(StoreError::io("remove", &path))?;
            return Err(StoreError::io("write to", &path)(error));
        }
        self.poison_on_error(self.folder.sync(), self.dir.clone())?;
        Ok((path, handle))
    }

    /// Whether the active file's events carry checksums; `true` while it has no event.
    fn has_checksums(&mut self) -> bool {
        match &mut self.active {
            Some(active) if active.verified_end > FIRST_EVENT => {
                *active.has_checksums.get_or_insert_with(|| {
                    // In doubt it has none, which is only slower.
                    says_checksums(&*active.handle).unwrap_or(false)
                })
            }
            _ => true,
        }
    }

    fn check_poison(&self) -> Result<(), StoreError> {
        if self.poisoned { Err(StoreError::Poisoned) } else { Ok(()) }
    }

    fn poison_on_error(
        &mut self,
        outcome: io::Result<()>,
        path: PathBuf,
    ) -> Result<(), StoreError> {
        outcome.map_err(|source| {
            self.poisoned = true;
            StoreError::SyncFailed { path, source }
        })
    }
}

impl Active {
    fn verified_position(&self) -> Position {
        Position { file: self.file.id, offset: self.verified_end }
    }
}

/// What a file's first event says of checksums.
fn says_checksums(handle: &dyn File) -> io::Result<bool> {
    let mut event = [0; FORMAT_SIZE_MAX as usize];
    let len = read_full(handle, &mut event, FIRST_EVENT)?;
    let format = EventHeader::parse(&event[..len])
        .ok()
        .and_then(|header| event[..len].get(..header.size as usize))
        .and_then(|event| FormatDescription::parse(event).ok());
    Ok(format.is_some_and(|format| !format.checksum.is_empty()))
}
