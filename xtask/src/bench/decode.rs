//! `cargo xtask bench decode`: a large file of row events is read, by binlogd and by its peers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::corpus::Corpus;
use super::process;
use super::stats::{median, median_ratio};
use super::table::Table;
use super::target::{Bound, Target};
use crate::product;
use crate::units::float;

const MIB: u64 = 1 << 20;

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench decode
  cargo xtask bench decode --size-mib 256 --runs 7 --json > decode.json

The file lies in the page cache, and what is written goes to /dev/null. mysqlbinlog runs with -vv
--base64-output=decode-rows. 'values' counts the values of all rows, each decoded: by the crate
binlogd-decode, and by mysql_common.";

/// What of `cargo xtask bench decode` to do.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DecodeArgs {
    /// How often each reads the file, in turns; medians are shown
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The file's size
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(8..=3072))]
    size_mib: u64,
    /// Measure this binlogd instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Also measure this binlogd, in turns with the other, and compare them
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Who reads the file, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Sql,
    Mysqlbinlog,
    Values,
    MysqlCommon,
    Json,
    Events,
    Verify,
}

impl Reader {
    const ALL: [Self; 7] = [
        Self::Sql,
        Self::Mysqlbinlog,
        Self::Values,
        Self::MysqlCommon,
        Self::Json,
        Self::Events,
        Self::Verify,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Sql => "binlogd tail --format sql",
            Self::Mysqlbinlog => "mysqlbinlog -vv",
            Self::Values => "values, binlogd-decode",
            Self::MysqlCommon => "values, mysql_common",
            Self::Json => "binlogd tail --format json",
            Self::Events => "binlogd events --json",
            Self::Verify => "binlogd verify --jobs 1",
        }
    }

    /// Whether it is the program that people use, whose memory is bounded.
    fn is_binlogd(self) -> bool {
        matches!(self, Self::Sql | Self::Json | Self::Events | Self::Verify)
    }

    fn command(self, of: Version, programs: &Programs, corpus: &Corpus) -> Command {
        let mut command = match self {
            Self::Mysqlbinlog => corpus.primary.mysqlbinlog(),
            Self::Values | Self::MysqlCommon => Command::new(&programs.count_values),
            _ => Command::new(programs.binlogd(of)),
        };
        match self {
            Self::Sql => command.args(["tail", "--format", "sql"]),
            Self::Json => command.args(["tail", "--format", "json"]),
            Self::Events => command.args(["events", "--json"]),
            Self::Verify => command.args(["verify", "--quiet", "--jobs", "1"]),
            Self::Mysqlbinlog => command.args(["-vv", "--base64-output=decode-rows"]),
            Self::Values | Self::MysqlCommon => &mut command,
        };
        command.arg(&corpus.path);
        if self == Self::MysqlCommon {
            command.arg("mysql_common");
        }
        command.stdout(Stdio::null());
        command
    }
}

/// Which binlogd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Measured,
    /// Another one, to compare with.
    Before,
}

struct Programs {
    binlogd: PathBuf,
    before: Option<PathBuf>,
    count_values: PathBuf,
}

impl Programs {
    fn binlogd(&self, version: Version) -> &Path {
        match &self.before {
            Some(before) if version == Version::Before => before,
            _ => &self.binlogd,
        }
    }

    /// In turns.
    fn versions(&self, reader: Reader) -> Vec<Version> {
        match self.before {
            Some(_) if reader.is_binlogd() => vec![Version::Before, Version::Measured],
            _ => vec![Version::Measured],
        }
    }
}

/// What one reading took.
#[derive(Debug, Clone, Copy)]
struct Sample {
    reader: Reader,
    version: Version,
    wall_s: f64,
    cpu_s: f64,
    /// In bytes.
    peak: u64,
}

/// Measures and prints.
///
/// # Errors
/// If something does not start, or a reader fails.
pub(super) fn run(args: &DecodeArgs) -> Result<bool> {
    let programs = Programs {
        binlogd: product::named_or_built(args.binary.as_deref())?,
        before: args.before.as_deref().map(product::named).transpose()?,
        count_values: product::example("binlogd-decode", "count_values")?,
    };
    let machine = super::machine();
    eprintln!("Making a primary with a binlog file to read …");
    let mut corpus = Corpus::rows_with_names(args.size_mib * MIB)?;
    // It is not asked for anything.
    corpus.primary.stop()?;
    count_alike(&programs.count_values, &corpus.path)?;
    let mut samples = Vec::new();
    for run in 1..=args.runs {
        let versions =
            |reader: Reader| programs.versions(reader).into_iter().map(move |v| (reader, v));
        let mut in_turns: Vec<_> = Reader::ALL.into_iter().flat_map(versions).collect();
        // The same one is not always first: what comes before changes how fast the next one is.
        if run.is_multiple_of(2) {
            in_turns.reverse();
        }
        for (reader, version) in in_turns {
            let sample = read(reader, version, &programs, &corpus)?;
            eprintln!(
                "run {run} of {}: {:26} {:8} {:6.2} s  CPU {:5.2} s",
                args.runs,
                reader.name(),
                if version == Version::Before { "(before)" } else { "" },
                sample.wall_s,
                sample.cpu_s
            );
            samples.push(sample);
        }
    }
    let server = corpus.primary.prefix().version().to_string();
    let report = Report { machine, server, len: corpus.len, events: corpus.events, samples };
    if args.json {
        println!("{:#}", report.json());
    } else {
        report.print();
    }
    Ok(true)
}

