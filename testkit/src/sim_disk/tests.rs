use std::collections::BTreeSet;

use super::*;

const DIR: &str = "/data";

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// A disk with a durable folder.
fn disk(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk.open_dir(Path::new("/")).unwrap().sync().unwrap();
    disk
}

/// A disk with an empty, durable file.
fn disk_with_file(seed: u64) -> (SimDisk, Box<dyn File>) {
    let disk = disk(seed);
    let file = disk.create_new(&path("f"), Access::Group).unwrap();
    disk.open_dir(Path::new(DIR)).unwrap().sync().unwrap();
    (disk, file)
}

/// What a crash can leave of a file, over many seeds.
fn outcomes(prepare: impl Fn(&SimDisk, &dyn File)) -> BTreeSet<Option<Vec<u8>>> {
    (0..300)
        .map(|seed| {
            let (disk, file) = disk_with_file(seed);
            prepare(&disk, &*file);
            disk.crash().contents(&path("f"))
        })
        .collect()
}

#[test]
fn what_is_synced_survives_every_crash() {
    let kept = outcomes(|_, file| {
        file.write_all_at(&[7; 10_000], 0).unwrap();
        file.sync_data().unwrap();
    });
    assert_eq!(kept, BTreeSet::from([Some(vec![7; 10_000])]));
}

#[test]
fn unsynced_pages_survive_in_any_set_and_torn_at_sectors() {
    let kept = outcomes(|_, file| {
        file.write_all_at(&[1; 3 * PAGE], 0).unwrap();
        file.sync_data().unwrap();
        file.write_all_at(&[2; 3 * PAGE], 0).unwrap();
    });
    let mut pages = BTreeSet::new();
    let mut torn = false;
    for bytes in kept.iter().flatten() {
        assert_eq!(bytes.len(), 3 * PAGE);
        for sector in bytes.chunks(512) {
            assert!(sector.iter().all(|&b| b == sector[0]) && matches!(sector[0], 1 | 2));
        }
        let whole: Vec<u8> = bytes.chunks(PAGE).map(|page| page[0]).collect();
        torn |= bytes.chunks(PAGE).any(|page| page.iter().any(|&b| b != page[0]));
        pages.insert(whole);
    }
    assert_eq!(pages.len(), 8, "every set of three pages");
    assert!(torn);
}

#[test]
fn an_unsynced_length_may_survive_without_its_bytes() {
    let kept = outcomes(|_, file| {
        file.write_all_at(&[1; 100], 0).unwrap();
        file.sync_data().unwrap();
        file.write_all_at(&[2; PAGE], 100).unwrap();
        file.write_all_at(&[3; PAGE], 100 + PAGE as u64).unwrap();
    });
    let lens: BTreeSet<usize> = kept.iter().flatten().map(Vec::len).collect();
    assert_eq!(lens, BTreeSet::from([100, 100 + PAGE, 100 + 2 * PAGE]));
    assert!(kept.iter().flatten().all(|bytes| bytes[..100] == [1; 100]));
    let zeros = |bytes: &Vec<u8>| bytes.len() > 100 && bytes[100..].iter().all(|&b| b == 0);
    assert!(kept.iter().flatten().any(zeros));
    let only_later =
        |bytes: &Vec<u8>| bytes.len() > 2 * PAGE && bytes[600] == 0 && bytes[2 * PAGE] == 3;
    assert!(kept.iter().flatten().any(only_later));
}

#[test]
fn a_cut_that_was_not_synced_may_come_undone_with_the_old_bytes() {
    let cut = |_: &SimDisk, file: &dyn File| {
        file.write_all_at(&[1; 1000], 0).unwrap();
        file.sync_data().unwrap();
        file.set_len(10).unwrap();
    };
    let kept = outcomes(cut);
    assert_eq!(kept, BTreeSet::from([Some(vec![1; 10]), Some(vec![1; 1000])]));
    let kept = outcomes(|disk, file| {
        cut(disk, file);
        file.sync_data().unwrap();
        file.set_len(1000).unwrap();
        file.sync_data().unwrap();
    });
    assert_eq!(kept, BTreeSet::from([Some([vec![1; 10], vec![0; 990]].concat())]));
}

