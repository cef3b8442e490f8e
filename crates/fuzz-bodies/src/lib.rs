//! What is fuzzed: each function takes any bytes for what a peer or a disk might give, and panics
//! only if binlogd's code is wrong.
//!
//! `fuzz_targets` hands them to libFuzzer; `tests` runs them on mutations of a small corpus in every
//! test run, without a fuzzer.

mod decode;

pub use decode::{decode, json, payload, schema};

use binlogd_event::{
    ChecksumAlgorithm, EventHeader, EventPart, FormatDescription, GtidSet, Rotate, Splitter,
    Verifier, clear_in_use_flag, gtid_list, gtid_of, previous_gtids, statement,
};
use binlogd_server::downstream::sql::{self, Dialect, Inquiry, Statement};
use binlogd_server::listing;
use binlogd_wire::command::Command;
use binlogd_wire::dump::{Ack, BinlogDump, BinlogDumpGtid, RegisterReplica};
use binlogd_wire::handshake::{AuthSwitchRequest, ClientReply, Greeting};
use binlogd_wire::packet::PacketReceiver;
use binlogd_wire::reader::Reader;
use binlogd_wire::response::{EofPacket, OkPacket};
use binlogd_wire::statement::BinaryValue;
use binlogd_wire::{Capabilities, ServerError};

/// The longest payload that the packet target takes, in bytes.
const PAYLOAD_BYTES_MAX: usize = 1 << 10;

/// A stream of packets, as a socket gives it: in pieces of the length that the first byte says.
pub fn packet(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let mut receiver = PacketReceiver::new(64, PAYLOAD_BYTES_MAX);
    for mut piece in rest.chunks(usize::from(*first).max(1)) {
        while !piece.is_empty() {
            let spare = receiver.spare();
            let len = spare.len().min(piece.len());
            spare[..len].copy_from_slice(&piece[..len]);
            receiver.filled(len);
            piece = &piece[len..];
            loop {
                match receiver.poll() {
                    Ok(true) => assert!(receiver.payload().len() <= PAYLOAD_BYTES_MAX),
                    Ok(false) => break,
                    Err(_) => return,
                }
            }
        }
    }
}

/// What both sides say before and in a login.
pub fn handshake(data: &[u8]) {
    let _ = ClientReply::parse(data);
    let _ = AuthSwitchRequest::parse(data);
    if let Ok(greeting) = Greeting::parse(data) {
        let mut out = Vec::new();
        greeting.encode(&mut out);
        assert!(Greeting::parse(&out).is_ok(), "what was read can be written and read again");
    }
}

/// A command after the login, and what may stand in its place.
pub fn command(data: &[u8]) {
    for capabilities in [Capabilities::NONE, Capabilities(u64::MAX)] {
        if let Ok(command) = Command::parse(data, capabilities) {
            let _ = command.kind();
        }
        let _ = OkPacket::parse(data, capabilities);
    }
    let _ = EofPacket::parse(data);
    let _ = ServerError::parse(data);
    let _ = Ack::parse(data);
    let _ = BinlogDump::parse(data);
    let _ = BinlogDumpGtid::parse(data);
    let _ = RegisterReplica::parse(data);
}

/// COM_STMT_EXECUTE: the first byte is the number of the statement's parameters, the second says which of the
/// first eight were sent as long data, the rest is the packet. It is read again with the types of the first time.
pub fn execute(data: &[u8]) {
    let [count, long_data, rest @ ..] = data else { return };
    let count = usize::from(*count);
    for capabilities in [Capabilities::NONE, Capabilities(u64::MAX)] {
        let Ok(Command::Execute(execute)) = Command::parse(rest, capabilities) else { return };
        let is_long = |i: usize| i < 8 && long_data >> i & 1 == 1;
        let Ok(parameters) = execute.read(count, &[], is_long, capabilities) else { continue };
        assert_eq!((parameters.types.len(), parameters.values.len()), (count, count));
        let same_types = execute.read(count, &parameters.types, is_long, capabilities);
        assert!(same_types.is_ok());
        for (kind, value) in parameters.types.iter().zip(&parameters.values) {
            let (Some(value), mut out) = (value, Vec::new()) else { continue };
            assert!(value.encode(kind.kind, &mut out).is_ok(), "{value:?} is of {kind:?}");
            if *value != BinaryValue::Null {
                let again = BinaryValue::parse(&mut Reader::new(&out, "value"), *kind);
                let is_nan = format!("{value:?}").contains("NaN");
                assert!(is_nan || again == Ok(*value), "{value:?} is {again:?}");
            }
        }
    }
}

/// A statement, in every dialect, and a pattern with a text. As a prepared one it has parameters.
pub fn sql(data: &[u8]) {
    for version in ["9.7.4", "5.6.24-log", "11.8.3-MariaDB-log", ""] {
        let dialect = Dialect::of_version(version);
        match sql::parse(data, dialect) {
            Ok(Statement::Inquiry(inquiry)) => inquired(&inquiry, dialect),
            Ok(_) => {}
            Err(error) => assert!(error.code >= 1000 && error.message.len() < 4096, "{error}"),
        }
        prepared(data, dialect);
    }
    let (text, pattern) = data.split_at(data.len() / 2);
    let _ = sql::like(text, pattern);
}

