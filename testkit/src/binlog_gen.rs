//! Generated binlogs: well-formed files of random transactions, as MySQL 9.7 or MariaDB 11.8 writes them.
//!
//! Events come one by one, so that a test can stop, cut or change its mind anywhere. Layouts
//! follow the [Binlog Event] pages of MySQL's source documentation and the files of a real server.
//!
//! [Binlog Event]: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html

use std::collections::BTreeMap;

use binlogd_event::{EventHeader, Gtid, GtidSet, GtidSource, GtidTag, ServerUuid, gtid_of};

use crate::rng::Rng;

/// The four bytes that every file begins with.
pub const MAGIC: [u8; 4] = [0xfe, b'b', b'i', b'n'];

/// An event as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenEvent {
    /// Header, body and checksum.
    pub bytes: Vec<u8>,
    /// Where it ends in its file, in bytes.
    pub end: u64,
    /// The transaction that is complete with this event.
    pub commits: Option<Gtid>,
    /// Whether no transaction is under way behind it.
    pub is_boundary: bool,
}

/// A source of events. A clone goes on from the same place with the same choices; with
/// [`BinlogGen::reseed`], with other ones.
#[derive(Debug, Clone)]
pub struct BinlogGen {
    rng: Rng,
    options: Options,
    base: String,
    file_number: u64,
    offset: u64,
    clock: u32,
    /// The number of the transaction that is under way or comes next.
    number: u64,
    /// What heads of files list.
    executed: Executed,
    /// The GTID of the transaction of another server that is under way.
    relayed: Option<Gtid>,
    next: Next,
    /// Bytes of each row event that the transaction still has.
    rows: Vec<usize>,
}

/// What is generated.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether events carry a CRC32; the format description always does.
    pub checksums: bool,
    /// The largest row, in bytes. Most are much smaller.
    pub row_len_max: usize,
    /// The most row events in a transaction.
    pub row_events_max: usize,
    /// The server that commits the transactions.
    pub uuid: ServerUuid,
    /// Its server id.
    pub server_id: u32,
    /// Whether that is a MariaDB.
    pub mariadb: bool,
}

/// The transactions that a server has.
#[derive(Debug, Clone, Default)]
struct Executed {
    all: GtidSet,
    /// MariaDB's last number of each server id, and the server id that came last.
    last: BTreeMap<u32, u64>,
    newest: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Format,
    PreviousGtids,
    Gtid,
    Begin,
    TableMap,
    Rows,
    Xid,
}

const DOMAIN: u32 = 0;
const SERVER_VERSION: &str = "9.7.4";
const MARIADB_VERSION: &str = "11.8.9-MariaDB-log";
const IMMEDIATE_SERVER_VERSION: u32 = 90704;
const HEADER_LEN: usize = 19;
const FORMAT_DESCRIPTION: u8 = 15;
const XID: u8 = 16;
const TABLE_ID: [u8; 6] = [77, 0, 0, 0, 0, 0];

/// The fixed lengths of the bodies of event types 1 to 42.
const POST_HEADER_LENS: [u8; 42] = [
    0, 13, 0, 8, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 99, 0, 4, 26, 8, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 10,
    10, 10, 42, 42, 0, 18, 52, 0, 10, 40, 0, 0,
];

/// Of a BEGIN: no flags, strict SQL mode, utf8mb4.
const STATUS_VARS: [u8; 21] =
    [0, 0, 0, 0, 0, 1, 0, 0, 32, 0, 0, 0, 0, 0, 4, 255, 0, 255, 0, 255, 0];

impl Default for Options {
    fn default() -> Self {
        let uuid = ServerUuid(*b"\x3e\x11\xfa\x47\x71\xca\x11\xe1\x9e\x33\xc8\x0a\xa9\x42\x95\x62");
        Self {
            checksums: true,
            row_len_max: 400,
            row_events_max: 3,
            uuid,
            server_id: 4711,
            mariadb: false,
        }
    }
}

impl BinlogGen {
    /// A source before the first event of the file `mysql-bin.000001`.
    #[must_use]
    pub fn new(seed: u64, options: Options) -> Self {
        Self {
            rng: Rng::new(seed),
            options,
            base: "mysql-bin".to_owned(),
            file_number: 1,
            offset: 4,
            clock: 1_800_000_000,
            number: 1,
            executed: Executed::default(),
            relayed: None,
            next: Next::Format,
            rows: Vec::new(),
        }
    }

