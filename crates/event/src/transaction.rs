//! Where transactions begin and end, and which orders of events make no transaction.
//!
//! The rules are those by which a MySQL replica judges what it receives; they hold for logs with
//! and without GTIDs, and for MariaDB's, whose GTID event takes the place of `BEGIN`.

use crate::fields::Fields;
use crate::query::statement;
use crate::{EventError, EventHeader, EventKind, HEADER_LEN};

/// What a stream of events is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransactionState {
    /// Between transactions.
    #[default]
    Outside,
    /// A GTID was given, its statement or transaction has yet to begin.
    Announced,
    /// Inside a transaction.
    Open,
}

/// An event that cannot stand where it does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// A GTID where the last transaction has not ended.
    #[error("a new transaction is announced before the last one has ended")]
    Unfinished,
    /// `BEGIN` where the last transaction has not ended.
    #[error("BEGIN inside a transaction")]
    NestedBegin,
    /// An event that must stand in a transaction.
    #[error("it stands outside of any transaction")]
    NotInTransaction,
}

impl TransactionState {
    /// Whether no transaction is under way, so that a log could be cut here.
    #[must_use]
    pub fn is_outside(self) -> bool {
        self == Self::Outside
    }

    /// The state after an event, given as its header and body without checksum.
    ///
    /// `body_is_whole` says whether `event` is the whole event. Of an event that is too large for
    /// the reader's buffer the first part is enough: no statement that begins or ends a
    /// transaction is anywhere near as long.
    ///
    /// # Errors
    /// [`crate::Violation::Grammar`] where the event cannot stand, [`crate::Violation::Structure`]
    /// where a Query or GTID event is cut short.
    #[inline]
    pub fn after(
        self,
        header: &EventHeader,
        event: &[u8],
        body_is_whole: bool,
        query_post_header_len: usize,
    ) -> Result<Self, crate::Violation> {
        use TransactionState::{Announced, Open, Outside};
        match header.kind {
            kind if kind.is_rows() => match self {
                Open => Ok(Open),
                _ => Err(GrammarError::NotInTransaction.into()),
            },
            EventKind::QUERY if body_is_whole => {
                let statement = statement(event, query_post_header_len)?;
                Ok(self.after_statement(Statement::of(statement))?)
            }
            EventKind::QUERY | EventKind::QUERY_COMPRESSED | EventKind::EXECUTE_LOAD_QUERY => {
                Ok(self.after_statement(Statement::Other)?)
            }
            EventKind::XID | EventKind::XA_PREPARE => match self {
                Open => Ok(Outside),
                _ => Err(GrammarError::NotInTransaction.into()),
            },
            kind if kind.is_gtid() => match self {
                Outside => Ok(if opens_group(header.kind, event)? { Open } else { Announced }),
                _ => Err(GrammarError::Unfinished.into()),
            },
            EventKind::TRANSACTION_PAYLOAD => match self {
                Open => Err(GrammarError::NestedBegin.into()),
                _ => Ok(Outside),
            },
            EventKind::INCIDENT if self == Announced => Ok(Outside),
            _ => Ok(self),
        }
    }

    fn after_statement(self, statement: Statement) -> Result<Self, GrammarError> {
        use TransactionState::{Announced, Open, Outside};
        match (statement, self) {
            (Statement::Begin, Open) => Err(GrammarError::NestedBegin),
            (Statement::Begin, _) => Ok(Open),
            (Statement::Commit, Open | Announced) => Ok(Outside),
            (Statement::Commit, Outside) => Err(GrammarError::NotInTransaction),
            (Statement::Rollback | Statement::XaEnd, _) => Ok(Outside),
            // A statement that is a transaction by itself, such as DDL.
            (Statement::Other, Announced) => Ok(Outside),
            (Statement::Other, state) => Ok(state),
        }
    }
}

/// Whether a GTID event itself begins the transaction: MariaDB's does unless it says that a single
/// statement follows (flag 1, "standalone").
fn opens_group(kind: EventKind, event: &[u8]) -> Result<bool, EventError> {
    if kind != EventKind::MARIADB_GTID {
        return Ok(false);
    }
    let mut fields = Fields::new(event);
    fields.take("header, sequence number and domain", HEADER_LEN + 8 + 4)?;
    Ok(fields.u8("flags")? & 1 == 0)
}

/// What a statement does to the transaction that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statement {
    Begin,
    Commit,
    Rollback,
    /// `XA COMMIT` or `XA ROLLBACK` of an earlier, prepared transaction.
    XaEnd,
    Other,
}

impl Statement {
    /// Servers write these statements themselves, always in this spelling.
    fn of(text: &[u8]) -> Self {
        match text {
            b"BEGIN" => Self::Begin,
            b"COMMIT" => Self::Commit,
            b"ROLLBACK" => Self::Rollback,
            _ if text.starts_with(b"XA START") => Self::Begin,
            _ if text.starts_with(b"XA COMMIT") || text.starts_with(b"XA ROLLBACK") => Self::XaEnd,
            _ => Self::Other,
        }
    }
}
