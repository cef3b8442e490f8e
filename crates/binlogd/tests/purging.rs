//! Old files go: by PURGE BINARY LOGS, by retention, and never under those who need them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use binlogd_client::wire::dump::{BinlogDump, DumpFlags};
use binlogd_client::{ConnectOptions, Connection, DumpOptions, SslMode};
use common::{BINLOGD, PATIENCE, primary};
use testkit::daemon::{PASSWORD, USER, compare_files, stored_files};
use testkit::server::Server;
use testkit::workload::{Load, LoadSpec};
use testkit::{Daemon, Flavour, SourceSpec, wait_until};

fn daemon(primary: &Server, more: &str) -> Daemon {
    let daemon = Daemon::new(BINLOGD, &primary.endpoint()).unwrap();
    let daemon = daemon.configured(more).unwrap().started().unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    daemon
}

/// Ends the active file `count` times, each with some rows in it.
fn write_files(primary: &Server, count: usize) {
    primary
        .sql("create database if not exists d; create table if not exists d.t (a longblob)")
        .unwrap();
    for _ in 0..count {
        primary
            .sql("insert into d.t values ('a'); insert into d.t values ('b'); flush binary logs")
            .unwrap();
    }
}

fn logs(daemon: &Daemon, primary: &Server) -> Vec<String> {
    let listed = daemon.sql(primary.prefix(), "show binary logs").unwrap();
    listed.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

fn stored(daemon: &Daemon, primary: &Server) -> Vec<String> {
    let files = stored_files(&daemon.timeline_dir(primary).unwrap()).unwrap();
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    files.iter().map(name).collect()
}

/// Purges the same on both, and compares what they say and have.
fn purge_both(daemon: &Daemon, primary: &Server, sql: &str) -> Vec<String> {
    let ours = daemon.sql(primary.prefix(), sql);
    let theirs = primary.sql(sql);
    let text = |answer: anyhow::Result<String>| match answer {
        Ok(text) => text,
        Err(error) => error.to_string().replace(
            "mysql: [Warning] Using a password on the command line interface can be insecure.\n",
            "",
        ),
    };
    assert_eq!(text(ours), text(theirs), "{sql}");
    let left = logs(daemon, primary);
    let theirs = primary.query_rows("show binary logs").unwrap();
    assert_eq!(left, theirs.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), "{sql}");
    assert_eq!(left, stored(daemon, primary));
    let purged = "select @@global.gtid_purged, @@global.gtid_executed";
    let ours = daemon.sql(primary.prefix(), purged).unwrap().replace("\\n", "");
    assert_eq!(ours, primary.sql(purged).unwrap().replace('\n', ""), "{sql}");
    left
}

#[test]
fn purge_does_what_the_primarys_does_and_survives_a_restart() {
    let primary = primary();
    let mut daemon = daemon(&primary, "");
    write_files(&primary, 6);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    assert_eq!(logs(&daemon, &primary).len(), 7);
    for (sql, left) in [
        ("purge binary logs to 'binlog.000003'", 5),
        ("purge binary logs to 'binlog.000003'", 5),
        ("purge binary logs to 'nosuch.000001'", 5),
        ("purge binary logs to 'binlog.000001'", 5),
        ("purge binary logs to './binlog.000004'", 4),
        ("purge binary logs before '2020-01-01 00:00:00'", 4),
        ("purge binary logs before now() - interval 1 day", 4),
        ("purge binary logs before 'garbage'", 4),
        ("purge binary logs before null", 4),
    ] {
        assert_eq!(purge_both(&daemon, &primary, sql).len(), left, "{sql}");
    }
    // What is purged here only, stays on the primary, and the other way round.
    daemon.kill().unwrap();
    daemon.start().unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    write_files(&primary, 2);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
    let sql = "purge binary logs before now() + interval 1 day";
    assert_eq!(purge_both(&daemon, &primary, sql), ["binlog.000009"]);
    let index = daemon.timeline_dir(&primary).unwrap().join("binlog.index");
    assert_eq!(fs::read_to_string(index).unwrap(), "./binlog.000009\n");

    daemon.stop().unwrap();
    let verified = Command::new(BINLOGD).arg("verify").arg(daemon.stream_dir()).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
    daemon.start().unwrap();
    write_files(&primary, 1);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    assert_eq!(compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap(), 2);
    let no_tx = primary.status_var("Rpl_semi_sync_source_no_tx").unwrap();
    assert_eq!(no_tx, "0", "every commit was acknowledged");
}

