//! Why a primary cannot be followed, and what to do about it.

use binlogd_client::ClientError;
use binlogd_event::{GtidSet, ServerVersion};
use binlogd_store::{Remedy, SourceId, StoreError};
use binlogd_wire::{ErrorCode, ServerError};

mod advice;

/// An error on the way to the primary.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The connection, the login or a query failed; the text says what to do.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The primary writes no binlog.
    #[error("binary logging is off on the primary: {}", advice::log_bin(.0))]
    BinaryLogOff(ServerVersion),
    /// The primary encrypts events, so that its files cannot be kept as they are.
    #[error(
        "the primary encrypts its binlog (encrypt_binlog = ON). It sends the events decrypted, so that \
         files made of them could not be its own, byte for byte. Set encrypt_binlog = OFF in its option \
         file, restart it, and start binlogd at the file that it begins then; or encrypt the disk instead"
    )]
    Encrypted,
    /// The account may not replicate.
    #[error(
        "the account lacks a privilege on the primary ({denied}). Give it: GRANT REPLICATION SLAVE, {} ON \
         *.* TO the account",
        advice::monitor_privilege(version)
    )]
    Privilege {
        /// What the primary said.
        denied: String,
        /// What it is.
        version: ServerVersion,
    },
    /// Both have one server id.
    #[error(
        "the primary has server id {0}, as binlogd does here: replicas of both could not tell them \
         apart. Give this stream another server_id"
    )]
    SameServerId(u32),
    /// Semi-sync is demanded but not offered.
    #[error(
        "semi-sync is 'on' here but not enabled on the primary. {}; or set semi_sync to 'auto'",
        advice::semi_sync(.0)
    )]
    NoSemiSync(ServerVersion),
    /// What is stored came from another server.
    #[error(
        "the data directory holds the binlog of server {stored}, but the primary is server {found}. \
         Give each primary a stream and data directory of its own, or correct the upstream URL"
    )]
    OtherServer {
        /// Who wrote the stored files.
        stored: SourceId,
        /// Who the primary is.
        found: SourceId,
    },
    /// Transactions are stored that the new primary does not have.
    #[error(
        "the new primary {server} does not have these stored transactions: {gtids}. They were \
         committed on the old one; read them with mysqlbinlog from binlogd or its files and replay \
         them, or follow the new history with on_fork = \"new-timeline\" (they stay readable)"
    )]
    Forked {
        /// The new primary.
        server: SourceId,
        /// What it lacks.
        gtids: GtidSet,
    },
    /// The new primary lacks stored transactions that it committed itself.
    #[error(
        "the new primary {server} does not have these stored transactions, which it committed itself: \
         {gtids}. It was restored, or has lost the end of its binlog, and gives their GTIDs to others, so that \
         readers could not be kept apart by GTID; on_fork = \"new-timeline\" does not apply. The stored files \
         are kept as they are; to follow the new history give binlogd a new data directory"
    )]
    GivesAgain {
        /// The new primary.
        server: SourceId,
        /// What it lacks.
        gtids: GtidSet,
    },
    /// None of several upstreams can be followed.
    #[error("no upstream can be followed: {reasons}")]
    NoneToFollow {
        /// What is wrong with each.
        reasons: String,
        /// Whether one of them refused the connection.
        refused: bool,
        /// Whether it will not pass by itself, unless a server that is read-only is promoted.
        stuck: bool,
        /// The number of the first error that has one.
        number: Option<u16>,
    },
    /// Another upstream has become the one that can be written to.
    #[error("{from} is read-only now and {to} can be written to: following that one")]
    Moved {
        /// Who was followed.
        from: String,
        /// Who will be.
        to: String,
    },
    /// Semi-sync can be had now, which it could not when the dump began.
    #[error(
        "semi-sync has been installed at {0}: connecting anew, so that its commits are acknowledged"
    )]
    SemiSyncAppeared(String),
    /// The primary does not answer.
    #[error("{0} did not answer for {1} s while the dump was prepared")]
    Silent(String, u64),
    /// The primary no longer has what comes next.
    #[error("the primary has purged {wanted}: its oldest file is {oldest}. {consequence}")]
    Purged {
        /// The file that is needed.
        wanted: String,
        /// The oldest that it has.
        oldest: String,
        /// What that means and what to do.
        consequence: &'static str,
    },
    /// A place in a file that is not there yet.
    #[error("the primary's {file} has {size} bytes, and no position {offset}")]
    BehindEnd {
        /// The file.
        file: String,
        /// Its length, in bytes.
        size: u64,
        /// The position that was named.
        offset: u64,
    },
    /// GTIDs of one product, a primary of the other.
    #[error(
        "{gtids} are no GTIDs of this primary, which {}: begin at a file, 'earliest' or 'current'",
        advice::gtids_of(version)
    )]
    OtherGtids {
        /// What was named.
        gtids: GtidSet,
        /// What the primary is.
        version: ServerVersion,
    },
    /// The primary cannot say where its transactions go on behind some.
    #[error(
        "the primary cannot send what follows {gtids}: {error}. What it has purged can no longer be \
         had from it; for a new data directory begin at 'earliest', or name the GTIDs that it has"
    )]
    NotAfter {
        /// The transactions.
        gtids: String,
        /// What it said.
        error: ServerError,
    },
    /// A file that the primary never had.
    #[error("the primary has no binlog file {wanted}; it has {oldest} to {newest}")]
    NoSuchFile {
        /// The file that is needed.
        wanted: String,
        /// The oldest that it has.
        oldest: String,
        /// The newest that it has.
        newest: String,
    },
    /// The primary's files have another base name than the stored ones.
    #[error(
        "the primary has no binlog file {wanted}; it has {oldest} to {newest}: its log_bin has another base \
         name now. It is not certain that nothing is missing between: {cause}. If binlogd had everything before \
         the change, give it a new data directory that starts at {oldest}; the stored files stay readable. Or set \
         log_bin back"
    )]
    OtherNames {
        /// The last stored file.
        wanted: String,
        /// The oldest file that the primary has.
        oldest: Box<str>,
        /// The newest file that it has.
        newest: Box<str>,
        /// Why GTIDs do not show that nothing is missing.
        cause: Box<str>,
    },
    /// MariaDB's dump command has 32 bits for a position.
    #[error(
        "{file} is stored up to {offset}, and MariaDB cannot send what lies behind 4 GiB in a file to \
         who comes back. Give binlogd a new data directory, starting at the file after it; the stored \
         files stay readable"
    )]
    TooFarIn {
        /// The file.
        file: String,
        /// How much of it is stored, in bytes.
        offset: u64,
    },
    /// The primary has less than we do.
    #[error(
        "the primary's {file} ends at {theirs}, but {ours} bytes of it are stored: it has lost its \
         tail or was reset. The stored files are kept as they are; to follow the new history give \
         binlogd a new data directory"
    )]
    LostTail {
        /// The file.
        file: String,
        /// Its length there, in bytes.
        theirs: u64,
        /// Its length here, in bytes.
        ours: u64,
    },
    /// The primary said something that no primary says.
    #[error("the primary answered {query} with {answer}, which makes no sense")]
    Nonsense {
        /// What was asked.
        query: &'static str,
        /// What came.
        answer: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UpstreamError {
    /// An answer that makes no sense.
    pub(super) fn nonsense(query: &'static str, answer: &str) -> Self {
        Self::Nonsense { query, answer: format!("'{answer}'") }
    }

    /// What a server answered. NULL makes no sense where a set is asked for: an empty one is an empty text.
    pub(super) fn known<T>(query: &'static str, answer: Option<T>) -> Result<T, Self> {
        answer.ok_or_else(|| Self::Nonsense { query, answer: "NULL".to_owned() })
    }

    /// The error's number, if the primary or the way to it gave one.
    #[must_use]
    pub fn number(&self) -> Option<u16> {
        match self {
            Self::Client(error) => client_error_number(error),
            Self::NotAfter { error, .. } => Some(error.code.0),
            Self::Privilege { .. } => Some(ErrorCode::SPECIFIC_ACCESS_DENIED.0),
            Self::NoneToFollow { number, .. } => *number,
            _ => None,
        }
    }

    /// The kind of error, for those who may not see names, addresses and accounts.
    #[must_use]
    pub fn outline(&self) -> &'static str {
        match self {
            Self::Client(
                ClientError::Connect { .. }
                | ClientError::ConnectTimeout { .. }
                | ClientError::Closed { .. }
                | ClientError::Io { .. },
            )
            | Self::Silent(..) => "the primary cannot be reached",
            Self::Client(ClientError::Auth { .. }) | Self::Privilege { .. } => {
                "the primary refuses binlogd's account"
            }
            Self::BinaryLogOff(_) => "binary logging is off on the primary",
            Self::NoneToFollow { .. } => "none of the upstreams can be followed",
            Self::Store(_) => "binlogd's files cannot be read or written",
            _ => "the primary cannot be followed as it is",
        }
    }

    /// Whether no connection was made, and at once: the server is down or starting.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        match self {
            Self::Client(error) => matches!(error, ClientError::Connect { .. }),
            Self::NoneToFollow { refused, .. } => *refused,
            _ => false,
        }
    }

    /// Whether somebody has to change something before another try can succeed.
    #[must_use]
    pub fn needs_somebody(&self) -> bool {
        match self {
            Self::Client(error) => {
                matches!(
                    error,
                    ClientError::Auth { .. }
                        | ClientError::BadFile { .. }
                        | ClientError::TlsNotOffered { .. }
                        | ClientError::CompressionNotOffered { .. }
                        | ClientError::Tls { .. }
                        | ClientError::Impostor { .. }
                )
            }
            Self::Nonsense { .. }
            | Self::Moved { .. }
            | Self::Silent(..)
            | Self::SemiSyncAppeared(_) => false,
            Self::NoneToFollow { stuck, .. } => *stuck,
            Self::Store(error) => error.remedy() == Remedy::Stop,
            _ => true,
        }
    }
}

