//! Events about the log itself: its format, its health, the end of transactions.

use crate::fields::Fields;
use crate::{EventError, EventHeader};

/// What a format description event says of the server that wrote the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description<'a> {
    /// The binlog's version, 4.
    pub binlog_version: u16,
    /// The server's version.
    pub server_version: &'a str,
    /// When the server started, in seconds since 1970, in the first file after a start; else 0.
    pub created: u32,
}

/// The commit of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Xid {
    /// The number that the server gave to the transaction.
    pub xid: u64,
}

/// The source may have lost changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incident<'a> {
    /// The kind of incident: 1 is "lost events".
    pub code: u16,
    /// What the server says about it.
    pub message: &'a [u8],
}

/// A source's "still here", never in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat<'a> {
    /// The file that the source is in.
    pub file: &'a [u8],
    /// The position there, in bytes; of version 1 only the low 32 bits.
    pub position: u64,
}

impl<'a> Description<'a> {
    pub(super) fn read(mut f: Fields<'a>) -> Result<Self, EventError> {
        let binlog_version = f.u16("binlog version")?;
        let version = f.take("server version", 50)?;
        let version = version.split(|&b| b == 0).next().unwrap_or_default();
        let server_version = std::str::from_utf8(version)
            .map_err(|_| EventError::NotText { field: "server version" })?;
        Ok(Self { binlog_version, server_version, created: f.u32("created")? })
    }
}

impl<'a> Incident<'a> {
    /// The only code that there is: the source may have lost changes.
    pub const LOST_EVENTS: u16 = 1;

    pub(super) fn read(mut f: Fields<'a>) -> Result<Self, EventError> {
        let code = f.u16("incident code")?;
        // There is one kind; servers refuse others.
        if code != Self::LOST_EVENTS {
            return Err(EventError::bad_value("incident code", &code));
        }
        // A server without a message leaves its length out.
        let message = if f.is_empty() { &[] } else { f.short_bytes("incident message")? };
        Ok(Self { code, message })
    }
}

impl<'a> Heartbeat<'a> {
    pub(super) fn read_v1(f: Fields<'a>, header: &EventHeader) -> Self {
        Self { file: f.rest(), position: u64::from(header.log_pos.0) }
    }

    /// Version 2 is a list of fields, each a number, a length and a value, ended by number 0.
    pub(super) fn read_v2(mut f: Fields<'a>) -> Result<Self, EventError> {
        let mut heartbeat = Self { file: &[], position: 0 };
        loop {
            let field = f.packed("heartbeat field")?;
            if field == 0 {
                return Ok(heartbeat);
            }
            let len = f.packed_len("heartbeat field length")?;
            let value = f.take("heartbeat field value", len)?;
            match field {
                1 => heartbeat.file = value,
                2 => heartbeat.position = Fields::new(value).packed("heartbeat position")?,
                _ => {}
            }
        }
    }
}
