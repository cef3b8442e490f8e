//! `cargo xtask bench mirror`: one closed binlog file, fetched from a real primary by binlogd, by
//! mysqlbinlog, and by a sink that shows what the primary can send.

mod contestant;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use testkit::Flavour;

use super::corpus::Corpus;
use super::stats::{median, median_ratio, ratio};
use super::table::Table;
use super::target::{Bound, Target};
use crate::product;
use crate::units::float;
use contestant::{Contestant, Sample};

const MIB: u64 = 1 << 20;
/// The large event's length.
const LARGE_EVENT_LEN: u64 = 512 * MIB;

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench mirror
  cargo xtask bench mirror --size-mib 256 --runs 7
  cargo xtask bench mirror --large-event
  cargo xtask bench mirror --binary ./binlogd-before --binary ./binlogd-after --json > mirror.json

Time runs from a process's start: until it ends with mysqlbinlog, until SHOW BINARY LOG STATUS says
that everything is durable with binlogd, which has then checked and synced what mysqlbinlog has only
written. The sink reads the same bytes and forgets them. CPU is user and system time of the process
that fetches; memory is its peak resident size. Every copy is compared with the original.";

/// What of `cargo xtask bench mirror` to do.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MirrorArgs {
    /// How often each fetches the file, in turns; medians are shown
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The file's size
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(8..=3072))]
    size_mib: u64,
    /// Instead of many small events, one of 512 MiB, over TLS: what matters is the memory
    #[arg(long, conflicts_with = "size_mib")]
    large_event: bool,
    /// Fetch over TLS (the sink never does)
    #[arg(long)]
    tls: bool,
    /// Measure this binlogd instead of building one; each further one is compared with the first
    #[arg(long, value_name = "FILE")]
    binary: Vec<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
///
/// # Errors
/// If a copy is not what it should be, or something does not start.
pub(super) fn run(args: &MirrorArgs) -> Result<bool> {
    let contestants = contestants(&args.binary)?;
    let machine = super::machine();
    let tls = args.tls || args.large_event;
    eprintln!("Making a primary with a binlog file to fetch …");
    let corpus = match args.large_event {
        true => Corpus::one_large_event(LARGE_EVENT_LEN)?,
        false => Corpus::small_events(Flavour::Mysql97, args.size_mib * MIB)?,
    };
    let report = Report {
        machine,
        server: corpus.primary.prefix().version().to_string(),
        len: corpus.len,
        events: corpus.events,
        event_len: corpus.event_len(),
        large_event: args.large_event,
        tls,
        results: measure(&contestants, &corpus, args.runs, tls)?,
    };
    if args.json {
        println!("{:#}", report.json());
    } else {
        report.print();
    }
    Ok(true)
}

fn contestants(binaries: &[PathBuf]) -> Result<Vec<Contestant>> {
    let mut all = Vec::new();
    match binaries {
        [] => all.push(Contestant::Binlogd { name: "binlogd".into(), binary: product::binlogd()? }),
        [binary] => {
            all.push(Contestant::Binlogd {
                name: "binlogd".into(),
                binary: binary.canonicalize()?,
            });
        }
        several => {
            for binary in several {
                let name = binary.display().to_string();
                all.push(Contestant::Binlogd { name, binary: binary.canonicalize()? });
            }
        }
    }
    all.extend([Contestant::Mysqlbinlog, Contestant::Sink]);
    Ok(all)
}

/// All fetch in turns, so that a busy minute of this machine hits them alike. Every second run goes through them
/// in reverse: a file that the one before leaves to the page cache costs the next one time.
fn measure(
    contestants: &[Contestant],
    corpus: &Corpus,
    runs: u32,
    tls: bool,
) -> Result<Vec<ContestantResult>> {
    let mut results: Vec<ContestantResult> = contestants
        .iter()
        .map(|contestant| ContestantResult { contestant: contestant.clone(), samples: Vec::new() })
        .collect();
    for run in 1..=runs {
        let mut in_turns: Vec<&mut ContestantResult> = results.iter_mut().collect();
        if run.is_multiple_of(2) {
            in_turns.reverse();
        }
        for result in in_turns {
            let sample = result.contestant.fetch(corpus, tls)?;
            eprintln!(
                "run {run} of {runs}: {:12} {:6.2} s  {:6.1} MB/s  CPU {:5.2} s",
                result.contestant.name(),
                sample.wall_s,
                mb(corpus.len) / sample.wall_s,
                sample.cpu_s
            );
            result.samples.push(sample);
        }
    }
    Ok(results)
}

/// What one contestant did in all runs.
struct ContestantResult {
    contestant: Contestant,
    samples: Vec<Sample>,
}

impl ContestantResult {
    fn wall_times(&self) -> impl Iterator<Item = f64> {
        self.samples.iter().map(|sample| sample.wall_s)
    }

    fn cpu_times(&self) -> impl Iterator<Item = f64> {
        self.samples.iter().map(|sample| sample.cpu_s)
    }

    fn wall_s(&self) -> f64 {
        median(self.wall_times())
    }

    fn cpu_s(&self) -> f64 {
        median(self.cpu_times())
    }

    fn primary_cpu_s(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.primary_cpu_s))
    }

    /// The highest peak of all runs, in MiB.
    fn peak_mib(&self) -> Option<f64> {
        let peaks = self.samples.iter().filter_map(|sample| sample.peak).max();
        peaks.map(|bytes| float(bytes) / float(MIB))
    }
}

