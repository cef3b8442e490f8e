//! The thread that writes and syncs a stream: group commit.
//!
//! Whatever came in while a sync was under way goes into the next write, and one sync covers it
//! all. An acknowledgement is released only behind the sync that covers its event.

use std::thread::JoinHandle;

use binlogd_store::{LogName, StoreError, Writer};
use tokio::sync::{mpsc, oneshot, watch};

use super::Command;

/// An event that may be acknowledged: it is durable, and so is all before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckPoint {
    /// The event's file.
    pub file: LogName,
    /// Where the event ends, in bytes from the file's start.
    pub offset: u64,
}

/// A running writer thread.
#[derive(Debug)]
pub struct WriterThread {
    orders: mpsc::Sender<Order>,
    empty_buffers: mpsc::UnboundedReceiver<Vec<u8>>,
    acks: watch::Receiver<Option<AckPoint>>,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
}

#[derive(Debug)]
enum Order {
    Do(Command),
    /// Drop what is not a whole event, make the rest durable, and say when that is done.
    Settle(oneshot::Sender<()>),
}

/// Orders that wait while the thread is at work.
const QUEUE_LEN: usize = 8;

/// One sync covers at most about this many bytes, so that catching up does not sync everything at
/// the very end.
const SYNC_LEN_MAX: usize = 16 << 20;

impl WriterThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn(name: &str, writer: Writer) -> std::io::Result<Self> {
        let (orders, receiver) = mpsc::channel(QUEUE_LEN);
        let (buffers, empty_buffers) = mpsc::unbounded_channel();
        let (ack_sender, acks) = watch::channel(None);
        let work = Work { writer, orders: receiver, buffers, acks: ack_sender };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(|| work.run())?;
        Ok(Self { orders, empty_buffers, acks, thread: Some(thread) })
    }

    /// Waits for a place in the queue. Cancel safe, which handing over a command would not be.
    ///
    /// # Errors
    /// If the thread has stopped: [`WriterThread::join`] says why.
    pub async fn reserve(&self) -> Result<Place<'_>, Stopped> {
        self.orders.reserve().await.map(Place).map_err(|_| Stopped)
    }

    /// The buffer of a batch that was written, if there is one.
    pub fn empty_buffer(&mut self) -> Option<Vec<u8>> {
        self.empty_buffers.try_recv().ok()
    }

    /// The newest event that may be acknowledged.
    #[must_use]
    pub fn acks(&self) -> watch::Receiver<Option<AckPoint>> {
        self.acks.clone()
    }

    /// Cuts the beginning of an event whose rest will not come and makes everything else durable.
    ///
    /// # Errors
    /// If the thread has stopped.
    pub async fn settle(&self) -> Result<(), Stopped> {
        let (done, settled) = oneshot::channel();
        self.orders.send(Order::Settle(done)).await.map_err(|_| Stopped)?;
        settled.await.map_err(|_| Stopped)
    }

    /// Waits for the thread to end, after what it was given is durable, and says what stopped it.
    ///
    /// # Errors
    /// What stopped it before its time.
    pub async fn join(mut self) -> Result<(), StoreError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        drop(self);
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        match joined {
            Ok(Ok(outcome)) => outcome,
            // A bug of ours: the bytes on the disk are judged anew at the next start.
            _ => Err(StoreError::Poisoned),
        }
    }
}

/// A place in the writer's queue.
#[derive(Debug)]
pub struct Place<'a>(mpsc::Permit<'a, Order>);

impl Place<'_> {
    /// Hands a command over.
    pub fn send(self, command: Command) {
        self.0.send(Order::Do(command));
    }
}

/// The writer thread has stopped.
#[derive(Debug, thiserror::Error)]
#[error("the writer thread has stopped")]
pub struct Stopped;

/// The thread's side.
struct Work {
    writer: Writer,
    orders: mpsc::Receiver<Order>,
    buffers: mpsc::UnboundedSender<Vec<u8>>,
    acks: watch::Sender<Option<AckPoint>>,
}

impl Work {
    fn run(mut self) -> Result<(), StoreError> {
        while let Some(first) = self.orders.blocking_recv() {
            if let Err(error) = self.round(first) {
                return Err(self.give_up(error));
            }
        }
        self.writer.rollback()?;
        self.writer.sync()?;
        Ok(())
    }

    /// One write of everything that waits, one sync, one acknowledgement.
    fn round(&mut self, first: Order) -> Result<(), StoreError> {
        let mut written = 0;
        let mut ack = None;
        let mut settled = Vec::new();
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                Order::Do(Command::Write { batch, ack: wanted }) => {
                    self.writer.write(&batch)?;
                    written += batch.bytes.len();
                    ack = wanted.or(ack);
                    // Nobody takes them any more when the stream is closing.
                    let _ = self.buffers.send(batch.bytes);
                }
                Order::Do(Command::StartFile(name)) => {
                    // What came before must be acknowledged under its own file's name.
                    self.sync_and_ack(ack.take())?;
                    self.writer.start_file(&name)?;
                }
                Order::Settle(done) => {
                    self.writer.rollback()?;
                    settled.push(done);
                }
            }
            next = if written < SYNC_LEN_MAX { self.orders.try_recv().ok() } else { None };
        }
        self.sync_and_ack(ack)?;
        for done in settled {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
        Ok(())
    }

    fn sync_and_ack(&mut self, ack: Option<u64>) -> Result<(), StoreError> {
        let durable = self.writer.sync()?;
        let (Some(offset), Some(durable), Some(file)) = (ack, durable, self.writer.file()) else {
            return Ok(());
        };
        debug_assert!(file.id == durable.file && offset <= durable.offset);
        self.acks.send_replace(Some(AckPoint { file: file.name.clone(), offset }));
        Ok(())
    }

    /// After an error: keep what can be kept. The caller finds out by a new recovery what it is.
    fn give_up(&mut self, error: StoreError) -> StoreError {
        if !matches!(error, StoreError::SyncFailed { .. } | StoreError::Poisoned) {
            // An error here changes nothing: recovery cuts the tail as well.
            let _ = self.writer.rollback().and_then(|()| self.writer.sync());
        }
        error
    }
}
