//! `cargo xtask bench`: binlogd and its peers, alternately in one run, and their ratios.
//!
//! A file per benchmark; beside them what they share: builds, measures of processes, statistics,
//! tables. No test calls any of this: times prove nothing on a machine that does other things.

mod commit;
mod corpus;
mod decode;
mod disk;
mod mirror;
mod process;
mod raw_client;
mod seek;
mod serve;
mod sink;
mod stats;
mod table;
mod target;
mod upstream;

use std::fs;
use std::thread;

use anyhow::Result;
use clap::Subcommand;

/// A benchmark.
#[derive(Subcommand)]
pub(crate) enum BenchTask {
    /// How fast, and at what cost, a binlog file is fetched and made safe
    Mirror(mirror::MirrorArgs),
    /// How many commits a primary does whose commits are acknowledged, and how long they take
    Commit(commit::CommitArgs),
    /// How fast, and at what cost, readers are served: one that catches up, and a thousand that follow
    Serve(serve::ServeArgs),
    /// How long a reader that comes back waits for its first transaction
    Seek(seek::SeekArgs),
    /// How fast a file is read: rows as SQL, JSON and values, events, checks
    Decode(decode::DecodeArgs),
}

/// Runs it. False means that what was measured did not even do its work right.
///
/// # Errors
/// If it cannot be run.
pub(crate) fn run(task: BenchTask) -> Result<bool> {
    match task {
        BenchTask::Mirror(args) => mirror::run(&args),
        BenchTask::Commit(args) => commit::run(&args),
        BenchTask::Serve(args) => serve::run(&args),
        BenchTask::Seek(args) => seek::run(&args),
        BenchTask::Decode(args) => decode::run(&args),
    }
}

/// What else keeps this machine busy, as a warning beside numbers.
fn machine() -> String {
    let cores = thread::available_parallelism().map_or(0, |n| n.get());
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    format!("{cores} cores, load average {load} at the start")
}
