//! `[stream.passthrough]`: sessions on the primary for accounts with the right `query`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::retention::{Wrong, duration};
use super::{Secret, UpstreamUrl};

/// Sessions on the primary, for clients that read tables.
#[derive(Debug, Clone)]
pub struct PassthroughConfig {
    /// Another server than the followed primary.
    pub upstream: Option<UpstreamUrl>,
    /// The account there, whose grants are all that clients can use.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// How many sessions there are at a time.
    pub sessions_max: usize,
    /// How long a session may be idle.
    pub idle_timeout: Duration,
    /// How long a statement may take, until its answer is taken.
    pub statement_timeout: Duration,
}

/// `[stream.passthrough]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PassthroughSection {
    pub(super) upstream: Option<Spanned<String>>,
    pub(super) user: Spanned<String>,
    pub(super) password: Option<Spanned<String>>,
    pub(super) password_file: Option<Spanned<PathBuf>>,
    pub(super) password_env: Option<Spanned<String>>,
    pub(super) sessions_max: Option<Spanned<usize>>,
    pub(super) idle_timeout: Option<Spanned<String>>,
    pub(super) statement_timeout: Option<Spanned<String>>,
}

impl PassthroughSection {
    /// Reads the limits: sessions, idle time, statement time.
    ///
    /// # Errors
    /// The first that is none.
    pub(super) fn limits(&self) -> Result<(usize, Duration, Duration), Wrong> {
        const SESSIONS: &str = "stream.passthrough.sessions_max";
        let sessions = self.sessions_max.as_ref().map_or(16, |given| *given.get_ref());
        if let (0, Some(given)) = (sessions, &self.sessions_max) {
            let what =
                "0 would refuse all sessions; leave the section out to switch it off".to_owned();
            return Err((SESSIONS, given.span().start, what));
        }
        let time = |key, given: &Option<Spanned<String>>, default| match given {
            None => Ok(default),
            Some(text) => match duration(text.get_ref()) {
                Ok(time) if time.is_zero() => {
                    Err((key, text.span().start, "must be more than 0".to_owned()))
                }
                Ok(time) => Ok(time),
                Err(what) => Err((key, text.span().start, what)),
            },
        };
        let hour = Duration::from_secs(3600);
        let idle = time("stream.passthrough.idle_timeout", &self.idle_timeout, hour)?;
        let statement =
            time("stream.passthrough.statement_timeout", &self.statement_timeout, 24 * hour)?;
        Ok((sessions, idle, statement))
    }
}
