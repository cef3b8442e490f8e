//! Files and folders of the store that other users can read or change: from before binlogd limited
//! their modes, or from a copy that did not keep them.

use std::path::{Path, PathBuf};

use crate::{Access, Fs, LogName, StoreError, Timeline, leftovers};

/// Takes away permissions that go beyond what binlogd gives, and logs a warning with what was changed.
/// What is not there is left out. Failing to does not keep anything from going on.
pub fn restrict<P: AsRef<Path>>(fs: &dyn Fs, paths: impl IntoIterator<Item = (P, Access)>) {
    let (mut first, mut changed, mut failed) = (None, 0_u64, None);
    for (path, access) in paths {
        let path = path.as_ref();
        match fs.restrict(path, access) {
            Ok(None) => {}
            Ok(Some(mode)) => {
                changed += 1;
                first.get_or_insert_with(|| (path.to_owned(), mode));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => failed = failed.or(Some((path.to_owned(), error))),
        }
    }
    if let Some((path, mode)) = first {
        tracing::warn!(
            "open to other users: {} (mode {mode:04o}), {changed} in all. Changed files to mode 0640, \
             those with secrets to 0600, and folders to 0750",
            path.display()
        );
    }
    if let Some((path, error)) = failed {
        tracing::warn!("cannot limit who has access to {}: {error}", path.display());
    }
}

/// Does so for a stream's folder, the folders of its timelines, and the store's files there.
pub(crate) fn restrict_stream(fs: &dyn Fs, dir: &Path, timelines: &[impl AsRef<Timeline>]) {
    let mut paths = vec![dir.to_owned(), dir.join("LOCK")];
    for timeline in timelines {
        let dir = timeline.as_ref().dir(dir);
        match fs.list(&dir).map_err(StoreError::io("list", &dir)) {
            Ok(names) => paths.extend(ours(&dir, &names)),
            Err(error) => tracing::warn!("{error}"),
        }
        paths.push(dir);
    }
    restrict(fs, paths.iter().map(|path| (path, Access::Group)));
}

fn ours(dir: &Path, names: &[String]) -> impl Iterator<Item = PathBuf> {
    let is_ours = |name: &&String| LogName::new(name).is_some() || leftovers::is_ours(name);
    names.iter().filter(is_ours).map(|name| dir.join(name))
}
