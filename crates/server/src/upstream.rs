//! The way to the primary: connecting, asking what it is, preparing the session for a dump; and, once that has begun,
//! observing the primary on a second connection.
//!
//! Receiving what the dump brings is in `ingest`; deciding when to connect again, in `stream`.

mod ask;
mod backoff;
mod choose;
mod compare;
mod error;
mod locate;
mod logs;
mod observer;
mod primary;
mod session;
mod unlogged;
mod variables;

pub(crate) use ask::ask;
pub use backoff::Backoff;
pub use choose::{Chosen, choose, moved};
pub(crate) use compare::{Compared, compare};
pub use error::UpstreamError;
pub(crate) use error::{CR_SERVER_LOST, client_error_number};
pub use locate::{executed_gtids, first_file_with_news, newest_file, oldest_file};
pub use logs::PrimaryLog;
pub use observer::{Observation, observe, semi_sync_appears};
pub use primary::Primary;
pub(crate) use primary::now_s;
pub use session::{Dump, HEARTBEAT_PERIOD, start_dump};
pub(crate) use unlogged::note_unlogged_between;
pub use variables::{SemiSyncState, Variables};
