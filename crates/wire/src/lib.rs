//! The MySQL and MariaDB client/server protocol, both roles, without IO.
//!
//! Every structure can be encoded and parsed; the state machines ([`auth`], [`packet`],
//! [`compress`], [`dump`]) are fed bytes by their caller and say what to send. Sockets, TLS and timeouts live
//! in the crates above; what is inside a binlog event is not known here.
#![forbid(unsafe_code)]

pub mod auth;
pub mod capability;
pub mod charset;
pub mod command;
pub mod compress;
pub mod dump;
pub mod error;
pub mod error_code;
pub mod handshake;
pub mod packet;
pub mod reader;
pub mod relay;
pub mod response;
pub mod resultset;
pub mod statement;
pub mod status;
pub mod writer;

pub use capability::Capabilities;
pub use error::WireError;
pub use error_code::ErrorCode;
pub use response::ServerError;
pub use status::StatusFlags;
