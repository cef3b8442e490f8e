//! `binlogd ls`: binlog files with their sizes, times and GTIDs.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use binlogd_decode::shown_on_terminal;
use binlogd_event::{
    EventKind, FIRST_EVENT, Gtid, GtidSet, TransactionState, gtid_of, previous_gtids, statement,
};
use indicatif::HumanBytes;
use serde::Serialize;

use crate::output::{Output, print};
use crate::sources::{From, Place, RawEvent, Source, SourceArgs};
use crate::time;

/// List binlog files: sizes, times, GTIDs.
#[derive(Debug, clap::Args)]
#[command(after_long_help = crate::help::lay_out(EXAMPLES))]
pub(crate) struct Args {
    #[command(flatten)]
    source: SourceArgs,

    /// Read the files to their ends: last times and GTIDs, number of events and transactions
    #[arg(long, short)]
    long: bool,

    /// Print a JSON object a line for each file
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  What a primary or a binlogd has:
    binlogd ls /var/lib/mysql
    binlogd ls /var/lib/binlogd/default
    binlogd ls --password-file pw mysql://repl@127.0.0.1:3306

  How many transactions there are in each file, and when the last one was:
    binlogd ls --long mysql-bin.0000*

  Which GTIDs were there before a file:
    binlogd ls --json mysql-bin.000007 | jq -r .previous_gtids

Times are UTC. Without --long only the front of each file is read. Of a server's files sizes are what it
says, and whether it keeps them encrypted. The JSON's times are seconds since
1970; what is not known is null.

Exit codes: 0 all was listed, 1 a file is damaged or it failed, 2 wrong usage.";

/// What there is to say of a file.
#[derive(Debug, Default, Serialize)]
struct Summary {
    file: String,
    size: Option<u64>,
    encrypted: Option<bool>,
    server_version: String,
    server_id: u32,
    checksum: &'static str,
    first_time: Option<u32>,
    last_time: Option<u32>,
    #[serde(serialize_with = "as_text")]
    previous_gtids: Option<GtidSet>,
    #[serde(serialize_with = "as_text")]
    first_gtid: Option<Gtid>,
    #[serde(serialize_with = "as_text")]
    last_gtid: Option<Gtid>,
    events: Option<u64>,
    transactions: Option<u64>,
}

#[expect(clippy::ref_option, reason = "what serde calls it with")]
fn as_text<T: ToString, S: serde::Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(T::to_string).serialize(to)
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let place = args.source.place()?;
    let mut folder = String::new();
    print(|output| {
        match place {
            Place::Files(inputs) => {
                heading(args, output);
                for input in &inputs {
                    let summary = Summary {
                        file: input.path.display().to_string(),
                        size: (!input.is_stdin()).then_some(input.len),
                        // Encrypted files are not read.
                        encrypted: Some(false),
                        ..Summary::default()
                    };
                    list(
                        summary,
                        &mut Source::files(vec![input.clone()]),
                        args,
                        &mut folder,
                        output,
                    )?;
                }
                // A list without them is what shows what is missing.
                args.source.refuse_gaps(&inputs)?;
            }
            Place::Server(server) => {
                let logs = server.logs()?;
                heading(args, output);
                for log in logs {
                    let summary = Summary {
                        file: log.name.to_string(),
                        size: Some(log.size),
                        encrypted: log.encrypted,
                        ..Summary::default()
                    };
                    let mut source = server.of_file(log.name).open(From::Oldest, false)?;
                    list(summary, &mut source, args, &mut folder, output)?;
                }
            }
        }
        Ok(())
    })
}

/// Adds to a summary what its file says, and prints it.
fn list(
    mut summary: Summary,
    source: &mut Source,
    args: &Args,
    folder: &mut String,
    output: &mut Output,
) -> Result<()> {
    summary.read(source, args.long)?;
    if args.json {
        serde_json::to_writer(&mut output.buffer, &summary)?;
        output.buffer.push(b'\n');
    } else {
        line(&summary, folder, args.long, output);
    }
    output.flush()
}

