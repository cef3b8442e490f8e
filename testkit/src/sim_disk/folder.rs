//! Folders: the names that processes see, and those that are on the platter.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use crate::rng::Rng;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// The folder of that path.
    Folder,
    /// A file, by its number.
    File(usize),
}

type Names = BTreeMap<String, Entry>;

/// All folders, by path.
#[derive(Debug, Default)]
pub(super) struct Folders {
    folders: BTreeMap<PathBuf, Folder>,
}

#[derive(Debug, Default)]
struct Folder {
    names: Names,
    disk: Names,
    /// What was done to `disk` to become `names`, oldest first.
    changes: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Add(String, Entry),
    Remove(String),
    /// One step: who looks after a crash finds the old name or the new one.
    Rename(String, String),
}

impl Folders {
    pub(super) fn new() -> Self {
        Self { folders: BTreeMap::from([(PathBuf::new(), Folder::default())]) }
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Entry> {
        let path = normal(path);
        if self.is_there(&path) {
            return Ok(Entry::Folder);
        }
        let (folder, name) = split(&path)?;
        let entry = self.folder(&folder)?.names.get(&name).copied();
        entry.ok_or_else(|| Errno::NOENT.into())
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Ok(self.folder(&normal(dir))?.names.keys().cloned().collect())
    }

    /// The files that have a name.
    pub(super) fn files(&self) -> impl Iterator<Item = usize> {
        self.folders.values().flat_map(|folder| folder.names.values()).filter_map(|entry| {
            match entry {
                Entry::File(file) => Some(*file),
                Entry::Folder => None,
            }
        })
    }

    pub(super) fn add(&mut self, path: &Path, entry: Entry) -> io::Result<()> {
        if self.find(path).is_ok() {
            return Err(Errno::EXIST.into());
        }
        let path = normal(path);
        let (folder, name) = split(&path)?;
        self.folder_mut(&folder)?.change(Change::Add(name, entry));
        if entry == Entry::Folder {
            self.folders.insert(path, Folder::default());
        }
        Ok(())
    }

    pub(super) fn add_all(&mut self, dir: &Path) -> io::Result<()> {
        let dir = normal(dir);
        let mut path = PathBuf::new();
        for part in dir.components() {
            path.push(part);
            match self.find(&path) {
                Ok(Entry::Folder) => {}
                Ok(Entry::File(_)) if path == dir => return Err(Errno::EXIST.into()),
                Ok(Entry::File(_)) => return Err(Errno::NOTDIR.into()),
                Err(_) => self.add(&path, Entry::Folder)?,
            }
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let ((folder, from_name), (to_folder, to_name)) =
            (split(&normal(from))?, split(&normal(to))?);
        if folder != to_folder {
            return Err(Errno::XDEV.into());
        }
        self.find(from)?;
        self.folder_mut(&folder)?.change(Change::Rename(from_name, to_name));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        match self.find(path)? {
            Entry::Folder => Err(Errno::ISDIR.into()),
            Entry::File(_) => {
                let (folder, name) = split(&normal(path))?;
                self.folder_mut(&folder)?.change(Change::Remove(name));
                Ok(())
            }
        }
    }

    pub(super) fn remove_folder(&mut self, path: &Path) -> io::Result<()> {
        if !self.folder(&normal(path))?.names.is_empty() {
            return Err(Errno::NOTEMPTY.into());
        }
        let (parent, name) = split(&normal(path))?;
        // It stays in the map: after a crash its name may be back, with what was in it before.
        self.folder_mut(&parent)?.change(Change::Remove(name));
        Ok(())
    }

    pub(super) fn sync(&mut self, dir: &Path) -> io::Result<()> {
        let folder = self.folder_mut(&normal(dir))?;
        folder.reach_disk(folder.changes.len());
        Ok(())
    }

    /// Brings some of what is not durable to the disk.
    pub(super) fn write_back_some(&mut self, rng: &mut Rng) {
        for folder in self.folders.values_mut() {
            folder.reach_disk(rng.between(0, folder.changes.len()));
        }
    }

    /// What is left after a power failure.
    pub(super) fn crash(&mut self, rng: &mut Rng) {
        for folder in self.folders.values_mut() {
            let all = folder.changes.len();
            let some = rng.between(0, all);
            let kept = rng.pick(&[0, some, all]);
            folder.reach_disk(kept);
            folder.changes.clear();
            folder.names = folder.disk.clone();
        }
        // A folder whose name is gone takes what was in it along.
        let mut paths: Vec<PathBuf> = self.folders.keys().cloned().collect();
        paths.sort_by_key(|path| path.components().count());
        for path in paths {
            if path != Path::new("") && self.parent_lists(&path).is_none() {
                self.folders.remove(&path);
            }
        }
    }

    fn parent_lists(&self, path: &Path) -> Option<()> {
        let (parent, name) = split(path).ok()?;
        let entry = self.folders.get(&parent)?.names.get(&name)?;
        (*entry == Entry::Folder).then_some(())
    }

    /// Whether there is a folder of that path, and not only one that was removed.
    fn is_there(&self, path: &Path) -> bool {
        self.folders.contains_key(path)
            && (path == Path::new("") || self.parent_lists(path).is_some())
    }

    fn folder(&self, path: &Path) -> io::Result<&Folder> {
        let folder = self.folders.get(path).filter(|_| self.is_there(path));
        folder.ok_or_else(|| self.why_no_folder(path))
    }

    fn folder_mut(&mut self, path: &Path) -> io::Result<&mut Folder> {
        let error = self.why_no_folder(path);
        let is_there = self.is_there(path);
        self.folders.get_mut(path).filter(|_| is_there).ok_or(error)
    }

    fn why_no_folder(&self, path: &Path) -> io::Error {
        let is_file = split(path).ok().is_some_and(|(parent, name)| {
            self.folders.get(&parent).is_some_and(|folder| folder.names.contains_key(&name))
        });
        if is_file { Errno::NOTDIR.into() } else { Errno::NOENT.into() }
    }
}

impl Folder {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    fn reach_disk(&mut self, count: usize) {
        for change in self.changes.drain(..count) {
            change.apply(&mut self.disk);
        }
    }
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Add(name, entry) => {
                names.insert(name.clone(), *entry);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
            Self::Rename(from, to) => {
                if let Some(entry) = names.remove(from) {
                    names.insert(to.clone(), entry);
                }
            }
        }
    }
}

/// A path without its root and dots: there is one tree, and processes stand at its top.
fn normal(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

fn split(path: &Path) -> io::Result<(PathBuf, String)> {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => Ok((folder.to_owned(), name.to_string_lossy().into_owned())),
        _ => Err(Errno::NOENT.into()),
    }
}
