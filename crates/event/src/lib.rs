//! The structure of MySQL and MariaDB binlogs (format version 4), zero-copy.
//!
//! Here live headers, checksums, the events that describe a file ([`FormatDescription`],
//! [`Rotate`], previous GTIDs), transaction boundaries, GTID sets, and the [`Verifier`] through
//! which every stored event has gone. No column is ever decoded here, and nothing does IO.
//!
//! Layouts follow the [Binlog Event] pages of MySQL's source documentation and were checked
//! against the files of real servers.
//!
//! [Binlog Event]: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html
#![forbid(unsafe_code)]

pub mod body;
mod checksum;
mod error;
mod fields;
mod format_description;
mod gtid;
mod gtid_event;
mod header;
mod kind;
mod query;
mod rotate;
mod server_version;
mod split;
mod transaction;
mod verify;

pub use checksum::{CHECKSUM_LEN, ChecksumAlgorithm, clear_in_use_flag, event_crc32};
pub use error::{EventError, VerifyError, Violation};
pub use format_description::FormatDescription;
pub use gtid::{
    Gtid, GtidPosition, GtidSet, GtidSource, GtidTag, ListDifference, LoggedGtids, ParseGtidError,
    ServerUuid,
};
pub use gtid_event::{gtid_list, gtid_of, previous_gtids};
pub use header::{EventFlags, EventHeader, HEADER_LEN, LogPos};
pub use kind::EventKind;
pub use query::statement;
pub use rotate::Rotate;
pub use server_version::ServerVersion;
pub use split::{EventPart, Splitter};
pub use transaction::{GrammarError, TransactionState};
pub use verify::{Disposition, FileEnd, Verified, Verifier};

/// The four bytes that every binlog file begins with: `fe` and "bin".
pub const MAGIC: [u8; 4] = [0xfe, b'b', b'i', b'n'];

/// The offset of a file's first event, behind [`MAGIC`].
pub const FIRST_EVENT: u64 = 4;

/// The largest event that a server writes or sends, in bytes: `max_allowed_packet` ends at 1 GiB
/// and a source refuses to send anything larger.
pub const EVENT_SIZE_MAX: u32 = 1 << 30;
