//! From a socket to a connection: greeting, TLS, authentication.

use std::fs;
use std::io;
use std::sync::Arc;

use binlogd_wire::auth::{
    AuthError, ClientAuth, ClientAuthOptions, ClientStep, Fingerprint, RsaPublicKey, ServerProof,
};
use binlogd_wire::compress::Compression;
use binlogd_wire::handshake::{Attributes, Greeting, HandshakeResponse, SslRequest};
use binlogd_wire::response::OkPacket;
use binlogd_wire::{Capabilities, ServerError, WireError, charset};
use rustls::ClientConfig;

use super::{Channel, Connection, Phase};
use crate::answer::AnswerBudget;
use crate::error::ClientError;
use crate::options::{CompressionAlgorithm, ConnectOptions, SessionTerms, SslMode};
use crate::tls::{self, ClientTls};
use crate::transport::{Socket, Stream};
use crate::version::ServerVersion;

/// No packet of the login is nearly as long, in bytes.
const MAX_LOGIN_PAYLOAD_LEN: usize = 64 << 10;

/// The most payloads that a server sends during the authentication. Each of its switches to another
/// plugin, which have a limit of their own, takes three.
const MAX_LOGIN_PAYLOADS: usize = 32;

/// The longest payload we announce to take, in bytes. Servers ignore it.
const ANNOUNCED_MAX_PACKET: u32 = 1 << 30;

/// What we can do, and use if the server can too.
const CAPABILITIES: Capabilities = Capabilities::LONG_PASSWORD
    .with(Capabilities::LONG_FLAG)
    .with(Capabilities::PROTOCOL_41)
    .with(Capabilities::TRANSACTIONS)
    .with(Capabilities::SECURE_CONNECTION)
    .with(Capabilities::MULTI_RESULTS)
    .with(Capabilities::PLUGIN_AUTH)
    .with(Capabilities::CONNECT_ATTRS)
    .with(Capabilities::PLUGIN_AUTH_LENENC_DATA)
    .with(Capabilities::DEPRECATE_EOF);

/// Connects and logs in, without a limit of time.
pub(super) async fn connect(options: &ConnectOptions) -> Result<Connection, ClientError> {
    // Wrong files are found before the server hears of us.
    let tls = wanted_tls(options)?;
    let public_key = public_key(options)?;
    let address = options.address();
    let socket = Socket::connect(options)
        .await
        .map_err(|error| ClientError::Connect { address: address.clone(), error })?;

    let mut channel = Channel::new(socket, address, MAX_LOGIN_PAYLOAD_LEN);
    let greeting = read_greeting(&mut channel).await?;
    let compression = wanted_compression(options, &channel.address, greeting.capabilities)?;
    let mut wanted = wanted_capabilities(options, tls.is_some());
    wanted |= compression.map_or(Capabilities::NONE, Compression::capability);
    let capabilities = wanted & greeting.capabilities;
    let mut channel = match &tls {
        Some(tls) if capabilities.contains(Capabilities::SSL) => {
            start_tls(channel, options, capabilities, Arc::clone(&tls.config)).await?
        }
        Some(_) if options.tls.mode != SslMode::Preferred => {
            return Err(ClientError::TlsNotOffered { address: channel.address });
        }
        _ => {
            let (socket, channel) = channel.replace_stream(());
            channel.replace_stream(Stream::Plain(socket)).1
        }
    };
    tracing::debug!(
        server = %channel.address,
        version = %greeting.server_version,
        tls = channel.stream.is_tls(),
        "logging in"
    );
    let trust = Trust::of(&channel, tls.as_ref());
    trust.check_before_login(options, &greeting)?;
    authenticate(&mut channel, options, capabilities, &greeting, public_key, &trust).await?;

    if let Some(compression) = compression {
        channel = channel.into_compressed(compression);
    }
    channel.set_max_payload_len(options.max_payload_len);
    let mut limits = options.answer_limits;
    limits.bytes = limits.bytes.max(u64::try_from(options.max_payload_len).unwrap_or(u64::MAX));
    channel.activity = "during a command";
    Ok(Connection {
        channel,
        capabilities,
        phase: Phase::Idle,
        budget: AnswerBudget::new(limits),
        connection_id: greeting.connection_id,
        version: ServerVersion::parse(&greeting.server_version),
    })
}

