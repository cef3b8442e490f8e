//! The one hand that appends to a stream.
//!
//! It blocks, so it runs on a thread of its own. Order within a stream: `write`, `sync`, and only
//! then does the frontier move.

use std::path::PathBuf;
use std::sync::Arc;

use binlogd_event::{GtidSet, MAGIC};

use crate::catalog::Catalog;
use crate::{File, LogFile, LogName, Position, SourceId, StoreError, index_file};

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
    source: SourceId,
    dir: PathBuf,
    active: Option<Active>,
    /// GTIDs that are written but not durable.
    pending_gtids: GtidSet,
    poisoned: bool,
}

#[derive(Debug)]
struct Active {
    file: Arc<LogFile>,
    handle: Box<dyn File>,
    /// Where the next byte goes. `end >= verified_end >= synced_end`.
    end: u64,
    verified_end: u64,
    synced_end: u64,
}

impl Writer {
    pub(crate) fn new(catalog: Arc<Catalog>, source: SourceId, dir: PathBuf) -> Self {
        let pending_gtids = GtidSet::new();
        Self { catalog, source, dir, active: None, pending_gtids, poisoned: false }
    }

    /// Goes on with a file whose durable bytes end at `end`.
    pub(crate) fn continue_file(&mut self, file: Arc<LogFile>, handle: Box<dyn File>, end: u64) {
        self.active = Some(Active { file, handle, end, verified_end: end, synced_end: end });
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
    /// If the old file cannot be made durable or the new one not be made. [`StoreError::Exists`]
    /// if there is a file of that name.
    pub fn start_file(&mut self, name: &LogName) -> Result<Arc<LogFile>, StoreError> {
        self.rollback()?;
        self.sync()?;
        let path = self.dir.join(name.as_str());
        let fs = self.catalog.fs.clone();
        if fs.len(&path).map_err(StoreError::io("look for", &path))?.is_some() {
            return Err(StoreError::Exists { path });
        }
        let handle = fs.create_new(&path).map_err(StoreError::io("create", &path))?;
        handle.write_all_at(&MAGIC, 0).map_err(StoreError::io("write", &path))?;
        self.poison_on_error(fs.sync_dir(&self.dir), self.dir.clone())?;
        if let Some(closed) = &self.active {
            closed.file.close(closed.verified_end);
        }
        let file = self.catalog.add(self.source.clone(), name.clone(), path);
        let end = MAGIC.len() as u64;
        self.active =
            Some(Active { file: file.clone(), handle, end, verified_end: end, synced_end: 0 });
        index_file::write(&*fs, &self.dir, self.catalog.names_of(&self.source).iter())?;
        Ok(file)
    }

    /// Appends a batch to the active file. Nothing of it is durable yet.
    ///
    /// # Errors
    /// If the system cannot take it, for want of space for example; then [`Writer::rollback`]
    /// brings the file back to its last whole event.
    pub fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        let Some(active) = &mut self.active else {
            let what = "a batch came before the name of its file".to_owned();
            return Err(StoreError::Foreign { path: self.dir.clone(), what });
        };
        active
            .handle
            .write_all_at(&batch.bytes, active.end)
            .map_err(StoreError::io("write to", &active.file.path))?;
        active.end += batch.bytes.len() as u64;
        debug_assert!(batch.verified_end <= active.end);
        active.verified_end = active.verified_end.max(batch.verified_end);
        self.pending_gtids.extend(&batch.gtids);
        let written = Position { file: active.file.id, offset: active.verified_end };
        self.catalog.frontier.set_written(written);
        Ok(())
    }

    /// Makes all whole events durable, publishes them, and says how far that is.
    ///
    /// # Errors
    /// [`StoreError::SyncFailed`], after which the writer refuses everything: which bytes are on
    /// the disk is known only after a restart.
    pub fn sync(&mut self) -> Result<Option<Position>, StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        let Some(active) = &mut self.active else { return Ok(None) };
        if active.synced_end < active.end {
            let outcome = active.handle.sync_data();
            let path = active.file.path.clone();
            let end = active.end;
            self.poison_on_error(outcome, path)?;
            if let Some(active) = &mut self.active {
                active.synced_end = end;
            }
        }
        Ok(self.publish())
    }

    /// Cuts the active file behind its last whole event.
    ///
    /// # Errors
    /// If the file cannot be cut.
    pub fn rollback(&mut self) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        let Some(active) = &mut self.active else { return Ok(()) };
        // A failed write may have left bytes that `end` does not count, so always cut.
        active
            .handle
            .set_len(active.verified_end)
            .map_err(StoreError::io("cut", &active.file.path))?;
        active.end = active.verified_end;
        active.synced_end = active.synced_end.min(active.end);
        Ok(())
    }

    fn publish(&mut self) -> Option<Position> {
        let active = self.active.as_ref()?;
        let durable = Position { file: active.file.id, offset: active.verified_end };
        self.catalog.add_executed(&std::mem::take(&mut self.pending_gtids));
        self.catalog.frontier.set_durable(durable);
        Some(durable)
    }

    fn poison_on_error(
        &mut self,
        outcome: std::io::Result<()>,
        path: PathBuf,
    ) -> Result<(), StoreError> {
        outcome.map_err(|source| {
            self.poisoned = true;
            StoreError::SyncFailed { path, source }
        })
    }
}
