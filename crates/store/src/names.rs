//! Which file a name means. Several timelines may have a file of one name, since each has the names
//! that its server gave.
//!
//! A file's qualified name, `0002@mysql-bin.000003`, has its timeline's number in front. It is a
//! plain file name that ends as any binlog file name does, since tools make local files of it and
//! replicas compare its number. A bare name is taken only where it cannot be wrong.

use std::fmt;
use std::sync::Arc;

use binlogd_event::{EventHeader, FIRST_EVENT, HEADER_LEN};

use crate::catalog::read_full;
use crate::timeline::EarlierLog;
use crate::{Catalog, LogFile, LogName, SourceId, StoreError};

/// Stands between a timeline's number and a file's name.
const SEPARATOR: char = '@';

/// How many files are named where a name is ambiguous: an error has 512 bytes at a client.
const NAMED_MAX: usize = 3;

/// Why a name does not lead to a file.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// No file has it, or not any more.
    #[error("no binlog file is called '{0}'")]
    NoSuchFile(String),
    /// Files of several timelines may be meant.
    #[error(transparent)]
    Ambiguous(Ambiguous),
    /// The files cannot be read that have it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A name that files of several timelines may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Ambiguous {
    /// The name.
    pub name: String,
    /// The files, oldest first.
    pub files: Vec<Meant>,
}

/// A file that an ambiguous name may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    /// Its qualified name.
    pub name: String,
    /// The server that wrote it.
    pub source: SourceId,
    /// How many bytes can be read of it; `None` if it is not stored (any more, or yet).
    pub len: Option<u64>,
}

/// A file that a name may mean.
struct Candidate {
    timeline: u32,
    name: LogName,
    source: SourceId,
    file: Option<Arc<LogFile>>,
    /// Whether its server had a file after it, so that it is stored to its end if it is stored.
    is_complete: bool,
}

/// Whether a position is one of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// An event begins or ends there.
    Yes,
    /// None does, for certain.
    No,
    /// The file has bytes that are not stored.
    Unknown,
}

/// What the timelines of a stream have, or may have had.
struct Logs {
    files: Vec<Arc<LogFile>>,
    /// Of each timeline and base the last file. Numbers count up from 1, so all before were there.
    logs: Vec<EarlierLog>,
}

impl LogFile {
    /// The file's name with the number of its timeline: no other file of the stream has it.
    #[must_use]
    pub fn qualified_name(&self) -> String {
        qualified(self.timeline.number, self.name.as_str())
    }
}

