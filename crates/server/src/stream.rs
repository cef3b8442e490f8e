//! One primary's stream as everybody else in the process sees it: its files, what the primary said,
//! and how things stand.

mod control;
mod purge;
mod readiness;
mod replica;
mod source_file;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use binlogd_client::{ClientError, ConnectOptions};
use binlogd_event::ServerVersion;
use binlogd_store::{Ambiguous, Catalog, LogFile, NameError, Position};
use tokio::sync::{Semaphore, watch};

use crate::config::{StreamConfig, UpstreamConfig};
use crate::downstream::{
    ANSWER_TIMEOUT, Answer, AnswerError, BinaryLog, BinaryLogStatus, EventRows, EventsError, Gtids,
    LastError, Obeyed, Order, OrderError, PurgeError, PurgeOutcome, PurgeTarget, Question,
    ReplicaStatus, StreamFacts,
};
use crate::dump::{Herald, WaitLog};
use crate::identity::Identity;
use crate::listing::Listing;
use crate::reader_acks::{AckStatus, ReaderAcks};
use crate::upstream::{Observation, Primary, SemiSyncState};
use control::Control;

/// A stream.
#[derive(Debug)]
pub struct Stream {
    config: StreamConfig,
    identity: Identity,
    catalog: Arc<Catalog>,
    herald: Herald,
    wait_log: WaitLog,
    reader_acks: Arc<ReaderAcks>,
    /// How to reach the primary, and those that may take its place; and whether to.
    control: Control,
    /// Which of them is followed.
    followed: watch::Sender<Option<ConnectOptions>>,
    /// What went wrong last, until it goes right again.
    failed: RwLock<Option<LastError>>,
    counters: Counters,
    upstream: watch::Sender<UpstreamState>,
    /// Whether the primary's commits waited for acknowledgements when that was seen last.
    was_semi_sync: Mutex<Option<bool>>,
    /// The primary as it was at the last connection.
    primary: watch::Sender<Option<Primary>>,
    /// The same primary as it was seen last; `None` until it has been observed.
    observation: watch::Sender<Option<Observation>>,
    /// When it was so.
    asked: RwLock<Option<(SystemTime, Instant)>>,
    /// Who may ask it something now.
    questions: Arc<Semaphore>,
}

/// How many readers' questions the primary is asked at once; others wait for some time.
const QUESTIONS_MAX: usize = 8;

/// How things stand with the primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamState {
    /// Not connected yet.
    Connecting,
    /// Receiving.
    Following {
        /// Whether binlogd has asked to acknowledge.
        asks: bool,
        /// Whether commits at the primary wait for its acknowledgements.
        semi_sync: bool,
    },
    /// Not connected; another try will come.
    Waiting(Failure),
    /// Not connected; another try will come, but somebody has to change something before it can succeed.
    Blocked(Failure),
    /// Not connected, and only a restart helps.
    Halted(Failure),
    /// Ended as asked.
    Stopped,
}

/// Why the primary is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened and what to do, for administrators.
    pub text: String,
    /// The error's number, if the primary or the way to it gave one.
    pub number: Option<u16>,
    /// The kind of error, for clients that have not logged in: without names and addresses.
    pub outline: &'static str,
}

/// What was counted since the start of the process. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Counters(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    events: AtomicU64,
    acks: AtomicU64,
    connects: AtomicU64,
    /// The time stamp of the newest event, in seconds since 1970; 0 if none has come for a while.
    newest_time: AtomicU32,
    /// Whether the primary's history is the stored one, as far as this connection shows.
    is_proven: AtomicBool,
}

