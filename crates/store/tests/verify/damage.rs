//! Files that are not as they were written.

use std::fs;

use expect_test::expect;
use testkit::binlog_gen::{BinlogGen, Options};

use crate::support::*;

#[test]
fn a_good_store_has_no_findings_and_all_is_counted() {
    let sample = Sample::new(3);
    let report = sample.report();
    assert_eq!(sample.lines(&report), "");
    let total = report.total();
    let bytes: u64 = (1..=3).map(|n| fs::metadata(sample.file(n)).unwrap().len()).sum();
    let events: usize = sample.starts.iter().map(Vec::len).sum();
    assert_eq!((total.bytes, total.events, total.transactions), (bytes, events as u64, 6));
    assert_eq!(total.gtids.to_string(), "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-6");
    assert_eq!(report.files.len(), 3);
}

#[test]
fn no_byte_of_a_file_can_be_changed_unnoticed() {
    let sample = Sample::new(3);
    for number in 1..=3 {
        let good = fs::read(sample.file(number)).unwrap();
        let starts = &sample.starts[usize::try_from(number - 1).unwrap()];
        for offset in 0..good.len() {
            let bit = 1 << (offset % 8);
            sample.change(number, |bytes| bytes[offset] ^= bit);
            let report = sample.report();
            assert_eq!(report.problems(), 1, "{number}, {offset}: {}", sample.lines(&report));
            let finding = &report.findings[0];
            assert_eq!(finding.path, sample.file(number));
            // Where the event begins in which the byte lies.
            let event = starts.iter().copied().rfind(|&start| start <= offset as u64);
            let in_use_flag = offset == 21 && bit == 1;
            assert_eq!(finding.offset, event.filter(|_| !in_use_flag), "{number}, {offset}");
            if let Some(damage) = &finding.damage {
                assert!(damage.contains(&(offset as u64)), "{number}, {offset}: {damage:?}");
            }
            fs::write(sample.file(number), &good).unwrap();
        }
    }
    assert_eq!(sample.findings(), "");
}

