//! The list of GTIDs that MariaDB makes for a reader, to tell it how far the stream has come.

use binlogd_event::{EventFlags, EventKind, GtidSet, LogPos};

use crate::dump::artificial::Place;

/// "The stream ends here, as you wanted", among the number of GTIDs.
const UNTIL_REACHED: u32 = 1 << 28;

/// The event. Of each domain the newest GTID comes last.
pub(crate) fn gtid_list(place: &Place<'_>, gtids: &GtidSet, until_reached: bool) -> Vec<u8> {
    let newest = gtids.position();
    let mut entries: Vec<_> = gtids.last_of_domains().collect();
    entries.sort_by_key(|gtid| {
        let is_newest = gtid.domain().and_then(|domain| newest.of_domain(domain)) == Some(*gtid);
        (gtid.domain(), is_newest)
    });
    let mut body = Vec::with_capacity(4 + entries.len() * 16);
    // A position has far fewer than 2^28 GTIDs.
    let count = u32::try_from(entries.len()).unwrap_or(UNTIL_REACHED - 1);
    let flag = if until_reached { UNTIL_REACHED } else { 0 };
    body.extend_from_slice(&(count | flag).to_le_bytes());
    for gtid in &entries {
        if let binlogd_event::GtidSource::Domain { domain, server_id } = gtid.source {
            body.extend_from_slice(&domain.to_le_bytes());
            body.extend_from_slice(&server_id.to_le_bytes());
            body.extend_from_slice(&gtid.number.to_le_bytes());
        }
    }
    if entries.is_empty() {
        // MariaDB's reader wants at least this much.
        body.extend_from_slice(&[0, 0]);
    }
    place.event(EventKind::GTID_LIST, LogPos::of(place.offset), EventFlags::ARTIFICIAL, &body)
}
