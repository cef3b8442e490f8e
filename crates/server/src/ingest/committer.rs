//! Writes, syncs, and only then says what may be acknowledged: group commit.
//!
//! It blocks, and runs on the thread that receives. What comes in while a sync is under way waits in
//! the socket's buffer and goes into the next write as a whole, so one sync covers all of it; and
//! between an event's arrival and its acknowledgement no other thread has to be woken.

use binlogd_store::{LogName, Position, StoreError, Writer};

use super::Command;

/// An event that may be acknowledged: it is durable, and so is all before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckPoint {
    /// The event's file.
    pub file: LogName,
    /// Where the event ends, in bytes from the file's start.
    pub offset: u64,
    /// The same for readers.
    pub position: Position,
}

/// Brings what the intake has judged onto the disk.
#[derive(Debug)]
pub struct Committer {
    writer: Writer,
    /// Bytes written since the last sync.
    unsynced: usize,
    /// The newest event, not yet durable, that wants an acknowledgement.
    wanted: Option<u64>,
    /// The newest durable event that was not yet acknowledged.
    ready: Option<AckPoint>,
}

/// A sync is due when so many bytes were written, even while more keep coming.
const UNSYNCED_MAX: usize = 16 << 20;

impl Committer {
    /// A committer for a stream's writer.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { writer, unsynced: 0, wanted: None, ready: None }
    }

    /// Does what the intake wants. Gives a batch's buffer back, for the next one.
    ///
    /// # Errors
    /// If the store cannot. The committer is of no more use then: the store must be opened anew.
    pub fn apply(&mut self, command: Command) -> Result<Option<Vec<u8>>, StoreError> {
        match command {
            Command::Write { batch, ack } => {
                self.writer.write(&batch)?;
                self.unsynced += batch.bytes.len();
                self.wanted = ack.or(self.wanted);
                Ok(Some(batch.bytes))
            }
            Command::StartFile(name) => {
                self.sync()?;
                self.writer.start_file(&name)?;
                Ok(None)
            }
        }
    }

    /// Whether a sync is due although more could be received without waiting.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.unsynced >= UNSYNCED_MAX
    }

    /// Makes everything durable. Returns what may be acknowledged now: the newest event that
    /// wants it, which covers all before.
    ///
    /// # Errors
    /// As [`Committer::apply`].
    pub fn commit(&mut self) -> Result<Option<AckPoint>, StoreError> {
        self.sync()?;
        Ok(self.ready.take())
    }

    /// Brings what is durable in the journal to its file, while nothing else is to do.
    ///
    /// # Errors
    /// As [`Committer::apply`], but only if a sync failed.
    pub fn idle(&mut self) -> Result<(), StoreError> {
        match self.writer.mark_durable() {
            Err(StoreError::Io { .. }) => Ok(()),
            outcome => outcome,
        }
    }

    /// Cuts the beginning of an event whose rest will not come, and makes everything else durable.
    ///
    /// # Errors
    /// As [`Committer::apply`].
    pub fn settle(&mut self) -> Result<(), StoreError> {
        self.writer.rollback()?;
        self.sync()?;
        self.ready = None;
        Ok(())
    }

    /// How many bytes could not be kept when a write failed.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.writer.refused()
    }

    /// After an error: keeps what can be kept. What that is, a new recovery finds out.
    pub fn give_up(mut self, error: &StoreError) {
        if !matches!(error, StoreError::SyncFailed { .. } | StoreError::Poisoned) {
            // An error here changes nothing: recovery cuts the end as well.
            let _ = self.settle();
        }
    }

    /// Ends in a state that needs no recovery.
    ///
    /// # Errors
    /// As [`Committer::apply`].
    pub fn close(mut self) -> Result<(), StoreError> {
        self.settle()?;
        self.writer.mark_durable()
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let durable = self.writer.sync()?;
        self.unsynced = 0;
        let Some(offset) = self.wanted.take() else { return Ok(()) };
        if let (Some(durable), Some(file)) = (durable, self.writer.file()) {
            debug_assert!(file.id == durable.file && offset <= durable.offset);
            let position = Position { file: file.id, offset };
            self.ready = Some(AckPoint { file: file.name.clone(), offset, position });
        }
        Ok(())
    }
}
