//! `cargo xtask chaos`: what binlogd promises, put to the test for as long as one likes.

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use testkit::chaos::{self, Plan};

use crate::{product, repo};

const EXAMPLES: &str = "\
Examples:
  cargo xtask chaos binlogd                    kill binlogd a hundred times under load
  cargo xtask chaos primary --rounds 3 --seed 7
  cargo xtask chaos simulation --seeds 100000

What `cargo xtask test` does is the same with fewer rounds. The moments of the kills follow from
the seed, which is printed; what processes were doing at those moments does not.";

/// What to put to the test.
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum ChaosTask {
    /// SIGKILL binlogd at random moments under load and rotations: nothing acknowledged may be missing, commits
    /// go on once it is back, and all files are the primary's. In one of four rounds it comes back with few
    /// file descriptors, which idle clients use up; in one of four its log is on a full disk
    Binlogd(Rounds),
    /// SIGKILL the primary under load, a MySQL and a MariaDB in turn: a replica of binlogd alone has
    /// every commit that a client was told of
    Primary(Rounds),
    /// One binlog file of more than 4 GiB: killed in the middle, compared, read by a replica
    Large(Rounds),
    /// Simulated crashes, torn writes, full and failing disks
    Simulation {
        /// How many seeds of each simulation
        #[arg(long, value_name = "N", default_value_t = 10_000)]
        seeds: u64,
    },
}

/// How much of it.
#[derive(Args)]
pub(crate) struct Rounds {
    /// How many rounds; unless told 100 deaths of binlogd, 20 of the primary, or one large file
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// Where the random moments come from; another one each time unless told
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Clients that write at once
    #[arg(long, value_name = "N", default_value_t = 16)]
    clients: u32,
    /// Test this binlogd instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Runs it and prints the verdict, which it returns.
///
/// # Errors
/// If it cannot be run, or at the first broken promise.
pub(crate) fn run(task: ChaosTask) -> Result<bool> {
    let started = Instant::now();
    let verdict = match task {
        ChaosTask::Binlogd(rounds) => {
            let (plan, bar) = rounds.begin(100)?;
            let killed = chaos::kill_binlogd(&plan, |line| report(&bar, line))?;
            format!(
                "binlogd was killed {} times in {} rounds, under {} clients: of {} acknowledged \
                 commits none was missing after any restart, none waited longer than {:.1} s once \
                 binlogd was back, also in {} rounds with few file descriptors and {} with a full disk \
                 for its log, and all {} files are the primary's",
                killed.kills,
                plan.rounds,
                plan.clients,
                killed.commits,
                killed.longest_stall.as_secs_f64(),
                killed.few_descriptors,
                killed.full_log,
                killed.files
            )
        }
        ChaosTask::Primary(rounds) => {
            let (plan, bar) = rounds.begin(20)?;
            let commits = chaos::kill_primary(&plan, |line| report(&bar, line))?;
            format!(
                "{} primaries were killed under {} clients, every other one a MariaDB and several \
                 times: of {commits} commits that clients were told of none was missing on the \
                 replicas of binlogd",
                plan.rounds, plan.clients
            )
        }
        ChaosTask::Large(rounds) => {
            let (plan, bar) = rounds.begin(1)?;
            let mut len = 0;
            for _ in 0..plan.rounds {
                len = chaos::large_file(&plan, |line| say(&bar, line))?;
                bar.inc(1);
            }
            format!("a file of {len} bytes was mirrored over a kill, and read by a replica")
        }
        ChaosTask::Simulation { seeds } => return simulate(seeds),
    };
    println!("PASSED in {} s: {verdict}", started.elapsed().as_secs());
    Ok(true)
}

impl Rounds {
    fn begin(self, usual: u32) -> Result<(Plan, ProgressBar)> {
        let binary = product::named_or_built(self.binary.as_deref())?;
        let rounds = self.rounds.unwrap_or(usual);
        let seed = self.seed.unwrap_or_else(some_seed);
        println!("seed {seed}, {rounds} rounds, {} clients", self.clients);
        let bar = ProgressBar::new(u64::from(rounds));
        let style = "{bar:30} {pos} of {len} rounds, {elapsed} gone, {eta} to go  {msg}";
        bar.set_style(ProgressStyle::with_template(style).context("a bad template")?);
        bar.enable_steady_tick(Duration::from_millis(500));
        Ok((Plan { binary, rounds, seed, clients: self.clients }, bar))
    }
}

fn report(bar: &ProgressBar, line: &str) {
    say(bar, line);
    bar.inc(1);
}

fn say(bar: &ProgressBar, line: &str) {
    if stderr().is_terminal() {
        bar.set_message(line.to_owned());
    } else {
        println!("{line}");
    }
}

fn some_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |now| now.as_secs() % 1_000_000)
}

/// The simulations are tests, which take their number of seeds from the environment.
fn simulate(seeds: u64) -> Result<bool> {
    let mut passed = true;
    for package in ["binlogd-store", "binlogd-server"] {
        let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["test", "--package", package, "--test", "simulation"])
            .env("BINLOGD_SIM_SEEDS", seeds.to_string())
            .current_dir(repo::root()?)
            .status()
            .context("run cargo")?;
        passed &= status.success();
    }
    println!("{}: {seeds} seeds of each simulation", if passed { "PASSED" } else { "FAILED" });
    Ok(passed)
}