impl Catalog {
    /// The file that a reader means by `name`, bare or qualified; with `offset`, if it is known, the
    /// one of which that is a position. A bare name that several timelines may have is taken in two
    /// cases: the position is one of a single file, and cannot be of another, also not of one that
    /// was purged or that its server went on writing unseen; or all that fit are of one server and
    /// equal up to there, as after two failovers, and then it is the newest.
    ///
    /// Blocks, where the name is not clear by itself, for as long as it takes to read the files.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn resolve(&self, name: &str, offset: Option<u64>) -> Result<Arc<LogFile>, NameError> {
        let mut candidates = Logs::of(self).named(name);
        let no_such_file = || NameError::NoSuchFile(name.to_owned());
        match (candidates.len(), offset) {
            (0, _) => Err(no_such_file()),
            (1, _) => candidates.pop().and_then(|only| only.file).ok_or_else(no_such_file),
            (_, None) => Err(self.ambiguous(name, &candidates)),
            (_, Some(offset)) => {
                let found = self.only_that_fits(&candidates, offset)?;
                found.ok_or_else(|| self.ambiguous(name, &candidates))
            }
        }
    }

    /// The file called `name`, bare or qualified, unless several are.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<LogFile>> {
        self.resolve(name, None).ok()
    }

    /// The name to show for a file: its bare one, unless several timelines may have that.
    #[must_use]
    pub fn shown_name(&self, file: &LogFile) -> String {
        Logs::of(self).shown_name(file)
    }

    /// The files that have durable bytes, oldest first, with the names to show.
    #[must_use]
    pub fn shown_files(&self) -> Vec<(String, Arc<LogFile>)> {
        let logs = Logs::of(self);
        let names: Vec<_> = logs.files.iter().map(|file| logs.shown_name(file)).collect();
        names.into_iter().zip(logs.files).collect()
    }

    fn only_that_fits(
        &self,
        candidates: &[Candidate],
        offset: u64,
    ) -> Result<Option<Arc<LogFile>>, StoreError> {
        let mut fitting: Vec<&Arc<LogFile>> = Vec::new();
        for candidate in candidates {
            match (self.fit(candidate, offset)?, &candidate.file) {
                (Fit::Yes, Some(file)) => fitting.push(file),
                (Fit::No, _) => {}
                _ => return Ok(None),
            }
        }
        let Some((newest, others)) = fitting.split_last() else { return Ok(None) };
        for other in others {
            if other.timeline.source != newest.timeline.source
                || !self.are_equal(other, newest, offset)?
            {
                return Ok(None);
            }
        }
        Ok(Some((*newest).clone()))
    }

    fn fit(&self, candidate: &Candidate, offset: u64) -> Result<Fit, StoreError> {
        let Some(file) = &candidate.file else { return Ok(Fit::Unknown) };
        if offset > self.readable_len(file) {
            return Ok(if candidate.is_complete { Fit::No } else { Fit::Unknown });
        }
        match self.is_boundary(file, offset) {
            Ok(true) => Ok(Fit::Yes),
            Ok(false) => Ok(Fit::No),
            Err(StoreError::Purged { .. }) => Ok(Fit::Unknown),
            Err(error) => Err(error),
        }
    }

    /// Whether an event begins or ends at `offset` of a file.
    fn is_boundary(&self, file: &LogFile, offset: u64) -> Result<bool, StoreError> {
        let near = self.seek(file, |place| place.offset <= offset)?;
        let mut at = near.map_or(FIRST_EVENT, |place| place.offset);
        let handle = self.open_file(file)?;
        let mut header = [0; HEADER_LEN];
        while at < offset {
            let len =
                read_full(&*handle, &mut header, at).map_err(StoreError::io("read", &file.path))?;
            let Ok(header) = EventHeader::parse(&header[..len]) else { return Ok(false) };
            at = at.saturating_add(u64::from(header.size).max(1));
        }
        Ok(at == offset)
    }

    /// Whether two files of one server are the same up to `offset`. At the head of a file that says
    /// little, as a server may begin anew with the same head; so there all that both have counts.
    fn are_equal(&self, a: &LogFile, b: &LogFile, offset: u64) -> Result<bool, StoreError> {
        let both = self.readable_len(a).min(self.readable_len(b));
        let until = if offset > self.head(a)?.events_start { offset } else { both };
        let (a_handle, b_handle) = (self.open_file(a)?, self.open_file(b)?);
        let (mut a_bytes, mut b_bytes) = (vec![0; COMPARED_LEN], vec![0; COMPARED_LEN]);
        let mut at = 0;
        while at < until {
            let len = usize::try_from(until - at).unwrap_or(usize::MAX).min(COMPARED_LEN);
            let read = |handle: &dyn crate::File, file: &LogFile, bytes: &mut [u8]| {
                read_full(handle, bytes, at).map_err(StoreError::io("read", &file.path))
            };
            let a_len = read(&*a_handle, a, &mut a_bytes[..len])?;
            let b_len = read(&*b_handle, b, &mut b_bytes[..len])?;
            if (a_len, b_len) != (len, len) || a_bytes[..len] != b_bytes[..len] {
                return Ok(false);
            }
            at += len as u64;
        }
        Ok(true)
    }

    fn ambiguous(&self, name: &str, candidates: &[Candidate]) -> NameError {
        let files = candidates.iter().map(|candidate| Meant {
            name: qualified(candidate.timeline, candidate.name.as_str()),
            source: candidate.source.clone(),
            len: candidate.file.as_ref().map(|file| self.readable_len(file)),
        });
        NameError::Ambiguous(Ambiguous { name: name.to_owned(), files: files.collect() })
    }
}

