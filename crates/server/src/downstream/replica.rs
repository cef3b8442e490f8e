//! binlogd as a replica, as its clients see and command it: `SHOW REPLICA STATUS`, `START` and `STOP
//! REPLICA`, `CHANGE REPLICATION SOURCE TO`.
//!
//! What is done about it is the stream's business; the SQL is in `sql` and `query`.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::config::Secret;

/// How following a primary goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplicaStatus {
    /// The primary's host, or its socket's path.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The account there.
    pub user: String,
    /// Whether TLS may be used.
    pub tls: bool,
    /// Whether the primary's certificate must be for its host.
    pub tls_verify: bool,
    /// The authorities that are trusted, a file.
    pub tls_ca: Option<PathBuf>,
    /// The client certificate, a file.
    pub tls_cert: Option<PathBuf>,
    /// Its key, a file.
    pub tls_key: Option<PathBuf>,
    /// Whether the primary is asked for its RSA key.
    pub fetch_public_key: bool,
    /// Whether events come.
    pub running: Running,
    /// How old the newest event is by the primary's clock, in seconds, or 0 while the primary has had nothing
    /// to send; `None` if it is not followed now.
    pub seconds_behind: Option<u64>,
    /// The primary's server id; 0 as long as it was not asked.
    pub source_id: u32,
    /// Its server UUID.
    pub source_uuid: String,
    /// The file and position up to which events were received.
    pub received: (String, u64),
    /// The file and position up to which they are durable.
    pub durable: (String, u64),
    /// The GTIDs that are stored here.
    pub retrieved_gtids: String,
    /// And those of transactions before.
    pub executed_gtids: String,
    /// Whether another primary is followed by GTID.
    pub by_gtid: bool,
    /// Whether commits are acknowledged.
    pub semi_sync: bool,
    /// What went wrong last, until it goes right again.
    pub last_error: Option<LastError>,
}

/// Whether events come from the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Running {
    /// It was stopped, or has stopped for good.
    #[default]
    No,
    /// It is tried.
    Connecting,
    /// It waits until the next try.
    Waiting,
    /// They come.
    Yes,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// MySQL's error number.
    pub number: u16,
    /// What, and what to do.
    pub text: String,
    /// When.
    pub at: SystemTime,
}

/// What an administrator wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Follow the primary.
    Start,
    /// Do not.
    Stop,
    /// Follow another one, or in another way, from the next start on.
    Change(Box<SourceChange>),
    /// Follow what the configuration says.
    Reset,
}

/// What `CHANGE REPLICATION SOURCE TO` changes; what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceChange {
    /// The host; with it or the port, this server alone is followed.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The account.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Whether TLS is used: it must be, or must not.
    pub ssl: Option<bool>,
    /// The authorities to trust.
    pub ssl_ca: Option<String>,
    /// The client certificate.
    pub ssl_cert: Option<String>,
    /// Its key.
    pub ssl_key: Option<String>,
    /// Whether the certificate must be for the host.
    pub ssl_verify: Option<bool>,
    /// Whether to ask for the RSA key.
    pub fetch_public_key: Option<bool>,
    /// The RSA key's file.
    pub public_key_path: Option<String>,
    /// The file to begin with, while nothing is stored.
    pub log_file: Option<String>,
    /// The position in it.
    pub log_pos: Option<u64>,
}

impl SourceChange {
    /// This change and then another one.
    pub(crate) fn then(self, later: Self) -> Self {
        Self {
            host: later.host.or(self.host),
            port: later.port.or(self.port),
            user: later.user.or(self.user),
            password: later.password.or(self.password),
            ssl: later.ssl.or(self.ssl),
            ssl_ca: later.ssl_ca.or(self.ssl_ca),
            ssl_cert: later.ssl_cert.or(self.ssl_cert),
            ssl_key: later.ssl_key.or(self.ssl_key),
            ssl_verify: later.ssl_verify.or(self.ssl_verify),
            fetch_public_key: later.fetch_public_key.or(self.fetch_public_key),
            public_key_path: later.public_key_path.or(self.public_key_path),
            log_file: later.log_file.or(self.log_file),
            log_pos: later.log_pos.or(self.log_pos),
        }
    }
}

/// An order was obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obeyed {
    /// Something was done.
    Done,
    /// It was so already.
    Already,
}

/// Why an order was not obeyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Nothing is followed here.
    #[error("this stream follows no primary")]
    NoUpstream,
    /// It must be stopped first.
    #[error("the stream is following its primary")]
    Running,
    /// Only a restart helps.
    #[error("the stream has stopped for good, only a restart of binlogd helps: {0}")]
    Halted(String),
    /// It takes too long.
    #[error("the stream is still busy; look at SHOW REPLICA STATUS and try again")]
    Busy,
    /// Something in it cannot be.
    #[error("{0}")]
    Invalid(String),
    /// It could not be noted for the next start of binlogd.
    #[error("cannot keep it across restarts: {0}")]
    NotKept(String),
}
