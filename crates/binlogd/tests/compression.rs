//! Compressed connections on both sides: binlogd with real primaries, replicas and tools.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;

use common::{BINLOGD, PATIENCE, follow_semi_sync, primary};
use testkit::daemon::compare_files;
use testkit::server::Server;
use testkit::{Daemon, Flavour, SourceSpec, workload};

/// A binlogd that follows over a compressed connection.
fn follow_compressed(primary: &Server, query: &str) -> Daemon {
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    let endpoint = primary.endpoint();
    let (user, password, port) = (endpoint.user, endpoint.password, endpoint.port);
    let url = format!("mysql://{user}:{password}@127.0.0.1:{port}/?{query}");
    daemon.upstream(&url).started().unwrap()
}

#[test]
fn a_primary_is_mirrored_byte_for_byte_and_acknowledged_over_zlib_and_zstd() {
    for algorithm in ["zlib", "zstd"] {
        let primary = primary();
        let mut daemon = follow_compressed(&primary, &format!("compression={algorithm}"));
        primary.wait_for_semi_sync(1, PATIENCE).unwrap();
        let logged = format!("compression=\"{algorithm}\"");
        assert!(daemon.log().contains(&logged), "{}", daemon.log());
        for (index, scenario) in workload::ALL.iter().enumerate() {
            scenario.run(&primary).unwrap();
            if index == 3 {
                daemon.kill().unwrap();
                daemon.start().unwrap();
                primary.wait_for_semi_sync(1, PATIENCE).unwrap();
            }
        }
        daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
        compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
        assert_eq!(primary.status_var("Rpl_semi_sync_source_no_tx").unwrap(), "0");
    }
}

#[test]
fn replicas_and_mysqlbinlog_read_compressed_what_they_read_otherwise() {
    let primary = primary();
    let daemon = follow_semi_sync(&primary);
    for scenario in workload::ALL {
        scenario.run(&primary).unwrap();
    }
    primary.sql("flush binary logs").unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();

    let files = primary.binlog_files().unwrap();
    let names: Vec<_> =
        files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    for algorithm in ["zlib", "zstd"] {
        let dir = tempfile::tempdir().unwrap();
        let mut tool = primary.prefix().mysqlbinlog_from(&daemon.endpoint());
        tool.arg(format!("--compression-algorithms={algorithm}"));
        tool.arg(format!("--result-file={}/", dir.path().display()));
        let out = tool.args(["--raw", "--to-last-log", names[0]]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        for path in &files[..files.len() - 1] {
            let copy = dir.path().join(path.file_name().unwrap());
            assert!(fs::read(path).unwrap() == fs::read(&copy).unwrap(), "{}", copy.display());
        }

        let replica = Server::builder(Flavour::Mysql97)
            .args(["--replica-preserve-commit-order=1", "--skip-log-replica-updates"])
            .start()
            .unwrap();
        let spec = SourceSpec {
            endpoint: daemon.endpoint(),
            compression: Some(algorithm.to_owned()),
            ..SourceSpec::local(0)
        };
        replica.replicate_from(&spec.workers(4)).unwrap();
        replica.wait_for_replica_of(&primary, 4 * PATIENCE).unwrap();
        assert!(replica.replica_status().unwrap().io_running());
        assert_eq!(workload::checksums(&replica).unwrap(), workload::checksums(&primary).unwrap());
    }
}
