//! A `binlogd serve` process under test: the real binary on a directory and port of its own.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::ports::PortLease;
use crate::torn::whole_transactions_end;
use crate::watchdog::{DIRECTORY_PREFIX, Watchdog};
use crate::{Endpoint, Prefix, Server, SourceSpec, wait_until};

/// The account that readers of a test's binlogd use.
pub const USER: &str = "app";
/// Its password.
pub const PASSWORD: &str = "secret";

/// The name of the one stream of a binlogd that is set up by flags.
const STREAM: &str = "default";

/// How long starting and stopping may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A binlogd, killed and removed when dropped.
#[derive(Debug)]
pub struct Daemon {
    binary: PathBuf,
    args: Vec<String>,
    dir: TempDir,
    data_dir: PathBuf,
    lease: PortLease,
    /// The configuration file that says what flags say otherwise.
    config: Option<PathBuf>,
    /// The data directory is a file system of its own, with so many MiB, so many of them taken.
    small_disk: Option<(u32, u32)>,
    /// Where stderr goes, if not into the log.
    stderr: Option<OwnedFd>,
    env: Vec<(String, String)>,
    /// What a shell does before it becomes the process.
    shell: Option<String>,
    child: Option<Child>,
    watchdog: Option<Watchdog>,
    /// Whether a bad line in its log fails the test.
    checks_log: bool,
}

/// Mounts a small file system on `$0`, in a namespace of its own, and runs the rest there.
const ON_SMALL_DISK: &str = "mkdir -p \"$0\" && mount -t tmpfs -o size=\"$1\"m tmpfs \"$0\" && \
     head -c \"$2\"M /dev/zero >\"$0/filler\" && shift 2 && exec \"$@\"";

impl Daemon {
    /// A binlogd of this binary that will follow `upstream`, not started yet.
    ///
    /// # Errors
    /// If there is no directory or port to be had.
    pub fn new(binary: impl Into<PathBuf>, upstream: &Endpoint) -> Result<Self> {
        let dir = TempDir::with_prefix(DIRECTORY_PREFIX).context("make a directory")?;
        let lease = PortLease::take()?;
        let Endpoint { host, port, user, password } = upstream;
        let args = vec![
            format!("--upstream=mysql://{user}:{password}@{host}:{port}"),
            format!("--listen=127.0.0.1:{}", lease.port()),
            format!("--listen=unix:{}", dir.path().join("sock").display()),
            format!("--user={USER}:{PASSWORD}"),
        ];
        let data_dir = dir.path().join("data");
        Ok(Self {
            binary: binary.into(),
            args,
            dir,
            data_dir,
            lease,
            config: None,
            small_disk: None,
            stderr: None,
            env: Vec::new(),
            shell: None,
            child: None,
            watchdog: None,
            checks_log: true,
        })
    }

    /// Accepts any line in the log: the binary may be of an older version, as benchmarks compare them.
    #[must_use]
    pub const fn of_any_version(mut self) -> Self {
        self.checks_log = false;
        self
    }

