//! A folder of binlog files: their names, their list and the watermark.
//!
//! A writer may be at work. It makes a file durable before the watermark speaks of it, a file
//! before it stands in the list, and the next file when the last one has its end; and old files go
//! from the list before they go from the folder, oldest first. So here the watermark is read first,
//! then the list, the folder, and the list again, and what contradicts is looked at once more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use binlogd_event::GtidSet;

use super::finding::Fault;
use super::plan::{Plan, PlannedFile, Sequence};
use crate::catalog::read_full;
use crate::journal;
use crate::watermark::{self, Mark, read_mark};
use crate::{Fs, LogName, StoreError, Timeline, unlogged};

/// The longest list of files that is read, in bytes.
const LIST_LEN_MAX: u64 = 64 << 20;

/// Whether a name in a folder shows that binlogs lie there.
pub(super) fn is_of_a_folder(name: &str) -> bool {
    matches!(name, watermark::FILE | journal::FILE) || LogName::new(name).is_some()
}

/// Adds all files of a folder. Of a timeline that is not the newest all files may have been purged.
pub(super) fn add_folder(
    plan: &mut Plan,
    stream: Option<&Path>,
    timeline: Option<&Timeline>,
    is_newest: bool,
    dir: &Path,
) -> Result<(), StoreError> {
    let fs = plan.fs.clone();
    let mark = read_mark(&*fs, dir)?;
    let lists_before = read_lists(plan, dir)?;
    let folder = Folder::read(&*fs, dir)?;
    let is_store = timeline.is_some() || folder.has_mark;
    if is_store {
        check_names(plan, dir, &folder.names);
        check_mark(plan, dir, mark, &folder, is_newest)?;
        check_list(plan, dir, &folder, &lists_before, is_newest)?;
    }
    let unlogged = read_unlogged(plan, dir)?;
    for base in folder.bases() {
        let files: Vec<_> = folder.files(dir, base).collect();
        plan.sequences.push(Sequence {
            dir: dir.to_owned(),
            timeline: timeline.cloned(),
            stream: stream.map(Path::to_owned),
            is_store,
            unlogged: unlogged.clone(),
            is_whole: true,
            files,
        });
    }
    Ok(())
}

/// Adds some files of a folder.
pub(super) fn add_named_files(
    plan: &mut Plan,
    dir: &Path,
    paths: &[PathBuf],
) -> Result<(), StoreError> {
    let fs = plan.fs.clone();
    let folder = Folder::read(&*fs, dir)?;
    let mut by_base: BTreeMap<Option<String>, Vec<PlannedFile>> = BTreeMap::new();
    for path in paths {
        let name = path.file_name().and_then(|name| LogName::new(name.to_str()?));
        let len = fs.len(path).map_err(StoreError::io("look at", path))?.unwrap_or(0);
        let is_last = name.as_ref().is_none_or(|name| folder.last(name.base()) == Some(name));
        let base = name.as_ref().map(|name| name.base().to_owned());
        let file = PlannedFile { path: path.clone(), name, len, is_last };
        by_base.entry(base).or_default().push(file);
    }
    let unlogged = read_unlogged(plan, dir)?;
    for mut files in by_base.into_values() {
        files.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
        files.dedup_by(|a, b| a.path == b.path);
        plan.sequences.push(Sequence {
            dir: dir.to_owned(),
            timeline: None,
            stream: None,
            is_store: folder.has_mark,
            unlogged: unlogged.clone(),
            is_whole: false,
            files,
        });
    }
    Ok(())
}

/// How many bytes of a file are known to be durable by now; `None` where nothing says so.
pub(super) fn durable_len(
    fs: &dyn Fs,
    dir: &Path,
    name: Option<&LogName>,
) -> Result<Option<u64>, StoreError> {
    let Some(name) = name else { return Ok(None) };
    let mark = read_mark(fs, dir)?.filter(|mark| mark.file.base() == name.base());
    Ok(mark.map(|mark| match mark.file.cmp(name) {
        std::cmp::Ordering::Equal => mark.offset,
        std::cmp::Ordering::Greater => u64::MAX,
        std::cmp::Ordering::Less => 0,
    }))
}

/// The binlog files of a folder, by base and number.
struct Folder {
    names: Vec<LogName>,
    lens: Vec<u64>,
    has_mark: bool,
}

impl Folder {
    fn read(fs: &dyn Fs, dir: &Path) -> Result<Self, StoreError> {
        let listed = fs.list(dir).map_err(StoreError::io("list", dir))?;
        let mut names: Vec<_> = listed.iter().filter_map(|name| LogName::new(name)).collect();
        names.sort();
        let mut lens = Vec::with_capacity(names.len());
        for name in &names {
            let path = dir.join(name.as_str());
            lens.push(fs.len(&path).map_err(StoreError::io("look at", &path))?.unwrap_or(0));
        }
        Ok(Self { names, lens, has_mark: listed.iter().any(|name| name == watermark::FILE) })
    }

    fn bases(&self) -> Vec<&str> {
        let mut bases: Vec<_> = self.names.iter().map(LogName::base).collect();
        bases.dedup();
        bases
    }

    fn files<'a>(&'a self, dir: &'a Path, base: &'a str) -> impl Iterator<Item = PlannedFile> {
        let of_base = self.names.iter().zip(&self.lens).filter(move |(n, _)| n.base() == base);
        of_base.map(move |(name, &len)| PlannedFile {
            path: dir.join(name.as_str()),
            name: Some(name.clone()),
            len,
            is_last: self.last(base) == Some(name),
        })
    }

    fn last(&self, base: &str) -> Option<&LogName> {
        self.names.iter().rev().find(|name| name.base() == base)
    }
}

