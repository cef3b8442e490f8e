//! MySQL's GTID events, with or without a tag or a GTID, and the set of earlier ones.

use crate::fields::Fields;
use crate::gtid::read_tag;
use crate::{EventError, EventKind, Gtid, GtidSet, GtidTag, ServerUuid};

/// What stands before a transaction.
///
/// What the writing server did not know yet is `None`: the logical clock came with 5.7, timestamps
/// and length with 8.0.1, versions with 8.0.14.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GtidBody {
    /// The transaction's identifier, unless it is anonymous.
    pub gtid: Option<Gtid>,
    /// Flags: 1 says that the transaction may contain statements.
    pub flags: u8,
    /// Which transactions may run beside it.
    pub logical_clock: Option<LogicalClock>,
    /// When it was committed on the server that wrote this, in microseconds since 1970.
    pub immediate_commit_us: Option<u64>,
    /// When it was committed first, in microseconds since 1970.
    pub original_commit_us: Option<u64>,
    /// The length of the whole transaction in bytes, with this event.
    pub transaction_len: Option<u64>,
    /// The version of the server that wrote this, as `80036`; 999999 if that did not know.
    pub immediate_server_version: Option<u32>,
    /// The version of the server that committed first.
    pub original_server_version: Option<u32>,
    /// Group replication's ticket for the order of commits.
    pub commit_group_ticket: Option<u64>,
}

/// Which transactions a replica may run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogicalClock {
    /// The last transaction of the file that this one depends on.
    pub last_committed: i64,
    /// This one's number in its file.
    pub sequence_number: i64,
}

/// All GTIDs of earlier files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviousGtids<'a> {
    /// The set in its binary form.
    pub bytes: &'a [u8],
}

impl PreviousGtids<'_> {
    /// The set.
    ///
    /// # Errors
    /// If the bytes are no well-formed set.
    pub fn set(&self) -> Result<GtidSet, EventError> {
        GtidSet::from_bytes(self.bytes)
    }
}

/// Says in front of the logical clock that it is one.
const LOGICAL_CLOCK: u8 = 2;
/// The highest bit of a 56-bit timestamp: the original one follows.
const ORIGINAL_TIME_FOLLOWS: u64 = 1 << 55;
/// The highest bit of a version: the original one follows.
const ORIGINAL_VERSION_FOLLOWS: u32 = 1 << 31;

impl GtidBody {
    pub(super) fn read(mut f: Fields<'_>, kind: EventKind) -> Result<Self, EventError> {
        let flags = f.u8("flags")?;
        let uuid = ServerUuid(f.array("source id")?);
        let number = f.u64("transaction number")?;
        let gtid = Gtid::mysql(uuid, GtidTag::NONE, number);
        let mut body =
            Self { gtid: (kind == EventKind::GTID).then_some(gtid), flags, ..Self::default() };
        // Every server version ends after one of the groups.
        if f.is_empty() || f.u8("kind of logical clock")? != LOGICAL_CLOCK {
            return Ok(body);
        }
        body.logical_clock = Some(LogicalClock {
            last_committed: signed(f.u64("last committed")?),
            sequence_number: signed(f.u64("sequence number")?),
        });
        if f.is_empty() {
            return Ok(body);
        }
        let immediate = f.uint::<7>("immediate commit timestamp")?;
        body.immediate_commit_us = Some(immediate & !ORIGINAL_TIME_FOLLOWS);
        body.original_commit_us = body.immediate_commit_us;
        if immediate & ORIGINAL_TIME_FOLLOWS != 0 {
            body.original_commit_us = Some(f.uint::<7>("original commit timestamp")?);
        }
        if f.is_empty() {
            return Ok(body);
        }
        body.transaction_len = Some(f.packed("transaction length")?);
        if f.is_empty() {
            return Ok(body);
        }
        let version = f.u32("immediate server version")?;
        body.immediate_server_version = Some(version & !ORIGINAL_VERSION_FOLLOWS);
        body.original_server_version = body.immediate_server_version;
        if version & ORIGINAL_VERSION_FOLLOWS != 0 {
            body.original_server_version = Some(f.u32("original server version")?);
        }
        if !f.is_empty() {
            body.commit_group_ticket = Some(f.u64("commit group ticket")?);
        }
        Ok(body)
    }

    /// The event with a tag is a message of MySQL's serialization library: its version, its size,
    /// the last field that a reader must know, then numbered fields, of which some may be left out.
    pub(super) fn read_tagged(mut f: Fields<'_>) -> Result<Self, EventError> {
        f.varint("message version")?;
        f.varint("message size")?;
        f.varint("last required field")?;
        let mut body = Self::default();
        let (mut uuid, mut tag, mut number) = (ServerUuid([0; 16]), GtidTag::NONE, 0);
        let mut clock = LogicalClock { last_committed: 0, sequence_number: 0 };
        while !f.is_empty() {
            match f.varint("field number")? {
                0 => body.flags = small(f.varint("flags")?, "flags")?,
                1 => {
                    for byte in &mut uuid.0 {
                        *byte = small(f.varint("source id")?, "source id")?;
                    }
                }
                2 => {
                    number = u64::try_from(zigzag(f.varint("transaction number")?))
                        .map_err(|_| EventError::bad_value("transaction number", &"negative"))?;
                }
                3 => tag = read_tag(&mut f)?,
                4 => clock.last_committed = zigzag(f.varint("last committed")?),
                5 => clock.sequence_number = zigzag(f.varint("sequence number")?),
                6 => body.immediate_commit_us = Some(f.varint("immediate commit timestamp")?),
                7 => body.original_commit_us = Some(f.varint("original commit timestamp")?),
                8 => body.transaction_len = Some(f.varint("transaction length")?),
                9 => body.immediate_server_version = Some(version(&mut f)?),
                10 => body.original_server_version = Some(version(&mut f)?),
                11 => body.commit_group_ticket = Some(f.varint("commit group ticket")?),
                // A newer server's field: neither its length nor what follows can be known.
                _ => break,
            }
        }
        body.original_commit_us = body.original_commit_us.or(body.immediate_commit_us);
        body.original_server_version =
            body.original_server_version.or(body.immediate_server_version);
        body.gtid = Some(Gtid::mysql(uuid, tag, number));
        body.logical_clock = Some(clock);
        Ok(body)
    }
}

fn version(f: &mut Fields<'_>) -> Result<u32, EventError> {
    let version = f.varint("server version")?;
    u32::try_from(version).map_err(|_| EventError::bad_value("server version", &version))
}

fn small(value: u64, field: &'static str) -> Result<u8, EventError> {
    u8::try_from(value).map_err(|_| EventError::bad_value(field, &value))
}

/// Signed numbers of the serialization library keep their sign in the lowest bit.
fn zigzag(value: u64) -> i64 {
    signed(value >> 1) ^ -signed(value & 1)
}

fn signed(value: u64) -> i64 {
    i64::from_le_bytes(value.to_le_bytes())
}
