//! The binlog stream, byte for byte against the server's files.

use std::fs;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use binlogd_client::wire::ErrorCode;
use binlogd_client::wire::dump::{BinlogDump, BinlogDumpGtid, DumpFlags, RegisterReplica, Step};
use binlogd_client::{BinlogStream, ClientError, ConnectOptions, Connection, DumpOptions, SslMode};
use testkit::{Flavour, Server};

use crate::support::{by_socket, by_tcp};

/// A server with three closed binlog files; one has an event over 16 MiB, and one of 16 MiB less
/// a little.
static WRITTEN: LazyLock<Server> = LazyLock::new(|| written(Flavour::Mysql97));

pub(crate) fn written(flavour: Flavour) -> Server {
    let server = Server::builder(flavour).arg("--max-allowed-packet=64M").start().unwrap();
    server
        .sql(
            "create database d; use d; create table t (a int primary key, b longblob) engine = myisam;
             insert into t values (1, 'one'), (2, null);
             flush binary logs;
             insert into t values (3, repeat('x', 17 * 1024 * 1024));
             update t set b = repeat('y', 16777216 - 100) where a = 1;
             flush binary logs;
             delete from t where a = 1;
             insert into t select a + 10, 'z' from t where a < 3;
             flush binary logs;",
        )
        .unwrap();
    server
}

/// A connection that may ask for the binlog.
pub(crate) async fn connect(options: &ConnectOptions) -> Connection {
    let mut connection = Connection::connect(options).await.unwrap();
    let version = connection.server_version();
    let is_modern = version.number() >= (8, 0, 26) && !version.is_mariadb();
    let role = if is_modern { "source" } else { "master" };
    let checksum = format!("set @{role}_binlog_checksum = @@global.binlog_checksum");
    if version.is_mariadb() {
        // Else it replaces events that old replicas do not know.
        connection.execute("set @mariadb_slave_capability = 4").await.unwrap();
    }
    connection.execute(&checksum).await.unwrap();
    connection
}

/// A server ends a dump when another begins with the same server id.
fn fresh_server_id() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(4711);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn from_start(file: &str) -> BinlogDump<'_> {
    let flags = DumpFlags::NON_BLOCKING;
    BinlogDump { position: 4, flags, server_id: fresh_server_id(), file: file.as_bytes() }
}

const LOG_EVENT_ARTIFICIAL: u16 = 0x20;
const ROTATE: u8 = 4;

fn u16_at(event: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(event[at..at + 2].try_into().unwrap())
}

fn u32_at(event: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(event[at..at + 4].try_into().unwrap())
}

/// Receives to the end, and makes files of what came, as the server's should be.
pub(crate) async fn receive_files(mut stream: BinlogStream) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut event = Vec::new();
    while let Some(wants_ack) = stream.next_event(&mut event).await.unwrap() {
        assert!(!wants_ack);
        assert_eq!(event.len(), usize::try_from(u32_at(&event, 9)).unwrap());
        let is_artificial = u16_at(&event, 17) & LOG_EVENT_ARTIFICIAL != 0;
        if event[4] == ROTATE && is_artificial {
            // Behind the position, and before the checksum if the session asked for one.
            let name = event[19 + 8..].iter().copied().take_while(|b| b.is_ascii_graphic());
            let name: Vec<u8> = name.take("binlog.000001".len()).collect();
            files.push((String::from_utf8(name).unwrap(), b"\xfebin".to_vec()));
        } else {
            assert!(!is_artificial);
            files.last_mut().unwrap().1.extend_from_slice(&event);
        }
    }
    files
}

pub(crate) fn assert_same_files(server: &Server, received: &[(String, Vec<u8>)]) {
    let paths = server.binlog_files().unwrap();
    assert_eq!(paths.len(), 4);
    assert_eq!(received.len(), 4);
    for (path, (name, bytes)) in paths.iter().zip(received) {
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), name);
        let mut stored = fs::read(path).unwrap();
        // The file in use says so in its format description event's flags.
        if path == paths.last().unwrap() {
            stored[4 + 17] = 0;
        }
        let differs = stored.iter().zip(bytes).position(|(a, b)| a != b);
        assert_eq!(stored.len(), bytes.len(), "{name}, which differs at {differs:?}");
        assert_eq!(differs, None, "{name}");
    }
}

#[tokio::test]
async fn a_dump_by_file_gives_the_files_bytes() {
    for options in [by_socket(&WRITTEN), by_tcp(&WRITTEN).ssl_mode(SslMode::Required)] {
        for buffer_len in [1024, 10_000, 256 << 10, 32 << 20] {
            let connection = connect(&options).await;
            let dump_options = DumpOptions { buffer_len, ..DumpOptions::default() };
            let dump = from_start("binlog.000001");
            let stream = connection.dump(&dump, &dump_options).await.unwrap();
            let received = receive_files(stream).await;
            assert_same_files(&WRITTEN, &received);
        }
    }
}

