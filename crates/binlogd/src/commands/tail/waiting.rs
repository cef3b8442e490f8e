//! Rows that wait for the end of their transaction: Maxwell's format tells with each what the end says.

use anyhow::{Result, bail};
use binlogd_decode::format::{MaxwellCommit, MaxwellPiece};

use crate::output::Output;
use crate::spill::Spill;

/// How much of a transaction waits in memory, in bytes.
const MEMORY_MAX: usize = 16 << 20;

/// The rows of the transaction under way.
pub(super) struct Waiting {
    rows: Spill,
    count: u64,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self { rows: Spill::new(MEMORY_MAX), count: 0 }
    }

    /// Takes all of `pieces`, and prints what need not wait any more.
    pub(super) fn take(&mut self, pieces: &mut Vec<u8>, output: &mut Output) -> Result<()> {
        let mut rest = &pieces[..];
        while !rest.is_empty() {
            let Ok((piece, behind)) = MaxwellPiece::first(rest) else { bail!("half a piece") };
            match piece {
                MaxwellPiece::Line(line) => output.buffer.extend_from_slice(line),
                MaxwellPiece::Row(_) => {
                    self.rows.append(&rest[..rest.len() - behind.len()])?;
                    self.count += 1;
                }
                MaxwellPiece::Commit(commit) => self.print(&commit, output)?,
                MaxwellPiece::Rollback => {
                    self.rows.clear()?;
                    self.count = 0;
                }
            }
            rest = behind;
        }
        pieces.clear();
        Ok(())
    }

    fn print(&mut self, commit: &MaxwellCommit, output: &mut Output) -> Result<()> {
        let count = std::mem::take(&mut self.count);
        let mut offset = 0;
        self.rows.drain(|window| {
            let mut rest = window;
            while let Ok((MaxwellPiece::Row(row), behind)) = MaxwellPiece::first(rest) {
                commit.write(row, offset, offset + 1 == count, &mut output.buffer);
                offset += 1;
                output.flush_full()?;
                rest = behind;
            }
            Ok(window.len() - rest.len())
        })
    }
}
