//! The server's process, and a watchdog that ends it when the test process is gone.
//!
//! A test can die without running destructors: killed, aborted, out of memory. The watchdog is a
//! shell that reads from a pipe whose other end only this process holds; when that end closes, by
//! whatever death, it kills the server and removes its directory. (A parent-death signal would
//! not do: it goes by the thread that started the server, and test threads end early.)

use std::env;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::{KEEP_VARIABLE, config};
use crate::{Prefix, wait_until};

/// How the name of every server's directory begins; the watchdog removes no others.
pub(super) const DIRECTORY_PREFIX: &str = "binlogd-";

/// Arguments: the server's pid, its option file's path, its directory or nothing.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
read -r _
tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -Fqx -- "--defaults-file=$2" || exit 0
kill -9 "$1"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -Fqx -- "--defaults-file=$2" || break
    sleep 0.1
done
case ${3##*/} in binlogd-*) rm -rf -- "$3" ;; esac
"#;

/// A server that runs.
#[derive(Debug)]
pub(super) struct Process {
    server: Child,
    watchdog: Child,
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
        let mut defaults = OsString::from("--defaults-file=");
        defaults.push(&options);
        // In a process group of its own, an interrupt typed at the test does not reach it.
        let mut server = Command::new(prefix.mysqld())
            .arg(defaults)
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", prefix.mysqld().display()))?;
        let remove = if env::var_os(KEEP_VARIABLE).is_some() { Path::new("") } else { dir };
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog", &server.id().to_string()])
            .arg(&options)
            .arg(remove)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match watchdog {
            Ok(watchdog) => Ok(Self { server, watchdog }),
            Err(error) => {
                server.kill()?;
                server.wait()?;
                Err(error).context("start a shell")
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
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
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
