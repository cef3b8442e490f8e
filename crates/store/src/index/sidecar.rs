//! An index as a text file beside its binlog file.
//!
//! A line for each checkpoint: where the transaction begins, where the last event before it ends that
//! belongs to the file, the latest time before, and all GTIDs before, or `?`. What such a file claims
//! is believed if it is of this length and head, and a transaction begins where it says.

use std::path::{Path, PathBuf};

use binlogd_event::{
    EventHeader, FIRST_EVENT, FormatDescription, GtidSet, HEADER_LEN, LogPos, gtid_of,
};

use super::checkpoints::{Checkpoints, Lines, line};
use super::{Checkpoint, LEN_MAX};
use crate::atomic_write::with_suffix;
use crate::catalog::{FORMAT_SIZE_MAX, FileHead, read_full};
use crate::{Access, File, Fs, LogFile, LogName, OsFs, StoreError, atomic_write};

/// What stands behind the name of a file in that of its index.
pub(crate) const SUFFIX: &str = ".idx";

const TITLE: &str = "binlogd index 2";

/// Enough of an event to read its GTID, in bytes.
const GTID_EVENT_LEN: usize = 256;

/// The index beside a closed binlog file that nobody has open.
#[derive(Debug)]
pub struct Sidecar {
    handle: Box<dyn File>,
    lines: Lines,
}

impl Sidecar {
    /// The index of a file, if there is one and it is of this file as it is now.
    #[must_use]
    pub fn of(file: &Path) -> Option<Self> {
        let name = LogName::new(file.file_name()?.to_str()?)?;
        let handle = OsFs.open(file).ok()?;
        let mut event = vec![0; FORMAT_SIZE_MAX as usize];
        let got = read_full(&*handle, &mut event, FIRST_EVENT).ok()?;
        let size = EventHeader::parse(&event[..got]).ok()?.size as usize;
        let format_event = event[..got].get(..size).filter(|event| event.len() >= HEADER_LEN)?;
        FormatDescription::parse(format_event).ok()?;
        let identity = identity(&name, format_event, handle.len().ok()?);
        let lines = read(&OsFs, file, &identity)?;
        Some(Self { handle, lines })
    }

    /// The last checkpoint of which `is_before` holds, as it must of all that come before that one;
    /// `None` if there is none, or no transaction begins there.
    #[must_use]
    pub fn last(&self, is_before: impl Fn(&Checkpoint) -> bool) -> Option<Checkpoint> {
        let found = Checkpoints::Lines(&self.lines).last(0, is_before)?;
        is_there(&*self.handle, &found).then_some(found)
    }
}

/// Whether a transaction begins there that is not among those before.
pub(super) fn is_there(handle: &dyn File, checkpoint: &Checkpoint) -> bool {
    let mut bytes = [0; GTID_EVENT_LEN];
    let Ok(len) = read_full(handle, &mut bytes, checkpoint.offset) else { return false };
    let Ok(header) = EventHeader::parse(&bytes[..len]) else { return false };
    let end = LogPos::of(checkpoint.offset + u64::from(header.size));
    if header.log_pos != end || (header.size as usize) < HEADER_LEN {
        return false;
    }
    let Some(gtids) = &checkpoint.gtids else { return true };
    if !header.kind.is_gtid() {
        return true;
    }
    let Some(event) = bytes[..len].get(..header.size as usize) else { return false };
    match (gtid_of(&header, event), gtids.parse::<GtidSet>()) {
        (Ok(gtid), Ok(gtids)) => gtid.is_none_or(|gtid| !gtids.contains(&gtid)),
        _ => false,
    }
}

pub(crate) fn path_of(file: &Path) -> PathBuf {
    with_suffix(file, SUFFIX)
}

/// What file an index is of: its name, its length and what it begins with.
pub(crate) fn identity(name: &LogName, format_event: &[u8], len: u64) -> String {
    format!("{name} {len} {:08x}", crc32fast::hash(format_event))
}

pub(super) fn write(
    fs: &dyn Fs,
    file: &LogFile,
    head: &FileHead,
    len: u64,
    checkpoints: &[Checkpoint],
) -> Result<(), StoreError> {
    let mut text = format!("{TITLE}\n{}\n", identity(&file.name, &head.format_event, len));
    text.extend(checkpoints.iter().map(line));
    text.push_str(&format!("end {:08x}\n", crc32fast::hash(text.as_bytes())));
    atomic_write(fs, &path_of(&file.path), text.as_bytes(), Access::Group)
}

/// The index beside a closed file, if it is whole and of the file of this [`identity`].
pub(crate) fn read(fs: &dyn Fs, file: &Path, identity: &str) -> Option<Lines> {
    let path = path_of(file);
    let bytes = fs.len(&path).ok()??;
    let size = usize::try_from(bytes).ok().filter(|size| *size <= 2 * LEN_MAX)?;
    let mut text = vec![0; size];
    let got = read_full(&*fs.open(&path).ok()?, &mut text, 0).ok()?;
    text.truncate(got);
    let mut text = String::from_utf8(text).ok()?;
    let (content, crc) = text.strip_suffix('\n')?.rsplit_once("end ")?;
    if u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(content.as_bytes()) {
        return None;
    }
    let mut lines = content.split_inclusive('\n');
    let (title, name) = (lines.next()?, lines.next()?);
    if title.trim_end() != TITLE || name.trim_end() != identity {
        return None;
    }
    let (begin, end) = (title.len() + name.len(), content.len());
    text.truncate(end);
    Some(Lines::of(text, begin))
}
