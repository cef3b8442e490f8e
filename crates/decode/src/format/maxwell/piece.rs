//! Pieces of what the format writes: a row waits for the end of its transaction, which alone tells the
//! transaction's number and which row is the last one.
//!
//! Where rows wait is for others: nothing here grows with them.

use crate::format::json::number_field;

/// A piece of what [`MaxwellFormat`](super::MaxwellFormat) writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxwellPiece<'a> {
    /// A line that waits for nothing, with its end.
    Line(&'a [u8]),
    /// A row, which is to wait.
    Row(MaxwellRow<'a>),
    /// The rows that wait are committed: they become lines.
    Commit(MaxwellCommit),
    /// The rows that wait were rolled back: there are no lines of them.
    Rollback,
}

/// A row's line, without what [`MaxwellCommit`] puts into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxwellRow<'a> {
    head: &'a [u8],
    tail: &'a [u8],
}

/// What the end of a transaction tells of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxwellCommit {
    pub(super) xid: Option<u64>,
    /// Whether rows say so.
    pub(super) info: bool,
    /// Whether rows have numbers.
    pub(super) offsets: bool,
}

const LINE: u8 = b'L';
const ROW: u8 = b'R';
const COMMIT: u8 = b'C';
const ROLLBACK: u8 = b'B';

/// What says a piece's type and length, in bytes.
const HEAD_LEN: usize = 1 + LEN;
/// The length of a length, in bytes.
const LEN: usize = 8;

/// A commit's flags.
const HAS_XID: u8 = 1;
const HAS_INFO: u8 = 2;
const HAS_OFFSETS: u8 = 4;

impl<'a> MaxwellPiece<'a> {
    /// Takes the first piece off `written`, with what follows it.
    ///
    /// # Errors
    /// If it is not there whole: the bytes that it needs; if it is none, more than there can be.
    pub fn first(written: &'a [u8]) -> Result<(Self, &'a [u8]), u64> {
        let (head, rest) = written.split_first_chunk::<HEAD_LEN>().ok_or(HEAD_LEN as u64)?;
        let [kind, len @ ..] = *head;
        let len = u64::from_le_bytes(len);
        let whole = usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len));
        let (body, rest) = whole.ok_or(len.saturating_add(HEAD_LEN as u64))?;
        let piece = match kind {
            LINE => Some(Self::Line(body)),
            ROW => MaxwellRow::read(body).map(Self::Row),
            COMMIT => MaxwellCommit::read(body).map(Self::Commit),
            ROLLBACK => Some(Self::Rollback),
            _ => None,
        };
        Ok((piece.ok_or(u64::MAX)?, rest))
    }
}

impl<'a> MaxwellRow<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let (len, body) = body.split_first_chunk::<LEN>()?;
        let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
        let (head, tail) = body.split_at_checked(len)?;
        Some(Self { head, tail })
    }
}

impl MaxwellCommit {
    fn read(body: &[u8]) -> Option<Self> {
        let (&[flags], xid) = body.split_first_chunk::<1>()?;
        let xid = u64::from_le_bytes(xid.try_into().ok()?);
        Some(Self {
            xid: (flags & HAS_XID != 0).then_some(xid),
            info: flags & HAS_INFO != 0,
            offsets: flags & HAS_OFFSETS != 0,
        })
    }

    fn flags(self) -> u8 {
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        flag(self.xid.is_some(), HAS_XID)
            + flag(self.info, HAS_INFO)
            + flag(self.offsets, HAS_OFFSETS)
    }

    /// Appends the line of a row of this transaction: `offset` says which one, from 0.
    pub fn write(&self, row: MaxwellRow<'_>, offset: u64, is_last: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(row.head);
        if self.info {
            if let Some(xid) = self.xid {
                number_field("xid", xid, out);
            }
            if is_last {
                out.extend_from_slice(b",\"commit\":true");
            } else if self.offsets {
                number_field("xoffset", offset, out);
            }
        }
        out.extend_from_slice(row.tail);
    }
}

