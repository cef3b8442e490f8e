//! `binlogd events`: the events of binlog files, like `SHOW BINLOG EVENTS`.

use std::process::ExitCode;

use anyhow::Result;
use binlogd_decode::changes::At;
use binlogd_decode::format::ListJson;
use binlogd_decode::info;

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
what it says. Events in compressed transactions are not listed. With --json 'time' is seconds since
1970.

Exit codes: 0 all was listed, 1 an event is damaged or it failed, 2 wrong usage.";

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut source = args.source.open()?;
    let mut list = ListJson::new();
    print(|output| {
        while source.next()? {
            if let Some(event) = source.event() {
                if args.json {
                    let RawEvent { file, offset, header, format, .. } = event;
                    let at = At { file, offset, end: event.end(), header };
                    list.event(&at, event.body(), format, &mut output.buffer);
                } else {
                    line(&event, output);
                }
                output.flush_full()?;
            }
        }
        Ok(())
    })
}

fn line(event: &RawEvent<'_>, output: &mut Output) {
    use std::io::Write as _;
    let header = &event.header;
    let info = info(header, event.body(), event.format);
    let info = String::from_utf8_lossy(&info);
    let info: String = info.chars().flat_map(shown).collect();
    let out = &mut output.buffer;
    if event.offset == binlogd_event::FIRST_EVENT {
        let (pos, id, end) = ("Pos", "Server_id", "End_log_pos");
        // Writing to a Vec does not fail.
        let _ = writeln!(out, "# {}", event.file);
        let _ = writeln!(out, "{pos:>10}  {:<24} {id:>10} {end:>11}  Info", "Event_type");
    }
    let kind = header.kind.name().unwrap_or("Unknown");
    let _ = writeln!(
        out,
        "{:>10}  {kind:<24} {:>10} {:>11}  {info}",
        event.offset,
        header.server_id,
        event.end()
    );
}

/// A line stays a line, and a terminal is not told what to do.
fn shown(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control().then(|| c.escape_default());
    let plain = escaped.is_none().then_some(c);
    escaped.into_iter().flatten().chain(plain)
}
