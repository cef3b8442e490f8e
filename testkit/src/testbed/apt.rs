//! Packages of a Debian suite, whatever the host itself runs: an apt state of its own, with one
//! source and no installed packages, so that everything (the C library included) is resolved in
//! that suite. Nothing is installed. apt checks the archive's signature and every file's hash.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::command;

/// Names the Debian mirror to use instead of the one in the host's apt configuration.
const MIRROR_VARIABLE: &str = "BINLOGD_TESTBED_MIRROR";

/// A private apt state.
pub(super) struct Apt {
    config: PathBuf,
}

impl Apt {
    /// Sets up a state in `dir` for `suite` and downloads its package lists.
    pub(super) fn new(suite: &str, dir: &Path) -> Result<Self> {
        command::require(&["apt-get", "dpkg-deb", "dpkg"], "fetching Debian packages")?;
        let arch = command::output(Command::new("dpkg").arg("--print-architecture"))?;
        let arch = arch.trim();
        if !["amd64", "arm64"].contains(&arch) {
            bail!("servers can be fetched for amd64 and arm64, and this machine is {arch}");
        }
        let mirror = mirror()?;
        fs::create_dir_all(dir.join("state/lists/partial"))?;
        fs::create_dir_all(dir.join("cache/archives/partial"))?;
        fs::write(dir.join("status"), "")?;
        fs::write(
            dir.join("sources.list"),
            format!("deb [arch={arch}{}] {mirror} {suite} main\n", signed_by()),
        )?;
        let config = dir.join("apt.conf");
        fs::write(&config, configuration(dir))?;
        let apt = Self { config };
        apt.run(&["update"], dir).with_context(|| format!("package lists of {suite}"))?;
        Ok(apt)
    }

    /// Downloads `packages` and all they depend on into `dest`; returns the files.
    pub(super) fn download_closure(&self, packages: &[&str], dest: &Path) -> Result<Vec<PathBuf>> {
        let mut plan = vec!["--print-uris", "install"];
        plan.extend(packages);
        let uris = self.run(&plan, dest)?;
        let wanted = packages_to_unpack(&uris);
        if wanted.is_empty() {
            bail!("apt has nothing to download for {}", packages.join(", "));
        }
        let mut download = vec!["download"];
        download.extend(wanted);
        self.run(&download, dest)?;
        fs::read_dir(dest)?.map(|entry| Ok(entry?.path())).collect()
    }

    /// Downloads one package, and nothing that it depends on, into `dest`; returns the file.
    pub(super) fn download(&self, package: &str, dest: &Path) -> Result<PathBuf> {
        self.run(&["download", package], dest)?;
        let file = fs::read_dir(dest)?.next().transpose()?;
        Ok(file.with_context(|| format!("apt downloads no {package}"))?.path())
    }

    fn run(&self, args: &[&str], current_dir: &Path) -> Result<String> {
        command::output(
            Command::new("apt-get")
                .args(["-q", "-y", "-c"])
                .arg(&self.config)
                .args(args)
                .env("LC_ALL", "C")
                .current_dir(current_dir),
        )
    }
}

/// The host's own settings stay in force (a proxy, say), but not its hooks and sources.
fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        r#"#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc {{
    sourcelist "{dir}/sources.list"; sourceparts "/dev/null";
    preferences "/dev/null"; preferencesparts "/dev/null";
}};
Dir::State "{dir}/state";
Dir::State::status "{dir}/status";
Dir::Cache "{dir}/cache";
APT {{ Install-Recommends "false"; Sandbox::User "root"; }};
Acquire {{ Languages "none"; Retries "3"; }};
APT::Update::Error-Mode "any";
Debug::NoLocking "true";
"#
    )
}

/// The option that names Debian's keys, where they are.
fn signed_by() -> String {
    ["gpg", "pgp"]
        .map(|ending| format!("/usr/share/keyrings/debian-archive-keyring.{ending}"))
        .into_iter()
        .find(|path| Path::new(path).exists())
        .map(|path| format!(" signed-by={path}"))
        .unwrap_or_default()
}

/// The Debian mirror that this system already uses, unless one is given.
fn mirror() -> Result<String> {
    if let Ok(given) = env::var(MIRROR_VARIABLE) {
        return Ok(given);
    }
    let os_release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    // Works also where no package list was ever downloaded, as in a new container.
    let uris = command::output(Command::new("apt-get").args(["update", "--print-uris"]))?;
    debian_mirror(&uris, &os_release).with_context(|| {
        format!(
            "this system's apt has no Debian archive among its sources: set {MIRROR_VARIABLE} to \
             one"
        )
    })
}

