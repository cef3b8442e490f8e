//! The server's process, which does not outlive the test's.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::config;
use crate::watchdog::Watchdog;
use crate::{Prefix, wait_until};

/// A server that runs.
#[derive(Debug)]
pub(super) struct Process {
    server: Child,
    /// Gone before the server is.
    watchdog: Option<Watchdog>,
}

impl Process {
    /// Starts the server program on the option file in `dir`; it is not yet ready.
    pub(super) fn spawn(prefix: &Prefix, dir: &Path, args: &[String]) -> Result<Self> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(dir.join(config::ERROR_LOG))
            .context("open the error log")?;
        let options = dir.join(config::OPTION_FILE);
        let defaults = format!("--defaults-file={}", options.display());
        // In a process group of its own, an interrupt typed at the test does not reach it.
        let mut server = Command::new(prefix.mysqld())
            .arg(&defaults)
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", prefix.mysqld().display()))?;
        match Watchdog::over(&server, &defaults, dir) {
            Ok(watchdog) => Ok(Self { server, watchdog: Some(watchdog) }),
            Err(error) => {
                server.kill()?;
                server.wait()?;
                Err(error)
            }
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.server.id()
    }

    /// How the server ended, if it has.
    pub(super) fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.server.try_wait()?)
    }

    /// `SIGKILL`, and waits for the end.
    pub(super) fn kill(mut self) -> Result<()> {
        self.end()
    }

    /// `SIGTERM`, and waits for the end; kills after `timeout` and reports that.
    pub(super) fn terminate(mut self, timeout: Duration) -> Result<()> {
        if self.exited()?.is_none() {
            let pid = Pid::from_child(&self.server);
            kill_process(pid, Signal::TERM).context("signal the server")?;
        }
        let outcome = wait_until("clean shutdown", timeout, || Ok(self.exited()?.is_some()));
        self.end()?;
        outcome
    }

    /// The watchdog goes first: after the server's end its pid may become another process's.
    fn end(&mut self) -> Result<()> {
        self.watchdog = None;
        self.server.kill().context("kill the server")?;
        self.server.wait().context("wait for the server's end")?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
