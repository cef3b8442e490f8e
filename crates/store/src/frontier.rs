//! How far a stream's bytes have come, and waiting for them to come further.

use tokio::sync::watch;

use crate::Position;

/// How far whole, verified events have come. `written >= durable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Frontier {
    /// Handed to the operating system.
    pub written: Position,
    /// On the disk. Nothing past this is ever served or acknowledged.
    pub durable: Position,
}

/// Watches the durable frontier.
#[derive(Debug, Clone)]
pub struct FrontierWatch {
    receiver: watch::Receiver<Frontier>,
}

impl FrontierWatch {
    /// The frontier now.
    #[must_use]
    pub fn now(&self) -> Frontier {
        *self.receiver.borrow()
    }

    /// Waits until bytes past `position` are durable, and returns the durable position; `None`
    /// once the store is closed and there will be no more. Cancel safe.
    pub async fn past(&mut self, position: Position) -> Option<Position> {
        let moved = self.receiver.wait_for(|frontier| frontier.durable > position).await;
        moved.ok().map(|frontier| frontier.durable)
    }
}

/// The owner's side.
#[derive(Debug)]
pub(crate) struct FrontierCell {
    sender: watch::Sender<Frontier>,
}

impl FrontierCell {
    pub(crate) fn new(at: Position) -> Self {
        Self { sender: watch::Sender::new(Frontier { written: at, durable: at }) }
    }

    pub(crate) fn now(&self) -> Frontier {
        *self.sender.borrow()
    }

    pub(crate) fn watch(&self) -> FrontierWatch {
        FrontierWatch { receiver: self.sender.subscribe() }
    }

    /// Notes what was handed to the system; wakes nobody.
    pub(crate) fn set_written(&self, written: Position) {
        self.sender.send_if_modified(|frontier| {
            frontier.written = written;
            false
        });
    }

    /// Takes back what was published behind `end`. Nobody waits for that.
    pub(crate) fn cut_back(&self, end: Position) {
        self.sender.send_if_modified(|frontier| {
            frontier.durable = frontier.durable.min(end);
            frontier.written = frontier.written.min(end);
            false
        });
    }

    /// Notes that everything up to `durable` is, and wakes those who wait.
    pub(crate) fn set_durable(&self, durable: Position) {
        self.sender.send_if_modified(|frontier| {
            debug_assert!(durable >= frontier.durable);
            frontier.written = frontier.written.max(durable);
            std::mem::replace(&mut frontier.durable, durable) != durable
        });
    }
}
