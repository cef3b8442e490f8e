//! Who fetches the file, and what that takes.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use binlogd_client::{ConnectOptions, Connection};
use tempfile::TempDir;
use testkit::{Daemon, Pki, daemon};
use tokio::runtime::Runtime;

use crate::bench::corpus::Corpus;
use crate::bench::process;
use crate::bench::sink::{FRAMING_LEN, Sink};
use crate::bench::upstream;

/// How often is looked whether binlogd has all.
const POLL: Duration = Duration::from_millis(10);

/// Longer than any fetch takes.
const PATIENCE: Duration = Duration::from_secs(600);

/// A way to fetch a binlog file from a primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contestant {
    /// `binlogd serve` of this binary: verifies, writes, syncs.
    Binlogd { name: String, binary: PathBuf },
    /// `mysqlbinlog --raw`: writes.
    Mysqlbinlog,
    /// Reads and forgets: what the primary can send.
    Sink,
}

/// What one fetch took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// From the process's start until all is there; with binlogd, until all is durable.
    pub(super) wall_s: f64,
    /// The fetching process's CPU.
    pub(super) cpu_s: f64,
    /// The primary's CPU meanwhile.
    pub(super) primary_cpu_s: f64,
    /// The fetching process's peak of resident memory, in bytes.
    pub(super) peak: Option<u64>,
}

impl Contestant {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Binlogd { name, .. } => name,
            Self::Mysqlbinlog => "mysqlbinlog",
            Self::Sink => "sink",
        }
    }

    /// Fetches the file and checks that it has arrived as it is.
    ///
    /// # Errors
    /// If it has not.
    pub(super) fn fetch(&self, corpus: &Corpus, tls: bool) -> Result<Sample> {
        // Nobody is to wait for what was left unwritten before.
        rustix::fs::sync();
        match self {
            Self::Binlogd { binary, .. } => binlogd(binary, corpus, tls),
            Self::Mysqlbinlog => mysqlbinlog(corpus, tls),
            Self::Sink => sink(corpus),
        }
        .with_context(|| format!("{} on {}", self.name(), corpus.file))
    }
}

/// Measures from its making on.
struct Clock {
    primary: u32,
    primary_cpu_s: f64,
    started: Instant,
}

impl Clock {
    fn start(corpus: &Corpus) -> Result<Self> {
        let primary = corpus.primary.pid().context("the primary does not run")?;
        let primary_cpu_s = process::cpu_s(primary)?;
        Ok(Self { primary, primary_cpu_s, started: Instant::now() })
    }

    fn stop(&self, cpu_s: f64, peak: Option<u64>) -> Result<Sample> {
        let wall_s = self.started.elapsed().as_secs_f64();
        let primary_cpu_s = process::cpu_s_since(self.primary_cpu_s, process::cpu_s(self.primary)?);
        Ok(Sample { wall_s, cpu_s, primary_cpu_s, peak })
    }
}

fn binlogd(binary: &Path, corpus: &Corpus, tls: bool) -> Result<Sample> {
    // To make a key is work of the first start in a directory, and not of the copy.
    let pki = Pki::new()?;
    let mut daemon = Daemon::new(binary, &corpus.primary.endpoint())?
        .of_any_version()
        .arg(format!("--tls-cert={}", pki.server_cert().display()))
        .arg(format!("--tls-key={}", pki.server_key().display()))
        .upstream(&upstream::url(&corpus.primary, tls)?)
        .arg(format!("--start={}", corpus.file));
    let copy = daemon.timeline_dir(&corpus.primary)?.join(&corpus.file);
    let end = corpus.primary.binlog_end()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    let clock = Clock::start(corpus)?;
    daemon.spawn()?;
    let pid = daemon.pid().context("binlogd does not run")?;
    // The length of the file is asked first, because that costs binlogd nothing.
    let arrived = || fs::metadata(&copy).is_ok_and(|file| file.len() >= corpus.len);
    while !arrived() {
        still_alive(&mut daemon, &clock)?;
        thread::sleep(POLL);
    }
    let mut status = DurablePosition::connect(runtime, &daemon)?;
    while status.ask()? < end {
        still_alive(&mut daemon, &clock)?;
        thread::sleep(POLL);
    }
    let sample = clock.stop(process::cpu_s(pid)?, process::peak_memory(pid))?;
    daemon.stop()?;
    same_bytes(&corpus.path, &copy)?;
    Ok(sample)
}

