//! Going from one source to another.

use std::path::{Path, PathBuf};

use binlogd_event::{GtidSet, Verifier};
use binlogd_store::{Holds, SourceId, Store, StoreError, Writer};
use rustix::io::Errno;
use testkit::binlog_gen::{BinlogGen, Options};
use testkit::sim_disk::{Fault, Op, SimDisk};

use crate::support::*;

fn other() -> SourceId {
    SourceId::new("bb").unwrap()
}

fn second(file: &str) -> PathBuf {
    Path::new(DIR).join("0002-bb").join(file)
}

fn gtids(numbers: &str) -> GtidSet {
    format!("{}:{numbers}", Options::default().uuid).parse().unwrap()
}

/// A stream of five transactions and the beginning of another, whose source is gone.
struct Orphan {
    disk: SimDisk,
    store: Store,
    end: Verifier,
    /// Where the last whole transaction ends.
    boundary: u64,
    bytes: Vec<u8>,
}

impl Orphan {
    fn new(seed: u64) -> Self {
        let mut feed = Feed::new(SimDisk::new(seed), Options::default());
        feed.start_file();
        feed.transactions(5);
        let boundary = feed.source.offset();
        feed.events(2);
        feed.sync();
        let bytes = feed.last_file().to_vec();
        let Feed { disk, mut store, writer, .. } = feed;
        drop(writer);
        let end = store.recover().unwrap().unwrap().verifier.clone();
        Self { disk, store, end, boundary, bytes }
    }

    /// The second source has transactions 1 to 3, and another file layout.
    fn second_source() -> BinlogGen {
        let mut source = BinlogGen::new(9, Options::default()).with_file_number(71);
        source.file(1);
        source
    }
}

/// Follows the second source, from a file that begins behind its first transaction.
fn follow(store: &mut Store, end: &Verifier, events: usize) -> Result<Writer, StoreError> {
    store.begin_timeline(&other(), end, gtids("4-5"))?;
    let mut writer = store.writer(&other())?;
    let mut source = Orphan::second_source();
    writer.start_file(&name(&source.file_name()))?;
    for _ in 0..events {
        writer.write(&batch(&source.event()))?;
    }
    writer.sync()?;
    Ok(writer)
}

#[test]
fn the_old_file_is_cut_behind_its_last_whole_transaction() {
    let mut orphan = Orphan::new(1);
    let writer = follow(&mut orphan.store, &orphan.end, 7).unwrap();
    let kept = usize::try_from(orphan.boundary).unwrap();
    assert!(kept < orphan.bytes.len());
    assert_eq!(orphan.disk.contents(&file(1)).unwrap(), orphan.bytes[..kept]);
    assert!(orphan.disk.contents(&second("mysql-bin.000072")).is_some());
    let catalog = orphan.store.catalog();
    let [old, new] = &catalog.files()[..] else { panic!("two files") };
    assert_eq!((old.timeline.number, new.timeline.number), (1, 2));
    assert_eq!(catalog.readable_len(old), orphan.boundary);
    assert_eq!(new.timeline.forked, gtids("4-5"));
    drop(writer);
}

#[test]
fn forked_transactions_count_until_the_new_timeline_has_a_file() {
    let mut orphan = Orphan::new(1);
    let executed = |store: &Store| store.catalog().executed();
    // It may be tried more than once, and then the fork must be found again.
    for _ in 0..2 {
        orphan.store.begin_timeline(&other(), &orphan.end, gtids("4-5")).unwrap();
        assert_eq!(executed(&orphan.store), gtids("1-5"));
        assert_eq!(orphan.store.timeline().unwrap().number, 2);
    }
    let mut writer = orphan.store.writer(&other()).unwrap();
    writer.start_file(&name("mysql-bin.000072")).unwrap();
    assert_eq!(executed(&orphan.store), gtids("1-3"));
    drop((orphan.store, writer));
    let store = open(&orphan.disk.kill()).unwrap();
    assert_eq!(executed(&store), gtids("1-3"));
}

#[test]
fn a_second_try_may_find_another_fork() {
    for (first, second) in [("5", "4-5"), ("4-5", "5")] {
        let mut orphan = Orphan::new(1);
        for forked in [first, second] {
            orphan.store.begin_timeline(&other(), &orphan.end, gtids(forked)).unwrap();
        }
        drop(orphan.store);
        let store = open(&orphan.disk.kill()).unwrap();
        let timeline = store.timeline().unwrap();
        assert_eq!((timeline.number, &timeline.forked), (2, &gtids(second)));
        assert_eq!(timeline.inherited, gtids("1-5").difference(&gtids(second)));
    }
}

