//! Full disks and failing ones.

use std::path::Path;

use binlogd_store::StoreError;
use rustix::io::Errno;
use testkit::binlog_gen::Options;
use testkit::sim_disk::{Fault, Op, SimDisk};

use crate::support::*;

#[test]
fn a_full_disk_stops_the_writer_until_there_is_space() {
    let options = Options { row_len_max: 20_000, ..Options::default() };
    let mut feed = Feed::new(SimDisk::new(3), options);
    feed.start_file();
    feed.transactions(5);
    feed.sync();
    feed.disk.set_capacity(Some(feed.disk.used() + 20_000));
    let failed = loop {
        let event = feed.next_event();
        match feed.writer.write(&batch(&event)) {
            Ok(()) => {}
            Err(error) => {
                assert!(
                    error.is_full() && error.to_string().contains("Free some space"),
                    "{error}"
                );
                break event;
            }
        }
    };
    feed.writer.rollback().unwrap();
    // Whole events that came before are not lost for it.
    let end = feed.sync();
    assert_eq!(end.offset, feed.ends[feed.ends.len() - 2]);
    assert!(feed.writer.write(&batch(&failed)).unwrap_err().is_full(), "still full");
    feed.writer.rollback().unwrap();
    feed.disk.set_capacity(None);
    feed.writer.write(&batch(&failed)).unwrap();
    feed.transactions(2);
    feed.rotate();
    feed.transactions(1);
    feed.sync();
    feed.check_files();
    let disk = feed.disk.crash();
    feed.reopen(disk).check_files();
}

#[test]
fn a_full_disk_when_a_file_begins_leaves_nothing_in_the_way() {
    let mut feed = Feed::with_transactions(1);
    let rotate = feed.source.rotate();
    feed.files.get_mut("mysql-bin.000001").unwrap().extend_from_slice(&rotate.bytes);
    feed.writer.write(&batch(&rotate)).unwrap();
    feed.writer.sync().unwrap();
    feed.writer.mark_durable().unwrap();
    for fault in [
        Fault::new(Op::Create, Errno::NOSPC).on(".000002"),
        Fault::new(Op::Write, Errno::NOSPC).on(".000002"),
    ] {
        feed.disk.fail(fault);
        let error = feed.writer.start_file(&name("mysql-bin.000002")).unwrap_err();
        assert!(error.is_full(), "{error}");
        assert_eq!(feed.writer.file().unwrap().name, name("mysql-bin.000001"));
        assert!(feed.disk.contents(&file(2)).is_none());
    }
    feed.start_file();
    feed.transactions(1);
    feed.sync();
    feed.check_files();
}

#[test]
fn a_list_of_files_that_cannot_be_written_stops_nobody() {
    for op in [Op::Create, Op::Write, Op::Sync, Op::Rename] {
        let mut feed = Feed::with_transactions(1);
        let end = if op == Op::Rename { ".index" } else { ".index.tmp" };
        feed.disk.fail(Fault::new(op, Errno::NOSPC).on(end));
        feed.rotate();
        feed.transactions(1);
        feed.rotate();
        feed.transactions(1);
        feed.sync();
        feed.check_files();
        let index = feed.disk.contents(&Path::new(TIMELINE).join("mysql-bin.index")).unwrap();
        assert_eq!(index.iter().filter(|&&byte| byte == b'\n').count(), 3);
    }
}

#[test]
fn a_failed_sync_poisons_the_writer_and_publishes_nothing() {
    let mut feed = Feed::with_transactions(1);
    let frontier = feed.store.catalog().frontier();
    let executed = feed.gtids.clone();
    feed.transactions(1);
    feed.disk.fail(Fault::new(Op::Sync, Errno::IO).on(".000001"));
    let error = feed.writer.sync().unwrap_err();
    assert!(matches!(error, StoreError::SyncFailed { .. }), "{error}");
    assert!(error.to_string().contains("restart binlogd"), "{error}");
    let event = feed.source.event();
    let poisoned = [
        feed.writer.sync().map(|_| ()),
        feed.writer.write(&batch(&event)),
        feed.writer.rollback(),
        feed.writer.mark_durable(),
        feed.writer.start_file(&name("mysql-bin.000002")).map(|_| ()),
    ];
    for outcome in poisoned {
        assert!(matches!(outcome, Err(StoreError::Poisoned)));
    }
    assert_eq!(feed.store.catalog().frontier().durable, frontier.durable);
    assert_eq!(feed.store.catalog().executed(), executed);
}

