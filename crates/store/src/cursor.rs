//! Reading a stream's bytes, file after file, up to the durable frontier.

use std::sync::Arc;

use binlogd_event::FIRST_EVENT;

use crate::catalog::read_full;
use crate::purge::Hold;
use crate::{Catalog, File, LogFile, Position, StoreError, TailBytes};

/// A reader's place in the stream.
#[derive(Debug)]
pub struct Cursor {
    catalog: Arc<Catalog>,
    file: Arc<LogFile>,
    handle: Box<dyn File>,
    offset: u64,
    /// Keeps this file and all behind it from being purged.
    hold: Hold,
}

/// What came of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// So many bytes are in the buffer.
    Bytes(usize),
    /// The bytes are on the disk only and the caller would rather not wait.
    NotCached,
    /// Everything durable was read.
    Frontier,
    /// The file was read to its end, and another one follows.
    EndOfFile,
}

impl Cursor {
    /// A cursor at `offset` of a file. Whether an event begins there is not judged.
    ///
    /// # Errors
    /// If the file cannot be opened, or is shorter; [`StoreError::Purged`] if it is gone.
    pub fn open(
        catalog: Arc<Catalog>,
        file: Arc<LogFile>,
        offset: u64,
    ) -> Result<Self, StoreError> {
        let hold = Hold::new(&catalog, &file)?;
        let len = catalog.readable_len(&file);
        if offset > len {
            let what = format!("{} has {len} bytes, so none at {offset}", file.name);
            return Err(StoreError::NoSuchPosition(what));
        }
        let handle = catalog.fs.open(&file.path).map_err(StoreError::io("open", &file.path))?;
        Ok(Self { catalog, file, handle, offset, hold })
    }

    /// Says whose cursor this is, for those who ask what keeps files from being purged.
    pub fn set_reader(&self, reader: u32) {
        self.hold.set_reader(reader);
    }

    /// The file that is being read.
    #[must_use]
    pub fn file(&self) -> &Arc<LogFile> {
        &self.file
    }

    /// Where the next read begins.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { file: self.file.id, offset: self.offset }
    }

    /// How many bytes of the file can be read from here.
    #[must_use]
    pub fn available(&self) -> u64 {
        self.catalog.readable_len(&self.file).saturating_sub(self.offset)
    }

    /// Reads what comes next into the front of `buf`, and moves behind it; with `cached_only`, if
    /// that needs no disk.
    ///
    /// # Errors
    /// As [`Cursor::look`].
    pub fn read(&mut self, buf: &mut [u8], cached_only: bool) -> Result<Read, StoreError> {
        let read = self.look(buf, cached_only)?;
        if let Read::Bytes(len) = read {
            self.advance(len);
        }
        Ok(read)
    }

    /// Reads what comes next into the front of `buf` and stays where it is; with `cached_only`, if
    /// that needs no disk, and then maybe less than there is. What is near the frontier is left in
    /// memory for the next who comes, see [`Cursor::tail`].
    ///
    /// # Errors
    /// If the file cannot be read, or ends before its durable end.
    pub fn look(&self, buf: &mut [u8], cached_only: bool) -> Result<Read, StoreError> {
        let epoch = self.catalog.tail.epoch();
        // Asked first: what was closed then has its full length now.
        let is_closed = self.catalog.is_closed(&self.file);
        let left = self.available();
        if left == 0 {
            let has_next = is_closed && self.catalog.after(self.file.id).is_some();
            return Ok(if has_next { Read::EndOfFile } else { Read::Frontier });
        }
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let buf = &mut buf[..len];
        let io = StoreError::io("read", &self.file.path);
        let got = if cached_only {
            match self.handle.read_cached_at(buf, self.offset).map_err(io)? {
                Some(got) if got > 0 => got,
                _ => return Ok(Read::NotCached),
            }
        } else {
            read_full(&*self.handle, buf, self.offset).map_err(io)?
        };
        if got < len && !cached_only {
            let (end, missing) = (self.offset + got as u64, left - got as u64);
            let what = format!("it ends at {end}, though {missing} more bytes were durable");
            return Err(StoreError::Foreign { path: self.file.path.clone(), what });
        }
        // A sync that has failed meanwhile may have taken the bytes away.
        if self.available() < got as u64 {
            return Ok(Read::Frontier);
        }
        if !is_closed {
            self.catalog.tail.offer(epoch, self.position(), &buf[..got], left);
        }
        Ok(Read::Bytes(got))
    }

    /// What comes next, if another reader at the end of the stream has read it just now. Like all
    /// that is shared, to be used and dropped at once.
    #[must_use]
    pub fn tail(&self) -> Option<TailBytes> {
        let bytes = self.catalog.tail.at(self.position())?.truncate(self.available());
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Moves on within the file.
    pub fn advance(&mut self, len: usize) {
        self.offset += len as u64;
    }

    /// Goes to the first event of the next file; `false` if there is none yet.
    ///
    /// # Errors
    /// If it cannot be opened; [`StoreError::Purged`] if it is gone.
    pub fn next_file(&mut self) -> Result<bool, StoreError> {
        let Some(next) = self.hold.move_on(&self.file)? else { return Ok(false) };
        self.handle =
            self.catalog.fs.open(&next.path).map_err(StoreError::io("open", &next.path))?;
        self.file = next;
        self.offset = FIRST_EVENT;
        Ok(true)
    }
}
