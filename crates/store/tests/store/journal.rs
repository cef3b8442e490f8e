//! Bytes that are durable in the journal before they are in their file.

use std::path::{Path, PathBuf};

use binlogd_store::{Fs, LogName, SourceId};
use rustix::io::Errno;
use testkit::binlog_gen::Options;
use testkit::sim_disk::{Fault, Op, SimDisk};

use crate::support::{Feed, TIMELINE, durable_file, file, open, without_checksums};

const PAGE: u64 = 4096;

fn journal() -> PathBuf {
    Path::new(TIMELINE).join("JOURNAL")
}

/// A disk on which nothing but the journal and the watermark may be synced.
fn refuse_syncs_of_files(feed: &Feed) {
    for _ in 0..1000 {
        feed.disk.fail(Fault::new(Op::Sync, Errno::IO).on("000001"));
    }
}

#[test]
fn small_commits_do_not_sync_their_file_and_survive_a_power_failure() {
    for options in [Options::default(), without_checksums()] {
        for count in [1, 5, 60] {
            let mut feed = Feed::with_journal(4 << 20, options);
            refuse_syncs_of_files(&feed);
            for _ in 0..count {
                feed.transactions(1);
                feed.sync();
            }
            let disk = feed.disk.crash();
            let store = open(&disk).unwrap();
            let resume = store.resume().unwrap();
            assert_eq!((resume.end(), resume.cut), (feed.source.offset(), 0));
            assert_eq!(store.catalog().executed(), feed.gtids);
            assert!(disk.contents(&file(1)).unwrap() == feed.last_file());
        }
    }
}

#[test]
fn laps_follow_one_another() {
    for count in 1..30 {
        let mut feed = Feed::with_journal(3 * PAGE, Options::default());
        for _ in 0..count {
            feed.transactions(1);
            feed.sync();
        }
        assert_eq!(feed.disk.contents(&journal()).unwrap().len() as u64, 3 * PAGE);
        expect_all(&feed);
    }
}

/// Fails unless all that was written survives a power failure now.
fn expect_all(feed: &Feed) {
    let disk = feed.disk.crash();
    let store = open(&disk).unwrap();
    assert_eq!(store.resume().unwrap().end(), feed.source.offset());
    assert!(disk.contents(&file(1)).unwrap() == feed.last_file());
}

#[test]
fn a_large_commit_between_small_ones_goes_to_its_file() {
    let options = Options { row_len_max: 100_000, ..Options::default() };
    let mut feed = Feed::with_journal(4 << 20, options);
    for _ in 0..40 {
        feed.transactions(1);
        feed.sync();
    }
    assert!(feed.last_file().len() > 200_000);
    expect_all(&feed);
}

#[test]
fn a_journal_that_fails_costs_nothing_but_time() {
    for op in [Op::WriteDurable, Op::Write, Op::Sync, Op::Create] {
        for skip in 0..4 {
            let mut feed = Feed::new(SimDisk::new(1), Options::default());
            feed.writer.journal_capacity(3 * PAGE);
            feed.disk.fail(Fault::new(op, Errno::NOSPC).on("JOURNAL").after(skip));
            feed.start_file();
            for _ in 0..20 {
                feed.transactions(1);
                feed.sync();
            }
            expect_all(&feed);
        }
    }
}

#[test]
fn what_is_damaged_in_the_journal_was_never_durable_or_is_missed() {
    let mut feed = Feed::with_journal(8 * PAGE, Options::default());
    let before = feed.source.offset();
    feed.transactions(1);
    feed.sync();
    let end = feed.source.offset();
    let bytes = feed.disk.contents(&journal()).unwrap();
    let file_bytes = feed.disk.contents(&file(1)).unwrap();
    let disk = feed.disk.crash();
    let len = usize::try_from(end - before).unwrap() + 44;
    for bit in 0..len * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        disk.put(&journal(), &damaged);
        disk.put(&file(1), &file_bytes[..usize::try_from(before).unwrap()]);
        let store = open(&disk).unwrap();
        assert_eq!(store.resume().unwrap().end(), before, "bit {bit}");
    }
}

#[test]
fn records_of_a_watermark_that_is_gone_are_not_believed() {
    let mut feed = Feed::with_journal(8 * PAGE, Options::default());
    for _ in 0..3 {
        feed.transactions(1);
        feed.sync();
    }
    // Somebody follows an advice and removes it; the numbers of its notes begin anew.
    let mut disk = feed.disk.kill();
    disk.remove(&durable_file()).unwrap();
    for round in 0..3 {
        let store = open(&disk).unwrap();
        assert_eq!(store.resume().unwrap().end(), feed.source.offset(), "round {round}");
        disk = disk.crash();
    }
    assert!(disk.contents(&file(1)).unwrap() == feed.last_file());
}

#[test]
fn a_timeline_ends_with_what_was_durable_in_its_journal() {
    let mut feed = Feed::with_journal(8 * PAGE, Options::default());
    feed.transactions(1);
    feed.sync();
    let Feed { disk, mut store, writer, source, files, .. } = feed;
    drop(writer);
    let end = store.recover().unwrap().unwrap().verifier.clone();
    let other = SourceId::new("bb").unwrap();
    store.begin_timeline(&other, &end, binlogd_event::GtidSet::new()).unwrap();
    let mut writer = store.writer(&other).unwrap();
    writer.start_file(&LogName::new("b.000001").unwrap()).unwrap();
    assert_eq!(end.offset(), source.offset());
    let disk = disk.crash();
    open(&disk).unwrap();
    assert!(disk.contents(&file(1)).unwrap() == files["mysql-bin.000001"]);
}
