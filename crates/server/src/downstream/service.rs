//! Everything that a stream's sessions need: the server they present, accounts, TLS, and the sender.

use std::sync::Arc;

use binlogd_wire::auth::{CACHING_SHA2_PASSWORD, Fingerprint, MYSQL_NATIVE_PASSWORD};
use tokio_rustls::TlsAcceptor;

use super::account::Accounts;
use super::dump::DumpService;
use super::passthrough::Gate;
use super::server::Server;

/// A stream's public side.
pub(super) struct Service {
    /// The stream's name, for logs.
    pub(super) stream: String,
    pub(super) server: Server,
    pub(super) accounts: Accounts,
    pub(super) tls: Option<TlsAcceptor>,
    /// Of the certificate that TLS clients see.
    pub(super) certificate: Fingerprint,
    /// Sessions on the primary, where they are configured.
    pub(super) passthrough: Option<Gate>,
    pub(super) dumps: Arc<dyn DumpService>,
}

impl Service {
    /// The authentication plugin that the greeting names: the one that clients of the presented
    /// version prefer. Others are asked for theirs.
    pub(super) fn default_plugin(&self) -> &'static str {
        let dialect = self.server.dialect();
        if dialect.mariadb || dialect.version < 80_004 {
            MYSQL_NATIVE_PASSWORD
        } else {
            CACHING_SHA2_PASSWORD
        }
    }
}
