//! Real replicas, from their login to the answer to their dump command, which is an error: what
//! they make of events is for the tests of the sender.

use binlogd_server::downstream::{ChecksumWish, DumpRequest, ReplicaWishes};
use testkit::{Coordinates, Flavour, Server, SourceSpec};

use crate::support::{Fixture, PATIENCE, REFUSAL, Seen, Setup};

/// Starts a replica of the fixture and returns its first dump command, and the replica's uuid (empty
/// for MariaDB). The error that it got is checked. With `semi_sync` the replica has the plugin, and is
/// offered it or not.
async fn first_dump(
    flavour: Flavour,
    version: &'static str,
    change: impl FnOnce(SourceSpec, &Fixture) -> SourceSpec,
    semi_sync: Option<bool>,
) -> (DumpRequest, ReplicaWishes, String) {
    let offered = semi_sync == Some(true);
    let setup = Setup { version, refuse_all: true, semi_sync: offered, ..Setup::default() };
    let mut fixture = Fixture::with(setup).await;
    let source = change(SourceSpec::local(fixture.port), &fixture);
    let replica = tokio::task::spawn_blocking(move || {
        let builder = Server::builder(flavour);
        let builder = if semi_sync.is_some() { builder.semi_sync() } else { builder };
        let replica = builder.start().unwrap();
        replica.replicate_from(&source).unwrap();
        replica
    });
    let replica = replica.await.unwrap();
    let seen = fixture.next_seen().await;
    let Seen::Started { request, wishes, .. } = seen else { panic!("{seen:?}") };
    fixture.ended().await;
    let told = tokio::task::spawn_blocking(move || {
        let status = || replica.replica_status().unwrap();
        testkit::wait_until("the replica's error", PATIENCE, || {
            Ok(!status().column("Last_IO_Error").is_empty())
        })
        .unwrap();
        let uuid = if flavour.is_mariadb() {
            String::new()
        } else {
            replica.variable("server_uuid").unwrap()
        };
        (status(), uuid)
    });
    let (status, uuid) = told.await.unwrap();
    // MySQL 8 and later have a number of their own for what they were told.
    assert!(["1236", "13114"].contains(&status.column("Last_IO_Errno")), "{}", status.errors());
    assert!(status.errors().contains(REFUSAL), "{}", status.errors());
    (request, *wishes, uuid)
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_9_comes_by_gtid_over_plain_tcp() {
    // It wants semi-sync, is told that there is none, and goes on without.
    let (request, wishes, uuid) =
        first_dump(Flavour::Mysql97, "9.7.4", |source, _| source, Some(false)).await;
    assert!(request.gtid_set.is_some());
    assert_eq!((request.file.as_str(), request.position), ("", 4));
    assert_ne!(request.server_id, 0);
    assert_eq!(wishes.checksum, ChecksumWish::Crc32);
    assert_eq!(wishes.uuid, Some(uuid));
    assert!(wishes.heartbeat_period.is_some() && !wishes.semi_sync);
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_9_comes_by_position_over_verified_tls() {
    let by_position = |source: SourceSpec, fixture: &Fixture| {
        source.at("binlog.000001", 157).tls(Some(fixture.tls_dir.join("ca.pem")))
    };
    let (request, wishes, _) = first_dump(Flavour::Mysql97, "9.7.4", by_position, Some(true)).await;
    assert_eq!((request.file.as_str(), request.position), ("binlog.000001", 157));
    assert_eq!(request.gtid_set, None);
    assert!(wishes.semi_sync);
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_5_6_comes_with_the_older_statements() {
    let (request, wishes, uuid) =
        first_dump(Flavour::Mysql56, "5.6.24-log", |source, _| source, None).await;
    assert!(request.gtid_set.is_some());
    assert_eq!(wishes.checksum, ChecksumWish::Crc32);
    assert_eq!(wishes.uuid, Some(uuid));
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_comes_with_its_own_gtids() {
    for (flavour, version) in [
        (Flavour::Mariadb118, "11.8.3-MariaDB-log"),
        (Flavour::Mariadb1011, "5.5.5-10.11.6-MariaDB"),
    ] {
        let none = |source: SourceSpec, _: &Fixture| source;
        let (request, wishes, _) = first_dump(flavour, version, none, Some(false)).await;
        assert_eq!(request.gtid_set, None);
        assert_eq!(wishes.mariadb_capability, 4);
        assert_eq!(wishes.slave_connect_state.as_deref(), Some(""));
        assert_eq!(wishes.checksum, ChecksumWish::Crc32);
        assert!(!wishes.semi_sync);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_comes_by_position() {
    let at = |source: SourceSpec, _: &Fixture| SourceSpec {
        from: Coordinates::File { file: "binlog.000001".into(), pos: 4 },
        ..source
    };
    let version = "11.8.3-MariaDB-log";
    let (request, wishes, _) = first_dump(Flavour::Mariadb118, version, at, Some(true)).await;
    assert_eq!((request.file.as_str(), request.position), ("binlog.000001", 4));
    assert_eq!(wishes.slave_connect_state, None);
    assert!(wishes.semi_sync);
}
