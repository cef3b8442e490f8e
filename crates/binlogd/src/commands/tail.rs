//! `binlogd tail`: decode binlogs: what was changed, by which transaction.
//!
//! What is written of a change is in `binlogd_decode::format`; which changes, in [`filter`].

pub(crate) mod chooser;
pub(crate) mod filter;
mod from;
pub(crate) mod left_out;
mod loads;
mod printer;
mod raw;
pub(crate) mod schema;
mod told;
pub(crate) mod unmatched;
mod waiting;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use binlogd_decode::Decoder;
use binlogd_decode::format::{
    CanalFormat, CanalOptions, DebeziumFormat, DebeziumOptions, Format, JsonFormat, MaxwellFormat,
    MaxwellOptions, SqlFormat, SqlOptions, TextFormat,
};
use clap::{ValueEnum, ValueHint};

use crate::misuse::misuse;
use crate::output::print;
use crate::sink::{Sink, drain};
use crate::sources::{Source, SourceArgs};
use filter::{Filter, FilterArgs};
use from::FromArgs;
use left_out::UnknownTables;
use loads::Loads;
pub(crate) use printer::Printer;
use raw::RawSink;
use schema::{GeneratedArgs, SchemaArgs};
use waiting::Waiting;

/// Decode binlogs: rows, statements and transactions as text, JSON or SQL.
#[derive(Debug, clap::Args)]
#[command(after_long_help = crate::help::lay_out(EXAMPLES))]
pub(crate) struct Args {
    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    from: FromArgs,

    /// What to write: a line for people, a JSON object a line, SQL for the client mysql, the
    /// envelopes of Debezium's connector, what Maxwell's daemon writes, Canal's flat messages, or a
    /// binlog of the chosen transactions as they are
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,

    /// With debezium, maxwell or canal: a setting of its own, such as decimal.handling.mode=string or
    /// output_ddl=true. May be given several times
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = setting)]
    options: Vec<(String, String)>,

    /// With SQL: keep the transactions' GTIDs
    #[arg(long)]
    gtids: bool,

    /// With SQL and JSON: write the files of LOAD DATA in statement format to this folder. The client mysql sends
    /// them from there to its server (--local-infile=1). Without it such a statement is an error in SQL
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    local_load: Option<PathBuf>,

    #[command(flatten)]
    schema: SchemaArgs,

    #[command(flatten)]
    generated: GeneratedArgs,

    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Json,
    Sql,
    Debezium,
    Maxwell,
    Canal,
    Raw,
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

  The same with topics, keys and tombstones:
    binlogd tail --format debezium --option keys=true --option topic.prefix=shop mysql-bin.000007

  For what reads Maxwell's or Canal's (docs/tail-maxwell.md, docs/tail-canal.md):
    binlogd tail --format maxwell --option output_ddl=true --follow mysql://repl@127.0.0.1:3306
    binlogd tail --format canal --follow mysql://repl@127.0.0.1:3306

  Replay up to a moment (point-in-time recovery):
    binlogd tail --format sql --stop-time '2026-01-31 12:34:56' mysql-bin.0000* | mysql --binary-mode

  For a server that writes no names of columns, and whose tables are what they were:
    binlogd tail --format sql --schema mysql://app@127.0.0.1 --password-file pw mysql-bin.000007

  What a server does from now on, also when it is restarted in between; what comes to a binlogd's store:
    binlogd tail --follow --from end --password-file pw mysql://repl@127.0.0.1:3306
    binlogd tail --follow /var/lib/binlogd/default

  One transaction; the same as a binlog of its own:
    binlogd tail --include-gtids 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 mysql-bin.000007
    binlogd tail --include-gtids 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 --format raw mysql-bin.000007 > one

  A copy of a server's file, byte for byte:
    binlogd tail --format raw --password-file pw mysql://repl@127.0.0.1/mysql-bin.000007 > mysql-bin.000007

Times are shown in UTC. A time that is given without an offset is one of --timezone, or UTC. Positions, times, GTIDs, servers and threads choose whole transactions: one belongs to
where and when it begins. A statement belongs to the tables that it names, and if it may change any to its default database. A store's timelines overlap;
each transaction is printed once. A file that is missing between two others is an error: --allow-gaps
continues without it. Files compressed by gzip or zstd are read as they are.

SQL, maxwell and canal need the names of columns, which servers write with binlog_row_metadata=FULL,
or else --schema, which also has the generated columns: a dump of the tables as they were where what is
chosen begins, or a server that has them so, or as they are when a binlog is followed; its account needs
SELECT on them. From there they follow what statements in the binlog do to them. A definition is taken
only if the number of columns and their types fit. A table whose definition is missing or lost ends sql.
maxwell and canal leave its changes out, report it on stderr at once and again at the end, and end with exit
code 1. So does debezium with keys=true. --allow-unknown-tables lets all of them go on without it and end with exit code 0; in SQL a comment stands
where changes are left out. For SQL the other server's tables must have no
triggers: what they did is in the binlog. With --gtids they must be able to roll back, as InnoDB's can:
elsewhere each row is a transaction. Tables with system versioning (MariaDB) are not for SQL, as no
statement sets the times in their history.

What a format has no record for is said on stderr: where a server lost changes (an incident event), in
debezium, maxwell and canal also statements that change rows, of which the first is named and all are
counted. Nothing is passed over in silence. In SQL it is an error.

