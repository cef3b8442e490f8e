//! Write, sync, publish.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use binlogd_store::{Cursor, Position, StoreError};
use testkit::binlog_gen::{BinlogGen, Options};
use testkit::sim_disk::SimDisk;

use crate::support::*;

#[test]
fn an_empty_folder_is_an_empty_stream() {
    let store = open(&SimDisk::new(1)).unwrap();
    assert!(store.resume().is_none() && store.source().is_none());
    assert!(store.catalog().files().is_empty() && store.catalog().executed().is_empty());
    assert_eq!(store.catalog().frontier().durable, Position::default());
}

#[test]
fn stored_files_are_byte_for_byte_the_sources() {
    let mut feed = Feed::with_transactions(20);
    feed.rotate();
    feed.transactions(5);
    let end = feed.sync();
    feed.check_files();
    assert_eq!(end.offset, feed.last_file().len() as u64);
    assert_eq!(feed.store.catalog().executed(), feed.gtids);
    assert_eq!(file_names(&feed.store), ["mysql-bin.000001", "mysql-bin.000002"]);
}

#[test]
fn nothing_is_published_before_its_sync() {
    let mut feed = Feed::with_transactions(1);
    let before = feed.store.catalog().frontier();
    let executed = feed.gtids.clone();
    assert_eq!(before.durable, before.written);
    feed.transactions(1);
    let now = feed.store.catalog().frontier();
    assert_eq!(now.durable, before.durable);
    assert_eq!(now.written.offset, feed.last_file().len() as u64);
    assert_eq!(feed.store.catalog().executed(), executed);
    feed.sync();
    let now = feed.store.catalog().frontier();
    assert_eq!(now.durable, now.written);
    assert_eq!(feed.store.catalog().executed(), feed.gtids);
}

#[test]
fn an_event_that_has_come_in_part_is_not_published() {
    let mut feed = Feed::with_transactions(1);
    let durable = feed.store.catalog().frontier().durable;
    let event = feed.next_event();
    feed.writer.write(&part(&event, 30)).unwrap();
    assert_eq!(feed.sync(), durable);
    let mut rest = batch(&event);
    rest.bytes.drain(..30);
    feed.writer.write(&rest).unwrap();
    assert_eq!(feed.sync().offset, event.end);
    feed.check_files();
}

#[test]
fn a_rollback_cuts_only_what_is_not_a_whole_event() {
    let mut feed = Feed::with_transactions(1);
    feed.events(1);
    let event = feed.next_event();
    feed.writer.write(&part(&event, 25)).unwrap();
    feed.sync();
    feed.writer.rollback().unwrap();
    feed.writer.write(&batch(&event)).unwrap();
    feed.sync();
    feed.check_files();
}

#[test]
fn a_file_is_not_listed_until_its_first_event_is_durable() {
    let mut feed = Feed::new(SimDisk::new(1), Options::default());
    let listed = |feed: &Feed| feed.store.catalog().files().len();
    feed.start_file();
    assert_eq!(feed.writer.sync().unwrap(), None);
    assert_eq!(listed(&feed), 0);
    feed.events(1);
    assert_eq!(listed(&feed), 0);
    feed.sync();
    assert_eq!(listed(&feed), 1);

    feed.transactions(1);
    feed.rotate();
    let old_end = feed.sync();
    assert_eq!((old_end.file.0, listed(&feed)), (1, 1));
    assert!(feed.store.catalog().find("mysql-bin.000002").is_none());
    assert!(feed.store.catalog().after(old_end.file).is_none());
    assert_eq!(feed.store.catalog().newest().unwrap().name, name("mysql-bin.000002"));
    feed.events(1);
    feed.sync();
    assert_eq!(listed(&feed), 2);
    assert!(feed.store.catalog().find("mysql-bin.000002").is_some());
}

#[test]
fn a_file_is_closed_behind_its_last_whole_event() {
    for seed in 0..50 {
        let mut feed = Feed::new(SimDisk::new(seed), Options::default());
        feed.start_file();
        feed.transactions(1);
        // Of the next event only a part has come, and is durable, when the source goes on with
        // another file.
        let event = feed.source.event();
        feed.writer.write(&part(&event, 40)).unwrap();
        feed.sync();
        feed.source.begin_file();
        feed.start_file();
        feed.events(1);
        feed.sync();
        let disk = feed.disk.crash();
        feed.reopen(disk).check_files();
    }
}

#[test]
fn who_waits_is_woken_by_durable_events_only() {
    let mut feed = Feed::with_transactions(1);
    let mut watch = feed.store.catalog().watch();
    let here = watch.now().durable;
    let mut past = pin!(watch.past(here));
    let mut poll = || past.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(poll(), Poll::Pending);
    feed.transactions(1);
    assert_eq!(poll(), Poll::Pending, "written");
    feed.sync();
    let Poll::Ready(Some(end)) = poll() else { panic!("durable") };

    let mut watch = feed.store.catalog().watch();
    let mut past = pin!(watch.past(end));
    let mut poll = || past.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    feed.rotate();
    let end = feed.sync();
    assert_eq!(poll(), Poll::Ready(Some(end)), "the Rotate");
    let mut watch = feed.store.catalog().watch();
    let mut past = pin!(watch.past(end));
    let mut poll = || past.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    feed.sync();
    assert_eq!(poll(), Poll::Pending, "a file without an event");
    feed.events(1);
    let end = feed.sync();
    assert_eq!(poll(), Poll::Ready(Some(end)));
}

