//! A stream that is being filled, and what its files must hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use binlogd_event::GtidSet;
use binlogd_store::{Batch, Cursor, LogName, Position, Read, SourceId, Store, StoreError, Writer};
use testkit::binlog_gen::{BinlogGen, GenEvent, MAGIC, Options};
use testkit::sim_disk::SimDisk;

/// The stream's folder.
pub(crate) const DIR: &str = "/data/stream";
/// The folder of its first timeline.
pub(crate) const TIMELINE: &str = "/data/stream/0001-3e11fa47-71ca-11e1-9e33-c80aa9429562";

pub(crate) fn source_id() -> SourceId {
    SourceId::new("3e11fa47-71ca-11e1-9e33-c80aa9429562").unwrap()
}

pub(crate) fn name(text: &str) -> LogName {
    LogName::new(text).unwrap()
}

/// A file of the first timeline.
pub(crate) fn file(number: u64) -> PathBuf {
    Path::new(TIMELINE).join(format!("mysql-bin.{number:06}"))
}

pub(crate) fn durable_file() -> PathBuf {
    Path::new(TIMELINE).join("DURABLE")
}

pub(crate) fn open(disk: &SimDisk) -> Result<Store, StoreError> {
    Store::open(Arc::new(disk.clone()), Path::new(DIR))
}

pub(crate) fn without_checksums() -> Options {
    Options { checksums: false, ..Options::default() }
}

/// A store, its writer, and a source of events.
pub(crate) struct Feed {
    pub(crate) disk: SimDisk,
    pub(crate) store: Store,
    pub(crate) writer: Writer,
    pub(crate) source: BinlogGen,
    /// What was written, by file.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Where events end in the newest file.
    pub(crate) ends: Vec<u64>,
    pub(crate) gtids: GtidSet,
}

impl Feed {
    /// A new stream, without a file, and without a journal.
    pub(crate) fn new(disk: SimDisk, options: Options) -> Self {
        let mut store = open(&disk).unwrap();
        let mut writer = store.writer(&source_id()).unwrap();
        writer.journal_capacity(0);
        let source = BinlogGen::new(1, options);
        let (files, ends) = (BTreeMap::new(), Vec::new());
        Self { disk, store, writer, source, files, ends, gtids: GtidSet::new() }
    }

    /// A stream with a file of one transaction, and a journal in which the next ones will be durable.
    pub(crate) fn with_journal(capacity: u64, options: Options) -> Self {
        let mut feed = Self::new(SimDisk::new(1), options);
        feed.writer.journal_capacity(capacity);
        feed.start_file();
        feed.transactions(1);
        feed.sync();
        feed
    }

    /// A stream with one durable file of some transactions, which is not closed.
    pub(crate) fn with_transactions(count: usize) -> Self {
        let mut feed = Self::new(SimDisk::new(1), Options::default());
        feed.start_file();
        feed.transactions(count);
        feed.sync();
        feed
    }

    pub(crate) fn start_file(&mut self) {
        let file = self.source.file_name();
        self.writer.start_file(&name(&file)).unwrap();
        self.files.insert(file, MAGIC.to_vec());
        self.ends = vec![4];
    }

    /// Generates the next event, and notes it as written.
    pub(crate) fn next_event(&mut self) -> GenEvent {
        let file = self.source.file_name();
        let event = self.source.event();
        self.note(&file, &event);
        event
    }

    fn note(&mut self, file: &str, event: &GenEvent) {
        self.files.get_mut(file).unwrap().extend_from_slice(&event.bytes);
        self.ends.push(event.end);
        self.gtids.extend(&gtids(event));
    }

    pub(crate) fn events(&mut self, count: usize) {
        for _ in 0..count {
            let event = self.next_event();
            self.writer.write(&batch(&event)).unwrap();
        }
    }

    /// Whole transactions, up to the end of the last, with what a file begins with.
    pub(crate) fn transactions(&mut self, count: usize) {
        let mut left = count;
        while left > 0 || !self.source.is_boundary() {
            let event = self.next_event();
            self.writer.write(&batch(&event)).unwrap();
            left -= usize::from(event.commits.is_some());
        }
    }

    /// Ends the file with a Rotate and begins the next.
    pub(crate) fn rotate(&mut self) {
        let file = self.source.file_name();
        let event = self.source.rotate();
        self.note(&file, &event);
        self.writer.write(&batch(&event)).unwrap();
        self.start_file();
    }

    pub(crate) fn sync(&mut self) -> Position {
        self.writer.sync().unwrap().unwrap()
    }

    /// Ends the process and begins another one.
    pub(crate) fn restart(self) -> Self {
        let disk = self.disk.kill();
        self.reopen(disk)
    }

    /// Goes on with another state of the disk, from which nothing may be missing.
    pub(crate) fn reopen(self, disk: SimDisk) -> Self {
        let mut store = open(&disk).unwrap();
        let mut writer = store.writer(&source_id()).unwrap();
        writer.journal_capacity(0);
        Self { disk, store, writer, ..self }
    }

    /// What of the newest file there must be after a cut at `len`.
    pub(crate) fn whole_events(&self, len: u64) -> u64 {
        self.ends.iter().copied().filter(|&end| end <= len).max().unwrap_or(4)
    }

    /// The newest file's bytes.
    pub(crate) fn last_file(&self) -> &[u8] {
        self.files.last_key_value().unwrap().1
    }

    /// Fails unless the disk has what was written.
    pub(crate) fn check_files(&self) {
        for (name, bytes) in &self.files {
            let stored = self.disk.contents(&Path::new(TIMELINE).join(name)).unwrap();
            assert_eq!(stored.len(), bytes.len(), "{name}");
            assert!(stored == *bytes, "{name}");
        }
    }
}

pub(crate) fn batch(event: &GenEvent) -> Batch {
    Batch { bytes: event.bytes.clone(), verified_end: event.end, gtids: gtids(event) }
}

/// The first bytes of an event, as they come over a network.
pub(crate) fn part(event: &GenEvent, len: usize) -> Batch {
    Batch { bytes: event.bytes[..len].to_vec(), verified_end: 0, gtids: GtidSet::new() }
}

fn gtids(event: &GenEvent) -> GtidSet {
    let mut gtids = GtidSet::new();
    event.commits.into_iter().for_each(|gtid| gtids.insert(gtid));
    gtids
}

/// What `read` gives until it has no more, by file, in order.
pub(crate) fn read_all(cursor: &mut Cursor) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![(cursor.file().name.to_string(), Vec::new())];
    let mut buf = vec![0; 1000];
    loop {
        match cursor.read(&mut buf, false).unwrap() {
            Read::Bytes(len) => files.last_mut().unwrap().1.extend_from_slice(&buf[..len]),
            Read::EndOfFile => {
                assert!(cursor.next_file().unwrap());
                files.push((cursor.file().name.to_string(), Vec::new()));
            }
            Read::Frontier => return files,
            Read::NotCached => unreachable!("only where it was asked for"),
        }
    }
}

pub(crate) fn file_names(store: &Store) -> Vec<String> {
    store.catalog().files().iter().map(|file| file.name.to_string()).collect()
}
