//! Errors as clients see them: a MySQL error number, an SQLSTATE and a text.
//!
//! Replicas and tools react to the number (and some to the text), so each constructor follows the
//! server error reference of the MySQL manual. What goes wrong inside binlogd is not here.

use std::fmt;

use binlogd_wire::ErrorCode;

/// An error that is sent to a client as an ERR packet; the connection lives on unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// MySQL's error number.
    pub code: u16,
    /// The five characters of SQLSTATE.
    pub state: [u8; 5],
    /// The text people and logs see.
    pub message: String,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = String::from_utf8_lossy(&self.state);
        write!(f, "ERROR {} ({state}): {}", self.code, self.message)
    }
}

impl std::error::Error for SqlError {}

/// The general SQLSTATE.
const GENERAL: &[u8; 5] = b"HY000";
/// "Syntax error or access rule violation".
const SYNTAX_OR_ACCESS: &[u8; 5] = b"42000";
/// "Communication link failure".
const LINK_FAILURE: &[u8; 5] = b"08S01";

/// How much of the offending text a syntax error repeats, in characters.
const NEAR_CHARS_MAX: usize = 80;

impl SqlError {
    /// Any error number with its SQLSTATE and text.
    pub fn new(code: u16, state: &[u8; 5], message: impl Into<String>) -> Self {
        Self { code, state: *state, message: message.into() }
    }

    /// ER_OUTOFMEMORY: a session has set more variables than it may.
    pub fn out_of_memory() -> Self {
        Self::new(1037, b"HY001", "Out of memory; the session's user variables reach their limit")
    }

    /// ER_OUTOFMEMORY: a statement reads more from variables than one may.
    pub fn statement_too_large(limit: usize) -> Self {
        let text = format!("Out of memory; the values of a statement may have {limit} bytes");
        Self::new(1037, b"HY001", text)
    }

    /// ER_CON_COUNT_ERROR: no room for another connection.
    pub fn too_many_connections() -> Self {
        Self::new(1040, b"08004", "Too many connections")
    }

    /// ER_HANDSHAKE_ERROR: what came is not a handshake response.
    pub fn bad_handshake() -> Self {
        Self::new(1043, LINK_FAILURE, "Bad handshake")
    }

    /// ER_NO_DB_ERROR: a table was named without a database.
    pub fn no_database() -> Self {
        Self::new(1046, b"3D000", "No database selected")
    }

    /// ER_UNKNOWN_COM_ERROR: a command byte nobody here understands.
    pub fn unknown_command() -> Self {
        Self::new(1047, LINK_FAILURE, "Unknown command")
    }

    /// ER_SERVER_SHUTDOWN: binlogd is going away.
    pub fn server_shutdown() -> Self {
        Self::new(1053, LINK_FAILURE, "Server shutdown in progress")
    }

    /// ER_BAD_FIELD_ERROR: a bare word that is no variable, constant or function.
    pub fn unknown_column_in(name: &str, clause: &str) -> Self {
        Self::new(1054, b"42S22", format!("Unknown column '{name}' in '{clause}'"))
    }

    /// The same of a list of values.
    pub fn unknown_column(name: &str) -> Self {
        Self::new(1054, b"42S22", format!("Unknown column '{name}' in 'field list'"))
    }

    /// ER_PARSE_ERROR: `near` is the statement from the offending token on, `line` counts from 1.
    pub fn syntax(near: &[u8], line: usize) -> Self {
        let text = String::from_utf8_lossy(near);
        let near: String = text.chars().take(NEAR_CHARS_MAX).collect();
        let text = format!(
            "You have an error in your SQL syntax; check the manual that corresponds to your \
             MySQL server version for the right syntax to use near '{near}' at line {line}"
        );
        Self::new(1064, SYNTAX_OR_ACCESS, text)
    }

    /// ER_EMPTY_QUERY: nothing but spaces and comments.
    pub fn empty_query() -> Self {
        Self::new(1065, SYNTAX_OR_ACCESS, "Query was empty")
    }

