//! `mysql-bin.index`: the list of a timeline's files, as MySQL keeps one.
//!
//! It is for people and tools. The folder itself is what counts at start, so a lost or old index
//! costs nothing.

use std::path::Path;

use crate::{Fs, LogName, StoreError};

/// Writes the list anew so that a crash leaves the old one or the new one. Failing to does no harm.
pub(crate) fn write<'a>(fs: &dyn Fs, dir: &Path, names: impl Iterator<Item = &'a LogName>) {
    if let Err(error) = try_write(fs, dir, names) {
        tracing::warn!("the list of files is out of date: {error}");
    }
}

fn try_write<'a>(
    fs: &dyn Fs,
    dir: &Path,
    names: impl Iterator<Item = &'a LogName>,
) -> Result<(), StoreError> {
    let mut text = String::new();
    let mut base = None;
    for name in names {
        text.push_str("./");
        text.push_str(name.as_str());
        text.push('\n');
        base = Some(name.base());
    }
    let Some(base) = base else { return Ok(()) };
    let path = dir.join(format!("{base}.index"));
    let temporary = dir.join(format!("{base}.index.tmp"));
    if fs.len(&temporary).map_err(StoreError::io("look for", &temporary))?.is_some() {
        fs.remove(&temporary).map_err(StoreError::io("remove", &temporary))?;
    }
    let file = fs.create_new(&temporary).map_err(StoreError::io("create", &temporary))?;
    file.write_all_at(text.as_bytes(), 0).map_err(StoreError::io("write", &temporary))?;
    file.sync_data().map_err(StoreError::io("sync", &temporary))?;
    fs.rename(&temporary, &path).map_err(StoreError::io("replace", &path))
}
