//! Administration with the clients and words of real servers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod client;
#[path = "../common/mod.rs"]
mod common;
mod listing;
mod upstream;
mod waiting;
