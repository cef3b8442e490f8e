//! How long to wait before the next try.

use std::time::Duration;

/// Waits that double from try to try, up to a limit, each shortened at random by up to a half so
/// that many clients of a restarted server do not come all at once.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// The longest wait for a server that refuses connections: to ask it costs next to nothing, and when it is back its first
/// commits wait for us.
const LONGEST_REFUSED: Duration = Duration::from_secs(1);

impl Backoff {
    /// Before the first try.
    #[must_use]
    pub fn new() -> Self {
        Self { next: FIRST }
    }

    /// The next wait.
    #[must_use]
    pub fn next_wait(&mut self) -> Duration {
        self.wait_up_to(LONGEST)
    }

    /// The next wait, after a connection was refused.
    #[must_use]
    pub fn next_wait_if_refused(&mut self) -> Duration {
        self.wait_up_to(LONGEST_REFUSED)
    }

    fn wait_up_to(&mut self, longest: Duration) -> Duration {
        let wait = self.next.min(longest);
        self.next = (wait * 2).min(longest);
        let mut random = [0];
        // Without randomness the wait is the longest one.
        let _ = aws_lc_rs::rand::fill(&mut random);
        wait - wait * u32::from(random[0]) / 512
    }

    /// After success.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_start_anew() {
        let mut backoff = Backoff::new();
        let mut longest = FIRST;
        for _ in 0..20 {
            let wait = backoff.next_wait();
            assert!(wait > longest / 2 - Duration::from_nanos(1) && wait <= longest, "{wait:?}");
            longest = (longest * 2).min(LONGEST);
        }
        assert_eq!(longest, LONGEST);
        backoff.reset();
        assert!(backoff.next_wait() <= FIRST);
    }

    #[test]
    fn a_server_that_refuses_is_asked_every_second() {
        let mut backoff = Backoff::new();
        for _ in 0..20 {
            let _ = backoff.next_wait();
        }
        for _ in 0..20 {
            assert!(backoff.next_wait_if_refused() <= LONGEST_REFUSED);
        }
        let _ = backoff.next_wait();
        assert!(backoff.next_wait() > LONGEST_REFUSED / 2, "other failures still wait longer");
    }
}
