//! binlogd dies under load, again and again.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::{PATIENCE, Plan, load, moment, patient_primary};
use crate::daemon::compare_files;
use crate::{Daemon, Endpoint, Proxy, Rng, Server};

/// What a number of deaths have shown.
#[derive(Debug, Default)]
pub struct Killed {
    /// How often binlogd was killed.
    pub kills: u32,
    /// Commits that clients were told of.
    pub commits: u64,
    /// Files of the primary that were compared at the end.
    pub files: usize,
}

/// Kills binlogd in each round. While it cannot reach the primary, what it has found after its
/// restart must hold everything that any client was ever told. At the end all files are compared.
///
/// # Errors
/// If something is missing or differs, or does not come about in time.
pub fn kill_binlogd(plan: &Plan, mut note: impl FnMut(&str)) -> Result<Killed> {
    let mut rng = Rng::new(plan.seed);
    let primary = patient_primary()?;
    let proxy = Proxy::to(primary.port())?;
    let upstream = Endpoint { port: proxy.port(), ..primary.endpoint() };
    let mut daemon = Daemon::new(&plan.binary, &upstream)?.started()?;
    primary.wait_for_semi_sync(1, PATIENCE)?;

    let mut killed = Killed::default();
    let mut clients = load(&primary, plan, &mut rng)?;
    let mut before = 0;
    for round in 1..=plan.rounds {
        sleep(moment(&mut rng, Duration::from_millis(800)));
        if rng.one_in(4) {
            primary.sql("flush binary logs")?;
        }
        killed.kills += kill(&mut daemon, &proxy, &mut rng)?;
        let committed = primary.executed_gtids()?;
        daemon.start()?;
        let found = check_found(&daemon, &primary, &committed)
            .with_context(|| format!("round {round} of seed {}", plan.seed))?;
        proxy.mend();
        clients.wait_for_commits(1, PATIENCE).with_context(|| daemon.log())?;
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
    let (file, position) = primary.binlog_end()?;
    let stored = daemon.timeline_dir(primary)?.join(&file);
    let len = fs::metadata(&stored).map_or(0, |stored| stored.len());
    Ok(format!("{len} bytes of {position} in {file}"))
}