/// Sees that both count the same rows and values.
fn count_alike(count_values: &Path, file: &Path) -> Result<()> {
    let count = |by: &[&str]| {
        let out = Command::new(count_values).arg(file).args(by).output()?;
        if !out.status.success() {
            bail!("{}", String::from_utf8_lossy(&out.stderr));
        }
        Ok(String::from_utf8(out.stdout)?)
    };
    let (ours, theirs) = (count(&[])?, count(&["mysql_common"])?);
    if ours != theirs || ours.starts_with("0 ") {
        bail!("rows and values: {} and {} by mysql_common", ours.trim(), theirs.trim());
    }
    Ok(())
}

fn read(reader: Reader, version: Version, programs: &Programs, corpus: &Corpus) -> Result<Sample> {
    let started = Instant::now();
    let child = reader.command(version, programs, corpus).spawn().context(reader.name())?;
    let cost = process::watch(child)?;
    let wall_s = started.elapsed().as_secs_f64();
    if !cost.status.success() {
        bail!("{} ended with {}", reader.name(), cost.status);
    }
    Ok(Sample { reader, version, wall_s, cpu_s: cost.cpu_s, peak: cost.peak })
}

struct Report {
    machine: String,
    server: String,
    /// The file's length, in bytes.
    len: u64,
    events: u64,
    samples: Vec<Sample>,
}

impl Report {
    fn of(&self, reader: Reader) -> impl Iterator<Item = &Sample> {
        self.by(reader, Version::Measured)
    }

    fn by(&self, reader: Reader, version: Version) -> impl Iterator<Item = &Sample> {
        let wanted = move |s: &&Sample| s.reader == reader && s.version == version;
        self.samples.iter().filter(wanted)
    }

    /// The measured binlogd with the other one, where there is one.
    fn comparisons(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for reader in Reader::ALL {
            let walls = |version| self.by(reader, version).map(|sample| sample.wall_s);
            if walls(Version::Before).next().is_some() {
                let faster = median_ratio(walls(Version::Before), walls(Version::Measured));
                let what = format!("speed of {} / before", reader.name());
                targets.push(Target::not_worse(what, faster));
            }
        }
        targets
    }

    fn walls(&self, reader: Reader) -> impl Iterator<Item = f64> {
        self.of(reader).map(|sample| sample.wall_s)
    }

    fn mb_per_s(&self, reader: Reader) -> f64 {
        float(self.len) / 1e6 / median(self.walls(reader))
    }

    fn peak_mib(&self, reader: Reader) -> f64 {
        let peak = self.of(reader).map(|sample| sample.peak).max().unwrap_or(0);
        float(peak) / float(MIB)
    }

    fn print(&self) {
        println!(
            "\n{:.1} MB of row events ({} events), written by MySQL {}; {}:\n",
            float(self.len) / 1e6,
            self.events,
            self.server,
            self.machine
        );
        let mut table = Table::new(&["reader", "wall s", "MB/s", "CPU s", "peak MiB"]);
        for reader in Reader::ALL {
            table.row(vec![
                reader.name().to_owned(),
                format!("{:.2}", median(self.walls(reader))),
                format!("{:.0}", self.mb_per_s(reader)),
                format!("{:.2}", median(self.of(reader).map(|sample| sample.cpu_s))),
                format!("{:.1}", self.peak_mib(reader)),
            ]);
        }
        println!("{table}");
        for target in self.targets() {
            println!("{}", target.line());
        }
    }

    fn targets(&self) -> Vec<Target> {
        let faster = |reader, peer| median_ratio(self.walls(peer), self.walls(reader));
        let speed = |reader: Reader, bound| {
            Target::new(reader.name(), self.mb_per_s(reader), Bound::AtLeast(bound), " MB/s")
        };
        let peak = Reader::ALL.into_iter().filter(|reader| reader.is_binlogd());
        let peak = peak.map(|reader| self.peak_mib(reader)).fold(0.0, f64::max);
        let mut targets = vec![
            Target::new(
                "speed of tail --format sql / mysqlbinlog",
                faster(Reader::Sql, Reader::Mysqlbinlog),
                Bound::AtLeast(6.0),
                "x",
            ),
            Target::new(
                "speed of values / mysql_common",
                faster(Reader::Values, Reader::MysqlCommon),
                Bound::AtLeast(2.0),
                "x",
            ),
            speed(Reader::Json, 200.0),
            speed(Reader::Events, 1000.0),
            speed(Reader::Verify, 1000.0),
            Target::new("peak memory of binlogd", peak, Bound::AtMost(64.0), " MiB"),
        ];
        targets.extend(self.comparisons());
        targets
    }

    fn json(&self) -> Value {
        let samples = self.samples.iter().map(|sample| {
            json!({
                "reader": sample.reader.name(), "before": sample.version == Version::Before,
                "wall_s": sample.wall_s, "cpu_s": sample.cpu_s,
                "peak_bytes": sample.peak,
            })
        });
        json!({
            "bench": "decode", "machine": self.machine, "mysql": self.server,
            "bytes": self.len, "events": self.events,
            "samples": samples.collect::<Vec<_>>(),
            "targets": self.targets().iter().map(Target::json).collect::<Vec<_>>(),
        })
    }
}
