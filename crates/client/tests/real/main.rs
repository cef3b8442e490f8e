//! The driver against real servers, and against fakes where no real one does it.
#![expect(clippy::unwrap_used, reason = "a helper's failure is the test's")]

mod compression;
mod fake;
mod login;
mod other_flavours;
mod queries;
mod real_clients;
mod server_proof;
mod stream;
mod support;
mod tls;