    /// ER_NO_SUCH_THREAD: `KILL` of a connection that is not there.
    pub fn no_such_thread(id: u64) -> Self {
        Self::new(1094, GENERAL, format!("Unknown thread id: {id}"))
    }

    /// ER_KILL_DENIED_ERROR: `KILL` of another user's connection without the right to.
    pub fn kill_denied(id: u64) -> Self {
        Self::new(1095, GENERAL, format!("You are not owner of thread {id}"))
    }

    /// ER_UNKNOWN_TABLE, for those of `information_schema` that nobody can be asked about.
    pub fn unknown_schema_table(table: &str, schema: &str) -> Self {
        Self::new(1109, b"42S02", format!("Unknown table '{table}' in {schema}"))
    }

    /// ER_HOST_IS_BLOCKED: too many logins from there have failed.
    pub fn host_blocked(host: &str) -> Self {
        let text = format!(
            "Host '{host}' is blocked because of many connection errors; unblock with 'mysqladmin \
             flush-hosts'"
        );
        Self::new(1129, GENERAL, text)
    }

    /// ER_UNKNOWN_CHARACTER_SET.
    pub fn unknown_character_set(name: &str) -> Self {
        Self::new(1115, SYNTAX_OR_ACCESS, format!("Unknown character set: '{name}'"))
    }

    /// ER_TOO_MANY_FIELDS: a list in a statement has more members than the limit.
    pub fn too_many_columns() -> Self {
        Self::new(1117, GENERAL, "Too many columns")
    }

    /// ER_SERVER_ISNT_AVAILABLE: there is no version to greet with yet. Replicas come again.
    pub fn not_ready(why: String) -> Self {
        Self::new(ErrorCode::SERVER_ISNT_AVAILABLE.0, GENERAL, why)
    }

    /// ER_NO_SUCH_TABLE: a binlog server has no tables.
    pub fn no_such_table(schema: &str, table: &str) -> Self {
        Self::new(1146, b"42S02", format!("Table '{schema}.{table}' doesn't exist"))
    }

    /// ER_NET_PACKET_TOO_LARGE; the connection is closed.
    pub fn packet_too_large() -> Self {
        let text = "Got a packet bigger than 'max_allowed_packet' bytes";
        Self::new(1153, LINK_FAILURE, text)
    }

    /// ER_NET_PACKETS_OUT_OF_ORDER; the connection is closed.
    pub fn packets_out_of_order() -> Self {
        Self::new(1156, LINK_FAILURE, "Got packets out of order")
    }

    /// ER_NET_UNCOMPRESS_ERROR; the connection is closed.
    pub fn uncompress() -> Self {
        Self::new(1157, LINK_FAILURE, "Couldn't uncompress communication packet")
    }

    /// ER_UNKNOWN_SYSTEM_VARIABLE.
    pub fn unknown_system_variable(name: &str) -> Self {
        Self::new(1193, GENERAL, format!("Unknown system variable '{name}'"))
    }

    /// ER_TOO_MANY_USER_CONNECTIONS: the limit that all accounts have.
    pub fn too_many_user_connections(user: &str) -> Self {
        let text =
            format!("User {user} already has more than 'max_user_connections' active connections");
        Self::new(1203, SYNTAX_OR_ACCESS, text)
    }

    /// ER_USER_LIMIT_REACHED: the account's own limit.
    pub fn user_limit_reached(user: &str, limit: usize) -> Self {
        let text = format!(
            "User '{user}' has exceeded the 'max_user_connections' resource (current value: \
             {limit})"
        );
        Self::new(1226, SYNTAX_OR_ACCESS, text)
    }

    /// ER_SPECIFIC_ACCESS_DENIED_ERROR: `privileges` are MySQL's names, separated by commas.
    pub fn privilege_needed(privileges: &str) -> Self {
        let text = format!(
            "Access denied; you need (at least one of) the {privileges} privilege(s) for this \
             operation"
        );
        Self::new(1227, SYNTAX_OR_ACCESS, text)
    }

