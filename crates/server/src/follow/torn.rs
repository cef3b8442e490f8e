//! Leaving a file that its primary never completed.
//!
//! A MariaDB that dies while it writes leaves what it was writing at the end of its file, and begins
//! another one. It never sends all of such a file: where an event is torn it ends every dump with
//! error 1236. To its own replicas that come by GTID it sends the next file instead.

use binlogd_event::{FIRST_EVENT, Gtid};
use binlogd_store::LogName;
use binlogd_wire::ErrorCode;

use super::FollowError;
use crate::ingest::{Intake, ReceiveError, Tail};
use crate::stream::Stream;
use crate::upstream::{Chosen, Primary, UpstreamError, choose, first_file_with_news};

/// Where a primary could not go on with a file.
#[derive(Debug)]
pub(super) struct Torn {
    /// Where the last whole event ends that came, in bytes from the file's start.
    pub(super) end: u64,
    /// The transaction that it belongs to, if there is one.
    pub(super) gtid: Option<Gtid>,
}

/// Whether the primary, having shown that what is stored is its own, cannot send what follows.
pub(super) fn is_refusal(outcome: &Result<(), FollowError>, intake: &Intake) -> bool {
    let Err(FollowError::Receive(ReceiveError::Client(error))) = outcome else { return false };
    let code = ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG;
    intake.is_following() && error.server_error().is_some_and(|error| error.code == code)
}

/// Whether to read to the end first, without semi-sync: there may be a torn event. A semi-synchronous dump that ends
/// there hangs in MariaDB 11.8 before its error is sent, and with it every later dump of the same replica. `read` is the
/// connection on which all was read that there was, if there was one: a server that has died since counts its connections
/// anew.
pub(super) fn reads_first(primary: &Primary, connection: u32, read: Option<u32>) -> bool {
    primary.is_mariadb() && read.is_none_or(|read| connection <= read)
}

/// The file behind the torn one, which ends with `tail`; `None` if there is none yet, or if it is not
/// certain that nothing is lost by going there: the primary itself must name a later file to a reader
/// that has all that is stored. Where an event is damaged in the middle of a file, it does not.
///
/// # Errors
/// The primary cannot be asked.
pub(super) async fn file_behind(
    stream: &Stream,
    tail: &Tail,
    is_same_history: impl Fn(&Chosen) -> bool,
) -> Result<Option<LogName>, UpstreamError> {
    let upstreams = stream.connect_options();
    let mut chosen = choose(&upstreams, stream.config().choose).await?;
    let primary = &chosen.primary;
    // In a file without its head readers by GTID would look for what stands before it.
    let has_head = tail.verifier.last_event().is_some_and(|start| start > FIRST_EVENT);
    if !primary.is_mariadb() || !has_head || tail.verifier.ended() || !is_same_history(&chosen) {
        return Ok(None);
    }
    let torn = &tail.file.name;
    let next = chosen.logs().await?.into_iter().map(|log| log.name).find(|name| name > torn);
    let Some(next) = next.filter(|next| next.number() == torn.number() + 1) else {
        return Ok(None);
    };
    let executed = stream.catalog().executed();
    let server_id = stream.identity().server_id;
    match first_file_with_news(&chosen.options, &chosen.primary, &executed, server_id).await {
        Ok(file) => Ok((file > *torn).then_some(next)),
        Err(UpstreamError::NotAfter { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
