use super::*;
use crate::capability::Capabilities;
use crate::error::WireError;
use crate::error_code::ErrorCode;
use crate::packet::MAX_BODY_LEN;
use crate::response::ServerError;
use crate::status::StatusFlags;

#[derive(Debug, PartialEq, Eq)]
enum End {
    Eof,
    Err(ServerError),
    /// The bytes ran out; whether between two events.
    Bytes {
        at_boundary: bool,
    },
}

struct Received {
    events: Vec<(Vec<u8>, bool)>,
    /// How many parts each event came in.
    parts: Vec<usize>,
    end: End,
}

/// Receives `bytes`, read in pieces of `step`, in a buffer of `capacity`.
fn receive(
    bytes: &[u8],
    capacity: usize,
    step: usize,
    semi_sync: bool,
) -> Result<Received, WireError> {
    let mut framer = EventFramer::new(semi_sync);
    let (mut sent, mut buffer) = (0, Vec::<u8>::new());
    let mut received = Received { events: vec![], parts: vec![], end: End::Eof };
    loop {
        let is_full = buffer.len() == capacity;
        let framed = framer.next(&buffer, is_full)?;
        let consumed = framed.consumed;
        match framed.step {
            Step::Event(part) => {
                if part.first {
                    assert!(part.bytes.len() >= EVENT_HEADER_LEN);
                    received.events.push((vec![], part.wants_ack));
                    received.parts.push(0);
                }
                let (event, wants_ack) = received.events.last_mut().unwrap();
                assert_eq!(*wants_ack, part.wants_ack, "the same in all parts");
                event.extend_from_slice(part.bytes);
                *received.parts.last_mut().unwrap() += 1;
                assert_eq!(part.last, framer.is_at_boundary());
            }
            Step::Eof => return Ok(Received { end: End::Eof, ..received }),
            Step::Err(error) => return Ok(Received { end: End::Err(error), ..received }),
            Step::NeedMore => {
                assert!(consumed > 0 || !is_full, "stuck");
                if sent == bytes.len() && consumed == 0 {
                    let at_boundary = framer.is_at_boundary() && buffer.is_empty();
                    return Ok(Received { end: End::Bytes { at_boundary }, ..received });
                }
            }
        }
        buffer.drain(..consumed);
        let len = step.min(bytes.len() - sent).min(capacity - buffer.len());
        buffer.extend_from_slice(&bytes[sent..sent + len]);
        sent += len;
    }
}

fn event(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 253).to_le_bytes()[0]).collect()
}

#[test]
fn the_markers_are_stripped_and_events_keep_their_bytes() {
    let mut bytes = b"\x14\0\0\x01\x00".to_vec();
    bytes.extend_from_slice(&event(19));
    bytes.extend_from_slice(b"\x15\0\0\x02\x00");
    bytes.extend_from_slice(&event(20));
    bytes.extend_from_slice(b"\x05\0\0\x03\xfe\0\0\x02\0");
    for step in 1..bytes.len() {
        let received = receive(&bytes, 64, step, false).unwrap();
        assert_eq!(received.events, [(event(19), false), (event(20), false)]);
        assert_eq!(received.parts, [1, 1]);
        assert_eq!(received.end, End::Eof);
    }
}

#[test]
fn sequence_ids_start_again_behind_an_event_that_wants_an_ack() {
    let mut bytes = b"\x16\0\0\x01\x00\xef\x00".to_vec();
    bytes.extend_from_slice(&event(19));
    bytes.extend_from_slice(b"\x16\0\0\x02\x00\xef\x01");
    bytes.extend_from_slice(&event(19));
    bytes.extend_from_slice(b"\x16\0\0\x01\x00\xef\x00");
    bytes.extend_from_slice(&event(19));
    let received = receive(&bytes, 64, 7, true).unwrap();
    assert_eq!(received.events, [(event(19), false), (event(19), true), (event(19), false)]);
    assert_eq!(received.end, End::Bytes { at_boundary: true });

    let mut out = Vec::new();
    let mut encoder = EventEncoder::new(true);
    for (event, wants_ack) in &received.events {
        encoder.event(&mut out, event, *wants_ack);
    }
    assert_eq!(out, bytes);
}

#[test]
fn whatever_is_encoded_is_received_in_any_fragmentation() {
    for semi_sync in [false, true] {
        let mut bytes = Vec::new();
        let mut encoder = EventEncoder::new(semi_sync);
        let mut sent = Vec::new();
        for i in 0..600 {
            let (event, wants_ack) = (event(19 + i % 200), semi_sync && i > 300 && i % 5 == 0);
            encoder.event(&mut bytes, &event, wants_ack);
            sent.push((event, wants_ack));
        }
        encoder.eof(&mut bytes, Capabilities::NONE, StatusFlags::AUTOCOMMIT);
        for (capacity, step) in [(64, 1), (64, 64), (100, 33), (256, 1000), (1 << 16, 1 << 16)] {
            let received = receive(&bytes, capacity, step, semi_sync).unwrap();
            assert!(received.events == sent, "{capacity} {step} {semi_sync}");
            assert_eq!(received.end, End::Eof);
            if capacity >= 256 {
                assert!(received.parts.iter().all(|&n| n == 1), "what fits comes whole");
            }
        }
    }
}