    /// ER_LOCAL_VARIABLE: a session variable was addressed as a global one.
    pub fn session_only(name: &str) -> Self {
        let text =
            format!("Variable '{name}' is a SESSION variable and can't be used with SET GLOBAL");
        Self::new(1228, GENERAL, text)
    }

    /// ER_GLOBAL_VARIABLE: a global variable was set for the session.
    pub fn set_global_needed(name: &str) -> Self {
        let text =
            format!("Variable '{name}' is a GLOBAL variable and should be set with SET GLOBAL");
        Self::new(1229, GENERAL, text)
    }

    /// ER_ERROR_WHEN_EXECUTING_COMMAND.
    pub fn command_failed(command: &str, why: &str) -> Self {
        Self::new(1220, GENERAL, format!("Error when executing command {command}: {why}"))
    }

    /// ER_SOURCE_FATAL_ERROR_READING_BINLOG: the reader has come back on another connection.
    pub fn duplicate_reader() -> Self {
        let text = "A replica with the same server_uuid/server_id as this replica has connected to \
                    the source";
        Self::new(1236, GENERAL, text)
    }

    /// ER_VARIABLE_IS_READONLY: the session's value is fixed.
    pub fn session_read_only(name: &str) -> Self {
        let text =
            format!("SESSION variable '{name}' is read-only. Use SET GLOBAL to assign the value");
        Self::new(1621, GENERAL, text)
    }

    /// ER_WRONG_VALUE_FOR_VAR.
    pub fn wrong_value(name: &str, value: &str) -> Self {
        let text = format!("Variable '{name}' can't be set to the value of '{value}'");
        Self::new(1231, SYNTAX_OR_ACCESS, text)
    }

    /// ER_WRONG_TYPE_FOR_VAR.
    pub fn wrong_type(name: &str) -> Self {
        let text = format!("Incorrect argument type to variable '{name}'");
        Self::new(1232, SYNTAX_OR_ACCESS, text)
    }

    /// ER_NOT_SUPPORTED_YET: SQL that MySQL knows and binlogd does not.
    pub fn not_supported(what: &str) -> Self {
        let text = format!("This version of MySQL doesn't yet support '{what}'");
        Self::new(1235, SYNTAX_OR_ACCESS, text)
    }

    /// ER_INCORRECT_GLOBAL_LOCAL_VAR: `kind` is what the variable is ("read only", "GLOBAL").
    pub fn incorrect_scope(name: &str, kind: &str) -> Self {
        Self::new(1238, GENERAL, format!("Variable '{name}' is a {kind} variable"))
    }

    /// ER_COLLATION_CHARSET_MISMATCH.
    pub fn collation_mismatch(collation: &str, charset: &str) -> Self {
        let text = format!("COLLATION '{collation}' is not valid for CHARACTER SET '{charset}'");
        Self::new(1253, SYNTAX_OR_ACCESS, text)
    }

    /// ER_UNKNOWN_COLLATION.
    pub fn unknown_collation(name: &str) -> Self {
        Self::new(1273, GENERAL, format!("Unknown collation: '{name}'"))
    }

    /// ER_UNKNOWN_STMT_HANDLER: no prepared statement has this id or name.
    pub fn unknown_statement(name: &str, given_to: &str) -> Self {
        let text = format!("Unknown prepared statement handler ({name}) given to {given_to}");
        Self::new(1243, GENERAL, text)
    }

    /// ER_STMT_HAS_NO_OPEN_CURSOR: rows are sent at once, so none is ever open.
    pub fn no_open_cursor(id: u32) -> Self {
        Self::new(1421, GENERAL, format!("The statement ({id}) has no open cursor."))
    }

    /// ER_MAX_PREPARED_STMT_COUNT_REACHED
    pub fn too_many_prepared_statements(max: usize) -> Self {
        let text = format!(
            "Can't create more than max_prepared_stmt_count statements (current value: {max})"
        );
        Self::new(1461, b"42000", text)
    }

    /// ER_PS_MANY_PARAM
    pub fn too_many_parameters() -> Self {
        Self::new(1390, GENERAL, "Prepared statement contains too many placeholders")
    }

