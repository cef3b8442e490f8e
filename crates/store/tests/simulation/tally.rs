//! Counts of what happened, so that runs in which nothing does are noticed.

/// What happened in a run, to see that the runs are worth something.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) crashes: u64,
    pub(crate) kills: u64,
    pub(crate) opens_failed: u64,
    pub(crate) bytes_cut: u64,
    pub(crate) events_lost: u64,
    pub(crate) events_kept_unsynced: u64,
    pub(crate) syncs: u64,
    pub(crate) syncs_failed: u64,
    pub(crate) writes_failed: u64,
    pub(crate) starts_failed: u64,
    pub(crate) files: u64,
    pub(crate) forks: u64,
    pub(crate) recoveries: u64,
    pub(crate) seeks: u64,
}

impl Tally {
    fn numbers(&mut self) -> [(&'static str, &mut u64); 14] {
        [
            ("crashes", &mut self.crashes),
            ("kills", &mut self.kills),
            ("opens that failed", &mut self.opens_failed),
            ("bytes cut", &mut self.bytes_cut),
            ("events lost", &mut self.events_lost),
            ("events kept unsynced", &mut self.events_kept_unsynced),
            ("syncs", &mut self.syncs),
            ("syncs that failed", &mut self.syncs_failed),
            ("writes that failed", &mut self.writes_failed),
            ("files that could not be begun", &mut self.starts_failed),
            ("files", &mut self.files),
            ("forks", &mut self.forks),
            ("recoveries in place", &mut self.recoveries),
            ("seeks that led somewhere", &mut self.seeks),
        ]
    }

    pub(crate) fn add(&mut self, other: &Tally) {
        let mut other = Tally { ..*other };
        for ((_, sum), (_, more)) in self.numbers().into_iter().zip(other.numbers()) {
            *sum += *more;
        }
    }

    /// Fails if something hardly ever happened, so that the runs say nothing of it.
    pub(crate) fn check(mut self, seeds: u64) {
        for (what, count) in self.numbers() {
            assert!(*count * 4 > seeds, "only {count} {what} in {seeds} runs");
        }
    }
}
