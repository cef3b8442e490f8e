//! Which primary is followed, and whether it is at all: what `START REPLICA`, `STOP REPLICA` and `CHANGE
//! REPLICATION SOURCE TO` decide.
//!
//! Stopping holds until a start, of the stream or of binlogd. A change holds for good: it is kept in
//! `source.toml` in the stream's folder, for as long as the configured upstreams are the ones that it
//! changed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use binlogd_client::{ConnectOptions, SslMode};
use tokio::sync::{Notify, watch};

use super::source_file::{self, SourceFile};
use crate::config::StreamConfig;
use crate::downstream::{Obeyed, OrderError, SourceChange};

/// How long stopping may take until whoever asked is told to look again.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// The way to the primary, as administrators want it.
#[derive(Debug)]
pub(crate) struct Control {
    /// Whether the primary should be followed.
    wanted: watch::Sender<bool>,
    /// Whether a follower is at it.
    active: watch::Sender<bool>,
    /// Ends the wait before the next try.
    hurry: Notify,
    /// What the configuration says.
    configured: Arc<[ConnectOptions]>,
    /// What holds.
    sources: RwLock<Arc<[ConnectOptions]>>,
    changes: Mutex<Changes>,
}

/// What differs from the configuration.
#[derive(Debug, Default)]
struct Changes {
    change: SourceChange,
    /// Where it is kept; `None` where nothing is.
    path: Option<PathBuf>,
    /// The configured upstreams that it changes.
    of: Vec<String>,
}

impl Control {
    pub(super) fn new(configured: Vec<ConnectOptions>) -> Self {
        let configured: Arc<[ConnectOptions]> = configured.into();
        Self {
            wanted: watch::Sender::new(true),
            active: watch::Sender::new(false),
            hurry: Notify::new(),
            sources: RwLock::new(configured.clone()),
            configured,
            changes: Mutex::default(),
        }
    }

    /// Keeps changes in `dir`, and applies those that are kept there.
    ///
    /// # Errors
    /// The file cannot be read, or what it says cannot be: then somebody must look.
    pub(super) fn keep_in(&self, dir: &Path, config: &StreamConfig) -> Result<(), String> {
        let path = dir.join(source_file::NAME);
        let of: Vec<String> = config.upstreams.iter().map(|u| u.url.to_string()).collect();
        let kept = source_file::load(&path)?;
        let mut changes = self.changes();
        changes.path = Some(path.clone());
        changes.of.clone_from(&of);
        let Some(kept) = kept else { return Ok(()) };
        if kept.of != of {
            tracing::warn!(
                file = %path.display(),
                "the configured upstream is another one than CHANGE REPLICATION SOURCE changed: \
                 the configuration holds, the change is forgotten"
            );
            return source_file::remove(&path);
        }
        let sources = apply(&self.configured, &kept.change)
            .map_err(|what| format!("{}: {what}", path.display()))?;
        tracing::warn!(
            file = %path.display(), upstream = %listed(&sources),
            "following what CHANGE REPLICATION SOURCE said, not the configuration; RESET REPLICA ALL \
             goes back"
        );
        changes.change = kept.change;
        self.set_sources(sources);
        Ok(())
    }

