//! `binlogd verify`: check stored binlogs.
//!
//! Findings and JSON go to stdout, progress and the summary to stderr.

mod progress;
mod report;

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::anyhow;
use binlogd_store::OsFs;
use binlogd_store::verify::Plan;
use clap::ValueHint;

use crate::misuse::misuse;
use crate::sources::is_server;
use progress::Console;

/// Check stored binlogs: checksums, continuity, gaps.
///
/// Reads every event: its checksum, its position, its place in a transaction. Then each file
/// against the one before, by name and by GTIDs, and each folder against its list of files and its
/// watermark. Prints a line for each problem, and exits with 1 if there is any.
///
/// It only reads, and may run while binlogd serve is at work.
#[derive(Debug, clap::Args)]
#[command(after_long_help = crate::help::lay_out(EXAMPLES))]
pub(crate) struct Args {
    /// Data directories, folders of a stream or timeline in them, or binlog files
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    paths: Vec<PathBuf>,

    /// How many files to check at once; as many as there are processors if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,

    /// Print everything as one JSON document
    #[arg(long)]
    json: bool,

    /// Print nothing but problems and warnings
    #[arg(long, short)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  All streams of a binlogd, which may be running:
    binlogd verify /var/lib/binlogd

  One timeline, or some files:
    binlogd verify /var/lib/binlogd/default/0001-3e11fa47-71ca-11e1-9e33-c80aa9429562
    binlogd verify mysql-bin.000007 mysql-bin.000008

  A primary's own files:
    binlogd verify /var/lib/mysql/binlog.0*

  For a nightly job, which mails what is printed:
    binlogd verify --quiet --jobs 1 /var/lib/binlogd

  What is wrong, for a program:
    binlogd verify --json /var/lib/binlogd | jq '.findings[] | select(.severity == \"problem\")'

A line says where it is and what: PATH:OFFSET: EVENT: WHAT. WHAT TO DO. OFFSET is where the event
begins. Of a file with a bad event, what follows is not checked. Lines with 'warning:' tell that the
server itself says that it lost changes (an incident event): the files are what it wrote, and whole,
but nothing restored from them is. Lines with 'note:' tell what may well be so, for example that a
primary has crashed, or that the last event is still being written.

Exit codes: 0 the files are good, also if there are warnings; 1 there are problems or it failed; 2 wrong
usage.";

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.paths.iter().any(|path| is_server(path) || path.as_os_str() == "-") {
        let what = "only files and folders can be checked: a server's as they lie on its disk";
        return Err(misuse(anyhow!(what)));
    }
    let plan = Plan::new(Arc::new(OsFs), &args.paths)?;
    let console = Console::new(args, plan.bytes());
    let begin = Instant::now();
    let report = plan.run(jobs(args), &console);
    let elapsed = begin.elapsed();
    match console.finish(&report, elapsed) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        outcome => outcome?,
    }
    Ok(if report.problems() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn jobs(args: &Args) -> NonZeroUsize {
    match args.jobs.and_then(|jobs| NonZeroUsize::new(usize::from(jobs))) {
        Some(jobs) => jobs,
        None => std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    }
}
