//! What sessions say and are told, up to and into the dump.

use std::time::Duration;

use binlogd_client::{
    BinlogStream, ClientError, CompressionAlgorithm, Connection, DumpOptions, SslMode,
};
use binlogd_event::GtidSet;
use binlogd_server::downstream::ChecksumWish;
use binlogd_wire::auth::{
    CACHING_SHA2_PASSWORD, CLIENT_ED25519, MYSQL_NATIVE_PASSWORD, native, sha2,
};
use binlogd_wire::command::{ChangeUser, Command, CommandKind};
use binlogd_wire::dump::{BinlogDump, BinlogDumpGtid, DumpFlags, RegisterReplica};
use binlogd_wire::handshake::{AuthSwitchRequest, Scramble};

use crate::raw::Raw;
use crate::support::{EVENT, Fixture, PATIENCE, REFUSAL, Seen, Setup, code};

const UUID: &str = "edf4abad-e500-11f1-890f-02fc00000001";

async fn dump(connection: Connection, file: &str, options: &DumpOptions) -> BinlogStream {
    let dump = BinlogDump {
        position: 4,
        flags: DumpFlags::default(),
        server_id: 7,
        file: file.as_bytes(),
    };
    connection.dump(&dump, options).await.unwrap()
}

async fn first_event(stream: &mut BinlogStream) -> Result<Option<Vec<u8>>, ClientError> {
    let mut event = Vec::new();
    Ok(stream.next_event(&mut event).await?.map(|_| event))
}

#[tokio::test]
async fn a_replica_of_mysql_gets_to_its_dump() {
    let mut fixture = Fixture::with(Setup { semi_sync: true, ..Setup::default() }).await;
    let mut replica = fixture.connect("repl").await;
    let mut watcher = fixture.connect("admin").await;
    let id = replica.id();
    for sql in [
        "SET NAMES utf8mb4",
        "SET @master_heartbeat_period = 30000001024, @source_heartbeat_period = 30000001024",
        "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = \
         @@global.binlog_checksum",
        &format!("SET @slave_uuid = '{UUID}', @replica_uuid = '{UUID}'"),
        "SET @rpl_semi_sync_replica = 1",
    ] {
        replica.execute(sql).await.unwrap();
    }
    let checksum = replica.scalar("SELECT @source_binlog_checksum").await.unwrap();
    assert_eq!(checksum.as_deref(), Some("CRC32"));
    let register = RegisterReplica { server_id: 7, host: b"r1", port: 3306, ..Default::default() };
    replica.register_replica(&register).await.unwrap();
    let listed = watcher.query_first("SHOW REPLICAS").await.unwrap().unwrap();
    let listed: Vec<_> = (0..5).map(|i| listed.text(i).unwrap().into_owned()).collect();
    assert_eq!(listed, ["7", "r1", "3306", "4000", UUID]);

    let set: GtidSet = "eb58c6fd-e500-11f1-828d-02fc00000001:1-19".parse().unwrap();
    let request = BinlogDumpGtid {
        flags: DumpFlags::THROUGH_GTID,
        server_id: 7,
        file: b"",
        position: 4,
        gtid_set: &set.to_bytes(),
    };
    let options = DumpOptions { semi_sync: true, ..DumpOptions::default() };
    let mut stream = replica.dump_gtid(&request, &options).await.unwrap();
    assert_eq!(first_event(&mut stream).await.unwrap().unwrap(), EVENT);

    let Seen::Started { request, wishes, who } = fixture.next_seen().await else { panic!() };
    assert_eq!(request.gtid_set, Some(set));
    assert_eq!((request.server_id, request.position), (7, 4));
    assert_eq!(wishes.checksum, ChecksumWish::Crc32);
    assert_eq!(wishes.heartbeat_period, Some(Duration::from_nanos(30_000_001_024)));
    assert!(wishes.semi_sync);
    assert_eq!(wishes.uuid.as_deref(), Some(UUID));
    assert_eq!((who.connection_id, who.user.as_str()), (id, "repl"));

    let mut acks = stream.take_ack_sender().unwrap();
    for position in [100, 200] {
        acks.ack("binlog.000001", position).await.unwrap();
        let Seen::Acked { file, position: acked } = fixture.next_seen().await else { panic!() };
        assert_eq!((file.as_slice(), acked), (&b"binlog.000001"[..], position));
        assert_eq!(first_event(&mut stream).await.unwrap().unwrap(), EVENT);
    }
    let shown = watcher.query_all("SHOW PROCESSLIST").await.unwrap();
    let row = shown.iter().find(|row| row.text(0).unwrap() == id.to_string()).unwrap();
    assert_eq!(row.by_name("Command").unwrap(), "Binlog Dump GTID");
    assert_eq!(row.by_name("State").unwrap(), "waiting");
    drop((stream, acks));
    assert_eq!(fixture.ended().await, "it closed the connection");
    assert!(watcher.query_first("SHOW REPLICAS").await.unwrap().is_none());
}

