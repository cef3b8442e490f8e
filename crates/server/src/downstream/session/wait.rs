//! Statements that wait: `WAIT_FOR_EXECUTED_GTID_SET`, the older `WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS`, MariaDB's
//! `MASTER_GTID_WAIT`, `SOURCE_POS_WAIT`, `SLEEP`.
//!
//! The wait comes before the statement: the functions themselves only look whether it was long enough.

use std::future::pending;

use super::Session;
use crate::downstream::error::SqlError;
use crate::downstream::query::{self, Request, Until};

/// What came of the waiting.
pub(super) enum Waited {
    /// The statement can be answered.
    Enough,
    /// The client is told this instead.
    Interrupted(SqlError),
    /// Nobody wants an answer any more.
    ClientLeft,
}

impl Session {
    /// Waits for what a statement's functions wait for, as long as the client does.
    pub(super) async fn wait(&mut self, request: &Request<'_>) -> Waited {
        let waits = query::waits(&self.service.server, &mut self.state, request);
        if waits.is_empty() {
            return Waited::Enough;
        }
        let statement = self.registration.session().begin_lasting();
        let facts = &self.service.server.facts;
        for wait in waits {
            let timeout = async {
                match wait.timeout {
                    Some(timeout) => tokio::time::sleep(timeout).await,
                    None => pending().await,
                }
            };
            let over = match wait.until {
                Until::Gtids(gtids) => facts.executed(gtids),
                Until::Position(file, position) => facts.position_reached(file, position),
                Until::Never => Box::pin(pending()),
            };
            tokio::select! {
                biased;
                _ = self.stop.stopped() => return Waited::Interrupted(SqlError::interrupted()),
                () = statement.cancelled() => return Waited::Interrupted(SqlError::interrupted()),
                () = self.connection.transport.closed() => return Waited::ClientLeft,
                () = over => {}
                () = timeout => {}
            }
        }
        Waited::Enough
    }
}
