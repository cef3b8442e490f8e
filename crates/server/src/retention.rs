//! Keeping no more files than was asked for.
//!
//! A [`Retention`] looks which of a stream's files are due, and has the store remove them: whether
//! and in which order they can go is the store's business. A file's age counts from when its last
//! bytes came here. Times in events would be no help: a session on the primary sets them as it
//! likes, and a restored dump has old ones.

mod ages;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use binlogd_store::{Catalog, FileId, Held, Holds, LogFile, Position, Purge, StoreError};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::config::RetentionConfig;
use ages::Ages;

/// Between two looks, apart from those at rotations.
const PERIOD: Duration = Duration::from_secs(60);

/// Holds up one stream's policy.
#[derive(Debug)]
pub struct Retention {
    catalog: Arc<Catalog>,
    policy: RetentionConfig,
    /// Since when files are due that could not go.
    due_since: BTreeMap<FileId, Instant>,
    /// The readers that a warning has named.
    warned: BTreeSet<u32>,
    ages: Ages,
    /// A warning has said that more files are old than may go at once.
    has_backlog: bool,
}

/// Why a file is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is older than `max_age`.
    Age,
    /// All files have more than `max_bytes`.
    Size,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Age => "older than retention.max_age",
            Self::Size => "more than retention.max_bytes are stored",
        })
    }
}

/// A file that is to go.
#[derive(Debug)]
struct Due {
    file: Arc<LogFile>,
    bytes: u64,
    reason: Reason,
}

