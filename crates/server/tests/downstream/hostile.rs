//! Clients that break the protocol: they are sent away, nobody else notices.

use binlogd_wire::command::Command;
use binlogd_wire::compress::FrameHeader;
use binlogd_wire::handshake::SslRequest;
use binlogd_wire::packet::PacketWriter;
use binlogd_wire::{Capabilities, ServerError};

use crate::raw::{CAPABILITIES, Raw, handshake};
use crate::support::{Fixture, Setup};

#[tokio::test]
async fn damaged_frames_end_the_connection_with_an_error() {
    let limits = "packet_bytes_max = 1048576";
    let fixture = Fixture::with(Setup { limits, ..Setup::default() }).await;
    let frame = |len: usize, sequence: u8, plain_len: usize, body: &[u8]| {
        [&FrameHeader { len, sequence, plain_len }.encode()[..], body].concat()
    };
    for (bytes, code) in [
        (frame(5, 0, 0, b"\x01\0\0\0\x0e"), None),
        (frame(5, 0, 100, b"wrong"), Some(1157)),
        (frame(0, 0, 0, b""), Some(1835)),
        (frame(5, 3, 0, b"\x01\0\0\0\x0e"), Some(1156)),
        // Twice what a command may have.
        (frame(5, 0, 2 << 20, b""), Some(1153)),
    ] {
        for caps in [Capabilities::COMPRESS, Capabilities::ZSTD_COMPRESSION] {
            let (mut raw, greeting) = Raw::greeted(&fixture).await;
            raw.send(1, &handshake(&greeting, CAPABILITIES | caps)).await;
            assert_eq!(raw.packet().await.unwrap().1[0], 0, "logged in");
            raw.bytes(&bytes).await;
            let (header, answer) = raw.frame().await;
            assert_eq!((header.sequence, header.plain_len), (1, 0));
            match code {
                None => assert_eq!(answer[4], 0),
                Some(code) => {
                    assert_eq!(ServerError::parse(&answer[4..]).unwrap().code.0, code);
                }
            }
        }
    }
    is_unharmed(&fixture).await;
}

/// The server still serves.
async fn is_unharmed(fixture: &Fixture) {
    fixture.connect("repl").await.ping().await.unwrap();
    fixture.all_gone().await;
}

#[tokio::test]
async fn a_handshake_cut_anywhere_is_refused() {
    let fixture = Fixture::start().await;
    let whole = handshake(&Raw::greeted(&fixture).await.1, CAPABILITIES);
    // The last byte is the empty proof's length; without the NUL before it there is no user.
    for len in 0..whole.len() {
        let (mut raw, _) = Raw::greeted(&fixture).await;
        raw.send(1, &whole[..len]).await;
        assert_eq!(raw.last_error().await, (2, 1043), "{len} bytes");
    }
    // Cut below the packet's header, the client just goes.
    for len in 0..whole.len() + 4 {
        let (mut raw, _) = Raw::greeted(&fixture).await;
        let mut bytes = Vec::new();
        PacketWriter::new(1).write(&mut bytes, &whole);
        raw.bytes(&bytes[..len]).await;
    }
    is_unharmed(&fixture).await;
}

#[tokio::test]
async fn packets_out_of_order_or_too_long_end_the_connection() {
    let fixture = Fixture::start().await;
    let (mut raw, greeting) = Raw::greeted(&fixture).await;
    raw.send(7, &handshake(&greeting, CAPABILITIES)).await;
    assert_eq!(raw.packet().await, None);
    // 16 MiB are announced before the login; none of them is waited for.
    let (mut raw, _) = Raw::greeted(&fixture).await;
    raw.bytes(&[0xff, 0xff, 0xff, 1]).await;
    assert_eq!(raw.packet().await, None);

    let mut raw = Raw::logged_in(&fixture).await;
    raw.send(3, b"\x0e").await;
    assert_eq!(raw.last_error().await, (1, 1156));
    let mut raw = Raw::logged_in(&fixture).await;
    raw.bytes(&[0xff, 0xff, 0xff, 0]).await;
    raw.bytes(&vec![3; 0xff_ffff]).await;
    raw.bytes(&[0xff, 0xff, 0xff, 1]).await;
    assert_eq!(raw.last_error().await, (1, 1153));
    is_unharmed(&fixture).await;
}