#[tokio::test]
async fn acknowledgements_come_through_compressed_connections() {
    let mut fixture = Fixture::with(Setup { semi_sync: true, ..Setup::default() }).await;
    for algorithm in [CompressionAlgorithm::Zlib, CompressionAlgorithm::Zstd] {
        let options = fixture.options("repl", "repl").compression([algorithm]);
        let mut replica = Connection::connect(&options).await.unwrap();
        replica.execute("SET @rpl_semi_sync_replica = 1").await.unwrap();
        let options = DumpOptions { semi_sync: true, ..DumpOptions::default() };
        let mut stream = dump(replica, "binlog.000001", &options).await;
        let mut acks = stream.take_ack_sender().unwrap();
        assert!(matches!(fixture.next_seen().await, Seen::Started { .. }));
        for position in 1..300 {
            assert_eq!(first_event(&mut stream).await.unwrap().unwrap(), EVENT);
            acks.ack("binlog.000001", position).await.unwrap();
            let Seen::Acked { position: acked, .. } = fixture.next_seen().await else { panic!() };
            assert_eq!(acked, position);
        }
        assert_eq!(first_event(&mut stream).await.unwrap().unwrap(), EVENT);
        drop((stream, acks));
        assert_eq!(fixture.ended().await, "it closed the connection");
    }
}

#[tokio::test]
async fn a_replica_of_mariadb_gets_to_its_dump() {
    let version = "11.8.3-MariaDB-log";
    let mut fixture = Fixture::with(Setup { version, ..Setup::default() }).await;
    let mut replica = fixture.connect("repl").await;
    for sql in [
        "SET @master_heartbeat_period= 30000001024",
        "SET @master_binlog_checksum= @@global.binlog_checksum",
        "SET @mariadb_slave_capability=4",
        "SET @slave_connect_state='0-23308-6'",
        "SET @slave_gtid_strict_mode=1",
        "SET skip_replication=1",
        // It is not offered, so this is a user variable like any other.
        "SET @rpl_semi_sync_slave= 1",
    ] {
        replica.execute(sql).await.unwrap();
    }
    let mut stream = dump(replica, "binlog.000001", &DumpOptions::default()).await;
    first_event(&mut stream).await.unwrap().unwrap();
    let Seen::Started { request, wishes, .. } = fixture.next_seen().await else { panic!() };
    assert_eq!((request.file.as_str(), request.gtid_set), ("binlog.000001", None));
    assert_eq!(wishes.mariadb_capability, 4);
    assert_eq!(wishes.slave_connect_state.as_deref(), Some("0-23308-6"));
    assert!(wishes.gtid_strict_mode && wishes.skip_replication && !wishes.semi_sync);
}

#[tokio::test]
async fn a_dump_can_be_refused_or_end_at_once() {
    let mut fixture = Fixture::start().await;
    let connection = fixture.connect("repl").await;
    let mut stream = dump(connection, "refused", &DumpOptions::default()).await;
    let error = first_event(&mut stream).await.unwrap_err();
    assert!(error.to_string().contains(REFUSAL), "{error}");
    assert_eq!(code::<()>(Err(error)), 1236);
    fixture.next_seen().await;
    fixture.ended().await;

    let connection = fixture.connect("repl").await;
    let mut stream = dump(connection, "end", &DumpOptions::default()).await;
    assert_eq!(first_event(&mut stream).await.unwrap(), None);
    fixture.next_seen().await;
    assert_eq!(fixture.ended().await, "it has all and did not want to wait");
}

