//! Fixtures for tests against real servers: MySQL and MariaDB fetched into a private prefix,
//! throw-away instances of them, replication between them, and the SQL that makes them write
//! every kind of binlog event. Nothing here is published, and nothing here depends on our own
//! crates, so that a fault in them cannot hide itself.

pub mod daemon;
pub mod flavour;
pub mod ports;
pub mod replication;
pub mod server;
mod template;
pub mod testbed;
pub mod tls;
pub mod wait;
pub mod workload;

pub use daemon::Daemon;
pub use flavour::Flavour;
pub use replication::{Coordinates, ReplicaStatus, SourceSpec};
pub use server::{Endpoint, Server};
pub use testbed::Prefix;
pub use tls::Pki;
pub use wait::wait_until;
