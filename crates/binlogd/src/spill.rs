//! Pieces of text that wait, and are read from either end: in memory, and what is too much for that in
//! a file.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use anyhow::{Context, Result, bail};
use binlogd_decode::format::last_piece;

/// How much is read back at once, in bytes; a longer piece is read whole.
const CHUNK_LEN: u64 = 4 << 20;

const LOST: &str = "what was written to the temporary file is not there any more";

/// Pieces that tell where they end: each with its length behind it, as `UndoFormat` writes them, or in
/// front, as `MaxwellFormat` does.
pub(crate) struct Spill {
    memory: Vec<u8>,
    memory_max: usize,
    file: Option<File>,
    /// The file's length in bytes.
    len: u64,
}

impl Spill {
    /// Keeps as many bytes in memory.
    pub(crate) fn new(memory_max: usize) -> Self {
        Self { memory: Vec::new(), memory_max, file: None, len: 0 }
    }

    /// Takes all of `more`.
    pub(crate) fn append(&mut self, more: &[u8]) -> Result<()> {
        if self.memory.len() + more.len() > self.memory_max {
            self.write_out()?;
        }
        self.memory.extend_from_slice(more);
        Ok(())
    }

    /// Forgets what it has.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.memory.clear();
        self.len = 0;
        match &self.file {
            Some(file) => file.set_len(0).context("empty the temporary file"),
            None => Ok(()),
        }
    }

    /// Gives all of it to `take`, from the front, and is empty then. `take` is given what it left, and
    /// more behind that, until it has taken all; it says how many bytes it takes.
    pub(crate) fn drain(&mut self, mut take: impl FnMut(&[u8]) -> Result<usize>) -> Result<()> {
        let mut window = Vec::new();
        let mut start = 0;
        while start < self.len {
            let more = usize::try_from(CHUNK_LEN.min(self.len - start))?;
            let seen = window.len();
            window.resize(seen + more, 0);
            let file = self.file.as_ref().context("no temporary file")?;
            file.read_exact_at(&mut window[seen..], start).context("read the temporary file")?;
            start += more as u64;
            let taken = take(&window)?;
            window.drain(..taken);
        }
        // What is in memory alone, as nearly everything is, is not copied.
        if window.is_empty() {
            std::mem::swap(&mut window, &mut self.memory);
        } else {
            window.append(&mut self.memory);
        }
        if take(&window)? < window.len() {
            bail!(LOST);
        }
        if self.memory.capacity() == 0 {
            self.memory = window;
        }
        self.clear()
    }

    /// Gives the pieces to `see`, the last one first.
    pub(crate) fn reverse(mut self, mut see: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut window = std::mem::take(&mut self.memory);
        // Where the window begins in the file, in bytes.
        let mut start = self.len;
        loop {
            match last_piece(&window) {
                Ok((rest, piece)) => {
                    see(piece)?;
                    let rest = rest.len();
                    window.truncate(rest);
                }
                Err(_) if start == 0 && window.is_empty() => return Ok(()),
                Err(needed) => {
                    let end = start + window.len() as u64;
                    let Some(at_least) = end.checked_sub(needed).filter(|_| start > 0) else {
                        bail!(LOST);
                    };
                    let begin = at_least.min(start.saturating_sub(CHUNK_LEN));
                    let mut front = vec![0; usize::try_from(start - begin)?];
                    let file = self.file.as_ref().context("no temporary file")?;
                    file.read_exact_at(&mut front, begin).context("read the temporary file")?;
                    front.append(&mut window);
                    (window, start) = (front, begin);
                }
            }
        }
    }

    fn write_out(&mut self) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(nameless()?),
        };
        file.write_all_at(&self.memory, self.len).with_context(|| {
            format!("write what is to be printed to a file in {}", env::temp_dir().display())
        })?;
        self.len += self.memory.len() as u64;
        self.memory.clear();
        Ok(())
    }
}

/// A file that nobody else can open and that is gone with the process.
fn nameless() -> Result<File> {
    let random = RandomState::new().build_hasher().finish();
    let path = env::temp_dir().join(format!("binlogd-{random:016x}"));
    let create = || -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        fs::remove_file(&path)?;
        Ok(file)
    };
    create().with_context(|| {
        format!("create {}, for what does not fit into memory (TMPDIR says where)", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_back_in_reverse_order_from_memory_and_from_a_file() {
        for memory_max in [0, 100, 1 << 20] {
            let mut spill = Spill::new(memory_max);
            let pieces: Vec<Vec<u8>> = (0..500_usize)
                .map(|n| vec![n.to_le_bytes()[0]; n * 7 % 300])
                .chain([vec![1; usize::try_from(CHUNK_LEN).unwrap() + 3], Vec::new()])
                .collect();
            for piece in &pieces {
                let len = (piece.len() as u64).to_le_bytes();
                spill.append(&[&piece[..], &len].concat()).unwrap();
            }
            let mut back = Vec::new();
            spill
                .reverse(|piece| {
                    back.push(piece.to_vec());
                    Ok(())
                })
                .unwrap();
            back.reverse();
            assert!(back == pieces, "{memory_max}");
        }
    }

    #[test]
    fn what_is_drained_comes_from_the_front_again_and_again() {
        for memory_max in [0, 100, 1 << 20] {
            let mut spill = Spill::new(memory_max);
            for round in 0..3_u8 {
                let wanted: Vec<u8> =
                    (0..CHUNK_LEN * 2 + 5).map(|n| n.to_le_bytes()[0] ^ round).collect();
                for piece in wanted.chunks(300_007) {
                    spill.append(piece).unwrap();
                }
                let (mut back, mut calls) = (Vec::new(), 0);
                spill
                    .drain(|window| {
                        // In pieces of three bytes, as far as they are whole; the last has two.
                        let whole = window.len() - window.len() % 3;
                        let is_end = back.len() + window.len() == wanted.len();
                        let taken = if is_end { window.len() } else { whole };
                        back.extend_from_slice(&window[..taken]);
                        calls += 1;
                        Ok(taken)
                    })
                    .unwrap();
                assert!(back == wanted, "{memory_max}");
                assert_eq!(calls > 1, memory_max < wanted.len());
            }
            spill.append(b"gone").unwrap();
            spill.clear().unwrap();
            spill.append(b"left over").unwrap();
            assert!(spill.drain(|_| Ok(4)).is_err());
        }
    }
}