#[tokio::test]
async fn an_error_does_not_end_a_session() {
    let fixture = Fixture::start().await;
    let mut connection = fixture.connect("repl").await;
    for (sql, expected) in [
        ("this is no SQL", 1064),
        ("", 1065),
        ("SELECT @@nope", 1193),
        ("INSERT INTO t VALUES (1)", 1290),
        ("SHOW TABLES", 1046),
        ("SHOW DATABASES", 1429),
        ("SHOW TRIGGERS", 1046),
        ("KILL 4000000", 1094),
    ] {
        assert_eq!(code(connection.execute(sql).await), expected, "{sql}");
    }
    connection.use_database("anything").await.unwrap();
    connection.execute("SET @a = 1").await.unwrap();
    let row = connection.query_first("SELECT DATABASE(), @a").await.unwrap().unwrap();
    assert_eq!((row.text(0).unwrap(), row.text(1).unwrap()), ("anything".into(), "1".into()));
    connection.reset().await.unwrap();
    assert_eq!(connection.scalar("SELECT @a").await.unwrap(), None);
    connection.ping().await.unwrap();
}

#[tokio::test]
async fn administrators_purge_and_hear_what_stays() {
    let fixture = Fixture::start().await;
    for user in ["repl", "nobody"] {
        let mut connection = fixture.connect(user).await;
        let denied = connection.execute("PURGE BINARY LOGS TO 'binlog.000001'").await;
        assert_eq!(code(denied), 1227, "{user}");
    }
    let mut admin = fixture.connect("admin").await;
    assert_eq!(code(admin.execute("PURGE BINARY LOGS TO 'nosuch.000001'").await), 1373);
    let purge = "PURGE BINARY LOGS BEFORE NOW() - INTERVAL 1 DAY";
    assert_eq!(admin.query(purge).await.unwrap().warnings(), 1);
    let warning = admin.query_first("SHOW WARNINGS").await.unwrap().unwrap();
    assert_eq!(
        (warning.text(0).unwrap(), warning.text(1).unwrap()),
        ("Warning".into(), "1867".into())
    );
    assert_eq!(admin.query("SET @a = 1").await.unwrap().warnings(), 0);
    assert!(admin.query_first("SHOW WARNINGS").await.unwrap().is_none());
}

