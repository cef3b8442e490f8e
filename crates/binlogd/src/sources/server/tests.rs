//! What no server sends, but what poses as one could.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const ARTIFICIAL: u8 = 0x20;

/// An event that has not come through a file.
fn event(kind: EventKind, body: &[u8]) -> Vec<u8> {
    let mut event = vec![0; 19];
    event[4] = kind.0;
    event[9..13].copy_from_slice(&u32::try_from(19 + body.len()).unwrap().to_le_bytes());
    if kind == EventKind::ROTATE {
        event[17] = ARTIFICIAL;
    }
    event.extend_from_slice(body);
    event
}

fn rotate(position: u64, file: &str) -> Vec<u8> {
    event(EventKind::ROTATE, &[&position.to_le_bytes(), file.as_bytes()].concat())
}

/// What is said of the last of these events.
fn said(events: &[Vec<u8>]) -> Result<bool, String> {
    let mut server =
        Server::new(ConnectOptions::new("localhost"), None, From::Oldest, Until::Forever).unwrap();
    let mut last = Ok(false);
    for event in events {
        server.bytes.clone_from(event);
        last = server.take().map_err(|error| error.to_string());
    }
    last
}

#[test]
fn events_that_make_no_sense_are_errors() {
    let format = "../event/tests/data/mysql-9.7";
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let path = files.filter(|path| path.extension().is_some_and(|e| e != "events")).min().unwrap();
    let file = std::fs::read(path).unwrap();
    let len = u32::from_le_bytes(file[13..17].try_into().unwrap()) as usize;
    let format = file[4..4 + len].to_vec();
    let xid = event(EventKind::XID, &[0; 8]);

    assert_eq!(said(&[rotate(4, "binlog.000001")]), Ok(false));
    assert_eq!(said(&[rotate(4, "binlog.000001"), format.clone()]), Ok(true));
    let nameless = said(&[rotate(4, "nothing")]).unwrap_err();
    assert_eq!(nameless, "'nothing' is no name of a binlog file");
    let early = said(&[rotate(4, "binlog.000001"), xid]).unwrap_err();
    assert_eq!(early, "binlog.000001:4: an event comes before the format of its file");
    let far = said(&[rotate(u64::MAX, "binlog.000001"), format]).unwrap_err();
    assert!(far.ends_with("no file is as long as this position"), "{far}");
}