#[test]
fn events_around_the_longest_packet_are_split_and_joined() {
    for semi_sync in [false, true] {
        let room = MAX_BODY_LEN - if semi_sync { 3 } else { 1 };
        for (len, packets) in [
            (room - 1, 1),
            (room, 2),
            (room + 1, 2),
            (room + MAX_BODY_LEN - 1, 2),
            (room + MAX_BODY_LEN, 3),
            (room + MAX_BODY_LEN + 1, 3),
        ] {
            let mut bytes = Vec::new();
            let mut encoder = EventEncoder::new(semi_sync);
            let big = event(len);
            encoder.event(&mut bytes, &big, true);
            encoder.event(&mut bytes, &event(30), false);
            let markers = if semi_sync { 6 } else { 2 };
            assert_eq!(bytes.len(), len + 30 + markers + 4 * (packets + 1), "{len}");

            for capacity in [4096, 1 << 18, 1 << 25] {
                let received = receive(&bytes, capacity, capacity, semi_sync).unwrap();
                assert_eq!(received.events.len(), 2);
                assert!(received.events[0] == (big.clone(), semi_sync), "{len} {capacity}");
                assert_eq!(received.events[1], (event(30), false));
            }

            // In parts it is the same.
            let mut in_parts = Vec::new();
            let mut encoder = EventEncoder::new(semi_sync);
            encoder.begin(&mut in_parts, len as u64, true);
            for part in big.chunks(1_000_003) {
                assert!(encoder.is_open());
                encoder.part(&mut in_parts, part);
            }
            assert!(!encoder.is_open());
            encoder.event(&mut in_parts, &event(30), false);
            assert!(in_parts == bytes, "{len}");
        }
    }
}

#[test]
fn a_stream_cut_anywhere_is_never_taken_for_whole() {
    let mut bytes = Vec::new();
    let mut encoder = EventEncoder::new(true);
    encoder.event(&mut bytes, &event(19), true);
    let first = bytes.len();
    encoder.event(&mut bytes, &event(100), false);
    for len in 0..bytes.len() {
        let received = receive(&bytes[..len], 64, 64, true).unwrap();
        let at_boundary = len == 0 || len == first;
        assert_eq!(received.end, End::Bytes { at_boundary }, "{len} bytes");
    }
}

#[test]
fn the_sources_error_ends_the_stream() {
    let error = ServerError::new(ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG, "purged");
    let mut bytes = Vec::new();
    let mut encoder = EventEncoder::new(false);
    encoder.event(&mut bytes, &event(19), false);
    encoder.error(&mut bytes, &error);
    for step in [1, 5, 64] {
        let received = receive(&bytes, 64, step, false).unwrap();
        assert_eq!(received.end, End::Err(error.clone()));
    }
}

#[test]
fn the_end_may_be_an_ok_that_stands_for_eof() {
    let mut bytes = Vec::new();
    let status = StatusFlags::AUTOCOMMIT;
    EventEncoder::new(false).eof(&mut bytes, Capabilities::DEPRECATE_EOF, status);
    assert_eq!(bytes, b"\x07\0\0\x01\xfe\0\0\x02\0\0\0");
    assert_eq!(receive(&bytes, 64, 64, false).unwrap().end, End::Eof);
}

#[test]
fn what_is_no_stream_is_an_error() {
    let error = |bytes: &[u8], semi_sync| receive(bytes, 64, 64, semi_sync).err();
    let bad = |field, value| Some(WireError::BadValue { structure: "binlog stream", field, value });
    let nineteen = event(19);
    let with = |head: &[u8]| [head, &nineteen].concat();

    let out_of_order = Some(WireError::OutOfOrder { expected: 1, found: 2 });
    assert_eq!(error(&with(b"\x14\0\0\x02\x00"), false), out_of_order);
    assert_eq!(error(b"\x13\0\0\x01\x00", false), bad("event length", 19));
    let eighteen = [&b"\x13\0\0\x01\x00"[..], &event(18)].concat();
    assert_eq!(error(&eighteen, false), bad("event length", 19), "also if all of it is there");
    assert_eq!(error(b"\0\0\0\x01", false), bad("payload length", 0));
    assert_eq!(error(&with(b"\x14\0\0\x01\x07"), false), bad("marker", 7));
    assert_eq!(error(&with(b"\x16\0\0\x01\x00\xee\x01"), true), bad("semi-sync marker", 0xee));
    // Without the header, a semi-sync stream's event is too short for one.
    assert_eq!(error(&with(b"\x14\0\0\x01\x00"), true), bad("event length", 20));
    // An error that does not fit.
    let long_error = [&b"\x00\x01\0\x01\xff\x01\x00"[..], &[b'x'; 80]].concat();
    assert_eq!(error(&long_error, false), Some(WireError::TooLarge { size: 256, limit: 64 }));
}

