//! Following a primary: connect, resume exactly, receive, and start over when something breaks.

mod plan;
mod refusal;
mod renamed;
mod repeats;
mod retry;
mod timeline;
mod torn;

use std::sync::Arc;
use std::time::{Duration, Instant};

use binlogd_client::ConnectOptions;
use binlogd_client::wire::compress::Compression;
use binlogd_event::{ChecksumAlgorithm, GtidSet, Verifier};
use binlogd_store::{LogFile, LogName, Position, Remedy, SourceId, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::config::{Choose, OnFork, SemiSync};
use crate::ingest::{
    Committer, Intake, IntakeError, NotNext, Overlap, Predecessor, ReceiveError, Tail, apply_all,
    receive,
};
use crate::stream::{Failure, Stream, UpstreamState};
use crate::upstream::{
    Backoff, Chosen, Dump, Primary, SemiSyncState, UpstreamError, choose, first_file_with_news,
    moved, newest_file, oldest_file, semi_sync_appears, start_dump,
};

pub use plan::{Plan, plan_by_list};
pub use timeline::{Divergence, Stored};

use plan::plan;
use refusal::{End, Instead};
use repeats::Repeats;
use timeline::NewTimeline;
use torn::Torn;

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
    /// Where the last connection ended because the primary cannot read its own file.
    torn: Option<Torn>,
    /// The primary refused to begin a dump at the place where the last connection wanted to go on.
    is_refused: bool,
    /// The connection on which all was read that a MariaDB had, up to its end.
    read_to_end: Option<u32>,
    /// The file to go on with, since the primary has no more of the last one.
    next_file: Option<LogName>,
    /// The first file of the primary that has another base name, if GTIDs are to show whether it follows.
    renamed: Option<LogName>,
    /// The stored end after which the primary is to go on without showing what comes before.
    unshown: Option<End>,
    backoff: Backoff,
    repeats: Repeats,
    /// How far the stream was durable at the last failure, or further.
    furthest: Position,
    /// When the last wait ended.
    resumed: Instant,
    /// How many bytes did not fit on the disk at the last failure.
    refused: u64,
}

/// How long a primary may take to start a dump.
const START_TIMEOUT: Duration = Duration::from_secs(30);

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
    /// The server that is followed has another history, and `on_fork` asks to follow it.
    #[error(
        "{0}. on_fork = \"new-timeline\" does not apply here: it is the same server, and it gives GTIDs that are \
         stored already to other transactions, so that readers could not be kept apart by GTID"
    )]
    SameServer(Box<FollowError>),
    /// The primary's files have another base name, and GTIDs do not show that they follow.
    #[error(transparent)]
    Renamed(Box<UpstreamError>),
}

impl FollowError {
    /// The error's number, if the primary or the way to it gave one.
    fn number(&self) -> Option<u16> {
        match self {
            Self::Upstream(error) => error.number(),
            Self::Renamed(error) => error.number(),
            Self::Receive(error) => error.number(),
            Self::Store(_) => None,
            Self::SameServer(error) => error.number(),
        }
    }

    fn failure(&self) -> Failure {
        let outline = match self {
            Self::Upstream(error) => error.outline(),
            Self::Renamed(error) => error.outline(),
            Self::Receive(_) => "the primary's binlog cannot be received",
            Self::SameServer(_) => "the primary has another history than the stored one",
            Self::Store(_) => "binlogd's files cannot be read or written",
        };
        Failure { text: self.to_string(), number: self.number(), outline }
    }

    /// Whether nothing but a restart helps.
    fn is_final(&self) -> bool {
        matches!(self, Self::Store(error) if error.remedy() == Remedy::Stop)
    }

    /// Whether there is no room for what comes.
    fn needs_room(&self) -> bool {
        match self {
            Self::Store(error) | Self::Upstream(UpstreamError::Store(error)) => error.is_full(),
            _ => false,
        }
    }

    /// Whether the same server shows another history than the one that is stored.
    fn is_another_history(&self) -> bool {
        matches!(
            self,
            Self::Upstream(UpstreamError::LostTail { .. })
                | Self::Receive(ReceiveError::Intake(
                    IntakeError::Fork { .. }
                        | IntakeError::LostTail { .. }
                        | IntakeError::NotNext(NotNext::Fork { .. })
                ))
        )
    }

