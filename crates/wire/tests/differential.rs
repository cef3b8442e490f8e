//! The same bytes through this crate and `mysql_common` mean the same.

use binlogd_wire::auth::{native, sha2};
use binlogd_wire::command::Command;
use binlogd_wire::handshake::{Attributes, Greeting, HandshakeResponse, Scramble};
use binlogd_wire::packet::PacketWriter;
use binlogd_wire::response::OkPacket;
use binlogd_wire::resultset::{
    ColumnDefinition, ColumnType as OurType, ResultSetWriter, RowFormat,
};
use binlogd_wire::statement::{BinaryRow, BinaryValue, PrepareOk, Time};
use binlogd_wire::{Capabilities, ErrorCode, ServerError, StatusFlags};
use mysql_common::auth::plugins::{caching_sha2_password, mysql_native_password};
use mysql_common::constants::{CapabilityFlags, ColumnType};
use mysql_common::io::ParseBuf;
use mysql_common::packets as theirs;
use mysql_common::proto::{Binary, MySerialize};
use mysql_common::row::{Row, RowDeserializer};
use mysql_common::value::{ServerSide, Value};
use proptest::prelude::*;

const MODERN: Capabilities = Capabilities::PROTOCOL_41
    .with(Capabilities::LONG_PASSWORD)
    .with(Capabilities::SECURE_CONNECTION)
    .with(Capabilities::PLUGIN_AUTH)
    .with(Capabilities::PLUGIN_AUTH_LENENC_DATA)
    .with(Capabilities::CONNECT_WITH_DB)
    .with(Capabilities::CONNECT_ATTRS);

fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

#[test]
fn greetings_agree() {
    let greeting = Greeting {
        server_version: "9.7.4-2".to_owned(),
        connection_id: 0x0102_0304,
        scramble: Scramble(*b"abcdefghijklmnopqrst"),
        capabilities: MODERN,
        charset: 255,
        status: StatusFlags::AUTOCOMMIT,
        auth_plugin: "caching_sha2_password".to_owned(),
    };
    let bytes = encoded(|out| greeting.encode(out));
    let parsed: theirs::HandshakePacket<'_> = ParseBuf(&bytes).parse(()).unwrap();
    assert_eq!(parsed.server_version_ref(), b"9.7.4-2");
    assert_eq!(parsed.connection_id(), 0x0102_0304);
    assert_eq!(parsed.nonce(), b"abcdefghijklmnopqrst");
    assert_eq!(parsed.capabilities().bits(), MODERN.low());
    assert_eq!(parsed.auth_plugin_name_ref(), Some(&b"caching_sha2_password"[..]));

    let mut written = Vec::new();
    parsed.serialize(&mut written);
    assert_eq!(Greeting::parse(&written).unwrap(), greeting);
}

#[test]
fn handshake_responses_agree() {
    let response = HandshakeResponse {
        capabilities: MODERN,
        max_packet: 1 << 24,
        charset: 45,
        user: "repl",
        auth_response: &[7; 32],
        database: Some("test"),
        auth_plugin: Some("caching_sha2_password"),
        attributes: Attributes(vec![(b"_os", b"Linux")]),
        zstd_level: None,
    };
    let bytes = encoded(|out| response.encode(out));
    let parsed: theirs::HandshakeResponse<'_> = ParseBuf(&bytes).parse(()).unwrap();
    assert_eq!(parsed.user(), b"repl");
    assert_eq!(parsed.scramble_buf(), [7; 32]);
    assert_eq!(parsed.db_name(), Some(&b"test"[..]));
    assert_eq!(parsed.capabilities(), CapabilityFlags::from_bits_truncate(MODERN.low()));

    let mut written = Vec::new();
    parsed.serialize(&mut written);
    assert_eq!(HandshakeResponse::parse(&written).unwrap(), response);
}

#[test]
fn errors_agree() {
    let error = ServerError::new(ErrorCode::ACCESS_DENIED, "Access denied");
    let bytes = encoded(|out| error.encode(out));
    let capabilities = CapabilityFlags::CLIENT_PROTOCOL_41;
    let parsed: theirs::ErrPacket<'_> = ParseBuf(&bytes).parse(capabilities).unwrap();
    let parsed = parsed.server_error();
    assert_eq!(parsed.error_code(), 1045);
    assert_eq!(parsed.sql_state_ref().unwrap().as_str(), "28000");
    assert_eq!(parsed.message_str(), "Access denied");
}

