//! An async MySQL and MariaDB driver that can listen to the binlog.
//!
//! [`ConnectOptions`] say where to and how, [`Connection`] logs in and runs queries, and
//! [`BinlogStream`] is what a connection becomes when it asks for the binlog. The protocol itself
//! is `binlogd-wire`'s; what is in an event, `binlogd-event`'s.
//!
//! ```no_run
//! # async fn example() -> Result<(), binlogd_client::ClientError> {
//! use binlogd_client::{ConnectOptions, Connection};
//!
//! let options = ConnectOptions::from_url("mysql://repl:secret@127.0.0.1:3306/")?;
//! let mut connection = Connection::connect(&options).await?;
//! let mut rows = connection.query("SHOW BINARY LOGS").await?;
//! while let Some(row) = rows.next().await? {
//!     println!("{}", row.text(0).unwrap_or_default());
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod answer;
mod binlog;
mod clock;
pub mod compressed;
mod connection;
mod error;
mod options;
mod query;
mod tls;
mod transport;
mod version;

pub use answer::{AnswerLimits, Exceeded};
pub use binlog::{AckSender, BinlogStream, DEFAULT_STREAM_BUFFER_LEN, DumpOptions};
pub use binlogd_wire as wire;
pub use clock::CertificateClock;
pub use connection::Connection;
pub use error::ClientError;
pub use options::{
    CompressionAlgorithm, ConnectOptions, DEFAULT_CONNECT_TIMEOUT, Password, SessionTerms, SslMode,
    TlsSummary,
};
pub use query::{Column, QueryResult, Row};
pub use version::{Flavour, ServerVersion};
