//! What to check is found, and folders are checked against their lists.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use binlogd_store::OsFs;
use binlogd_store::verify::{Plan, PlanError};
use expect_test::expect;
use testkit::binlog_gen::{BinlogGen, Options};

use crate::support::*;

#[test]
fn data_directory_stream_timeline_and_files_are_all_understood() {
    let sample = Sample::new(3);
    let data = tempfile::tempdir().unwrap();
    fs::create_dir(data.path().join("tls")).unwrap();
    fs::write(data.path().join("server_uuid"), "x").unwrap();
    let copy = data.path().join("one").join(TIMELINE);
    fs::create_dir_all(&copy).unwrap();
    for entry in fs::read_dir(sample.timeline()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    let renamed = data.path().join("renamed");
    for (path, files) in [
        (data.path(), 3),
        (&data.path().join("one"), 3),
        (copy.as_path(), 3),
        (&copy.join("mysql-bin.000002"), 1),
        (&renamed, 3),
    ] {
        if path == renamed {
            fs::rename(&copy, &renamed).unwrap();
        }
        let report = check(&[path]);
        assert_eq!(report.files.len(), files, "{}", path.display());
        assert_eq!(sample.lines(&report), "", "{}", path.display());
    }
    // Some files, in any order, need not be all.
    let named = ["3", "1", "1"].map(|n| renamed.join(format!("mysql-bin.00000{n}")));
    let report = check(&named.each_ref().map(|path| path.as_path()));
    assert_eq!((report.files.len(), report.findings.len()), (2, 0));
}

#[test]
fn what_is_no_store_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let plan = |path: &Path| Plan::new(Arc::new(OsFs), &[path.to_owned()]);
    assert!(matches!(plan(dir.path()), Err(PlanError::NothingThere(_))));
    assert!(plan(&dir.path().join("none")).unwrap_err().to_string().contains("No such file"));
}

#[test]
fn a_servers_own_folder_may_be_in_use_and_have_other_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = BinlogGen::new(1, Options::default()).with_file_number(7);
    let name = source.file_name();
    let mut bytes = source.file(2);
    fs::write(dir.path().join(&name), &bytes).unwrap();
    bytes = source.file(2);
    bytes.truncate(bytes.len() - 5);
    // In use: the flag, and an end that is not there yet.
    bytes[4 + 17] |= 1;
    fs::write(dir.path().join("mysql-bin.000008"), &bytes).unwrap();
    fs::write(dir.path().join("ibdata1"), [1; 100]).unwrap();
    fs::write(dir.path().join("mysql-bin.index"), "nonsense").unwrap();
    // Named otherwise, so another sequence.
    let mut other = BinlogGen::new(2, Options::default());
    let bytes_of_other = [&b"\xfebin"[..], &other.event().bytes].concat();
    fs::write(dir.path().join("relay.000001"), bytes_of_other).unwrap();
    let report = check(&[dir.path()]);
    let codes: Vec<_> = report.findings.iter().map(|f| f.code()).collect();
    assert_eq!(report.problems(), 0, "{:?}", report.findings);
    assert_eq!(codes, ["unfinished_event"]);
    assert_eq!(report.files.len(), 3);
    // A copy that is not in use must be whole.
    bytes[4 + 17] &= !1;
    fs::write(dir.path().join("mysql-bin.000008"), &bytes).unwrap();
    assert_eq!(check(&[&dir.path().join("mysql-bin.000008")]).findings[0].code(), "cut_short");
}