impl Summary {
    fn read(&mut self, source: &mut Source, long: bool) -> Result<()> {
        let (mut events, mut transactions, mut state) = (0, 0, TransactionState::Outside);
        let mut end = FIRST_EVENT;
        while source.next()? {
            let Some(event) = source.event() else { break };
            events += 1;
            end = event.end();
            let before = state;
            state = state_after(state, &event);
            let ends = !before.is_outside() && state.is_outside();
            let alone = before.is_outside() && is_statement(&event) && state.is_outside();
            transactions += u64::from(ends || alone);
            self.see(&event)?;
            // What begins a file comes before anything that changes data.
            let begun = event.header.kind.is_gtid() || event.header.kind == EventKind::QUERY;
            if begun && !long {
                break;
            }
        }
        if source.is_compressed() {
            self.size = None;
        }
        if long {
            (self.events, self.transactions) = (Some(events), Some(transactions));
            if self.encrypted != Some(true) {
                // It may have grown since it was looked at.
                self.size = Some(end);
            }
        } else {
            (self.last_time, self.last_gtid) = (None, None);
        }
        Ok(())
    }

    fn see(&mut self, event: &RawEvent<'_>) -> Result<()> {
        let header = &event.header;
        match header.kind {
            EventKind::FORMAT_DESCRIPTION => {
                self.server_version = event.format.server_version.to_string();
                self.server_id = header.server_id;
                self.checksum = event.format.checksum.name();
                self.first_time.get_or_insert(header.timestamp);
            }
            kind if kind.is_previous_gtids() => {
                self.previous_gtids = Some(previous_gtids(event.body())?);
            }
            kind if kind.is_gtid() => {
                let gtid = gtid_of(header, event.body())?;
                self.first_gtid = self.first_gtid.or(gtid);
                self.last_gtid = gtid.or(self.last_gtid);
            }
            _ => {}
        }
        self.last_time = Some(header.timestamp).filter(|&time| time > 0).or(self.last_time);
        Ok(())
    }
}

/// A file may begin in the middle of a transaction: then its rest is none.
fn state_after(state: TransactionState, event: &RawEvent<'_>) -> TransactionState {
    state.after(event.header, event.body(), true, query_len(event)).unwrap_or_default()
}

fn is_statement(event: &RawEvent<'_>) -> bool {
    event.header.kind == EventKind::QUERY
        && statement(event.body(), query_len(event)).is_ok_and(|text| text != b"ROLLBACK")
}

fn query_len(event: &RawEvent<'_>) -> usize {
    event.format.post_header_len(EventKind::QUERY).unwrap_or(13)
}

fn heading(args: &Args, output: &mut Output) {
    if args.json {
        return;
    }
    let (size, events, transactions) = ("SIZE", "EVENTS", "TRANSACTIONS");
    // Writing to a Vec does not fail.
    let _ = match args.long {
        false => writeln!(output.buffer, "{size:>11}  {:<19}  FILE  GTIDS", "BEGINS (UTC)"),
        true => writeln!(
            output.buffer,
            "{size:>11}  {:<19}  {:<19}  {events:>9}  {transactions:>12}  FILE  GTIDS",
            "BEGINS (UTC)", "ENDS (UTC)"
        ),
    };
}

/// A file's folder, which is named once, and its name.
fn split(file: &str) -> (&str, &str) {
    file.rsplit_once('/').unwrap_or(("", file))
}

fn line(summary: &Summary, folder: &mut String, long: bool, output: &mut Output) {
    let out = &mut output.buffer;
    let (here, name) = split(&summary.file);
    if here != folder {
        here.clone_into(folder);
        // Writing to a Vec does not fail.
        let _ = writeln!(out, "# {}", shown_on_terminal(here));
    }
    let dash = || "-".to_owned();
    let size = summary.size.map_or_else(dash, |size| HumanBytes(size).to_string());
    let time = |time: Option<u32>| time.map_or_else(dash, time::show);
    let count = |count: Option<u64>| count.map_or_else(dash, |count| count.to_string());
    let _ = write!(out, "{size:>11}  {:<19}  ", time(summary.first_time));
    if long {
        let (events, transactions) = (count(summary.events), count(summary.transactions));
        let last = time(summary.last_time);
        let _ = write!(out, "{last:<19}  {events:>9}  {transactions:>12}  ");
    }
    let _ = write!(out, "{}  ", shown_on_terminal(name));
    if summary.encrypted == Some(true) {
        let _ = write!(out, "(encrypted)  ");
    }
    let _ = match (&summary.first_gtid, &summary.last_gtid, &summary.previous_gtids) {
        (Some(first), Some(last), _) if long => writeln!(out, "{first} … {last}"),
        (Some(first), ..) => writeln!(out, "{first} …"),
        (None, _, Some(set)) if !set.is_empty() => writeln!(out, "behind {set}"),
        _ => writeln!(out, "-"),
    };
}
