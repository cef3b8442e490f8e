//! What a restart makes of what a crash has left.

use std::path::Path;

use binlogd_event::{EventKind, FIRST_EVENT, Violation};
use binlogd_store::StoreError;
use testkit::binlog_gen::{MAGIC, Options};
use testkit::sim_disk::SimDisk;

use crate::support::*;

/// A disk on which the first timeline has one file with these bytes, and maybe the watermark of
/// `feed` beside it.
fn disk_with(feed: &Feed, bytes: &[u8], with_watermark: bool) -> SimDisk {
    let disk = SimDisk::new(7);
    binlogd_store::Fs::create_dir_all(&disk, Path::new(TIMELINE)).unwrap();
    disk.put(&file(1), bytes);
    if with_watermark {
        disk.put(&durable_file(), &feed.disk.contents(&durable_file()).unwrap());
    }
    disk
}

/// Opens, expecting the file to end at `end`, and to be able to go on there.
fn expect_end(feed: &Feed, disk: &SimDisk, end: u64) {
    let len = disk.contents(&file(1)).unwrap().len() as u64;
    let mut store = open(disk).unwrap();
    let resume = store.resume().unwrap();
    assert_eq!((resume.end(), resume.cut), (end, len.saturating_sub(end)));
    let end = usize::try_from(end).unwrap();
    assert!(disk.contents(&file(1)).unwrap() == feed.last_file()[..end]);
    let mut writer = store.writer(&source_id()).unwrap();
    let rest = &feed.last_file()[end..];
    let verified_end = feed.last_file().len() as u64;
    writer
        .write(&binlogd_store::Batch { bytes: rest.to_vec(), verified_end, ..Default::default() })
        .unwrap();
    writer.sync().unwrap();
    assert!(disk.contents(&file(1)).unwrap() == feed.last_file());
}

fn expect_refusal(disk: &SimDisk) -> StoreError {
    let before = disk.contents(&file(1));
    let error = open(disk).unwrap_err();
    assert_eq!(disk.contents(&file(1)), before, "untouched");
    error
}

#[test]
fn a_file_cut_anywhere_keeps_its_whole_events() {
    let feed = Feed::with_transactions(3);
    for with_watermark in [true, false] {
        for cut in 0..=feed.last_file().len() {
            let disk = disk_with(&feed, &feed.last_file()[..cut], with_watermark);
            expect_end(&feed, &disk, feed.whole_events(cut as u64));
        }
    }
}

/// Its readers are given nothing else, so the rest must come again as a whole, or not at all.
#[test]
fn a_mariadbs_file_cut_anywhere_keeps_its_whole_transactions() {
    let mut feed = Feed::new(SimDisk::new(1), Options { mariadb: true, ..Options::default() });
    feed.start_file();
    // The format description stands alone, too.
    let mut ends = vec![FIRST_EVENT, feed.next_event().end];
    while ends.len() < 6 {
        let event = feed.next_event();
        ends.extend(event.is_boundary.then_some(event.end));
    }
    let bytes = feed.last_file()[4..].to_vec();
    let verified_end = feed.last_file().len() as u64;
    let batch = binlogd_store::Batch { bytes, verified_end, ..Default::default() };
    feed.writer.write(&batch).unwrap();
    feed.sync();
    for cut in 0..=feed.last_file().len() {
        let disk = disk_with(&feed, &feed.last_file()[..cut], true);
        let whole = ends.iter().copied().filter(|&end| end <= cut as u64).max();
        expect_end(&feed, &disk, whole.unwrap_or(FIRST_EVENT));
    }
}

