//! A throw-away server of its own: temporary directory, leased port, life cycle.
//!
//! `builder` says what can be asked for, `config` writes the option file, `process` starts the
//! program and sees to it that it does not outlive the test, `sql` asks it things.

mod builder;
mod config;
mod process;
mod sql;

use std::env;
use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::ports::PortLease;
use crate::{Flavour, Prefix, wait_until};
pub use builder::Builder;
pub(crate) use config::OPTION_FILE;
use process::Process;

/// If set, servers' directories stay when their tests end, to look at afterwards.
pub const KEEP_VARIABLE: &str = "BINLOGD_TEST_KEEP";

/// Initialising and starting take a second or two; many test processes share two cores.
const START_TIMEOUT: Duration = Duration::from_secs(120);
const STOP_TIMEOUT: Duration = Duration::from_secs(120);

/// The account that replicas and tools use, with all rights, on every server.
pub const REPL_USER: &str = "repl";
/// The password of [`REPL_USER`].
pub const REPL_PASSWORD: &str = "repl";

/// Where something speaks the protocol, and as whom to log in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A host name or address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The account.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl Endpoint {
    /// A port of this machine, entered by the account that every test server has.
    pub fn local(port: u16) -> Self {
        Self {
            host: "127.0.0.1".into(),
            port,
            user: REPL_USER.into(),
            password: REPL_PASSWORD.into(),
        }
    }
}

/// A running (or stopped) real server, killed and removed when dropped.
///
/// It listens on the loopback interface and on a unix socket. `root` enters by the socket without
/// a password, [`REPL_USER`] everywhere; neither account is in the binlog. The binlog is on, its
/// files are called `binlog.000001` and so on, in row format, and with GTIDs on MySQL.
#[derive(Debug)]
pub struct Server {
    prefix: Prefix,
    dir: ServerDir,
    lease: PortLease,
    args: Vec<String>,
    process: Option<Process>,
}

impl Server {
    /// What to change before starting: arguments, server id, performance schema.
    pub fn builder(flavour: Flavour) -> Builder {
        Builder::new(flavour)
    }

    /// Starts a server as the builder makes it by default.
    ///
    /// # Errors
    /// If the programs cannot be had, or the server does not start; then with its error log's end.
    pub fn start_new(flavour: Flavour) -> Result<Self> {
        Self::builder(flavour).start()
    }

    /// Starts the server again after [`kill`](Self::kill) or [`stop`](Self::stop), on the same
    /// port and data.
    ///
    /// # Errors
    /// If it runs, or does not come up.
    pub fn start(&mut self) -> Result<()> {
        if self.process.is_some() {
            bail!("server {} already runs", self.port());
        }
        let process = Process::spawn(&self.prefix, self.dir.path(), &self.args)?;
        self.process = Some(process);
        let outcome = self.wait_until_ready();
        if outcome.is_err() {
            self.process = None;
        }
        outcome
    }

