//! From a GTID position to a place in a file, and back.

use std::sync::Arc;

use binlogd_event::{
    EventHeader, FIRST_EVENT, Gtid, GtidPosition, GtidSet, GtidSource, Splitter, gtid_of,
};
use binlogd_store::{
    Catalog, Checkpoint, Cursor, FileHead, LogFile, NameError, Read, SourceId, StoreError,
};

use super::{MariadbWishes, begins_behind_list};
use crate::dump::start::unsent;
use crate::dump::{DumpError, StartPoint};

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
    let head = catalog.head(&file)?;
    let mut gtids = head.previous_gtids.clone();
    let format_end = FIRST_EVENT + head.format_event.len() as u64;
    if offset <= head.events_start {
        let is_boundary = [FIRST_EVENT, format_end, head.events_start].contains(&offset);
        return Ok(is_boundary.then(|| gtids.position()));
    }
    if offset > catalog.readable_len(&file) {
        return Ok(None);
    }
    let is_before = |place: &Checkpoint| place.offset <= offset && place.gtids().is_some();
    let found = catalog.seek(&file, is_before)?;
    let mut at = head.events_start;
    if let Some((found, before)) = found.and_then(|found| Some((found.offset, found.gtids()?))) {
        (at, gtids) = (found, before);
    }
    let mut cursor = Cursor::open(catalog.clone(), file, at)?;
    let mut splitter = Splitter::new();
    let (mut chunk, mut filled) = (vec![0; CHUNK_LEN], 0);
    while at < offset {
        let part = splitter.next(&chunk[..filled], filled == CHUNK_LEN);
        let Ok(part) = part else { return Ok(None) };
        match part {
            Some(part) => {
                if part.first
                    && let Ok(header) = EventHeader::parse(part.bytes)
                    && let Ok(Some(gtid)) = gtid_of(&header, part.bytes)
                {
                    gtids.insert(gtid);
                }
                let len = part.bytes.len();
                at += len as u64;
                if at > offset || at == offset && !part.last {
                    return Ok(None);
                }
                chunk.copy_within(len..filled, 0);
                filled -= len;
            }
            None => match cursor.read(&mut chunk[filled..], false)? {
                Read::Bytes(len) => filled += len,
                _ => return Ok(None),
            },
        }
    }
    Ok(Some(gtids.position()))
}

/// Files are read in pieces of so many bytes.
const CHUNK_LEN: usize = 64 << 10;