#[tokio::test]
async fn a_session_can_change_its_user() {
    let fixture = Fixture::start().await;
    let change = |user: &'static str, auth_plugin| {
        Command::ChangeUser(ChangeUser {
            user,
            auth_response: b"proof for another scramble",
            database: Some("shop"),
            charset: Some(45),
            auth_plugin,
            attributes: Default::default(),
        })
    };
    for (plugin, asked_for) in [
        (Some(MYSQL_NATIVE_PASSWORD), MYSQL_NATIVE_PASSWORD),
        (Some(CACHING_SHA2_PASSWORD), CACHING_SHA2_PASSWORD),
        (None, MYSQL_NATIVE_PASSWORD),
        (Some("dialog"), CACHING_SHA2_PASSWORD),
    ] {
        let mut raw = Raw::logged_in(&fixture).await;
        raw.ask(&Command::Query(b"SET @a = 1")).await.unwrap();
        let (_, asked) = raw.ask(&change("repl", plugin)).await.unwrap();
        let asked = AuthSwitchRequest::parse(&asked).unwrap();
        assert_eq!(asked.plugin, asked_for, "{plugin:?}");
        let scramble = Scramble::from_slice(asked.data).unwrap();
        let proof = match asked.plugin {
            MYSQL_NATIVE_PASSWORD => native::respond(b"repl", &scramble).to_vec(),
            _ => sha2::respond(b"repl", &scramble).to_vec(),
        };
        raw.send(2, &proof).await;
        if asked.plugin == CACHING_SHA2_PASSWORD {
            assert_eq!(raw.packet().await.unwrap().1, b"\x01\x03", "the fast proof is right");
        }
        assert_eq!(raw.packet().await.unwrap().1[0], 0, "OK");
        raw.ask(&Command::Query(b"SELECT CURRENT_USER(), DATABASE(), @a")).await.unwrap();
        // Three columns, EOF, and the row.
        let mut payload = Vec::new();
        for _ in 0..5 {
            payload = raw.packet().await.unwrap().1;
        }
        assert_eq!(payload, b"\x06repl@%\x04shop\xfb", "{plugin:?}");
    }
    let mut raw = Raw::logged_in(&fixture).await;
    raw.ask(&change("repl", Some(MYSQL_NATIVE_PASSWORD))).await.unwrap();
    // A wrong proof is followed by the other plugins that accounts of this server have.
    raw.send(2, &[7; 20]).await;
    for (sequence, plugin, proof_len) in [(3, CLIENT_ED25519, 64), (5, CACHING_SHA2_PASSWORD, 32)] {
        let (at, asked) = raw.packet().await.unwrap();
        assert_eq!((at, AuthSwitchRequest::parse(&asked).unwrap().plugin), (sequence, plugin));
        raw.send(sequence + 1, &vec![7; proof_len]).await;
    }
    assert_eq!(raw.packet().await.unwrap(), (7, b"\x01\x04".to_vec()), "the password itself");
    raw.send(8, &[7; 256]).await;
    assert_eq!(raw.last_error().await, (9, 1045));
}

#[tokio::test]
async fn a_dump_needs_the_right_to_replicate() {
    let fixture = Fixture::start().await;
    for user in ["nobody", "admin"] {
        let mut connection = fixture.connect(user).await;
        let denied = connection.register_replica(&RegisterReplica::default()).await;
        assert_eq!(code(denied), 1227);
        let mut stream = dump(connection, "binlog.000001", &DumpOptions::default()).await;
        let error = first_event(&mut stream).await.unwrap_err();
        assert!(error.to_string().contains("REPLICATION SLAVE"), "{error}");
    }
}

#[tokio::test]
async fn kill_ends_a_dump_and_a_session() {
    let mut fixture = Fixture::start().await;
    let reader = fixture.connect("repl").await;
    let (dump_id, mut idle) = (reader.id(), fixture.connect("repl").await);
    let mut stream = dump(reader, "binlog.000001", &DumpOptions::default()).await;
    first_event(&mut stream).await.unwrap();
    fixture.next_seen().await;

    let mut nobody = fixture.connect("nobody").await;
    let kill = format!("KILL {dump_id}");
    assert_eq!(code(nobody.execute(&kill).await), 1095);
    let mut admin = fixture.connect("admin").await;
    admin.execute(&kill).await.unwrap();
    assert_eq!(fixture.ended().await, "killed");
    first_event(&mut stream).await.unwrap_err();

    // Users end their own sessions, as a MariaDB replica does.
    let mut other = fixture.connect("repl").await;
    other.execute(&format!("KILL {}", idle.id())).await.unwrap();
    idle.ping().await.unwrap_err();
    let own = format!("KILL {}", other.id());
    assert_eq!(code(other.execute(&own).await), 1317);
    other.ping().await.unwrap_err();
}

#[tokio::test]
async fn a_reader_that_comes_back_replaces_itself() {
    let mut fixture = Fixture::start().await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut reader = fixture.connect("repl").await;
        reader.execute(&format!("SET @replica_uuid = '{UUID}'")).await.unwrap();
        let mut stream = dump(reader, "binlog.000001", &DumpOptions::default()).await;
        first_event(&mut stream).await.unwrap();
        streams.push(stream);
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(fixture.next_seen().await);
    }
    let why = "the same reader has come back on another connection";
    assert!(seen.iter().any(|s| matches!(s, Seen::Ended(said) if said == why)), "{seen:?}");
    first_event(&mut streams[0]).await.unwrap_err();
    assert_eq!(fixture.registry.len(), 1);
}

