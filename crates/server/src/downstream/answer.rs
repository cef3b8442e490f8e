//! What only the primary can answer, and its answer on the way to a reader.
//!
//! Which questions these are `sql` knows; how the primary is reached, `upstream`.

use std::time::{Duration, Instant};

use binlogd_client::{ClientError, Column, Connection, QueryResult, Row};
use binlogd_wire::ServerError;
use tokio::sync::OwnedSemaphorePermit;

use super::error::SqlError;

/// How long a primary may take for the beginning of an answer, and for each of its rows; and how long a
/// question waits for others.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a primary may take for all rows of an answer. The time that the reader takes is not counted.
const ROWS_TIMEOUT: Duration = Duration::from_secs(600);

/// What only the primary can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// A statement of ours, which takes it for granted that backslashes escape.
    pub sql: String,
    /// The character set that it is in, if it is not ASCII. None in which a byte of another character can
    /// be taken for a quote or a backslash.
    pub asked_in: Option<String>,
    /// The character set that the answer is to be in; `None` leaves each text in its own.
    pub answered_in: Option<String>,
}

/// What the primary answers, row by row. Its connection ends with it.
#[derive(Debug)]
pub struct Answer {
    result: QueryResult<Box<Connection>>,
    /// Whether its last row was read.
    is_whole: bool,
    /// How much longer the primary may take.
    time_left: Duration,
    _permit: OwnedSemaphorePermit,
}

impl Answer {
    pub(crate) fn new(result: QueryResult<Box<Connection>>, permit: OwnedSemaphorePermit) -> Self {
        Self { result, is_whole: false, time_left: ROWS_TIMEOUT, _permit: permit }
    }

    /// The columns, at least one.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        self.result.columns()
    }

    /// The next row, or `None` after the last. Cancellation loses nothing.
    ///
    /// # Errors
    /// The primary's own, or it is gone.
    pub async fn next(&mut self) -> Result<Option<Row>, AnswerError> {
        let asked = Instant::now();
        let limit = ANSWER_TIMEOUT.min(self.time_left);
        let next = tokio::time::timeout(limit, self.result.next()).await;
        self.time_left = self.time_left.saturating_sub(asked.elapsed());
        let row = next.map_err(|_| match limit {
            ANSWER_TIMEOUT => AnswerError::silent(),
            _ => AnswerError::endless(),
        })??;
        self.is_whole = row.is_none();
        Ok(row)
    }

    /// Says goodbye to the primary if it has said all; else what is left would be waited for first.
    pub async fn end(self) {
        if self.is_whole {
            // A connection that broke behind the last row is no loss.
            let quit = self.result.into_connection().quit();
            let _ = tokio::time::timeout(ANSWER_TIMEOUT, quit).await;
        }
    }
}

/// Why the primary has not answered, or not to the end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It says so itself.
    #[error("{0}")]
    Refused(ServerError),
    /// It cannot be asked.
    #[error("{0}")]
    Unreachable(String),
    /// It was asked, and gave no answer.
    #[error("{0}")]
    Silent(String),
}

impl AnswerError {
    pub(crate) fn silent() -> Self {
        Self::Silent(format!("nothing came for {} s", ANSWER_TIMEOUT.as_secs()))
    }

    fn endless() -> Self {
        Self::Silent(format!("the answer has not ended after {} s", ROWS_TIMEOUT.as_secs()))
    }

    /// As many others ask, and none of them is done.
    pub(crate) fn busy(others: usize) -> Self {
        let seconds = ANSWER_TIMEOUT.as_secs();
        Self::Unreachable(format!("{others} others ask it, and none was answered for {seconds} s"))
    }

    /// As the reader is told.
    pub(super) fn into_sql(self) -> SqlError {
        match self {
            Self::Refused(error) => SqlError {
                code: error.code.0,
                state: error.sqlstate,
                message: error.message.into_owned(),
            },
            Self::Unreachable(why) => SqlError::primary_unreachable(&why),
            Self::Silent(why) => SqlError::primary_silent(&why),
        }
    }
}

impl From<ClientError> for AnswerError {
    /// Of a statement, not of the login.
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Server { error, .. } => Self::Refused(error),
            other => Self::Silent(other.to_string()),
        }
    }
}
