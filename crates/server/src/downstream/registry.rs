//! Who is connected: for `SHOW PROCESSLIST`, `SHOW REPLICAS`, `KILL` and the limits.
//!
//! A session is in here from before its greeting until its [`Registration`] is dropped, however it
//! ends.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use binlogd_store::Position;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::error::SqlError;
use super::failures::Failures;
use crate::config::Limits;

/// The sessions of one stream.
#[derive(Debug, Default)]
pub struct Registry {
    sessions: Mutex<Sessions>,
    counters: Counters,
    pub(crate) failures: Failures,
}

#[derive(Debug, Default)]
struct Sessions {
    /// By id. Ids go up, and around after 2^32.
    by_id: BTreeMap<u32, Arc<Session>>,
    last_id: u32,
    logging_in: usize,
}

/// What happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Connections accepted.
    pub(crate) connections: AtomicU64,
    /// Connections that never logged in.
    pub(crate) aborted_connects: AtomicU64,
    /// Commands received.
    pub(crate) questions: AtomicU64,
    /// The most connections at one time.
    pub(crate) max_used: AtomicU64,
}

/// One session, as others see it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: u32,
    /// Where the client is: its address, or `localhost` on a unix socket.
    pub(crate) host: String,
    /// Cancelled to end the session.
    pub(crate) killed: CancellationToken,
    /// Whether it counts as one that logs in.
    logs_in: AtomicBool,
    /// Whether the client has said anything.
    was_heard: AtomicBool,
    /// It is ended because its reader has come back.
    pub(crate) replaced: Arc<AtomicBool>,
    state: Mutex<State>,
    /// How far a dump is. Apart from the state, since it changes all the time.
    progress: Mutex<Option<ReaderProgress>>,
}

/// How far a reader of the binlog is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderPlace {
    /// The file that it is sent, under the name by which it knows it.
    pub file: Arc<str>,
    /// Where in the stream the next event begins that it is to be sent.
    pub position: Position,
    /// The time stamp of the last event before that, in seconds since 1970; 0 before the first.
    pub event_time: u32,
}

/// What is known of a dump under way.
#[derive(Debug, Clone)]
pub(crate) struct ReaderProgress {
    pub(crate) place: ReaderPlace,
    /// What the reader was sent, in bytes of packets.
    pub(crate) sent_bytes: u64,
}

/// What a session is at. Only the session itself changes it.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// The account; `None` before the login is complete.
    pub(crate) user: Option<String>,
    pub(crate) db: Option<String>,
    pub(crate) command: &'static str,
    /// Since when `command` holds.
    pub(crate) since: Instant,
    /// What it does just now, in words; empty if there is nothing to say.
    pub(crate) status: &'static str,
    /// The statement under way.
    pub(crate) info: Option<String>,
    /// What COM_REGISTER_SLAVE said.
    pub(crate) replica: Option<Replica>,
    /// Whom it dumps to; `None` if it does not dump.
    pub(crate) dumping: Option<Reader>,
    /// Cancelled to end the statement under way, if that is one that lasts.
    pub(crate) statement: Option<CancellationToken>,
}

/// A replica as it introduced itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replica {
    pub(crate) server_id: u32,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) uuid: String,
}

/// By what a reader of the binlog is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reader {
    pub(crate) server_id: u32,
    pub(crate) uuid: Option<String>,
}

/// A place in the registry, given up when dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    registry: Arc<Registry>,
    session: Arc<Session>,
    logged_in: bool,
}

impl Registry {
    /// Takes in a new connection from `host`, an address and port, if the limits allow one more.
    pub(crate) fn register(
        self: &Arc<Self>,
        host: String,
        killed: CancellationToken,
        limits: &Limits,
    ) -> Result<Registration, SqlError> {
        self.counters.connections.fetch_add(1, Ordering::Relaxed);
        let mut sessions = self.lock();
        let per_address = limits.connections_per_address_max;
        if sessions.by_id.len() >= limits.connections_max
            || (per_address != 0 && sessions.from(&host) >= per_address)
            || (sessions.logging_in >= limits.logins_max && !sessions.drop_silent())
        {
            self.counters.aborted_connects.fetch_add(1, Ordering::Relaxed);
            return Err(SqlError::too_many_connections());
        }
        let id = sessions.next_id();
        let state = State {
            user: None,
            db: None,
            command: "Connect",
            since: Instant::now(),
            status: "",
            info: None,
            replica: None,
            dumping: None,
            statement: None,
        };
        let (state, progress, replaced) = (Mutex::new(state), Mutex::default(), Arc::default());
        let (logs_in, was_heard) = (AtomicBool::new(true), AtomicBool::new(false));
        let session = Session { id, host, killed, logs_in, was_heard, replaced, state, progress };
        let session = Arc::new(session);
        sessions.by_id.insert(id, Arc::clone(&session));
        sessions.logging_in += 1;
        let used = u64::try_from(sessions.by_id.len()).unwrap_or(u64::MAX);
        self.counters.max_used.fetch_max(used, Ordering::Relaxed);
        Ok(Registration { registry: Arc::clone(self), session, logged_in: false })
    }

