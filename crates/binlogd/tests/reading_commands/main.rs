//! The commands that read binlogs: what they take, what they choose of it, and how they print.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod choosing;
#[path = "../common/mod.rs"]
mod common;
mod debezium;
mod help;
mod input;
mod lines;