    /// The servers to follow, the first of them first.
    pub(crate) fn sources(&self) -> Arc<[ConnectOptions]> {
        self.sources.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn is_wanted(&self) -> bool {
        *self.wanted.borrow()
    }

    /// Waits until following is wanted, or not. Cancel safe.
    pub(crate) async fn until_wanted(&self, wanted: bool) {
        // It cannot fail: the sender is here.
        let _ = self.wanted.subscribe().wait_for(|now| *now == wanted).await;
    }

    /// Waits until somebody asks for the next try now. Cancel safe.
    pub(crate) async fn until_hurried(&self) {
        self.hurry.notified().await;
    }

    /// The follower says whether it is at it.
    pub(crate) fn set_active(&self, active: bool) {
        self.active.send_replace(active);
    }

    pub(super) fn start(&self) -> Obeyed {
        if self.wanted.send_replace(true) { Obeyed::Already } else { Obeyed::Done }
    }

    /// Has the primary tried at once: somebody has removed what was in the way.
    pub(super) fn try_now(&self) -> Obeyed {
        self.wanted.send_replace(true);
        self.hurry.notify_one();
        Obeyed::Done
    }

    /// Stops and waits until nothing comes any more.
    pub(super) fn stop(&self) -> Result<Obeyed, OrderError> {
        if !self.wanted.send_replace(false) && !*self.active.borrow() {
            return Ok(Obeyed::Already);
        }
        let mut active = self.active.subscribe();
        let stopped = async { tokio::time::timeout(STOP_PATIENCE, active.wait_for(|a| !a)).await };
        let waited = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(stopped).is_ok()
        });
        if waited { Ok(Obeyed::Done) } else { Err(OrderError::Busy) }
    }

    /// Follows others, or in another way, from the next start on.
    pub(super) fn change(&self, change: SourceChange) -> Result<Obeyed, OrderError> {
        let mut changes = self.changes();
        let merged = changes.change.clone().then(change);
        let sources = apply(&self.configured, &merged).map_err(OrderError::Invalid)?;
        if self.is_running() {
            return Err(OrderError::Running);
        }
        if let Some(path) = &changes.path {
            let file = SourceFile { of: changes.of.clone(), change: merged.clone() };
            source_file::save(path, &file).map_err(OrderError::NotKept)?;
        }
        changes.change = merged;
        self.set_sources(sources);
        Ok(Obeyed::Done)
    }

    /// Follows what the configuration says.
    pub(super) fn reset(&self) -> Result<Obeyed, OrderError> {
        let mut changes = self.changes();
        if self.is_running() {
            return Err(OrderError::Running);
        }
        if let Some(path) = &changes.path {
            source_file::remove(path).map_err(OrderError::NotKept)?;
        }
        changes.change = SourceChange::default();
        self.set_sources(self.configured.to_vec());
        Ok(Obeyed::Done)
    }

    fn is_running(&self) -> bool {
        self.is_wanted() || *self.active.borrow()
    }

    fn set_sources(&self, sources: Vec<ConnectOptions>) {
        *self.sources.write().unwrap_or_else(PoisonError::into_inner) = sources.into();
    }

    fn changes(&self) -> std::sync::MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listed(sources: &[ConnectOptions]) -> String {
    sources.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The configured sources as the change has them: one that names a server is about that one alone.
fn apply(
    configured: &[ConnectOptions],
    change: &SourceChange,
) -> Result<Vec<ConnectOptions>, String> {
    let names_a_server = change.host.is_some() || change.port.is_some();
    let kept = if names_a_server { configured.get(..1).unwrap_or_default() } else { configured };
    kept.iter().map(|options| apply_to(options.clone(), change)).collect()
}

fn apply_to(mut options: ConnectOptions, change: &SourceChange) -> Result<ConnectOptions, String> {
    if let Some(host) = &change.host {
        if host.is_empty() {
            return Err("SOURCE_HOST is empty".into());
        }
        options = options.host(host.as_str());
    }
    if let Some(port) = change.port {
        if port == 0 {
            return Err("SOURCE_PORT is 0".into());
        }
        if options.socket_path().is_some() && change.host.is_none() {
            return Err("the upstream is a unix socket: give SOURCE_HOST too".into());
        }
        options = options.port(port);
    }
    if let Some(user) = &change.user {
        options = options.user(user.as_str());
    }
    if let Some(password) = &change.password {
        options = options.password(password.expose());
    }
    let path = |path: &Option<String>| path.clone().filter(|path| !path.is_empty());
    if let Some(ca) = path(&change.ssl_ca) {
        options = options.ssl_ca(ca);
    }
    match (path(&change.ssl_cert), path(&change.ssl_key)) {
        (Some(cert), Some(key)) => options = options.ssl_cert_and_key(cert, key),
        (None, None) => {}
        _ => return Err("SOURCE_SSL_CERT and SOURCE_SSL_KEY belong together".into()),
    }
    let mode = match (change.ssl, change.ssl_verify) {
        (Some(false), _) => Some(SslMode::Disabled),
        (_, Some(true)) => Some(SslMode::VerifyIdentity),
        (Some(true), _) if path(&change.ssl_ca).is_some() => Some(SslMode::VerifyCa),
        (Some(true), _) => Some(SslMode::Required),
        (None, _) => None,
    };
    if let Some(mode) = mode {
        options = options.ssl_mode(mode);
    }
    if let Some(fetch) = change.fetch_public_key {
        options = options.fetch_public_key(fetch);
    }
    if let Some(path) = path(&change.public_key_path) {
        options = options.public_key_path(path);
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control() -> Control {
        let options = |host: &str| ConnectOptions::new(host).user("repl").password("pw");
        Control::new(vec![options("a"), options("b")])
    }

    fn change(host: Option<&str>, user: Option<&str>) -> SourceChange {
        let text = |text: Option<&str>| text.map(str::to_owned);
        SourceChange { host: text(host), user: text(user), ..SourceChange::default() }
    }

    fn shown(control: &Control) -> String {
        listed(&control.sources())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn changes_add_up_and_a_named_server_is_the_only_one() {
        let control = control();
        assert_eq!(control.change(change(None, Some("x"))), Err(OrderError::Running));
        assert_eq!(control.stop(), Ok(Obeyed::Done));
        assert_eq!(control.stop(), Ok(Obeyed::Already));
        control.change(change(None, Some("x"))).unwrap();
        assert_eq!(shown(&control), "x@a:3306, x@b:3306");
        control.change(change(Some("c"), None)).unwrap();
        assert_eq!(shown(&control), "x@c:3306");
        assert_eq!(control.sources()[0].user_password().expose(), "pw", "as it was");
        control.reset().unwrap();
        assert_eq!(shown(&control), "repl@a:3306, repl@b:3306");
        assert_eq!(control.start(), Obeyed::Done);
        assert_eq!(control.start(), Obeyed::Already);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_outlives_the_process_but_not_the_configuration_that_it_changed() {
        let dir = tempfile::tempdir().unwrap();
        let config = |upstream: &str| {
            let path = dir.path().join("binlogd.toml");
            let text = format!(
                "data_dir = 'data'\n[[stream]]\nname = 's'\nupstream = 'mysql://u:hidden@{upstream}'\n"
            );
            std::fs::write(&path, text).unwrap();
            crate::config::Config::load(&path).unwrap().streams.remove(0)
        };
        let first = control();
        first.keep_in(dir.path(), &config("a")).unwrap();
        first.stop().unwrap();
        first.change(change(Some("c"), None)).unwrap();
        let secret = SourceChange {
            password: Some(crate::config::Secret::new("p\"w")),
            ..SourceChange::default()
        };
        first.change(secret).unwrap();
        let path = dir.path().join(source_file::NAME);
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o600, "it holds a password");
        assert!(!std::fs::read_to_string(&path).unwrap().contains("hidden"));

        let second = control();
        second.keep_in(dir.path(), &config("a")).unwrap();
        assert_eq!(shown(&second), "repl@c:3306");
        assert_eq!(second.sources()[0].user_password().expose(), "p\"w");

        let third = control();
        third.keep_in(dir.path(), &config("other")).unwrap();
        assert_eq!(shown(&third), "repl@a:3306, repl@b:3306");
        assert!(!path.exists(), "what no longer holds does not come back");

        std::fs::write(&path, "nonsense").unwrap();
        let error = control().keep_in(dir.path(), &config("a")).unwrap_err();
        assert!(error.contains("source.toml"), "{error}");
    }
}
