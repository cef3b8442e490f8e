//! Whether everything arrived, and unchanged.

use std::fs;

use anyhow::Result;
use testkit::daemon::compare_files;

use super::clients::SCHEMA;
use super::gauges::count_gtids;
use super::stage::Stage;
use crate::units::{bytes, thousands};

/// What was checked, and how it came out.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    checks: Vec<(bool, String)>,
}

impl Verdict {
    pub(super) fn passed(&self) -> bool {
        self.checks.iter().all(|(passed, _)| *passed)
    }

    pub(super) fn print(&self) {
        println!();
        for (passed, what) in &self.checks {
            println!("  {}  {what}", if *passed { "ok    " } else { "FAILED" });
        }
        println!("\n{}", if self.passed() { "PASS" } else { "FAIL" });
    }

    fn note(&mut self, passed: bool, what: String) {
        self.checks.push((passed, what));
    }
}

/// Compares all three when they are at rest. `written` is how many commits clients were told of.
///
/// # Errors
/// If one cannot be asked.
pub(super) fn check(stage: &Stage, written: u64) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    files(stage, &mut verdict)?;
    acknowledgements(stage, written, &mut verdict)?;
    tables(stage, &mut verdict)?;
    Ok(verdict)
}

fn files(stage: &Stage, verdict: &mut Verdict) -> Result<()> {
    let mut total = 0;
    for file in stage.primary.binlog_files()? {
        total += fs::metadata(file)?.len();
    }
    let dir = stage.binlogd.timeline_dir(&stage.primary)?;
    match compare_files(&stage.primary, &dir) {
        Ok(count) => verdict.note(
            true,
            format!(
                "binlogd has the primary's {count} binlog files, {}, byte for byte",
                bytes(total)
            ),
        ),
        Err(error) => verdict.note(false, format!("binlogd's files differ: {error:#}")),
    }
    Ok(())
}

fn acknowledgements(stage: &Stage, written: u64, verdict: &mut Verdict) -> Result<()> {
    let count = |name: &str| -> Result<u64> { Ok(stage.primary.status_var(name)?.parse()?) };
    let acknowledged = count("Rpl_semi_sync_source_yes_tx")?;
    let without = count("Rpl_semi_sync_source_no_tx")?;
    let committed = count_gtids(&stage.primary.executed_gtids()?)?;
    verdict.note(
        acknowledged > 0 && committed >= written,
        format!(
            "{} commits waited for binlogd, which sent {} acknowledgements",
            thousands(committed),
            thousands(acknowledged)
        ),
    );
    let what = match without {
        0 => "no commit went through without: while binlogd was dead, they waited".into(),
        some => format!("{} commits went through without", thousands(some)),
    };
    verdict.note(without == 0, what);
    Ok(())
}

fn tables(stage: &Stage, verdict: &mut Verdict) -> Result<()> {
    let (theirs, ours) =
        (stage.primary.checksum_tables(SCHEMA)?, stage.replica.checksum_tables(SCHEMA)?);
    let rows: u64 = stage
        .replica
        .sql(&format!(
            "select (select count(*) from {SCHEMA}.orders)
                + (select count(*) from {SCHEMA}.accounts)
                + (select count(*) from {SCHEMA}.documents)"
        ))?
        .parse()?;
    let equal = theirs == ours && !ours.is_empty();
    let what = match equal {
        true => format!(
            "the replica has the primary's {} tables, {} rows, by their checksums",
            ours.len(),
            thousands(rows)
        ),
        false => format!("checksums of tables differ: primary {theirs:?}, replica {ours:?}"),
    };
    verdict.note(equal, what);
    Ok(())
}
