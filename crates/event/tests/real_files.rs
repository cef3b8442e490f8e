//! The verifier, GTID sets and headers against files that real servers wrote.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use binlogd_event::{
    CHECKSUM_LEN, ChecksumAlgorithm, Disposition, EventKind, EventPart, FIRST_EVENT, Gtid, GtidSet,
    GtidTag, MAGIC, ServerUuid, Splitter, Verifier, VerifyError, Violation, gtid_of,
    previous_gtids,
};
use mysql_common::binlog::EventStreamReader;
use mysql_common::binlog::consts::BinlogVersion;

fn files() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mysql-9.7");
    let mut files: Vec<_> = fs::read_dir(data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e != "events"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Position, type, end and GTID text of each event as the server listed them.
fn golden(file: &Path) -> Vec<(u64, String, u64, String)> {
    let text = fs::read_to_string(
        file.with_extension(format!("{}.events", file.extension().unwrap().to_str().unwrap())),
    )
    .unwrap();
    let mut rows: Vec<(u64, String, u64, String)> = Vec::new();
    for line in text.lines() {
        let columns: Vec<_> = line.split('\t').collect();
        let row = (
            columns[0].parse().unwrap(),
            columns[1].to_owned(),
            columns[2].parse().unwrap(),
            columns[3].to_owned(),
        );
        // The events inside of a compressed transaction are listed at its end.
        if row.0 != row.2 {
            rows.push(row);
        }
    }
    rows
}

/// Verifies a file's bytes from a buffer of `capacity`; every event with its offset.
fn walk(
    bytes: &[u8],
    capacity: usize,
    mut see: impl FnMut(&Verifier, EventPart<'_>),
) -> Result<Verifier, VerifyError> {
    let mut verifier = Verifier::at_start(ChecksumAlgorithm::None);
    let mut splitter = Splitter::new();
    let mut rest = &bytes[MAGIC.len()..];
    loop {
        let window = &rest[..rest.len().min(capacity)];
        let part = splitter.next(window, window.len() == capacity).map_err(|violation| {
            VerifyError { offset: verifier.offset(), kind: EventKind(0), violation }
        })?;
        let Some(part) = part else { return Ok(verifier) };
        let verified = verifier.check(part)?;
        assert_eq!(verified.disposition, Disposition::Store);
        see(&verifier, part);
        rest = &rest[part.bytes.len()..];
    }
}

#[test]
fn every_event_is_found_where_the_server_lists_it() {
    for path in files() {
        let bytes = fs::read(&path).unwrap();
        let mut seen = Vec::new();
        let mut start = FIRST_EVENT;
        let end = walk(&bytes, usize::MAX, |verifier, part| {
            let header = binlogd_event::EventHeader::parse(part.bytes).unwrap();
            let crc = verifier.format().unwrap().checksum.len();
            let body = &part.bytes[..part.bytes.len() - crc];
            let gtid = match header.kind {
                EventKind::PREVIOUS_GTIDS => {
                    previous_gtids(body).unwrap().to_string().replace(',', ",\\n")
                }
                _ => gtid_of(&header, body)
                    .unwrap()
                    .map_or_else(String::new, |g| format!("SET @@SESSION.GTID_NEXT= '{g}'")),
            };
            seen.push((start, header.kind.to_string(), verifier.offset(), gtid));
            start = verifier.offset();
        })
        .unwrap();
        assert_eq!(seen, golden(&path), "{}", path.display());
        assert_eq!(end.offset(), bytes.len() as u64);
        assert!(end.transaction().is_outside());
    }
}

#[test]
fn parts_of_any_size_lead_to_the_same_verdict() {
    for path in files() {
        let bytes = fs::read(&path).unwrap();
        // Format descriptions and statements that begin or end a transaction must come whole.
        for capacity in 123..300 {
            let end = walk(&bytes, capacity, |_, _| {}).unwrap();
            assert_eq!(end.offset(), bytes.len() as u64);
            assert!(end.transaction().is_outside());
        }
        assert!(walk(&bytes, 122, |_, _| {}).is_err());
    }
}

#[test]
fn every_flipped_bit_is_found() {
    for path in files() {
        let good = fs::read(&path).unwrap();
        let checksum = walk(&good, usize::MAX, |_, _| {}).unwrap().format().unwrap().checksum;
        if checksum == ChecksumAlgorithm::None {
            continue;
        }
        // The in-use flag is no part of the checksum.
        let in_use = (MAGIC.len() + 17) * 8;
        for bit in (MAGIC.len() * 8..good.len() * 8).filter(|&bit| bit != in_use) {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let result = std::panic::catch_unwind(|| walk_to_end(&bytes));
            assert_eq!(result.ok(), Some(false), "{} bit {bit}", path.display());
        }
    }
}

/// Whether all of a file is good and stored.
fn walk_to_end(bytes: &[u8]) -> bool {
    let mut verifier = Verifier::at_start(ChecksumAlgorithm::None);
    let mut splitter = Splitter::new();
    let mut rest = &bytes[MAGIC.len()..];
    while !rest.is_empty() {
        let Ok(Some(part)) = splitter.next(rest, false) else { return false };
        match verifier.check(part) {
            Ok(verified) if verified.disposition == Disposition::Store => {}
            _ => return false,
        }
        rest = &rest[part.bytes.len()..];
    }
    true
}

#[test]
fn a_file_cut_anywhere_is_good_up_to_its_last_whole_event() {
    for path in files() {
        let bytes = fs::read(&path).unwrap();
        let ends: Vec<u64> = golden(&path).iter().map(|row| row.2).collect();
        for cut in MAGIC.len()..bytes.len() {
            let end = walk(&bytes[..cut], usize::MAX, |_, _| {}).unwrap();
            let whole = ends.iter().copied().filter(|&e| e <= cut as u64).max();
            assert_eq!(end.offset(), whole.unwrap_or(FIRST_EVENT));
        }
    }
}

#[test]
fn a_left_out_or_doubled_event_is_found() {
    let bytes = fs::read(&files()[0]).unwrap();
    for (start, kind, end, _) in golden(&files()[0]).iter().rev().skip(1) {
        let (start, end) = (usize::try_from(*start).unwrap(), usize::try_from(*end).unwrap());
        let without = [&bytes[..start], &bytes[end..]].concat();
        assert!(walk(&without, usize::MAX, |_, _| {}).is_err(), "without {kind} at {start}");
        let twice = [&bytes[..end], &bytes[start..]].concat();
        assert!(walk(&twice, usize::MAX, |_, _| {}).is_err(), "{kind} at {start} twice");
    }
}

#[test]
fn headers_and_gtids_agree_with_mysql_common() {
    for path in files() {
        let bytes = fs::read(&path).unwrap();
        let mut theirs = EventStreamReader::new(BinlogVersion::Version4);
        let mut rest = &bytes[MAGIC.len()..];
        let mut compared = 0;
        walk(&bytes, usize::MAX, |verifier, part| {
            let event = theirs.read(&mut rest).unwrap().unwrap();
            let header = binlogd_event::EventHeader::parse(part.bytes).unwrap();
            assert_eq!(header.timestamp, event.header().timestamp());
            assert_eq!(header.kind.0, event.header().event_type_raw());
            assert_eq!(header.size, event.header().event_size());
            assert_eq!(header.log_pos.0, event.header().log_pos());
            assert_eq!(header.flags.0, event.header().flags_raw());
            if header.kind == EventKind::GTID {
                let crc = verifier.format().unwrap().checksum.len();
                let body = &part.bytes[..part.bytes.len() - crc];
                let ours = gtid_of(&header, body).unwrap().unwrap();
                let theirs: mysql_common::binlog::events::GtidEvent = event.read_event().unwrap();
                let theirs = Gtid::mysql(ServerUuid(theirs.sid()), GtidTag::NONE, theirs.gno());
                assert_eq!(ours, theirs);
            }
            compared += 1;
        })
        .unwrap();
        assert!(compared >= 2 && rest.is_empty());
    }
}

#[test]
fn previous_gtids_are_those_of_the_files_before() {
    let mut before = GtidSet::new();
    let bytes: Vec<_> = files().iter().map(|path| fs::read(path).unwrap()).collect();
    for (index, bytes) in bytes.iter().enumerate() {
        let mut own = Vec::<Gtid>::new();
        walk(bytes, usize::MAX, |verifier, part| {
            let header = binlogd_event::EventHeader::parse(part.bytes).unwrap();
            let crc = verifier.format().unwrap().checksum.len();
            let body = &part.bytes[..part.bytes.len() - crc];
            if header.kind == EventKind::PREVIOUS_GTIDS {
                let set = previous_gtids(body).unwrap();
                // Files between these are left out of the corpus, so only the first two adjoin.
                assert!(before.is_subset(&set));
                assert!(index > 1 || before == set);
                assert_eq!(set.to_bytes(), &body[19..]);
                before = set;
            }
            own.extend(gtid_of(&header, body).unwrap());
        })
        .unwrap();
        for gtid in own {
            assert!(!before.contains(&gtid));
            before.insert(gtid);
        }
    }
}

#[test]
fn the_error_names_offset_and_kind() {
    let mut bytes = fs::read(&files()[0]).unwrap();
    bytes[800] ^= 1;
    let error = walk(&bytes, usize::MAX, |_, _| {}).err().unwrap();
    assert_eq!((error.offset, error.kind), (783, EventKind::WRITE_ROWS));
    assert!(matches!(error.violation, Violation::Checksum { .. }));
    let stored = &bytes[838 - CHECKSUM_LEN..838];
    let stored = u32::from_le_bytes(stored.try_into().unwrap());
    assert!(error.to_string().contains(&format!("{stored:08x}")), "{error}");
}