    /// Runs it by a configuration file that says the same, but makes [`USER`] an administrator, and
    /// ends with `more`. Flags that are added later count for nothing.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn configured(mut self, more: &str) -> Result<Self> {
        let values = |flag: &str| {
            let values = self.args.iter().filter_map(move |arg| arg.strip_prefix(flag));
            values.map(|value| format!("'{value}'")).collect::<Vec<_>>()
        };
        let upstreams = values("--upstream=");
        let (upstream, standbys) = upstreams.split_first().context("no upstream")?;
        let text = format!(
            "data_dir = '{}'\n[[stream]]\nname = '{STREAM}'\nupstream = {upstream}\n\
             standby_upstreams = [{}]\nlisten = [{}]\n\
             [[stream.user]]\nname = '{USER}'\npassword = '{PASSWORD}'\n\
             rights = ['replicate', 'admin']\n{more}\n",
            self.data_dir.display(),
            standbys.join(", "),
            values("--listen=").join(", "),
        );
        let path = self.dir.path().join("binlogd.toml");
        fs::write(&path, text)?;
        self.config = Some(path);
        Ok(self)
    }

    /// Adds a flag.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives it another stderr for its next start; [`Daemon::log`] stays empty then.
    #[must_use]
    pub fn stderr(mut self, stderr: impl Into<OwnedFd>) -> Self {
        self.stderr = Some(stderr.into());
        self
    }

    /// Keeps the data elsewhere.
    #[must_use]
    pub fn data_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.data_dir = dir.into();
        self
    }

    /// Gives it a file system of `mib` MiB for its data, of which `filled_mib` are taken until
    /// [`Daemon::free_disk`]. What is on it is gone with the process.
    #[must_use]
    pub fn small_disk(mut self, mib: u32, filled_mib: u32) -> Self {
        self.small_disk = Some((mib, filled_mib));
        self
    }

    /// Lets a shell do this before it becomes the process: set limits, or a umask.
    #[must_use]
    pub fn after_shell(mut self, commands: &str) -> Self {
        self.let_shell(Some(commands.to_owned()));
        self
    }

    /// The same from the next start on; `None` for nothing any more.
    pub fn let_shell(&mut self, commands: Option<String>) {
        self.shell = commands;
    }

    /// Frees what [`Daemon::small_disk`] has filled.
    ///
    /// # Errors
    /// If it does not run.
    pub fn free_disk(&self) -> Result<()> {
        Ok(fs::remove_file(self.own_view(&self.data_dir)?.join("filler"))?)
    }

    /// A path as the process sees it, which may have a file system of its own.
    fn own_view(&self, path: &Path) -> Result<PathBuf> {
        let pid = self.pid().context("binlogd does not run")?;
        Ok(PathBuf::from(format!("/proc/{pid}/root{}", path.display())))
    }

    /// Replaces the upstream's URL.
    #[must_use]
    pub fn upstream(mut self, url: &str) -> Self {
        self.args.retain(|arg| !arg.starts_with("--upstream="));
        self.args.push(format!("--upstream={url}"));
        self
    }

    /// Starts it and waits until readers can connect.
    ///
    /// # Errors
    /// If it ends instead, with what it logged.
    pub fn started(mut self) -> Result<Self> {
        self.start()?;
        Ok(self)
    }

    /// Starts it (again) and waits until readers can connect.
    ///
    /// # Errors
    /// If it ends instead, with what it logged.
    pub fn start(&mut self) -> Result<()> {
        self.spawn()?;
        let socket = self.socket();
        let waited = wait_until("binlogd greets", PATIENCE, || {
            if let Some(status) = self.exited()? {
                bail!("binlogd ended with {status}");
            }
            Ok(crate::server::greets(&socket))
        });
        waited.with_context(|| self.log())
    }

    /// Starts it without waiting for anything.
    ///
    /// # Errors
    /// If the system cannot.
    pub fn spawn(&mut self) -> Result<()> {
        if self.child.is_some() {
            bail!("binlogd runs already");
        }
        let log = File::options().create(true).append(true).open(self.log_path())?;
        let stdout = log.try_clone()?;
        let mut command = Command::new(&self.binary);
        if let Some((mib, filled_mib)) = self.small_disk {
            command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--mount", "sh", "-c", ON_SMALL_DISK]);
            command.arg(&self.data_dir).args([mib.to_string(), filled_mib.to_string()]);
            command.arg(&self.binary);
        }
        if let Some(commands) = &self.shell {
            command = Command::new("sh");
            command.args(["-c", &format!("{commands}; exec \"$0\" \"$@\"")]).arg(&self.binary);
        }
        let (mark, args) = match &self.config {
            Some(path) => (format!("--config={}", path.display()), Vec::new()),
            None => (format!("--data-dir={}", self.data_dir.display()), self.args.clone()),
        };
        let stderr = self.stderr.take().map_or_else(|| Stdio::from(log), Stdio::from);
        let child = command
            .arg("serve")
            .arg(&mark)
            .args(args)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", self.binary.display()))?;
        let child = self.child.insert(child);
        self.watchdog = Some(Watchdog::over(child, &mark, self.dir.path())?);
        Ok(())
    }

    /// Starts it, waits until it ends by itself, and says how, with its log.
    ///
    /// # Errors
    /// If it goes on running.
    pub fn run_to_end(&mut self) -> Result<(ExitStatus, String)> {
        self.spawn()?;
        let mut status = None;
        wait_until("binlogd ends", PATIENCE, || {
            status = self.exited()?;
            Ok(status.is_some())
        })
        .with_context(|| self.log())?;
        status.map(|status| (status, self.log())).context("no status")
    }

    /// Ends it with SIGKILL.
    ///
    /// # Errors
    /// If the system cannot.
    pub fn kill(&mut self) -> Result<()> {
        self.watchdog = None;
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Ends it with SIGTERM.
    ///
    /// # Errors
    /// If it does not end in time, or not with success.
    pub fn stop(&mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let mut status = None;
        wait_until("binlogd stops", PATIENCE, || {
            status = self.exited()?;
            Ok(status.is_some())
        })
        .with_context(|| self.log())?;
        match status {
            Some(status) if status.success() => Ok(()),
            other => bail!("binlogd ended with {other:?}:\n{}", self.log()),
        }
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If it does not run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        Ok(kill_process(pid.context("binlogd does not run")?, signal)?)
    }

    /// The process's id.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// If the system cannot tell.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let status = child.try_wait()?;
        if status.is_some() {
            (self.child, self.watchdog) = (None, None);
        }
        Ok(status)
    }

    /// Where readers connect.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            host: "127.0.0.1".into(),
            port: self.lease.port(),
            user: USER.into(),
            password: PASSWORD.into(),
        }
    }

    /// What a replica is told to replicate from it, by GTID.
    pub fn as_source(&self) -> SourceSpec {
        SourceSpec { endpoint: self.endpoint(), ..SourceSpec::local(0) }
    }

    /// Where readers of this machine connect.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    /// All that it logged, over all starts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The file that it logs to.
    pub fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// The folder of its stream.
    pub fn stream_dir(&self) -> PathBuf {
        self.data_dir.join(STREAM)
    }

    /// The folder of the files of a source server.
    ///
    /// # Errors
    /// If the source does not answer.
    pub fn timeline_dir(&self, source: &Server) -> Result<PathBuf> {
        let dir = self.stream_dir().join(format!("0001-{}", source_name(source)?));
        if self.small_disk.is_some() { self.own_view(&dir) } else { Ok(dir) }
    }

    /// What a statement answers, asked by a real client: rows as lines, columns split by tabs.
    ///
    /// # Errors
    /// What the client says.
    pub fn sql(&self, prefix: &Prefix, statement: &str) -> Result<String> {
        let mut client = prefix.mysql_to(&self.endpoint());
        client.args(["--skip-column-names", "--batch", "--execute", statement]);
        let out = client.output().context("run the client")?;
        if !out.status.success() {
            bail!("{}", String::from_utf8_lossy(&out.stderr).trim());
        }
        Ok(String::from_utf8(out.stdout)?.trim_end().to_owned())
    }

    /// A status variable, empty if there is none of that name.
    ///
    /// # Errors
    /// What the client says.
    pub fn status_var(&self, prefix: &Prefix, name: &str) -> Result<String> {
        let row = self.sql(prefix, &format!("show status like '{name}'"))?;
        Ok(row.split_once('\t').map(|(_, value)| value.to_owned()).unwrap_or_default())
    }

    /// Waits until everything that `source` has written by now is durable here, and it writes no more by
    /// itself.
    ///
    /// # Errors
    /// When time is up.
    pub fn wait_for_all_of(&self, source: &Server, timeout: Duration) -> Result<()> {
        source.wait_for_checkpoint(timeout)?;
        let (file, position) = source.binlog_end()?;
        let name = file.clone();
        wait_until(&format!("{file} durable up to {position}"), timeout, || {
            let status = self.sql(source.prefix(), "show binary log status")?;
            let mut columns = status.split('\t');
            let (Some(file), Some(at)) = (columns.next(), columns.next()) else { return Ok(false) };
            // Where names repeat, the timeline's number is in front.
            let file = file.rsplit('@').next().unwrap_or(file);
            Ok((file, at.parse::<u64>()?) >= (name.as_str(), position))
        })
        .with_context(|| self.log())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Nothing can be done about a process that cannot be killed.
        let _ = self.kill();
        self.dir.disable_cleanup(std::env::var_os(crate::server::KEEP_VARIABLE).is_some());
        // A test that fails already has something better to show.
        if self.checks_log && !std::thread::panicking() {
            let log = self.log();
            let bad = log.lines().find(|line| is_bad(line));
            assert!(bad.is_none(), "binlogd logged {}\n{log}", bad.unwrap_or_default());
        }
    }
}

