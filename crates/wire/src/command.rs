//! What a client asks for in the command phase.
//!
//! The binlog commands' fields are in [`dump`](crate::dump). Manual: "Command Phase".

mod change_user;
mod query;

pub use change_user::ChangeUser;

use crate::capability::Capabilities;
use crate::dump::{BinlogDump, BinlogDumpGtid, RegisterReplica};
use crate::error::WireError;
use crate::reader::Reader;
use crate::statement::{Execute, LongData};
use crate::writer::Put;

/// A command's number, the first byte of its payload. Unknown ones survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommandKind(pub u8);

impl CommandKind {
    /// The client leaves.
    pub const QUIT: Self = Self(0x01);
    /// Choose a database.
    pub const INIT_DB: Self = Self(0x02);
    /// Run SQL.
    pub const QUERY: Self = Self(0x03);
    /// COM_REFRESH, which newer servers know no more.
    pub const REFRESH: Self = Self(0x07);
    /// One line about the server.
    pub const STATISTICS: Self = Self(0x09);
    /// Kill a connection.
    pub const PROCESS_KILL: Self = Self(0x0c);
    /// COM_DEBUG: the server writes its state to its log.
    pub const DEBUG: Self = Self(0x0d);
    /// Are you there?
    pub const PING: Self = Self(0x0e);
    /// Log in anew.
    pub const CHANGE_USER: Self = Self(0x11);
    /// Stream the binlog from a file and position.
    pub const BINLOG_DUMP: Self = Self(0x12);
    /// A replica introduces itself.
    pub const REGISTER_REPLICA: Self = Self(0x15);
    /// Prepare a statement.
    pub const STMT_PREPARE: Self = Self(0x16);
    /// Execute a statement.
    pub const STMT_EXECUTE: Self = Self(0x17);
    /// Send a long parameter; it is not answered.
    pub const STMT_SEND_LONG_DATA: Self = Self(0x18);
    /// Forget a statement; it is not answered.
    pub const STMT_CLOSE: Self = Self(0x19);
    /// Reset a statement.
    pub const STMT_RESET: Self = Self(0x1a);
    /// Switch several statements in one query on (0) or off (1).
    pub const SET_OPTION: Self = Self(0x1b);
    /// Fetch rows of a statement's cursor.
    pub const STMT_FETCH: Self = Self(0x1c);
    /// Stream the binlog from a GTID set.
    pub const BINLOG_DUMP_GTID: Self = Self(0x1e);
    /// Make the session a new one.
    pub const RESET_CONNECTION: Self = Self(0x1f);

    /// Whether the protocol has no answer to this command.
    #[must_use]
    pub fn is_unanswered(self) -> bool {
        matches!(self, Self::QUIT | Self::STMT_SEND_LONG_DATA | Self::STMT_CLOSE)
    }
}

