//! `binlogd verify`: what it prints, how it exits, and real servers' binlogs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{BINLOGD, PATIENCE, follow_semi_sync, primary};
use expect_test::expect;
use serde_json::Value;
use testkit::binlog_gen::{BinlogGen, Options};
use testkit::server::Server;
use testkit::workload::{self, Load, LoadSpec};
use testkit::{Daemon, Endpoint, Flavour, SourceSpec};

fn verify(args: &[&str], paths: &[&Path]) -> Output {
    Command::new(BINLOGD).arg("verify").args(args).args(paths).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// All is good: nothing on stdout but notes, and how much there was on stderr.
fn assert_good(paths: &[&Path]) -> String {
    let output = verify(&[], paths);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(out.lines().all(|line| line.contains(" note: ")), "{out}");
    assert!(err.starts_with("no problems in "), "{err}");
    out
}

/// A timeline of two files without a watermark, the first of them with a bad byte in its last
/// event but one.
fn damaged(dir: &Path) -> (PathBuf, u64) {
    let mut source = BinlogGen::new(1, Options::default());
    let path = dir.join(source.file_name());
    let mut bytes = source.file(3);
    // Before it stand the Rotate and the Xid, both with a header, a body and a checksum.
    let xid = bytes.len() - (19 + 8 + 16 + 4) - (19 + 8 + 4);
    bytes[xid + 20] ^= 1;
    fs::write(&path, bytes).unwrap();
    fs::write(dir.join(source.file_name()), source.file(2)).unwrap();
    (path, xid as u64)
}

#[test]
fn problems_are_lines_on_stdout_and_exit_code_one() {
    let dir = tempfile::tempdir().unwrap();
    let (path, offset) = damaged(dir.path());
    let output = verify(&[], &[dir.path()]);
    assert_eq!(output.status.code(), Some(1));
    let out = text(&output.stdout).replace(&dir.path().display().to_string(), "DIR");
    expect![[r#"
        DIR/mysql-bin.000001:2215: Xid event: checksum is f928a72c, but the event says 5f5fac98: the bytes are damaged. The damage is somewhere in bytes 2215 to 2245, a CRC32 cannot say where. What follows in the file was not checked. Replace the file by a good copy, such as the primary's
        DIR/mysql-bin.000002:1217: note: Rotate event: it names mysql-bin.000003 as the next file, which is not there (yet)
    "#]].assert_eq(&out);
    let err = text(&output.stderr);
    assert!(err.starts_with("1 PROBLEM in 2 files, "), "{err}");
    assert!(err.contains("429562:1-2:4-5"), "{err}");

    let output = verify(&["--quiet", "--jobs=1"], &[dir.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((text(&output.stdout).lines().count(), output.stderr.len()), (1, 0));

    let output = verify(&["--json"], &[dir.path()]);
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["ok"], &json["problems"]), (&Value::from(false), &Value::from(1)));
    let problem = &json["findings"][0];
    assert_eq!(problem["path"], path.to_str().unwrap());
    assert_eq!((&problem["code"], &problem["event"]), (&"checksum".into(), &"Xid".into()));
    assert_eq!(problem["offset"], offset);
    assert_eq!(
        (&problem["damage_from"], &problem["damage_to"]),
        (&offset.into(), &(offset + 31).into())
    );
    assert_eq!(json["files"].as_array().unwrap().len(), 2);
    assert_eq!(json["files"][1]["next_file"], "mysql-bin.000003");
}

#[test]
fn wrong_usage_and_nothing_to_check_are_told_apart() {
    assert_eq!(verify(&[], &[]).status.code(), Some(2));
    assert_eq!(verify(&["--jobs=0"], &[Path::new("/")]).status.code(), Some(2));
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path(), &dir.path().join("none")] {
        let output = verify(&[], &[path]);
        assert_eq!(output.status.code(), Some(1));
        let err = text(&output.stderr);
        assert!(err.starts_with("binlogd: ") && err.contains(path.to_str().unwrap()), "{err}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    damaged(dir.path());
    for json in [&[][..], &["--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = Command::new(BINLOGD)
            .arg("verify")
            .args(json)
            .arg(dir.path())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let err = text(&output.stderr);
        assert!(err.starts_with("1 PROBLEM") && !err.contains("panic"), "{err}");
    }
}

#[test]
fn a_mirror_is_good_while_it_grows_and_when_it_is_stopped_and_a_flipped_bit_is_found() {
    let primary = primary();
    let mut daemon = follow_semi_sync(&primary);
    let data = daemon.stream_dir().parent().unwrap().to_owned();
    assert_good(&[&data]);
    let load = Load::start(&primary, &LoadSpec { payload_bytes: 20_000, ..LoadSpec::default() });
    let load = load.unwrap();
    for scenario in workload::ALL {
        scenario.run(&primary).unwrap();
        assert_good(&[&data]);
    }
    let last = primary.binlog_end().unwrap().0;
    for _ in 0..20 {
        assert_good(&[&data]);
        // The primary's own, of which the last is in use.
        let theirs = primary.binlog_files().unwrap();
        assert_good(&theirs.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    }
    assert!(load.stop().unwrap().total() > 0);
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    daemon.stop().unwrap();
    assert_eq!(assert_good(&[&data]), "");

    let gtids = primary.sql("select @@gtid_executed").unwrap().replace('\n', "");
    let json: Value = serde_json::from_slice(&verify(&["--json"], &[&data]).stdout).unwrap();
    assert_eq!(json["gtids"], gtids);

    // A byte in the middle of an event in the middle of the last file but one.
    let timeline = daemon.timeline_dir(&primary).unwrap();
    let path = timeline.join(&last);
    let statement = format!("show binlog events in '{last}' limit 20, 1");
    let row = primary.sql(&statement).unwrap();
    let columns: Vec<_> = row.split('\t').collect();
    let (offset, end): (u64, u64) = (columns[1].parse().unwrap(), columns[4].parse().unwrap());
    let file = fs::File::options().read(true).write(true).open(&path).unwrap();
    let middle = (offset + 19 + end) / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], middle).unwrap();
    let output = verify(&["--quiet"], &[&data]);
    assert_eq!(output.status.code(), Some(1));
    let out = text(&output.stdout);
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(
        out.starts_with(&format!("{}:{offset}: {} event: ", path.display(), columns[2])),
        "{out}"
    );
    assert!(out.contains(&format!("in bytes {offset} to {},", end - 1)), "{out}");
}

#[test]
fn a_primary_that_crashed_is_no_problem() {
    let mut primary = primary();
    let mut daemon = follow_semi_sync(&primary);
    let data = daemon.stream_dir().parent().unwrap().to_owned();
    workload::TRANSACTIONS.run(&primary).unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    primary.kill().unwrap();
    primary.start().unwrap();
    primary.wait_for_semi_sync(1, PATIENCE).unwrap();
    workload::ROW_IMAGES.run(&primary).unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    let notes = assert_good(&[&data]);
    assert!(notes.contains("ends without a Rotate or Stop"), "{notes}");
    assert_good(&[&primary.datadir()]);
    daemon.kill().unwrap();
    assert_good(&[&data]);
}

#[test]
fn a_primary_without_checksums_is_no_problem() {
    let primary = common::primary_with(&["--binlog-checksum=NONE"]);
    let daemon = follow_semi_sync(&primary);
    workload::TRANSACTIONS.run(&primary).unwrap();
    primary.sql("set global binlog_checksum = CRC32").unwrap();
    workload::GTIDS.run(&primary).unwrap();
    daemon.wait_for_all_of(&primary, PATIENCE).unwrap();
    assert_good(&[&daemon.stream_dir()]);
    assert_good(&[&primary.datadir()]);
}

#[test]
fn timelines_of_two_primaries_are_good_with_and_without_a_fork() {
    for fork in [false, true] {
        let mut a = primary();
        let b = Server::builder(Flavour::Mysql97).start().unwrap();
        b.replicate_from(&SourceSpec::local(a.port())).unwrap();
        let Endpoint { host, port, user, password } = b.endpoint();
        let mut daemon = Daemon::new(BINLOGD, &a.endpoint())
            .unwrap()
            .arg("--on-fork=new-timeline")
            .arg(format!("--upstream=mysql://{user}:{password}@{host}:{port}"))
            .started()
            .unwrap();
        workload::TRANSACTIONS.run(&a).unwrap();
        b.wait_for_replica_of(&a, PATIENCE).unwrap();
        if fork {
            b.stop_replica().unwrap();
            a.sql("create database only_on_the_old_primary").unwrap();
        }
        daemon.wait_for_all_of(&a, PATIENCE).unwrap();
        a.kill().unwrap();
        b.sql("stop replica; reset replica all; create database on_the_new_primary").unwrap();
        workload::ROW_IMAGES.run(&b).unwrap();
        testkit::wait_until("the new timeline has all", PATIENCE, || {
            assert_good(&[&daemon.stream_dir()]);
            Ok(daemon.wait_for_all_of(&b, std::time::Duration::ZERO).is_ok()
                && daemon.log().contains("beginning a new timeline"))
        })
        .unwrap_or_else(|error| panic!("{error}:\n{}", daemon.log()));
        daemon.stop().unwrap();
        let notes = assert_good(&[&daemon.stream_dir()]);
        assert!(!notes.contains("not in the history"), "{notes}");
        let json = verify(&["--json"], &[&daemon.stream_dir()]).stdout;
        let json: Value = serde_json::from_slice(&json).unwrap();
        let of_b = |file: &&Value| file["path"].as_str().unwrap().contains("/0002-");
        assert!(json["files"].as_array().unwrap().iter().filter(of_b).count() > 1);
    }
}
