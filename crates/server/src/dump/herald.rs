//! Tells a stream's readers that there is something new.
//!
//! A commit on the primary waits for the thread that moves the frontier, so that thread wakes one
//! task, and this task wakes the readers. With many of them it takes breaks: what becomes durable
//! meanwhile goes to each reader in one piece, and the processors are left to others for a while.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use binlogd_store::{Catalog, FrontierWatch, Position};
use tokio::sync::watch;

/// Readers are woken no more often than at this distance, for each of them. To send to one takes
/// about half of it, of one processor.
const PACE: Duration = Duration::from_micros(20);

/// Shorter breaks are not worth a timer.
const BREAK_MIN: Duration = Duration::from_millis(1);

/// The task, once somebody reads.
#[derive(Debug, Default)]
pub(crate) struct Herald {
    durable: OnceLock<Arc<watch::Sender<Position>>>,
}

/// What the herald has to say.
#[derive(Debug)]
pub(crate) struct News {
    durable: watch::Receiver<Position>,
}

impl Herald {
    /// Listens; within a runtime, that of the readers. What is durable already is no news.
    pub(crate) fn listen(&self, catalog: &Catalog) -> News {
        let sender = self.durable.get_or_init(|| {
            let frontier = catalog.watch();
            let sender = Arc::new(watch::Sender::new(frontier.now().durable));
            tokio::spawn(proclaim(frontier, sender.clone()));
            sender
        });
        News { durable: sender.subscribe() }
    }
}

/// Until the store is closed.
async fn proclaim(mut frontier: FrontierWatch, sender: Arc<watch::Sender<Position>>) {
    let mut said = *sender.borrow();
    while let Some(durable) = frontier.past(said).await {
        said = durable;
        sender.send_replace(durable);
        let readers = u32::try_from(sender.receiver_count()).unwrap_or(u32::MAX);
        let pace = PACE.saturating_mul(readers);
        if pace >= BREAK_MIN {
            tokio::time::sleep(pace).await;
        }
    }
}

impl News {
    /// Waits until bytes past `position` are durable, for ever if there will be no more. Cancel
    /// safe.
    pub(crate) async fn past(&mut self, position: Position) {
        if self.durable.wait_for(|durable| *durable > position).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
