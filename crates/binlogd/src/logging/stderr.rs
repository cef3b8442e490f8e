//! Stderr as a log may use it: lines wait in a queue for a thread of its own, so that nobody who logs waits for
//! a terminal, a pipe or a disk, and nobody fails with it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// So many bytes of lines may wait; further lines are lost.
const QUEUE_BYTES_MAX: usize = 4 << 20;

/// How long [`Stderr::flush`] waits for a line to be written before it gives up.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// Between two tries to write to a terminal or pipe that is full and does not block.
const FULL_PAUSE: Duration = Duration::from_millis(20);

/// The queue in front of stderr.
#[derive(Debug, Clone)]
pub(super) struct Stderr {
    lines: Sender<Vec<u8>>,
    state: Arc<State>,
}

/// What both ends of the queue know.
#[derive(Debug, Default)]
struct State {
    waiting_bytes: AtomicUsize,
    /// Lines that were not written since this was last logged.
    lost: AtomicU64,
    /// Lines written or lost, so that a flush sees progress.
    done: Mutex<u64>,
    progress: Condvar,
    is_reporting: AtomicBool,
}

impl Stderr {
    /// Starts the thread that writes to `sink`. If the system gives no thread, every line is lost.
    pub(super) fn to(sink: impl Write + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        let state = Arc::new(State::default());
        let theirs = Arc::clone(&state);
        let writer = move || write_all(&receiver, sink, &theirs);
        // Without the thread the receiver is gone, which every send notices.
        let _ = std::thread::Builder::new().name("log".to_owned()).spawn(writer);
        Self { lines: sender, state }
    }

    /// Queues a line. Neither waits nor fails: a line for which there is no room is counted.
    pub(super) fn put(&self, line: &[u8]) {
        let waiting = self.state.waiting_bytes.fetch_add(line.len(), Ordering::AcqRel);
        let has_room = waiting.saturating_add(line.len()) <= QUEUE_BYTES_MAX;
        if !has_room || self.lines.send(line.to_vec()).is_err() {
            self.state.waiting_bytes.fetch_sub(line.len(), Ordering::AcqRel);
            self.state.lost.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Waits until all lines that were queued are written, as long as it goes on.
    pub(super) fn flush(&self) {
        let mut done = self.state.done.lock().unwrap_or_else(PoisonError::into_inner);
        let mut deadline = Instant::now() + FLUSH_PATIENCE;
        let mut seen = *done;
        while self.state.waiting_bytes.load(Ordering::Acquire) > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.state.progress.wait_timeout(done, left);
            done = waited.unwrap_or_else(PoisonError::into_inner).0;
            if *done != seen {
                seen = *done;
                deadline = Instant::now() + FLUSH_PATIENCE;
            }
        }
    }
}

/// Takes lines from the queue until nobody can queue any more.
fn write_all(lines: &Receiver<Vec<u8>>, mut sink: impl Write, state: &State) {
    for line in lines {
        let is_written = write_line(&mut sink, &line).is_ok();
        if !is_written {
            state.lost.fetch_add(1, Ordering::AcqRel);
        }
        let waiting = state.waiting_bytes.fetch_sub(line.len(), Ordering::AcqRel) - line.len();
        *state.done.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        state.progress.notify_all();
        // Lines are lost behind those that wait, so that the report comes at about the right place.
        if is_written && waiting < QUEUE_BYTES_MAX / 2 {
            report_lost(state);
        }
    }
}

/// Logs how many lines were lost, which queues one more.
fn report_lost(state: &State) {
    let lost = state.lost.swap(0, Ordering::AcqRel);
    if lost > 0 && !state.is_reporting.swap(true, Ordering::AcqRel) {
        tracing::warn!(lines = lost, "log lines were lost: stderr was full, blocked or closed");
        state.is_reporting.store(false, Ordering::Release);
    }
}

/// Writes a whole line, also to a terminal or pipe that was set not to block.
fn write_line(sink: &mut impl Write, mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match sink.write(line) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => line = line.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(FULL_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gathers a line, which is queued when it is dropped.
#[derive(Debug)]
pub(super) struct Line<'a> {
    stderr: &'a Stderr,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.stderr.put(&self.text);
    }
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { stderr: self, text: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written, as long as it is not shut.
    #[derive(Debug, Clone, Default)]
    struct Sink(Arc<(Mutex<SinkState>, Condvar)>);

    #[derive(Debug, Default)]
    struct SinkState {
        text: String,
        is_blocked: bool,
        fails: bool,
    }

    impl Sink {
        fn set(&self, change: impl FnOnce(&mut SinkState)) {
            change(&mut self.0.0.lock().unwrap());
            self.0.1.notify_all();
        }

        fn text(&self) -> String {
            self.0.0.lock().unwrap().text.clone()
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let state = self.0.0.lock().unwrap();
            let mut state = self.0.1.wait_while(state, |state| state.is_blocked).unwrap();
            if state.fails {
                return Err(io::ErrorKind::StorageFull.into());
            }
            // In pieces, as a pipe may take them.
            let len = bytes.len().min(1000);
            state.text.push_str(std::str::from_utf8(&bytes[..len]).unwrap());
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lost(stderr: &Stderr) -> u64 {
        stderr.state.lost.load(Ordering::Acquire)
    }

    #[test]
    fn nobody_waits_for_a_blocked_reader_and_what_had_room_comes_later() {
        let sink = Sink::default();
        sink.set(|state| state.is_blocked = true);
        let stderr = Stderr::to(sink.clone());
        let line = format!("{}\n", "x".repeat((1 << 20) - 1));
        for _ in 0..6 {
            stderr.put(line.as_bytes());
        }
        assert_eq!(lost(&stderr), 2, "four have room");
        stderr.flush();
        assert_eq!(sink.text(), "", "a flush does not wait for ever");
        sink.set(|state| state.is_blocked = false);
        stderr.flush();
        assert_eq!(sink.text(), line.repeat(4));
    }

    #[test]
    fn a_sink_that_fails_loses_lines_and_is_tried_again() {
        let sink = Sink::default();
        sink.set(|state| state.fails = true);
        let stderr = Stderr::to(sink.clone());
        stderr.put(b"lost\n");
        stderr.flush();
        assert_eq!((sink.text().as_str(), lost(&stderr)), ("", 1));
        sink.set(|state| state.fails = false);
        stderr.put(b"kept\n");
        stderr.flush();
        assert_eq!(sink.text(), "kept\n");
    }
}
