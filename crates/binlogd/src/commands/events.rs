//! `binlogd events`: the events of binlog files, like `SHOW BINLOG EVENTS`.

use std::process::ExitCode;

use anyhow::Result;
use binlogd_decode::changes::At;
use binlogd_decode::format::ListJson;
use binlogd_decode::{Limits, Payload, Place, info};
use binlogd_event::body::TransactionPayload;
use binlogd_event::{EventHeader, EventKind, FormatDescription, HEADER_LEN};

use crate::output::{Output, print};
use crate::sources::{RawEvent, SourceArgs};

/// List the events of binlog files, like SHOW BINLOG EVENTS.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    source: SourceArgs,

    /// Print a JSON object a line for each event
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  The events of a file, of a folder in the order of its files, of a backup:
    binlogd events mysql-bin.000007
    binlogd events /var/lib/binlogd/default
    zstdcat mysql-bin.000007.zst | binlogd events -

  Of a file on a server:
    binlogd events --password-file pw mysql://repl@127.0.0.1:3306/mysql-bin.000007

  The largest:
    binlogd events --json mysql-bin.000007 | jq -s 'max_by(.size)'

A line has where the event begins, its type, the id of the server that wrote it, where it ends, and
what it says. Events in a compressed transaction come behind it, all where it ends; with --json their 'size' is
the one before compression. 'time' is seconds since 1970.

Exit codes: 0 all was listed, 1 an event is damaged or it failed, 2 wrong usage.";

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut source = args.source.open()?;
    let mut list = args.json.then(ListJson::new);
    print(|output| {
        while source.next()? {
            if let Some(event) = source.event() {
                let RawEvent { file, offset, header, format, .. } = event;
                let at = At { file, offset, end: event.end(), header };
                write(&at, event.body(), format, list.as_mut(), output)?;
                if header.kind == EventKind::TRANSACTION_PAYLOAD {
                    write_inner(&at, &event, list.as_mut(), output)?;
                }
            }
        }
        Ok(())
    })
}

/// Lists the events in a compressed transaction, which all lie where it ends, as MySQL says it.
fn write_inner(
    at: &At<'_>,
    event: &RawEvent<'_>,
    mut list: Option<&mut ListJson>,
    output: &mut Output,
) -> Result<()> {
    let place = Place { offset: at.offset, kind: at.header.kind };
    let body = event.body().get(HEADER_LEN..).unwrap_or_default();
    let (payload, _) = TransactionPayload::front(body)?;
    let mut inner = Payload::new(&payload, &Limits::default(), place)?;
    while let Some(bytes) = inner.next()? {
        let header = EventHeader::parse(bytes)?;
        let at = At { file: at.file, offset: at.end, end: at.end, header };
        write(&at, bytes, event.format, list.as_deref_mut(), output)?;
    }
    Ok(())
}

/// Lists an event, given without its checksum.
fn write(
    at: &At<'_>,
    event: &[u8],
    format: &FormatDescription,
    list: Option<&mut ListJson>,
    output: &mut Output,
) -> Result<()> {
    match list {
        Some(list) => list.event(at, event, format, &mut output.buffer),
        None => line(at, &info(&at.header, event, format), output),
    }
    output.flush_full()
}

fn line(at: &At<'_>, info: &[u8], output: &mut Output) {
    use std::io::Write as _;
    let header = &at.header;
    let info = String::from_utf8_lossy(info);
    let info: String = info.chars().flat_map(shown).collect();
    let out = &mut output.buffer;
    if at.offset == binlogd_event::FIRST_EVENT {
        let (pos, id, end) = ("Pos", "Server_id", "End_log_pos");
        // Writing to a Vec does not fail.
        let _ = writeln!(out, "# {}", at.file);
        let _ = writeln!(out, "{pos:>10}  {:<24} {id:>10} {end:>11}  Info", "Event_type");
    }
    let kind = header.kind.name().unwrap_or("Unknown");
    let _ = writeln!(
        out,
        "{:>10}  {kind:<24} {:>10} {:>11}  {info}",
        at.offset, header.server_id, at.end
    );
}

/// A line stays a line, and a terminal is not told what to do.
fn shown(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control().then(|| c.escape_default());
    let plain = escaped.is_none().then_some(c);
    escaped.into_iter().flatten().chain(plain)
}
