//! Bodies of events that servers write rarely or no more, as bytes by hand. (A group of MySQL 9.7 alone, say, logs no
//! change of itself.)
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use binlogd_event::body::{Body, Heartbeat, RowsChange, ViewChange};
use binlogd_event::{EventError, EventHeader, EventKind, FormatDescription, HEADER_LEN};

/// The format description of a file of MySQL 9.7.
fn format() -> FormatDescription {
    let file = include_bytes!("data/mysql-9.7/binlog.000001");
    let header = EventHeader::parse(&file[4..]).unwrap();
    FormatDescription::parse(&file[4..4 + header.size as usize]).unwrap()
}

/// The event of this type with these parts behind its header.
fn event(kind: EventKind, parts: &[&[u8]]) -> Vec<u8> {
    let mut event = vec![0; HEADER_LEN];
    event[4] = kind.0;
    event[13] = 7; // log_pos
    parts.iter().for_each(|part| event.extend_from_slice(part));
    event
}

fn parse(event: &[u8]) -> Result<Body<'_>, EventError> {
    Body::parse(&EventHeader::parse(event).unwrap(), event, &format())
}

/// Cut anywhere before `needed` bytes behind the header it is an error that says so.
fn must_have(event: &[u8], needed: usize) {
    for len in 0..needed {
        let cut = parse(&event[..HEADER_LEN + len]);
        assert!(matches!(cut, Err(EventError::Truncated { .. })), "{len}: {cut:?}");
    }
    assert!(parse(&event[..HEADER_LEN + needed]).is_ok());
}

#[test]
fn a_change_of_a_group_has_its_view_and_certification_data() {
    let mut name = [0; 40];
    name[..12].copy_from_slice(b"1483264345:7");
    let parts: [&[u8]; 4] = [
        &name,                           // view id, filled up with NUL
        &[9, 0, 0, 0, 0, 0, 0, 0],       // sequence number
        &[1, 0, 0, 0],                   // entries of certification data
        &[1, 0, b'k', 2, 0, 0, 0, 5, 6], // a key and a value, their lengths in 2 and 4 bytes
    ];
    let event = event(EventKind::VIEW_CHANGE, &parts);
    let expected = ViewChange {
        view_id: b"1483264345:7",
        sequence_number: 9,
        certification_count: 1,
        certification: parts[3],
    };
    assert_eq!(parse(&event), Ok(Body::ViewChange(expected)));
    // The server's own word on the length of the fixed part.
    let fixed = format().post_header_len(EventKind::VIEW_CHANGE);
    assert_eq!(fixed, Some(parts[0].len() + parts[1].len() + parts[2].len()));
    must_have(&event, fixed.unwrap());
}

#[test]
fn the_context_of_a_groups_transaction_has_what_it_wrote_and_read() {
    let uuid = b"3e11fa47-71ca-11e1-9e33-c80aa9429562";
    let parts: [&[u8]; 10] = [
        &[36],         // length of the server's UUID
        &[8, 0, 0, 0], // thread
        &[1],          // the GTID was given
        &[3, 0, 0, 0], // length of the snapshot version
        &[2, 0, 0, 0], // hashes written
        &[1, 0, 0, 0], // hashes read
        uuid,
        b"set",                          // snapshot version
        &[1, 0, b'a', 2, 0, b'b', b'c'], // each with its length
        &[1, 0, b'r'],
    ];
    let event = event(EventKind::TRANSACTION_CONTEXT, &parts);
    let Ok(Body::TransactionContext(context)) = parse(&event) else { panic!("no context") };
    assert_eq!((context.server_uuid, context.thread_id), (&uuid[..], 8));
    assert_eq!((context.gtid_specified, context.snapshot_version), (true, &b"set"[..]));
    assert_eq!(context.write_set.iter().collect::<Vec<_>>(), [&b"a"[..], b"bc"]);
    assert_eq!(context.read_set.iter().collect::<Vec<_>>(), [&b"r"[..]]);
    let fixed: usize = parts[..6].iter().map(|part| part.len()).sum();
    assert_eq!(format().post_header_len(EventKind::TRANSACTION_CONTEXT), Some(fixed));
    must_have(&event, event.len() - HEADER_LEN);
}

