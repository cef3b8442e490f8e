//! Where a dump begins, or why it cannot. Errors are a MySQL primary's own numbers and texts, on
//! which replicas act.

use std::sync::Arc;

use binlogd_event::{ChecksumAlgorithm, FIRST_EVENT, GtidSet, ServerVersion};
use binlogd_store::{Catalog, LogFile, NameError, StoreError, Timeline};
use binlogd_wire::{ErrorCode, ServerError};

use super::mariadb::{self, MariadbWishes};

/// What a reader asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The file by its bare or qualified name; empty is the oldest one, or with a GTID set the one to be
    /// found by it.
    pub file: String,
    /// Bytes from the file's start.
    pub offset: u64,
    /// Transactions to leave out; given by `COM_BINLOG_DUMP_GTID`, even if there are none.
    pub has: Option<GtidSet>,
    /// What a reader of a MariaDB stream has said; `None` in other streams.
    pub mariadb: Option<MariadbWishes>,
}

/// How a reader wants its stream.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The server id in events made for the reader: ours.
    pub server_id: u32,
    /// What the session set `@source_binlog_checksum` to; `None` if it set nothing, which says
    /// that the reader knows no checksums.
    pub checksum: Option<ChecksumAlgorithm>,
    /// Heartbeats of version 2, where files know them.
    pub heartbeat_v2: bool,
    /// Events have the semi-sync header, and the newest is to be acknowledged.
    pub semi_sync: bool,
    /// End instead of waiting for more.
    pub non_blocking: bool,
}

/// Where a dump begins.
#[derive(Debug, Clone)]
pub struct StartPoint {
    /// The file.
    pub file: Arc<LogFile>,
    /// What the reader calls it, if it reads by file and position: then each file is sent under a name
    /// with which the reader can come back. Readers by GTID get the source's own names.
    pub name: Option<String>,
    /// Bytes from its start.
    pub offset: u64,
    /// The transactions to leave out.
    pub has: Option<GtidSet>,
    /// All GTIDs before the place, if it is behind the file's head and a MariaDB reader is told no more of
    /// what came before.
    pub before: Option<GtidSet>,
    /// Whether `log_pos` of the format description is 0 for the reader.
    pub clear_log_pos: bool,
    /// The number of the newest timeline by then: what later ones lack the reader may be sent.
    pub newest_timeline: u32,
}

/// Why a dump cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The reader must be told, in MySQL's words.
    #[error("{}", .0.message)]
    Reader(ServerError),
    /// The stored history was cut back behind what the reader has been sent, so its connection must
    /// be closed: it then asks anew.
    #[error("the end of {0} was cut back: its server never completed the transaction there")]
    CutBack(String),
    /// Our files failed us.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DumpError {
    /// Error 1236 with a text.
    pub(crate) fn fatal(text: impl Into<String>) -> Self {
        Self::Reader(ServerError::new(ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG, text.into()))
    }

    /// Whether the connection is closed without an error, so that the reader asks anew: an error 1236
    /// would make a replica stop for good.
    pub(crate) fn closes_connection(&self) -> bool {
        match self {
            Self::CutBack(_) => true,
            Self::Store(error) => error.is_transient(),
            Self::Reader(_) => false,
        }
    }

    /// What the reader is told.
    #[must_use]
    pub fn to_server_error(&self) -> ServerError {
        match self {
            Self::Reader(error) => error.clone(),
            // A moment ago it was there.
            Self::Store(StoreError::Purged { .. }) => no_such_file().to_server_error(),
            error => ServerError::new(
                ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG,
                format!("log event entry could not be read from the binary log: {error}"),
            ),
        }
    }
}

/// Finds where a dump begins.
///
/// # Errors
/// If there is no such file or position, or what the reader lacks was purged.
pub fn find(catalog: &Catalog, start: &Start) -> Result<StartPoint, DumpError> {
    // Asked first: what the reader is not sent for a later timeline's sake is found out after this.
    let newest_timeline = catalog.timelines().last().map_or(0, |timeline| timeline.number);
    let state = start.mariadb.as_ref().and_then(|wishes| wishes.state.as_ref());
    let point = match (state, &start.has) {
        (Some(state), _) => mariadb::find(catalog, state),
        (None, Some(has)) if start.file.is_empty() => {
            check_not_forked(catalog, has)?;
            missing(catalog, has)
        }
        _ => at_position(catalog, start),
    }?;
    Ok(StartPoint { newest_timeline, ..point })
}

