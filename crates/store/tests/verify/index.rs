//! What the index beside a file claims is compared with the file.

use std::fs;

use binlogd_event::{EventHeader, EventKind};

use crate::support::Sample;

/// An index of the first file that claims these GTIDs before a place.
fn put_index(sample: &Sample, offset: u64, gtids: &str) {
    let bytes = fs::read(sample.file(1)).unwrap();
    let format = &bytes[4..usize::try_from(sample.starts[0][1]).unwrap()];
    let identity = format!("mysql-bin.000001 {} {:08x}", bytes.len(), crc32fast::hash(format));
    let content = format!("binlogd index 1\n{identity}\n{offset} {gtids}\n");
    let crc = crc32fast::hash(content.as_bytes());
    fs::write(sample.file(1).with_extension("000001.idx"), format!("{content}end {crc:08x}\n"))
        .unwrap();
}

#[test]
fn an_index_that_leads_astray_is_found() {
    let sample = Sample::new(2);
    let bytes = fs::read(sample.file(1)).unwrap();
    let is_gtid = |start: &&u64| {
        let event = &bytes[usize::try_from(**start).unwrap()..];
        EventHeader::parse(event).unwrap().kind == EventKind::GTID
    };
    let second = *sample.starts[0].iter().filter(is_gtid).nth(1).unwrap();
    let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    put_index(&sample, second, &format!("{uuid}:1"));
    assert_eq!(sample.findings(), "");
    for (offset, gtids) in
        [(second, "1-2"), (second, "2"), (second - 1, "1"), (second + 1, "1"), (1 << 30, "1-2")]
    {
        put_index(&sample, offset, &format!("{uuid}:{gtids}"));
        let report = sample.report();
        assert_eq!(report.problems(), 1, "{offset} {gtids}");
        assert_eq!(report.findings[0].code(), "wrong_index");
    }
    // One that is damaged is made anew by whoever wants it.
    fs::write(sample.file(1).with_extension("000001.idx"), "binlogd index 1\nnonsense").unwrap();
    assert_eq!(sample.findings(), "");
}
