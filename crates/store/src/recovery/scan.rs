//! Verifying the events of a stored file, one after another.

use std::path::Path;

use binlogd_event::{
    Disposition, EventError, EventHeader, EventKind, EventPart, HEADER_LEN, Splitter, Verified,
    Verifier, VerifyError, Violation,
};

use crate::catalog::read_full;
use crate::{File, LogFile, StoreError};

/// The first event of a file that cannot stand as it is.
#[derive(Debug)]
pub(crate) struct BadEvent {
    pub(crate) error: VerifyError,
    /// It only lacks its end.
    pub(crate) is_cut_short: bool,
}

/// How much of a file is read at a time, in bytes.
pub(crate) const CHUNK: usize = 1 << 20;

/// Verifies event after event from where the verifier stands, as if the file ended at `until`.
/// The verifier is left behind the last good event.
pub(crate) fn scan(
    handle: &dyn File,
    file: &LogFile,
    verifier: &mut Verifier,
    until: u64,
) -> Result<Option<BadEvent>, StoreError> {
    scan_with(handle, &file.path, verifier, until, &mut vec![0; CHUNK], |_, _, _| {})
}

/// [`scan`] with a buffer of the caller's, showing `visit` each event or part that passed. The
/// event is good once its last part was shown.
pub(crate) fn scan_with(
    handle: &dyn File,
    path: &Path,
    verifier: &mut Verifier,
    until: u64,
    buffer: &mut [u8],
    mut visit: impl FnMut(&mut Verifier, &Verified, EventPart<'_>),
) -> Result<Option<BadEvent>, StoreError> {
    let mut splitter = Splitter::new();
    let (mut offset, mut filled) = (verifier.offset(), 0);
    loop {
        let left = usize::try_from(until.saturating_sub(offset)).unwrap_or(usize::MAX);
        let room = left.min(buffer.len() - filled);
        let got = read_full(handle, &mut buffer[filled..filled + room], offset)
            .map_err(StoreError::io("read", path))?;
        offset += got as u64;
        filled += got;
        let is_full = filled == buffer.len();
        match check_all(&buffer[..filled], is_full, &mut splitter, verifier, &mut visit) {
            Ok(checked) => {
                buffer.copy_within(checked..filled, 0);
                filled -= checked;
            }
            Err(error) => {
                verifier.abandon_event();
                return Ok(Some(BadEvent { error, is_cut_short: false }));
            }
        }
        if got == 0 {
            verifier.abandon_event();
            return cut_short(handle, path, verifier.offset(), offset);
        }
    }
}

/// Verifies what is buffered and returns how many bytes that was.
fn check_all(
    buffered: &[u8],
    is_full: bool,
    splitter: &mut Splitter,
    verifier: &mut Verifier,
    visit: &mut impl FnMut(&mut Verifier, &Verified, EventPart<'_>),
) -> Result<usize, VerifyError> {
    let mut rest = buffered;
    loop {
        let part = match splitter.next(rest, is_full && rest.len() == buffered.len()) {
            Ok(Some(part)) => part,
            Ok(None) => return Ok(buffered.len() - rest.len()),
            Err(violation) => return Err(error(verifier, rest, violation)),
        };
        let verified = verifier.check(part)?;
        if verified.disposition == Disposition::Artificial {
            let value = format!("{}, which a source makes for readers only", verified.header.kind);
            let violation = EventError::BadValue { field: "event type", value }.into();
            return Err(error(verifier, rest, violation));
        }
        visit(verifier, &verified, part);
        rest = &rest[part.bytes.len()..];
    }
}

fn error(verifier: &Verifier, event: &[u8], violation: Violation) -> VerifyError {
    let kind = EventHeader::parse(event).map_or(EventKind(0), |header| header.kind);
    VerifyError { offset: verifier.offset(), kind, violation }
}

/// The event at the end of the file of which only a part is there, if there is one.
fn cut_short(
    handle: &dyn File,
    path: &Path,
    start: u64,
    end: u64,
) -> Result<Option<BadEvent>, StoreError> {
    if start >= end {
        return Ok(None);
    }
    let mut bytes = [0; HEADER_LEN];
    let available = usize::try_from(end - start).unwrap_or(usize::MAX).min(HEADER_LEN);
    read_full(handle, &mut bytes[..available], start).map_err(StoreError::io("read", path))?;
    let (kind, violation) = match EventHeader::parse(&bytes[..available]) {
        Ok(header) => (header.kind, Violation::Size { header: header.size, actual: end - start }),
        Err(error) => (EventKind(0), error.into()),
    };
    let error = VerifyError { offset: start, kind, violation };
    Ok(Some(BadEvent { error, is_cut_short: true }))
}
