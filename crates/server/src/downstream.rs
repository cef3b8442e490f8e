//! The side that replicas and clients talk to: listeners, login, and the SQL they say.
//!
//! Sending binlog events is not here: a dump is handed to a [`DumpService`]. Nor is the way to the
//! upstream: what this side must know of it comes through [`StreamFacts`].

pub mod error;
pub mod sql;

mod charset;
mod facts;
mod query;
mod registry;
mod reply;
mod server;
mod state;
mod variables;
mod wishes;

#[cfg(test)]
mod testing;

pub use facts::{BinaryLog, BinaryLogStatus, StreamFacts};
pub use registry::Registry;
pub use wishes::{ChecksumWish, ReplicaWishes};
