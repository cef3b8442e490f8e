//! Which file a name means, where several timelines have files of one name.

use std::path::Path;
use std::sync::Arc;

use binlogd_event::GtidSet;
use binlogd_store::{
    Ambiguous, Catalog, Holds, LogFile, Meant, NameError, SourceId, Store, Writer,
};
use testkit::binlog_gen::{BinlogGen, GenEvent, Options};
use testkit::sim_disk::SimDisk;

use crate::support::{batch, name, open};

/// A stream whose source changes.
struct Stream {
    disk: SimDisk,
    store: Store,
    writer: Option<Writer>,
}

fn server(text: &str) -> SourceId {
    SourceId::new(text).unwrap()
}

impl Stream {
    fn new() -> Self {
        let disk = SimDisk::new(1);
        let store = open(&disk).unwrap();
        Self { disk, store, writer: None }
    }

    /// Begins a timeline of a server.
    fn follow(&mut self, source: &str) {
        if self.writer.take().is_some() {
            let end = self.store.recover().unwrap().unwrap().verifier.clone();
            self.store.begin_timeline(&server(source), &end, GtidSet::new()).unwrap();
        }
        let mut writer = self.store.writer(&server(source)).unwrap();
        writer.journal_capacity(0);
        self.writer = Some(writer);
    }

    fn write(&mut self, event: &GenEvent) {
        self.writer.as_mut().unwrap().write(&batch(event)).unwrap();
    }

    /// Stores the source's next file: some transactions, and a Rotate if it `ends`. Returns where
    /// events end in it.
    fn file(&mut self, source: &mut BinlogGen, transactions: usize, ends: bool) -> Vec<u64> {
        self.writer.as_mut().unwrap().start_file(&name(&source.file_name())).unwrap();
        let (mut left, mut places) = (transactions, vec![4]);
        while left > 0 || !source.is_boundary() {
            let event = source.event();
            self.write(&event);
            places.push(event.end);
            left -= usize::from(event.commits.is_some());
        }
        if ends {
            let event = source.rotate();
            self.write(&event);
            places.push(event.end);
        }
        self.writer.as_mut().unwrap().sync().unwrap();
        places
    }

    fn catalog(&self) -> &Arc<Catalog> {
        self.store.catalog()
    }

    fn restart(self) -> Self {
        let Self { disk, store, writer } = self;
        drop((store, writer));
        let disk = disk.kill();
        let store = open(&disk).unwrap();
        Self { disk, store, writer: None }
    }

    /// The qualified name of what a name is taken for; `None` if it is ambiguous.
    fn meant(&self, name: &str, offset: u64) -> Option<String> {
        match self.catalog().resolve(name, Some(offset)) {
            Ok(file) => Some(file.qualified_name()),
            Err(NameError::Ambiguous(_)) => None,
            Err(error) => panic!("{name}: {error}"),
        }
    }

    fn shown(&self) -> Vec<String> {
        self.catalog().shown_files().into_iter().map(|(name, _)| name).collect()
    }
}

/// Server aa has the files 1 to 3, of which the last has not ended, bb follows with 2 to 4. Also
/// returns where events end in aa's second file and in its last, and in bb's.
fn two_servers() -> (Stream, [Vec<u64>; 5]) {
    let mut stream = Stream::new();
    let mut a = BinlogGen::new(1, Options::default());
    stream.follow("aa");
    stream.file(&mut a, 2, true);
    let (a2, a3) = (stream.file(&mut a, 4, true), stream.file(&mut a, 1, false));
    let mut b = BinlogGen::new(2, Options::default()).with_file_number(2);
    stream.follow("bb");
    let (b2, b3) = (stream.file(&mut b, 3, true), stream.file(&mut b, 6, true));
    let b4 = stream.file(&mut b, 1, false);
    (stream, [a2, a3, b2, b3, b4])
}

fn of_a(number: u32) -> String {
    format!("0001@mysql-bin.{number:06}")
}

fn of_b(number: u32) -> String {
    format!("0002@mysql-bin.{number:06}")
}

fn bare(number: u32) -> String {
    format!("mysql-bin.{number:06}")
}

/// A place in one list, from the end, that is in none of the others.
fn only_in(places: &[u64], others: &[&[u64]]) -> u64 {
    let is_only = |place: &&u64| others.iter().all(|other| !other.contains(place));
    *places.iter().rev().find(is_only).unwrap()
}

#[test]
fn where_names_repeat_files_are_shown_and_found_by_qualified_names() {
    let (stream, [a2, ..]) = two_servers();
    // Also bb had a file 1, of which nothing is stored.
    let shown = [of_a(1), of_a(2), of_a(3), of_b(2), of_b(3), bare(4)];
    assert_eq!(stream.shown(), shown);
    for (shown, file) in stream.catalog().shown_files() {
        for name in [&shown, &file.qualified_name()] {
            assert_eq!(stream.catalog().find(name).unwrap().id, file.id, "{name}");
        }
        assert_eq!(stream.catalog().shown_name(&file), shown);
    }
    let ambiguous = match stream.catalog().resolve("mysql-bin.000002", None) {
        Err(NameError::Ambiguous(ambiguous)) => ambiguous,
        other => panic!("{other:?}"),
    };
    let len = |name: &str| {
        let file = stream.catalog().find(name).unwrap();
        Some(stream.catalog().readable_len(&file))
    };
    let file = |name: String, source| Meant { len: len(&name), name, source: server(source) };
    let (name, files) = (bare(2), vec![file(of_a(2), "aa"), file(of_b(2), "bb")]);
    assert_eq!(ambiguous, Ambiguous { name, files });
    let text = ambiguous.to_string();
    assert!(text.contains(&format!("'{}' of server aa ({} bytes)", of_a(2), a2.last().unwrap())));
    for unknown in ["mysql-bin.000005", "0001@mysql-bin.000004", "0003@mysql-bin.000002", "1@x", ""]
    {
        let found = stream.catalog().resolve(unknown, Some(4));
        assert!(matches!(found, Err(NameError::NoSuchFile(_))), "{unknown}: {found:?}");
    }
}

