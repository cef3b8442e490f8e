//! A connection in the command phase. Logging in is in `login`, packets in `channel`; what a query
//! answers is in [`query`](crate::query).

mod channel;
mod login;
mod relay;

use std::fmt;

use binlogd_wire::Capabilities;
use binlogd_wire::command::Command;
use binlogd_wire::compress::Compression;
use binlogd_wire::response::{OkPacket, ServerError};
use tokio::time::timeout_at;

pub(crate) use channel::{Channel, io_error};

use crate::answer::{AnswerBudget, Exceeded};
use crate::error::ClientError;
use crate::options::ConnectOptions;
use crate::transport::Stream;
use crate::version::ServerVersion;

/// A connection that is logged in.
///
/// Cancelling (dropping the future of) a call leaves the connection usable: what its answer still
/// brings is skipped before the next command. Only a command that was cut off while being sent makes
/// it unusable, which the next call says.
pub struct Connection {
    pub(crate) channel: Channel,
    pub(crate) capabilities: Capabilities,
    pub(crate) phase: Phase,
    pub(crate) budget: AnswerBudget,
    connection_id: u32,
    version: ServerVersion,
}

/// What the server sends next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing: a command may be sent.
    Idle,
    /// The first packet of an answer.
    Response,
    /// So many column definitions.
    Columns(usize),
    /// The EOF behind them.
    ColumnsEnd,
    /// Rows or their end.
    Rows,
    /// It is not known.
    Unusable,
}

/// The character set of statements and of text in answers.
const CHARSET: &str = "utf8mb4";

