//! The fields of the commands that start a binlog stream. All parse and encode what follows the
//! command byte.

use std::ops::BitOr;

use crate::error::WireError;
use crate::reader::Reader;
use crate::writer::Put;

/// A replica introduces itself: COM_REGISTER_SLAVE.
/// What it says is shown by `SHOW REPLICAS` and checked by nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegisterReplica<'a> {
    /// The replica's server id.
    pub server_id: u32,
    /// The name it reports for itself; at most 255 bytes are sent.
    pub host: &'a [u8],
    /// The account it reports for itself; at most 255 bytes are sent.
    pub user: &'a [u8],
    /// That account's password; at most 255 bytes are sent.
    pub password: &'a [u8],
    /// The port it reports for itself.
    pub port: u16,
    /// Unused; 0.
    pub rank: u32,
    /// The source's server id, to be filled in by the source; 0.
    pub source_id: u32,
}

impl<'a> RegisterReplica<'a> {
    /// Parses what follows the command byte.
    ///
    /// # Errors
    /// Truncated or over-long.
    pub fn parse(rest: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(rest, "COM_REGISTER_SLAVE");
        let register = Self {
            server_id: r.u32("server id")?,
            host: r.short_bytes("host")?,
            user: r.short_bytes("user")?,
            password: r.short_bytes("password")?,
            port: r.u16("port")?,
            rank: r.u32("rank")?,
            source_id: r.u32("source id")?,
        };
        r.finish()?;
        Ok(register)
    }

    /// Appends what follows the command byte.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.server_id);
        out.put_short_bytes(self.host);
        out.put_short_bytes(self.user);
        out.put_short_bytes(self.password);
        out.put_u16(self.port);
        out.put_u32(self.rank);
        out.put_u32(self.source_id);
    }
}

/// Flags of the dump commands. Unknown bits survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DumpFlags(pub u16);

impl DumpFlags {
    /// End with EOF at the end of the last file instead of waiting.
    pub const NON_BLOCKING: Self = Self(0x01);
    /// MariaDB: send ANNOTATE_ROWS events too, without which the stream is not the file's bytes.
    /// MySQL: send heartbeats of version 2.
    pub const ANNOTATE_OR_HEARTBEAT_V2: Self = Self(0x02);
    /// The GTID set counts.
    pub const THROUGH_GTID: Self = Self(0x04);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for DumpFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Stream from a file and position: COM_BINLOG_DUMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinlogDump<'a> {
    /// Where to start, a file offset.
    pub position: u32,
    /// The flags.
    pub flags: DumpFlags,
    /// The replica's server id; 0 also means not to wait.
    pub server_id: u32,
    /// The file's name; empty means the first one.
    pub file: &'a [u8],
}

impl<'a> BinlogDump<'a> {
    /// Parses what follows the command byte.
    ///
    /// # Errors
    /// Truncated.
    pub fn parse(rest: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(rest, "COM_BINLOG_DUMP");
        Ok(Self {
            position: r.u32("position")?,
            flags: DumpFlags(r.u16("flags")?),
            server_id: r.u32("server id")?,
            file: r.rest(),
        })
    }

    /// Appends what follows the command byte.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.position);
        out.put_u16(self.flags.0);
        out.put_u32(self.server_id);
        out.put_bytes(self.file);
    }
}

/// Stream all that is not in a GTID set: COM_BINLOG_DUMP_GTID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinlogDumpGtid<'a> {
    /// The flags; [`DumpFlags::THROUGH_GTID`] is among them.
    pub flags: DumpFlags,
    /// The replica's server id; 0 also means not to wait.
    pub server_id: u32,
    /// A file's name, empty with a GTID set.
    pub file: &'a [u8],
    /// Where to start, a file offset; 4 with a GTID set.
    pub position: u64,
    /// The encoded GTID set.
    pub gtid_set: &'a [u8],
}

impl<'a> BinlogDumpGtid<'a> {
    /// Parses what follows the command byte.
    ///
    /// # Errors
    /// Truncated or over-long.
    pub fn parse(rest: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(rest, "COM_BINLOG_DUMP_GTID");
        let flags = DumpFlags(r.u16("flags")?);
        let server_id = r.u32("server id")?;
        let file = long_bytes(&mut r, "file")?;
        let position = r.u64("position")?;
        let gtid_set = long_bytes(&mut r, "GTID set")?;
        r.finish()?;
        Ok(Self { flags, server_id, file, position, gtid_set })
    }

    /// Appends what follows the command byte.
    ///
    /// # Panics
    /// The name or the set has 4 GiB or more.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.flags.0);
        out.put_u32(self.server_id);
        put_long_bytes(out, self.file);
        out.put_u64(self.position);
        put_long_bytes(out, self.gtid_set);
    }
}

/// Four bytes of length and that many bytes.
fn long_bytes<'a>(r: &mut Reader<'a>, field: &'static str) -> Result<&'a [u8], WireError> {
    let len = r.u32(field)?;
    r.bytes(usize::try_from(len).map_err(|_| r.truncated(field))?, field)
}

#[expect(clippy::expect_used, reason = "documented: the caller's own data, never received")]
fn put_long_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.put_u32(u32::try_from(bytes.len()).expect("under 4 GiB"));
    out.put_bytes(bytes);
}
