use super::*;
use crate::capability::Capabilities;
use crate::packet::PacketWriter;
use crate::reader::Reader;
use crate::resultset::{ColumnDefinition, ColumnType, ResultSetWriter, RowFormat};
use crate::status::StatusFlags;

const NONE: Capabilities = Capabilities::NONE;
const ATTRIBUTES: Capabilities = Capabilities::QUERY_ATTRIBUTES;
const INT: ParameterType = ParameterType { kind: ColumnType::LONG, is_unsigned: false };

/// Statement 7 with four parameters: -2 of INT, NULL, 200 of unsigned TINYINT, "ab".
const EXECUTE: &[u8] = b"\x07\x00\x00\x00\x00\x01\x00\x00\x00\
    \x02\
    \x01\
    \x03\x00\x08\x00\x01\x80\xfe\x00\
    \xfe\xff\xff\xff\
    \xc8\
    \x02ab";

fn never(_: usize) -> bool {
    false
}

#[test]
fn parameters_are_read_by_their_types() {
    let execute = Execute::parse(EXECUTE).unwrap();
    assert_eq!((execute.statement_id, execute.flags, execute.iterations), (7, 0, 1));
    let parameters = execute.read(4, &[], never, NONE).unwrap();
    let values: Vec<_> = parameters.values.into_iter().flatten().collect();
    let expected = [
        BinaryValue::Int(-2),
        BinaryValue::Null,
        BinaryValue::UInt(200),
        BinaryValue::Bytes(b"ab"),
    ];
    assert_eq!(values, expected);
    assert_eq!(parameters.types[0], INT);
    assert!(parameters.types[2].is_unsigned);
}

#[test]
fn parameters_cut_short_are_an_error() {
    for len in 0..EXECUTE.len() {
        let read =
            Execute::parse(&EXECUTE[..len]).and_then(|e| e.read(4, &[], never, NONE).map(drop));
        assert!(read.is_err(), "{len} bytes");
    }
}

#[test]
fn types_are_remembered_and_none_are_an_error() {
    let execute =
        Execute::parse(b"\x07\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x05\x00\x00\x00").unwrap();
    let parameters = execute.read(1, &[INT], never, NONE).unwrap();
    assert_eq!(parameters.values, [Some(BinaryValue::Int(5))]);
    assert!(execute.read(1, &[], never, NONE).is_err());
}

#[test]
fn a_long_parameter_has_a_type_and_no_value() {
    // Also if the bitmap calls it NULL: what was sent for it counts.
    let bytes = b"\x07\x00\x00\x00\x00\x01\x00\x00\x00\x01\x01\xfc\x00\x03\x00\x05\x00\x00\x00";
    let execute = Execute::parse(bytes).unwrap();
    let parameters = execute.read(2, &[], |i| i == 0, NONE).unwrap();
    assert_eq!(parameters.values, [None, Some(BinaryValue::Int(5))]);
}

/// One parameter and one attribute, with the number of both before them.
const WITH_ATTRIBUTE: &[u8] = b"\x07\x00\x00\x00\x08\x01\x00\x00\x00\
    \x02\
    \x00\
    \x01\
    \x03\x00\x00\
    \xfe\x00\x05trace\
    \x05\x00\x00\x00\
    \x03abc";

#[test]
fn attributes_after_the_parameters_are_skipped() {
    let execute = Execute::parse(WITH_ATTRIBUTE).unwrap();
    let parameters = execute.read(1, &[], never, ATTRIBUTES).unwrap();
    assert_eq!(parameters.values, [Some(BinaryValue::Int(5))]);
    assert_eq!(parameters.types, [INT]);
    assert!(execute.read(3, &[], never, ATTRIBUTES).is_err(), "fewer than the statement has");
    for len in 0..WITH_ATTRIBUTE.len() {
        let read = Execute::parse(&WITH_ATTRIBUTE[..len])
            .and_then(|e| e.read(1, &[], never, ATTRIBUTES).map(drop));
        assert!(read.is_err(), "{len} bytes");
    }
    // Attributes of a statement without parameters, and none.
    assert_eq!(execute.read(0, &[], never, ATTRIBUTES).unwrap(), Parameters::default());
    let without = Execute::parse(&WITH_ATTRIBUTE[..9]).unwrap();
    assert!(
        without.read(0, &[], never, ATTRIBUTES).is_err(),
        "the flag says that there is a number"
    );
    let without = Execute { flags: 0, ..without };
    assert_eq!(without.read(0, &[], never, ATTRIBUTES).unwrap(), Parameters::default());
}

