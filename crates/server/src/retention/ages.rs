//! How old files are, by a system clock that may jump, and how many may go for their age at once.
//!
//! While binlogd runs it compares the system clock with the monotonic one: a jump does not make files older or
//! younger. After a start there is nothing to compare with. Then nothing goes for its age while the system clock is
//! ahead of the primary's; and in any case files go slowly, so that an operator can step in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A smaller difference between the clocks is no jump, in seconds: clocks are adjusted all the time.
const JUMP_MIN_S: i64 = 60;

/// The system clock may be so far ahead of the primary's, in seconds.
const AHEAD_MAX_S: i64 = 3_600;

/// So many jumps are remembered; older ones are forgotten.
const JUMPS_MAX: usize = 64;

/// What is known of the clock, and what it allows.
#[derive(Debug)]
pub(super) struct Ages {
    last: Option<(SystemTime, Instant)>,
    jumps: Vec<Jump>,
    /// Since when files may go for their age again.
    allowed: Option<Instant>,
    /// Files that may go for their age in this pass.
    pub(super) files_max: usize,
    is_ahead: bool,
}

/// A jump of the system clock.
#[derive(Debug)]
struct Jump {
    /// What the clock said before, in seconds since 1970.
    before_s: i64,
    /// How far it went, in seconds; below 0 is back.
    by_s: i64,
}

impl Default for Ages {
    fn default() -> Self {
        Self {
            last: None,
            jumps: Vec::new(),
            allowed: None,
            files_max: usize::MAX,
            is_ahead: false,
        }
    }
}

impl Ages {
    /// Notes what the clocks say, the primary's if it is known, and logs what is wrong with ours.
    pub(super) fn note(&mut self, now: SystemTime, clock: Instant, primary: Option<SystemTime>) {
        if let Some(by_s) = self.note_jump(now, clock) {
            let direction = if by_s > 0 { "forward" } else { "back" };
            tracing::warn!(
                seconds = by_s.unsigned_abs(),
                "the system clock jumped {direction}: ages of files are counted without the jump"
            );
        }
        let ahead_s = primary.map_or(0, |primary| seconds(now).saturating_sub(seconds(primary)));
        let is_ahead = ahead_s > AHEAD_MAX_S;
        if is_ahead && !self.is_ahead {
            tracing::warn!(
                seconds = ahead_s,
                "the system clock is ahead of the primary's: no file is removed for its age until both \
                 agree. Set the clock that is wrong"
            );
        }
        self.is_ahead = is_ahead;
    }

    /// How far the clock has jumped since the last call, in seconds.
    fn note_jump(&mut self, now: SystemTime, clock: Instant) -> Option<i64> {
        let (was, then) = self.last.replace((now, clock))?;
        let elapsed_s = clock.saturating_duration_since(then).as_secs().try_into().unwrap_or(0);
        let before_s = seconds(was).saturating_add(elapsed_s);
        let by_s = seconds(now).saturating_sub(before_s);
        if by_s.abs() < JUMP_MIN_S {
            return None;
        }
        if self.jumps.len() == JUMPS_MAX {
            self.jumps.remove(0);
        }
        self.jumps.push(Jump { before_s, by_s });
        Some(by_s)
    }

    /// Decides how many of `stored` files may go for their age in this pass: in each `period` a sixtieth of
    /// them, or four times as many as come in a period if that is more, and one at least.
    pub(super) fn allow(
        &mut self,
        stored: usize,
        max_age: Duration,
        period: Duration,
        clock: Instant,
    ) {
        let is_early =
            self.allowed.is_some_and(|then| clock.saturating_duration_since(then) < period / 2);
        if self.is_ahead || is_early {
            self.files_max = 0;
            return;
        }
        self.allowed = Some(clock);
        let by_pace = u64::try_from(stored)
            .unwrap_or(u64::MAX)
            .saturating_mul(4 * period.as_secs())
            .checked_div(max_age.as_secs())
            .and_then(|files| usize::try_from(files).ok())
            .unwrap_or(stored);
        self.files_max = by_pace.max(stored / 60).max(1);
    }

