//! Whether a stream can greet clients: a greeting names the primary's version, and replicas act on it.

use std::time::Duration;

use super::{Stream, UpstreamState};

/// How long a client waits for the first connection to the primary before it gets an error.
const FIRST_CONNECTION_WAIT: Duration = Duration::from_secs(5);

impl Stream {
    /// Waits until [`Stream::is_presentable`], but not after a failure, and not for long. Cancel safe.
    ///
    /// # Errors
    /// Why there is no version to present, without names: the client has not logged in.
    pub(super) async fn until_ready(&self) -> Result<(), String> {
        let (mut primary, mut upstream) = (self.primary.subscribe(), self.upstream.subscribe());
        let deadline = tokio::time::sleep(FIRST_CONNECTION_WAIT);
        tokio::pin!(deadline);
        let why = loop {
            if self.is_presentable() {
                return Ok(());
            }
            match &*upstream.borrow_and_update() {
                UpstreamState::Connecting | UpstreamState::Following { .. } => {}
                UpstreamState::Waiting(failure)
                | UpstreamState::Blocked(failure)
                | UpstreamState::Halted(failure) => break failure.outline,
                UpstreamState::Stopped => break "following the primary is stopped",
            }
            tokio::select! {
                _ = primary.changed() => {}
                _ = upstream.changed() => {}
                () = &mut deadline => break "the primary has not answered yet",
            }
        };
        let name = self.name();
        Err(format!("binlogd has nothing to serve in stream {name} yet: {why}. See binlogd's log"))
    }
}