    /// Whether the primary could not be reached, at once.
    fn is_refused(&self) -> bool {
        matches!(self, Self::Upstream(error) if error.is_refused())
    }

    /// Whether it will not pass by itself.
    fn needs_somebody(&self) -> bool {
        match self {
            Self::Upstream(error) => error.needs_somebody(),
            Self::Renamed(error) => error.needs_somebody(),
            Self::Receive(error) => error.needs_somebody(),
            Self::SameServer(_) => true,
            Self::Store(_) => false,
        }
    }
}

impl Follower {
    /// A follower for a store that was just opened.
    #[must_use]
    pub fn new(stream: Arc<Stream>, store: Store) -> Self {
        let tail = store.resume().map(Tail::from);
        let furthest = store.catalog().frontier().durable;
        Self {
            stream,
            store,
            committer: None,
            tail,
            intake: None,
            must_recover: false,
            torn: None,
            is_refused: false,
            read_to_end: None,
            next_file: None,
            renamed: None,
            unshown: None,
            backoff: Backoff::new(),
            repeats: Repeats::default(),
            furthest,
            resumed: Instant::now(),
            refused: 0,
        }
    }

    /// Follows until `shutdown`, then makes durable what came.
    ///
    /// # Errors
    /// If nothing but a restart helps.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), FollowError> {
        let stream = self.stream.clone();
        loop {
            if !stream.control().is_wanted() && !self.pause(&shutdown).await {
                return self.close();
            }
            stream.control().set_active(true);
            let outcome = tokio::select! {
                outcome = self.follow() => outcome,
                () = shutdown.cancelled() => Ok(()),
                () = stream.control().until_wanted(false) => Ok(()),
            };
            let error = match (self.settle(outcome), shutdown.is_cancelled()) {
                (Err(error), false) => error,
                (Err(error @ FollowError::Store(_)), true) => return Err(error),
                (Ok(()), false) => continue,
                _ => return self.close(),
            };
            if self.leaves_torn_file(&error, &shutdown).await {
                continue;
            }
            if self.is_unlogged(&error, &shutdown).await {
                continue;
            }
            let Some(mut error) = self.explained(error, &shutdown).await else { continue };
            self.renamed = renamed::renamed_file(&error, self.tail.as_ref());
            if self.renamed.is_some() {
                continue;
            }
            if error.is_another_history() && self.stream.config().on_fork == OnFork::NewTimeline {
                error = FollowError::SameServer(Box::new(error));
            }
            if error.is_final() {
                self.stream.set_upstream(UpstreamState::Halted(error.failure()));
                stream.control().set_active(false);
                return Err(error);
            }
            self.wait_after(&error, &shutdown).await;
        }
    }

    /// Waits until following is wanted again; `false` if the process ends before.
    async fn pause(&mut self, shutdown: &CancellationToken) -> bool {
        self.stream.set_upstream(UpstreamState::Stopped);
        self.stream.control().set_active(false);
        tracing::info!("not following the primary, as ordered");
        self.backoff.reset();
        tokio::select! {
            () = self.stream.control().until_wanted(true) => {
                self.stream.set_upstream(UpstreamState::Connecting);
                true
            }
            () = shutdown.cancelled() => false,
        }
    }

    /// Finds out whether the primary goes on behind a file that it cannot send to its end.
    async fn leaves_torn_file(
        &mut self,
        error: &FollowError,
        shutdown: &CancellationToken,
    ) -> bool {
        let (Some(torn), Some(tail)) = (self.torn.take(), &self.tail) else { return false };
        let asking =
            torn::file_behind(&self.stream, tail, |chosen| self.is_same_history(&chosen.primary));
        let found = tokio::select! {
            found = asking => found,
            () = shutdown.cancelled() => return false,
        };
        self.next_file = match found {
            Ok(next) => next,
            Err(error) => {
                tracing::debug!("{error}");
                None
            }
        };
        let Some(next) = &self.next_file else { return false };
        tracing::warn!(
            file = %tail.file.name, offset = tail.verifier.offset(),
            torn_at = torn.end, gtid = torn.gtid.map(tracing::field::display), %next,
            "the primary has died while it wrote: what its file holds behind this offset was never \
             committed, and cannot be sent. Going on with its next file ({error})"
        );
        true
    }

    /// Whether the gap of `error` is none, because the primary has the missing transactions in no file.
    async fn is_unlogged(&self, error: &FollowError, shutdown: &CancellationToken) -> bool {
        let FollowError::Receive(ReceiveError::Intake(IntakeError::NotNext(error))) = error else {
            return false;
        };
        let asking = refusal::is_unlogged(&self.stream, error, |chosen| {
            self.is_same_history(&chosen.primary)
        });
        tokio::select! {
            answer = asking => answer.unwrap_or_else(|error| {
                tracing::debug!("asking for gtid_purged: {error}");
                false
            }),
            () = shutdown.cancelled() => false,
            () = self.stream.control().until_wanted(false) => false,
        }
    }

    /// The error that is behind a refusal, as the list of the primary's files shows it; `None` if there is a file to go on
    /// with.
    async fn explained(
        &mut self,
        error: FollowError,
        shutdown: &CancellationToken,
    ) -> Option<FollowError> {
        if !std::mem::take(&mut self.is_refused) {
            return Some(error);
        }
        let asking = refusal::instead(&self.stream, self.tail.as_ref(), |chosen| {
            self.is_same_history(&chosen.primary)
        });
        let found = tokio::select! {
            found = asking => found,
            () = shutdown.cancelled() => return Some(error),
            () = self.stream.control().until_wanted(false) => return Some(error),
        };
        match found {
            Ok(Some(Instead::File(file))) => {
                tracing::info!(
                    %file,
                    "the primary has purged the last stored file: going on with the oldest one that it has, if that \
                     follows what is stored"
                );
                self.next_file = Some(file);
                None
            }
            Ok(Some(Instead::End(end))) if self.unshown.as_ref() != Some(&end) => {
                tracing::warn!(
                    "the primary does not send the last stored transaction again, as after a change of gtid_mode, but \
                     its file begins like the stored one: going on after that transaction ({error})"
                );
                self.unshown = Some(end);
                None
            }
            Ok(_) => Some(error),
            Err(cause) if cause.needs_somebody() => Some(cause),
            Err(cause) => {
                tracing::debug!("asking for the cause: {cause}");
                Some(error)
            }
        }
    }

    /// One connection, from beginning to end.
    async fn follow(&mut self) -> Result<(), FollowError> {
        if self.must_recover {
            if let Some(committer) = self.committer.take() {
                committer.close()?;
            }
            let resume = self.store.recover()?;
            self.tail = resume.map(Tail::from);
            self.must_recover = false;
        }
        let stream = self.stream.clone();
        let upstreams = stream.connect_options();
        let chosen = choose(&upstreams, stream.config().choose).await?;
        let primary = &chosen.primary;
        if primary.server_id == stream.identity().server_id {
            return Err(UpstreamError::SameServerId(primary.server_id).into());
        }
        if primary.encrypts_events() {
            return Err(UpstreamError::Encrypted.into());
        }
        let semi_sync = asks_semi_sync(stream.config().semi_sync, primary)?;
        let Chosen { options, connection, primary } = self.prepare(chosen).await?;
        let committer = match &mut self.committer {
            Some(committer) => committer,
            none => none.insert(Committer::new(self.store.writer(&primary.source)?)),
        };
        let Some(intake) = &mut self.intake else { return Ok(()) };
        let read_to_end = self.read_to_end.take();
        let only_asks = semi_sync && torn::reads_first(&primary, connection.id(), read_to_end);
        let semi_sync = semi_sync && !only_asks;
        let connection_id = connection.id();
        let dump = Dump {
            file: intake.file().clone(),
            offset: intake.start(),
            semi_sync,
            only_asks,
            report: stream.config().report.clone(),
        };
        let identity = stream.identity();
        let compression = connection.compression().map_or("none", Compression::name);
        let starting = async {
            let mut dumping = start_dump(connection, &primary, &identity, &dump).await?;
            dumping.begun().await.map_err(ReceiveError::from)?;
            Ok::<_, FollowError>(dumping)
        };
        let dumping = tokio::time::timeout(START_TIMEOUT, starting)
            .await
            .map_err(|_| UpstreamError::Silent(options.address(), START_TIMEOUT.as_secs()))??;
        let wants_semi_sync = stream.config().semi_sync != SemiSync::Off
            && primary.semi_sync == SemiSyncState::Absent;
        announce(&stream, &options, primary, &dump, compression);
        let watches = upstreams.len() > 1 && stream.config().choose == Choose::Writable;
        tokio::select! {
            received = receive(
                dumping, intake, committer, stream.counters(), stream.reader_acks()
            ) => match received {
                Err(ReceiveError::Ended) if only_asks => {
                    intake.has_ended().map_err(ReceiveError::from)?;
                    self.read_to_end = Some(connection_id);
                    Ok(())
                }
                received => Ok(received?),
            },
            moved = moved(&upstreams, &options, stream.watch_observation()), if watches => {
                Err(moved.into())
            }
            appeared = semi_sync_appears(&options, stream.watch_observation()), if wants_semi_sync => {
                Err(appeared.into())
            }
        }
    }

    /// Decides where to go on with this primary, and makes the intake for it.
    async fn prepare(&mut self, mut chosen: Chosen) -> Result<Chosen, FollowError> {
        let (next, renamed) = (self.next_file.take(), self.renamed.take());
        self.leave_empty_timeline(&chosen.primary.source)?;
        if renamed.is_none() && self.is_same_history(&chosen.primary) {
            let intake = match next {
                Some(file) => Intake::at_file(file, self.predecessor(), chosen.primary.checksum),
                None => self.intake_for(&mut chosen).await?,
            };
            let unlogged = self.stream.catalog().unlogged();
            self.intake = Some(intake.with_unlogged(unlogged.unwrap_or_default()));
            return Ok(chosen);
        }
        let found = timeline::prepare(&self.stream, self.store.source(), &mut chosen).await;
        let is_its = |tail: &&Tail| tail.file.timeline.source == chosen.primary.source;
        let new = match (self.tail.as_ref().filter(is_its), renamed) {
            (Some(tail), Some(file)) => renamed::check(found, tail, &file)?,
            (Some(_), None) => same_server(found?)?,
            (None, _) => found?,
        };
        if let Some(committer) = self.committer.take() {
            committer.close()?;
        }
        if let Some(tail) = &self.tail {
            tracing::warn!(
                from = %tail.file.timeline.source,
                to = %chosen.primary.source, file = %new.file,
                forked = (!new.forked.is_empty()).then(|| tracing::field::display(&new.forked)),
                "beginning a new timeline"
            );
            // Until the new timeline has a file, the tail is whatever is left of the old one.
            self.must_recover = true;
            self.store.begin_timeline(&chosen.primary.source, &tail.verifier, new.forked)?;
        }
        let before = Predecessor::Transactions(new.shared);
        self.intake = Some(Intake::at_file(new.file, before, chosen.primary.checksum));
        Ok(chosen)
    }

    /// Leaves the folder of a server of which nothing was stored, if the first file comes from another one.
    fn leave_empty_timeline(&mut self, source: &SourceId) -> Result<(), StoreError> {
        if self.tail.is_some() || self.store.source().is_none_or(|begun| begun == source) {
            return Ok(());
        }
        if let Some(committer) = self.committer.take() {
            committer.close()?;
        }
        let nothing = Verifier::at_start(ChecksumAlgorithm::None);
        self.store.begin_timeline(source, &nothing, GtidSet::new())
    }

    /// What the next file has to follow.
    fn predecessor(&self) -> Predecessor {
        self.tail.as_ref().map_or(Predecessor::None, Predecessor::from)
    }

    /// Whether what this primary sends follows what is stored, file by file.
    fn is_same_history(&self, primary: &Primary) -> bool {
        let Some(tail) = &self.tail else { return true };
        tail.file.timeline.source == primary.source && self.is_in_timeline(&tail.file)
    }

    fn is_in_timeline(&self, file: &LogFile) -> bool {
        self.store.timeline().is_some_and(|timeline| timeline.number == file.timeline.number)
    }

    async fn intake_for(&self, chosen: &mut Chosen) -> Result<Intake, UpstreamError> {
        let (stream, tail) = (&self.stream, self.tail.as_ref());
        let start = &stream.config().start;
        let server_id = stream.identity().server_id;
        let plan = match plan(tail, start) {
            Some(plan) => plan,
            None => {
                let logs = chosen.logs().await?;
                plan_by_list(&chosen.primary.version, &logs, tail, start)?
            }
        };
        let file = match (plan, tail) {
            (Plan::Resume, Some(tail)) if self.unshown == Some(End::of(tail)) => {
                return Ok(Intake::at_end(tail, chosen.primary.checksum));
            }
            (Plan::Resume, Some(tail)) => {
                let overlap = Overlap::at(stream.catalog(), tail)?;
                return Ok(Intake::at_tail(tail, overlap, chosen.primary.checksum));
            }
            (Plan::Resume, None) => return Err(StoreError::Poisoned.into()),
            (Plan::Begin(file), _) => file,
            (Plan::BeginOldest, _) => oldest_file(chosen, server_id).await?,
            (Plan::BeginNewest, _) => newest_file(chosen, server_id).await?,
            (Plan::BeginAfter(gtids), _) => {
                first_file_with_news(&chosen.options, &chosen.primary, &gtids, server_id).await?
            }
        };
        Ok(Intake::at_file(file, self.predecessor(), chosen.primary.checksum))
    }

    /// Brings what was received and is good onto the disk, after a connection has ended.
    fn settle(&mut self, outcome: Result<(), FollowError>) -> Result<(), FollowError> {
        let outcome = match outcome {
            Err(FollowError::Receive(ReceiveError::Store(error))) => Err(error.into()),
            other => other,
        };
        (self.torn, self.is_refused) = (None, false);
        // They hold for one connection only: at the next one the primary may be another, or restored.
        (self.next_file, self.renamed) = (None, None);
        self.stream.counters().note_proven(false);
        let (intake, committer) = (self.intake.take(), self.committer.as_mut());
        if let (Some(mut intake), Some(committer)) = (intake, committer)
            && !matches!(outcome, Err(FollowError::Store(_)))
        {
            let (is_torn, end) = (torn::is_refusal(&outcome, &intake), intake.verifier().offset());
            self.is_refused = refusal::is_refusal(&outcome, &intake);
            let gtid = intake.settle();
            self.torn = is_torn.then_some(Torn { end, gtid });
            if let Err(error) = apply_all(&mut intake, committer).and_then(|()| committer.settle())
            {
                return self.settle(Err(error.into()));
            }
            let newest = self.stream.catalog().newest();
            let is_ours = |f: &Arc<LogFile>| f.name == *intake.file() && self.is_in_timeline(f);
            if let Some(file) = newest.filter(is_ours) {
                self.tail = Some(Tail { file, verifier: intake.verifier().clone() });
                self.must_recover = false;
            }
        }
        if let Err(FollowError::Store(error)) = &outcome
            && let Some(committer) = self.committer.take()
        {
            self.refused = committer.refused();
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
}

/// Of the server whose timeline is the last one that has files.
fn same_server(new: NewTimeline) -> Result<NewTimeline, FollowError> {
    if new.is_whole {
        return Ok(new);
    }
    let error = UpstreamError::Forked { server: new.source, gtids: new.forked };
    Err(FollowError::SameServer(Box::new(error.into())))
}

/// Tells everybody that a dump has begun.
fn announce(
    stream: &Stream,
    options: &ConnectOptions,
    primary: Primary,
    dump: &Dump,
    compression: &'static str,
) {
    let state = primary.semi_sync;
    tracing::info!(
        primary = %options.address(), version = %primary.version,
        server = %primary.source, file = %dump.file, offset = dump.offset,
        semi_sync = %if dump.semi_sync { state.to_string() } else { "off".to_owned() },
        compression,
        "connected to the primary"
    );
    if stream.connect_options().len() > 1 && !primary.has_gtids() {
        tracing::warn!(
            "there are standby upstreams, but the primary has no GTIDs: another server cannot be followed. \
             Set gtid_mode = ON on all of them"
        );
    }
    stream.set_upstream(UpstreamState::Following { asks: dump.semi_sync, semi_sync: false });
    stream.set_primary(primary);
    stream.set_followed(options);
    if !dump.only_asks {
        stream.note_semi_sync(state);
    }
}

/// Whether to ask for semi-sync. A primary that has it switched off now may switch it on later.
fn asks_semi_sync(wish: SemiSync, primary: &Primary) -> Result<bool, UpstreamError> {
    match (wish, primary.semi_sync) {
        (SemiSync::Off, _) | (SemiSync::Auto, SemiSyncState::Absent) => Ok(false),
        (SemiSync::On, SemiSyncState::Disabled | SemiSyncState::Absent) => {
            Err(UpstreamError::NoSemiSync(primary.version.clone()))
        }
        (SemiSync::On | SemiSync::Auto, _) => Ok(true),
    }
}
