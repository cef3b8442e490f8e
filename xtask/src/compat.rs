//! `cargo xtask compat`: whether real clients get from binlogd what they get from the primary.
//!
//! The clients are in `compat/client.rs`; each streams the primary's binlog from its start, then
//! binlogd's, and says a line an event, with all that it holds. The last statement of a workload ends it: what a
//! server writes by itself behind that, and when, is none of its business. `compat/verdict.rs` compares.
//! `compat/drivers.rs` compares what is answered to statements.

mod client;
mod debezium;
mod drivers;
mod verdict;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use testkit::workload::{self, Scenario};
use testkit::{Daemon, Flavour, Server};

use crate::{product, repo};
use client::Client;
use verdict::{Ids, Verdict, judge};

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
    /// Keep what Debezium's connector writes, with the binlog, for the test that needs no Java
    #[arg(long)]
    record: bool,
}

/// Runs all cells and prints the table; `false` if a client was served otherwise than by the primary.
pub(crate) fn run(args: &CompatArgs) -> Result<bool> {
    let binlogd = product::debug_binlogd()?;
    let cache = testkit::testbed::cache_dir()?.join("compat");
    let sources = repo::root()?.join("xtask/compat");
    let wanted = |client: &Client| args.client.as_ref().is_none_or(|n| client.name.contains(n));
    let mut is_same = true;
    if wanted(&client::DEBEZIUM) {
        eprintln!("{}: fetching …", client::DEBEZIUM.name);
        is_same = match client::DEBEZIUM.fetch(&sources, &cache) {
            Ok(()) => debezium::run(&cache, &binlogd, args.record)?,
            Err(error) => {
                println!("\n{}: not tried: {error:#}", client::DEBEZIUM.name);
                !args.all && args.client.is_none()
            }
        };
    }
    is_same &= drivers::run_all(args.client.as_deref(), &cache, &sources, &binlogd, args.all)?;
    let mut clients = Vec::new();
    for client in client::ALL.iter().filter(|client| wanted(client)) {
        eprintln!("{}: fetching …", client.name);
        clients.push((client, client.fetch(&sources, &cache)));
    }
    if clients.is_empty() {
        return Ok(is_same);
    }
    let flavours =
        if args.primary.is_empty() { Flavour::ALL.to_vec() } else { args.primary.clone() };
    let mut tables: [Table; WORKLOADS.len()] = Default::default();
    for &flavour in &flavours {
        let pair = Pair::start(flavour, &binlogd)?;
        for (workload, table) in WORKLOADS.iter().zip(&mut tables) {
            pair.write(workload)?;
            table.push(pair.compare_all(&clients, &cache, workload)?);
        }
    }
    for (workload, table) in WORKLOADS.iter().zip(&tables) {
        print(workload, &flavours, &clients, table);
    }
    let has_failed = |verdict: &Verdict| match verdict {
        Verdict::Fails(_) => true,
        Verdict::Missing(_) => args.all,
        _ => false,
    };
    Ok(is_same && !tables.iter().flatten().flatten().any(has_failed))
}

/// Of each primary, of each client.
type Table = Vec<Vec<Verdict>>;

fn print<T>(workload: &Workload, flavours: &[Flavour], clients: &[(&Client, T)], table: &Table) {
    let heads: Vec<String> = flavours.iter().map(ToString::to_string).collect();
    println!("\n{}:\n\n| client | {} |", workload.name, heads.join(" | "));
    println!("|-|{}", "-|".repeat(heads.len()));
    for (row, (client, _)) in clients.iter().enumerate() {
        let cells = table.iter().filter_map(|column| column.get(row));
        let cells: Vec<String> = cells.map(ToString::to_string).collect();
        println!("| {} | {} |", client.name, cells.join(" | "));
    }
}

/// What a primary writes.
struct Workload {
    name: &'static str,
    scenarios: &'static [Scenario],
    /// What is run behind them.
    more: Option<&'static str>,
    /// What its last statement holds, and none before.
    end: &'static str,
}

/// One follows the other, in the same binlog.
const WORKLOADS: [Workload; 2] = [
    Workload {
        name: "plain",
        scenarios: &[workload::PLAIN],
        more: None,
        end: "create table the_end ",
    },
    Workload {
        name: "more",
        scenarios: &[
            workload::TRANSACTIONS,
            workload::ROW_IMAGES,
            workload::DDL,
            workload::COMPRESSION,
            workload::STATEMENTS,
            workload::GTIDS,
            workload::CHECKSUMS,
        ],
        more: Some("create table plain.the_very_end (id int); flush binary logs"),
        end: "create table plain.the_very_end ",
    },
];

/// A primary, and binlogd behind it.
struct Pair {
    primary: Server,
    daemon: Daemon,
    ids: Ids,
}

impl Pair {
    fn start(flavour: Flavour, binlogd: &Path) -> Result<Self> {
        let primary = Server::start_new(flavour)?;
        let account = primary.endpoint();
        let daemon = Daemon::new(binlogd, &account)?
            .arg(format!("--user={}:{}", account.user, account.password))
            .started()?;
        daemon.wait_for_all_of(&primary, PATIENCE)?;
        let own = daemon.sql(primary.prefix(), "select @@server_id").context("ask binlogd")?;
        let ids = Ids { primary: primary.variable("server_id")?, own };
        Ok(Self { primary, daemon, ids })
    }

    fn write(&self, workload: &Workload) -> Result<()> {
        for scenario in workload.scenarios {
            scenario.run(&self.primary)?;
        }
        if let Some(sql) = workload.more {
            self.primary.sql(sql)?;
        }
        self.daemon.wait_for_all_of(&self.primary, PATIENCE)
    }

    fn compare_all(
        &self,
        clients: &[(&Client, Result<()>)],
        cache: &Path,
        workload: &Workload,
    ) -> Result<Vec<Verdict>> {
        let verdict = |(client, fetched): &(&Client, Result<()>)| {
            let verdict = match fetched {
                Err(error) => Verdict::Missing(format!("{error:#}")),
                Ok(()) => self.compare(client, cache, workload.end)?,
            };
            let (flavour, workload) = (self.primary.flavour(), workload.name);
            eprintln!("{flavour}: {workload}: {}: {verdict}", client.name);
            Ok(verdict)
        };
        clients.iter().map(verdict).collect()
    }

    fn compare(&self, client: &Client, cache: &Path, end: &str) -> Result<Verdict> {
        let theirs = client.stream(cache, &self.primary, &self.primary.endpoint(), end)?;
        let ours = client.stream(cache, &self.primary, &self.daemon.endpoint(), end)?;
        Ok(judge(&theirs, &ours, &self.ids))
    }
}
