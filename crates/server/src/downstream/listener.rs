//! The sockets of a stream, and one task for each client that comes.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use binlogd_wire::ErrorCode;
use binlogd_wire::auth::CredentialError;
use binlogd_wire::packet::PacketWriter;
use binlogd_wire::response::ERR;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, info_span, warn};

use super::account::Accounts;
use super::certificate;
use super::dump::DumpService;
use super::error::SqlError;
use super::facts::StreamFacts;
use super::passthrough::Gate;
use super::registry::{Registration, Registry};
use super::server::Server;
use super::service::Service;
use super::session::{self, Peer};
use super::state::Endpoint;
use super::tls::{self, TlsError};
use super::transport::{Plain, Transport};
use crate::config::{Limits, ListenAddr, StreamConfig};

/// How long to wait after a failed accept: most often there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often an accept that keeps failing is logged.
const ACCEPT_FAILURE_EVERY: Duration = Duration::from_secs(60);
/// Clients beyond the limit on connections that get an error at once; others wait in the system's queue.
const TURNED_AWAY_MAX: usize = 8;
/// How long sessions may take to end at a shutdown.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// When a silent TCP peer is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// The permissions of a unix socket: who may connect is decided by password, as MySQL does.
const SOCKET_MODE: u32 = 0o777;

/// Why a stream cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: ListenAddr,
        /// Why.
        source: io::Error,
    },
    /// The certificate cannot be read or made.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// A user's stored hash is none.
    #[error("users: {0}")]
    Credential(#[from] CredentialError),
}

impl ListenError {
    /// Whether a file or hash that the configuration names is wrong.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Bind { .. } => false,
            Self::Tls(error) => error.is_configuration(),
            Self::Credential(_) => true,
        }
    }
}

/// A stream's listeners, bound and not yet serving.
pub struct Downstream {
    service: Arc<Service>,
    listeners: Vec<Listener>,
    /// The certificates that it shows and trusts.
    certificates: Vec<PathBuf>,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// A unix socket's file, removed when dropped.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            debug!(path = %self.0.display(), %error, "the socket's file was gone");
        }
    }
}

impl Downstream {
    /// Binds all addresses of a stream and prepares TLS: with the configured certificate, else with
    /// one in `tls_dir`, which is made if need be.
    ///
    /// Clients are served by [`serve`](Self::serve).
    ///
    /// # Errors
    /// An address is taken, or a certificate or hash is not usable.
    pub async fn bind(
        stream: &StreamConfig,
        limits: &Limits,
        tls_dir: &Path,
        facts: Arc<dyn StreamFacts>,
        dumps: Arc<dyn DumpService>,
    ) -> Result<Self, ListenError> {
        let accounts = Accounts::new(&stream.users)?;
        let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let identity = match &stream.tls.identity {
            Some(identity) => identity.clone(),
            None => {
                let mut hosts = vec![hostname.clone()];
                hosts.extend(stream.tls.names.iter().cloned());
                hosts.extend(stream.listen.iter().filter_map(|address| match address {
                    ListenAddr::Tcp { host, .. } => Some(host.clone()),
                    ListenAddr::Unix(_) => None,
                }));
                tls::ensure_identity(tls_dir, &hosts)?
            }
        };
        for name in certificate::lacking(&identity.cert, &stream.tls.names) {
            warn!(
                "{}: the certificate is not for {name}, which stream.tls.names has. To have a new one made, \
                 remove it and restart binlogd; clients then need the new ca.pem",
                identity.cert.display()
            );
        }
        let tls = tls::server_config(&identity, &stream.tls)?;
        let mut listeners = Vec::with_capacity(stream.listen.len());
        for address in &stream.listen {
            let failed = |source| ListenError::Bind { address: address.clone(), source };
            listeners.push(Listener::bind(address).await.map_err(failed)?);
        }
        let server = Server {
            facts,
            registry: Arc::new(Registry::default()),
            limits: limits.clone(),
            hostname,
            started: Instant::now(),
            offers_tls: true,
            requires_tls: stream.tls.required,
        };
        let service = Service {
            stream: stream.name.clone(),
            server,
            accounts,
            tls: Some(TlsAcceptor::from(tls)),
            certificate: tls::fingerprint(&identity)?,
            passthrough: stream.passthrough.clone().map(Gate::new),
            dumps,
        };
        let mut certificates = vec![identity.cert];
        certificates.extend(stream.tls.client_ca.clone());
        Ok(Self { service: Arc::new(service), listeners, certificates })
    }

    /// The addresses that are listened on; a port that was 0 is now the one taken.
    #[must_use]
    pub fn addresses(&self) -> Vec<ListenAddr> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// Who is connected.
    #[must_use]
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.service.server.registry)
    }

    /// Serves clients until `shutdown`; then sessions are told, and after five seconds cut off.
    ///
    /// Not cancel safe: dropping the future cuts all sessions off at once.
    pub async fn serve(self, shutdown: CancellationToken) {
        let Self { service, listeners, certificates } = self;
        let span = info_span!("downstream", stream = service.stream);
        let mut tasks = JoinSet::new();
        if !listeners.is_empty() {
            let watch = certificate::watch(certificates, shutdown.clone());
            tasks.spawn(watch.instrument(span.clone()));
        }
        for listener in listeners {
            let (service, shutdown) = (Arc::clone(&service), shutdown.clone());
            tasks.spawn(listener.serve(service, shutdown).instrument(span.clone()));
        }
        while tasks.join_next().await.is_some() {}
    }
}

