//! A stream with listeners and nothing behind them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use binlogd_client::{ClientError, ConnectOptions, Connection, SslMode};
use binlogd_server::config::{Config, ListenAddr};
use binlogd_server::downstream::{
    BinaryLog, BinaryLogStatus, Downstream, DumpEnd, DumpFuture, DumpRequest, DumpService,
    DumpSession, FromReader, PurgeError, PurgeOutcome, PurgeTarget, Registry, ReplicaWishes,
    StreamFacts, Who,
};
use binlogd_wire::dump::EventEncoder;
use binlogd_wire::{ErrorCode, ServerError};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long anything may take before it counts as not happening.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The text of the error that a dump of the file `refused` is answered with.
pub(crate) const REFUSAL: &str = "Could not find first log file name in binary log index file";

/// Users: `repl`/`repl` replicates; `admin`/`admin` sees and kills; `nobody`/`nobody` may nothing;
/// `native` and `sha2` are known by hashes of `repl`; `tls`/`tls` needs TLS; `strict`/`strict` refuses
/// mysql_native_password; `signs`/`signs` takes signatures alone; `open` has no password.
const USERS: &str = r#"
[[stream.user]]
name = "repl"
password = "repl"
[[stream.user]]
name = "admin"
password = "admin"
rights = ["admin"]
[[stream.user]]
name = "nobody"
password = "nobody"
rights = []
[[stream.user]]
name = "native"
auth_string = "*A424E797037BF97C19A2E88CF7891C5C2038C039"
[[stream.user]]
name = "tls"
password = "tls"
require_tls = true
[[stream.user]]
name = "strict"
password = "strict"
plugin = "caching_sha2_password"
[[stream.user]]
name = "signs"
password = "signs"
plugin = "ed25519"
[[stream.user]]
name = "open"
password = ""
"#;

pub(crate) struct Facts {
    pub(crate) version: String,
    pub(crate) semi_sync: bool,
}

impl StreamFacts for Facts {
    fn server_version(&self) -> String {
        self.version.clone()
    }

    fn server_id(&self) -> u32 {
        4000
    }

    fn server_uuid(&self) -> String {
        "11111111-2222-3333-4444-555555555555".into()
    }

    fn gtid_mode(&self) -> String {
        "ON".into()
    }

    fn gtid_executed(&self) -> String {
        "aaaaaaaa-0000-0000-0000-000000000000:1-9".into()
    }

    fn gtid_purged(&self) -> String {
        String::new()
    }

    fn binlog_checksum(&self) -> String {
        "CRC32".into()
    }

    fn upstream_variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn semi_sync_offered(&self) -> bool {
        self.semi_sync
    }

    fn binary_logs(&self) -> Vec<BinaryLog> {
        vec![BinaryLog { name: "binlog.000001".into(), size: 157 }]
    }

    fn purge(&self, target: &PurgeTarget) -> Result<PurgeOutcome, PurgeError> {
        if *target == PurgeTarget::To("nosuch.000001".into()) {
            return Err(PurgeError::NoSuchFile);
        }
        let in_use = Some(("binlog.000001".into(), 2));
        Ok(PurgeOutcome { wanted: 1, in_use, ..PurgeOutcome::default() })
    }

    fn binary_log_status(&self) -> Option<BinaryLogStatus> {
        Some(BinaryLogStatus { file: "binlog.000001".into(), position: 157 })
    }
}

/// What happens to dumps, in order.
#[derive(Debug)]
pub(crate) enum Seen {
    Started { request: DumpRequest, wishes: Box<ReplicaWishes>, who: Who },
    Acked { file: Vec<u8>, position: u64 },
    Ended(String),
}

/// The event that is sent: 19 bytes of header, nothing of which means anything.
pub(crate) const EVENT: [u8; 19] = *b"nineteen bytes long";

/// Sends an event, and another for each acknowledgement. The file `refused` is refused, `end` ends at once.
struct Dumps {
    seen: mpsc::UnboundedSender<Seen>,
    refuse_all: bool,
}

impl DumpService for Dumps {
    fn dump(self: Arc<Self>, session: DumpSession) -> DumpFuture {
        Box::pin(async move {
            let wishes = Box::new(session.wishes.clone());
            let (request, who) = (session.request.clone(), session.who.clone());
            let _ = self.seen.send(Seen::Started { request, wishes, who });
            let end = self.run(session).await;
            let _ = self.seen.send(Seen::Ended(end.to_string()));
            end
        })
    }
}

