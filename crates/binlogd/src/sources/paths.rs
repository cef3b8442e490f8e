//! From what a user names to inputs in order.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use binlogd_client::ConnectOptions;
use binlogd_store::LogName;

use crate::misuse::misuse;

/// A file to read, or standard input.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// `-` for standard input.
    pub(crate) path: PathBuf,
    /// Its length in bytes when it was looked at; 0 if that cannot be known.
    pub(crate) len: u64,
}

impl Input {
    pub(crate) fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }
}

/// What lies at `paths`, in the order given; in a folder by the files' numbers. The folder of a
/// stream or a data directory has its timelines in folders, which come one after the other.
pub(crate) fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in paths {
        let stdin = Input { path: path.clone(), len: 0 };
        if stdin.is_stdin() {
            inputs.push(stdin);
            continue;
        }
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                refuse_address(path)?;
                inputs
                    .push(in_a_timeline(path)?.context(error).context(path.display().to_string())?);
                continue;
            }
            metadata => metadata.with_context(|| path.display().to_string())?,
        };
        if !metadata.is_dir() {
            inputs.push(Input { path: path.clone(), len: metadata.len() });
            continue;
        }
        let found = folder(path)?;
        if found.is_empty() {
            bail!(
                "{} holds no binlog files (such as mysql-bin.000001). Name files, or the folder \
                 that they are in",
                path.display()
            );
        }
        inputs.extend(found);
    }
    Ok(inputs)
}

/// A file that is named as if it lay in the stream's folder, though it lies in that of a timeline.
fn in_a_timeline(path: &Path) -> Result<Option<Input>> {
    let Some((stream, name)) = folder_and_name(path) else { return Ok(None) };
    if !stream.is_dir() {
        return Ok(None);
    }
    let mut files = folder(stream)?;
    Ok(find(&files, &name)?.map(|at| files.swap_remove(at)))
}

/// Which of some files is called so, by its own name or with its timeline's number in front, as in
/// `0002@mysql-bin.000003`; `None` if none is.
pub(crate) fn find(files: &[Input], name: &LogName) -> Result<Option<usize>> {
    let qualified = |input: &Input| qualified_name(&input.path);
    let is_it = |(_, input): &(usize, &Input)| {
        let bare = log_name(&input.path);
        bare.as_ref() == Some(name) || qualified(input).as_deref() == Some(name.as_str())
    };
    let found: Vec<_> = files.iter().enumerate().filter(is_it).collect();
    match found[..] {
        [] => Ok(None),
        [(at, _)] => Ok(Some(at)),
        _ => {
            let shown = |(_, input): &(usize, &Input)| {
                qualified(input).unwrap_or_else(|| input.path.display().to_string())
            };
            let names: Vec<_> = found.iter().map(shown).collect();
            bail!(
                "the file name {name} occurs {} times: use one of {}",
                names.len(),
                names.join(", ")
            )
        }
    }
}

/// The name with its timeline's number in front, of a file that lies in the folder of one.
fn qualified_name(path: &Path) -> Option<String> {
    let timeline = path.parent().filter(|folder| is_timeline(folder))?;
    let (number, _) = timeline.file_name()?.to_str()?.split_once('-')?;
    Some(format!("{number}@{}", path.file_name()?.to_str()?))
}

/// Whether it is meant as the URL of a server: it has a scheme, though maybe a wrong one.
pub(crate) fn is_server(source: &Path) -> bool {
    let text = source.to_string_lossy();
    let is_scheme =
        |scheme: &str| text.strip_prefix(scheme).is_some_and(|rest| rest.starts_with(':'));
    text.contains("://") || is_scheme("mysql") || is_scheme("mariadb")
}

/// Refuses the address of a server that is not written as a URL. It may hold a password, so it is not shown.
fn refuse_address(path: &Path) -> Result<()> {
    let text = path.to_string_lossy();
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let has_port = text.rsplit_once(':').is_some_and(|(_, port)| is_port(port));
    if !text.contains('/') && (has_port || text.contains(':') && text.contains('@')) {
        ConnectOptions::from_url(&text).map_err(misuse)?;
    }
    Ok(())
}

