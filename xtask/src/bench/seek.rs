//! `cargo xtask bench seek`: a reader comes back who has half of a large file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use binlogd_client::wire::command::Command;
use binlogd_client::wire::dump::{BinlogDump, BinlogDumpGtid, DumpFlags};
use binlogd_event::{EventKind, GtidSet};
use clap::Args;
use serde_json::{Value, json};
use testkit::{Daemon, Flavour};

use super::corpus::{Corpus, Middle};
use super::sink::Sink;
use super::stats::{median, median_ratio};
use super::table::Table;
use super::target::{Bound, Target};
use crate::product;

const MIB: u64 = 1 << 20;

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench seek
  cargo xtask bench seek --primary mariadb-11.8
  cargo xtask bench seek --size-mib 256 --runs 50 --json > seek.json

Time runs from when a reader that is logged in asks for a dump until the first transaction that it
lacks begins to arrive, the page cache warm. It asks by GTID, and by file and position. 'no index' is
binlogd with its index taken away before: it makes it anew.";

/// The id by which readers ask.
const READER_ID: u32 = 4711;

/// What of `cargo xtask bench seek` to do.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SeekArgs {
    /// Only these primaries, each in turn
    #[arg(
        long,
        value_name = "FLAVOUR",
        default_values_t = [Flavour::Mysql97, Flavour::Mysql56, Flavour::Mariadb118]
    )]
    primary: Vec<Flavour>,
    /// How often each is asked, in turns; medians are shown
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The file's size, at least; a MariaDB's is at most 1024
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(8..=3072))]
    size_mib: u64,
    /// Measure this binlogd instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Binlogd,
    WithoutIndex,
    Primary,
}

impl Asked {
    const ALL: [Self; 3] = [Self::Binlogd, Self::WithoutIndex, Self::Primary];

    fn name(self) -> &'static str {
        match self {
            Self::Binlogd => "binlogd",
            Self::WithoutIndex => "binlogd, no index",
            Self::Primary => "primary",
        }
    }
}

/// How a reader says what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Gtid,
    Position,
}

impl Way {
    const ALL: [Self; 2] = [Self::Gtid, Self::Position];

    fn name(self) -> &'static str {
        match self {
            Self::Gtid => "GTID",
            Self::Position => "position",
        }
    }

    /// Whether it is worth asking: a position needs no index.
    fn asks(self, asked: Asked) -> bool {
        self == Self::Gtid || asked != Asked::WithoutIndex
    }
}

/// Measures and prints.
///
/// # Errors
/// If something does not start, or no transaction comes.
pub(super) fn run(args: &SeekArgs) -> Result<bool> {
    let binary = product::named_or_built(args.binary.as_deref())?;
    let mut report = Report::new(args.runs);
    for &flavour in &args.primary {
        eprintln!("Making a {flavour} with a binlog file to seek in …");
        let corpus = Corpus::small_events(flavour, args.size_mib * MIB)?;
        report.servers.push((flavour, corpus.primary.prefix().version().to_string(), corpus.len));
        let seekers = Seekers::new(corpus, &binary)?;
        for run in 0..=args.runs {
            for sample in seekers.ask()? {
                // Once for nothing, so that the file is in memory.
                if run > 0 {
                    eprintln!("run {run} of {}: {}", args.runs, sample.line());
                    report.samples.push(sample);
                }
            }
        }
    }
    if args.json {
        println!("{:#}", report.json());
    } else {
        report.print();
    }
    Ok(true)
}

/// A primary, and a binlogd that has its file.
struct Seekers {
    corpus: Corpus,
    daemon: Daemon,
    middle: Middle,
    index: PathBuf,
}

impl Seekers {
    fn new(corpus: Corpus, binary: &Path) -> Result<Self> {
        let daemon = corpus.mirrored_by(binary)?;
        let middle = corpus.middle()?;
        let index = daemon.timeline_dir(&corpus.primary)?.join(format!("{}.idx", corpus.file));
        Ok(Self { corpus, daemon, middle, index })
    }

