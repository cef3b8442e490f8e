//! The files of `LOAD DATA`: their bytes come in events before the statement, and are written to a folder.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use binlogd_decode::changes::{At, LoadedFile};
use binlogd_event::body::{Body, LoadBlock};

use crate::misuse::misuse;

/// So many files may be incomplete at the same time. Servers write the events of one after the other.
const INCOMPLETE_MAX: usize = 1000;
/// So many files may have the same name but for a number at its end, such as those of earlier runs.
const SAME_NAME_MAX: u32 = 10_000;

/// Writes files of `LOAD DATA`.
pub(crate) struct Loads {
    /// The folder, as an absolute path.
    dir: PathBuf,
    /// Files whose statement has not come yet, by their numbers.
    incomplete: HashMap<u32, Incomplete>,
    /// The file of the statement that came last, until the statement is printed.
    current: Option<u32>,
}

struct Incomplete {
    path: String,
    file: File,
}

impl Loads {
    pub(crate) fn new(dir: &Path) -> Result<Self> {
        let absolute = dir.canonicalize().map_err(|error| {
            misuse(anyhow!("--local-load: {}: {error}; name a folder that exists", dir.display()))
        })?;
        if !absolute.is_dir() {
            return Err(misuse(anyhow!("--local-load: {} is not a folder", dir.display())));
        }
        if !absolute.to_str().is_some_and(LoadedFile::can_be_named) {
            return Err(misuse(anyhow!(
                "--local-load: {} cannot stand in a statement: name a folder whose path is ASCII, without quotes and \
                 backslashes",
                absolute.display()
            )));
        }
        Ok(Self { dir: absolute, incomplete: HashMap::new(), current: None })
    }

    /// Takes the bytes that an event has of a file; `is_wanted` says whether its statement may be printed.
    pub(crate) fn see(&mut self, at: &At<'_>, body: &Body<'_>, is_wanted: bool) -> Result<()> {
        if let Some(id) = self.current.take() {
            self.discard(id)?;
        }
        match body {
            Body::BeginLoadQuery(block) => {
                self.discard(block.file_id)?;
                if is_wanted {
                    self.begin(at, block)?;
                }
            }
            Body::AppendBlock(block) => {
                if let Some(incomplete) = self.incomplete.get_mut(&block.file_id) {
                    incomplete.append(block)?;
                }
            }
            Body::DeleteFile { file_id } => self.discard(*file_id)?,
            _ => {}
        }
        Ok(())
    }

    /// Where the file of a statement is. Unless it is [kept](Self::keep), the file is removed before the next
    /// event.
    pub(crate) fn path(&mut self, id: u32) -> Option<String> {
        self.current = Some(id);
        self.incomplete.get(&id).map(|incomplete| incomplete.path.clone())
    }

    /// The statement whose [path](Self::path) was asked for last is printed.
    pub(crate) fn keep(&mut self) {
        if let Some(id) = self.current.take() {
            self.incomplete.remove(&id);
        }
    }

    fn begin(&mut self, at: &At<'_>, block: &LoadBlock<'_>) -> Result<()> {
        if self.incomplete.len() >= INCOMPLETE_MAX {
            bail!(
                "more than {INCOMPLETE_MAX} files of LOAD DATA are incomplete: the binlog is damaged"
            );
        }
        let (path, file) = self.create(at)?;
        let mut incomplete = Incomplete { path, file };
        incomplete.append(block)?;
        self.incomplete.insert(block.file_id, incomplete);
        Ok(())
    }

    /// A new file, whose name tells which event it begins with.
    fn create(&self, at: &At<'_>) -> Result<(String, File)> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let name: String =
            at.file_name().chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        for number in 1..=SAME_NAME_MAX {
            let mut name = format!("load-{name}-{}", at.offset);
            if number > 1 {
                name.push_str(&format!("-{number}"));
            }
            let path = self.dir.join(name);
            let text = path.to_str().context("the folder's path is no text")?.to_owned();
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => return Ok((text, file)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("create {text}")),
            }
        }
        bail!("{} has too many files of earlier runs: empty it", self.dir.display())
    }

    fn discard(&mut self, id: u32) -> Result<()> {
        let Some(Incomplete { path, .. }) = self.incomplete.remove(&id) else { return Ok(()) };
        fs::remove_file(&path).with_context(|| format!("remove {path}"))
    }
}

impl Incomplete {
    fn append(&mut self, block: &LoadBlock<'_>) -> Result<()> {
        self.file.write_all(block.data).with_context(|| format!("write {}", self.path))
    }
}

/// Files without a printed statement are of no use.
impl Drop for Loads {
    fn drop(&mut self) {
        for Incomplete { path, .. } in self.incomplete.values() {
            // There is no caller left to report an error to.
            let _ = fs::remove_file(path);
        }
    }
}
