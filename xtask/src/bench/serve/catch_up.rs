//! One reader that catches up over a whole file.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::{Daemon, Flavour};

use super::{Binaries, Sender, ServeArgs};
use crate::bench::corpus::Corpus;
use crate::bench::process;
use crate::bench::sink::{FRAMING_LEN, Sink};
use crate::bench::stats::{median, median_ratio, ratio};
use crate::bench::table::Table;
use crate::bench::target::{Bound, Target};
use crate::units::float;

const MIB: u64 = 1 << 20;

#[derive(Debug, Clone, Copy)]
struct Sample {
    sender: Sender,
    wall_s: f64,
    cpu_s: f64,
    /// The sender's peak of resident memory since its start, in bytes.
    peak: u64,
}

/// Measures in turns.
///
/// # Errors
/// If something does not start, or ends too early.
pub(super) fn measure(args: &ServeArgs, binaries: &Binaries) -> Result<Report> {
    eprintln!("Making a primary with a binlog file to read …");
    let corpus = Corpus::small_events(Flavour::Mysql97, args.size_mib * MIB)?;
    let mut daemons = Vec::new();
    for sender in binaries.senders() {
        if let Some(binary) = binaries.of(sender) {
            daemons.push((sender, corpus.mirrored_by(binary)?));
        }
    }
    rustix::fs::sync();
    let mut samples = Vec::new();
    // Once for nothing: the page cache is to be as warm for the first as for the last.
    for run in 0..=args.runs {
        for sender in Sender::in_turns(run, binaries) {
            let daemon = daemons.iter().find(|(of, _)| *of == sender).map(|(_, daemon)| daemon);
            let sample = read_all(sender, &corpus, daemon)?;
            if run > 0 {
                eprintln!(
                    "run {run} of {}: catching up, {:8} {:6.2} s  CPU {:5.2} s",
                    args.runs,
                    sender.name(),
                    sample.wall_s,
                    sample.cpu_s
                );
                samples.push(sample);
            }
        }
    }
    let server = corpus.primary.prefix().version().to_string();
    let senders = binaries.senders();
    Ok(Report { server, senders, len: corpus.len, events: corpus.events, samples })
}

fn read_all(sender: Sender, corpus: &Corpus, daemon: Option<&Daemon>) -> Result<Sample> {
    let (port, pid) = match daemon {
        Some(daemon) => (daemon.endpoint().port, daemon.pid()),
        None => (corpus.primary.port(), corpus.primary.pid()),
    };
    let pid = pid.context("it does not run")?;
    let cpu_s = process::cpu_s(pid)?;
    let started = Instant::now();
    let sink = Sink::connect(port, &corpus.file, 4, 4711)?;
    sink.drain(corpus.len + FRAMING_LEN * corpus.events)?;
    let wall_s = started.elapsed().as_secs_f64();
    let cpu_s = process::cpu_s_since(cpu_s, process::cpu_s(pid)?);
    let peak = process::peak_memory(pid).context("no peak")?;
    Ok(Sample { sender, wall_s, cpu_s, peak })
}

/// What was measured.
pub(super) struct Report {
    server: String,
    senders: Vec<Sender>,
    len: u64,
    events: u64,
    samples: Vec<Sample>,
}

impl Report {
    fn of(&self, sender: Sender) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.sender == sender)
    }

    fn wall_s(&self, sender: Sender) -> impl Iterator<Item = f64> {
        self.of(sender).map(|sample| sample.wall_s)
    }

    fn cpu_s(&self, sender: Sender) -> impl Iterator<Item = f64> {
        self.of(sender).map(|sample| sample.cpu_s)
    }

    fn peak_mib(&self, sender: Sender) -> f64 {
        self.of(sender).map(|sample| float(sample.peak) / float(MIB)).fold(0.0, f64::max)
    }

    pub(super) fn print(&self) {
        println!(
            "\nCatching up over {:.1} MB in {} events of a MySQL {}, TCP on this machine:\n",
            float(self.len) / 1e6,
            self.events,
            self.server
        );
        let mut table = Table::new(&["from", "wall s", "MB/s", "CPU s", "CPU s/GB", "peak MiB"]);
        for &sender in &self.senders {
            let (wall_s, cpu_s) = (median(self.wall_s(sender)), median(self.cpu_s(sender)));
            table.row(vec![
                sender.name().into(),
                format!("{wall_s:.2}"),
                format!("{:.0}", ratio(float(self.len) / 1e6, wall_s)),
                format!("{cpu_s:.2}"),
                format!("{:.2}", ratio(cpu_s, float(self.len) / 1e9)),
                format!("{:.1}", self.peak_mib(sender)),
            ]);
        }
        println!("{table}");
    }

    pub(super) fn targets(&self) -> Vec<Target> {
        let (ours, theirs) = (Sender::Binlogd, Sender::Primary);
        let cheaper = median_ratio(self.cpu_s(theirs), self.cpu_s(ours));
        let slower = median_ratio(self.wall_s(ours), self.wall_s(theirs));
        let what = "catching up, bytes per CPU second of binlogd / primary";
        let mut targets = vec![
            Target::new(what, cheaper, Bound::AtLeast(3.0), "x"),
            Target::new("catching up, time of binlogd / primary", slower, Bound::AtMost(1.0), "x"),
            Target::new(
                "catching up, peak memory of binlogd",
                self.peak_mib(ours),
                Bound::AtMost(64.0),
                " MiB",
            ),
        ];
        if self.senders.contains(&Sender::Before) {
            let before = Sender::Before;
            let faster = median_ratio(self.wall_s(before), self.wall_s(ours));
            let cheaper = median_ratio(self.cpu_s(before), self.cpu_s(ours));
            let (what, per_cpu) = ("catching up, speed", "catching up, bytes per CPU second");
            targets.push(Target::not_worse(format!("{what} of binlogd / before"), faster));
            targets.push(Target::not_worse(format!("{per_cpu} of binlogd / before"), cheaper));
        }
        targets
    }

    pub(super) fn json(&self) -> Value {
        let samples = self.samples.iter().map(|sample| {
            json!({
                "from": sample.sender.name(), "wall_s": sample.wall_s, "cpu_s": sample.cpu_s,
                "peak_bytes": sample.peak,
            })
        });
        json!({
            "mysql": self.server, "bytes": self.len, "events": self.events,
            "samples": samples.collect::<Vec<_>>(),
        })
    }
}
