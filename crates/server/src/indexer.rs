//! Keeps a stream's indexes up to date, so that who seeks finds them.
//!
//! It follows the writer at a distance and reads what that wrote, from the page cache: a commit has
//! no part in it. Files that were closed before binlogd started are indexed when somebody seeks in
//! them.

use std::sync::Arc;
use std::time::Duration;

use binlogd_store::{Catalog, FileId, Position, StoreError};
use tokio_util::sync::CancellationToken;

/// An index is brought up to date no more often.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs until `stop`.
pub(crate) async fn run(catalog: Arc<Catalog>, stop: CancellationToken) {
    let mut frontier = catalog.watch();
    let mut indexed = Position::default();
    let mut from = catalog.files().last().map_or(FileId(0), |file| file.id);
    loop {
        let durable = tokio::select! {
            durable = frontier.past(indexed) => durable,
            () = stop.cancelled() => return,
        };
        let Some(durable) = durable else { return };
        indexed = durable;
        let catalog = catalog.clone();
        let update = move || {
            for file in catalog.files().iter().filter(|file| file.id >= from) {
                match catalog.update_index(file) {
                    Err(StoreError::Purged { .. }) => {}
                    outcome => outcome?,
                }
            }
            Ok::<_, StoreError>(())
        };
        match tokio::task::spawn_blocking(update).await {
            Ok(Ok(())) => from = durable.file,
            Ok(Err(error)) => tracing::warn!("no index: {error}"),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => return,
        }
    }
}
