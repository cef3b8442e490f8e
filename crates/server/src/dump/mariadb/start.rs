//! From a GTID position to a place in a file, and back.

use std::sync::Arc;

use binlogd_event::{FIRST_EVENT, Gtid, GtidPosition, GtidSet, GtidSource};
use binlogd_store::{Catalog, Checkpoint, FileHead, LogFile, NameError, SourceId, StoreError};

use super::{MariadbWishes, begins_behind_list};
use crate::dump::start::unsent;
use crate::dump::{DumpError, StartPoint, gtids_before};

/// Finds the newest file before which the reader at `state` has everything.
///
/// # Errors
/// The reader has what is not here, or lacks what was purged.
pub(crate) fn find(catalog: &Catalog, state: &GtidPosition) -> Result<StartPoint, DumpError> {
    let stored = catalog.executed();
    for gtid in state.iter().filter(|gtid| !stored.contains(gtid)) {
        // Another source may serve a domain that is unknown here.
        if stored.last_of_domains().any(|known| known.domain() == gtid.domain()) {
            return Err(not_here(&gtid, &stored));
        }
    }
    for file in catalog.files().iter().rev() {
        let head = match catalog.head(file) {
            // So were those before it, meanwhile.
            Err(StoreError::Purged { .. }) => break,
            head => head?,
        };
        let unsent = unsent(catalog, &file.timeline)?;
        if is_behind(state, &head.previous_gtids) && is_behind(state, &unsent) {
            return Ok(begin_in(catalog, file.clone(), &head, state)?);
        }
    }
    Err(DumpError::fatal(
        "Could not find GTID state requested by slave in any binlog files. Probably the slave state \
         is too old and required binlog files have been purged.",
    ))
}

/// Gives a reader that stands where the source itself stands as a replica a place in the source's own
/// binlog, which does not have that GTID: after it is what the source has logged since.
pub(crate) fn resolve_own_position(catalog: &Catalog, wishes: &mut MariadbWishes) {
    let (Some(state), Some(unlogged)) = (&mut wishes.state, catalog.unlogged()) else { return };
    let Some(newest) = catalog.newest() else { return };
    let (unlogged, logged) = (unlogged.position(), catalog.logged_by_newest());
    let at_own: Vec<Gtid> = state
        .iter()
        .filter(|at| at.domain().and_then(|domain| unlogged.of_domain(domain)) == Some(*at))
        .collect();
    for at in at_own {
        let Some(domain) = at.domain() else { continue };
        let of_source = logged
            .last_of_domains()
            .find(|last| last.domain() == Some(domain) && is_of(last, &newest.timeline.source));
        match (of_source, logged.position().of_domain(domain)) {
            (Some(last), _) if last.number > at.number => {
                state.set(Gtid { source: last.source, number: at.number });
                // No transaction has just this number.
                wishes.lenient_domains.insert(domain);
            }
            (_, Some(last)) => state.set(last),
            (_, None) => state.remove(domain),
        }
    }
}

fn is_of(gtid: &Gtid, source: &SourceId) -> bool {
    match gtid.source {
        GtidSource::Domain { server_id, .. } => SourceId::of_server_id(server_id) == *source,
        GtidSource::Server { .. } => false,
    }
}

/// Where in the file a reader begins before which it has everything.
fn begin_in(
    catalog: &Catalog,
    file: Arc<LogFile>,
    head: &FileHead,
    state: &GtidPosition,
) -> Result<StartPoint, StoreError> {
    if begins_behind_list(head) {
        let found = catalog.seek(&file, |checkpoint| {
            checkpoint.gtids().is_some_and(|before| is_behind(state, &before))
        })?;
        let before = found.as_ref().and_then(Checkpoint::gtids);
        let offset = found.map_or(head.events_start, |found| found.offset);
        return Ok(by_gtid(file, offset, before, true));
    }
    // It is sent the file's head.
    Ok(by_gtid(file, FIRST_EVENT, None, false))
}

fn by_gtid(
    file: Arc<LogFile>,
    offset: u64,
    before: Option<GtidSet>,
    clear_log_pos: bool,
) -> StartPoint {
    let (name, has, newest_timeline) = (None, None, 0);
    StartPoint { file, name, offset, has, before, clear_log_pos, newest_timeline }
}

/// Whether somebody at `state` has everything up to the GTIDs `before`.
fn is_behind(state: &GtidPosition, before: &GtidSet) -> bool {
    before.position().iter().all(|newest| {
        let Some(domain) = newest.domain() else { return true };
        // What stands before the file is not behind its reader, unless it is the very last of it.
        state.of_domain(domain).is_some_and(|at| at == newest || !before.contains(&at))
    })
}

/// The error for a reader that has a transaction which is not among `stored`.
pub(super) fn not_here(gtid: &Gtid, stored: &GtidSet) -> DumpError {
    let newest = gtid.domain().and_then(|domain| stored.position().of_domain(domain));
    let diverged = newest.is_some_and(|newest| newest.number >= gtid.number);
    let hint = if diverged {
        ". Since the master's binlog contains GTIDs with higher sequence numbers, it probably means \
         that the slave has diverged due to executing extra erroneous transactions"
    } else {
        ""
    };
    DumpError::fatal(format!(
        "Error: connecting slave requested to start from GTID {gtid}, which is not in the master's \
         binlog{hint}"
    ))
}

/// The GTID position at a place in a file; `None` if no event begins or ends there.
///
/// # Errors
/// The file's name is ambiguous, or it cannot be read.
pub(crate) fn position_at(
    catalog: &Arc<Catalog>,
    name: &str,
    offset: u64,
) -> Result<Option<GtidPosition>, NameError> {
    let found = match catalog.resolve(name, Some(offset)) {
        _ if name.is_empty() => catalog.files().into_iter().next(),
        Ok(file) => Some(file),
        Err(NameError::NoSuchFile(_)) => None,
        Err(error) => return Err(error),
    };
    let Some(file) = found else { return Ok(None) };
    Ok(gtids_before(catalog, file, offset)?.map(|gtids| gtids.position()))
}
