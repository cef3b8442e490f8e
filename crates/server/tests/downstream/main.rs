//! The side that replicas and clients talk to, over real sockets: our own client, hostile bytes, and
//! the clients of real servers. The stream behind it is a fake, but for
//! replicas that come before its first file.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod early_replicas;
mod hostile;
mod login;
mod prepared;
mod raw;
mod real_clients;
mod real_replicas;
mod sessions;
mod support;