#[tokio::test]
async fn a_dump_by_gtid_gives_the_files_bytes() {
    let connection = connect(&by_socket(&WRITTEN)).await;
    let nothing = 0u64.to_le_bytes();
    let dump = BinlogDumpGtid {
        flags: DumpFlags(DumpFlags::NON_BLOCKING.0 | DumpFlags::THROUGH_GTID.0),
        server_id: fresh_server_id(),
        file: b"",
        position: 4,
        gtid_set: &nothing,
    };
    let stream = connection.dump_gtid(&dump, &DumpOptions::default()).await.unwrap();
    assert_same_files(&WRITTEN, &receive_files(stream).await);
}

#[tokio::test]
async fn a_dump_starts_at_its_position() {
    let file = &WRITTEN.binlog_files().unwrap()[0];
    let stored = fs::read(file).unwrap();
    // The second event: right behind the format description event.
    let position = 4 + u32_at(&stored, 4 + 9);
    let dump = BinlogDump { position, ..from_start("binlog.000001") };
    let connection = connect(&by_socket(&WRITTEN)).await;
    let mut stream = connection.dump(&dump, &DumpOptions::default()).await.unwrap();

    let mut event = Vec::new();
    stream.next_event(&mut event).await.unwrap().unwrap();
    assert_eq!(event[4], ROTATE);
    assert_eq!(u32_at(&event, 19), position);
    stream.next_event(&mut event).await.unwrap().unwrap();
    assert_eq!(u32_at(&event, 13), 0, "the format description event has no position");
    stream.next_event(&mut event).await.unwrap().unwrap();
    let at = usize::try_from(position).unwrap();
    assert_eq!(event, stored[at..at + event.len()]);
}

#[tokio::test]
async fn an_event_that_fits_comes_whole() {
    // With the smaller one, events lie across the end of what one read brings.
    for buffer_len in [1024, 4096] {
        let connection = connect(&by_socket(&WRITTEN)).await;
        let options = DumpOptions { buffer_len, ..DumpOptions::default() };
        let mut stream = connection.dump(&from_start("binlog.000001"), &options).await.unwrap();
        let mut in_parts = 0;
        while let Some(part) = stream.next_part().await.unwrap() {
            if !part.first {
                continue;
            }
            assert!(part.bytes.len() >= 19);
            let len = usize::try_from(u32_at(part.bytes, 9)).unwrap();
            assert_eq!(part.last, len + 5 <= buffer_len, "{len} in {buffer_len}");
            in_parts += usize::from(!part.last);
        }
        assert_eq!(in_parts, 3, "an insert of 17 MiB, an update of 16 MiB, a delete of 16 MiB");
    }
}

#[tokio::test]
async fn a_cancelled_read_loses_nothing() {
    let connection = connect(&by_tcp(&WRITTEN)).await;
    let options = DumpOptions { buffer_len: 1000, ..DumpOptions::default() };
    let mut stream = connection.dump(&from_start("binlog.000002"), &options).await.unwrap();
    let mut received = 0;
    'stream: loop {
        loop {
            match stream.step().unwrap() {
                Step::Event(part) => received += part.bytes.len(),
                Step::NeedMore => break,
                Step::Eof => break 'stream,
                Step::Err(error) => panic!("{error}"),
            }
        }
        // Given up as soon as it would wait.
        while tokio::time::timeout(Duration::ZERO, stream.fill()).await.is_err() {}
    }
    let files = WRITTEN.binlog_files().unwrap();
    let stored: u64 = files[1..].iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    // Three magic numbers are not sent; three artificial rotate events without checksum are.
    let artificial = u64::try_from(3 * (19 + 8 + "binlog.000002".len() + 4)).unwrap();
    assert_eq!(u64::try_from(received).unwrap(), stored - 3 * 4 + artificial);
}

#[tokio::test]
async fn an_event_over_the_limit_is_refused() {
    let connection = connect(&by_socket(&WRITTEN)).await;
    let options = DumpOptions { max_event_len: 1 << 20, ..DumpOptions::default() };
    let mut stream = connection.dump(&from_start("binlog.000002"), &options).await.unwrap();
    let error = loop {
        match stream.next_part().await {
            Ok(part) => assert!(part.unwrap().last),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ClientError::Protocol { .. }), "{error}");
}

async fn refusal(connection: Connection, dump: BinlogDump<'_>) -> ClientError {
    let mut stream = connection.dump(&dump, &DumpOptions::default()).await.unwrap();
    loop {
        match stream.next_part().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no error"),
            Err(error) => return error,
        }
    }
}

