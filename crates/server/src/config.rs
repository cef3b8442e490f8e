//! What binlogd is told to do: read from a TOML file or made of the command line's flags, checked
//! once, then only passed around.
//!
//! `file` is the text's shape, `resolve` checks it and reads the secrets it points to. Nothing here
//! opens a socket or a data directory.

mod ack;
mod error;
mod file;
mod limits;
mod listen;
mod passthrough;
mod resolve;
mod retention;
mod secret;
mod start;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

pub use ack::AckConfig;
pub use error::ConfigError;
pub use limits::Limits;
pub use listen::ListenAddr;
pub use passthrough::PassthroughConfig;
pub use retention::{RetentionConfig, RetentionFlags};
pub use secret::{Secret, UpstreamUrl};
pub use start::StartAt;

/// Everything `binlogd serve` must know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where streams keep their files, each in a directory of its name.
    pub data_dir: PathBuf,
    /// The limits that hold for each stream.
    pub limits: Limits,
    /// The primaries to follow, at least one, with different names.
    pub streams: Vec<StreamConfig>,
}

/// One primary that is followed and served on.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    /// The name: a directory, and what logs and metrics say. Letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The primary, and the servers that may take its place; at least one.
    pub upstreams: Vec<UpstreamConfig>,
    /// Which of several is followed.
    pub choose: Choose,
    /// What to do when the stored history and the primary's are two.
    pub on_fork: OnFork,
    /// What binlogd calls itself as a replica and to its replicas; `None` lets it choose one and keep
    /// it.
    pub server_id: Option<NonZeroU32>,
    /// Where replicas can reach binlogd, as it tells the primary.
    pub report: Report,
    /// Where to begin when nothing is stored yet.
    pub start: StartAt,
    /// Whether to acknowledge commits.
    pub semi_sync: SemiSync,
    /// How long files are kept.
    pub retention: RetentionConfig,
    /// Whose acknowledgements commits wait for.
    pub ack: AckConfig,
    /// Where replicas and clients connect to; empty if the stream is only archived.
    pub listen: Vec<ListenAddr>,
    /// Who may connect.
    pub users: Vec<UserConfig>,
    /// Sessions on the primary, for those who may query it.
    pub passthrough: Option<PassthroughConfig>,
    /// The certificate that readers see.
    pub tls: TlsConfig,
}

/// What `SHOW REPLICAS` at the primary shows of binlogd, as a replica's `report_host` and `report_port`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// A host's name or address, at most 253 bytes; empty, as with MySQL, if none is configured.
    pub host: String,
    /// A port, by default the first that is listened on; 0 if there is none.
    pub port: u16,
}

/// How to reach the primary.
#[derive(Debug, Clone)]
pub struct UpstreamConfig {
    /// `mysql://user[:password]@host:port/?options`
    pub url: UpstreamUrl,
    /// The password, if it is not in the URL.
    pub password: Option<Secret>,
}

/// Which of several upstreams is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choose {
    /// The first that can be written to.
    Writable,
    /// The first that answers.
    First,
}

/// What to do when transactions are stored that the primary does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFork {
    /// Follow nobody until somebody has looked.
    Halt,
    /// Follow the new history on a timeline of its own; what only the old one has stays readable.
    NewTimeline,
}

/// Whether binlogd is a semi-synchronous replica of the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SemiSync {
    /// If the primary offers it.
    Auto,
    /// Always: a primary that does not offer it is an error.
    On,
    /// Never.
    Off,
}

/// Somebody who may connect.
#[derive(Debug, Clone)]
pub struct UserConfig {
    /// The account's name, unique in its stream.
    pub name: String,
    /// What is checked.
    pub credential: Credential,
    /// `caching_sha2_password` refuses the weaker proof of `mysql_native_password`; otherwise the client
    /// chooses. `ed25519` takes signatures only. A stored hash decides by its kind.
    pub plugin: Option<AuthPlugin>,
    /// What the account may do.
    pub rights: Rights,
    /// Whether the password is only taken over TLS or a unix socket.
    pub require_tls: bool,
    /// Whether a client certificate must be shown too.
    pub require_client_cert: bool,
    /// Connections of this account, where it is not what the limits say.
    pub connections_max: Option<usize>,
}

/// How a user's password is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The password itself; empty lets anybody in.
    Password(Secret),
    /// The hash as a server keeps it in `mysql.user`.
    AuthString(Secret),
}

