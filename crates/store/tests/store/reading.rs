//! Cursors and the catalog.

use std::thread;

use binlogd_event::GtidSet;
use binlogd_store::{Cursor, Read, StoreError};
use testkit::binlog_gen::{BinlogGen, MAGIC, Options};
use testkit::sim_disk::SimDisk;

use crate::support::*;

fn cursor(feed: &Feed, file: &str, offset: u64) -> Result<Cursor, StoreError> {
    let catalog = feed.store.catalog();
    Cursor::open(catalog.clone(), catalog.find(file).unwrap(), offset)
}

#[test]
fn a_reader_gets_every_durable_byte_and_not_one_more() {
    let mut feed = Feed::with_transactions(3);
    let durable = feed.last_file().to_vec();
    feed.transactions(3);
    let mut cursor = cursor(&feed, "mysql-bin.000001", 0).unwrap();
    assert_eq!(read_all(&mut cursor)[0].1, durable);
    assert_eq!(cursor.position(), feed.store.catalog().frontier().durable);
    let read_on = |cursor: &mut Cursor| read_all(cursor)[0].1.len();
    assert_eq!(read_on(&mut cursor), 0);
    feed.sync();
    assert_eq!(read_on(&mut cursor), feed.last_file().len() - durable.len());
    let event = feed.next_event();
    feed.writer.write(&part(&event, 30)).unwrap();
    feed.sync();
    assert_eq!(read_on(&mut cursor), 0);
}

#[test]
fn a_reader_goes_from_file_to_file() {
    let mut feed = Feed::with_transactions(2);
    let mut cursor = cursor(&feed, "mysql-bin.000001", 4).unwrap();
    feed.rotate();
    // The next file has no event yet, so this is no end but the frontier.
    assert_eq!(read_all(&mut cursor).len(), 1);
    assert!(!cursor.next_file().unwrap());
    feed.transactions(1);
    feed.rotate();
    feed.transactions(1);
    feed.sync();
    let rest = read_all(&mut cursor);
    let names: Vec<_> = rest.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["mysql-bin.000001", "mysql-bin.000002", "mysql-bin.000003"]);
    assert!(rest[0].1.is_empty());
    // The next file is entered at its first event.
    assert_eq!(rest[1].1, feed.files["mysql-bin.000002"][4..]);
    assert_eq!(rest[2].1, feed.files["mysql-bin.000003"][4..]);
    assert_eq!(cursor.position(), feed.store.catalog().frontier().durable);
}

#[test]
fn a_reader_starts_anywhere_up_to_the_end() {
    let mut feed = Feed::with_transactions(2);
    feed.transactions(1);
    let end = feed.store.catalog().frontier().durable.offset;
    for offset in [0, 4, 100, end] {
        let mut cursor = cursor(&feed, "mysql-bin.000001", offset).unwrap();
        assert_eq!(cursor.available(), end - offset);
        let bytes = &read_all(&mut cursor)[0].1;
        let (from, to) = (usize::try_from(offset).unwrap(), usize::try_from(end).unwrap());
        assert_eq!(*bytes, feed.last_file()[from..to]);
    }
    let error = cursor(&feed, "mysql-bin.000001", end + 1).unwrap_err();
    assert!(matches!(error, StoreError::NoSuchPosition(_)), "{error}");
}

#[test]
fn a_reader_that_would_not_wait_is_told_of_cold_bytes() {
    let feed = Feed::with_transactions(50);
    let mut cursor = cursor(&feed, "mysql-bin.000001", 0).unwrap();
    let (mut cold, mut bytes) = (0, Vec::new());
    let mut buf = [0; 100];
    loop {
        match cursor.read(&mut buf, true).unwrap() {
            Read::Bytes(len) => bytes.extend_from_slice(&buf[..len]),
            Read::NotCached => cold += 1,
            Read::Frontier => break,
            Read::EndOfFile => unreachable!(),
        }
    }
    assert!(cold > 0);
    assert_eq!(bytes, feed.last_file());
}