    /// Ends the server as a crash would: `SIGKILL`. Does nothing if it does not run.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => process.kill(),
            None => Ok(()),
        }
    }

    /// Shuts the server down cleanly. Does nothing if it does not run.
    ///
    /// # Errors
    /// If it does not end within two minutes.
    pub fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => process.terminate(STOP_TIMEOUT),
            None => Ok(()),
        }
    }

    /// A clean stop and a start with the same arguments.
    ///
    /// # Errors
    /// As [`stop`](Self::stop) and [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start()
    }

    /// A clean stop and a start with other arguments in place of the builder's.
    ///
    /// # Errors
    /// As [`stop`](Self::stop) and [`start`](Self::start).
    pub fn restart_with<S: Into<String>>(
        &mut self,
        args: impl IntoIterator<Item = S>,
    ) -> Result<()> {
        self.stop()?;
        self.args = args.into_iter().map(Into::into).collect();
        self.start()
    }

    /// A clean stop and a start with further arguments, which win over those before.
    ///
    /// # Errors
    /// As [`stop`](Self::stop) and [`start`](Self::start).
    pub fn restart_adding<S: Into<String>>(
        &mut self,
        args: impl IntoIterator<Item = S>,
    ) -> Result<()> {
        self.stop()?;
        self.args.extend(args.into_iter().map(Into::into));
        self.start()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if greets(&self.socket()) {
                return Ok(());
            }
            if let Some(process) = &mut self.process
                && let Some(status) = process.exited()?
            {
                bail!("server did not start ({status}):\n{}", self.error_log_tail(20));
            }
            if Instant::now() > deadline {
                bail!("server not ready after {START_TIMEOUT:?}:\n{}", self.error_log_tail(20));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The product and series.
    pub fn flavour(&self) -> Flavour {
        self.prefix.flavour()
    }

    /// The programs it was started from.
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// The TCP port on 127.0.0.1. It stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.lease.port()
    }

    /// Where and as whom to connect over TCP.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::local(self.port())
    }

    /// The unix socket's path, shorter than 100 bytes.
    pub fn socket(&self) -> PathBuf {
        self.file(config::SOCKET)
    }

    /// The data directory, in which also the binlog files lie.
    pub fn datadir(&self) -> PathBuf {
        self.file(config::DATA)
    }

    /// A directory that the server may read and write files in (`secure_file_priv`).
    pub fn tmpdir(&self) -> PathBuf {
        self.file(config::TMP)
    }

    /// The server's process id, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// The last `lines` lines of the error log.
    pub fn error_log_tail(&self, lines: usize) -> String {
        let bytes = fs::read(self.error_log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// The error log's path.
    pub fn error_log(&self) -> PathBuf {
        self.file(config::ERROR_LOG)
    }

    /// A file of this server's own directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The binlog files in the order of the server's own index file, oldest first.
    ///
    /// # Errors
    /// If there is no index, as with the binlog off.
    pub fn binlog_files(&self) -> Result<Vec<PathBuf>> {
        let data = self.datadir();
        let index = data.join(config::BINLOG_INDEX);
        let text =
            fs::read_to_string(&index).with_context(|| format!("read {}", index.display()))?;
        Ok(text.lines().map(|line| data.join(line.trim_start_matches("./"))).collect())
    }

    /// The interactive client, connecting as `root` through the socket.
    pub fn client(&self) -> Command {
        let mut command = self.prefix.mysql();
        command
            .arg("--user=root")
            .arg(format!("--socket={}", self.socket().display()))
            .arg("--max-allowed-packet=1G")
            .arg("--default-character-set=utf8mb4");
        if self.flavour().client_flavour().is_mariadb() {
            command.arg("--skip-ssl");
        }
        command
    }

    /// The binlog tool for local files: add their paths.
    pub fn mysqlbinlog(&self) -> Command {
        self.prefix.mysqlbinlog()
    }

    /// The binlog tool reading from this server over TCP: add file names.
    pub fn mysqlbinlog_remote(&self) -> Command {
        self.prefix.mysqlbinlog_from(&self.endpoint())
    }

    /// Waits until `condition` of this server is true, at most `timeout`.
    ///
    /// # Errors
    /// When time is up, with the end of the error log.
    pub fn wait_for(
        &self,
        what: &str,
        timeout: Duration,
        mut condition: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<()> {
        wait_until(what, timeout, || condition(self)).with_context(|| {
            format!("server on port {}, whose log ends:\n{}", self.port(), self.error_log_tail(10))
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A failure leaves the watchdog, which tries again when this process ends.
        let _ = self.kill();
    }
}

/// Whether a server accepts connections on this socket and greets with protocol version 10.
/// It creates the socket before it is ready, but greets only then.
pub(crate) fn greets(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    let mut start = [0; 5];
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.read_exact(&mut start).is_ok()
        && start[4] == 10
}

/// A server's directory: removed with it, unless the user wants to look at it.
#[derive(Debug)]
struct ServerDir(Option<TempDir>);

impl ServerDir {
    /// Makes a directory whose path is short enough for a socket in it.
    fn new() -> Result<Self> {
        let mut base = env::temp_dir();
        if base.as_os_str().len() > 60 {
            base = PathBuf::from("/tmp");
        }
        let dir = tempfile::Builder::new()
            .prefix(crate::watchdog::DIRECTORY_PREFIX)
            .tempdir_in(&base)
            .with_context(|| format!("make a directory in {}", base.display()))?;
        Ok(Self(Some(dir)))
    }

    fn path(&self) -> &Path {
        self.0.as_ref().map_or(Path::new(""), TempDir::path)
    }
}

impl Drop for ServerDir {
    fn drop(&mut self) {
        if let Some(dir) = self.0.take()
            && env::var_os(KEEP_VARIABLE).is_some()
        {
            crate::testbed::say(&format!("kept {}", dir.path().display()));
            drop(dir.keep());
        }
    }
}
