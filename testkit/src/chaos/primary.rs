//! The primary dies under load: a MySQL for good, and a new replica is made of what binlogd has; a MariaDB
//! again and again, with what it was writing at the end of its files, which nobody must be given.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{PATIENCE, Plan, load, moment, patient_mariadb, patient_primary};
use crate::daemon::compare_files;
use crate::workload::{Acknowledged, Load, LoadSpec};
use crate::{Daemon, Flavour, Rng, Server};

/// Kills a primary in each round, in every other one a MariaDB; a replica that knows nobody but binlogd
/// must then have every commit that a client was told of. Returns how many commits those were.
///
/// # Errors
/// If one is missing, or something does not come about in time.
pub fn kill_primary(plan: &Plan, mut note: impl FnMut(&str)) -> Result<u64> {
    rounds(plan, &[round_of_mysql, round_of_mariadb], &mut note)
}

/// The same with MariaDBs only.
///
/// # Errors
/// As [`kill_primary`].
pub fn kill_mariadb(plan: &Plan, mut note: impl FnMut(&str)) -> Result<u64> {
    rounds(plan, &[round_of_mariadb], &mut note)
}

/// Commits that clients were told of, and how many files ended inside of a transaction.
type Round = fn(&Plan, &mut Rng) -> Result<(u64, usize)>;

fn rounds(plan: &Plan, kinds: &[Round], note: &mut dyn FnMut(&str)) -> Result<u64> {
    let mut rng = Rng::new(plan.seed);
    let mut commits = 0;
    for (round, of) in (1..=plan.rounds).zip(kinds.iter().cycle()) {
        let (told, torn) =
            of(plan, &mut rng).with_context(|| format!("round {round} of seed {}", plan.seed))?;
        note(&format!(
            "round {round}: all of {told} commits are on the replica, behind {torn} torn ends"
        ));
        commits += told;
    }
    Ok(commits)
}

fn round_of_mysql(plan: &Plan, rng: &mut Rng) -> Result<(u64, usize)> {
    let mut primary = patient_primary(&[])?;
    let daemon = Daemon::new(&plan.binary, &primary.endpoint())?.started()?;
    primary.wait_for_semi_sync(1, PATIENCE)?;
    let clients = load(&primary, plan, rng)?;
    let told = kill_under(&mut primary, clients, plan, rng)?;

    let replica = Server::start_new(Flavour::Mysql97)?;
    replica.replicate_from(&daemon.as_source())?;
    let executed = daemon.sql(replica.prefix(), "select @@global.gtid_executed")?;
    replica.wait_for_gtids(&executed.replace("\\n", ""), PATIENCE).with_context(|| daemon.log())?;
    let missing = told.missing_on(&replica)?;
    ensure!(missing == 0, "{missing} of {} commits are missing\n{}", told.total(), daemon.log());
    Ok((told.total(), 0))
}

fn round_of_mariadb(plan: &Plan, rng: &mut Rng) -> Result<(u64, usize)> {
    let mut primary = patient_mariadb()?;
    let daemon = Daemon::new(&plan.binary, &primary.endpoint())?.started()?;
    let replica = Server::start_new(primary.flavour())?;
    replica.replicate_from(&daemon.as_source())?;
    let mut total = 0;
    for _ in 0..MARIADB_DEATHS {
        primary.wait_for_semi_sync(1, PATIENCE).with_context(|| daemon.log())?;
        // Of large rows it writes a part at a time.
        let payload_bytes = rng.pick(&[1000, 100_000, 500_000]);
        let spec = LoadSpec { clients: plan.clients, payload_bytes, ..LoadSpec::default() };
        let clients = Load::start(&primary, &spec)?;
        let told = kill_under(&mut primary, clients, plan, rng)?;
        primary.start()?;
        replica.wait_for_replica_of(&primary, PATIENCE).with_context(|| daemon.log())?;
        let missing = told.missing_on(&replica)?;
        ensure!(missing == 0, "{missing} of {} are missing\n{}", told.total(), daemon.log());
        total = told.total();
    }
    let sums = |server: &Server| server.checksum_tables("load_rows");
    ensure!(sums(&primary)? == sums(&replica)?, "the replica differs\n{}", daemon.log());
    daemon.wait_for_all_of(&primary, PATIENCE)?;
    compare_files(&primary, &daemon.timeline_dir(&primary)?)?;
    let log = daemon.log();
    let is_torn = |line: &&str| {
        line.contains("has died while it wrote") || line.contains("ends inside of a transaction")
    };
    Ok((total, log.lines().filter(is_torn).count()))
}

/// How often a MariaDB dies in a round.
const MARIADB_DEATHS: u32 = 3;

/// Kills a primary at some moment; what its clients were told.
fn kill_under(
    primary: &mut Server,
    clients: Load,
    plan: &Plan,
    rng: &mut Rng,
) -> Result<Acknowledged> {
    clients.wait_for_commits(u64::from(plan.clients), PATIENCE)?;
    sleep(moment(rng, Duration::from_millis(1500)));
    if rng.one_in(3) {
        primary.sql("flush binary logs")?;
        sleep(moment(rng, Duration::from_millis(200)));
    }
    primary.kill()?;
    let told = clients.stop()?;
    ensure!(told.errors.len() == plan.clients as usize, "clients outlived the primary: {told:?}");
    Ok(told)
}