#[test]
fn a_failed_sync_of_the_folder_poisons_as_well() {
    let mut feed = Feed::with_transactions(1);
    feed.writer.mark_durable().unwrap();
    feed.disk.fail(Fault::new(Op::SyncDir, Errno::IO));
    let error = feed.writer.start_file(&name("mysql-bin.000002")).unwrap_err();
    assert!(matches!(error, StoreError::SyncFailed { .. }), "{error}");
    assert!(matches!(feed.writer.sync(), Err(StoreError::Poisoned)));
    let mut feed = feed.restart();
    // The empty file is there, and goes on to be the last.
    assert_eq!(feed.store.resume().unwrap().file.name, name("mysql-bin.000002"));
    assert_eq!(feed.store.catalog().executed(), feed.gtids);
    feed.source.begin_file();
    feed.files.insert(feed.source.file_name(), testkit::binlog_gen::MAGIC.to_vec());
    feed.transactions(1);
    feed.sync();
    feed.check_files();
}

#[test]
fn folders_that_cannot_be_made_durable_hold_no_stream() {
    for dir in ["/", "/data", DIR] {
        let disk = SimDisk::new(1);
        // Also where a process before has made them and has failed at that.
        for _ in 0..2 {
            disk.fail(Fault::new(Op::SyncDir, Errno::IO).on(dir));
            let opened = open(&disk).and_then(|mut store| store.writer(&source_id()).map(|_| ()));
            assert!(matches!(opened, Err(StoreError::SyncFailed { .. })), "{dir}");
        }
        let mut feed = Feed::new(disk, Options::default());
        feed.start_file();
        feed.events(1);
        feed.sync();
        feed.check_files();
    }
}

#[test]
fn what_a_restart_after_a_failed_sync_reports_durable_survives_a_power_failure() {
    let mut kept = 0;
    for seed in 0..200 {
        let options = Options { row_len_max: 20_000, ..Options::default() };
        let mut feed = Feed::new(SimDisk::new(seed), options);
        feed.start_file();
        feed.transactions(1);
        feed.sync();
        let first = feed.last_file().len() as u64;
        feed.transactions(3);
        feed.disk.fail(Fault::new(Op::Sync, Errno::IO).on(".000001"));
        feed.writer.sync().unwrap_err();
        let disk = feed.disk.kill();
        let reported = open(&disk).unwrap().resume().unwrap().end();
        let found = open(&disk.crash()).unwrap().resume().unwrap().end();
        assert_eq!(found, reported, "seed {seed}");
        kept += usize::from(reported > first);
    }
    assert!(kept > 20, "the kernel's memory is believed only once it is on the disk: {kept}");
}

#[test]
fn an_error_while_recovering_is_no_verdict() {
    let feed = Feed::with_transactions(3);
    let disk = feed.disk.kill();
    let bytes = disk.contents(&file(1)).unwrap();
    for op in [Op::Read, Op::Write, Op::SetLen] {
        disk.fail(Fault::new(op, Errno::IO).on(".000001"));
        let error = open(&disk).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        assert_eq!(disk.contents(&file(1)).unwrap(), bytes);
    }
    disk.fail(Fault::new(Op::Sync, Errno::IO).on(".000001"));
    assert!(matches!(open(&disk), Err(StoreError::SyncFailed { .. })));
    // A note that cannot be written is no reason not to start.
    disk.fail(Fault::new(Op::Write, Errno::NOSPC).on("DURABLE"));
    assert_eq!(open(&disk).unwrap().resume().unwrap().end(), bytes.len() as u64);
}