    /// ER_UNKNOWN_ERROR: the limit on what a session's prepared statements may take.
    pub fn long_data_too_long() -> Self {
        let text = "Parameter of prepared statement which is set through mysql_send_long_data() is \
                    longer than 'max_long_data_size' bytes";
        Self::new(1105, GENERAL, text)
    }

    /// ER_OPTION_PREVENTS_STATEMENT: what a read-only server says to a write.
    pub fn read_only() -> Self {
        let text = "The MySQL server is running with the --super-read-only option so it cannot \
                    execute this statement";
        Self::new(1290, GENERAL, text)
    }

    /// The same for a global variable: its value is the primary's, or configured.
    pub fn global_not_settable(name: &str) -> Self {
        let text = format!(
            "The MySQL server is running with the --super-read-only option so it cannot execute this \
             statement: binlogd's '{name}' is the primary's or that of its configuration"
        );
        Self::new(1290, GENERAL, text)
    }

    /// ER_UNSUPPORTED_PS
    pub fn cannot_be_prepared() -> Self {
        let text = "This command is not supported in the prepared statement protocol yet";
        Self::new(1295, GENERAL, text)
    }

    /// ER_UNKNOWN_TIME_ZONE.
    pub fn unknown_time_zone(name: &str) -> Self {
        Self::new(1298, GENERAL, format!("Unknown or incorrect time zone: '{name}'"))
    }

    /// ER_TRUNCATED_WRONG_VALUE, as the warning about a time that is none.
    pub fn incorrect_datetime(text: &str) -> Self {
        Self::new(1292, b"22007", format!("Incorrect datetime value: '{text}'"))
    }

    /// ER_WRONG_VALUE: `DATE 'text'` and the like, of what is none.
    pub fn incorrect_literal(kind: &str, text: &str) -> Self {
        Self::new(1525, GENERAL, format!("Incorrect {kind} value: '{text}'"))
    }

    /// ER_OPERAND_COLUMNS: `(SELECT 1, 2)`.
    pub fn one_column_needed() -> Self {
        Self::new(1241, b"21000", "Operand should contain 1 column(s)")
    }

    /// ER_TOO_BIG_PRECISION.
    pub fn too_big_precision(most: u8) -> Self {
        let text = format!("Too-big precision specified. Maximum is {most}.");
        Self::new(1426, SYNTAX_OR_ACCESS, text)
    }

    /// ER_DATA_OUT_OF_RANGE: `kind` is BIGINT and the like, `what` was computed.
    pub fn out_of_range(kind: &str, what: &str) -> Self {
        Self::new(1690, b"22003", format!("{kind} value is out of range in '{what}'"))
    }

    /// ER_DIVISION_BY_ZERO, a warning.
    pub fn division_by_zero() -> Self {
        Self::new(1365, b"22012", "Division by 0")
    }

    /// ER_TRUNCATED_WRONG_VALUE, a warning: a text that is a number only in part.
    pub fn truncated_value(kind: &str, text: &str) -> Self {
        let text: String = text.chars().take(NEAR_CHARS_MAX).collect();
        Self::new(1292, b"22007", format!("Truncated incorrect {kind} value: '{text}'"))
    }

    /// ER_WARN_ALLOWED_PACKET_OVERFLOWED, a warning: the result is NULL.
    pub fn result_too_large(function: &str, limit: usize) -> Self {
        let text = format!(
            "Result of {function}() was larger than max_allowed_packet ({limit}) - truncated"
        );
        Self::new(1301, GENERAL, text)
    }

    /// ER_SP_DOES_NOT_EXIST, for a function nobody here knows.
    pub fn unknown_function(name: &str) -> Self {
        Self::new(1305, SYNTAX_OR_ACCESS, format!("FUNCTION {name} does not exist"))
    }

    /// ER_SP_DOES_NOT_EXIST, for a savepoint.
    pub fn no_such_savepoint(name: &str) -> Self {
        Self::new(1305, SYNTAX_OR_ACCESS, format!("SAVEPOINT {name} does not exist"))
    }