/// A parsed command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// The client leaves.
    Quit,
    /// Choose a database.
    InitDb(&'a [u8]),
    /// Run SQL. Attributes before the text were skipped.
    Query(&'a [u8]),
    /// One line about the server.
    Statistics,
    /// Are you there?
    Ping,
    /// Kill the connection with this id.
    ProcessKill(u32),
    /// Log in anew.
    ChangeUser(ChangeUser<'a>),
    /// Make the session a new one.
    ResetConnection,
    /// Switch several statements in one query on (0) or off (1).
    SetOption(u16),
    /// A replica introduces itself.
    RegisterReplica(RegisterReplica<'a>),
    /// Stream the binlog from a file and position.
    BinlogDump(BinlogDump<'a>),
    /// Stream the binlog from a GTID set.
    BinlogDumpGtid(BinlogDumpGtid<'a>),
    /// Prepare a statement.
    Prepare(&'a [u8]),
    /// Execute a prepared statement.
    Execute(Execute<'a>),
    /// Send a piece of a parameter's value.
    SendLongData(LongData<'a>),
    /// Forget a prepared statement.
    CloseStatement(u32),
    /// Reset a prepared statement.
    ResetStatement(u32),
    /// Fetch rows of a prepared statement's cursor.
    Fetch {
        /// The statement.
        statement_id: u32,
        /// How many rows.
        rows: u32,
    },
    /// Any other command: its number and the rest of the payload.
    Other(CommandKind, &'a [u8]),
}

impl<'a> Command<'a> {
    /// Parses a payload. `capabilities` are those agreed on with this client.
    ///
    /// # Errors
    /// The payload is empty or a known command's fields are malformed.
    pub fn parse(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "command");
        let kind = CommandKind(r.u8("command byte")?);
        let rest = r.rest();
        Ok(match kind {
            CommandKind::QUIT => Self::Quit,
            CommandKind::INIT_DB => Self::InitDb(rest),
            CommandKind::QUERY if capabilities.contains(Capabilities::QUERY_ATTRIBUTES) => {
                Self::Query(query::skip_attributes(rest)?)
            }
            CommandKind::QUERY => Self::Query(rest),
            CommandKind::STATISTICS => Self::Statistics,
            CommandKind::PING => Self::Ping,
            CommandKind::PROCESS_KILL => {
                Self::ProcessKill(Reader::new(rest, "COM_PROCESS_KILL").u32("connection id")?)
            }
            CommandKind::CHANGE_USER => Self::ChangeUser(ChangeUser::parse(rest, capabilities)?),
            CommandKind::RESET_CONNECTION => Self::ResetConnection,
            CommandKind::SET_OPTION => {
                Self::SetOption(Reader::new(rest, "COM_SET_OPTION").u16("option")?)
            }
            CommandKind::REGISTER_REPLICA => Self::RegisterReplica(RegisterReplica::parse(rest)?),
            CommandKind::BINLOG_DUMP => Self::BinlogDump(BinlogDump::parse(rest)?),
            CommandKind::BINLOG_DUMP_GTID => Self::BinlogDumpGtid(BinlogDumpGtid::parse(rest)?),
            CommandKind::STMT_PREPARE => Self::Prepare(rest),
            CommandKind::STMT_EXECUTE => Self::Execute(Execute::parse(rest)?),
            CommandKind::STMT_SEND_LONG_DATA => Self::SendLongData(LongData::parse(rest)?),
            CommandKind::STMT_CLOSE => {
                Self::CloseStatement(Reader::new(rest, "COM_STMT_CLOSE").u32("statement id")?)
            }
            CommandKind::STMT_RESET => {
                Self::ResetStatement(Reader::new(rest, "COM_STMT_RESET").u32("statement id")?)
            }
            CommandKind::STMT_FETCH => {
                let mut r = Reader::new(rest, "COM_STMT_FETCH");
                Self::Fetch { statement_id: r.u32("statement id")?, rows: r.u32("row count")? }
            }
            other => Self::Other(other, rest),
        })
    }

    /// Appends the payload. `capabilities` are those agreed on with the server.
    pub fn encode(&self, out: &mut Vec<u8>, capabilities: Capabilities) {
        out.put_u8(self.kind().0);
        match self {
            Self::Quit | Self::Statistics | Self::Ping | Self::ResetConnection => {}
            Self::InitDb(name) => out.put_bytes(name),
            Self::Query(text) => {
                if capabilities.contains(Capabilities::QUERY_ATTRIBUTES) {
                    query::put_no_attributes(out);
                }
                out.put_bytes(text);
            }
            Self::ProcessKill(id) => out.put_u32(*id),
            Self::ChangeUser(change) => change.encode(out, capabilities),
            Self::SetOption(option) => out.put_u16(*option),
            Self::RegisterReplica(register) => register.encode(out),
            Self::BinlogDump(dump) => dump.encode(out),
            Self::BinlogDumpGtid(dump) => dump.encode(out),
            Self::Prepare(sql) => out.put_bytes(sql),
            Self::Execute(execute) => execute.encode(out),
            Self::SendLongData(data) => data.encode(out),
            Self::CloseStatement(id) | Self::ResetStatement(id) => out.put_u32(*id),
            Self::Fetch { statement_id, rows } => {
                out.put_u32(*statement_id);
                out.put_u32(*rows);
            }
            Self::Other(_, rest) => out.put_bytes(rest),
        }
    }

    /// The command's number.
    #[must_use]
    pub fn kind(&self) -> CommandKind {
        match self {
            Self::Quit => CommandKind::QUIT,
            Self::InitDb(_) => CommandKind::INIT_DB,
            Self::Query(_) => CommandKind::QUERY,
            Self::Statistics => CommandKind::STATISTICS,
            Self::Ping => CommandKind::PING,
            Self::ProcessKill(_) => CommandKind::PROCESS_KILL,
            Self::ChangeUser(_) => CommandKind::CHANGE_USER,
            Self::ResetConnection => CommandKind::RESET_CONNECTION,
            Self::SetOption(_) => CommandKind::SET_OPTION,
            Self::RegisterReplica(_) => CommandKind::REGISTER_REPLICA,
            Self::BinlogDump(_) => CommandKind::BINLOG_DUMP,
            Self::BinlogDumpGtid(_) => CommandKind::BINLOG_DUMP_GTID,
            Self::Prepare(_) => CommandKind::STMT_PREPARE,
            Self::Execute(_) => CommandKind::STMT_EXECUTE,
            Self::SendLongData(_) => CommandKind::STMT_SEND_LONG_DATA,
            Self::CloseStatement(_) => CommandKind::STMT_CLOSE,
            Self::ResetStatement(_) => CommandKind::STMT_RESET,
            Self::Fetch { .. } => CommandKind::STMT_FETCH,
            Self::Other(kind, _) => *kind,
        }
    }
}

#[cfg(test)]
mod tests;
