//! Pieces of text that are read from the last one to the first: in memory, and what is too much for
//! that in a file.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use anyhow::{Context, Result, bail};
use binlogd_decode::format::last_piece;

/// How much waits in memory, in bytes.
const MEMORY_MAX: usize = 64 << 20;
/// How much is read back at once, in bytes; a longer piece is read whole.
const CHUNK_LEN: u64 = 4 << 20;

/// Pieces, each with its length behind it, as `UndoFormat` writes them.
pub(crate) struct Spill {
    memory: Vec<u8>,
    memory_max: usize,
    file: Option<File>,
    /// The file's length in bytes.
    len: u64,
}

impl Spill {
    pub(crate) fn new() -> Self {
        Self { memory: Vec::new(), memory_max: MEMORY_MAX, file: None, len: 0 }
    }

    /// Takes all of `more`.
    pub(crate) fn append(&mut self, more: &mut Vec<u8>) -> Result<()> {
        if self.memory.len() + more.len() > self.memory_max {
            self.write_out()?;
        }
        self.memory.append(more);
        Ok(())
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
                        bail!("what was written to the temporary file is not there any more");
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
        file.write_all(&self.memory).with_context(|| {
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
    let path = env::temp_dir().join(format!("binlogd-undo-{random:016x}"));
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
            let mut spill = Spill { memory_max, ..Spill::new() };
            let pieces: Vec<Vec<u8>> = (0..500_usize)
                .map(|n| vec![n.to_le_bytes()[0]; n * 7 % 300])
                .chain([vec![1; usize::try_from(CHUNK_LEN).unwrap() + 3], Vec::new()])
                .collect();
            for piece in &pieces {
                let len = (piece.len() as u64).to_le_bytes();
                spill.append(&mut [&piece[..], &len].concat()).unwrap();
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
}
