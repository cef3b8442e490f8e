//! Checking stores: each kind of damage is found, and nothing else is taken for damage.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;
mod folders;
mod index;
mod live;
mod support;
mod timelines;
