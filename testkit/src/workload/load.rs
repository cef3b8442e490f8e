//! Many small commits from several clients, and which of them the server has acknowledged.
//!
//! Each client is the server's own client program, fed one row at a time and answered before the
//! next: what a crash test then holds against the survivors is exactly what a client was told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{Server, wait_until};

/// The table that the load writes to.
pub const TABLE: &str = "load_rows.t";

/// How to load a server.
#[derive(Clone, Debug)]
pub struct LoadSpec {
    /// Clients writing at once.
    pub clients: u32,
    /// Bytes of payload in each row.
    pub payload_bytes: u32,
    /// Rest between a client's commits.
    pub pause: Duration,
}

impl Default for LoadSpec {
    fn default() -> Self {
        Self { clients: 4, payload_bytes: 100, pause: Duration::ZERO }
    }
}

/// Commits going on in the background. Dropping it stops them.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<LoadClient>,
}

#[derive(Debug)]
struct LoadClient {
    acknowledged: Arc<AtomicU64>,
    thread: Option<JoinHandle<Option<String>>>,
}

impl Load {
    /// Makes the table on `server`, if it is not there, and begins to write.
    ///
    /// # Errors
    /// If the table cannot be made or a client not be started.
    pub fn start(server: &Server, spec: &LoadSpec) -> Result<Self> {
        server.sql(&format!(
            "create database if not exists load_rows;
             create table if not exists {TABLE} (client int, seq bigint, payload longblob,
                primary key (client, seq)) engine = InnoDB"
        ))?;
        // A client goes on where an earlier load's client of the same number ended.
        let ended =
            server.query_rows(&format!("select client, max(seq) from {TABLE} group by client"))?;
        let ended: BTreeMap<String, u64> = ended
            .into_iter()
            .map(|row| Ok((row[0].clone(), row[1].parse()?)))
            .collect::<Result<_>>()?;

        let mut load = Self { stop: Arc::new(AtomicBool::new(false)), clients: Vec::new() };
        for client in 0..spec.clients {
            let from = ended.get(&client.to_string()).copied().unwrap_or(0);
            load.clients.push(LoadClient::start(server, client, from, spec, &load.stop)?);
        }
        Ok(load)
    }

    /// Commits that clients have been told of so far.
    pub fn acknowledged(&self) -> u64 {
        self.clients.iter().map(|c| c.acknowledged.load(Ordering::Acquire)).sum()
    }

    /// Waits until `count` more commits have been acknowledged.
    ///
    /// # Errors
    /// When time is up.
    pub fn wait_for_commits(&self, count: u64, timeout: Duration) -> Result<()> {
        let goal = self.acknowledged() + count;
        wait_until("acknowledged commits", timeout, || Ok(self.acknowledged() >= goal))
    }

    /// Stops writing, waits for the statements under way, and says what was acknowledged. A
    /// client that lost its server has ended before; its error is in the answer.
    ///
    /// # Errors
    /// If a writing thread panicked.
    pub fn stop(mut self) -> Result<Acknowledged> {
        self.stop.store(true, Ordering::Relaxed);
        let mut outcome = Acknowledged { last: Vec::new(), errors: Vec::new() };
        for client in &mut self.clients {
            if let Some(thread) = client.thread.take() {
                let error =
                    thread.join().map_err(|_| anyhow::anyhow!("a writing thread panicked"))?;
                outcome.errors.extend(error);
            }
            outcome.last.push(client.acknowledged.load(Ordering::Acquire));
        }
        Ok(outcome)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.clients.iter_mut().filter_map(|c| c.thread.take()) {
            let _ = thread.join();
        }
    }
}

impl LoadClient {
    fn start(
        server: &Server,
        client: u32,
        from: u64,
        spec: &LoadSpec,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self> {
        let mut program = server
            .client()
            .args(["--batch", "--skip-column-names", "--unbuffered"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start a client")?;
        let (Some(input), Some(output)) = (program.stdin.take(), program.stdout.take()) else {
            bail!("the client has no pipes");
        };
        let acknowledged = Arc::new(AtomicU64::new(from));
        let (spec, stop, counter) = (spec.clone(), Arc::clone(stop), Arc::clone(&acknowledged));
        let thread = thread::spawn(move || {
            let written = write_rows(input, output, client, from, &spec, &stop, &counter);
            finish(program, written.is_err())
        });
        Ok(Self { acknowledged, thread: Some(thread) })
    }
}

/// Writes rows one by one until told to stop; an error if the client program has ended.
fn write_rows(
    mut input: ChildStdin,
    output: ChildStdout,
    client: u32,
    from: u64,
    spec: &LoadSpec,
    stop: &AtomicBool,
    acknowledged: &AtomicU64,
) -> Result<()> {
    let mut output = BufReader::new(output);
    let mut answer = String::new();
    for seq in from + 1.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        // The client stops at an error, so that the number comes only after a commit.
        writeln!(
            input,
            "insert into {TABLE} values ({client}, {seq}, repeat('x', {})); select {seq};",
            spec.payload_bytes
        )?;
        answer.clear();
        output.read_line(&mut answer)?;
        if answer.trim_end() != seq.to_string() {
            bail!("no acknowledgement of {seq}: {answer:?}");
        }
        acknowledged.store(seq, Ordering::Release);
        if !spec.pause.is_zero() {
            thread::sleep(spec.pause);
        }
    }
    Ok(())
}

/// Waits for the client program; what it said if it ended early.
fn finish(mut program: Child, early: bool) -> Option<String> {
    let mut message = String::new();
    if let Some(mut stderr) = program.stderr.take() {
        let _ = stderr.read_to_string(&mut message);
    }
    let _ = program.wait();
    early.then(|| message.trim().to_owned())
}

/// What clients were told, and how those that lost their server ended.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// The last acknowledged row of each client; it wrote them in order from 1.
    pub last: Vec<u64>,
    /// Messages of clients that ended before they were told to.
    pub errors: Vec<String>,
}

impl Acknowledged {
    /// Acknowledged commits in all.
    pub fn total(&self) -> u64 {
        self.last.iter().sum()
    }

    /// How many acknowledged rows a server lacks. It may have a few more than were acknowledged:
    /// those under way when the clients ended.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub fn missing_on(&self, server: &Server) -> Result<u64> {
        let mut missing = 0;
        for (client, last) in self.last.iter().enumerate() {
            let there = server.sql(&format!(
                "select count(*) from {TABLE} where client = {client} and seq between 1 and {last}"
            ))?;
            let there: u64 = there.parse().with_context(|| format!("count {there:?}"))?;
            missing += last - there;
        }
        Ok(missing)
    }
}
