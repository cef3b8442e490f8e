//! Removing the oldest files: what stays, who holds it, and crashes on the way.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use binlogd_event::GtidSet;
use binlogd_store::{Catalog, Cursor, FileId, Fs, Holds, Purge, Read, Store, StoreError};
use rustix::io::Errno;
use testkit::binlog_gen::{BinlogGen, Options};
use testkit::sim_disk::{Fault, Op, SimDisk};

use crate::support::*;

/// A stream with `count` files of two transactions each; the last is active.
fn files(disk: SimDisk, count: usize) -> Feed {
    let mut feed = Feed::new(disk, Options::default());
    feed.start_file();
    for n in 1..=count {
        feed.transactions(2);
        if n < count {
            feed.rotate();
        }
    }
    feed.sync();
    feed
}

fn numbers(store: &Store) -> Vec<u64> {
    store.catalog().files().iter().map(|file| file.name.number()).collect()
}

fn purge_to(catalog: &Catalog, number: u64, holds: Holds) -> Result<Purge, StoreError> {
    catalog.purge(FileId(number), holds)
}

fn removed(purge: &Purge) -> Vec<u64> {
    purge.removed.iter().map(|file| file.name.number()).collect()
}

fn index(disk: &SimDisk) -> String {
    let path = Path::new(TIMELINE).join("mysql-bin.index");
    String::from_utf8(disk.contents(&path).unwrap()).unwrap()
}

fn gtids_of(count: u64) -> GtidSet {
    match count {
        0 => GtidSet::new(),
        _ => format!("{}:1-{count}", source_id()).parse().unwrap(),
    }
}

/// Set when dropped, so that a panic stops everybody.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn the_oldest_go_from_memory_list_and_disk_and_the_gtids_say_so() {
    let feed = files(SimDisk::new(1), 5);
    let catalog = feed.store.catalog();
    let purge = purge_to(catalog, 4, Holds::Respect).unwrap();
    assert_eq!(removed(&purge), [1, 2, 3]);
    assert!(purge.held.is_none());
    assert_eq!(numbers(&feed.store), [4, 5]);
    assert!((1..=3).all(|n| feed.disk.contents(&file(n)).is_none()));
    assert_eq!(index(&feed.disk), "./mysql-bin.000004\n./mysql-bin.000005\n");
    assert_eq!(catalog.purged().unwrap(), gtids_of(6));
    assert_eq!(catalog.executed(), gtids_of(10));
    assert!(catalog.find("mysql-bin.000003").is_none());

    // Nothing left to do.
    assert!(purge_to(catalog, 4, Holds::Respect).unwrap().removed.is_empty());
    let mut feed = feed.restart();
    assert_eq!(numbers(&feed.store), [4, 5]);
    assert_eq!(feed.store.catalog().purged().unwrap(), gtids_of(6));
    assert_eq!(feed.store.catalog().executed(), gtids_of(10));
    feed.transactions(1);
    feed.rotate();
    feed.transactions(1);
    feed.sync();
    assert_eq!(numbers(&feed.store), [4, 5, 6]);
    assert_eq!(index(&feed.disk), "./mysql-bin.000004\n./mysql-bin.000005\n./mysql-bin.000006\n");
}

#[test]
fn the_last_file_stays_whatever_is_asked_for() {
    let feed = files(SimDisk::new(1), 3);
    let purge = purge_to(feed.store.catalog(), u64::MAX, Holds::Ignore).unwrap();
    assert_eq!(removed(&purge), [1, 2]);
    assert_eq!(numbers(&feed.store), [3]);
    let empty = Feed::new(SimDisk::new(1), Options::default());
    assert!(purge_to(empty.store.catalog(), 9, Holds::Ignore).unwrap().removed.is_empty());
}

#[test]
fn a_file_that_recovery_needs_stays_until_the_next_says_what_was_before() {
    let mut feed = files(SimDisk::new(1), 3);
    let all = || u64::MAX;
    feed.rotate();
    feed.sync();
    // The fourth file has no event yet.
    assert_eq!(removed(&purge_to(feed.store.catalog(), all(), Holds::Ignore).unwrap()), [1, 2]);
    feed.events(1);
    feed.sync();
    // It has a format description, which does not tell GTIDs.
    assert!(purge_to(feed.store.catalog(), all(), Holds::Ignore).unwrap().removed.is_empty());
    let disk = feed.disk.crash();
    let mut feed = feed.reopen(disk);
    assert_eq!(feed.store.catalog().executed(), gtids_of(6));
    feed.events(1);
    feed.sync();
    assert_eq!(removed(&purge_to(feed.store.catalog(), all(), Holds::Ignore).unwrap()), [3]);
    let disk = feed.disk.crash();
    assert_eq!(feed.reopen(disk).store.catalog().executed(), gtids_of(6));
}

