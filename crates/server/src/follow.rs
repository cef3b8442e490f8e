//! Following a primary: connect, resume exactly, receive, and start over when something breaks.

mod plan;

use std::sync::Arc;

use binlogd_client::Connection;
use binlogd_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::config::SemiSync;
use crate::ingest::{Committer, Intake, Overlap, ReceiveError, Tail, apply_all, receive};
use crate::stream::{Stream, UpstreamState};
use crate::upstream::{Backoff, Dump, Primary, UpstreamError, start_dump};

use plan::{Plan, plan};

/// Keeps one stream's store up with its primary.
#[derive(Debug)]
pub struct Follower {
    stream: Arc<Stream>,
    store: Store,
    committer: Option<Committer>,
    /// Where the store ends; `None` while it is empty.
    tail: Option<Tail>,
    /// What the present connection brings.
    intake: Option<Intake>,
    /// The committer has failed, so that only the disk knows where the store ends.
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
            committer: None,
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
            let error = match (self.settle(outcome), shutdown.is_cancelled()) {
                (Err(error), false) => error,
                (Err(error @ FollowError::Store(_)), true) => return Err(error),
                _ => return self.close(),
            };
            let in_vain = self.tail.is_none() && error.needs_somebody();
            if error.is_final() || in_vain {
                self.stream.set_upstream(UpstreamState::Halted { error: error.to_string() });
                return Err(error);
            }
            self.wait_after(&error, &shutdown).await;
        }
    }

    /// One connection, from beginning to end.
    async fn follow(&mut self) -> Result<(), FollowError> {
        if self.must_recover {
            let resume = self.store.recover()?;
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
        let committer = match &mut self.committer {
            Some(committer) => committer,
            none => none.insert(Committer::new(self.store.writer(&primary.source)?)),
        };
        let dump = Dump { file: intake.file().clone(), offset: intake.start(), semi_sync };
        tracing::info!(
            stream = name, primary = %options.address(), version = %primary.version,
            server = %primary.source, file = %dump.file, offset = dump.offset, semi_sync,
            "connected to the primary"
        );
        let dumping = start_dump(connection, &primary, &stream.identity(), &dump).await?;
        stream.set_upstream(UpstreamState::Following { semi_sync });
        stream.set_primary(primary);
        Ok(receive(dumping, intake, committer, stream.counters()).await?)
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
    fn settle(&mut self, outcome: Result<(), FollowError>) -> Result<(), FollowError> {
        let outcome = match outcome {
            Err(FollowError::Receive(ReceiveError::Store(error))) => Err(error.into()),
            other => other,
        };
        let (intake, committer) = (self.intake.take(), self.committer.as_mut());
        if let (Some(mut intake), Some(committer)) = (intake, committer)
            && !matches!(outcome, Err(FollowError::Store(_)))
        {
            intake.flush();
            if let Err(error) = apply_all(&mut intake, committer).and_then(|()| committer.settle())
            {
                return self.settle(Err(error.into()));
            }
            let newest = self.stream.catalog().newest();
            if let Some(file) = newest.filter(|file| file.name == *intake.file()) {
                self.tail = Some(Tail { file, verifier: intake.verifier().clone() });
            }
        }
        if let Err(FollowError::Store(error)) = &outcome
            && let Some(committer) = self.committer.take()
        {
            committer.give_up(error);
            self.must_recover = true;
        }
        outcome
    }

    fn close(mut self) -> Result<(), FollowError> {
        self.stream.set_upstream(UpstreamState::Stopped);
        if let Some(committer) = self.committer.take() {
            committer.close()?;
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
