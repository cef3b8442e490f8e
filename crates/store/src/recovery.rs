//! Bringing the last file of a stream to a state that can be trusted.
//!
//! Only the last file can be in doubt: one is begun when everything in those before is durable.
//! Of it every whole event is kept, or whole transaction of a MariaDB: [what readers may be
//! given](Verifier::servable_end). What to do with a bad one depends on where it is:
//!
//! - **Before the [watermark](crate::watermark)** the bytes were durable once, so they are damaged
//!   or gone. That is an error. Nothing is cut and nothing written; people decide.
//! - **Behind it** nobody knows what was synced. A file system may bring later pages to the disk
//!   before earlier ones, so a bad event is taken for one that never got there, and is cut with all
//!   that follows, even where that looks whole. This is wrong for bytes that were synced after the
//!   last mark and have rotted since: at most [16 MiB](crate::Writer::mark_every), none after a
//!   clean end, and the primary sends them again as long as it lives.
//! - **Without a watermark** (it is lost, or damaged) only an event that is cut short or damaged at
//!   the very end of the file, or has nothing but zeros behind, is cut. In doubt, refuse.
//! - **In the [journal](crate::journal)** bytes were durable that may never have reached the file. They
//!   are copied there first of all, and then stand before the watermark too.
//!
//! A file whose events have no checksums cannot show that bytes behind the watermark are those that
//! were written. There the writer moves the watermark with every sync, before it publishes, and
//! here everything behind it is cut.
//!
//! At last, what lies behind the watermark is written once more and synced. Where a process has
//! died after a failed sync, the kernel may hold pages that it believes clean but that never
//! reached the disk: they read well, and a sync alone would not write them.

pub(crate) mod scan;

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use binlogd_event::{
    ChecksumAlgorithm, EventHeader, FIRST_EVENT, GtidSet, HEADER_LEN, LogPos, MAGIC, Verifier,
    Violation,
};

use crate::catalog::read_full;
use crate::journal::Records;
use crate::watermark::{Mark, Watermark};
use crate::{Dir, File, Fs, LogFile, LogName, StoreError};
use scan::{BadEvent, CHUNK, scan};

/// Where a stream's stored bytes end.
#[derive(Debug, Clone)]
pub struct Resume {
    /// The last file.
    pub file: Arc<LogFile>,
    /// A verifier that has seen all of it.
    pub verifier: Verifier,
    /// The GTIDs of all whole transactions of the timeline, and of those that its files list.
    pub executed: GtidSet,
    /// How many bytes were cut from the end of the file.
    pub cut: u64,
}

impl Resume {
    /// Where the file's last whole event ends, in bytes.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.verifier.offset()
    }
}

/// Judges the last of a stream's files, cuts its torn tail and makes the rest durable.
pub(crate) fn recover(
    fs: &dyn Fs,
    before: &[Arc<LogFile>],
    file: &Arc<LogFile>,
) -> Result<Resume, StoreError> {
    let path = &file.path;
    let dir = path.parent().unwrap_or(path);
    let mut watermark = Watermark::open(fs, dir)?;
    let folder = fs.open_dir(dir).map_err(StoreError::io("open", dir))?;
    let known = known_durable(&watermark, &file.name, dir)?;
    let handle = fs.open_write(path).map_err(StoreError::io("open", path))?;
    check_len(&*handle, path, known.unwrap_or(0), &watermark)?;
    let known = known.max(replay(fs, dir, &watermark, file, &*handle)?);
    let len = handle.len().map_err(StoreError::io("look at", path))?;
    let last = LastFile { file, handle, len, known };
    let Judgement { trusted, mut verifier } = last.judge()?;
    let executed = executed(fs, before, file, &mut verifier)?;
    let end = verifier.offset();
    last.cut(end)?;
    let was_good = last.harden(&*folder, trusted, end)?;
    if !was_good {
        // Meanwhile the kernel has dropped pages that never reached the disk.
        return recover(fs, before, file);
    }
    match watermark.set(fs, Mark { file: file.name.clone(), offset: end }) {
        // The one that is there is older, and as true; but the next recovery may have no other.
        Err(error @ StoreError::Io { .. }) if has_checksums(&verifier) => {
            tracing::warn!("{error}");
        }
        outcome => outcome?,
    }
    Ok(Resume { file: file.clone(), verifier, executed, cut: len.saturating_sub(end) })
}

