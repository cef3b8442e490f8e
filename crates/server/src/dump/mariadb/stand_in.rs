//! Events that take the place of those which an old reader does not know: of the same length, so that
//! positions stay true.

use binlogd_event::{
    ChecksumAlgorithm, EventFlags, EventHeader, EventKind, HEADER_LEN, event_crc32,
};

/// The fixed part of a Query event and the NUL behind an empty database's name, in bytes.
const QUERY_LEN: usize = 13 + 1;

/// A Query event that says `BEGIN`, in the place of a GTID that opens a transaction.
pub(super) fn begin(
    header: &EventHeader,
    len: usize,
    checksum: ChecksumAlgorithm,
) -> Option<Vec<u8>> {
    let room = len.checked_sub(HEADER_LEN + QUERY_LEN + checksum.len())?;
    // Status variables of a kind that nobody knows fill what is left.
    let filler = room.checked_sub(b"BEGIN".len())?;
    query(header, len, filler, b"BEGIN", checksum)
}

/// A Query event that is a comment, or where there is no room for one a user variable without a value.
pub(super) fn comment(
    header: &EventHeader,
    len: usize,
    checksum: ChecksumAlgorithm,
) -> Option<Vec<u8>> {
    let Some(room) = len.checked_sub(HEADER_LEN + QUERY_LEN + checksum.len()) else {
        return user_variable(header, len, checksum);
    };
    let EventKind(kind) = header.kind;
    let text = format!("# Dummy event replacing event type {kind} that slave cannot handle.");
    let text = format!("{text:room$}");
    query(header, len, 0, text.as_bytes().get(..room)?, checksum)
}

/// A User var event whose name is as long as need be.
fn user_variable(header: &EventHeader, len: usize, checksum: ChecksumAlgorithm) -> Option<Vec<u8>> {
    /// The name's length before it, and behind it whether the value is NULL, in bytes.
    const FIXED_LEN: usize = 4 + 1;
    let name_len = len.checked_sub(HEADER_LEN + FIXED_LEN + checksum.len())?;
    let mut body = u32::try_from(name_len).ok()?.to_le_bytes().to_vec();
    body.resize(4 + name_len, b'!');
    body.push(1);
    Some(event(header, EventKind::USER_VAR, &body, checksum))
}

fn query(
    header: &EventHeader,
    len: usize,
    filler: usize,
    text: &[u8],
    checksum: ChecksumAlgorithm,
) -> Option<Vec<u8>> {
    let mut body = vec![0; 11];
    body.extend_from_slice(&u16::try_from(filler).ok()?.to_le_bytes());
    body.resize(body.len() + filler, 0xff);
    body.push(0);
    body.extend_from_slice(text);
    debug_assert_eq!(HEADER_LEN + body.len() + checksum.len(), len);
    Some(event(header, EventKind::QUERY, &body, checksum))
}

/// An event of this kind and body in the place of another.
fn event(
    header: &EventHeader,
    kind: EventKind,
    body: &[u8],
    checksum: ChecksumAlgorithm,
) -> Vec<u8> {
    let flags = EventFlags(header.flags.0 | EventFlags::SUPPRESS_USE.0);
    let mut event = EventHeader { kind, flags, ..*header }.to_bytes().to_vec();
    event.extend_from_slice(body);
    if checksum == ChecksumAlgorithm::Crc32 {
        let crc = event_crc32(&event);
        event.extend_from_slice(&crc.to_le_bytes());
    }
    event
}
