//! What is due, what readers do to it, and what is said. No time passes in these tests.

use std::path::Path;

use binlogd_store::{Batch, Cursor, LogName, OsFs, Read, SourceId, Store};
use testkit::BinlogGen;
use testkit::binlog_gen::Options;
use testkit::sim_disk::SimDisk;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn day(n: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + DAY * n
}

/// A stream whose file `n`, of `len` bytes each, was finished on day `n`. The last one is active.
struct Fixture {
    store: Store,
    lens: Vec<u64>,
}

impl Fixture {
    fn new(files: u32) -> Self {
        let disk = SimDisk::new(1);
        let mut store = Store::open(Arc::new(disk.clone()), Path::new("/s")).unwrap();
        let mut writer = store.writer(&SourceId::new("aa").unwrap()).unwrap();
        let mut source = BinlogGen::new(1, Options::default());
        let mut lens = Vec::new();
        for n in 1..=files {
            // Beginning a file finishes the one before.
            disk.set_clock(day(n - 1));
            writer.start_file(&LogName::new(&source.file_name()).unwrap()).unwrap();
            let bytes = source.file(3);
            lens.push(bytes.len() as u64);
            let verified_end = bytes.len() as u64;
            let batch = Batch { bytes: bytes[4..].to_vec(), verified_end, ..Batch::default() };
            writer.write(&batch).unwrap();
            writer.sync().unwrap();
        }
        Self { store, lens }
    }

    fn retention(&self, policy: RetentionConfig) -> Retention {
        Retention::new(self.store.catalog().clone(), policy)
    }

    fn left(&self) -> Vec<u64> {
        self.store.catalog().files().iter().map(|file| file.name.number()).collect()
    }

    fn reader_in(&self, number: usize) -> Cursor {
        let catalog = self.store.catalog();
        let cursor = Cursor::open(catalog.clone(), catalog.files()[number - 1].clone(), 4).unwrap();
        cursor.set_reader(9);
        cursor
    }
}

fn by_age(days: u32) -> RetentionConfig {
    RetentionConfig { max_age: Some(DAY * days), ..RetentionConfig::default() }
}

fn by_size(bytes: u64) -> RetentionConfig {
    RetentionConfig { max_bytes: Some(bytes), ..RetentionConfig::default() }
}

#[test]
fn everything_is_kept_unless_told_otherwise() {
    let fixture = Fixture::new(3);
    let mut retention = fixture.retention(RetentionConfig::default());
    assert!(retention.pass(day(10_000), Instant::now()).unwrap().is_empty());
    assert_eq!(fixture.left(), [1, 2, 3]);
}

#[test]
fn files_go_by_the_age_of_their_last_bytes() {
    let fixture = Fixture::new(6);
    let mut retention = fixture.retention(by_age(10));
    let clock = Instant::now();
    for (now, left) in [
        (day(0), 1..=6),
        (day(11), 1..=6),
        (day(11) + Duration::from_secs(1), 2..=6),
        (day(14) + Duration::from_secs(1), 5..=6),
        (day(1000), 6..=6),
    ] {
        let before = fixture.left().len();
        let removed = retention.pass(now, clock).unwrap();
        assert_eq!(fixture.left(), left.collect::<Vec<_>>());
        assert_eq!(removed.len(), before - fixture.left().len());
    }
}

#[test]
fn files_go_until_the_rest_is_small_enough() {
    let fixture = Fixture::new(6);
    let total: u64 = fixture.lens.iter().sum();
    let clock = Instant::now();
    fixture.retention(by_size(total)).pass(day(9), clock).unwrap();
    assert_eq!(fixture.left().len(), 6);
    fixture.retention(by_size(total - 1)).pass(day(9), clock).unwrap();
    assert_eq!(fixture.left(), [2, 3, 4, 5, 6]);
    let last_two = fixture.lens[4] + fixture.lens[5];
    fixture.retention(by_size(last_two)).pass(day(9), clock).unwrap();
    assert_eq!(fixture.left(), [5, 6]);
    fixture.retention(by_size(1)).pass(day(9), clock).unwrap();
    assert_eq!(fixture.left(), [6]);
}

#[test]
fn either_limit_is_enough() {
    let fixture = Fixture::new(6);
    let four: u64 = fixture.lens[2..].iter().sum();
    let policy = RetentionConfig { max_bytes: Some(four), ..by_age(10) };
    fixture.retention(policy).pass(day(13) + Duration::from_secs(1), Instant::now()).unwrap();
    assert_eq!(fixture.left(), [4, 5, 6]);
}

#[test]
fn what_is_old_at_once_goes_one_after_the_other() {
    let fixture = Fixture::new(6);
    let mut retention = fixture.retention(by_age(10));
    let clock = Instant::now();
    for minute in 0..3 {
        let clock = clock + PERIOD * minute;
        retention.ages.allow(6, 10 * DAY, PERIOD, clock);
        retention.pass(day(1000), clock).unwrap();
        assert!(retention.has_backlog);
        // A rotation in between changes nothing.
        retention.ages.allow(6, 10 * DAY, PERIOD, clock);
        retention.pass(day(1000), clock).unwrap();
    }
    assert_eq!(fixture.left(), [4, 5, 6]);
}

