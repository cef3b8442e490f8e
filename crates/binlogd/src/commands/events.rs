//! `binlogd events`: the events of binlog files, like `SHOW BINLOG EVENTS`.
//!
//! Which of them are listed is for [`chosen`] to say.

mod chosen;

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use binlogd_decode::changes::At;
use binlogd_decode::format::ListJson;
use binlogd_decode::{Decoder, Limits, Payload, Place, shown_on_terminal, write_info};
use binlogd_event::body::TransactionPayload;
use binlogd_event::{EventHeader, EventKind, FormatDescription, HEADER_LEN};

use super::tail::filter::{Filter, FilterArgs};
use crate::output::print;
use crate::sink::{drain, event_at, place};
use crate::sources::{RawEvent, SourceArgs};
use chosen::Chosen;

/// List the events of binlog files, like SHOW BINLOG EVENTS.
#[derive(Debug, clap::Args)]
#[command(after_long_help = crate::help::lay_out(EXAMPLES))]
pub(crate) struct Args {
    #[command(flatten)]
    source: SourceArgs,

    /// Print a JSON object a line for each event
    #[arg(long)]
    json: bool,

    /// List so many events at most
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    #[command(flatten)]
    filter: FilterArgs,
}

const EXAMPLES: &str = "\
Examples:
  The events of a file, of a folder in the order of its files, of a backup:
    binlogd events mysql-bin.000007
    binlogd events /var/lib/binlogd/default
    binlogd events mysql-bin.000007.zst

  Of a file on a server:
    binlogd events --password-file pw mysql://repl@127.0.0.1:3306/mysql-bin.000007

  The first ten of a table's in the last hour:
    binlogd events --table shop.orders --start-time -1h --limit 10 /var/lib/mysql

  The largest:
    binlogd events --json mysql-bin.000007 | jq -s 'max_by(.size)'

A line has where the event begins, its type, the id of the server that wrote it, where it ends, and
what it says. Events in a compressed transaction come behind it, all where it ends; with --json their 'size' is
the one before compression. 'time' is seconds since 1970.

With a filter the events of the chosen transactions are listed. With --table, --database or --kind only those that
name such a table, change its rows or are statements about it.

Exit codes: 0 all was listed, 1 an event is damaged or it failed, 2 wrong usage.";

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let filter = Filter::new(args.filter)?;
    let mut source = args.source.open()?;
    let mut list = List::new(args.json, args.limit);
    if filter.is_given() {
        source.pass_over(filter.unwanted());
        let mut chosen = Chosen::new(filter, list);
        return print(|output| {
            drain(&mut source, &mut Decoder::new(), &mut chosen, &mut |more, _| {
                output.buffer.append(more);
                output.flush_full()
            })
        });
    }
    print(|output| {
        while !list.is_full() && source.next()? {
            let Some(event) = source.event() else { break };
            list.event(&event, &mut output.buffer)?;
            output.flush_full()?;
        }
        Ok(())
    })
}

/// Writes events, each in a line.
struct List {
    json: Option<ListJson>,
    /// How many more may be listed.
    left: u64,
    /// The file of the last line, and what that said.
    file: String,
    info: Vec<u8>,
}

impl List {
    fn new(json: bool, limit: Option<u64>) -> Self {
        Self {
            json: json.then(ListJson::new),
            left: limit.unwrap_or(u64::MAX),
            file: String::new(),
            info: Vec::new(),
        }
    }

    /// Whether no more may be listed.
    fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Lists an event, and those in it if it is a compressed transaction.
    fn event(&mut self, event: &RawEvent<'_>, out: &mut Vec<u8>) -> Result<()> {
        self.outer(event, out)?;
        self.inner(event, |_, _| true, out)
    }

    /// Lists an event without what is in it.
    fn outer(&mut self, event: &RawEvent<'_>, out: &mut Vec<u8>) -> Result<()> {
        self.write(&place(event), event.body(), event.format, out)
    }

    /// Lists those events in a compressed transaction that are `wanted`; they all lie where it ends, as
    /// MySQL says it.
    fn inner(
        &mut self,
        event: &RawEvent<'_>,
        mut wanted: impl FnMut(&EventHeader, &[u8]) -> bool,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if event.header.kind != EventKind::TRANSACTION_PAYLOAD {
            return Ok(());
        }
        let at = place(event);
        let body = event.body().get(HEADER_LEN..).unwrap_or_default();
        let (payload, _) = TransactionPayload::front(body)?;
        let inside = Place { offset: at.offset, kind: at.header.kind };
        let mut inner = Payload::new(&payload, &Limits::default(), inside)?;
        while let Some(bytes) = inner.next()? {
            let header = EventHeader::parse(bytes)?;
            if wanted(&header, bytes) {
                let at = At { file: at.file, offset: at.end, end: at.end, header };
                self.write(&at, bytes, event.format, out)?;
            }
        }
        Ok(())
    }

    /// Lists an event, given without its checksum.
    fn write(
        &mut self,
        at: &At<'_>,
        event: &[u8],
        format: &FormatDescription,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if self.is_full() {
            return Ok(());
        }
        self.left -= 1;
        let damaged = |error| {
            anyhow!("{}: {error}: the bytes are damaged. Fetch the file again", event_at(at))
        };
        if let Some(json) = &mut self.json {
            return json.event(at, event, format, out).map_err(damaged);
        }
        self.info.clear();
        write_info(&at.header, event, format, &mut self.info).map_err(damaged)?;
        if self.file != at.file {
            at.file.clone_into(&mut self.file);
            heading(at.file, out);
        }
        line(at, &self.info, out);
        Ok(())
    }
}

fn heading(file: &str, out: &mut Vec<u8>) {
    use std::io::Write as _;
    let file = shown_on_terminal(file);
    let (pos, id, end) = ("Pos", "Server_id", "End_log_pos");
    // Writing to a Vec does not fail.
    let _ = writeln!(out, "# {file}");
    let _ = writeln!(out, "{pos:>10}  {:<24} {id:>10} {end:>11}  Info", "Event_type");
}

fn line(at: &At<'_>, info: &[u8], out: &mut Vec<u8>) {
    use std::io::Write as _;
    let header = &at.header;
    let info = String::from_utf8_lossy(info).replace('\n', "\\n").replace('\t', "\\t");
    let info = shown_on_terminal(&info);
    let kind = header.kind.name().unwrap_or("Unknown");
    let _ = writeln!(
        out,
        "{:>10}  {kind:<24} {:>10} {:>11}  {info}",
        at.offset, header.server_id, at.end
    );
}
