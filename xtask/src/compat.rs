//! `cargo xtask compat`: whether real clients get from binlogd what they get from the primary.
//!
//! The clients are in `compat/client.rs`; each streams the primary's binlog from its start, then
//! binlogd's, and says one line an event.

mod client;
mod mysql_async;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use testkit::{Daemon, Flavour, Server, workload};

use crate::{product, repo};
use client::{Client, Said};

/// How long binlogd may take to have all of a primary.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which cells of the table.
#[derive(Args)]
pub(crate) struct CompatArgs {
    /// Only clients with this in their name
    #[arg(long)]
    client: Option<String>,
    /// Only primaries of these flavours
    #[arg(long)]
    primary: Vec<Flavour>,
    /// Fail also where a client's tools are missing
    #[arg(long)]
    all: bool,
}

/// What came of a client with a primary.
enum Verdict {
    Same {
        events: usize,
    },
    /// It fails with the primary, and with binlogd in the same way.
    FailsAsOnPrimary(String),
    /// It fails with the primary alone.
    OnlyHere(String),
    Fails(String),
    /// It could not be had.
    Missing(String),
}

/// Runs all cells and prints the table; `false` if a client was served otherwise than by the primary.
pub(crate) fn run(args: &CompatArgs) -> Result<bool> {
    let binlogd = product::debug_binlogd()?;
    let cache = testkit::testbed::cache_dir()?.join("compat");
    let sources = repo::root()?.join("xtask/compat");
    let wanted = |client: &Client| args.client.as_ref().is_none_or(|n| client.name.contains(n));
    let mut clients = Vec::new();
    for client in client::ALL.iter().filter(|client| wanted(client)) {
        eprintln!("{}: fetching …", client.name);
        clients.push((client, client.fetch(&sources, &cache)));
    }
    let flavours =
        if args.primary.is_empty() { Flavour::ALL.to_vec() } else { args.primary.clone() };
    let mut rows: Vec<Vec<Verdict>> = clients.iter().map(|_| Vec::new()).collect();
    for &flavour in &flavours {
        let (primary, daemon) = mirrored(flavour, &binlogd)?;
        for ((client, fetched), row) in clients.iter().zip(&mut rows) {
            let verdict = match fetched {
                Err(error) => Verdict::Missing(format!("{error:#}")),
                Ok(()) => compare(client, &cache, &primary, &daemon)?,
            };
            eprintln!("{flavour}: {}: {verdict}", client.name);
            row.push(verdict);
        }
    }
    let heads: Vec<String> = flavours.iter().map(ToString::to_string).collect();
    println!("| client | {} |", heads.join(" | "));
    println!("|-|{}", "-|".repeat(heads.len()));
    for ((client, _), row) in clients.iter().zip(&rows) {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        println!("| {} | {} |", client.name, cells.join(" | "));
    }
    Ok(!rows.iter().flatten().any(|verdict| match verdict {
        Verdict::Fails(_) => true,
        Verdict::Missing(_) => args.all,
        _ => false,
    }))
}

/// A primary that has written something of most kinds, and binlogd, which has all of it.
fn mirrored(flavour: Flavour, binlogd: &Path) -> Result<(Server, Daemon)> {
    let primary = Server::start_new(flavour)?;
    let scenarios =
        [workload::TRANSACTIONS, workload::ROW_IMAGES, workload::DDL, workload::COMPRESSION];
    for scenario in scenarios {
        scenario.run(&primary)?;
    }
    let account = primary.endpoint();
    let daemon = Daemon::new(binlogd, &account)?
        .arg(format!("--user={}:{}", account.user, account.password))
        .started()?;
    daemon.wait_for_all_of(&primary, PATIENCE)?;
    Ok((primary, daemon))
}

fn compare(client: &Client, cache: &Path, primary: &Server, daemon: &Daemon) -> Result<Verdict> {
    let (theirs, ours) = loop {
        let end = primary.binlog_end()?;
        let theirs = client.stream(cache, primary, &primary.endpoint())?;
        let ours = client.stream(cache, primary, &daemon.endpoint())?;
        // A MariaDB notes a checkpoint when it likes, once a file.
        if primary.binlog_end()? == end {
            break (theirs, ours);
        }
        daemon.wait_for_all_of(primary, PATIENCE)?;
    };
    let own_id = daemon.sql(primary.prefix(), "select @@server_id").context("ask binlogd")?;
    Ok(judge(theirs, ours, &primary.variable("server_id")?, &own_id))
}

fn judge(theirs: Said, ours: Said, primary_id: &str, own_id: &str) -> Verdict {
    if let (None, Some(error), false) = (&ours.error, &theirs.error, ours.lines.is_empty()) {
        return Verdict::OnlyHere(error.clone());
    }
    // Events made for the reader have the server id of the server that makes them.
    let ours_lines: Vec<String> =
        ours.lines.iter().map(|line| line.replace(own_id, primary_id)).collect();
    if let Some((a, b)) = ours_lines.iter().zip(&theirs.lines).find(|(a, b)| a != b) {
        return Verdict::Fails(format!("{a:?}, the primary {b:?}"));
    }
    let counts = (ours_lines.len(), theirs.lines.len());
    match (ours.error, theirs.error) {
        (error, _) if counts.0 != counts.1 => {
            let error = error.unwrap_or_default();
            Verdict::Fails(format!("{} lines, the primary {}: {error}", counts.0, counts.1))
        }
        (None, None) if counts.0 == 0 => Verdict::Fails("nothing came".to_owned()),
        (None, None) => Verdict::Same { events: counts.0 },
        (Some(_), Some(error)) => Verdict::FailsAsOnPrimary(error),
        (Some(error), None) => Verdict::Fails(error),
        (None, Some(error)) => Verdict::FailsAsOnPrimary(error),
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same { events } => write!(f, "ok ({events})"),
            Self::FailsAsOnPrimary(error) => write!(f, "fails as on the primary: {error}"),
            Self::OnlyHere(error) => write!(f, "ok, fails on the primary: {error}"),
            Self::Fails(why) => write!(f, "**FAIL**: {why}"),
            Self::Missing(why) => write!(f, "not tried: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[&str], error: Option<&str>) -> Said {
        let lines = lines.iter().map(|&line| line.to_owned()).collect();
        Said { lines, error: error.map(str::to_owned) }
    }

    #[test]
    fn only_what_is_the_same_is_ok() {
        let verdict = |a: Said, b: Said| judge(a, b, "11", "22").to_string();
        assert_eq!(verdict(said(&["x 11"], None), said(&["x 22"], None)), "ok (1)");
        assert!(verdict(said(&[], None), said(&[], None)).contains("nothing came"));
        assert!(verdict(said(&["x", "y"], None), said(&["x"], None)).contains("FAIL"));
        assert!(verdict(said(&["x"], None), said(&["y"], None)).contains("FAIL"));
        assert!(verdict(said(&["x"], None), said(&["x"], Some("e"))).contains("FAIL"));
        assert!(verdict(said(&[], Some("e")), said(&["x"], None)).contains("ok, fails on"));
        let both = verdict(said(&["x"], Some("e")), said(&["x"], Some("e")));
        assert_eq!(both, "fails as on the primary: e");
    }
}