impl Counters {
    pub(crate) fn add_events(&self, count: u64) {
        self.0.events.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn add_ack(&self) {
        self.0.acks.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes the time stamp of an event that has just come.
    pub(crate) fn note_time(&self, timestamp: u32) {
        self.0.newest_time.store(timestamp, Ordering::Relaxed);
    }

    /// Notes that the primary has had nothing to send for a while.
    pub(crate) fn note_quiet(&self) {
        self.note_time(0);
    }

    /// The time stamp of the newest event that came from the primary, in seconds since 1970; `None` if it has
    /// had nothing to send for a while.
    #[must_use]
    pub fn newest_time(&self) -> Option<u32> {
        Some(self.0.newest_time.load(Ordering::Relaxed)).filter(|&time| time != 0)
    }

    /// Notes whether all that comes over the present connection is new: what is stored has come again,
    /// and was the same.
    pub(crate) fn note_proven(&self, is_proven: bool) {
        self.0.is_proven.store(is_proven, Ordering::Relaxed);
    }

    /// Whether the present connection brings what follows the stored history.
    pub(crate) fn is_proven(&self) -> bool {
        self.0.is_proven.load(Ordering::Relaxed)
    }

    /// Events received, artificial ones included.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.0.events.load(Ordering::Relaxed)
    }

    /// Acknowledgements sent.
    #[must_use]
    pub fn acks(&self) -> u64 {
        self.0.acks.load(Ordering::Relaxed)
    }

    /// Connections to the primary on which a dump began.
    #[must_use]
    pub fn connects(&self) -> u64 {
        self.0.connects.load(Ordering::Relaxed)
    }
}

impl Stream {
    /// A stream that is not connected yet.
    ///
    /// # Errors
    /// If the upstream's URL is wrong.
    pub fn new(
        config: StreamConfig,
        identity: Identity,
        catalog: Arc<Catalog>,
    ) -> Result<Self, ClientError> {
        let connect = config.upstreams.iter().map(connect_options).collect::<Result<_, _>>()?;
        let control = Control::new(connect);
        let reader_acks = Arc::new(ReaderAcks::new(config.ack));
        Ok(Self {
            config,
            identity,
            catalog,
            herald: Herald::default(),
            wait_log: WaitLog::default(),
            reader_acks,
            control,
            followed: watch::Sender::new(None),
            failed: RwLock::default(),
            counters: Counters::default(),
            upstream: watch::Sender::new(UpstreamState::Connecting),
            was_semi_sync: Mutex::default(),
            primary: watch::Sender::new(None),
            observation: watch::Sender::new(None),
            asked: RwLock::default(),
            questions: Arc::new(Semaphore::new(QUESTIONS_MAX)),
        })
    }

    /// The stream's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// What the user said.
    #[must_use]
    pub fn config(&self) -> &StreamConfig {
        &self.config
    }

    /// Who binlogd is in this stream.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The stream's files.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// What readers have acknowledged.
    pub(crate) fn reader_acks(&self) -> &Arc<ReaderAcks> {
        &self.reader_acks
    }

    /// What tells the stream's readers of news.
    pub(crate) fn herald(&self) -> &Herald {
        &self.herald
    }

    /// Which readers were reported to wait.
    pub(crate) fn wait_log(&self) -> &WaitLog {
        &self.wait_log
    }

    /// How to reach the primary, and those that may take its place.
    #[must_use]
    pub fn connect_options(&self) -> Arc<[ConnectOptions]> {
        self.control.sources()
    }

    /// Keeps what administrators change of the upstream in `dir`, and applies what is kept there.
    ///
    /// # Errors
    /// What is kept cannot be read; the text says what to do.
    pub fn keep_changes_in(&self, dir: &std::path::Path) -> Result<(), String> {
        self.control.keep_in(dir, &self.config)
    }

    /// What administrators want of the upstream.
    pub(crate) fn control(&self) -> &Control {
        &self.control
    }