#[test]
fn who_is_no_administrator_is_told_so_in_the_primarys_words() {
    let primary = primary();
    let daemon = common::follow(&primary);
    primary.sql("create user weak identified by 'weak'").unwrap();
    let sql = "purge binary logs to 'binlog.000001'";
    let error = |endpoint: testkit::Endpoint| {
        let mut client = primary.prefix().mysql_to(&endpoint);
        let out = client.args(["--execute", sql]).output().unwrap();
        let text = String::from_utf8(out.stderr).unwrap();
        text.lines().rfind(|line| line.contains("ERROR")).unwrap_or_default().to_owned()
    };
    let weak =
        testkit::Endpoint { user: "weak".into(), password: "weak".into(), ..primary.endpoint() };
    let theirs = error(weak);
    assert!(theirs.contains("1227"), "{theirs}");
    assert_eq!(error(daemon.endpoint()), theirs);
}

#[test]
fn readers_that_need_what_was_purged_are_told_what_a_primary_tells() {
    let primary = primary();
    let daemon = daemon(&primary, "");
    write_files(&primary, 4);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    purge_both(&daemon, &primary, "purge binary logs to 'binlog.000003'");

    let error = |options: &[&str]| {
        let from = |endpoint| {
            let mut tool: Command = primary.prefix().mysqlbinlog_from(&endpoint);
            let out = tool.args(options).output().unwrap();
            assert!(!out.status.success(), "{options:?}");
            let text = String::from_utf8(out.stderr).unwrap();
            text.lines().rfind(|line| line.contains("ERROR")).unwrap().to_owned()
        };
        assert_eq!(from(daemon.endpoint()), from(primary.endpoint()), "{options:?}");
        from(daemon.endpoint())
    };
    let text = error(&["binlog.000001"]);
    assert!(text.contains("Could not find first log file name"), "{text}");
    error(&["--start-position=200", "binlog.000002"]);

    // By GTID: the primary's own error and binlogd's, seen by real replicas.
    let mut texts = Vec::new();
    for endpoint in [daemon.endpoint(), primary.endpoint()] {
        let replica = Server::builder(Flavour::Mysql97).start().unwrap();
        replica.replicate_from(&SourceSpec { endpoint, ..SourceSpec::local(0) }).unwrap();
        replica
            .wait_for("the replica's error", PATIENCE, |replica| {
                Ok(replica.replica_status()?.column("Last_IO_Errno") == "13114")
            })
            .unwrap();
        texts.push(replica.replica_status().unwrap().column("Last_IO_Error").to_owned());
    }
    assert!(texts[0].contains("purged required binary logs"), "{texts:?}");
    assert_eq!(texts[0], texts[1]);

    // One that has what was purged goes on.
    let replica = Server::builder(Flavour::Mysql97).start().unwrap();
    let purged = primary.sql("select @@global.gtid_purged").unwrap();
    replica
        .sql(&format!(
            "set sql_log_bin = 0; create database d; create table d.t (a longblob); \
             reset binary logs and gtids; set global gtid_purged = '{purged}'"
        ))
        .unwrap();
    let spec = daemon.as_source();
    replica.replicate_from(&spec).unwrap();
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    assert_eq!(replica.sql("select count(*) from d.t").unwrap(), "4");
}

/// A reader that takes what is sent when it is told to.
struct SlowReader {
    runtime: tokio::runtime::Runtime,
    stream: binlogd_client::BinlogStream,
    id: u32,
}

