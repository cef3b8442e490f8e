//! The observer: a second connection to the primary that is followed, on which its variables are read again and again.
//!
//! It begins after the dump has begun, so a primary that lets it wait delays nothing. What it sees is published as an
//! [`Observation`]; readers are told from it, and the follower and the log learn of changes. The transactions that stand in
//! none of the primary's files are noted in the store.

use std::sync::Arc;
use std::time::Duration;

use binlogd_client::{ConnectOptions, Connection};
use binlogd_event::ServerVersion;
use binlogd_store::SourceId;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::unlogged::{note_unlogged, until_proven};
use super::variables::{SEMI_SYNC_ENABLED, SemiSyncState, Variables};
use super::{Backoff, UpstreamError};
use crate::downstream::upstream_variables;
use crate::stream::Stream;

/// What was last seen of the primary that is followed.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Whose history its files are.
    pub source: SourceId,
    /// Its global variables: those that binlogd acts on, or that readers are told.
    pub variables: Variables,
    /// All of its variables but sets of GTIDs, which may be long, at most [`LIST_EVERY`] older.
    pub all: Arc<Variables>,
}

/// How old an observation becomes.
const OBSERVE_EVERY: Duration = Duration::from_secs(1);

/// How old the list of all variables becomes.
const LIST_EVERY: Duration = Duration::from_secs(5);

/// How many variables are kept, and how many bytes of them: a primary has some hundreds in about 40 KiB.
const LISTED_MAX: usize = 4096;
const LISTED_BYTES_MAX: usize = 1 << 20;

/// How long an answer may take. Longer than a commit usually waits for semi-sync, since variables may be locked as long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// So many failures in a row are reported. Fewer may come from a primary that is about to restart.
const FAILURES_REPORTED: u32 = 4;

/// The longest row of an answer, in bytes: a set of GTIDs may be long.
const ROW_BYTES_MAX: usize = 16 << 20;

/// What binlogd itself wants to know.
const OWN_VARIABLES: [&str; 6] =
    ["server_id", "server_uuid", "read_only", "binlog_checksum", "gtid_mode", "log_bin"];

