//! A primary that writes generated files and sends them as a real one does.

use std::sync::Arc;

use binlogd_event::{
    CHECKSUM_LEN, EventFlags, EventHeader, EventKind, FormatDescription, GtidSet, LogPos, MAGIC,
    ServerUuid, event_crc32,
};
use binlogd_store::SourceId;
use testkit::binlog_gen::{BinlogGen, GenEvent, Options};
use testkit::rng::Rng;

/// An event of a file: where it begins, its bytes, whether a client waits for it.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) start: u64,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) commits: bool,
    /// Whether no transaction is under way behind it.
    pub(crate) is_boundary: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct BinlogFile {
    pub(crate) name: String,
    pub(crate) events: Vec<Written>,
    /// Behind the events stands a torn one, at which every dump ends with an error.
    pub(crate) is_torn: bool,
}

impl BinlogFile {
    /// The file as it is on the primary's disk.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let events = self.events.iter().flat_map(|event| event.bytes.iter().copied());
        MAGIC.into_iter().chain(events).collect()
    }

    /// Whether a reader may be given so many bytes, and no more for now.
    pub(crate) fn is_servable(&self, len: u64, mariadb: bool) -> bool {
        let end = |event: &Written| event.start + event.bytes.len() as u64;
        len <= 4 || self.events.iter().any(|e| end(e) == len && (e.is_boundary || !mariadb))
    }

    /// How much of it there is to be served.
    pub(crate) fn servable_len(&self, mariadb: bool) -> u64 {
        let last = self.events.iter().rfind(|event| event.is_boundary || !mariadb);
        last.map_or(4, |event| event.start + event.bytes.len() as u64)
    }

    fn new(name: String) -> Self {
        Self { name, events: Vec::new(), is_torn: false }
    }
}

/// What tells a server from others.
#[derive(Debug, Clone, Copy)]
struct Identity {
    uuid: ServerUuid,
    server_id: u32,
}

