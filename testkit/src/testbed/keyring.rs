//! A keyring for MySQL, in a file. Its component is loaded by what lies beside the server program and
//! beside the component, so that a server with one wants a prefix of its own: of links.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};

const COMPONENT: &str = "component_keyring_file";

/// Makes `to` a copy of the prefix `from` with a keyring in `to`.
pub(super) fn add(from: &Path, to: &Path) -> Result<()> {
    // Not a link: the script finds the prefix by its own place.
    fs::create_dir_all(to)?;
    link_tree(from, to, to)?;
    for program in fs::read_dir(from.join("bin"))? {
        let program = program?;
        let copy = to.join("bin").join(program.file_name());
        fs::remove_file(&copy)?;
        fs::copy(program.path(), copy)?;
    }
    Ok(())
}

/// Links all files of a directory, and says what is loaded where that is looked for.
fn link_tree(from: &Path, to: &Path, prefix: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&copy)?;
            link_tree(&entry.path(), &copy, prefix)?;
            continue;
        }
        symlink(entry.path(), &copy)?;
        if entry.file_name() == "mysqld" {
            let manifest = format!("{{\"components\": \"file://{COMPONENT}\"}}");
            fs::write(copy.with_extension("my"), manifest)?;
        } else if entry.file_name().to_str() == Some(&format!("{COMPONENT}.so")) {
            let keys = prefix.join("keys");
            let settings = format!("{{\"path\": {keys:?}, \"read_only\": false}}");
            fs::write(copy.with_extension("cnf"), settings)?;
        }
    }
    Ok(())
}
