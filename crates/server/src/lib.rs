//! The daemon: follows primaries, keeps their binlogs, serves replicas.
//!
//! `upstream` finds and prepares a primary, `ingest` takes its events in, `follow` drives both;
//! `dump` sends events out, `downstream` is the login and the SQL before a dump; `stream` is what
//! all of them know of one primary, `daemon` all streams of a process.
#![forbid(unsafe_code)]

pub mod config;
pub mod daemon;
pub mod descriptors;
pub mod downstream;
pub mod dump;
pub mod follow;
pub mod identity;
mod indexer;
pub mod ingest;
pub mod listing;
pub mod reader_acks;
pub mod retention;
pub mod stream;
pub mod upstream;
