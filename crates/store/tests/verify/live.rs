//! A check while a writer is at work: nothing that it does is damage.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::SystemTime;

use binlogd_event::GtidSet;
use binlogd_store::verify::Plan;
use binlogd_store::{Access, Batch, Dir, File, Fs, FsLock, Holds, LogName, OsFs};
use testkit::Rng;
use testkit::binlog_gen::{BinlogGen, GenEvent, Options};

use crate::support::*;

#[test]
fn a_writer_at_work_causes_no_problem() {
    const CHECKS: usize = 200;
    const FILES: usize = 8;
    let stream = tempfile::tempdir().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            write(stream.path(), &done);
        });
        while !stream.path().join("LOCK").exists() {
            thread::yield_now();
        }
        let (mut checks, mut files) = (0, 0);
        while checks < CHECKS || files < FILES {
            let report = check(&[stream.path()]);
            let problems: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
            if report.problems() > 0 || writing.is_finished() {
                done.store(true, Ordering::Relaxed);
                panic!("{problems:#?}");
            }
            (checks, files) = (checks + 1, report.files.len());
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(check(&[stream.path()]).problems(), 0);
}

#[test]
fn an_event_that_is_replaced_while_it_is_read_is_read_again() {
    let stream = tempfile::tempdir().unwrap();
    let options = Options { row_len_max: 3 << 20, ..Options::default() };
    let mut source = BinlogGen::new(5, options);
    let (_store, mut writer) = open(stream.path());
    writer.start_file(&LogName::new(&source.file_name()).unwrap()).unwrap();
    // Up to an event that takes several reads, of which there are two versions.
    let (one, other) = loop {
        let mut twin = source.clone();
        twin.reseed(1);
        let (one, other) = (source.clone().event(), twin.event());
        if one.bytes.len() > 2 << 20 && one.bytes.len() == other.bytes.len() && one != other {
            break (one, other);
        }
        writer.write(&batch(&source.event())).unwrap();
    };
    writer.sync().unwrap();
    writer.write(&part(&one, one.bytes.len())).unwrap();
    let writer = Mutex::new(writer);
    let replaced = AtomicBool::new(false);
    let begin = one.end - one.bytes.len() as u64;
    let fs = Meddled {
        // When the beginning of the event was read, but not its end.
        after_read: Box::leak(Box::new(move |end| {
            if end > begin && end < one.end && !replaced.swap(true, Ordering::Relaxed) {
                let mut writer = writer.lock().unwrap();
                writer.rollback().unwrap();
                writer.write(&batch(&other)).unwrap();
            }
        })),
    };
    let plan = Plan::new(Arc::new(fs), &[stream.path().to_owned()]).unwrap();
    let report = plan.run(NonZeroUsize::MIN, &());
    assert_eq!(report.findings, []);
    assert_eq!(report.total().bytes, plan.bytes());
}

/// Called with where a read has ended.
type AfterRead = &'static (dyn Fn(u64) + Send + Sync);

/// A disk on which something happens between reads.
struct Meddled {
    after_read: AfterRead,
}

struct MeddledFile {
    file: Box<dyn File>,
    after_read: AfterRead,
}

impl fmt::Debug for Meddled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meddled")
    }
}

impl fmt::Debug for MeddledFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

/// What a check must not do.
fn no() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

impl Fs for Meddled {
    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Err(no())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        OsFs.list(dir)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(MeddledFile { file: OsFs.open(path)?, after_read: self.after_read }))
    }

    fn open_write(&self, _: &Path) -> io::Result<Box<dyn File>> {
        Err(no())
    }

    fn restrict(&self, _: &Path, _: Access) -> io::Result<Option<u32>> {
        Err(no())
    }

    fn create_new(&self, _: &Path, _: Access) -> io::Result<Box<dyn File>> {
        Err(no())
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        Fs::len(&OsFs, path)
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(no())
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Err(no())
    }

    fn remove_dir(&self, _: &Path) -> io::Result<()> {
        Err(no())
    }

    fn modified(&self, path: &Path) -> io::Result<SystemTime> {
        OsFs.modified(path)
    }

    fn open_dir(&self, _: &Path) -> io::Result<Box<dyn Dir>> {
        Err(no())
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Box<dyn FsLock>>> {
        Err(no())
    }
}

impl File for MeddledFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let len = self.file.read_at(buf, offset)?;
        (self.after_read)(offset + len as u64);
        Ok(len)
    }

    fn read_cached_at(&self, _: &mut [u8], _: u64) -> io::Result<Option<usize>> {
        Ok(None)
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(no())
    }

    fn write_durable_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_durable_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(no())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(no())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(no())
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

/// Writes as one that often loses its primary: whole events and parts, which are given up and come
/// again, sometimes as other ones; new files; restarts.
fn write(stream: &Path, done: &AtomicBool) {
    let mut rng = Rng::new(11);
    let options = Options { row_len_max: 100_000, ..Options::default() };
    let mut source = BinlogGen::new(5, options);
    let (mut store, mut writer) = open(stream);
    writer.mark_every(10_000);
    let start = |source: &BinlogGen| LogName::new(&source.file_name()).unwrap();
    writer.start_file(&start(&source)).unwrap();
    let mut in_file = 0;
    while !done.load(Ordering::Relaxed) {
        if rng.one_in(10) {
            // Another event begins, and does not come to its end.
            let mut other = source.clone();
            other.reseed(rng.bits());
            let event = other.event();
            writer.write(&part(&event, rng.below(event.bytes.len()))).unwrap();
            if rng.one_in(2) {
                writer.rollback().unwrap();
            } else {
                drop((store, writer));
                (store, writer) = open(stream);
                writer.mark_every(10_000);
            }
        }
        if in_file > 100 && source.is_boundary() && rng.one_in(3) {
            // As a rotation, or as a crash.
            if rng.one_in(4) {
                source.begin_file();
            } else {
                writer.write(&batch(&source.rotate())).unwrap();
            }
            writer.start_file(&start(&source)).unwrap();
            in_file = 0;
            let files = store.catalog().files();
            if files.len() > 12 {
                store.catalog().purge(files[rng.below(6)].id, Holds::Ignore).unwrap();
            }
        }
        writer.write(&batch(&source.event())).unwrap();
        in_file += 1;
        if rng.one_in(4) {
            writer.sync().unwrap();
        }
    }
}

/// The first bytes of an event.
fn part(event: &GenEvent, len: usize) -> Batch {
    Batch { bytes: event.bytes[..len].to_vec(), verified_end: 0, gtids: GtidSet::new() }
}
