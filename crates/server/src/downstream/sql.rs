//! The SQL that replicas, `mysqlbinlog` and clients say before and beside a dump: bytes in, a
//! [`Statement`] or MySQL's own error out.
//!
//! Pure: nothing here knows a session, a value of a variable or a socket; `query` executes.
//! What is not understood is an error, never a pretended success.

mod ast;
mod expr;
mod inquiry;
mod lexer;
mod like;
mod own_table;
mod parser;
mod temporal;
mod value;

pub use ast::{
    Assignment, Channel, Comparison, Condition, Field, Filter, Flush, Kill, Limit, Operator, Purge,
    Replica, Scope, Select, SelectItem, SetValue, Show, Statement, TransactionVerb,
};
pub use expr::{CastType, Expr, Operation, Unit};
pub use inquiry::{Inquiry, Selected, Selection, TableName};
pub use like::{eq_ignore_case, like, like_with};
pub use own_table::SelectOwn;
pub use parser::{parse, parse_prepared};
pub use temporal::Temporal;
pub(crate) use temporal::{MICROS, TIME_MAX};
pub(crate) use value::{DECIMAL_DIGITS_MAX, DECIMAL_SCALE_MAX, number_of_text};
pub use value::{Double, Value};

/// Which server's SQL is spoken: it decides which executable comments count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The version as executable comments write it: 9.7.4 is 90704, 10.11.6 is 101106.
    pub version: u32,
    /// MariaDB reads `/*M! */` and skips what is for MySQL 5.7 and later.
    pub mariadb: bool,
}

impl Dialect {
    /// Reads what a server presents: `8.0.36`, `9.7.4-2`, `5.5.5-10.11.6-MariaDB-log`. What cannot be
    /// read counts as version 0, so that versioned comments are skipped.
    pub fn of_version(presented: &str) -> Self {
        let mariadb = presented.contains("MariaDB");
        let number = match presented.strip_prefix("5.5.5-") {
            Some(rest) if mariadb => rest,
            _ => presented,
        };
        let mut parts = number.split(|c: char| !c.is_ascii_digit()).map(|p| p.parse::<u32>().ok());
        let mut next = || parts.next().flatten().filter(|part| *part < 100).unwrap_or(0);
        let (major, minor, patch) = (next(), next(), next());
        Self { version: major * 10_000 + minor * 100 + patch, mariadb }
    }
}

#[cfg(test)]
mod tests;
