//! All streams of a process, from start to stop.

mod concerns;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use binlogd_client::ClientError;
use binlogd_store::{Fs, OsFs, Store, StoreError};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span};

use crate::config::{Config, Limits, StreamConfig};
use crate::descriptors;
use crate::downstream::{Downstream, ListenError};
use crate::follow::{FollowError, Follower};
use crate::identity::Identity;
use crate::indexer;
use crate::retention::Retention;
use crate::stream::Stream;
use crate::upstream::observe;

/// Why the daemon could not start or has ended.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A stream's data directory cannot be used.
    #[error("stream {stream}: {source}")]
    Store {
        /// The stream.
        stream: String,
        /// Why.
        source: StoreError,
    },
    /// A stream's upstream URL is wrong.
    #[error("stream {stream}: upstream: {source}")]
    Upstream {
        /// The stream.
        stream: String,
        /// Why.
        source: ClientError,
    },
    /// What was ordered of a stream's upstream cannot be read.
    #[error("stream {stream}: {what}")]
    Kept {
        /// The stream.
        stream: String,
        /// What is wrong.
        what: String,
    },
    /// The system gives a stream no thread.
    #[error("stream {stream}: cannot start a thread: {source}")]
    Thread {
        /// The stream.
        stream: String,
        /// Why.
        source: std::io::Error,
    },
    /// A stream's readers cannot be served.
    #[error("stream {stream}: {source}")]
    Listen {
        /// The stream.
        stream: String,
        /// Why.
        source: ListenError,
    },
    /// A stream has ended by itself, and there is nothing of it that could be served.
    #[error("stream {stream}: {source}")]
    Follow {
        /// The stream.
        stream: String,
        /// Why.
        source: FollowError,
    },
}

impl DaemonError {
    /// Whether the configuration is wrong: an upstream's options, or certificate and key files.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Upstream { .. } => true,
            Self::Listen { source, .. } => source.is_configuration(),
            _ => false,
        }
    }
}

/// Runs all streams until `shutdown`.
///
/// # Errors
/// If a stream cannot start; or if every stream has failed and none has anything to serve.
pub async fn run(mut config: Config, shutdown: CancellationToken) -> Result<(), DaemonError> {
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    report_open_folder(&config.data_dir);
    descriptors::fit(&mut config.limits, descriptors::raise_limit(), config.streams.len());
    let stop = shutdown.child_token();
    // Ends the streams that have started if another one cannot.
    let _stop_on_error = stop.clone().drop_guard();
    let mut opened = Vec::new();
    for stream in config.streams {
        let dir = config.data_dir.join(&stream.name);
        let span = info_span!("open", stream = stream.name);
        let opening = async {
            concerns::warn(&stream);
            let (stream, store) = open(fs.clone(), dir, stream).await?;
            stream.catalog().set_tail_bytes_max(config.limits.tail_bytes_max);
            let downstream = bind(&stream, &config.limits, &config.data_dir.join("tls")).await?;
            Ok((stream, store, downstream))
        };
        opened.push(opening.instrument(span).await?);
    }
    let mut followers = JoinSet::new();
    let mut tasks = JoinSet::new();
    for (stream, store, downstream) in opened {
        tasks.spawn(downstream.serve(stop.clone()));
        let (catalog, policy) = (stream.catalog().clone(), stream.config().retention);
        let primary = stream.clone();
        let retention = Retention::new(catalog, policy);
        let retention = retention.run(move || primary.primary_time(), stop.clone());
        tasks.spawn(retention.instrument(info_span!("retention", stream = stream.name())));
        let indexing = indexer::run(stream.catalog().clone(), stop.clone());
        tasks.spawn(indexing.instrument(info_span!("index", stream = stream.name())));
        let observing = observe(stream.clone(), stop.clone());
        tasks.spawn(observing.instrument(info_span!("observe", stream = stream.name())));
        let follower = Follower::new(stream.clone(), store);
        let ended = follow_on_thread(stream.name(), follower, stop.clone())?;
        followers.spawn(async move { (stream, ended.await) });
    }
    let outcome = follow_all(followers, &shutdown).await;
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    outcome
}

