//! The program that is measured, built as it is released.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::repo;

/// Builds binlogd in the release profile, showing how that goes, and returns the binary.
///
/// # Errors
/// If it does not build.
pub(crate) fn binlogd() -> Result<PathBuf> {
    eprintln!("Building binlogd (cargo build --release; the first time takes some minutes) …");
    build(&["--release"])
}

/// The binary that the user named, or else one that is built as [`binlogd`] does.
///
/// # Errors
/// If there is no such file, or binlogd does not build.
pub(crate) fn named_or_built(named: Option<&Path>) -> Result<PathBuf> {
    named.map_or_else(binlogd, self::named)
}

/// A binary that the user named.
///
/// # Errors
/// If there is no such file.
pub(crate) fn named(binary: &Path) -> Result<PathBuf> {
    binary.canonicalize().with_context(|| binary.display().to_string())
}

/// Builds binlogd as tests run it and returns the binary.
///
/// # Errors
/// If it does not build.
pub(crate) fn debug_binlogd() -> Result<PathBuf> {
    build(&[])
}

/// Builds a package's example in the release profile and returns the binary.
///
/// # Errors
/// If it does not build.
pub(crate) fn example(package: &str, name: &str) -> Result<PathBuf> {
    cargo_build(&["--package", package, "--example", name, "--release"])
}

fn build(profile: &[&str]) -> Result<PathBuf> {
    cargo_build(&[&["--package", "binlogd", "--bin", "binlogd"], profile].concat())
}

fn cargo_build(args: &[&str]) -> Result<PathBuf> {
    let out = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .arg("build")
        .args(args)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(repo::root()?)
        .stderr(Stdio::inherit())
        .output()
        .context("run cargo")?;
    if !out.status.success() {
        bail!("cargo build {} failed", args.join(" "));
    }
    let messages = String::from_utf8(out.stdout)?;
    executable(&messages).context("cargo does not say where it put what it built")
}

/// The executable that cargo's messages name last.
fn executable(messages: &str) -> Option<PathBuf> {
    messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","executable":null}
{"reason":"compiler-artifact","executable":"/target/release/binlogd"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(executable(messages), Some(PathBuf::from("/target/release/binlogd")));
        assert_eq!(executable("{}"), None);
    }
}