fn still_alive(daemon: &mut Daemon, clock: &Clock) -> Result<()> {
    if let Some(status) = daemon.exited()? {
        bail!("it ended with {status}:\n{}", daemon.log());
    }
    if clock.started.elapsed() > PATIENCE {
        bail!("not done after {PATIENCE:?}:\n{}", daemon.log());
    }
    Ok(())
}

/// Asks binlogd up to where all is durable.
struct DurablePosition {
    runtime: Runtime,
    connection: Connection,
}

impl DurablePosition {
    fn connect(runtime: Runtime, daemon: &Daemon) -> Result<Self> {
        let options = ConnectOptions::default()
            .socket(daemon.socket())
            .user(daemon::USER)
            .password(daemon::PASSWORD);
        let connection = runtime.block_on(Connection::connect(&options))?;
        Ok(Self { runtime, connection })
    }

    fn ask(&mut self) -> Result<(String, u64)> {
        let query = self.connection.query_first("show binary log status");
        let row = self.runtime.block_on(query)?.context("binlogd has no position")?;
        let file = row.text(0).context("no file")?.into_owned();
        let position = row.text(1).context("no position")?.parse()?;
        Ok((file, position))
    }
}

fn mysqlbinlog(corpus: &Corpus, tls: bool) -> Result<Sample> {
    let dir = TempDir::with_prefix("binlogd-bench-")?;
    let primary = &corpus.primary;
    let mut command = primary.prefix().mysqlbinlog_from(&primary.endpoint());
    command.arg("--raw");
    if tls {
        command.arg("--ssl-mode=REQUIRED");
    }
    command.arg(format!("--result-file={}/", dir.path().display())).arg(&corpus.file);

    let clock = Clock::start(corpus)?;
    let cost = process::watch(command.spawn().context("run mysqlbinlog")?)?;
    let sample = clock.stop(cost.cpu_s, Some(cost.peak))?;
    if !cost.status.success() {
        bail!("it ended with {}", cost.status);
    }
    same_bytes(&corpus.path, &dir.path().join(&corpus.file))?;
    Ok(sample)
}

fn sink(corpus: &Corpus) -> Result<Sample> {
    let clock = Clock::start(corpus)?;
    let cpu_s = process::own_thread_cpu_s()?;
    let stream = Sink::connect(corpus.primary.port(), &corpus.file, 4, 4711)?;
    stream.drain(corpus.len + FRAMING_LEN * corpus.events)?;
    let cpu_s = process::cpu_s_since(cpu_s, process::own_thread_cpu_s()?);
    clock.stop(cpu_s, None)
}

/// Compares two files, which may be larger than what one wants to have in memory.
fn same_bytes(one: &Path, other: &Path) -> Result<()> {
    let (mut a, mut b) = (File::open(one)?, File::open(other)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        bail!("{} has another length than {}", other.display(), one.display());
    }
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let len = a.read(&mut left)?;
        if len == 0 {
            return Ok(());
        }
        b.read_exact(&mut right[..len])?;
        if left[..len] != right[..len] {
            bail!("{} differs from {}", other.display(), one.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_makes_files_different() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "c", "d"].map(|name| dir.path().join(name));
        let mut bytes = vec![7; 3 << 20];
        fs::write(&paths[0], &bytes).unwrap();
        fs::write(&paths[1], &bytes).unwrap();
        fs::write(&paths[2], &bytes[1..]).unwrap();
        bytes[(2 << 20) + 5] = 8;
        fs::write(&paths[3], &bytes).unwrap();
        assert!(same_bytes(&paths[0], &paths[1]).is_ok());
        assert!(same_bytes(&paths[0], &paths[2]).is_err());
        assert!(same_bytes(&paths[0], &paths[3]).is_err());
    }
}