/// The GTIDs that the source of a folder's files has in no file.
fn read_unlogged(plan: &mut Plan, dir: &Path) -> Result<GtidSet, StoreError> {
    match unlogged::read(&*plan.fs, dir) {
        Err(StoreError::Foreign { path, what }) => {
            plan.found(path, Fault::Foreign { what });
            Ok(GtidSet::new())
        }
        read => Ok(read?.unwrap_or_default()),
    }
}

fn check_names(plan: &mut Plan, dir: &Path, names: &[LogName]) {
    for pair in names.windows(2) {
        let why = match (&pair[0], &pair[1]) {
            (a, b) if a.base() != b.base() => "they are not named alike",
            (a, b) if a.number() == b.number() => "they have the same number",
            _ => continue,
        };
        let (first, second) = (pair[0].clone(), pair[1].clone());
        plan.found(dir, Fault::NamesClash { first, second, why });
    }
}

/// Checks that nothing is gone that was durable when `mark` was read.
fn check_mark(
    plan: &mut Plan,
    dir: &Path,
    mark: Option<Mark>,
    folder: &Folder,
    is_newest: bool,
) -> Result<(), StoreError> {
    let bases = folder.bases();
    let Some(mark) = mark else {
        if !bases.is_empty() {
            plan.found(dir.join(watermark::FILE), Fault::NoWatermark);
        }
        return Ok(());
    };
    if !bases.is_empty() && !bases.contains(&mark.file.base()) {
        plan.found(dir.join(watermark::FILE), Fault::NoWatermark);
        return Ok(());
    }
    let path = dir.join(mark.file.as_str());
    let is_lost = |mark: &Mark| -> Result<Option<Fault>, StoreError> {
        let len = plan.fs.len(&path).map_err(StoreError::io("look at", &path))?;
        // The first file is made behind its mark, which speaks of no bytes.
        let lost = mark.offset > len.unwrap_or(binlogd_event::FIRST_EVENT);
        Ok(lost.then_some(Fault::Lost { len, durable: mark.offset }))
    };
    if is_lost(&mark)?.is_none() {
        return Ok(());
    }
    // A file whose server was given up is cut back to its last transaction, its mark before it.
    let again = read_mark(&*plan.fs, dir)?.filter(|again| again.file == mark.file);
    if let Some(fault) = is_lost(&again.unwrap_or(mark))?
        && (is_newest || !Folder::read(&*plan.fs, dir)?.names.is_empty())
    {
        plan.found(path, fault);
    }
    Ok(())
}

/// The lines of the lists of a folder, by the lists' names.
type Lists = BTreeMap<String, Vec<String>>;

fn read_lists(plan: &mut Plan, dir: &Path) -> Result<Lists, StoreError> {
    let names = plan.fs.list(dir).map_err(StoreError::io("list", dir))?;
    let mut lists = Lists::new();
    for name in names.into_iter().filter(|name| name.ends_with(".index")) {
        if let Some(lines) = read_list(&*plan.fs, &dir.join(&name))? {
            lists.insert(name, lines);
        }
    }
    Ok(lists)
}

/// The names in a list of files; `None` if it is not there.
fn read_list(fs: &dyn Fs, path: &Path) -> Result<Option<Vec<String>>, StoreError> {
    let Some(len) = fs.len(path).map_err(StoreError::io("look for", path))? else {
        return Ok(None);
    };
    let mut bytes = vec![0; usize::try_from(len.min(LIST_LEN_MAX)).unwrap_or(0)];
    let file = fs.open(path).map_err(StoreError::io("open", path))?;
    let len = read_full(&*file, &mut bytes, 0).map_err(StoreError::io("read", path))?;
    let text = String::from_utf8_lossy(&bytes[..len]);
    let name = |line: &str| line.rsplit('/').next().unwrap_or(line).to_owned();
    Ok(Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(name).collect()))
}

/// Checks the list of files, as it was before and is now, against the folder.
fn check_list(
    plan: &mut Plan,
    dir: &Path,
    folder: &Folder,
    before: &Lists,
    is_newest: bool,
) -> Result<(), StoreError> {
    let (Some(first), Some(newest)) = (folder.names.first(), folder.names.last()) else {
        return Ok(());
    };
    let list = format!("{}.index", newest.base());
    let path = dir.join(&list);
    let Some(after) = read_list(&*plan.fs, &path)? else {
        plan.found(&path, Fault::NoList);
        return Ok(());
    };
    let there: BTreeSet<_> = folder.names.iter().map(LogName::as_str).collect();
    let listed: BTreeSet<_> = after.iter().map(String::as_str).collect();
    for name in before.get(&list).into_iter().flatten() {
        // The list of a timeline that is purged as a whole stays until the folder goes.
        let may_be_purged = !is_newest && LogName::new(name).is_some_and(|name| name < *first);
        if listed.contains(name.as_str()) && !there.contains(name.as_str()) && !may_be_purged {
            plan.found(&path, Fault::ListedOnly { name: name.clone() });
        }
    }
    let parsed: Vec<_> = after.iter().map(|name| LogName::new(name)).collect();
    if let Some(index) = parsed.windows(2).position(|pair| pair[0] >= pair[1]) {
        plan.found(&path, Fault::ListDisordered { name: after[index + 1].clone() });
    }
    let oldest = parsed.iter().flatten().min();
    for name in folder.names.iter().filter(|name| !listed.contains(name.as_str())) {
        let is_at_end = name == newest || oldest.is_some_and(|oldest| name < oldest);
        let name = name.clone();
        plan.found(
            &path,
            if is_at_end { Fault::NotListedAtEnds { name } } else { Fault::NotListed { name } },
        );
    }
    Ok(())
}