/// Checks that a file has the bytes that were durable in it.
fn check_len(
    handle: &dyn File,
    path: &Path,
    durable: u64,
    watermark: &Watermark,
) -> Result<(), StoreError> {
    let len = handle.len().map_err(StoreError::io("look at", path))?;
    if len < durable {
        let (path, watermark) = (path.to_owned(), watermark.path().to_owned());
        return Err(StoreError::Lost { path, len, durable, watermark });
    }
    Ok(())
}

/// Copies what was durable in the journal to the file, and makes it durable there. Returns where
/// it ends.
fn replay(
    fs: &dyn Fs,
    dir: &Path,
    watermark: &Watermark,
    file: &LogFile,
    handle: &dyn File,
) -> Result<Option<u64>, StoreError> {
    let path = &file.path;
    let mark = watermark.mark().filter(|mark| mark.file == file.name);
    let (Some(mark), Some(note)) = (mark, watermark.note_id()) else { return Ok(None) };
    let mut end = mark.offset;
    let mut records = Records::open(fs, dir, note)?;
    while let Some(record) = records.next()? {
        // What lies between two records was synced in the file.
        check_len(handle, path, record.offset, watermark)?;
        handle
            .write_all_at(&record.bytes, record.offset)
            .map_err(StoreError::io("write to", path))?;
        end = record.offset + record.bytes.len() as u64;
    }
    if end > mark.offset {
        handle.sync_data().map_err(StoreError::sync_failed(path))?;
    }
    Ok(Some(end))
}

/// Checks that a timeline without files has not lost them.
pub(crate) fn check_empty(fs: &dyn Fs, dir: &Path) -> Result<(), StoreError> {
    let watermark = Watermark::open(fs, dir)?;
    match watermark.mark() {
        Some(mark) if mark.offset > FIRST_EVENT => Err(missing(&watermark, mark, dir)),
        _ => Ok(()),
    }
}

/// How many bytes of the last file are known to be durable; `None` if nobody knows.
fn known_durable(
    watermark: &Watermark,
    last: &LogName,
    dir: &Path,
) -> Result<Option<u64>, StoreError> {
    let Some(mark) = watermark.mark().filter(|mark| mark.file.base() == last.base()) else {
        tracing::warn!(
            "{} does not say how far {last} is durable, so that damage to it cannot be told from a \
             torn end: in doubt it is refused",
            watermark.path().display()
        );
        return Ok(None);
    };
    match last.cmp(&mark.file) {
        Ordering::Equal => Ok(Some(mark.offset)),
        // It was begun after the last mark.
        Ordering::Greater => Ok(Some(0)),
        Ordering::Less if mark.offset > FIRST_EVENT => Err(missing(watermark, mark, dir)),
        Ordering::Less => Ok(None),
    }
}

fn has_checksums(verifier: &Verifier) -> bool {
    verifier.format().is_some_and(|format| !format.checksum.is_empty())
}

fn missing(watermark: &Watermark, mark: &Mark, dir: &Path) -> StoreError {
    let path = dir.join(mark.file.as_str());
    let watermark = watermark.path().to_owned();
    StoreError::Lost { path, len: 0, durable: mark.offset, watermark }
}