/// Whether a line is one that binlogd must never log: of a panic, of Rust's debug output, or with the stream
/// named twice.
fn is_bad(line: &str) -> bool {
    const NEVER: [&str; 4] = ["panicked at", "Some(", "SystemTime {", "Instant {"];
    let streams = line.matches("{stream=").count() + line.matches(" stream=").count();
    NEVER.iter().any(|never| line.contains(never)) || streams > 1
}

/// What a source server is called in the name of its timeline's folder.
///
/// # Errors
/// If it does not answer.
pub fn source_name(source: &Server) -> Result<String> {
    if source.flavour().is_mariadb() {
        Ok(format!("server-{}", source.sql("select @@server_id")?))
    } else {
        source.sql("select @@server_uuid")
    }
}

/// The binlog files in a folder of the store, in order. What stands beside them, and comes and goes
/// while binlogd runs, is left out: indexes, lists, and files that are being written anew.
///
/// # Errors
/// If the folder cannot be read.
pub fn stored_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let is_number = |end: &OsStr| end.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    files.retain(|path| path.extension().is_some_and(is_number));
    files.sort();
    Ok(files)
}

/// Compares every file of `source` with its copy in `dir`: closed files byte for byte, the active
/// one up to where the copy ends and but for the in-use flag, which no source sends. MariaDB leaves it
/// in a file that it crashed in, and maybe a part of a transaction at the end, which is in no copy.
/// Returns how many files there were.
///
/// # Errors
/// At the first difference, with file and offset.
pub fn compare_files(source: &Server, dir: &Path) -> Result<usize> {
    let files = source.binlog_files()?;
    for (index, path) in files.iter().enumerate() {
        let name = path.file_name().context("a file without a name")?;
        let copy = dir.join(name);
        let is_active = index + 1 == files.len();
        let may_be_in_use = is_active || source.flavour().is_mariadb();
        let crashed = !is_active && source.flavour().is_mariadb() && is_in_use(path)?;
        let end = crashed.then(|| whole_transactions_end(path)).transpose()?;
        compare_file(path, &copy, is_active, may_be_in_use, end)
            .with_context(|| copy.display().to_string())?;
    }
    Ok(files.len())
}