/// Appends what `write` does as a line.
pub(super) fn line<E>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    whole(LINE, out, write)
}

/// Appends a row of what comes before the transaction's fields, and what `tail` writes behind them.
pub(super) fn row<E>(
    head: &[u8],
    out: &mut Vec<u8>,
    tail: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    whole(ROW, out, |out| {
        out.extend_from_slice(&(head.len() as u64).to_le_bytes());
        out.extend_from_slice(head);
        tail(out)
    })
}

pub(super) fn commit(commit: MaxwellCommit, out: &mut Vec<u8>) {
    out.push(COMMIT);
    out.extend_from_slice(&(1 + LEN as u64).to_le_bytes());
    out.push(commit.flags());
    out.extend_from_slice(&commit.xid.unwrap_or(0).to_le_bytes());
}

pub(super) fn rollback(out: &mut Vec<u8>) {
    out.push(ROLLBACK);
    out.extend_from_slice(&[0; LEN]);
}

/// Appends a piece; nothing of it if it fails.
fn whole<E>(
    kind: u8,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    out.push(kind);
    out.extend_from_slice(&[0; LEN]);
    let written = write(out);
    if written.is_err() {
        out.truncate(start);
        return written;
    }
    let body = start + HEAD_LEN;
    let len = (out.len() - body) as u64;
    out[start + 1..body].copy_from_slice(&len.to_le_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(commit: MaxwellCommit, is_last: bool) -> String {
        let row = MaxwellRow { head: b"{\"ts\":1", tail: b"}\n" };
        let mut out = Vec::new();
        commit.write(row, 7, is_last, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_last_row_says_commit_and_others_their_number() {
        let commit = MaxwellCommit { xid: Some(42), info: true, offsets: true };
        assert_eq!(filled(commit, false), "{\"ts\":1,\"xid\":42,\"xoffset\":7}\n");
        assert_eq!(filled(commit, true), "{\"ts\":1,\"xid\":42,\"commit\":true}\n");
        let without_xid = MaxwellCommit { xid: None, offsets: false, ..commit };
        assert_eq!(filled(without_xid, false), "{\"ts\":1}\n");
        assert_eq!(filled(without_xid, true), "{\"ts\":1,\"commit\":true}\n");
        assert_eq!(filled(MaxwellCommit { info: false, ..commit }, true), "{\"ts\":1}\n");
    }

    #[test]
    fn pieces_are_read_as_they_were_written_and_say_what_they_lack() {
        let mut out = Vec::new();
        let write = |text: &'static [u8]| {
            move |out: &mut Vec<u8>| {
                out.extend_from_slice(text);
                Ok::<(), ()>(())
            }
        };
        line(&mut out, write(b"{}\n")).unwrap();
        row(b"{", &mut out, write(b"}\n")).unwrap();
        let failed = |out: &mut Vec<u8>| {
            out.push(b'x');
            Err(())
        };
        row(b"{", &mut out, failed).unwrap_err();
        let end = MaxwellCommit { xid: Some(1 << 60), info: true, offsets: false };
        commit(end, &mut out);
        rollback(&mut out);

        let wanted = [
            MaxwellPiece::Line(b"{}\n"),
            MaxwellPiece::Row(MaxwellRow { head: b"{", tail: b"}\n" }),
            MaxwellPiece::Commit(end),
            MaxwellPiece::Rollback,
        ];
        let mut rest = &out[..];
        for piece in wanted {
            let (found, behind) = MaxwellPiece::first(rest).unwrap();
            assert_eq!(found, piece);
            let len = rest.len() - behind.len();
            for cut in 0..len {
                let needed = MaxwellPiece::first(&rest[..cut]).unwrap_err();
                assert!(needed > cut as u64 && needed <= len as u64, "{piece:?} {cut}");
            }
            rest = behind;
        }
        assert!(rest.is_empty());
    }
}