#[test]
fn a_reader_holds_its_file_and_all_behind_it() {
    let feed = files(SimDisk::new(1), 6);
    let catalog = feed.store.catalog();
    let open = |number: u64| {
        let file = catalog.files().into_iter().find(|file| file.name.number() == number).unwrap();
        Cursor::open(catalog.clone(), file, 4).unwrap()
    };
    let late = open(5);
    let mut early = open(2);
    early.set_reader(17);
    let other = open(2);
    let purge = purge_to(catalog, 6, Holds::Respect).unwrap();
    assert_eq!(removed(&purge), [1]);
    let held = purge.held.unwrap();
    assert_eq!((held.file.name.number(), held.files, held.readers), (2, 4, 2));
    assert_eq!(held.named, [17]);
    // Where nobody asks for more, nothing is held.
    assert!(purge_to(catalog, 2, Holds::Respect).unwrap().held.is_none());

    drop(other);
    while !matches!(early.read(&mut [0; 999], false).unwrap(), Read::EndOfFile) {}
    assert!(early.next_file().unwrap());
    let purge = purge_to(catalog, 6, Holds::Respect).unwrap();
    assert_eq!((removed(&purge), purge.held.unwrap().file.name.number()), (vec![2], 3));
    drop(early);
    let purge = purge_to(catalog, 6, Holds::Respect).unwrap();
    assert_eq!((removed(&purge), purge.held.unwrap().file.name.number()), (vec![3, 4], 5));
    drop(late);
    assert_eq!(removed(&purge_to(catalog, 6, Holds::Respect).unwrap()), [5]);
}

#[test]
fn a_reader_whose_file_was_taken_reads_it_to_the_end_and_then_is_told() {
    let feed = files(SimDisk::new(1), 6);
    let catalog = feed.store.catalog();
    let listed = catalog.files();
    let mut readers: Vec<_> = listed[..4]
        .iter()
        .map(|file| Cursor::open(catalog.clone(), file.clone(), 0).unwrap())
        .collect();
    assert_eq!(removed(&purge_to(catalog, 5, Holds::Ignore).unwrap()), [1, 2, 3, 4]);
    for (reader, file) in readers.iter_mut().zip(&listed) {
        let mut bytes = Vec::new();
        let mut buf = [0; 1000];
        while let Read::Bytes(len) = reader.read(&mut buf, false).unwrap() {
            bytes.extend_from_slice(&buf[..len]);
        }
        assert!(bytes == feed.files[file.name.as_str()]);
    }
    // What follows the fourth is there, and is held for its reader.
    let purge = purge_to(catalog, 6, Holds::Respect).unwrap();
    assert_eq!((purge.removed.len(), purge.held.unwrap().readers), (0, 1));
    let mut last = readers.pop().unwrap();
    assert!(last.next_file().unwrap());
    assert_eq!(last.file().name.number(), 5);
    // For the others there is nothing to be held.
    drop(last);
    assert_eq!(removed(&purge_to(catalog, 6, Holds::Respect).unwrap()), [5]);
    for mut reader in readers {
        let error = reader.next_file().unwrap_err();
        assert!(matches!(error, StoreError::Purged { .. }), "{error}");
    }
    for file in &listed[..5] {
        let error = Cursor::open(catalog.clone(), file.clone(), 4).unwrap_err();
        assert!(matches!(error, StoreError::Purged { .. }), "{error}");
        assert!(matches!(catalog.modified(file), Err(StoreError::Purged { .. })));
        assert!(matches!(catalog.first_gtid(file), Err(StoreError::Purged { .. })));
    }
}

#[test]
fn what_cannot_be_removed_stays_with_all_behind_it() {
    let feed = files(SimDisk::new(1), 6);
    let catalog = feed.store.catalog();
    feed.disk.fail(Fault::new(Op::Remove, Errno::IO).on(".000003"));
    let error = purge_to(catalog, 5, Holds::Respect).unwrap_err();
    assert!(error.to_string().contains("cannot remove"), "{error}");
    // The simulated disk does not remove what it says it has not.
    assert_eq!(numbers(&feed.store), [3, 4, 5, 6]);
    assert_eq!(index(&feed.disk).lines().count(), 4);
    let file = catalog.find("mysql-bin.000003").unwrap();
    let mut cursor = Cursor::open(catalog.clone(), file, 0).unwrap();
    assert_eq!(read_all(&mut cursor).len(), 4);
    drop(cursor);
    assert_eq!(removed(&purge_to(catalog, 5, Holds::Respect).unwrap()), [3, 4]);
}

