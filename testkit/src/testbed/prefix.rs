//! A directory of programs of one flavour, and how to call them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::command;
use crate::{Endpoint, Flavour};

/// A server's version, like 9.7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number: 9 of 9.7.4.
    pub major: u32,
    /// The second number: 7 of 9.7.4.
    pub minor: u32,
    /// The third number: 4 of 9.7.4.
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The first MySQL whose semi-sync plugins are called source and replica.
const OLDEST_ON_PATH: Version = Version { major: 8, minor: 0, patch: 26 };

/// The programs of one flavour.
#[derive(Clone, Debug)]
pub struct Prefix {
    flavour: Flavour,
    bin: PathBuf,
    client_bin: PathBuf,
    version: Version,
}

impl Prefix {
    /// The server program in `dir`, with the client programs in `client_dir`, which is the same
    /// for all flavours that have their own.
    pub(super) fn in_directories(flavour: Flavour, dir: &Path, client_dir: &Path) -> Result<Self> {
        let bin = dir.join("bin");
        let (version, _) = version_of(&bin.join("mysqld"))?;
        Ok(Self { flavour, bin, client_bin: client_dir.join("bin"), version })
    }

    /// Programs installed on the host: a MySQL server recent enough to say "source" and
    /// "replica" in the names of plugins and variables, with its client programs.
    pub(super) fn on_path(flavour: Flavour) -> Option<Self> {
        let (version, mariadb) = version_of(Path::new("mysqld")).ok()?;
        let all = ["mysql", "mysqlbinlog"]
            .iter()
            .all(|p| Command::new(p).arg("--version").output().is_ok_and(|o| o.status.success()));
        let bin = PathBuf::new();
        (!mariadb && version >= OLDEST_ON_PATH && all).then(|| Self {
            flavour,
            client_bin: bin.clone(),
            bin,
            version,
        })
    }

    /// Which flavour this is.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// The server program's version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The server program; for one on the `PATH` just its name.
    pub fn mysqld(&self) -> PathBuf {
        self.bin.join("mysqld")
    }

    /// The prefix's own directory; `None` for programs on the `PATH`.
    pub fn directory(&self) -> Option<&Path> {
        self.bin.parent()
    }

    /// The same programs in `dir`, with a keyring there for the server (MySQL 9.7).
    ///
    /// # Errors
    /// If it cannot be made, or the programs are not in a prefix.
    pub(crate) fn with_keyring(&self, dir: &Path) -> Result<Self> {
        let own = self.directory().context("programs on the PATH cannot be given a keyring")?;
        super::keyring::add(own, dir)?;
        Ok(Self { bin: dir.join("bin"), ..self.clone() })
    }

    /// What a fetched prefix was made of: a line `package version` each; `None` for one that was
    /// not fetched.
    pub fn manifest(&self) -> Option<String> {
        fs::read_to_string(self.directory()?.join(super::recipe::MANIFEST)).ok()
    }

    /// The interactive client, without any argument but the one that keeps the user's option
    /// files out of tests.
    pub fn mysql(&self) -> Command {
        self.client_program("mysql")
    }

    /// The binlog tool, likewise. Add a file to read it locally.
    pub fn mysqlbinlog(&self) -> Command {
        self.client_program("mysqlbinlog")
    }

    /// `mysqldump`, likewise.
    pub fn mysqldump(&self) -> Command {
        self.client_program("mysqldump")
    }

    fn client_program(&self, name: &str) -> Command {
        let mut command = Command::new(self.client_bin.join(name));
        command.arg("--no-defaults");
        command
    }

    /// The interactive client, connecting over TCP without TLS to `to`: a server, or anything
    /// that claims to be one.
    pub fn mysql_to(&self, to: &Endpoint) -> Command {
        let mut command = self.mysql();
        self.connect_args(&mut command, to);
        command
    }

    /// The binlog tool reading from a remote server over TCP without TLS. Add file names, and
    /// `--raw`, `--stop-never` and the like as wanted.
    pub fn mysqlbinlog_from(&self, from: &Endpoint) -> Command {
        let mut command = self.mysqlbinlog();
        command.arg("--read-from-remote-server");
        self.connect_args(&mut command, from);
        command
    }

    fn connect_args(&self, command: &mut Command, to: &Endpoint) {
        command
            .arg("--protocol=TCP")
            .arg(format!("--host={}", to.host))
            .arg(format!("--port={}", to.port))
            .arg(format!("--user={}", to.user))
            // As an argument it would bring a warning on standard error with each call.
            .env("MYSQL_PWD", &to.password);
        if self.flavour.client_flavour().is_mariadb() {
            command.arg("--skip-ssl");
        } else {
            command.args(["--ssl-mode=DISABLED", "--get-server-public-key"]);
        }
    }
}

/// The version a server program prints, and whether it says it is MariaDB.
fn version_of(mysqld: &Path) -> Result<(Version, bool)> {
    let text = command::output(Command::new(mysqld).args(["--no-defaults", "--version"]))?;
    parse_version(&text).with_context(|| format!("{} --version", mysqld.display()))
}

/// Takes the number after `Ver` from text like `mysqld  Ver 9.7.4-2 for Linux on x86_64`.
fn parse_version(text: &str) -> Result<(Version, bool)> {
    let Some((_, rest)) = text.split_once("Ver ") else {
        bail!("no version in {text:?}");
    };
    let numbers = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    let mut parts = numbers.split('.').map(str::parse);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => {
            Ok((Version { major, minor, patch }, text.contains("MariaDB")))
        }
        _ => bail!("no version in {text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_servers_print_them() {
        let cases = [
            ("/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))", (9, 7, 4), false),
            (
                "mysqld  Ver 5.6.24 for linux-glibc2.5 on x86_64 (MySQL Community)",
                (5, 6, 24),
                false,
            ),
            ("mysqld  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu", (10, 11, 14), true),
        ];
        for (text, (major, minor, patch), mariadb) in cases {
            let parsed = parse_version(text).unwrap();
            assert_eq!(parsed, (Version { major, minor, patch }, mariadb), "{text}");
        }
    }

    #[test]
    fn text_without_a_version_is_refused() {
        for text in ["", "mysqld", "mysqld Ver nine", "mysqld Ver 9.7"] {
            assert!(parse_version(text).is_err(), "{text:?}");
        }
    }
}
