//! Server error codes by name, and the SQLSTATE each comes with.

use std::fmt;

/// A server's error code. Unknown ones survive. Manual: "Server Error Message Reference"; the names
/// are the manual's without `ER_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub u16);

/// The SQLSTATE of errors that have none of their own.
pub const GENERAL_ERROR: [u8; 5] = *b"HY000";

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $state:literal;)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: Self = Self($code);)*

            /// The SQLSTATE that servers send with this code; `HY000` for those not named here.
            #[must_use]
            pub fn sqlstate(self) -> [u8; 5] {
                match self.0 {
                    $($code => *$state,)*
                    _ => GENERAL_ERROR,
                }
            }

            /// The name, without `ER_`, of the codes named here.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// Too many connections.
    CON_COUNT = 1040, b"08004";
    /// The handshake is not one.
    HANDSHAKE = 1043, b"08S01";
    /// The user may not use that database.
    DBACCESS_DENIED = 1044, b"42000";
    /// Wrong user, host or password.
    ACCESS_DENIED = 1045, b"28000";
    /// A database is needed and none is chosen.
    NO_DB = 1046, b"3D000";
    /// The command byte is not known, or not now.
    UNKNOWN_COM = 1047, b"08S01";
    /// No such database.
    BAD_DB = 1049, b"42000";
    /// The server is shutting down.
    SERVER_SHUTDOWN = 1053, b"08S01";
    /// No such column.
    BAD_FIELD = 1054, b"42S22";
    /// The statement does not parse.
    PARSE = 1064, b"42000";
    /// The statement is empty.
    EMPTY_QUERY = 1065, b"42000";
    /// No connection has that id.
    NO_SUCH_THREAD = 1094, b"HY000";
    /// That connection belongs to another user.
    KILL_DENIED = 1095, b"HY000";
    /// Anything without a code of its own.
    UNKNOWN_ERROR = 1105, b"HY000";
    /// This host may not connect.
    HOST_NOT_PRIVILEGED = 1130, b"HY000";
    /// The account has no right on that table.
    TABLE_ACCESS_DENIED = 1142, b"42000";
    /// No such table.
    NO_SUCH_TABLE = 1146, b"42S02";
    /// A payload is longer than allowed.
    NET_PACKET_TOO_LARGE = 1153, b"08S01";
    /// Packets came out of order.
    NET_PACKETS_OUT_OF_ORDER = 1156, b"08S01";
    /// Compressed bytes are damaged.
    NET_UNCOMPRESS_ERROR = 1157, b"08S01";
    /// Reading from the connection failed.
    NET_READ_ERROR = 1158, b"08S01";
    /// Reading from the connection took too long.
    NET_READ_INTERRUPTED = 1159, b"08S01";
    /// Writing to the connection failed.
    NET_ERROR_ON_WRITE = 1160, b"08S01";
    /// Writing to the connection took too long.
    NET_WRITE_INTERRUPTED = 1161, b"08S01";
    /// No such system variable.
    UNKNOWN_SYSTEM_VARIABLE = 1193, b"HY000";
    /// The replica is not configured or runs already.
    REPLICA_MUST_STOP = 1198, b"HY000";
    /// The replica is not running.
    REPLICA_NOT_RUNNING = 1199, b"HY000";
    /// The server is not configured as a replica.
    BAD_REPLICA = 1200, b"HY000";
    /// Wrong use of arguments.
    WRONG_ARGUMENTS = 1210, b"HY000";
    /// A privilege is missing.
    SPECIFIC_ACCESS_DENIED = 1227, b"42000";
    /// The variable is only global.
    GLOBAL_VARIABLE = 1229, b"HY000";
    /// The variable cannot have that value.
    WRONG_VALUE_FOR_VAR = 1231, b"42000";
    /// The value has the wrong type for the variable.
    WRONG_TYPE_FOR_VAR = 1232, b"42000";
    /// The server does not support that.
    NOT_SUPPORTED_YET = 1235, b"42000";
    /// The source cannot serve the binlog; a replica stops.
    SOURCE_FATAL_ERROR_READING_BINLOG = 1236, b"HY000";
    /// The variable cannot be set or read.
    INCORRECT_GLOBAL_LOCAL_VAR = 1238, b"HY000";
    /// The client's authentication protocol is not supported.
    NOT_SUPPORTED_AUTH_MODE = 1251, b"08004";
    /// A server option forbids the statement.
    OPTION_PREVENTS_STATEMENT = 1290, b"HY000";
    /// The statement was interrupted.
    QUERY_INTERRUPTED = 1317, b"70100";
    /// No such file in the binlog index.
    UNKNOWN_TARGET_BINLOG = 1373, b"HY000";
    /// The server does not write a binlog.
    NO_BINARY_LOGGING = 1381, b"HY000";
    /// Access is denied, without saying whether a password was used.
    ACCESS_DENIED_NO_PASSWORD = 1698, b"28000";
    /// A packet does not follow the protocol.
    MALFORMED_PACKET = 1835, b"HY000";
    /// MariaDB: a list of GTIDs is none.
    INCORRECT_GTID_STATE = 1941, b"HY000";
    /// MariaDB: two GTIDs of one domain make no position.
    DUPLICATE_GTID_DOMAIN = 1943, b"HY000";
    /// The server allows only secure transport.
    SECURE_TRANSPORT_REQUIRED = 3159, b"HY000";
    /// The server runs but cannot take clients yet.
    SERVER_ISNT_AVAILABLE = 3168, b"HY000";
    /// The server closes the connection of an idle client.
    CLIENT_INTERACTION_TIMEOUT = 4031, b"HY000";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_know_their_sqlstate() {
        assert_eq!(ErrorCode::ACCESS_DENIED.sqlstate(), *b"28000");
        assert_eq!(ErrorCode(9999).sqlstate(), GENERAL_ERROR);
        assert_eq!(ErrorCode(1236).name(), Some("SOURCE_FATAL_ERROR_READING_BINLOG"));
    }
}