#[tokio::test]
async fn silence_has_a_limit_that_the_session_sets() {
    let fixture = Fixture::start().await;
    let mut connection = fixture.connect("repl").await;
    connection.execute("SET SESSION wait_timeout = 1").await.unwrap();
    fixture.all_gone().await;
    connection.ping().await.unwrap_err();

    let limits = "login_timeout_s = 1";
    let fixture = Fixture::with(Setup { limits, ..Setup::default() }).await;
    let silent = tokio::net::TcpStream::connect(("127.0.0.1", fixture.port)).await.unwrap();
    while fixture.registry.is_empty() {
        tokio::task::yield_now().await;
    }
    fixture.all_gone().await;
    drop(silent);
}

#[tokio::test]
async fn shutdown_ends_every_session_and_the_listeners() {
    let mut fixture = Fixture::start().await;
    let mut idle = fixture.connect("repl").await;
    let reader = fixture.connect("repl").await;
    let _half = tokio::net::TcpStream::connect(("127.0.0.1", fixture.port)).await.unwrap();
    let mut stream = dump(reader, "binlog.000001", &DumpOptions::default()).await;
    first_event(&mut stream).await.unwrap();
    fixture.next_seen().await;

    fixture.shutdown.cancel();
    assert_eq!(fixture.ended().await, "binlogd shuts down");
    (&mut fixture.serving).await.unwrap();
    idle.ping().await.unwrap_err();
    assert!(fixture.registry.is_empty());
    assert!(!fixture.socket.exists());
    tokio::net::TcpStream::connect(("127.0.0.1", fixture.port)).await.unwrap_err();
}

#[tokio::test]
async fn who_leaves_while_it_waits_is_gone() {
    let fixture = Fixture::start().await;
    let plain = fixture.options("repl", "repl");
    let ways = [
        plain.clone().ssl_mode(SslMode::Required),
        plain.clone().compression([CompressionAlgorithm::Zlib]),
        plain.clone().socket(&fixture.socket),
        plain,
    ];
    let mut waiting = Vec::new();
    for options in &ways {
        let mut connection = Connection::connect(options).await.unwrap();
        waiting.push(tokio::spawn(async move { connection.execute(WAIT_FOR_EVER).await }));
    }
    let mut raw = Raw::logged_in(&fixture).await;
    raw.send(0, &query(WAIT_FOR_EVER)).await;
    // What it says meanwhile waits its turn.
    raw.send(0, &query("DO 1")).await;
    all_wait(&fixture, ways.len() + 1).await;
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    drop(raw);
    fixture.all_gone().await;
}

#[tokio::test]
async fn what_is_said_during_a_wait_is_answered_behind_it() {
    let fixture = Fixture::start().await;
    let mut raw = Raw::logged_in(&fixture).await;
    raw.send(0, &query(&WAIT_FOR_EVER.replace("0)", "0.2)"))).await;
    raw.send(0, &[CommandKind::PING.0]).await;
    while raw.packet().await.unwrap() != (5, vec![0xfe, 0, 0, 2, 0]) {}
    assert_eq!(raw.packet().await.unwrap().0, 1, "of the ping");
    raw.send(0, &[CommandKind::QUIT.0]).await;
    fixture.all_gone().await;
}

const WAIT_FOR_EVER: &str =
    "SELECT WAIT_FOR_EXECUTED_GTID_SET('aaaaaaaa-0000-0000-0000-000000000000:10', 0)";

fn query(sql: &str) -> Vec<u8> {
    [&[CommandKind::QUERY.0], sql.as_bytes()].concat()
}

/// Waits until so many sessions are in their statement; the one that asks is gone then.
async fn all_wait(fixture: &Fixture, wanted: usize) {
    let mut admin = fixture.connect("admin").await;
    let all = async {
        loop {
            let shown = admin.query_all("SHOW PROCESSLIST").await.unwrap();
            let info = shown.iter().filter_map(|row| row.by_name("Info"));
            if info.filter(|info| info.contains("WAIT_FOR")).count() == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
}
