//! Whatever bytes come, nothing panics; whatever is written is read back.

use binlogd_wire::auth::Credential;
use binlogd_wire::command::{ChangeUser, Command};
use binlogd_wire::compress::{Compression, FrameDecoder, FrameHeader, Inflated};
use binlogd_wire::dump::{
    Ack, BinlogDump, BinlogDumpGtid, DumpFlags, EventEncoder, EventFramer, MIN_BUFFER_LEN,
    RegisterReplica, Step,
};
use binlogd_wire::handshake::{Attributes, AuthSwitchRequest, ClientReply, Greeting};
use binlogd_wire::packet::PacketDecoder;
use binlogd_wire::response::{EofPacket, OkPacket};
use binlogd_wire::resultset::{ColumnDefinition, ColumnType, QueryResponse, RowResponse};
use binlogd_wire::statement::{BinaryRow, ParameterType, PrepareOk};
use binlogd_wire::{Capabilities, ServerError};
use proptest::prelude::*;

const ALL: Capabilities = Capabilities(0xffff_ffff);

/// Takes any bytes for frames, then for what is in one.
fn inflate(bytes: &[u8], declared: u8) {
    let header = FrameHeader { len: bytes.len(), sequence: 0, plain_len: declared.into() };
    let framed = [&header.encode()[..], bytes].concat();
    for how in [Compression::Zlib, Compression::Zstd { level: 3 }] {
        for bytes in [bytes, &framed] {
            let (mut decoder, mut out, mut rest) = (FrameDecoder::new(how, 1000), [0; 16], bytes);
            while let Ok(Inflated { read, written }) = decoder.decode(rest, &mut out) {
                if read + written == 0 {
                    break;
                }
                rest = &rest[read..];
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn parsers_take_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), first: u8) {
        let mut marked = vec![first];
        marked.extend_from_slice(&bytes);
        for bytes in [&bytes[..], &marked] {
            for capabilities in [Capabilities::NONE, ALL] {
                if let Ok(Command::Execute(execute)) = Command::parse(bytes, capabilities) {
                    let is_long = |i| i % 3 == 2;
                    let _ = execute.read(usize::from(first), &[], is_long, capabilities);
                }
                if let Ok(row) = BinaryRow::parse(bytes, usize::from(first % 9)) {
                    let kind = ParameterType { kind: ColumnType(first), is_unsigned: false };
                    let _ = row.values((0..first % 9).map(|_| kind));
                }
                let _ = PrepareOk::parse(bytes);
                let _ = OkPacket::parse(bytes, capabilities);
                let _ = QueryResponse::parse(bytes, capabilities);
                if let Ok(RowResponse::Row(row)) = RowResponse::parse(bytes, capabilities) {
                    prop_assert!(row.count() <= bytes.len());
                }
            }
            let _ = Greeting::parse(bytes);
            let _ = ClientReply::parse(bytes);
            let _ = AuthSwitchRequest::parse(bytes);
            let _ = EofPacket::parse(bytes);
            let _ = ServerError::parse(bytes);
            let _ = ColumnDefinition::parse(bytes);
            let _ = Ack::parse(bytes);
            let _ = Credential::from_stored(bytes);
            let _ = PacketDecoder::new(100).decode(bytes);
            inflate(bytes, first);
        }
    }

    #[test]
    fn handshake_responses_take_any_bytes_behind_valid_capabilities(
        rest in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut bytes = Capabilities::low(ALL).to_le_bytes().to_vec();
        bytes.resize(32, 0);
        bytes.extend_from_slice(&rest);
        let _ = ClientReply::parse(&bytes);
    }

    #[test]
    fn the_framer_takes_any_bytes_and_always_moves_on(
        bytes in prop::collection::vec(prop_oneof![3 => 0..4u8, 1 => any::<u8>()], 0..400),
        semi_sync: bool,
        is_full: bool,
    ) {
        let mut framer = EventFramer::new(semi_sync);
        let mut rest = &bytes[..];
        for _ in 0..=bytes.len() {
            let is_full = is_full && rest.len() >= MIN_BUFFER_LEN;
            match framer.next(rest, is_full) {
                Ok(framed) => {
                    let part_or_end = !matches!(framed.step, Step::NeedMore);
                    prop_assert!(framed.consumed <= rest.len());
                    prop_assert!(part_or_end || !is_full || framed.consumed > 0, "stuck");
                    rest = &rest[framed.consumed..];
                }
                Err(_) => return Ok(()),
            }
        }
    }

    #[test]
    fn commands_are_read_back(
        id: u32,
        position: u64,
        flags: u16,
        file in "[a-z.0-9]{0,100}",
        set in prop::collection::vec(any::<u8>(), 0..300),
        text in "\\PC{0,100}",
        user in "[a-z]{0,32}",
    ) {
        let commands = [
            Command::Query(text.as_bytes()),
            Command::InitDb(file.as_bytes()),
            Command::ProcessKill(id),
            Command::RegisterReplica(RegisterReplica {
                server_id: id,
                host: file.as_bytes(),
                user: user.as_bytes(),
                port: flags,
                ..RegisterReplica::default()
            }),
            Command::BinlogDump(BinlogDump {
                position: id,
                flags: DumpFlags(flags),
                server_id: id,
                file: file.as_bytes(),
            }),
            Command::BinlogDumpGtid(BinlogDumpGtid {
                flags: DumpFlags(flags),
                server_id: id,
                file: file.as_bytes(),
                position,
                gtid_set: &set,
            }),
            Command::ChangeUser(ChangeUser {
                user: &user,
                auth_response: &set[..set.len().min(255)],
                database: Some("db"),
                charset: Some(flags),
                auth_plugin: Some("plugin"),
                attributes: Attributes(vec![(b"name", text.as_bytes())]),
            }),
        ];
        for command in commands {
            for capabilities in [ALL.without(Capabilities::QUERY_ATTRIBUTES), ALL] {
                let mut bytes = Vec::new();
                command.encode(&mut bytes, capabilities);
                prop_assert_eq!(Command::parse(&bytes, capabilities).unwrap(), command.clone());
            }
        }
    }

    #[test]
    fn streams_are_read_back(
        events in prop::collection::vec((19..500usize, any::<bool>(), any::<u8>()), 0..40),
        capacity in MIN_BUFFER_LEN..600,
        step in 1..700usize,
        semi_sync: bool,
    ) {
        let mut sent = Vec::new();
        let mut bytes = Vec::new();
        let mut encoder = EventEncoder::new(semi_sync);
        for (len, wants_ack, fill) in events {
            sent.push((vec![fill; len], wants_ack && semi_sync));
            encoder.event(&mut bytes, &vec![fill; len], wants_ack);
        }

        let mut framer = EventFramer::new(semi_sync);
        let (mut buffer, mut at) = (Vec::new(), 0);
        let mut received: Vec<(Vec<u8>, bool)> = Vec::new();
        loop {
            let framed = framer.next(&buffer, buffer.len() == capacity).unwrap();
            let consumed = framed.consumed;
            match framed.step {
                Step::Event(part) => {
                    if part.first {
                        received.push((Vec::new(), part.wants_ack));
                    }
                    received.last_mut().unwrap().0.extend_from_slice(part.bytes);
                }
                Step::NeedMore if at == bytes.len() && consumed == 0 => break,
                Step::NeedMore => {}
                other => prop_assert!(false, "{other:?}"),
            }
            buffer.drain(..consumed);
            let len = step.min(bytes.len() - at).min(capacity - buffer.len());
            buffer.extend_from_slice(&bytes[at..at + len]);
            at += len;
        }
        prop_assert!(framer.is_at_boundary());
        prop_assert_eq!(received, sent);
    }
}
