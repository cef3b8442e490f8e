//! `binlogd find`: where in binlog files a GTID, a time, a table's changes or a position is.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use binlogd_decode::changes::{At, Change, Changes, Transaction};
use binlogd_decode::format::Untold;
use binlogd_decode::{Decoder, shown_on_terminal};
use binlogd_event::{FIRST_EVENT, Gtid, previous_gtids};
use serde::Serialize;

use super::tail::filter::{Pattern, table_pattern};
use super::tail::left_out::LeftOut;
use super::tail::unmatched::{Mentioned, Unmatched};
use crate::misuse::misuse;
use crate::output::print;
use crate::sink::{Out, Sink, drain, event_at};
use crate::sources::{From, Input, Place, RawEvent, Source, SourceArgs, Unwanted};
use crate::time::{self, Time, Zone};

/// Find a GTID, a time, a table's changes or a position in binlog files.
#[derive(Debug, clap::Args)]
#[command(after_long_help = crate::help::lay_out(EXAMPLES))]
pub(crate) struct Args {
    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    what: What,

    /// The time zone of --time, where that has no offset of its own: UTC, local, +02:00, Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", allow_hyphen_values = true)]
    timezone: Zone,

    /// With --table: every transaction that changes it, not the first alone
    #[arg(long, requires = "table")]
    all: bool,

    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The transaction with this GTID
    #[arg(long, value_name = "GTID")]
    gtid: Option<Gtid>,

    /// The first transaction at this time or after it, as for tail --start-time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    time: Option<Time>,

    /// The first transaction that changes rows of this table, as DB.TABLE (* and ? stand for any)
    #[arg(long, value_name = "PATTERN", value_parser = table_pattern)]
    table: Option<Pattern>,

    /// The event at this offset of the first file, or around it
    #[arg(long, value_name = "OFFSET")]
    position: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  Where a transaction is:
    binlogd find --gtid 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 /var/lib/mysql

  From where to replay, for an hour:
    binlogd find --time '2026-01-31 12:00' /var/lib/binlogd/default

  Who has changed a table:
    binlogd find --table shop.orders --all mysql-bin.000007

  Whether a server still has a transaction, and where:
    binlogd find --gtid 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 --password-file pw mysql://repl@127.0.0.1

  What stands at a position that an error names:
    binlogd find --position 4567 mysql-bin.000007

A line has the file and where the transaction begins there, when, and its GTID; with --position the
event comes first. Of several files those are passed over whose heads say that it cannot be there, and
of a closed file in a binlogd's store what its index says.
JSON's 'time' is seconds since 1970. Statements in statement format do not say which tables they change:
with --table those of its database are counted on stderr.

Exit codes: 0 found, 1 not found or it failed, 2 wrong usage.";

#[derive(Serialize)]
struct Found<'a> {
    file: &'a str,
    position: u64,
    time: u32,
    gtid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Event>,
}

/// The event around a position.
#[derive(Serialize)]
struct Event {
    position: u64,
    end: u64,
    #[serde(rename = "type")]
    kind: String,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let What { gtid, position, .. } = args.what;
    let time = args.what.time.as_ref().map(|time| time.in_zone(&args.timezone)).transpose();
    let time = time.map_err(|error| misuse(anyhow!("--time: {error}")))?;
    let mut source = open(&args.source, gtid.as_ref(), time)?;
    source.pass_over(Unwanted {
        before_offset: position,
        before_time: time,
        without: gtid,
        outside: None,
    });
    let mut search = Search::new(args, time);
    print(|output| {
        drain(&mut source, &mut Decoder::new(), &mut search, &mut |more, _| {
            output.buffer.append(more);
            output.flush_full()
        })?;
        match search.found {
            Some(_) => Ok(()),
            None => bail!("not found: {}", search.there_is()),
        }
    })
}

/// A search that is under way.
struct Search<'a> {
    args: &'a Args,
    changes: Changes,
    is_first: bool,
    /// Whether the event that is seen is of a transaction.
    is_within: bool,
    /// Where the transaction begins that was found last.
    found: Option<(String, u64)>,
    left_out: LeftOut,
    unmatched: Unmatched,
    /// The time that is searched for, in seconds since 1970.
    time: Option<u32>,
}

impl<'a> Search<'a> {
    fn new(args: &'a Args, time: Option<u32>) -> Self {
        Self {
            args,
            time,
            unmatched: Unmatched::default(),
            changes: Changes::new(),
            is_first: true,
            is_within: false,
            found: None,
            left_out: LeftOut::default(),
        }
    }

    fn there_is(&self) -> String {
        let What { gtid, time, table, .. } = &self.args.what;
        let (time, gtids, tables) = (time.is_some(), gtid.is_some(), table.is_some());
        self.unmatched.there_is(&Mentioned { time, gtids, tables, servers: false })
    }
}

