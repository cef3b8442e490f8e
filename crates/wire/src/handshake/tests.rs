use super::*;
use crate::capability::Capabilities;
use crate::status::StatusFlags;

/// The greeting of a MySQL 9.7 server, annotated.
const GREETING: &[u8] = b"\x0a\
    9.7.0\0\
    \x0b\x00\x00\x00\
    abcdefgh\0\
    \xff\xff\
    \xff\
    \x02\x00\
    \xff\xdf\
    \x15\
    \0\0\0\0\0\0\0\0\0\0\
    ijklmnopqrst\0\
    caching_sha2_password\0";

/// A handshake response as libmysqlclient sends it.
const RESPONSE: &[u8] = b"\x0d\xa2\x3a\x00\
    \x00\x00\x00\x01\
    \x2d\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    repl\0\
    \x03xyz\
    test\0\
    mysql_native_password\0\
    \x0b\x03_os\x06Linux!";

#[test]
fn a_greeting_is_read_field_by_field_and_written_back() {
    let greeting = Greeting::parse(GREETING).unwrap();
    assert_eq!(greeting.server_version, "9.7.0");
    assert_eq!(greeting.connection_id, 11);
    assert_eq!(greeting.scramble, Scramble(*b"abcdefghijklmnopqrst"));
    assert_eq!(greeting.capabilities, Capabilities(0xdfff_ffff));
    assert_eq!(greeting.charset, 255);
    assert_eq!(greeting.status, StatusFlags::AUTOCOMMIT);
    assert_eq!(greeting.auth_plugin, "caching_sha2_password");
    let mut out = Vec::new();
    greeting.encode(&mut out);
    assert_eq!(out, GREETING);
}

#[test]
fn a_truncated_greeting_is_an_error() {
    // The plugin's name may lack its end.
    let required = GREETING.len() - "caching_sha2_password\0".len();
    for len in 0..required {
        assert!(Greeting::parse(&GREETING[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn mariadb_announces_extended_capabilities_in_the_reserved_bytes() {
    let mut bytes = GREETING.to_vec();
    let caps_at = 1 + 6 + 4 + 8 + 1;
    let extended_at = caps_at + 2 + 1 + 2 + 2 + 1 + 6;
    bytes[extended_at] = 0x1d;
    assert_eq!(Greeting::parse(&bytes).unwrap().capabilities.high(), 0, "MySQL does not");
    bytes[caps_at] &= !1; // LONG_PASSWORD off
    let greeting = Greeting::parse(&bytes).unwrap();
    assert_eq!(greeting.capabilities.high(), 0x1d);
    let mut out = Vec::new();
    greeting.encode(&mut out);
    assert_eq!(out, bytes);
}

#[test]
fn another_protocol_version_is_refused() {
    let mut bytes = GREETING.to_vec();
    bytes[0] = 9;
    assert_eq!(
        Greeting::parse(&bytes).unwrap_err().to_string(),
        "Greeting: bad value 0x9 in protocol version"
    );
}

#[test]
fn a_handshake_response_is_read_field_by_field_and_written_back() {
    let ClientReply::Handshake(response) = ClientReply::parse(RESPONSE).unwrap() else {
        panic!("not a handshake response")
    };
    assert_eq!(response.user, "repl");
    assert_eq!(response.auth_response, b"xyz");
    assert_eq!(response.database, Some("test"));
    assert_eq!(response.auth_plugin, Some("mysql_native_password"));
    assert_eq!(response.attributes, Attributes(vec![(b"_os", b"Linux!")]));
    assert_eq!(response.max_packet, 1 << 24);
    assert_eq!(response.charset, 45);
    let mut out = Vec::new();
    response.encode(&mut out);
    assert_eq!(out, RESPONSE);
}

#[test]
fn a_truncated_handshake_response_is_an_error() {
    // Absent as a whole the plugin and the attributes may be.
    let plugin_at = 32 + 5 + 4 + 5;
    let attributes_at = plugin_at + 22;
    for len in (0..RESPONSE.len()).filter(|&len| len != plugin_at && len != attributes_at) {
        assert!(ClientReply::parse(&RESPONSE[..len]).is_err(), "{len} bytes");
    }
    let without_plugin = HandshakeResponse::parse(&RESPONSE[..plugin_at]).unwrap();
    assert_eq!(without_plugin.auth_plugin, None);
}

#[test]
fn an_ssl_request_is_the_fixed_part_alone() {
    let request = SslRequest {
        capabilities: Capabilities::PROTOCOL_41 | Capabilities::SSL | Capabilities::LONG_PASSWORD,
        max_packet: 1 << 24,
        charset: 45,
    };
    let mut out = Vec::new();
    request.encode(&mut out);
    assert_eq!(out.len(), 32);
    assert_eq!(ClientReply::parse(&out), Ok(ClientReply::Ssl(request)));
}

#[test]
fn an_auth_switch_request_loses_the_nul_behind_its_scramble() {
    let payload = b"\xfemysql_native_password\0abcdefghijklmnopqrst\0";
    let request = AuthSwitchRequest::parse(payload).unwrap();
    assert_eq!(request.plugin, "mysql_native_password");
    assert_eq!(request.data, b"abcdefghijklmnopqrst");
    let mut out = Vec::new();
    request.encode(&mut out);
    assert_eq!(out, payload);
    let payload = b"\xfeclient_ed25519\0a nonce of 32 bytes that ends in\0";
    let request = AuthSwitchRequest::parse(payload).unwrap();
    assert_eq!(request.data, b"a nonce of 32 bytes that ends in\0");
    assert!(AuthSwitchRequest::parse(b"\xfe").is_err(), "the method of before 4.1");
    assert!(AuthSwitchRequest::parse(b"\xfeplugin").is_err());
    assert!(AuthSwitchRequest::parse(b"\x00plugin\0").is_err());
}

#[test]
fn more_data_is_the_rest() {
    assert_eq!(AuthMoreData::parse(b"\x01\x03"), Ok(AuthMoreData(b"\x03")));
    assert!(AuthMoreData::parse(b"").is_err());
}

#[test]
fn scrambles_are_printable_without_dollar() {
    for _ in 0..100 {
        assert!(Scramble::random().0.iter().all(|b| b.is_ascii_graphic() && *b != b'$'));
    }
    assert_eq!(
        Scramble::from_slice(b"abcdefghijklmnopqrst\0"),
        Ok(Scramble(*b"abcdefghijklmnopqrst"))
    );
    assert!(Scramble::from_slice(b"abcdefghijklmnopqrst\0\0").is_err());
    assert!(Scramble::from_slice(b"abc").is_err());
}
