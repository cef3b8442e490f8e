//! Events that only MariaDB writes.

use super::query::Query;
use super::statement::XaXid;
use crate::fields::Fields;
use crate::{EventError, EventHeader, Gtid};

/// The identity of the event group that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MariadbGtidBody<'a> {
    /// The identifier; its server id stands in the event's header.
    pub gtid: Gtid,
    /// Flags: 1 stand-alone, 2 has a commit id, 4 transactional, 8 may run in parallel, 0x10 waited
    /// for a lock, 0x20 DDL, 0x40 and 0x80 a prepared or completed XA transaction.
    pub flags: u8,
    /// The number that transactions committed together share.
    pub commit_id: Option<u64>,
    /// The distributed transaction's identifier.
    pub xid: Option<XaXid<'a>>,
    /// More flags: 1 several engines, 2, 4, 8 the start, commit, rollback of an `ALTER TABLE`,
    /// 0x10 has a thread id.
    pub flags_extra: u8,
    /// How many more engines took part.
    pub extra_engines: Option<u8>,
    /// The number at which an `ALTER TABLE` began that ends here.
    pub start_alter_sequence: Option<u64>,
    /// The session.
    pub thread_id: Option<u32>,
}

/// The last GTIDs of earlier files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GtidList<'a> {
    /// Flags in the highest four bits of the count.
    pub flags: u8,
    bytes: &'a [u8],
}

/// The GTIDs of a [`GtidList`].
#[derive(Debug, Clone)]
pub struct GtidListEntries<'a> {
    fields: Fields<'a>,
}

/// The rest of the file is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartEncryption {
    /// The scheme, 1.
    pub scheme: u8,
    /// The version of the key.
    pub key_version: u32,
    /// The nonce.
    pub nonce: [u8; 12],
}

/// A Query whose `statement` is still compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressedQuery<'a>(pub Query<'a>);

const HAS_COMMIT_ID: u8 = 0x02;
const HAS_XID: u8 = 0x40 | 0x80;
const MULTI_ENGINE: u8 = 0x01;
const ENDS_ALTER: u8 = 0x04 | 0x08;
const HAS_THREAD_ID: u8 = 0x10;

impl<'a> MariadbGtidBody<'a> {
    pub(super) fn read(mut f: Fields<'a>, header: &EventHeader) -> Result<Self, EventError> {
        let number = f.u64("sequence number")?;
        let domain = f.u32("domain")?;
        let flags = f.u8("flags")?;
        let mut body = Self {
            gtid: Gtid::mariadb(domain, header.server_id, number),
            flags,
            commit_id: None,
            xid: None,
            flags_extra: 0,
            extra_engines: None,
            start_alter_sequence: None,
            thread_id: None,
        };
        if flags & HAS_COMMIT_ID != 0 {
            body.commit_id = Some(f.u64("commit id")?);
        }
        if flags & HAS_XID != 0 {
            let format_id = f.u32("XID format")?;
            let gtrid_len = usize::from(f.u8("gtrid length")?);
            let bqual_len = usize::from(f.u8("bqual length")?);
            let gtrid = f.take("gtrid", gtrid_len)?;
            body.xid = Some(XaXid { format_id, gtrid, bqual: f.take("bqual", bqual_len)? });
        }
        // Without a commit id zeros fill the event up, so that they read as no flags.
        if f.is_empty() {
            return Ok(body);
        }
        body.flags_extra = f.u8("more flags")?;
        if body.flags_extra & MULTI_ENGINE != 0 {
            body.extra_engines = Some(f.u8("number of engines")?);
        }
        if body.flags_extra & ENDS_ALTER != 0 {
            body.start_alter_sequence = Some(f.u64("GTID number at which ALTER began")?);
        }
        if body.flags_extra & HAS_THREAD_ID != 0 {
            body.thread_id = Some(f.u32("thread id")?);
        }
        Ok(body)
    }
}

impl<'a> GtidList<'a> {
    pub(super) fn read(mut f: Fields<'a>) -> Result<Self, EventError> {
        let count = f.u32("number of GTIDs")?;
        let [.., high] = count.to_le_bytes();
        let len = usize::try_from(count & 0x0fff_ffff)
            .ok()
            .and_then(|count| count.checked_mul(16))
            .ok_or_else(|| EventError::bad_value("number of GTIDs", &count))?;
        Ok(Self { flags: high >> 4, bytes: f.take("GTIDs", len)? })
    }

    /// The GTIDs, at most one for each domain and server.
    #[must_use]
    pub fn iter(&self) -> GtidListEntries<'a> {
        GtidListEntries { fields: Fields::new(self.bytes) }
    }
}

impl<'a> IntoIterator for &GtidList<'a> {
    type Item = Gtid;
    type IntoIter = GtidListEntries<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Iterator for GtidListEntries<'_> {
    type Item = Gtid;

    fn next(&mut self) -> Option<Gtid> {
        let domain = self.fields.u32("domain").ok()?;
        let server_id = self.fields.u32("server id").ok()?;
        let number = self.fields.u64("sequence number").ok()?;
        Some(Gtid::mariadb(domain, server_id, number))
    }
}

impl StartEncryption {
    pub(super) fn read(mut f: Fields<'_>) -> Result<Self, EventError> {
        Ok(Self {
            scheme: f.u8("encryption scheme")?,
            key_version: f.u32("key version")?,
            nonce: f.array("nonce")?,
        })
    }
}
