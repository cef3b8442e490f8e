use std::path::Path;

use binlogd_event::{EventFlags, GtidSet, HEADER_LEN};
use binlogd_store::{Batch, LogName, SourceId, Store};
use testkit::binlog_gen::{self, BinlogGen};
use testkit::sim_disk::SimDisk;

use super::super::{Start, find};
use super::*;

/// A stream of one file, of which this is all behind its head; and where that begins.
fn stored(bytes: &[u8]) -> (Store, u64) {
    let mut store = Store::open(Arc::new(SimDisk::new(1)), Path::new("/s")).unwrap();
    let mut writer = store.writer(&SourceId::of_server_id(1)).unwrap();
    let mut source = BinlogGen::new(1, binlog_gen::Options::default());
    writer.start_file(&LogName::new(&source.file_name()).unwrap()).unwrap();
    let head = [source.event().bytes, source.event().bytes].concat();
    let verified_end = source.offset() + bytes.len() as u64;
    let batch = Batch { bytes: [&head, bytes].concat(), verified_end, gtids: GtidSet::new() };
    writer.write(&batch).unwrap();
    writer.sync().unwrap();
    (store, source.offset())
}

fn header(begin: u64, size: u32) -> [u8; HEADER_LEN] {
    let log_pos = LogPos::of(begin + u64::from(size));
    let (kind, flags) = (EventKind::QUERY, EventFlags(0));
    EventHeader { timestamp: 1, kind, server_id: 1, size, log_pos, flags }.to_bytes()
}

#[test]
fn who_reads_what_are_no_events_is_told_so_where_the_file_ends() {
    // What looks like an event inside of one, and behind it like one that is longer than the file.
    let (_, begin) = stored(&[]);
    let size = u32::try_from(HEADER_LEN).unwrap();
    let bogus = [header(begin, size), header(begin + u64::from(size), 1 << 20)].concat();
    let (store, begin) = stored(&[&bogus[..], &[0; 3 * CHUNK_LEN]].concat());
    for non_blocking in [true, false] {
        let file = store.catalog().newest().unwrap().name.to_string();
        let start = Start { file, offset: begin, has: None, mariadb: None };
        let start = find(store.catalog(), &start).unwrap();
        let options = Options {
            server_id: 7,
            checksum: Some(ChecksumAlgorithm::Crc32),
            heartbeat_v2: false,
            semi_sync: false,
            non_blocking,
        };
        let mut out = Vec::new();
        let mut sender = Sender::begin(store.catalog(), start, options, None, &mut out).unwrap();
        let error = loop {
            match sender.fill(&mut out, true) {
                Ok(progress) => assert_eq!(progress, Progress::More),
                Err(error) => break error,
            }
            out.clear();
        };
        assert!(error.to_string().starts_with(TRUNCATED), "{error}");
        out.clear();
        sender.error(&mut out, &error.to_server_error());
        assert!(out.is_empty(), "inside of an event nothing can be told");
    }
}