impl SlowReader {
    /// Begins a dump and reads its first event.
    fn begin(daemon: &Daemon, file: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let endpoint = daemon.endpoint();
        let options = ConnectOptions::new(endpoint.host)
            .port(endpoint.port)
            .user(USER)
            .password(PASSWORD)
            .ssl_mode(SslMode::Disabled);
        let (stream, id) = runtime.block_on(async {
            let mut connection = Connection::connect(&options).await.unwrap();
            connection.execute("SET @source_binlog_checksum = 'CRC32'").await.unwrap();
            let id = connection.id();
            let dump = BinlogDump {
                position: 4,
                flags: DumpFlags::NON_BLOCKING,
                server_id: 77,
                file: file.as_bytes(),
            };
            let mut stream = connection.dump(&dump, &DumpOptions::default()).await.unwrap();
            stream.next_event(&mut Vec::new()).await.unwrap().unwrap();
            (stream, id)
        });
        Self { runtime, stream, id }
    }

    /// Reads on to the end, or an error; returns how many bytes of events came.
    fn rest(mut self) -> Result<usize, String> {
        self.runtime.block_on(async {
            let mut bytes = 0;
            let mut event = Vec::new();
            loop {
                event.clear();
                match self.stream.next_event(&mut event).await {
                    Ok(Some(_)) => bytes += event.len(),
                    Ok(None) => return Ok(bytes),
                    Err(error) => return Err(error.to_string()),
                }
            }
        })
    }
}

/// More than all buffers between binlogd and a reader that does not read.
const LARGE: &str = "insert into d.t values (repeat('x', 30 << 20)); flush binary logs";

#[test]
fn a_slow_reader_keeps_its_file_and_all_behind_it() {
    let primary = primary();
    let daemon = daemon(&primary, "");
    write_files(&primary, 2);
    primary.sql(LARGE).unwrap();
    primary.sql(LARGE).unwrap();
    write_files(&primary, 1);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();

    let reader = SlowReader::begin(&daemon, "binlog.000003");
    let said = daemon
        .sql(primary.prefix(), "purge binary logs to 'binlog.000006'; show warnings")
        .unwrap();
    assert_eq!(
        said,
        "Warning\t1867\tfile ./binlog.000003 was not purged because it was being read by 1 \
         thread(s), purged only 2 out of 5 files."
    );
    assert_eq!(logs(&daemon, &primary)[0], "binlog.000003");
    assert!(reader.rest().unwrap() > 60 << 20);
    let purged = || {
        daemon.sql(primary.prefix(), "purge binary logs to 'binlog.000006'").unwrap();
        Ok(logs(&daemon, &primary)[0] == "binlog.000006")
    };
    wait_until("the reader is gone and the rest is purged", PATIENCE, purged).unwrap();
}

#[test]
fn retention_keeps_a_size_and_gives_readers_no_more_than_their_time() {
    let primary = primary();
    // Files of 30 MiB: two of them, and the active one.
    let retention = "[stream.retention]\nmax_bytes = '65MiB'\nreader_hold_max = '0s'";
    let daemon = daemon(&primary, retention);
    write_files(&primary, 1);
    primary.sql(LARGE).unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    assert_eq!(logs(&daemon, &primary)[0], "binlog.000001");
    let reader = SlowReader::begin(&daemon, "binlog.000002");
    for _ in 0..3 {
        primary.sql(LARGE).unwrap();
    }
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    wait_until("old files go", PATIENCE, || {
        Ok(logs(&daemon, &primary) == ["binlog.000004", "binlog.000005", "binlog.000006"])
    })
    .unwrap_or_else(|e| panic!("{e:#}\n{}", daemon.log()));
    assert_eq!(stored(&daemon, &primary).len(), 3);
    let log = daemon.log();
    assert!(log.contains("removed") && log.contains("file=binlog.000001"), "{log}");
    assert!(log.contains("removed under a reader"), "{log}");
    // It reads its own file to the end, and then hears why there is no more.
    let error = reader.rest().unwrap_err();
    assert!(error.contains("1236") && error.contains("could not find next log"), "{error}");
}