#[test]
fn answers_to_prepare_agree() {
    let ok = PrepareOk { statement_id: 0x0102_0304, columns: 5, parameters: 6, warnings: 7 };
    let bytes = encoded(|out| ok.encode(out));
    let parsed: theirs::StmtPacket = ParseBuf(&bytes).parse(()).unwrap();
    assert_eq!(parsed.statement_id(), ok.statement_id);
    assert_eq!((parsed.num_columns(), parsed.num_params()), (5, 6));
    assert_eq!(parsed.warning_count(), 7);
}

/// A parameter's value as they have it.
fn value() -> impl Strategy<Value = Value> {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let date = (0..=9999u16, 0..=12u8, 0..=31u8, 0..24u8, 0..60u8, 0..60u8, 0..1_000_000u32);
    let time = (any::<bool>(), 0..=34u32, 0..24u8, 0..60u8, 0..60u8, 0..1_000_000u32);
    prop_oneof![
        Just(Value::NULL),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::UInt),
        any::<f32>().prop_filter("a number", |n| n.is_finite()).prop_map(Value::Float),
        any::<f64>().prop_filter("a number", |n| n.is_finite()).prop_map(Value::Double),
        bytes.prop_map(Value::Bytes),
        date.prop_map(|(y, m, d, h, i, s, u)| Value::Date(y, m, d, h, i, s, u)),
        time.prop_map(|(n, d, h, m, s, u)| Value::Time(n, d, h, m, s, u)),
    ]
}

