//! Coming to a new timeline, by GTID: another server is followed.

use binlogd_event::{GtidSet, GtidSource};
use binlogd_store::{Catalog, LogName, SourceId};

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
    /// Whether the new source has all of the newest history.
    pub(super) is_whole: bool,
    /// The new source.
    pub(super) source: SourceId,
}

/// Finds out where the new source's history goes on from the stored one, or that it does not.
pub(super) async fn prepare(
    stream: &Stream,
    stored_source: Option<&SourceId>,
    chosen: &mut Chosen,
) -> Result<NewTimeline, UpstreamError> {
    let Chosen { options, connection, primary } = chosen;
    let executed = stream.catalog().executed();
    let stored = stored_source.unwrap_or(&primary.source);
    if !primary.has_gtids() || executed.is_empty() {
        return Err(other_server(stored, &primary.source));
    }
    let theirs = executed_gtids(connection, primary, &executed).await?;
    let on_fork = stream.config().on_fork;
    let stored = Stored::of(stored, stream.catalog());
    let Divergence { forked, shared, is_whole } =
        Divergence::new(&stored, (&primary.source, &theirs), on_fork)?;
    let server_id = stream.identity().server_id;
    let file = first_file_with_news(options, primary, &shared, server_id).await?;
    let source = primary.source.clone();
    Ok(NewTimeline { file, forked, shared, is_whole, source })
}

/// What is stored.
#[derive(Debug)]
pub struct Stored<'a> {
    source: &'a SourceId,
    executed: GtidSet,
    /// What this server, or one before it, lacked itself.
    lost: GtidSet,
    /// What stands in no file.
    unlogged: GtidSet,
}

impl<'a> Stored<'a> {
    /// What a catalog has, whose newest timeline is this server's.
    #[must_use]
    pub fn of(source: &'a SourceId, catalog: &Catalog) -> Self {
        let (executed, lost) = (catalog.executed(), catalog.forked());
        Self { source, executed, lost, unlogged: catalog.unlogged().unwrap_or_default() }
    }
}

/// How the transactions of another server relate to the stored ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// Stored transactions that the other server lacks, also those that others before it lacked.
    pub forked: GtidSet,
    /// All others that are stored.
    pub shared: GtidSet,
    /// Whether the other server has all of the newest history, but for what stands in no file.
    pub is_whole: bool,
}

impl Divergence {
    /// Compares the stored transactions with those of another server.
    ///
    /// # Errors
    /// The two have nothing in common; or the other one lacks stored transactions, and such a fork is
    /// not followed; or it will give their GTIDs to others.
    pub fn new(
        stored: &Stored<'_>,
        (server, theirs): (&SourceId, &GtidSet),
        on_fork: OnFork,
    ) -> Result<Self, UpstreamError> {
        let Stored { source, executed, lost, unlogged } = stored;
        let mut forked = executed.difference(theirs);
        let shared = executed.difference(&forked);
        // Of those that stand in no file nothing is lost.
        let is_whole = forked.is_subset(unlogged);
        forked.extend(&lost.difference(theirs));
        let again = given_again(server, &forked.difference(unlogged), theirs);
        if !again.is_empty() {
            return Err(UpstreamError::GivesAgain { server: server.clone(), gtids: again });
        }
        if is_whole || on_fork == OnFork::NewTimeline {
            return Ok(Self { forked, shared, is_whole });
        }
        Err(match shared.is_empty() {
            true => other_server(source, server),
            false => UpstreamError::Forked { server: server.clone(), gtids: forked },
        })
    }
}

/// The forked transactions that the server committed itself and has not any more: it was restored, or lost the
/// end of its binlog, and gives their GTIDs to others. MariaDB counts on from the highest number of a domain,
/// whoever gave that.
fn given_again(server: &SourceId, forked: &GtidSet, theirs: &GtidSet) -> GtidSet {
    let mut again = match server.as_str().parse() {
        Ok(uuid) => forked.of_server(uuid),
        Err(_) => GtidSet::new(),
    };
    let theirs = theirs.position();
    for gtid in forked.last_of_domains().filter(|gtid| !theirs.includes(gtid)) {
        if matches!(gtid.source, GtidSource::Domain { server_id, .. }
            if SourceId::of_server_id(server_id) == *server)
        {
            again.insert(gtid);
        }
    }
    // Of MariaDB's insert means all before it, too.
    again.difference(&again.difference(forked))
}

fn other_server(stored: &SourceId, found: &SourceId) -> UpstreamError {
    UpstreamError::OtherServer { stored: stored.clone(), found: found.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "11111111-1111-1111-1111-111111111111";
    const B: &str = "22222222-2222-2222-2222-222222222222";

    fn set(text: &str) -> GtidSet {
        GtidSet::from_last_of_domains(text).or_else(|_| text.parse()).unwrap()
    }

    fn compare(stored: &str, lost: &str, server: &str, theirs: &str) -> Result<String, String> {
        let (server, none) = (SourceId::new(server).unwrap(), SourceId::new(B).unwrap());
        let (executed, lost, unlogged) = (set(stored), set(lost), GtidSet::new());
        let stored = Stored { source: &none, executed, lost, unlogged };
        let found = Divergence::new(&stored, (&server, &set(theirs)), OnFork::NewTimeline);
        found.map(|found| found.forked.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_that_lacks_what_it_committed_itself_is_never_followed() {
        let (ab, b) = (format!("{A}:1-8,{B}:1-5"), format!("{A}:1-6,{B}:1-5"));
        assert_eq!(compare(&ab, "", B, &b), Ok(format!("{A}:7-8")));
        let refused = compare(&ab, "", A, &b).unwrap_err();
        assert!(refused.contains(&format!("{A}:7-8")), "{refused}");
        // Also if another server lacked it first.
        assert!(compare(&b, &format!("{A}:7-8"), A, &b).is_err());
        assert_eq!(compare(&b, &format!("{A}:7-8"), A, &ab), Ok(String::new()));
        assert!(compare("0-1-8", "", "server-1", "0-1-6").is_err());
        assert!(compare("0-1-8", "", "server-2", "0-1-6").is_ok());
        assert!(compare("0-1-8", "", "server-1", "0-1-6,0-2-9").is_ok());
    }
}
