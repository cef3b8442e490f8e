//! From a GTID position to a place in a file, and back.

use binlogd_event::{EventHeader, FIRST_EVENT, Gtid, GtidPosition, GtidSet, Splitter, gtid_of};
use binlogd_store::{Catalog, Cursor, FileHead, Read, StoreError};

use super::begins_behind_list;
use crate::dump::{DumpError, StartPoint};

/// Finds the newest file before which the reader has everything.
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
        if is_behind(state, &head) {
            let clear_log_pos = begins_behind_list(&head);
            let offset = if clear_log_pos { head.events_start } else { FIRST_EVENT };
            let file = file.clone();
            return Ok(StartPoint { file, offset, has: None, seek: None, clear_log_pos });
        }
    }
    Err(DumpError::fatal(
        "Could not find GTID state requested by slave in any binlog files. Probably the slave state \
         is too old and required binlog files have been purged.",
    ))
}

/// Whether somebody at `state` has everything that came before a file.
fn is_behind(state: &GtidPosition, head: &FileHead) -> bool {
    let before = head.previous_gtids.position();
    before.iter().all(|newest| {
        let Some(domain) = newest.domain() else { return true };
        // What stands before the file is not behind its reader, unless it is the very last of it.
        state.of_domain(domain).is_some_and(|at| at == newest || !head.previous_gtids.contains(&at))
    })
}

/// The error for a reader that has a transaction which is not among `stored`.
pub(super) fn not_here(gtid: &Gtid, stored: &GtidSet) -> DumpError {
    let newest = gtid.domain().and_then(|domain| stored.position().of_domain(domain));
    let diverged = newest.is_some_and(|newest| newest.number > gtid.number);
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
/// The file cannot be read.
pub(crate) fn position_at(
    catalog: &std::sync::Arc<Catalog>,
    name: &str,
    offset: u64,
) -> Result<Option<GtidPosition>, StoreError> {
    let found =
        if name.is_empty() { catalog.files().into_iter().next() } else { catalog.find(name) };
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
    let mut cursor = Cursor::open(catalog.clone(), file, head.events_start)?;
    let (mut splitter, mut at) = (Splitter::new(), head.events_start);
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