/// Follows on a thread of its own, with a runtime of its own: it writes and syncs there, and waits
/// for nobody else.
fn follow_on_thread(
    stream: &str,
    follower: Follower,
    stop: CancellationToken,
) -> Result<impl Future<Output = Result<(), FollowError>> + use<>, DaemonError> {
    let no_thread = |source| DaemonError::Thread { stream: stream.to_owned(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(no_thread)?;
    let (sender, ended) = oneshot::channel();
    let name = format!("follow {stream}");
    let span = info_span!("follow", stream);
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        let _entered = span.entered();
        // Nobody waits any more if the daemon is ending with an error.
        let _ = sender.send(runtime.block_on(follower.run(stop)));
    });
    let thread = thread.map_err(no_thread)?;
    Ok(async move {
        match (ended.await, thread.join()) {
            (Ok(outcome), Ok(())) => outcome,
            (_, Err(panic)) => std::panic::resume_unwind(panic),
            (Err(_), Ok(())) => Ok(()),
        }
    })
}

/// Waits until all streams have ended.
async fn follow_all(
    mut followers: JoinSet<(Arc<Stream>, Result<(), FollowError>)>,
    shutdown: &CancellationToken,
) -> Result<(), DaemonError> {
    let mut can_serve = false;
    while let Some(ended) = followers.join_next().await {
        let (stream, source) = match ended {
            Ok((stream, Err(source))) => (stream, source),
            Ok((_, Ok(()))) => continue,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        can_serve |= stream.is_presentable();
        let name = stream.name().to_owned();
        if followers.is_empty() && !can_serve {
            return Err(DaemonError::Follow { stream: name, source });
        }
        tracing::error!(stream = name, "no longer following the primary: {source}");
    }
    if can_serve {
        // What is stored can still be read.
        shutdown.cancelled().await;
    }
    Ok(())
}

async fn bind(
    stream: &Arc<Stream>,
    limits: &Limits,
    tls_dir: &Path,
) -> Result<Downstream, DaemonError> {
    Downstream::bind(stream.config(), limits, tls_dir, stream.clone(), stream.clone())
        .await
        .map_err(|source| DaemonError::Listen { stream: stream.name().to_owned(), source })
}

/// Opens a stream's folder.
async fn open(
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    config: StreamConfig,
) -> Result<(Arc<Stream>, Store), DaemonError> {
    let name = config.name.clone();
    let in_store = |source| DaemonError::Store { stream: name.clone(), source };
    let server_id = config.server_id.map(Into::into);
    let folder = dir.clone();
    let span = tracing::Span::current();
    let opening = tokio::task::spawn_blocking(move || {
        let _entered = span.entered();
        let store = Store::open(fs.clone(), &dir)?;
        let identity = Identity::load(&*fs, &dir, server_id)?;
        Ok((store, identity))
    });
    let (store, identity) = match opening.await {
        Ok(opened) => opened.map_err(in_store)?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    log_opened(&store);
    let stream = Stream::new(config, identity, store.catalog().clone())
        .map_err(|source| DaemonError::Upstream { stream: name.clone(), source })?;
    stream
        .keep_changes_in(&folder)
        .map_err(|what| DaemonError::Kept { stream: name.clone(), what })?;
    Ok((Arc::new(stream), store))
}

/// The data directory may hold what is not binlogd's, so its mode is left as it is.
fn report_open_folder(dir: &Path) {
    let mode = std::fs::metadata(dir).map_or(0, |metadata| metadata.permissions().mode() & 0o7777);
    if mode & 0o027 != 0 {
        tracing::info!(
            "the data directory {} has mode {mode:04o}: others can see which streams there are, but \
             not read them. chmod 750 closes it",
            dir.display()
        );
    }
}

fn log_opened(store: &Store) {
    let Some(resume) = store.resume() else {
        return tracing::info!("the data directory is empty");
    };
    let files = store.catalog().files().len();
    tracing::info!(files, last = %resume.file.name, end = resume.end(), "opened");
    if resume.cut > 0 {
        tracing::warn!(
            file = %resume.file.name, bytes = resume.cut,
            "cut the beginning of an event from the end of the last file; it was never acknowledged \
             and comes again"
        );
    }
}