impl Identity {
    fn new(number: u8) -> Self {
        let Options { mut uuid, server_id, .. } = Options::default();
        uuid.0[15] ^= number;
        Self { uuid, server_id: server_id + u32::from(number) }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Primary {
    source: BinlogGen,
    identity: Identity,
    /// Transactions that it has in a table and in no file, of MySQL.
    pub(crate) unlogged: GtidSet,
    pub(crate) is_mariadb: bool,
    pub(crate) files: Vec<BinlogFile>,
}

impl Primary {
    pub(crate) fn new(seed: u64, rng: &mut Rng) -> Self {
        let row_len_max = rng.pick(&[60, 400, 40_000]);
        let is_mariadb = rng.one_in(3);
        let options = Options { row_len_max, mariadb: is_mariadb, ..Options::default() };
        let source = BinlogGen::new(seed, options);
        let files = vec![BinlogFile::new(source.file_name())];
        let identity = Identity::new(0);
        Self { source, identity, unlogged: GtidSet::new(), is_mariadb, files }
    }

    /// Another server, with copies of this one's files.
    pub(crate) fn copy(&self, number: u8, rng: &mut Rng) -> Self {
        let mut copy = self.clone();
        copy.identity = Identity::new(number);
        copy.source.become_server(copy.identity.uuid, copy.identity.server_id);
        copy.reseed(rng.bits());
        copy.restart(None);
        copy
    }

    /// Another server, which has logged the transactions of this one in files of its own; all files of
    /// this one are there.
    pub(crate) fn replica(&self, number: u8, base: &str, rng: &mut Rng) -> Self {
        let mut replica = self.copy(number, rng);
        let mariadb = self.is_mariadb;
        let Identity { uuid, server_id } = replica.identity;
        let options = Options { uuid, server_id, mariadb, ..Options::default() };
        replica.source = BinlogGen::new(rng.bits(), options);
        replica.source.rename(base);
        replica.files = vec![BinlogFile::new(replica.source.file_name())];
        let events = self.files.iter().flat_map(|file| file.events.iter().skip(2));
        let ends = [EventKind::ROTATE, EventKind::STOP];
        for event in events.filter(|event| !ends.contains(&EventKind(event.bytes[4]))) {
            while replica.source.offset() == 4 || replica.is_head_due() {
                replica.write_event(|source| source.event());
            }
            replica.write_event(|source| source.relay(&event.bytes));
            if event.is_boundary && rng.one_in(8) {
                replica.write_event(BinlogGen::rotate);
            }
        }
        replica
    }

    /// Who it is.
    pub(crate) fn id(&self) -> SourceId {
        match self.is_mariadb {
            true => SourceId::of_server_id(self.identity.server_id),
            false => SourceId::new(&self.identity.uuid.to_string()).unwrap(),
        }
    }

    /// Writes an event, now and then the end of a file.
    pub(crate) fn write(&mut self, rng: &mut Rng) {
        let rotates = self.is_boundary() && rng.one_in(12);
        self.write_event(|source| if rotates { source.rotate() } else { source.event() });
    }

    fn write_event(&mut self, make: impl FnOnce(&mut BinlogGen) -> GenEvent) {
        let start = self.source.offset();
        let event = make(&mut self.source);
        let file = self.files.last_mut().unwrap();
        let commits = event.commits.is_some();
        // The format description stands alone, as does a Rotate.
        let is_boundary = event.is_boundary || start == 4 || self.source.file_name() != file.name;
        file.events.push(Written { start, bytes: event.bytes.into(), commits, is_boundary });
        if self.source.file_name() != file.name {
            self.files.push(BinlogFile::new(self.source.file_name()));
        }
    }

    /// All transactions that it has.
    pub(crate) fn executed(&self) -> GtidSet {
        let mut executed = self.source.executed().clone();
        executed.extend(&self.unlogged);
        executed
    }

    /// Another MySQL, which was provisioned with the data of this one, but not with its files.
    pub(crate) fn provisioned(&self, number: u8, rng: &mut Rng) -> Self {
        let mut new = self.copy(number, rng);
        new.unlogged = self.executed();
        let uuid = new.identity.uuid;
        new.source = BinlogGen::new(rng.bits(), Options { uuid, ..Options::default() });
        new.source.pass_seconds(1_000);
        new.files = vec![BinlogFile::new(new.source.file_name())];
        new
    }

    /// Makes other choices from here on: another history.
    pub(crate) fn reseed(&mut self, seed: u64) {
        // Nobody is restored within a second.
        self.source.pass_seconds(1_000 + u32::try_from(seed % 1_000_000).unwrap());
        self.source.reseed(seed);
    }

    /// Whether the file has its head and no transaction is under way.
    pub(crate) fn is_boundary(&self) -> bool {
        self.source.is_boundary()
    }

    fn is_head_due(&self) -> bool {
        self.files.last().is_some_and(|file| file.events.len() < 2)
    }

    /// Stops and comes back with a new file, maybe of another name.
    pub(crate) fn restart(&mut self, base: Option<&str>) {
        match base {
            Some(base) => self.source.rename(base),
            None => self.source.begin_file(),
        }
        self.files.push(BinlogFile::new(self.source.file_name()));
    }

    /// Dies and comes back with a new file, whose first transaction has the GTID of the one that was under
    /// way. That is how a MariaDB leaves its last file; MySQL cuts its end.
    pub(crate) fn die(&mut self, rng: &mut Rng) {
        let file = self.files.last_mut().unwrap();
        // The first two events are written at once.
        if !self.is_mariadb || file.events.len() < 2 {
            return;
        }
        file.is_torn = rng.one_in(2);
        self.source.begin_file();
        self.files.push(BinlogFile::new(self.source.file_name()));
    }

    /// Has another last file from now on, as one that was restored; returns the old one.
    pub(crate) fn fork(&mut self, rng: &mut Rng) -> BinlogFile {
        let (uuid, mariadb) = (ServerUuid([7; 16]), self.is_mariadb);
        let options = Options { uuid, mariadb, ..Options::default() };
        let mut other = BinlogGen::new(rng.bits(), options);
        let last = self.files.last_mut().unwrap();
        while other.file_name() != last.name {
            other.begin_file();
        }
        self.source = other;
        let name = last.name.clone();
        std::mem::replace(last, BinlogFile::new(name))
    }

    pub(crate) fn file(&self, name: &str) -> Option<&BinlogFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

/// What a dump sends, in order.
#[derive(Debug)]
pub(crate) struct Dump {
    file: usize,
    next: usize,
    /// Events that the primary makes for the reader.
    made: Vec<Vec<u8>>,
}

/// The next thing that a dump sends.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) bytes: Vec<u8>,
    pub(crate) wants_ack: bool,
}

impl Dump {
    /// `None` if there is no such file or event.
    pub(crate) fn begin(primary: &Primary, name: &str, offset: u64) -> Option<Self> {
        let file = primary.files.iter().position(|file| file.name == name)?;
        let events = &primary.files[file].events;
        let next = match offset {
            4 => 0,
            _ => events.iter().position(|event| event.start == offset)?,
        };
        let mut made = vec![rotate(name, offset)];
        if offset > 4 {
            let mut format = events[0].bytes.to_vec();
            FormatDescription::make_artificial(&mut format).unwrap();
            made.push(format);
        }
        made.reverse();
        Some(Self { file, next, made })
    }

    pub(crate) fn next(&mut self, primary: &Primary) -> Option<Sent> {
        if let Some(bytes) = self.made.pop() {
            return Some(Sent { bytes, wants_ack: false });
        }
        if let Some(event) = primary.files[self.file].events.get(self.next) {
            self.next += 1;
            return Some(Sent { bytes: event.bytes.to_vec(), wants_ack: event.commits });
        }
        if self.is_refused(primary) {
            return None;
        }
        let next = primary.files.get(self.file + 1)?;
        (self.file, self.next) = (self.file + 1, 0);
        Some(Sent { bytes: rotate(&next.name, 4), wants_ack: false })
    }

    /// Whether the primary cannot read what comes next.
    pub(crate) fn is_refused(&self, primary: &Primary) -> bool {
        let file = &primary.files[self.file];
        self.made.is_empty() && file.is_torn && self.next == file.events.len()
    }
}

fn rotate(name: &str, position: u64) -> Vec<u8> {
    let body = [&position.to_le_bytes()[..], name.as_bytes()].concat();
    let header = EventHeader {
        timestamp: 0,
        kind: EventKind::ROTATE,
        server_id: 4711,
        size: u32::try_from(19 + body.len() + CHECKSUM_LEN).unwrap(),
        log_pos: LogPos(0),
        flags: EventFlags::ARTIFICIAL,
    };
    let event = [&header.to_bytes()[..], &body].concat();
    let crc = event_crc32(&event).to_le_bytes();
    [&event[..], &crc].concat()
}
