//! Servers with all that they ever committed.

use std::hash::{DefaultHasher, Hash, Hasher};

use binlogd_event::{
    CHECKSUM_LEN, EventHeader, EventKind, Gtid, GtidTag, HEADER_LEN, ServerUuid, gtid_of,
};
use testkit::rng::Rng;

use crate::primary::Primary;

/// A transaction: its GTID, and a hash of what it does.
pub(super) type Transaction = (Gtid, u64);

/// All transactions of a server in order, from its first one on.
pub(super) type Ledger = Vec<Transaction>;

#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) primary: Primary,
    /// Also of files that it has purged.
    pub(super) ledger: Ledger,
    /// Whether it has given up transactions that it had committed.
    pub(super) is_restored: bool,
    /// Whether files in the middle are missing.
    pub(super) has_hole: bool,
    /// How often its files got another name.
    pub(super) renames: usize,
    /// How many files of the primary are in the ledger, and events of the next one.
    noted: (usize, usize),
}

impl Server {
    pub(super) fn new(primary: Primary) -> Self {
        let mut server = Self {
            primary,
            ledger: Vec::new(),
            is_restored: false,
            has_hole: false,
            renames: 0,
            noted: (0, 0),
        };
        server.note();
        server
    }

    /// Another one, which has the same transactions.
    pub(super) fn copy(&self, number: u8, rng: &mut Rng) -> Self {
        let primary = self.primary.copy(number, rng);
        Self { primary, is_restored: false, ..self.clone() }
    }

    /// Another one, which has logged the same transactions in files of its own.
    pub(super) fn replica(&self, number: u8, base: &str, rng: &mut Rng) -> Self {
        let primary = self.primary.replica(number, base, rng);
        let noted = (primary.files.len() - 1, primary.files[primary.files.len() - 1].events.len());
        Self { primary, is_restored: false, noted, ..self.clone() }
    }

    /// Another one, which was provisioned with the data of this one.
    pub(super) fn provisioned(&self, number: u8, rng: &mut Rng) -> Self {
        let primary = self.primary.provisioned(number, rng);
        Self { primary, is_restored: false, has_hole: false, noted: (0, 0), ..self.clone() }
    }

    /// For a new server: was restored from a backup of another one, of which no file is here.
    pub(super) fn restore_backup(&mut self, rng: &mut Rng) {
        for number in 1..=rng.between(1, 9) as u64 {
            let gtid = Gtid::mysql(ServerUuid([9; 16]), GtidTag::NONE, number);
            self.primary.unlogged.insert(gtid);
            self.ledger.push((gtid, number));
        }
    }

    /// Commits some transactions. At the end the file has its head, as on any server.
    pub(super) fn write(&mut self, rng: &mut Rng) {
        for _ in 0..rng.between(1, 25) {
            self.primary.write(rng);
        }
        while !self.primary.is_boundary() {
            self.primary.write(rng);
        }
        self.note();
    }

    /// Stops and starts, with files of another name if that is asked for.
    pub(super) fn restart(&mut self, base: Option<&str>, rng: &mut Rng) {
        self.primary.restart(base);
        self.write(rng);
    }

    pub(super) fn purge(&mut self, files: usize) {
        self.primary.files.drain(..files);
        self.noted.0 -= files;
    }

    pub(super) fn lose_file(&mut self, index: usize) {
        self.primary.files.remove(index);
        self.has_hole = true;
        self.noted.0 -= 1;
    }

    /// A place in one of its files where a transaction ends, and how many of its transactions come before.
    pub(super) fn place(&self, rng: &mut Rng) -> (String, u64, usize) {
        let file = &self.primary.files[rng.below(self.primary.files.len())];
        let events = &file.events[..rng.between(2, file.events.len())];
        let end = events.iter().rfind(|event| event.is_boundary).unwrap();
        let offset = end.start + end.bytes.len() as u64;
        let is_before = |other: &&crate::primary::BinlogFile| other.name != file.name;
        let mut behind = Transactions::default();
        self.primary.files.iter().rev().take_while(is_before).for_each(|file| behind.file(file));
        let mut here = Transactions::default();
        let mut rest = file.events.iter().filter(|event| event.start >= offset);
        rest.by_ref().for_each(|event| here.take(&event.bytes));
        let left = behind.whole.len() + here.whole.len();
        (file.name.clone(), offset, self.ledger.len() - left)
    }

    /// Adds what was written to the ledger.
    fn note(&mut self) {
        let mut transactions = Transactions::default();
        let (file, event) = self.noted;
        for (index, file_of) in self.primary.files.iter().enumerate().skip(file) {
            let past = if index == file { event } else { 0 };
            file_of.events.iter().skip(past).for_each(|event| transactions.take(&event.bytes));
            self.noted = (index, file_of.events.len());
        }
        self.ledger.append(&mut transactions.whole);
    }
}

/// Puts events together.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    open: Option<(Gtid, DefaultHasher)>,
    pub(super) whole: Ledger,
}

impl Transactions {
    /// Takes an event with a checksum.
    pub(super) fn take(&mut self, event: &[u8]) {
        let header = EventHeader::parse(event).unwrap();
        let body = &event[HEADER_LEN..event.len() - CHECKSUM_LEN];
        if let Some(gtid) = gtid_of(&header, event).unwrap() {
            self.open = Some((gtid, DefaultHasher::new()));
        }
        if let Some((_, hasher)) = &mut self.open {
            (header.kind.0, body).hash(hasher);
        }
        if header.kind == EventKind::XID {
            self.whole.extend(self.open.take().map(|(gtid, hasher)| (gtid, hasher.finish())));
        }
    }

    fn file(&mut self, file: &crate::primary::BinlogFile) {
        file.events.iter().for_each(|event| self.take(&event.bytes));
    }
}
