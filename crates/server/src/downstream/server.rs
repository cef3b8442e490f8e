//! What all sessions of a stream share, apart from how they log in.

use std::sync::Arc;
use std::time::Instant;

use super::facts::StreamFacts;
use super::registry::Registry;
use super::sql::Dialect;
use crate::config::Limits;

/// The server that clients of one stream talk to.
pub(crate) struct Server {
    pub(crate) facts: Arc<dyn StreamFacts>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) limits: Limits,
    /// The name of this machine.
    pub(crate) hostname: String,
    pub(crate) started: Instant,
    /// Whether clients can use TLS.
    pub(crate) offers_tls: bool,
    /// Whether TCP clients must.
    pub(crate) requires_tls: bool,
}

impl Server {
    /// The SQL that the presented version speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        Dialect::of_version(&self.facts.server_version())
    }

    /// Whole seconds since the start.
    pub(crate) fn uptime_s(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}
