//! Random histories of a stream: what GTIDs may do over files and timelines. Holes, several sources, numbers
//! that come late or twice, transactions without a GTID; small files, and events larger than a buffer.

use std::collections::BTreeMap;

use binlogd_event::{ChecksumAlgorithm, GtidPosition};
use binlogd_event::{
    EventFlags, EventHeader, EventKind, EventPart, FIRST_EVENT, Gtid, GtidSet, GtidSource, GtidTag,
    HEADER_LEN, LogPos, ServerUuid, Verifier, event_crc32,
};
use testkit::rng::Rng;

/// Whose files they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mysql,
    /// Readers by GTID are sent a file from its start.
    Mariadb10,
    /// They are sent what is behind a place that the file's index knows.
    Mariadb11,
}

/// The stored files, oldest first.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) kind: Kind,
    pub(crate) checksums: bool,
    pub(crate) timelines: Vec<Timeline>,
    /// All GTIDs that were ever given, in order.
    pub(crate) gtids: Vec<Gtid>,
}

#[derive(Debug)]
pub(crate) struct Timeline {
    /// What only the timeline before has.
    pub(crate) forked: GtidSet,
    pub(crate) files: Vec<StoredFile>,
}

#[derive(Debug)]
pub(crate) struct StoredFile {
    pub(crate) name: String,
    /// Behind the magic.
    pub(crate) bytes: Vec<u8>,
    pub(crate) gtids: GtidSet,
    pub(crate) end: Verifier,
    /// Where events begin.
    pub(crate) events: Vec<u64>,
}

#[derive(Debug, Clone)]
struct Transaction {
    gtid: Option<Gtid>,
    /// Bytes of each row event; without any it is a statement by itself.
    rows: Vec<usize>,
    /// Not for every replica.
    is_marked: bool,
}

/// What a server knows of the GTIDs in its files.
#[derive(Debug, Clone, Default)]
struct State {
    all: GtidSet,
    /// The last of MariaDB's of each domain and server, and of each domain the server that came last.
    last: BTreeMap<(u32, u32), u64>,
    newest: BTreeMap<u32, u32>,
}

const SERVER_ID: u32 = 1;

impl History {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let kind = rng.pick(&[Kind::Mysql, Kind::Mariadb10, Kind::Mariadb11]);
        let checksums = rng.percent(70);
        let mut source = Source::new(kind, rng);
        let mut state = State::default();
        let count = rng.between(5, 150);
        let first: Vec<_> = (0..count).map(|_| source.transaction(&mut state, rng)).collect();
        let mut writer = FileWriter { kind, checksums, rng };
        let files = writer.files("a", State::default(), &first);
        let mut timelines = vec![Timeline { forked: GtidSet::new(), files }];
        let mut gtids: Vec<Gtid> = first.iter().filter_map(|one| one.gtid).collect();
        if writer.rng.one_in(3) {
            // Another server has some of it, in files of its own, and goes on.
            let shared = writer.rng.between(0, count);
            let begins = writer.rng.between(0, shared);
            let mut before = State::default();
            first[..begins].iter().for_each(|one| before.add(one.gtid));
            let mut second = first[begins..shared].to_vec();
            let mut at = State::default();
            first[..shared].iter().for_each(|one| at.add(one.gtid));
            let forked = state.all.difference(&at.all);
            source.go_on_from(&at, &forked);
            let more = writer.rng.between(1, 80);
            second.extend((0..more).map(|_| source.transaction(&mut at, writer.rng)));
            let base = writer.rng.pick(&["a", "b"]);
            let files = writer.files(base, before, &second);
            timelines.push(Timeline { forked, files });
            gtids.extend(second.iter().filter_map(|one| one.gtid));
        }
        Self { kind, checksums, timelines, gtids }
    }

    pub(crate) fn is_mariadb(&self) -> bool {
        self.kind != Kind::Mysql
    }
}

impl State {
    fn add(&mut self, gtid: Option<Gtid>) {
        let Some(gtid) = gtid else { return };
        self.all.insert(gtid);
        if let GtidSource::Domain { domain, server_id } = gtid.source {
            self.last.insert((domain, server_id), gtid.number);
            self.newest.insert(domain, server_id);
        }
    }
}

/// Where transactions come from.
struct Source {
    kind: Kind,
    sources: usize,
    /// One transaction in so many does what is rare.
    oddity: usize,
    is_strict: bool,
    has_anonymous: bool,
    /// It stays with one for a while.
    current: usize,
    /// Numbers that were passed over.
    holes: Vec<Gtid>,
    /// The highest number of each source, or of MariaDB's domains.
    highest: BTreeMap<usize, u64>,
}

impl Source {
    fn new(kind: Kind, rng: &mut Rng) -> Self {
        Self {
            kind,
            sources: rng.between(1, 4),
            oddity: rng.pick(&[5, 20, 100]),
            is_strict: rng.percent(70),
            has_anonymous: rng.one_in(6),
            current: 0,
            holes: Vec::new(),
            highest: BTreeMap::new(),
        }
    }

