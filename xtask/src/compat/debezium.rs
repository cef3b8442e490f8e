//! `cargo xtask compat --client debezium`: Debezium's own connector reads a server's binlog, then binlogd's copy of
//! it, and `binlogd tail --format debezium` the same file. What is written must be the same, record by record.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use testkit::debezium::{END, SETTINGS, differences};
use testkit::{Daemon, Endpoint, Flavour, Server, workload};

use super::client::{DEBEZIUM, FIRST_FILE, last_line};
use crate::repo;

/// Where the connector's records are kept, with the binlog that they are of: a test without Java compares
/// with them.
const RECORDED: &str = "crates/binlogd/tests/data/debezium";

/// Runs both; keeps what the connector wrote if that is wanted. Says whether all records are the same.
pub(super) fn run(cache: &Path, binlogd: &Path, record: bool) -> Result<bool> {
    let server = Server::start_new(Flavour::Mysql97)?;
    workload::DEBEZIUM.run(&server)?;
    let file = server.binlog_files()?.into_iter().next().context("no binlog")?;
    let theirs = connector(cache, &server.endpoint())?;
    if record {
        keep(&file, &theirs)?;
    }
    let ours = tail(binlogd, &file)?;
    let theirs = lines_up_to_end(&theirs)?;
    let mut is_same = judge("tail", &theirs, &lines_up_to_end(&ours)?)?;
    let daemon = behind(&server, binlogd)?;
    let of_copy = connector(cache, &daemon.endpoint())?;
    is_same &= judge("the connector at binlogd", &theirs, &lines_up_to_end(&of_copy)?)?;
    Ok(is_same)
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
fn judge(whose: &str, theirs: &[&str], others: &[&str]) -> Result<bool> {
    let found = differences(theirs, others)?;
    match found.is_empty() {
        true => println!("{}, {whose}: the same {} records", DEBEZIUM.name, theirs.len()),
        false => println!("{}, {whose}: **FAIL**:\n{}", DEBEZIUM.name, found.join("\n")),
    }
    Ok(found.is_empty())
}

/// What the connector sends of the server's binlog.
fn connector(cache: &Path, from: &Endpoint) -> Result<String> {
    let Endpoint { host, port, user, password, .. } = from;
    let mut command = DEBEZIUM.command(cache)?;
    command.args([host, &port.to_string(), user, password, END]).args(SETTINGS);
    output(command)
}

/// What `binlogd tail` writes of the file.
fn tail(binlogd: &Path, file: &Path) -> Result<String> {
    let mut command = Command::new(binlogd);
    command.args(["tail", "--format", "debezium", "--option", "keys=true"]);
    for setting in SETTINGS {
        command.args(["--option", setting]);
    }
    command.arg(file);
    output(command)
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
