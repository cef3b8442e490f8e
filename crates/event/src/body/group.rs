//! Group replication's events.

use crate::EventError;
use crate::fields::Fields;

/// What the group needs to certify the transaction that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionContext<'a> {
    /// The server that ran it, as text.
    pub server_uuid: &'a [u8],
    /// The session that ran it.
    pub thread_id: u32,
    /// Whether it came with a GTID of its own.
    pub gtid_specified: bool,
    /// The GTIDs that it saw, as a set in binary form.
    pub snapshot_version: &'a [u8],
    /// What it wrote, as hashes of keys.
    pub write_set: WriteSet<'a>,
    /// What it read.
    pub read_set: WriteSet<'a>,
}

/// Hashes of the rows that a transaction touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteSet<'a> {
    bytes: &'a [u8],
    count: u32,
}

/// A change of a replication group's membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewChange<'a> {
    /// The view's name.
    pub view_id: &'a [u8],
    /// Its number.
    pub sequence_number: u64,
    /// How many entries the certification data has.
    pub certification_count: u32,
    /// The certification data: a name and a value, with a 16-bit and a 32-bit length in front.
    pub certification: &'a [u8],
}

impl<'a> WriteSet<'a> {
    fn read(f: &mut Fields<'a>, count: u32) -> Result<Self, EventError> {
        let all = f.rest();
        for _ in 0..count {
            let len = f.u16("write set entry length")?;
            f.take("write set entry", usize::from(len))?;
        }
        Ok(Self { bytes: &all[..all.len() - f.rest().len()], count })
    }

    /// How many hashes there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The hashes.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut f = Fields::new(self.bytes);
        std::iter::from_fn(move || {
            let len = f.u16("write set entry length").ok()?;
            f.take("write set entry", usize::from(len)).ok()
        })
    }
}

impl<'a> TransactionContext<'a> {
    pub(super) fn read(mut f: Fields<'a>) -> Result<Self, EventError> {
        let uuid_len = usize::from(f.u8("server UUID length")?);
        let thread_id = f.u32("thread id")?;
        let gtid_specified = f.u8("GTID specified")? != 0;
        let snapshot_len = f.length("snapshot version length")?;
        let write_count = f.u32("write set size")?;
        let read_count = f.u32("read set size")?;
        let server_uuid = f.take("server UUID", uuid_len)?;
        let snapshot_version = f.take("snapshot version", snapshot_len)?;
        let write_set = WriteSet::read(&mut f, write_count)?;
        let read_set = WriteSet::read(&mut f, read_count)?;
        Ok(Self { server_uuid, thread_id, gtid_specified, snapshot_version, write_set, read_set })
    }
}

impl<'a> ViewChange<'a> {
    pub(super) fn read(mut f: Fields<'a>) -> Result<Self, EventError> {
        let view_id = f.take("view id", 40)?;
        let view_id = view_id.split(|&b| b == 0).next().unwrap_or_default();
        let sequence_number = f.u64("view number")?;
        let certification_count = f.u32("certification data size")?;
        Ok(Self { view_id, sequence_number, certification_count, certification: f.rest() })
    }
}