impl Sink for Search<'_> {
    fn enter(&mut self, is_first: bool, _: bool, _: usize) {
        self.is_first = is_first;
    }

    fn is_done(&self, _: &At<'_>) -> bool {
        let is_found = self.found.is_some() && !self.args.all;
        is_found || self.args.what.position.is_some() && !self.is_first
    }

    /// Shows the transaction of an event if it is one that is searched for.
    fn see(
        &mut self,
        at: &At<'_>,
        event: binlogd_decode::Event<'_>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let is_done = self.is_done(at);
        let What { gtid, table, .. } = &self.args.what;
        let time = &self.time;
        self.is_within |= !self.changes.is_outside();
        let taken = self.changes.take(at, event);
        let taken = taken.map_err(|error| anyhow!("{}: {error}", event_at(at)))?;
        self.is_within |= taken.is_some();
        let Some((transaction, change)) = taken else { return Ok(()) };
        if matches!(change, Change::End(_)) || change.is_alone() {
            self.unmatched.transaction(transaction, table.is_some());
        }
        self.unmatched.change(&change);
        let wanted = match (time, table, gtid) {
            (Some(time), ..) => transaction.time >= *time,
            (_, Some(table), _) => changes_table(&change, table),
            (.., Some(gtid)) => transaction.gtid == Some(*gtid),
            _ => false,
        };
        if let Some(table) = table.as_ref().filter(|_| !is_done)
            && let Some(untold) = Untold::by_rows(&change).filter(|untold| match untold {
                Untold::Statement(statement) => table.may_be_of(statement),
                _ => true,
            })
        {
            self.left_out.note(at, &untold);
        }
        let place = (transaction.file.clone(), transaction.offset);
        if wanted && !is_done && self.found.as_ref() != Some(&place) {
            show(self.args.json, transaction, None, &mut out.buffer)?;
            self.found = Some(place);
        }
        Ok(())
    }

    /// Shows the event if it is at the place that is searched for.
    fn see_bytes(&mut self, raw: &RawEvent<'_>, out: &mut Vec<u8>) -> Result<()> {
        let is_within = std::mem::take(&mut self.is_within) || !self.changes.is_outside();
        if self.args.what.position.is_none_or(|position| position >= raw.end()) {
            return Ok(());
        }
        let kind = raw.header.kind.to_string();
        let event = Event { position: raw.offset, end: raw.end(), kind };
        let outside = Transaction {
            file: raw.file.to_owned(),
            offset: raw.offset,
            time: raw.header.timestamp,
            ..Transaction::default()
        };
        let transaction = if is_within { self.changes.last() } else { &outside };
        self.found = Some((transaction.file.clone(), transaction.offset));
        show(self.args.json, transaction, Some(event), out)
    }

    fn finish(&mut self, _: &mut Vec<u8>) {
        self.left_out.finish();
    }
}

fn changes_table(change: &Change<'_>, table: &Pattern) -> bool {
    match change {
        Change::Rows { rows, .. } => {
            let names = rows.table();
            table.matches(&format!("{}.{}", names.schema(), names.name()))
        }
        _ => false,
    }
}

/// Begins with the last file whose head says that what is searched for cannot be before it.
fn open(args: &SourceArgs, gtid: Option<&Gtid>, time: Option<u32>) -> Result<Source> {
    if gtid.is_none() && time.is_none() {
        // No head says anything.
        return args.open();
    }
    let first = |count: usize, file: &dyn Fn(usize) -> Result<Source>| -> Result<usize> {
        for index in (1..count).rev() {
            if is_behind(&mut file(index)?, gtid, time)? {
                return Ok(index);
            }
        }
        Ok(0)
    };
    match args.place()? {
        Place::Files(inputs) if inputs.iter().any(Input::is_stdin) => args.files(inputs),
        Place::Files(mut inputs) => {
            let first =
                first(inputs.len(), &|index| Ok(Source::files(vec![inputs[index].clone()])))?;
            inputs.drain(..first);
            args.files(inputs)
        }
        Place::Server(server) => {
            let logs = server.logs()?;
            let file = |index: usize| server.of_file(logs[index].name.clone());
            match first(logs.len(), &|index| file(index).open(From::Oldest, false))? {
                0 => server.open(From::Oldest, false),
                first => server.open(From::At(logs[first].name.clone(), FIRST_EVENT), false),
            }
        }
    }
}

/// Whether nothing before a file can be what is searched for, by the file's head.
fn is_behind(file: &mut Source, gtid: Option<&Gtid>, time: Option<u32>) -> Result<bool> {
    // The format description, and the GTIDs before, perhaps with an event between.
    for _ in 0..4 {
        if !file.next()? {
            break;
        }
        let Some(event) = file.event() else { break };
        let header = &event.header;
        if time.is_some_and(|time| event.offset == FIRST_EVENT && header.timestamp < time) {
            return Ok(true);
        }
        if let Some(gtid) = gtid.filter(|_| header.kind.is_previous_gtids()) {
            return Ok(!previous_gtids(event.body())?.contains(gtid));
        }
    }
    Ok(false)
}

fn show(
    json: bool,
    transaction: &Transaction,
    event: Option<Event>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let Transaction { file, offset, time, gtid, .. } = transaction;
    let gtid = gtid.map(|gtid| gtid.to_string());
    if json {
        let found = Found { file, position: *offset, time: *time, gtid, event };
        serde_json::to_writer(&mut *out, &found)?;
        out.push(b'\n');
        return Ok(());
    }
    if let Some(Event { position, end, kind }) = event {
        write!(out, "{position} to {end}: {kind}, in ")?;
    }
    let file = shown_on_terminal(file);
    writeln!(out, "{file}:{offset}  {}  {}", time::show(*time), gtid.as_deref().unwrap_or("-"))?;
    Ok(())
}