LOAD DATA in statement format has its file in the binlog. With --local-load SQL has LOAD DATA LOCAL, and the files are
written to that folder under new names, from which the client mysql sends them: it needs --local-infile=1, and the
server local_infile=ON. Rows that exist already are left as they are then. JSON names the file of each statement. The
other formats have the statement, or count it as one that changes rows. If tail is ended early, as by a reader that takes no more, files of statements that were not
read stay in the folder.

Memory does not grow with a file or a transaction, but an event is read whole. Decompressed, an event may have 1 GiB, as
servers' own may, and all events of a compressed transaction 64 GiB; more is an error.

Raw is one binlog, which binlogd and mysqlbinlog read and which passes verify. Transactions that are not chosen
are left out, and so are the beginnings and ends of files in the middle. An event that has another place than in
its file gets the position of that place and a checksum that fits; all else is as it was. Files of different
server versions are written one by one.

Exit codes: 0 all was written, 1 changes of unknown tables were left out, an event is damaged or it failed, 2 wrong
usage.";

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    // What was asked for is judged before anything is opened.
    check(&args)?;
    let format = format(&args)?;
    let mut filter = Filter::new(args.filter)?;
    let loads = args.local_load.as_deref().map(Loads::new).transpose()?;
    let (mut source, start) = from::open(&args.source, &args.from)?;
    if let Some(offset) = start {
        filter.start_at(offset);
    }
    if args.from.is_end() {
        filter.start_at_end();
    }
    let asks = format.as_ref().is_some_and(|format| format.asks_for_tables());
    let (mut decoder, followed) = args.schema.decoder(&args.source.server, asks)?;
    source.pass_over(filter.unwanted());
    let Some(format) = format else {
        return tail(&mut source, &mut decoder, &mut RawSink::new(filter), None);
    };
    // Where no definitions are given the first such table is as unknown as all others.
    let unknown =
        args.schema.unknown_tables(match args.schema.is_given() && !format.is_replayed() {
            true => UnknownTables::Fail,
            false => UnknownTables::Refuse,
        });
    let keeps_empty = args.format != Form::Sql || args.gtids;
    let waiting = (args.format == Form::Maxwell).then(Waiting::new);
    let follows = args.schema.is_given() || format.tells_tables();
    let printer = Printer::new(format, filter, keeps_empty);
    let given = args.schema.is_given();
    let printer = printer.following(follows.then_some(followed), given).with_loads(loads);
    let mut printer = printer.with_unknown_tables(unknown);
    let code = tail(&mut source, &mut decoder, &mut printer, waiting)?;
    printer.must_be_whole()?;
    Ok(code)
}

/// What writes changes; nothing does where bytes are wanted.
fn format(args: &Args) -> Result<Option<Box<dyn Format>>> {
    Ok(Some(match args.format {
        Form::Text => Box::new(TextFormat::new(io::stdout().is_terminal())),
        Form::Json => Box::new(JsonFormat::new()),
        Form::Sql => {
            let is_generated = args.generated.test();
            Box::new(SqlFormat::new(SqlOptions { gtids: args.gtids, is_generated }))
        }
        Form::Debezium => {
            let mut options = DebeziumOptions::default();
            set_all(&args.options, |name, value| options.set(name, value))?;
            Box::new(DebeziumFormat::new(options))
        }
        Form::Maxwell => {
            let mut options = MaxwellOptions::default();
            set_all(&args.options, |name, value| options.set(name, value))?;
            Box::new(MaxwellFormat::new(options))
        }
        Form::Canal => {
            let mut options = CanalOptions::default();
            set_all(&args.options, |name, value| options.set(name, value))?;
            Box::new(CanalFormat::new(options))
        }
        Form::Raw => return Ok(None),
    }))
}

fn tail(
    source: &mut Source,
    decoder: &mut Decoder,
    sink: &mut dyn Sink,
    mut waiting: Option<Waiting>,
) -> Result<ExitCode> {
    print(|output| {
        drain(source, decoder, sink, &mut |more, now| {
            match &mut waiting {
                Some(waiting) => waiting.take(more, output)?,
                None => output.buffer.append(more),
            }
            // Whoever follows wants to see what there is.
            if now { output.flush() } else { output.flush_full() }
        })
    })
}

/// Sees that options go together.
fn check(args: &Args) -> Result<()> {
    let takes_options = matches!(args.format, Form::Debezium | Form::Maxwell | Form::Canal);
    let is_raw = args.format == Form::Raw;
    let wrong = if !takes_options && !args.options.is_empty() {
        "--option is for --format debezium, maxwell and canal"
    } else if args.gtids && args.format != Form::Sql {
        "--gtids is for --format sql: other formats tell GTIDs anyway, or have an --option for it"
    } else if args.local_load.is_some() && !matches!(args.format, Form::Sql | Form::Json) {
        "--local-load is for --format sql and json: other formats have the statement alone"
    } else if is_raw && args.schema.allows_unknown_tables() {
        "--allow-unknown-tables is for formats with the names of columns, which raw is not"
    } else if is_raw && args.filter.chooses_changes() {
        "--database, --table and --kind choose among the changes of a transaction, whose bytes belong \
         together: with --format raw choose whole transactions, by time, position, GTID, server or session"
    } else if is_raw && io::stdout().is_terminal() {
        "--format raw writes bytes, not text: send them to a file or a program"
    } else {
        return Ok(());
    };
    Err(misuse(anyhow!(wrong)))
}

fn setting(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Gives each setting's name and value to `set`.
fn set_all(
    options: &[(String, String)],
    mut set: impl FnMut(&str, &str) -> Result<(), String>,
) -> Result<()> {
    for (name, value) in options {
        set(name, value).map_err(|error| misuse(anyhow!("--option: {error}")))?;
    }
    Ok(())
}
