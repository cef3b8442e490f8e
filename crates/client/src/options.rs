//! Where to connect and how.

mod url;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use binlogd_wire::Capabilities;
use binlogd_wire::compress::{ZSTD_LEVEL_DEFAULT, ZSTD_LEVEL_MAX};
use binlogd_wire::packet::DEFAULT_MAX_PAYLOAD_LEN;

use crate::answer::AnswerLimits;
use crate::error::ClientError;

/// How long connecting may take, up to and including the login, by default.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// MySQL's port.
const DEFAULT_PORT: u16 = 3306;

/// A password whose `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Password(String);

impl Password {
    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<S: Into<String>> From<S> for Password {
    fn from(password: S) -> Self {
        Self(password.into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "***" })
    }
}

/// Whether to use TLS, and what to check. As MySQL's option of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// No TLS.
    Disabled,
    /// TLS over TCP if the server offers it. Its certificate is not checked.
    #[default]
    Preferred,
    /// TLS or nothing. The certificate is not checked.
    Required,
    /// The certificate must come from a trusted authority, for whatever host.
    VerifyCa,
    /// And it must be for this host.
    VerifyIdentity,
}

impl FromStr for SslMode {
    type Err = ClientError;

    /// Parses MySQL's names, in any case, `-` and `_` alike.
    fn from_str(name: &str) -> Result<Self, ClientError> {
        match name.to_ascii_lowercase().replace('-', "_").as_str() {
            "disabled" => Ok(Self::Disabled),
            "preferred" => Ok(Self::Preferred),
            "required" => Ok(Self::Required),
            "verify_ca" => Ok(Self::VerifyCa),
            "verify_identity" => Ok(Self::VerifyIdentity),
            _ => Err(ClientError::BadOption(format!(
                "ssl-mode {name:?} is none of disabled, preferred, required, verify_ca, \
                 verify_identity"
            ))),
        }
    }
}

/// A way to compress a connection, or not. As MySQL's `--compression-algorithms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompressionAlgorithm {
    /// Known to all servers.
    Zlib,
    /// MySQL from 8.0.18 on.
    Zstd,
    /// Not to compress.
    Uncompressed,
}

impl FromStr for CompressionAlgorithm {
    type Err = ClientError;

    /// Parses MySQL's names, in any case; `none` is the same as `uncompressed`.
    fn from_str(name: &str) -> Result<Self, ClientError> {
        match name.trim().to_ascii_lowercase().as_str() {
            "zlib" => Ok(Self::Zlib),
            "zstd" => Ok(Self::Zstd),
            "uncompressed" | "none" => Ok(Self::Uncompressed),
            _ => Err(ClientError::BadOption(format!(
                "compression {name:?} is none of zlib, zstd, uncompressed"
            ))),
        }
    }
}

/// The options about TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TlsOptions {
    pub(crate) mode: SslMode,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// What options say about TLS, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSummary {
    /// Whether TLS may be used.
    pub is_allowed: bool,
    /// Whether the server's certificate must be for its host.
    pub verifies: bool,
    /// The authorities to trust.
    pub ca: Option<PathBuf>,
    /// The client's certificate chain.
    pub cert: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
}

/// The options about how a password may travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthOptions {
    pub(crate) fetch_public_key: bool,
    pub(crate) public_key_path: Option<PathBuf>,
    pub(crate) allow_clear_password: bool,
}

/// Where to connect and how: a builder. `Debug` and `Display` do not show the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) user: String,
    pub(crate) password: Password,
    pub(crate) database: Option<String>,
    pub(crate) tls: TlsOptions,
    pub(crate) auth: AuthOptions,
    pub(crate) compression: Vec<CompressionAlgorithm>,
    pub(crate) zstd_level: u8,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_payload_len: usize,
    pub(crate) answer_limits: AnswerLimits,
    pub(crate) multi_statements: bool,
    pub(crate) program_name: String,
    pub(crate) terms: Option<SessionTerms>,
}

/// What a session is to be like whose packets are relayed to another client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTerms {
    /// What that client can do. Only those capabilities are taken over that change what packets look like.
    pub capabilities: Capabilities,
    /// The low byte of its collation id.
    pub collation: u8,
}

impl SessionTerms {
    /// The capabilities that both sides of a relay must agree on.
    pub const CAPABILITIES: Capabilities = Capabilities::FOUND_ROWS
        .with(Capabilities::INTERACTIVE)
        .with(Capabilities::MULTI_RESULTS)
        .with(Capabilities::PS_MULTI_RESULTS)
        .with(Capabilities::DEPRECATE_EOF)
        .with(Capabilities::QUERY_ATTRIBUTES);
}

impl Default for ConnectOptions {
    /// `root` without a password at `localhost:3306`.
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: DEFAULT_PORT,
            socket: None,
            user: "root".to_owned(),
            password: Password::default(),
            database: None,
            tls: TlsOptions::default(),
            auth: AuthOptions {
                fetch_public_key: false,
                public_key_path: None,
                allow_clear_password: false,
            },
            compression: vec![CompressionAlgorithm::Uncompressed],
            zstd_level: ZSTD_LEVEL_DEFAULT,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            max_payload_len: DEFAULT_MAX_PAYLOAD_LEN,
            answer_limits: AnswerLimits::default(),
            multi_statements: false,
            program_name: env!("CARGO_PKG_NAME").to_owned(),
            terms: None,
        }
    }
}

impl ConnectOptions {
    /// Options for a server at this host (a name or an address) and MySQL's port.
    #[must_use]
    pub fn new(host: impl Into<String>) -> Self {
        Self { host: host.into(), ..Self::default() }
    }