/// Everything measured.
struct Report {
    machine: String,
    server: String,
    len: u64,
    events: u64,
    event_len: u64,
    large_event: bool,
    tls: bool,
    results: Vec<ContestantResult>,
}

impl Report {
    fn print(&self) {
        println!(
            "\n{:.1} MB {}; MySQL {}, TCP on this machine{}; {}",
            mb(self.len),
            match self.large_event {
                true => "in one event".into(),
                false => {
                    format!("in {} events, {} bytes each on average", self.events, self.event_len)
                }
            },
            self.server,
            if self.tls { " with TLS (but the sink)" } else { "" },
            self.machine
        );
        println!(
            "Medians of {} alternating runs (ratios: of the runs' ratios); memory is the highest peak:\n",
            self.runs()
        );
        let mut table = Table::new(&[
            "who",
            "wall s",
            "MB/s",
            "CPU s",
            "CPU s/GB",
            "primary CPU s",
            "peak MiB",
        ]);
        for result in &self.results {
            table.row(vec![
                result.contestant.name().to_owned(),
                format!("{:.2}", result.wall_s()),
                format!("{:.1}", self.mb_per_s(result)),
                format!("{:.2}", result.cpu_s()),
                format!("{:.2}", self.cpu_per_gb(result)),
                format!("{:.2}", result.primary_cpu_s()),
                result.peak_mib().map_or("-".into(), |mib| format!("{mib:.1}")),
            ]);
        }
        println!("{table}");
        println!("All copies are identical to the primary's file.\n");
        for target in self.targets() {
            println!("{}", target.line());
        }
    }

    fn targets(&self) -> Vec<Target> {
        let mut targets = self.comparisons();
        let peer = self.results.iter().find(|r| r.contestant == Contestant::Mysqlbinlog);
        let ours =
            self.results.iter().filter(|r| matches!(r.contestant, Contestant::Binlogd { .. }));
        for result in ours {
            let name = result.contestant.name();
            if let (Some(peer), false) = (peer, self.large_event) {
                let faster = median_ratio(peer.wall_times(), result.wall_times());
                let what = format!("throughput of {name} / mysqlbinlog");
                targets.push(Target::new(what, faster, Bound::AtLeast(2.0), "x"));
                let cheaper = median_ratio(result.cpu_times(), peer.cpu_times());
                let what = format!("CPU of {name} / mysqlbinlog");
                targets.push(Target::new(what, cheaper, Bound::AtMost(0.3), "x"));
            }
            if let Some(peak) = result.peak_mib() {
                let what = format!("peak memory of {name}");
                targets.push(Target::new(what, peak, Bound::AtMost(64.0), " MiB"));
            }
        }
        targets
    }

    /// Each further binlogd with the first one.
    fn comparisons(&self) -> Vec<Target> {
        let ours: Vec<_> = self
            .results
            .iter()
            .filter(|r| matches!(r.contestant, Contestant::Binlogd { .. }))
            .collect();
        let Some((first, others)) = ours.split_first() else { return Vec::new() };
        let compare = |other: &&ContestantResult| {
            let names = format!("{} / {}", other.contestant.name(), first.contestant.name());
            let faster = median_ratio(first.wall_times(), other.wall_times());
            let cheaper = median_ratio(first.cpu_times(), other.cpu_times());
            [
                Target::not_worse(format!("throughput of {names}"), faster),
                Target::not_worse(format!("bytes per CPU second of {names}"), cheaper),
            ]
        };
        others.iter().flat_map(compare).collect()
    }

    fn runs(&self) -> usize {
        self.results.first().map_or(0, |result| result.samples.len())
    }

    fn mb_per_s(&self, result: &ContestantResult) -> f64 {
        ratio(mb(self.len), result.wall_s())
    }

    fn cpu_per_gb(&self, result: &ContestantResult) -> f64 {
        ratio(result.cpu_s(), mb(self.len) / 1e3)
    }

    fn json(&self) -> Value {
        let results = self.results.iter().map(|result| {
            let samples = result.samples.iter().map(|sample| {
                json!({
                    "wall_s": sample.wall_s, "cpu_s": sample.cpu_s,
                    "primary_cpu_s": sample.primary_cpu_s, "peak_bytes": sample.peak,
                })
            });
            json!({
                "name": result.contestant.name(),
                "wall_s": result.wall_s(),
                "mb_per_s": self.mb_per_s(result),
                "cpu_s": result.cpu_s(),
                "cpu_s_per_gb": self.cpu_per_gb(result),
                "primary_cpu_s": result.primary_cpu_s(),
                "peak_mib": result.peak_mib(),
                "samples": samples.collect::<Vec<_>>(),
            })
        });
        json!({
            "bench": "mirror", "machine": self.machine, "mysql": self.server, "tls": self.tls,
            "large_event": self.large_event, "runs": self.runs(),
            "file": { "bytes": self.len, "events": self.events, "event_bytes": self.event_len },
            "results": results.collect::<Vec<_>>(),
            "targets": self.targets().iter().map(Target::json).collect::<Vec<_>>(),
        })
    }
}

/// Millions of bytes.
fn mb(bytes: u64) -> f64 {
    float(bytes) / 1e6
}