#[tokio::test]
async fn bytes_in_the_clear_behind_a_tls_request_are_not_taken() {
    let fixture = Fixture::start().await;
    let (mut raw, greeting) = Raw::greeted(&fixture).await;
    let mut request = Vec::new();
    let capabilities = CAPABILITIES | Capabilities::SSL;
    SslRequest { capabilities, max_packet: 0, charset: 45 }.encode(&mut request);
    let mut bytes = Vec::new();
    let mut packets = PacketWriter::new(1);
    packets.write(&mut bytes, &request);
    packets.write(&mut bytes, &handshake(&greeting, CAPABILITIES));
    raw.bytes(&bytes).await;
    // It counts as TLS, which it is not.
    assert_eq!(raw.packet().await, None);
    is_unharmed(&fixture).await;
}

#[tokio::test]
async fn commands_that_are_none_are_answered_and_the_connection_lives() {
    let fixture = Fixture::start().await;
    let mut raw = Raw::logged_in(&fixture).await;
    for (payload, expected) in [
        (&b""[..], 1835),                      // not even a command byte
        (b"\x04table\0", 1047),                // COM_FIELD_LIST
        (b"\x05", 1047),                       // COM_CREATE_DB
        (b"\x08", 1047),                       // COM_SHUTDOWN
        (b"\x07\x02", 1235),                   // COM_REFRESH of logs
        (b"\xfe", 1047),                       // no such command
        (b"\x0c\x01", 1835),                   // COM_PROCESS_KILL with half an id
        (b"\x12\x04", 1835),                   // COM_BINLOG_DUMP, truncated
        (b"\x15\x01", 1835),                   // COM_REGISTER_SLAVE, truncated
        (b"\x16SELECT nope", 1054),            // COM_STMT_PREPARE
        (b"\x17\x01\0\0\0", 1835),             // COM_STMT_EXECUTE, cut short
        (b"\x17\x01\0\0\0\0\x01\0\0\0", 1243), // of a statement that nobody prepared
        (b"\x1b\x00\x00", 1235),               // COM_SET_OPTION, several statements on
        (b"\x1b\x07\x00", 1047),               // COM_SET_OPTION, unknown
        (b"\x0c\xff\xff\0\0", 1094),           // COM_PROCESS_KILL of nobody
    ] {
        raw.send(0, payload).await;
        let (sequence, answer) = raw.packet().await.unwrap();
        let error = ServerError::parse(&answer).unwrap();
        assert_eq!((sequence, error.code.0), (1, expected), "{payload:x?}: {error}");
    }
    // These have no answer: the ping's comes next.
    raw.send(0, b"\x19\x01\0\0\0").await;
    raw.send(0, b"\x18\x01\0\0\0\0\0x").await;
    assert_eq!(raw.ask(&Command::Ping).await.unwrap().1[0], 0);
    let (_, eof) = raw.ask(&Command::SetOption(1)).await.unwrap();
    assert_eq!(eof, b"\xfe\0\0\x02\0");
    let (_, statistics) = raw.ask(&Command::Statistics).await.unwrap();
    assert!(statistics.starts_with(b"Uptime: "), "{}", statistics.escape_ascii());
    // Several commands in one write are answered in turn.
    raw.bytes(b"\x01\0\0\0\x0e\x01\0\0\0\x0e\x01\0\0\0\x01").await;
    assert_eq!(raw.packet().await.unwrap().1[0], 0);
    assert_eq!(raw.packet().await.unwrap().1[0], 0);
    assert_eq!(raw.packet().await, None);
}

#[tokio::test]
async fn a_malformed_gtid_set_or_acknowledgement_does_no_harm() {
    let mut fixture = Fixture::start().await;
    let mut raw = Raw::logged_in(&fixture).await;
    // Flags, server id, no name, position 4, and a set of one byte.
    raw.send(0, b"\x1e\x04\0\x07\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\x01").await;
    let (_, answer) = raw.packet().await.unwrap();
    assert_eq!(ServerError::parse(&answer).unwrap().code.0, 1835);
    // The session lives; a dump begins, and what is no acknowledgement ends it.
    raw.send(0, b"\x12\x04\0\0\0\0\0\x07\0\0\0binlog.000001").await;
    assert_eq!(raw.packet().await.unwrap().1[0], 0);
    raw.send(0, b"\x03SELECT 1").await;
    fixture.next_seen().await;
    let why = fixture.ended().await;
    assert!(why.starts_with("it does not follow the protocol"), "{why}");
    is_unharmed(&fixture).await;
}

/// A small generator, seeded: the bytes are the same in every run.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(next).collect()
}