    /// What comes next, on another server, must not be what is no part of its history.
    fn go_on_from(&mut self, at: &State, forked: &GtidSet) {
        self.holes.retain(|gtid| !at.all.contains(gtid) && !forked.contains(gtid));
    }

    fn transaction(&mut self, state: &mut State, rng: &mut Rng) -> Transaction {
        if rng.one_in(self.oddity) {
            self.current = rng.below(self.sources);
        }
        let is_anonymous = self.has_anonymous && rng.one_in(40);
        let gtid = (!is_anonymous).then(|| self.gtid(rng));
        state.add(gtid);
        let row = |rng: &mut Rng| match rng.below(60) {
            0 => rng.between(40_000, 120_000),
            1..=5 => rng.between(1_000, 9_000),
            _ => rng.below(300),
        };
        let rows = (0..rng.below(4)).map(|_| row(rng)).collect();
        Transaction { gtid, rows, is_marked: rng.one_in(10) }
    }

    fn gtid(&mut self, rng: &mut Rng) -> Gtid {
        let is_odd = rng.one_in(self.oddity);
        if is_odd && self.kind == Kind::Mysql && !self.holes.is_empty() {
            return self.holes.swap_remove(rng.below(self.holes.len()));
        }
        let highest = self.highest.entry(self.current).or_default();
        let mut number = *highest + 1;
        if is_odd {
            number += rng.below(4) as u64;
        }
        let (source, domain) = (self.current, u32::try_from(self.current).unwrap());
        if self.kind == Kind::Mysql {
            let of = |number| {
                let uuid = ServerUuid([u8::try_from(source).unwrap() + 1; 16]);
                Gtid::mysql(uuid, GtidTag::NONE, number)
            };
            self.holes.extend((*highest + 1..number).map(of));
            *highest = number;
            return of(number);
        }
        if is_odd && !self.is_strict {
            number = number.saturating_sub(rng.below(30) as u64).max(1);
        }
        // A number that came late is where the domain goes on.
        *highest = number;
        let server_id = if rng.one_in(self.oddity) { 2 } else { SERVER_ID };
        Gtid::mariadb(domain, server_id, number)
    }
}

/// Puts transactions into files.
struct FileWriter<'a> {
    kind: Kind,
    checksums: bool,
    rng: &'a mut Rng,
}

impl FileWriter<'_> {
    fn files(&mut self, base: &str, mut state: State, mut left: &[Transaction]) -> Vec<StoredFile> {
        let mut files = Vec::new();
        let per_file = self.rng.pick(&[10, 60, 200]);
        loop {
            let number = files.len() + 1;
            let (these, rest) = left.split_at(self.rng.between(0, per_file).min(left.len()));
            let next = (!rest.is_empty()).then(|| format!("{base}.{:06}", number + 1));
            files.push(self.file(format!("{base}.{number:06}"), &mut state, these, next));
            if rest.is_empty() {
                return files;
            }
            left = rest;
        }
    }

    fn file(
        &mut self,
        name: String,
        state: &mut State,
        transactions: &[Transaction],
        next: Option<String>,
    ) -> StoredFile {
        let mut file = Events::new(self.checksums);
        file.format(self.kind);
        file.list(self.kind, state);
        for one in transactions {
            if self.kind != Kind::Mysql && self.rng.one_in(30) {
                let body = [&[8, 0, 0, 0][..], b"a.000001"].concat();
                file.event(EventKind::BINLOG_CHECKPOINT, SERVER_ID, 0, &body);
            }
            file.transaction(self.kind, one, self.rng);
            state.add(one.gtid);
        }
        if let Some(next) = next {
            let body = [&FIRST_EVENT.to_le_bytes()[..], next.as_bytes()].concat();
            file.event(EventKind::ROTATE, SERVER_ID, 0, &body);
        }
        file.stored(name)
    }
}

/// A file's events.
struct Events {
    checksums: bool,
    bytes: Vec<u8>,
    begins: Vec<u64>,
}

impl Events {
    fn new(checksums: bool) -> Self {
        Self { checksums, bytes: Vec::new(), begins: Vec::new() }
    }

    fn event(&mut self, kind: EventKind, server_id: u32, flags: u16, body: &[u8]) {
        let has_crc = self.checksums || kind == EventKind::FORMAT_DESCRIPTION;
        let size = HEADER_LEN + body.len() + if has_crc { 4 } else { 0 };
        let begin = FIRST_EVENT + self.bytes.len() as u64;
        let header = EventHeader {
            timestamp: 1_800_000_000,
            kind,
            server_id,
            size: u32::try_from(size).unwrap(),
            log_pos: LogPos::of(begin + size as u64),
            flags: EventFlags(flags),
        };
        let event = [&header.to_bytes()[..], body].concat();
        self.begins.push(begin);
        self.bytes.extend_from_slice(&event);
        if has_crc {
            self.bytes.extend_from_slice(&event_crc32(&event).to_le_bytes());
        }
    }