/// The TLS configuration, if TLS is to be tried.
fn wanted_tls(options: &ConnectOptions) -> Result<Option<ClientTls>, ClientError> {
    match options.tls.mode {
        SslMode::Disabled => Ok(None),
        SslMode::Preferred if options.socket.is_some() => Ok(None),
        _ => tls::client_config(&options.tls).map(Some),
    }
}

fn public_key(options: &ConnectOptions) -> Result<Option<RsaPublicKey>, ClientError> {
    let Some(path) = &options.auth.public_key_path else { return Ok(None) };
    let bad_file = |reason: String| ClientError::BadFile {
        option: "server-public-key-path",
        path: path.clone(),
        reason,
    };
    let pem = fs::read_to_string(path).map_err(|error| bad_file(error.to_string()))?;
    RsaPublicKey::from_pem(&pem).map(Some).map_err(|error| bad_file(error.to_string()))
}

fn wanted_capabilities(options: &ConnectOptions, tls: bool) -> Capabilities {
    let mut wanted = match &options.terms {
        None => CAPABILITIES,
        Some(terms) => {
            let own = CAPABILITIES.without(SessionTerms::CAPABILITIES);
            own | (terms.capabilities & SessionTerms::CAPABILITIES)
        }
    };
    if tls {
        wanted |= Capabilities::SSL;
    }
    if options.database.is_some() {
        wanted |= Capabilities::CONNECT_WITH_DB;
    }
    if options.multi_statements {
        wanted |= Capabilities::MULTI_STATEMENTS;
    }
    wanted
}

/// The first of the wanted ways to compress that the server has too; `None` is to leave it.
fn wanted_compression(
    options: &ConnectOptions,
    address: &str,
    offered: Capabilities,
) -> Result<Option<Compression>, ClientError> {
    for algorithm in &options.compression {
        let compression = match algorithm {
            CompressionAlgorithm::Zlib => Compression::Zlib,
            CompressionAlgorithm::Zstd => Compression::Zstd { level: options.zstd_level },
            CompressionAlgorithm::Uncompressed => return Ok(None),
        };
        if offered.contains(compression.capability()) {
            return Ok(Some(compression));
        }
    }
    Err(ClientError::CompressionNotOffered { address: address.to_owned() })
}

async fn read_greeting(channel: &mut Channel<Socket>) -> Result<Greeting, ClientError> {
    channel.read().await?;
    let payload = channel.payload();
    let address = channel.address.clone();
    let protocol = |error| ClientError::Protocol { address: address.clone(), error };
    if ServerError::is_err(payload) {
        let error = ServerError::parse(payload).map_err(protocol)?;
        return Err(ClientError::Refused { address, error });
    }
    Greeting::parse(payload).map_err(protocol)
}

async fn start_tls(
    mut channel: Channel<Socket>,
    options: &ConnectOptions,
    capabilities: Capabilities,
    config: Arc<ClientConfig>,
) -> Result<Channel, ClientError> {
    // Whatever follows the greeting in the clear was not said by the server we will trust.
    let count = channel.unread_len();
    if count > 0 {
        let error = WireError::TrailingBytes { structure: "Greeting before TLS", count };
        return Err(ClientError::Protocol { address: channel.address, error });
    }
    let host = if options.socket.is_some() { "localhost" } else { &options.host };
    let name = tls::server_name(host)?;
    let request =
        SslRequest { capabilities, max_packet: ANNOUNCED_MAX_PACKET, charset: collation(options) };
    channel.write(|out| request.encode(out)).await?;
    let (socket, channel) = channel.replace_stream(());
    match socket.into_tls(config, name).await {
        Ok(stream) => Ok(channel.replace_stream(stream).1),
        Err(error) => Err(ClientError::Tls { address: channel.address, error }),
    }
}

/// What is known of the server that answers by TLS.
struct Trust {
    address: String,
    /// Its certificate's fingerprint, where no authority vouches for it.
    certificate: Option<Fingerprint>,
    /// Why no authority does, where one has to.
    untrusted: Option<rustls::Error>,
}

