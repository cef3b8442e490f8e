//! Finding where a reader's GTIDs end, by an index that may be missing, torn or wrong.

use std::path::PathBuf;

use binlogd_event::{EventHeader, GtidSet, gtid_of};
use binlogd_store::{Catalog, Checkpoint, Holds, LogFile, StoreError};
use testkit::binlog_gen::Options;
use testkit::sim_disk::SimDisk;

use crate::support::*;

/// Checkpoints are a MiB apart; a transaction here is some hundred KiB.
const NEAR: u64 = 3 << 20;

fn large() -> Feed {
    let options = Options { row_len_max: 400_000, row_events_max: 4, ..Options::default() };
    let mut feed = Feed::new(SimDisk::new(1), options);
    feed.start_file();
    while feed.last_file().len() < 8 << 20 {
        feed.transactions(5);
    }
    feed.sync();
    feed
}

fn sidecar(number: u64) -> PathBuf {
    let mut path = file(number).into_os_string();
    path.push(".idx");
    path.into()
}

/// Where each transaction of a file begins, and the GTIDs before it.
fn transactions(feed: &Feed, file: &str) -> Vec<(u64, GtidSet)> {
    let bytes = &feed.files[file];
    let (mut at, mut before, mut found) = (4, GtidSet::new(), Vec::new());
    while at < bytes.len() {
        let header = EventHeader::parse(&bytes[at..]).unwrap();
        let event = &bytes[at..at + header.size as usize];
        if let Some(gtid) = gtid_of(&header, event).unwrap() {
            found.push((at as u64, before.clone()));
            before.insert(gtid);
        }
        at += event.len();
    }
    found
}

/// Where a reader goes on behind the file's head who has these.
fn seek(
    catalog: &Catalog,
    file: &LogFile,
    has: &GtidSet,
) -> Result<Option<Checkpoint>, StoreError> {
    let begins = catalog.head(file)?.events_start;
    catalog.seek_on(file, begins, |next| next.is_subset(has))
}

/// Whatever a reader has of the file, it is found, and near.
fn check_seeks(feed: &Feed) {
    let name = "mysql-bin.000001";
    let catalog = feed.store.catalog();
    let stored = catalog.find(name).unwrap();
    let all = transactions(feed, name);
    for (begins, has) in &all {
        let found = seek(catalog, &stored, has).unwrap();
        let Some(found) = found.map(|found| found.offset) else {
            assert!(*begins < NEAR, "nothing found for what is at {begins}");
            continue;
        };
        let (_, before) = all.iter().find(|(begin, _)| *begin == found).unwrap();
        assert!(before.is_subset(has), "{found} is behind what is missing");
        assert!(begins - found < NEAR, "{found} is far from {begins}");
    }
    assert_eq!(seek(catalog, &stored, &GtidSet::new()).unwrap(), None);
}

#[test]
fn a_seek_finds_the_place_in_an_active_and_in_a_closed_file() {
    let mut feed = large();
    check_seeks(&feed);
    feed.transactions(20);
    feed.sync();
    check_seeks(&feed);
    assert_eq!(feed.disk.contents(&sidecar(1)), None, "the file is not complete");
    feed.rotate();
    feed.transactions(1);
    feed.sync();
    check_seeks(&feed);
    assert!(feed.disk.contents(&sidecar(1)).is_some());
    let feed = feed.restart();
    check_seeks(&feed);
}

#[test]
fn who_goes_on_in_the_middle_is_led_on_as_far_as_all_is_left_out() {
    let feed = large();
    let name = "mysql-bin.000001";
    let catalog = feed.store.catalog();
    let stored = catalog.find(name).unwrap();
    let all = transactions(&feed, name);
    // It lacks one transaction a third of the way, and one two thirds of it.
    let (first, second) = (all.len() / 3, all.len() * 2 / 3);
    let only = |at: usize| all[at + 1].1.difference(&all[at].1);
    let has = feed.gtids.difference(&only(first)).difference(&only(second));
    let leaves_out = |next: &GtidSet| next.is_subset(&has);
    let (begins, last) = (all[first + 1].0, all[second].0);
    let mut here = begins;
    let found = loop {
        match catalog.seek_on(&stored, here, leaves_out).unwrap() {
            Some(found) => break found.offset,
            // What it was sent lies behind the last checkpoint, too.
            None => here = all.iter().find(|(begin, _)| *begin > here).unwrap().0,
        }
    };
    assert!(here - begins < NEAR, "at {begins} it finds nothing before {here}");
    assert!(found <= last && last - found < NEAR, "{found} for {last}");
    assert_eq!(catalog.seek_on(&stored, last, leaves_out).unwrap(), None);
}