#[tokio::test]
async fn noise_at_any_time_harms_nobody() {
    let fixture = Fixture::start().await;
    for seed in 0..60 {
        let bytes = noise(seed, 400);
        let (mut raw, greeting) = Raw::greeted(&fixture).await;
        raw.bytes(&bytes).await;
        drop(raw);
        // Noise with a right header in front, then behind a right beginning, then as commands.
        let (mut raw, _) = Raw::greeted(&fixture).await;
        raw.send(1, &bytes).await;
        drop(raw);
        let (mut raw, _) = Raw::greeted(&fixture).await;
        raw.send(1, &[&handshake(&greeting, CAPABILITIES)[..33], &bytes].concat()).await;
        drop(raw);
        let mut raw = Raw::logged_in(&fixture).await;
        for command in bytes.chunks(40) {
            raw.send(0, command).await;
        }
        drop(raw);
    }
    is_unharmed(&fixture).await;
}

/// Who measures this process's memory does it alone.
static MEASURING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// This process's memory in use, in KiB.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn every_command_byte_is_answered_or_ends_its_own_connection() {
    let fixture = Fixture::start().await;
    let mut good = fixture.connect("repl").await;
    // QUIT, and what goes over to another conversation: dumps and a change of the user.
    let elsewhere = [0x01, 0x11, 0x12, 0x1e];
    for byte in (0..=255).filter(|byte| !elsewhere.contains(byte)) {
        for tail in [&b""[..], &[0; 9], &noise(u64::from(byte), 70)] {
            let mut raw = Raw::logged_in(&fixture).await;
            raw.send(0, &[&[byte][..], tail].concat()).await;
            raw.send(0, b"\x0e").await;
            // Whether it had an answer or not, the ping has one.
            let (_, answer) = raw.packet().await.unwrap();
            assert!(matches!(answer[0], 0 | 0xff | 0xfe | b'U' | 1..=9), "{byte:#x}: {answer:x?}");
        }
        good.ping().await.unwrap();
    }
    is_unharmed_beside(&fixture, good).await;
}

/// The server still serves, and so it does the client that was there all the time.
async fn is_unharmed_beside(fixture: &Fixture, mut good: binlogd_client::Connection) {
    good.ping().await.unwrap();
    good.quit().await.unwrap();
    is_unharmed(fixture).await;
}