#[test]
fn a_huge_parameter_count_allocates_nothing() {
    let bytes = b"\x07\x00\x00\x00\x08\x01\x00\x00\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01";
    let execute = Execute::parse(bytes).unwrap();
    assert!(execute.read(0, &[], never, ATTRIBUTES).is_err());
}

#[test]
fn dates_and_times_have_the_shortest_form_and_a_text() {
    let cases = [
        ("0000-00-00 00:00:00", 1),
        ("2026-12-01 00:00:00", 5),
        ("2026-12-01 23:59:58", 8),
        ("2026-12-01 23:59:58.000120", 12),
    ];
    for (text, len) in cases {
        let date = DateTime::from_text(text).unwrap();
        let mut out = Vec::new();
        date.encode(&mut out);
        assert_eq!(out.len(), len, "{text}");
        assert_eq!(DateTime::parse(&mut Reader::new(&out, "test")), Ok(date));
        assert_eq!(date.to_string(), text);
    }
    assert_eq!(DateTime::from_text("2026-12-01").unwrap().date(), "2026-12-01");
    assert_eq!(DateTime::from_text("2026-12-01 01:02:03.5").unwrap().micros, 500_000);
    for (text, len) in [("00:00:00", 1), ("-838:59:59", 9), ("26:00:00.000001", 13)] {
        let time = Time::from_text(text).unwrap();
        let mut out = Vec::new();
        time.encode(&mut out);
        assert_eq!(out.len(), len, "{text}");
        assert_eq!(Time::parse(&mut Reader::new(&out, "test")), Ok(time));
        assert_eq!(time.to_string(), text);
    }
}

#[test]
fn what_is_no_date_or_time_is_refused() {
    for text in ["", "2026", "2026-12", "2026-12-01-1", "2026-12-01 1", "70000-01-01", "+1-01-01"] {
        assert_eq!(DateTime::from_text(text), None, "{text}");
    }
    assert_eq!(DateTime::from_text("2026-12-01 -01:00:00"), None);
    for text in
        ["", "-", "1", "1:2", "1:2:3:4", "1:2:300", "1:2:3.1234567", "1:2:3.x", "99999999999:0:0"]
    {
        assert_eq!(Time::from_text(text), None, "{text}");
    }
    for bytes in [&b"\x05\x00\x00\x00\x00\x00"[..], b"\x07\x00", b""] {
        assert!(DateTime::parse(&mut Reader::new(bytes, "test")).is_err());
        assert!(Time::parse(&mut Reader::new(bytes, "test")).is_err());
    }
}

/// A column of a type; 0x20 is the flag of unsigned ones.
fn column(kind: ColumnType, flags: u16) -> ColumnDefinition<'static> {
    ColumnDefinition { kind, flags, ..ColumnDefinition::text("c") }
}

/// The payload of a row of one value.
fn row(kind: ColumnType, flags: u16, text: Option<&str>) -> Result<Vec<u8>, InvalidText> {
    let (mut out, mut packets) = (Vec::new(), PacketWriter::new(0));
    let how = (Capabilities::DEPRECATE_EOF, RowFormat::Binary);
    let columns = [column(kind, flags)];
    let mut set =
        ResultSetWriter::begin(&mut out, &mut packets, how, StatusFlags::default(), &columns);
    set.buffer().clear();
    set.row([text])?;
    Ok(out[4..].to_vec())
}

#[test]
fn the_text_of_a_value_becomes_binary_by_its_columns_type() {
    let cases: &[(ColumnType, u16, &str, &[u8])] = &[
        (ColumnType::TINY, 0, "-128", b"\x80"),
        (ColumnType::TINY, 0x20, "255", b"\xff"),
        (ColumnType::SHORT, 0, "-2", b"\xfe\xff"),
        (ColumnType::YEAR, 0x20, "2026", b"\xea\x07"),
        (ColumnType::INT24, 0, "-8388608", b"\x00\x00\x80\xff"),
        (ColumnType::LONG, 0x20, "00004294967295", b"\xff\xff\xff\xff"),
        (ColumnType::LONGLONG, 0, "-1", b"\xff\xff\xff\xff\xff\xff\xff\xff"),
        (ColumnType::LONGLONG, 0x20, "18446744073709551615", b"\xff\xff\xff\xff\xff\xff\xff\xff"),
        (ColumnType::FLOAT, 0, "1.5", b"\x00\x00\xc0\x3f"),
        (ColumnType::DOUBLE, 0, "-2e0", b"\x00\x00\x00\x00\x00\x00\x00\xc0"),
        (ColumnType::DATE, 0, "2026-12-01", b"\x04\xea\x07\x0c\x01"),
        (ColumnType::DATETIME, 0, "2026-12-01 01:02:03", b"\x07\xea\x07\x0c\x01\x01\x02\x03"),
        (ColumnType::TIMESTAMP, 0, "0000-00-00 00:00:00", b"\x00"),
        (ColumnType::TIME, 0, "-25:00:01", b"\x08\x01\x01\x00\x00\x00\x01\x00\x01"),
        (ColumnType::NEWDECIMAL, 0, "-1.50", b"\x05-1.50"),
        (ColumnType(0x10), 0x20, "\x05", b"\x01\x05"), // BIT
        (ColumnType(0xf5), 0, "{}", b"\x02{}"),        // JSON
        (ColumnType(0xff), 0, "\0", b"\x01\0"),        // GEOMETRY
        (ColumnType::BLOB, 0, "x", b"\x01x"),
        (ColumnType::VAR_STRING, 0, "", b"\x00"),
    ];
    for (kind, flags, text, bytes) in cases {
        let expected = [b"\x00\x00", *bytes].concat();
        assert_eq!(row(*kind, *flags, Some(text)).unwrap(), expected, "{text} of {kind:?}");
    }
    assert_eq!(row(ColumnType::LONG, 0, None).unwrap(), b"\x00\x04");
}

