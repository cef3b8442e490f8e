//! A primary whose files have another base name: its `log_bin` was changed.
//!
//! Files of two names cannot be in one timeline, so a new one of the same server begins with the first file of
//! the new name. That nothing is missing between is shown as after a failover: by GTID the server has all that
//! is stored, and names the file that comes next itself.

use binlogd_store::LogName;

use super::FollowError;
use super::plan::lists_gtids;
use super::timeline::NewTimeline;
use crate::ingest::{IntakeError, NotNext, ReceiveError, Tail};
use crate::upstream::UpstreamError;

/// The file of another name of which an error reports, if GTIDs may show that it follows `tail`.
pub(super) fn renamed_file(error: &FollowError, tail: Option<&Tail>) -> Option<LogName> {
    let file = match error {
        FollowError::Upstream(UpstreamError::OtherNames { oldest, .. }) => LogName::new(oldest)?,
        FollowError::Receive(ReceiveError::Intake(IntakeError::NotNext(NotNext::Gap {
            file,
            ..
        }))) => file.clone(),
        _ => return None,
    };
    let tail = tail.filter(|tail| lists_gtids(tail))?;
    (file.base() != tail.file.name.base()).then_some(file)
}

/// Whether the timeline may begin, which was found for the `file` of another name.
///
/// # Errors
/// If something is missing, or the server lacks what is stored.
pub(super) fn check(
    found: Result<NewTimeline, UpstreamError>,
    tail: &Tail,
    file: &LogName,
) -> Result<NewTimeline, FollowError> {
    let stored = &tail.file.name;
    let cause = match found {
        Ok(new) if new.is_whole && new.file.base() != stored.base() => return Ok(new),
        Ok(new) if new.is_whole => format!("transactions after {stored} are not stored"),
        Ok(new) => format!("the primary lacks stored transactions: {}", new.forked),
        Err(error) if error.needs_somebody() => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    let error = UpstreamError::OtherNames {
        wanted: stored.to_string(),
        oldest: file.as_str().into(),
        newest: file.as_str().into(),
        cause: cause.into(),
    };
    Err(FollowError::Renamed(Box::new(error)))
}
