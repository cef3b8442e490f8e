//! The store's behaviour, mostly on a simulated disk.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disks;
mod faults;
mod indexing;
mod journal;
mod layout;
mod names;
mod purging;
mod reading;
mod recovery;
mod remedies;
mod support;
mod timelines;
mod unlogged;
mod watermark;
mod writing;