    /// Makes other choices from here on.
    pub fn reseed(&mut self, seed: u64) {
        self.rng = Rng::new(seed);
    }

    /// Becomes another server, which has all of this one's transactions. For a place between transactions.
    pub fn become_server(&mut self, uuid: ServerUuid, server_id: u32) {
        self.options.uuid = uuid;
        self.options.server_id = server_id;
        if !self.options.mariadb {
            let own = self.executed.all.of_server(uuid);
            self.number = u64::try_from(own.count()).unwrap_or(u64::MAX) + 1;
        }
    }

    /// All transactions that the source has committed.
    #[must_use]
    pub fn executed(&self) -> &GtidSet {
        &self.executed.all
    }

    /// Logs an event of another server's transaction, as a replica does.
    pub fn relay(&mut self, event: &[u8]) -> GenEvent {
        let header = EventHeader::parse(event).ok();
        self.relayed = header.and_then(|h| gtid_of(&h, event).ok().flatten()).or(self.relayed);
        let end = event.len() - if self.options.checksums { 4 } else { 0 };
        let mut bytes = event[..end].to_vec();
        self.offset += event.len() as u64;
        if bytes[13..17] != [0; 4] {
            bytes[13..17].copy_from_slice(&self.offset.to_le_bytes()[..4]);
        }
        if self.options.checksums {
            let crc = crc32fast::hash(&bytes);
            bytes.extend_from_slice(&crc.to_le_bytes());
        }
        self.next = Next::Rows;
        let mut commits = None;
        if event[4] == XID {
            commits = self.relayed.take();
            commits.into_iter().for_each(|gtid| self.commit(gtid));
        }
        GenEvent { bytes, end: self.offset, commits, is_boundary: self.next == Next::Gtid }
    }

    /// Lets time pass.
    pub fn pass_seconds(&mut self, seconds: u32) {
        self.clock += seconds;
    }

    /// The same source, with files of this number on. For a source that has not begun.
    #[must_use]
    pub fn with_file_number(mut self, number: u64) -> Self {
        self.file_number = number;
        self
    }

