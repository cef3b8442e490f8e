//! Whether there is room on the disk, found out before anything is fetched for it.

use std::path::Path;

use crate::atomic_write::{TEMPORARY, with_suffix};
use crate::{Access, Fs, StoreError};

/// The name of the file, without its end, in a stream's folder.
const FILE: &str = "SPACE";

/// So many bytes are also written and synced: a quota, or a file system that allocates late, shows its
/// limit only then.
const WRITTEN: usize = 256 << 10;

/// Takes `bytes` of room in a stream's folder and gives them back.
///
/// # Errors
/// If there is not that much room.
pub(crate) fn probe(fs: &dyn Fs, dir: &Path, bytes: u64) -> Result<(), StoreError> {
    remove_probe(fs, dir)?;
    let path = &with_suffix(&dir.join(FILE), TEMPORARY);
    let file = fs.create_new(path, Access::Group).map_err(StoreError::io("create", path))?;
    let len = usize::try_from(bytes).unwrap_or(WRITTEN).min(WRITTEN);
    let took = file
        .allocate(bytes)
        .and_then(|()| file.write_all_at(&vec![0xa5; len], 0))
        .and_then(|()| file.sync_data())
        .map_err(StoreError::io("find room in", dir));
    drop(file);
    let removed = remove_probe(fs, dir);
    took.and(removed)
}

/// Removes what a process that died may have left.
pub(crate) fn remove_probe(fs: &dyn Fs, dir: &Path) -> Result<(), StoreError> {
    let path = with_suffix(&dir.join(FILE), TEMPORARY);
    match fs.len(&path).map_err(StoreError::io("look for", &path))? {
        None => Ok(()),
        Some(_) => fs.remove(&path).map_err(StoreError::io("remove", &path)),
    }
}