/// What MySQL's client says of a server that cannot be reached. Manual: "Client Error Message Reference".
const CR_CONN_HOST_ERROR: u16 = 2003;
/// And of a connection that broke.
pub(crate) const CR_SERVER_LOST: u16 = 2013;

/// The number of an error of a connection: the server's, or that which MySQL's client has for it.
pub(crate) fn client_error_number(error: &ClientError) -> Option<u16> {
    match error {
        ClientError::Connect { .. } | ClientError::ConnectTimeout { .. } => {
            Some(CR_CONN_HOST_ERROR)
        }
        ClientError::Closed { .. } | ClientError::Io { .. } => Some(CR_SERVER_LOST),
        error => error.server_error().map(|error| error.code.0),
    }
}

/// Gives errors that somebody has to act on a name.
pub(super) fn explain(error: ClientError, version: &ServerVersion) -> UpstreamError {
    let version = version.clone();
    match error.server_error() {
        // Older servers deny replication as they deny a login.
        Some(server)
            if [ErrorCode::SPECIFIC_ACCESS_DENIED, ErrorCode::ACCESS_DENIED]
                .contains(&server.code) =>
        {
            UpstreamError::Privilege { denied: server.message.to_string(), version }
        }
        Some(server) if server.code == ErrorCode::NO_BINARY_LOGGING => {
            UpstreamError::BinaryLogOff(version)
        }
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_no_empty_set() {
        let known = |answer| UpstreamError::known("SELECT 1", answer);
        assert_eq!(known(Some("")).unwrap(), "");
        let error = known(None).unwrap_err();
        assert!(
            matches!(error, UpstreamError::Nonsense { .. }) && error.to_string().contains("NULL")
        );
    }
}
