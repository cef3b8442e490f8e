//! The primary's transactions that stand in none of its binlog files, by its variables.
//!
//! MySQL's `gtid_purged` contains the transactions that its files no longer have, which were received or come
//! before the stored files, and those that its files never had. A MariaDB that was restored, or was a replica
//! without `log_slave_updates`, has its position in `gtid_slave_pos` and not in its binlog.

use std::time::Duration;

use binlogd_client::Connection;
use binlogd_event::{FIRST_EVENT, GtidPosition, GtidSet, ServerVersion};
use binlogd_store::{Catalog, SourceId, StoreError, Timeline};
use tokio::time::Instant;

use super::UpstreamError;
use super::logs::binary_logs;
use crate::stream::Stream;

/// How often to see whether the dump has shown that it follows the stored history.
const PROOF_EVERY: Duration = Duration::from_millis(20);

/// Waits until the dump has shown that it follows the stored history; `false` if it has not by `deadline`.
pub(super) async fn until_proven(stream: &Stream, deadline: Instant) -> bool {
    while !stream.counters().is_proven() {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(PROOF_EVERY).await;
    }
    true
}

/// Reads the variables, and notes in the store which transactions of the server stand in no file. Does
/// nothing if the server is not the source of the newest timeline.
///
/// # Errors
/// The server or the disk cannot be used.
pub(super) async fn note_unlogged(
    stream: &Stream,
    connection: &mut Connection,
    version: &ServerVersion,
    source: &SourceId,
) -> Result<(), UpstreamError> {
    let catalog = stream.catalog();
    let Some(timeline) = catalog.newest().map(|file| file.timeline.clone()) else { return Ok(()) };
    if timeline.source != *source {
        return Ok(());
    }
    let before = catalog.unlogged();
    let found = match version.is_mariadb() {
        true => Some(in_mariadb(connection).await?),
        false => in_mysql(connection, catalog, version).await?,
    };
    // The connection to the primary may have broken meanwhile, because it was restored.
    let Some(found) =
        found.filter(|found| before.as_ref() != Some(found) && stream.counters().is_proven())
    else {
        return Ok(());
    };
    // The observer's worker has other tasks.
    tokio::task::block_in_place(|| note(stream, &timeline, &found, version.is_mariadb()))?;
    Ok(())
}

/// Notes that the primary has transactions in no file, although the head of a file lists them, if its
/// `gtid_purged` contains them; returns whether it does.
///
/// # Errors
/// The primary or the disk cannot be used.
pub(crate) async fn note_unlogged_between(
    stream: &Stream,
    connection: &mut Connection,
    between: &GtidSet,
) -> Result<bool, UpstreamError> {
    let catalog = stream.catalog();
    let Some(timeline) = catalog.newest().map(|file| file.timeline.clone()) else {
        return Ok(false);
    };
    if !between.is_subset(&gtid_purged(connection).await?) {
        return Ok(false);
    }
    note(stream, &timeline, between, false)?;
    Ok(true)
}

fn note(
    stream: &Stream,
    timeline: &Timeline,
    gtids: &GtidSet,
    is_position: bool,
) -> Result<(), StoreError> {
    let catalog = stream.catalog();
    let new = gtids.difference(&catalog.unlogged().unwrap_or_default());
    match is_position {
        // It has moved on.
        true => catalog.set_unlogged(timeline, gtids)?,
        false => catalog.add_unlogged(timeline, gtids)?,
    }
    if !new.is_empty() {
        tracing::info!(
            gtids = %new,
            "the primary has transactions that stand in none of its binlog files: readers that lack \
             them are refused, as by the primary"
        );
    }
    Ok(())
}

async fn gtid_purged(connection: &mut Connection) -> Result<GtidSet, UpstreamError> {
    const QUERY: &str = "SELECT @@GLOBAL.gtid_purged";
    let [purged] = texts(connection, QUERY).await?;
    purged.parse().map_err(|_| UpstreamError::nonsense(QUERY, &purged))
}

/// Those that are known by now; `None` if it is not certain yet which of them stand in files.
async fn in_mysql(
    connection: &mut Connection,
    catalog: &Catalog,
    version: &ServerVersion,
) -> Result<Option<GtidSet>, UpstreamError> {
    let purged = gtid_purged(connection).await?;
    let noted = catalog.unlogged().unwrap_or_default();
    // In this order: the files that the primary had removed before its variable was read come before those
    // that it lists now. So all their transactions are stored once one of the listed files is stored.
    let mut unlogged = purged.difference(&catalog.logged());
    if !unlogged.is_subset(&noted) {
        if !has_stored_end(connection, catalog, version).await? {
            return Ok(None);
        }
        unlogged = purged.difference(&catalog.logged());
    }
    unlogged.extend(&noted);
    if !version.at_least(5, 7, 0) {
        let listed = catalog.listed_only()?;
        unlogged.extend(&listed.difference(&listed.difference(&purged)));
    }
    Ok(Some(unlogged))
}

/// Whether the stored end is in a file that the server lists.
async fn has_stored_end(
    connection: &mut Connection,
    catalog: &Catalog,
    version: &ServerVersion,
) -> Result<bool, UpstreamError> {
    let durable = catalog.frontier().durable;
    let newest = catalog.newest().filter(|file| file.id == durable.file);
    let Some(file) = newest.filter(|_| durable.offset > FIRST_EVENT) else { return Ok(false) };
    let logs = binary_logs(connection, version).await?;
    Ok(logs.iter().any(|log| log.name == file.name && log.end() >= durable.offset))
}

async fn in_mariadb(connection: &mut Connection) -> Result<GtidSet, UpstreamError> {
    // In this order: what a replica logs is in the binlog before it counts as applied.
    const QUERY: &str = "SELECT @@GLOBAL.gtid_slave_pos, @@GLOBAL.gtid_binlog_state";
    let [applied, logged] = texts(connection, QUERY).await?;
    let applied: GtidPosition =
        applied.parse().map_err(|_| UpstreamError::nonsense(QUERY, &applied))?;
    let logged = GtidSet::from_last_of_domains(&logged)
        .map_err(|_| UpstreamError::nonsense(QUERY, &logged))?;
    let mut unlogged = GtidSet::new();
    applied.iter().filter(|gtid| !logged.contains(gtid)).for_each(|gtid| unlogged.insert(gtid));
    Ok(unlogged)
}

/// The columns of the answer's only row.
async fn texts<const N: usize>(
    connection: &mut Connection,
    query: &'static str,
) -> Result<[String; N], UpstreamError> {
    let rows = connection.query_all(query).await?;
    let row = rows.first().ok_or_else(|| UpstreamError::nonsense(query, "no row"))?;
    let mut texts = [const { String::new() }; N];
    for (column, text) in texts.iter_mut().enumerate() {
        *text = UpstreamError::known(query, row.text(column))?.into_owned();
    }
    Ok(texts)
}