    /// The server that is followed, else the first that may be.
    fn source(&self) -> Option<ConnectOptions> {
        let followed = self.followed.borrow().clone();
        followed.or_else(|| self.control.sources().first().cloned())
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How things stand with the primary.
    #[must_use]
    pub fn upstream(&self) -> UpstreamState {
        self.upstream.borrow().clone()
    }

    /// Whether there is something to present to readers: what a primary said, or stored files.
    #[must_use]
    pub fn is_presentable(&self) -> bool {
        self.with_primary(|primary| primary.is_some()) || !self.catalog.files().is_empty()
    }

    /// Whether the primary is a MariaDB.
    #[must_use]
    pub fn is_mariadb(&self) -> bool {
        ServerVersion::new(self.server_version()).is_mariadb()
    }

    /// The server that is followed now, of those that may be.
    pub(crate) fn set_followed(&self, options: &ConnectOptions) {
        self.followed.send_replace(Some(options.clone()));
    }

    /// Which server is followed, as that changes; sent anew for each connection.
    pub(crate) fn watch_followed(&self) -> watch::Receiver<Option<ConnectOptions>> {
        self.followed.subscribe()
    }

    pub(crate) fn set_upstream(&self, state: UpstreamState) {
        self.note(&state);
        if !matches!(state, UpstreamState::Following { .. }) {
            self.followed.send_if_modified(|followed| followed.take().is_some());
        }
        self.upstream.send_replace(state);
    }

    /// Takes what a primary said of itself before the dump that has begun now.
    pub(crate) fn set_primary(&self, primary: Primary) {
        self.counters.0.connects.fetch_add(1, Ordering::Relaxed);
        self.counters.note_quiet();
        self.counters.note_proven(false);
        self.observation.send_modify(|seen| {
            *seen = seen.take().filter(|seen| seen.source == primary.source);
            if let Some(seen) = seen {
                seen.variables.renew(&primary.variables);
            }
        });
        *self.asked.write().unwrap_or_else(PoisonError::into_inner) =
            Some((SystemTime::now(), Instant::now()));
        self.primary.send_replace(Some(primary));
    }

    /// What was last observed of the primary, as that changes.
    pub(crate) fn watch_observation(&self) -> watch::Receiver<Option<Observation>> {
        self.observation.subscribe()
    }

    /// Takes what the observer has seen; nothing if that was another server than the one that is followed.
    pub(crate) fn set_observation(&self, observation: Observation) {
        if self.with_primary(|primary| primary.is_none_or(|p| p.source != observation.source)) {
            let source = &observation.source;
            return tracing::debug!(%source, "observed another server than is followed");
        }
        self.note_semi_sync(observation.variables.semi_sync());
        self.observation.send_replace(Some(observation));
    }

    /// Notes how the followed primary stands to semi-sync, and reports if its commits begin or cease to be
    /// acknowledged.
    pub(crate) fn note_semi_sync(&self, state: SemiSyncState) {
        let mut now = None;
        self.upstream.send_if_modified(|upstream| {
            let UpstreamState::Following { asks, semi_sync } = upstream else { return false };
            let is_on = *asks && state == SemiSyncState::On;
            // A follower that does not ask may do so in a moment, or never wants to.
            now = (*asks || state == SemiSyncState::Absent).then_some(is_on);
            std::mem::replace(semi_sync, is_on) != is_on
        });
        let Some(now) = now else { return };
        let before = {
            let mut was = self.was_semi_sync.lock().unwrap_or_else(PoisonError::into_inner);
            was.replace(now)
        };
        match (before, now) {
            (Some(true), false) => tracing::warn!(
                semi_sync = %state,
                "commits at the primary no longer wait until they are stored here"
            ),
            (Some(false), true) => tracing::warn!(
                semi_sync = %state, "commits at the primary now wait until they are stored here"
            ),
            _ => {}
        }
    }

    /// What the primary's clock says now, by what it said at the last connection. Jumps of our clock do not
    /// matter.
    #[must_use]
    pub fn primary_time(&self) -> Option<SystemTime> {
        let (then, clock) = (*self.asked.read().unwrap_or_else(PoisonError::into_inner))?;
        let ahead_s = self.with_primary(|primary| primary.map(|primary| primary.clock_ahead_s))?;
        let ahead = Duration::from_secs(ahead_s.unsigned_abs());
        let theirs = if ahead_s < 0 { then.checked_sub(ahead) } else { then.checked_add(ahead) };
        theirs?.checked_add(clock.elapsed())
    }

    fn with_primary<T>(&self, f: impl FnOnce(Option<&Primary>) -> T) -> T {
        f(self.primary.borrow().as_ref())
    }

    /// The format of the newest file, which says what its server was.
    fn newest_format(&self) -> Option<binlogd_event::FormatDescription> {
        let file = self.catalog.files().pop()?;
        self.catalog.head(&file).ok().map(|head| head.format.clone())
    }
}

fn has(catalog: &Catalog, gtids: &Gtids) -> bool {
    let executed = catalog.executed();
    match gtids {
        Gtids::Set(gtids) => gtids.is_subset(&executed),
        Gtids::Position(position) => {
            let reached = executed.position();
            position.iter().all(|gtid| reached.includes(&gtid))
        }
    }
}

/// Whether the newest file is this one and readable up to the position, or a later one of the same source.
fn reaches(catalog: &Catalog, file: &str, position: u64) -> bool {
    let number = |name: &str| {
        let (base, number) = name.rsplit_once('.')?;
        Some((base.to_owned(), number.parse::<u64>().ok()?))
    };
    let Some(newest) = catalog.files().pop() else { return false };
    match (number(newest.name.as_str()), number(file.trim_start_matches("./"))) {
        (Some((base, have)), Some((wanted_base, wanted))) if base == wanted_base => {
            have > wanted || (have == wanted && catalog.readable_len(&newest) >= position)
        }
        _ => false,
    }
}

fn connect_options(upstream: &UpstreamConfig) -> Result<ConnectOptions, ClientError> {
    let options = ConnectOptions::from_url(upstream.url.expose())?.program_name("binlogd");
    Ok(match &upstream.password {
        Some(password) => options.password(password.expose()),
        None => options,
    })
}

impl StreamFacts for Stream {
    fn server_version(&self) -> String {
        let known = self.with_primary(|p| p.map(|p| p.version.as_str().to_owned()));
        known
            .or_else(|| self.newest_format().map(|f| f.server_version.as_str().to_owned()))
            .unwrap_or_default()
    }

