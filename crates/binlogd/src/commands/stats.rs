//! `binlogd stats`: who wrote what, and when.
//!
//! [`collect`] counts; [`terminal`], [`json`] and [`html`] say it.

mod collect;
mod html;
mod json;
mod terminal;
mod timeline;

use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueHint;

use super::tail::Printer;
use super::tail::filter::{Filter, FilterArgs};
use super::tail::schema::SchemaArgs;
use crate::logging::print_note;
use crate::output::print;
use crate::sink::drain;
use crate::sources::SourceArgs;
use collect::Stats;

/// Measure binlogs: who wrote how much, when, and the largest and longest transactions.
#[derive(Debug, clap::Args)]
#[command(after_long_help = crate::help::lay_out(EXAMPLES))]
pub(crate) struct Args {
    #[command(flatten)]
    source: SourceArgs,

    /// Print one JSON object with all of it
    #[arg(long)]
    json: bool,

    /// Write a report with plots to this file, which needs nothing else to be looked at, and print no
    /// tables
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    html: Option<PathBuf>,

    /// How many tables, and how many of the largest and longest transactions, are named
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,

    #[command(flatten)]
    filter: FilterArgs,

    #[command(flatten)]
    schema: SchemaArgs,
}

const EXAMPLES: &str = "\
Examples:
  What is in all this:
    binlogd stats /var/lib/mysql

  A page for a colleague, of one night:
    binlogd stats --html night.html --start-time '2026-01-31 22:00' --stop-time '2026-02-01 06:00' /var/lib/mysql

  What a server has:
    binlogd stats --password-file pw mysql://repl@127.0.0.1:3306

  Who deletes:
    binlogd stats --kind delete --json mysql-bin.0000* | jq '.tables[] | {table, deletes}'

Rows are counted, also those in compressed transactions. A table's bytes are those of its row events, not
compressed; a transaction's are those that it takes in its file. A transaction lasts from its first
change to its commit, to within a second. Statements in statement format do not say how many rows they
changed. Times are shown in UTC, in JSON in seconds since 1970. A time that is given without an offset is one of --timezone, or UTC.

Memory is bounded: 10000 tables are counted each for itself, further ones together.

Exit codes: 0 all was counted, 1 an event is damaged or it failed, 2 wrong usage.";

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let (mut decoder, followed) = args.schema.decoder(&args.source.server, false)?;
    let filter = Filter::new(args.filter)?;
    let mut source = args.source.open()?;
    source.pass_over(filter.unwanted());
    let mut stats = Stats::new(usize::from(args.top));
    let printer = Printer::new(Box::new(&mut stats), filter, true);
    let mut printer = printer.following(args.schema.is_given().then_some(followed), true);
    drain(&mut source, &mut decoder, &mut printer, &mut |_, _| Ok(()))?;
    drop(printer);
    let top = usize::from(args.top);
    if let Some(path) = &args.html {
        let page = html::page(&stats, top, &args.source.names());
        fs::write(path, page).with_context(|| path.display().to_string())?;
        if !args.json {
            print_note(&format!("the report is in {}", path.display()));
            return Ok(ExitCode::SUCCESS);
        }
    }
    print(|output| {
        if args.json {
            return json::write(&stats, &mut output.buffer);
        }
        let is_terminal = io::stdout().is_terminal();
        terminal::write(&stats, top, is_terminal, &mut output.buffer);
        Ok(())
    })
}
