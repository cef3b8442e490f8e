//! Replicas that apply in parallel get from binlogd what the primary says of which transactions may.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use binlogd_client::wire::dump::DumpFlags;
use common::dumps::{Ask, assert_same};
use common::{PATIENCE, follow, primary};
use testkit::workload::{LOAD_TABLE, Load, LoadSpec};
use testkit::{Daemon, Endpoint, Flavour, Proxy, Server, SourceSpec, wait_until};

/// Applying what some clients have written takes a while on two busy cores.
const APPLY: Duration = Duration::from_secs(240);

/// What a server's tool says of each transaction's place among the others, by GTID. A transaction that
/// comes twice, as after a reconnection, must be the same.
fn clocks(server: &Server, files: &[PathBuf]) -> BTreeMap<String, String> {
    let out = server.mysqlbinlog().args(files).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut clocks = BTreeMap::new();
    let mut note = |gtid: &str, clock: &str| {
        let before = clocks.insert(gtid.to_owned(), clock.to_owned());
        assert!(before.is_none_or(|before| before == clock), "{gtid}: {clock}");
    };
    let mut clock = "";
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("\tlast_committed=") {
            // last_committed and sequence_number, before what may be said otherwise.
            clock = rest.split("\trbr_only").next().unwrap();
        } else if let Some((_, rest)) = line.split_once("GTID_NEXT= '")
            && let Some(gtid) = rest.strip_suffix("'/*!*/;").filter(|gtid| gtid.contains(':'))
        {
            note(gtid, clock);
        } else if let Some((_, rest)) = line.split_once("\tGTID ")
            && line.starts_with('#')
        {
            let (gtid, clock) = rest.split_once(' ').unwrap_or((rest, ""));
            note(gtid, clock);
        }
    }
    assert!(!clocks.is_empty(), "no GTIDs in {files:?}");
    clocks
}

/// All that the replica has received.
fn relay_logs(replica: &Server) -> Vec<PathBuf> {
    let entries = fs::read_dir(replica.datadir()).unwrap().map(|entry| entry.unwrap().path());
    let is_log = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.strip_prefix("relay.").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut logs: Vec<_> = entries.filter(is_log).collect();
    logs.sort();
    logs
}

/// A replica that keeps what it received and applies nothing before it is told to.
fn receive_only(replica: &Server, daemon: &Daemon, proxy: &Proxy) {
    let endpoint = Endpoint { port: proxy.port(), ..daemon.endpoint() };
    let source = SourceSpec { endpoint, ..daemon.as_source() };
    replica.replicate_from(&source.workers(4)).unwrap();
    let mariadb = replica.flavour().is_mariadb();
    replica.sql(if mariadb { "stop slave sql_thread" } else { "stop replica sql_thread" }).unwrap();
}

/// Some clients write, while the connections of so many replicas break in the middle of a file.
fn load(primary: &Server, daemon: &Daemon, proxy: &Proxy, replicas: usize) {
    let all_read = |times: usize| {
        wait_until("the replicas are back", PATIENCE, || {
            Ok(daemon.log().matches("dump started").count() >= times * replicas)
        })
        .unwrap();
    };
    all_read(1);
    let spec = LoadSpec { clients: 8, ..LoadSpec::default() };
    let load = Load::start(primary, &spec).unwrap();
    for round in 1..=3 {
        load.wait_for_commits(60, PATIENCE).unwrap();
        proxy.mend();
        all_read(1 + round);
    }
    load.wait_for_commits(60, PATIENCE).unwrap();
    let written = load.stop().unwrap();
    assert!(written.errors.is_empty(), "{:?}", written.errors);
    primary.sql(&format!("insert into {LOAD_TABLE} values (99, 1, 'last')")).unwrap();
}

