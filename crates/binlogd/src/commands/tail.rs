//! `binlogd tail`: decode binlogs: what was changed, by which transaction.
//!
//! What is written of a change is in `binlogd_decode::format`; which changes, in [`filter`].

pub(crate) mod filter;
mod from;
mod printer;
pub(crate) mod schema;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use binlogd_decode::changes::At;
use binlogd_decode::format::{
    DebeziumFormat, DebeziumOptions, Format, JsonFormat, SqlFormat, SqlOptions, TextFormat,
};
use binlogd_decode::{DecodeError, Decoder};
use clap::{ValueEnum, ValueHint};

use crate::output::print;
use crate::sources::{Next, Source};
use filter::{Filter, FilterArgs};
use from::FromArgs;
pub(crate) use printer::Printer;
use schema::SchemaArgs;

/// Decode binlogs: rows, statements and transactions as text, JSON or SQL.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Binlog files, folders of them, a binlogd's store, - for standard input, or one server as
    /// mysql://USER:PASSWORD@HOST:PORT, which is read as a replica does
    #[arg(required = true, value_name = "SOURCE", value_hint = ValueHint::AnyPath)]
    sources: Vec<PathBuf>,

    #[command(flatten)]
    from: FromArgs,

    /// What to write: a line for people, a JSON object a line, SQL for the client mysql, or the
    /// envelopes of Debezium's connector
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,

    /// With debezium: a setting of its connector, such as decimal.handling.mode=string. May be
    /// given several times
    #[arg(long = "option", value_name = "NAME=VALUE")]
    options: Vec<String>,

    /// With SQL: keep the transactions' GTIDs
    #[arg(long)]
    gtids: bool,

    #[command(flatten)]
    schema: SchemaArgs,

    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Json,
    Sql,
    Debezium,
}

const EXAMPLES: &str = "\
Examples:
  What was done to a table in an hour:
    binlogd tail --table 'shop.orders' --start-time '2026-01-31 12:00' --stop-time '2026-01-31 13:00' \\
        /var/lib/mysql

  Deletes, for a program (docs/tail-json.md describes the objects):
    binlogd tail --format json --kind delete mysql-bin.000007 | jq .before

  For what reads Debezium's topics (docs/tail-debezium.md):
    binlogd tail --format debezium --option decimal.handling.mode=string mysql-bin.000007

  Replay up to a moment (point-in-time recovery):
    binlogd tail --format sql --stop-time '2026-01-31 12:34:56' mysql-bin.0000* | mysql --binary-mode

  What a server does from now on, also when it is restarted in between; what comes to a binlogd's store:
    binlogd tail --follow --from end --password-file pw mysql://repl@127.0.0.1:3306
    binlogd tail --follow /var/lib/binlogd/default

  One transaction:
    binlogd tail --include-gtids 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 mysql-bin.000007

Times are UTC. Positions, times, GTIDs, servers and threads choose whole transactions: one belongs to
where and when it begins. A statement belongs to its default database. A store's timelines overlap;
each transaction is told once.

SQL needs the names of columns, which servers write with binlog_row_metadata=FULL, or else --schema,
which also tells generated columns. The other server's
tables must have no triggers: what they did is in the binlog. With --gtids they must be able to roll
back, as InnoDB's can: elsewhere each row is a transaction.

Exit codes: 0 all was written, 1 an event is damaged or it failed, 2 wrong usage.";

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let (mut source, start) = from::open(&args.sources, &args.from)?;
    let mut filter = Filter::new(args.filter)?;
    if let Some(offset) = start {
        filter.start_at(offset);
    }
    let mut decoder = args.schema.decoder()?;
    source.pass_over(filter.unwanted());
    let format: Box<dyn Format> = match args.format {
        Form::Text => Box::new(TextFormat::new(io::stdout().is_terminal())),
        Form::Json => Box::new(JsonFormat::new()),
        Form::Sql => {
            let is_generated = args.schema.into_generated();
            Box::new(SqlFormat::new(SqlOptions { gtids: args.gtids, is_generated }))
        }
        Form::Debezium => Box::new(DebeziumFormat::new(debezium_options(&args.options)?)),
    };
    if args.format != Form::Debezium && !args.options.is_empty() {
        bail!("--option is for --format debezium");
    }
    let keeps_empty = args.format != Form::Sql || args.gtids;
    let mut printer = Printer::new(format, filter, keeps_empty);
    print(|output| {
        decode(&mut source, &mut decoder, &mut printer, &mut |more, now| {
            output.buffer.append(more);
            // Whoever follows wants to see what there is.
            if now { output.flush() } else { output.flush_full() }
        })
    })
}

/// Gives what the printer makes of a source to `put`, and with it whether to put it out at once.
pub(crate) fn decode(
    source: &mut Source,
    decoder: &mut Decoder,
    printer: &mut Printer<'_>,
    put: &mut dyn FnMut(&mut Vec<u8>, bool) -> Result<()>,
) -> Result<()> {
    let mut buffer = Vec::new();
    loop {
        match source.advance()? {
            Next::Event => {}
            Next::End => break,
            Next::Wait => {
                put(&mut buffer, true)?;
                source.wait()?;
                continue;
            }
        }
        let (is_first, is_last) = source.is_first_and_last();
        let Some(raw) = source.event() else { break };
        let at = At { file: raw.file, offset: raw.offset, end: raw.end(), header: raw.header };
        printer.enter(is_first, is_last, source.timeline());
        if printer.is_done(&at) {
            break;
        }
        let is_repeated = source.is_repeated();
        let seen = decoder.walk(raw.offset, raw.bytes, |event| {
            if is_repeated {
                return Ok(());
            }
            let at = At { header: event.header, ..at };
            printer.see(&at, event, &mut buffer)
        });
        put(&mut buffer, false)?;
        seen.map_err(|error| match error.downcast::<DecodeError>() {
            Ok(error) => anyhow!("{}: {error}", raw.file),
            Err(error) => error,
        })?;
    }
    printer.finish(&mut buffer);
    put(&mut buffer, false)
}

fn debezium_options(settings: &[String]) -> Result<DebeziumOptions> {
    let mut options = DebeziumOptions::default();
    for setting in settings {
        let Some((name, value)) = setting.split_once('=') else {
            bail!("--option wants NAME=VALUE, not '{setting}'");
        };
        options.set(name, value).map_err(|error| anyhow!("--option: {error}"))?;
    }
    Ok(options)
}
