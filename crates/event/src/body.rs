//! What events say: every event type's body as a borrowed structure.
//!
//! A body is structure only. Table maps and row events are cut into their parts, but no column is
//! decoded and nothing is decompressed here: the crate `binlogd-decode` does that.

mod control;
mod group;
mod gtid;
mod load;
mod mariadb;
mod payload;
mod query;
mod rows;
mod statement;
mod status_var;
mod table_map;

pub use control::{Description, Heartbeat, Incident, Xid};
pub use group::{TransactionContext, ViewChange, WriteSet};
pub use gtid::{GtidBody, LogicalClock, PreviousGtids};
pub use load::{ExecuteLoadQuery, LoadBlock};
pub use mariadb::{CompressedQuery, GtidList, GtidListEntries, MariadbGtidBody, StartEncryption};
pub use payload::{PayloadCompression, TransactionPayload};
pub use query::Query;
pub use rows::{RowsBody, RowsChange};
pub use statement::{
    Intvar, IntvarKind, Rand, UserVar, UserVarType, UserVarValue, XaPrepare, XaXid,
};
pub use status_var::{StatusVar, StatusVars};
pub use table_map::TableMapBody;

use crate::fields::Fields;
use crate::{EventError, EventHeader, EventKind, FormatDescription, HEADER_LEN, Rotate};