    /// Makes the session `id` one of `user`, unless the account has as many as it may.
    pub(crate) fn claim(
        &self,
        id: u32,
        user: &str,
        own_max: Option<usize>,
        limits: &Limits,
    ) -> Result<(), SqlError> {
        let sessions = self.lock();
        let is_other = |session: &&Arc<Session>| {
            session.id != id && session.state().user.as_deref() == Some(user)
        };
        let max = match own_max {
            Some(own) => own,
            None if limits.connections_per_user_max == 0 => usize::MAX,
            None => limits.connections_per_user_max,
        };
        if max != usize::MAX && sessions.by_id.values().filter(is_other).count() >= max {
            return Err(match own_max {
                Some(own) => SqlError::user_limit_reached(user, own),
                None => SqlError::too_many_user_connections(user),
            });
        }
        if let Some(session) = sessions.by_id.get(&id) {
            session.update(|state| state.user = Some(user.to_owned()));
        }
        Ok(())
    }

    /// Ends the session `id`, on behalf of `user`, who must own it or be `admin`.
    ///
    /// With `query_only` a statement that lasts ends, and the session only if it dumps.
    pub(crate) fn kill(
        &self,
        id: u64,
        user: &str,
        admin: bool,
        query_only: bool,
    ) -> Result<(), SqlError> {
        let unknown = || SqlError::no_such_thread(id);
        let known = u32::try_from(id).map_err(|_| unknown())?;
        let session = self.lock().by_id.get(&known).cloned().ok_or_else(unknown)?;
        let state = session.state();
        if !admin && state.user.as_deref() != Some(user) {
            return Err(SqlError::kill_denied(id));
        }
        if !query_only || state.dumping.is_some() {
            session.killed.cancel();
        } else if let Some(statement) = state.statement {
            statement.cancel();
        }
        Ok(())
    }

    /// Notes that the client of the session `id` has answered its greeting.
    pub(crate) fn heard_of(&self, id: u32) {
        if let Some(session) = self.lock().by_id.get(&id) {
            session.was_heard.store(true, Ordering::Relaxed);
        }
    }

    /// Ends earlier dumps of a reader that has come back: its old connection may be dead without
    /// binlogd knowing. Readers are the same by UUID, and without one by server id other than 0.
    pub(crate) fn end_earlier_dumps(&self, of: &Reader, except: u32) -> usize {
        let same = |other: &Reader| match (&of.uuid, &other.uuid) {
            (Some(uuid), Some(other)) => uuid.eq_ignore_ascii_case(other),
            (None, None) => of.server_id != 0 && of.server_id == other.server_id,
            _ => false,
        };
        let mut ended = 0;
        for session in self.all() {
            let dumps = session.state().dumping.as_ref().is_some_and(same);
            if dumps && session.id != except && !session.killed.is_cancelled() {
                session.replaced.store(true, Ordering::Release);
                session.killed.cancel();
                ended += 1;
            }
        }
        ended
    }

    /// All sessions, by id.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        self.lock().by_id.values().cloned().collect()
    }

    /// How many sessions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().by_id.len()
    }

    /// Whether nobody is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets who has failed to log in.
    pub(crate) fn forget_failures(&self) {
        self.failures.forget();
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        // No code panics while it holds the lock, and if it did the map would be whole.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address without the port.
fn address(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(address, _)| address)
}

impl Sessions {
    /// How many sessions come from the same address.
    fn from(&self, host: &str) -> usize {
        let same = |session: &&Arc<Session>| address(&session.host) == address(host);
        self.by_id.values().filter(same).count()
    }

