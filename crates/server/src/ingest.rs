//! From received events to durable bytes and acknowledgements.
//!
//! [`Intake`] judges events and gathers them into batches, without IO. The [`WriterThread`] writes
//! and syncs them, many at a time. [`receive`] drives both from a connection. Connecting to a
//! primary is not here but in `upstream`.

mod intake;
mod overlap;
mod receive;
mod writer_thread;

pub use intake::{Command, Intake, IntakeError, Tail};
pub use overlap::Overlap;
pub use receive::{ReceiveError, hand_over, receive};
pub use writer_thread::{AckPoint, WriterThread};
