//! Folders: timelines in order, and things that binlogd did not make.

use std::path::Path;

use binlogd_store::{Fs, SourceId, StoreError};
use rustix::io::Errno;
use testkit::binlog_gen::{BinlogGen, Options};
use testkit::sim_disk::{Fault, Op, SimDisk};

use crate::support::*;

/// A disk with timelines, each with files of these names.
fn disk_with(timelines: &[(&str, &[&str])]) -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    let mut source = BinlogGen::new(1, Options::default());
    for (folder, files) in timelines {
        let folder = Path::new(DIR).join(folder);
        disk.create_dir_all(&folder).unwrap();
        for name in *files {
            disk.put(&folder.join(name), &source.file(1));
        }
    }
    disk
}

fn foreign(disk: &SimDisk) -> String {
    let error = open(disk).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    error.to_string()
}

#[test]
fn timelines_come_in_the_order_of_their_numbers() {
    let disk = disk_with(&[
        ("0010-aa", &["b.000001"]),
        ("0002-bb", &["x.000007", "x.000006"]),
        ("10000-aa", &["b.000001", "b.000002"]),
        ("9999-cc", &["y.000001"]),
    ]);
    let store = open(&disk).unwrap();
    let files = store.catalog().files();
    let listed: Vec<_> =
        files.iter().map(|file| format!("{}/{}", file.timeline.source, file.name)).collect();
    let expected =
        ["bb/x.000006", "bb/x.000007", "aa/b.000001", "cc/y.000001", "aa/b.000001", "aa/b.000002"];
    assert_eq!(listed, expected);
    assert!(files.windows(2).all(|pair| pair[0].id < pair[1].id));
    assert_eq!(store.source().unwrap().as_str(), "aa");
    // Of files with one name none is found but by its qualified name.
    assert!(store.catalog().find("b.000001").is_none());
    assert_eq!(store.catalog().find("10000@b.000001").unwrap().id, files[4].id);
}

#[test]
fn two_timelines_with_one_number_are_refused() {
    let disk = disk_with(&[("0001-aa", &[]), ("0001-bb", &[])]);
    assert!(foreign(&disk).contains("same number"));
}

#[test]
fn other_folders_and_files_are_let_alone() {
    let disk = disk_with(&[
        ("0001-aa", &["b.000001"]),
        ("lost+found", &["b.000009"]),
        ("1-aa", &["b.000009"]),
        ("00001-aa", &["b.000009"]),
        ("0002-AA", &["b.000009"]),
        ("0002-a_a", &["b.000009"]),
        ("0002", &["b.000009"]),
    ]);
    for name in
        ["README", "server_uuid", "0001-aa/b.index", "0001-aa/b.000001.idx", "0001-aa/.b.000002"]
    {
        disk.put(&Path::new(DIR).join(name), b"something else");
    }
    assert_eq!(file_names(&open(&disk).unwrap()), ["b.000001"]);
    assert!(disk.contents(&Path::new(DIR).join("README")).is_some());
}

#[test]
fn what_counts_for_nothing_is_swept_at_the_start() {
    let disk = disk_with(&[("0001-aa", &["b.000002"]), ("0002-bb", &["b.000003"])]);
    let left_over = [
        "0001-aa/b.000001.idx",
        "0001-aa/b.000002.idx.tmp",
        "0002-bb/b.index.tmp",
        "0002-bb/DURABLE.tmp",
    ];
    let kept = [
        "0001-aa/b.000002.idx",
        "0001-aa/notes.tmp",
        "0002-bb/b.idx",
        "0002-bb/.tmp",
        "b.000001.idx",
    ];
    for name in left_over.iter().chain(&kept) {
        disk.put(&Path::new(DIR).join(name), b"something");
    }
    let is_there = |name: &&str| disk.contents(&Path::new(DIR).join(name)).is_some();
    // A failure to do so stops nothing.
    disk.fail(Fault::new(Op::Remove, Errno::IO).on(".tmp"));
    drop(open(&disk).unwrap());
    disk.clear_faults();
    drop(open(&disk).unwrap());
    assert!(!left_over.iter().any(&is_there));
    assert!(kept.iter().all(is_there));
    assert_eq!(file_names(&open(&disk).unwrap()), ["b.000002", "b.000003"]);
}

#[test]
fn names_that_make_no_order_are_refused() {
    let disk = disk_with(&[("0001-aa", &["b.000001", "c.000002"])]);
    let error = foreign(&disk);
    assert!(error.contains("'b'") && error.contains("'c'"), "{error}");
    let disk = disk_with(&[("0001-aa", &["b.000001", "b.0000001"])]);
    assert!(foreign(&disk).contains("same number"));
}

#[test]
fn a_timeline_that_has_no_file_yet_is_begun_in_its_own_folder() {
    let disk = disk_with(&[("0001-aa", &["b.000001"]), ("0002-bb", &[])]);
    let old = disk.contents(&Path::new(DIR).join("0001-aa/b.000001")).unwrap();
    let mut store = open(&disk).unwrap();
    assert_eq!(store.source().unwrap().as_str(), "bb");
    assert_eq!(store.resume().unwrap().file.timeline.source.as_str(), "aa");
    let mut writer = store.writer(&SourceId::new("bb").unwrap()).unwrap();
    assert!(writer.file().is_none());
    let mut source = BinlogGen::new(9, Options::default());
    let file = writer.start_file(&name(&source.file_name())).unwrap();
    assert_eq!(file.path, Path::new(DIR).join("0002-bb/mysql-bin.000001"));
    let event = source.event();
    writer.write(&batch(&event)).unwrap();
    writer.sync().unwrap();
    assert_eq!(file_names(&store), ["b.000001", "mysql-bin.000001"]);
    assert_eq!(disk.contents(&Path::new(DIR).join("0001-aa/b.000001")).unwrap(), old);
    let index = disk.contents(&Path::new(DIR).join("0002-bb/mysql-bin.index")).unwrap();
    assert_eq!(index, b"./mysql-bin.000001\n");
}

#[test]
fn the_first_timeline_is_number_one() {
    let mut store = open(&SimDisk::new(1)).unwrap();
    let mut writer = store.writer(&SourceId::new("3E11FA47").unwrap()).unwrap();
    let file = writer.start_file(&name("b.000001")).unwrap();
    assert_eq!(file.path, Path::new(DIR).join("0001-3e11fa47/b.000001"));
}
