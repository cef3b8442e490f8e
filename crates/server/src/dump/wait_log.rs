//! Which readers were reported to wait. A reader that connects again and again is reported now and then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the same reader is reported.
const REPORT_EVERY: Duration = Duration::from_secs(300);

/// How many readers are remembered.
const READERS_MAX: usize = 1024;

/// When readers were reported, by their names.
#[derive(Debug, Default)]
pub(crate) struct WaitLog(Mutex<HashMap<String, Instant>>);

impl WaitLog {
    /// Whether to report a reader now.
    pub(super) fn is_due(&self, reader: &str, now: Instant) -> bool {
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reported.retain(|_, at| now.duration_since(*at) < REPORT_EVERY);
        if reported.contains_key(reader) || reported.len() >= READERS_MAX {
            return false;
        }
        reported.insert(reader.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_is_reported_once_in_a_while() {
        let (log, start) = (WaitLog::default(), Instant::now());
        let is_due =
            |reader: &str, seconds| log.is_due(reader, start + Duration::from_secs(seconds));
        assert!(is_due("a", 0) && is_due("b", 1));
        assert!(!is_due("a", 299) && !is_due("b", 299));
        assert!(is_due("a", 300) && !is_due("b", 300));
        for reader in 0..2 * READERS_MAX {
            is_due(&reader.to_string(), 302);
        }
        assert!(log.0.lock().unwrap().len() <= READERS_MAX);
    }
}
