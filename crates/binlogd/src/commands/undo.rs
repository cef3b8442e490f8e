//! `binlogd undo`: SQL that takes changes of rows back.
//!
//! How a change is reversed is in `binlogd_decode::format`; what is read last is printed first, so
//! all of it waits in [`Spill`].

use std::process::ExitCode;

use anyhow::Result;
use binlogd_decode::format::{UndoFormat, UndoOptions};

use super::tail::Printer;
use super::tail::filter::{Filter, FilterArgs};
use super::tail::left_out::UnknownTables;
use super::tail::schema::{GeneratedArgs, SchemaArgs};
use crate::logging::print_note;
use crate::output::print;
use crate::sink::drain;
use crate::sources::SourceArgs;
use crate::spill::Spill;

/// Write SQL that takes changes of rows back, the last one first.
#[derive(Debug, clap::Args)]
#[command(after_long_help = crate::help::lay_out(EXAMPLES))]
pub(crate) struct Args {
    #[command(flatten)]
    source: SourceArgs,

    /// Let the server see that each statement finds its row, with all values as the change left them. If
    /// one does not, the client mysql ends with an error that names the table, and the transaction is
    /// rolled back
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    schema: SchemaArgs,

    #[command(flatten)]
    generated: GeneratedArgs,

    #[command(flatten)]
    filter: FilterArgs,
}

const EXAMPLES: &str = "\
Examples:
  Look at what would take one transaction back, then do it:
    binlogd undo --include-gtids 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 mysql-bin.000007
    binlogd undo --include-gtids 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 mysql-bin.000007 | mysql --binary-mode

  What a session did to a table since noon:
    binlogd undo --table shop.orders --kind insert,update,delete --thread-id 4711 --start-time '2026-01-31 12:00' \\
        /var/lib/mysql

  Of a server, one of its files:
    binlogd undo --table shop.orders --password-file pw mysql://repl@127.0.0.1:3306/mysql-bin.000007

  Only if all rows are as it left them:
    binlogd undo --check --include-gtids 3e11fa47-71ca-11e1-9e33-c80aa9429562:23 mysql-bin.000007 | mysql --binary-mode

Transactions come in reverse order, and each is one transaction again. The tables must be as the chosen
changes left them: what came later is to be undone as well, or not to have touched the same rows. A row
that is gone since, or has other values, is passed over or changed back in silence, unless --check is
given: then mysql (without --force) ends at the first such row, and its transaction is rolled back where
the tables can. Transactions before it in the output are undone.
Whatever cannot be undone is an error that names it, and nothing is printed then: changes of tables
themselves, statements in statement format, rows without all columns (binlog_row_image other than
FULL), XA. A table whose columns are not known is an error, too, unless its changes may be left out
(--allow-unknown-tables); a comment stands in their place then. What foreign keys did to other tables is undone only if the server logged it, as MySQL
9.7 does; counters of AUTO_INCREMENT stay as they are. MariaDB's sequences and system-versioned
tables cannot be changed back.

SQL needs the names of columns, which servers write with binlog_row_metadata=FULL, or else --schema,
which also has the generated columns. Rows of tables without a known primary key are found by all their
values. The other server's tables must have no triggers.

What is more than 64 MiB waits in a file in TMPDIR that has no name. Times are shown in UTC. A time that is given without an offset is one of --timezone, or UTC. Positions, times,
GTIDs, servers and threads choose whole transactions: one belongs to where and when it begins.

Exit codes: 0 all was written, 1 something cannot be undone, an event is damaged or it failed, 2 wrong
usage.";

/// How much waits in memory, in bytes.
const MEMORY_MAX: usize = 64 << 20;

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let filter = Filter::new(args.filter)?;
    let mut source = args.source.open()?;
    source.pass_over(filter.unwanted());
    let (mut decoder, followed) = args.schema.decoder(&args.source.server, false)?;
    let is_given = args.schema.is_given();
    let options = UndoOptions { is_generated: args.generated.test(), check: args.check };
    let mut format = UndoFormat::new(options);
    let printer = Printer::new(Box::new(&mut format), filter, false);
    let printer = printer.following(is_given.then_some(followed), true);
    let mut printer =
        printer.with_unknown_tables(args.schema.unknown_tables(UnknownTables::Refuse));
    let code = print(|output| {
        let mut spill = Spill::new(MEMORY_MAX);
        drain(&mut source, &mut decoder, &mut printer, &mut |more, _| {
            spill.append(more)?;
            more.clear();
            Ok(())
        })?;
        spill.reverse(|piece| {
            output.buffer.extend_from_slice(piece);
            output.flush_full()
        })
    })?;
    let has_noted = printer.has_noted();
    drop(printer);
    if !format.has_changes() && !has_noted {
        print_note("no change of rows was chosen, so there is nothing to undo");
    }
    Ok(code)
}