fn assert_equal(primary: &Server, replica: &Server) {
    replica.wait_for_replica_of(primary, APPLY).unwrap();
    let tables = |server: &Server| server.checksum_tables("load_rows").unwrap();
    assert_eq!(tables(replica), tables(primary));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mysql_replicas_workers_have_the_primarys_logical_clock() {
    let primary = primary();
    let daemon = follow(&primary);
    let proxy = Proxy::to(daemon.endpoint().port).unwrap();
    let replica = Server::builder(Flavour::Mysql97)
        .performance_schema()
        .args(["--replica-preserve-commit-order=ON", "--relay-log=relay", "--relay-log-purge=OFF"])
        .start()
        .unwrap();
    receive_only(&replica, &daemon, &proxy);
    load(&primary, &daemon, &proxy, 1);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();

    let uuid = primary.sql("select @@server_uuid").unwrap();
    let events = primary.query_rows("show binlog events in 'binlog.000001'").unwrap();
    let gtids = events.iter().filter(|event| event[2] == "Gtid").collect::<Vec<_>>();
    let middle = gtids[gtids.len() / 2][1].parse().unwrap();
    let says =
        "set @master_binlog_checksum = 'CRC32', @source_binlog_checksum = 'CRC32'".to_owned();
    let by_position = Ask {
        file: "binlog.000001".to_owned(),
        position: middle,
        has: None,
        flags: DumpFlags::default(),
        says,
    };
    let half = format!("{uuid}:1-{}", gtids.len() / 2);
    let by_gtid = Ask { file: String::new(), position: 4, has: Some(half), ..by_position.clone() };
    for ask in [by_position, by_gtid] {
        assert_same(&primary.endpoint(), &daemon.endpoint(), &ask).await;
    }

    replica.sql("start replica sql_thread").unwrap();
    assert_equal(&primary, &replica);
    let of_primary = clocks(&primary, &primary.binlog_files().unwrap());
    assert_eq!(clocks(&primary, &relay_logs(&replica)), of_primary);
    let may_run_beside_others = of_primary.values().filter(|clock| {
        let (last_committed, number) = clock.split_once("\tsequence_number=").unwrap();
        last_committed.parse::<u64>().unwrap() + 1 < number.parse().unwrap()
    });
    assert!(may_run_beside_others.count() > 100);
    let workers = "select count(*) from performance_schema.replication_applier_status_by_worker \
                   where last_applied_transaction <> ''";
    let workers: u32 = replica.sql(workers).unwrap().parse().unwrap();
    assert!(workers > 1, "{workers} have applied transactions");
}

mod on_mariadb {
    use super::*;

    #[test]
    fn mariadbs_replicas_have_the_primarys_group_commits() {
        // So that groups are committed where others come in time.
        let groups = ["--binlog-commit-wait-count=4", "--binlog-commit-wait-usec=20000"];
        let primary = Server::builder(Flavour::Mariadb118).args(groups).start().unwrap();
        let daemon = follow(&primary);
        let proxy = Proxy::to(daemon.endpoint().port).unwrap();
        let replicas = ["conservative", "optimistic"].map(|mode| {
            let replica = Server::builder(Flavour::Mariadb118)
                .args(groups)
                .arg(format!("--slave-parallel-mode={mode}"))
                .arg("--relay-log-purge=OFF")
                .start()
                .unwrap();
            receive_only(&replica, &daemon, &proxy);
            replica
        });
        load(&primary, &daemon, &proxy, replicas.len());
        let of_primary = clocks(&primary, &primary.binlog_files().unwrap());
        let in_groups = of_primary.values().filter(|clock| clock.contains("cid=")).count();
        assert!(in_groups > 20, "{in_groups} of {}", of_primary.len());
        for replica in &replicas {
            replica.sql("start slave sql_thread").unwrap();
            assert_equal(&primary, replica);
            assert_eq!(clocks(&primary, &relay_logs(replica)), of_primary);
            // Only what runs at once can be committed at once.
            let own = clocks(replica, &replica.binlog_files().unwrap());
            let at_once = own.values().filter(|clock| clock.contains("cid=")).count();
            assert!(at_once > 10, "{at_once} of {}", own.len());
        }
    }
}
