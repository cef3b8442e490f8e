//! An error that stays the same is logged once, and then only now and then.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Remembers what was logged lately.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    errors: VecDeque<Logged>,
}

#[derive(Debug)]
struct Logged {
    text: String,
    at: Instant,
    /// How often it came since then.
    unsaid: u32,
}

/// How often an error that lasts is logged again.
const SAID_EVERY: Duration = Duration::from_secs(300);

/// Errors that alternate are remembered up to this number.
const ERRORS_MAX: usize = 8;

impl Repeats {
    /// Whether to log it: how often it came since it was logged last.
    pub(super) fn should_say(&mut self, text: &str, now: Instant) -> Option<u32> {
        if let Some(known) = self.errors.iter_mut().find(|known| known.text == text) {
            if now.duration_since(known.at) < SAID_EVERY {
                known.unsaid += 1;
                return None;
            }
            known.at = now;
            return Some(std::mem::take(&mut known.unsaid));
        }
        if self.errors.len() == ERRORS_MAX {
            self.errors.pop_front();
        }
        self.errors.push_back(Logged { text: text.to_owned(), at: now, unsaid: 0 });
        Some(0)
    }

    /// What was logged has passed.
    pub(super) fn forget(&mut self) {
        self.errors.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_error_is_said_once_in_a_while_and_another_at_once() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(repeats.should_say("refused", at(0)), Some(0));
        assert_eq!(repeats.should_say("refused", at(10)), None);
        assert_eq!(repeats.should_say("refused", at(299)), None);
        assert_eq!(repeats.should_say("refused", at(300)), Some(2));
        assert_eq!(repeats.should_say("purged", at(301)), Some(0));
        // Errors that take turns are no news either.
        assert_eq!(repeats.should_say("refused", at(302)), None);
        assert_eq!(repeats.should_say("purged", at(303)), None);
        repeats.forget();
        assert_eq!(repeats.should_say("purged", at(304)), Some(0));
        for n in 0..100 {
            assert_eq!(repeats.should_say(&n.to_string(), at(305)), Some(0));
        }
        assert_eq!(repeats.errors.len(), ERRORS_MAX);
    }
}
