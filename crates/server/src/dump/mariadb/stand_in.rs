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

/// A Query event that is a comment.
pub(super) fn comment(
    header: &EventHeader,
    len: usize,
    checksum: ChecksumAlgorithm,
) -> Option<Vec<u8>> {
    let room = len.checked_sub(HEADER_LEN + QUERY_LEN + checksum.len())?;
    let EventKind(kind) = header.kind;
    let text = format!("# Dummy event replacing event type {kind} that slave cannot handle.");
    let text = format!("{text:room$}");
    query(header, len, 0, text.as_bytes().get(..room)?, checksum)
}

fn query(
    header: &EventHeader,
    len: usize,
    filler: usize,
    text: &[u8],
    checksum: ChecksumAlgorithm,
) -> Option<Vec<u8>> {
    let header = EventHeader {
        kind: EventKind::QUERY,
        flags: EventFlags(header.flags.0 | EventFlags::SUPPRESS_USE.0),
        ..*header
    };
    let mut event = Vec::with_capacity(len);
    event.extend_from_slice(&header.to_bytes());
    event.extend_from_slice(&[0; 11]);
    event.extend_from_slice(&u16::try_from(filler).ok()?.to_le_bytes());
    event.resize(event.len() + filler, 0xff);
    event.push(0);
    event.extend_from_slice(text);
    if checksum == ChecksumAlgorithm::Crc32 {
        let crc = event_crc32(&event);
        event.extend_from_slice(&crc.to_le_bytes());
    }
    Some(event)
}