    /// Sets the TCP port.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Connects through a unix socket instead of TCP.
    #[must_use]
    pub fn socket(self, path: impl Into<PathBuf>) -> Self {
        Self { socket: Some(path.into()), ..self }
    }

    /// Sets the account's name.
    #[must_use]
    pub fn user(self, user: impl Into<String>) -> Self {
        Self { user: user.into(), ..self }
    }

    /// Sets the account's password.
    #[must_use]
    pub fn password(self, password: impl Into<Password>) -> Self {
        Self { password: password.into(), ..self }
    }

    /// Sets the database to use.
    #[must_use]
    pub fn database(self, database: impl Into<String>) -> Self {
        Self { database: Some(database.into()), ..self }
    }

    /// The database to use, which is then none.
    pub fn take_database(&mut self) -> Option<String> {
        self.database.take()
    }

    /// Sets whether to use TLS. Through a unix socket it is used from [`SslMode::Required`] on.
    #[must_use]
    pub fn ssl_mode(mut self, mode: SslMode) -> Self {
        self.tls.mode = mode;
        self
    }

    /// Sets the file (PEM) of authorities to trust, instead of the system's.
    #[must_use]
    pub fn ssl_ca(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.ca = Some(path.into());
        self
    }

    /// Sets the files (PEM) of the client's certificate chain and its private key.
    #[must_use]
    pub fn ssl_cert_and_key(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.cert = Some(cert.into());
        self.tls.key = Some(key.into());
        self
    }

    /// Sets whether to ask the server for its RSA key where a password must go through a channel
    /// that is not secure. Off by default, as in MySQL's clients: somebody who can change the traffic can
    /// hand out a key of their own and learn the password. TLS with [`SslMode::VerifyIdentity`] or a
    /// pinned key ([`public_key_path`](Self::public_key_path)) needs no such trust.
    #[must_use]
    pub fn fetch_public_key(mut self, fetch: bool) -> Self {
        self.auth.fetch_public_key = fetch;
        self
    }

    /// Pins the server's RSA key: a PEM file, the server's `public_key.pem`.
    #[must_use]
    pub fn public_key_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.auth.public_key_path = Some(path.into());
        self
    }

    /// Sets whether to give the password in the clear to a server that asks for it (for PAM or
    /// LDAP), through TLS or a unix socket only. Off by default.
    #[must_use]
    pub fn allow_clear_password(mut self, allow: bool) -> Self {
        self.auth.allow_clear_password = allow;
        self
    }

    /// Sets the ways to compress the connection, of which the first is taken that the server offers;
    /// if it offers none of them, and not to compress is not among them, connecting fails. Nothing is
    /// compressed by default.
    #[must_use]
    pub fn compression(mut self, algorithms: impl Into<Vec<CompressionAlgorithm>>) -> Self {
        self.compression = algorithms.into();
        self
    }

    /// Sets how hard both sides try with zstd: 1 to 22, where more takes longer. Others are brought
    /// into that range.
    #[must_use]
    pub fn zstd_level(self, level: u8) -> Self {
        Self { zstd_level: level.clamp(1, ZSTD_LEVEL_MAX), ..self }
    }

    /// Sets how long connecting may take, up to and including the login.
    #[must_use]
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// Sets the longest row to accept, in bytes.
    #[must_use]
    pub fn max_payload_len(self, max_payload_len: usize) -> Self {
        Self { max_payload_len, ..self }
    }

    /// Sets what the answer to one command may take. A longest row that is longer than its bytes
    /// counts for both.
    #[must_use]
    pub fn answer_limits(self, answer_limits: AnswerLimits) -> Self {
        Self { answer_limits, ..self }
    }

    /// Sets whether a query may hold several statements, separated by `;`.
    #[must_use]
    pub fn multi_statements(self, multi_statements: bool) -> Self {
        Self { multi_statements, ..self }
    }

    /// Sets the name under which the server lists this client's program.
    #[must_use]
    pub fn program_name(self, program_name: impl Into<String>) -> Self {
        Self { program_name: program_name.into(), ..self }
    }

    /// Makes it a session whose packets are [relayed](crate::Connection::begin_relay) to another client. Its
    /// character set is that client's, and is not set again.
    #[must_use]
    pub fn session_terms(self, terms: SessionTerms) -> Self {
        Self { terms: Some(terms), ..self }
    }

    /// The account's name.
    #[must_use]
    pub fn user_name(&self) -> &str {
        &self.user
    }

    /// The account's password.
    #[must_use]
    pub fn user_password(&self) -> &Password {
        &self.password
    }

    /// The unix socket, if that is the way.
    #[must_use]
    pub fn socket_path(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Sets the host, and connects over TCP.
    #[must_use]
    pub fn host(self, host: impl Into<String>) -> Self {
        Self { host: host.into(), socket: None, ..self }
    }

    /// The host, a name or an address.
    #[must_use]
    pub fn host_name(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    #[must_use]
    pub fn tcp_port(&self) -> u16 {
        self.port
    }

    /// What is said about TLS.
    #[must_use]
    pub fn tls(&self) -> TlsSummary {
        let TlsOptions { mode, ca, cert, key } = self.tls.clone();
        TlsSummary {
            is_allowed: mode != SslMode::Disabled,
            verifies: mode == SslMode::VerifyIdentity,
            ca,
            cert,
            key,
        }
    }

    /// Whether the server may be asked for its RSA key.
    #[must_use]
    pub fn fetches_public_key(&self) -> bool {
        self.auth.fetch_public_key
    }

    /// Where this leads: `host:port` or the socket's path.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.socket {
            Some(path) => path.display().to_string(),
            None if self.host.contains(':') => format!("[{}]:{}", self.host, self.port),
            None => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for ConnectOptions {
    /// User and address, for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.address())
    }
}
