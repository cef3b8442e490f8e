//! The decoder against real servers: what it makes of their binlogs is what they answer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod bodies;
mod canal;
mod charsets;
mod debezium;
mod differential;
mod events;
mod followed;
mod full_nodup;
mod generated_ddl;
mod heartbeats;
mod json;
mod lossless;
mod maxwell;
mod model;
mod mysqlbinlog;
mod robustness;
mod values;
mod written;
