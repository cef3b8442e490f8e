//! `cargo xtask bench serve`: readers of binlogd, and the same readers of the primary itself.
//!
//! `catch_up` is one reader that lags behind by a whole file, `live` many that are up to date.

mod catch_up;
mod live;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::target::Target;
use crate::product;

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench serve
  cargo xtask bench serve --only catch-up --runs 9
  cargo xtask bench serve --only live --readers 10,100 --seconds 20 --json > serve.json

Catching up: a closed file is read over TCP by a sink that forgets it, from binlogd and from the
primary in turns, the page cache warm. CPU is user and system time of the server that sends, what the
kernel does for the sink's connection included.

Live: readers wait at the end of the binlog while one client commits at a steady rate; they all sit on
one thread. The lag of a delivery is the time from when the client sent the statement until the whole
transaction has arrived, so what the commit itself takes is in it. CPU is that of the server that
sends: for binlogd with all that it does to receive, verify and sync, for the primary with the commits.";

/// What of `cargo xtask bench serve` to do.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// How often each is measured, in turns; medians are shown
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Only one part
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    /// Catching up: the file's size
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(8..=3072))]
    size_mib: u64,
    /// Live: how many readers
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [100, 1000], value_parser = clap::value_parser!(u32).range(1..=10_000))]
    readers: Vec<u32>,
    /// Live: for how long
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Live: transactions in a second
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Live: bytes that each transaction inserts
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    row_bytes: u32,
    /// Measure this binlogd instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Also measure this binlogd, in turns with the other, and compare them
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    CatchUp,
    Live,
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Binlogd,
    /// Another binlogd, to compare with.
    Before,
    Primary,
}

impl Sender {
    /// In an order that changes, so that none always follows the same one.
    fn in_turns(run: u32, binaries: &Binaries) -> Vec<Self> {
        let mut senders = binaries.senders();
        if run.is_multiple_of(2) {
            senders.reverse();
        }
        senders
    }

    fn name(self) -> &'static str {
        match self {
            Self::Binlogd => "binlogd",
            Self::Before => "before",
            Self::Primary => "primary",
        }
    }
}

/// The programs that are measured.
struct Binaries {
    measured: PathBuf,
    before: Option<PathBuf>,
}

impl Binaries {
    fn senders(&self) -> Vec<Sender> {
        let before = self.before.as_ref().map(|_| Sender::Before);
        [Some(Sender::Binlogd), before, Some(Sender::Primary)].into_iter().flatten().collect()
    }

    /// The program of a sender; `None` for the primary.
    fn of(&self, sender: Sender) -> Option<&Path> {
        match sender {
            Sender::Binlogd => Some(&self.measured),
            Sender::Before => self.before.as_deref(),
            Sender::Primary => None,
        }
    }
}

/// Measures and prints.
///
/// # Errors
/// If not everything arrives, or something does not start.
pub(super) fn run(args: &ServeArgs) -> Result<bool> {
    let binaries = Binaries {
        measured: product::named_or_built(args.binary.as_deref())?,
        before: args.before.as_deref().map(product::named).transpose()?,
    };
    let machine = super::machine();
    let catch_up = match args.only {
        Some(Part::Live) => None,
        _ => Some(catch_up::measure(args, &binaries)?),
    };
    let live = match args.only {
        Some(Part::CatchUp) => None,
        _ => Some(live::measure(args, &binaries)?),
    };
    let mut targets = Vec::new();
    targets.extend(catch_up.iter().flat_map(catch_up::Report::targets));
    targets.extend(live.iter().flat_map(live::Report::targets));
    if args.json {
        let value: Value = json!({
            "bench": "serve", "machine": machine, "runs": args.runs,
            "catch_up": catch_up.as_ref().map(catch_up::Report::json),
            "live": live.as_ref().map(live::Report::json),
            "targets": targets.iter().map(Target::json).collect::<Vec<_>>(),
        });
        println!("{value:#}");
        return Ok(true);
    }
    println!("\n{machine}; medians of {} alternating runs", args.runs);
    if let Some(report) = catch_up {
        report.print();
    }
    if let Some(report) = live {
        report.print();
    }
    for target in targets {
        println!("{}", target.line());
    }
    Ok(true)
}