#[test]
fn a_text_that_is_not_of_its_columns_type_is_an_error_and_leaves_no_part_of_a_row() {
    let cases = [
        (ColumnType::TINY, 0, "128"),
        (ColumnType::TINY, 0, "-129"),
        (ColumnType::TINY, 0x20, "256"),
        (ColumnType::TINY, 0x20, "-1"),
        (ColumnType::SHORT, 0, "32768"),
        (ColumnType::LONG, 0, "1.5"),
        (ColumnType::LONGLONG, 0, "9223372036854775808"),
        (ColumnType::DOUBLE, 0, "x"),
        (ColumnType::DATE, 0, "today"),
        (ColumnType::NULL, 0, "x"),
    ];
    for (kind, flags, text) in cases {
        let error = row(kind, flags, Some(text)).unwrap_err();
        assert_eq!((error.kind, error.text.as_str()), (kind.0, text));
    }
    let (mut out, mut packets) = (Vec::new(), PacketWriter::new(0));
    let how = (Capabilities::DEPRECATE_EOF, RowFormat::Binary);
    let columns = [column(ColumnType::LONG, 0), column(ColumnType::LONG, 0)];
    let mut set =
        ResultSetWriter::begin(&mut out, &mut packets, how, StatusFlags::default(), &columns);
    let before = set.buffer().len();
    assert!(set.row([Some("1"), Some("x")]).is_err());
    assert_eq!(set.buffer().len(), before);
    set.row([Some("1"), Some("2")]).unwrap();
    assert_eq!(set.buffer()[before + 3], 3, "the sequence id goes on after the columns");
}

#[test]
fn rows_are_read_back() {
    // Seven columns: the last one's NULL is in the second byte of the bitmap.
    let mut payload = b"\x00\x00\x01".to_vec();
    for n in 0..6u8 {
        payload.extend_from_slice(&[n, 0, 0, 0]);
    }
    let row = BinaryRow::parse(&payload, 7).unwrap();
    let mut expected: Vec<_> = (0..6).map(BinaryValue::Int).collect();
    expected.push(BinaryValue::Null);
    assert_eq!(row.values([INT; 7]).unwrap(), expected);
    assert!(BinaryRow::parse(&payload[..26], 7).unwrap().values([INT; 7]).is_err());
    payload.push(0);
    assert!(BinaryRow::parse(&payload, 7).unwrap().values([INT; 7]).is_err());
    assert!(BinaryRow::parse(b"\x01\x00", 1).is_err());
}

#[test]
fn the_answer_to_prepare_counts_and_defines() {
    let (mut out, mut packets) = (Vec::new(), PacketWriter::new(1));
    let columns = [ColumnDefinition::text("a")];
    PrepareOk::write(9, 2, &columns, (NONE, StatusFlags::default()), &mut packets, &mut out);
    let ok = PrepareOk::parse(&out[4..16]).unwrap();
    assert_eq!(ok, PrepareOk { statement_id: 9, columns: 1, parameters: 2, warnings: 0 });
    assert_eq!(packets.sequence(), 7, "two parameters, one column, each with an EOF");
    assert_eq!(out[out.len() - 5..], *b"\xfe\x00\x00\x00\x00");
    packets.set_sequence(1);
    let how = (Capabilities::DEPRECATE_EOF, StatusFlags::default());
    PrepareOk::write(9, 0, &[], how, &mut packets, &mut out);
    assert_eq!(packets.sequence(), 2);
    for len in 0..9 {
        assert!(PrepareOk::parse(&out[4..4 + len]).is_err());
    }
}