/// The folder that a binlog file lies in, and its name; `None` if it is not called like one.
pub(super) fn folder_and_name(path: &Path) -> Option<(&Path, LogName)> {
    Some((path.parent()?, log_name(path)?))
}

/// What compressed files are called after their own name.
const COMPRESSED: [&str; 3] = [".gz", ".zst", ".zstd"];

/// The name of a binlog file, also of a compressed one, without what stands for the compression.
pub(super) fn log_name(path: &Path) -> Option<LogName> {
    let name = path.file_name()?.to_str()?;
    LogName::new(COMPRESSED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name))
}

/// Whether a file is called as compressed ones are.
pub(super) fn is_named_compressed(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    COMPRESSED.iter().any(|ending| name.ends_with(ending))
}

/// Puts files in the order of their numbers. A file that is there twice, as it is and compressed, is
/// read as it is.
fn in_order(mut files: Vec<(LogName, Input)>) -> Vec<Input> {
    // The plain name is the shorter one.
    let key = |(name, input): &(LogName, Input)| (name.clone(), input.path.as_os_str().len());
    files.sort_by_cached_key(key);
    files.dedup_by(|(a, _), (b, _)| a == b);
    files.into_iter().map(|(_, input)| input).collect()
}

/// The files of one log in a folder, in order.
pub(super) fn log(dir: &Path, base: &str) -> Result<Vec<Input>> {
    // The parent of a bare name.
    let here = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let mut files = Vec::new();
    for entry in fs::read_dir(here).with_context(|| here.display().to_string())? {
        let entry = entry.with_context(|| here.display().to_string())?;
        let path = dir.join(entry.file_name());
        let Some(name) = log_name(&path).filter(|name| name.base() == base) else { continue };
        // One that is gone since was removed.
        let Ok(metadata) = entry.metadata() else { continue };
        files.push((name, Input { path, len: metadata.len() }));
    }
    Ok(in_order(files))
}

/// A log that is no binlog, though its files' names are like those: every MariaDB has it beside its binlogs.
const ARIA_LOG: &str = "aria_log";

/// The binlogs of a folder; if it has none itself, of the timelines in it, or of the only stream.
pub(super) fn folder(dir: &Path) -> Result<Vec<Input>> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry.with_context(|| dir.display().to_string())?;
        let path = entry.path();
        let metadata = match fs::metadata(&path) {
            // Removed since it was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            metadata => metadata.with_context(|| path.display().to_string())?,
        };
        match log_name(&path) {
            Some(name) if metadata.is_file() && name.base() != ARIA_LOG => {
                files.push((name, Input { path, len: metadata.len() }));
            }
            _ if metadata.is_dir() => folders.push(path),
            _ => {}
        }
    }
    if !files.is_empty() {
        // Relay logs or another server's files may lie beside them.
        let first = files[0].0.base().to_owned();
        if let Some((other, _)) = files.iter().find(|(name, _)| name.base() != first) {
            bail!(
                "{} holds the files of several logs ({first} and {}): name those to read",
                dir.display(),
                other.base()
            );
        }
        return Ok(in_order(files));
    }
    folders.sort();
    let timelines: Vec<&PathBuf> = folders.iter().filter(|path| is_timeline(path)).collect();
    if !timelines.is_empty() {
        return Ok(timelines
            .into_iter()
            .map(|path| folder(path))
            .collect::<Result<Vec<_>>>()?
            .concat());
    }
    let holds_timelines = |path: &&PathBuf| {
        fs::read_dir(path).is_ok_and(|entries| entries.flatten().any(|e| is_timeline(&e.path())))
    };
    match folders.iter().filter(holds_timelines).collect::<Vec<_>>()[..] {
        [] => Ok(Vec::new()),
        [stream] => folder(stream),
        ref several => {
            let names: Vec<_> = several.iter().map(|path| path.display().to_string()).collect();
            bail!("{} holds several streams: name one of {}", dir.display(), names.join(", "));
        }
    }
}

/// Whether a folder is called as a store calls its timelines: `0001-` and a server.
pub(super) fn is_timeline(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split_once('-').is_some_and(|(n, _)| n.len() >= 4 && n.bytes().all(|b| b.is_ascii_digit()))
        && path.is_dir()
}
