//! `binlogd serve`: run the daemon.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use binlogd_server::config::{Config, RetentionFlags, SingleStream, TlsIdentity};
use binlogd_server::daemon;
use clap::ValueHint;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::misuse::misuse;

/// Run the daemon: follow primaries, keep their binlogs, serve replicas.
///
/// One stream is set up by flags, several by a configuration file.
#[derive(Debug, clap::Args)]
#[command(after_long_help = crate::help::lay_out(EXAMPLES))]
pub(crate) struct Args {
    /// A TOML file that says everything; see docs/binlogd.example.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["data_dir", "listen"])]
    config: Option<PathBuf>,

    /// Where binlog files are kept
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, required_unless_present = "config")]
    data_dir: Option<PathBuf>,

    /// The primary: mysql://USER[:PASSWORD]@HOST[:PORT]/[?ssl-mode=…&ssl-ca=…]. Given several
    /// times, the one that can be written to is followed, and the others when it moves
    #[arg(
        long,
        value_name = "URL",
        env = "BINLOGD_UPSTREAM",
        hide_env_values = true,
        required_unless_present = "config"
    )]
    upstream: Vec<String>,

    /// A file with the primary's password, instead of one in the URL, which ps shows
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "config")]
    upstream_password_file: Option<PathBuf>,

    /// When transactions are stored that the primary lacks: stop and say so, or follow its history
    /// on a new timeline
    #[arg(long, value_name = "HOW", value_parser = ["halt", "new-timeline"], conflicts_with = "config")]
    on_fork: Option<String>,

    /// Where replicas connect to: HOST:PORT or unix:/PATH. May be given several times
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,

    /// Who may connect and read: NAME:PASSWORD. May be given several times
    #[arg(long, value_name = "NAME:PASSWORD", env = "BINLOGD_USER", hide_env_values = true)]
    user: Vec<String>,

    /// The same, and may administer: PURGE, KILL, STOP REPLICA, … May be given several times
    #[arg(long, value_name = "NAME:PASSWORD", env = "BINLOGD_ADMIN", hide_env_values = true)]
    admin: Vec<String>,

    /// Acknowledge commits: always, never, or if the primary offers it
    #[arg(long, value_name = "WHEN", value_parser = ["on", "off", "auto"], conflicts_with = "config")]
    semi_sync: Option<String>,

    /// Where to begin when nothing is stored yet: earliest, current, a file (and :position), or the
    /// GTIDs that are not needed
    #[arg(long, value_name = "PLACE", conflicts_with = "config")]
    start: Option<String>,

    /// Remove files whose last bytes came longer ago, such as 30d; all are kept if not given
    #[arg(long, value_name = "AGE", conflicts_with = "config")]
    retention_max_age: Option<String>,

    /// Remove the oldest files while there are more bytes, such as 500GiB
    #[arg(long, value_name = "SIZE", conflicts_with = "config")]
    retention_max_bytes: Option<String>,

    /// How long readers can keep a file that should go; 1h if not given
    #[arg(long, value_name = "TIME", conflicts_with = "config")]
    retention_reader_hold_max: Option<String>,

    /// The server id to register with; chosen and kept if not given
    #[arg(long, value_name = "ID", conflicts_with = "config")]
    server_id: Option<u32>,

    /// The certificate that replicas see (PEM); without one binlogd makes its own
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "config")]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert", conflicts_with = "config")]
    tls_key: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  Follow a primary, acknowledge its commits, and let replicas connect to port 3307:
    binlogd serve --data-dir /var/lib/binlogd --upstream mysql://repl:pw@10.0.0.1:3306 \\
        --listen 0.0.0.0:3307 --user app:pw

  The same without passwords on the command line:
    BINLOGD_USER=app:pw binlogd serve --data-dir /var/lib/binlogd \\
        --upstream mysql://repl@10.0.0.1:3306 --upstream-password-file /etc/binlogd/repl.pw \\
        --listen 0.0.0.0:3307

  With an account that may also purge files, end connections and move the upstream:
    binlogd serve … --user app:pw --admin dba:pw2

  A primary and the replica that would take its place:
    binlogd serve --data-dir /var/lib/binlogd --upstream mysql://repl:pw@10.0.0.1 \\
        --upstream mysql://repl:pw@10.0.0.2 --listen 0.0.0.0:3307 --user app:pw

  Several primaries:
    binlogd serve --config /etc/binlogd.toml