/// An event's body, borrowed from the event's bytes.
///
/// ```
/// use binlogd_event::body::Body;
/// use binlogd_event::{EventHeader, FormatDescription};
///
/// /// The statement of an event, if it is one.
/// fn statement<'a>(event: &'a [u8], format: &FormatDescription) -> Option<&'a [u8]> {
///     let header = EventHeader::parse(event).ok()?;
///     let body = &event[..event.len().checked_sub(format.checksum.len())?];
///     match Body::parse(&header, body, format).ok()? {
///         Body::Query(query) => Some(query.statement),
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Body<'a> {
    /// The file's format, without what only [`FormatDescription`] needs to know.
    FormatDescription(Description<'a>),
    /// A statement.
    Query(Query<'a>),
    /// MariaDB: a statement, compressed.
    QueryCompressed(CompressedQuery<'a>),
    /// The server stopped.
    Stop,
    /// The next file.
    Rotate(Rotate<'a>),
    /// An automatically generated number for the next statement.
    Intvar(Intvar),
    /// The seeds of `RAND()` for the next statement.
    Rand(Rand),
    /// A user variable for the next statement.
    UserVar(UserVar<'a>),
    /// The first piece of a file for `LOAD DATA`.
    BeginLoadQuery(LoadBlock<'a>),
    /// Another piece of it.
    AppendBlock(LoadBlock<'a>),
    /// `LOAD DATA` was abandoned.
    DeleteFile {
        /// The file's number.
        file_id: u32,
    },
    /// `LOAD DATA` itself.
    ExecuteLoadQuery(ExecuteLoadQuery<'a>),
    /// The commit of a transaction.
    Xid(Xid),
    /// The first phase of a distributed transaction.
    XaPrepare(XaPrepare<'a>),
    /// A table that row events refer to.
    TableMap(TableMapBody<'a>),
    /// Rows inserted, updated or deleted.
    Rows(RowsBody<'a>),
    /// The source may have lost changes.
    Incident(Incident<'a>),
    /// "Still here".
    Heartbeat(Heartbeat<'a>),
    /// An event that may be ignored; its bytes.
    Ignorable(&'a [u8]),
    /// The statement that made the rows that follow.
    RowsQuery(&'a [u8]),
    /// The identity of the transaction that follows, also if it has none.
    Gtid(GtidBody),
    /// All GTIDs of earlier files.
    PreviousGtids(PreviousGtids<'a>),
    /// Group replication's certification data.
    TransactionContext(TransactionContext<'a>),
    /// A change of a replication group's membership.
    ViewChange(ViewChange<'a>),
    /// A whole transaction, compressed.
    TransactionPayload(TransactionPayload<'a>),
    /// MariaDB: the oldest file that crash recovery needs.
    BinlogCheckpoint {
        /// The file's name.
        file: &'a [u8],
    },
    /// MariaDB: the identity of the event group that follows.
    MariadbGtid(MariadbGtidBody<'a>),
    /// MariaDB: the last GTIDs of earlier files.
    GtidList(GtidList<'a>),
    /// MariaDB: the rest of the file is encrypted.
    StartEncryption(StartEncryption),
    /// An event of a type that is not known here; its bytes behind the header.
    Unknown(&'a [u8]),
}

impl<'a> Body<'a> {
    /// Reads the body of `event`, which has its header but no checksum any more.
    ///
    /// `format` is the format description that the file begins with. An unknown type is no error.
    /// Bytes behind what is known of a type are left alone, as newer servers add fields there.
    ///
    /// # Errors
    /// If the event ends too early, or a field has a value that it cannot have.
    pub fn parse(
        header: &EventHeader,
        event: &'a [u8],
        format: &FormatDescription,
    ) -> Result<Self, EventError> {
        let mut f = Fields::new(event);
        f.take("event header", HEADER_LEN)?;
        let kind = header.kind;
        Ok(match kind {
            EventKind::FORMAT_DESCRIPTION => Self::FormatDescription(Description::read(f)?),
            EventKind::QUERY => Self::Query(Query::read(f, fixed_len(format, kind, 13))?),
            EventKind::QUERY_COMPRESSED => {
                Self::QueryCompressed(CompressedQuery(Query::read(f, fixed_len(format, kind, 13))?))
            }
            EventKind::STOP => Self::Stop,
            EventKind::ROTATE => Self::Rotate(Rotate::parse(event)?),
            EventKind::INTVAR => Self::Intvar(Intvar::read(f)?),
            EventKind::RAND => Self::Rand(Rand::read(f)?),
            EventKind::USER_VAR => Self::UserVar(UserVar::read(f)?),
            EventKind::BEGIN_LOAD_QUERY => Self::BeginLoadQuery(LoadBlock::read(f)?),
            EventKind::APPEND_BLOCK => Self::AppendBlock(LoadBlock::read(f)?),
            EventKind::DELETE_FILE => Self::DeleteFile { file_id: f.u32("file id")? },
            EventKind::EXECUTE_LOAD_QUERY => {
                Self::ExecuteLoadQuery(ExecuteLoadQuery::read(f, fixed_len(format, kind, 26))?)
            }
            EventKind::XID => Self::Xid(Xid { xid: f.u64("transaction id")? }),
            EventKind::XA_PREPARE => Self::XaPrepare(XaPrepare::read(f)?),
            EventKind::TABLE_MAP => {
                let may_be_bare = !format.server_version.at_least(5, 5, 0);
                Self::TableMap(TableMapBody::read(f, fixed_len(format, kind, 8), may_be_bare)?)
            }
            _ if kind.changes_rows() => Self::Rows(RowsBody::parse(header, event, format)?),
            EventKind::INCIDENT => Self::Incident(Incident::read(f)?),
            EventKind::HEARTBEAT => Self::Heartbeat(Heartbeat::read_v1(f, header)),
            EventKind::HEARTBEAT_V2 => Self::Heartbeat(Heartbeat::read_v2(f)?),
            EventKind::IGNORABLE => Self::Ignorable(f.rest()),
            EventKind::ROWS_QUERY => {
                // The length byte in front wraps for longer statements, so that all read the rest.
                f.u8("statement length")?;
                Self::RowsQuery(f.rest())
            }
            EventKind::ANNOTATE_ROWS => Self::RowsQuery(f.rest()),
            EventKind::GTID | EventKind::ANONYMOUS_GTID => Self::Gtid(GtidBody::read(f, kind)?),
            EventKind::GTID_TAGGED => Self::Gtid(GtidBody::read_tagged(f)?),
            EventKind::PREVIOUS_GTIDS => Self::PreviousGtids(PreviousGtids { bytes: f.rest() }),
            EventKind::TRANSACTION_CONTEXT => {
                Self::TransactionContext(TransactionContext::read(f)?)
            }
            EventKind::VIEW_CHANGE => Self::ViewChange(ViewChange::read(f)?),
            EventKind::TRANSACTION_PAYLOAD => {
                Self::TransactionPayload(TransactionPayload::read(f)?)
            }
            EventKind::BINLOG_CHECKPOINT => {
                let len = f.length("file name length")?;
                Self::BinlogCheckpoint { file: f.take("file name", len)? }
            }
            EventKind::MARIADB_GTID => Self::MariadbGtid(MariadbGtidBody::read(f, header)?),
            EventKind::GTID_LIST => Self::GtidList(GtidList::read(f)?),
            EventKind::START_ENCRYPTION => Self::StartEncryption(StartEncryption::read(f)?),
            _ => Self::Unknown(f.rest()),
        })
    }
}

/// The length of the fixed part of `kind`'s events; servers that do not know a type write none.
fn fixed_len(format: &FormatDescription, kind: EventKind, known: usize) -> usize {
    format.post_header_len(kind).filter(|&len| len > 0).unwrap_or(known)
}

/// What only bodies need of the cursor.
impl<'a> Fields<'a> {
    /// A 32-bit length.
    fn length(&mut self, field: &'static str) -> Result<usize, EventError> {
        let len = self.u32(field)?;
        usize::try_from(len).map_err(|_| EventError::bad_value(field, &len))
    }

    /// An integer of `N` bytes, at most eight.
    fn uint<const N: usize>(&mut self, field: &'static str) -> Result<u64, EventError> {
        let bytes: [u8; N] = self.array(field)?;
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&bytes);
        Ok(u64::from_le_bytes(wide))
    }

    /// The protocol's length-encoded integer: one byte below 251, else `fc`, `fd` or `fe` and two,
    /// three or eight bytes.
    fn packed(&mut self, field: &'static str) -> Result<u64, EventError> {
        match self.u8(field)? {
            0xfc => self.uint::<2>(field),
            0xfd => self.uint::<3>(field),
            0xfe => self.uint::<8>(field),
            bad @ (0xfb | 0xff) => Err(EventError::bad_value(field, &bad)),
            small => Ok(u64::from(small)),
        }
    }

    /// A length-encoded integer that is a length or a count.
    fn packed_len(&mut self, field: &'static str) -> Result<usize, EventError> {
        let len = self.packed(field)?;
        usize::try_from(len).map_err(|_| EventError::bad_value(field, &len))
    }

    /// Bytes behind a one-byte length.
    fn short_bytes(&mut self, field: &'static str) -> Result<&'a [u8], EventError> {
        let len = self.u8(field)?;
        self.take(field, usize::from(len))
    }

    /// Text behind a one-byte length, with a NUL behind it that does not count.
    fn short_name(&mut self, field: &'static str) -> Result<&'a str, EventError> {
        let bytes = self.short_bytes(field)?;
        match self.u8(field)? {
            0 => std::str::from_utf8(bytes).map_err(|_| EventError::NotText { field }),
            other => Err(EventError::bad_value(field, &format!("without its NUL but {other}"))),
        }
    }

    fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }
}
