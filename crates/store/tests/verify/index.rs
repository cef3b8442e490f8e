//! What the index beside a file claims is compared with the file.

use std::fs;

use binlogd_event::{EventHeader, EventKind};

use crate::support::Sample;

/// An index of the first file with one line, of a place and what is claimed of it.
fn put_index(sample: &Sample, line: &str) {
    let bytes = fs::read(sample.file(1)).unwrap();
    let format = &bytes[4..usize::try_from(sample.starts[0][1]).unwrap()];
    let identity = format!("mysql-bin.000001 {} {:08x}", bytes.len(), crc32fast::hash(format));
    let content = format!("binlogd index 2\n{identity}\n{line}\n");
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
    let first = sample.starts[0].iter().find(is_gtid).unwrap();
    let last_before = sample.starts[0].iter().filter(|start| **start < second).max().unwrap();
    let last_before = &bytes[usize::try_from(*last_before).unwrap()..];
    let time = EventHeader::parse(last_before).unwrap().timestamp;
    let line = |offset: u64, head_end: u64, time: u32, gtids: &str| {
        format!("{offset} {head_end} {time} 3e11fa47-71ca-11e1-9e33-c80aa9429562:{gtids}")
    };
    put_index(&sample, &line(second, *first, time, "1"));
    assert_eq!(sample.findings(), "");
    for wrong in [
        line(second, *first, time, "1-2"),
        line(second, *first, time, "2"),
        line(second - 1, *first, time, "1"),
        line(second + 1, *first, time, "1"),
        line(1 << 30, *first, time, "1-2"),
        line(second, *first + 1, time, "1"),
        line(second, *first, time + 1, "1"),
        line(second, *first, time - 1, "1"),
        format!("{second} {first} {time} ?"),
    ] {
        put_index(&sample, &wrong);
        let report = sample.report();
        assert_eq!(report.problems(), 1, "{wrong}");
        assert_eq!(report.findings[0].code(), "wrong_index");
    }
    // One that is damaged is made anew by whoever wants it.
    fs::write(sample.file(1).with_extension("000001.idx"), "binlogd index 2\nnonsense").unwrap();
    assert_eq!(sample.findings(), "");
}
