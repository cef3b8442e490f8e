//! `binlogd`: a binlog server for MySQL and MariaDB.

mod commands;
mod help;
mod logging;
mod misuse;
mod output;
mod progress;
mod sink;
mod sources;
mod spill;
mod time;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A binlog server for MySQL and MariaDB: a semi-synchronous replica that acknowledges only what is
/// safely on disk, and a source for replicas, mysqlbinlog and change data capture.
#[derive(Debug, Parser)]
#[command(name = "binlogd", version, propagate_version = true, term_width = help::width())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<commands::serve::Args>),
    Ls(commands::ls::Args),
    Events(Box<commands::events::Args>),
    Tail(Box<commands::tail::Args>),
    Find(commands::find::Args),
    Stats(Box<commands::stats::Args>),
    Undo(Box<commands::undo::Args>),
    Verify(commands::verify::Args),
    HashPassword(commands::hash_password::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Serve(args) => commands::serve::run(*args).map(|()| ExitCode::SUCCESS),
        Command::Ls(args) => commands::ls::run(&args),
        Command::Events(args) => commands::events::run(*args),
        Command::Find(args) => commands::find::run(&args),
        Command::Tail(args) => commands::tail::run(*args),
        Command::Stats(args) => commands::stats::run(*args),
        Command::Undo(args) => commands::undo::run(*args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::HashPassword(args) => {
            commands::hash_password::run(&args).map(|()| ExitCode::SUCCESS)
        }
    };
    let code = match outcome {
        Ok(code) => code,
        Err(error) => {
            logging::print_error(&error);
            match misuse::is_misuse(&error) {
                true => ExitCode::from(misuse::EXIT_CODE),
                false => ExitCode::FAILURE,
            }
        }
    };
    logging::flush();
    code
}
