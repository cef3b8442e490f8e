//! What to do when a primary refuses to begin a dump where it was asked to.
//!
//! Only now it is asked for the list of its files, for which it may have to wait: there is no dump that could be late.

use binlogd_store::LogName;
use binlogd_wire::ErrorCode;

use super::FollowError;
use super::plan::{Plan, plan_by_list};
use crate::ingest::{Intake, ReceiveError, Tail};
use crate::stream::Stream;
use crate::upstream::{Chosen, UpstreamError, choose};

/// Whether the primary refused to send from where it was asked to.
pub(super) fn is_refusal(outcome: &Result<(), FollowError>, intake: &Intake) -> bool {
    let Err(FollowError::Receive(ReceiveError::Client(error))) = outcome else { return false };
    let code = ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG;
    !intake.is_following() && error.server_error().is_some_and(|error| error.code == code)
}

/// Looks for the cause in the list of the primary's files. `Some` is a file to go on with, as the stored one is complete
/// and has been purged; `None` if the list does not explain the refusal.
///
/// # Errors
/// What is wrong, if the list shows it; or the primary cannot be asked.
pub(super) async fn file_instead(
    stream: &Stream,
    tail: Option<&Tail>,
    is_same_history: impl Fn(&Chosen) -> bool,
) -> Result<Option<LogName>, UpstreamError> {
    let upstreams = stream.connect_options();
    let mut chosen = choose(&upstreams, stream.config().choose).await?;
    if !is_same_history(&chosen) {
        return Ok(None);
    }
    let logs = chosen.logs().await?;
    match plan_by_list(&chosen.primary.version, &logs, tail, &stream.config().start)? {
        Plan::Begin(file) if tail.is_some() => Ok(Some(file)),
        _ => Ok(None),
    }
}