    /// ER_SP_DOES_NOT_EXIST, for a procedure.
    pub fn no_such_procedure(name: &str) -> Self {
        Self::new(1305, SYNTAX_OR_ACCESS, format!("PROCEDURE {name} does not exist"))
    }

    /// ER_ROLE_NOT_GRANTED, in MariaDB ER_INVALID_ROLE.
    pub fn role_not_granted(role: &str, user: &str, mariadb: bool) -> Self {
        if mariadb {
            return Self::new(1959, b"OP000", format!("Invalid role specification '{role}'"));
        }
        Self::new(3530, GENERAL, format!("`{role}`@`%` is not granted to `{user}`@`%`"))
    }

    /// ER_QUERY_INTERRUPTED: the statement or the dump was killed.
    pub fn interrupted() -> Self {
        Self::new(1317, b"70100", "Query execution was interrupted")
    }

    /// ER_UNKNOWN_TARGET_BINLOG: `PURGE BINARY LOGS TO` a file that is not there.
    pub fn unknown_target_log() -> Self {
        Self::new(1373, GENERAL, "Target log not found in binlog index")
    }

    /// ER_UNKNOWN_TARGET_BINLOG, which has another text where several logs have the name.
    pub fn ambiguous_log(why: &str) -> Self {
        Self::new(1373, GENERAL, format!("Target log not found in binlog index: {why}"))
    }

    /// ER_BINLOG_PURGE_FATAL_ERR, and why.
    pub fn purge_failed(why: &str) -> Self {
        Self::new(1377, GENERAL, format!("Fatal error during log purge: {why}"))
    }

    /// ER_WRONG_PARAMCOUNT_TO_NATIVE_FCT.
    pub fn wrong_parameter_count(function: &str) -> Self {
        let text = format!("Incorrect parameter count in the call to native function '{function}'");
        Self::new(1582, SYNTAX_OR_ACCESS, text)
    }

    /// ER_WRONG_ARGUMENTS.
    pub fn wrong_arguments(what: &str) -> Self {
        Self::new(1210, GENERAL, format!("Incorrect arguments to {what}"))
    }

    /// ER_INVALID_CHARACTER_STRING: a statement that is not in UTF-8, and must be.
    pub fn invalid_characters(sql: &[u8], error: std::str::Utf8Error) -> Self {
        const SHOWN_BYTES_MAX: usize = 6;
        let rest = sql.get(error.valid_up_to()..).unwrap_or_default();
        let shown = rest.get(..SHOWN_BYTES_MAX).unwrap_or(rest).escape_ascii();
        Self::new(1300, GENERAL, format!("Invalid utf8mb4 character string: '{shown}'"))
    }

    /// ER_CONNECT_TO_FOREIGN_DATA_SOURCE: the primary knows, and cannot be asked.
    pub fn primary_unreachable(why: &str) -> Self {
        let text = format!(
            "Unable to connect to foreign data source: only the primary knows its tables, and it \
             cannot be asked now: {why}"
        );
        Self::new(1429, GENERAL, text)
    }

    /// ER_UNKNOWN_ERROR: a session on the primary cannot be had, or was lost.
    pub fn passthrough(why: &str) -> Self {
        Self::new(1105, b"HY000", format!("No session on the primary: {why}"))
    }

    /// ER_QUERY_ON_FOREIGN_DATA_SOURCE: the primary was asked, and gave no answer.
    pub fn primary_silent(why: &str) -> Self {
        let text = format!(
            "There was a problem processing the query on the foreign data source. Data source \
             error: {why}"
        );
        Self::new(1430, GENERAL, text)
    }

    /// Error 3062: a function that is of no use without GTIDs.
    pub fn needs_gtid_mode(function: &str) -> Self {
        let text = format!("Cannot use {function} when GTID_MODE = OFF.");
        Self::new(3062, GENERAL, text)
    }

    /// ER_MALFORMED_GTID_SET_SPECIFICATION.
    pub fn malformed_gtid_set(text: &str) -> Self {
        Self::new(1772, GENERAL, format!("Malformed GTID set specification '{text}'."))
    }

