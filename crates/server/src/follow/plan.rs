//! Where to begin, or to go on, with a primary.

use binlogd_event::{FIRST_EVENT, GtidSet, ServerVersion};
use binlogd_store::LogName;

use crate::config::StartAt;
use crate::ingest::Tail;
use crate::upstream::{PrimaryLog, UpstreamError};

/// What to ask the primary for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// The primary's oldest file, from its start.
    BeginOldest,
    /// The file that the primary writes now, from its start.
    BeginNewest,
    /// A file from its start.
    Begin(LogName),
    /// The file with the first transaction that is not one of these, from its start.
    BeginAfter(GtidSet),
    /// What follows the stored bytes.
    Resume,
}

/// Decides from what is stored, and where a new stream is to begin. `None` if only the list of the primary's files can
/// tell.
pub(super) fn plan(tail: Option<&Tail>, start: &StartAt) -> Option<Plan> {
    match (tail, start) {
        (Some(_), _) => Some(Plan::Resume),
        (None, StartAt::Earliest) => Some(Plan::BeginOldest),
        (None, StartAt::Current) => Some(Plan::BeginNewest),
        (None, StartAt::After(gtids)) => Some(Plan::BeginAfter(gtids.clone())),
        (None, StartAt::File { name, offset }) if *offset <= FIRST_EVENT => {
            LogName::new(name).map(Plan::Begin)
        }
        (None, StartAt::File { .. }) => None,
    }
}

/// Decides with the list of the primary's files: where [`plan`] could not, or where the primary refused what it had
/// decided.
///
/// # Errors
/// There is nothing to go on with.
pub fn plan_by_list(
    version: &ServerVersion,
    logs: &[PrimaryLog],
    tail: Option<&Tail>,
    start: &StartAt,
) -> Result<Plan, UpstreamError> {
    let (Some(oldest), Some(newest)) = (logs.first(), logs.last()) else {
        return Err(UpstreamError::BinaryLogOff(version.clone()));
    };
    let Some(tail) = tail else {
        return match start {
            StartAt::Earliest => Ok(Plan::Begin(oldest.name.clone())),
            StartAt::Current => Ok(Plan::Begin(newest.name.clone())),
            StartAt::File { name, offset } => begin_at(logs, name, *offset, oldest, newest),
            StartAt::After(gtids) => Ok(Plan::BeginAfter(gtids.clone())),
        };
    };
    let (name, end) = (&tail.file.name, tail.verifier.offset());
    match log(logs, name) {
        Some(log) if log.end() < end => {
            Err(UpstreamError::LostTail { file: name.to_string(), theirs: log.end(), ours: end })
        }
        Some(_) => Ok(Plan::Resume),
        // Also where the base name was changed and changed back: numbers that begin again are another history.
        None if logs.iter().any(|log| is_before(&log.name, name)) => {
            Err(UpstreamError::NoSuchFile {
                wanted: name.to_string(),
                oldest: oldest.name.to_string(),
                newest: newest.name.to_string(),
            })
        }
        None if oldest.name.base() != name.base() => Err(UpstreamError::OtherNames {
            wanted: name.to_string(),
            oldest: oldest.name.as_str().into(),
            newest: newest.name.as_str().into(),
            cause: "the stored files have no GTIDs".into(),
        }),
        // All of the stored file is here, so only the next one is needed.
        None if tail.verifier.ended() && oldest.name.number() == name.number() + 1 => {
            Ok(Plan::Begin(oldest.name.clone()))
        }
        // Its head will show whether transactions were in what was purged.
        None if lists_gtids(tail) => Ok(Plan::Begin(oldest.name.clone())),
        None => Err(UpstreamError::Purged {
            wanted: format!("{name}, which is stored up to {end}"),
            oldest: oldest.name.to_string(),
            consequence: "What lies between can no longer be had from it. The stored files stay \
                          readable; to start afresh give binlogd a new data directory",
        }),
    }
}

/// Whether the GTIDs of the stored history are known, so that the head of a later file can be compared with them.
pub(super) fn lists_gtids(tail: &Tail) -> bool {
    let logged = tail.verifier.logged();
    logged.has_list() && !logged.all().is_empty()
}

/// Whether files of this name come before those of the other one.
fn is_before(name: &LogName, other: &LogName) -> bool {
    name.base() == other.base() && name.number() < other.number()
}

/// The file called `name`, if the primary has it.
fn log<'l>(logs: &'l [PrimaryLog], name: &LogName) -> Option<&'l PrimaryLog> {
    logs.iter().find(|log| log.name == *name)
}

fn begin_at(
    logs: &[PrimaryLog],
    name: &str,
    offset: u64,
    oldest: &PrimaryLog,
    newest: &PrimaryLog,
) -> Result<Plan, UpstreamError> {
    let wanted = LogName::new(name);
    if let Some(found) = wanted.as_ref().and_then(|name| log(logs, name)) {
        if offset > found.end() {
            let (file, size) = (name.to_owned(), found.end());
            return Err(UpstreamError::BehindEnd { file, size, offset });
        }
        return Ok(Plan::Begin(found.name.clone()));
    }
    let is_purged =
        wanted.is_some_and(|w| w.base() == oldest.name.base() && w.number() < oldest.name.number());
    Err(if is_purged {
        UpstreamError::Purged {
            wanted: name.to_owned(),
            oldest: oldest.name.to_string(),
            consequence: "Start at that file, or with 'earliest'",
        }
    } else {
        UpstreamError::NoSuchFile {
            wanted: name.to_owned(),
            oldest: oldest.name.to_string(),
            newest: newest.name.to_string(),
        }
    })
}