fn at_position(catalog: &Catalog, start: &Start) -> Result<StartPoint, DumpError> {
    let offset = start.offset;
    let (file, name) = if start.file.is_empty() {
        let file = catalog.files().into_iter().next().ok_or_else(no_such_file)?;
        let name = catalog.shown_name(&file);
        (file, name)
    } else {
        let found = catalog.resolve(&start.file, Some(offset));
        (found.map_err(not_found)?, start.file.clone())
    };
    let is_possible = (FIRST_EVENT..=catalog.readable_len(&file)).contains(&offset);
    if start.mariadb.is_some() && !is_possible {
        return Err(DumpError::fatal(
            "Client requested master to start replication from impossible position",
        ));
    }
    if !is_possible {
        let source = if says_master(&catalog.head(&file)?.format.server_version) {
            "master"
        } else {
            "source"
        };
        let than = if offset < FIRST_EVENT { "< 4" } else { "> file size" };
        return Err(DumpError::fatal(format!(
            "Client requested {source} to start replication from position {than}"
        )));
    }
    // The GTID command leaves log_pos as it is, even to a start inside of the file.
    let clear_log_pos = offset > FIRST_EVENT && start.has.is_none();
    let has = start.has.clone();
    let name = Some(name);
    Ok(StartPoint { file, name, offset, has, before: None, clear_log_pos, newest_timeline: 0 })
}

/// Whether a server's errors say "master" for what is a source since MySQL 8.0.26.
pub(super) fn says_master(version: &ServerVersion) -> bool {
    version.is_mariadb() || !version.at_least(8, 0, 26)
}

fn not_found(error: NameError) -> DumpError {
    match error {
        NameError::NoSuchFile(_) => no_such_file(),
        NameError::Ambiguous(ambiguous) => DumpError::fatal(format!(
            "Could not tell which history the replica follows: {ambiguous}, that of the server whose \
             transactions the replica has"
        )),
        NameError::Store(error) => error.into(),
    }
}

fn no_such_file() -> DumpError {
    DumpError::fatal("Could not find first log file name in binary log index file")
}

/// The newest file before which the reader has everything.
fn missing(catalog: &Catalog, has: &GtidSet) -> Result<StartPoint, DumpError> {
    loop {
        match newest_fit(catalog, has) {
            // Files were purged meanwhile, and those before them.
            Err(DumpError::Store(StoreError::Purged { .. })) => {}
            found => return found,
        }
    }
}

fn newest_fit(catalog: &Catalog, has: &GtidSet) -> Result<StartPoint, DumpError> {
    let files = catalog.files();
    let Some(oldest) = files.first() else { return Err(no_such_file()) };
    let refused = |lacks: &GtidSet| -> Result<DumpError, DumpError> {
        let version = &catalog.head(oldest)?.format.server_version;
        Ok(DumpError::fatal(missing_text(version, has, &lacks.difference(has))))
    };
    let purged = catalog.purged()?;
    if !purged.is_subset(has) {
        return Err(refused(&purged)?);
    }
    for files in files.chunk_by(|a, b| a.timeline.number == b.timeline.number).rev() {
        let Some(timeline) = files.first().map(|file| &file.timeline) else { continue };
        if !catalog.needed_in(timeline)?.is_subset(has) {
            continue;
        }
        for file in files.iter().rev() {
            if catalog.head(file)?.previous_gtids.is_subset(has) {
                return Ok(begin_at(file, has));
            }
        }
    }
    let mut lacks = catalog.head(oldest)?.previous_gtids.clone();
    lacks.extend(&catalog.needed_in(&oldest.timeline)?);
    Err(refused(&lacks)?)
}

fn begin_at(file: &Arc<LogFile>, has: &GtidSet) -> StartPoint {
    StartPoint {
        file: file.clone(),
        name: None,
        offset: FIRST_EVENT,
        has: Some(has.clone()),
        before: None,
        clear_log_pos: false,
        newest_timeline: 0,
    }
}

