//! `cargo xtask bench commit`: what it costs a primary's clients that somebody acknowledges their
//! commits: nobody, a MySQL replica, binlogd.

mod floor;
mod load;
mod mode;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use super::disk;
use super::process;
use super::stats::{median, median_ratio, ratio};
use super::table::Table;
use super::target::{Bound, Target};
use crate::product;
use crate::units::float;
use load::Seen;
use mode::{Mode, Servers, Setting};

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench commit
  cargo xtask bench commit --seconds 10 --runs 5
  cargo xtask bench commit --only durable,16 --runs 9
  cargo xtask bench commit --floor
  cargo xtask bench commit --before ./binlogd-before
  cargo xtask bench commit --binary ./binlogd --json > commit.json

Clients update one row by its primary key in each transaction, over a unix socket, and go on when
they are answered. Durable means that the primary syncs each commit (sync_binlog = 1,
innodb_flush_log_at_trx_commit = 1), relaxed that it does not (0, 0). The replica is a MySQL server:
once syncing its relay log at each event, as durable as binlogd, once as it comes, and once with its
applier stopped, so that it only receives. All is on one machine: who acknowledges takes processor
time that the primary and the clients lack. CPU is the acknowledger's.

With --floor also who does nothing but answer, and who overwrites a page of the disk before: what no
acknowledger, and none that keeps what it acknowledges, can be faster than here.";

/// What of `cargo xtask bench commit` to do.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CommitArgs {
    /// How long each way is measured, each time
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How often each is measured, in turns; medians are shown
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Only these settings, like durable,16 or relaxed,1; may be given several times
    #[arg(long, value_name = "SETTING", value_parser = setting)]
    only: Vec<Setting>,
    /// Also measure the least that can acknowledge, with and without a write to the disk
    #[arg(long)]
    floor: bool,
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

fn setting(text: &str) -> Result<Setting, String> {
    let known = || Setting::ALL.map(|s| format!("{},{}", s.durability(), s.clients));
    let found = known().iter().position(|name| name == text);
    found
        .and_then(|index| Setting::ALL.get(index).copied())
        .ok_or_else(|| format!("there are {}", known().join(" ")))
}

/// Measures and prints.
///
/// # Errors
/// If a commit was not acknowledged, or something does not start.
pub(super) fn run(args: &CommitArgs) -> Result<bool> {
    let binaries = Binaries {
        measured: product::named_or_built(args.binary.as_deref())?,
        before: args.before.as_deref().map(product::named).transpose()?,
    };
    let machine = super::machine();
    eprintln!("Starting a primary and a replica …");
    let servers = Servers::start()?;
    let settings = if args.only.is_empty() { Setting::ALL.to_vec() } else { args.only.clone() };
    let time = Duration::from_secs(args.seconds);
    let mut modes = Mode::PEERS.to_vec();
    if binaries.before.is_some() {
        modes.push(Mode::Before);
    }
    if args.floor {
        modes.extend(Mode::FLOORS);
    }
    let mut order = modes.clone();
    let mut results = Results(Vec::new());
    for run in 1..=args.runs {
        for &setting in &settings {
            for &mode in &order {
                let sample = measure(&servers, mode, setting, time, binaries.of(mode))?;
                eprintln!(
                    "run {run} of {}: {:19} {:17} {:8.0} commits/s",
                    args.runs,
                    setting.name(),
                    mode.name(),
                    sample.seen.commits_per_s
                );
                results.0.push((setting, mode, sample));
            }
        }
        // Who comes first changes, so that nobody always follows the same.
        order.rotate_left(1);
    }
    let server = servers.primary.prefix().version().to_string();
    let report = Report {
        machine,
        server,
        runs: args.runs,
        seconds: args.seconds,
        settings,
        modes,
        results,
    };
    if args.json {
        println!("{:#}", report.json());
    } else {
        report.print();
    }
    Ok(true)
}

/// The programs that are measured.
struct Binaries {
    measured: PathBuf,
    before: Option<PathBuf>,
}