const IN_USE_BYTE: usize = 4 + 17;

/// Whether nobody has ended this file.
fn is_in_use(path: &Path) -> Result<bool> {
    let mut byte = [0];
    File::open(path)?.read_exact_at(&mut byte, IN_USE_BYTE as u64)?;
    Ok(byte[0] & 1 != 0)
}

/// Compares a file, or its bytes up to `end`, with its copy, which may be shorter while the file is
/// active.
fn compare_file(
    file: &Path,
    copy: &Path,
    is_active: bool,
    may_be_in_use: bool,
    end: Option<u64>,
) -> Result<()> {
    let (theirs, ours) = (File::open(file)?, File::open(copy)?);
    let their_len = end.map_or_else(|| theirs.metadata().map(|data| data.len()), Ok)?;
    let our_len = ours.metadata()?.len();
    if our_len > their_len || (!is_active && our_len != their_len) {
        bail!("{our_len} bytes, the source has {their_len}");
    }
    let (mut their_chunk, mut our_chunk) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut offset = 0;
    while offset < our_len {
        let len = usize::try_from(our_len - offset).map_or(1 << 20, |left| left.min(1 << 20));
        theirs.read_exact_at(&mut their_chunk[..len], offset)?;
        ours.read_exact_at(&mut our_chunk[..len], offset)?;
        if offset == 0 && may_be_in_use && len > IN_USE_BYTE {
            their_chunk[IN_USE_BYTE] &= !1;
            our_chunk[IN_USE_BYTE] &= !1;
        }
        if our_chunk[..len] != their_chunk[..len] {
            let at = our_chunk.iter().zip(&their_chunk).position(|(ours, theirs)| ours != theirs);
            bail!("it differs at byte {}", offset + at.unwrap_or(0) as u64);
        }
        offset += len as u64;
    }
    Ok(())
}
