//! `cargo xtask bench seek`: a reader comes back with the GTIDs of half a large file.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use binlogd_event::GtidSet;
use clap::Args;
use serde_json::{Value, json};

use super::corpus::Corpus;
use super::sink::Sink;
use super::stats::{median, median_ratio};
use super::table::Table;
use super::target::{Bound, Target};
use crate::product;

const MIB: u64 = 1 << 20;

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench seek
  cargo xtask bench seek --size-mib 256 --runs 50 --json > seek.json

Time runs from when a reader that is logged in asks for a dump until the first transaction that it
lacks begins to arrive, the page cache warm. 'no index' is binlogd with its index taken away before:
it makes it anew.";

/// What of `cargo xtask bench seek` to do.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SeekArgs {
    /// How often each is asked, in turns; medians are shown
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The file's size
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(8..=3072))]
    size_mib: u64,
    /// Measure this binlogd instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Binlogd,
    WithoutIndex,
    Primary,
}

impl Asked {
    const ALL: [Self; 3] = [Self::Binlogd, Self::WithoutIndex, Self::Primary];

    fn name(self) -> &'static str {
        match self {
            Self::Binlogd => "binlogd",
            Self::WithoutIndex => "binlogd, no index",
            Self::Primary => "primary",
        }
    }
}

/// Measures and prints.
///
/// # Errors
/// If something does not start, or no transaction comes.
pub(super) fn run(args: &SeekArgs) -> Result<bool> {
    let binary = product::named_or_built(args.binary.as_deref())?;
    let machine = super::machine();
    eprintln!("Making a primary with a binlog file to seek in …");
    let corpus = Corpus::small_events(args.size_mib * MIB)?;
    let daemon = corpus.mirrored_by(&binary)?;
    let has = half_of(&corpus.primary.executed_gtids()?)?;
    let index = daemon.timeline_dir(&corpus.primary)?.join(format!("{}.idx", corpus.file));
    let mut samples = Vec::new();
    // Once for nothing, so that the file is in memory.
    for run in 0..=args.runs {
        for asked in Asked::ALL {
            let port = match asked {
                Asked::Primary => corpus.primary.port(),
                _ => daemon.endpoint().port,
            };
            if asked == Asked::WithoutIndex {
                std::fs::remove_file(&index).with_context(|| index.display().to_string())?;
            }
            let ms = Sink::time_to_first(port, &has, 4711)?.as_secs_f64() * 1e3;
            if run > 0 {
                eprintln!("run {run} of {}: {:17} {ms:8.2} ms", args.runs, asked.name());
                samples.push((asked, ms));
            }
        }
    }
    let server = corpus.primary.prefix().version().to_string();
    let report = Report { machine, server, size_mib: args.size_mib, runs: args.runs, samples };
    if args.json {
        println!("{:#}", report.json());
    } else {
        report.print();
    }
    Ok(true)
}

/// `uuid:1-200` as `uuid:1-100`.
fn half_of(executed: &str) -> Result<GtidSet> {
    let Some((source, last)) = executed.rsplit_once(":1-") else {
        bail!("the primary has {executed}, not one run of transactions");
    };
    let last: u64 = last.trim().parse()?;
    Ok(format!("{source}:1-{}", last / 2).parse()?)
}

struct Report {
    machine: String,
    server: String,
    size_mib: u64,
    runs: u32,
    samples: Vec<(Asked, f64)>,
}

impl Report {
    fn ms(&self, asked: Asked) -> impl Iterator<Item = f64> {
        self.samples.iter().filter(move |(who, _)| *who == asked).map(|(_, ms)| *ms)
    }

    fn print(&self) {
        println!(
            "\nTo the middle of a file of {} MiB by GTID; MySQL {}, TCP on this machine; {}; {} runs:\n",
            self.size_mib, self.server, self.machine, self.runs
        );
        let mut table = Table::new(&["asked", "median ms", "most ms"]);
        for asked in Asked::ALL {
            let most = self.ms(asked).fold(0.0, f64::max);
            let middle = median(self.ms(asked));
            table.row(vec![asked.name().into(), format!("{middle:.2}"), format!("{most:.2}")]);
        }
        println!("{table}");
        for target in self.targets() {
            println!("{}", target.line());
        }
    }

    fn targets(&self) -> Vec<Target> {
        let ratio = median_ratio(self.ms(Asked::Binlogd), self.ms(Asked::Primary));
        vec![
            Target::new(
                "time to the first transaction",
                median(self.ms(Asked::Binlogd)),
                Bound::AtMost(5.0),
                " ms",
            ),
            Target::new("time of binlogd / primary", ratio, Bound::AtMost(1.0), "x"),
        ]
    }

    fn json(&self) -> Value {
        let samples =
            self.samples.iter().map(|(asked, ms)| json!({ "asked": asked.name(), "ms": ms }));
        json!({
            "bench": "seek", "machine": self.machine, "mysql": self.server,
            "size_mib": self.size_mib, "runs": self.runs,
            "samples": samples.collect::<Vec<_>>(),
            "targets": self.targets().iter().map(Target::json).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_set_is_its_first_half() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        let half = half_of(&format!("{uuid}:1-201")).unwrap();
        assert_eq!(half.to_string(), format!("{uuid}:1-100"));
        assert!(half_of("").is_err());
    }
}