    /// Drops a connection to make room for one that logs in: of the address from which most have said
    /// nothing yet, the one that has been silent longest. `false` if there is none.
    fn drop_silent(&mut self) -> bool {
        let is_silent = |session: &&Arc<Session>| {
            session.logs_in.load(Ordering::Relaxed) && !session.was_heard.load(Ordering::Relaxed)
        };
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for session in self.by_id.values().filter(is_silent) {
            *counts.entry(address(&session.host)).or_default() += 1;
        }
        let Some(most) = counts.values().max() else { return false };
        let from_most = |session: &&Arc<Session>| counts.get(address(&session.host)) == Some(most);
        let oldest = self.by_id.values().filter(is_silent).filter(from_most);
        let oldest = oldest.min_by_key(|session| session.state().since).cloned();
        let Some(session) = oldest else { return false };
        debug!(connection = session.id, from = session.host, "dropped: silent, and others want in");
        session.killed.cancel();
        self.by_id.remove(&session.id);
        self.has_logged_in(&session);
        true
    }

    /// The session does not count among those that log in any more.
    fn has_logged_in(&mut self, session: &Session) {
        self.logging_in -= usize::from(session.logs_in.swap(false, Ordering::Relaxed));
    }

    /// The next id that nobody has, never 0.
    fn next_id(&mut self) -> u32 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if self.last_id != 0 && !self.by_id.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }
}

impl Session {
    /// What the session is at.
    pub(crate) fn state(&self) -> State {
        self.lock().clone()
    }