/// A writer that gave readers single events may have been here before.
#[test]
fn what_was_durable_inside_of_a_mariadbs_transaction_stays() {
    let mut feed = Feed::new(SimDisk::new(1), Options { mariadb: true, ..Options::default() });
    feed.start_file();
    // Format, list, GTID, table map.
    feed.events(4);
    feed.sync();
    feed.writer.mark_durable().unwrap();
    let end = feed.last_file().len() as u64;
    feed.next_event();
    expect_end(&feed, &disk_with(&feed, feed.last_file(), true), feed.ends[5]);
    expect_end(
        &feed,
        &disk_with(&feed, &feed.last_file()[..feed.last_file().len() - 1], true),
        end,
    );
}

#[test]
fn executed_is_what_is_in_whole_transactions() {
    let feed = Feed::with_transactions(3);
    let xid = feed.ends.len() - 1;
    for (cut, transactions) in [(feed.ends[xid], "1-3"), (feed.ends[xid] - 1, "1-2"), (200, "")] {
        let bytes = &feed.last_file()[..usize::try_from(cut).unwrap()];
        let store = open(&disk_with(&feed, bytes, true)).unwrap();
        let executed = store.catalog().executed().to_string();
        assert_eq!(executed, store.resume().unwrap().executed.to_string());
        assert_eq!(executed.split_once(':').map_or("", |(_, numbers)| numbers), transactions);
    }
}

#[test]
fn executed_reaches_back_over_a_file_that_has_not_said_what_was_before() {
    for events in [0, 1, 2] {
        let mut feed = Feed::with_transactions(3);
        feed.rotate();
        feed.events(events);
        feed.writer.sync().unwrap();
        let feed = feed.restart();
        assert_eq!(feed.store.catalog().executed(), feed.gtids, "{events} events");
        assert_eq!(feed.gtids.count(), 3);
        let listed = if events == 0 { 1 } else { 2 };
        assert_eq!(feed.store.catalog().files().len(), listed);
        feed.check_files();
    }
}

#[test]
fn zeros_behind_the_last_event_are_cut() {
    let feed = Feed::with_transactions(2);
    let end = feed.last_file().len() as u64;
    for with_watermark in [true, false] {
        for zeros in [1, 18, 19, 20, 5000] {
            let bytes = [feed.last_file(), &vec![0; zeros]].concat();
            expect_end(&feed, &disk_with(&feed, &bytes, with_watermark), end);
        }
    }
}

#[test]
fn a_damaged_last_event_is_cut_where_it_may_be_torn() {
    let feed = Feed::with_transactions(2);
    let before = feed.ends[feed.ends.len() - 2];
    let mut bytes = feed.last_file().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    for with_watermark in [true, false] {
        expect_end(&feed, &disk_with(&feed, &bytes, with_watermark), before);
    }
}

#[test]
fn bytes_that_never_arrived_are_cut_with_all_behind_them_if_they_were_in_doubt() {
    let feed = Feed::with_transactions(5);
    for hole in (130..feed.last_file().len() - 40).step_by(97) {
        let mut bytes = feed.last_file().to_vec();
        bytes[hole..hole + 40].fill(0);
        if bytes == feed.last_file() {
            continue;
        }
        let first = bytes.iter().zip(feed.last_file()).position(|(a, b)| a != b).unwrap();
        expect_end(&feed, &disk_with(&feed, &bytes, true), feed.whole_events(first as u64));
    }
}

#[test]
fn without_a_watermark_damage_in_the_middle_is_refused() {
    let feed = Feed::with_transactions(3);
    let last_event = usize::try_from(feed.ends[feed.ends.len() - 2]).unwrap();
    // The in-use flag is no part of the checksum.
    let in_use = 8 * (4 + 17);
    for bit in (0..8 * last_event).filter(|&bit| bit != in_use) {
        let mut bytes = feed.last_file().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = expect_refusal(&disk_with(&feed, &bytes, false));
        match error {
            StoreError::Damaged { error, .. } => {
                assert_eq!(error.offset, feed.whole_events((bit / 8) as u64), "bit {bit}: {error}");
            }
            StoreError::Foreign { .. } => assert!(bit < 8 * 4, "bit {bit}: {error}"),
            other => panic!("bit {bit}: {other}"),
        }
    }
}

