//! The real file system and the simulated one are alike to the store.

use std::io;
use std::path::Path;
use std::sync::Arc;

use binlogd_store::{Access, Batch, Cursor, Fs, OsFs, Store};
use testkit::binlog_gen::{BinlogGen, Options};
use testkit::sim_disk::SimDisk;

use crate::support::*;

fn on_both(test: impl Fn(&dyn Fs, &Path)) {
    let dir = tempfile::tempdir().unwrap();
    test(&OsFs, dir.path());
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/tmp/dir")).unwrap();
    test(&disk, Path::new("/tmp/dir"));
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> io::ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn names_are_made_found_changed_and_removed_alike() {
    on_both(|fs, dir| {
        let deep = dir.join("x/y");
        fs.create_dir_all(&deep).unwrap();
        fs.create_dir_all(&deep).unwrap();
        assert_eq!(fs.list(dir).unwrap(), ["x"]);
        assert!(fs.len(&deep).unwrap().is_some());
        let (a, b) = (deep.join("a"), deep.join("b"));
        assert_eq!(fs.len(&a).unwrap(), None);
        assert_eq!(kind(fs.open(&a)), io::ErrorKind::NotFound);
        assert_eq!(kind(fs.open_write(&a)), io::ErrorKind::NotFound);
        assert_eq!(kind(fs.remove(&a)), io::ErrorKind::NotFound);
        assert_eq!(kind(fs.rename(&a, &b)), io::ErrorKind::NotFound);
        assert_eq!(
            kind(fs.create_new(&dir.join("none/a"), Access::Group)),
            io::ErrorKind::NotFound
        );
        assert_eq!(kind(fs.list(&dir.join("none"))), io::ErrorKind::NotFound);
        fs.create_new(&a, Access::Group).unwrap().write_all_at(b"a", 0).unwrap();
        assert_eq!(kind(fs.create_new(&a, Access::Group)), io::ErrorKind::AlreadyExists);
        assert_eq!(kind(fs.create_dir_all(&a)), io::ErrorKind::AlreadyExists);
        assert_eq!(kind(fs.list(&a)), io::ErrorKind::NotADirectory);
        let old = fs.create_new(&b, Access::Group).unwrap();
        fs.rename(&a, &b).unwrap();
        assert_eq!(fs.list(&deep).unwrap(), ["b"]);
        assert_eq!(fs.len(&b).unwrap(), Some(1));
        assert_eq!(old.len().unwrap(), 0, "an open file outlives its name");
        fs.open_dir(&deep).unwrap().sync().unwrap();
        fs.remove(&b).unwrap();
        assert!(fs.list(&deep).unwrap().is_empty());
        assert_eq!(kind(fs.remove_dir(&dir.join("x"))), io::ErrorKind::DirectoryNotEmpty);
        fs.remove_dir(&deep).unwrap();
        assert_eq!(kind(fs.list(&deep)), io::ErrorKind::NotFound);
        assert_eq!(kind(fs.remove_dir(&deep)), io::ErrorKind::NotFound);
        assert_eq!(kind(fs.create_new(&a, Access::Group)), io::ErrorKind::NotFound);
        fs.create_dir_all(&deep).unwrap();
        assert!(fs.list(&deep).unwrap().is_empty());
    });
}

#[test]
fn bytes_are_written_read_and_cut_alike() {
    on_both(|fs, dir| {
        let path = dir.join("f");
        let file = fs.create_new(&path, Access::Group).unwrap();
        assert!(file.is_empty().unwrap());
        file.write_all_at(b"abcdef", 0).unwrap();
        file.write_all_at(b"XY", 8).unwrap();
        file.sync_data().unwrap();
        assert_eq!((file.len().unwrap(), fs.len(&path).unwrap()), (10, Some(10)));
        let read = |offset: u64| {
            let mut bytes = Vec::new();
            let mut buf = [0; 4];
            let file = fs.open(&path).unwrap();
            loop {
                let len = file.read_at(&mut buf, offset + bytes.len() as u64).unwrap();
                if len == 0 {
                    return bytes;
                }
                bytes.extend_from_slice(&buf[..len]);
            }
        };
        assert_eq!(read(0), b"abcdef\0\0XY");
        assert_eq!(read(9), b"Y");
        assert!(read(10).is_empty() && read(1000).is_empty());
        file.set_len(3).unwrap();
        file.set_len(5).unwrap();
        assert_eq!(read(0), b"abc\0\0");
        let read_only = fs.open(&path).unwrap();
        assert!(read_only.write_all_at(b"x", 0).is_err());
        let mut buf = [0; 2];
        if let Some(len) = read_only.read_cached_at(&mut buf, 1).unwrap() {
            assert_eq!(buf[..len], b"bc"[..len]);
        }
    });
}

#[test]
fn a_lock_is_held_once_on_both() {
    on_both(|fs, dir| {
        let path = dir.join("LOCK");
        let held = fs.lock(&path).unwrap().unwrap();
        assert!(fs.lock(&path).unwrap().is_none());
        drop(held);
        assert!(fs.lock(&path).unwrap().is_some());
    });
}

#[test]
fn a_stream_lives_on_both() {
    on_both(|fs, dir| {
        let dir = dir.join("data/stream");
        // The stream's own view of the same disk.
        let fs: Arc<dyn Fs> = if dir.starts_with("/tmp/dir") {
            Arc::new(SimDisk::new(1))
        } else {
            assert!(fs.len(&dir).unwrap().is_none());
            Arc::new(OsFs)
        };
        let mut source = BinlogGen::new(1, Options { row_len_max: 100_000, ..Options::default() });
        let mut expected = Vec::new();
        for round in 1..=3usize {
            let mut store = Store::open(fs.clone(), &dir).unwrap();
            assert_eq!(store.catalog().files().len(), round - 1);
            let mut writer = store.writer(&source_id()).unwrap();
            let file_name = source.file_name();
            let bytes = source.file(10);
            writer.start_file(&name(&file_name)).unwrap();
            let verified_end = bytes.len() as u64;
            writer
                .write(&Batch { bytes: bytes[4..].to_vec(), verified_end, ..Batch::default() })
                .unwrap();
            writer.sync().unwrap();
            expected.push((file_name, bytes));
            let first = store.catalog().find("mysql-bin.000001").unwrap();
            let mut cursor = Cursor::open(store.catalog().clone(), first, 0).unwrap();
            let got = read_all(&mut cursor);
            assert_eq!(got.len(), round);
            for ((got_name, got), (name, bytes)) in got.iter().zip(&expected) {
                assert_eq!(got_name, name);
                let start = if *name == expected[0].0 { 0 } else { 4 };
                assert!(*got == bytes[start..]);
            }
            assert!(Store::open(fs.clone(), &dir).is_err(), "locked");
        }
        let store = Store::open(fs.clone(), &dir).unwrap();
        assert_eq!(store.catalog().executed().count(), 30);
    });
}
