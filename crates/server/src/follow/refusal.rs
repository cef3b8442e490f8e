//! What to do when a primary refuses to begin a dump where it was asked to.
//!
//! Only now it is asked for the list of its files, for which it may have to wait: there is no dump that could be late.

use binlogd_store::LogName;
use binlogd_wire::ErrorCode;

use super::FollowError;
use super::plan::{Plan, plan_by_list};
use crate::ingest::{Intake, IntakeError, NotNext, ReceiveError, Tail};
use crate::stream::Stream;
use crate::upstream::{Chosen, Compared, UpstreamError, choose, compare, note_unlogged_between};

/// Whether the primary refused to send from where it was asked to.
pub(super) fn is_refusal(outcome: &Result<(), FollowError>, intake: &Intake) -> bool {
    let Err(FollowError::Receive(ReceiveError::Client(error))) = outcome else { return false };
    let code = ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG;
    !intake.is_following() && error.server_error().is_some_and(|error| error.code == code)
}

/// Where to go on instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Instead {
    /// At the start of this file: the stored one was purged.
    File(LogName),
    /// After the stored end, without comparing the last stored transaction.
    End(End),
}

/// The end of what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    file: u64,
    offset: u64,
}

impl End {
    pub(super) fn of(tail: &Tail) -> Self {
        Self { file: tail.file.id.0, offset: tail.verifier.offset() }
    }
}

/// Looks for the cause of the refusal of `tail` in the list of the primary's files and in the stored file's twin there;
/// `None` if they do not explain it.
///
/// # Errors
/// What is wrong, if they show it; or the primary cannot be asked.
pub(super) async fn instead(
    stream: &Stream,
    tail: Option<&Tail>,
    is_same_history: impl Fn(&Chosen) -> bool,
) -> Result<Option<Instead>, FollowError> {
    let upstreams = stream.connect_options();
    let mut chosen = choose(&upstreams, stream.config().choose).await?;
    if !is_same_history(&chosen) {
        return Ok(None);
    }
    let logs = chosen.logs().await?;
    let plan = plan_by_list(&chosen.primary.version, &logs, tail, &stream.config().start)?;
    match (plan, tail) {
        (Plan::Begin(file), Some(_)) => Ok(Some(Instead::File(file))),
        (Plan::Resume, Some(tail)) => end_instead(stream, tail, &chosen).await,
        _ => Ok(None),
    }
}

/// Whether the transactions that a new file lists, and that are not stored, are none that a file ever had. A MySQL 5.6 that is
/// told `SET GLOBAL gtid_purged` begins a new file at once, and lists them in it. Then they are noted in the store, so that
/// the file is accepted when it comes again.
///
/// # Errors
/// The primary or the disk cannot be used.
pub(super) async fn is_unlogged(
    stream: &Stream,
    error: &NotNext,
    is_same_history: impl Fn(&Chosen) -> bool,
) -> Result<bool, UpstreamError> {
    let NotNext::Gap { between, .. } = error else { return Ok(false) };
    let noted = stream.catalog().unlogged().unwrap_or_default();
    if between.is_empty() || !between.is_mysqls() {
        return Ok(false);
    }
    if between.is_subset(&noted) {
        // They were noted after the dump had begun.
        return Ok(true);
    }
    let mut chosen = choose(&stream.connect_options(), stream.config().choose).await?;
    if !is_same_history(&chosen) {
        return Ok(false);
    }
    note_unlogged_between(stream, &mut chosen.connection, between).await
}

/// A MySQL whose `gtid_mode` has changed does not send the transactions from before any more: no anonymous ones when it is
/// ON, none with GTIDs when it is OFF. A replica by file and position goes on after them. So does binlogd, once the beginning
/// of the primary's file was seen to be the stored one.
async fn end_instead(
    stream: &Stream,
    tail: &Tail,
    chosen: &Chosen,
) -> Result<Option<Instead>, FollowError> {
    let (catalog, server_id) = (stream.catalog(), stream.identity().server_id);
    let (file, ours) = (tail.file.name.to_string(), tail.verifier.offset());
    let head_end = catalog.head(&tail.file).map_err(UpstreamError::from)?.events_start;
    match compare(&chosen.options, &chosen.primary, server_id, catalog, &tail.file).await? {
        Compared::DiffersAt(offset) => {
            Err(ReceiveError::from(IntakeError::Fork { file, offset }).into())
        }
        Compared::EndsAt(theirs) => Err(UpstreamError::LostTail { file, theirs, ours }.into()),
        Compared::RefusedAt(at) if at >= head_end && !chosen.primary.is_mariadb() => {
            Ok(Some(Instead::End(End::of(tail))))
        }
        Compared::RefusedAt(_) | Compared::Same => Ok(None),
    }
}
