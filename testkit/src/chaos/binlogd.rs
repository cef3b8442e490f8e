//! binlogd dies under load, again and again.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::crowd::Crowd;
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
    /// Rounds in which binlogd came back with few file descriptors, and clients took the rest.
    pub few_descriptors: u32,
    /// Rounds in which it came back with a full disk for its log.
    pub full_log: u32,
    /// Files of the primary that were compared at the end.
    pub files: usize,
}

/// What is wrong around binlogd from its restart until its next death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Nothing,
    /// It may open few files, and idle clients take as many as they can.
    FewDescriptors,
    /// Nothing can be written to its log.
    FullLog,
}

/// The trouble of four rounds, in an order that follows from the seed.
const TROUBLES: [Trouble; 4] =
    [Trouble::Nothing, Trouble::Nothing, Trouble::FewDescriptors, Trouble::FullLog];

/// So many file descriptors are few.
const FEW_DESCRIPTORS: [usize; 3] = [96, 128, 192];

/// Commits that must come about in each round while its trouble lasts.
const COMMITS_IN_TROUBLE: u64 = 50;

/// For how long commits may stand still after binlogd is back: much longer than it takes to connect on a busy machine, and
/// much shorter than the primary waits for an acknowledgement.
const STALL_MAX: Duration = Duration::from_secs(60);

/// Kills binlogd in each round, while the primary rotates by size, and often by a statement too. While it cannot
/// reach the primary, what it has found after its restart must hold everything that any client was ever told. In
/// every other round it comes back into some trouble, in which commits must go on as in any other. At the end all
/// files are compared.
///
/// # Errors
/// If something is missing or differs, or does not come about in time.
pub fn kill_binlogd(plan: &Plan, mut note: impl FnMut(&str)) -> Result<Killed> {
    let mut rng = Rng::new(plan.seed);
    let primary = patient_primary(&["--max-binlog-size=65536"])?;
    let proxy = Proxy::to(primary.port())?;
    let upstream = Endpoint { port: proxy.port(), ..primary.endpoint() };
    let daemon = Daemon::new(&plan.binary, &upstream)?.started()?;
    let mut victim = Victim { daemon, proxy, crowd: None };
    primary.wait_for_semi_sync(1, PATIENCE)?;

    let mut killed = Killed::default();
    let mut clients = load(&primary, plan, &mut rng)?;
    let mut before = 0;
    let mut troubles = Vec::new();
    for round in 1..=plan.rounds {
        if troubles.is_empty() {
            troubles = shuffled(&mut rng);
        }
        let trouble = troubles.pop().unwrap_or(Trouble::Nothing);
        sleep(moment(&mut rng, Duration::from_millis(800)));
        let rotates = rng.one_in(2);
        let outcome = thread::scope(|scope| {
            // It waits for commits, which wait for binlogd.
            let rotation = rotates.then(|| scope.spawn(|| primary.sql("flush binary logs")));
            let outcome = victim.die_and_come_back(&primary, &clients, trouble, &mut rng);
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
            outcome.with_context(|| format!("round {round} of seed {}, {trouble:?}", plan.seed))?;
        killed.kills += kills;
        killed.longest_stall = killed.longest_stall.max(stall);
        killed.few_descriptors += u32::from(trouble == Trouble::FewDescriptors);
        killed.full_log += u32::from(trouble == Trouble::FullLog);
        note(&format!(
            "round {round}{}: all of {} commits found, {found}",
            trouble.in_words(),
            clients.acknowledged()
        ));
        if round % 20 == 0 {
            // Another load, of rows of another size.
            before = clients.stop()?.total();
            clients = load(&primary, plan, &mut rng)?;
        }
    }
    killed.commits = clients.stop()?.total().max(before);
    victim.restart_without_trouble()?;
    primary.sql("flush binary logs")?;
    victim.daemon.wait_for_all_of(&primary, PATIENCE)?;
    killed.files = compare_files(&primary, &victim.daemon.timeline_dir(&primary)?)?;
    let unacknowledged = primary.status_var("Rpl_semi_sync_source_no_tx")?;
    ensure!(unacknowledged == "0", "{unacknowledged} commits went on without an acknowledgement");
    Ok(killed)
}

/// The trouble of the next four rounds.
fn shuffled(rng: &mut Rng) -> Vec<Trouble> {
    let mut left = TROUBLES.to_vec();
    let mut order = Vec::new();
    while !left.is_empty() {
        order.push(left.swap_remove(rng.below(left.len())));
    }
    order
}

impl Trouble {
    fn in_words(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::FewDescriptors => ", with few file descriptors",
            Self::FullLog => ", with a full disk for its log",
        }
    }
}

/// The binlogd that dies, and what is around it.
struct Victim {
    daemon: Daemon,
    proxy: Proxy,
    /// Clients that take its descriptors.
    crowd: Option<Crowd>,
}

impl Victim {
    /// One death. Returns how often binlogd was killed, how long commits stood still when it was back and could
    /// reach the primary, and what it had found.
    fn die_and_come_back(
        &mut self,
        primary: &Server,
        clients: &Load,
        trouble: Trouble,
        rng: &mut Rng,
    ) -> Result<(u32, Duration, String)> {
        let kills = self.kill(rng)?;
        let committed = primary.executed_gtids()?;
        self.crowd = None;
        let descriptors = rng.pick(&FEW_DESCRIPTORS);
        self.daemon.let_shell(match trouble {
            Trouble::Nothing => None,
            Trouble::FewDescriptors => Some(format!("ulimit -n {descriptors}")),
            Trouble::FullLog => Some("exec 2>/dev/full".to_owned()),
        });
        self.daemon.start()?;
        let found = check_found(&self.daemon, primary, &committed)?;
        if trouble == Trouble::FewDescriptors {
            self.crowd = Some(Crowd::of(descriptors, self.daemon.endpoint().port));
        }
        self.proxy.mend();
        let mut stall = Duration::ZERO;
        let commits = if trouble == Trouble::Nothing { 1 } else { COMMITS_IN_TROUBLE };
        for _ in 0..commits {
            let before = Instant::now();
            clients
                .wait_for_commits(1, STALL_MAX)
                .with_context(|| format!("commits stand still\n{}", self.daemon.log()))?;
            stall = stall.max(before.elapsed());
        }
        Ok((kills, stall, found))
    }

    /// Kills it, now and then also while it starts; no acknowledgement reaches the primary any more.
    fn kill(&mut self, rng: &mut Rng) -> Result<u32> {
        self.daemon.kill()?;
        self.proxy.cut();
        let mut kills = 1;
        while rng.one_in(4) {
            self.daemon.spawn()?;
            sleep(moment(rng, Duration::from_millis(100)));
            self.daemon.kill()?;
            kills += 1;
        }
        Ok(kills)
    }

    fn restart_without_trouble(&mut self) -> Result<()> {
        self.daemon.kill()?;
        self.crowd = None;
        self.daemon.let_shell(None);
        self.daemon.start()
    }
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
