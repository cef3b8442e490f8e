//! One client from its greeting to its leaving: login, then command after command, then maybe a
//! dump, which is the last.

mod prepared;
mod rows;
mod through;
mod user;
mod wait;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use binlogd_wire::command::{Command, CommandKind};
use binlogd_wire::compress::Compression;
use binlogd_wire::dump::RegisterReplica;
use binlogd_wire::packet::PacketWriter;
use binlogd_wire::response::{EofPacket, OkPacket};
use binlogd_wire::resultset::RowFormat;
use binlogd_wire::{Capabilities, ErrorCode, ServerError, StatusFlags, charset as charsets};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::connection::{Connection, ReadError};
use super::dump::{self, DumpRequest, DumpSession, Stop, StopReason, Who};
use super::error::SqlError;
use super::login::{LoggedIn, LoginError, log_in};
use super::prepared::PreparedStatements;
use super::query::{self, Request};
use super::registry::{self, Registration};
use super::reply::{Format, Reply};
use super::service::Service;
use super::sql::Value;
use super::state::{Endpoint, SessionState, SystemValues, UserVariables};
use super::transport::Transport;
use super::variables::{self, View};
use super::wishes::ReplicaWishes;
use through::Through;
use wait::Waited;

/// How much of a statement the process list keeps, in bytes.
const INFO_BYTES_MAX: usize = 4 << 10;
/// The time for which a goodbye is tried to be sent.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// Why most sessions end.
const CLOSED: &str = "it closed the connection";

/// Where a client comes from.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// Its address alone; `localhost` on a unix socket.
    pub(super) host: String,
    /// Its address and port.
    pub(super) address: String,
    pub(super) endpoint: Endpoint,
}

/// Serves a client. Returns when the connection can be dropped.
pub(super) async fn serve(
    service: Arc<Service>,
    transport: Transport,
    peer: Peer,
    mut registration: Registration,
    shutdown: CancellationToken,
) {
    let limits = &service.server.limits;
    let connection =
        Connection::new(transport, limits.login_packet_bytes_max, limits.write_timeout);
    let id = registration.session().id;
    let killed = registration.session().killed.clone();
    let stop = Stop { killed, shutdown, replaced: registration.session().replaced.clone() };
    let login =
        tokio::time::timeout(limits.login_timeout, log_in(connection, &service, id, &peer.host));
    let logged_in = tokio::select! {
        biased;
        _ = stop.stopped() => return,
        result = login => result,
    };
    let (mut connection, logged_in) = match logged_in {
        Ok(Ok(done)) => done,
        Ok(Err(error @ LoginError::Read(_))) => {
            return debug!(connection = id, from = peer.address, %error, "no login");
        }
        Ok(Err(error)) => {
            return warn!(connection = id, from = peer.address, %error, "login refused");
        }
        Err(_) => {
            let timeout_s = limits.login_timeout.as_secs();
            return info!(connection = id, from = peer.address, timeout_s, "login took too long");
        }
    };
    connection.set_payload_len_max(limits.packet_bytes_max);
    if let Some(compression) = logged_in.compression {
        connection = connection.into_compressed(compression);
    }
    registration.logged_in(&logged_in.user);
    let tls = connection.transport.tls();
    info!(
        connection = id,
        user = logged_in.user,
        from = peer.address,
        tls = tls.as_ref().map_or("none", |tls| tls.version),
        compression = logged_in.compression.map_or("none", Compression::name),
        "connected"
    );
    let capabilities = logged_in.capabilities;
    let through = Through::new(logged_in.collation);
    let state = first_state(&service, id, &peer, logged_in, tls);
    registration.session().update(|shown| shown.db.clone_from(&state.db));
    let session = Session { service, connection, state, registration, capabilities, stop, through };
    let left = session.run().await;
    info!(connection = id, from = peer.address, why = left, "left");
}

fn first_state(
    service: &Service,
    id: u32,
    peer: &Peer,
    logged_in: LoggedIn,
    tls: Option<super::state::TlsFacts>,
) -> SessionState {
    let mut state = SessionState {
        id,
        user: logged_in.user,
        host: peer.host.clone(),
        rights: logged_in.rights,
        db: logged_in.db,
        compression: logged_in.compression,
        endpoint: peer.endpoint.clone(),
        tls,
        user_variables: UserVariables::new(&service.server.limits),
        prepared: PreparedStatements::new(&service.server.limits),
        system: SystemValues::default(),
        savepoints: None,
        last_error: None,
        warnings: Vec::new(),
    };
    if let Some(charset) = logged_in.charset {
        let names = variables::check_names(Some(charset), None, service.server.dialect());
        for change in names.unwrap_or_default() {
            variables::apply(&mut state, change);
        }
    }
    state
}

