//! Small files that are written whole: after a crash the old one is there or the new one.

use std::io;
use std::path::{Path, PathBuf};

use crate::{Access, Fs, StoreError};

/// What stands behind the name of a file while it is being written.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Writes a small file anew, durably: a temporary file beside it is written and synced, takes its
/// name, and the folder is synced.
///
/// # Errors
/// If the disk does not take it. Then the old file may be there or the new one, each of them whole,
/// and this can be tried again.
pub fn atomic_write(
    fs: &dyn Fs,
    path: &Path,
    bytes: &[u8],
    access: Access,
) -> Result<(), StoreError> {
    let temporary = with_suffix(path, TEMPORARY);
    if fs.len(&temporary).map_err(StoreError::io("look for", &temporary))?.is_some() {
        fs.remove(&temporary).map_err(StoreError::io("remove", &temporary))?;
    }
    let file = fs.create_new(&temporary, access).map_err(StoreError::io("create", &temporary))?;
    let written = file
        .write_all_at(bytes, 0)
        .map_err(StoreError::io("write to", &temporary))
        .and_then(|()| file.sync_data().map_err(StoreError::io("sync", &temporary)));
    if let Err(error) = written {
        // It may be a full disk, on which it would take room.
        let _ = fs.remove(&temporary);
        return Err(error);
    }
    fs.rename(&temporary, path).map_err(StoreError::io("replace", path))?;
    sync_changed_dir(fs, parent(path))
}

/// Removes a file durably, if it is there.
///
/// # Errors
/// If the disk does not take it. Then this can be tried again.
pub fn durable_remove(fs: &dyn Fs, path: &Path) -> Result<(), StoreError> {
    match fs.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        outcome => outcome.map_err(StoreError::io("remove", path))?,
    }
    sync_changed_dir(fs, parent(path))
}

/// Makes the names in a folder durable, where a failure is followed by another change of the folder
/// or by nothing: the next sync then has something to write.
pub(crate) fn sync_changed_dir(fs: &dyn Fs, dir: &Path) -> Result<(), StoreError> {
    let handle = fs.open_dir(dir).map_err(StoreError::io("open", dir))?;
    handle.sync().map_err(StoreError::io("sync", dir))
}

/// Makes the names in a folder durable. [`StoreError::SyncFailed`] if the sync itself fails, which must
/// not be tried again.
pub(crate) fn sync_dir(fs: &dyn Fs, dir: &Path) -> Result<(), StoreError> {
    let handle = fs.open_dir(dir).map_err(StoreError::io("open", dir))?;
    handle.sync().map_err(StoreError::sync_failed(dir))
}

/// The path of a file whose name has something more at its end.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// The folder of a path, which may be relative to the process.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::OsFs;

    #[test]
    fn a_file_is_replaced_whole_and_readable_for_whom_it_should_be() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        // A process before has died while it wrote.
        std::fs::write(dir.path().join("f.tmp"), "much longer than what comes").unwrap();
        for (text, access, mode) in [
            ("one", Access::Group, 0o640),
            ("two", Access::Owner, 0o600),
            ("", Access::Group, 0o640),
        ] {
            atomic_write(&OsFs, &path, text.as_bytes(), access).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            let found = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(found & !mode, 0, "{found:o} is more than {mode:o}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
