//! binlogd dies under load, again and again.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{PATIENCE, Plan, load, moment, patient_primary};
use crate::daemon::{compare_files, stored_files};
use crate::workload::Load;
use crate::{Daemon, Endpoint, Proxy, Rng, Server};

/// What a number of deaths have shown.
#[derive(Debug, Default)]
pub struct Killed {
    /// How often binlogd was killed.
    pub kills: u32,
    /// Commits that clients were told of.
    pub commits: u64,
    /// How long commits stood still at most after binlogd was back.
    pub longest_stall: Duration,
    /// Files of the primary that were compared at the end.
    pub files: usize,
}

/// For how long commits may stand still after binlogd is back: much longer than it takes to connect on a busy machine, and
/// much shorter than the primary waits for an acknowledgement.
const STALL_MAX: Duration = Duration::from_secs(60);

/// Kills binlogd in each round, while the primary rotates by size, and often by a statement too. While it cannot reach the primary, what it has found after its
/// restart must hold everything that any client was ever told. At the end all files are compared.
///
/// # Errors
/// If something is missing or differs, or does not come about in time.
pub fn kill_binlogd(plan: &Plan, mut note: impl FnMut(&str)) -> Result<Killed> {
    let mut rng = Rng::new(plan.seed);
    let primary = patient_primary(&["--max-binlog-size=65536"])?;
    let proxy = Proxy::to(primary.port())?;
    let upstream = Endpoint { port: proxy.port(), ..primary.endpoint() };
    let mut daemon = Daemon::new(&plan.binary, &upstream)?.started()?;
    primary.wait_for_semi_sync(1, PATIENCE)?;

    let mut killed = Killed::default();
    let mut clients = load(&primary, plan, &mut rng)?;
    let mut before = 0;
    for round in 1..=plan.rounds {
        sleep(moment(&mut rng, Duration::from_millis(800)));
        let rotates = rng.one_in(2);
        let outcome = thread::scope(|scope| {
            // It waits for commits, which wait for binlogd.
            let rotation = rotates.then(|| scope.spawn(|| primary.sql("flush binary logs")));
            let outcome = die_and_come_back(&mut daemon, &primary, &proxy, &clients, &mut rng);
            if outcome.is_err() {
                // Commits must not wait any longer, or the rotation does not end.
                primary.sql("set global rpl_semi_sync_source_enabled = OFF")?;
            }
            if let Some(rotation) = rotation {
                rotation.join().map_err(|_| anyhow!("the rotation panicked"))??;
            }
            outcome
        });
        let (kills, stall, found) =
            outcome.with_context(|| format!("round {round} of seed {}", plan.seed))?;
        killed.kills += kills;
        killed.longest_stall = killed.longest_stall.max(stall);
        note(&format!("round {round}: all of {} commits found, {found}", clients.acknowledged()));
        if round % 20 == 0 {
            // Another load, of rows of another size.
            before = clients.stop()?.total();
            clients = load(&primary, plan, &mut rng)?;
        }
    }
    killed.commits = clients.stop()?.total().max(before);
    primary.sql("flush binary logs")?;
    daemon.wait_for_all_of(&primary, PATIENCE)?;
    killed.files = compare_files(&primary, &daemon.timeline_dir(&primary)?)?;
    let unacknowledged = primary.status_var("Rpl_semi_sync_source_no_tx")?;
    ensure!(unacknowledged == "0", "{unacknowledged} commits went on without an acknowledgement");
    Ok(killed)
}

/// One death. Returns how often binlogd was killed, how long commits stood still when it was back and could reach the
/// primary, and what it had found.
fn die_and_come_back(
    daemon: &mut Daemon,
    primary: &Server,
    proxy: &Proxy,
    clients: &Load,
    rng: &mut Rng,
) -> Result<(u32, Duration, String)> {
    let kills = kill(daemon, proxy, rng)?;
    let committed = primary.executed_gtids()?;
    daemon.start()?;
    let found = check_found(daemon, primary, &committed)?;
    proxy.mend();
    let back = Instant::now();
    clients
        .wait_for_commits(1, STALL_MAX)
        .with_context(|| format!("commits stand still\n{}", daemon.log()))?;
    Ok((kills, back.elapsed(), found))
}

/// Kills it, now and then also while it starts; no acknowledgement reaches the primary any more.
fn kill(daemon: &mut Daemon, proxy: &Proxy, rng: &mut Rng) -> Result<u32> {
    daemon.kill()?;
    proxy.cut();
    let mut kills = 1;
    while rng.one_in(4) {
        daemon.spawn()?;
        sleep(moment(rng, Duration::from_millis(100)));
        daemon.kill()?;
        kills += 1;
    }
    Ok(kills)
}

/// Checks what binlogd has found by itself. The primary counts a transaction as executed only when it
/// was acknowledged, just before it tells the client.
fn check_found(daemon: &Daemon, primary: &Server, committed: &str) -> Result<String> {
    let prefix = primary.prefix();
    let found = daemon.sql(prefix, "select @@global.gtid_executed")?;
    let found = found.replace("\\n", "").replace('\n', "");
    let missing = primary.sql(&format!("select gtid_subtract('{committed}', '{found}')"))?;
    if !missing.is_empty() {
        bail!("acknowledged, but not found: {missing}; binlogd has {found}\n{}", daemon.log());
    }
    // The primary itself may be unable to say where its binlog ends: a rotation waits.
    let stored = stored_files(&daemon.timeline_dir(primary)?)?;
    Ok(format!("{} files", stored.len()))
}
