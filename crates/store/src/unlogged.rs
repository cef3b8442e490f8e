//! GTIDs that a timeline's source has, and that stand in none of its files.
//!
//! MySQL counts transactions as executed and purged that are in a table only: those of a backup that
//! it was restored from, those named by `SET GLOBAL gtid_purged`, those that a replica does not log.
//! No head of a file lists them. A restored MariaDB has its GTID in `gtid_slave_pos` only. A source
//! refuses readers, and serves them, by these GTIDs too; so they are kept with the timeline, in the
//! file `UNLOGGED`: a title, the set, and a checksum.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use binlogd_event::GtidSet;
use tokio::sync::watch;

use crate::atomic_write::atomic_write;
use crate::catalog::read_full;
use crate::{Access, Catalog, Fs, LogFile, OsFs, StoreError, Timeline};

pub(crate) const FILE: &str = "UNLOGGED";

const TITLE: &str = "binlogd unlogged 1";

/// The longest file that is read, in bytes.
const LEN_MAX: u64 = 64 << 20;

/// Those of all timelines.
#[derive(Debug)]
pub(crate) struct Unlogged {
    /// By the timeline's number. One of which the source was never asked is missing.
    sets: Mutex<BTreeMap<u32, GtidSet>>,
    /// Counts changes.
    changes: watch::Sender<u64>,
    /// Held while they are written.
    writing: Mutex<()>,
}

impl Unlogged {
    pub(crate) fn new(sets: BTreeMap<u32, GtidSet>) -> Self {
        Self { sets: Mutex::new(sets), changes: watch::Sender::new(0), writing: Mutex::default() }
    }

    /// Those of the timeline of this number.
    pub(crate) fn of(&self, timeline: u32) -> GtidSet {
        self.sets().get(&timeline).cloned().unwrap_or_default()
    }

    /// Those of the timelines from this number on.
    pub(crate) fn from(&self, timeline: u32) -> GtidSet {
        let mut all = GtidSet::new();
        self.sets().range(timeline..).for_each(|(_, set)| all.extend(set));
        all
    }

    fn sets(&self) -> MutexGuard<'_, BTreeMap<u32, GtidSet>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The GTIDs that stand in no file of a timeline, by the file `UNLOGGED` in its folder; none if that is not there.
///
/// # Errors
/// If it cannot be read, or is damaged.
pub fn unlogged_in(timeline: &Path) -> Result<GtidSet, StoreError> {
    Ok(read(&OsFs, timeline)?.unwrap_or_default())
}

impl Catalog {
    /// The GTIDs of the newest timeline's source that stand in none of its files; `None` if they were
    /// never noted, or nothing is stored.
    #[must_use]
    pub fn unlogged(&self) -> Option<GtidSet> {
        let timeline = self.newest()?.timeline.number;
        self.unlogged.sets().get(&timeline).cloned()
    }

    /// Notes these, durably, for a timeline, besides those that are noted already. Blocks for as long as
    /// the disk takes.
    ///
    /// # Errors
    /// If the disk does not take it; then all is as before, or as after a restart.
    pub fn add_unlogged(&self, timeline: &Timeline, gtids: &GtidSet) -> Result<(), StoreError> {
        self.write_unlogged(timeline, |noted| noted.extend(gtids))
    }

    /// As [`add_unlogged`](Self::add_unlogged), but replaces those that are noted already.
    ///
    /// # Errors
    /// As there.
    pub fn set_unlogged(&self, timeline: &Timeline, gtids: &GtidSet) -> Result<(), StoreError> {
        self.write_unlogged(timeline, |noted| *noted = gtids.clone())
    }

