//! The file in which a stream keeps what `CHANGE REPLICATION SOURCE TO` said.
//!
//! It holds a password as MySQL's own metadata does, so only its owner can read it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::Secret;
use crate::downstream::SourceChange;

/// The file's name, in the stream's folder.
pub(super) const NAME: &str = "source.toml";

/// What stands in front of it.
const HEAD: &str = "# Made by CHANGE REPLICATION SOURCE TO. RESET REPLICA ALL removes it.\n";

/// What is kept.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// The configured upstreams that are changed, without passwords.
    pub(super) of: Vec<String>,
    pub(super) change: SourceChange,
}

/// The same as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    configured: Vec<String>,
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<String>,
    ssl: Option<bool>,
    ssl_ca: Option<String>,
    ssl_cert: Option<String>,
    ssl_key: Option<String>,
    ssl_verify: Option<bool>,
    fetch_public_key: Option<bool>,
    public_key_path: Option<String>,
}

/// Reads the file; `None` if there is none.
pub(super) fn load(path: &Path) -> Result<Option<SourceFile>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let written: Written = toml::from_str(&text).map_err(|error| {
        let what = error.message();
        format!("{}: {what}; remove the file to follow the configuration", path.display())
    })?;
    let Written { configured, host, port, user, password, ssl, .. } = written;
    Ok(Some(SourceFile {
        of: configured,
        change: SourceChange {
            host,
            port,
            user,
            password: password.map(Secret::new),
            ssl,
            ssl_ca: written.ssl_ca,
            ssl_cert: written.ssl_cert,
            ssl_key: written.ssl_key,
            ssl_verify: written.ssl_verify,
            fetch_public_key: written.fetch_public_key,
            public_key_path: written.public_key_path,
            log_file: None,
            log_pos: None,
        },
    }))
}

/// Writes the file, so that after a crash there is the old or the new one.
pub(super) fn save(path: &Path, file: &SourceFile) -> Result<(), String> {
    let change = file.change.clone();
    let written = Written {
        configured: file.of.clone(),
        host: change.host,
        port: change.port,
        user: change.user,
        password: change.password.map(|password| password.expose().to_owned()),
        ssl: change.ssl,
        ssl_ca: change.ssl_ca,
        ssl_cert: change.ssl_cert,
        ssl_key: change.ssl_key,
        ssl_verify: change.ssl_verify,
        fetch_public_key: change.fetch_public_key,
        public_key_path: change.public_key_path,
    };
    let text = toml::to_string(&written).map_err(|error| error.to_string())?;
    let temporary = path.with_extension("toml.tmp");
    let write = || {
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(format!("{HEAD}{text}").as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_folder(path)
    };
    write().map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Removes the file, if there is one.
pub(super) fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_file(path).and_then(|()| sync_folder(path)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
