//! What came before a place in a file, gathered event by event. Nothing is read here.

use binlogd_event::{
    ChecksumAlgorithm, EventHeader, EventKind, FormatDescription, Gtid, GtidSet, TransactionState,
    gtid_of, previous_gtids,
};

use super::Checkpoint;

/// The length of a Query event's fixed part where the format description does not say, in bytes.
const QUERY_POST_HEADER_LEN: usize = 13;

/// What came up to a place.
#[derive(Debug)]
pub(crate) struct Before {
    /// Where the last event ends that belongs to the file and to no transaction, in bytes.
    head_end: u64,
    /// The latest time stamp of the events of transactions.
    time: u32,
    gtids: GtidSet,
    /// Whether the GTIDs tell all: each transaction has one, and none of MariaDB's came behind a
    /// higher one of its domain.
    tells: bool,
    /// Whether the last event belongs to nothing that follows.
    is_between: bool,
    transaction: TransactionState,
    checksum: ChecksumAlgorithm,
    query_post_header_len: usize,
}

impl Before {
    /// Behind the head of a file: `gtids` are those before the file.
    pub(crate) fn new(format: &FormatDescription, gtids: GtidSet, head_end: u64) -> Self {
        Self {
            head_end,
            time: 0,
            gtids,
            tells: true,
            is_between: true,
            transaction: TransactionState::Outside,
            checksum: format.checksum,
            query_post_header_len: format
                .post_header_len(EventKind::QUERY)
                .unwrap_or(QUERY_POST_HEADER_LEN),
        }
    }

    /// Whether a transaction begins with an event.
    pub(crate) fn begins(&self, header: &EventHeader) -> bool {
        self.is_between && !is_of_file(header.kind)
    }

    /// What is known at `offset`, where a transaction begins.
    pub(crate) fn checkpoint(&self, offset: u64) -> Checkpoint {
        // A set's text may have its sources on lines of their own.
        let gtids = self.tells.then(|| self.gtids.to_string().replace('\n', ""));
        Checkpoint { offset, head_end: self.head_end, time: self.time, gtids }
    }

    /// Takes the event at `offset`, of which `event` is all or the front; `None` if it cannot stand
    /// there.
    pub(crate) fn event(&mut self, offset: u64, header: &EventHeader, event: &[u8]) -> Option<()> {
        let is_whole = usize::try_from(header.size).is_ok_and(|size| size == event.len());
        let crc_len = if is_whole { self.checksum.len() } else { 0 };
        let body = event.get(..event.len().checked_sub(crc_len)?)?;
        if is_of_file(header.kind) {
            self.head_end = offset + u64::from(header.size);
            if header.kind.is_previous_gtids() {
                self.gtids.extend(&previous_gtids(body).ok()?);
            }
            return Some(());
        }
        let was_outside = self.transaction.is_outside();
        let is_first = self.begins(header);
        self.time = self.time.max(header.timestamp);
        self.transaction =
            self.transaction.after(header, body, is_whole, self.query_post_header_len).ok()?;
        self.is_between = self.transaction.is_outside() && (!was_outside || is_alone(header.kind));
        match header.kind {
            EventKind::GTID | EventKind::GTID_TAGGED | EventKind::MARIADB_GTID => {
                let gtid = gtid_of(header, body).ok()??;
                self.tells &= !self.has_higher(&gtid);
                self.gtids.insert(gtid);
            }
            _ => self.tells &= !is_first,
        }
        Some(())
    }

    fn has_higher(&self, gtid: &Gtid) -> bool {
        let domain = gtid.domain();
        let mut known = self.gtids.last_of_domains();
        known.any(|known| known.domain() == domain && known.number >= gtid.number)
    }
}

/// Whether an event belongs to a file and to no transaction.
fn is_of_file(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::FORMAT_DESCRIPTION
            | EventKind::PREVIOUS_GTIDS
            | EventKind::GTID_LIST
            | EventKind::BINLOG_CHECKPOINT
            | EventKind::START_ENCRYPTION
            | EventKind::ROTATE
            | EventKind::STOP
    )
}

/// Whether an event may be a transaction by itself; others may say something of the one that follows.
fn is_alone(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::QUERY
            | EventKind::QUERY_COMPRESSED
            | EventKind::EXECUTE_LOAD_QUERY
            | EventKind::TRANSACTION_PAYLOAD
            | EventKind::INCIDENT
    )
}

