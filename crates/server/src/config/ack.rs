//! `[stream.ack]`: whose acknowledgement a commit waits for, besides binlogd's own disk.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::retention::{Wrong, duration};

/// Semi-synchronous replication towards readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckConfig {
    /// The primary's commits are acknowledged when so many readers have acknowledged them.
    pub wait_for_readers: usize,
    /// How long they are waited for.
    pub timeout: Duration,
    /// Whether readers are told that they may acknowledge.
    pub offer: bool,
}

impl Default for AckConfig {
    fn default() -> Self {
        Self { wait_for_readers: 0, timeout: Duration::from_secs(10), offer: false }
    }
}

/// `[stream.ack]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AckSection {
    wait_for_readers: Option<usize>,
    timeout: Option<Spanned<String>>,
    offer: Option<bool>,
}

impl AckSection {
    /// Reads the values.
    ///
    /// # Errors
    /// The first that is none.
    pub(super) fn resolve(&self) -> Result<AckConfig, Wrong> {
        const TIMEOUT: &str = "stream.ack.timeout";
        let mut ack = AckConfig::default();
        ack.wait_for_readers = self.wait_for_readers.unwrap_or(ack.wait_for_readers);
        if let Some(text) = &self.timeout {
            let read = duration(text.get_ref());
            ack.timeout = read.map_err(|what| (TIMEOUT, text.span().start, what))?;
            if ack.timeout.is_zero() {
                let what = "nobody could answer in time".to_owned();
                return Err((TIMEOUT, text.span().start, what));
            }
        }
        ack.offer = self.offer.unwrap_or(ack.wait_for_readers > 0) || ack.wait_for_readers > 0;
        Ok(ack)
    }
}
