//! See ARCHITECTURE.md.
pub mod config;
pub mod downstream;
pub mod dump;
pub mod ingest;