    /// Asks each in each way.
    fn ask(&self) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        for way in Way::ALL {
            for asked in Asked::ALL.into_iter().filter(|asked| way.asks(*asked)) {
                let port = match asked {
                    Asked::Primary => self.corpus.primary.port(),
                    _ => self.daemon.endpoint().port,
                };
                if asked == Asked::WithoutIndex {
                    let path = self.index.display();
                    std::fs::remove_file(&self.index).with_context(|| path.to_string())?;
                }
                let server = self.corpus.primary.flavour();
                samples.push(Sample { server, way, asked, ms: self.ms(way, port)? });
            }
        }
        Ok(samples)
    }

    fn ms(&self, way: Way, port: u16) -> Result<f64> {
        let (file, offset) = match way {
            Way::Gtid => (&b""[..], 4),
            Way::Position => (self.corpus.file.as_bytes(), self.middle.offset),
        };
        let (position, flags, server_id) =
            (u32::try_from(offset)?, DumpFlags::default(), READER_ID);
        let dump = Command::BinlogDump(BinlogDump { position, flags, server_id, file });
        let time = if self.corpus.primary.flavour().is_mariadb() {
            let mut says = "set @mariadb_slave_capability = 4".to_owned();
            if way == Way::Gtid {
                says += &format!(", @slave_connect_state = '{}'", self.middle.before);
            }
            Sink::time_to_first(port, Some(&says), &dump, EventKind::MARIADB_GTID)
        } else if way == Way::Gtid {
            let (position, flags) = (offset, DumpFlags::THROUGH_GTID);
            let gtid_set = &self.middle.before.parse::<GtidSet>()?.to_bytes();
            let dump = BinlogDumpGtid { flags, server_id, file, position, gtid_set };
            Sink::time_to_first(port, None, &Command::BinlogDumpGtid(dump), EventKind::GTID)
        } else {
            Sink::time_to_first(port, None, &dump, EventKind::GTID)
        };
        Ok(time?.as_secs_f64() * 1e3)
    }
}

/// One seek.
#[derive(Debug, Clone)]
struct Sample {
    server: Flavour,
    way: Way,
    asked: Asked,
    ms: f64,
}

impl Sample {
    fn line(&self) -> String {
        let Self { server, way, asked, ms } = self;
        format!("{server:12} {:8} {:17} {ms:8.2} ms", way.name(), asked.name())
    }
}

struct Report {
    machine: String,
    runs: u32,
    /// The primaries: their versions, and their files' lengths in bytes.
    servers: Vec<(Flavour, String, u64)>,
    samples: Vec<Sample>,
}

impl Report {
    fn new(runs: u32) -> Self {
        Self { machine: super::machine(), runs, servers: Vec::new(), samples: Vec::new() }
    }

    fn ms(&self, server: Flavour, way: Way, asked: Asked) -> Vec<f64> {
        let samples = self.samples.iter();
        let samples = samples.filter(|s| (s.server, s.way, s.asked) == (server, way, asked));
        samples.map(|sample| sample.ms).collect()
    }

    fn print(&self) {
        println!(
            "\nTo the middle of a file; TCP on this machine; {}; {} runs:\n",
            self.machine, self.runs
        );
        let mut table = Table::new(&["primary", "MiB", "by", "asked", "median ms", "most ms"]);
        for (server, version, len) in &self.servers {
            for way in Way::ALL {
                for asked in Asked::ALL.into_iter().filter(|asked| way.asks(*asked)) {
                    let ms = self.ms(*server, way, asked);
                    let most = ms.iter().copied().fold(0.0, f64::max);
                    table.row(vec![
                        format!("{server} ({version})"),
                        (len / MIB).to_string(),
                        way.name().into(),
                        asked.name().into(),
                        format!("{:.2}", median(ms)),
                        format!("{most:.2}"),
                    ]);
                }
            }
        }
        println!("{table}");
        for target in self.targets() {
            println!("{}", target.line());
        }
    }

    fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for (server, ..) in &self.servers {
            for way in Way::ALL {
                let what = format!("{server}, by {}: time to the first transaction", way.name());
                let ms = median(self.ms(*server, way, Asked::Binlogd));
                targets.push(Target::new(what, ms, Bound::AtMost(5.0), " ms"));
            }
            if !server.is_mariadb() {
                // A MariaDB of today has an index of its own.
                let ours = self.ms(*server, Way::Gtid, Asked::Binlogd);
                let ratio = median_ratio(ours, self.ms(*server, Way::Gtid, Asked::Primary));
                let what = format!("{server}, by GTID: time of binlogd / primary");
                targets.push(Target::new(what, ratio, Bound::AtMost(1.0), "x"));
            }
        }
        targets
    }

    fn json(&self) -> Value {
        let servers = self.servers.iter().map(|(server, version, len)| {
            json!({ "primary": server.name(), "version": version, "file_bytes": len })
        });
        let samples = self.samples.iter().map(|sample| {
            json!({
                "primary": sample.server.name(), "by": sample.way.name(),
                "asked": sample.asked.name(), "ms": sample.ms,
            })
        });
        json!({
            "bench": "seek", "machine": self.machine, "runs": self.runs,
            "primaries": servers.collect::<Vec<_>>(),
            "samples": samples.collect::<Vec<_>>(),
            "targets": self.targets().iter().map(Target::json).collect::<Vec<_>>(),
        })
    }
}
