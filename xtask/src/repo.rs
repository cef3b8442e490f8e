//! The working tree.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The repository's root.
///
/// # Errors
/// If this was not built inside it.
pub(crate) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask is not inside a repository")?.to_owned())
}

/// All files that are, or could be, under version control, relative to the root.
///
/// # Errors
/// If git is missing or this is no clone.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let out = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("run git, which knows what belongs to the repository")?;
    if !out.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&out.stderr).trim());
    }
    let text = String::from_utf8(out.stdout).context("a file name is not UTF-8")?;
    // A file that was deleted but is still in the index is listed too.
    let files = text.split_terminator('\0').map(PathBuf::from).filter(|f| root.join(f).is_file());
    Ok(files.collect())
}