    fn write_unlogged(
        &self,
        timeline: &Timeline,
        change: impl FnOnce(&mut GtidSet),
    ) -> Result<(), StoreError> {
        let is_of = |file: &Arc<LogFile>| file.timeline.number == timeline.number;
        // Otherwise it was purged meanwhile.
        let Some(file) = self.all_files().into_iter().rfind(is_of) else { return Ok(()) };
        let _writing = self.unlogged.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.unlogged.sets().get(&timeline.number).cloned();
        let mut gtids = before.clone().unwrap_or_default();
        change(&mut gtids);
        if before.as_ref() == Some(&gtids) {
            return Ok(());
        }
        let path = file.path.parent().unwrap_or(&file.path).join(FILE);
        atomic_write(&*self.fs, &path, to_text(&gtids).as_bytes(), Access::Group)?;
        self.unlogged.sets().insert(timeline.number, gtids);
        self.unlogged.changes.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Those that MySQL 5.6 lists in the head of a file although no file before had a transaction: it
    /// begins a new file when it is told that transactions are purged, which it allows only then.
    ///
    /// # Errors
    /// If files cannot be read.
    pub fn listed_only(&self) -> Result<GtidSet, StoreError> {
        let mut files = self.files();
        let newest = files.last().map(|file| file.timeline.number);
        files.retain(|file| Some(file.timeline.number) == newest);
        for pair in files.windows(2) {
            if !self.head(&pair[0])?.previous_gtids.is_empty()
                || self.first_gtid(&pair[0])?.is_some()
            {
                break;
            }
            let listed = &self.head(&pair[1])?.previous_gtids;
            if !listed.is_empty() {
                return Ok(listed.clone());
            }
        }
        Ok(GtidSet::new())
    }

    /// Watches [`unlogged`](Self::unlogged): it may have changed when the number has.
    #[must_use]
    pub fn watch_unlogged(&self) -> watch::Receiver<u64> {
        self.unlogged.changes.subscribe()
    }

    /// The GTIDs that can no longer be had here: of the transactions before the first file, and of
    /// those that stand in none of the source's files.
    ///
    /// # Errors
    /// If files cannot be read.
    pub fn purged(&self) -> Result<GtidSet, StoreError> {
        loop {
            let files = self.files();
            let Some(first) = files.first() else { return Ok(GtidSet::new()) };
            match self.purged_before(first, &files) {
                // Another one is the first now.
                Err(StoreError::Purged { .. }) => {}
                purged => return purged,
            }
        }
    }

    fn purged_before(
        &self,
        first: &LogFile,
        files: &[Arc<LogFile>],
    ) -> Result<GtidSet, StoreError> {
        let before = self.head(first)?.previous_gtids.clone();
        let mut purged = before.clone();
        purged.extend(&first.timeline.inherited);
        purged.extend(&self.unlogged.from(first.timeline.number));
        if purged == before || !purged.is_mysqls() {
            return Ok(before);
        }
        // A later source's files may have what an earlier one's have not.
        let mut here = GtidSet::new();
        for files in files.chunk_by(|a, b| a.timeline.number == b.timeline.number) {
            here.extend(&self.contents(files)?);
        }
        Ok(purged.difference(&here))
    }

    /// The GTIDs that a reader must have that begins in a timeline, besides those that the file's
    /// head lists.
    ///
    /// # Errors
    /// If files cannot be read.
    pub fn needed_in(&self, timeline: &Timeline) -> Result<GtidSet, StoreError> {
        let mut needed = GtidSet::new();
        if timeline.inherited.is_mysqls() && !timeline.inherited.is_empty() {
            // Its first file may begin before the last of what was inherited.
            let mut files = self.files();
            files.retain(|file| file.timeline.number == timeline.number);
            needed = timeline.inherited.difference(&self.contents(&files)?);
        }
        needed.extend(&self.unlogged.of(timeline.number));
        Ok(needed)
    }

    /// The GTIDs of the transactions in a timeline's files, of which all are given.
    fn contents(&self, files: &[Arc<LogFile>]) -> Result<GtidSet, StoreError> {
        let (Some(first), Some(last)) = (files.first(), files.last()) else {
            return Ok(GtidSet::new());
        };
        // What stands in no file may be listed by some.
        let mut before = self.head(first)?.previous_gtids.clone();
        before.extend(&self.unlogged.of(first.timeline.number));
        if self.newest().is_some_and(|newest| newest.timeline.number == last.timeline.number) {
            return Ok(self.logged_by_newest().difference(&before));
        }
        Ok(self.gtids_at_end(last)?.difference(&before))
    }
}

/// What is noted in a timeline's folder; `None` if nothing was ever noted.
pub(crate) fn read(fs: &dyn Fs, dir: &Path) -> Result<Option<GtidSet>, StoreError> {
    let path = &dir.join(FILE);
    let Some(len) = fs.len(path).map_err(StoreError::io("look for", path))? else {
        return Ok(None);
    };
    let damaged = || StoreError::Foreign {
        path: path.clone(),
        what: "it is damaged. Restore it from a copy; or remove it, and binlogd asks the primary \
               again which transactions stand in none of its files"
            .to_owned(),
    };
    let len = usize::try_from(len).ok().filter(|_| len <= LEN_MAX).ok_or_else(damaged)?;
    let mut text = vec![0; len];
    let file = fs.open(path).map_err(StoreError::io("open", path))?;
    let len = read_full(&*file, &mut text, 0).map_err(StoreError::io("read", path))?;
    let text = std::str::from_utf8(&text[..len]).ok();
    text.and_then(from_text).map(Some).ok_or_else(damaged)
}

fn to_text(gtids: &GtidSet) -> String {
    let text = format!("{TITLE}\n{gtids}\n");
    format!("{text}end {:08x}\n", crc32fast::hash(text.as_bytes()))
}

fn from_text(text: &str) -> Option<GtidSet> {
    let (content, crc) = text.strip_suffix('\n')?.rsplit_once("end ")?;
    if u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(content.as_bytes()) {
        return None;
    }
    content.strip_prefix(TITLE)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_cut_or_garbled_is_not_believed() {
        for set in ["", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee:1-5:tag:7", "0-1-1..100,7-2-1..9"] {
            let set: GtidSet = set.parse().unwrap();
            let text = to_text(&set);
            assert_eq!(from_text(&text), Some(set));
            for cut in 0..text.len() {
                assert_eq!(from_text(&text[..cut]), None);
            }
            for bit in 0..text.len() * 8 {
                let mut bytes = text.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let found = String::from_utf8(bytes).ok().and_then(|text| from_text(&text));
                // A checksum's digits may be written large.
                assert!(found.is_none() || bit / 8 >= text.len() - 9, "{bit}: {found:?}");
            }
        }
    }
}