#[test]
fn old_timelines_are_purged_without_leaving_a_hole() {
    let mut orphan = Orphan::new(1);
    let mut writer = follow(&mut orphan.store, &orphan.end, 7).unwrap();
    writer.start_file(&name("mysql-bin.000080")).unwrap();
    let mut source = BinlogGen::new(1, Options::default());
    for _ in 0..2 {
        writer.write(&batch(&source.event())).unwrap();
    }
    writer.sync().unwrap();
    let catalog = orphan.store.catalog();
    let [_, second_file, last] = &catalog.files()[..] else { panic!("three files") };
    // It cannot be told whether the first file is gone for good.
    orphan.disk.fail(Fault::new(Op::SyncDir, Errno::IO).on("3e11fa47-71ca-11e1-9e33-c80aa9429562"));
    assert!(catalog.purge(last.id, Holds::Respect).is_err());
    assert_eq!(catalog.files()[0].id, second_file.id);
    assert!(orphan.disk.contents(&second_file.path).is_some());
}

#[test]
fn what_the_old_timelines_have_is_known_while_the_new_one_catches_up() {
    let mut orphan = Orphan::new(1);
    // The file begins behind transaction 1: it tells of 1, and of 2 once that is there.
    let events = 30;
    drop(follow(&mut orphan.store, &orphan.end, events).unwrap());
    let executed = orphan.store.catalog().executed();
    assert!(gtids("1-3").is_subset(&executed) && !gtids("5").is_subset(&executed), "{executed}");
    for events in [0, 1, 2, 7] {
        let mut orphan = Orphan::new(1);
        drop(follow(&mut orphan.store, &orphan.end, events).unwrap());
        let store = open(&orphan.disk.kill()).unwrap();
        assert_eq!(store.catalog().executed(), gtids("1-3"), "{events} events");
    }
}

#[test]
fn a_crash_at_any_step_leaves_the_old_timeline_or_the_new_one() {
    let (mut old, mut new) = (0, 0);
    for seed in 0..10 {
        for changes in 0..60 {
            let mut orphan = Orphan::new(seed);
            orphan.disk.power_off_after(changes);
            let followed = follow(&mut orphan.store, &orphan.end, 7).is_ok();
            let disk = orphan.disk.crash();
            let mut store = open(&disk).unwrap();
            let files = file_names(&store);
            let bytes = disk.contents(&file(1)).unwrap();
            let kept = usize::try_from(orphan.boundary).unwrap();
            assert!(bytes.len() >= kept && bytes == orphan.bytes[..bytes.len()]);
            if store.resume().unwrap().file.timeline.number == 1 {
                assert!(!followed, "after {changes}");
                old += 1;
                assert_eq!(store.catalog().executed(), gtids("1-5"));
                let end = store.resume().unwrap().verifier.clone();
                drop(follow(&mut store, &end, 7).unwrap());
            } else {
                new += 1;
                assert_eq!(bytes.len(), kept);
            }
            assert!(!followed || files == ["mysql-bin.000001", "mysql-bin.000072"]);
            let timeline = store.timeline().unwrap();
            assert_eq!((timeline.number, &timeline.forked), (2, &gtids("4-5")));
            assert_eq!(timeline.inherited, gtids("1-3"));
            assert_eq!(store.catalog().executed(), gtids("1-3"));
            drop(store);
            assert_eq!(open(&disk).unwrap().timeline().unwrap().forked, gtids("4-5"));
        }
    }
    assert!(old > 50 && new > 50, "{old} {new}");
}

#[test]
fn a_set_that_is_no_set_is_refused() {
    let mut orphan = Orphan::new(1);
    drop(follow(&mut orphan.store, &orphan.end, 7).unwrap());
    let disk = orphan.disk.kill();
    for file in ["FORKED", "INHERITED", "EARLIER"] {
        let good = disk.contents(&second(file)).unwrap();
        disk.put(&second(file), b"something else");
        let error = open(&disk).unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains(file), "{error}");
        disk.put(&second(file), &good);
    }
    assert!(open(&disk).is_ok());
}