impl Retention {
    /// A policy for the files of a stream.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, policy: RetentionConfig) -> Self {
        let (due_since, warned) = (BTreeMap::new(), BTreeSet::new());
        let ages = Ages::default();
        Self { catalog, policy, due_since, warned, ages, has_backlog: false }
    }

    /// Looks at every rotation and every minute until `stop`. Returns at once if all is kept. What the
    /// primary's clock says now is asked of `primary_time`.
    pub async fn run(
        mut self,
        primary_time: impl Fn() -> Option<SystemTime> + Send,
        stop: CancellationToken,
    ) {
        if self.policy.keeps_all() {
            return;
        }
        let mut watch = self.catalog.watch();
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let file = self.catalog.frontier().durable.file;
            tokio::select! {
                () = stop.cancelled() => return,
                _ = period.tick() => {}
                next = watch.past(Position { file, offset: u64::MAX }) => if next.is_none() {
                    return;
                },
            }
            let (now, clock) = (SystemTime::now(), Instant::now());
            self.ages.note(now, clock, primary_time());
            if let Some(max_age) = self.policy.max_age {
                self.ages.allow(self.catalog.files().len(), max_age, PERIOD, clock);
            }
            let pass = tokio::task::block_in_place(|| self.pass(now, clock));
            if let Err(error) = pass {
                tracing::warn!("cannot remove old files: {error}");
            }
        }
    }

    /// Removes what is due, as far as readers let it. `now` is what files' ages count to, `clock`
    /// what readers' patience is measured by. Blocks for as long as the disk takes. Returns what
    /// was removed, oldest first.
    ///
    /// # Errors
    /// If a file cannot be looked at or removed. The next pass tries again.
    pub fn pass(
        &mut self,
        now: SystemTime,
        clock: Instant,
    ) -> Result<Vec<Arc<LogFile>>, StoreError> {
        let files = self.catalog.files();
        let due = self.due(&files, now)?;
        self.warn_of_backlog(&files, &due, now)?;
        let ids: BTreeSet<FileId> = due.iter().map(|due| due.file.id).collect();
        self.due_since.retain(|id, _| ids.contains(id));
        for id in ids {
            self.due_since.entry(id).or_insert(clock);
        }
        let Some(keep) = files.get(due.len()).filter(|_| !due.is_empty()) else {
            self.warned.clear();
            return Ok(Vec::new());
        };
        let purge = self.catalog.purge(keep.id, Holds::Respect)?;
        let mut removed = self.log(purge.removed, &due, false);
        match purge.held {
            None => self.warned.clear(),
            Some(held) => {
                let is_overdue = |id: &FileId| {
                    let since = self.due_since.get(id).copied().unwrap_or(clock);
                    clock.saturating_duration_since(since) >= self.policy.reader_hold_max
                };
                let overdue = due.iter().take_while(|due| is_overdue(&due.file.id)).count();
                if files[overdue].id > held.file.id {
                    let Purge { removed: more, .. } =
                        self.catalog.purge(files[overdue].id, Holds::Ignore)?;
                    removed.extend(self.log(more, &due, true));
                } else {
                    self.warn(&held);
                }
            }
        }
        Ok(removed)
    }

    /// The files that are to go: the oldest ones, never the last.
    fn due(&self, files: &[Arc<LogFile>], now: SystemTime) -> Result<Vec<Due>, StoreError> {
        let Some((_, candidates)) = files.split_last() else { return Ok(Vec::new()) };
        let mut total: u64 = files.iter().map(|file| self.catalog.readable_len(file)).sum();
        let (mut all_due, mut old) = (Vec::new(), 0);
        for file in candidates {
            let bytes = self.catalog.readable_len(file);
            let reason = if self.policy.max_bytes.is_some_and(|max| total > max) {
                Reason::Size
            } else if old < self.ages.files_max && self.is_old(file, now)? {
                old += 1;
                Reason::Age
            } else {
                break;
            };
            total -= bytes;
            all_due.push(Due { file: file.clone(), bytes, reason });
        }
        Ok(all_due)
    }

    fn is_old(&self, file: &LogFile, now: SystemTime) -> Result<bool, StoreError> {
        let Some(max_age) = self.policy.max_age else { return Ok(false) };
        match self.catalog.modified(file) {
            Ok(modified) => Ok(self.ages.age(modified, now) > max_age),
            // Somebody was faster.
            Err(StoreError::Purged { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Warns once when more files are old than may go at once.
    fn warn_of_backlog(
        &mut self,
        files: &[Arc<LogFile>],
        due: &[Due],
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let old = due.iter().filter(|due| due.reason == Reason::Age).count();
        if self.ages.files_max == 0 || old < self.ages.files_max {
            self.has_backlog &= self.ages.files_max == 0;
            return Ok(());
        }
        let Some((_, rest)) = files.split_last() else { return Ok(()) };
        let mut waiting = 0;
        for file in rest.iter().skip(due.len()) {
            if !self.is_old(file, now)? {
                break;
            }
            waiting += 1;
        }
        if waiting > 0 && !self.has_backlog {
            tracing::warn!(
                files = waiting,
                a_minute = self.ages.files_max,
                "many files are older than retention.max_age at once: they are removed one after the \
                 other. If the system clock is wrong, stop binlogd and set it"
            );
        }
        self.has_backlog = waiting > 0;
        Ok(())
    }

    fn log(
        &self,
        removed: Vec<Arc<LogFile>>,
        due: &[Due],
        under_readers: bool,
    ) -> Vec<Arc<LogFile>> {
        for file in &removed {
            let Some(due) = due.iter().find(|due| due.file.id == file.id) else { continue };
            let (bytes, reason) = (due.bytes, due.reason);
            if under_readers {
                tracing::warn!(
                    file = %file.name, timeline = file.timeline.number, bytes, %reason,
                    "removed under a reader, who had it for longer than retention.reader_hold_max"
                );
            } else {
                tracing::info!(
                    file = %file.name, timeline = file.timeline.number, bytes, %reason,
                    "removed"
                );
            }
        }
        removed
    }

    /// Names those who keep files, each once.
    fn warn(&mut self, held: &Held) {
        let unknown: Vec<u32> =
            held.named.iter().copied().filter(|reader| !self.warned.contains(reader)).collect();
        if unknown.is_empty() && !self.warned.is_empty() {
            return;
        }
        let connections: Vec<_> = unknown.iter().map(ToString::to_string).collect();
        tracing::warn!(
            file = %held.file.name, files = held.files, connections = %connections.join(", "),
            reader_hold_max_s = self.policy.reader_hold_max.as_secs(),
            "files that should go are kept for readers, who are slow"
        );
        self.warned.extend(unknown);
    }
}

#[cfg(test)]
mod tests;