/// Files are compared in pieces of so many bytes.
const COMPARED_LEN: usize = 1 << 20;

impl Logs {
    fn of(catalog: &Catalog) -> Self {
        let files = catalog.files();
        // Also those that have no durable bytes yet: their servers have begun them.
        let begun = catalog.all_files();
        let mut logs = begun.last().map_or(Vec::new(), |newest| newest.timeline.earlier.clone());
        for file in begun {
            let is_its = |log: &&mut EarlierLog| {
                log.timeline == file.timeline.number && log.last.base() == file.name.base()
            };
            match logs.iter_mut().rev().find(is_its) {
                Some(log) if log.last >= file.name => {}
                Some(log) => log.last = file.name.clone(),
                None => logs.push(EarlierLog {
                    timeline: file.timeline.number,
                    source: file.timeline.source.clone(),
                    last: file.name.clone(),
                }),
            }
        }
        Self { files, logs }
    }

    /// All files that may be meant by a name, oldest first.
    fn named(&self, name: &str) -> Vec<Candidate> {
        let mut named = Vec::new();
        if let Some(bare) = LogName::new(name) {
            let logs = self.logs.iter().filter(|log| log.may_have(&bare));
            named.extend(logs.map(|log| self.candidate(log, &bare)));
        }
        if let Some((timeline, bare)) = parse(name) {
            let logs = self.logs.iter().filter(|log| log.timeline == timeline);
            named.extend(
                logs.filter(|log| log.may_have(&bare)).map(|log| self.candidate(log, &bare)),
            );
        }
        named.sort_by_key(|candidate| candidate.timeline);
        named
    }

    fn candidate(&self, log: &EarlierLog, name: &LogName) -> Candidate {
        let is_it = |file: &&Arc<LogFile>| {
            file.timeline.number == log.timeline && file.name.as_str() == name.as_str()
        };
        Candidate {
            timeline: log.timeline,
            name: name.clone(),
            source: log.source.clone(),
            file: self.files.iter().rev().find(is_it).cloned(),
            is_complete: *name < log.last,
        }
    }

    fn shown_name(&self, file: &LogFile) -> String {
        let mut may_have = self.logs.iter().filter(|log| log.may_have(&file.name));
        let is_only = may_have.all(|log| log.timeline == file.timeline.number);
        if is_only { file.name.to_string() } else { file.qualified_name() }
    }
}

impl EarlierLog {
    /// Whether the server had a file of this name.
    fn may_have(&self, name: &LogName) -> bool {
        self.last.base() == name.base() && name.number() <= self.last.number()
    }
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, files } = self;
        write!(f, "the file name '{name}' occurs in {} timelines: ", files.len())?;
        let left_out = files.len().saturating_sub(NAMED_MAX);
        for (at, Meant { name, source, len }) in files.iter().skip(left_out).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}'{name}' of server {source} (")?;
            match len {
                Some(len) => write!(f, "{len} bytes)")?,
                None => f.write_str("not stored)")?,
            }
        }
        f.write_str(". Use one of these names")
    }
}

fn qualified(timeline: u32, name: &str) -> String {
    format!("{timeline:04}{SEPARATOR}{name}")
}

/// The parts of a qualified name.
fn parse(name: &str) -> Option<(u32, LogName)> {
    let (timeline, bare) = name.split_once(SEPARATOR)?;
    let timeline = timeline.parse().ok()?;
    let bare = LogName::new(bare)?;
    (qualified(timeline, bare.as_str()) == name).then_some((timeline, bare))
}
