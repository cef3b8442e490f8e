use super::*;
use crate::error_code::ErrorCode;

const NONE: Capabilities = Capabilities::NONE;
const DEPRECATE_EOF: Capabilities = Capabilities::DEPRECATE_EOF;

/// `SELECT @@version_comment` by libmysqlclient, from the manual's example, annotated.
const COLUMN: &[u8] = b"\x03def\
    \x00\
    \x00\
    \x00\
    \x11@@version_comment\
    \x00\
    \x0c\
    \x08\x00\
    \x1c\x00\x00\x00\
    \xfd\
    \x00\x00\
    \x1f\
    \x00\x00";

#[test]
fn a_column_definition_is_read_and_written_back() {
    let column = ColumnDefinition::parse(COLUMN).unwrap();
    let expected =
        ColumnDefinition { charset: 8, length: 28, ..ColumnDefinition::text("@@version_comment") };
    assert_eq!(column, expected);
    let mut out = Vec::new();
    column.encode(&mut out);
    assert_eq!(out, COLUMN);
}

#[test]
fn a_truncated_or_over_long_column_definition_is_an_error() {
    for len in 0..COLUMN.len() {
        assert!(ColumnDefinition::parse(&COLUMN[..len]).is_err(), "{len} bytes");
    }
    let long = [COLUMN, &[0]].concat();
    assert_eq!(
        ColumnDefinition::parse(&long),
        Err(WireError::TrailingBytes { structure: "ColumnDefinition", count: 1 })
    );
}

fn values(payload: &[u8]) -> Result<Vec<Option<&[u8]>>, WireError> {
    TextRow::new(payload).collect()
}

#[test]
fn a_row_holds_bytes_and_nulls() {
    assert_eq!(
        values(b"\x01a\xfb\x00\x02bc").unwrap(),
        [Some(&b"a"[..]), None, Some(b""), Some(b"bc")]
    );
    assert!(values(b"\x02a").is_err());
    assert!(values(b"\xff").is_err());
    assert!(values(b"\xfc\x01").is_err());
}

#[test]
fn the_first_payload_tells_what_follows() {
    assert!(matches!(
        QueryResponse::parse(b"\x00\x00\x00\x02\x00\x00\x00", NONE),
        Ok(QueryResponse::Ok(_))
    ));
    assert!(matches!(
        QueryResponse::parse(b"\xff\x28\x04#42000no", NONE),
        Ok(QueryResponse::Err(_))
    ));
    assert_eq!(
        QueryResponse::parse(b"\xfb/tmp/x", NONE),
        Ok(QueryResponse::LocalInfile(b"/tmp/x"))
    );
    assert_eq!(QueryResponse::parse(b"\x03", NONE), Ok(QueryResponse::Columns(3)));
    assert!(QueryResponse::parse(b"", NONE).is_err());
    assert!(QueryResponse::parse(b"\x03\x00", NONE).is_err(), "over-long");
    assert!(
        QueryResponse::parse(b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff", NONE).is_err(),
        "too many"
    );
}

/// Splits packets and checks their sequence ids, from 1 on.
fn payloads(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let header = crate::packet::PacketHeader::parse(bytes).unwrap();
        assert_eq!(usize::from(header.sequence), found.len() + 1);
        let (payload, rest) = bytes[4..].split_at(header.len);
        found.push(payload);
        bytes = rest;
    }
    found
}

fn written(capabilities: Capabilities) -> Vec<u8> {
    let mut out = Vec::new();
    let mut packets = PacketWriter::new(1);
    let columns = [ColumnDefinition::text("name"), ColumnDefinition::unsigned("size")];
    let mut set = ResultSetWriter::begin(
        &mut out,
        &mut packets,
        (capabilities, RowFormat::Text),
        StatusFlags::AUTOCOMMIT,
        &columns,
    );
    set.row([Some("binlog.000001"), Some("1234")]).unwrap();
    set.row([Some(""), None]).unwrap();
    set.finish(StatusFlags::AUTOCOMMIT, 1);
    out
}

#[test]
fn a_result_set_has_two_eofs_the_old_way() {
    let out = written(NONE);
    let payloads = payloads(&out);
    assert_eq!(payloads.len(), 7);
    assert_eq!(payloads[0], b"\x02");
    assert_eq!(ColumnDefinition::parse(payloads[2]), Ok(ColumnDefinition::unsigned("size")));
    assert_eq!(payloads[3], b"\xfe\x00\x00\x02\x00");
    assert_eq!(payloads[4], b"\x0dbinlog.000001\x041234");
    assert_eq!(payloads[5], b"\x00\xfb");
    assert_eq!(payloads[6], b"\xfe\x01\x00\x02\x00");
    assert!(matches!(
        RowResponse::parse(payloads[6], NONE),
        Ok(RowResponse::End { status: StatusFlags::AUTOCOMMIT, warnings: 1 })
    ));
}

#[test]
fn a_result_set_ends_with_an_ok_the_new_way() {
    let out = written(DEPRECATE_EOF);
    let payloads = payloads(&out);
    assert_eq!(payloads.len(), 6);
    assert_eq!(payloads[3], b"\x0dbinlog.000001\x041234");
    assert_eq!(payloads[5], b"\xfe\x00\x00\x02\x00\x01\x00");
    assert!(matches!(
        RowResponse::parse(payloads[5], DEPRECATE_EOF),
        Ok(RowResponse::End { status: StatusFlags::AUTOCOMMIT, warnings: 1 })
    ));
}

#[test]
fn a_result_set_can_fail_on_the_way() {
    let mut out = Vec::new();
    let mut packets = PacketWriter::new(1);
    let columns = [ColumnDefinition::text("name")];
    let status = StatusFlags::default();
    let how = (DEPRECATE_EOF, RowFormat::Text);
    let set = ResultSetWriter::begin(&mut out, &mut packets, how, status, &columns);
    set.fail(&ServerError::new(ErrorCode::QUERY_INTERRUPTED, "Query execution was interrupted"));
    let payloads = payloads(&out);
    let last = RowResponse::parse(payloads[2], DEPRECATE_EOF).unwrap();
    assert!(matches!(last, RowResponse::Err(e) if e.code == ErrorCode::QUERY_INTERRUPTED));
}

#[test]
fn a_row_whose_first_value_is_huge_is_no_eof() {
    let mut payload = Vec::new();
    payload.put_lenenc_bytes(&vec![b'x'; 1 << 24]);
    assert_eq!(payload[0], 0xfe);
    for capabilities in [NONE, DEPRECATE_EOF] {
        let RowResponse::Row(row) = RowResponse::parse(&payload, capabilities).unwrap() else {
            panic!("not a row")
        };
        assert_eq!(row.map(|v| v.unwrap().unwrap().len()).collect::<Vec<_>>(), [1 << 24]);
    }
}