/// The authentication plugins that accounts can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthPlugin {
    /// `mysql_native_password`: for replicas of MySQL 5.6, 5.7 and MariaDB.
    MysqlNativePassword,
    /// `caching_sha2_password`: for MySQL 8 and later.
    CachingSha2Password,
    /// MariaDB's `ed25519`, whose clients need their plugin `client_ed25519`.
    Ed25519,
}

impl AuthPlugin {
    /// The name in `mysql.user`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MysqlNativePassword => "mysql_native_password",
            Self::CachingSha2Password => "caching_sha2_password",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// What an account may do. None includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights {
    /// Dump the binlog and look at its state.
    pub replicate: bool,
    /// Look at the state of the binlog, the upstream and all connections.
    pub monitor: bool,
    /// See and end other users' connections, remove files, stop, start and move the upstream.
    pub admin: bool,
    /// Query the primary, where that is passed through.
    pub query: bool,
}

impl Rights {
    /// MySQL's REPLICATION CLIENT: look at the binlog's and the upstream's state.
    #[must_use]
    pub fn replication_client(self) -> bool {
        self.replicate || self.monitor || self.admin
    }

    /// MySQL's PROCESS: see all connections.
    #[must_use]
    pub fn process(self) -> bool {
        self.monitor || self.admin
    }
}

/// The certificate a stream's listeners show, and what they ask of clients.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsConfig {
    /// Certificate chain and private key; `None` lets binlogd make its own.
    pub identity: Option<TlsIdentity>,
    /// Names and addresses that binlogd's own certificate is for, beside those that are listened on.
    pub names: Vec<String>,
    /// Whether TCP clients must use TLS.
    pub required: bool,
    /// The PEM file of the CA that signs clients' certificates, which are checked against it.
    pub client_ca: Option<PathBuf>,
    /// Whether all TCP clients must show a certificate, and so use TLS; otherwise those must whose
    /// account says so.
    pub client_cert_required: bool,
}

/// The longest name of a host in DNS, in bytes.
const HOST_LEN_MAX: usize = 253;

/// Whether a certificate can be for this host: an unspecified address is none, and nor is a name
/// that is longer than DNS allows, or has other characters.
pub(crate) fn is_certifiable(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => !address.is_unspecified(),
        Err(_) => {
            !host.is_empty()
                && host.len() <= HOST_LEN_MAX
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        }
    }
}

/// PEM files of a server certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsIdentity {
    /// The certificate, followed by those it is signed by.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// What the flags of `binlogd serve` say when there is no file: one stream, called `default`.
#[derive(Debug, Clone)]
pub struct SingleStream {
    /// Where files are kept.
    pub data_dir: PathBuf,
    /// The primary's URL.
    pub upstream: String,
    /// The URLs of the servers that may take its place.
    pub standby_upstreams: Vec<String>,
    /// `halt` or `new-timeline`; `None` is the default.
    pub on_fork: Option<String>,
    /// A file with the primary's password.
    pub password_file: Option<PathBuf>,
    /// The server id to use.
    pub server_id: Option<u32>,
    /// `earliest`, `current`, a file, or GTIDs; `None` is the default.
    pub start: Option<String>,
    /// `on`, `off` or `auto`; `None` is the default.
    pub semi_sync: Option<String>,
    /// How long files are kept.
    pub retention: RetentionFlags,
    /// `host:port` and `unix:/path`.
    pub listen: Vec<String>,
    /// `name:password`; they get the right to replicate.
    pub users: Vec<String>,
    /// `name:password`; they get the rights to replicate and to administer.
    pub admins: Vec<String>,
    /// Certificate and key.
    pub tls: Option<TlsIdentity>,
}

impl Config {
    /// Reads and checks a file. Paths in it that are not absolute start at its own directory.
    ///
    /// # Errors
    /// The file, or one it names, cannot be read, is not TOML, has unknown keys, or says something
    /// that cannot be; the error names file, line and key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, path, base, &environment)
    }

    /// Makes a configuration of command line flags. Relative paths start at the working directory.
    ///
    /// # Errors
    /// As [`load`](Self::load), without a line.
    pub fn single_stream(flags: SingleStream) -> Result<Self, ConfigError> {
        let file = file::ConfigFile::of_flags(flags)?;
        resolve::Resolver::of_flags(&environment).config(file)
    }

    /// Parses and checks a text; `name` is what errors call it.
    fn parse(
        text: &str,
        name: &Path,
        base: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let file = file::ConfigFile::parse(text, name)?;
        resolve::Resolver::of_file(name, text, base, environment).config(file)
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests;
