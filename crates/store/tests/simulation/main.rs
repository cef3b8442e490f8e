//! Crashes and restarts at random: whatever happens, nothing that was reported durable is lost,
//! and nothing that is found is wrong.
//!
//! `BINLOGD_SIM_SEEDS=20000` runs more seeds than usual, `BINLOGD_SIM_SEED=17` only that one.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broken;
mod flaws;
mod primary;
mod tally;
mod world;

use std::env;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use flaws::Flaw;
use tally::Tally;
use world::World;

/// Seeds of a usual run.
const SEEDS: u64 = 1000;

#[test]
fn nothing_durable_is_ever_lost_and_nothing_found_is_wrong() {
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("BINLOGD_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BINLOGD_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let count = seeds.end - seeds.start;
    let tally = in_parallel(seeds, |seed| match catch_unwind(|| World::run(seed, Flaw::None)) {
        Ok(Ok(tally)) => tally,
        Ok(Err(violation)) => panic!("{violation}\n\nreplay: {}", replay(seed)),
        Err(_) => panic!("replay: {}", replay(seed)),
    });
    if count >= SEEDS {
        tally.check(count);
    }
}

fn replay(seed: u64) -> String {
    format!("BINLOGD_SIM_SEED={seed} cargo test -p binlogd-store --test simulation nothing")
}

/// Runs seeds on all processors and adds up what they did.
fn in_parallel(seeds: std::ops::Range<u64>, run: impl Fn(u64) -> Tally + Sync) -> Tally {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return tally;
            }
            tally.add(&run(seed));
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut tally = Tally::default();
        let mut failure = None;
        for worker in workers {
            match worker.join() {
                Ok(part) => tally.add(&part),
                Err(panic) => failure = Some(panic),
            }
        }
        if let Some(panic) = failure {
            std::panic::resume_unwind(panic);
        }
        tally
    })
}