impl Binaries {
    fn of(&self, mode: Mode) -> &Path {
        match &self.before {
            Some(before) if mode == Mode::Before => before,
            _ => &self.measured,
        }
    }
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
struct Sample {
    seen: Seen,
    /// CPU of who acknowledges, per commit, in microseconds.
    cpu_us: f64,
    /// What a sync took just before.
    sync_ms: f64,
}

fn measure(
    servers: &Servers,
    mode: Mode,
    setting: Setting,
    time: Duration,
    binary: &Path,
) -> Result<Sample> {
    // Nobody is to wait for what was left unwritten before.
    rustix::fs::sync();
    let sync_ms = disk::sync_ms()?;
    let acknowledger = servers.enter(mode, setting, binary)?;
    let unacknowledged = servers.unacknowledged()?;
    let cpu = || acknowledger.pid().map_or(Ok(0.0), process::cpu_s);
    let (seen, before, after) = load::run(&servers.primary, setting.clients, time, cpu)
        .with_context(|| format!("{}, {}", mode.name(), setting.name()))?;
    servers.check_acknowledged(unacknowledged).with_context(|| mode.name())?;
    servers.leave(acknowledger)?;
    Ok(Sample { seen, cpu_us: ratio((after - before) * 1e6, float(seen.commits)), sync_ms })
}

/// All measurements.
struct Results(Vec<(Setting, Mode, Sample)>);

impl Results {
    fn of(&self, setting: Setting, mode: Mode) -> impl Iterator<Item = &Sample> {
        let same = move |(s, m, _): &&(Setting, Mode, Sample)| *s == setting && *m == mode;
        self.0.iter().filter(same).map(|(_, _, sample)| sample)
    }

    fn median(&self, setting: Setting, mode: Mode, value: impl Fn(&Sample) -> f64) -> f64 {
        median(self.of(setting, mode).map(value))
    }

    /// What a sync took, before each measurement.
    fn sync_ms(&self) -> Vec<f64> {
        self.0.iter().map(|(_, _, sample)| sample.sync_ms).collect()
    }

    /// How many times as many commits binlogd lets through as another.
    fn binlogd_to(&self, setting: Setting, mode: Mode) -> f64 {
        let rates = |mode| self.of(setting, mode).map(|sample| sample.seen.commits_per_s);
        median_ratio(rates(Mode::Binlogd), rates(mode))
    }

    fn targets(&self, settings: &[Setting]) -> Vec<Target> {
        let mut targets = Vec::new();
        for (mode, bound) in [(Mode::ReplicaSynced, 1.3), (Mode::ReplicaDefault, 1.0)] {
            for &setting in settings {
                targets.push(self.target(setting, mode, bound));
            }
        }
        let contended = Setting { durable: true, clients: 16 };
        if settings.contains(&contended) {
            targets.push(self.target(contended, Mode::Alone, 0.85));
        }
        for &setting in settings {
            if self.of(setting, Mode::Before).next().is_some() {
                let what = format!("{}: binlogd / before", setting.name());
                targets.push(Target::not_worse(what, self.binlogd_to(setting, Mode::Before)));
            }
        }
        targets
    }

    fn target(&self, setting: Setting, mode: Mode, bound: f64) -> Target {
        let what = format!("{}: binlogd / {}", setting.name(), mode.name());
        Target::new(what, self.binlogd_to(setting, mode), Bound::AtLeast(bound), "x")
    }
}

/// Everything measured, and where.
struct Report {
    machine: String,
    server: String,
    runs: u32,
    seconds: u64,
    settings: Vec<Setting>,
    modes: Vec<Mode>,
    results: Results,
}

impl Report {
    fn print(&self) {
        println!("\nMySQL {}, TCP without TLS on this machine; {}", self.server, self.machine);
        let syncs = self.results.sync_ms();
        println!(
            "A sync of the disk: {:.2} ms, between {:.2} and {:.2} ms",
            median(syncs.iter().copied()),
            syncs.iter().copied().fold(f64::INFINITY, f64::min),
            syncs.iter().copied().fold(0.0, f64::max),
        );
        println!(
            "Medians of {} alternating runs of {} s; ratios are medians of the runs' ratios:\n",
            self.runs, self.seconds
        );
        let head = ["who acknowledges", "commits/s", "p50 ms", "p99 ms", "CPU us", "binlogd is"];
        for &setting in &self.settings {
            println!("{}", setting.name());
            let mut table = Table::new(&head);
            for &mode in &self.modes {
                let median = |value: fn(&Sample) -> f64| self.results.median(setting, mode, value);
                table.row(vec![
                    mode.name().to_owned(),
                    format!("{:.0}", median(|s| s.seen.commits_per_s)),
                    format!("{:.2}", median(|s| s.seen.p50_ms)),
                    format!("{:.2}", median(|s| s.seen.p99_ms)),
                    match mode {
                        Mode::Alone | Mode::FloorDurable | Mode::FloorVolatile => "-".into(),
                        _ => format!("{:.0}", median(|s| s.cpu_us)),
                    },
                    match mode {
                        Mode::Binlogd => String::new(),
                        _ => format!("{:.2}x", self.results.binlogd_to(setting, mode)),
                    },
                ]);
            }
            println!("{table}");
        }
        for target in self.results.targets(&self.settings) {
            println!("{}", target.line());
        }
    }

