//! Sending binlog events to a reader, as a primary does.
//!
//! [`start`](start::find) decides where a dump begins, [`Sender`] turns stored bytes into packets,
//! without waiting for anything. Sockets, sessions and the commands before a dump are in
//! `downstream`.

mod ahead;
mod artificial;
mod filter;
mod first_file;
mod gtids_before;
mod herald;
mod lookout;
mod mariadb;
mod sender;
mod serve;
mod start;
mod wait_log;

pub use ahead::ahead;
pub use filter::GtidFilter;
pub(crate) use gtids_before::gtids_before;
pub(crate) use herald::Herald;
pub use mariadb::MariadbWishes;
pub(crate) use mariadb::position_at;
pub use sender::{Progress, Sender};
pub use start::{DumpError, Options, Start, StartPoint, find};
pub(crate) use wait_log::WaitLog;