impl Dumps {
    async fn run(&self, mut session: DumpSession) -> DumpEnd {
        if self.refuse_all || session.request.file == "refused" {
            let code = ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG;
            return session.refuse(ServerError::new(code, REFUSAL)).await;
        }
        if session.request.file == "end" {
            return session.finish().await;
        }
        let mut out = Vec::new();
        let mut encoder = EventEncoder::new(session.wishes.semi_sync);
        encoder.event(&mut out, &EVENT, true);
        if let Err(error) = session.writer.write(&out).await {
            return DumpEnd::Io(error);
        }
        session.writer.expect_ack();
        session.writer.show_status("waiting");
        loop {
            tokio::select! {
                reason = session.stop.stopped() => return DumpEnd::Stopped(reason),
                said = session.reader.next() => match said {
                    Ok(FromReader::Ack { file, position }) => {
                        out.clear();
                        encoder.event(&mut out, &EVENT, true);
                        if let Err(error) = session.writer.write(&out).await {
                            return DumpEnd::Io(error);
                        }
                        session.writer.expect_ack();
                        let _ = self.seen.send(Seen::Acked { file, position });
                    }
                    Ok(FromReader::Left) => return DumpEnd::ReaderLeft,
                    Err(end) => return end,
                },
            }
        }
    }
}

/// A serving stream. Dropping it cuts everything off.
pub(crate) struct Fixture {
    pub(crate) port: u16,
    pub(crate) socket: PathBuf,
    pub(crate) tls_dir: PathBuf,
    pub(crate) registry: Arc<Registry>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
    pub(crate) seen: mpsc::UnboundedReceiver<Seen>,
    _dir: TempDir,
}

#[derive(Default)]
pub(crate) struct Setup {
    /// The version to present; 9.7.4 if it is empty.
    pub(crate) version: &'static str,
    /// Further accounts.
    pub(crate) users: &'static str,
    /// What stands under `[limits]`.
    pub(crate) limits: &'static str,
    /// What stands under `[stream.tls]`.
    pub(crate) tls: String,
    /// Semi-sync is offered.
    pub(crate) semi_sync: bool,
    /// Every dump is answered with error 1236.
    pub(crate) refuse_all: bool,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("sock");
        let path = dir.path().join("binlogd.toml");
        let text = format!(
            "data_dir = 'data'\n[limits]\n{}\n[[stream]]\nname = 'test'\n\
             upstream = 'mysql://u@h'\nlisten = ['127.0.0.1:0', 'unix:sock']\n{USERS}\n{}\n\
             [stream.tls]\n{}\n",
            setup.limits, setup.users, setup.tls
        );
        std::fs::write(&path, text).unwrap();
        let config = Config::load(&path).unwrap();
        let (sender, seen) = mpsc::unbounded_channel();
        let version = if setup.version.is_empty() { "9.7.4" } else { setup.version };
        let facts = Arc::new(Facts { version: version.to_owned(), semi_sync: setup.semi_sync });
        let dumps = Arc::new(Dumps { seen: sender, refuse_all: setup.refuse_all });
        let tls_dir = dir.path().join("tls");
        let stream = &config.streams[0];
        let downstream =
            Downstream::bind(stream, &config.limits, &tls_dir, facts, dumps).await.unwrap();
        let port = downstream
            .addresses()
            .into_iter()
            .find_map(|address| match address {
                ListenAddr::Tcp { port, .. } => Some(port),
                ListenAddr::Unix(_) => None,
            })
            .unwrap();
        let registry = downstream.registry();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(downstream.serve(shutdown.clone()));
        Self { port, socket, tls_dir, registry, shutdown, serving, seen, _dir: dir }
    }

    /// Options for plain TCP.
    pub(crate) fn options(&self, user: &str, password: &str) -> ConnectOptions {
        ConnectOptions::new("127.0.0.1")
            .port(self.port)
            .user(user)
            .password(password)
            .ssl_mode(SslMode::Disabled)
            .fetch_public_key(true)
    }

    /// Logs `user` in, whose password is its name.
    pub(crate) async fn connect(&self, user: &str) -> Connection {
        Connection::connect(&self.options(user, user)).await.unwrap()
    }

    pub(crate) async fn next_seen(&mut self) -> Seen {
        match tokio::time::timeout(PATIENCE, self.seen.recv()).await {
            Ok(Some(seen)) => seen,
            other => panic!("nothing more happened: {other:?}"),
        }
    }

    pub(crate) async fn ended(&mut self) -> String {
        match self.next_seen().await {
            Seen::Ended(why) => why,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until nobody is connected.
    pub(crate) async fn all_gone(&self) {
        let gone = async {
            while !self.registry.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let Ok(()) = tokio::time::timeout(PATIENCE, gone).await else {
            panic!("{} are still connected", self.registry.len());
        };
    }
}

/// The error number that the server has sent.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> u16 {
    let error = result.unwrap_err();
    match error.code() {
        Some(code) => code.0,
        None => panic!("no server error: {error}"),
    }
}
