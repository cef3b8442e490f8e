//! What GTID events and previous-GTIDs events say.

use crate::fields::Fields;
use crate::gtid::read_tag;
use crate::{EventError, EventHeader, EventKind, Gtid, GtidSet, GtidTag, HEADER_LEN, ServerUuid};

/// The GTID that an event without its checksum announces; `None` for any other event, an anonymous
/// transaction and MariaDB's GTIDs.
///
/// # Errors
/// If the event is cut short or a field is impossible.
pub fn gtid_of(header: &EventHeader, event: &[u8]) -> Result<Option<Gtid>, EventError> {
    let mut fields = Fields::new(event);
    fields.take("event header", HEADER_LEN)?;
    match header.kind {
        EventKind::GTID => {
            fields.u8("flags")?;
            let uuid = ServerUuid(fields.array("source id")?);
            let number = fields.u64("transaction number")?;
            Ok(Some(Gtid { uuid, tag: GtidTag::NONE, number }))
        }
        EventKind::GTID_TAGGED => tagged(fields).map(Some),
        _ => Ok(None),
    }
}

/// The set in a previous-GTIDs event without its checksum.
///
/// # Errors
/// If the event holds no well-formed set.
pub fn previous_gtids(event: &[u8]) -> Result<GtidSet, EventError> {
    let mut fields = Fields::new(event);
    fields.take("event header", HEADER_LEN)?;
    GtidSet::from_bytes(fields.rest())
}

/// The tagged event (MySQL 8.3) is a message of MySQL's serialization library: version, size,
/// last field that a reader must know, then numbered fields, of which these are the first four.
fn tagged(mut fields: Fields<'_>) -> Result<Gtid, EventError> {
    fields.varint("message version")?;
    fields.varint("message size")?;
    fields.varint("last required field")?;
    expect_field(&mut fields, 0)?;
    fields.varint("flags")?;
    expect_field(&mut fields, 1)?;
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        let value = fields.varint("source id")?;
        *byte = u8::try_from(value).map_err(|_| EventError::bad_value("source id", &value))?;
    }
    expect_field(&mut fields, 2)?;
    // Signed numbers keep their sign in the lowest bit.
    let number = fields.varint("transaction number")? >> 1;
    expect_field(&mut fields, 3)?;
    let tag = read_tag(&mut fields)?;
    Ok(Gtid { uuid: ServerUuid(uuid), tag, number })
}

fn expect_field(fields: &mut Fields<'_>, wanted: u64) -> Result<(), EventError> {
    match fields.varint("field number")? {
        found if found == wanted => Ok(()),
        found => Err(EventError::bad_value("field number", &found)),
    }
}
