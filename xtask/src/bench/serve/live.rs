//! Many readers that are up to date, while a client writes.

use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use testkit::{Daemon, Flavour, Server};

use super::{Binaries, Sender, ServeArgs};
use crate::bench::process;
use crate::bench::raw_client::RawClient;
use crate::bench::sink::{Crowd, Delivered, Sink, USER};
use crate::bench::stats::{median, percentile, ratio};
use crate::bench::table::Table;
use crate::bench::target::{Bound, Target};
use crate::units::float;

const MIB: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// Deliveries may be behind by so much when the client has stopped writing.
const LAST_DELIVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
struct Sample {
    sender: Sender,
    readers: u32,
    deliveries: u64,
    bytes: u64,
    cpu_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    peak: u64,
}

/// Measures in turns.
///
/// # Errors
/// If something does not start, or not all arrives everywhere.
pub(super) fn measure(args: &ServeArgs, binaries: &Binaries) -> Result<Report> {
    let most = args.readers.iter().max().copied().unwrap_or(0);
    eprintln!("Starting a primary to follow …");
    let primary = Server::builder(Flavour::Mysql97)
        .args(["--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0"])
        .arg(format!("--max-connections={}", most + 100))
        .start()?;
    primary.sql(
        "create database bench; create table bench.t (id int auto_increment primary key, b blob);
         set sql_log_bin = 0; create user sink; grant all on *.* to sink",
    )?;
    let mut samples = Vec::new();
    for run in 1..=args.runs {
        for &readers in &args.readers {
            for sender in Sender::in_turns(run, binaries) {
                let sample = follow(sender, readers, args, &primary, binaries)
                    .with_context(|| format!("{readers} readers of {}", sender.name()))?;
                eprintln!(
                    "run {run} of {}: {readers:5} readers of {:8} CPU {:5.2} s  lag p50 {:6.2} ms  p99 {:6.2} ms",
                    args.runs,
                    sender.name(),
                    sample.cpu_s,
                    sample.p50_ms,
                    sample.p99_ms
                );
                samples.push(sample);
            }
        }
    }
    let server = primary.prefix().version().to_string();
    let load = format!("{} transactions/s of {} bytes", args.rate, args.row_bytes);
    Ok(Report { server, load, senders: binaries.senders(), readers: args.readers.clone(), samples })
}

fn follow(
    sender: Sender,
    readers: u32,
    args: &ServeArgs,
    primary: &Server,
    binaries: &Binaries,
) -> Result<Sample> {
    primary.sql("truncate table bench.t; reset binary logs and gtids")?;
    let mut daemon = match binaries.of(sender) {
        None => None,
        Some(binary) => {
            let more = format!(
                "[[stream.user]]\nname = '{USER}'\npassword = ''\n\
                 [limits]\nconnections_max = {}\nlogins_max = 100\n",
                readers + 100
            );
            let daemon = Daemon::new(binary, &primary.endpoint())?
                .of_any_version()
                .configured(&more)?
                .started()?;
            daemon.wait_for_all_of(primary, PATIENCE)?;
            Some(daemon)
        }
    };
    let (port, pid) = match &daemon {
        Some(daemon) => (daemon.endpoint().port, daemon.pid()),
        None => (primary.port(), primary.pid()),
    };
    let pid = pid.context("it does not run")?;
    let (file, position) = primary.binlog_end()?;
    let mut crowd = Crowd::default();
    for reader in 0..readers {
        crowd.add(Sink::connect(port, &file, u32::try_from(position)?, 10_000 + reader)?)?;
    }
    let commits = args.rate * args.seconds;
    let cpu_s = process::cpu_s(pid)?;
    let (sent, delivered) = load(primary, args, commits, crowd)?;
    let cpu_s = process::cpu_s_since(cpu_s, process::cpu_s(pid)?);
    let peak = process::peak_memory(pid).context("no peak")?;
    if let Some(daemon) = &mut daemon {
        daemon.stop()?;
    }
    let deliveries = u64::try_from(delivered.arrivals.len())?;
    if deliveries != u64::from(commits) * u64::from(readers) {
        bail!("{deliveries} deliveries of {commits} transactions to {readers} readers");
    }
    let mut micros = Vec::with_capacity(delivered.arrivals.len());
    for (commit, at) in &delivered.arrivals {
        let sent = sent.get(usize::try_from(*commit)?).context("nobody sent it")?;
        micros.push(u32::try_from(at.saturating_duration_since(*sent).as_micros())?);
    }
    micros.sort_unstable();
    let ms = |share| f64::from(percentile(&micros, share)) / 1e3;
    Ok(Sample {
        sender,
        readers,
        deliveries,
        bytes: delivered.bytes,
        cpu_s,
        p50_ms: ms(0.5),
        p99_ms: ms(0.99),
        peak,
    })
}

/// Commits at a steady rate while a crowd reads. Returns when each was sent.
fn load(
    primary: &Server,
    args: &ServeArgs,
    commits: u32,
    crowd: Crowd,
) -> Result<(Vec<Instant>, Delivered)> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let following = scope.spawn(|| crowd.follow(commits, &stop));
        let sent = write(primary, args, commits);
        let written = Instant::now();
        while sent.is_ok() && !following.is_finished() && written.elapsed() < LAST_DELIVERY {
            thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
        let delivered = following.join().map_err(|_| anyhow::anyhow!("the readers panicked"))??;
        Ok((sent?, delivered))
    })
}