#[test]
fn names_survive_in_order_and_for_certain_only_after_a_sync_of_the_folder() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let disk = disk(seed);
        for name in ["a", "b"] {
            disk.create_new(&path(name), Access::Group).unwrap().sync_data().unwrap();
        }
        disk.open_dir(Path::new(DIR)).unwrap().sync().unwrap();
        disk.create_new(&path("c"), Access::Group).unwrap();
        disk.rename(&path("a"), &path("b")).unwrap();
        disk.remove(&path("b")).unwrap();
        let mut names = disk.crash().list(Path::new(DIR)).unwrap();
        names.sort();
        seen.insert(names.concat());
    }
    let expected = ["ab", "abc", "bc", "c"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(expected));
}

#[test]
fn a_folder_whose_name_was_lost_takes_its_files_along() {
    let mut lost = 0;
    for seed in 0..100 {
        let disk = SimDisk::new(seed);
        disk.create_dir_all(Path::new("/data/s")).unwrap();
        disk.create_new(Path::new("/data/s/f"), Access::Group).unwrap().sync_data().unwrap();
        disk.open_dir(Path::new("/data/s")).unwrap().sync().unwrap();
        disk.open_dir(Path::new("/data")).unwrap().sync().unwrap();
        let disk = disk.crash();
        if disk.contents(Path::new("/data/s/f")).is_none() {
            assert!(disk.list(Path::new("/data")).is_err());
            lost += 1;
        }
    }
    assert!((10..100).contains(&lost), "{lost}");
}

#[test]
fn a_failed_sync_leaves_pages_that_the_next_one_does_not_write() {
    let kept = outcomes(|disk, file| {
        file.write_all_at(&[1; PAGE], 0).unwrap();
        disk.fail(Fault::new(Op::Sync, Errno::IO));
        assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(Errno::IO.raw_os_error()));
        file.sync_data().unwrap();
    });
    let lost = Some(vec![0; PAGE]);
    assert!(kept.contains(&lost) && kept.contains(&Some(vec![1; PAGE])), "{}", kept.len());
    // Writing the bytes once more makes them dirty, and so durable.
    let kept = outcomes(|disk, file| {
        file.write_all_at(&[1; PAGE], 0).unwrap();
        disk.fail(Fault::new(Op::Sync, Errno::IO));
        file.sync_data().unwrap_err();
        file.write_all_at(&[1; PAGE], 0).unwrap();
        file.sync_data().unwrap();
    });
    assert_eq!(kept, BTreeSet::from([Some(vec![1; PAGE])]));
}

#[test]
fn a_killed_process_loses_nothing_but_what_a_failed_sync_gave_up() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..100 {
        let (disk, file) = disk_with_file(seed);
        file.write_all_at(b"unsynced", 0).unwrap();
        let disk = disk.kill();
        assert!(file.read_at(&mut [0], 0).is_err(), "the old process is dead");
        assert_eq!(disk.contents(&path("f")).unwrap(), b"unsynced");
        let file = disk.open_write(&path("f")).unwrap();
        disk.fail(Fault::new(Op::Sync, Errno::IO));
        file.sync_data().unwrap_err();
        outcomes.insert(disk.kill().contents(&path("f")).unwrap());
    }
    assert_eq!(outcomes, BTreeSet::from([vec![0; 8], b"unsynced".to_vec()]));
}