    fn server_id(&self) -> u32 {
        self.identity.server_id
    }

    fn server_uuid(&self) -> String {
        self.identity.uuid.to_string()
    }

    fn gtid_mode(&self) -> String {
        self.upstream_variable("gtid_mode").unwrap_or_else(|| {
            let has_gtids = !self.catalog.executed().is_empty();
            if has_gtids { "ON" } else { "OFF" }.to_owned()
        })
    }

    fn gtid_executed(&self) -> String {
        self.catalog.executed().to_lines()
    }

    fn gtid_purged(&self) -> String {
        // A file that cannot be read is found out, and said, by whoever reads it.
        self.catalog.purged().map(|gtids| gtids.to_lines()).unwrap_or_default()
    }

    fn bytes_after(&self, place: Position) -> u64 {
        let files = self.catalog.files().into_iter().filter(|file| file.id >= place.file);
        let lens = files.map(|file| {
            let passed = if file.id == place.file { place.offset } else { 0 };
            self.catalog.readable_len(&file).saturating_sub(passed)
        });
        lens.sum()
    }

    fn gtids_before(&self, place: Position) -> Option<String> {
        let gtids = if place == self.catalog.frontier().durable {
            self.catalog.logged()
        } else {
            let file = self.catalog.files().into_iter().find(|file| file.id == place.file)?;
            let found = || crate::dump::gtids_before(&self.catalog, file, place.offset);
            tokio::task::block_in_place(found).ok()??
        };
        let is_mariadb = self.is_mariadb();
        Some(if is_mariadb { gtids.position().to_string() } else { gtids.to_string() })
    }

    fn gtid_binlog_pos(&self) -> String {
        self.catalog.executed().position().to_string()
    }

    fn gtid_binlog_state(&self) -> String {
        let executed = self.catalog.executed();
        let last: Vec<_> = executed.last_of_domains().map(|gtid| gtid.to_string()).collect();
        last.join(",")
    }

    fn binlog_gtid_pos(&self, file: &str, position: u64) -> Result<Option<String>, Ambiguous> {
        let at = || crate::dump::position_at(&self.catalog, file, position);
        match tokio::task::block_in_place(at) {
            Ok(position) => Ok(position.map(|position| position.to_string())),
            Err(NameError::Ambiguous(ambiguous)) => Err(ambiguous),
            // A file that cannot be read is found out, and reported, by its readers.
            Err(_) => Ok(None),
        }
    }

    fn has_executed(&self, gtids: &Gtids) -> bool {
        has(&self.catalog, gtids)
    }

    fn executed(&self, gtids: Gtids) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let catalog = self.catalog.clone();
        Box::pin(async move {
            let (mut frontier, mut unlogged) = (catalog.watch(), catalog.watch_unlogged());
            loop {
                // In this order, so that nothing is missed between.
                let durable = frontier.now().durable;
                unlogged.mark_unchanged();
                if has(&catalog, &gtids) {
                    return;
                }
                tokio::select! {
                    moved = frontier.past(durable) => if moved.is_none() {
                        std::future::pending::<()>().await;
                    },
                    changed = unlogged.changed() => if changed.is_err() {
                        std::future::pending::<()>().await;
                    },
                }
            }
        })
    }

    fn has_position(&self, file: &str, position: u64) -> bool {
        reaches(&self.catalog, file, position)
    }

    fn position_reached(
        &self,
        file: String,
        position: u64,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let catalog = self.catalog.clone();
        Box::pin(async move {
            let mut frontier = catalog.watch();
            loop {
                let durable = frontier.now().durable;
                if reaches(&catalog, &file, position) {
                    return;
                }
                if frontier.past(durable).await.is_none() {
                    std::future::pending::<()>().await;
                }
            }
        })
    }

    fn binlog_checksum(&self) -> String {
        self.upstream_variable("binlog_checksum").unwrap_or_else(|| {
            let checksum = self.newest_format().map(|f| f.checksum);
            checksum.map_or("CRC32", |checksum| checksum.name()).to_owned()
        })
    }

