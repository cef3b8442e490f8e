//! What helps after an error of the disk: the same again, a recovery in the same process, or a restart.

use binlogd_store::{Remedy, StoreError};
use rustix::io::Errno;
use testkit::binlog_gen::Options;
use testkit::sim_disk::{ERRORS, Fault, Op, SimDisk};

use crate::support::*;

/// Gives the stream a new writer, without a restart.
fn heal(feed: &mut Feed) {
    feed.store.recover().unwrap();
    feed.writer = feed.store.writer(&source_id()).unwrap();
}

#[test]
fn a_sync_that_finds_the_disk_full_is_healed_without_a_restart() {
    for seed in 0..50 {
        for error in [Errno::NOSPC, Errno::DQUOT, Errno::STALE, Errno::INTR] {
            let mut feed = Feed::new(SimDisk::new(seed), Options::default());
            feed.start_file();
            feed.transactions(2);
            let durable = feed.sync();
            feed.transactions(2);
            feed.disk.fail(Fault::new(Op::Sync, error).on(".000001"));
            let failed = feed.writer.sync().unwrap_err();
            assert!(matches!(failed, StoreError::SyncFailed { .. }), "{failed}");
            assert_eq!(failed.remedy(), Remedy::Heal);
            assert!(failed.to_string().contains("goes on by itself"), "{failed}");
            // On the same pages it is never tried again.
            assert!(matches!(feed.writer.sync(), Err(StoreError::Poisoned)));
            let resume = feed.store.recover().unwrap().unwrap().clone();
            assert!(resume.end() >= durable.offset);
            // What is reported durable now, is.
            let after = open(&feed.disk.crash()).unwrap();
            assert_eq!(after.resume().unwrap().end(), resume.end(), "seed {seed}");
        }
    }
}

#[test]
fn only_errors_of_a_failing_disk_need_a_restart() {
    for error in ERRORS {
        let mut feed = Feed::with_transactions(1);
        feed.transactions(1);
        feed.disk.fail(Fault::new(Op::Sync, error).on(".000001"));
        let failed = feed.writer.sync().unwrap_err();
        let heals = !matches!(error, Errno::IO | Errno::ROFS | Errno::ACCESS | Errno::TIMEDOUT);
        let expected = if heals { Remedy::Heal } else { Remedy::Stop };
        assert_eq!(failed.remedy(), expected, "{failed}");

        let mut feed = Feed::with_transactions(1);
        feed.disk.fail(Fault::new(Op::Write, error));
        let event = feed.next_event();
        let failed = feed.writer.write(&batch(&event)).unwrap_err();
        assert_ne!(failed.remedy(), Remedy::Stop, "{failed}");
    }
}

#[test]
fn a_new_file_needs_no_descriptor_for_its_folder() {
    let mut feed = Feed::with_transactions(1);
    feed.writer.mark_durable().unwrap();
    feed.disk.fail(Fault::new(Op::OpenDir, Errno::MFILE));
    // Only the list of files is late.
    feed.rotate();
    feed.transactions(1);
    feed.sync();
    feed.check_files();
    feed.disk.clear_faults();
    feed.disk.fail(Fault::new(Op::OpenDir, Errno::MFILE));
    let failed = feed.store.recover().unwrap_err();
    assert!(matches!(failed, StoreError::Io { .. }), "{failed}");
    assert_eq!(failed.remedy(), Remedy::Retry);
    heal(&mut feed);
    let disk = feed.disk.crash();
    feed.reopen(disk).check_files();
}

#[test]
fn a_file_that_could_not_be_begun_is_not_in_the_way() {
    let faults = [
        vec![Fault::new(Op::Write, Errno::NOSPC).on(".000002"), Fault::new(Op::Remove, Errno::IO)],
        vec![Fault::new(Op::SyncDir, Errno::NOSPC)],
    ];
    for faults in faults {
        let mut feed = Feed::with_transactions(1);
        let rotate = feed.source.rotate();
        feed.files.get_mut("mysql-bin.000001").unwrap().extend_from_slice(&rotate.bytes);
        feed.writer.write(&batch(&rotate)).unwrap();
        feed.writer.sync().unwrap();
        feed.writer.mark_durable().unwrap();
        faults.into_iter().for_each(|fault| feed.disk.fail(fault));
        let failed = feed.writer.start_file(&name("mysql-bin.000002")).unwrap_err();
        assert_eq!(failed.remedy(), Remedy::Heal, "{failed}");
        assert!(feed.disk.contents(&file(2)).is_some());
        heal(&mut feed);
        feed.start_file();
        feed.transactions(1);
        feed.sync();
        feed.check_files();
    }
}

#[test]
fn room_is_looked_for_and_given_back() {
    let feed = Feed::with_transactions(1);
    let used = feed.disk.used();
    feed.store.probe_space(1 << 20).unwrap();
    feed.disk.set_capacity(Some(used + (1 << 20)));
    feed.store.probe_space(1 << 20).unwrap();
    assert!(feed.store.probe_space(2 << 20).unwrap_err().is_full());
    // As a quota that shows only then.
    for op in [Op::Write, Op::Sync] {
        feed.disk.fail(Fault::new(op, Errno::DQUOT));
        assert!(feed.store.probe_space(1 << 20).unwrap_err().is_full());
    }
    assert_eq!(feed.disk.used(), used);
    // One that could not take it away leaves it to the next start.
    feed.disk.fail(Fault::new(Op::Remove, Errno::IO));
    feed.store.probe_space(1 << 20).unwrap_err();
    assert!(feed.disk.used() > used);
    assert_eq!(feed.restart().disk.used(), used);
}