impl Listener {
    async fn bind(address: &ListenAddr) -> io::Result<Self> {
        match address {
            ListenAddr::Tcp { host, port } => {
                TcpListener::bind((host.as_str(), *port)).await.map(Self::Tcp)
            }
            ListenAddr::Unix(path) => bind_unix(path).await,
        }
    }

    fn address(&self) -> ListenAddr {
        match self {
            Self::Tcp(listener) => {
                let address = listener.local_addr().unwrap_or(SocketAddr::from(([0; 4], 0)));
                ListenAddr::Tcp { host: address.ip().to_string(), port: address.port() }
            }
            Self::Unix(_, file) => ListenAddr::Unix(file.0.clone()),
        }
    }

    async fn serve(self, service: Arc<Service>, shutdown: CancellationToken) {
        info!(address = %self.address(), "listening");
        let mut sessions = JoinSet::new();
        let sessions_max = service.server.limits.connections_max.saturating_add(TURNED_AWAY_MAX);
        let mut failure_logged: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = sessions.join_next() => {
                    log_panic(ended);
                    continue;
                }
                accepted = self.accept(), if sessions.len() < sessions_max => accepted,
            };
            match accepted {
                Ok((plain, peer)) => {
                    let service = Arc::clone(&service);
                    let span = tracing::Span::current();
                    let session = greet(service, plain, peer, shutdown.clone()).instrument(span);
                    sessions.spawn(session);
                }
                Err(error) if is_of_the_client(&error) => {
                    debug!(address = %self.address(), %error, "a client left before it was accepted");
                }
                Err(error) => {
                    if failure_logged.is_none_or(|at| at.elapsed() >= ACCEPT_FAILURE_EVERY) {
                        failure_logged = Some(Instant::now());
                        warn!(address = %self.address(), %error, "cannot accept clients; trying on");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self);
        let all = async { while sessions.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_GRACE, all).await.is_err() {
            warn!(count = sessions.len(), "cut off sessions that did not end");
        }
    }

    async fn accept(&self) -> io::Result<(Plain, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                let port = stream.local_addr()?.port();
                prepare(&stream);
                // An IPv4 client of an IPv6 socket is known by its IPv4 address.
                let host = from.ip().to_canonical().to_string();
                let endpoint = Endpoint { port, socket: None };
                let address = SocketAddr::new(from.ip().to_canonical(), from.port()).to_string();
                Ok((Plain::Tcp(stream), Peer { host, address, endpoint }))
            }
            Self::Unix(listener, file) => {
                let (stream, _) = listener.accept().await?;
                let socket = Some(file.0.to_string_lossy().into_owned());
                let endpoint = Endpoint { port: 0, socket };
                let host = "localhost".to_owned();
                Ok((Plain::Unix(stream), Peer { address: host.clone(), host, endpoint }))
            }
        }
    }
}

/// Whether accepting failed for what the client did, so that the next one can be accepted at once.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::NotConnected
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::Interrupted
    )
}

/// Sends small packets at once and notices dead peers. It can only fail where the client has left
/// already, which its session will see.
fn prepare(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    let done = stream.set_nodelay(true).and(SockRef::from(stream).set_tcp_keepalive(&keepalive));
    if let Err(error) = done {
        debug!(%error, "cannot set socket options");
    }
}

/// Binds a unix socket, in place of a file that nobody listens on any more.
async fn bind_unix(path: &Path) -> io::Result<Listener> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    if is_socket && UnixStream::connect(path).await.is_err() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    let file = SocketFile(path.to_owned());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok(Listener::Unix(listener, file))
}

/// Takes a client in, or tells it that there is no room.
async fn greet(service: Arc<Service>, plain: Plain, peer: Peer, shutdown: CancellationToken) {
    let mut transport = Transport::Plain(plain);
    match admit(&service.server, &peer, &shutdown).await {
        Ok(registration) => {
            session::serve(service, transport, peer, registration, shutdown).await;
        }
        Err(error) => {
            // Whoever waits for the stream comes again and again. The log has the reason once already.
            if error.code == ErrorCode::SERVER_ISNT_AVAILABLE.0 {
                debug!(from = peer.address, %error, "turned away");
            } else {
                warn!(from = peer.address, %error, "turned away");
            }
            let packet = error_before_greeting(&error);
            let write = transport.write_all(&packet);
            if !matches!(tokio::time::timeout(ACCEPT_PAUSE, write).await, Ok(Ok(()))) {
                debug!(from = peer.address, "it did not wait for the reason");
            }
        }
    }
}

/// Finds room for a client, and waits for something to greet it with.
async fn admit(
    server: &Server,
    peer: &Peer,
    shutdown: &CancellationToken,
) -> Result<Registration, SqlError> {
    let (registry, limits) = (&server.registry, &server.limits);
    if registry.failures.is_blocked(&peer.host, limits) {
        return Err(SqlError::host_blocked(&peer.host));
    }
    let address = peer.address.clone();
    let registration = registry.register(address, shutdown.child_token(), limits)?;
    tokio::select! {
        biased;
        () = shutdown.cancelled() => return Err(SqlError::server_shutdown()),
        ready = server.facts.ready() => ready.map_err(SqlError::not_ready)?,
        // Only who has to wait: others are greeted, and find out afterwards that they made room.
        () = registration.session().killed.cancelled() => {
            return Err(SqlError::too_many_connections());
        }
    }
    Ok(registration)
}

/// Before a greeting has said what the server can do, an error has no SQLSTATE.
fn error_before_greeting(error: &SqlError) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketWriter::new(0).build(&mut packet, |out| {
        out.push(ERR);
        out.extend_from_slice(&error.code.to_le_bytes());
        out.extend_from_slice(error.message.as_bytes());
    });
    packet
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a session failed");
    }
}
