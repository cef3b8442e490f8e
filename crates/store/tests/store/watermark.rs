//! The note of how far a timeline is durable: written rarely, believed, and missed without loss.

use binlogd_event::FIRST_EVENT;
use binlogd_store::{Fs, StoreError};
use rustix::io::Errno;
use testkit::binlog_gen::Options;
use testkit::sim_disk::{Fault, Op, SimDisk};

use crate::support::*;

/// How many bytes of the first file the watermark covers: where damage begins to be forgiven.
fn marked(feed: &Feed) -> u64 {
    let len = feed.last_file().len();
    for at in (4..len).rev() {
        let disk = SimDisk::new(1);
        disk.create_dir_all(std::path::Path::new(TIMELINE)).unwrap();
        disk.put(&durable_file(), &feed.disk.contents(&durable_file()).unwrap());
        disk.put(&file(1), &feed.last_file()[..at]);
        if matches!(open(&disk), Err(StoreError::Lost { .. })) {
            return at as u64 + 1;
        }
    }
    FIRST_EVENT
}

#[test]
fn it_follows_at_a_distance_and_closes_up_when_told() {
    let mut feed = Feed::new(SimDisk::new(1), Options::default());
    feed.writer.mark_every(1000);
    feed.start_file();
    feed.transactions(1);
    feed.sync();
    assert_eq!(marked(&feed), FIRST_EVENT);
    while feed.last_file().len() < 1004 {
        feed.transactions(1);
        feed.sync();
    }
    let first = marked(&feed);
    assert_eq!(first, feed.last_file().len() as u64);
    feed.transactions(1);
    feed.sync();
    assert_eq!(marked(&feed), first);
    feed.writer.mark_durable().unwrap();
    assert_eq!(marked(&feed), feed.last_file().len() as u64);
    // What is not durable is not noted.
    let durable = feed.last_file().len() as u64;
    feed.transactions(1);
    feed.writer.mark_durable().unwrap();
    assert_eq!(marked(&feed), durable);
}

#[test]
fn small_commits_cost_no_further_sync() {
    let mut feed = Feed::with_transactions(1);
    feed.disk.fail(Fault::new(Op::Write, Errno::IO).on("DURABLE"));
    feed.disk.fail(Fault::new(Op::Sync, Errno::IO).on("DURABLE"));
    for _ in 0..100 {
        feed.transactions(1);
        feed.sync();
    }
    // They are still to come.
    assert!(feed.writer.mark_durable().is_err());
}

#[test]
fn a_restart_brings_it_to_the_end() {
    let feed = Feed::with_transactions(5).restart();
    assert_eq!(marked(&feed), feed.last_file().len() as u64);
}

#[test]
fn a_cut_file_is_refused_until_somebody_removes_the_note() {
    let mut feed = Feed::with_transactions(5);
    feed.writer.mark_durable().unwrap();
    let durable = feed.last_file().len() as u64;
    let disk = feed.disk.kill();
    let cut = &feed.last_file()[..500];
    disk.put(&file(1), cut);
    let error = open(&disk).unwrap_err();
    let StoreError::Lost { path, len: 500, durable: noted, watermark } = &error else {
        panic!("{error}")
    };
    assert_eq!((path, *noted, watermark), (&file(1), durable, &durable_file()));
    assert_eq!(disk.contents(&file(1)).unwrap(), cut);
    disk.remove(&durable_file()).unwrap();
    let store = open(&disk).unwrap();
    assert_eq!(store.resume().unwrap().end(), feed.whole_events(500));
}

#[test]
fn a_removed_file_is_missed() {
    let mut feed = Feed::with_transactions(2);
    feed.rotate();
    feed.transactions(1);
    feed.sync();
    feed.writer.mark_durable().unwrap();
    let disk = feed.disk.kill();
    for number in [2, 1] {
        disk.remove(&file(number)).unwrap();
        let error = open(&disk).unwrap_err();
        let StoreError::Lost { path, len: 0, .. } = &error else { panic!("{error}") };
        assert_eq!(*path, file(2));
    }
    disk.remove(&durable_file()).unwrap();
    assert!(open(&disk).unwrap().resume().is_none());
}

