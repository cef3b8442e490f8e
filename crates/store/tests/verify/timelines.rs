//! Timelines against those before: purges, and two histories of one server.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use binlogd_event::GtidSet;
use binlogd_store::verify::Plan;
use binlogd_store::{Holds, LogName, OsFs, SourceId, Store};
use testkit::binlog_gen::{BinlogGen, Options};

use crate::support::*;

#[test]
fn a_purge_inside_of_a_later_timeline_leaves_nothing_to_find() {
    let sample = Sample::new(2);
    let mut store = Store::open(Arc::new(OsFs), sample.dir.path()).unwrap();
    let end = store.resume().unwrap().verifier.clone();
    let source = SourceId::new("aa").unwrap();
    store.begin_timeline(&source, &end, GtidSet::new()).unwrap();
    let mut writer = store.writer(&source).unwrap();
    // Four transactions are stored. The new source's file begins behind the third.
    let mut events = BinlogGen::new(3, Options::default());
    events.file(3);
    for _ in 0..4 {
        writer.start_file(&LogName::new(&events.file_name()).unwrap()).unwrap();
        let mut left = 2;
        while left > 0 || !events.is_boundary() {
            let event = events.event();
            writer.write(&batch(&event)).unwrap();
            left -= u32::from(event.commits.is_some());
        }
        writer.write(&batch(&events.rotate())).unwrap();
        writer.sync().unwrap();
    }
    writer.mark_durable().unwrap();
    let findings = || check(&[sample.dir.path()]).problems();
    let catalog = store.catalog().clone();
    assert_eq!(findings(), 0);
    for keep in ["0001@mysql-bin.000002", "0002@mysql-bin.000002", "0002@mysql-bin.000004"] {
        let keep = catalog.find(keep).unwrap();
        catalog.purge(keep.id, Holds::Respect).unwrap();
        assert_eq!(catalog.files()[0].id, keep.id);
        assert_eq!(findings(), 0, "{}", sample.findings());
    }
}

/// A server's files 1 to 4 of three transactions each, stored in a first timeline, and what it has
/// instead since it has lost the last ones.
struct Histories {
    dir: tempfile::TempDir,
    new: Vec<(String, Vec<u8>)>,
}

impl Histories {
    /// The new history differs from the second transaction of the second file on, and has so many
    /// transactions in that file and in the next two.
    fn new(counts: [usize; 3]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut old = BinlogGen::new(1, Options::default());
        let next = |source: &mut BinlogGen, count| (source.file_name(), source.file(count));
        let mut stored = vec![next(&mut old, 3)];
        let mut new = old.clone();
        for _ in 2..=4 {
            stored.push(next(&mut old, 3));
        }
        let name = new.file_name();
        let mut second = testkit::binlog_gen::MAGIC.to_vec();
        let mut left = 1;
        while left > 0 || !new.is_boundary() {
            let event = new.event();
            second.extend_from_slice(&event.bytes);
            left -= u32::from(event.commits.is_some());
        }
        new.reseed(2);
        second.extend(new.file(counts[0] - 1));
        let mut files = vec![(name, second)];
        for count in &counts[1..] {
            files.push(next(&mut new, *count));
        }
        let histories = Self { dir, new: files };
        histories.put(1, &stored);
        histories
    }

    fn folder(&self, timeline: u32) -> PathBuf {
        self.dir.path().join(format!("{timeline:04}-{}", &TIMELINE[5..]))
    }

    fn put(&self, timeline: u32, files: &[(String, Vec<u8>)]) {
        let _ = fs::remove_dir_all(self.folder(timeline));
        fs::create_dir(self.folder(timeline)).unwrap();
        for (name, bytes) in files {
            fs::write(self.folder(timeline).join(name), bytes).unwrap();
        }
    }

    /// The GTIDs that are said to be of two histories, with the second timeline's files from one on.
    fn mixed(&self, from: usize, forked: &str) -> Option<String> {
        self.put(2, &self.new[from..]);
        if !forked.is_empty() {
            let forked = format!("{}:{forked}\n", &TIMELINE[5..]);
            fs::write(self.folder(2).join("FORKED"), forked).unwrap();
        }
        let plan = Plan::new(Arc::new(OsFs), &[self.dir.path().to_owned()]).unwrap();
        let report = plan.run(NonZeroUsize::new(2).unwrap(), &());
        let mut found = report.findings.iter().filter(|finding| finding.code() == "other_history");
        let text = found.next()?.to_string();
        assert!(found.next().is_none());
        let gtids = text.split_once("transactions ").unwrap().1.split_once(' ').unwrap().0;
        Some(gtids.rsplit_once(':').unwrap().1.to_owned())
    }
}

#[test]
fn two_histories_of_one_server_are_told_apart() {
    // Of twelve stored transactions the new history shares the first four.
    let histories = Histories::new([3, 3, 9]);
    assert_eq!(histories.mixed(0, ""), Some("5-12".into()));
    assert_eq!(histories.mixed(0, "5-12"), None, "it is known");
    assert_eq!(histories.mixed(0, "5-8"), Some("9-12".into()));
    // A file of the new history is missing: nobody can know that those before the next differ.
    assert_eq!(histories.mixed(1, ""), Some("7-12".into()));
    // What is not given again is forked, and no mixture.
    assert_eq!(Histories::new([2, 1, 1]).mixed(0, ""), Some("5-7".into()));
}

#[test]
fn a_server_that_goes_on_where_it_was_has_one_history() {
    let sample = Histories::new([3, 3, 3]);
    let mut again = BinlogGen::new(1, Options::default());
    let files: Vec<_> = (0..6).map(|_| (again.file_name(), again.file(3))).collect();
    for from in 0..=4 {
        sample.put(2, &files[from..]);
        let report = check(&[sample.dir.path()]);
        let found: Vec<_> = report.findings.iter().map(|finding| finding.code()).collect();
        assert!(!found.contains(&"other_history"), "from {from}: {found:?}");
    }
}