    /// The file that the next event belongs to.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.name_of(self.file_number)
    }

    /// Where in it the next event begins, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether a Rotate may come here: the file has its first two events and no transaction is
    /// under way.
    #[must_use]
    pub fn is_boundary(&self) -> bool {
        self.next == Next::Gtid
    }

    /// The next event of the file.
    pub fn event(&mut self) -> GenEvent {
        match self.next {
            Next::Format => self.format(),
            Next::PreviousGtids if self.options.mariadb => self.gtid_list(),
            Next::PreviousGtids => self.previous_gtids(),
            Next::Gtid if self.options.mariadb => self.mariadb_gtid(),
            Next::Gtid => self.gtid(),
            Next::Begin => self.begin(),
            Next::TableMap => self.table_map(),
            Next::Rows => self.rows(),
            Next::Xid => self.xid(),
        }
    }

    /// The last event of the file, after which the next event begins another file.
    pub fn rotate(&mut self) -> GenEvent {
        let next_file = self.name_of(self.file_number + 1);
        let event = self.finish(4, 0, &[&4u64.to_le_bytes(), next_file.as_bytes()].concat());
        self.begin_file();
        event
    }

    /// Ends the file without an event, as a server that dies.
    pub fn begin_file(&mut self) {
        self.file_number += 1;
        self.offset = 4;
        self.next = Next::Format;
        self.rows.clear();
    }

    /// Ends the file without an event, and goes on with files of another name.
    pub fn rename(&mut self, base: &str) {
        base.clone_into(&mut self.base);
        self.file_number = 0;
        self.begin_file();
    }

    /// The rest of this file, with `transactions` more of them and a Rotate, behind the magic if
    /// nothing of it was taken yet.
    pub fn file(&mut self, transactions: usize) -> Vec<u8> {
        let mut bytes = if self.offset == 4 { MAGIC.to_vec() } else { Vec::new() };
        let last = self.number + transactions as u64;
        while !(self.is_boundary() && self.number >= last) {
            bytes.extend(self.event().bytes);
        }
        bytes.extend(self.rotate().bytes);
        bytes
    }

    fn name_of(&self, number: u64) -> String {
        format!("{}.{number:06}", self.base)
    }

    fn format(&mut self) -> GenEvent {
        let mut body = 4u16.to_le_bytes().to_vec();
        let version = if self.options.mariadb { MARIADB_VERSION } else { SERVER_VERSION };
        body.extend_from_slice(version.as_bytes());
        body.resize(2 + 50, 0);
        let created = if self.file_number == 1 { self.clock } else { 0 };
        body.extend_from_slice(&created.to_le_bytes());
        body.push(19);
        body.extend_from_slice(&POST_HEADER_LENS);
        body.push(u8::from(self.options.checksums));
        self.next = Next::PreviousGtids;
        self.finish(FORMAT_DESCRIPTION, 0, &body)
    }

    fn previous_gtids(&mut self) -> GenEvent {
        self.next = Next::Gtid;
        self.finish(35, 0x80, &self.executed.all.to_bytes())
    }

    /// MariaDB's list of the last GTIDs of one domain.
    fn gtid_list(&mut self) -> GenEvent {
        let Executed { last, newest, .. } = &self.executed;
        let mut entries: Vec<_> = last.iter().collect();
        entries.sort_by_key(|(server_id, _)| **server_id == *newest);
        #[expect(clippy::cast_possible_truncation, reason = "there are a few servers")]
        let mut body = (entries.len() as u32).to_le_bytes().to_vec();
        for (server_id, number) in &entries {
            body.extend_from_slice(&DOMAIN.to_le_bytes());
            body.extend_from_slice(&server_id.to_le_bytes());
            body.extend_from_slice(&number.to_le_bytes());
        }
        if entries.is_empty() {
            body.extend_from_slice(&[0, 0]);
        }
        self.next = Next::Gtid;
        self.finish(163, 0, &body)
    }

    /// MariaDB's GTID event takes the place of BEGIN.
    fn mariadb_gtid(&mut self) -> GenEvent {
        self.begin_transaction();
        let mut body = self.number.to_le_bytes().to_vec();
        body.extend_from_slice(&DOMAIN.to_le_bytes());
        body.extend_from_slice(&[0; 7]);
        self.next = Next::TableMap;
        self.finish(162, 8, &body)
    }

    fn begin_transaction(&mut self) {
        let count = self.rng.between(1, self.options.row_events_max);
        self.rows = (0..count).map(|_| self.row_len()).collect();
    }

    fn gtid(&mut self) -> GenEvent {
        self.begin_transaction();
        let mut body = vec![0];
        body.extend_from_slice(&self.options.uuid.0);
        body.extend_from_slice(&self.number.to_le_bytes());
        body.push(2);
        body.extend_from_slice(&(self.number - 1).to_le_bytes());
        body.extend_from_slice(&self.number.to_le_bytes());
        // The commit time in microseconds, and no other one of the original commit.
        body.extend_from_slice(&(u64::from(self.clock) * 1_000_000).to_le_bytes()[..7]);
        body.extend_from_slice(&self.transaction_length().to_le_bytes());
        body.extend_from_slice(&IMMEDIATE_SERVER_VERSION.to_le_bytes());
        self.next = Next::Begin;
        self.finish(33, 0, &body)
    }

    /// Mostly small; now and then as large as allowed.
    fn row_len(&mut self) -> usize {
        let max = self.options.row_len_max;
        let most = self.rng.pick(&[max.min(40), max.min(40), max.min(400), max]);
        self.rng.between(0, most)
    }

    /// The transaction's bytes, in the nine-byte form of a length.
    fn transaction_length(&self) -> Nine {
        let crc = if self.options.checksums { 4 } else { 0 };
        let gtid = HEADER_LEN + 42 + 7 + 9 + 4 + crc;
        let begin = HEADER_LEN + BEGIN_LEN + crc;
        let xid = HEADER_LEN + 8 + crc;
        let row = |len: &usize| 2 * (HEADER_LEN + crc) + TABLE_MAP_LEN + ROWS_LEN + len;
        Nine((gtid + begin + xid + self.rows.iter().map(row).sum::<usize>()) as u64)
    }

    fn begin(&mut self) -> GenEvent {
        let mut body = vec![9, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0];
        body.extend_from_slice(&[21, 0]);
        body.extend_from_slice(&STATUS_VARS);
        body.extend_from_slice(b"sim\0BEGIN");
        debug_assert_eq!(body.len(), BEGIN_LEN);
        self.next = Next::TableMap;
        self.finish(2, 8, &body)
    }

    /// Table `sim.t` with columns `int` and `longblob`.
    fn table_map(&mut self) -> GenEvent {
        let mut body = TABLE_ID.to_vec();
        body.extend_from_slice(&[1, 0]);
        body.extend_from_slice(b"\x03sim\0\x01t\0");
        body.extend_from_slice(&[2, 3, 252, 1, 4, 0b11]);
        debug_assert_eq!(body.len(), TABLE_MAP_LEN);
        self.next = Next::Rows;
        self.finish(19, 0, &body)
    }

    fn rows(&mut self) -> GenEvent {
        let len = self.rows.pop().unwrap_or(0);
        let mut body = TABLE_ID.to_vec();
        body.extend_from_slice(&[1, 0, 2, 0, 2, 0b11]);
        body.push(0);
        #[expect(clippy::cast_possible_truncation, reason = "any four bytes will do")]
        body.extend_from_slice(&(self.rng.bits() as u32).to_le_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "rows are far smaller than 4 GiB")]
        body.extend_from_slice(&(len as u32).to_le_bytes());
        // Zeros and what looks like another event are harder to tell from a torn write.
        match self.rng.below(4) {
            0 => body.resize(body.len() + len, 0),
            _ => body.extend(self.rng.bytes(len)),
        }
        debug_assert_eq!(body.len(), ROWS_LEN + len);
        self.next = if self.rows.is_empty() { Next::Xid } else { Next::TableMap };
        self.finish(30, 0, &body)
    }

    fn xid(&mut self) -> GenEvent {
        let gtid = if self.options.mariadb {
            Gtid::mariadb(DOMAIN, self.options.server_id, self.number)
        } else {
            Gtid::mysql(self.options.uuid, GtidTag::NONE, self.number)
        };
        self.clock += 1;
        self.commit(gtid);
        let body = gtid.number.to_le_bytes();
        GenEvent { commits: Some(gtid), ..self.finish(XID, 0, &body) }
    }

    fn commit(&mut self, gtid: Gtid) {
        self.executed.all.insert(gtid);
        match gtid.source {
            GtidSource::Domain { server_id, .. } => {
                self.executed.last.insert(server_id, gtid.number);
                self.executed.newest = server_id;
                self.number = gtid.number + 1;
            }
            GtidSource::Server { uuid, .. } if uuid == self.options.uuid => {
                self.number = gtid.number + 1;
            }
            GtidSource::Server { .. } => {}
        }
        self.next = Next::Gtid;
    }

    /// Puts header and checksum around a body.
    fn finish(&mut self, kind: u8, flags: u16, body: &[u8]) -> GenEvent {
        let has_crc = self.options.checksums || kind == FORMAT_DESCRIPTION;
        let size = HEADER_LEN + body.len() + if has_crc { 4 } else { 0 };
        self.offset += size as u64;
        #[expect(clippy::cast_possible_truncation, reason = "events and files are below 4 GiB")]
        let (size, mut log_pos) = (size as u32, self.offset as u32);
        // What MariaDB wrote to a transaction's cache first does not know its place.
        if self.options.mariadb && matches!(self.next, Next::TableMap | Next::Rows) && kind != 162 {
            log_pos = 0;
        }
        let mut bytes = self.clock.to_le_bytes().to_vec();
        bytes.push(kind);
        bytes.extend_from_slice(&self.options.server_id.to_le_bytes());
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&log_pos.to_le_bytes());
        bytes.extend_from_slice(&flags.to_le_bytes());
        bytes.extend_from_slice(body);
        if has_crc {
            let crc = crc32fast::hash(&bytes);
            bytes.extend_from_slice(&crc.to_le_bytes());
        }
        GenEvent { bytes, end: self.offset, commits: None, is_boundary: self.next == Next::Gtid }
    }
}

/// Of a BEGIN without header and checksum, in bytes.
const BEGIN_LEN: usize = 13 + STATUS_VARS.len() + 9;
const TABLE_MAP_LEN: usize = 8 + 8 + 6;
/// Of a row event with an empty row.
const ROWS_LEN: usize = 6 + 6 + 1 + 4 + 4;

/// A length-encoded number in its longest form.
struct Nine(u64);

impl Nine {
    fn to_le_bytes(&self) -> [u8; 9] {
        let mut bytes = [0xfe; 9];
        bytes[1..].copy_from_slice(&self.0.to_le_bytes());
        bytes
    }
}