#[test]
fn files_come_in_the_order_of_their_numbers_past_six_digits() {
    let mut feed = Feed::new(SimDisk::new(1), Options::default());
    feed.source = BinlogGen::new(1, Options::default()).with_file_number(999_998);
    feed.start_file();
    for _ in 0..3 {
        feed.transactions(1);
        feed.rotate();
    }
    feed.transactions(1);
    feed.sync();
    let expected = [999_998, 999_999, 1_000_000, 1_000_001].map(|n| format!("mysql-bin.{n}"));
    assert_eq!(file_names(&feed.store), expected);
    let feed = feed.restart();
    assert_eq!(file_names(&feed.store), expected);
    assert_eq!(feed.store.resume().unwrap().file.name.as_str(), "mysql-bin.1000001");
}

#[test]
fn a_new_file_must_come_behind_those_that_are_there() {
    let mut feed = Feed::with_transactions(1);
    feed.rotate();
    for (bad, exists) in [
        ("mysql-bin.000002", true),
        ("mysql-bin.000001", false),
        ("mysql-bin.000000", false),
        ("binlog.000003", false),
    ] {
        let error = feed.writer.start_file(&name(bad)).unwrap_err();
        assert_eq!(matches!(error, StoreError::Exists { .. }), exists, "{error}");
        assert_eq!(matches!(error, StoreError::OutOfOrder { .. }), !exists, "{error}");
    }
    // None of them has done harm.
    feed.transactions(1);
    feed.sync();
    feed.check_files();
    // One that somebody has put there.
    feed.disk.put(&file(3), b"something");
    let error = feed.writer.start_file(&name("mysql-bin.000003")).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "{error}");
}

#[test]
fn a_batch_before_the_first_file_is_refused() {
    let mut feed = Feed::new(SimDisk::new(1), Options::default());
    let event = feed.source.event();
    let error = feed.writer.write(&batch(&event)).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[test]
fn one_process_has_the_stream_as_long_as_its_store_or_writer_lives() {
    let feed = Feed::with_transactions(1);
    let Feed { disk, store, writer, .. } = feed;
    let is_locked = || matches!(open(&disk), Err(StoreError::Locked { .. }));
    assert!(is_locked());
    drop(store);
    assert!(is_locked());
    drop(writer);
    assert!(!is_locked());
}

#[test]
fn a_second_writer_comes_only_after_a_recovery() {
    let feed = Feed::with_transactions(1);
    let Feed { disk, mut store, writer, mut source, mut files, ends, gtids } = feed;
    assert!(matches!(store.writer(&source_id()), Err(StoreError::WriterTaken)));
    drop(writer);
    assert!(matches!(store.writer(&source_id()), Err(StoreError::WriterTaken)));
    let frontier = store.catalog().frontier();
    let resume = store.recover().unwrap().unwrap();
    assert_eq!((resume.end(), resume.cut), (*ends.last().unwrap(), 0));
    assert_eq!(resume.executed, gtids);
    assert_eq!(store.catalog().frontier(), frontier);
    let mut writer = store.writer(&source_id()).unwrap();
    let event = source.event();
    files.get_mut("mysql-bin.000001").unwrap().extend_from_slice(&event.bytes);
    writer.write(&batch(&event)).unwrap();
    writer.sync().unwrap();
    Feed { disk, store, writer, source, files, ends, gtids }.check_files();
}

#[test]
fn a_writer_for_another_server_is_refused() {
    let feed = Feed::with_transactions(1);
    let disk = feed.disk.kill();
    let mut store = open(&disk).unwrap();
    let other = binlogd_store::SourceId::new("other-server").unwrap();
    let error = store.writer(&other).unwrap_err().to_string();
    assert!(error.contains("other-server") && error.contains("3e11fa47"), "{error}");
    assert!(store.writer(&source_id()).is_ok());
}

#[test]
fn the_index_lists_the_files_as_mysql_does() {
    let mut feed = Feed::with_transactions(1);
    feed.rotate();
    let index = feed.disk.contents(&Path::new(TIMELINE).join("mysql-bin.index")).unwrap();
    assert_eq!(String::from_utf8(index).unwrap(), "./mysql-bin.000001\n./mysql-bin.000002\n");
}

#[test]
fn what_is_published_survives_a_crash_with_its_folders() {
    for seed in 0..100 {
        let mut feed = Feed::new(SimDisk::new(seed), Options::default());
        feed.start_file();
        feed.transactions(1);
        feed.sync();
        let disk = feed.disk.crash();
        let feed = feed.reopen(disk);
        feed.check_files();
        let file = feed.store.catalog().find("mysql-bin.000001").unwrap();
        let mut cursor = Cursor::open(feed.store.catalog().clone(), file, 0).unwrap();
        assert_eq!(read_all(&mut cursor), Vec::from_iter(feed.files));
    }
}