/// What a timeline inherited and its source never sent, since another one is followed: MariaDB's readers that
/// lack it must not begin there. Of MySQL's [`Catalog::needed_in`] knows it.
pub(super) fn unsent(catalog: &Catalog, timeline: &Timeline) -> Result<GtidSet, StoreError> {
    let files = catalog.files();
    let is_newest = files.last().is_none_or(|last| last.timeline.number == timeline.number);
    let last = files.iter().rfind(|file| file.timeline.number == timeline.number);
    let Some(last) = last.filter(|_| !is_newest && !timeline.inherited.is_empty()) else {
        return Ok(GtidSet::new());
    };
    let at_end = catalog.gtids_at_end(last)?;
    let unsent = timeline.inherited.difference(&at_end);
    Ok(unsent.difference(&forked_after(catalog, timeline)))
}

/// Refuses a reader that has transactions of an earlier timeline which the newest source lacks: what comes
/// from that would make a mixture of two histories. Those of the newest source itself may be on their way
/// (`dump::ahead`); those that are stored again, since they were replayed, are a part of its history.
fn check_not_forked(catalog: &Catalog, has: &GtidSet) -> Result<(), DumpError> {
    let timelines = catalog.timelines();
    let Some(newest) = timelines.last() else { return Ok(()) };
    let mut lacking = newest.forked.difference(&catalog.executed());
    if let Ok(own) = newest.source.as_str().parse() {
        lacking = lacking.difference(&lacking.of_server(own));
    }
    let forked = has.difference(&has.difference(&lacking));
    if forked.is_empty() {
        return Ok(());
    }
    Err(DumpError::fatal(format!(
        "The replica has transactions that server {}, which is followed now, lacks: {}. Commit them there \
         with their GTIDs, or provision a new replica from that server",
        newest.source,
        short(&forked),
    )))
}

/// How much of a GTID set an error shows, in bytes: all of it may have 512 at the reader.
const GTIDS_LEN_MAX: usize = 150;

/// A GTID set for an error's text.
pub(super) fn short(gtids: &GtidSet) -> String {
    let mut text = gtids.to_string().replace('\n', "");
    if text.len() > GTIDS_LEN_MAX {
        text.truncate(GTIDS_LEN_MAX);
        text.push_str("...");
    }
    text
}

/// The transactions that the sources of later timelines lack.
pub(super) fn forked_after(catalog: &Catalog, timeline: &Timeline) -> GtidSet {
    let mut forked = GtidSet::new();
    for later in catalog.timelines().iter().filter(|later| later.number > timeline.number) {
        forked.extend(&later.forked);
    }
    forked
}

/// MySQL's text, in the words of its version.
fn missing_text(version: &ServerVersion, has: &GtidSet, missing: &GtidSet) -> String {
    if !version.at_least(5, 7, 0) {
        return "The slave is connecting using CHANGE MASTER TO MASTER_AUTO_POSITION = 1, but the \
                master has purged binary logs containing GTIDs that the slave requires."
            .to_owned();
    }
    let (has, missing) = (has.to_lines(), missing.to_lines());
    let (source, replica) =
        if says_master(version) { ("master", "slave") } else { ("source", "replica") };
    format!(
        "Cannot replicate because the {source} purged required binary logs. Replicate the missing \
         transactions from elsewhere, or provision a new {replica} from backup. Consider increasing \
         the {source}'s binary log expiration period. The GTID set sent by the {replica} is '{has}', \
         and the missing transactions are '{missing}'"
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// A replica that gets error 1236 stops for good, so a lack of descriptors must not become one.
    #[test]
    fn a_reader_comes_again_after_what_passes_and_stops_at_what_does_not() {
        let failed = |number| {
            let error = io::Error::from_raw_os_error(number);
            let error =
                StoreError::Io { action: "open", path: "binlog.000001".into(), source: error };
            DumpError::Store(error).closes_connection()
        };
        // EINTR, EAGAIN, ENOMEM, ENFILE, EMFILE.
        assert_eq!([4, 11, 12, 23, 24].map(failed), [true; 5]);
        // ENOENT, EIO, EACCES.
        assert_eq!([2, 5, 13].map(failed), [false; 3]);
        assert!(DumpError::CutBack("binlog.000001".into()).closes_connection());
        assert!(!DumpError::fatal("x").closes_connection());
    }
}