#[test]
fn damage_before_the_watermark_is_refused() {
    let mut feed = Feed::with_transactions(2);
    feed.writer.mark_durable().unwrap();
    let marked = feed.last_file().len();
    feed.transactions(2);
    feed.sync();
    for bit in (0..8 * marked).filter(|&bit| bit != 8 * (4 + 17)) {
        let mut bytes = feed.last_file().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = expect_refusal(&disk_with(&feed, &bytes, true));
        assert!(
            matches!(error, StoreError::Damaged { .. } | StoreError::Foreign { .. }),
            "{error}"
        );
    }
    // The same, one byte behind it.
    let mut bytes = feed.last_file().to_vec();
    bytes[marked] ^= 1;
    expect_end(&feed, &disk_with(&feed, &bytes, true), marked as u64);
}

#[test]
fn the_refusal_names_the_event_and_what_to_do() {
    let feed = Feed::with_transactions(2);
    let mut bytes = feed.last_file().to_vec();
    bytes[200] ^= 1;
    let StoreError::Damaged { path, error } = expect_refusal(&disk_with(&feed, &bytes, false))
    else {
        panic!()
    };
    assert_eq!((path, error.kind), (file(1), EventKind::GTID));
    assert!(matches!(error.violation, Violation::Checksum { .. }));
    let text = StoreError::Damaged { path: file(1), error }.to_string();
    assert!(text.contains("mysql-bin.000001") && text.contains("Restore"), "{text}");
}

