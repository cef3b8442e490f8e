//! The primary dies under load, and a new replica is made of what binlogd has.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{PATIENCE, Plan, load, moment, patient_primary};
use crate::{Daemon, Flavour, Rng, Server};

/// Kills a primary in each round; a replica that then knows nobody but binlogd must have every
/// commit that a client was told of. Returns how many commits those were.
///
/// # Errors
/// If one is missing, or something does not come about in time.
pub fn kill_primary(plan: &Plan, mut note: impl FnMut(&str)) -> Result<u64> {
    let mut rng = Rng::new(plan.seed);
    let mut commits = 0;
    for round in 1..=plan.rounds {
        let told = round_of(plan, &mut rng)
            .with_context(|| format!("round {round} of seed {}", plan.seed))?;
        note(&format!("round {round}: all of {told} commits are on the new replica"));
        commits += told;
    }
    Ok(commits)
}

fn round_of(plan: &Plan, rng: &mut Rng) -> Result<u64> {
    let mut primary = patient_primary()?;
    let daemon = Daemon::new(&plan.binary, &primary.endpoint())?.started()?;
    primary.wait_for_semi_sync(1, PATIENCE)?;
    let clients = load(&primary, plan, rng)?;
    clients.wait_for_commits(u64::from(plan.clients), PATIENCE)?;
    sleep(moment(rng, Duration::from_millis(1500)));
    if rng.one_in(3) {
        primary.sql("flush binary logs")?;
        sleep(moment(rng, Duration::from_millis(200)));
    }
    primary.kill()?;
    let told = clients.stop()?;
    ensure!(told.errors.len() == plan.clients as usize, "clients outlived the primary: {told:?}");

    let replica = Server::start_new(Flavour::Mysql97)?;
    replica.replicate_from(&daemon.as_source())?;
    let executed = daemon.sql(replica.prefix(), "select @@global.gtid_executed")?;
    replica.wait_for_gtids(&executed.replace("\\n", ""), PATIENCE).with_context(|| daemon.log())?;
    let missing = told.missing_on(&replica)?;
    ensure!(missing == 0, "{missing} of {} commits are missing\n{}", told.total(), daemon.log());
    Ok(told.total())
}
