//! The time between a failure and the next connection: how long to wait, what to log, and what to wait for.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{FollowError, Follower};
use crate::stream::UpstreamState;

/// How often to look whether a full disk has room.
const LOOK_FOR_ROOM_EVERY: Duration = Duration::from_secs(1);

/// How much room there must be, in bytes, in addition to what did not fit.
const ROOM_MIN: u64 = 1 << 20;

/// A failure after so long does not belong to those before.
const LONG: Duration = Duration::from_secs(60);

impl Follower {
    /// Reports an error, and waits until the next try.
    pub(super) async fn wait_after(&mut self, error: &FollowError, shutdown: &CancellationToken) {
        // What has to be mended comes again at once, after events that came before it.
        if self.take_progress() && !error.needs_somebody() {
            self.backoff.reset();
            self.repeats.forget();
        } else if self.resumed.elapsed() >= LONG {
            self.backoff.reset();
        }
        let wait = if error.is_refused() {
            self.backoff.next_wait_if_refused()
        } else {
            self.backoff.next_wait()
        };
        let failure = error.failure();
        let text = &failure.text;
        let retry_in_s = tracing::field::display(format!("{:.1}", wait.as_secs_f64()));
        // A stream that was never connected may have a wrong flag: the person who started it is waiting for the error.
        let is_urgent = error.needs_somebody() || self.stream.counters().connects() == 0;
        match self.repeats.should_say(text, Instant::now()) {
            None => tracing::debug!(retry_in_s, "{text}"),
            Some(before) => {
                let repeated = (before > 0).then_some(before);
                match is_urgent {
                    true => tracing::error!(retry_in_s, repeated, "{text}"),
                    false => tracing::warn!(retry_in_s, repeated, "{text}"),
                }
            }
        }
        self.stream.set_upstream(match error.needs_somebody() {
            true => UpstreamState::Blocked(failure),
            false => UpstreamState::Waiting(failure),
        });
        let room = std::mem::take(&mut self.refused).saturating_add(ROOM_MIN);
        tokio::select! {
            () = self.rest(wait, error.needs_room().then_some(room)) => {}
            () = shutdown.cancelled() => {}
            () = self.stream.control().until_wanted(false) => {}
            () = self.stream.control().until_hurried() => {}
        }
        self.resumed = Instant::now();
    }

    /// Whether new bytes are durable since the last failure. What comes again, or cannot be stored, is no
    /// progress, however much of it comes.
    fn take_progress(&mut self) -> bool {
        let durable = self.stream.catalog().frontier().durable;
        let is_new = durable > self.furthest;
        self.furthest = self.furthest.max(durable);
        is_new
    }

    /// Waits; after a full disk, until there is `room` again, in bytes. Before that nothing is asked of the
    /// primary, which would send all of it again and again.
    async fn rest(&self, wait: Duration, room: Option<u64>) {
        tokio::time::sleep(wait).await;
        let Some(room) = room else { return };
        let mut was_full = false;
        loop {
            match self.store.probe_space(room) {
                Err(error) if error.is_full() => was_full = true,
                // The room came during the wait, or something else is full than what a probe finds.
                Ok(()) if !was_full => return,
                Ok(()) => return tracing::info!("there is room on the disk again"),
                // The next try meets this error too, and reports it.
                Err(error) => {
                    return tracing::debug!("cannot find out whether there is room: {error}");
                }
            }
            tokio::time::sleep(LOOK_FOR_ROOM_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use binlogd_store::StoreError;
    use rustix::io::Errno;

    use super::*;
    use crate::upstream::UpstreamError;

    #[test]
    fn errors_of_the_disk_are_the_same_wherever_they_are_met() {
        for (errno, needs_room) in [
            (Errno::NOSPC, true),
            (Errno::DQUOT, true),
            (Errno::MFILE, false),
            (Errno::INTR, false),
            (Errno::IO, false),
        ] {
            let error = || StoreError::Io {
                action: "create",
                path: PathBuf::from("/s"),
                source: io::Error::from(errno),
            };
            for error in [FollowError::from(error()), UpstreamError::from(error()).into()] {
                assert_eq!(error.needs_room(), needs_room, "{error:?}");
                assert!(!error.needs_somebody(), "{error:?}");
            }
        }
        let halted = FollowError::from(UpstreamError::from(StoreError::Poisoned));
        assert!(halted.needs_somebody() && !halted.needs_room());
    }
}