#[test]
fn retention_warns_of_readers_by_their_connection() {
    let primary = primary();
    let daemon = daemon(&primary, "[stream.retention]\nmax_bytes = '65MiB'");
    write_files(&primary, 1);
    primary.sql(LARGE).unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let reader = SlowReader::begin(&daemon, "binlog.000002");
    for _ in 0..4 {
        primary.sql(LARGE).unwrap();
    }
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let named = format!("connections={}", reader.id);
    wait_until("the warning", PATIENCE, || Ok(daemon.log().contains(&named)))
        .unwrap_or_else(|e| panic!("{e:#}\n{}", daemon.log()));
    assert_eq!(logs(&daemon, &primary)[0], "binlog.000002");
    assert!(reader.rest().unwrap() > 150 << 20);
    assert_eq!(daemon.log().matches(&named).count(), 1, "once is enough");
}

#[test]
fn retention_by_age_looks_at_the_files_times() {
    let primary = primary();
    let mut daemon = daemon(&primary, "[stream.retention]\nmax_age = '30d'");
    write_files(&primary, 4);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    daemon.stop().unwrap();
    let dir = daemon.timeline_dir(&primary).unwrap();
    for (name, age) in [
        ("binlog.000001", "40 days"),
        ("binlog.000002", "31 days"),
        ("binlog.000003", "29 days"),
        ("binlog.000004", "90 days"),
    ] {
        let touched = Command::new("touch")
            .arg(format!("--date={age} ago"))
            .arg(dir.join(name))
            .status()
            .unwrap();
        assert!(touched.success());
    }
    daemon.start().unwrap();
    // They go one after the other, a minute apart.
    let both = 4 * PATIENCE;
    wait_until("the old ones go", both, || Ok(stored(&daemon, &primary).len() == 3)).unwrap();
    // The fourth is older than the third, which is strange, and stays behind it.
    assert_eq!(stored(&daemon, &primary)[0], "binlog.000003");
}

#[test]
fn purges_under_load_with_readers_and_crashes_lose_nothing() {
    let primary = primary();
    let mut daemon = daemon(&primary, "[stream.retention]\nmax_bytes = '3MiB'");
    primary.sql("create database d").unwrap();
    let load =
        Load::start(&primary, &LoadSpec { payload_bytes: 5_000, ..LoadSpec::default() }).unwrap();
    let replica = Server::builder(Flavour::Mysql97).start().unwrap();
    replica.replicate_from(&daemon.as_source()).unwrap();
    let is_over = AtomicBool::new(false);
    let endpoint = daemon.endpoint();
    let prefix = primary.prefix();
    let mut seen = std::collections::BTreeSet::new();
    thread::scope(|scope| {
        let flusher = scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                primary.sql("flush binary logs").unwrap();
                thread::sleep(Duration::from_millis(50));
            }
        });
        // Short readers, from whatever is the first file, to the end. Some find it gone.
        let readers = scope.spawn(|| {
            let mut whole = 0;
            while !is_over.load(Ordering::Acquire) {
                let mut tool: Command = prefix.mysqlbinlog_from(&endpoint);
                let mut client = prefix.mysql_to(&endpoint);
                let listed = client.args(["-Nse", "show binary logs"]).output().unwrap();
                let listed = String::from_utf8(listed.stdout).unwrap();
                let Some(first) = listed.split('\t').next().filter(|name| !name.is_empty()) else {
                    continue;
                };
                let out = tool.args(["--verify-binlog-checksum", first]).output().unwrap();
                let text = String::from_utf8(out.stderr).unwrap();
                if out.status.success() {
                    whole += 1;
                } else {
                    let fine = ["Could not find first log", "connect", "Lost", "shutdown"];
                    assert!(fine.iter().any(|fine| text.contains(fine)), "{text}");
                }
            }
            whole
        });
        for round in 0..6 {
            load.wait_for_commits(300, PATIENCE).unwrap();
            let all = logs(&daemon, &primary);
            seen.insert(all[0].clone());
            if all.len() > 3 {
                let to = &all[all.len() - 2];
                let purge = format!("purge binary logs to '{to}'");
                let _ = daemon.sql(primary.prefix(), &purge);
            }
            if round % 2 == 1 {
                daemon.kill().unwrap();
                daemon.start().unwrap();
                primary.wait_for_semi_sync(1, PATIENCE).unwrap();
            }
        }
        is_over.store(true, Ordering::Release);
        flusher.join().unwrap();
        assert!(readers.join().unwrap() > 0);
    });
    let acknowledged = load.stop().unwrap();
    assert!(acknowledged.total() >= 1800);
    assert!(seen.len() > 3, "{seen:?}");
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    // What is stored is the end of what the primary has, without a hole.
    let left = stored(&daemon, &primary);
    let all: Vec<_> = primary.binlog_files().unwrap();
    assert!(left.len() < all.len());
    let purge = format!("purge binary logs to '{}'", left[0]);
    primary.sql(&purge).unwrap();
    let compared = compare_files(&primary, &daemon.timeline_dir(&primary).unwrap()).unwrap();
    assert_eq!(compared, left.len());
    replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
    let table = |server: &Server| server.checksum_tables("load_rows").unwrap();
    assert_eq!(table(&replica), table(&primary));
}

