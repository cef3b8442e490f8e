//! From an accepted socket to a known user: greeting, TLS, handshake response, password.

use binlogd_wire::auth::access_denied;
use binlogd_wire::compress::Compression;
use binlogd_wire::handshake::{ClientReply, Greeting, Scramble};
use binlogd_wire::response::OkPacket;
use binlogd_wire::{Capabilities, ServerError, StatusFlags, charset as charsets};

use super::account::{Claim, Verdict};
use super::charset;
use super::connection::{Connection, ReadError};
use super::error::SqlError;
use super::service::Service;
use super::transport::{Plain, Transport};
use crate::config::Rights;

/// What the server can do, TLS apart.
const CAPABILITIES: Capabilities = Capabilities::LONG_PASSWORD
    .with(Capabilities::COMPRESS)
    .with(Capabilities::FOUND_ROWS)
    .with(Capabilities::LONG_FLAG)
    .with(Capabilities::CONNECT_WITH_DB)
    .with(Capabilities::PROTOCOL_41)
    .with(Capabilities::INTERACTIVE)
    .with(Capabilities::TRANSACTIONS)
    .with(Capabilities::SECURE_CONNECTION)
    .with(Capabilities::MULTI_RESULTS)
    .with(Capabilities::PS_MULTI_RESULTS)
    .with(Capabilities::PLUGIN_AUTH)
    .with(Capabilities::CONNECT_ATTRS)
    .with(Capabilities::PLUGIN_AUTH_LENENC_DATA)
    .with(Capabilities::DEPRECATE_EOF)
    .with(Capabilities::QUERY_ATTRIBUTES);

/// A client that has proved who it is.
#[derive(Debug)]
pub(super) struct LoggedIn {
    pub(super) user: String,
    pub(super) rights: Rights,
    pub(super) db: Option<String>,
    /// What both sides can do.
    pub(super) capabilities: Capabilities,
    /// The character set of the client's handshake, if its collation id is known.
    pub(super) charset: Option<&'static str>,
    /// The low byte of its collation id.
    pub(super) collation: u8,
    /// How everything behind the login is compressed.
    pub(super) compression: Option<Compression>,
}

/// Why a client is not let in.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoginError {
    /// It left or broke the protocol.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It was sent this error.
    #[error("{0}")]
    Refused(ServerError),
    /// TLS could not be agreed on.
    #[error("TLS failed: {0}")]
    Tls(std::io::Error),
}

impl From<std::io::Error> for LoginError {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error.into())
    }
}

/// Lets a client log in; the OK is sent, and commands come next. After an error the connection is
/// only good for closing.
pub(super) async fn log_in(
    mut connection: Connection,
    service: &Service,
    id: u32,
    host: &str,
) -> Result<(Connection, LoggedIn), LoginError> {
    let scramble = Scramble::random();
    let offered = greet(&mut connection, service, id, scramble).await?;
    read(&mut connection).await?;
    service.server.registry.heard_of(id);
    if let Ok(ClientReply::Ssl(_)) = ClientReply::parse(connection.payload()) {
        connection = start_tls(connection, service).await?;
        read(&mut connection).await?;
    }
    let result = check(&mut connection, service, id, scramble, offered, host).await;
    match result {
        Ok(logged_in) => {
            let info = server_proof(&connection, service, &logged_in.user, &scramble);
            let ok =
                OkPacket { status: StatusFlags::AUTOCOMMIT, info: &info, ..OkPacket::default() };
            connection.put(|out| ok.encode(out, logged_in.capabilities));
            connection.flush().await?;
            Ok((connection, logged_in))
        }
        Err(LoginError::Refused(error)) => {
            connection.put(|out| error.encode(out));
            connection.flush().await?;
            Err(LoginError::Refused(error))
        }
        Err(error) => Err(error),
    }
}

/// What a MariaDB adds to the OK, by which clients accept a certificate that no authority signed; else
/// nothing. Its versions before 11.4 do not, but newer clients ask for it.
fn server_proof(
    connection: &Connection,
    service: &Service,
    user: &str,
    scramble: &Scramble,
) -> Vec<u8> {
    if !connection.transport.is_tls() || !service.server.dialect().mariadb {
        return Vec::new();
    }
    let account = service.accounts.find(user);
    let proof = account.and_then(|a| a.credential().server_proof(scramble, &service.certificate));
    proof.unwrap_or_default()
}

