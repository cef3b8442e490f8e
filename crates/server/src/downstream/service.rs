//! Everything that a stream's sessions need: the server they present, accounts, TLS, and the sender.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

use super::account::Accounts;
use super::dump::DumpService;
use super::server::Server;

/// A stream's public side.
pub(super) struct Service {
    /// The stream's name, for logs.
    pub(super) stream: String,
    pub(super) server: Server,
    pub(super) accounts: Accounts,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) dumps: Arc<dyn DumpService>,
}