#[tokio::test]
async fn the_sources_refusals_are_its_own() {
    let connection = connect(&by_socket(&WRITTEN)).await;
    let error = refusal(connection, from_start("binlog.999999")).await;
    assert_eq!(error.code(), Some(ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG));

    // A session that says nothing of checksums gets none of a log that has them.
    let connection = Connection::connect(&by_socket(&WRITTEN)).await.unwrap();
    let error = refusal(connection, from_start("binlog.000001")).await;
    assert_eq!(error.code(), Some(ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG));

    let connection = connect(&by_socket(&WRITTEN)).await;
    let beyond = BinlogDump { position: 1 << 30, ..from_start("binlog.000001") };
    let error = refusal(connection, beyond).await;
    assert_eq!(error.code(), Some(ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG));
}

#[tokio::test]
async fn a_dump_that_waits_delivers_what_is_written_later_until_it_is_killed() {
    let server = Server::start_new(Flavour::Mysql97).unwrap();
    let mut connection = connect(&by_tcp(&server)).await;
    let id = connection.id();
    let replica =
        RegisterReplica { server_id: 4711, host: b"here", port: 1, ..RegisterReplica::default() };
    connection.register_replica(&replica).await.unwrap();
    let replicas = server.query_rows("show replicas").unwrap();
    assert_eq!(replicas[0][..3], ["4711", "here", "1"]);

    let dump = BinlogDump { flags: DumpFlags::default(), ..from_start("binlog.000001") };
    let mut stream = connection.dump(&dump, &DumpOptions::default()).await.unwrap();
    let mut event = Vec::new();
    let end = |server: &Server| server.binlog_end().unwrap().1;
    for name in ["one", "two"] {
        server.sql(&format!("create database {name}")).unwrap();
        loop {
            stream.next_event(&mut event).await.unwrap().unwrap();
            if u64::from(u32_at(&event, 13)) == end(&server) {
                break;
            }
        }
    }
    server.sql(&format!("kill {id}")).unwrap();
    let error = stream.next_event(&mut event).await.unwrap_err();
    assert!(matches!(error, ClientError::Closed { .. } | ClientError::Server { .. }), "{error}");
}

/// Follows a semi-synchronous source from another task than the one that acknowledges.
pub(crate) async fn follows_semi_synchronously(flavour: Flavour) {
    let server = Server::builder(flavour).semi_sync().start().unwrap();
    // Without acknowledgements no commit would ever return.
    let role = if flavour.is_mariadb() { "master" } else { "source" };
    server.sql(&format!("set global rpl_semi_sync_{role}_timeout = 600000")).unwrap();
    let mut connection = connect(&by_tcp(&server)).await;
    let wish = if flavour.is_mariadb() { "slave" } else { "replica" };
    connection.execute(&format!("set @rpl_semi_sync_{wish} = 1")).await.unwrap();
    let replica = RegisterReplica { server_id: 4711, ..RegisterReplica::default() };
    connection.register_replica(&replica).await.unwrap();
    let dump = BinlogDump { flags: DumpFlags::default(), ..from_start("binlog.000001") };
    let options = DumpOptions { semi_sync: true, ..DumpOptions::default() };
    let mut stream = connection.dump(&dump, &options).await.unwrap();
    let mut acks = stream.take_ack_sender().unwrap();
    assert!(stream.take_ack_sender().is_none());

    let (sender, mut due) = tokio::sync::mpsc::unbounded_channel();
    let acking = tokio::spawn(async move {
        let mut sent = 0;
        while let Some(position) = due.recv().await {
            acks.ack("binlog.000001", position).await.unwrap();
            sent += 1;
        }
        sent
    });
    let commits = 300u64;
    let writer = tokio::task::spawn_blocking(move || {
        server.wait_for_semi_sync(1, Duration::from_secs(60)).unwrap();
        let inserts: String = (0..300).map(|i| format!("insert into d.t values ({i});")).collect();
        server
            .sql(&format!("create database d; create table d.t (a int primary key); {inserts}"))
            .unwrap();
        server
    });

    // The create statements want an acknowledgement each, and every insert's transaction.
    let mut event = Vec::new();
    let mut wanted = 0;
    while wanted < commits + 2 {
        if stream.next_event(&mut event).await.unwrap().unwrap() {
            sender.send(u64::from(u32_at(&event, 13))).unwrap();
            wanted += 1;
        }
    }
    let server = writer.await.unwrap();
    drop(sender);
    assert_eq!(acking.await.unwrap(), commits + 2);
    let status = |name: &str| server.status_var(&format!("Rpl_semi_sync_{role}_{name}")).unwrap();
    assert_eq!(status("no_tx"), "0", "no commit went without acknowledgement");
    assert_eq!(status("status"), "ON");
}

#[tokio::test]
async fn a_semi_sync_source_is_acknowledged_from_another_task() {
    follows_semi_synchronously(Flavour::Mysql97).await;
}
