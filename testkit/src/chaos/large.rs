//! A file of more than 4 GiB, whose positions no longer fit into an event's header.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Plan;
use crate::daemon::compare_files;
use crate::{Daemon, Flavour, Server, wait_until};

/// Bytes in each row.
const ROW: u64 = 700_000_000;
/// As many as make one statement, and so one group of events, exceed 4 GiB.
const ROWS: u32 = 7;
/// Beyond 4 GiB, within the last row.
const KILLED_AT: u64 = 4_400_000_000;
/// For copying such a file a few times.
const PATIENCE: Duration = Duration::from_secs(900);

/// Makes a primary write one file of more than 4 GiB, kills binlogd in the middle of it, compares the
/// copy, and lets a replica read it. Returns the file's length in bytes.
///
/// # Errors
/// If bytes differ, or something does not come about in time. It wants 20 GB of disk.
pub fn large_file(plan: &Plan, mut note: impl FnMut(&str)) -> Result<u64> {
    let primary = large_server(true)?;
    let mut daemon = Daemon::new(&plan.binary, &primary.endpoint())?.started()?;
    primary.wait_for_semi_sync(1, PATIENCE)?;
    primary.sql(
        "create database large; create table large.hole (a int, b longblob) engine = blackhole;
         create table large.mark (a int primary key); insert into large.mark values (1)",
    )?;
    let (file, _) = primary.binlog_end()?;
    let rows: Vec<String> = (1..=ROWS).map(|row| format!("select {row} as a")).collect();
    note("writing one statement of more than 4 GiB");
    let mut statement = primary.client();
    let statement = statement.arg("--execute").arg(format!(
        "insert into large.hole select a, repeat(char(64 + a), {ROW}) from ({}) rows_",
        rows.join(" union all ")
    ));
    let mut writing = statement.spawn().context("start a client")?;
    let copy = daemon.timeline_dir(&primary)?.join(&file);
    wait_until("the copy grows beyond 4 GiB", PATIENCE, || {
        Ok(fs::metadata(&copy).is_ok_and(|copy| copy.len() > KILLED_AT))
    })?;
    daemon.kill()?;
    let stored = fs::metadata(&copy)?.len();
    ensure!(stored < u64::from(ROWS) * ROW, "it was killed too late, at {stored} bytes");
    note(&format!("killed binlogd at {stored} bytes"));
    daemon.start()?;
    ensure!(writing.wait()?.success(), "the statement failed");
    primary.sql("insert into large.mark values (2)")?;
    primary.sql("flush binary logs")?;
    daemon.wait_for_all_of(&primary, PATIENCE)?;
    compare_files(&primary, &daemon.timeline_dir(&primary)?)?;
    let len = fs::metadata(&copy)?.len();
    ensure!(len > 1 << 32, "{file} has only {len} bytes");
    note(&format!("{file} of {len} bytes is the primary's, byte for byte"));

    let replica = large_server(false)?;
    replica.replicate_from(&daemon.as_source())?;
    replica.wait_for_replica_of(&primary, PATIENCE).with_context(|| daemon.log())?;
    let marks = replica.sql("select count(*) from large.mark")?;
    ensure!(marks == "2", "the replica has {marks} of 2 rows");
    note("a replica has read it");
    Ok(len)
}

fn large_server(is_primary: bool) -> Result<Server> {
    let server = Server::builder(Flavour::Mysql97)
        .args(["--max-allowed-packet=1G", "--max-binlog-size=1G", "--relay-log-space-limit=0"])
        .args(["--replica-max-allowed-packet=1G", "--slave-net-timeout=600"]);
    if is_primary {
        server.semi_sync().arg("--rpl-semi-sync-source-timeout=3600000").start()
    } else {
        server.arg("--skip-log-bin").start()
    }
}
