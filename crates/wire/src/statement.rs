//! Prepared statements: the packets of COM_STMT_PREPARE, COM_STMT_EXECUTE and COM_STMT_SEND_LONG_DATA,
//! and the binary form of parameters and rows.
//!
//! Which statements there are, and which types a client declared before, is known to the caller.
//! Manual: "Prepared Statements".

mod execute;
mod parameters;
mod prepare_ok;
mod row;
mod temporal;
mod value;

pub use execute::{Execute, LongData};
pub use parameters::{ParameterType, Parameters};
pub use prepare_ok::PrepareOk;
pub(crate) use row::{BinaryColumn, encode as encode_row};
pub use row::{BinaryRow, InvalidText};
pub use temporal::{DateTime, Time};
pub use value::{BinaryValue, Unfit};

/// The most parameters that a statement can have: PREPARE is answered with their number in 16 bits.
pub const MAX_PARAMETERS: usize = 0xffff;

/// A statement's id that stands for the one prepared last. MariaDB's clients send it with
/// COM_STMT_EXECUTE before they know the id. MariaDB's documentation: "COM_STMT_EXECUTE".
pub const LAST_STATEMENT: u32 = u32::MAX;

#[cfg(test)]
mod tests;
