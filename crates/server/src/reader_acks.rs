//! Acknowledgements of readers: semi-synchronous replication towards replicas.
//!
//! A reader that asked for it acknowledges what it has received. Where the user wants so, the
//! primary's commits are acknowledged only when so many readers have theirs; if they take too
//! long, commits go on without them until they have caught up, as with MySQL's own semi-sync.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use binlogd_store::Position;
use tokio::sync::Notify;

use crate::config::AckConfig;

/// What readers of a stream have acknowledged.
#[derive(Debug)]
pub struct ReaderAcks {
    config: AckConfig,
    state: Mutex<State>,
    /// An acknowledgement came that may be enough.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// Up to where each reader has all, by connection.
    readers: HashMap<u32, Position>,
    /// Whether commits wait.
    waits: bool,
    /// Up to where readers have, or should have had, acknowledged.
    due: Position,
    counts: AckCounts,
}

/// What came of acknowledgements, each of which may cover several transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AckCounts {
    /// Of those to the primary, for which enough readers had acknowledged.
    pub yes: u64,
    /// Of those, for which not enough had.
    pub no: u64,
    /// Of readers, of what they were asked to.
    pub received: u64,
}

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AckStatus {
    /// Connected readers that acknowledge.
    pub readers: usize,
    /// Whether enough of them do in time, however many are wanted; never if none may.
    pub is_on: bool,
    /// What was counted.
    pub counts: AckCounts,
}

impl ReaderAcks {
    /// Nobody reads yet.
    #[must_use]
    pub fn new(config: AckConfig) -> Self {
        let state = State {
            readers: HashMap::new(),
            waits: true,
            due: Position::default(),
            counts: AckCounts::default(),
        };
        let (state, changed) = (Mutex::new(state), Notify::new());
        Self { config, state, changed }
    }

