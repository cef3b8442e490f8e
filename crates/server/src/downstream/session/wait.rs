//! Statements that wait for transactions: `WAIT_FOR_EXECUTED_GTID_SET`, the older
//! `WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS`, and MariaDB's `MASTER_GTID_WAIT`.
//!
//! The wait comes before the statement: the functions themselves only look whether it was long enough.

use std::future::pending;

use super::Session;
use crate::downstream::connection::ReadError;
use crate::downstream::error::SqlError;
use crate::downstream::query;

impl Session {
    /// Waits for what a statement's functions wait for; `Some` is an error that the client is told instead of
    /// the statement's result. Whoever leaves meanwhile is noticed when the wait is over.
    pub(super) async fn wait(&mut self, sql: &[u8]) -> Result<Option<SqlError>, ReadError> {
        let waits = query::waits(&self.service.server, &mut self.state, sql);
        if waits.is_empty() {
            return Ok(None);
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
            tokio::select! {
                biased;
                _ = self.stop.stopped() => return Ok(Some(SqlError::interrupted())),
                () = statement.cancelled() => return Ok(Some(SqlError::interrupted())),
                () = facts.executed(wait.gtids) => {}
                () = timeout => {}
            }
        }
        Ok(None)
    }
}
