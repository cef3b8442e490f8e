//! Transactions of the source that stand in none of its files.

use binlogd_event::{GtidSet, Verifier};
use binlogd_store::{Catalog, Holds, SourceId, StoreError};
use testkit::binlog_gen::{BinlogGen, Options};
use testkit::sim_disk::SimDisk;

use crate::support::*;

fn elsewhere() -> GtidSet {
    "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee:1-5".parse().unwrap()
}

fn with(set: &GtidSet, more: &GtidSet) -> GtidSet {
    let mut all = set.clone();
    all.extend(more);
    all
}

fn set(catalog: &Catalog, gtids: &GtidSet) -> Result<(), StoreError> {
    catalog.set_unlogged(&catalog.newest().unwrap().timeline, gtids)
}

fn all_of(catalog: &Catalog) -> (GtidSet, GtidSet) {
    (catalog.executed(), catalog.purged().unwrap())
}

#[test]
fn they_count_as_executed_and_purged_also_after_a_restart() {
    let feed = Feed::with_transactions(3);
    let catalog = feed.store.catalog();
    assert_eq!(catalog.unlogged(), None);
    let (executed, purged) = all_of(catalog);
    set(catalog, &GtidSet::new()).unwrap();
    assert_eq!(catalog.unlogged(), Some(GtidSet::new()));
    let mut changes = catalog.watch_unlogged();
    set(catalog, &elsewhere()).unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    set(catalog, &elsewhere()).unwrap();
    assert!(!changes.has_changed().unwrap());
    let more = (with(&executed, &elsewhere()), with(&purged, &elsewhere()));
    assert_eq!(all_of(catalog), more);
    assert_eq!(catalog.logged(), executed);
    let disk = feed.disk.kill();
    drop(feed);
    let store = open(&disk).unwrap();
    assert_eq!(all_of(store.catalog()), more);
}

#[test]
fn a_crash_at_any_step_leaves_the_old_set_or_the_new_one() {
    let (mut old, mut new) = (0, 0);
    for seed in 0..10 {
        for changes in 0..8 {
            let mut feed = Feed::new(SimDisk::new(seed), Options::default());
            feed.start_file();
            feed.transactions(1);
            feed.sync();
            set(feed.store.catalog(), &GtidSet::new()).unwrap();
            feed.disk.power_off_after(changes);
            let is_noted = set(feed.store.catalog(), &elsewhere()).is_ok();
            let unlogged = open(&feed.disk.crash()).unwrap().catalog().unlogged().unwrap();
            if unlogged.is_empty() {
                assert!(!is_noted, "after {changes}");
                old += 1;
            } else {
                assert_eq!(unlogged, elsewhere());
                new += 1;
            }
        }
    }
    assert!(old > 5 && new > 5, "{old} {new}");
}

#[test]
fn a_damaged_note_is_refused() {
    let feed = Feed::with_transactions(1);
    set(feed.store.catalog(), &elsewhere()).unwrap();
    let path = file(1).with_file_name("UNLOGGED");
    let disk = feed.disk.kill();
    let mut bytes = disk.contents(&path).unwrap();
    bytes[30] ^= 1;
    disk.put(&path, &bytes);
    let error = open(&disk).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("UNLOGGED"), "{error}");
}

/// A second source's first file begins after transaction 1. What was known of the first source holds on when
/// all its files are purged.
#[test]
fn a_later_timeline_needs_what_the_earlier_ones_had_and_it_has_not() {
    let of_first = |numbers: &str| -> GtidSet {
        format!("{}:{numbers}", Options::default().uuid).parse().unwrap()
    };
    let feed = Feed::with_transactions(5);
    set(feed.store.catalog(), &elsewhere()).unwrap();
    let Feed { disk, mut store, writer, .. } = feed;
    drop(writer);
    let end: Verifier = store.recover().unwrap().unwrap().verifier.clone();
    let other = SourceId::new("bb").unwrap();
    store.begin_timeline(&other, &end, of_first("4-5")).unwrap();
    let mut writer = store.writer(&other).unwrap();
    let mut source = BinlogGen::new(9, Options::default()).with_file_number(71);
    source.file(1);
    writer.start_file(&name(&source.file_name())).unwrap();
    for _ in 0..30 {
        writer.write(&batch(&source.event())).unwrap();
    }
    writer.sync().unwrap();
    drop(writer);

    let check = |catalog: &Catalog| {
        let timeline = catalog.timelines().pop().unwrap();
        assert!(of_first("2-3").is_subset(&catalog.logged_by_newest()));
        let needed = with(&of_first("1"), &elsewhere());
        assert_eq!(catalog.needed_in(&timeline).unwrap(), needed);
        let purged = if catalog.timelines().len() == 2 { elsewhere() } else { needed };
        assert_eq!(catalog.purged().unwrap(), purged);
        assert!(elsewhere().is_subset(&catalog.executed()));
    };
    check(store.catalog());
    drop(store);
    let store = open(&disk.kill()).unwrap();
    check(store.catalog());
    let last = store.catalog().newest().unwrap();
    store.catalog().purge(last.id, Holds::Respect).unwrap();
    assert_eq!(store.catalog().timelines().len(), 1);
    check(store.catalog());
}