#[test]
fn a_time_and_a_position_are_found_and_what_is_before_is_older() {
    let mut feed = large();
    feed.rotate();
    feed.transactions(1);
    feed.sync();
    let name = "mysql-bin.000001";
    let (catalog, bytes) = (feed.store.catalog(), &feed.files[name]);
    let stored = catalog.find(name).unwrap();
    let time = |offset: u64| {
        EventHeader::parse(&bytes[usize::try_from(offset).unwrap()..]).unwrap().timestamp
    };
    for (begins, _) in transactions(&feed, name) {
        let wanted = time(begins);
        let found = catalog.seek(&stored, |place| place.time < wanted).unwrap();
        let found = found.map_or(0, |found| found.offset);
        assert!(found <= begins && begins - found < NEAR, "{found} for the time of {begins}");
        let found = catalog.seek(&stored, |place| place.offset <= begins).unwrap();
        let found = found.map_or(0, |found| found.offset);
        assert!(found <= begins && begins - found < NEAR, "{found} for {begins}");
    }
}

#[test]
fn what_was_sought_in_an_active_file_is_as_durable_as_the_frontier() {
    let mut feed = large();
    let catalog = feed.store.catalog().clone();
    let stored = catalog.find("mysql-bin.000001").unwrap();
    let end = catalog.readable_len(&stored);
    feed.transactions(20);
    let found = seek(&catalog, &stored, &feed.gtids).unwrap().unwrap().offset;
    assert!(found < end, "{found} is past {end}");
}

#[test]
fn an_index_that_is_missing_torn_old_or_of_another_file_is_made_anew() {
    let mut feed = large();
    feed.rotate();
    feed.transactions(1);
    feed.sync();
    check_seeks(&feed);
    let good = feed.disk.contents(&sidecar(1)).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let signed = |content: String| {
        let crc = crc32fast::hash(content.as_bytes());
        format!("{content}end {crc:08x}\n").into_bytes()
    };
    let body = lines[..lines.len() - 1].join("\n") + "\n";
    assert_eq!(signed(body.clone()), good);
    let moved = body.replace(lines[3], &lines[3].replacen(char::is_numeric, "9", 1));
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let mut bad = vec![
        Vec::new(),
        good[..good.len() / 2].to_vec(),
        good[..good.len() - 1].to_vec(),
        flipped,
        vec![0; good.len()],
        signed(body.replace("mysql-bin.000001 ", "mysql-bin.000002 ")),
        signed(body.replacen("binlogd index 2", "binlogd index 1", 1)),
        signed(body.replacen("mysql-bin.000001 1", "mysql-bin.000001 2", 1)),
    ];
    bad.retain(|bytes| *bytes != good);
    for bytes in bad {
        feed.disk.put(&sidecar(1), &bytes);
        check_seeks(&feed);
        assert_eq!(feed.disk.contents(&sidecar(1)).unwrap(), good);
    }
    // Whole and of this file, but not the truth: no transaction begins there.
    feed.disk.put(&sidecar(1), &signed(moved));
    let stored = feed.store.catalog().find("mysql-bin.000001").unwrap();
    let found = seek(feed.store.catalog(), &stored, &feed.gtids).unwrap().unwrap().offset;
    assert!(transactions(&feed, "mysql-bin.000001").iter().any(|(begin, _)| *begin == found));
}

#[test]
fn a_disk_that_takes_no_index_is_no_reason_not_to_seek() {
    let mut feed = large();
    feed.rotate();
    feed.transactions(1);
    feed.sync();
    feed.disk.set_capacity(Some(feed.disk.used()));
    check_seeks(&feed);
    assert_eq!(feed.disk.contents(&sidecar(1)).filter(|bytes| !bytes.is_empty()), None);
    feed.disk.set_capacity(None);
    check_seeks(&feed);
    assert!(feed.disk.contents(&sidecar(1)).is_some());
}

#[test]
fn whatever_a_crash_leaves_of_an_index_seeks_go_right() {
    for seed in 0..30 {
        let mut feed = large();
        feed.rotate();
        feed.transactions(1);
        feed.sync();
        feed.writer.mark_durable().unwrap();
        feed.disk.power_off_after(seed);
        let stored = feed.store.catalog().find("mysql-bin.000001").unwrap();
        let _ = seek(feed.store.catalog(), &stored, &feed.gtids);
        let disk = feed.disk.crash();
        let feed = feed.reopen(disk);
        check_seeks(&feed);
    }
}

#[test]
fn a_purge_takes_the_index_along() {
    let mut feed = large();
    feed.rotate();
    feed.transactions(1);
    feed.sync();
    check_seeks(&feed);
    let catalog = feed.store.catalog();
    let stored = catalog.find("mysql-bin.000001").unwrap();
    let second = catalog.find("mysql-bin.000002").unwrap();
    catalog.purge(second.id, Holds::Respect).unwrap();
    assert_eq!(feed.disk.contents(&sidecar(1)), None);
    let error = seek(catalog, &stored, &feed.gtids).unwrap_err();
    assert!(matches!(error, StoreError::Purged { .. }), "{error}");
}
