use super::*;
use crate::handshake::Attributes;

const NONE: Capabilities = Capabilities::NONE;
const ATTRIBUTES: Capabilities = Capabilities::QUERY_ATTRIBUTES;
const MODERN: Capabilities = Capabilities::SECURE_CONNECTION
    .with(Capabilities::PLUGIN_AUTH)
    .with(Capabilities::CONNECT_ATTRS);

fn is_symmetric(payload: &[u8], capabilities: Capabilities) {
    let command = Command::parse(payload, capabilities).unwrap();
    let mut out = Vec::new();
    command.encode(&mut out, capabilities);
    assert_eq!(out, payload, "{command:?}");
}

#[test]
fn commands_are_read_and_written_back() {
    for payload in [
        &b"\x01"[..],
        b"\x02test",
        b"\x03SELECT 1",
        b"\x09",
        b"\x0c\x07\x00\x00\x00",
        b"\x0e",
        b"\x1b\x01\x00",
        b"\x1f",
        b"\x16SELECT ?",
        b"\x17\x07\x00\x00\x00\x08\x01\x00\x00\x00anything",
        b"\x18\x07\x00\x00\x00\x01\x00a piece",
        b"\x19\x07\x00\x00\x00",
        b"\x1a\x07\x00\x00\x00",
        b"\x1c\x07\x00\x00\x00\x0a\x00\x00\x00",
        b"\x7fsome future command",
    ] {
        is_symmetric(payload, NONE);
    }
    is_symmetric(b"\x03\x00\x01SELECT 1", ATTRIBUTES);
    assert_eq!(Command::parse(b"\x0c\x07\x00\x00\x00", NONE), Ok(Command::ProcessKill(7)));
}

#[test]
fn an_empty_payload_is_no_command() {
    assert!(Command::parse(b"", NONE).is_err());
}

/// Three attributes: a NULL, an integer and a string, before `SELECT 1`.
const WITH_ATTRIBUTES: &[u8] = b"\x03\
    \x03\x01\
    \x01\
    \x01\
    \xfe\x00\x01n\
    \x08\x80\x02id\
    \xfe\x00\x05trace\
    \x2a\x00\x00\x00\x00\x00\x00\x00\
    \x03abc\
    SELECT 1";

#[test]
fn query_attributes_are_skipped() {
    assert_eq!(Command::parse(WITH_ATTRIBUTES, ATTRIBUTES), Ok(Command::Query(b"SELECT 1")));
}

#[test]
fn truncated_query_attributes_are_an_error() {
    let text_at = WITH_ATTRIBUTES.len() - b"SELECT 1".len();
    for len in 1..text_at {
        assert!(Command::parse(&WITH_ATTRIBUTES[..len], ATTRIBUTES).is_err(), "{len} bytes");
    }
}

#[test]
fn a_huge_attribute_count_allocates_nothing() {
    let payload = b"\x03\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x01";
    assert!(Command::parse(payload, ATTRIBUTES).is_err());
}

#[test]
fn temporal_attributes_carry_their_own_length() {
    // DATETIME of 4 bytes, TIME of 0 bytes.
    let payload = b"\x03\x02\x01\x00\x01\x0c\x00\x01d\x0b\x00\x01t\x04\xe9\x07\x01\x02\x00SELECT 2";
    assert_eq!(Command::parse(payload, ATTRIBUTES), Ok(Command::Query(b"SELECT 2")));
}

#[test]
fn change_user_is_read_and_written_back() {
    let payload = b"\x11repl\0\x03xyztest\0\x2d\x00caching_sha2_password\0\x0b\x03_os\x06Linux!";
    let command = Command::parse(payload, MODERN).unwrap();
    let expected = ChangeUser {
        user: "repl",
        auth_response: b"xyz",
        database: Some("test"),
        charset: Some(45),
        auth_plugin: Some("caching_sha2_password"),
        attributes: Attributes(vec![(b"_os", b"Linux!")]),
    };
    assert_eq!(command, Command::ChangeUser(expected));
    is_symmetric(payload, MODERN);
    // Old clients stop behind the database or the character set.
    let optional = [payload.len() - 12 - 22 - 2, payload.len() - 12 - 22, payload.len() - 12];
    for len in (1..payload.len()).filter(|len| !optional.contains(len)) {
        assert!(Command::parse(&payload[..len], MODERN).is_err(), "{len} bytes");
    }
    for len in optional {
        Command::parse(&payload[..len], MODERN).unwrap();
    }
}