#[test]
fn a_position_of_one_file_only_says_which_is_meant() {
    let (stream, [a2, a3, b2, b3, b4]) = two_servers();
    assert_eq!(stream.meant("mysql-bin.000002", only_in(&a2, &[&b2])), Some(of_a(2)));
    assert_eq!(stream.meant("mysql-bin.000002", only_in(&b2, &[&a2])), Some(of_b(2)));
    // Both files begin so, and neither has an event there.
    assert_eq!(stream.meant("mysql-bin.000002", 4), None);
    assert_eq!(stream.meant("mysql-bin.000002", 5), None);
    // The last file of aa may have gone on behind what is stored.
    let behind = *b3.iter().find(|place| **place > *a3.last().unwrap()).unwrap();
    assert_eq!(stream.meant("mysql-bin.000003", behind), None);
    assert_eq!(stream.meant("mysql-bin.000003", only_in(&a3, &[&b3])), Some(of_a(3)));
    // A name of one timeline is enough.
    assert_eq!(stream.meant("mysql-bin.000004", b4[1]), Some(of_b(4)));
    assert_eq!(stream.meant(&of_a(2), 4), Some(of_a(2)));
}

#[test]
fn names_of_purged_timelines_are_remembered() {
    let (stream, [_, _, b2, b3, _]) = two_servers();
    let purge_to = |stream: &Stream, name: &str| {
        let keep = stream.catalog().find(name).unwrap().id;
        stream.catalog().purge(keep, Holds::Respect).unwrap();
    };
    purge_to(&stream, &of_a(3));
    // One that was purged may still be what somebody means.
    assert_eq!(stream.meant("mysql-bin.000002", only_in(&b2, &[])), None);
    let gone = stream.catalog().resolve(&of_a(2), Some(4));
    assert!(matches!(gone, Err(NameError::NoSuchFile(_))));
    purge_to(&stream, &of_b(3));
    let stream = stream.restart();
    assert_eq!(stream.shown(), [of_b(3), bare(4)]);
    assert_eq!(stream.meant("mysql-bin.000003", b3[3]), None);
    assert_eq!(stream.meant(&of_b(3), b3[3]), Some(of_b(3)));
    let text = stream.catalog().resolve("mysql-bin.000003", None).unwrap_err().to_string();
    assert!(text.contains("'0001@mysql-bin.000003' of server aa (not stored)"), "{text}");
}

#[test]
fn a_file_that_its_server_has_begun_unseen_counts() {
    for ends in [true, false] {
        let mut stream = Stream::new();
        let mut a = BinlogGen::new(1, Options::default());
        stream.follow("aa");
        stream.file(&mut a, 2, ends);
        let mut b = BinlogGen::new(2, Options::default()).with_file_number(2);
        stream.follow("bb");
        let places = stream.file(&mut b, 3, false);
        let meant = stream.meant("mysql-bin.000002", *places.last().unwrap());
        assert_eq!(meant, (!ends).then(|| of_b(2)));
        assert_eq!(stream.restart().shown()[1], if ends { of_b(2) } else { bare(2) });
    }
}

/// Server aa, and aa again, whose last file has gone on, or from some place on is another.
fn the_same_again(has_diverged: bool) -> (Stream, Vec<u64>, Vec<u64>) {
    let mut stream = Stream::new();
    let mut a = BinlogGen::new(1, Options::default());
    stream.follow("aa");
    let mut again = a.clone();
    let first = stream.file(&mut a, 3, false);
    stream.follow("aa");
    stream.writer.as_mut().unwrap().start_file(&name(&again.file_name())).unwrap();
    let (mut left, mut places) = (6, vec![4]);
    while left > 0 || !again.is_boundary() {
        if left == 4 && has_diverged && again.is_boundary() {
            again.reseed(77);
        }
        let event = again.event();
        stream.write(&event);
        places.push(event.end);
        left -= usize::from(event.commits.is_some());
    }
    stream.writer.as_mut().unwrap().sync().unwrap();
    (stream, first, places)
}

#[test]
fn a_server_that_is_followed_again_goes_on_in_its_file() {
    let (stream, first, _) = the_same_again(false);
    assert_eq!(stream.shown(), ["0001@mysql-bin.000001", "0002@mysql-bin.000001"]);
    for place in &first {
        assert_eq!(stream.meant("mysql-bin.000001", *place), Some("0002@mysql-bin.000001".into()));
    }
    let (stream, first, second) = the_same_again(true);
    let common = *first.iter().rev().find(|place| second.contains(place)).unwrap();
    let meant = |place| stream.meant("mysql-bin.000001", place);
    assert_eq!(meant(first[3]), Some("0002@mysql-bin.000001".into()), "before they differ");
    assert_eq!(meant(4), None, "the same head says little");
    assert!(common > first[3]);
    assert_eq!(meant(only_in(&first, &[&second])), Some("0001@mysql-bin.000001".into()));
}

/// Not needed by a name, but by what reads it.
#[test]
fn a_qualified_name_is_the_name_of_a_file() {
    let (stream, _) = two_servers();
    let files: Vec<Arc<LogFile>> = stream.catalog().files();
    for file in files {
        let qualified = file.qualified_name();
        assert!(binlogd_store::LogName::new(&qualified).is_some());
        assert_eq!(Path::new(&qualified).file_name().unwrap(), qualified.as_str());
    }
}