struct Session {
    service: Arc<Service>,
    connection: Connection,
    state: SessionState,
    registration: Registration,
    capabilities: Capabilities,
    stop: Stop,
    through: Through,
}

/// A statement as others may see it: not endless, and no password.
fn shown(sql: &[u8]) -> String {
    const PASSWORD: &[u8] = b"PASSWORD";
    let sql = &sql[..sql.len().min(INFO_BYTES_MAX)];
    let secret = sql.windows(PASSWORD.len()).position(|word| word.eq_ignore_ascii_case(PASSWORD));
    match secret {
        None => String::from_utf8_lossy(sql).into_owned(),
        Some(at) => format!("{} …", String::from_utf8_lossy(&sql[..at + PASSWORD.len()])),
    }
}

/// What comes after a command.
enum Next {
    Command,
    Dump(DumpRequest),
    /// The session ends; what is in the send buffer goes first.
    Leave(&'static str),
}

impl Session {
    /// Runs commands until the session ends; returns why it did.
    async fn run(mut self) -> String {
        loop {
            self.registration.session().begin("Sleep", None);
            if let Err(why) = self.next_command().await {
                return why;
            }
            self.service.server.registry.counters().questions.fetch_add(1, Ordering::Relaxed);
            let payload = self.connection.payload().to_vec();
            let through = self.pass_through(&payload).await;
            let next = match Command::parse(&payload, self.capabilities) {
                _ if through.is_some() => through.unwrap_or(Ok(Next::Command)),
                Ok(command) => self.command(command).await,
                Err(error) => {
                    debug!(connection = self.state.id, %error, "malformed command");
                    self.answer(&Err(SqlError::malformed_packet()));
                    Ok(Next::Command)
                }
            };
            match next {
                Ok(Next::Dump(request)) => return self.dump(request).await,
                Ok(Next::Command) => {
                    if let Err(error) = self.connection.flush().await {
                        return format!("cannot write: {error}");
                    }
                }
                Ok(Next::Leave(why)) => {
                    self.farewell().await;
                    return why.to_owned();
                }
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Waits for a command; an error is why the session ends instead.
    async fn next_command(&mut self) -> Result<(), String> {
        let view = View { server: &self.service.server, session: &self.state };
        let wait_s = variables::number(&view, "wait_timeout").unwrap_or(u64::from(u32::MAX));
        let write_s = variables::number(&view, "net_write_timeout").unwrap_or(60);
        self.connection.write_timeout = Duration::from_secs(write_s);
        let idle_s = self.through.idle_timeout(&self.service).map(|idle| idle.as_secs());
        let wait_s = wait_s.min(idle_s.unwrap_or(u64::MAX));
        self.connection.expect_command();
        let read = tokio::time::timeout(Duration::from_secs(wait_s), self.connection.read());
        let read = tokio::select! {
            biased;
            reason = self.stop.stopped() => {
                if reason == StopReason::Shutdown {
                    self.unasked(&reason.error()).await;
                }
                return Err(reason.to_string());
            }
            read = read => read,
        };
        match read {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(CLOSED.into()),
            Ok(Err(error)) => {
                if let ReadError::Wire(wire) = &error {
                    let told = match wire.error_code() {
                        ErrorCode::NET_PACKET_TOO_LARGE => SqlError::packet_too_large(),
                        ErrorCode::NET_PACKETS_OUT_OF_ORDER => SqlError::packets_out_of_order(),
                        ErrorCode::NET_UNCOMPRESS_ERROR => SqlError::uncompress(),
                        _ => SqlError::malformed_packet(),
                    };
                    self.connection.packets.set_sequence(1);
                    self.connection.put(|out| ServerError::from(told).encode(out));
                    self.farewell().await;
                }
                Err(error.to_string())
            }
            Err(_) => {
                self.unasked(&SqlError::idle_too_long().into()).await;
                Err(format!("it said nothing for {wait_s} s"))
            }
        }
    }

    /// Sends an error that answers nothing, as servers do before they close.
    async fn unasked(&mut self, error: &ServerError) {
        self.connection.packets = PacketWriter::new(0);
        self.connection.put(|out| error.encode(out));
        self.farewell().await;
    }

    /// Sends what is left to send, if that can be done soon; a client that is gone is no news.
    async fn farewell(&mut self) {
        let sent = tokio::time::timeout(FAREWELL_TIMEOUT, self.connection.flush()).await;
        if let Ok(Err(error)) = sent {
            debug!(connection = self.state.id, %error, "no goodbye");
        }
    }

    async fn command(&mut self, command: Command<'_>) -> Result<Next, ReadError> {
        let reply = match command {
            Command::Quit => return Ok(Next::Leave("it said goodbye")),
            Command::Query(sql) => {
                self.show("Query", Some(sql));
                return self.run_statement(&Request::text(sql), RowFormat::Text).await;
            }
            Command::Prepare(sql) => return self.prepare(sql).await,
            Command::Execute(execute) => return self.execute(&execute).await,
            Command::SendLongData(piece) => {
                self.state.prepared.append(&piece);
                return Ok(Next::Command);
            }
            Command::CloseStatement(id) => {
                self.state.prepared.close(id);
                return Ok(Next::Command);
            }
            Command::ResetStatement(id) => self.reset_statement(id),
            Command::Fetch { statement_id, .. } => Err(self.fetch(statement_id)),
            Command::Ping => Ok(Reply::Ok),
            Command::InitDb(name) => {
                let name = String::from_utf8_lossy(name).into_owned();
                self.registration.session().update(|shown| shown.db = Some(name.clone()));
                self.state.db = Some(name);
                Ok(Reply::Ok)
            }
            Command::Statistics => {
                let line = self.statistics();
                self.connection.put(|out| out.extend_from_slice(line.as_bytes()));
                return Ok(Next::Command);
            }
            Command::SetOption(option) => {
                self.set_option(option);
                return Ok(Next::Command);
            }
            Command::ResetConnection => {
                self.state.reset(&self.service.server.limits);
                Ok(Reply::Ok)
            }
            Command::ChangeUser(change) => return self.change_user(&change).await,
            Command::ProcessKill(id) => query::kill(&self.service.server, &mut self.state, id),
            Command::RegisterReplica(register) => self.register_replica(&register),
            Command::BinlogDump(dump) => match self.may_dump() {
                Ok(()) => return Ok(Next::Dump(DumpRequest::of_position(&dump))),
                Err(error) => Err(error),
            },
            Command::BinlogDumpGtid(dump) => {
                match self.may_dump().and_then(|()| DumpRequest::of_gtid(&dump)) {
                    Ok(request) => return Ok(Next::Dump(request)),
                    Err(error) => Err(error),
                }
            }
            other => match other.kind() {
                kind if kind.is_unanswered() => return Ok(Next::Command),
                CommandKind::REFRESH => {
                    let what = match other {
                        Command::Other(_, [what, ..]) => *what,
                        _ => 0,
                    };
                    query::refresh(&self.service.server, &mut self.state, what)
                }
                // Its answer is that of an option which was switched off.
                CommandKind::DEBUG => {
                    self.set_option(1);
                    return Ok(Next::Command);
                }
                _ => Err(SqlError::unknown_command()),
            },
        };
        self.answer(&reply);
        Ok(Next::Command)
    }

    /// Runs a statement and answers it, with rows in this form.
    async fn run_statement(
        &mut self,
        request: &Request<'_>,
        rows: RowFormat,
    ) -> Result<Next, ReadError> {
        match self.wait(request).await {
            Waited::Enough => {}
            Waited::Interrupted(error) => {
                self.answer(&Err(error));
                return Ok(Next::Command);
            }
            Waited::ClientLeft => return Ok(Next::Leave(CLOSED)),
        }
        let reply = query::run(&self.service.server, &mut self.state, request);
        self.registration.session().update(|shown| shown.db.clone_from(&self.state.db));
        if let Err(error) = &reply {
            let sql = shown(request.sql);
            debug!(connection = self.state.id, %error, %sql, "statement refused");
        }
        match reply {
            Ok(Reply::Events(events)) => self.send_events(events, rows).await,
            Ok(Reply::Asked(question)) => self.send_answer(question, rows).await,
            reply => {
                self.answer_in(rows, &reply);
                Ok(Next::Command)
            }
        }
    }

    fn answer(&mut self, reply: &Result<Reply, SqlError>) {
        self.answer_in(RowFormat::Text, reply);
    }

    fn answer_in(&mut self, rows: RowFormat, reply: &Result<Reply, SqlError>) {
        let format = self.format(rows);
        let Connection { packets, out, .. } = &mut self.connection;
        format.encode(reply, packets, out);
    }

    fn format(&self, rows: RowFormat) -> Format {
        let view = View { server: &self.service.server, session: &self.state };
        let autocommit = variables::select(&view, None, "autocommit") != Ok(Value::Int(0));
        let mut status = if autocommit { StatusFlags::AUTOCOMMIT } else { StatusFlags::default() };
        if self.state.savepoints.is_some() {
            status |= StatusFlags::IN_TRANSACTION;
        }
        let dialect = self.service.server.dialect();
        let newest = !dialect.mariadb && dialect.version >= 80_000;
        let charset = if newest { charsets::UTF8MB4_0900 } else { charsets::UTF8MB4 };
        Format { capabilities: self.capabilities, status, charset, rows }
    }

    /// Tells others what the session is at.
    fn show(&self, command: &'static str, sql: Option<&[u8]>) {
        let info = sql.map(shown);
        self.registration.session().begin(command, info);
    }

    /// What `mysqladmin status` shows.
    fn statistics(&self) -> String {
        let server = &self.service.server;
        let questions = server.registry.counters().questions.load(Ordering::Relaxed);
        format!(
            "Uptime: {}  Threads: {}  Questions: {questions}  Slow queries: 0  Opens: 0  Flush \
             tables: 0  Open tables: 0  Queries per second avg: 0.000",
            server.uptime_s(),
            server.registry.len(),
        )
    }

    /// Several statements in one query can be switched off, and are never on.
    fn set_option(&mut self, option: u16) {
        const MULTI_STATEMENTS_ON: u16 = 0;
        const MULTI_STATEMENTS_OFF: u16 = 1;
        let Format { capabilities, status, .. } = self.format(RowFormat::Text);
        match option {
            MULTI_STATEMENTS_OFF if capabilities.contains(Capabilities::DEPRECATE_EOF) => {
                let ok = OkPacket { status, ..OkPacket::default() };
                self.connection.put(|out| ok.encode_as_eof(out, capabilities));
            }
            MULTI_STATEMENTS_OFF => {
                self.connection.put(|out| EofPacket { warnings: 0, status }.encode(out));
            }
            MULTI_STATEMENTS_ON => {
                self.answer(&Err(SqlError::not_supported("several statements in one query")));
            }
            _ => self.answer(&Err(SqlError::unknown_command())),
        }
    }

    fn may_dump(&self) -> Result<(), SqlError> {
        if self.state.rights.replicate {
            return Ok(());
        }
        Err(SqlError::privilege_needed("REPLICATION SLAVE"))
    }

    fn register_replica(&mut self, register: &RegisterReplica<'_>) -> Result<Reply, SqlError> {
        self.may_dump()?;
        let host = String::from_utf8_lossy(register.host).into_owned();
        let (server_id, port) = (register.server_id, register.port);
        let uuid = self.wishes().uuid.unwrap_or_default();
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        info!(
            connection = self.state.id,
            server_id,
            uuid = given(&uuid),
            host = given(&host),
            port,
            "replica registered"
        );
        let replica = registry::Replica { server_id, host, port, uuid };
        self.registration.session().update(|state| state.replica = Some(replica));
        Ok(Reply::Ok)
    }

    fn wishes(&self) -> ReplicaWishes {
        let view = View { server: &self.service.server, session: &self.state };
        let skip = variables::select(&view, None, "skip_replication") == Ok(Value::Int(1));
        let mut wishes = ReplicaWishes::of(&self.state.user_variables, skip);
        wishes.semi_sync &= self.service.server.facts.semi_sync_offered();
        wishes
    }

    /// Hands the connection over; returns why the dump ended.
    async fn dump(self, request: DumpRequest) -> String {
        let wishes = self.wishes();
        let Self { service, connection, state, registration, capabilities, stop, .. } = self;
        let reader = registry::Reader { server_id: request.server_id, uuid: wishes.uuid.clone() };
        let ended = service.server.registry.end_earlier_dumps(&reader, state.id);
        if ended > 0 {
            warn!(connection = state.id, ended, "the reader came back: ended its earlier dump");
        }
        let by_gtid = request.gtid_set.is_some();
        let session = Arc::clone(registration.session());
        session.begin(if by_gtid { "Binlog Dump GTID" } else { "Binlog Dump" }, None);
        session.update(|shown| shown.dumping = Some(reader));
        info!(
            connection = state.id,
            server_id = request.server_id,
            uuid = wishes.uuid,
            file = (!request.file.is_empty()).then_some(&request.file),
            position = request.position,
            gtid_set = request.gtid_set.as_ref().map(ToString::to_string),
            connect_state = wishes.slave_connect_state,
            "dump started"
        );
        let timeout = connection.write_timeout;
        let (transport, receiver) = connection.into_parts();
        let (writer, reader) = dump::split(transport, receiver, timeout, session);
        let who = Who { connection_id: state.id, user: state.user, host: state.host };
        let overdue = stop.clone();
        let session = DumpSession { request, wishes, who, capabilities, writer, reader, stop };
        tokio::select! {
            end = Arc::clone(&service.dumps).dump(session) => end.to_string(),
            reason = overdue.overdue() => format!("{reason}, and its dump did not end"),
        }
    }
}
