//! What can go wrong: what happened, with which server, and what to do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use binlogd_wire::auth::AuthError;
use binlogd_wire::{ErrorCode, ServerError, WireError};

use crate::answer::Exceeded;

/// An error of this crate. `address` is the server's: `host:port` or a socket's path. What lies
/// beneath is in its text already, so that it has no `source()` to be printed once more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL or an option is wrong.
    #[error("{0}")]
    BadOption(String),
    /// A file that an option names cannot be used.
    #[error("{option} {}: {reason}", path.display())]
    BadFile {
        /// The option, as in a URL.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no connection to be had.
    #[error("cannot connect to {address}: {error}{}", connect_advice(error))]
    Connect {
        /// The server.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// Connecting, up to and including the login, took too long.
    #[error(
        "no connection to {address} within {} s; is it the right host and port, does a firewall \
         stand between? (connect-timeout sets the limit)",
        timeout.as_secs_f64()
    )]
    ConnectTimeout {
        /// The server.
        address: String,
        /// The limit.
        timeout: Duration,
    },
    /// The server sent an error instead of a greeting: too many connections, or a blocked host.
    #[error("{address} refuses the connection: {error}")]
    Refused {
        /// The server.
        address: String,
        /// What it said.
        error: ServerError,
    },
    /// TLS is asked for and the server does not offer it.
    #[error(
        "{address} does not offer TLS, which ssl-mode asks for; switch TLS on there, or choose \
         ssl-mode=preferred"
    )]
    TlsNotOffered {
        /// The server.
        address: String,
    },
    /// The server offers none of the wanted ways to compress.
    #[error(
        "{address} offers none of the compressions asked for; allow one of them in its \
         protocol_compression_algorithms, or add uncompressed to the list"
    )]
    CompressionNotOffered {
        /// The server.
        address: String,
    },
    /// TLS could not be set up, perhaps because the certificate is not trusted.
    #[error("TLS with {address}: {error}{}", tls_advice(error))]
    Tls {
        /// The server.
        address: String,
        /// What went wrong.
        error: io::Error,
    },
    /// The TLS certificate is not the one of the server that knows the account's password.
    #[error(
        "{address} shows a TLS certificate that is not its own, as its answer to the login proves: \
         another machine in between may read and change all that is sent. If a proxy ends TLS \
         there on purpose, name the authority of its certificate (ssl-ca, ssl-mode=verify_ca)"
    )]
    Impostor {
        /// The server.
        address: String,
    },
    /// The login failed.
    #[error("login at {address}: {error}{}", auth_advice(error))]
    Auth {
        /// The server.
        address: String,
        /// Why.
        error: AuthError,
    },
    /// The server answered a command with an error.
    #[error("{address}: {error}")]
    Server {
        /// The server.
        address: String,
        /// What it said.
        error: ServerError,
    },
    /// The server closed the connection.
    #[error(
        "{address} closed the connection {during}; its error log or `KILL` may tell why \
         (a shutdown, a timeout, a crash)"
    )]
    Closed {
        /// The server.
        address: String,
        /// What was going on.
        during: &'static str,
    },
    /// The connection broke.
    #[error("connection to {address} broke: {error}")]
    Io {
        /// The server.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// The server broke the protocol, or sent more than the limit allows.
    #[error("{address} sent what is not understood: {error}")]
    Protocol {
        /// The server.
        address: String,
        /// What is wrong.
        error: WireError,
    },
    /// The server's answer to a command is larger than the limits allow.
    #[error(
        "{address} answered one command with more than {limit}, which no server needs: is it a MySQL \
         or MariaDB server?"
    )]
    AnswerTooLong {
        /// The server.
        address: String,
        /// The limit.
        limit: Exceeded,
    },
    /// The server's answer to a command took longer than the limits allow.
    #[error("{address} has not answered a command to its end within {} s", limit.as_secs_f64())]
    AnswerTooLate {
        /// The server.
        address: String,
        /// The limit.
        limit: Duration,
    },
    /// The server takes statements to be in another character set than the one that was set.
    #[error(
        "{address} reads statements as {found} although {wanted} was set: names with characters \
         outside of ASCII cannot be sent safely. Is there a proxy that ignores SET?"
    )]
    Charset {
        /// The server.
        address: String,
        /// The character set that was set.
        wanted: String,
        /// The one that the server uses.
        found: String,
    },
    /// An earlier error, or a command abandoned while it was being sent, left the connection
    /// unusable.
    #[error("the connection to {address} is unusable after an earlier failure; connect anew")]
    Unusable {
        /// The server.
        address: String,
    },
    /// A query that should have answered with a value answered with none.
    #[error("{address} answered without a row: {query}")]
    NoRow {
        /// The server.
        address: String,
        /// The query.
        query: String,
    },
}

impl ClientError {
    /// The server's error, if that is what this is, wherever it came.
    #[must_use]
    pub fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::Refused { error, .. }
            | Self::Server { error, .. }
            | Self::Auth { error: AuthError::Server(error), .. } => Some(error),
            _ => None,
        }
    }

    /// The server's error code, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        self.server_error().map(|error| error.code)
    }
}

fn connect_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "; does the server run and listen there?",
        io::ErrorKind::NotFound => "; is it the right socket path?",
        io::ErrorKind::PermissionDenied => "; may this user use the socket?",
        _ => "",
    }
}

fn tls_advice(error: &io::Error) -> &'static str {
    use rustls::{CertificateError, Error};
    let error = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match error {
        Some(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => {
            "; the certificate is for another host: use the name it was made for, or \
             ssl-mode=verify_ca"
        }
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "; ssl-ca must name the authority that signed the server's certificate"
        }
        Some(Error::InvalidCertificate(_)) => {
            "; the certificate is not acceptable: replace it, or use ssl-mode=required, which does \
             not check it"
        }
        Some(Error::AlertReceived(_)) => {
            "; the server refused the handshake: it may want a client certificate (ssl-cert, \
             ssl-key), or only speak versions of TLS before 1.2"
        }
        _ => "",
    }
}

fn auth_advice(error: &AuthError) -> &'static str {
    match error {
        AuthError::Server(error) if error.code == ErrorCode::ACCESS_DENIED => {
            "; check user, password, and from which hosts the account may connect, and whether it \
             requires TLS or a client certificate"
        }
        AuthError::Server(error) if error.code == ErrorCode::SECURE_TRANSPORT_REQUIRED => {
            "; use ssl-mode=required"
        }
        AuthError::PublicKeyRequired => {
            "; without TLS it is sent only for a key that is known to be the server's. Choose one in \
             the URL: ssl-mode=verify_identity with ssl-ca (TLS, and the server proves itself); \
             ssl-mode=required (TLS, but any server is trusted); server-public-key-path=FILE, a copy of \
             the server's public_key.pem; or get-server-public-key=true, which trusts any key that \
             comes and is safe only where nobody can change the traffic"
        }
        AuthError::ClearPasswordRefused => "; enable-cleartext-plugin=true allows it",
        _ => "",
    }
}
