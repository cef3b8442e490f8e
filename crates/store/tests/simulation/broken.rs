//! The checks themselves: each rule that is broken is noticed.

use std::panic::catch_unwind;

use crate::flaws::Flaw;
use crate::world::World;

/// The seeds within which a broken rule must be noticed.
const SEEDS_MAX: u64 = 1000;

/// Fails unless some seed notices, in one of these words, and no seed comes to a worse end.
fn assert_noticed(flaw: Flaw, words: &[&str]) {
    let mut others = Vec::new();
    for seed in 0..SEEDS_MAX {
        match catch_unwind(|| World::run(seed, flaw)) {
            Ok(Ok(_)) => {}
            Ok(Err(violation)) => {
                let what = violation.lines().next().unwrap_or_default();
                if words.iter().any(|word| what.contains(word)) {
                    return;
                }
                others.push(what.to_owned());
            }
            Err(_) => panic!("{flaw:?}: seed {seed} should say what is wrong"),
        }
    }
    panic!("{flaw:?} went unnoticed, but for {others:?}")
}

#[test]
fn bytes_that_were_not_synced_are_missed() {
    assert_noticed(Flaw::SyncLies, &["was reported durable"]);
}

#[test]
fn names_that_were_not_synced_are_missed() {
    assert_noticed(Flaw::SyncDirLies, &["was reported durable"]);
}

#[test]
fn hidden_sync_errors_are_missed() {
    assert_noticed(Flaw::SyncErrorsHidden, &["was reported durable"]);
}

#[test]
fn hidden_write_errors_are_noticed() {
    assert_noticed(
        Flaw::WriteErrorsHidden,
        &["was reported durable", "differs", "Damaged", "Lost"],
    );
}

#[test]
fn a_tail_that_is_not_cut_is_noticed() {
    assert_noticed(Flaw::NeverCuts, &["differs"]);
}

#[test]
fn a_recovery_that_trusts_the_kernels_memory_is_noticed() {
    assert_noticed(Flaw::NothingWrittenTwice, &["Damaged", "differs"]);
}

#[test]
fn a_watermark_that_is_only_in_the_kernels_memory_is_noticed() {
    assert_noticed(Flaw::WatermarkNotWrittenTwice, &["was reported durable"]);
}

#[test]
fn without_a_watermark_a_torn_tail_looks_like_damage() {
    assert_noticed(Flaw::NoWatermark, &["Damaged"]);
}

#[test]
fn without_checksums_a_watermark_that_is_not_durable_is_missed() {
    assert_noticed(Flaw::WatermarkSyncLies, &["was reported durable"]);
}

#[test]
fn a_watermark_ahead_of_the_truth_is_noticed() {
    assert_noticed(Flaw::WatermarkAhead, &["Damaged", "Lost"]);
}

#[test]
fn a_journal_that_is_not_durable_is_missed() {
    assert_noticed(Flaw::JournalLies, &["was reported durable"]);
}

#[test]
fn a_journal_that_is_not_replayed_is_missed() {
    assert_noticed(Flaw::NoJournal, &["was reported durable", "Lost"]);
}
