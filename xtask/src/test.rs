//! `cargo xtask test`: all checks, in the order in which they fail fastest.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use testkit::testbed::PREFIX_VARIABLE;
use testkit::{Flavour, testbed};

use crate::{repo, tidy};

/// What of `cargo xtask test` to do.
#[derive(Args)]
pub(crate) struct TestArgs {
    /// Without the tests in `tests/` folders, which run real servers
    #[arg(long)]
    quick: bool,
    /// Fail where MySQL 5.6 or MariaDB 11.4 cannot be fetched for want of npm or mvn, instead of leaving
    /// their tests out
    #[arg(long, conflicts_with = "quick")]
    all_servers: bool,
    /// Use the servers in DIR/FLAVOUR instead of fetched ones
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// Only tests whose names contain one of these, and no other check
    filter: Vec<String>,
}

/// Runs the checks and prints the verdict, which it returns.
///
/// # Errors
/// If a check cannot be run at all.
pub(crate) fn run(args: &TestArgs) -> Result<bool> {
    let mut run = Run { args, started: Instant::now(), steps: 0, failed: Vec::new() };
    let left_out = if args.quick { Vec::new() } else { run.servers()? };
    if args.filter.is_empty() {
        run.cargo("format", &["fmt", "--all", "--check"])?;
        run.tidy()?;
        run.cargo(
            "clippy",
            &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
        )?;
    }
    let mut tests = vec!["test", "--workspace", "--no-fail-fast"];
    if args.quick {
        tests.extend(["--lib", "--bins"]);
    }
    tests.push("--");
    tests.extend(args.filter.iter().map(String::as_str));
    for needs in &left_out {
        tests.extend(["--skip", needs.module]);
    }
    run.cargo("tests", &tests)?;
    Ok(run.verdict(&left_out))
}

/// Where a run of checks stands.
struct Run<'a> {
    args: &'a TestArgs,
    started: Instant,
    steps: usize,
    failed: Vec<&'static str>,
}

impl Run<'_> {
    /// Has the servers ready before the tests want them. Returns which are left out, if any may.
    fn servers(&mut self) -> Result<Vec<&'static Needs>> {
        println!("==> servers");
        if let Some(dir) = &self.args.prefix {
            testbed::prefer(dir.clone());
        }
        let mut left_out = Vec::new();
        for flavour in Flavour::ALL {
            let needs = NEEDS.iter().find(|needs| needs.flavour == flavour);
            if let Some(needs) = needs
                && !self.args.all_servers
                && !needs.is_met()?
            {
                println!("{flavour}: left out, there is no {} to fetch it with", needs.program);
                left_out.push(needs);
                continue;
            }
            let prefix = testbed::ensure(flavour)?;
            println!("{flavour}: {}", prefix.version());
        }
        Ok(left_out)
    }

    fn tidy(&mut self) -> Result<()> {
        println!("==> tidy");
        let complaints = tidy::complaints(&repo::root()?)?;
        for complaint in &complaints {
            println!("{complaint}");
        }
        self.note("tidy", complaints.is_empty());
        Ok(())
    }

    fn cargo(&mut self, step: &'static str, args: &[&str]) -> Result<()> {
        println!("==> cargo {}", args.join(" "));
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(args).current_dir(repo::root()?);
        if let Some(dir) = &self.args.prefix {
            command.env(PREFIX_VARIABLE, dir);
        }
        let status = command.status().context("run cargo")?;
        self.note(step, status.success());
        Ok(())
    }

    fn note(&mut self, step: &'static str, passed: bool) {
        self.steps += 1;
        if !passed {
            println!("==> {step} FAILED");
            self.failed.push(step);
        }
    }

    fn verdict(&self, left_out: &[&Needs]) -> bool {
        println!("==> {}", verdict(self.steps, &self.failed, left_out, self.started.elapsed()));
        self.failed.is_empty()
    }
}

/// A server that does not come from Debian.
struct Needs {
    flavour: Flavour,
    /// The program that fetches it.
    program: &'static str,
    /// What its tests have in their names.
    module: &'static str,
}

const NEEDS: [Needs; 2] = [
    Needs { flavour: Flavour::Mysql56, program: "npm", module: "on_mysql_5_6::" },
    Needs { flavour: Flavour::Mariadb114, program: "mvn", module: "on_mariadb_11_4::" },
];

impl Needs {
    /// The server is here, or could be fetched.
    fn is_met(&self) -> Result<bool> {
        let found = Command::new(self.program).arg("--version").output();
        Ok(found.is_ok_and(|o| o.status.success()) || testbed::find(self.flavour)?.is_some())
    }
}

fn verdict(steps: usize, failed: &[&str], left_out: &[&Needs], elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let names: Vec<&str> = left_out.iter().map(|needs| needs.flavour.name()).collect();
    let without =
        if names.is_empty() { String::new() } else { format!(", without {}", names.join(", ")) };
    if failed.is_empty() {
        format!("PASSED: {steps} checks in {seconds} s{without}")
    } else {
        format!("FAILED: {} ({steps} checks in {seconds} s{without})", failed.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_names_what_failed_and_what_was_left_out() {
        let time = Duration::from_secs(90);
        assert_eq!(verdict(4, &[], &[], time), "PASSED: 4 checks in 90 s");
        assert_eq!(
            verdict(4, &["tidy", "tests"], &[&NEEDS[0], &NEEDS[1]], time),
            "FAILED: tidy, tests (4 checks in 90 s, without mysql-5.6, mariadb-11.4)"
        );
    }
}