#[test]
fn a_folder_that_cannot_be_synced_is_no_reason_to_stop() {
    let feed = files(SimDisk::new(1), 4);
    feed.disk.fail(Fault::new(Op::SyncDir, Errno::IO));
    assert_eq!(removed(&purge_to(feed.store.catalog(), 3, Holds::Respect).unwrap()), [1, 2]);
}

#[test]
fn a_files_age_is_that_of_its_last_bytes_here() {
    let at = |s| SystemTime::UNIX_EPOCH + Duration::from_secs(s);
    let disk = SimDisk::new(1);
    disk.set_clock(at(100));
    let mut feed = files(disk.clone(), 1);
    disk.set_clock(at(200));
    feed.transactions(1);
    feed.rotate();
    disk.set_clock(at(300));
    feed.transactions(1);
    feed.sync();
    let catalog = feed.store.catalog();
    let modified: Vec<_> = catalog.files().iter().map(|f| catalog.modified(f).unwrap()).collect();
    assert_eq!(modified, [at(200), at(300)]);
}

#[test]
fn a_crash_at_any_step_leaves_the_newest_files_without_a_hole() {
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..20 {
        for changes in 0.. {
            let feed = files(SimDisk::new(seed), 6);
            feed.disk.power_off_after(changes);
            let outcome = purge_to(feed.store.catalog(), 5, Holds::Respect);
            let is_done = !feed.disk.is_off();
            assert!(!is_done || outcome.is_ok());
            let disk = feed.disk.crash();
            let mut feed = feed.reopen(disk);
            let left = numbers(&feed.store);
            let first = left[0];
            outcomes.insert(first);
            assert_eq!(left, (first..=6).collect::<Vec<_>>(), "seed {seed}, step {changes}");
            assert!(!is_done || first == 5, "seed {seed}: {left:?}");
            let before: Vec<_> = feed.files.keys().take(left.len().abs_diff(6)).cloned().collect();
            before.iter().for_each(|name| drop(feed.files.remove(name)));
            feed.check_files();
            let catalog = feed.store.catalog();
            assert_eq!(catalog.executed(), gtids_of(12));
            assert_eq!(catalog.purged().unwrap(), gtids_of(2 * (first - 1)));
            // The second try does the rest, and the stream goes on.
            let first = catalog.files()[0].id.0;
            let keep = first + u64::try_from(left.len()).unwrap() - 2;
            catalog.purge(FileId(keep), Holds::Respect).unwrap();
            assert_eq!(numbers(&feed.store), [5, 6]);
            feed.transactions(1);
            feed.rotate();
            feed.transactions(1);
            feed.sync();
            assert_eq!(index(&feed.disk).lines().count(), 3);
            if is_done {
                break;
            }
        }
    }
    assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

/// Two timelines: two files of one server, then three of another, with lists and watermarks.
fn two_timelines(seed: u64) -> (SimDisk, Vec<(String, Vec<u8>)>) {
    let disk = SimDisk::new(seed);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk.open_dir(Path::new("/data")).unwrap().sync().unwrap();
    disk.open_dir(Path::new("/")).unwrap().sync().unwrap();
    let mut source = BinlogGen::new(1, Options::default());
    let mut stored = Vec::new();
    for (folder, files) in [("0001-aa", 1..=2), ("0002-bb", 1..=3)] {
        let folder = Path::new(DIR).join(folder);
        disk.create_dir_all(&folder).unwrap();
        disk.open_dir(Path::new(DIR)).unwrap().sync().unwrap();
        for number in files {
            let path = folder.join(format!("b.{number:06}"));
            let bytes = source.file(1);
            disk.put(&path, &bytes);
            stored.push((path.display().to_string(), bytes));
        }
        disk.put(&folder.join("b.index"), b"./b.000001\n");
        disk.put(&folder.join("DURABLE"), b"whatever");
        disk.put(&folder.join("FORKED"), b"\n");
    }
    (disk, stored)
}

#[test]
fn a_timeline_goes_before_the_next_and_its_folder_with_it() {
    let (disk, _) = two_timelines(1);
    let names = |disk: &SimDisk| {
        let mut names = disk.list(Path::new(DIR)).unwrap();
        names.retain(|name| name.starts_with("000"));
        names.sort();
        names
    };
    {
        let store = open(&disk).unwrap();
        purge_to(store.catalog(), 2, Holds::Respect).unwrap();
        assert_eq!(names(&disk), ["0001-aa", "0002-bb"]);
        purge_to(store.catalog(), 4, Holds::Respect).unwrap();
        assert_eq!(names(&disk), ["0002-bb"]);
        assert_eq!(file_names(&store), ["b.000002", "b.000003"]);
        let index = disk.contents(&Path::new(DIR).join("0002-bb/b.index")).unwrap();
        assert_eq!(index, b"./b.000002\n./b.000003\n");
    }
    assert_eq!(open(&disk).unwrap().source().unwrap().as_str(), "bb");

    // What somebody else has put there is not ours to remove.
    let (disk, _) = two_timelines(1);
    disk.put(&Path::new(DIR).join("0001-aa/notes.txt"), b"mine");
    let store = open(&disk).unwrap();
    purge_to(store.catalog(), 3, Holds::Respect).unwrap();
    assert_eq!(names(&disk), ["0001-aa", "0002-bb"]);
    assert!(disk.contents(&Path::new(DIR).join("0001-aa/notes.txt")).is_some());
    drop(store);
    assert_eq!(file_names(&open(&disk).unwrap()), ["b.000001", "b.000002", "b.000003"]);
}

#[test]
fn a_crash_between_timelines_leaves_no_hole_either() {
    for seed in 0..20 {
        for changes in 0.. {
            let (disk, stored) = two_timelines(seed);
            let store = open(&disk).unwrap();
            disk.power_off_after(changes);
            let _ = purge_to(store.catalog(), 4, Holds::Respect);
            let is_done = !disk.is_off();
            drop(store);
            let disk = disk.crash();
            let store = open(&disk).unwrap_or_else(|e| panic!("seed {seed}, step {changes}: {e}"));
            let left = store.catalog().files();
            assert!(left.len() >= 2 && (!is_done || left.len() == 2), "seed {seed}: {left:?}");
            for (file, (path, bytes)) in left.iter().zip(&stored[stored.len() - left.len()..]) {
                assert_eq!(file.path.display().to_string(), *path, "seed {seed}, step {changes}");
                assert!(disk.contents(&file.path).unwrap() == *bytes);
            }
            // What is left of the old folder goes with the next purge.
            let last = left[left.len() - 1].id;
            store.catalog().purge(last, Holds::Respect).unwrap();
            let folders = disk.list(Path::new(DIR)).unwrap();
            assert!(!folders.contains(&"0001-aa".to_owned()), "seed {seed}, step {changes}");
            if is_done {
                break;
            }
        }
    }
}

#[test]
fn readers_writer_and_purges_at_once_are_no_danger_to_each_other() {
    const FILES: u64 = 300;
    let mut feed = files(SimDisk::new(1), 1);
    let catalog = feed.store.catalog().clone();
    let is_over = AtomicBool::new(false);
    let mut source = BinlogGen::new(1, Options::default());
    let expected: Vec<_> = (1..=FILES).map(|n| source.file(if n == 1 { 2 } else { 1 })).collect();
    thread::scope(|scope| {
        let read = || {
            let (catalog, expected, is_over) = (&catalog, &expected, &is_over);
            move || {
                let mut read = 0;
                while !is_over.load(Ordering::Acquire) {
                    let Some(first) = catalog.files().into_iter().next() else { continue };
                    let mut cursor = match Cursor::open(catalog.clone(), first, 0) {
                        Ok(cursor) => cursor,
                        Err(StoreError::Purged { .. }) => continue,
                        Err(error) => panic!("{error}"),
                    };
                    let (mut bytes, mut buf) = (Vec::new(), [0; 1000]);
                    loop {
                        match cursor.read(&mut buf, false).unwrap() {
                            Read::Bytes(len) => bytes.extend_from_slice(&buf[..len]),
                            Read::EndOfFile => {
                                let number = usize::try_from(cursor.file().name.number()).unwrap();
                                assert!(bytes == expected[number - 1], "file {number}");
                                read += 1;
                                assert!(cursor.next_file().unwrap());
                                bytes = vec![0xfe, b'b', b'i', b'n'];
                            }
                            _ if is_over.load(Ordering::Acquire) => break,
                            _ => thread::yield_now(),
                        }
                    }
                }
                read
            }
        };
        let readers = [scope.spawn(read()), scope.spawn(read())];
        let purger = scope.spawn(|| {
            let mut removed = 0;
            while !is_over.load(Ordering::Acquire) {
                let files = catalog.files();
                let keep = files[files.len().saturating_sub(2)].id;
                removed += catalog.purge(keep, Holds::Respect).unwrap().removed.len();
                catalog.purged().unwrap();
            }
            removed
        });
        let over = Over(&is_over);
        for _ in 1..FILES {
            feed.rotate();
            feed.transactions(1);
            feed.sync();
        }
        let begun = Instant::now();
        while catalog.files().len() > 2 {
            assert!(!purger.is_finished() && begun.elapsed() < Duration::from_secs(60));
            thread::yield_now();
        }
        drop(over);
        assert_eq!(purger.join().unwrap(), usize::try_from(FILES).unwrap() - 2);
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
    });
    assert_eq!(numbers(&feed.store), [FILES - 1, FILES]);
}
