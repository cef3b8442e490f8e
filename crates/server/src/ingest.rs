//! From received events to durable bytes and acknowledgements.
//!
//! [`Intake`] judges events and gathers them into batches, without IO; the [`Committer`] writes and
//! syncs them; [`receive`] drives both from a connection. Connecting to a primary is not here but
//! in `upstream`.

mod acknowledge;
mod committer;
mod head;
mod intake;
mod overlap;
mod receive;

pub use committer::{AckPoint, Committer};
pub use head::{NotNext, Predecessor};
pub use intake::{Command, Intake, IntakeError, Tail};
pub use overlap::Overlap;
pub use receive::{ReceiveError, apply_all, receive};
