//! The binlog stream: the commands that start it, its framing, semi-sync acknowledgements.
//!
//! Events are bytes here; what is in them is the event crate's. Manual: "Replication Protocol".

mod commands;
mod encoder;
mod framer;
mod semi_sync;

pub use commands::{BinlogDump, BinlogDumpGtid, DumpFlags, RegisterReplica};
pub use encoder::EventEncoder;
pub use framer::{EventFramer, EventPart, Framed, MIN_BUFFER_LEN, Step};
pub use semi_sync::Ack;

/// The length of an event's header in bytes; no event is shorter.
pub const EVENT_HEADER_LEN: usize = 19;

/// The longest event, in bytes: its header has 32 bits for the length.
pub const MAX_EVENT_LEN: u64 = 0xffff_ffff;

#[cfg(test)]
mod tests;
