//! Kills at random moments under load, and what must hold after each.
//!
//! One file per kind of trouble: `binlogd` dies, the `primary` dies, a file grows `large`; a `crowd` of clients takes
//! what it can. The moments follow from a seed, as far as processes on a busy machine follow anything.

mod binlogd;
mod crowd;
mod large;
mod primary;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

pub use binlogd::{Killed, kill_binlogd};
pub use large::large_file;
pub use primary::{kill_mariadb, kill_primary};

use crate::workload::{Load, LoadSpec};
use crate::{Flavour, Rng, Server};

/// How much of it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The binlogd under test.
    pub binary: PathBuf,
    /// How many deaths.
    pub rounds: u32,
    /// Where the random moments come from.
    pub seed: u64,
    /// Clients that write at once.
    pub clients: u32,
}

/// For what takes a moment on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A primary that rather waits than goes on without an acknowledgement.
fn patient_primary(args: &[&str]) -> Result<Server> {
    Server::builder(Flavour::Mysql97)
        .semi_sync()
        .arg("--rpl-semi-sync-source-timeout=3600000")
        .args(args.iter().copied())
        .start()
}

/// The same of a MariaDB.
fn patient_mariadb() -> Result<Server> {
    Server::builder(Flavour::Mariadb118)
        .semi_sync()
        .args(["--rpl-semi-sync-master-wait-point=AFTER_SYNC"])
        .arg("--rpl-semi-sync-master-timeout=3600000")
        .start()
}

fn load(primary: &Server, plan: &Plan, rng: &mut Rng) -> Result<Load> {
    let payload_bytes = rng.pick(&[10, 100, 1000, 20_000]);
    Load::start(primary, &LoadSpec { clients: plan.clients, payload_bytes, ..LoadSpec::default() })
}

/// A moment at which to kill: any, but one in four times a very early one.
fn moment(rng: &mut Rng, longest: Duration) -> Duration {
    let longest = if rng.one_in(4) { longest / 100 } else { longest };
    longest * u32::try_from(rng.below(10_000)).unwrap_or(0) / 10_000
}
