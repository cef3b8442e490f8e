//! Initialised data directories, made once per server version and copied for each server:
//! initialising takes seconds, copying a fraction of one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::server::{OPTION_FILE, REPL_PASSWORD, REPL_USER, Server};
use crate::testbed::{self, build_once, command};
use crate::{Flavour, Prefix};

/// Goes up when templates made by an older version of this file must not be used.
const REVISION: u32 = 1;

/// The template for a prefix's server version, made now if there is none.
pub(crate) fn ensure(prefix: &Prefix) -> Result<PathBuf> {
    let name = format!("{}-{}-r{REVISION}", prefix.flavour(), prefix.version());
    let dir = testbed::cache_dir()?.join("templates").join(name);
    build_once(&dir, |unfinished| make(prefix, unfinished))
        .with_context(|| format!("initialise a data directory of {}", prefix.flavour()))?;
    Ok(dir)
}

/// Copies the files in `from` into the new directory `to`, cheaply where the file system can.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    let content = from.join(".");
    command::output(
        Command::new("cp").args(["-R", "--sparse=always", "--reflink=auto"]).arg(content).arg(to),
    )?;
    Ok(())
}

fn make(prefix: &Prefix, dir: &Path) -> Result<()> {
    let mut server = Server::builder(prefix.flavour())
        .without_gtid()
        .arg("--skip-log-bin")
        .prepare(prefix.clone())?;
    let options = server.file(OPTION_FILE);
    match prefix.flavour() {
        Flavour::Mysql97 => initialise_mysql(prefix, &options)?,
        Flavour::Mysql56 => copy_ready_made(prefix, &server.datadir())?,
        Flavour::Mariadb118 | Flavour::Mariadb1011 | Flavour::Mariadb114 => {
            bootstrap_mariadb(prefix, &options, &server.datadir())?;
        }
    }
    server.start()?;
    server.sql(&format!(
        "create user {REPL_USER}@'%' identified by '{REPL_PASSWORD}';
         grant all on *.* to {REPL_USER}@'%' with grant option;"
    ))?;
    server.stop()?;
    // It holds the server's uuid, which every copy would share.
    match fs::remove_file(server.datadir().join("auto.cnf")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    command::output(Command::new("cp").arg("-R").arg(server.datadir().join(".")).arg(dir))?;
    Ok(())
}

fn initialise_mysql(prefix: &Prefix, options: &Path) -> Result<()> {
    let mut mysqld = Command::new(prefix.mysqld());
    mysqld.arg(format!("--defaults-file={}", options.display()));
    mysqld.args(["--skip-log-bin", "--initialize-insecure"]);
    run_logged(mysqld.stdin(Stdio::null()), options)
}

fn copy_ready_made(prefix: &Prefix, data: &Path) -> Result<()> {
    let Some(home) = prefix.directory() else { bail!("MySQL 5.6 on the PATH is not supported") };
    copy(&home.join("root/server/data/mysql"), data)
}

/// What MariaDB's installation script does: feeds the server, in its bootstrap mode, the files
/// that make the system tables. Without an authentication plugin for root that goes by the
/// system's user, root has no password.
fn bootstrap_mariadb(prefix: &Prefix, options: &Path, data: &Path) -> Result<()> {
    let Some(home) = prefix.directory() else { bail!("MariaDB on the PATH is not supported") };
    fs::create_dir_all(data.join("mysql"))?;
    let input = options.with_file_name("bootstrap.sql");
    fs::write(&input, bootstrap_sql(&home.join("root/usr/share"))?)?;
    let mut mysqld = Command::new(prefix.mysqld());
    mysqld.arg(format!("--defaults-file={}", options.display()));
    mysqld.args(["--skip-log-bin", "--bootstrap"]);
    run_logged(mysqld.stdin(fs::File::open(&input)?), options)
}

fn bootstrap_sql(share: &Path) -> Result<String> {
    let dir = ["mariadb", "mysql"]
        .map(|name| share.join(name))
        .into_iter()
        .find(|dir| dir.join("fill_help_tables.sql").is_file())
        .with_context(|| format!("no system table scripts in {}", share.display()))?;
    let mut sql = String::from("use mysql;\nset @auth_root_socket = NULL;\n");
    let parts = [
        "system_tables.sql",
        "performance_tables.sql",
        "system_tables_data.sql",
        "fill_help_tables.sql",
        "maria_add_gis_sp_bootstrap.sql",
        "sys_schema.sql",
    ];
    for part in parts {
        // Some are called mariadb_… or mysql_…, depending on the release.
        let file = ["", "mariadb_", "mysql_"]
            .map(|prefix| dir.join(format!("{prefix}{part}")))
            .into_iter()
            .find(|file| file.is_file())
            .with_context(|| format!("no {part} in {}", dir.display()))?;
        sql.push_str(&fs::read_to_string(&file)?);
        sql.push('\n');
    }
    Ok(sql)
}

/// Runs a server program to its end; if it fails, the error has the end of its log.
fn run_logged(mysqld: &mut Command, options: &Path) -> Result<()> {
    let out = mysqld.output().context("run the server program")?;
    if out.status.success() {
        return Ok(());
    }
    let log = fs::read_to_string(options.with_file_name("error.log")).unwrap_or_default();
    let tail: Vec<&str> = log.lines().rev().take(10).collect();
    let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
    bail!("{}: {}\n{tail}", out.status, String::from_utf8_lossy(&out.stderr).trim())
}
