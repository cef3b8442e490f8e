//! The workloads run on every flavour, and real replicas agree with their sources about them.
#![expect(clippy::unwrap_used, reason = "a helper's failure is the test's")]

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::workload::{self, Load, LoadSpec};
use testkit::{Flavour, Pki, Server, SourceSpec};

const LONG: Duration = Duration::from_secs(180);

/// Runs every scenario on a source and has a replica follow it from the first file.
fn replica_agrees(flavour: Flavour) -> (Server, Server) {
    let source = Server::start_new(flavour).unwrap();
    let replica = Server::start_new(flavour).unwrap();
    replica.replicate_from(&SourceSpec::local(source.port())).unwrap();
    for scenario in workload::ALL {
        scenario.run(&source).unwrap();
    }
    replica.wait_for_replica_of(&source, LONG).unwrap();
    let sums = workload::checksums(&source).unwrap();
    assert_eq!(sums, workload::checksums(&replica).unwrap());
    assert!(sums.len() > 20, "{}", sums.len());
    (source, replica)
}

/// How often each event type occurs in a server's files.
fn event_types(server: &Server) -> BTreeMap<String, u64> {
    let mut types = BTreeMap::new();
    for file in server.query_rows("show binary logs").unwrap() {
        for event in server.query_rows(&format!("show binlog events in '{}'", file[0])).unwrap() {
            *types.entry(event[2].clone()).or_insert(0) += 1;
        }
    }
    types
}

fn assert_has(types: &BTreeMap<String, u64>, wanted: &[&str]) {
    for kind in wanted {
        assert!(types.contains_key(*kind), "no {kind} among {types:?}");
    }
}

#[test]
fn mysql_9_7_writes_every_kind_of_event() {
    let (source, _replica) = replica_agrees(Flavour::Mysql97);
    assert_has(
        &event_types(&source),
        &[
            "Format_desc",
            "Previous_gtids",
            "Gtid",
            "Gtid_tagged_log_event",
            "Query",
            "Table_map",
            "Write_rows",
            "Update_rows",
            "Update_rows_partial",
            "Delete_rows",
            "Rows_query",
            "Xid",
            "XA_prepare",
            "Transaction_payload",
            "Intvar",
            "RAND",
            "User var",
            "Begin_load_query",
            "Execute_load_query",
            "Rotate",
        ],
    );
    let executed = source.executed_gtids().unwrap();
    assert!(executed.contains(":nightly_job:1"), "{executed}");
}

#[test]
fn a_replica_by_position_follows_anonymous_transactions() {
    let source = Server::start_new(Flavour::Mysql97).unwrap();
    let replica = Server::builder(Flavour::Mysql97)
        .without_gtid()
        .args(["--gtid-mode=ON_PERMISSIVE", "--enforce-gtid-consistency=ON"])
        .start()
        .unwrap();
    workload::ANONYMOUS.run(&source).unwrap();
    assert!(event_types(&source).contains_key("Anonymous_Gtid"));
    replica.replicate_from(&SourceSpec::local(source.port()).at("binlog.000001", 4)).unwrap();
    replica.wait_for_replica_of(&source, LONG).unwrap();
    let schema = workload::ANONYMOUS.schema;
    assert_eq!(source.checksum_tables(schema).unwrap(), replica.checksum_tables(schema).unwrap());
}

#[test]
fn what_a_load_was_told_survives_its_servers_death() {
    let mut server = Server::start_new(Flavour::Mysql97).unwrap();
    let load = Load::start(&server, &LoadSpec { clients: 3, ..LoadSpec::default() }).unwrap();
    load.wait_for_commits(100, LONG).unwrap();
    server.kill().unwrap();
    let told = load.stop().unwrap();
    assert!(told.total() >= 100);
    assert_eq!(told.errors.len(), 3, "{:?}", told.errors);
    server.start().unwrap();
    assert_eq!(told.missing_on(&server).unwrap(), 0);

    // A second load goes on, and a row that is taken away is noticed.
    let load = Load::start(&server, &LoadSpec { clients: 3, ..LoadSpec::default() }).unwrap();
    load.wait_for_commits(10, LONG).unwrap();
    let told = load.stop().unwrap();
    assert!(told.errors.is_empty(), "{:?}", told.errors);
    server
        .sql(&format!("delete from {} where client = 1 and seq = 1", workload::LOAD_TABLE))
        .unwrap();
    assert_eq!(told.missing_on(&server).unwrap(), 1);
}

/// A replica takes a source whose certificate its authority signed, and no other.
fn replicas_check_certificates(flavour: Flavour) {
    let pki = Pki::new().unwrap();
    let source = Server::builder(flavour).tls(&pki).start().unwrap();
    let replica = Server::start_new(flavour).unwrap();
    replica.replicate_from(&SourceSpec::local(source.port()).tls(Some(pki.ca()))).unwrap();
    source.sql("create database over_tls").unwrap();
    replica.wait_for_replica_of(&source, LONG).unwrap();

    let stranger = Server::start_new(flavour).unwrap();
    let other = Pki::new().unwrap();
    stranger.replicate_from(&SourceSpec::local(source.port()).tls(Some(other.ca()))).unwrap();
    stranger
        .wait_for("refusal", LONG, |s| {
            Ok(s.replica_status()?.column("Last_IO_Error").contains("SSL connection error"))
        })
        .unwrap();
}

#[test]
fn a_replica_checks_its_sources_certificate() {
    replicas_check_certificates(Flavour::Mysql97);
}

#[test]
fn a_client_enters_by_its_certificate_alone() {
    let pki = Pki::new().unwrap();
    let server = Server::builder(Flavour::Mysql97).tls(&pki).start().unwrap();
    server.sql("create user certified require subject '/CN=binlogd test client'").unwrap();
    let connect = |cert: bool| {
        let mut client = server.prefix().mysql();
        client.args(["--host=127.0.0.1", "--user=certified", "--ssl-mode=VERIFY_IDENTITY"]);
        client.arg(format!("--port={}", server.port()));
        client.arg(format!("--ssl-ca={}", pki.ca().display()));
        if cert {
            client.arg(format!("--ssl-cert={}", pki.client_cert().display()));
            client.arg(format!("--ssl-key={}", pki.client_key().display()));
        }
        client.args(["-e", "select 1"]).output().unwrap()
    };
    let accepted = connect(true);
    assert!(accepted.status.success(), "{}", String::from_utf8_lossy(&accepted.stderr));
    assert!(!connect(false).status.success());
}

mod on_mariadb {
    use super::*;

    #[test]
    fn version_11_8_writes_every_kind_of_event() {
        let (source, _replica) = replica_agrees(Flavour::Mariadb118);
        assert_has(
            &event_types(&source),
            &[
                "Gtid",
                "Gtid_list",
                "Binlog_checkpoint",
                "Annotate_rows",
                "Write_rows_v1",
                "Write_rows_compressed_v1",
                "Query_compressed",
                "XA_prepare",
            ],
        );
    }

    #[test]
    fn version_10_11_writes_what_a_replica_can_follow() {
        replica_agrees(Flavour::Mariadb1011);
    }

    #[test]
    fn a_replica_checks_its_sources_certificate() {
        replicas_check_certificates(Flavour::Mariadb118);
    }
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn it_writes_every_kind_of_event() {
        let (source, _replica) = replica_agrees(Flavour::Mysql56);
        assert_has(
            &event_types(&source),
            &["Gtid", "Rows_query", "Write_rows", "Update_rows", "Delete_rows", "Intvar", "RAND"],
        );
    }
}
