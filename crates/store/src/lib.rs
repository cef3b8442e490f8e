//! Durable binlog files: what binlogd keeps of one stream, on a file system that may fail.
//!
//! A [`Store`] is the folder of one stream. Its [`Catalog`] lists the files and says how far they
//! are durable; its one [`Writer`] appends to the last of them; any number of [`Cursor`]s read up
//! to the durable frontier and never past it. Nothing here knows a socket, and every byte to and
//! from the disk goes through [`Fs`].
#![forbid(unsafe_code)]

mod access;
mod atomic_write;
mod catalog;
mod continuity;
mod cursor;
mod error;
mod frontier;
mod fs;
mod index;
mod index_file;
mod journal;
mod leftovers;
mod name;
mod names;
mod purge;
mod recovery;
mod space;
mod store;
mod tail;
mod timeline;
mod unknown;
mod unlogged;
pub mod verify;
mod watermark;
mod writer;

pub use access::restrict;
pub use atomic_write::{atomic_write, durable_remove};
pub use catalog::{Catalog, FileHead, FileId, LogFile, Position};
pub use continuity::{FileBefore, Order, Seam};
pub use cursor::{Cursor, Read};
pub use error::{Remedy, StoreError};
pub use frontier::{Frontier, FrontierWatch};
pub use fs::{Access, Dir, File, Fs, FsLock, OsFs};
pub use index::{Checkpoint, Sidecar};
pub use name::LogName;
pub use names::{Ambiguous, Meant, NameError};
pub use purge::{Held, Holds, Purge};
pub use recovery::Resume;
pub use store::{SourceId, Store};
pub use tail::TailBytes;
pub use timeline::{EarlierLog, Timeline};
pub use unknown::Unknown;
pub use unlogged::unlogged_in;
pub use writer::{Batch, Writer};
