//! See ARCHITECTURE.md.
pub mod downstream;
