//! Whether a stream can greet clients: a greeting names the primary's version, and replicas act on it.

use std::time::Duration;

use super::{Stream, UpstreamState};

/// How long a client waits for the first connection to the primary before it gets an error.
const FIRST_CONNECTION_WAIT: Duration = Duration::from_secs(5);

impl Stream {
    /// Waits until [`Stream::is_presentable`], and for the first values of a connected primary's variables; but not
    /// after a failure, and not for long. Cancel safe.
    ///
    /// # Errors
    /// Why there is no version to present, without names: the client has not logged in.
    pub(super) async fn until_ready(&self) -> Result<(), String> {
        let (mut primary, mut upstream) = (self.primary.subscribe(), self.upstream.subscribe());
        let mut observation = self.observation.subscribe();
        let deadline = tokio::time::sleep(FIRST_CONNECTION_WAIT);
        tokio::pin!(deadline);
        let why = loop {
            let is_observed = observation.borrow_and_update().is_some();
            let state = upstream.borrow_and_update().clone();
            let is_presentable = self.is_presentable();
            if is_presentable && (is_observed || !matches!(state, UpstreamState::Following { .. }))
            {
                return Ok(());
            }
            match &state {
                UpstreamState::Connecting | UpstreamState::Following { .. } => {}
                UpstreamState::Waiting(failure)
                | UpstreamState::Blocked(failure)
                | UpstreamState::Halted(failure) => break failure.outline,
                UpstreamState::Stopped => break "following the primary is stopped",
            }
            tokio::select! {
                _ = primary.changed() => {}
                _ = upstream.changed() => {}
                _ = observation.changed() => {}
                // Where the primary does not say, readers are told defaults.
                () = &mut deadline => match is_presentable {
                    true => return Ok(()),
                    false => break "the primary has not answered yet",
                },
            }
        };
        let name = self.name();
        Err(format!("binlogd has nothing to serve in stream {name} yet: {why}. See binlogd's log"))
    }
}