impl Connection {
    /// Connects and logs in. The session's character set is utf8mb4, whatever the server makes of the
    /// handshake (`skip_character_set_client_handshake`) or does at its start (`init_connect`).
    ///
    /// # Errors
    /// Any of [`ClientError`] but those of queries, after
    /// [`connect_timeout`](ConnectOptions::connect_timeout) at the latest.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ClientError> {
        let attempt = async {
            let mut connection = login::connect(options).await?;
            if options.terms.is_none() {
                connection.set_charset().await?;
            }
            Ok(connection)
        };
        tokio::time::timeout(options.connect_timeout, attempt).await.map_err(|_| {
            let timeout = options.connect_timeout;
            ClientError::ConnectTimeout { address: options.address(), timeout }
        })?
    }

    /// The connection's id at the server, for `KILL`. Servers send its low 32 bits.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.connection_id
    }

    /// The server's product and version.
    #[must_use]
    pub fn server_version(&self) -> &ServerVersion {
        &self.version
    }

    /// What both sides can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// Whether the connection uses TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.channel.stream.is_tls()
    }

    /// How the connection is compressed, if it is.
    #[must_use]
    pub fn compression(&self) -> Option<Compression> {
        match &self.channel.stream {
            Stream::Compressed(stream) => Some(stream.compression()),
            _ => None,
        }
    }

    /// The server: `host:port` or the socket's path.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.channel.address
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// There is none.
    pub async fn ping(&mut self) -> Result<(), ClientError> {
        self.command(&Command::Ping).await
    }

    /// Chooses a database.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub async fn use_database(&mut self, name: &str) -> Result<(), ClientError> {
        self.command(&Command::InitDb(name.as_bytes())).await
    }

    /// Makes the session a new one: variables, temporary tables and locks go. Since MySQL 5.7 and
    /// MariaDB 10.2.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub async fn reset(&mut self) -> Result<(), ClientError> {
        self.command(&Command::ResetConnection).await?;
        self.set_charset().await
    }

    async fn set_charset(&mut self) -> Result<(), ClientError> {
        self.execute(&format!("SET NAMES {CHARSET}")).await.map(drop)
    }

    /// Makes sure that the server reads statements in `charset`, as was set. Statements of ASCII alone
    /// need no such check: they mean the same in every character set that a session can have.
    ///
    /// # Errors
    /// [`ClientError::Charset`]: a proxy may answer OK to `SET NAMES` and do nothing. Or the server's,
    /// or the connection's.
    pub async fn verify_charset(&mut self, charset: &str) -> Result<(), ClientError> {
        let found = self.scalar("SELECT @@character_set_client").await?.unwrap_or_default();
        // Both are names of one.
        let full_name = |name: &str| if name == "utf8" { "utf8mb3" } else { name }.to_owned();
        if full_name(&found) == full_name(charset) {
            return Ok(());
        }
        let address = self.address().to_owned();
        Err(ClientError::Charset { address, wanted: charset.to_owned(), found })
    }

    /// Says goodbye and closes the connection. Dropping it only closes it, which the server counts
    /// as aborted.
    ///
    /// # Errors
    /// The connection's.
    pub async fn quit(mut self) -> Result<(), ClientError> {
        self.send(&Command::Quit).await?;
        self.channel.shutdown().await
    }

    /// Sends a command that is answered by OK or an error.
    pub(crate) async fn command(&mut self, command: &Command<'_>) -> Result<(), ClientError> {
        self.send(command).await?;
        let capabilities = self.capabilities;
        let payload = self.payload().await?;
        if ServerError::is_err(payload) {
            let error = ServerError::parse(payload);
            return Err(self.server_error(error));
        }
        if let Err(error) = OkPacket::parse(payload, capabilities) {
            return Err(self.broken(error));
        }
        self.phase = Phase::Idle;
        Ok(())
    }

    /// Sends a command, after what earlier answers still bring was skipped.
    pub(crate) async fn send(&mut self, command: &Command<'_>) -> Result<(), ClientError> {
        self.skip_answers().await?;
        self.phase = Phase::Unusable;
        let capabilities = self.capabilities;
        self.channel.begin_command();
        self.channel.write(|out| command.encode(out, capabilities)).await?;
        self.budget.begin();
        self.phase = Phase::Response;
        Ok(())
    }

    /// The next payload of an answer. An error makes the connection unusable.
    pub(crate) async fn payload(&mut self) -> Result<&[u8], ClientError> {
        let read = match self.budget.deadline() {
            None => self.channel.read().await,
            Some(deadline) => timeout_at(deadline, self.channel.read())
                .await
                .unwrap_or_else(|_| Err(self.budget.too_late(&self.channel.address))),
        };
        if let Err(error) = read {
            self.phase = Phase::Unusable;
            return Err(error);
        }
        let len = self.channel.payload().len();
        self.spend(|budget| budget.take_bytes(len))?;
        Ok(self.channel.payload())
    }

    /// Takes something from what an answer may have.
    pub(crate) fn spend(
        &mut self,
        take: impl FnOnce(&mut AnswerBudget) -> Result<(), Exceeded>,
    ) -> Result<(), ClientError> {
        take(&mut self.budget).map_err(|limit| {
            self.phase = Phase::Unusable;
            ClientError::AnswerTooLong { address: self.channel.address.clone(), limit }
        })
    }

    /// The error that the server answered with.
    pub(crate) fn server_error(
        &mut self,
        error: Result<ServerError, binlogd_wire::WireError>,
    ) -> ClientError {
        match error {
            Ok(error) => {
                self.phase = Phase::Idle;
                ClientError::Server { address: self.channel.address.clone(), error }
            }
            Err(error) => self.broken(error),
        }
    }

    /// The error of an answer that breaks the protocol.
    pub(crate) fn broken(&mut self, error: binlogd_wire::WireError) -> ClientError {
        self.phase = Phase::Unusable;
        ClientError::Protocol { address: self.channel.address.clone(), error }
    }

    /// The error of a connection that cannot be used any more.
    pub(crate) fn unusable(&self) -> ClientError {
        ClientError::Unusable { address: self.channel.address.clone() }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.channel.address)
            .field("id", &self.connection_id)
            .field("version", &self.version)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}