impl Trust {
    fn of(channel: &Channel, tls: Option<&ClientTls>) -> Self {
        let untrusted = tls.and_then(|tls| tls.untrusted.get().cloned());
        let is_vouched_for = tls.is_some_and(|tls| tls.verifies) && untrusted.is_none();
        let certificate = channel.stream.server_certificate().filter(|_| !is_vouched_for);
        Self {
            address: channel.address.clone(),
            certificate: certificate.map(Fingerprint::of),
            untrusted,
        }
    }

    /// Only a MariaDB proves itself, and only to an account with a password.
    fn check_before_login(
        &self,
        options: &ConnectOptions,
        greeting: &Greeting,
    ) -> Result<(), ClientError> {
        let can_prove = ServerVersion::parse(&greeting.server_version).is_mariadb()
            && !options.password.expose().is_empty();
        if can_prove { Ok(()) } else { self.check_trusted() }
    }

    /// Looks for the proof in the OK that ended the login.
    fn check_after_login(
        &self,
        auth: &ClientAuth,
        ok: &[u8],
        capabilities: Capabilities,
    ) -> Result<(), ClientError> {
        let Some(certificate) = &self.certificate else { return Ok(()) };
        let protocol = |error| ClientError::Protocol { address: self.address.clone(), error };
        let ok = OkPacket::parse(ok, capabilities).map_err(protocol)?;
        match auth.check_server(ok.info, certificate) {
            ServerProof::Right => Ok(()),
            ServerProof::Absent => self.check_trusted(),
            ServerProof::Wrong => Err(ClientError::Impostor { address: self.address.clone() }),
        }
    }

    fn check_trusted(&self) -> Result<(), ClientError> {
        let Some(error) = self.untrusted.clone() else { return Ok(()) };
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        Err(ClientError::Tls { address: self.address.clone(), error })
    }
}

async fn authenticate(
    channel: &mut Channel,
    options: &ConnectOptions,
    capabilities: Capabilities,
    greeting: &Greeting,
    public_key: Option<RsaPublicKey>,
    trust: &Trust,
) -> Result<(), ClientError> {
    let address = channel.address.clone();
    let failed = |error| ClientError::Auth { address: address.clone(), error };
    let auth_options = ClientAuthOptions {
        // A server that has yet to prove itself gets nothing that the password could be read from.
        secure: channel.stream.is_secure() && trust.untrusted.is_none(),
        fetch_public_key: options.auth.fetch_public_key && trust.untrusted.is_none(),
        public_key,
        allow_clear_password: options.auth.allow_clear_password,
    };
    let password = options.password.expose().as_bytes();
    let mut auth =
        ClientAuth::new(auth_options, password, &greeting.auth_plugin, greeting.scramble);
    let (plugin, auth_response) = auth.response().map_err(failed)?;
    let attributes: [(&[u8], &[u8]); 4] = [
        (b"_client_name", env!("CARGO_PKG_NAME").as_bytes()),
        (b"_client_version", env!("CARGO_PKG_VERSION").as_bytes()),
        (b"_os", std::env::consts::OS.as_bytes()),
        (b"program_name", options.program_name.as_bytes()),
    ];
    let response = HandshakeResponse {
        capabilities,
        max_packet: ANNOUNCED_MAX_PACKET,
        charset: collation(options),
        user: &options.user,
        auth_response: &auth_response,
        database: options.database.as_deref(),
        auth_plugin: Some(plugin),
        attributes: Attributes(attributes.to_vec()),
        zstd_level: Some(options.zstd_level),
    };
    channel.write(|out| response.encode(out)).await?;
    for _ in 0..MAX_LOGIN_PAYLOADS {
        channel.read().await?;
        match auth.on_payload(channel.payload()).map_err(failed)? {
            ClientStep::Done => {
                return trust.check_after_login(&auth, channel.payload(), capabilities);
            }
            ClientStep::Read => {}
            ClientStep::Send(data) => channel.write(|out| out.extend_from_slice(&data)).await?,
        }
    }
    Err(failed(AuthError::TooManySwitches))
}

/// The low byte of the session's collation id.
fn collation(options: &ConnectOptions) -> u8 {
    let [low, _] = charset::UTF8MB4.to_le_bytes();
    options.terms.map_or(low, |terms| terms.collation)
}