#[tokio::test]
async fn slow_writers_and_slow_readers_harm_themselves_alone() {
    let _alone = MEASURING.lock().await;
    let limits = "login_timeout_s = 2";
    let fixture = Fixture::with(Setup { limits, ..Setup::default() }).await;
    let mut good = fixture.connect("repl").await;
    // Byte by byte, but it gets there.
    let (mut raw, greeting) = Raw::greeted(&fixture).await;
    let mut bytes = Vec::new();
    PacketWriter::new(1).write(&mut bytes, &handshake(&greeting, CAPABILITIES));
    PacketWriter::new(0).write(&mut bytes, b"\x0e");
    for byte in &bytes {
        raw.bytes(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(raw.packet().await.unwrap().1[0], 0, "logged in");
    assert_eq!(raw.packet().await.unwrap().1[0], 0, "and pinged");
    // Half a response, and then nothing.
    let (mut half, _) = Raw::greeted(&fixture).await;
    half.bytes(&bytes[..20]).await;
    // A reader that asks and asks and never listens.
    let mut deaf = Raw::logged_in(&fixture).await;
    deaf.send(0, b"\x03SET net_write_timeout = 1").await;
    assert_eq!(deaf.packet().await.unwrap().1[0], 0);
    let mut question = Vec::new();
    PacketWriter::new(0).write(&mut question, b"\x03SHOW VARIABLES");
    let questions = question.repeat(20_000);
    let asking = tokio::spawn(async move {
        deaf.bytes(&questions).await;
        deaf
    });
    let memory = memory_kib();
    assert_eq!(half.packet().await, None, "its time is over");
    drop(raw);
    while fixture.registry.len() > 1 {
        good.ping().await.unwrap();
    }
    let grown = memory_kib().saturating_sub(memory);
    assert!(grown < 64 << 10, "{grown} KiB more for answers that nobody reads");
    drop(asking.await.unwrap());
    is_unharmed_beside(&fixture, good).await;
}

#[tokio::test]
async fn sixteen_megabytes_before_a_login_are_not_taken() {
    let _alone = MEASURING.lock().await;
    let fixture = Fixture::start().await;
    let good = fixture.connect("repl").await;
    let memory = memory_kib();
    let nothing = vec![0; 16 << 20];
    for _ in 0..10 {
        // As they are they are empty packets, behind a header they are one long one.
        let (mut raw, _) = Raw::greeted(&fixture).await;
        raw.bytes(&nothing).await;
        let (mut raw, _) = Raw::greeted(&fixture).await;
        raw.bytes(&[0xff, 0xff, 0xff, 1]).await;
        raw.bytes(&nothing).await;
        assert_eq!(raw.packet().await, None);
    }
    let grown = memory_kib().saturating_sub(memory);
    assert!(grown < 64 << 10, "{grown} KiB more");
    is_unharmed_beside(&fixture, good).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_that_never_log_in_make_room_for_who_does() {
    const WAVE: usize = 500;
    let _alone = MEASURING.lock().await;
    let limits = "logins_max = 100\nlogin_timeout_s = 30";
    let fixture = Fixture::with(Setup { limits, ..Setup::default() }).await;
    let mut good = fixture.connect("repl").await;
    let (mut turned_away, mut memory) = (0, 0);
    for wave in 0..20 {
        let mut silent = Vec::with_capacity(WAVE);
        for _ in 0..WAVE {
            silent.push(Raw::connected(&fixture).await);
        }
        for raw in &mut silent {
            // A greeting, or nothing more where others wanted in, or the error that there are too many.
            let Some((_, first)) = raw.packet().await else { continue };
            turned_away += usize::from(first[..3] == [0xff, 0x10, 0x04]);
        }
        assert!(fixture.registry.len() <= 101, "{}", fixture.registry.len());
        good.ping().await.unwrap();
        // Who is honest gets in while all places are taken by those that say nothing.
        fixture.connect("repl").await.ping().await.unwrap();
        drop(silent);
        while fixture.registry.len() > 1 {
            good.ping().await.unwrap();
        }
        if wave == 4 {
            memory = memory_kib();
        }
    }
    assert_eq!(turned_away, 0);
    let grown = memory_kib().saturating_sub(memory);
    assert!(grown < 48 << 10, "{grown} KiB more after another 7,500");
    is_unharmed_beside(&fixture, good).await;
}

/// A statement of words that statements are made of, and sometimes of others.
fn babble(seed: u64) -> Vec<u8> {
    const WORDS: &[&str] = &[
        "SELECT",
        "SET",
        "SHOW",
        "KILL",
        "PURGE",
        "BINARY",
        "LOGS",
        "LOG",
        "STATUS",
        "BEFORE",
        "TO",
        "REPLICA",
        "SLAVE",
        "START",
        "STOP",
        "CHANGE",
        "MASTER",
        "REPLICATION",
        "SOURCE",
        "FOR",
        "CHANNEL",
        "VARIABLES",
        "WHERE",
        "LIKE",
        "IN",
        "NOT",
        "AND",
        "OR",
        "LIMIT",
        "EVENTS",
        "BINLOG",
        "FROM",
        "GLOBAL",
        "SESSION",
        "@@global",
        "@@",
        "@x",
        "server_id",
        "gtid_executed",
        "'text'",
        "\"t\"",
        "`q``q`",
        "1",
        "-1",
        "99999999999999999999",
        "1e9",
        "(",
        ")",
        ",",
        ";",
        "=",
        ":=",
        ".",
        "*",
        "/*",
        "*/",
        "/*!",
        "--",
        "#",
        "\n",
        "NULL",
        "DEFAULT",
        "NOW()",
        "INTERVAL",
        "DAY",
        "NAMES",
        "utf8mb4",
        "UNIX_TIMESTAMP()",
        "GTID_SUBTRACT",
        "\\",
        "'",
        "`",
        "0x41",
        "\0",
        "é",
        "PROCESSLIST",
    ];
    let choices = noise(seed, 24);
    let words = choices.iter().map(|byte| WORDS[usize::from(*byte) % WORDS.len()]);
    words.collect::<Vec<_>>().join(" ").into_bytes()
}

#[tokio::test]
async fn statements_of_random_words_are_answered_one_by_one() {
    let fixture = Fixture::start().await;
    let good = fixture.connect("repl").await;
    let mut raw = Raw::logged_in(&fixture).await;
    for seed in 0..5_000 {
        raw.send(0, &[b"\x03", &babble(seed)[..]].concat()).await;
        let (sequence, first) = raw.packet().await.unwrap();
        assert_eq!(sequence, 1);
        // A result set goes on to its second end marker.
        if !matches!(first[0], 0 | 0xff) {
            let mut ends = 0;
            while ends < 2 {
                let (_, payload) = raw.packet().await.unwrap();
                ends += usize::from(payload[0] == 0xfe && payload.len() < 9);
                if payload[0] == 0xff {
                    break;
                }
            }
        }
    }
    drop(raw);
    is_unharmed_beside(&fixture, good).await;
}