/// The GTIDs of the timeline up to where `verifier` stands in the last file.
fn executed(
    fs: &dyn Fs,
    before: &[Arc<LogFile>],
    last: &LogFile,
    verifier: &mut Verifier,
) -> Result<GtidSet, StoreError> {
    let mut gtids = verifier.take_committed();
    // A file's second event lists what was before it. While it is missing, the file before knows.
    let mut knows = verifier.last_event().is_some_and(|start| start > FIRST_EVENT);
    let is_here = |file: &&Arc<LogFile>| file.timeline.number == last.timeline.number;
    for file in before.iter().rev().take_while(is_here) {
        if knows {
            break;
        }
        let path = &file.path;
        let handle = fs.open(path).map_err(StoreError::io("open", path))?;
        let mut earlier = Verifier::at_start(ChecksumAlgorithm::None);
        if let Some(bad) = scan(&*handle, file, &mut earlier, u64::MAX)? {
            return Err(StoreError::Damaged { path: path.clone(), error: bad.error });
        }
        gtids.extend(&earlier.take_committed());
        knows = earlier.last_event().is_some_and(|start| start > FIRST_EVENT);
    }
    Ok(gtids)
}

/// The file that may be in doubt.
struct LastFile<'a> {
    file: &'a LogFile,
    handle: Box<dyn File>,
    len: u64,
    /// How many bytes were synced for certain.
    known: Option<u64>,
}

/// What of a file is good.
struct Judgement {
    /// Stands at the watermark.
    trusted: Verifier,
    /// Stands at the end of what is kept.
    verifier: Verifier,
}

