//! Small text files that a crash leaves as they were or as they are to be.

use std::path::{Path, PathBuf};

use crate::{Fs, StoreError};

/// What stands behind the name of a file while it is being written.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Writes a file anew. It is durable once its folder is synced.
pub(crate) fn replace(fs: &dyn Fs, path: &Path, text: &str) -> Result<(), StoreError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY);
    let temporary = PathBuf::from(temporary);
    if fs.len(&temporary).map_err(StoreError::io("look for", &temporary))?.is_some() {
        fs.remove(&temporary).map_err(StoreError::io("remove", &temporary))?;
    }
    let file = fs.create_new(&temporary).map_err(StoreError::io("create", &temporary))?;
    file.write_all_at(text.as_bytes(), 0).map_err(StoreError::io("write to", &temporary))?;
    file.sync_data().map_err(StoreError::io("sync", &temporary))?;
    fs.rename(&temporary, path).map_err(StoreError::io("replace", path))
}
