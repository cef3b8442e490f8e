//! Coming to a new timeline, by GTID: another server is followed.

use binlogd_event::GtidSet;
use binlogd_store::{LogName, SourceId};

use crate::config::OnFork;
use crate::stream::Stream;
use crate::upstream::{Chosen, UpstreamError, executed_gtids, first_file_with_news};

/// Where a new timeline begins.
#[derive(Debug)]
pub(super) struct NewTimeline {
    /// The new source's file in which the first transaction stands that is not stored. It is
    /// followed from its start, so that it is stored whole; readers skip what they have.
    pub(super) file: LogName,
    /// Stored transactions that the new source lacks.
    pub(super) forked: GtidSet,
    /// All others that are stored.
    pub(super) shared: GtidSet,
}

/// Finds out where the new source's history goes on from the stored one, or that it does not.
pub(super) async fn prepare(
    stream: &Stream,
    stored_source: Option<&SourceId>,
    chosen: &mut Chosen,
) -> Result<NewTimeline, UpstreamError> {
    let Chosen { options, connection, primary } = chosen;
    let executed = stream.catalog().executed();
    let other_server = || UpstreamError::OtherServer {
        stored: stored_source.unwrap_or(&primary.source).clone(),
        found: primary.source.clone(),
    };
    if !primary.has_gtids() || executed.is_empty() {
        return Err(other_server());
    }
    let forked = executed.difference(&executed_gtids(connection, primary, &executed).await?);
    let shared = executed.difference(&forked);
    // Of those that stand in no file nothing is lost.
    let is_forked = !forked.is_subset(&stream.catalog().unlogged().unwrap_or_default());
    if is_forked && stream.config().on_fork == OnFork::Halt {
        let server = primary.source.clone();
        return Err(if shared.is_empty() {
            other_server()
        } else {
            UpstreamError::Forked { server, gtids: forked }
        });
    }
    let server_id = stream.identity().server_id;
    let file = first_file_with_news(options, primary, &shared, server_id).await?;
    Ok(NewTimeline { file, forked, shared })
}
