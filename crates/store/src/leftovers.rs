//! What may lie beside a timeline's files and counts for nothing: files that a process was writing when
//! it died, and the index of a file that was purged while that was being written.

use std::path::Path;

use crate::atomic_write::TEMPORARY;
use crate::{Fs, LogName, StoreError, index};

/// Whether the store puts files of this name beside binlog files.
pub(crate) fn is_ours(name: &str) -> bool {
    let name = name.trim_end_matches(TEMPORARY);
    LogName::new(name).is_none()
        && (matches!(name, "DURABLE" | "JOURNAL" | "FORKED" | "INHERITED" | "EARLIER" | "UNLOGGED")
            || [".index", index::SUFFIX].iter().any(|suffix| name.ends_with(suffix)))
}

/// Removes leftovers, while nobody else is at work in the folder. Where that fails they do no harm.
pub(crate) fn sweep(fs: &dyn Fs, dir: &Path) {
    let swept = fs.list(dir).map_err(StoreError::io("list", dir)).and_then(|mut names| {
        names.sort_unstable();
        names.iter().filter(|name| is_left_over(name, &names)).try_for_each(|name| {
            let path = dir.join(name);
            tracing::debug!("{} is left over, and removed", path.display());
            fs.remove(&path).map_err(StoreError::io("remove", &path))
        })
    });
    if let Err(error) = swept {
        tracing::warn!("{error}");
    }
}

/// `all` are the folder's names in order.
fn is_left_over(name: &str, all: &[String]) -> bool {
    let is_there = |wanted: &str| all.binary_search_by(|name| name.as_str().cmp(wanted)).is_ok();
    match (name.strip_suffix(TEMPORARY), name.strip_suffix(index::SUFFIX)) {
        (Some(whole), _) => is_ours(whole),
        (_, Some(file)) => LogName::new(file).is_some() && !is_there(file),
        _ => false,
    }
}