async fn greet(
    connection: &mut Connection,
    service: &Service,
    id: u32,
    scramble: Scramble,
) -> Result<Capabilities, LoginError> {
    let dialect = service.server.dialect();
    let newest = !dialect.mariadb && dialect.version >= 80_000;
    let charset = if newest { charsets::UTF8MB4_0900 } else { charsets::UTF8MB4 };
    let [charset, _] = charset.to_le_bytes();
    let tls = if service.tls.is_some() { Capabilities::SSL } else { Capabilities::NONE };
    let has_zstd = !dialect.mariadb && dialect.version >= 80_018;
    let zstd = if has_zstd { Capabilities::ZSTD_COMPRESSION } else { Capabilities::NONE };
    let greeting = Greeting {
        server_version: service.server.facts.server_version(),
        connection_id: id,
        scramble,
        capabilities: CAPABILITIES | tls | zstd,
        charset,
        status: StatusFlags::AUTOCOMMIT,
        auth_plugin: service.default_plugin().to_owned(),
    };
    connection.put(|out| greeting.encode(out));
    connection.flush().await?;
    Ok(greeting.capabilities)
}

/// Reads a payload, which must come.
async fn read(connection: &mut Connection) -> Result<(), LoginError> {
    if connection.read().await? { Ok(()) } else { Err(ReadError::Truncated.into()) }
}

async fn start_tls(connection: Connection, service: &Service) -> Result<Connection, LoginError> {
    match &service.tls {
        Some(acceptor) => connection.start_tls(acceptor).await.map_err(LoginError::Tls),
        None => Err(refuse(connection, SqlError::bad_handshake()).await),
    }
}

/// Sends an error before it is known to whom.
async fn refuse(mut connection: Connection, error: SqlError) -> LoginError {
    let error = ServerError::from(error);
    connection.put(|out| error.encode(out));
    match connection.flush().await {
        Ok(()) => LoginError::Refused(error),
        Err(error) => error.into(),
    }
}

/// Checks the handshake response in hand.
async fn check(
    connection: &mut Connection,
    service: &Service,
    id: u32,
    scramble: Scramble,
    offered: Capabilities,
    host: &str,
) -> Result<LoggedIn, LoginError> {
    let refused = |error: SqlError| LoginError::Refused(error.into());
    let payload = connection.payload().to_vec();
    let response = match ClientReply::parse(&payload) {
        Ok(ClientReply::Handshake(response)) => response,
        Ok(ClientReply::Ssl(_)) | Err(_) => return Err(refused(SqlError::bad_handshake())),
    };
    if !response.capabilities.contains(Capabilities::SECURE_CONNECTION) {
        return Err(refused(SqlError::bad_handshake()));
    }
    let capabilities = response.capabilities & offered;
    let compression = Compression::agreed(capabilities, response.zstd_level);
    if let Some(Compression::Zstd { level: 0 | 23.. }) = compression {
        return Err(refused(SqlError::bad_handshake()));
    }
    let user = response.user.to_owned();
    let is_open_tcp = matches!(connection.transport, Transport::Plain(Plain::Tcp(_)));
    if is_open_tcp && service.server.requires_tls {
        return Err(refused(SqlError::secure_transport_required()));
    }
    let (plugin, response_data) = (response.auth_plugin, response.auth_response);
    let claim = Claim { user: &user, plugin, response: response_data, scramble };
    let greeted = service.default_plugin();
    let verdict = service.accounts.authenticate(connection, claim, greeted).await?;
    match admit(connection, service, verdict, &user, id, host).await {
        Ok(rights) => Ok(LoggedIn {
            user,
            rights,
            db: response.database.map(str::to_owned),
            capabilities,
            collation: response.charset,
            charset: charset::charset_of_id(response.charset, service.server.dialect()),
            compression,
        }),
        Err(error) => Err(LoginError::Refused(error)),
    }
}

/// What follows from a verdict: the account's other conditions, its limit, and for a wrong password a
/// delay that grows. Only who has proved the password learns which conditions there are.
pub(super) async fn admit(
    connection: &Connection,
    service: &Service,
    verdict: Verdict,
    user: &str,
    id: u32,
    host: &str,
) -> Result<Rights, ServerError> {
    let server = &service.server;
    let account = service.accounts.find(user);
    let lacks_cert = account.is_some_and(|account| account.require_client_cert)
        && !connection.transport.has_client_cert();
    let lacks_tls =
        account.is_some_and(|account| account.require_tls) && !connection.transport.is_secure();
    match verdict {
        Verdict::Accepted(rights) if !lacks_cert && !lacks_tls => {
            server.registry.failures.succeeded(host);
            let own_max = account.and_then(|account| account.connections_max);
            server.registry.claim(id, user, own_max, &server.limits)?;
            Ok(rights)
        }
        Verdict::Accepted(_) => Err(access_denied(user, host, true)),
        Verdict::Denied { used_password } => {
            tokio::time::sleep(server.registry.failures.failed(host, &server.limits)).await;
            Err(access_denied(user, host, used_password))
        }
    }
}
