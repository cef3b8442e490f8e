//! Removing files because somebody has asked for it.

use std::sync::Arc;
use std::time::SystemTime;

use binlogd_store::{Catalog, Holds, LogFile, NameError, StoreError};

use crate::downstream::{PurgeError, PurgeOutcome, PurgeTarget};

/// Removes what `target` names, as far as readers let it.
pub(super) fn purge(catalog: &Catalog, target: &PurgeTarget) -> Result<PurgeOutcome, PurgeError> {
    let files = catalog.files();
    let wanted = match target {
        PurgeTarget::To(name) => {
            let found = catalog.resolve(name, None).map_err(not_found)?;
            files.iter().position(|file| file.id == found.id).ok_or(PurgeError::NoSuchFile)?
        }
        PurgeTarget::Before(time) => finished_before(catalog, &files, *time).map_err(failed)?,
    };
    let Some(keep) = files.get(wanted) else { return Ok(PurgeOutcome::default()) };
    let purge = catalog.purge(keep.id, Holds::Respect).map_err(failed)?;
    let is_last = wanted + 1 == files.len() && matches!(target, PurgeTarget::Before(_));
    Ok(PurgeOutcome {
        removed: purge.removed.len(),
        wanted,
        in_use: purge.held.map(|held| (catalog.shown_name(&held.file), held.readers)),
        active: is_last.then(|| catalog.shown_name(keep)),
    })
}

/// How many of the oldest files got their last bytes before `time`; the newest does not count.
fn finished_before(
    catalog: &Catalog,
    files: &[Arc<LogFile>],
    time: SystemTime,
) -> Result<usize, StoreError> {
    let Some((_, closed)) = files.split_last() else { return Ok(0) };
    for (count, file) in closed.iter().enumerate() {
        match catalog.modified(file) {
            Ok(modified) if modified >= time => return Ok(count),
            // The retention was faster.
            Ok(_) | Err(StoreError::Purged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(closed.len())
}

fn not_found(error: NameError) -> PurgeError {
    match error {
        NameError::NoSuchFile(_) => PurgeError::NoSuchFile,
        NameError::Ambiguous(ambiguous) => PurgeError::Ambiguous(ambiguous),
        NameError::Store(error) => failed(error),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: StoreError) -> PurgeError {
    PurgeError::Failed(error.to_string())
}
