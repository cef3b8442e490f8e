//! Ends a process and removes its directory when the test process is gone.
//!
//! A test can die without running destructors: killed, aborted, out of memory. The watchdog is a
//! shell that reads from a pipe whose other end only this process holds; when that end closes, by
//! whatever death, it acts. (A parent-death signal would not do: it goes by the thread that started
//! the process, and test threads end early.)

use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::server::KEEP_VARIABLE;

/// How the names of directories begin that may be removed.
pub(crate) const DIRECTORY_PREFIX: &str = "binlogd-";

/// Arguments: the process's id, an argument that only it was given, its directory or nothing.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
read -r _
tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -Fqx -- "$2" || exit 0
kill -9 "$1"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -Fqx -- "$2" || break
    sleep 0.1
done
case ${3##*/} in binlogd-*) rm -rf -- "$3" ;; esac
"#;

/// Watches over one process, until dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
}

impl Watchdog {
    /// Watches over `process`, which has `mark` among its arguments, as no other process has, and its
    /// files in `dir`.
    pub(crate) fn over(process: &Child, mark: &str, dir: &Path) -> Result<Self> {
        let remove = if env::var_os(KEEP_VARIABLE).is_some() { Path::new("") } else { dir };
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "watchdog", &process.id().to_string(), mark])
            .arg(remove)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("start a shell")?;
        Ok(Self { shell })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // It must not act: the process's id may be another one's soon.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