#[test]
fn a_continuation_out_of_order_is_an_error() {
    let mut bytes = Vec::new();
    EventEncoder::new(false).event(&mut bytes, &event(MAX_BODY_LEN + 10), false);
    bytes[4 + MAX_BODY_LEN + 3] = 9;
    let error = receive(&bytes, 1 << 18, 1 << 18, false).err();
    assert_eq!(error, Some(WireError::OutOfOrder { expected: 2, found: 9 }));
}

#[test]
fn too_long_an_event_is_refused_from_its_headers() {
    let mut bytes = Vec::new();
    EventEncoder::new(false).event(&mut bytes, &event(101), false);
    let mut framer = EventFramer::new(false).with_max_event_len(100);
    assert_eq!(framer.next(&bytes, false), Err(WireError::TooLarge { size: 101, limit: 100 }));
    let mut framer = EventFramer::new(false).with_max_event_len(100);
    assert_eq!(framer.next(&bytes[..9], false), Err(WireError::TooLarge { size: 101, limit: 100 }));

    let mut bytes = Vec::new();
    EventEncoder::new(false).event(&mut bytes, &event(MAX_BODY_LEN + 10), false);
    let mut framer = EventFramer::new(false).with_max_event_len(MAX_BODY_LEN as u64);
    let first = framer.next(&bytes, true).unwrap();
    let second = framer.next(&bytes[first.consumed..], true);
    let size = MAX_BODY_LEN as u64 + 10;
    assert_eq!(second, Err(WireError::TooLarge { size, limit: MAX_BODY_LEN as u64 }));
}

#[test]
#[should_panic(expected = "more bytes than the event has")]
fn an_event_takes_no_more_bytes_than_announced() {
    let mut encoder = EventEncoder::new(false);
    let mut out = Vec::new();
    encoder.begin(&mut out, 20, false);
    encoder.part(&mut out, &event(21));
}

/// The commands, annotated, as a 9.7 replica sends them.
const REGISTER: &[u8] = b"\x4d\0\0\0\x04here\x04repl\x02pw\xea\x0c\0\0\0\0\0\0\0\0";
const DUMP: &[u8] = b"\x9a\x02\0\0\x01\0\x4d\0\0\0binlog.000001";
const DUMP_GTID: &[u8] = b"\x04\0\x4d\0\0\0\x00\0\0\0\x04\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0";

#[test]
fn dump_commands_are_read_and_written_back() {
    let register = RegisterReplica::parse(REGISTER).unwrap();
    assert_eq!((register.server_id, register.host, register.port), (77, &b"here"[..], 3306));
    let dump = BinlogDump::parse(DUMP).unwrap();
    assert_eq!(
        dump,
        BinlogDump {
            position: 666,
            flags: DumpFlags::NON_BLOCKING,
            server_id: 77,
            file: b"binlog.000001"
        }
    );
    let dump_gtid = BinlogDumpGtid::parse(DUMP_GTID).unwrap();
    assert_eq!(
        dump_gtid,
        BinlogDumpGtid {
            flags: DumpFlags::THROUGH_GTID,
            server_id: 77,
            file: b"",
            position: 4,
            gtid_set: &[0; 8],
        }
    );
    let mut out = Vec::new();
    register.encode(&mut out);
    assert_eq!(out, REGISTER);
    out.clear();
    dump.encode(&mut out);
    assert_eq!(out, DUMP);
    out.clear();
    dump_gtid.encode(&mut out);
    assert_eq!(out, DUMP_GTID);
}

#[test]
fn truncated_or_over_long_dump_commands_are_errors() {
    for len in 0..REGISTER.len() {
        assert!(RegisterReplica::parse(&REGISTER[..len]).is_err(), "{len} bytes");
    }
    for len in 0..10 {
        assert!(BinlogDump::parse(&DUMP[..len]).is_err(), "{len} bytes");
    }
    for len in 0..DUMP_GTID.len() {
        assert!(BinlogDumpGtid::parse(&DUMP_GTID[..len]).is_err(), "{len} bytes");
    }
    assert!(RegisterReplica::parse(&[REGISTER, &[0]].concat()).is_err());
    assert!(BinlogDumpGtid::parse(&[DUMP_GTID, &[0]].concat()).is_err());
}

#[test]
fn an_ack_has_sequence_id_0() {
    let ack = Ack { position: 0x0102, file: b"binlog.000001" };
    let mut out = Vec::new();
    ack.encode_packet(&mut out);
    assert_eq!(out, b"\x16\0\0\0\xef\x02\x01\0\0\0\0\0\0binlog.000001");
    assert_eq!(Ack::parse(&out[4..]), Ok(ack));
    for len in 0..10 {
        assert!(Ack::parse(&out[4..4 + len]).is_err(), "{len} bytes");
    }
}
