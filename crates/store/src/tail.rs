//! The newest bytes of a stream in memory, shared by all who read at its end.
//!
//! Whoever comes first reads the file and leaves a copy; the others take that. So a stream that
//! nobody follows costs nothing, and a commit waits for none of this. Nobody holds a piece longer
//! than it takes to copy from it: a slow reader finds its bytes gone from here and goes to the file.

use std::collections::VecDeque;
use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Position;

/// The newest pieces, up to a limit.
#[derive(Debug)]
pub(crate) struct Tail {
    pieces: Mutex<Pieces>,
    bytes_max: AtomicUsize,
}

/// In the order of the stream, without overlaps; there may be gaps.
#[derive(Debug, Default)]
struct Pieces {
    pieces: VecDeque<Piece>,
    bytes: usize,
    /// Grows when everything is forgotten.
    epoch: u64,
}

#[derive(Debug)]
struct Piece {
    start: Position,
    bytes: Arc<[u8]>,
}

/// A part of what is in the tail.
#[derive(Debug, Clone)]
pub struct TailBytes {
    bytes: Arc<[u8]>,
    range: Range<usize>,
}

/// How much of a stream's end is kept, in bytes, unless told otherwise.
const BYTES_MAX: usize = 8 << 20;

/// Each piece costs a little more than its bytes.
const PIECE_OVERHEAD_LEN: usize = 64;

impl Default for Tail {
    fn default() -> Self {
        Self { pieces: Mutex::default(), bytes_max: AtomicUsize::new(BYTES_MAX) }
    }
}

impl Tail {
    pub(crate) fn set_bytes_max(&self, bytes: usize) {
        self.bytes_max.store(bytes, Ordering::Relaxed);
    }

    /// What is here from `position` on.
    pub(crate) fn at(&self, position: Position) -> Option<TailBytes> {
        let pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = pieces.pieces.partition_point(|piece| piece.start <= position);
        let piece = pieces.pieces.get(behind.checked_sub(1)?)?;
        let skipped = usize::try_from(position.offset.checked_sub(piece.start.offset)?).ok()?;
        let found = piece.start.file == position.file && skipped < piece.bytes.len();
        found.then(|| TailBytes { bytes: piece.bytes.clone(), range: skipped..piece.bytes.len() })
    }

    /// To be asked before reading what is then offered.
    pub(crate) fn epoch(&self) -> u64 {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner).epoch
    }

    /// Leaves a copy of what was read at `start`, if it is newer than all that is here, and nothing
    /// was taken back since `epoch`. `behind` is how many bytes it lies before the frontier: what
    /// does not belong to the tail is not taken.
    pub(crate) fn offer(&self, epoch: u64, start: Position, bytes: &[u8], behind: u64) {
        let bytes_max = self.bytes_max.load(Ordering::Relaxed);
        let cost = bytes.len() + PIECE_OVERHEAD_LEN;
        // Room for what is left to the frontier, so that nobody pushes out what others come to.
        if cost > bytes_max || behind > bytes_max as u64 / 2 {
            return;
        }
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        let is_newer = pieces.pieces.back().is_none_or(|last| last.end() <= start);
        if !is_newer || pieces.epoch != epoch {
            return;
        }
        pieces.bytes += cost;
        pieces.pieces.push_back(Piece { start, bytes: bytes.into() });
        while pieces.bytes > bytes_max {
            let Some(oldest) = pieces.pieces.pop_front() else { break };
            pieces.bytes -= oldest.bytes.len() + PIECE_OVERHEAD_LEN;
        }
    }

    /// Forgets everything, because it is no longer what it was.
    pub(crate) fn clear(&self) {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        *pieces = Pieces { epoch: pieces.epoch + 1, ..Pieces::default() };
    }
}

impl Piece {
    fn end(&self) -> Position {
        Position { file: self.start.file, offset: self.start.offset + self.bytes.len() as u64 }
    }
}

impl TailBytes {
    pub(crate) fn truncate(mut self, len: u64) -> Self {
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(self.range.len());
        self.range.end = self.range.start + len;
        self
    }
}

impl Deref for TailBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileId;

    fn at(file: u64, offset: u64) -> Position {
        Position { file: FileId(file), offset }
    }

    fn found(tail: &Tail, file: u64, offset: u64) -> Option<Vec<u8>> {
        tail.at(at(file, offset)).map(|bytes| bytes.to_vec())
    }

    #[test]
    fn bytes_are_found_where_they_were_left() {
        let tail = Tail::default();
        assert_eq!(found(&tail, 1, 4), None);
        tail.offer(0, at(1, 4), b"abcdef", 0);
        tail.offer(0, at(1, 20), b"gh", 0);
        tail.offer(0, at(2, 4), b"ij", 0);
        for (file, offset, bytes) in
            [(1, 4, &b"abcdef"[..]), (1, 9, b"f"), (1, 20, b"gh"), (1, 21, b"h"), (2, 4, b"ij")]
        {
            assert_eq!(found(&tail, file, offset).as_deref(), Some(bytes), "{file} {offset}");
        }
        for (file, offset) in [(0, 4), (1, 3), (1, 10), (1, 22), (2, 3), (2, 6), (3, 4)] {
            assert_eq!(found(&tail, file, offset), None, "{file} {offset}");
        }
        assert_eq!(*tail.at(at(1, 4)).unwrap().truncate(2), *b"ab");
    }

    #[test]
    fn only_what_is_newer_and_near_the_frontier_is_taken() {
        let tail = Tail::default();
        tail.offer(0, at(1, 10), b"abc", 0);
        tail.offer(0, at(1, 4), b"x", 0);
        tail.offer(0, at(1, 12), b"x", 0);
        tail.offer(0, at(1, 13), b"x", BYTES_MAX as u64);
        assert_eq!(found(&tail, 1, 4), None);
        assert_eq!(found(&tail, 1, 12).unwrap(), b"c");
        assert_eq!(found(&tail, 1, 13), None);
    }

    #[test]
    fn the_oldest_bytes_go_first() {
        let tail = Tail::default();
        tail.set_bytes_max(3 * (10 + PIECE_OVERHEAD_LEN));
        for n in 0..5 {
            tail.offer(0, at(1, 10 * n), &[7; 10], 0);
        }
        let kept: Vec<_> = (0..5).map(|n| found(&tail, 1, 10 * n).is_some()).collect();
        assert_eq!(kept, [false, false, true, true, true]);
        tail.offer(0, at(1, 100), &[7; 1000], 0);
        assert_eq!(found(&tail, 1, 100), None, "larger than the limit");
        assert!(found(&tail, 1, 40).is_some());
        tail.clear();
        assert_eq!(found(&tail, 1, 40), None);
        // Read before that, so it may be what was taken back.
        tail.offer(0, at(1, 40), b"x", 0);
        assert_eq!(found(&tail, 1, 40), None);
    }
}
