//! Stores on a real disk, made by the real writer, and what a check says of them.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use binlogd_event::GtidSet;
use binlogd_store::verify::{Plan, Report};
use binlogd_store::{Batch, LogName, OsFs, SourceId, Store, Writer};
use tempfile::TempDir;
use testkit::binlog_gen::{BinlogGen, GenEvent, Options};

pub(crate) const TIMELINE: &str = "0001-3e11fa47-71ca-11e1-9e33-c80aa9429562";

/// A stream with one timeline.
pub(crate) struct Sample {
    pub(crate) dir: TempDir,
    /// Where events begin in each file.
    pub(crate) starts: Vec<Vec<u64>>,
}

impl Sample {
    /// `files` files of two transactions each, of which the last has no end.
    pub(crate) fn new(files: u64) -> Self {
        Self::with(files, Options::default())
    }

    pub(crate) fn with(files: u64, options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut source = BinlogGen::new(7, options);
        let (store, mut writer) = open(dir.path());
        let mut starts = Vec::new();
        for number in 1..=files {
            starts.push(vec![]);
            writer.start_file(&LogName::new(&source.file_name()).unwrap()).unwrap();
            let mut left = 2;
            while left > 0 || !source.is_boundary() {
                starts.last_mut().unwrap().push(source.offset());
                let event = source.event();
                writer.write(&batch(&event)).unwrap();
                left -= u32::from(event.commits.is_some());
            }
            if number < files {
                starts.last_mut().unwrap().push(source.offset());
                writer.write(&batch(&source.rotate())).unwrap();
            }
            writer.sync().unwrap();
            writer.mark_durable().unwrap();
        }
        drop((store, writer));
        Self { dir, starts }
    }

    pub(crate) fn timeline(&self) -> PathBuf {
        self.dir.path().join(TIMELINE)
    }

    pub(crate) fn file(&self, number: u64) -> PathBuf {
        self.timeline().join(format!("mysql-bin.{number:06}"))
    }

    pub(crate) fn change(&self, number: u64, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.file(number);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
    }

    pub(crate) fn flip(&self, number: u64, offset: u64) {
        self.change(number, |bytes| bytes[usize::try_from(offset).unwrap()] ^= 0x40);
    }

    pub(crate) fn report(&self) -> Report {
        check(&[self.dir.path()])
    }

    /// What is found, one a line, without the path of the timeline.
    pub(crate) fn findings(&self) -> String {
        self.lines(&self.report())
    }

    pub(crate) fn lines(&self, report: &Report) -> String {
        let line = |finding: &_| format!("{finding}\n");
        let text: String = report.findings.iter().map(line).collect();
        let text = text.replace(&format!("{}/", self.timeline().display()), "");
        text.replace(&self.dir.path().display().to_string(), "STREAM")
    }
}

pub(crate) fn open(stream: &Path) -> (Store, Writer) {
    let mut store = Store::open(Arc::new(OsFs), stream).unwrap();
    let source = SourceId::new(&TIMELINE[5..]).unwrap();
    let writer = store.writer(&source).unwrap();
    (store, writer)
}

pub(crate) fn batch(event: &GenEvent) -> Batch {
    let mut gtids = GtidSet::new();
    event.commits.into_iter().for_each(|gtid| gtids.insert(gtid));
    Batch { bytes: event.bytes.clone(), verified_end: event.end, gtids }
}

pub(crate) fn check(paths: &[&Path]) -> Report {
    let paths: Vec<_> = paths.iter().map(|&path| path.to_owned()).collect();
    let plan = Plan::new(Arc::new(OsFs), &paths).unwrap();
    plan.run(NonZeroUsize::new(2).unwrap(), &())
}
