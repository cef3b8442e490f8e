//! The GTIDs of all transactions before a place in a file.

use std::sync::Arc;

use binlogd_event::{EventHeader, FIRST_EVENT, GtidSet, Splitter, gtid_of};
use binlogd_store::{Catalog, Checkpoint, Cursor, LogFile, Read, StoreError};

/// Files are read in pieces of so many bytes.
const CHUNK_LEN: usize = 64 << 10;

/// The GTIDs of the transactions that begin before `offset`, in this file and before it; `None` if no event
/// begins or ends there. Reads from the last place before it that the index knows.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn gtids_before(
    catalog: &Arc<Catalog>,
    file: Arc<LogFile>,
    offset: u64,
) -> Result<Option<GtidSet>, StoreError> {
    let head = catalog.head(&file)?;
    let mut gtids = head.previous_gtids.clone();
    let format_end = FIRST_EVENT + head.format_event.len() as u64;
    if offset <= head.events_start {
        let is_boundary = [FIRST_EVENT, format_end, head.events_start].contains(&offset);
        return Ok(is_boundary.then_some(gtids));
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
    Ok(Some(gtids))
}
