//! `mysql-bin.index`: the list of a timeline's files, as MySQL keeps one.
//!
//! It is for people and tools. The folder itself is what counts at start, so a lost or old index
//! costs nothing.

use std::path::Path;

use crate::{Access, Fs, LogName, StoreError, atomic_write};

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
    atomic_write(fs, &dir.join(format!("{base}.index")), text.as_bytes(), Access::Group)
}