/// One of our values as they have it. They write an unsigned number as a signed one if it fits.
fn as_theirs(value: BinaryValue<'_>) -> Value {
    match value {
        BinaryValue::Null => Value::NULL,
        BinaryValue::Int(number) => Value::Int(number),
        BinaryValue::UInt(number) => Value::UInt(number),
        BinaryValue::Float(number) => Value::Float(number),
        BinaryValue::Double(number) => Value::Double(number),
        BinaryValue::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        BinaryValue::Date(d) | BinaryValue::DateTime(d) => {
            Value::Date(d.year, d.month, d.day, d.hour, d.minute, d.second, d.micros)
        }
        BinaryValue::Time(Time { negative, days, hour, minute, second, micros }) => {
            Value::Time(negative, days, hour, minute, second, micros)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn ok_packets_agree(
        affected_rows: u64,
        last_insert_id: u64,
        // mysql_common refuses bits it does not know.
        status in any::<u16>().prop_map(|bits| bits & 0x000b),
        warnings: u16,
        info in "[a-z ]{1,300}",
    ) {
        let ok = OkPacket {
            affected_rows,
            last_insert_id,
            status: StatusFlags(status),
            warnings,
            info: info.as_bytes(),
            session_state: b"",
        };
        for (ours, flags) in [
            (Capabilities::NONE, CapabilityFlags::CLIENT_PROTOCOL_41),
            (
                Capabilities::SESSION_TRACK,
                CapabilityFlags::CLIENT_PROTOCOL_41 | CapabilityFlags::CLIENT_SESSION_TRACK,
            ),
        ] {
            let bytes = encoded(|out| ok.encode(out, ours));
            prop_assert_eq!(OkPacket::parse(&bytes, ours).unwrap(), ok.clone());
            let parsed: theirs::OkPacketDeserializer<'_, theirs::CommonOkPacket> =
                ParseBuf(&bytes).parse(flags).unwrap();
            let parsed: theirs::OkPacket<'_> = parsed.into_inner();
            prop_assert_eq!(parsed.affected_rows(), affected_rows);
            prop_assert_eq!(parsed.last_insert_id().unwrap_or(0), last_insert_id);
            prop_assert_eq!(parsed.warnings(), warnings);
            prop_assert_eq!(parsed.info_ref(), Some(info.as_bytes()));
        }
    }

    #[test]
    fn column_definitions_agree(
        names in prop::collection::vec("[a-z]{0,300}", 5),
        charset: u16,
        length: u32,
        decimals: u8,
    ) {
        let column = ColumnDefinition {
            schema: names[0].as_bytes(),
            table: names[1].as_bytes(),
            org_table: names[2].as_bytes(),
            name: names[3].as_bytes(),
            org_name: names[4].as_bytes(),
            charset,
            length,
            decimals,
            ..ColumnDefinition::text("")
        };
        let bytes = encoded(|out| column.encode(out));
        prop_assert_eq!(ColumnDefinition::parse(&bytes).unwrap(), column);
        let parsed: theirs::Column = ParseBuf(&bytes).parse(()).unwrap();
        prop_assert_eq!(parsed.schema_ref(), names[0].as_bytes());
        prop_assert_eq!(parsed.table_ref(), names[1].as_bytes());
        prop_assert_eq!(parsed.name_ref(), names[3].as_bytes());
        prop_assert_eq!(parsed.org_name_ref(), names[4].as_bytes());
        prop_assert_eq!(parsed.character_set(), charset);
        prop_assert_eq!(parsed.column_length(), length);
        prop_assert_eq!(parsed.decimals(), decimals);
        prop_assert_eq!(parsed.column_type(), ColumnType::MYSQL_TYPE_VAR_STRING);
    }

    #[test]
    fn proofs_of_a_password_agree(password in "\\PC{1,40}", nonce: [u8; 20]) {
        let scramble = Scramble(nonce);
        let password = password.as_bytes();
        prop_assert_eq!(
            Some(native::respond(password, &scramble)),
            mysql_native_password::scramble_native(&nonce, password)
        );
        prop_assert_eq!(
            Some(sha2::respond(password, &scramble)),
            caching_sha2_password::scramble_sha256(&nonce, password)
        );
    }

    #[test]
    fn parameters_agree(values in prop::collection::vec(value(), 1..40)) {
        let (request, as_long_data) = theirs::ComStmtExecuteRequestBuilder::new(7).build(&values);
        prop_assert!(!as_long_data);
        let mut bytes = Vec::new();
        request.serialize(&mut bytes);
        let Ok(Command::Execute(execute)) = Command::parse(&bytes, MODERN) else {
            return Err(TestCaseError::fail("it is another command"));
        };
        prop_assert_eq!(execute.statement_id, 7);
        let read = execute.read(values.len(), &[], |_| false, MODERN).unwrap();
        for (ours, theirs) in read.values.into_iter().zip(&values) {
            prop_assert_eq!(&as_theirs(ours.unwrap()), theirs);
        }
    }

    #[test]
    fn binary_rows_agree(
        signed: i64,
        unsigned: u64,
        double in any::<f64>().prop_filter("a number", |n| n.is_finite()),
        text in prop::option::of("\\PC{0,300}"),
        nulls: u8,
    ) {
        let unsigned_column = ColumnDefinition::unsigned("u");
        let plain = |kind| ColumnDefinition { kind, flags: 0, ..ColumnDefinition::text("c") };
        let columns = [
            plain(OurType::LONGLONG),
            unsigned_column,
            plain(OurType::DOUBLE),
            plain(OurType::VAR_STRING),
            plain(OurType::DATETIME),
            plain(OurType::TIME),
            plain(OurType::DATE),
        ];
        let values = [
            Some(signed.to_string()),
            Some(unsigned.to_string()),
            Some(double.to_string()),
            text,
            Some("2026-12-01 01:02:03.000004".into()),
            Some("-26:00:05".into()),
            Some("2026-12-01".into()),
        ];
        let values: Vec<_> = values
            .into_iter()
            .enumerate()
            .map(|(i, value)| value.filter(|_| nulls >> i & 1 == 0))
            .collect();
        let (mut out, mut packets) = (Vec::new(), PacketWriter::new(0));
        let how = (Capabilities::DEPRECATE_EOF, RowFormat::Binary);
        let status = StatusFlags::default();
        let mut set = ResultSetWriter::begin(&mut out, &mut packets, how, status, &columns);
        set.buffer().clear();
        set.row(values.iter().map(Option::as_ref)).unwrap();
        let payload = &out[4..];
        let theirs: Vec<theirs::Column> = columns
            .iter()
            .map(|column| ParseBuf(&encoded(|out| column.encode(out))).parse(()).unwrap())
            .collect();
        let row: RowDeserializer<ServerSide, Binary> =
            ParseBuf(payload).parse(theirs.into()).unwrap();
        let row = Row::from(row).unwrap();
        let expected = [
            Value::Int(signed),
            Value::UInt(unsigned),
            Value::Double(double),
            values[3].clone().map_or(Value::NULL, |text| Value::Bytes(text.into_bytes())),
            Value::Date(2026, 12, 1, 1, 2, 3, 4),
            Value::Time(true, 1, 2, 0, 5, 0),
            Value::Date(2026, 12, 1, 0, 0, 0, 0),
        ];
        let types = columns.map(|column| column.value_type());
        let ours = BinaryRow::parse(payload, columns.len()).unwrap().values(types).unwrap();
        for (i, expected) in expected.iter().enumerate() {
            let expected = if values[i].is_none() { &Value::NULL } else { expected };
            // They read what fits as a signed number.
            let same = |value: &Value| match (value, expected) {
                (Value::Int(a), Value::UInt(b)) => u64::try_from(*a) == Ok(*b),
                (value, expected) => value == expected,
            };
            prop_assert!(same(&row[i]), "{i}: {:?} is not {expected:?}", row[i]);
            prop_assert!(same(&as_theirs(ours[i])), "{i}: {:?} is not {expected:?}", ours[i]);
        }
    }
}
