//! The primary moves between MariaDB servers: by domain, server id and number, with all transactions or
//! without some.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use binlogd_event::{EventHeader, EventKind, FIRST_EVENT, Gtid, HEADER_LEN, gtid_of};
use common::{BINLOGD, PATIENCE, logs};
use testkit::daemon::{source_name, stored_files};
use testkit::workload::{Load, LoadSpec};
use testkit::{Daemon, Endpoint, Flavour, Server, SourceSpec, wait_until};

mod on_mariadb {
    use super::*;

    fn server(args: &[&str]) -> Server {
        Server::builder(Flavour::Mariadb118)
            .semi_sync()
            .args(["--rpl-semi-sync-master-wait-point=AFTER_SYNC", "--gtid-strict-mode=1"])
            // Commits must not wait long for a replica that was killed.
            .arg("--rpl-semi-sync-master-timeout=1000")
            .args(args.iter().copied())
            .start()
            .unwrap()
    }

    fn standby(of: &Server) -> Server {
        let standby = server(&["--read-only=1"]);
        standby.replicate_from(&SourceSpec::local(of.port())).unwrap();
        standby
    }

    fn promote(standby: &Server) {
        standby.sql("stop slave; reset slave all; set global read_only=0").unwrap();
    }

    fn follow_either(a: &Server, b: &Server) -> Daemon {
        let Endpoint { host, port, user, password } = b.endpoint();
        let daemon = Daemon::new(BINLOGD, &a.endpoint()).unwrap();
        let url = format!("--upstream=mysql://{user}:{password}@{host}:{port}");
        daemon.arg(url).started().unwrap()
    }

    /// The GTIDs of a binlog's transactions, in order.
    fn gtids(files: impl IntoIterator<Item = PathBuf>) -> Vec<Gtid> {
        let mut gtids = Vec::new();
        for path in files {
            let bytes = std::fs::read(path).unwrap();
            let mut rest = &bytes[usize::try_from(FIRST_EVENT).unwrap()..];
            while rest.len() >= HEADER_LEN {
                let header = EventHeader::parse(rest).unwrap();
                if header.kind == EventKind::MARIADB_GTID {
                    gtids.extend(gtid_of(&header, rest).unwrap());
                }
                rest = &rest[header.size as usize..];
            }
        }
        gtids
    }

    /// The folders of the daemon's timelines, oldest first.
    fn timelines(daemon: &Daemon) -> Vec<PathBuf> {
        let mut dirs: Vec<_> = std::fs::read_dir(daemon.stream_dir())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        dirs.sort();
        dirs
    }

    /// What a reader by GTID gets that begins with nothing: each transaction that it has not got yet.
    fn read_by_gtid(daemon: &Daemon) -> Vec<Gtid> {
        let mut last: BTreeMap<Option<u32>, u64> = BTreeMap::new();
        let mut read = Vec::new();
        for gtid in timelines(daemon).iter().flat_map(|dir| gtids(stored_files(dir).unwrap())) {
            if last.get(&gtid.domain()).is_none_or(|&last| gtid.number > last) {
                last.insert(gtid.domain(), gtid.number);
                read.push(gtid);
            }
        }
        read
    }

    /// A replica of binlogd's, by GTID.
    fn replica_of(daemon: &Daemon) -> Server {
        let replica =
            Server::builder(Flavour::Mariadb118).arg("--gtid-strict-mode=1").start().unwrap();
        let source = SourceSpec { endpoint: daemon.endpoint(), ..SourceSpec::local(0) };
        replica.replicate_from(&source).unwrap();
        replica
    }

    fn assert_equal(replica: &Server, primary: &Server) {
        replica.wait_for_replica_of(primary, PATIENCE).unwrap();
        let tables = |server: &Server| server.checksum_tables("load_rows").unwrap();
        assert_eq!(tables(replica), tables(primary));
        assert_eq!(gtids(replica.binlog_files().unwrap()), gtids(primary.binlog_files().unwrap()));
    }

    fn wait_for_all_of(daemon: &Daemon, primary: &Server) {
        logs(daemon, &["connected to the primary", &source_name(primary).unwrap()]);
        daemon.wait_for_all_of(primary, PATIENCE).unwrap();
    }

    fn verifies(daemon: &Daemon) -> bool {
        let mut verify = std::process::Command::new(BINLOGD);
        verify.args(["verify", "--quiet"]).arg(daemon.stream_dir()).status().unwrap().success()
    }