    /// How old something is that was written when the clock said `written`. The clock may have said so more
    /// than once: then it is as young as it can be. What it never said has no age.
    pub(super) fn age(&self, written: SystemTime, now: SystemTime) -> Duration {
        let (written_s, now_s) = (seconds(written), seconds(now));
        let mut jumped_s = 0_i64;
        let mut end_s = now_s;
        for jump in self.jumps.iter().rev() {
            if (jump.after_s()..=end_s).contains(&written_s) {
                break;
            }
            jumped_s = jumped_s.saturating_add(jump.by_s);
            end_s = jump.before_s;
        }
        // Before the first jump the clock may have said anything up to there.
        if written_s > end_s {
            return Duration::ZERO;
        }
        if jumped_s == 0 {
            return now.duration_since(written).unwrap_or_default();
        }
        let age_s = now_s.saturating_sub(written_s).saturating_sub(jumped_s);
        Duration::from_secs(u64::try_from(age_s).unwrap_or(0))
    }
}

impl Jump {
    /// What the clock said after it, in seconds since 1970.
    fn after_s(&self) -> i64 {
        self.before_s.saturating_add(self.by_s)
    }
}

/// Seconds since 1970; below 0 before.
fn seconds(time: SystemTime) -> i64 {
    let whole = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => whole(since),
        Err(until) => -whole(until.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_jump_makes_nothing_older_or_younger() {
        let mut ages = Ages::default();
        let (start, clock) = (UNIX_EPOCH + 10_000 * DAY, Instant::now());
        ages.note(start, clock, None);
        let old = start - DAY;
        // A year ahead within the next hour, and back again.
        let (ahead, back) = (start + 365 * DAY + HOUR, start + 2 * HOUR);
        ages.note(ahead, clock + HOUR, None);
        assert_eq!(ages.age(old, ahead), DAY + HOUR);
        let new = ahead;
        assert_eq!(ages.age(new, ahead + HOUR), HOUR, "written after the jump");
        ages.note(back, clock + 2 * HOUR, None);
        assert_eq!(ages.age(old, back), DAY + 2 * HOUR);
        assert_eq!(ages.age(new, back), HOUR, "written while the clock was wrong");
        assert_eq!(ages.age(back + DAY, back), Duration::ZERO, "in the future");
        assert_eq!(ages.age(back, back + HOUR), HOUR, "written after it was set right");
    }

    #[test]
    fn a_clock_that_began_before_1970_and_is_set_right_makes_nothing_old() {
        let mut ages = Ages::default();
        let (wrong, clock) = (UNIX_EPOCH - 100 * DAY, Instant::now());
        ages.note(wrong, clock, None);
        let right = UNIX_EPOCH + 20_000 * DAY;
        ages.note(right, clock + HOUR, None);
        assert_eq!(ages.age(wrong, right), HOUR);
    }

    #[test]
    fn a_time_that_came_twice_is_the_younger_one() {
        let mut ages = Ages::default();
        let (start, clock) = (UNIX_EPOCH + 10_000 * DAY, Instant::now());
        ages.note(start, clock, None);
        ages.note(start - HOUR, clock + HOUR, None);
        let now = start + DAY;
        assert_eq!(ages.age(start - HOUR / 2, now), DAY + HOUR / 2);
        assert_eq!(ages.age(start - 2 * HOUR, now), DAY + 4 * HOUR, "it came once");
    }

    #[test]
    fn small_differences_are_no_jumps() {
        let mut ages = Ages::default();
        let (start, clock) = (UNIX_EPOCH + DAY, Instant::now());
        for minutes in 0..200 {
            let time = Duration::from_secs(minutes * 60);
            ages.note(start + time + time / 10, clock + time, None);
        }
        assert!(ages.jumps.is_empty());
    }

    #[test]
    fn files_go_slowly_and_only_while_the_primarys_clock_agrees() {
        let mut ages = Ages::default();
        let minute = Duration::from_secs(60);
        let (now, clock) = (UNIX_EPOCH + 10_000 * DAY, Instant::now());
        let mut allowed = |stored, max_age, minutes: u32, primary| {
            let time = minute * minutes;
            ages.note(now + time, clock + time, Some(primary + time));
            ages.allow(stored, max_age, minute, clock + time);
            ages.files_max
        };
        assert_eq!(allowed(10, 30 * DAY, 0, now), 1);
        assert_eq!(allowed(10, 30 * DAY, 0, now), 0, "not before the next period");
        assert_eq!(allowed(6_000, 30 * DAY, 1, now), 100);
        assert_eq!(allowed(100, 10 * minute, 2, now), 40, "where many come, many go");
        assert_eq!(allowed(100, Duration::from_secs(1), 3, now), 24_000);
        assert_eq!(allowed(10, 30 * DAY, 4, now - HOUR), 1);
        assert_eq!(allowed(10, 30 * DAY, 5, now - DAY), 0, "a day ahead of the primary");
        assert_eq!(allowed(10, 30 * DAY, 6, now + DAY), 1);
    }
}
