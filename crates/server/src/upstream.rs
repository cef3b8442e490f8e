//! The way to the primary: connecting, asking what it is, preparing the session for a dump.
//!
//! Receiving what the dump brings is in `ingest`; deciding when to connect again, in `stream`.

mod ask;
mod backoff;
mod choose;
mod error;
mod locate;
mod primary;
mod session;

pub(crate) use ask::ask;
pub use backoff::Backoff;
pub use choose::{Chosen, choose, moved};
pub use error::UpstreamError;
pub(crate) use error::{CR_SERVER_LOST, client_error_number};
pub use locate::{executed_gtids, first_file_with_news};
pub(crate) use primary::now_s;
pub use primary::{Primary, PrimaryLog, SemiSyncState};
pub use session::{Dump, HEARTBEAT_PERIOD, start_dump};