#[cfg(test)]
mod tests {
    use binlogd_event::HEADER_LEN;
    use testkit::binlog_gen::{BinlogGen, Options};

    use super::*;

    /// Behind a head that ends at 200, in a file without checksums.
    fn behind(gtids: &str) -> Before {
        let format = BinlogGen::new(1, Options { checksums: false, ..Options::default() }).event();
        let mut format = FormatDescription::parse(&format.bytes).unwrap();
        format.checksum = ChecksumAlgorithm::None;
        Before::new(&format, gtids.parse().unwrap(), 200)
    }

    /// Takes events of 100 bytes, so to speak; where transactions begin.
    fn begins(before: &mut Before, events: &[(EventKind, u32, Vec<u8>)]) -> Vec<u64> {
        let mut begins = Vec::new();
        for (n, (kind, timestamp, body)) in events.iter().enumerate() {
            let offset = 200 + 100 * n as u64;
            let mut event = timestamp.to_le_bytes().to_vec();
            event.push(kind.0);
            event.extend_from_slice(&7_u32.to_le_bytes());
            let size = u32::try_from(HEADER_LEN + body.len()).unwrap();
            event.extend_from_slice(&size.to_le_bytes());
            event.extend_from_slice(&[0; 6]);
            event.extend_from_slice(body);
            let header = EventHeader::parse(&event).unwrap();
            if before.begins(&header) {
                begins.push(offset);
            }
            before.event(offset, &header, &event).unwrap();
        }
        begins
    }

    fn query(text: &str) -> Vec<u8> {
        // Session, seconds, the lengths of an empty default database and of the status variables, an
        // error code.
        [&[0; 13][..], b"\0", text.as_bytes()].concat()
    }

    fn mariadb(number: u64, domain: u32) -> Vec<u8> {
        [&number.to_le_bytes()[..], &domain.to_le_bytes(), &[0; 7]].concat()
    }

    #[test]
    fn without_gtids_a_transaction_begins_with_what_its_statement_depends_on() {
        let mut before = behind("");
        let begins = begins(
            &mut before,
            &[
                (EventKind::INTVAR, 5, vec![1; 9]),
                (EventKind::QUERY, 9, query("insert into t values (last_insert_id())")),
                (EventKind::QUERY, 8, query("BEGIN")),
                (EventKind::INTVAR, 8, vec![1; 9]),
                (EventKind::QUERY, 8, query("insert into t values (1)")),
                (EventKind::XID, 8, vec![0; 8]),
                (EventKind::ROTATE, 70, vec![0; 20]),
                (EventKind::QUERY, 8, query("create table t (a int)")),
            ],
        );
        assert_eq!(begins, [200, 400, 900]);
        let checkpoint = before.checkpoint(1000);
        assert_eq!((checkpoint.head_end, checkpoint.time), (800 + 39, 9));
        assert_eq!(checkpoint.gtids(), None, "they have none");
    }

    #[test]
    fn anonymous_transactions_and_disorder_make_gtids_tell_nothing() {
        let group = |gtid| [(EventKind::MARIADB_GTID, 5, gtid), (EventKind::XID, 5, vec![0; 8])];
        let mut before = behind("0-7-3,1-9-20");
        let in_order = [group(mariadb(4, 0)), group(mariadb(21, 1)), group(mariadb(9, 0))];
        assert_eq!(begins(&mut before, &in_order.concat()), [200, 400, 600]);
        let gtids = before.checkpoint(0).gtids().unwrap();
        assert_eq!(gtids.position().to_string(), "0-7-9,1-7-21");
        begins(&mut before, &group(mariadb(9, 0)));
        assert_eq!(before.checkpoint(0).gtids(), None, "a number came twice");

        let mut before = behind("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-3");
        assert!(before.checkpoint(0).gtids().is_some());
        let anonymous = (EventKind::ANONYMOUS_GTID, 5, vec![0; 42]);
        begins(&mut before, &[anonymous, (EventKind::QUERY, 5, query("drop table t"))]);
        assert_eq!(before.checkpoint(0).gtids(), None);
    }
}
