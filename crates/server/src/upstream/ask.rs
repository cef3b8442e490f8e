//! Questions of readers that only the primary can answer.

use std::fmt::Write as _;
use std::time::Duration;

use binlogd_client::{AnswerLimits, ClientError, ConnectOptions, Connection};
use tokio::sync::OwnedSemaphorePermit;

use crate::downstream::{ANSWER_TIMEOUT, Answer, AnswerError, Question};

/// The longest row that an answer may have, in bytes: `SHOW CREATE TABLE` says all in one.
const ROW_BYTES_MAX: usize = 16 << 20;

/// What an answer may have in all. It is relayed row by row, so none of it is held, and a list of every
/// column of a large server may be long. How long it may take [`Answer`] knows, which does not count the
/// time that a slow reader takes.
const ANSWER_LIMITS: AnswerLimits =
    AnswerLimits { rows: 10_000_000, bytes: 4 << 30, time: Duration::MAX };

/// The character set of what is said on a connection, unless it is told otherwise.
const CHARSET: &str = "utf8mb4";

/// Asks the server behind `options`, on a connection that ends with the answer, as `permit` does.
///
/// # Errors
/// The server's own, or it does not answer.
pub(crate) async fn ask(
    options: &ConnectOptions,
    question: &Question,
    permit: OwnedSemaphorePermit,
) -> Result<Answer, AnswerError> {
    let options = options.clone().max_payload_len(ROW_BYTES_MAX).answer_limits(ANSWER_LIMITS);
    let connection = Connection::connect(&options).await;
    let mut connection = connection.map_err(|error| AnswerError::Unreachable(error.to_string()))?;
    let asking = async {
        connection.execute(&settings(question)).await?;
        if !question.sql.is_ascii() {
            connection.verify_charset(asked_in(question)).await?;
        }
        let result = connection.into_query(&question.sql).await?;
        if result.columns().is_empty() {
            let (address, query) = (options.address(), question.sql.clone());
            return Err(ClientError::NoRow { address, query });
        }
        Ok(result)
    };
    match tokio::time::timeout(ANSWER_TIMEOUT, asking).await {
        Ok(result) => Ok(Answer::new(result?, permit)),
        Err(_) => Err(AnswerError::silent()),
    }
}

/// What the session must be set to first. Connecting has set all character sets to [`CHARSET`]; setting one
/// to the same again would change its collation on a MariaDB 11, and so the columns of the answer.
fn settings(question: &Question) -> String {
    let mut sql = "SET sql_mode = REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', '')".to_owned();
    let asked_in = asked_in(question);
    if asked_in != CHARSET {
        let _ = write!(sql, ", character_set_client = '{asked_in}'");
    }
    match question.answered_in.as_deref() {
        Some(CHARSET) => {}
        Some(charset) => _ = write!(sql, ", character_set_results = '{charset}'"),
        None => sql.push_str(", character_set_results = NULL"),
    }
    sql
}

fn asked_in(question: &Question) -> &str {
    question.asked_in.as_deref().unwrap_or(CHARSET)
}