    /// Changes what others see of the session.
    pub(crate) fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
    }

    /// How far its dump is; `None` if there is none, or nothing was sent yet.
    pub(crate) fn progress(&self) -> Option<ReaderProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The reader was sent so many bytes more, and is there now.
    pub(crate) fn reached(&self, place: ReaderPlace, sent: usize) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let before = progress.as_ref().map_or(0, |progress| progress.sent_bytes);
        let sent_bytes = before.saturating_add(u64::try_from(sent).unwrap_or(u64::MAX));
        *progress = Some(ReaderProgress { place, sent_bytes });
    }

    /// Begins a command.
    pub(crate) fn begin(&self, command: &'static str, info: Option<String>) {
        self.update(|state| {
            state.command = command;
            state.status = "";
            state.statement = None;
            state.info = info;
            state.since = Instant::now();
        });
    }

    /// What ends the statement under way before it is done, for one that lasts.
    pub(crate) fn begin_lasting(&self) -> CancellationToken {
        let token = CancellationToken::new();
        self.update(|state| state.statement = Some(token.clone()));
        token
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The login is complete.
    pub(crate) fn logged_in(&mut self, user: &str) {
        self.logged_in = true;
        self.registry.lock().has_logged_in(&self.session);
        self.session.update(|state| state.user = Some(user.to_owned()));
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut sessions = self.registry.lock();
        sessions.by_id.remove(&self.session.id);
        sessions.has_logged_in(&self.session);
        if !self.logged_in {
            self.registry.counters.aborted_connects.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(registry: &Arc<Registry>) -> Result<Registration, SqlError> {
        let limits = Limits { connections_max: 3, logins_max: 2, ..Limits::default() };
        registry.register("10.0.0.1:1".into(), CancellationToken::new(), &limits)
    }

    fn dumping(registry: &Arc<Registry>, server_id: u32, uuid: Option<&str>) -> Registration {
        let mut registration = register(registry).unwrap();
        registration.logged_in("repl");
        let reader = Reader { server_id, uuid: uuid.map(str::to_owned) };
        registration.session().update(|state| state.dumping = Some(reader));
        registration
    }

    #[test]
    fn connections_and_logins_are_limited_and_freed() {
        let registry = Arc::new(Registry::default());
        let mut first = register(&registry).unwrap();
        let second = register(&registry).unwrap();
        registry.heard_of(1);
        registry.heard_of(2);
        assert_eq!(register(&registry).unwrap_err().code, 1040, "two log in already");
        first.logged_in("a");
        let third = register(&registry).unwrap();
        assert_eq!((first.session().id, second.session().id, third.session().id), (1, 2, 3));
        drop(second);
        assert_eq!(registry.len(), 2);
        let fourth = register(&registry).unwrap();
        registry.heard_of(fourth.session().id);
        assert_eq!(register(&registry).unwrap_err().code, 1040, "three are connected");
        first.logged_in("a");
        drop((first, third));
        assert_eq!(registry.len(), 1);
    }

    #[test]
    fn who_is_silent_makes_room_for_others() {
        let registry = Arc::new(Registry::default());
        let limits = Limits { logins_max: 4, ..Limits::default() };
        let from = |host: &str| registry.register(host.into(), CancellationToken::new(), &limits);
        let many: Vec<_> = (0..3).map(|n| from(&format!("10.0.0.1:{n}")).unwrap()).collect();
        let other = from("10.0.0.2:1").unwrap();
        registry.heard_of(many[0].session().id);
        // The oldest that has said nothing, of the address with most of these.
        let first = from("10.0.0.3:1").unwrap();
        let gone = |of: &Registration| of.session().killed.is_cancelled();
        assert_eq!([0, 1, 2].map(|n| gone(&many[n])), [false, true, false]);
        assert!(!gone(&other) && registry.len() == 4);
        let mut logged_in = from("10.0.0.3:2").unwrap();
        logged_in.logged_in("a");
        let _second = from("10.0.0.3:3").unwrap();
        assert!(gone(&other) || gone(&many[2]), "there are as many of each");
        for id in 1..=9 {
            registry.heard_of(id);
        }
        assert_eq!(from("10.0.0.4:1").unwrap_err().code, 1040, "all are logging in");
        drop((many, other, first));
        let _third = from("10.0.0.4:1").unwrap();
    }

    #[test]
    fn an_address_and_an_account_have_limits_of_their_own() {
        let registry = Arc::new(Registry::default());
        let limits = Limits {
            connections_per_address_max: 2,
            connections_per_user_max: 2,
            ..Limits::default()
        };
        let from = |host: &str| registry.register(host.into(), CancellationToken::new(), &limits);
        let (a, b) = (from("10.0.0.1:1").unwrap(), from("10.0.0.1:2").unwrap());
        assert_eq!(from("10.0.0.1:3").unwrap_err().code, 1040);
        let c = from("10.0.0.2:1").unwrap();
        let claim = |of: &Registration, own| registry.claim(of.session().id, "app", own, &limits);
        claim(&a, None).unwrap();
        claim(&a, None).unwrap();
        claim(&b, None).unwrap();
        assert_eq!(claim(&c, None).unwrap_err().code, 1203);
        assert_eq!(claim(&c, Some(2)).unwrap_err().code, 1226);
        claim(&c, Some(3)).unwrap();
    }

    #[test]
    fn owners_and_admins_kill() {
        let registry = Arc::new(Registry::default());
        let mut registration = register(&registry).unwrap();
        registration.logged_in("app");
        let id = u64::from(registration.session().id);
        assert_eq!(registry.kill(99, "app", true, false).unwrap_err().code, 1094);
        assert_eq!(registry.kill(id + (1 << 32), "app", true, false).unwrap_err().code, 1094);
        assert_eq!(registry.kill(id, "other", false, false).unwrap_err().code, 1095);
        registry.kill(id, "app", false, true).unwrap();
        assert!(!registration.session().killed.is_cancelled(), "it runs no query");
        registry.kill(id, "other", true, false).unwrap();
        assert!(registration.session().killed.is_cancelled());
    }

    #[test]
    fn a_reader_that_comes_back_ends_its_earlier_dump() {
        let registry = Arc::new(Registry::default());
        let a = dumping(&registry, 7, Some("AAAA"));
        let b = dumping(&registry, 7, Some("bbbb"));
        let reader = Reader { server_id: 8, uuid: Some("aaaa".into()) };
        assert_eq!(registry.end_earlier_dumps(&reader, b.session().id), 1);
        assert!(a.session().killed.is_cancelled());
        assert!(!b.session().killed.is_cancelled());
        drop((a, b));

        let c = dumping(&registry, 7, None);
        let d = dumping(&registry, 0, None);
        let zero = Reader { server_id: 0, uuid: None };
        assert_eq!(registry.end_earlier_dumps(&zero, 99), 0, "mysqlbinlog readers are many");
        let seven = Reader { server_id: 7, uuid: None };
        assert_eq!(registry.end_earlier_dumps(&seven, c.session().id), 0, "not itself");
        assert_eq!(registry.end_earlier_dumps(&seven, d.session().id), 1);
    }
}
