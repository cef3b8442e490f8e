//! Bringing the last file of a stream to a state that can be trusted.
//!
//! Whatever a kill or a crash left behind, every whole event is kept. An event that is cut short or
//! damaged *at the end* was never acknowledged and is cut off; damage before the end is an error,
//! never repaired by throwing away what follows.

use std::sync::Arc;

use binlogd_event::{
    ChecksumAlgorithm, EventHeader, FIRST_EVENT, GtidSet, MAGIC, Splitter, Verifier, VerifyError,
    Violation,
};

use crate::catalog::read_full;
use crate::{File, Fs, LogFile, StoreError};

/// Where a stream's stored bytes end.
#[derive(Debug, Clone)]
pub struct Resume {
    /// The last file.
    pub file: Arc<LogFile>,
    /// A verifier that has seen all of it.
    pub verifier: Verifier,
    /// The GTIDs of all whole transactions.
    pub executed: GtidSet,
    /// How many bytes were cut from the end of the file.
    pub cut: u64,
}

impl Resume {
    /// Where the file's last whole event ends, in bytes.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.verifier.offset()
    }
}

/// How much of a file is read at a time, in bytes.
const CHUNK: usize = 1 << 20;

/// Scans a file, cuts a torn tail and makes the rest durable.
pub(crate) fn recover(fs: &dyn Fs, file: &Arc<LogFile>) -> Result<Resume, StoreError> {
    let path = &file.path;
    let handle = fs.open_write(path).map_err(StoreError::io("open", path))?;
    let len = handle.len().map_err(StoreError::io("look at", path))?;
    let mut verifier = Verifier::at_start(ChecksumAlgorithm::None);
    if begins_with_magic(&*handle, file)? {
        if let Err(error) = scan(&*handle, file, &mut verifier)? {
            verifier.abandon_event();
            if !is_torn_tail(&*handle, file, &error, len)? {
                return Err(StoreError::Damaged { path: path.clone(), error });
            }
        }
    } else {
        // Created, but not even its first bytes arrived.
        handle.write_all_at(&MAGIC, 0).map_err(StoreError::io("write to", path))?;
    }
    verifier.abandon_event();
    let end = verifier.offset();
    handle.set_len(end).map_err(StoreError::io("cut", path))?;
    // Bytes that survived a kill may still be only in memory; they are about to be served.
    let synced = handle.sync_data().and_then(|()| fs.sync_dir(path.parent().unwrap_or(path)));
    synced.map_err(|source| StoreError::SyncFailed { path: path.clone(), source })?;
    let executed = verifier.take_committed();
    Ok(Resume { file: file.clone(), verifier, executed, cut: len.saturating_sub(end) })
}

/// Whether the file has its four first bytes; `false` if it ends within them.
fn begins_with_magic(handle: &dyn File, file: &LogFile) -> Result<bool, StoreError> {
    let mut first = [0; MAGIC.len()];
    let len = read_full(handle, &mut first, 0).map_err(StoreError::io("read", &file.path))?;
    let torn = len < MAGIC.len() && MAGIC.starts_with(&first[..len]);
    if !torn && first != MAGIC {
        let what = "it does not begin with the binlog magic; move it away".to_owned();
        return Err(StoreError::Foreign { path: file.path.clone(), what });
    }
    Ok(!torn)
}

/// Verifies event after event; the inner error is the first bad one.
fn scan(
    handle: &dyn File,
    file: &LogFile,
    verifier: &mut Verifier,
) -> Result<Result<(), VerifyError>, StoreError> {
    let mut splitter = Splitter::new();
    let mut buffer = vec![0; CHUNK];
    let (mut offset, mut filled) = (FIRST_EVENT, 0);
    loop {
        let got = read_full(handle, &mut buffer[filled..], offset)
            .map_err(StoreError::io("read", &file.path))?;
        offset += got as u64;
        filled += got;
        let mut rest = &buffer[..filled];
        loop {
            let full = rest.len() == CHUNK;
            match splitter.next(rest, full) {
                Ok(None) => break,
                Ok(Some(part)) => {
                    if let Err(error) = verifier.check(part) {
                        return Ok(Err(error));
                    }
                    rest = &rest[part.bytes.len()..];
                }
                Err(violation) => {
                    let kind = EventHeader::parse(rest)
                        .map_or_else(|_| binlogd_event::EventKind(0), |header| header.kind);
                    let offset = verifier.offset();
                    return Ok(Err(VerifyError { offset, kind, violation }));
                }
            }
        }
        if got == 0 {
            return Ok(Ok(()));
        }
        let left = rest.len();
        buffer.copy_within(filled - left..filled, 0);
        filled = left;
    }
}

/// Whether a bad event is the last thing in the file: it reaches to the end or beyond, or nothing
/// but zeros follows from where it begins.
fn is_torn_tail(
    handle: &dyn File,
    file: &LogFile,
    error: &VerifyError,
    len: u64,
) -> Result<bool, StoreError> {
    let io = || StoreError::io("read", &file.path);
    let mut header = [0; binlogd_event::HEADER_LEN];
    read_full(handle, &mut header, error.offset).map_err(io())?;
    let size = EventHeader::parse(&header).map_or(0, |header| header.size);
    let damaged_bytes = matches!(error.violation, Violation::Checksum { .. });
    if damaged_bytes && error.offset + u64::from(size) >= len {
        return Ok(true);
    }
    let mut chunk = vec![0; CHUNK];
    let mut offset = error.offset;
    loop {
        let got = read_full(handle, &mut chunk, offset).map_err(io())?;
        if got == 0 {
            return Ok(true);
        }
        if chunk[..got].iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        offset += got as u64;
    }
}