#[test]
fn a_new_file_may_lack_everything() {
    let feed = Feed::with_transactions(2);
    for with_watermark in [true, false] {
        for bytes in [&[][..], &MAGIC[..2], &MAGIC, &[0; 4], &[0; 3], &[0; 9000]] {
            expect_end(&feed, &disk_with(&feed, bytes, with_watermark), FIRST_EVENT);
        }
    }
    // The length and later pages came, the first page did not.
    let bytes = [&[0; 512][..], &feed.last_file()[512..]].concat();
    expect_end(&feed, &disk_with(&feed, &bytes, true), FIRST_EVENT);
    let error = expect_refusal(&disk_with(&feed, &bytes, false));
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[test]
fn what_is_no_binlog_is_refused() {
    let feed = Feed::with_transactions(1);
    for bytes in [&b"text"[..], b"\xfebim....", b"x"] {
        for with_watermark in [true, false] {
            let error = expect_refusal(&disk_with(&feed, bytes, with_watermark));
            assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        }
    }
}

#[test]
fn a_file_that_has_ended_may_have_no_successor_yet() {
    let mut feed = Feed::with_transactions(2);
    let rotate = feed.source.rotate();
    feed.writer.write(&batch(&rotate)).unwrap();
    feed.sync();
    let mut feed = feed.restart();
    assert!(feed.store.resume().unwrap().verifier.ended());
    feed.files.get_mut("mysql-bin.000001").unwrap().extend_from_slice(&rotate.bytes);
    feed.start_file();
    feed.transactions(1);
    feed.sync();
    feed.check_files();
    assert_eq!(file_names(&feed.store).len(), 2);
}

#[test]
fn the_index_may_be_missing_old_or_torn() {
    let index = Path::new(TIMELINE).join("mysql-bin.index");
    for bytes in [None, Some(&b""[..]), Some(b"./mysql-bin.000001\n./mysql-b"), Some(b"\0\0\0")] {
        let mut feed = Feed::with_transactions(1);
        feed.rotate();
        feed.transactions(1);
        feed.sync();
        let disk = feed.disk.kill();
        match bytes {
            Some(bytes) => disk.put(&index, bytes),
            None => binlogd_store::Fs::remove(&disk, &index).unwrap(),
        }
        disk.put(&index.with_extension("index.tmp"), b"./mysq");
        let mut feed = feed.reopen(disk);
        assert_eq!(file_names(&feed.store).len(), 2);
        feed.rotate();
        let text = String::from_utf8(feed.disk.contents(&index).unwrap()).unwrap();
        assert_eq!(text, "./mysql-bin.000001\n./mysql-bin.000002\n./mysql-bin.000003\n");
    }
}

/// `verify` takes such a name for that of a file which a person has removed.
#[test]
fn no_power_failure_leaves_a_name_in_the_list_without_its_file() {
    let index = Path::new(TIMELINE).join("mysql-bin.index");
    for changes in 0..100 {
        let mut feed = Feed::with_transactions(1);
        feed.disk.power_off_after(changes);
        let started = feed.writer.start_file(&name("mysql-bin.000002"));
        let is_off = feed.disk.is_off();
        let disk = feed.disk.crash();
        let list = String::from_utf8(disk.contents(&index).unwrap_or_default()).unwrap();
        for listed in list.lines() {
            let path = Path::new(TIMELINE).join(listed.trim_start_matches("./"));
            assert!(disk.contents(&path).is_some(), "{changes}: {listed}");
        }
        if started.is_ok() && !is_off {
            assert!(changes > 3 && list.lines().count() == 2, "{changes}: {list}");
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn events_larger_than_the_buffer_are_kept_whole_or_cut() {
    let options = Options { row_len_max: 5 << 20, row_events_max: 1, ..Options::default() };
    let mut feed = Feed::new(SimDisk::new(1), options);
    feed.start_file();
    while feed.last_file().len() < 8 << 20 {
        feed.transactions(1);
    }
    feed.sync();
    let largest = feed.ends.windows(2).max_by_key(|pair| pair[1] - pair[0]).unwrap();
    let (start, end) = (largest[0], largest[1]);
    assert!(end - start > 2 << 20);
    for with_watermark in [true, false] {
        for cut in [start + 19, start + (1 << 20), end - 1, end, end + 1] {
            let bytes = &feed.last_file()[..usize::try_from(cut).unwrap()];
            let disk = disk_with(&feed, bytes, with_watermark);
            expect_end(&feed, &disk, feed.whole_events(cut));
        }
    }
    let mut bytes = feed.last_file().to_vec();
    bytes[usize::try_from(end).unwrap() - 1000] ^= 1;
    expect_end(&feed, &disk_with(&feed, &bytes, true), start);
    let StoreError::Damaged { error, .. } = expect_refusal(&disk_with(&feed, &bytes, false)) else {
        panic!()
    };
    assert_eq!(error.offset, start);
}

#[test]
fn an_event_made_for_readers_has_no_place_in_a_file() {
    let feed = Feed::with_transactions(1);
    let end = feed.last_file().len();
    // A heartbeat: type 27, flag "artificial".
    let mut heartbeat = vec![0, 0, 0, 0, 27, 1, 0, 0, 0, 23, 0, 0, 0, 0, 0, 0, 0, 0x20, 0];
    heartbeat.extend_from_slice(&crc32fast::hash(&heartbeat).to_le_bytes());
    for more in [0, 1] {
        let bytes = [feed.last_file(), &heartbeat, &vec![1; more]].concat();
        expect_end(&feed, &disk_with(&feed, &bytes, true), end as u64);
        let error = expect_refusal(&disk_with(&feed, &bytes, false)).to_string();
        assert!(error.contains("event type cannot be Heartbeat"), "{error}");
    }
}

#[test]
fn opening_again_changes_nothing() {
    let feed = Feed::with_transactions(3);
    let cut = feed.last_file().len() - 3;
    let disk = disk_with(&feed, &feed.last_file()[..cut], true);
    let end = open(&disk).unwrap().resume().unwrap().end();
    for _ in 0..3 {
        let store = open(&disk).unwrap();
        assert_eq!((store.resume().unwrap().end(), store.resume().unwrap().cut), (end, 0));
    }
}