#[test]
fn a_file_cut_under_a_reader_is_an_error() {
    let feed = Feed::with_transactions(2);
    let mut cursor = cursor(&feed, "mysql-bin.000001", 0).unwrap();
    feed.disk.put(&file(1), &MAGIC);
    let mut buf = [0; 100];
    while let Ok(Read::Bytes(_)) = cursor.read(&mut buf, false) {}
    let error = cursor.read(&mut buf, false).unwrap_err().to_string();
    assert!(error.contains("it ends at 4"), "{error}");
}

#[test]
fn a_files_head_says_what_was_before_it() {
    let mut feed = Feed::with_transactions(3);
    let before = feed.gtids.clone();
    feed.rotate();
    feed.transactions(2);
    feed.sync();
    let catalog = feed.store.catalog();
    let [first, second] = &catalog.files()[..] else { panic!("two files") };
    assert_eq!(catalog.head(first).unwrap().previous_gtids, GtidSet::new());
    assert_eq!(catalog.purged().unwrap(), GtidSet::new());
    let head = catalog.head(second).unwrap();
    assert_eq!(head.previous_gtids, before);
    assert_eq!(head.format.server_version.as_str(), "9.7.4");
    assert_eq!(head.events_start, feed.ends[2]);
    assert_eq!(head.format_event[..], feed.last_file()[4..usize::try_from(feed.ends[1]).unwrap()]);
    assert_eq!(catalog.first_gtid(second).unwrap().unwrap().number, 4);
}

#[test]
fn a_head_is_made_of_durable_bytes_only() {
    let mut feed = Feed::with_transactions(3);
    feed.rotate();
    feed.events(1);
    feed.sync();
    let before = feed.gtids.clone();
    feed.events(1);
    let catalog = feed.store.catalog().clone();
    let newest = catalog.newest().unwrap();
    let head = catalog.head(&newest).unwrap();
    assert_eq!((head.events_start, head.previous_gtids.is_empty()), (feed.ends[1], true));
    assert_eq!(catalog.first_gtid(&newest).unwrap(), None);
    feed.sync();
    assert_eq!(catalog.head(&newest).unwrap().previous_gtids, before);
    feed.events(1);
    assert_eq!(catalog.first_gtid(&newest).unwrap(), None);
    feed.sync();
    assert_eq!(catalog.first_gtid(&newest).unwrap().unwrap().number, 4);
}

/// More readers than processors, so that each is now and then stopped between any two steps.
#[test]
fn readers_beside_a_writer_miss_nothing() {
    const FILES: usize = 1000;
    const READERS: usize = 4;
    let mut feed = Feed::new(SimDisk::new(1), Options::default());
    feed.start_file();
    feed.events(1);
    feed.sync();
    let catalog = feed.store.catalog().clone();
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let file = catalog.find("mysql-bin.000001").unwrap();
            let mut cursor = Cursor::open(catalog.clone(), file, 4).unwrap();
            thread::spawn(move || {
                let mut files = Vec::new();
                while files.len() < FILES {
                    let more = read_all(&mut cursor);
                    for (name, bytes) in more {
                        match files.last_mut() {
                            Some((last, all)) if *last == name => Vec::extend(all, bytes),
                            _ => files.push((name, bytes)),
                        }
                    }
                }
                files.truncate(FILES - 1);
                files
            })
        })
        .collect();
    for _ in 1..FILES {
        feed.transactions(1);
        feed.sync();
        feed.rotate();
        feed.events(1);
        feed.sync();
    }
    let mut source = BinlogGen::new(1, Options::default());
    let expected: Vec<_> =
        (1..FILES).map(|_| (source.file_name(), source.file(1)[4..].to_vec())).collect();
    for reader in readers {
        let got = reader.join().unwrap();
        for (got, expected) in got.iter().zip(&expected) {
            assert_eq!((&got.0, got.1.len()), (&expected.0, expected.1.len()));
        }
        assert!(got == expected);
    }
}
