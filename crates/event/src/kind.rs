//! Event types. The number is open: an unknown one is stored and served untouched.

use std::fmt;

/// The type code of an event, byte 4 of its header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKind(pub u8);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        impl EventKind {
            $($(#[$doc])* pub const $name: EventKind = EventKind($code);)*

            /// The name that `SHOW BINLOG EVENTS` prints, or `None` for a code unknown here.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// A statement, also `BEGIN` and `COMMIT`.
    QUERY = 2, "Query";
    /// The server stopped; ends a file.
    STOP = 3, "Stop";
    /// The next file's name; ends a file.
    ROTATE = 4, "Rotate";
    /// The value of an auto-increment column or `LAST_INSERT_ID()`.
    INTVAR = 5, "Intvar";
    /// A piece of a file for `LOAD DATA`.
    APPEND_BLOCK = 9, "Append_block";
    /// `LOAD DATA` was abandoned.
    DELETE_FILE = 11, "Delete_file";
    /// The seeds of `RAND()`.
    RAND = 13, "RAND";
    /// A user variable's value.
    USER_VAR = 14, "User var";
    /// Describes the file's format; its first event.
    FORMAT_DESCRIPTION = 15, "Format_desc";
    /// The end of a transaction in a transactional engine.
    XID = 16, "Xid";
    /// The first piece of a file for `LOAD DATA`.
    BEGIN_LOAD_QUERY = 17, "Begin_load_query";
    /// `LOAD DATA` itself.
    EXECUTE_LOAD_QUERY = 18, "Execute_load_query";
    /// The table that following row events refer to.
    TABLE_MAP = 19, "Table_map";
    /// Rows inserted, version 0 (MySQL 5.1.0 to 5.1.15).
    WRITE_ROWS_V0 = 20, "Write_rows_v0";
    /// Rows updated, version 0.
    UPDATE_ROWS_V0 = 21, "Update_rows_v0";
    /// Rows deleted, version 0.
    DELETE_ROWS_V0 = 22, "Delete_rows_v0";
    /// Rows inserted, version 1.
    WRITE_ROWS_V1 = 23, "Write_rows_v1";
    /// Rows updated, version 1.
    UPDATE_ROWS_V1 = 24, "Update_rows_v1";
    /// Rows deleted, version 1.
    DELETE_ROWS_V1 = 25, "Delete_rows_v1";
    /// The source may have lost changes.
    INCIDENT = 26, "Incident";
    /// "Still here": never in a file.
    HEARTBEAT = 27, "Heartbeat";
    /// May be ignored.
    IGNORABLE = 28, "Ignorable";
    /// The statement that made the rows that follow.
    ROWS_QUERY = 29, "Rows_query";
    /// Rows inserted.
    WRITE_ROWS = 30, "Write_rows";
    /// Rows updated.
    UPDATE_ROWS = 31, "Update_rows";
    /// Rows deleted.
    DELETE_ROWS = 32, "Delete_rows";
    /// The GTID of the transaction that follows.
    GTID = 33, "Gtid";
    /// In place of a GTID where the transaction has none.
    ANONYMOUS_GTID = 34, "Anonymous_Gtid";
    /// All GTIDs in earlier files; a file's second event.
    PREVIOUS_GTIDS = 35, "Previous_gtids";
    /// Group replication's certification data.
    TRANSACTION_CONTEXT = 36, "Transaction_context";
    /// A change of a replication group's membership.
    VIEW_CHANGE = 37, "View_change";
    /// The end of a prepared XA transaction's first phase.
    XA_PREPARE = 38, "XA_prepare";
    /// Rows updated, JSON values as differences.
    PARTIAL_UPDATE_ROWS = 39, "Update_rows_partial";
    /// A whole transaction, compressed.
    TRANSACTION_PAYLOAD = 40, "Transaction_payload";
    /// "Still here" with a 64-bit position: never in a file.
    HEARTBEAT_V2 = 41, "Heartbeat_v2";
    /// The GTID, which may have a tag, of the transaction that follows.
    GTID_TAGGED = 42, "Gtid_tagged_log_event";
    /// MariaDB: the statement that made the rows that follow.
    ANNOTATE_ROWS = 160, "Annotate_rows";
    /// MariaDB: the oldest file that crash recovery needs.
    BINLOG_CHECKPOINT = 161, "Binlog_checkpoint";
    /// MariaDB: the GTID of the group that follows.
    MARIADB_GTID = 162, "Gtid";
    /// MariaDB: the last GTIDs of earlier files.
    GTID_LIST = 163, "Gtid_list";
    /// MariaDB: the rest of the file is encrypted.
    START_ENCRYPTION = 164, "Start_encryption";
    /// MariaDB: a statement, compressed.
    QUERY_COMPRESSED = 165, "Query_compressed";
    /// MariaDB: rows inserted, compressed, version 1.
    WRITE_ROWS_COMPRESSED_V1 = 166, "Write_rows_compressed_v1";
    /// MariaDB: rows updated, compressed, version 1.
    UPDATE_ROWS_COMPRESSED_V1 = 167, "Update_rows_compressed_v1";
    /// MariaDB: rows deleted, compressed, version 1.
    DELETE_ROWS_COMPRESSED_V1 = 168, "Delete_rows_compressed_v1";
    /// MariaDB: rows inserted, compressed.
    WRITE_ROWS_COMPRESSED = 169, "Write_rows_compressed";
    /// MariaDB: rows updated, compressed.
    UPDATE_ROWS_COMPRESSED = 170, "Update_rows_compressed";
    /// MariaDB: rows deleted, compressed.
    DELETE_ROWS_COMPRESSED = 171, "Delete_rows_compressed";
}

impl EventKind {
    /// Whether this is a table map or a row event of any version.
    #[must_use]
    pub fn is_rows(self) -> bool {
        self == Self::TABLE_MAP || self.changes_rows()
    }

    /// Whether this is a row event of any version: it has rows that were inserted, updated or deleted.
    #[must_use]
    #[inline]
    pub fn changes_rows(self) -> bool {
        matches!(self.0, 20..=25 | 30..=32 | 39 | 166..=171)
    }

    /// Whether this event begins a transaction by naming it (or by saying that it has no name).
    #[must_use]
    pub fn is_gtid(self) -> bool {
        matches!(self, Self::GTID | Self::ANONYMOUS_GTID | Self::GTID_TAGGED | Self::MARIADB_GTID)
    }

    /// Whether this lists the GTIDs of earlier files: a file's second event.
    #[must_use]
    pub fn is_previous_gtids(self) -> bool {
        matches!(self, Self::PREVIOUS_GTIDS | Self::GTID_LIST)
    }

    /// Whether this is a heartbeat, which is never stored.
    #[must_use]
    pub fn is_heartbeat(self) -> bool {
        matches!(self, Self::HEARTBEAT | Self::HEARTBEAT_V2)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "unknown event type {}", self.0),
        }
    }
}

impl fmt::Debug for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventKind({}: {self})", self.0)
    }
}
