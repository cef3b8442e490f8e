//! A dump from binlogd is the primary's, event for event and byte for byte.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use binlogd_client::wire::dump::{BinlogDump, BinlogDumpGtid, DumpFlags};
use binlogd_client::{ClientError, ConnectOptions, Connection, DumpOptions};
use binlogd_event::{EventHeader, EventKind, GtidSet};
use common::{PATIENCE, follow_semi_sync, primary};
use testkit::{Endpoint, workload};

/// Where a reader starts.
#[derive(Debug, Clone)]
struct Ask {
    file: String,
    position: u64,
    has: Option<String>,
    flags: DumpFlags,
    /// What the session says before.
    says: &'static str,
}

/// All events of a dump that does not wait, and the error that ended it, if one did.
async fn dump(from: &Endpoint, ask: &Ask) -> (Vec<Vec<u8>>, Option<String>) {
    let options = ConnectOptions::new(&from.host)
        .port(from.port)
        .user(&from.user)
        .password(from.password.as_str());
    let mut connection = Connection::connect(&options).await.unwrap();
    if !ask.says.is_empty() {
        connection.execute(ask.says).await.unwrap();
    }
    let flags = ask.flags | DumpFlags::NON_BLOCKING;
    let (server_id, file) = (4242, ask.file.as_bytes());
    let options = DumpOptions::default();
    let stream = match &ask.has {
        Some(set) => {
            let gtid_set = set.parse::<GtidSet>().unwrap().to_bytes();
            let (position, gtid_set) = (ask.position, gtid_set.as_slice());
            let command = BinlogDumpGtid { flags, server_id, file, position, gtid_set };
            connection.dump_gtid(&command, &options).await
        }
        None => {
            let position = u32::try_from(ask.position).unwrap();
            let command = BinlogDump { position, flags, server_id, file };
            connection.dump(&command, &options).await
        }
    };
    let mut stream = stream.unwrap();
    let mut events = Vec::new();
    loop {
        let mut event = Vec::new();
        match stream.next_event(&mut event).await {
            Ok(Some(_)) => events.push(event),
            Ok(None) => return (events, None),
            Err(ClientError::Server { error, .. }) => return (events, Some(error.to_string())),
            Err(error) => panic!("{ask:?}: {error}"),
        }
    }
}

/// Blanks the server id of events that the server made for the reader, and so their checksum.
fn normalised(mut event: Vec<u8>) -> Vec<u8> {
    let header = EventHeader::parse(&event).unwrap();
    if header.is_artificial() && header.kind != EventKind::FORMAT_DESCRIPTION {
        event[5..9].fill(0);
        let crc = event.len() - 4;
        // Names of files end with digits.
        let carries_one = !event[crc..].iter().all(u8::is_ascii_digit);
        if carries_one {
            event[crc..].fill(0);
        }
    }
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_reader_asks_it_gets_what_the_primary_sends() {
    let primary = primary();
    let daemon = follow_semi_sync(&primary);
    // The large scenario would only add time: mysqlbinlog's test has it.
    for scenario in &workload::ALL[..8] {
        scenario.run(&primary).unwrap();
    }
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let uuid = primary.sql("select @@server_uuid").unwrap();
    let all = primary.executed_gtids().unwrap();
    let events = primary.query_rows("show binlog events in 'binlog.000002'").unwrap();
    let inside: u64 = events[events.len() / 2][1].parse().unwrap();

    primary.sql("set global binlog_checksum = NONE; create database unchecked").unwrap();
    let (unchecked, _) = primary.binlog_end().unwrap();
    primary.sql("set global binlog_checksum = CRC32").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let events = primary.query_rows(&format!("show binlog events in '{unchecked}'")).unwrap();
    let inside_unchecked: u64 = events[2][1].parse().unwrap();

    const CRC32: &str = "set @source_binlog_checksum = 'CRC32', @master_binlog_checksum = 'CRC32'";
    const NONE: &str = "set @source_binlog_checksum = 'NONE', @master_binlog_checksum = 'NONE'";
    let ask = |file: &str, position: u64, has: Option<&str>, says: &'static str| Ask {
        file: file.to_owned(),
        position,
        has: has.map(str::to_owned),
        flags: DumpFlags::default(),
        says,
    };
    let half = format!("{uuid}:1-7:11-20");
    let not_first = format!("{uuid}:2-9");
    let v2 = |a: Ask| Ask { flags: DumpFlags::ANNOTATE_OR_HEARTBEAT_V2, ..a };
    let asks = [
        ask("", 4, None, CRC32),
        ask("binlog.000001", 4, None, NONE),
        ask("binlog.000001", 4, None, "set @master_binlog_checksum = 'ALL'"),
        ask("binlog.000001", 4, None, ""),
        ask("binlog.000002", inside, None, CRC32),
        ask("binlog.000002", inside, None, NONE),
        ask("binlog.000002", inside + 1, None, CRC32),
        ask(&unchecked, inside_unchecked, None, CRC32),
        ask(&unchecked, inside_unchecked, None, NONE),
        ask(&unchecked, inside_unchecked, None, ""),
        ask(&unchecked, 4, None, ""),
        ask("binlog.000001", 3, None, CRC32),
        ask("binlog.000001", 1 << 30, None, CRC32),
        ask("binlog.999999", 4, None, CRC32),
        ask("", 4, Some(""), CRC32),
        ask("", 4, Some(&half), CRC32),
        ask("", 4, Some(&not_first), NONE),
        ask("", 4, Some(&all), CRC32),
        v2(ask("", 4, Some(&half), CRC32)),
        v2(ask("", 4, Some(&all), NONE)),
        ask("binlog.000002", 4, Some(&half), CRC32),
        ask("binlog.000002", inside, Some(""), CRC32),
    ];
    for ask in asks {
        let (theirs, their_error) = dump(&primary.endpoint(), &ask).await;
        let (ours, our_error) = dump(&daemon.endpoint(), &ask).await;
        let theirs: Vec<_> = theirs.into_iter().map(normalised).collect();
        let ours: Vec<_> = ours.into_iter().map(normalised).collect();
        let first = |error: &Option<String>| {
            error.as_ref().map(|text| text.split(';').next().unwrap().to_owned())
        };
        let differs = (0..ours.len().max(theirs.len())).find(|&n| ours.get(n) != theirs.get(n));
        if let Some(n) = differs {
            let show = |event: Option<&Vec<u8>>| {
                event.map(|e| (EventHeader::parse(e).unwrap(), e[19..e.len().min(80)].to_vec()))
            };
            let (a, b) = (show(ours.get(n)), show(theirs.get(n)));
            panic!(
                "{ask:?}: event {n}:\n ours   {a:?}\n theirs {b:?}\n{our_error:?} {their_error:?}"
            );
        }
        assert_eq!(first(&our_error), first(&their_error), "{ask:?}");
        assert!(ours.len() > 2 || our_error.is_some());
    }
}
