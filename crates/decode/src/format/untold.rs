//! What a form has no record for, so that whoever writes it can say so elsewhere.

use binlogd_event::body::Incident;

use crate::changes::{Change, Statement};

/// A change, or something about changes, that a form leaves out.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Untold<'a> {
    /// The server lost changes here.
    Incident(Incident<'a>),
    /// An event of a type that is not known here.
    Unknown,
    /// Rows that a statement changes, without saying which.
    Statement(Statement<'a>),
    /// Rows of which it told before were rolled back.
    RolledBack,
}

impl<'a> Untold<'a> {
    /// What of a change has no record in a form that has records for rows.
    #[must_use]
    pub fn by_rows(change: &Change<'a>) -> Option<Self> {
        match *change {
            Change::Statement(statement) | Change::Load(statement) => {
                statement.changes_rows().then_some(Self::Statement(statement))
            }
            _ => Self::by_changes(change),
        }
    }

    /// What of a change has no record in a form that tells all changes that the binlog tells.
    #[must_use]
    pub fn by_changes(change: &Change<'a>) -> Option<Self> {
        match *change {
            Change::Incident(incident) => Some(Self::Incident(incident)),
            Change::Unknown { .. } => Some(Self::Unknown),
            _ => None,
        }
    }
}

/// Whether a statement rolls back what the first phase of a distributed commit has told as done.
pub(super) fn is_xa_rollback(change: &Change<'_>) -> bool {
    let Change::Statement(statement) = change else { return false };
    let words = statement.text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let first: Vec<_> = words.take(2).map(<[u8]>::to_ascii_uppercase).collect();
    first == [b"XA".to_vec(), b"ROLLBACK".to_vec()]
}