    /// ER_MALFORMED_PACKET: a command's fields are not what they should be.
    pub fn malformed_packet() -> Self {
        Self::new(1835, GENERAL, "Malformed communication packet.")
    }

    /// ER_WARN_PURGE_LOG_IN_USE, a warning.
    pub fn log_in_use(file: &str, readers: usize, removed: usize, wanted: usize) -> Self {
        let text = format!(
            "file ./{file} was not purged because it was being read by {readers} thread(s), \
             purged only {removed} out of {wanted} files."
        );
        Self::new(1867, GENERAL, text)
    }

    /// ER_WARN_PURGE_LOG_IS_ACTIVE, a warning.
    pub fn log_active(file: &str) -> Self {
        let text = format!("file ./{file} was not purged because it is the active log file.");
        Self::new(1868, GENERAL, text)
    }

    /// ER_BAD_REPLICA: there is no primary to follow.
    pub fn not_a_replica() -> Self {
        let text = "The server is not configured as replica; fix in config file or with CHANGE \
                    REPLICATION SOURCE TO";
        Self::new(1200, GENERAL, text)
    }

    /// ER_REPLICA_CHANNEL_DOES_NOT_EXIST, in MariaDB ER_NO_SUCH_MASTER... of that name.
    pub fn no_such_channel(name: &str, mariadb: bool) -> Self {
        if mariadb {
            return Self::new(1617, GENERAL, format!("There is no master connection '{name}'"));
        }
        Self::new(3074, GENERAL, format!("Replica channel '{name}' does not exist."))
    }

    /// What must stop first: ER_REPLICA_CHANNEL_IO_THREAD_MUST_STOP, ER_SLAVE_MUST_STOP.
    pub fn replica_runs(mariadb: bool) -> Self {
        if mariadb {
            let text = "This operation cannot be performed as you have a running slave ''; run STOP \
                        SLAVE '' first";
            return Self::new(1198, GENERAL, text);
        }
        let text = "This operation cannot be performed with a running replica io thread; run STOP \
                    REPLICA IO_THREAD FOR CHANNEL '' first.";
        Self::new(3021, GENERAL, text)
    }

    /// A note: ER_REPLICA_CHANNEL_WAS_RUNNING, ER_SLAVE_WAS_RUNNING.
    pub fn replica_runs_already(mariadb: bool) -> Self {
        if mariadb {
            return Self::new(1254, GENERAL, "Slave is already running");
        }
        let text = "Replication thread(s) for channel '' are already running.";
        Self::new(3083, GENERAL, text)
    }

    /// A note: ER_REPLICA_CHANNEL_WAS_NOT_RUNNING, ER_SLAVE_WAS_NOT_RUNNING.
    pub fn replica_stopped_already(mariadb: bool) -> Self {
        if mariadb {
            return Self::new(1255, GENERAL, "Slave already has been stopped");
        }
        let text = "Replication thread(s) for channel '' are already stopped.";
        Self::new(3084, GENERAL, text)
    }

    /// ER_UNKNOWN_ERROR: what binlogd says of an order that it cannot obey.
    pub fn replica_order_failed(why: &str) -> Self {
        Self::new(1105, GENERAL, why)
    }

    /// ER_SECURE_TRANSPORT_REQUIRED: the listener demands TLS.
    pub fn secure_transport_required() -> Self {
        let text = "Connections using insecure transport are prohibited while \
                    --require_secure_transport=ON.";
        Self::new(3159, GENERAL, text)
    }

    /// ER_CLIENT_INTERACTION_TIMEOUT; the connection is closed.
    pub fn idle_too_long() -> Self {
        let text = "The client was disconnected by the server because of inactivity. See \
                    wait_timeout and interactive_timeout for configuring this behavior.";
        Self::new(4031, GENERAL, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_error_repeats_at_most_eighty_characters_of_the_statement() {
        let error = SqlError::syntax("é".repeat(100).as_bytes(), 3);
        assert_eq!(error.message.matches('é').count(), 80);
        assert!(error.message.ends_with("' at line 3"), "{error}");
        assert_eq!((error.code, &error.state), (1064, b"42000"));
    }
}
