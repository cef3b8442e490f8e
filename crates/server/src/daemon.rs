//! All streams of a process, from start to stop.

use std::path::PathBuf;
use std::sync::Arc;

use binlogd_client::ClientError;
use binlogd_store::{Fs, OsFs, Store, StoreError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, StreamConfig};
use crate::follow::{FollowError, Follower};
use crate::identity::Identity;
use crate::stream::Stream;

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
    /// A stream has ended by itself, and there is nothing of it that could be served.
    #[error("stream {stream}: {source}")]
    Follow {
        /// The stream.
        stream: String,
        /// Why.
        source: FollowError,
    },
}

/// Runs all streams until `shutdown`.
///
/// # Errors
/// If a stream cannot start; or if every stream has failed and none has anything to serve.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), DaemonError> {
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let mut tasks = JoinSet::new();
    // Ends everything if one of the streams cannot start.
    let stop = shutdown.child_token();
    let _stop_on_error = stop.clone().drop_guard();
    for stream_config in config.streams {
        let dir = config.data_dir.join(&stream_config.name);
        let (stream, store) = open(fs.clone(), dir, stream_config).await?;
        let follower = Follower::new(stream.clone(), store);
        let stop = stop.clone();
        tasks.spawn(async move { (stream, follower.run(stop).await) });
    }
    while let Some(ended) = tasks.join_next().await {
        let Ok((stream, Err(source))) = ended else { continue };
        let name = stream.name();
        tracing::error!(stream = name, "stopped following the primary: {source}");
        if tasks.is_empty() && !stream.is_presentable() {
            return Err(DaemonError::Follow { stream: name.to_owned(), source });
        }
        if tasks.is_empty() {
            // What is stored can still be read.
            shutdown.cancelled().await;
        }
    }
    Ok(())
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
    let opening = tokio::task::spawn_blocking(move || {
        let store = Store::open(fs.clone(), &dir)?;
        let identity = Identity::load(&*fs, &dir, server_id)?;
        Ok((store, identity))
    });
    let (store, identity) = match opening.await {
        Ok(opened) => opened.map_err(in_store)?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    log_opened(&name, &store);
    let stream = Stream::new(config, identity, store.catalog().clone())
        .map_err(|source| DaemonError::Upstream { stream: name.clone(), source })?;
    Ok((Arc::new(stream), store))
}

fn log_opened(stream: &str, store: &Store) {
    let Some(resume) = store.resume() else {
        return tracing::info!(stream, "the data directory is empty");
    };
    let files = store.catalog().files().len();
    tracing::info!(stream, files, last = %resume.file.name, end = resume.end(), "opened");
    if resume.cut > 0 {
        tracing::warn!(
            stream, file = %resume.file.name, bytes = resume.cut,
            "cut the beginning of an event from the end of the last file; it was never acknowledged \
             and comes again"
        );
    }
}

