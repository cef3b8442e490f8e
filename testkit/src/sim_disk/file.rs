//! The bytes of a file: as processes see them, and as they are on the platter.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::SystemTime;

use crate::rng::Rng;

/// The page cache's unit, in bytes.
pub(super) const PAGE: usize = 4096;
/// What the platter writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// A file without its name.
#[derive(Debug, Default)]
pub(super) struct FileState {
    cached: Vec<u8>,
    /// May go on behind `disk_len`: pages are written before the length that makes them count.
    disk: Vec<u8>,
    disk_len: usize,
    /// The lengths that the file has had since `disk_len`, oldest first.
    lens: Vec<usize>,
    /// Pages to be written back.
    dirty: BTreeSet<usize>,
    /// Pages that a failed sync has marked clean: not on the disk, and nobody will write them.
    lost: BTreeSet<usize>,
    /// When its bytes were last changed, if they were.
    pub(super) modified: Option<SystemTime>,
}

impl FileState {
    pub(super) fn durable(bytes: &[u8]) -> Self {
        let (cached, disk, disk_len) = (bytes.to_vec(), bytes.to_vec(), bytes.len());
        Self { cached, disk, disk_len, ..Self::default() }
    }

    /// What processes see.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.cached
    }

    /// Reads as `pread` does, now and then less than could be had.
    pub(super) fn read(&mut self, buf: &mut [u8], offset: usize, rng: &mut Rng) -> usize {
        let left = self.cached.len().saturating_sub(offset);
        let mut len = left.min(buf.len());
        if rng.one_in(8) {
            len = rng.between(len.min(1), len);
        }
        if len == 0 {
            return 0;
        }
        if !self.lost.is_empty() {
            let read = offset / PAGE..(offset + len).div_ceil(PAGE);
            let forgotten: Vec<usize> =
                self.lost.range(read).copied().filter(|_| rng.one_in(16)).collect();
            forgotten.into_iter().for_each(|page| self.forget(page));
        }
        buf[..len].copy_from_slice(&self.cached[offset..offset + len]);
        len
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len();
        // A hole is filled with zeros, which count as written.
        let start = offset.min(self.cached.len());
        if end > self.cached.len() {
            self.cached.resize(end, 0);
            self.lens.push(end);
        }
        self.cached[offset..end].copy_from_slice(bytes);
        self.mark_dirty(start..end);
    }

    pub(super) fn set_len(&mut self, len: usize) {
        let before = self.cached.len();
        if len == before {
            return;
        }
        self.cached.resize(len, 0);
        self.lens.push(len);
        if len > before {
            self.mark_dirty(before..len);
        } else {
            self.dirty.retain(|page| page * PAGE < len);
            self.lost.retain(|page| page * PAGE < len);
        }
    }

    pub(super) fn sync(&mut self) {
        for page in std::mem::take(&mut self.dirty) {
            self.write_back(page, |_| true);
        }
        self.disk_len = self.cached.len();
        self.disk.resize(self.disk_len, 0);
        self.lens.clear();
    }

    /// Makes some bytes durable, and no others.
    pub(super) fn sync_range(&mut self, bytes: Range<usize>) {
        for page in pages(&bytes) {
            if self.dirty.remove(&page) {
                self.write_back(page, |_| true);
            }
        }
        // The length counts as far as the bytes need it.
        if self.disk_len < bytes.end {
            self.disk_len = bytes.end;
            self.disk.resize(self.disk.len().max(bytes.end), 0);
            self.lens.retain(|&len| len > bytes.end);
        }
    }

    /// [`FileState::sync_range`] that fails.
    pub(super) fn sync_range_in_vain(&mut self, bytes: Range<usize>, rng: &mut Rng) {
        let percent = rng.pick(&[0, 50, 100]);
        for page in pages(&bytes) {
            if self.dirty.remove(&page) {
                if rng.percent(percent) {
                    self.write_back(page, |_| true);
                } else {
                    self.lost.insert(page);
                }
            }
        }
    }

    /// A sync that fails: what it could not write is given up.
    pub(super) fn sync_in_vain(&mut self, rng: &mut Rng) {
        let percent = rng.pick(&[0, 50, 100]);
        for page in std::mem::take(&mut self.dirty) {
            if rng.percent(percent) {
                self.write_back(page, |_| true);
            } else {
                self.lost.insert(page);
            }
        }
    }

    /// Brings some of what is not durable to the disk.
    pub(super) fn write_back_some(&mut self, rng: &mut Rng) {
        let percent = rng.pick(&[5, 20, 50, 90, 100]);
        let tears = rng.one_in(4);
        let pages: Vec<usize> = self.dirty.iter().copied().collect();
        for page in pages {
            if rng.percent(percent) {
                self.write_back(page, |_| !tears || rng.one_in(2));
            }
        }
        if !self.lens.is_empty() && rng.one_in(2) {
            let last = rng.below(self.lens.len());
            self.disk_len = self.lens.drain(..=last).next_back().unwrap_or(self.disk_len);
        }
    }

    /// What is left after a power failure.
    pub(super) fn crash(&mut self, rng: &mut Rng) {
        match rng.below(8) {
            // Nothing more gets out, or everything.
            0 => {}
            1 => {
                self.dirty.clone().into_iter().for_each(|page| self.write_back(page, |_| true));
                self.disk_len = self.lens.last().copied().unwrap_or(self.disk_len);
            }
            // The length and the later pages: the worst for those who read from the front.
            2 | 3 => {
                let kept = rng.between(1, self.dirty.len().max(1));
                for page in self.dirty.clone().into_iter().rev().take(kept) {
                    self.write_back(page, |_| true);
                }
                self.disk_len = self.lens.last().copied().unwrap_or(self.disk_len);
            }
            _ => {
                self.write_back_some(rng);
                self.write_back_some(rng);
            }
        }
        self.disk.resize(self.disk_len, 0);
        *self = Self { modified: self.modified, ..Self::durable(&self.disk) };
    }

    /// Drops pages that are marked clean from the cache.
    pub(super) fn drop_lost(&mut self, rng: &mut Rng, percent: usize) {
        for page in self.lost.clone() {
            if rng.percent(percent) {
                self.forget(page);
            }
        }
    }

    /// Drops a page; who reads it next finds what is on the disk.
    fn forget(&mut self, page: usize) {
        self.lost.remove(&page);
        let range = page * PAGE..((page + 1) * PAGE).min(self.cached.len());
        for at in range {
            self.cached[at] = self.disk.get(at).copied().unwrap_or(0);
        }
    }

    fn mark_dirty(&mut self, bytes: Range<usize>) {
        for page in pages(&bytes) {
            self.dirty.insert(page);
            self.lost.remove(&page);
        }
    }

    /// Brings a page, or those of its sectors that `reaches` lets through, to the disk.
    fn write_back(&mut self, page: usize, mut reaches: impl FnMut(usize) -> bool) {
        let (start, end) = (page * PAGE, (page + 1) * PAGE);
        if self.disk.len() < end {
            self.disk.resize(end, 0);
        }
        for sector in (start..end).step_by(SECTOR).filter(|&sector| reaches(sector)) {
            let filled = &self.cached[sector.min(self.cached.len())..];
            let filled = &filled[..filled.len().min(SECTOR)];
            let (bytes, rest) = self.disk[sector..sector + SECTOR].split_at_mut(filled.len());
            bytes.copy_from_slice(filled);
            rest.fill(0);
        }
    }
}

fn pages(bytes: &Range<usize>) -> Range<usize> {
    bytes.start / PAGE..bytes.end.div_ceil(PAGE)
}
