//! Fixtures for tests. Against real servers: MySQL and MariaDB fetched into a private prefix,
//! throw-away instances of them, replication between them, and the SQL that makes them write
//! every kind of binlog event. Without servers: a simulated disk, and a generator of binlogs.
//!
//! Nothing here is published, and nothing here does its work by our own crates, so that a fault
//! in them cannot hide itself: of them come only the traits that a disk must have and the type
//! of a GTID.

pub mod binlog_gen;
pub mod chaos;
pub mod clock;
pub mod daemon;
pub mod debezium;
pub mod flavour;
pub mod ports;
pub mod proxy;
pub mod replication;
pub mod rng;
pub mod server;
pub mod sim_disk;
mod template;
pub mod testbed;
pub mod tls;
pub mod torn;
pub mod wait;
mod watchdog;
pub mod workload;

pub use binlog_gen::BinlogGen;
pub use clock::FalseClock;
pub use daemon::Daemon;
pub use flavour::Flavour;
pub use proxy::Proxy;
pub use replication::{Coordinates, ReplicaStatus, SourceSpec};
pub use rng::Rng;
pub use server::{Endpoint, Server};
pub use sim_disk::SimDisk;
pub use testbed::Prefix;
pub use tls::Pki;
pub use wait::wait_until;
