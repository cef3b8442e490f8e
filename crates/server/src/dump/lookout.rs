//! When it pays to ask the index how far a reader has, or does not want, what comes next. Where that ends
//! is not known here.

/// What a reader was not sent of late.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    /// Bytes of transactions that were left out since something was sent.
    left_out: u64,
    /// So many have to be before the index is asked: the reader may be about to be sent something.
    patience: u64,
}

impl Lookout {
    /// For a reader that begins where the index has led it already, or at a file's head.
    pub(super) fn new(is_led: bool, distance: u64) -> Self {
        Self { left_out: 0, patience: if is_led { distance } else { 0 } }
    }

    /// Takes note of an event, or its front.
    pub(super) fn event(&mut self, len: usize, is_left_out: bool) {
        if is_left_out {
            self.more(len);
        } else {
            self.left_out = 0;
        }
    }

    /// Takes note of more of an event that is left out.
    pub(super) fn more(&mut self, len: usize) {
        self.left_out = self.left_out.saturating_add(len as u64);
    }

    /// Whether to ask.
    pub(super) fn is_due(&self) -> bool {
        self.left_out > self.patience
    }

    /// Takes note of an answer, in a file with checkpoints at this distance: what is sought is now no
    /// further than the next. Who asks in vain waits for longer and longer.
    pub(super) fn answered(&mut self, is_found: bool, distance: u64) {
        if is_found {
            *self = Self::new(true, distance);
        } else {
            self.patience = self.patience.saturating_mul(2).max(distance);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a reader asks who is left out `runs` of so many events of 10 bytes, with one sent between,
    /// and always in vain.
    fn asks_in_vain(runs: usize, events: usize) -> usize {
        let mut lookout = Lookout::default();
        let mut asks = 0;
        for _ in 0..runs {
            for _ in 0..events {
                lookout.event(10, true);
                if lookout.is_due() {
                    lookout.answered(false, 100);
                    asks += 1;
                }
            }
            lookout.event(10, false);
        }
        asks
    }

    #[test]
    fn it_asks_at_once_and_in_vain_ever_more_seldom() {
        assert_eq!(asks_in_vain(1, 1), 1);
        assert_eq!(asks_in_vain(1000, 1), 1);
        // Behind 10, 110, 210, 410, … bytes.
        assert_eq!(asks_in_vain(1, 10), 1);
        assert_eq!(asks_in_vain(1, 11), 2);
        assert_eq!(asks_in_vain(1, 100_000), 15);
        assert_eq!(asks_in_vain(1000, 21), 3);
    }

    #[test]
    fn who_was_led_somewhere_asks_again_behind_a_checkpoints_distance() {
        let mut lookout = Lookout::default();
        lookout.event(10, true);
        lookout.answered(true, 100);
        lookout.event(50, true);
        lookout.more(50);
        assert!(!lookout.is_due());
        lookout.more(1);
        assert!(lookout.is_due());
        lookout.event(10, false);
        assert!(!lookout.is_due());
    }
}
