//! Sessions on the primary for clients that read tables: who gets one, what goes there, and how it gets there.
//!
//! A session is one client's, from its first statement that needs it to the client's leaving; none is ever
//! used for another. `session::through` decides for each command.

mod relay;
mod route;

use std::sync::Arc;
use std::time::{Duration, Instant};

use binlogd_client::{ClientError, ConnectOptions, Connection, SessionTerms};
use binlogd_wire::{ErrorCode, ServerError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{info, warn};

use super::error::SqlError;
use super::sql::Dialect;
use crate::config::PassthroughConfig;

pub(super) use relay::{Broken, Ended, Relay};
pub(super) use route::{Route, route};

/// How long ending a statement or a session at the primary may take.
pub(super) const END_TIMEOUT: Duration = Duration::from_secs(10);

/// Who may have a session.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) config: PassthroughConfig,
    permits: Arc<Semaphore>,
}

/// A session on the primary. Dropping it ends it there, with what it was doing.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) connection: Connection,
    options: ConnectOptions,
    pub(super) usage: Usage,
    _permit: OwnedSemaphorePermit,
}

/// What a session was used for, which is logged at its end.
#[derive(Debug)]
pub(super) struct Usage {
    client: u32,
    opened: Instant,
    pub(super) statements: u64,
    /// Of answers.
    pub(super) bytes: u64,
}

impl Drop for Usage {
    fn drop(&mut self) {
        let Self { client, opened, statements, bytes } = self;
        let seconds = opened.elapsed().as_secs();
        info!(connection = client, seconds, statements, bytes, "ended a session on the primary");
    }
}

/// What a session begins with.
pub(super) struct Beginning<'a> {
    pub(super) client: u32,
    pub(super) user: &'a str,
    pub(super) terms: SessionTerms,
    pub(super) dialect: Dialect,
    pub(super) database: Option<&'a str>,
    /// What the client has set before.
    pub(super) settings: &'a [String],
}

impl Gate {
    pub(super) fn new(config: PassthroughConfig) -> Self {
        let permits = Arc::new(Semaphore::new(config.sessions_max.min(Semaphore::MAX_PERMITS)));
        Self { config, permits }
    }

    /// Opens a session; `primary` is where the followed primary is.
    ///
    /// # Errors
    /// There are too many, or the primary cannot be used; the error says which.
    pub(super) async fn open(
        &self,
        primary: Option<ConnectOptions>,
        beginning: Beginning<'_>,
    ) -> Result<Upstream, SqlError> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            let most = self.config.sessions_max;
            SqlError::passthrough(&format!(
                "{most} sessions on the primary are in use, which is stream.passthrough.sessions_max"
            ))
        })?;
        let base = match &self.config.upstream {
            Some(url) => {
                ConnectOptions::from_url(url.expose()).map_err(|error| sql_error(&error))?
            }
            None => primary.ok_or_else(|| SqlError::passthrough("there is no primary"))?,
        };
        let options = base
            .user(self.config.user.as_str())
            .password(self.config.password.expose())
            .program_name(format!("binlogd pass-through for {}", beginning.user));
        let connecting = options.clone().session_terms(beginning.terms);
        let connection =
            Connection::connect(&connecting).await.map_err(|error| sql_error(&error))?;
        let (client, opened) = (beginning.client, Instant::now());
        let usage = Usage { client, opened, statements: 0, bytes: 0 };
        let mut upstream = Upstream { connection, options, usage, _permit: permit };
        tokio::time::timeout(END_TIMEOUT, upstream.begin(&beginning))
            .await
            .unwrap_or_else(|_| Err(SqlError::passthrough("the primary does not answer")))?;
        info!(
            connection = beginning.client,
            user = beginning.user,
            upstream = %upstream.options,
            upstream_connection = upstream.connection.id(),
            "opened a session on the primary"
        );
        Ok(upstream)
    }
}

impl Upstream {
    async fn begin(&mut self, beginning: &Beginning<'_>) -> Result<(), SqlError> {
        let terms = SessionTerms::CAPABILITIES & beginning.terms.capabilities;
        if !self.connection.capabilities().contains(terms) {
            let lacking = terms.without(self.connection.capabilities());
            return Err(SqlError::passthrough(&format!(
                "{} is older than the version that binlogd presents, and lacks {lacking:?}",
                self.connection.address()
            )));
        }
        let is_mariadb = self.connection.server_version().is_mariadb();
        if is_mariadb != beginning.dialect.mariadb {
            return Err(SqlError::passthrough("the server is of another product than the primary"));
        }
        if let Some(database) = beginning.database {
            self.connection.use_database(database).await.map_err(|error| sql_error(&error))?;
        }
        for sql in beginning.settings {
            self.connection.execute(sql).await.map_err(|error| sql_error(&error))?;
        }
        Ok(())
    }

    /// Whether the session is with the server at `address`.
    pub(super) fn is_with(&self, primary: Option<&ConnectOptions>) -> bool {
        primary.is_some_and(|primary| primary.address() == self.options.address())
    }

    /// What can end the statement under way while the session is busy with it.
    pub(super) fn killer(&self) -> Killer {
        Killer {
            options: self.options.clone(),
            id: self.connection.id(),
            client: self.usage.client,
        }
    }

    /// Ends a session that does nothing.
    pub(super) async fn quit(self) {
        let _ = tokio::time::timeout(END_TIMEOUT, self.connection.quit()).await;
    }

    /// Ends a session that may be doing something.
    pub(super) fn abandon(self) {
        self.killer().kill(true);
    }
}

/// Ends statements and sessions at the primary, on a connection of its own.
#[derive(Debug)]
pub(super) struct Killer {
    options: ConnectOptions,
    id: u32,
    client: u32,
}

impl Killer {
    /// Ends the statement under way. Returns at once.
    pub(super) fn kill_query(&self) {
        self.kill(false);
    }

    fn kill(&self, all: bool) {
        let (options, id, client) = (self.options.clone(), self.id, self.client);
        tokio::spawn(async move {
            let sql = if all { format!("KILL {id}") } else { format!("KILL QUERY {id}") };
            let killing = async {
                let mut connection = Connection::connect(&options).await?;
                connection.execute(&sql).await?;
                connection.quit().await
            };
            match tokio::time::timeout(END_TIMEOUT, killing).await {
                Ok(Ok(())) => {}
                // It has ended by itself.
                Ok(Err(error)) if error.code() == Some(ErrorCode::NO_SUCH_THREAD) => {}
                Ok(Err(error)) => warn!(connection = client, %error, "{sql} failed at the primary"),
                Err(_) => warn!(connection = client, "{sql} took too long at the primary"),
            }
        });
    }
}

/// As the client gets it: the server's own error, or why there is none.
pub(super) fn sql_error(error: &ClientError) -> SqlError {
    match error {
        ClientError::Server { error: ServerError { code, sqlstate, message }, .. } => {
            SqlError { code: code.0, state: *sqlstate, message: message.to_string() }
        }
        // It may name the account there.
        ClientError::Auth { .. } | ClientError::Refused { .. } => {
            warn!(%error, "no session on the primary");
            SqlError::passthrough("the login failed; binlogd's log says why")
        }
        other => SqlError::passthrough(&other.to_string()),
    }
}