/// Observes whichever primary the stream follows, until `stop`.
pub async fn observe(stream: Arc<Stream>, stop: CancellationToken) {
    let mut followed = stream.watch_followed();
    loop {
        let options = followed.borrow_and_update().clone();
        let observing = async {
            match options {
                Some(options) => observe_one(&stream, &options).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = observing => {}
            changed = followed.changed() => if changed.is_err() { return },
            () = stop.cancelled() => return,
        }
    }
}

/// Waits until semi-sync can be had at a server that did not have it when its dump began. That dump does not take part.
pub async fn semi_sync_appears(
    options: &ConnectOptions,
    mut observed: watch::Receiver<Option<Observation>>,
) -> UpstreamError {
    let can_be_had = |seen: &Option<Observation>| {
        seen.as_ref().is_some_and(|seen| seen.variables.semi_sync() != SemiSyncState::Absent)
    };
    if observed.wait_for(can_be_had).await.is_err() {
        return std::future::pending().await;
    }
    UpstreamError::SemiSyncAppeared(options.address())
}

/// Observes one server for as long as the future is polled.
async fn observe_one(stream: &Stream, options: &ConnectOptions) {
    let mut tries = Tries { backoff: Backoff::new(), failures: 0 };
    loop {
        if let Err(error) = observe_over_connection(stream, options, &mut tries).await {
            tokio::time::sleep(tries.failed(&error)).await;
        }
    }
}

/// How the last tries to observe went.
struct Tries {
    backoff: Backoff,
    /// Failures in a row.
    failures: u32,
}

impl Tries {
    fn succeeded(&mut self) {
        self.backoff.reset();
        if std::mem::take(&mut self.failures) >= FAILURES_REPORTED {
            tracing::info!("the primary's variables can be read again");
        }
    }

    /// Reports lasting failures, once. Returns how long to wait.
    fn failed(&mut self, error: &UpstreamError) -> Duration {
        self.failures = self.failures.saturating_add(1);
        if self.failures == FAILURES_REPORTED {
            tracing::warn!(
                "the primary's variables cannot be read over a second connection. Until they can, readers see \
                 their last values, changes of semi-sync are not noticed, and neither are transactions that \
                 stand in none of the primary's binlog files ({error})"
            );
        } else {
            tracing::debug!(failures = self.failures, "observing: {error}");
        }
        self.backoff.next_wait()
    }
}

async fn observe_over_connection(
    stream: &Stream,
    options: &ConnectOptions,
    tries: &mut Tries,
) -> Result<(), UpstreamError> {
    let options = options.clone().max_payload_len(ROW_BYTES_MAX);
    let mut connection = Connection::connect(&options).await?;
    let version = ServerVersion::new(connection.server_version().to_string());
    let silent = || UpstreamError::Silent(options.address(), ANSWER_TIMEOUT.as_secs());
    let mut may_list = true;
    let mut all = Arc::default();
    let mut list_at = Instant::now();
    loop {
        let next = Instant::now() + OBSERVE_EVERY;
        if Instant::now() >= list_at {
            let listing = list(&mut connection);
            let listed = tokio::time::timeout(ANSWER_TIMEOUT, listing).await;
            all = Arc::new(listed.map_err(|_| silent())??);
            list_at = Instant::now() + LIST_EVERY;
        }
        let looking = look(&mut connection, &version, &all);
        let observation =
            tokio::time::timeout(ANSWER_TIMEOUT, looking).await.map_err(|_| silent())??;
        let source = observation.source.clone();
        stream.set_observation(observation);
        if may_list && until_proven(stream, next).await {
            let noting = note_unlogged(stream, &mut connection, &version, &source);
            match tokio::time::timeout(ANSWER_TIMEOUT, noting).await.map_err(|_| silent())? {
                Err(error @ UpstreamError::Privilege { .. }) => {
                    may_list = false;
                    tracing::warn!(
                        "it cannot be found out which of the primary's transactions stand in none of its \
                         binlog files: readers that lack them are not refused ({error})"
                    );
                }
                noted => noted?,
            }
        }
        tries.succeeded();
        tokio::time::sleep_until(next).await;
    }
}

/// Looks once. What a primary may have to wait for is fine here, as long as it holds nothing meanwhile that a dump
/// needs.
async fn look(
    connection: &mut Connection,
    version: &ServerVersion,
    all: &Arc<Variables>,
) -> Result<Observation, UpstreamError> {
    let names = OWN_VARIABLES.iter().chain(&SEMI_SYNC_ENABLED).copied();
    let names: Vec<_> = names.chain(upstream_variables()).collect();
    let query = format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('{}')", names.join("', '"));
    let rows = connection.query_all(&query).await?;
    let values =
        rows.iter().filter_map(|row| Some((row.text(0)?.into_owned(), row.text(1)?.into_owned())));
    let variables: Variables = values.collect();
    Ok(Observation { source: variables.source(version)?, variables, all: Arc::clone(all) })
}

/// All variables, for readers that ask for one of them: the global values, and of those that only sessions have the
/// session's.
async fn list(connection: &mut Connection) -> Result<Variables, UpstreamError> {
    /// Sets of GTIDs: those of binlogd are its own, and the primary's may be long.
    const GTIDS: &str = "'gtid_executed', 'gtid_purged', 'gtid_owned', 'gtid_binlog_pos', \
                         'gtid_binlog_state', 'gtid_current_pos', 'gtid_slave_pos'";
    /// What accounts of the primary may see, but not those of binlogd.
    const SECRETS: [&str; 2] = ["report_password", "wsrep_sst_auth"];
    let mut listed = Variables::default();
    let mut bytes = 0;
    for scope in ["GLOBAL", "SESSION"] {
        let query = format!("SHOW {scope} VARIABLES WHERE Variable_name NOT IN ({GTIDS})");
        let mut rows = connection.query(&query).await?;
        let mut count = 0;
        while let Some(row) = rows.next().await? {
            let (Some(name), Some(value)) = (row.text(0), row.text(1)) else { continue };
            count += 1;
            bytes += name.len() + value.len();
            if SECRETS.contains(&&*name.to_lowercase()) {
                continue;
            }
            if count > LISTED_MAX || bytes > LISTED_BYTES_MAX {
                tracing::debug!(query, "the list of variables is too long");
                continue;
            }
            let name = name.to_lowercase();
            if listed.value(&name).is_none() {
                listed.set(&name, value.into_owned());
            }
        }
    }
    Ok(listed)
}
