//! Limits on what a server may answer to one command.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::ClientError;

/// Limits on the answer to one command, with all its result sets. A server that goes beyond one is
/// answered with [`ClientError::AnswerTooLong`] or [`ClientError::AnswerTooLate`], and the connection is
/// then unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerLimits {
    /// The most rows.
    pub rows: u64,
    /// The most bytes of memory: what was received, and what a row's values need to be found.
    pub bytes: u64,
    /// The longest time from sending the command to the end of the answer.
    pub time: Duration,
}

impl Default for AnswerLimits {
    /// More than any list that binlogd asks for: the files of a binlog, variables, a GTID set, the
    /// definition of a table.
    fn default() -> Self {
        Self { rows: 250_000, bytes: 64 << 20, time: Duration::from_secs(300) }
    }
}

/// What is left of the limits for the answer that is being read.
#[derive(Debug)]
pub(crate) struct AnswerBudget {
    limits: AnswerLimits,
    rows: u64,
    bytes: u64,
    deadline: Option<Instant>,
}

impl AnswerBudget {
    pub(crate) fn new(limits: AnswerLimits) -> Self {
        let AnswerLimits { rows, bytes, .. } = limits;
        Self { limits, rows, bytes, deadline: None }
    }

    /// A command is sent: what comes now is another answer.
    pub(crate) fn begin(&mut self) {
        *self = Self::new(self.limits);
        // A time beyond what a clock can show is no limit.
        self.deadline = Instant::now().checked_add(self.limits.time);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// A row was received, or is about to be.
    pub(crate) fn take_row(&mut self) -> Result<(), Exceeded> {
        let left = self.rows.checked_sub(1);
        self.rows = left.ok_or(Exceeded::Rows(self.limits.rows))?;
        Ok(())
    }

    /// Memory of this size is needed.
    pub(crate) fn take_bytes(&mut self, len: usize) -> Result<(), Exceeded> {
        let left = u64::try_from(len).ok().and_then(|len| self.bytes.checked_sub(len));
        self.bytes = left.ok_or(Exceeded::Bytes(self.limits.bytes))?;
        Ok(())
    }

    /// The error of an answer that did not end in time.
    pub(crate) fn too_late(&self, address: &str) -> ClientError {
        ClientError::AnswerTooLate { address: address.to_owned(), limit: self.limits.time }
    }
}

/// A limit that an answer has gone beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// So many rows.
    Rows(u64),
    /// So many bytes.
    Bytes(u64),
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(limit) => write!(f, "{limit} rows"),
            Self::Bytes(limit) => write!(f, "{limit} bytes"),
        }
    }
}