#[test]
fn the_first_bad_event_is_named() {
    let sample = Sample::new(3);
    let starts = &sample.starts[1];
    sample.flip(2, starts[6] + 25);
    sample.flip(3, 0);
    sample.flip(1, sample.starts[0][3] + 9);
    expect![[r#"
        mysql-bin.000001:243: Query event: impossible size of 2 bytes. The damage is somewhere in bytes 252 to 255. What follows in the file was not checked. Replace the file by a good copy, such as the primary's
        mysql-bin.000002:459: Xid event: checksum is cf220080, but the event says 3f5b4f85: the bytes are damaged. The damage is somewhere in bytes 459 to 489, a CRC32 cannot say where. What follows in the file was not checked. Replace the file by a good copy, such as the primary's
        mysql-bin.000003: it does not begin with the binlog magic, so it is no binlog. Replace the file by a good copy, such as the primary's
    "#]]
    .assert_eq(&sample.findings());
}

#[test]
fn a_closed_file_that_is_cut_is_no_torn_end() {
    let sample = Sample::new(2);
    sample.change(1, |bytes| bytes.truncate(bytes.len() - 3));
    expect![[r#"
        mysql-bin.000001:1147: Rotate event: the file ends inside of it: 44 bytes are there of 47. Replace the file by a good copy, such as the primary's
    "#]].assert_eq(&sample.findings());
    // Between two events: only that its end is missing, and what the next file knows, tell.
    let starts = sample.starts[0].clone();
    let cut = usize::try_from(starts[starts.len() - 2]).unwrap();
    sample.change(1, |bytes| bytes.truncate(cut));
    expect![[r#"
        mysql-bin.000001: note: the file ends without a Rotate or Stop event, as when its server has crashed, inside of a transaction
        mysql-bin.000002: transactions 3e11fa47-71ca-11e1-9e33-c80aa9429562:2 should be in the files before this one, but are not. Compare this file and those before it with the primary's or another copy
    "#]].assert_eq(&sample.findings());
    sample.change(1, |bytes| bytes.truncate(4));
    expect![[r#"
        mysql-bin.000001: the file has no event. Replace the file by a good copy, such as the primary's
    "#]].assert_eq(&sample.findings());
}

#[test]
fn the_last_file_must_reach_its_watermark() {
    let sample = Sample::new(2);
    sample.change(2, |bytes| bytes.truncate(bytes.len() - 3));
    expect![[r#"
        mysql-bin.000002: the file has 781 bytes, though 784 bytes of it were durable. Replace the file by a good copy, such as the primary's
        mysql-bin.000002:753: Xid event: the file ends inside of it: 28 bytes are there of 31. Replace the file by a good copy, such as the primary's
    "#]].assert_eq(&sample.findings());
    fs::remove_file(sample.file(2)).unwrap();
    expect![[r#"
        mysql-bin.000002: the file is missing, though 784 bytes of it were durable. Replace the file by a good copy, such as the primary's
        mysql-bin.index: the list names mysql-bin.000002, which is not there. If the file was there once, put it back
        mysql-bin.000001:1147: note: Rotate event: it names mysql-bin.000002 as the next file, which is not there (yet)
    "#]].assert_eq(&sample.findings());
    fs::remove_file(sample.timeline().join("DURABLE")).unwrap();
    fs::remove_file(sample.timeline().join("mysql-bin.index")).unwrap();
    expect![[r#"
        DURABLE: note: nothing says how far the files were durable: DURABLE is missing, damaged or old
        mysql-bin.index: note: there is no list of files (yet)
        mysql-bin.000001:1147: note: Rotate event: it names mysql-bin.000002 as the next file, which is not there (yet)
    "#]].assert_eq(&sample.findings());
}

#[test]
fn behind_the_watermark_an_unfinished_event_is_only_noted() {
    let sample = Sample::new(1);
    let len = fs::metadata(sample.file(1)).unwrap().len();
    // What would come next: the third transaction.
    let mut source = BinlogGen::new(7, Options::default());
    while source.offset() < len {
        source.event();
    }
    let next = source.event().bytes;
    for cut in [1, 19, 20, next.len() - 1] {
        sample.change(1, |bytes| bytes.extend(&next[..cut]));
        let report = sample.report();
        assert_eq!(report.problems(), 0);
        assert_eq!(report.findings[0].code(), "unfinished_event");
        assert_eq!(report.findings[0].offset, Some(len));
        sample.change(1, |bytes| bytes.truncate(usize::try_from(len).unwrap()));
    }
    sample.change(1, |bytes| bytes.extend([0; 4096]));
    expect![[r#"
        mysql-bin.000001:1147: note: the file ends in 4096 zeros, as a crash may leave them
    "#]]
    .assert_eq(&sample.findings());
    sample.change(1, |bytes| bytes.extend(&next));
    expect![[r#"
        mysql-bin.000001:1147: impossible size of 0 bytes. The damage is somewhere in bytes 1156 to 1159. What follows in the file was not checked. Replace the file by a good copy, such as the primary's
    "#]].assert_eq(&sample.findings());
}

#[test]
fn a_missing_file_is_named_with_its_transactions() {
    let sample = Sample::new(5);
    fs::remove_file(sample.file(2)).unwrap();
    fs::remove_file(sample.file(3)).unwrap();
    expect![[r#"
        mysql-bin.index: the list names mysql-bin.000002, which is not there. If the file was there once, put it back
        mysql-bin.index: the list names mysql-bin.000003, which is not there. If the file was there once, put it back
        mysql-bin.000004: mysql-bin.000002 to mysql-bin.000003 are missing, with transactions 3e11fa47-71ca-11e1-9e33-c80aa9429562:3-6. Put back what is missing, from the primary or another copy
    "#]].assert_eq(&sample.findings());
}

#[test]
fn a_file_that_is_there_twice_is_found() {
    let sample = Sample::new(4);
    fs::copy(sample.file(2), sample.file(3)).unwrap();
    expect![[r#"
        mysql-bin.000003: transactions 3e11fa47-71ca-11e1-9e33-c80aa9429562:3-4 are in the files before this one, which does not know of them. Compare this file and those before it with the primary's or another copy
        mysql-bin.000003: transactions 3e11fa47-71ca-11e1-9e33-c80aa9429562:3-4 are there twice: here and before. Compare this file and those before it with the primary's or another copy
        mysql-bin.000003:784: Rotate event: it names mysql-bin.000003 as the next file, but mysql-bin.000004 follows. Replace the file by a good copy, such as the primary's
        mysql-bin.000004: transactions 3e11fa47-71ca-11e1-9e33-c80aa9429562:5-6 should be in the files before this one, but are not. Compare this file and those before it with the primary's or another copy
    "#]].assert_eq(&sample.findings());
}

#[test]
fn transactions_that_are_missing_or_doubled_are_named() {
    for (mine, theirs) in [(2, 4), (4, 2)] {
        let sample = Sample::new(1);
        let mut one = BinlogGen::new(1, Options::default());
        let mut other = BinlogGen::new(2, Options::default());
        fs::write(sample.file(1), one.file(mine)).unwrap();
        other.file(theirs);
        fs::write(sample.file(2), other.file(3)).unwrap();
        fs::remove_file(sample.timeline().join("DURABLE")).unwrap();
        fs::remove_file(sample.timeline().join("mysql-bin.index")).unwrap();
        let findings = sample.findings();
        match mine {
            2 => expect![[r#"
                DURABLE: note: nothing says how far the files were durable: DURABLE is missing, damaged or old
                mysql-bin.index: note: there is no list of files (yet)
                mysql-bin.000002: transactions 3e11fa47-71ca-11e1-9e33-c80aa9429562:3-4 should be in the files before this one, but are not. Compare this file and those before it with the primary's or another copy
                mysql-bin.000002:2055: note: Rotate event: it names mysql-bin.000003 as the next file, which is not there (yet)
            "#]].assert_eq(&findings),
            _ => expect![[r#"
                DURABLE: note: nothing says how far the files were durable: DURABLE is missing, damaged or old
                mysql-bin.index: note: there is no list of files (yet)
                mysql-bin.000002: transactions 3e11fa47-71ca-11e1-9e33-c80aa9429562:3-4 are in the files before this one, which does not know of them. Compare this file and those before it with the primary's or another copy
                mysql-bin.000002: transactions 3e11fa47-71ca-11e1-9e33-c80aa9429562:3-4 are there twice: here and before. Compare this file and those before it with the primary's or another copy
                mysql-bin.000002:2091: note: Rotate event: it names mysql-bin.000003 as the next file, which is not there (yet)
            "#]].assert_eq(&findings),
        }
    }
}

#[test]
fn a_transaction_that_is_twice_in_a_file_is_named() {
    let sample = Sample::new(1);
    let mut source = BinlogGen::new(1, Options::default());
    let mut bytes = b"\xfebin".to_vec();
    let mut second = 0;
    for count in 0.. {
        if count > 2 && source.is_boundary() {
            second = bytes.len();
            break;
        }
        bytes.extend(source.event().bytes);
    }
    // The second transaction, made one with the number of the first.
    let mut gtid = source.event().bytes;
    gtid[19 + 17..19 + 25].copy_from_slice(&1u64.to_le_bytes());
    let crc_at = gtid.len() - 4;
    let crc = crc32fast::hash(&gtid[..crc_at]);
    gtid[crc_at..].copy_from_slice(&crc.to_le_bytes());
    bytes.extend(gtid);
    while !source.is_boundary() {
        bytes.extend(source.event().bytes);
    }
    fs::write(sample.file(1), bytes).unwrap();
    fs::remove_file(sample.timeline().join("DURABLE")).unwrap();
    let report = sample.report();
    let finding = report.findings.iter().find(|f| f.code() == "gtids_twice").unwrap();
    assert_eq!(finding.offset, Some(second as u64));
    assert!(finding.to_string().contains("429562:1 "), "{finding}");
}

#[test]
fn without_checksums_structure_alone_is_checked() {
    let sample = Sample::with(2, Options { checksums: false, ..Options::default() });
    assert_eq!(sample.findings(), "");
    sample.flip(1, sample.starts[0][4] + 14);
    assert_eq!(sample.report().findings[0].code(), "log_pos");
}