#[test]
fn an_old_primarys_files_go_before_the_new_ones() {
    let mut old = primary();
    let new = Server::builder(Flavour::Mysql97)
        .semi_sync()
        .args(["--super-read-only=1", "--rpl-semi-sync-source-timeout=1000"])
        .start()
        .unwrap();
    new.replicate_from(&SourceSpec::local(old.port())).unwrap();
    let mut daemon = Daemon::new(BINLOGD, &old.endpoint())
        .unwrap()
        .arg(format!("--upstream=mysql://repl:repl@127.0.0.1:{}", new.port()))
        .configured("")
        .unwrap()
        .started()
        .unwrap();
    let by_gtid = daemon.as_source();
    let replica = Server::start_new(Flavour::Mysql97).unwrap();
    replica.replicate_from(&by_gtid).unwrap();
    write_files(&old, 3);
    new.wait_for_replica_of(&old, PATIENCE).unwrap();
    replica.wait_for_replica_of(&old, PATIENCE).unwrap();
    old.kill().unwrap();
    new.sql("stop replica; reset replica all; set global super_read_only=0, read_only=0").unwrap();
    write_files(&new, 3);
    replica.wait_for_replica_of(&new, PATIENCE).unwrap();

    let timelines = || {
        let names = fs::read_dir(daemon.stream_dir()).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name.starts_with("000"));
        names.len()
    };
    assert_eq!(timelines(), 2);
    let before = daemon.sql(new.prefix(), "select @@global.gtid_executed").unwrap();
    daemon.sql(new.prefix(), "purge binary logs before now() + interval 1 day").unwrap();
    assert_eq!(timelines(), 1, "{}", daemon.log());
    assert_eq!(logs(&daemon, &new).len(), 1);

    daemon.kill().unwrap();
    daemon.start().unwrap();
    write_files(&new, 1);
    replica.wait_for_replica_of(&new, PATIENCE).unwrap();
    assert_eq!(replica.executed_gtids().unwrap(), new.executed_gtids().unwrap());
    assert_eq!(replica.sql("select count(*) from d.t").unwrap(), "14");
    let is_subset =
        format!("select gtid_subset('{}', @@global.gtid_purged)", before.replace("\\n", ""));
    assert_eq!(daemon.sql(new.prefix(), &is_subset).unwrap(), "1");
    // Who begins now lacks what is gone.
    let late = Server::start_new(Flavour::Mysql97).unwrap();
    late.replicate_from(&by_gtid).unwrap();
    late.wait_for("the replica's error", PATIENCE, |late| {
        Ok(late.replica_status()?.column("Last_IO_Errno") == "13114")
    })
    .unwrap();
}
