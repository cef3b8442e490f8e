//! Following a primary: connect, resume exactly, receive, and start over when something breaks.

mod plan;

use std::sync::Arc;

use binlogd_client::Connection;
use binlogd_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::config::SemiSync;
use crate::ingest::{Intake, Overlap, ReceiveError, Tail, WriterThread, hand_over, receive};
use crate::stream::{Stream, UpstreamState};
use crate::upstream::{Backoff, Dump, Primary, UpstreamError, start_dump};

use plan::{Plan, plan};

/// Keeps one stream's store up with its primary.
#[derive(Debug)]
pub struct Follower {
    stream: Arc<Stream>,
    store: Store,
    writer: Option<WriterThread>,
    /// Where the store ends; `None` while it is empty.
    tail: Option<Tail>,
    /// What the present connection brings.
    intake: Option<Intake>,
    /// The writer has failed, so that only the disk knows where the store ends.
    must_recover: bool,
    backoff: Backoff,
}

/// Why following has ended, or has to begin again.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// On the way to the primary.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// While receiving.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// While storing.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

impl FollowError {
    /// Whether nothing but a restart helps.
    fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Store(
                StoreError::SyncFailed { .. }
                    | StoreError::Poisoned
                    | StoreError::Damaged { .. }
                    | StoreError::Exists { .. }
            )
        )
    }

    /// Whether it will not pass by itself.
    fn needs_somebody(&self) -> bool {
        match self {
            Self::Upstream(error) => error.needs_somebody(),
            Self::Receive(error) => error.needs_somebody(),
            _ => false,
        }
    }
}

impl Follower {
    /// A follower for a store that was just opened.
    #[must_use]
    pub fn new(stream: Arc<Stream>, store: Store) -> Self {
        let tail = store.resume().map(Tail::from);
        Self {
            stream,
            store,
            writer: None,
            tail,
            intake: None,
            must_recover: false,
            backoff: Backoff::new(),
        }
    }

    /// Follows until `shutdown`, then makes durable what came.
    ///
    /// # Errors
    /// If nothing but a restart helps; or if somebody has to mend something before the first byte
    /// can be stored, so that there is nothing to be served meanwhile.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), FollowError> {
        loop {
            let outcome = tokio::select! {
                outcome = self.follow() => outcome,
                () = shutdown.cancelled() => Ok(()),
            };
            let error = match (self.settle().await, outcome) {
                // What stopped the writer is why the receiver stopped.
                (Err(error), _) => error.into(),
                (Ok(()), Err(error)) if !shutdown.is_cancelled() => error,
                (Ok(()), _) => return self.close().await,
            };
            let in_vain = self.tail.is_none() && error.needs_somebody();
            if error.is_final() || in_vain || shutdown.is_cancelled() {
                self.stream.set_upstream(UpstreamState::Halted { error: error.to_string() });
                return Err(error);
            }
            self.wait_after(&error, &shutdown).await;
        }
    }

    /// One connection, from beginning to end.
    async fn follow(&mut self) -> Result<(), FollowError> {
        if self.must_recover {
            let resume = tokio::task::block_in_place(|| self.store.recover())?;
            self.tail = resume.map(Tail::from);
            self.must_recover = false;
        }
        let stream = self.stream.clone();
        let name = stream.name();
        let options = stream.connect_options();
        let mut connection = Connection::connect(options).await.map_err(UpstreamError::from)?;
        let primary = Primary::ask(&mut connection).await?;
        self.check(&primary)?;
        let semi_sync = wants_semi_sync(stream.config().semi_sync, &primary)?;
        let intake = self.intake.insert(Self::intake_for(&self.tail, &stream, &primary)?);
        if self.writer.is_none() {
            let writer = self.store.writer(&primary.source)?;
            let thread = WriterThread::spawn(&format!("{name}-writer"), writer);
            self.writer = Some(thread.map_err(FollowError::Thread)?);
        }
        let dump = Dump { file: intake.file().clone(), offset: intake.start(), semi_sync };
        tracing::info!(
            stream = name, primary = %options.address(), version = %primary.version,
            server = %primary.source, file = %dump.file, offset = dump.offset, semi_sync,
            "connected to the primary"
        );
        let dumping = start_dump(connection, &primary, &stream.identity(), &dump).await?;
        stream.set_upstream(UpstreamState::Following { semi_sync });
        stream.set_primary(primary);
        if let Some(writer) = &mut self.writer {
            receive(dumping, intake, writer, stream.counters()).await?;
        }
        Ok(())
    }

    /// Whether this primary is the one whose files we have, and can be ours.
    fn check(&self, primary: &Primary) -> Result<(), UpstreamError> {
        if primary.server_id == self.stream.identity().server_id {
            return Err(UpstreamError::SameServerId(primary.server_id));
        }
        match self.store.source() {
            Some(stored) if *stored != primary.source => Err(UpstreamError::OtherServer {
                stored: stored.clone(),
                found: primary.source.clone(),
            }),
            _ => Ok(()),
        }
    }

    fn intake_for(
        tail: &Option<Tail>,
        stream: &Stream,
        primary: &Primary,
    ) -> Result<Intake, UpstreamError> {
        match (plan(primary, tail.as_ref(), &stream.config().start)?, tail) {
            (Plan::Resume, Some(tail)) => {
                let overlap = Overlap::at(stream.catalog(), tail)?;
                Ok(Intake::at_tail(tail, overlap, primary.checksum))
            }
            (Plan::Begin(file), _) => Ok(Intake::at_file(file, primary.checksum)),
            (Plan::Resume, None) => Err(StoreError::Poisoned.into()),
        }
    }

    /// Brings what was received and is good onto the disk, after a connection has ended.
    async fn settle(&mut self) -> Result<(), StoreError> {
        let (Some(mut intake), Some(writer)) = (self.intake.take(), &self.writer) else {
            return Ok(());
        };
        intake.flush();
        if hand_over(&mut intake, writer).await.is_ok() && writer.settle().await.is_ok() {
            let newest = self.stream.catalog().newest();
            if let Some(file) = newest.filter(|file| file.name == *intake.file()) {
                self.tail = Some(Tail { file, verifier: intake.verifier().clone() });
            }
            return Ok(());
        }
        self.writer_stopped().await
    }

    /// Finds out why the writer stopped, and where the store ends now.
    async fn writer_stopped(&mut self) -> Result<(), StoreError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        self.must_recover = true;
        writer.join().await?;
        // It never stops without an error while it is wanted.
        Err(StoreError::Poisoned)
    }

    async fn close(mut self) -> Result<(), FollowError> {
        self.stream.set_upstream(UpstreamState::Stopped);
        if let Some(writer) = self.writer.take() {
            writer.join().await?;
        }
        Ok(())
    }

    async fn wait_after(&mut self, error: &FollowError, shutdown: &CancellationToken) {
        if self.stream.counters().take_progress() {
            self.backoff.reset();
        }
        let wait = self.backoff.next_wait();
        if error.needs_somebody() {
            tracing::error!(stream = self.stream.name(), retry_in = ?wait, "{error}");
        } else {
            tracing::warn!(stream = self.stream.name(), retry_in = ?wait, "{error}");
        }
        self.stream.set_upstream(UpstreamState::Waiting { error: error.to_string() });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

fn wants_semi_sync(wish: SemiSync, primary: &Primary) -> Result<bool, UpstreamError> {
    match wish {
        SemiSync::On if !primary.semi_sync => Err(UpstreamError::NoSemiSync),
        SemiSync::On | SemiSync::Auto => Ok(primary.semi_sync),
        SemiSync::Off => Ok(false),
    }
}
