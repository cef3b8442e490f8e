//! An error that stays the same is said once, and then only now and then.

use std::time::{Duration, Instant};

/// Remembers what was said last.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    last: Option<(String, Instant)>,
    unsaid: u32,
}

/// How often an error that lasts is said again.
const SAID_EVERY: Duration = Duration::from_secs(300);

impl Repeats {
    /// Whether to say it: how often it came since it was said last.
    pub(super) fn should_say(&mut self, text: &str, now: Instant) -> Option<u32> {
        if let Some((last, said)) = &self.last
            && last == text
            && now.duration_since(*said) < SAID_EVERY
        {
            self.unsaid += 1;
            return None;
        }
        self.last = Some((text.to_owned(), now));
        Some(std::mem::take(&mut self.unsaid))
    }

    /// What was said has passed.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
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
        repeats.forget();
        assert_eq!(repeats.should_say("purged", at(302)), Some(0));
    }
}
