//! Development tasks, run as `cargo xtask TASK`: one file per task.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "tasks report to a terminal")]

mod bench;
mod chaos;
mod compat;
mod demo;
mod product;
mod repo;
mod test;
mod testbed;
mod tidy;
mod units;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Development tasks of binlogd.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that must hold before a change goes in: format, lints, style, all tests.
    Test(test::TestArgs),
    /// A primary, binlogd and a replica at work, to watch: what binlogd does, shown and checked.
    Demo(demo::DemoArgs),
    /// How fast binlogd is beside its peers.
    #[command(subcommand)]
    Bench(bench::BenchTask),
    /// Kills and failures at random: what binlogd promises, put to the test.
    #[command(subcommand)]
    Chaos(chaos::ChaosTask),
    /// Whether real clients get from binlogd what they get from primaries: a table.
    Compat(compat::CompatArgs),
    /// Real servers for tests: fetch them, list them, run one.
    #[command(subcommand)]
    Testbed(testbed::TestbedTask),
    /// The style rules that neither the compiler nor clippy knows.
    Tidy,
}

fn main() -> ExitCode {
    let outcome = match Args::parse().task {
        Task::Test(args) => test::run(&args),
        Task::Demo(args) => demo::run(&args),
        Task::Bench(task) => bench::run(task),
        Task::Chaos(task) => chaos::run(task),
        Task::Compat(args) => compat::run(&args),
        Task::Testbed(task) => testbed::run(task),
        Task::Tidy => tidy(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn tidy() -> Result<bool> {
    let complaints = tidy::complaints(&repo::root()?)?;
    for complaint in &complaints {
        println!("{complaint}");
    }
    println!("tidy: {}", if complaints.is_empty() { "passed" } else { "FAILED" });
    Ok(complaints.is_empty())
}
