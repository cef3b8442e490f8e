//! The side that replicas and clients talk to: listeners, login, and the SQL they say.
//!
//! Sending binlog events is not here: a dump is handed to a [`DumpService`]. Nor is the way to the
//! upstream: what this side must know of it comes through [`StreamFacts`].

pub mod error;
pub mod sql;

mod account;
mod answer;
mod certificate;
mod charset;
mod connection;
mod dump;
mod facts;
mod failures;
mod listener;
mod login;
mod passthrough;
mod prepared;
mod query;
mod registry;
mod replica;
mod reply;
mod server;
mod service;
mod session;
mod state;
mod tls;
mod transport;
mod variables;
mod wishes;
mod zone;

pub(crate) use answer::ANSWER_TIMEOUT;
pub use answer::{Answer, AnswerError, Question};
pub use dump::{
    DumpEnd, DumpFuture, DumpReader, DumpRequest, DumpService, DumpSession, DumpWriter, FromReader,
    Stop, StopReason, Who,
};
pub use facts::{
    BinaryLog, BinaryLogStatus, EventRow, EventRows, EventsError, Gtids, PurgeError, PurgeOutcome,
    PurgeTarget, StreamFacts,
};
pub use listener::{Downstream, ListenError};
pub use registry::{ReaderPlace, Registry};
pub use replica::{LastError, Obeyed, Order, OrderError, ReplicaStatus, Running, SourceChange};
pub use tls::{TlsError, ensure_identity, server_config};
pub(crate) use variables::upstream_variables;
pub use wishes::{ChecksumWish, ReplicaWishes};

#[cfg(test)]
mod testing;