    fn json(&self) -> Value {
        let mut rows = Vec::new();
        for &setting in &self.settings {
            for &mode in &self.modes {
                let median = |value: fn(&Sample) -> f64| self.results.median(setting, mode, value);
                let samples = self.results.of(setting, mode).map(|s| s.seen.commits_per_s);
                rows.push(json!({
                    "setting": setting.json(),
                    "acknowledged_by": mode.key(),
                    "commits_per_s": median(|s| s.seen.commits_per_s),
                    "p50_ms": median(|s| s.seen.p50_ms),
                    "p99_ms": median(|s| s.seen.p99_ms),
                    "acknowledger_cpu_us_per_commit": median(|s| s.cpu_us),
                    "binlogd_ratio": self.results.binlogd_to(setting, mode),
                    "samples_commits_per_s": samples.collect::<Vec<_>>(),
                }));
            }
        }
        json!({
            "bench": "commit", "machine": self.machine, "mysql": self.server, "runs": self.runs,
            "seconds": self.seconds, "sync_ms": median(self.results.sync_ms()), "results": rows,
            "targets": self.results.targets(&self.settings).iter().map(Target::json).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(commits_per_s: f64) -> Sample {
        Sample {
            seen: Seen { commits: 1, commits_per_s, p50_ms: 1.0, p99_ms: 2.0 },
            cpu_us: 0.0,
            sync_ms: 0.0,
        }
    }

    #[test]
    fn settings_are_named_by_durability_and_clients() {
        assert_eq!(setting("durable,16"), Ok(Setting { durable: true, clients: 16 }));
        assert_eq!(setting("relaxed,1"), Ok(Setting { durable: false, clients: 1 }));
        assert!(setting("durable,2").unwrap_err().contains("durable,1 durable,16 relaxed,1"));
    }

    #[test]
    fn ratios_are_taken_within_a_setting() {
        let [one, many, ..] = Setting::ALL;
        let results = Results(vec![
            (one, Mode::Binlogd, sample(100.0)),
            (one, Mode::Binlogd, sample(300.0)),
            (one, Mode::Binlogd, sample(150.0)),
            (one, Mode::ReplicaSynced, sample(100.0)),
            (one, Mode::ReplicaSynced, sample(200.0)),
            (one, Mode::ReplicaSynced, sample(100.0)),
            (many, Mode::Binlogd, sample(9.0)),
            (many, Mode::Alone, sample(10.0)),
        ]);
        assert_eq!(results.binlogd_to(one, Mode::ReplicaSynced), 1.5);
        let targets = results.targets(&[one, many]);
        let met: Vec<bool> = targets.iter().map(Target::is_met).collect();
        assert_eq!(met, [true, false, false, false, true]);
    }

    #[test]
    fn a_change_may_cost_3_percent() {
        let [one, many, ..] = Setting::ALL;
        let results = Results(vec![
            (one, Mode::Binlogd, sample(97.0)),
            (one, Mode::Before, sample(100.0)),
            (many, Mode::Binlogd, sample(96.0)),
            (many, Mode::Before, sample(100.0)),
        ]);
        let targets = results.targets(&[one, many]);
        let met: Vec<bool> = targets.iter().rev().take(2).map(Target::is_met).collect();
        assert_eq!(met, [false, true]);
    }
}