#[test]
fn heartbeats_say_where_the_source_is() {
    let file: &[u8] = b"binlog.000001";
    let old = event(EventKind::HEARTBEAT, &[file]);
    assert_eq!(parse(&old), Ok(Body::Heartbeat(Heartbeat { file, position: 7 })));

    let parts: [&[u8]; 8] = [
        &[1, 13], // field 1, its length
        file,
        &[2, 9],                         // field 2
        &[0xfe, 0, 0, 0, 0, 1, 0, 0, 0], // a length-encoded integer: 4 GiB
        &[77, 1],                        // a field of tomorrow
        b"?",
        &[0], // the end
        b"more",
    ];
    let new = event(EventKind::HEARTBEAT_V2, &parts);
    let expected = Heartbeat { file, position: 1 << 32 };
    assert_eq!(parse(&new), Ok(Body::Heartbeat(expected)));
    must_have(&new, new.len() - HEADER_LEN - parts[7].len());
}

#[test]
fn an_update_of_version_0_says_once_which_columns_it_has() {
    let head: [&[u8]; 5] = [
        &[5, 0, 0, 0, 0, 0], // table
        &[1, 0],             // flags: the statement ends
        &[2],                // columns
        &[0b11],             // those present, before and after
        b"rows",
    ];
    let event = event(EventKind::UPDATE_ROWS_V0, &head);
    let Ok(Body::Rows(rows)) = parse(&event) else { panic!("no rows") };
    assert_eq!((rows.change, rows.version, rows.table_id), (RowsChange::Update, 0, 5));
    assert_eq!((rows.present, rows.present_after, rows.rows), (head[3], head[3], head[4]));
    assert!(rows.ends_statement());
    must_have(&event, event.len() - HEADER_LEN - head[4].len());
}

/// The format description of a MySQL before 5.5: it knows fewer types, and no checksums. With the
/// lengths of fixed parts of events from number 15 on.
fn old(lens: &[u8]) -> Result<FormatDescription, EventError> {
    let mut parts = vec![4, 0];
    parts.extend_from_slice(b"5.1.15-log");
    parts.resize(2 + 50, 0);
    parts.extend([0, 0, 0, 0, 19]); // created, length of headers
    parts.extend([56, 13, 0, 8, 0, 18, 0, 4, 4, 4, 4, 18, 0, 0]);
    parts.extend_from_slice(lens);
    FormatDescription::parse(&event(EventKind::FORMAT_DESCRIPTION, &[&parts]))
}

/// That of one with short table ids.
fn old_format() -> FormatDescription {
    old(&[79, 0, 4, 26, 6, 6, 6, 6]).unwrap()
}

#[test]
fn other_numbers_for_types_are_named() {
    // As servers had it that were given away before MySQL 5.1: row events come before Xid.
    let other = old(&[79, 6, 6, 6, 6, 0, 4, 26]);
    assert_eq!(other, Err(EventError::OtherNumbers { version: "5.1.15-log".to_owned() }));
}

#[test]
fn an_old_table_map_has_type_codes_alone() {
    let parts: [&[u8]; 5] = [
        &[5, 0, 0, 0], // table, in four bytes
        &[0, 0],       // flags
        b"\x01d\0",
        b"\x01t\0",
        &[2, 3, 254], // columns and their types
    ];
    let event = event(EventKind::TABLE_MAP, &parts);
    let header = EventHeader::parse(&event).unwrap();
    let Ok(Body::TableMap(map)) = Body::parse(&header, &event, &old_format()) else {
        panic!("no table map")
    };
    assert_eq!((map.table_id, map.schema, map.table), (5, "d", "t"));
    assert!(map.is_bare() && map.column_types == [3, 254]);
    for len in HEADER_LEN..event.len() {
        assert!(Body::parse(&header, &event[..len], &old_format()).is_err(), "{len}");
    }
    // Later ones are not whole without sizes and NULL bits.
    let parts = [&[5, 0, 0, 0, 0, 0], parts[1], parts[2], parts[3], parts[4]];
    assert!(matches!(
        parse(&self::event(EventKind::TABLE_MAP, &parts)),
        Err(EventError::Truncated { .. })
    ));
}

#[test]
fn an_abandoned_load_names_its_file() {
    let event = event(EventKind::DELETE_FILE, &[&[3, 0, 0, 0]]);
    assert_eq!(parse(&event), Ok(Body::DeleteFile { file_id: 3 }));
    must_have(&event, 4);
}
