//! Making unpacked programs run: each gets a script that calls it through the prefix's own
//! dynamic loader, with the prefix's own libraries, so that the host's do not matter.
//!
//! `argv[0]` is the program's real path, from which a server derives where its plugins, messages
//! and character sets are. All paths are taken relative to the script: a prefix can be moved.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::command;

/// Writes `bin/NAME` for each `(NAME, program)`, and checks that these and `also` (plugins) find
/// all their libraries in the prefix.
pub(super) fn programs(dir: &Path, programs: &[(&str, &str)], also: &[&str]) -> Result<()> {
    let libraries = library_dirs(dir)?;
    let loader = loader_in(dir, &libraries)?;
    for path in programs.iter().map(|(_, program)| program).chain(also) {
        check(dir, &loader, &libraries, path)?;
    }
    let search: Vec<String> = libraries.iter().map(|l| format!("$here/{}", l.display())).collect();
    for (name, program) in programs {
        script(
            &dir.join("bin").join(name),
            &format!(
                "program=$here/{program}\n\
                 exec \"$here/{}\" --library-path \"{}\" --argv0 \"$program\" \"$program\" \"$@\"",
                loader.display(),
                search.join(":"),
            ),
        )?;
    }
    Ok(())
}

/// Writes an executable shell script in which `$here` is the prefix that it lies in.
pub(super) fn script(path: &Path, body: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let text = format!(
        "#!/bin/sh\nhere=$(cd \"$(dirname \"$(readlink -f \"$0\")\")/..\" && pwd)\n{body}\n"
    );
    fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// The directories in which Debian puts shared libraries, relative to `dir`.
fn library_dirs(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for lib in ["root/lib", "root/usr/lib"] {
        let Ok(entries) = fs::read_dir(dir.join(lib)) else { continue };
        for entry in entries {
            let name = entry?.file_name();
            if name.to_string_lossy().ends_with("-linux-gnu") {
                found.push(Path::new(lib).join(name));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The dynamic loader, `ld-linux-*.so.*`, relative to `dir`.
fn loader_in(dir: &Path, libraries: &[PathBuf]) -> Result<PathBuf> {
    for library in libraries {
        for entry in fs::read_dir(dir.join(library))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("ld-linux-")
                && entry.file_type()?.is_file()
            {
                return Ok(library.join(entry.file_name()));
            }
        }
    }
    bail!("no dynamic loader among the unpacked packages in {}", dir.display())
}

/// Fails if a program or plugin lacks a library.
fn check(dir: &Path, loader: &Path, libraries: &[PathBuf], program: &str) -> Result<()> {
    let search: Vec<String> =
        libraries.iter().map(|l| dir.join(l).to_string_lossy().into_owned()).collect();
    let list = command::output(
        Command::new(dir.join(loader))
            .arg("--library-path")
            .arg(search.join(":"))
            .arg("--list")
            .arg(dir.join(program)),
    )?;
    match list.lines().find(|line| line.contains("not found")) {
        Some(missing) => bail!("{program}: {}", missing.trim()),
        None => Ok(()),
    }
}