impl LastFile<'_> {
    /// Finds what can be kept, or that nothing must be touched. Writes nothing.
    fn judge(&self) -> Result<Judgement, StoreError> {
        let mut trusted = Verifier::at_start(ChecksumAlgorithm::None);
        if !self.begins_with_magic()? {
            return Ok(Judgement { verifier: trusted.clone(), trusted });
        }
        if let Some(bad) = self.scan(&mut trusted, self.known.unwrap_or(0))? {
            return Err(self.damaged(bad));
        }
        let mut verifier = trusted.clone();
        let bad = self.scan(&mut verifier, self.len)?;
        match bad {
            Some(bad) if self.known.is_none() && !self.is_torn_tail(&bad)? => {
                return Err(self.damaged(bad));
            }
            _ => {}
        }
        if self.known.is_some() && !has_checksums(&verifier) {
            verifier = trusted.clone();
        }
        let end = verifier.offset();
        if verifier.servable_end() >= trusted.offset() {
            verifier.go_back_to_servable_end();
        } else {
            verifier.serve_parts();
        }
        self.report_cut(&verifier, end, bad.as_ref());
        Ok(Judgement { trusted, verifier })
    }

    /// `end` is where the last event ends that could be kept.
    fn report_cut(&self, verifier: &Verifier, end: u64, bad: Option<&BadEvent>) {
        let cut = self.len - verifier.offset();
        let path = self.file.path.display();
        match bad {
            _ if cut == 0 => {}
            _ if end > verifier.offset() => tracing::info!(
                "{path} ends inside of a transaction, of which no reader was given anything: its last \
                 {cut} bytes are cut; the primary sends them again"
            ),
            Some(BadEvent { is_cut_short: true, .. }) => {
                tracing::info!("{path} ends inside of an event: its last {cut} bytes are cut");
            }
            Some(BadEvent { error, .. }) => tracing::warn!(
                "{path} has a bad end, as a crash may leave it: {error}. It is behind what was \
                 noted as durable, so the last {cut} bytes are cut; the primary sends them again"
            ),
            None => tracing::info!(
                "{path}: the last {cut} bytes carry no checksum and were not acknowledged, so they \
                 are cut; the primary sends them again"
            ),
        }
    }

    fn cut(&self, end: u64) -> Result<(), StoreError> {
        let path = &self.file.path;
        if end == FIRST_EVENT {
            self.handle.write_all_at(&MAGIC, 0).map_err(StoreError::io("write to", path))?;
        }
        self.handle.set_len(end).map_err(StoreError::io("cut", path))
    }

    /// Makes the file durable up to `end`, where it ends; `trusted` stands where that is new.
    /// `false` if what was made durable is not what was judged.
    fn harden(
        &self,
        folder: &dyn Dir,
        mut trusted: Verifier,
        end: u64,
    ) -> Result<bool, StoreError> {
        let path = &self.file.path;
        let from = trusted.offset();
        // The magic came with the first event.
        self.write_again(if from == FIRST_EVENT { 0 } else { from }, end)?;
        let synced = self.handle.sync_data().and_then(|()| folder.sync());
        synced.map_err(StoreError::sync_failed(path))?;
        Ok(from == end
            || self.begins_with_magic()?
                && self.scan(&mut trusted, end)?.is_none()
                && trusted.offset() == end)
    }

    /// Writes bytes where they are, so that the kernel has to bring them to the disk.
    fn write_again(&self, from: u64, end: u64) -> Result<(), StoreError> {
        let path = &self.file.path;
        let mut chunk = vec![0; CHUNK];
        let mut offset = from;
        while offset < end {
            let len = usize::try_from(end - offset).unwrap_or(CHUNK).min(CHUNK);
            let got = read_full(&*self.handle, &mut chunk[..len], offset)
                .map_err(StoreError::io("read", path))?;
            if got == 0 {
                break;
            }
            self.handle
                .write_all_at(&chunk[..got], offset)
                .map_err(StoreError::io("write to", path))?;
            offset += got as u64;
        }
        Ok(())
    }

    /// Whether the file has its first bytes; `false` where they may never have reached the disk.
    fn begins_with_magic(&self) -> Result<bool, StoreError> {
        let mut first = [0; MAGIC.len()];
        self.read(&mut first, 0)?;
        if first == MAGIC {
            return Ok(true);
        }
        let may_be_cut_short =
            first.iter().zip(MAGIC).all(|(&byte, magic)| byte == magic || byte == 0);
        let may_be_new = match self.known {
            Some(known) => known < FIRST_EVENT,
            None => self.len < FIRST_EVENT || self.is_zero_from(0)?,
        };
        if may_be_cut_short && may_be_new {
            return Ok(false);
        }
        let what = "it does not begin with the binlog magic; move it away".to_owned();
        Err(StoreError::Foreign { path: self.file.path.clone(), what })
    }

    /// Whether a bad event, of which nothing is known, can only be a torn end: what is there of
    /// it fits but is cut short, or it is the last one, or it begins with the zeros of a file that
    /// was lengthened but not filled.
    fn is_torn_tail(&self, bad: &BadEvent) -> Result<bool, StoreError> {
        let start = bad.error.offset;
        let mut header = [0; HEADER_LEN];
        let got = self.read(&mut header, start)?;
        let Ok(header) = EventHeader::parse(&header[..got]) else { return Ok(true) };
        let end = start + u64::from(header.size);
        // A damaged size makes any event look as if it were cut short.
        let fits = header.log_pos == LogPos::of(end);
        let is_last = end >= self.len && matches!(bad.error.violation, Violation::Checksum { .. });
        Ok(bad.is_cut_short && fits || is_last || self.is_zero_from(start)?)
    }

    fn is_zero_from(&self, mut offset: u64) -> Result<bool, StoreError> {
        let mut chunk = vec![0; CHUNK];
        loop {
            match self.read(&mut chunk, offset)? {
                0 => return Ok(true),
                got if chunk[..got].iter().any(|&byte| byte != 0) => return Ok(false),
                got => offset += got as u64,
            }
        }
    }

    fn read(&self, buf: &mut [u8], offset: u64) -> Result<usize, StoreError> {
        read_full(&*self.handle, buf, offset).map_err(StoreError::io("read", &self.file.path))
    }

    fn scan(&self, verifier: &mut Verifier, until: u64) -> Result<Option<BadEvent>, StoreError> {
        scan(&*self.handle, self.file, verifier, until)
    }

    fn damaged(&self, bad: BadEvent) -> StoreError {
        StoreError::Damaged { path: self.file.path.clone(), error: bad.error }
    }
}