#[test]
fn a_lost_or_garbled_note_loses_no_data() {
    for garbage in [None, Some(&b""[..]), Some(b"garbage"), Some(&[0; 9000])] {
        let mut feed = Feed::with_transactions(5);
        feed.writer.mark_durable().unwrap();
        let disk = feed.disk.kill();
        match garbage {
            Some(bytes) => disk.put(&durable_file(), bytes),
            None => disk.remove(&durable_file()).unwrap(),
        }
        let mut feed = feed.reopen(disk);
        feed.check_files();
        // And there is a good one again.
        assert_eq!(marked(&feed), feed.last_file().len() as u64);
        feed.transactions(1);
        feed.sync();
        feed.rotate();
        let feed = feed.restart();
        feed.check_files();
    }
}

#[test]
fn one_that_cannot_be_written_is_not_missed_at_once() {
    for op in [Op::Write, Op::Sync] {
        let mut feed = Feed::new(SimDisk::new(1), Options::default());
        feed.writer.mark_every(1);
        feed.start_file();
        feed.disk.fail(Fault::new(op, Errno::IO).on("DURABLE"));
        feed.transactions(1);
        let end = feed.sync().offset;
        // It may have got there, but nobody knows.
        assert!([FIRST_EVENT, end].contains(&marked(&feed)));
        feed.transactions(1);
        feed.sync();
        assert_eq!(marked(&feed), feed.last_file().len() as u64);
        let disk = feed.disk.crash();
        feed.reopen(disk).check_files();
    }
}

#[test]
fn no_file_is_begun_without_one() {
    let mut feed = Feed::new(SimDisk::new(1), Options::default());
    for op in [Op::Create, Op::Write, Op::Sync] {
        feed.disk.fail(Fault::new(op, Errno::NOSPC).on("DURABLE"));
        assert!(feed.writer.start_file(&name("mysql-bin.000001")).unwrap_err().is_full());
        assert!(feed.disk.contents(&file(1)).is_none());
    }
    feed.start_file();
    feed.transactions(1);
    feed.sync();
    feed.check_files();
}

#[test]
fn without_checksums_it_goes_before_every_publication() {
    let mut feed = Feed::new(SimDisk::new(1), without_checksums());
    feed.start_file();
    for _ in 0..3 {
        feed.transactions(1);
        let end = feed.sync();
        assert_eq!(marked(&feed), end.offset);
    }
    let durable = feed.store.catalog().frontier().durable;
    feed.disk.fail(Fault::new(Op::Write, Errno::NOSPC).on("DURABLE"));
    feed.transactions(1);
    assert!(feed.writer.sync().unwrap_err().is_full());
    assert_eq!(feed.store.catalog().frontier().durable, durable);
    assert_eq!(feed.sync().offset, feed.last_file().len() as u64);
    assert_eq!(feed.store.catalog().executed(), feed.gtids);
}

#[test]
fn without_checksums_no_stream_opens_that_cannot_write_it() {
    let mut feed = Feed::new(SimDisk::new(1), without_checksums());
    feed.start_file();
    feed.transactions(1);
    feed.sync();
    let disk = feed.disk.kill();
    disk.fail(Fault::new(Op::Write, Errno::NOSPC).on("DURABLE"));
    assert!(open(&disk).unwrap_err().is_full());
    feed.reopen(disk).check_files();
}

#[test]
fn one_that_is_made_anew_is_as_durable_as_the_first() {
    for seed in 0..50 {
        let mut feed = Feed::new(SimDisk::new(seed), without_checksums());
        feed.start_file();
        feed.transactions(3);
        feed.sync();
        let disk = feed.disk.kill();
        disk.remove(&durable_file()).unwrap();
        disk.open_dir(std::path::Path::new(TIMELINE)).unwrap().sync().unwrap();
        let mut feed = feed.reopen(disk);
        feed.transactions(1);
        let durable = feed.sync().offset;
        feed.transactions(20);
        let store = open(&feed.disk.crash()).unwrap();
        assert_eq!(store.resume().unwrap().end(), durable, "seed {seed}");
    }
}

#[test]
fn without_checksums_nothing_behind_it_is_believed() {
    for seed in 0..50 {
        let mut feed = Feed::new(SimDisk::new(seed), without_checksums());
        feed.start_file();
        feed.transactions(3);
        feed.sync();
        let durable = feed.last_file().to_vec();
        feed.transactions(3);
        let store = open(&feed.disk.crash()).unwrap();
        assert_eq!(store.resume().unwrap().end(), durable.len() as u64);
    }
}
