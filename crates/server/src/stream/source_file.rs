//! The file in which a stream keeps what `CHANGE REPLICATION SOURCE TO` said.
//!
//! It holds a password as MySQL's own metadata does, so only its owner can read it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use binlogd_store::{Access, OsFs, atomic_write, durable_remove, restrict};
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
    restrict(&OsFs, [(path, Access::Owner)]);
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
    atomic_write(&OsFs, path, format!("{HEAD}{text}").as_bytes(), Access::Owner)
        .map_err(|error| error.to_string())
}

/// Removes the file, if there is one.
pub(super) fn remove(path: &Path) -> Result<(), String> {
    durable_remove(&OsFs, path).map_err(|error| error.to_string())
}
