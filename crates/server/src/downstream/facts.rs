//! What this side must know of the stream it serves.

use std::fmt;
use std::pin::Pin;
use std::time::SystemTime;

use binlogd_event::{GtidPosition, GtidSet};
use binlogd_store::{Ambiguous, Position};

use crate::reader_acks::AckStatus;

use super::answer::{Answer, AnswerError, Question};
use super::replica::{Obeyed, Order, OrderError, ReplicaStatus};

/// The stream behind a listener, as its readers see it. The stream implements it; tests have a fake.
///
/// Every method but `purge` and `gtids_before` answers from memory, at once: they are called while a client waits, and for each
/// query anew, so what they return may change between two calls. Methods that build something large
/// are only called when a client asks for just that.
pub trait StreamFacts: Send + Sync + 'static {
    /// The version that is presented: the upstream's, as it says it (`9.7.4`,
    /// `11.8.3-MariaDB-log`). Replicas refuse what does not begin with a number of 5 or more.
    fn server_version(&self) -> String;

    /// binlogd's own server id in this stream.
    fn server_id(&self) -> u32;

    /// binlogd's own server UUID in this stream: not the upstream's, or a replica of both would take
    /// them for one. Not presented in a MariaDB stream.
    fn server_uuid(&self) -> String;

    /// MySQL's `gtid_mode`: `OFF`, `OFF_PERMISSIVE`, `ON_PERMISSIVE` or `ON`.
    fn gtid_mode(&self) -> String;

    /// The GTIDs that can be had here or were purged, as MySQL writes a set; may be long.
    fn gtid_executed(&self) -> String;

    /// The GTIDs that were and can no longer be had here; may be long.
    fn gtid_purged(&self) -> String;

    /// `CRC32` or `NONE`: the checksum of the events now written.
    fn binlog_checksum(&self) -> String;

    /// A variable of the upstream as `SHOW GLOBAL VARIABLES` showed it some seconds ago, or when the upstream was
    /// last connected; the name is in lower case. `None` if the upstream has no such variable or was never asked.
    fn upstream_variable(&self, name: &str) -> Option<String>;

    /// All variables of the upstream, as they were some seconds ago.
    fn upstream_variables(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The files that can be dumped, oldest first, under names that are unique.
    fn binary_logs(&self) -> Vec<BinaryLog>;

    /// Where the served stream ends: the newest file and the position up to which it may be read.
    /// `None` if nothing is stored yet.
    fn binary_log_status(&self) -> Option<BinaryLogStatus>;

    /// How many bytes can be read after a place.
    fn bytes_after(&self, place: Position) -> u64 {
        let _ = place;
        0
    }

    /// The GTIDs of all transactions before a place, as the product writes them; may be long. Takes as long as
    /// the disk does. `None` if the place is gone.
    fn gtids_before(&self, place: Position) -> Option<String> {
        let _ = place;
        None
    }

    /// MariaDB: the last GTID of each domain, as `@@gtid_binlog_pos` shows it.
    fn gtid_binlog_pos(&self) -> String {
        String::new()
    }

    /// MariaDB: the last GTID of each domain and server, as `@@gtid_binlog_state` shows it.
    fn gtid_binlog_state(&self) -> String {
        String::new()
    }

    /// MariaDB: what `BINLOG_GTID_POS(file, position)` answers; `None` is NULL.
    ///
    /// # Errors
    /// Several files may be meant.
    fn binlog_gtid_pos(&self, file: &str, position: u64) -> Result<Option<String>, Ambiguous> {
        let _ = (file, position);
        Ok(None)
    }

    /// Whether all of these transactions can be had here or were purged.
    fn has_executed(&self, gtids: &Gtids) -> bool {
        let _ = gtids;
        false
    }

    /// Waits until all of these transactions can be had here, however long that takes.
    fn executed(&self, gtids: Gtids) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let _ = gtids;
        Box::pin(std::future::pending())
    }

    /// Whether the primary's file of this name is here up to this position, or later files are.
    fn has_position(&self, file: &str, position: u64) -> bool {
        let _ = (file, position);
        false
    }

    /// Waits until it is, however long that takes.
    fn position_reached(
        &self,
        file: String,
        position: u64,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let _ = (file, position);
        Box::pin(std::future::pending())
    }

    /// Whether replicas may ask for semi-synchronous replication. If they may not, they find no variable
    /// that speaks of it: real replicas ask even where it says OFF.
    fn semi_sync_offered(&self) -> bool {
        false
    }

    /// What readers have acknowledged.
    fn reader_acks(&self) -> AckStatus {
        AckStatus::default()
    }

    /// Removes the oldest files: what `PURGE BINARY LOGS` asks for, as far as readers let it. The
    /// active file stays. Takes as long as the disk does.
    ///
    /// # Errors
    /// There is no such file, or it cannot be done.
    fn purge(&self, target: &PurgeTarget) -> Result<PurgeOutcome, PurgeError> {
        let _ = target;
        Err(PurgeError::NoSuchFile)
    }

    /// The events of `file`, or of the oldest one, that begin at `from` or behind it.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    fn events(&self, file: Option<&str>, from: u64) -> Result<Box<dyn EventRows>, EventsError> {
        let _ = (file, from);
        Err(EventsError::NoSuchFile)
    }

    /// Asks the primary, on a connection of its own. Takes until its answer begins; dropping the future takes
    /// the question back.
    ///
    /// # Errors
    /// The primary's own, or there is no primary that answers.
    fn ask_primary(
        &self,
        question: Question,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, AnswerError>> + Send>> {
        let _ = question;
        Box::pin(std::future::ready(Err(AnswerError::Unreachable("there is none".into()))))
    }

    /// How the followed primary is reached, else the first that may be.
    fn primary_options(&self) -> Option<binlogd_client::ConnectOptions> {
        None
    }

    /// Whether the primary's file of this name is stored up to `position`; an error if the name may mean a
    /// file of another server, too.
    ///
    /// # Errors
    /// The name that is unique.
    fn file_reaches(&self, file: &str, position: u64) -> Result<bool, String> {
        let _ = (file, position);
        Ok(false)
    }

    /// Waits until a client can be greeted, but not for long.
    ///
    /// # Errors
    /// Why it cannot be now. Clients that have not logged in see the text.
    fn ready(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// How following the primary goes; `None` if none is followed.
    fn replica_status(&self) -> Option<ReplicaStatus> {
        None
    }

    /// Stops, starts or moves the way to the primary. Stopping takes until what was received is durable.
    ///
    /// # Errors
    /// It cannot be done now, or not here.
    fn order(&self, order: Order) -> Result<Obeyed, OrderError> {
        let _ = order;
        Err(OrderError::NoUpstream)
    }

    /// Further status variables for `SHOW STATUS`, names beginning with `Binlogd_`.
    fn status(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// Transactions, as the two products name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gtids {
    /// Each of these.
    Set(GtidSet),
    /// Of MariaDB: in each domain all up to there.
    Position(GtidPosition),
}

/// The rows of `SHOW BINLOG EVENTS`, read as they are wanted.
pub trait EventRows: fmt::Debug + Send {
    /// The next rows, not very many; none at the end. Takes as long as the disk does.
    ///
    /// # Errors
    /// If the file cannot be read.
    fn next_batch(&mut self) -> Result<Vec<EventRow>, EventsError>;
}

/// A line of `SHOW BINLOG EVENTS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// The file.
    pub file: String,
    /// Where in it the event begins.
    pub position: u64,
    /// The event type's name.
    pub kind: String,
    /// Who made it.
    pub server_id: u32,
    /// Where it ends; 0 where the event does not say.
    pub end: u64,
    /// What it says.
    pub info: Vec<u8>,
}

/// Why events cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventsError {
    /// There is no file of that name.
    #[error("Could not find target log")]
    NoSuchFile,
    /// There are several.
    #[error(transparent)]
    Ambiguous(Ambiguous),
    /// It cannot be read, or is not a binlog.
    #[error("{0}")]
    Failed(String),
}

/// A line of `SHOW BINARY LOGS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryLog {
    /// The file's name; a qualified one, where another timeline may have that of the source.
    pub name: String,
    /// Its length in bytes, as far as it may be read.
    pub size: u64,
}

/// Where a stream ends, for `SHOW BINARY LOG STATUS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryLogStatus {
    /// The newest file.
    pub file: String,
    /// The end of its last event that may be read.
    pub position: u64,
}

/// Which files are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurgeTarget {
    /// Those before the file of this name.
    To(String),
    /// Those whose last bytes came before.
    Before(SystemTime),
}

/// What was done of a purge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PurgeOutcome {
    /// How many files are gone.
    pub removed: usize,
    /// How many were to go.
    pub wanted: usize,
    /// The file that readers are in, at which it stopped, and how many there are.
    pub in_use: Option<(String, usize)>,
    /// The active file, if it would have gone too.
    pub active: Option<String>,
}

/// Why nothing was purged, or not all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PurgeError {
    /// There is no file of that name.
    #[error("no such file")]
    NoSuchFile,
    /// There are several.
    #[error(transparent)]
    Ambiguous(Ambiguous),
    /// The disk did not do it.
    #[error("{0}")]
    Failed(String),
}
