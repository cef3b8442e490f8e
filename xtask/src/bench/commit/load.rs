//! Clients that update a row, wait for the answer, and do it again.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use testkit::{Rng, Server};

use crate::bench::raw_client::RawClient;
use crate::bench::stats::percentile;
use crate::units::float;

/// Rows of sysbench's shape.
pub(super) const ROWS: usize = 100_000;

/// So long is written before it counts.
const WARM_UP: Duration = Duration::from_millis(500);

const SCHEMA: &str = "
create database bench;
create table bench.t (id int primary key, k int not null, c char(120) not null, pad char(60) not null);
set cte_max_recursion_depth = 100000;
insert into bench.t select n, 0, rpad(n, 119, '-0123456789'), rpad(n, 59, '-0123456789')
    from (with recursive s (n) as (select 1 union all select n + 1 from s where n < 100000)
          select n from s) numbers;
";

/// Makes the table to write to.
///
/// # Errors
/// If the server refuses.
pub(super) fn create_table(primary: &Server) -> Result<()> {
    primary.sql(SCHEMA).context("make the table")?;
    Ok(())
}

/// What clients saw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) commits: u64,
    pub(super) commits_per_s: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

/// The phases of a load, in order.
const WARMING: u8 = 0;
const COUNTING: u8 = 1;
const OVER: u8 = 2;

/// Has clients write for a time. `at_edge` is called when counting starts and when it ends; what it
/// returns comes behind what was seen.
///
/// # Errors
/// If a client fails.
pub(super) fn run<T>(
    primary: &Server,
    clients: u32,
    time: Duration,
    at_edge: impl Fn() -> Result<T>,
) -> Result<(Seen, T, T)> {
    let phase = AtomicU8::new(WARMING);
    let (latencies, elapsed, before, after) = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|client| {
                let (socket, phase) = (primary.socket(), &phase);
                scope.spawn(move || {
                    let outcome = write(&socket, client, phase);
                    if outcome.is_err() {
                        phase.store(OVER, Ordering::Relaxed);
                    }
                    outcome
                })
            })
            .collect();
        thread::sleep(WARM_UP);
        let before = at_edge();
        let started = Instant::now();
        let went_on =
            phase.compare_exchange(WARMING, COUNTING, Ordering::Relaxed, Ordering::Relaxed);
        while went_on.is_ok()
            && started.elapsed() < time
            && phase.load(Ordering::Relaxed) == COUNTING
        {
            thread::sleep(Duration::from_millis(5));
        }
        phase.store(OVER, Ordering::Relaxed);
        let elapsed = started.elapsed();
        let after = at_edge();
        let mut latencies = Vec::new();
        for thread in threads {
            let of_one = thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
            latencies.extend(of_one);
        }
        Ok::<_, anyhow::Error>((latencies, elapsed, before?, after?))
    })?;
    let commits = u64::try_from(latencies.len())?;
    let mut micros = latencies;
    micros.sort_unstable();
    let ms = |share| f64::from(percentile(&micros, share)) / 1e3;
    let seen = Seen {
        commits,
        commits_per_s: float(commits) / elapsed.as_secs_f64(),
        p50_ms: ms(0.5),
        p99_ms: ms(0.99),
    };
    Ok((seen, before, after))
}

/// Updates rows until told to stop. Returns how long each took that was answered while counting,
/// in microseconds.
fn write(socket: &Path, client: u32, phase: &AtomicU8) -> Result<Vec<u32>> {
    let stream = UnixStream::connect(socket).context("connect to the primary")?;
    let mut connection = RawClient::login(stream, "root")?;
    let mut rng = Rng::new(u64::from(client));
    let mut latencies = Vec::new();
    loop {
        let id = rng.between(1, ROWS);
        let started = Instant::now();
        connection.execute(&format!("update bench.t set k = k + 1 where id = {id}"))?;
        match phase.load(Ordering::Relaxed) {
            WARMING => {}
            COUNTING => latencies.push(u32::try_from(started.elapsed().as_micros())?),
            _ => return Ok(latencies),
        }
    }
}
