//! `cargo xtask demo`: a primary, binlogd and a replica at work, for people to watch.
//!
//! Here is the plot. `stage` puts the servers up, `clients` write, `gauges` ask all three how far
//! they are, `screen` shows it, `verdict` checks the outcome.

mod clients;
mod gauges;
mod screen;
mod stage;
mod verdict;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::runtime::Runtime;

use crate::product;
use crate::units::seconds;
use clients::Clients;
use gauges::Gauges;
use screen::Screen;
use stage::Stage;

/// For what takes a moment on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long binlogd stays dead.
const DEAD: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo                           about half a minute, after the build
  cargo xtask demo --seconds 60 --clients 32
  cargo xtask demo --keep                    afterwards, look around with your own tools

It needs nothing but a network the first time: MySQL is fetched into the user's cache, nothing is
installed. All servers listen on this machine only; all they write is removed at the end.";

/// What of `cargo xtask demo` to do.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// How long the clients write
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(8..))]
    seconds: u64,
    /// How many clients write at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    clients: u32,
    /// Use this binlogd instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Leave everything up at the end, say how to connect, and wait for Ctrl-C
    #[arg(long)]
    keep: bool,
}

/// Shows it all and returns the verdict.
///
/// # Errors
/// If a server cannot be had or fails, or at Ctrl-C.
pub(crate) fn run(args: &DemoArgs) -> Result<bool> {
    let binary = product::named_or_built(args.binary.as_deref())?;
    println!("Starting MySQL twice, and binlogd between them …");
    let runtime = Runtime::new().context("cannot start the runtime")?;
    interrupt_on_signals(&runtime)?;
    let mut stage = Stage::new(&binary)?;
    stage.introduce();
    let verdict = play(args, &mut stage, &runtime)?;
    verdict.print();
    if args.keep {
        stage.say_how_to_connect();
        while !INTERRUPTED.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(100));
        }
        println!("\nStopping and removing everything.");
    }
    Ok(verdict.passed())
}

/// Clients write; meanwhile a binlog file is closed, and binlogd killed and started again.
fn play(args: &DemoArgs, stage: &mut Stage, runtime: &Runtime) -> Result<verdict::Verdict> {
    clients::create_tables(runtime, &stage.primary)?;
    let gauges = Arc::new(Gauges::default());
    gauges::watch(runtime, stage, &gauges);
    let total = Duration::from_secs(args.seconds);
    let screen = Screen::start(Arc::clone(&gauges), args.clients, total);
    let started = Instant::now();
    let clients = Clients::start(runtime, &stage.primary, args.clients);
    let until = |share: u32| sleep_until(started + total * share / 100, &clients);

    until(25)?;
    stage.primary.sql("flush binary logs")?;
    screen.event("Told the primary to begin a new binlog file (FLUSH BINARY LOGS).");

    until(45)?;
    gauges.binlogd_is_killed();
    stage.binlogd.kill()?;
    screen.event("Killed binlogd (SIGKILL). Commits under way now wait for it.");
    sleep_until(Instant::now() + DEAD, &clients)?;
    let restarted = Instant::now();
    let commits = clients.commits();
    stage.binlogd.start()?;
    gauges.binlogd_is_started();
    while clients.commits() == commits && restarted.elapsed() < PATIENCE {
        sleep_until(Instant::now() + Duration::from_millis(10), &clients)?;
    }
    screen.event(&format!(
        "Started binlogd again: commits went on after {}.",
        seconds(restarted.elapsed())
    ));

    until(80)?;
    stage.primary.sql("flush binary logs")?;
    screen.event("Told the primary to begin another binlog file.");

    until(100)?;
    let written = clients.stop(runtime)?;
    screen.event("The clients have stopped. Waiting until everybody has everything …");
    // The last file is closed too, so that it can be compared to its last byte.
    stage.primary.sql("flush binary logs")?;
    stage.binlogd.wait_for_all_of(&stage.primary, PATIENCE)?;
    stage.replica.wait_for_replica_of(&stage.primary, PATIENCE)?;
    // For a last look at all three.
    thread::sleep(gauges::INTERVAL * 3);
    screen.stop();
    verdict::check(stage, written)
}

/// Set by signals that end a program, so that servers are taken down in order rather than left behind.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn interrupt_on_signals(runtime: &Runtime) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let _guard = runtime.enter();
    let listen = |kind| signal(kind).context("cannot wait for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    runtime.spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        INTERRUPTED.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// Sleeps, unless the user has seen enough or a client has failed.
fn sleep_until(end: Instant, clients: &Clients) -> Result<()> {
    loop {
        if INTERRUPTED.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        clients.check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(Duration::from_millis(50)));
    }
}
