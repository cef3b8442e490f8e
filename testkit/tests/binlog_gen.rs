//! Generated binlogs, as our verifier and as MySQL's own tool see them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use binlogd_event::{
    ChecksumAlgorithm, Disposition, EventKind, EventPart, GtidSet, Splitter, Verifier,
};
use testkit::binlog_gen::{BinlogGen, MAGIC, Options};
use testkit::{Flavour, testbed};

/// Verifies a file and returns the verifier at its end, and the types of its events.
fn verify(bytes: &[u8]) -> (Verifier, Vec<EventKind>) {
    let mut verifier = Verifier::at_start(ChecksumAlgorithm::None);
    let mut splitter = Splitter::new();
    let mut rest = bytes.strip_prefix(&MAGIC).unwrap();
    let mut kinds = Vec::new();
    while !rest.is_empty() {
        let part = splitter.next(rest, false).unwrap().unwrap();
        let verified = verifier.check(part).unwrap();
        assert_eq!(verified.disposition, Disposition::Store);
        kinds.push(verified.header.kind);
        rest = &rest[part.bytes.len()..];
    }
    (verifier, kinds)
}

#[test]
fn files_pass_the_verifier_and_follow_each_other() {
    for checksums in [true, false] {
        let options = Options { checksums, row_len_max: 300_000, ..Options::default() };
        let mut source = BinlogGen::new(1, options);
        let mut executed = GtidSet::new();
        let mut largest = 0;
        for number in 1..=3u64 {
            assert_eq!(source.file_name(), format!("mysql-bin.{number:06}"));
            let bytes = source.file(20);
            largest = largest.max(bytes.len());
            let (mut verifier, kinds) = verify(&bytes);
            assert_eq!(kinds[..2], [EventKind::FORMAT_DESCRIPTION, EventKind::PREVIOUS_GTIDS]);
            assert_eq!(kinds.iter().filter(|&&kind| kind == EventKind::XID).count(), 20);
            assert!(verifier.ended() && verifier.transaction().is_outside());
            let checksum = verifier.format().unwrap().checksum;
            assert_eq!(checksum == ChecksumAlgorithm::Crc32, checksums);
            let gtids = verifier.take_committed();
            assert!(executed.is_subset(&gtids));
            assert_eq!(gtids.to_string(), format!("{}:1-{}", options.uuid, number * 20));
            executed = gtids;
        }
        assert!(largest > 300_000, "{largest}");
    }
}

#[test]
fn events_say_where_they_end_and_what_they_commit() {
    let mut source = BinlogGen::new(2, Options::default());
    let mut verifier = Verifier::at_start(ChecksumAlgorithm::None);
    for _ in 0..200 {
        let event = source.event();
        verifier.check(EventPart::whole(&event.bytes)).unwrap();
        assert_eq!((event.end, source.offset()), (verifier.offset(), verifier.offset()));
        assert_eq!(event.is_boundary, verifier.transaction().is_outside() && event.end > 130);
        let gtids = verifier.take_committed();
        assert_eq!(event.commits.is_some(), !gtids.is_empty());
        assert!(event.commits.is_none_or(|gtid| gtids.contains(&gtid)));
    }
}

#[test]
fn a_clone_goes_on_alike_until_it_is_reseeded() {
    let mut source = BinlogGen::new(3, Options::default());
    for _ in 0..20 {
        source.event();
    }
    let (mut same, mut other) = (source.clone(), source.clone());
    other.reseed(4);
    let take = |source: &mut BinlogGen| (0..20).map(|_| source.event()).collect::<Vec<_>>();
    let events = take(&mut source);
    assert_eq!(events, take(&mut same));
    assert_ne!(events, take(&mut other));
}

#[test]
fn mysqls_own_tool_reads_them() {
    let prefix = testbed::ensure(Flavour::Mysql97).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for checksums in [true, false] {
        let options = Options { checksums, row_len_max: 300_000, ..Options::default() };
        let mut source = BinlogGen::new(5, options);
        for _ in 0..2 {
            let path = dir.path().join(source.file_name());
            fs::write(&path, source.file(10)).unwrap();
            let output = prefix
                .mysqlbinlog()
                .args(["--verify-binlog-checksum", "--verbose", "--base64-output=decode-rows"])
                .arg(&path)
                .output()
                .unwrap();
            let (text, errors) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success() && errors.is_empty(), "{errors}");
            assert_eq!(
                text.matches("### INSERT INTO `sim`.`t`").count(),
                text.matches("Write_rows:").count()
            );
            assert_eq!(text.matches("COMMIT/*!*/").count(), 10, "{text}");
            assert_eq!(text.matches("SET @@SESSION.GTID_NEXT= '3e11fa47-").count(), 10);
            // The lengths in the GTID events add up.
            let lengths = text.split("transaction_length=").skip(1);
            let total: usize = lengths
                .map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap())
                .map(|digits| digits.parse::<usize>().unwrap())
                .sum();
            let len = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
            assert!(total < len && total > len - 400, "{total} of {len}");
        }
    }
}