/// Chooses from lines like `'URL/dists/SUITE/InRelease' name size`: the archive of the running
/// release, not those of its updates and not third parties'.
fn debian_mirror(uris: &str, os_release: &str) -> Option<String> {
    let field = |key: &str| {
        let value = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        value.map(|v| v.trim_matches('"').to_owned())
    };
    let codename = match field("ID").as_deref() {
        Some("debian") => field("VERSION_CODENAME"),
        _ => None,
    };
    let archives: Vec<(&str, &str)> = uris
        .lines()
        .filter_map(|line| line.strip_prefix('\'')?.split('\'').next())
        .filter_map(|uri| uri.strip_suffix("/InRelease")?.rsplit_once("/dists/"))
        .filter(|(_, suite)| !suite.contains(['-', '/']))
        .collect();
    let named_debian = |base: &str| base.ends_with("/debian");
    let of_release = |suite: &str| codename.as_deref() == Some(suite);
    archives
        .iter()
        .find(|(base, suite)| named_debian(base) && of_release(suite))
        .or_else(|| archives.iter().find(|(base, _)| named_debian(base)))
        .or_else(|| archives.iter().find(|(_, suite)| of_release(suite)))
        .map(|(base, _)| format!("{base}/"))
}

/// The packages worth unpacking, from lines like `'URI' name_version_arch.deb size hash`: the
/// servers, their clients and libraries, without the perl and the shell tools that only
/// maintainer scripts need.
fn packages_to_unpack(uris: &str) -> Vec<&str> {
    uris.lines()
        .filter_map(|line| line.strip_prefix('\'')?.split_whitespace().nth(1)?.split('_').next())
        .filter(|name| ["mysql", "mariadb", "lib", "zlib1g"].iter().any(|p| name.starts_with(p)))
        .filter(|name| !["libpam-", "libperl5"].iter().any(|p| name.starts_with(p)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN_12: &str = "NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_CODENAME=bookworm\n";

    #[test]
    fn the_mirror_is_the_releases_own_archive() {
        let uris = "\
'https://apt.example/nodes/dists/bookworm/InRelease' a 0
'http://mirror.example/debian/dists/bookworm-updates/InRelease' b 0
'http://mirror.example/debian/dists/bookworm/InRelease' c 0
'http://mirror.example/debian-security/dists/bookworm-security/InRelease' d 0
'http://mirror.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' e 0
";
        let mirror = debian_mirror(uris, DEBIAN_12);
        assert_eq!(mirror.as_deref(), Some("http://mirror.example/debian/"));
    }

    #[test]
    fn a_mirror_under_another_name_is_known_by_the_release() {
        let uris = "'http://proxy.example/repo/deb/dists/bookworm/InRelease' a 0\n";
        let mirror = debian_mirror(uris, DEBIAN_12);
        assert_eq!(mirror.as_deref(), Some("http://proxy.example/repo/deb/"));
    }

    #[test]
    fn another_distributions_archive_is_not_taken_for_debians() {
        let uris = "'http://mirror.example/ubuntu/dists/noble/InRelease' a 0\n";
        assert_eq!(debian_mirror(uris, "ID=ubuntu\nVERSION_CODENAME=noble\n"), None);
    }

    #[test]
    fn maintainer_scripts_needs_are_left_out_of_the_closure() {
        let uris = "\
Reading package lists...
'http://m.example/libc6_2.43-7_amd64.deb' libc6_2.43-7_amd64.deb 2900000 SHA256:5c71
'http://m.example/perl_5.40_amd64.deb' perl_5.40_amd64.deb 260000 SHA256:77
'http://m.example/libperl5.40_5.40_amd64.deb' libperl5.40_5.40_amd64.deb 4000000 SHA256:88
'http://m.example/libpam-runtime_1.7_all.deb' libpam-runtime_1.7_all.deb 200000 SHA256:99
'http://m.example/mysql-server-core_9.7.4-2_amd64.deb' mysql-server-core_9.7.4-2_amd64.deb 1 SHA256:aa
";
        assert_eq!(packages_to_unpack(uris), ["libc6", "mysql-server-core"]);
    }
}
