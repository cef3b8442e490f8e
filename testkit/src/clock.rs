//! A system clock that is wrong for one process, and can jump while it runs.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::Daemon;

/// What is loaded into the process before the C library.
const SOURCE: &str = include_str!("clock.c");

/// The clock, which the process needs for as long as it runs.
#[derive(Debug)]
pub struct FalseClock {
    dir: TempDir,
}

impl FalseClock {
    /// A clock that is so many seconds ahead; a negative number means in the past.
    ///
    /// # Errors
    /// If there is no C compiler, which building needs as well.
    pub fn ahead_by(ahead_s: i64) -> Result<Self> {
        let clock = Self { dir: TempDir::new()? };
        let source = clock.dir.path().join("clock.c");
        fs::write(&source, SOURCE)?;
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut command = Command::new(compiler);
        command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(clock.library()).arg(source);
        let out = command.output().context("run the C compiler")?;
        ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        clock.set(ahead_s)?;
        Ok(clock)
    }

    /// Lets it jump.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set(&self, ahead_s: i64) -> Result<()> {
        let file = File::options().create(true).truncate(false).write(true).open(self.ahead())?;
        Ok(file.write_all_at(&ahead_s.to_ne_bytes(), 0)?)
    }

    /// Gives it to a process.
    #[must_use]
    pub fn of(&self, daemon: Daemon) -> Daemon {
        let text = |path: &Path| path.display().to_string();
        daemon.env("LD_PRELOAD", &text(&self.library())).env("CLOCK_AHEAD", &text(&self.ahead()))
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("clock.so")
    }

    fn ahead(&self) -> PathBuf {
        self.dir.path().join("ahead")
    }
}
