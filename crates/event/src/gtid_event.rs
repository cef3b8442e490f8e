//! What GTID events, and those that list the GTIDs of earlier files, say.

use crate::fields::Fields;
use crate::gtid::read_tag;
use crate::{EventError, EventHeader, EventKind, Gtid, GtidSet, GtidTag, HEADER_LEN, ServerUuid};

/// The GTID that an event announces, of which the front will do; `None` for any other event and for
/// an anonymous transaction.
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
            Ok(Some(Gtid::mysql(uuid, GtidTag::NONE, number)))
        }
        EventKind::MARIADB_GTID => {
            let number = fields.u64("sequence number")?;
            let domain = fields.u32("domain")?;
            Ok(Some(Gtid::mariadb(domain, header.server_id, number)))
        }
        EventKind::GTID_TAGGED => tagged(fields).map(Some),
        _ => Ok(None),
    }
}

/// The GTIDs of earlier files, as a previous-GTIDs event or MariaDB's GTID list without its checksum
/// names them.
///
/// # Errors
/// If the event is neither, or holds no well-formed set.
pub fn previous_gtids(event: &[u8]) -> Result<GtidSet, EventError> {
    let header = EventHeader::parse(event)?;
    match header.kind {
        EventKind::PREVIOUS_GTIDS => GtidSet::from_bytes(&event[HEADER_LEN..]),
        EventKind::GTID_LIST => {
            let mut set = GtidSet::new();
            gtid_list(event)?.into_iter().for_each(|gtid| set.insert(gtid));
            Ok(set)
        }
        other => Err(EventError::bad_value("event type", &other)),
    }
}

/// The GTIDs in MariaDB's GTID list without its checksum: the last of each domain and server, and of
/// each domain the newest at the end.
///
/// # Errors
/// If the event is cut short, or longer than its number of GTIDs.
pub fn gtid_list(event: &[u8]) -> Result<Vec<Gtid>, EventError> {
    /// The high bits of the count are flags.
    const COUNT: u32 = (1 << 28) - 1;
    const ENTRY_LEN: usize = 16;
    let mut fields = Fields::new(event);
    fields.take("event header", HEADER_LEN)?;
    let count = fields.u32("number of GTIDs")? & COUNT;
    // Of an empty list the servers make an event that is two bytes too long.
    let (len, padding) = (fields.rest().len() / ENTRY_LEN, fields.rest().len() % ENTRY_LEN);
    if usize::try_from(count) != Ok(len) || padding != if len == 0 { 2 } else { 0 } {
        let value = format!("{count}, with {} bytes of them", fields.rest().len());
        return Err(EventError::bad_value("number of GTIDs", &value));
    }
    let mut gtids = Vec::with_capacity(len);
    for _ in 0..count {
        let domain = fields.u32("domain")?;
        let server_id = fields.u32("server id")?;
        gtids.push(Gtid::mariadb(domain, server_id, fields.u64("sequence number")?));
    }
    Ok(gtids)
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
    Ok(Gtid::mysql(ServerUuid(uuid), tag, number))
}

fn expect_field(fields: &mut Fields<'_>, wanted: u64) -> Result<(), EventError> {
    match fields.varint("field number")? {
        found if found == wanted => Ok(()),
        found => Err(EventError::bad_value("field number", &found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event of MariaDB's server 3 with this body.
    fn event(kind: EventKind, body: &[u8]) -> Vec<u8> {
        let header = [&[0, 0, 0, 0, kind.0, 3, 0, 0, 0][..], &[0; 10]].concat();
        [&header, body].concat()
    }

    #[test]
    fn mariadbs_gtid_has_its_server_in_the_header() {
        let body = [
            &[25, 0, 0, 0, 0, 0, 0, 0][..], // sequence number
            &[7, 0, 0, 0],                  // domain
            &[0; 7],                        // flags, padding
        ]
        .concat();
        let bytes = event(EventKind::MARIADB_GTID, &body);
        let header = EventHeader::parse(&bytes).unwrap();
        assert_eq!(gtid_of(&header, &bytes), Ok(Some(Gtid::mariadb(7, 3, 25))));
        for cut in HEADER_LEN..HEADER_LEN + 12 {
            assert!(gtid_of(&header, &bytes[..cut]).is_err());
        }
    }

    #[test]
    fn a_gtid_list_is_the_set_of_all_before() {
        let body = [
            &[2, 0, 0, 0x10][..], // two, and a flag
            &[0, 0, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0],
            &[0, 0, 0, 0, 2, 0, 0, 0, 25, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let bytes = event(EventKind::GTID_LIST, &body);
        assert_eq!(gtid_list(&bytes).unwrap()[1], Gtid::mariadb(0, 2, 25));
        assert_eq!(previous_gtids(&bytes).unwrap().to_string(), "0-1-1..20,0-2-1..25");
        for cut in 0..bytes.len() {
            assert!(previous_gtids(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(previous_gtids(&[&bytes[..], &[0]].concat()).is_err());
        let none = event(EventKind::GTID_LIST, &[0; 6]);
        assert_eq!(previous_gtids(&none), Ok(GtidSet::new()));
        assert!(previous_gtids(&event(EventKind::XID, &body)).is_err());
    }
}