Then, on a replica:
    CHANGE REPLICATION SOURCE TO SOURCE_HOST='binlogd', SOURCE_PORT=3307, SOURCE_USER='app',
        SOURCE_PASSWORD='pw', SOURCE_SSL=1, SOURCE_AUTO_POSITION=1;
    START REPLICA;

SIGTERM and SIGINT stop it cleanly; SIGHUP, SIGUSR1 and SIGUSR2 change nothing. RUST_LOG sets what is logged, for example RUST_LOG=debug.

Exit codes: 0 it was stopped, 1 it failed, 2 wrong usage.";

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    crate::logging::init();
    let config = config(args)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "binlogd starts");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        stop_on_signals(shutdown.clone())?;
        ignore_other_signals()?;
        daemon::run(config, shutdown).await.map_err(|error| match error.is_configuration() {
            true => misuse(error),
            false => error.into(),
        })?;
        tracing::info!("binlogd has stopped, as it was asked to");
        Ok(())
    })
}

fn config(args: Args) -> anyhow::Result<Config> {
    if let Some(path) = &args.config {
        refuse_beside_config(&args)?;
        return Config::load(path).map_err(misuse);
    }
    let mut upstreams = args.upstream.into_iter();
    let (Some(data_dir), Some(upstream)) = (args.data_dir, upstreams.next()) else {
        return Err(misuse(anyhow!("--data-dir and --upstream are needed, or --config")));
    };
    let tls = args.tls_cert.zip(args.tls_key).map(|(cert, key)| TlsIdentity { cert, key });
    let config = Config::single_stream(SingleStream {
        data_dir,
        upstream,
        standby_upstreams: upstreams.collect(),
        on_fork: args.on_fork,
        password_file: args.upstream_password_file,
        server_id: args.server_id,
        start: args.start,
        semi_sync: args.semi_sync,
        retention: RetentionFlags {
            max_age: args.retention_max_age,
            max_bytes: args.retention_max_bytes,
            reader_hold_max: args.retention_reader_hold_max,
        },
        listen: args.listen,
        users: args.user,
        admins: args.admin,
        tls,
    });
    config.map_err(misuse)
}

/// The flags that the environment can set too: clap would only name the flag, which was not given.
fn refuse_beside_config(args: &Args) -> anyhow::Result<()> {
    for (flag, variable, is_given) in [
        ("--upstream", "BINLOGD_UPSTREAM", !args.upstream.is_empty()),
        ("--user", "BINLOGD_USER", !args.user.is_empty()),
        ("--admin", "BINLOGD_ADMIN", !args.admin.is_empty()),
    ] {
        let is_in_environment = std::env::var_os(variable).is_some();
        match (is_given, is_in_environment) {
            (false, _) => {}
            (true, true) => {
                return Err(misuse(anyhow!(
                    "{variable} is set in the environment (or {flag} is given), which cannot be used \
                     with --config, whose file says everything: run `unset {variable}`"
                )));
            }
            (true, false) => {
                return Err(misuse(anyhow!(
                    "{flag} cannot be used with --config, whose file says everything"
                )));
            }
        }
    }
    Ok(())
}

/// Cancels `shutdown` at the first SIGTERM or SIGINT; a second one ends the process at once.
fn stop_on_signals(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if asked {
                tracing::warn!("{name} again: stopping at once");
                crate::logging::flush();
                std::process::exit(1);
            }
            tracing::info!("{name}: stopping");
            asked = true;
            shutdown.cancel();
        }
    });
    Ok(())
}

/// Logs the signals that would end the process by default, and that others use to reload or to rotate logs.
fn ignore_other_signals() -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
    let mut user1 = signal(SignalKind::user_defined1()).context("cannot wait for SIGUSR1")?;
    let mut user2 = signal(SignalKind::user_defined2()).context("cannot wait for SIGUSR2")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = hangup.recv() => tracing::warn!(
                    "SIGHUP is ignored: reload is not supported yet. Restart binlogd to apply a changed \
                     configuration"
                ),
                _ = user1.recv() => tracing::warn!("SIGUSR1 is ignored: it has no meaning for binlogd"),
                _ = user2.recv() => tracing::warn!("SIGUSR2 is ignored: it has no meaning for binlogd"),
            }
        }
    });
    Ok(())
}