    fn format(&mut self, kind: Kind) {
        let version = match kind {
            Kind::Mysql => "9.7.4",
            Kind::Mariadb10 => "10.11.9-MariaDB-log",
            Kind::Mariadb11 => "11.8.9-MariaDB-log",
        };
        let mut body = 4_u16.to_le_bytes().to_vec();
        body.extend_from_slice(version.as_bytes());
        body.resize(2 + 50, 0);
        // It was made when its server started.
        body.extend_from_slice(&7_u32.to_le_bytes());
        body.push(19);
        body.extend_from_slice(&[0, 13]);
        body.resize(body.len() + 40, 0);
        body.push(u8::from(self.checksums));
        self.event(EventKind::FORMAT_DESCRIPTION, SERVER_ID, 0, &body);
    }

    fn list(&mut self, kind: Kind, state: &State) {
        if kind == Kind::Mysql {
            return self.event(EventKind::PREVIOUS_GTIDS, SERVER_ID, 0x80, &state.all.to_bytes());
        }
        let mut entries: Vec<_> = state.last.iter().collect();
        entries.sort_by_key(|((domain, server), _)| (*domain, state.newest[domain] == *server));
        let mut body = u32::try_from(entries.len()).unwrap().to_le_bytes().to_vec();
        for ((domain, server), number) in &entries {
            body.extend_from_slice(&domain.to_le_bytes());
            body.extend_from_slice(&server.to_le_bytes());
            body.extend_from_slice(&number.to_le_bytes());
        }
        if entries.is_empty() {
            body.extend_from_slice(&[0, 0]);
        }
        self.event(EventKind::GTID_LIST, SERVER_ID, 0, &body);
    }

    fn transaction(&mut self, kind: Kind, one: &Transaction, rng: &mut Rng) {
        let is_alone = one.rows.is_empty();
        let flags = if one.is_marked && kind != Kind::Mysql { 0x8000 } else { 0 };
        let server_id = match one.gtid.map(|gtid| gtid.source) {
            Some(GtidSource::Domain { server_id, .. }) => server_id,
            _ => SERVER_ID,
        };
        let query = |text: &str| [&[0; 13][..], b"\0", text.as_bytes()].concat();
        let begins = match one.gtid.map(|gtid| (gtid.source, gtid.number)) {
            Some((GtidSource::Domain { domain, .. }, number)) => {
                let mut body = number.to_le_bytes().to_vec();
                body.extend_from_slice(&domain.to_le_bytes());
                body.push(u8::from(is_alone));
                body.extend_from_slice(&[0; 6]);
                self.event(EventKind::MARIADB_GTID, server_id, flags, &body);
                false
            }
            Some((GtidSource::Server { uuid, .. }, number)) => {
                let body = [&[0][..], &uuid.0, &number.to_le_bytes(), &[0; 33]].concat();
                self.event(EventKind::GTID, server_id, 0, &body);
                true
            }
            None if kind == Kind::Mysql => {
                self.event(EventKind::ANONYMOUS_GTID, server_id, 0, &[0; 58]);
                true
            }
            None => true,
        };
        if is_alone {
            return self.event(
                EventKind::QUERY,
                server_id,
                flags,
                &query("CREATE TABLE t (a INT)"),
            );
        }
        if begins {
            self.event(EventKind::QUERY, server_id, flags, &query("BEGIN"));
        }
        for len in &one.rows {
            if kind != Kind::Mysql && rng.one_in(4) {
                self.event(EventKind::ANNOTATE_ROWS, server_id, flags, b"INSERT INTO t VALUES (1)");
            }
            self.event(EventKind::WRITE_ROWS, server_id, flags, &vec![7; 20 + len]);
        }
        self.event(EventKind::XID, server_id, flags, &[9; 8]);
    }

    fn stored(self, name: String) -> StoredFile {
        let mut end = Verifier::at_start(ChecksumAlgorithm::None);
        let ends =
            self.begins.iter().skip(1).copied().chain([FIRST_EVENT + self.bytes.len() as u64]);
        for (begin, event_end) in self.begins.iter().zip(ends) {
            let place = |at: u64| usize::try_from(at - FIRST_EVENT).unwrap();
            let bytes = &self.bytes[place(*begin)..place(event_end)];
            end.check(EventPart { first: true, last: true, bytes }).unwrap();
        }
        let gtids = end.take_committed();
        StoredFile { name, bytes: self.bytes, gtids, end, events: self.begins }
    }
}

/// Where a MariaDB reader may stand, or want to end: at GTIDs that there were, or nearly.
pub(crate) fn position(history: &History, rng: &mut Rng) -> GtidPosition {
    let mut position = GtidPosition::new();
    for _ in 0..rng.below(5) {
        let Some(gtid) = history.gtids.get(rng.below(history.gtids.len())) else { break };
        let number = if rng.one_in(6) { gtid.number + rng.below(3) as u64 } else { gtid.number };
        position.set(Gtid { number, ..*gtid });
    }
    if rng.one_in(12) {
        position.set(Gtid::mariadb(9, 9, 9));
    }
    position
}