    /// Whether readers may ask to acknowledge.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        self.config.offer
    }

    /// Whether commits wait for readers at all.
    pub(crate) fn are_waited_for(&self) -> bool {
        self.config.wait_for_readers > 0
    }

    /// How things stand.
    #[must_use]
    pub fn status(&self) -> AckStatus {
        let state = self.lock();
        AckStatus {
            readers: state.readers.len(),
            is_on: self.config.offer && state.waits && self.are_enough(state.readers.len()),
            counts: state.counts,
        }
    }

    /// Counts a connection among those that acknowledge, until what is returned is dropped.
    pub(crate) fn join(self: &Arc<Self>, connection: u32) -> AckingReader {
        let readers = {
            let mut state = self.lock();
            state.readers.insert(connection, Position::default());
            state.readers.len()
        };
        if self.are_waited_for() && readers == self.config.wait_for_readers {
            tracing::info!(readers, "enough readers that acknowledge are connected");
        }
        AckingReader { acks: self.clone(), connection, expected: VecDeque::new() }
    }

    /// Waits until enough readers have everything up to `position`, or have taken too long. Cancel
    /// safe.
    pub(crate) async fn wait(&self, position: Position) {
        if !self.are_waited_for() {
            return;
        }
        if !self.begin_waiting(position) {
            return;
        }
        let enough = async {
            loop {
                let changed = self.changed.notified();
                if self.is_enough(&self.lock(), position) {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(self.config.timeout, enough).await.is_ok() {
            self.lock().counts.yes += 1;
            return;
        }
        let mut state = self.lock();
        state.counts.no += 1;
        state.waits = false;
        drop(state);
        tracing::warn!(
            wanted = self.config.wait_for_readers,
            "too few readers acknowledged in time: commits are acknowledged without them, until \
             they have caught up"
        );
    }

    /// Notes what is due; `false` if nobody is waited for.
    fn begin_waiting(&self, position: Position) -> bool {
        let mut state = self.lock();
        state.due = position;
        if !state.waits {
            state.counts.no += 1;
        }
        state.waits
    }

    fn acknowledged(&self, connection: u32, position: Position) {
        let mut state = self.lock();
        if let Some(has) = state.readers.get_mut(&connection) {
            *has = position.max(*has);
        }
        let due = state.due;
        let is_back = !state.waits && self.is_enough(&state, due);
        state.waits |= is_back;
        drop(state);
        self.changed.notify_waiters();
        if is_back {
            tracing::info!("readers acknowledge again: commits wait for them");
        }
    }

    /// Notes that a reader has left.
    fn leave(&self, connection: u32) {
        let readers = {
            let mut state = self.lock();
            state.readers.remove(&connection);
            state.readers.len()
        };
        if readers + 1 == self.config.wait_for_readers {
            tracing::warn!(
                readers,
                wanted = self.config.wait_for_readers,
                timeout_s = self.config.timeout.as_secs_f64(),
                "a reader that acknowledged has left: the primary's next commit waits for so long, and then \
                 commits are acknowledged without readers"
            );
        }
    }

    fn are_enough(&self, readers: usize) -> bool {
        readers >= self.config.wait_for_readers
    }

    fn is_enough(&self, state: &State, position: Position) -> bool {
        let have = state.readers.values().filter(|has| **has >= position).count();
        self.are_enough(have)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One reader that acknowledges.
#[derive(Debug)]
pub(crate) struct AckingReader {
    acks: Arc<ReaderAcks>,
    connection: u32,
    /// What it was asked to acknowledge and has not yet, in order.
    expected: VecDeque<(Arc<str>, Position)>,
}

/// A reader that acknowledges nothing is asked for no more than this; each answer covers all before.
const EXPECTED_MAX: usize = 1024;

impl AckingReader {
    /// Notes that the reader has all up to `position` without being asked: it began there, or was
    /// sent nothing of what is before. While it owes an answer that says nothing.
    pub(crate) fn has(&mut self, position: Position) {
        if self.expected.is_empty() {
            self.acks.acknowledged(self.connection, position);
        }
    }

    /// Notes that the reader is sent an event that it is to acknowledge, and where that ends.
    pub(crate) fn expect(&mut self, file: Arc<str>, end: Position) {
        if self.expected.len() == EXPECTED_MAX {
            self.expected.pop_front();
        }
        self.expected.push_back((file, end));
    }

    /// Takes an acknowledgement. One that nobody asked for counts for nothing.
    pub(crate) fn acknowledge(&mut self, file: &[u8], offset: u64) {
        let is_meant =
            |(name, end): &(Arc<str>, Position)| name.as_bytes() == file && end.offset <= offset;
        // Names come again with another primary, so the first that fits begins the right run.
        let Some(first) = self.expected.iter().position(is_meant) else { return };
        let run =
            self.expected.iter().skip(first).take_while(|expected| is_meant(expected)).count();
        if let Some((_, end)) = self.expected.drain(..first + run).next_back() {
            self.acks.lock().counts.received += 1;
            self.acks.acknowledged(self.connection, end);
        }
    }
}

impl Drop for AckingReader {
    fn drop(&mut self) {
        self.acks.leave(self.connection);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use binlogd_store::FileId;

    use super::*;

    fn acks(wait_for_readers: usize, timeout: Duration) -> Arc<ReaderAcks> {
        Arc::new(ReaderAcks::new(AckConfig { wait_for_readers, timeout, offer: true }))
    }

    const LONG: Duration = Duration::from_secs(3600);

    fn at(offset: u64) -> Position {
        Position { file: FileId(1), offset }
    }

    fn name() -> Arc<str> {
        "binlog.000001".into()
    }

    #[tokio::test]
    async fn nobody_is_waited_for_unless_wanted() {
        let acks = acks(0, LONG);
        acks.wait(at(100)).await;
        assert!(acks.status().is_on);
    }

    #[tokio::test]
    async fn enough_acknowledgements_end_the_wait() {
        let acks = acks(2, LONG);
        let (mut one, mut two) = (acks.join(1), acks.join(2));
        for reader in [&mut one, &mut two] {
            reader.expect(name(), at(100));
            reader.expect(name(), at(200));
        }
        let waiting = tokio::spawn({
            let acks = acks.clone();
            async move { acks.wait(at(200)).await }
        });
        tokio::task::yield_now().await;
        one.acknowledge(b"binlog.000001", 200);
        two.acknowledge(b"binlog.000001", 100);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        two.acknowledge(b"binlog.000002", 200);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "another file's position");
        two.acknowledge(b"binlog.000001", 200);
        waiting.await.unwrap();
        let status = acks.status();
        assert_eq!((status.readers, status.is_on), (2, true));
        assert_eq!(status.counts, AckCounts { yes: 1, no: 0, received: 3 });
        one.expect(name(), at(300));
        one.has(at(400));
        drop(one);
        let status = acks.status();
        assert_eq!((status.readers, status.is_on), (1, false), "too few are left");
    }

    #[tokio::test]
    async fn who_takes_too_long_is_not_waited_for_until_it_has_caught_up() {
        let acks = acks(1, Duration::from_millis(1));
        let mut reader = acks.join(1);
        reader.expect(name(), at(100));
        acks.wait(at(100)).await;
        assert!(!acks.status().is_on);
        reader.expect(name(), at(200));
        acks.wait(at(200)).await;
        assert_eq!(acks.status().counts, AckCounts { yes: 0, no: 2, received: 0 });
        reader.acknowledge(b"binlog.000001", 100);
        assert!(!acks.status().is_on, "it lacks the newest");
        reader.acknowledge(b"binlog.000001", 200);
        assert!(acks.status().is_on);
    }
}