fn write(primary: &Server, args: &ServeArgs, commits: u32) -> Result<Vec<Instant>> {
    let stream = UnixStream::connect(primary.socket()).context("connect to the primary")?;
    let mut connection = RawClient::login(stream, "root")?;
    let insert = format!("insert into bench.t (b) values (repeat('x', {}))", args.row_bytes);
    let started = Instant::now();
    let mut sent = Vec::new();
    for commit in 0..commits {
        let due = started + Duration::from_secs(1) * commit / args.rate;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        sent.push(Instant::now());
        connection.execute(&insert)?;
    }
    Ok(sent)
}

/// What was measured.
pub(super) struct Report {
    server: String,
    load: String,
    senders: Vec<Sender>,
    readers: Vec<u32>,
    samples: Vec<Sample>,
}

impl Report {
    /// The median of a value.
    fn of(&self, sender: Sender, readers: u32, value: impl Fn(&Sample) -> f64) -> f64 {
        let same = |s: &&Sample| s.sender == sender && s.readers == readers;
        median(self.samples.iter().filter(same).map(value))
    }

    pub(super) fn print(&self) {
        println!(
            "\nLive readers of a MySQL {}, {}, TCP on this machine:\n",
            self.server, self.load
        );
        let mut table = Table::new(&[
            "from",
            "readers",
            "CPU s",
            "CPU s/GiB",
            "CPU us/delivery",
            "lag p50 ms",
            "p99 ms",
            "peak MiB",
        ]);
        for &readers in &self.readers {
            for &sender in &self.senders {
                let of = |value: fn(&Sample) -> f64| self.of(sender, readers, value);
                table.row(vec![
                    sender.name().into(),
                    readers.to_string(),
                    format!("{:.2}", of(|s| s.cpu_s)),
                    format!("{:.2}", of(cpu_s_per_gib)),
                    format!("{:.1}", of(cpu_us_per_delivery)),
                    format!("{:.2}", of(|s| s.p50_ms)),
                    format!("{:.2}", of(|s| s.p99_ms)),
                    format!("{:.1}", of(peak_mib)),
                ]);
            }
        }
        println!("{table}");
    }

    pub(super) fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        let (few, many) = (self.readers.iter().min(), self.readers.iter().max());
        if let (Some(&few), Some(&many)) = (few, many)
            && few < many
        {
            let of = |readers| self.of(Sender::Binlogd, readers, cpu_us_per_delivery);
            let what = format!("CPU per delivery to {many} readers / to {few}");
            targets.push(Target::new(what, ratio(of(many), of(few)), Bound::AtMost(1.0), "x"));
        }
        for &readers in &self.readers {
            let cpu = |sender| self.of(sender, readers, |s| s.cpu_s);
            let less = ratio(cpu(Sender::Binlogd), cpu(Sender::Primary));
            let what = format!("CPU of binlogd / primary with {readers} readers");
            targets.push(Target::new(what, less, Bound::AtMost(0.5), "x"));
            let lag = |sender| self.of(sender, readers, |s| s.p99_ms);
            let later = ratio(lag(Sender::Binlogd), lag(Sender::Primary));
            let what = format!("p99 of the lag behind binlogd / primary with {readers} readers");
            targets.push(Target::new(what, later, Bound::AtMost(1.0), "x"));
            if self.senders.contains(&Sender::Before) {
                let earlier = ratio(lag(Sender::Before), lag(Sender::Binlogd));
                let what = format!("1 / p99 of the lag, binlogd / before, {readers} readers");
                targets.push(Target::not_worse(what, earlier));
                let cheaper = ratio(cpu(Sender::Before), cpu(Sender::Binlogd));
                let what = format!("1 / CPU, binlogd / before, {readers} readers");
                targets.push(Target::not_worse(what, cheaper));
            }
            let samples = self.samples.iter();
            let ours = samples.filter(|s| s.sender == Sender::Binlogd && s.readers == readers);
            let peak = ours.map(peak_mib).fold(0.0, f64::max);
            let bound = 64.0 + f64::from(readers) / 16.0;
            let what = format!("peak memory of binlogd with {readers} readers");
            targets.push(Target::new(what, peak, Bound::AtMost(bound), " MiB"));
        }
        targets
    }

    pub(super) fn json(&self) -> Value {
        let samples = self.samples.iter().map(|sample| {
            json!({
                "from": sample.sender.name(), "readers": sample.readers,
                "deliveries": sample.deliveries, "bytes": sample.bytes, "cpu_s": sample.cpu_s,
                "lag_p50_ms": sample.p50_ms, "lag_p99_ms": sample.p99_ms,
                "peak_bytes": sample.peak,
            })
        });
        json!({ "mysql": self.server, "load": self.load, "samples": samples.collect::<Vec<_>>() })
    }
}

fn cpu_s_per_gib(sample: &Sample) -> f64 {
    ratio(sample.cpu_s * float(1 << 30), float(sample.bytes))
}

fn cpu_us_per_delivery(sample: &Sample) -> f64 {
    ratio(sample.cpu_s * 1e6, float(sample.deliveries))
}

fn peak_mib(sample: &Sample) -> f64 {
    float(sample.peak) / float(MIB)
}