/// A prepared statement has as many parameters when it is executed.
fn prepared(data: &[u8], dialect: Dialect) {
    let Ok((_, count)) = sql::parse_prepared(data, dialect, None) else { return };
    let values = ["it's", "\\", "`; --"].map(sql::Value::text).into_iter().cycle();
    let values: Vec<_> = values.take(usize::from(count)).collect();
    match sql::parse_prepared(data, dialect, Some(&values)) {
        Ok((Statement::Inquiry(inquiry), _)) => inquired(&inquiry, dialect),
        Ok((_, again)) => assert_eq!(again, count),
        Err(error) => assert!(error.code >= 1000, "{error}"),
    }
}

/// A question about tables means the same in the words in which the primary is asked.
fn inquired(inquiry: &Inquiry, dialect: Dialect) {
    const DEPTH_OR_LENGTH: u16 = 1235;
    const SCHEMA: Option<&str> = Some("information_schema");
    let Ok(sql) = inquiry.to_sql(SCHEMA, None) else { return };
    match sql::parse(&quoted(sql.as_bytes()), dialect) {
        Ok(Statement::Inquiry(again)) => assert_eq!(again.to_sql(None, None).as_ref(), Ok(&sql)),
        Err(error) if error.code == DEPTH_OR_LENGTH => {}
        other => panic!("{sql} is {other:?}"),
    }
}

/// The same statement with its hexadecimal constants as quoted ones, which readers send.
fn quoted(sql: &[u8]) -> Vec<u8> {
    const CONSTANT: &[u8] = b"_utf8mb4 x'";
    let (mut out, mut rest) = (Vec::new(), sql);
    let mut quote = None;
    while let Some((&byte, after)) = rest.split_first() {
        if let (None, Some(hex)) = (quote, rest.strip_prefix(CONSTANT)) {
            let len = hex.iter().position(|byte| *byte == b'\'').unwrap_or(hex.len());
            out.push(b'\'');
            for pair in hex[..len].chunks(2) {
                let pair = std::str::from_utf8(pair).unwrap_or_default();
                match u8::from_str_radix(pair, 16) {
                    Ok(0) => out.extend_from_slice(b"\\0"),
                    Ok(byte) => {
                        if matches!(byte, b'\'' | b'\\') {
                            out.push(b'\\');
                        }
                        out.push(byte);
                    }
                    Err(error) => panic!("{}: {error}", sql.escape_ascii()),
                }
            }
            out.push(b'\'');
            rest = &hex[(len + 1).min(hex.len())..];
            continue;
        }
        out.push(byte);
        rest = after;
        match (quote, byte) {
            (Some(b'\''), b'\\') => {
                out.extend(rest.first());
                rest = rest.get(1..).unwrap_or_default();
            }
            (Some(open), byte) if byte == open => quote = None,
            (None, b'\'' | b'`') => quote = Some(byte),
            _ => {}
        }
    }
    out
}

/// The format description that events are read by, where it is a fixed one.
fn format() -> Option<FormatDescription> {
    FormatDescription::parse(FORMAT_EVENT).ok()
}

/// A format description event of MySQL 9.7.
pub const FORMAT_EVENT: &[u8] = include_bytes!("format_event");

/// A file's events, and what is said of each.
pub fn event(data: &[u8]) {
    if let Ok(header) = EventHeader::parse(data) {
        let _ = gtid_of(&header, data);
        if let Some(format) = format() {
            let _ = listing::event_info(data, &format);
        }
    }
    let _ = previous_gtids(data);
    let _ = gtid_list(data);
    let _ = Rotate::parse(data);
    let _ = statement(data, 13);
    let (mut splitter, mut rest) = (Splitter::new(), data);
    let mut verifier = Verifier::at_start(ChecksumAlgorithm::None);
    let mut verifies = true;
    while let Ok(Some(part)) = splitter.next(rest, true) {
        let EventPart { bytes, .. } = part;
        assert!(!bytes.is_empty(), "it goes on");
        verifies = verifies && verifier.check(part).is_ok();
        rest = &rest[bytes.len()..];
    }
}

/// A format description event, and what is done to one that can be read.
pub fn format_description(data: &[u8]) {
    let _ = FormatDescription::parse(data);
    for change in [FormatDescription::make_artificial, FormatDescription::clear_created] {
        let mut event = data.to_vec();
        if change(&mut event).is_ok() {
            assert!(FormatDescription::parse(&event).is_ok(), "it is one still");
        }
    }
    let mut event = data.to_vec();
    if event.len() > 19 {
        clear_in_use_flag(&mut event);
    }
}

/// A GTID set on the wire and as text.
pub fn gtid_set(data: &[u8]) {
    if let Ok(set) = GtidSet::from_bytes(data) {
        let again = GtidSet::from_bytes(&set.to_bytes());
        assert_eq!(again.as_ref(), Ok(&set), "what was read can be written and read again");
        assert!(set.is_subset(&set) && set.difference(&set).is_empty());
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(set) = text.parse::<GtidSet>()
    {
        assert_eq!(set.to_string().parse().as_ref(), Ok(&set));
    }
}