#[test]
fn the_list_is_compared_with_the_files() {
    let sample = Sample::new(3);
    let list = sample.timeline().join("mysql-bin.index");
    let good = fs::read_to_string(&list).unwrap();
    fs::write(&list, "./mysql-bin.000003\n./mysql-bin.000001\n./mysql-bin.000007\n").unwrap();
    expect![[r#"
        mysql-bin.index: the list names mysql-bin.000007, which is not there. If the file was there once, put it back
        mysql-bin.index: the list has mysql-bin.000001 twice or out of order. binlogd does not read the list, and writes it anew when the primary begins a file
        mysql-bin.index: the list lacks mysql-bin.000002. binlogd does not read the list, and writes it anew when the primary begins a file
    "#]].assert_eq(&sample.findings());
    fs::write(&list, good.replace("./mysql-bin.000003\n", "")).unwrap();
    expect![[r#"
        mysql-bin.index: note: the list lacks mysql-bin.000003, which may be being made or purged
    "#]]
    .assert_eq(&sample.findings());
    fs::write(&list, good).unwrap();
    assert_eq!(sample.findings(), "");
}

#[test]
fn a_file_that_its_server_never_ended_is_noted() {
    let sample = Sample::new(1);
    let mut source = BinlogGen::new(7, Options::default());
    let mut bytes = b"\xfebin".to_vec();
    while bytes.len() < 2000 || source.is_boundary() {
        bytes.extend(source.event().bytes);
    }
    fs::write(sample.file(1), &bytes).unwrap();
    source.begin_file();
    fs::write(sample.file(2), source.file(1)).unwrap();
    let report = sample.report();
    let note = report.findings.iter().find(|f| f.code() == "not_ended").unwrap();
    assert!(note.to_string().contains("note:") && note.to_string().contains("transaction"));
}

#[test]
fn names_and_timelines_that_make_no_order_are_named() {
    let sample = Sample::new(1);
    fs::copy(sample.file(1), sample.timeline().join("mysql-bin.0000001")).unwrap();
    fs::copy(sample.file(1), sample.timeline().join("other.000001")).unwrap();
    for folder in ["0001-aa", "0004-bb"] {
        fs::create_dir(sample.dir.path().join(folder)).unwrap();
    }
    expect![[r#"
        STREAM/0001-aa: another timeline has the same number: 0001-3e11fa47-71ca-11e1-9e33-c80aa9429562. Move away what binlogd did not put there
        STREAM: timeline 0002 to 0003 are missing. Put back what is missing, from the primary or another copy
        STREAM/0001-3e11fa47-71ca-11e1-9e33-c80aa9429562: mysql-bin.0000001 and mysql-bin.000001 cannot be in one timeline: they have the same number. Move away what binlogd did not put there
        STREAM/0001-3e11fa47-71ca-11e1-9e33-c80aa9429562: mysql-bin.000001 and other.000001 cannot be in one timeline: they are not named alike. Move away what binlogd did not put there
        other.index: note: there is no list of files (yet)
    "#]].assert_eq(&sample.findings());
}

#[test]
fn timelines_are_compared_by_their_gtids() {
    let sample = Sample::new(2);
    let next = sample.dir.path().join("0002-aa");
    fs::create_dir(&next).unwrap();
    let files = |skipped: usize| {
        let mut source = BinlogGen::new(3, Options::default());
        if skipped > 0 {
            source.file(skipped);
        }
        (source.file_name(), source.file(1))
    };
    // Four transactions are stored: the new history lacks the last, or we lack one of it.
    for (skipped, code, gtids) in [(2, "forked", "429562:4 "), (5, "gtid_gap", "429562:5 ")] {
        let (name, bytes) = files(skipped);
        fs::write(next.join(&name), bytes).unwrap();
        let report = sample.report();
        let of_gtids: Vec<_> =
            report.findings.iter().filter(|f| f.to_string().contains("429562:")).collect();
        let found: Vec<_> = of_gtids.iter().map(|f| f.code()).collect();
        assert_eq!(found, [code]);
        assert!(of_gtids[0].to_string().contains(gtids), "{}", of_gtids[0]);
        if code == "forked" {
            // What is known needs no mention.
            let forked = format!("{}:4\n", &TIMELINE[5..]);
            fs::write(next.join("FORKED"), forked).unwrap();
            assert!(!sample.findings().contains("429562:4"));
            fs::remove_file(next.join("FORKED")).unwrap();
        }
        fs::remove_file(next.join(&name)).unwrap();
    }
}

#[test]
fn ten_thousand_files_are_opened_and_checked() {
    const FILES: u64 = 10_000;
    let stream = tempfile::tempdir().unwrap();
    let timeline = stream.path().join(TIMELINE);
    fs::create_dir(&timeline).unwrap();
    let mut source = BinlogGen::new(1, Options { row_len_max: 10, ..Options::default() });
    for _ in 0..FILES {
        let path = timeline.join(source.file_name());
        fs::write(path, source.file(1)).unwrap();
    }
    let (store, mut writer) = open(stream.path());
    let files = store.catalog().files();
    assert_eq!(files.len() as u64, FILES);
    assert_eq!(files.last().unwrap().name.as_str(), "mysql-bin.010000");
    assert_eq!(store.catalog().executed().count(), u128::from(FILES));
    assert!(store.catalog().purged().unwrap().is_empty());
    // The next file brings the list with it.
    let name = binlogd_store::LogName::new(&source.file_name()).unwrap();
    writer.start_file(&name).unwrap();
    for _ in 0..2 {
        writer.write(&batch(&source.event())).unwrap();
    }
    writer.sync().unwrap();
    let plan = Plan::new(Arc::new(OsFs), &[stream.path().to_owned()]).unwrap();
    let report = plan.run(NonZeroUsize::new(2).unwrap(), &());
    assert_eq!(report.findings, []);
    assert_eq!(report.total().gtids.count(), u128::from(FILES));
}

/// A MySQL 5.6 lists in a new file what it was told with `SET GLOBAL gtid_purged`.
#[test]
fn listed_gtids_that_the_source_has_in_no_file_are_no_gap() {
    let sample = Sample::new(1);
    let mut source = BinlogGen::new(3, Options::default());
    fs::write(sample.file(1), source.file(2)).unwrap();
    let mut source = BinlogGen::new(3, Options::default());
    source.file(4);
    fs::write(sample.file(2), source.file(1)).unwrap();
    fs::remove_file(sample.timeline().join("DURABLE")).unwrap();
    let gaps = || {
        let found = sample.report().findings.into_iter().filter(|f| f.code() == "gtid_gap");
        found.map(|f| f.to_string()).collect::<String>()
    };
    assert!(gaps().contains("429562:3-4"), "{}", gaps());
    let note = |numbers: &str| {
        let text = format!("binlogd unlogged 1\n{}:{numbers}\n", &TIMELINE[5..]);
        let text = format!("{text}end {:08x}\n", crc32fast::hash(text.as_bytes()));
        fs::write(sample.timeline().join("UNLOGGED"), text).unwrap();
    };
    note("3-9");
    assert_eq!(gaps(), "");
    // What is missing besides is a gap all the same.
    note("4-9");
    assert!(gaps().contains("429562:3") && !gaps().contains("3-4"), "{}", gaps());
    // A damaged note is reported, and excuses nothing.
    fs::write(sample.timeline().join("UNLOGGED"), "binlogd unlogged 1\n").unwrap();
    assert!(gaps().contains("429562:3-4"), "{}", gaps());
    let findings = sample.findings();
    assert!(findings.contains("UNLOGGED") && findings.contains("damaged"), "{findings}");
}
