//! Waiting for another process with a deadline, instead of sleeping and hoping.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often [`wait_until`] looks.
const POLL: Duration = Duration::from_millis(20);

/// Calls `ready` until it answers `Ok(true)`. `what` names the awaited thing in the error.
///
/// # Errors
/// When `timeout` passes, with the last error of `ready` if its last answer was one.
pub fn wait_until(
    what: &str,
    timeout: Duration,
    mut ready: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let deadline = Instant::now() + timeout;
    loop {
        let answer = ready();
        if matches!(answer, Ok(true)) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            match answer {
                Err(error) => return Err(error.context(format!("{what}: not after {timeout:?}"))),
                Ok(_) => bail!("{what}: not after {timeout:?}"),
            }
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_in_the_message_when_time_is_up() {
        let outcome = wait_until("a reply", Duration::ZERO, || bail!("connection refused"));
        let message = format!("{:#}", outcome.unwrap_err());
        assert!(message.contains("a reply") && message.contains("connection refused"), "{message}");
    }

    #[test]
    fn a_condition_that_becomes_true_ends_the_wait() {
        let mut calls = 0;
        wait_until("three calls", Duration::from_secs(60), || {
            calls += 1;
            Ok(calls == 3)
        })
        .unwrap();
        assert_eq!(calls, 3);
    }
}