    fn upstream_variable(&self, name: &str) -> Option<String> {
        if let Some(seen) = &*self.observation.borrow() {
            let value = seen.variables.value(name).or_else(|| seen.all.value(name));
            return value.map(str::to_owned);
        }
        self.with_primary(|primary| primary?.variables.value(name).map(str::to_owned))
    }

    fn upstream_variables(&self) -> Vec<(String, String)> {
        match &*self.observation.borrow() {
            Some(seen) => seen.all.iter().collect(),
            None => Vec::new(),
        }
    }

    fn binary_logs(&self) -> Vec<BinaryLog> {
        let files = self.catalog.shown_files().into_iter();
        let log = |(name, file): (_, Arc<LogFile>)| BinaryLog {
            name,
            size: self.catalog.readable_len(&file),
        };
        files.map(log).collect()
    }

    fn binary_log_status(&self) -> Option<BinaryLogStatus> {
        let file = self.catalog.files().pop()?;
        let position = self.catalog.readable_len(&file);
        Some(BinaryLogStatus { file: self.catalog.shown_name(&file), position })
    }

    fn events(&self, file: Option<&str>, from: u64) -> Result<Box<dyn EventRows>, EventsError> {
        tokio::task::block_in_place(|| Ok(Box::new(Listing::open(&self.catalog, file, from)?) as _))
    }

    fn ask_primary(
        &self,
        question: Question,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, AnswerError>> + Send>> {
        let (source, questions) = (self.source(), Arc::clone(&self.questions));
        Box::pin(async move {
            let none = || AnswerError::Unreachable("there is none".to_owned());
            let source = source.ok_or_else(none)?;
            let permit = tokio::time::timeout(ANSWER_TIMEOUT, questions.acquire_owned()).await;
            let permit = permit.map_err(|_| AnswerError::busy(QUESTIONS_MAX))?;
            let permit = permit.map_err(|_| none())?;
            crate::upstream::ask(&source, &question, permit).await
        })
    }

    fn primary_options(&self) -> Option<ConnectOptions> {
        self.source()
    }

    fn file_reaches(&self, file: &str, position: u64) -> Result<bool, String> {
        let files = self.catalog.files();
        let Some(newest) = files.last() else { return Ok(false) };
        let own = |of: &&Arc<LogFile>| of.timeline.number == newest.timeline.number;
        let mut own = files.iter().rev().filter(own);
        let Some(found) = own.find(|of| of.name.as_str() == file) else { return Ok(false) };
        let shown = self.catalog.shown_name(found);
        if shown == file { Ok(self.catalog.readable_len(found) >= position) } else { Err(shown) }
    }

    fn ready(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(self.until_ready())
    }

    fn replica_status(&self) -> Option<ReplicaStatus> {
        self.status_as_replica()
    }

    fn order(&self, order: Order) -> Result<Obeyed, OrderError> {
        self.obey(order)
    }

    fn purge(&self, target: &PurgeTarget) -> Result<PurgeOutcome, PurgeError> {
        tokio::task::block_in_place(|| purge::purge(&self.catalog, target))
    }

    fn semi_sync_offered(&self) -> bool {
        self.reader_acks.is_offered()
    }

    fn reader_acks(&self) -> AckStatus {
        self.reader_acks.status()
    }

    fn status(&self) -> Vec<(String, String)> {
        let (state, error) = match self.upstream() {
            UpstreamState::Connecting => ("Connecting", String::new()),
            UpstreamState::Following { semi_sync: true, .. } => {
                ("Following, semi-sync", String::new())
            }
            UpstreamState::Following { semi_sync: false, .. } => ("Following", String::new()),
            UpstreamState::Waiting(failure) => ("Waiting", failure.text),
            UpstreamState::Blocked(failure) => ("Blocked", failure.text),
            UpstreamState::Halted(failure) => ("Halted", failure.text),
            UpstreamState::Stopped => ("Stopped", String::new()),
        };
        let written = self.catalog.frontier().written.offset;
        [
            ("Binlogd_upstream_state", state.to_owned()),
            ("Binlogd_upstream_error", error),
            ("Binlogd_upstream_connects", self.counters.connects().to_string()),
            ("Binlogd_events_received", self.counters.events().to_string()),
            ("Binlogd_acks_sent", self.counters.acks().to_string()),
            ("Binlogd_reader_acks", self.reader_acks.status().counts.received.to_string()),
            ("Binlogd_written_position", written.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}