#[test]
fn a_jump_of_the_clock_removes_nothing() {
    let fixture = Fixture::new(6);
    let mut retention = fixture.retention(by_age(10));
    let clock = Instant::now();
    retention.ages.note(day(10), clock, None);
    retention.ages.note(day(1000), clock + DAY, None);
    retention.pass(day(1000), clock + DAY).unwrap();
    assert_eq!(fixture.left(), [1, 2, 3, 4, 5, 6], "it is the eleventh day");
    retention.ages.note(day(1001), clock + 2 * DAY, None);
    retention.pass(day(1001), clock + 2 * DAY).unwrap();
    assert_eq!(fixture.left(), [2, 3, 4, 5, 6]);
}

#[test]
fn readers_hold_files_for_as_long_as_they_may() {
    let fixture = Fixture::new(6);
    let policy = RetentionConfig { reader_hold_max: Duration::from_secs(60), ..by_age(10) };
    let mut retention = fixture.retention(policy);
    let clock = Instant::now();
    let at = |s| clock + Duration::from_secs(s);
    let mut reader = fixture.reader_in(3);
    let (four_due, five_due) = (day(15), day(16));
    retention.pass(four_due, at(0)).unwrap();
    assert_eq!(fixture.left(), [3, 4, 5, 6]);
    retention.pass(five_due, at(59)).unwrap();
    assert_eq!(fixture.left(), [3, 4, 5, 6]);
    // The third and the fourth have been due for a minute, the fifth was not.
    retention.pass(five_due, at(60)).unwrap();
    assert_eq!(fixture.left(), [5, 6]);
    // The reader ends its file in peace; what follows is gone.
    while let Read::Bytes(_) = reader.read(&mut [0; 999], false).unwrap() {}
    assert!(matches!(reader.next_file(), Err(StoreError::Purged { .. })));
    // Nobody holds the fifth.
    retention.pass(five_due, at(60)).unwrap();
    assert_eq!(fixture.left(), [6]);
}

#[test]
fn patience_begins_anew_for_each_file() {
    let fixture = Fixture::new(4);
    let policy = RetentionConfig { reader_hold_max: Duration::from_secs(60), ..by_age(10) };
    let mut retention = fixture.retention(policy);
    let clock = Instant::now();
    let _reader = fixture.reader_in(2);
    retention.pass(day(12), clock).unwrap();
    assert_eq!(fixture.left(), [2, 3, 4]);
    // A clock that is set back makes it wanted again.
    retention.pass(day(5), clock + Duration::from_secs(30)).unwrap();
    retention.pass(day(13), clock + Duration::from_secs(61)).unwrap();
    assert_eq!(fixture.left(), [2, 3, 4]);
    retention.pass(day(13), clock + Duration::from_secs(121)).unwrap();
    assert_eq!(fixture.left(), [3, 4]);
}

#[test]
fn readers_may_be_given_no_time_at_all() {
    let fixture = Fixture::new(4);
    let policy = RetentionConfig { reader_hold_max: Duration::ZERO, ..by_size(1) };
    let _reader = fixture.reader_in(1);
    fixture.retention(policy).pass(day(9), Instant::now()).unwrap();
    assert_eq!(fixture.left(), [4]);
}

#[test]
fn a_slow_reader_is_named_once() {
    let fixture = Fixture::new(4);
    let mut retention = fixture.retention(by_size(1));
    let clock = Instant::now();
    let reader = fixture.reader_in(2);
    for _ in 0..3 {
        retention.pass(day(9), clock).unwrap();
        assert_eq!(retention.warned, BTreeSet::from([9]));
    }
    drop(reader);
    retention.pass(day(9), clock).unwrap();
    assert!(retention.warned.is_empty() && fixture.left() == [4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_task_looks_at_the_start_and_at_each_rotation() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(Arc::new(OsFs), dir.path()).unwrap();
    let mut writer = store.writer(&SourceId::new("aa").unwrap()).unwrap();
    let mut source = BinlogGen::new(1, Options::default());
    let stop = CancellationToken::new();
    let task = Retention::new(store.catalog().clone(), by_size(1)).run(|| None, stop.clone());
    let task = tokio::spawn(task);
    for _ in 0..10 {
        writer.start_file(&LogName::new(&source.file_name()).unwrap()).unwrap();
        let bytes = source.file(1);
        let verified_end = bytes.len() as u64;
        let batch = Batch { bytes: bytes[4..].to_vec(), verified_end, ..Batch::default() };
        writer.write(&batch).unwrap();
        writer.sync().unwrap();
        while store.catalog().files().len() > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    stop.cancel();
    task.await.unwrap();
}