#[test]
fn a_full_disk_takes_what_fits_until_space_is_freed() {
    let (disk, file) = disk_with_file(1);
    disk.set_capacity(Some(2 * PAGE));
    let error = file.write_all_at(&[1; 3 * PAGE], 0).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 2 * PAGE as u64);
    // There is room on the pages that it has.
    file.set_len(PAGE as u64 + 10).unwrap();
    file.write_all_at(&[2; 100], PAGE as u64 + 10).unwrap();
    assert_eq!(disk.used(), 2 * PAGE);
    disk.set_capacity(Some(3 * PAGE));
    file.write_all_at(&[3; PAGE], 2 * PAGE as u64).unwrap();
    disk.remove(&path("f")).unwrap();
    assert_eq!(disk.used(), 0);
}

#[test]
fn faults_strike_once_where_they_were_announced() {
    let (disk, file) = disk_with_file(1);
    disk.fail(Fault::new(Op::Write, Errno::IO).on("f").after(1));
    disk.fail(Fault::new(Op::Create, Errno::NOSPC).on("other"));
    file.write_all_at(b"first", 0).unwrap();
    disk.create_new(&path("g"), Access::Group).unwrap().write_all_at(b"elsewhere", 0).unwrap();
    assert!(file.write_all_at(b"second", 5).is_err());
    file.write_all_at(b"third", 5).unwrap();
    assert_eq!(disk.contents(&path("f")).unwrap(), b"firstthird");
    assert!(disk.create_new(&path("other"), Access::Group).is_err());
    disk.create_new(&path("other"), Access::Group).unwrap();
}

#[test]
fn after_the_power_went_nothing_works_and_the_rest_is_a_crash() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..100 {
        let (disk, file) = disk_with_file(seed);
        file.write_all_at(b"old", 0).unwrap();
        file.sync_data().unwrap();
        disk.power_off_after(1);
        file.write_all_at(b"new", 0).unwrap();
        assert!(file.sync_data().is_err() && disk.is_off());
        assert!(file.write_all_at(b"late", 0).is_err() && disk.list(Path::new(DIR)).is_err());
        outcomes.insert(disk.crash().contents(&path("f")).unwrap());
    }
    assert_eq!(outcomes, BTreeSet::from([b"old".to_vec(), b"new".to_vec()]));
}

#[test]
fn a_lock_is_held_by_one_and_ends_with_its_process() {
    let disk = disk(1);
    let held = disk.lock(&path("LOCK")).unwrap().unwrap();
    assert!(disk.lock(&path("LOCK")).unwrap().is_none());
    drop(held);
    let held = disk.lock(&path("LOCK")).unwrap().unwrap();
    let disk = disk.kill();
    let held_then = disk.lock(&path("LOCK")).unwrap().unwrap();
    let disk = disk.crash();
    drop((held, held_then));
    let _held = disk.lock(&path("LOCK")).unwrap().unwrap();
    assert!(disk.lock(&path("LOCK")).unwrap().is_none());
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    let run = |seed| {
        let (disk, file) = disk_with_file(seed);
        for i in 0..50u8 {
            file.write_all_at(&[i; 700], u64::from(i) * 700).unwrap();
        }
        disk.crash().contents(&path("f"))
    };
    assert_eq!(run(5), run(5));
    let all: BTreeSet<_> = (0..50).map(run).collect();
    assert!(all.len() > 10);
}

#[test]
fn reads_may_be_short_and_the_cache_may_be_cold() {
    let (_disk, file) = disk_with_file(1);
    file.write_all_at(&[1; 100], 0).unwrap();
    let mut buf = [0; 200];
    let lens: BTreeSet<usize> = (0..200).map(|_| file.read_at(&mut buf, 50).unwrap()).collect();
    assert!(lens.len() > 5 && lens.contains(&50) && !lens.contains(&0));
    assert_eq!(file.read_at(&mut buf, 100).unwrap(), 0);
    assert_eq!(file.read_at(&mut buf, 5000).unwrap(), 0);
    let cold = (0..100).filter(|_| file.read_cached_at(&mut buf, 0).unwrap().is_none()).count();
    assert!((1..100).contains(&cold));
}