    #[test]
    fn when_the_primary_dies_its_promoted_replica_is_followed_without_gap_or_double() {
        let mut a = server(&[]);
        let b = standby(&a);
        let mut daemon = follow_either(&a, &b);
        let old_replica = replica_of(&daemon);
        let load = Load::start(&a, &LoadSpec::default()).unwrap();
        load.wait_for_commits(200, PATIENCE).unwrap();
        a.sql("flush binary logs").unwrap();
        a.sql("set gtid_domain_id=7; insert into load_rows.t values (99, 1, 'domain 7')").unwrap();
        load.wait_for_commits(200, PATIENCE).unwrap();
        load.stop().unwrap();
        b.wait_for_replica_of(&a, PATIENCE).unwrap();
        old_replica.wait_for_replica_of(&a, PATIENCE).unwrap();
        a.kill().unwrap();
        promote(&b);
        b.sql("insert into load_rows.t values (100, 1, 'on the new primary'); flush binary logs")
            .unwrap();
        b.sql("insert into load_rows.t values (100, 2, 'and on')").unwrap();
        logs(&daemon, &["beginning a new timeline"]);
        wait_for_all_of(&daemon, &b);
        assert_eq!(read_by_gtid(&daemon), gtids(b.binlog_files().unwrap()));
        assert_equal(&old_replica, &b);
        assert_equal(&replica_of(&daemon), &b);

        // Its files are there whole, and it goes on in them.
        daemon.kill().unwrap();
        b.sql("insert into load_rows.t values (100, 3, 'meanwhile')").unwrap();
        daemon.start().unwrap();
        wait_for_all_of(&daemon, &b);
        assert_eq!(read_by_gtid(&daemon), gtids(b.binlog_files().unwrap()));
        let dir = timelines(&daemon).pop().unwrap();
        assert!(dir.ends_with(format!("0002-{}", source_name(&b).unwrap())), "{}", dir.display());
        for path in b.binlog_files().unwrap().iter().rev().skip(1) {
            let copy = dir.join(path.file_name().unwrap());
            if copy.exists() {
                assert!(std::fs::read(path).unwrap() == std::fs::read(&copy).unwrap());
            }
        }
        daemon.stop().unwrap();
        assert!(verifies(&daemon));
    }

    #[test]
    fn a_switchover_is_followed_and_back_again() {
        let a = server(&[]);
        let b = standby(&a);
        let mut daemon = follow_either(&a, &b);
        a.sql("create database d; create table d.t (a int primary key) engine = InnoDB").unwrap();
        a.sql("insert into d.t values (1); set global read_only=1").unwrap();
        b.wait_for_replica_of(&a, PATIENCE).unwrap();
        promote(&b);
        b.sql("insert into d.t values (2)").unwrap();
        logs(&daemon, &["is read-only now", "following that one"]);
        wait_for_all_of(&daemon, &b);

        a.sql("set global gtid_slave_pos = @@gtid_binlog_pos").unwrap();
        a.replicate_from(&SourceSpec::local(b.port())).unwrap();
        b.sql("set global read_only=1").unwrap();
        a.wait_for_replica_of(&b, PATIENCE).unwrap();
        promote(&a);
        a.sql("insert into d.t values (3)").unwrap();
        wait_until("the third timeline", PATIENCE, || Ok(timelines(&daemon).len() == 3)).unwrap();
        daemon.wait_for_all_of(&a, PATIENCE).unwrap();
        assert_eq!(read_by_gtid(&daemon), gtids(a.binlog_files().unwrap()));
        daemon.stop().unwrap();
        assert!(verifies(&daemon));
    }

    #[test]
    fn a_transaction_that_the_new_primary_lacks_is_reported_and_stays_readable() {
        let mut a = server(&[]);
        let b = standby(&a);
        let mut daemon = follow_either(&a, &b);
        a.sql("create database d; create table d.t (a int primary key) engine = InnoDB").unwrap();
        b.wait_for_replica_of(&a, PATIENCE).unwrap();
        b.stop_replica().unwrap();
        a.sql("insert into d.t values (1); insert into d.t values (2)").unwrap();
        daemon.wait_for_all_of(&a, PATIENCE).unwrap();
        let id = a.sql("select @@server_id").unwrap();
        a.kill().unwrap();
        promote(&b);
        b.sql("insert into d.t values (3); insert into d.t values (4)").unwrap();
        let lost = format!("0-{id}-3..4");
        logs(&daemon, &["does not have these stored transactions", &lost, "on_fork"]);
        assert_eq!(timelines(&daemon).len(), 1);

        daemon.stop().unwrap();
        let mut daemon = daemon.arg("--on-fork=new-timeline").started().unwrap();
        logs(&daemon, &["beginning a new timeline", &lost]);
        wait_for_all_of(&daemon, &b);
        let [old, new] = timelines(&daemon).try_into().unwrap();
        assert_eq!(std::fs::read_to_string(new.join("FORKED")).unwrap().trim(), lost);
        // Both histories are there whole.
        let all =
            |dir: &Path| gtids(stored_files(dir).unwrap()).into_iter().collect::<BTreeSet<_>>();
        let of_b: BTreeSet<_> = gtids(b.binlog_files().unwrap()).into_iter().collect();
        let of_old = all(&old);
        assert_eq!(of_old.difference(&of_b).count(), 2);
        assert!(of_b.difference(&of_old).copied().collect::<BTreeSet<_>>().is_subset(&all(&new)));
        daemon.kill().unwrap();
        daemon.start().unwrap();
        b.sql("insert into d.t values (5)").unwrap();
        wait_for_all_of(&daemon, &b);
    }
}
