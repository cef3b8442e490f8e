//! `cargo xtask compat --client debezium`: Debezium's own connector reads a server's binlog, then binlogd's copy of
//! it, and `binlogd tail --format debezium` the same file. What is written must be the same, record by record.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use testkit::debezium::{END, OTHER_SETTINGS, SETTINGS, differences};
use testkit::{Daemon, Endpoint, Flavour, Server, workload};

use super::client::{DEBEZIUM, FIRST_FILE, last_line};
use crate::repo;

/// Where the connector's records are kept, with the binlog that they are of: a test without Java compares
/// with them.
const RECORDED: &str = "crates/binlogd/tests/data/debezium";

/// Runs both; keeps what the connector wrote if that is wanted. Says whether all records are the same.
pub(super) fn run(cache: &Path, binlogd: &Path, record: bool) -> Result<bool> {
    let both = Both { cache, binlogd, settings: &SETTINGS };
    let server = Server::start_new(Flavour::Mysql97)?;
    let (theirs, mut is_same) = both.compare(&server, "tail")?;
    if record {
        keep(&first_file(&server)?, &theirs)?;
    }
    let daemon = behind(&server, binlogd)?;
    let of_copy = both.connector(&daemon.endpoint())?;
    is_same &= judge("the connector at binlogd", &theirs, &of_copy)?;
    drop((daemon, server));

    let server = Server::builder(Flavour::Mysql97).without_gtid().start()?;
    let both = Both { settings: &OTHER_SETTINGS, ..both };
    let (_, is_so_too) = both.compare(&server, "tail without GTIDs, with other settings")?;
    Ok(is_same && is_so_too)
}

/// The connector and `tail`, with these settings.
struct Both<'a> {
    cache: &'a Path,
    binlogd: &'a Path,
    settings: &'a [&'a str],
}

impl Both<'_> {
    /// What the connector sends of all that a new server is given to write, and whether `tail` writes the same.
    fn compare(&self, server: &Server, whose: &str) -> Result<(String, bool)> {
        workload::DEBEZIUM.run(server)?;
        let theirs = self.connector(&server.endpoint())?;
        let ours = self.tail(&first_file(server)?)?;
        let is_same = judge(whose, &theirs, &ours)?;
        Ok((theirs, is_same))
    }

    fn connector(&self, from: &Endpoint) -> Result<String> {
        let Endpoint { host, port, user, password, .. } = from;
        let mut command = DEBEZIUM.command(self.cache)?;
        command.args([host, &port.to_string(), user, password, END]).args(self.settings);
        output(command)
    }

    fn tail(&self, file: &Path) -> Result<String> {
        let mut command = Command::new(self.binlogd);
        command.args(["tail", "--format", "debezium", "--option", "keys=true"]);
        for setting in self.settings {
            command.args(["--option", setting]);
        }
        command.arg(file);
        output(command)
    }
}

fn first_file(server: &Server) -> Result<PathBuf> {
    server.binlog_files()?.into_iter().next().context("no binlog")
}

/// A binlogd that has all of the server.
fn behind(server: &Server, binlogd: &Path) -> Result<Daemon> {
    let account = server.endpoint();
    let daemon = Daemon::new(binlogd, &account)?
        .arg(format!("--user={}:{}", account.user, account.password))
        .started()?;
    daemon.wait_for_all_of(server, super::PATIENCE)?;
    Ok(daemon)
}

/// Prints whether others' records are those of the connector at the server.
fn judge(whose: &str, theirs: &str, others: &str) -> Result<bool> {
    let (theirs, others) = (lines_up_to_end(theirs)?, lines_up_to_end(others)?);
    let found = differences(&theirs, &others)?;
    match found.is_empty() {
        true => println!("{}, {whose}: the same {} records", DEBEZIUM.name, theirs.len()),
        false => println!("{}, {whose}: **FAIL**:\n{}", DEBEZIUM.name, found.join("\n")),
    }
    Ok(found.is_empty())
}

fn output(mut command: Command) -> Result<String> {
    let out = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    if !out.status.success() {
        bail!("{command:?}: {}", last_line(&out.stderr));
    }
    String::from_utf8(out.stdout).context("no UTF-8")
}

/// The lines to the last record that counts.
fn lines_up_to_end(text: &str) -> Result<Vec<&str>> {
    let mut lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().position(|line| line.contains(END)).context("the end is missing")?;
    lines.truncate(end + 1);
    Ok(lines)
}

fn keep(file: &Path, records: &str) -> Result<()> {
    let dir = recorded()?;
    fs::create_dir_all(&dir)?;
    fs::copy(file, dir.join(FIRST_FILE))?;
    fs::write(dir.join("connector.jsonl"), records)?;
    eprintln!("{}: kept in {}", DEBEZIUM.name, dir.display());
    Ok(())
}

fn recorded() -> Result<PathBuf> {
    Ok(repo::root()?.join(RECORDED))
}
