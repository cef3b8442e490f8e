//! What a MariaDB leaves in its binlog when it dies while it writes: the beginning of a transaction, which
//! never commits, behind those that have.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::Server;

/// Where a transaction is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    /// Inside of its first event, the one with the GTID.
    InFirstEvent,
    /// Inside of the header of a later event.
    InHeader,
    /// Inside of a later event.
    InEvent,
    /// Between two events.
    BetweenEvents,
    /// Between two events, behind which come zeros, as a file system may leave them.
    BeforeZeros,
}

/// All of them.
pub const TEARS: [Tear; 5] =
    [Tear::InFirstEvent, Tear::InHeader, Tear::InEvent, Tear::BetweenEvents, Tear::BeforeZeros];

const HEADER_LEN: usize = 19;
const FIRST_EVENT: usize = 4;
const QUERY: u8 = 2;
const XID: u8 = 16;
const XA_PREPARE: u8 = 38;
const GTID: u8 = 162;

/// An event in a file.
struct Event {
    start: usize,
    end: usize,
    kind: u8,
}

/// Kills a MariaDB, and adds to its last file the beginning of a transaction like the last one there, with
/// the next GTID. Returns the file.
///
/// # Errors
/// If the server cannot be killed, or its last file does not end with a transaction.
pub fn die_writing(server: &mut Server, tear: Tear) -> Result<PathBuf> {
    server.kill()?;
    let path = server.binlog_files()?.pop().context("no binlog files")?;
    let bytes = fs::read(&path)?;
    let events = events(&bytes);
    let Some(first) = events.iter().rposition(|event| event.kind == GTID) else {
        bail!("{} has no transaction", path.display());
    };
    let [gtid, .., last, xid] = &events[first..] else {
        bail!("the last transaction of {} has too few events", path.display());
    };
    if xid.kind != XID || xid.end != bytes.len() {
        bail!("{} does not end with a transaction", path.display());
    }
    let mut torn = bytes[gtid.start..xid.start].to_vec();
    let number = u64::from_le_bytes(torn[HEADER_LEN..HEADER_LEN + 8].try_into()?) + 1;
    torn[HEADER_LEN..HEADER_LEN + 8].copy_from_slice(&number.to_le_bytes());
    for event in &events[first..events.len() - 1] {
        let here = event.start - gtid.start..event.end - gtid.start;
        let event = &mut torn[here.clone()];
        // Most have none: they were written to the transaction's cache first.
        if event[13..17] != [0; 4] {
            let end = u32::try_from(bytes.len() + here.end)?;
            event[13..17].copy_from_slice(&end.to_le_bytes());
        }
        let (body, crc) = event.split_at_mut(here.len() - 4);
        crc.copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    }
    let last = last.start - gtid.start;
    match tear {
        Tear::InFirstEvent => torn.truncate(HEADER_LEN + 5),
        Tear::InHeader => torn.truncate(last + 11),
        Tear::InEvent => torn.truncate(torn.len() - 1),
        Tear::BetweenEvents => {}
        Tear::BeforeZeros => torn.extend([0; 300]),
    }
    OpenOptions::new().append(true).open(&path)?.write_all(&torn)?;
    Ok(path)
}

/// Where the last whole transaction of a MariaDB's file ends, or what belongs to none.
///
/// # Errors
/// If the file cannot be read.
pub fn whole_transactions_end(path: &Path) -> Result<u64> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let (mut end, mut is_open, mut is_single) = (FIRST_EVENT, false, false);
    for event in events(&bytes) {
        let body = &bytes[event.start..event.end];
        match event.kind {
            GTID => (is_open, is_single) = (true, body[HEADER_LEN + 12] & 1 != 0),
            XID | XA_PREPARE => is_open = false,
            QUERY if is_single => is_open = false,
            QUERY => {
                let text = &body[..body.len() - 4];
                is_open &= !text.ends_with(b"\0COMMIT") && !text.ends_with(b"\0ROLLBACK");
            }
            _ => {}
        }
        if !is_open {
            end = event.end;
        }
    }
    Ok(end as u64)
}

/// Where the first transaction of a MariaDB's file begins.
///
/// # Errors
/// If the file cannot be read, or has none.
pub fn first_transaction(path: &Path) -> Result<u64> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let first = events(&bytes).iter().find(|event| event.kind == GTID).map(|event| event.start);
    Ok(first.context("no transaction")? as u64)
}

/// The whole events of a file.
fn events(bytes: &[u8]) -> Vec<Event> {
    let (mut events, mut start) = (Vec::new(), FIRST_EVENT);
    while let Some(header) = bytes.get(start..start + HEADER_LEN) {
        let size = header[9..].first_chunk().map_or(0, |size| u32::from_le_bytes(*size)) as usize;
        if size < HEADER_LEN || size > bytes.len() - start {
            break;
        }
        events.push(Event { start, end: start + size, kind: header[4] });
        start += size;
    }
    events
}
