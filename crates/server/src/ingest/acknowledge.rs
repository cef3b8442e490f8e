//! Acknowledging to the primary: at once, or when enough readers have acknowledged. The stream is
//! received on meanwhile.

use std::future::{Future, pending};
use std::pin::Pin;

use binlogd_client::{AckSender, ClientError};

use super::AckPoint;
use crate::reader_acks::ReaderAcks;
use crate::stream::Counters;

/// Acknowledges over one connection.
pub(super) struct Acknowledger<'a> {
    /// `None` where the primary asks for nothing.
    sender: Option<AckSender>,
    readers: &'a ReaderAcks,
    counters: &'a Counters,
    waiting: Option<Waiting<'a>>,
    /// The newest event behind the one that waits. It covers those between.
    next: Option<AckPoint>,
}

/// An event that readers are waited for with.
struct Waiting<'a> {
    point: AckPoint,
    readers: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
}

impl<'a> Acknowledger<'a> {
    pub(super) fn new(
        sender: Option<AckSender>,
        readers: &'a ReaderAcks,
        counters: &'a Counters,
    ) -> Self {
        Self { sender, readers, counters, waiting: None, next: None }
    }

    /// Acknowledges an event: now, or when it is [`due`](Self::due).
    pub(super) async fn acknowledge(&mut self, point: AckPoint) -> Result<(), ClientError> {
        if !self.readers.are_waited_for() {
            return self.send(&point).await;
        }
        if self.sender.is_some() {
            self.next = Some(point);
            self.wait_for_next();
        }
        Ok(())
    }

    /// Waits until [`send_due`](Self::send_due) has something to send. Cancel safe.
    pub(super) async fn due(&mut self) {
        match &mut self.waiting {
            Some(waiting) => waiting.readers.as_mut().await,
            None => pending().await,
        }
    }

    /// Acknowledges what has waited, and waits with what has come since.
    pub(super) async fn send_due(&mut self) -> Result<(), ClientError> {
        if let Some(waiting) = self.waiting.take() {
            self.send(&waiting.point).await?;
        }
        self.wait_for_next();
        Ok(())
    }

    fn wait_for_next(&mut self) {
        if self.waiting.is_none() {
            self.waiting = self.next.take().map(|point| {
                let readers = Box::pin(self.readers.wait(point.position));
                Waiting { point, readers }
            });
        }
    }

    async fn send(&mut self, point: &AckPoint) -> Result<(), ClientError> {
        if let Some(sender) = &mut self.sender {
            sender.ack(point.file.as_str(), point.offset).await?;
            self.counters.add_ack();
        }
        Ok(())
    }
}
