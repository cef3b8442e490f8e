//! Commands that go to the primary's session, for accounts with the right `query`.

use std::pin::pin;
use std::time::Duration;

use binlogd_client::SessionTerms;
use binlogd_event::{GtidPosition, GtidSet};
use binlogd_wire::ServerError;
use binlogd_wire::command::{Command, CommandKind};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::{Next, Session};
use crate::downstream::connection::{ReadError, send};
use crate::downstream::error::SqlError;
use crate::downstream::facts::Gtids;
use crate::downstream::passthrough::{
    Beginning, Broken, END_TIMEOUT, Ended, Relay, Route, Upstream, route, sql_error,
};
use crate::downstream::query::{self, Request};
use crate::downstream::reply::Reply;
use crate::downstream::service::Service;

/// How many settings are kept for a session that is not open yet, and how long they may be together.
const SETTINGS_MAX: usize = 256;
const SETTINGS_BYTES_MAX: usize = 64 << 10;

/// How long a client that reads a position waits until binlogd has stored up to there.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a session has to do with the primary's.
#[derive(Debug, Default)]
pub(super) struct Through {
    upstream: Option<Box<Upstream>>,
    /// What was set before there is one.
    settings: Vec<String>,
    collation: u8,
}

impl Through {
    /// A client's, of this collation id.
    pub(super) fn new(collation: u8) -> Self {
        Self { collation, ..Self::default() }
    }

    /// How long the client may be idle, where it has a session on the primary.
    pub(super) fn idle_timeout(&self, service: &Service) -> Option<Duration> {
        self.upstream.as_ref()?;
        service.passthrough.as_ref().map(|gate| gate.config.idle_timeout)
    }
}

impl Session {
    /// Handles a command that goes to the primary, or is refused on its way there; `None` if it is to be
    /// answered here.
    pub(super) async fn pass_through(&mut self, payload: &[u8]) -> Option<Result<Next, ReadError>> {
        self.service.passthrough.as_ref().filter(|_| self.state.rights.query)?;
        let kind = CommandKind(*payload.first()?);
        let is_open = self.through.upstream.is_some();
        match kind {
            CommandKind::QUERY | CommandKind::STMT_PREPARE => {
                let command = Command::parse(payload, self.capabilities).ok()?;
                let (sql, prepares) = match command {
                    Command::Query(sql) => (sql, false),
                    Command::Prepare(sql) => (sql, true),
                    _ => return None,
                };
                self.statement_through(payload, sql, prepares).await
            }
            CommandKind::STMT_EXECUTE
            | CommandKind::STMT_FETCH
            | CommandKind::STMT_RESET
            | CommandKind::STMT_SEND_LONG_DATA
            | CommandKind::STMT_CLOSE
            | CommandKind::PING
                if is_open =>
            {
                self.show("Execute", None);
                Some(self.relay(payload, None).await)
            }
            CommandKind::INIT_DB if is_open => {
                let name = String::from_utf8_lossy(payload.get(1..)?).into_owned();
                self.registration.session().update(|shown| shown.db = Some(name.clone()));
                self.state.db = Some(name);
                Some(self.relay(payload, None).await)
            }
            CommandKind::RESET_CONNECTION => {
                self.through.settings.clear();
                self.state.reset(&self.service.server.limits);
                if is_open { Some(self.relay(payload, None).await) } else { None }
            }
            CommandKind::CHANGE_USER
            | CommandKind::BINLOG_DUMP
            | CommandKind::BINLOG_DUMP_GTID
            | CommandKind::QUIT => {
                self.end_upstream().await;
                None
            }
            _ => None,
        }
    }

    /// Ends the session on the primary, where nothing is under way.
    pub(super) async fn end_upstream(&mut self) {
        self.through.settings.clear();
        if let Some(upstream) = self.through.upstream.take() {
            upstream.quit().await;
        }
    }

    async fn statement_through(
        &mut self,
        payload: &[u8],
        sql: &[u8],
        prepares: bool,
    ) -> Option<Result<Next, ReadError>> {
        let is_open = self.through.upstream.is_some();
        let route = route(sql);
        match route {
            Route::Local if prepares => {
                let why = "statements that binlogd answers itself cannot be prepared by an account with \
                           the right query";
                return Some(self.refuse(SqlError::not_supported(why)));
            }
            Route::Local => return None,
            Route::Refused(what) => {
                debug!(connection = self.state.id, what, "not passed through");
                return Some(self.refuse(SqlError::not_supported(what)));
            }
            Route::Lazy | Route::Set if !is_open && !prepares && self.answered_here(sql, route) => {
                return Some(Ok(Next::Command));
            }
            // Some of what is set concerns this connection, or a dump that follows.
            Route::Set if is_open && !prepares => {
                let request = Request::text(sql);
                let set = query::run(&self.service.server, &mut self.state, &request);
                debug!(connection = self.state.id, here = set.is_ok(), "set at the primary");
            }
            Route::Lazy if is_open => self.follow_database(sql),
            _ => {}
        }
        self.show(if prepares { "Prepare" } else { "Query" }, Some(sql));
        if let Err(error) = self.open_upstream().await {
            return Some(self.refuse(error));
        }
        let position = (route == Route::Position && !prepares).then_some(sql);
        Some(self.relay(payload, position).await)
    }

    /// Answers a statement here, if that can be done. What it sets is kept for the primary's session.
    fn answered_here(&mut self, sql: &[u8], route: Route) -> bool {
        let Ok(text) = std::str::from_utf8(sql) else { return false };
        let settings = &self.through.settings;
        let bytes: usize = settings.iter().map(String::len).sum();
        if settings.len() >= SETTINGS_MAX || bytes + text.len() > SETTINGS_BYTES_MAX {
            return false;
        }
        self.show("Query", Some(sql));
        let reply = query::run(&self.service.server, &mut self.state, &Request::text(sql));
        let Ok(reply @ (Reply::Ok | Reply::Warned(_) | Reply::Rows(_))) = reply else {
            return false;
        };
        if route == Route::Set {
            self.through.settings.push(text.to_owned());
        }
        self.registration.session().update(|shown| shown.db.clone_from(&self.state.db));
        self.answer(&Ok(reply));
        true
    }

    /// Keeps in mind which database `USE` chooses.
    fn follow_database(&mut self, sql: &[u8]) {
        if sql.trim_ascii_start().get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"USE")) {
            let request = Request::text(sql);
            let used = query::run(&self.service.server, &mut self.state, &request);
            debug!(connection = self.state.id, here = used.is_ok(), "chose a database");
        }
    }

    fn refuse(&mut self, error: SqlError) -> Result<Next, ReadError> {
        self.state.last_error = Some(error.clone());
        self.answer(&Err(error));
        Ok(Next::Command)
    }

    async fn open_upstream(&mut self) -> Result<(), SqlError> {
        if self.through.upstream.is_some() {
            return Ok(());
        }
        let service = &self.service;
        let Some(gate) = &service.passthrough else { return Err(SqlError::unknown_command()) };
        let beginning = Beginning {
            client: self.state.id,
            user: &self.state.user,
            terms: SessionTerms {
                capabilities: self.capabilities,
                collation: self.through.collation,
            },
            dialect: service.server.dialect(),
            database: self.state.db.as_deref(),
            settings: &self.through.settings,
        };
        let opening = gate.open(service.server.facts.primary_options(), beginning);
        let upstream = tokio::select! {
            biased;
            _ = self.stop.stopped() => return Err(SqlError::interrupted()),
            opened = opening => opened?,
        };
        self.through.settings.clear();
        self.through.upstream = Some(Box::new(upstream));
        Ok(())
    }

    /// Passes a command on, and its answer back. `position` is the statement that asks for one.
    async fn relay(&mut self, payload: &[u8], position: Option<&[u8]>) -> Result<Next, ReadError> {
        let Some(mut upstream) = self.through.upstream.take() else { return Ok(Next::Command) };
        let ended = self.relay_to_end(&mut upstream, payload, position).await;
        match ended {
            Ok(()) => {
                self.through.upstream = Some(upstream);
                Ok(Next::Command)
            }
            Err(left) => {
                upstream.abandon();
                Ok(Next::Leave(left))
            }
        }
    }

    async fn relay_to_end(
        &mut self,
        upstream: &mut Upstream,
        payload: &[u8],
        position: Option<&[u8]>,
    ) -> Result<(), &'static str> {
        upstream.usage.statements += 1;
        let statement = self.registration.session().begin_lasting();
        let gate = self.service.passthrough.as_ref();
        let limit = gate.map_or(END_TIMEOUT, |gate| gate.config.statement_timeout);
        let mut relay = match tokio::time::timeout(
            limit,
            Relay::begin(&mut upstream.connection, payload),
        )
        .await
        {
            Ok(Ok(relay)) => relay,
            Ok(Err(error)) => return Err(self.broken(&error, Some(1))),
            Err(_) => return Err("the primary took nothing"),
        };
        let killer = upstream.killer();
        let timeout = self.connection.write_timeout;
        let deadline = Instant::now() + limit;
        let mut kill_deadline: Option<Instant> = None;
        let ended = {
            let running = relay.run(
                &mut upstream.connection,
                &mut self.connection.transport,
                timeout,
                position.is_some(),
            );
            let mut running = pin!(running);
            loop {
                tokio::select! {
                    biased;
                    _ = self.stop.stopped() => return Err("killed while the primary answered"),
                    ended = &mut running => break ended,
                    () = statement.cancelled(), if kill_deadline.is_none() => {
                        killer.kill_query();
                        kill_deadline = Some(Instant::now() + END_TIMEOUT);
                    }
                    () = tokio::time::sleep_until(kill_deadline.unwrap_or(deadline)) => {
                        if kill_deadline.is_some() {
                            return Err("its statement did not end at the primary");
                        }
                        warn!(connection = self.state.id, "statement_timeout: ending a statement");
                        killer.kill_query();
                        kill_deadline = Some(Instant::now() + END_TIMEOUT);
                    }
                }
            }
        };
        upstream.usage.bytes = upstream.usage.bytes.saturating_add(relay.bytes);
        match ended {
            Ok(Ended::Whole) => Ok(()),
            Ok(Ended::ClientLeft) => Err(super::CLOSED),
            Ok(Ended::Held) => {
                let held = Relay::take_held(&mut upstream.connection).await;
                let held = held.map_err(|error| self.broken(&error, None))?;
                let sql = position.unwrap_or_default();
                let reached = self.catch_up(upstream, sql).await;
                match reached {
                    Ok(()) => {
                        let sent = send(&mut self.connection.transport, &held, timeout).await;
                        sent.map_err(|_| "cannot write to it")
                    }
                    Err(error) => {
                        self.connection.packets.set_sequence(relay.next_sequence);
                        self.answer(&Err(error));
                        Ok(())
                    }
                }
            }
            Err(error) => {
                let sequence = relay.takes_error().then_some(relay.next_sequence);
                Err(self.broken(&error, sequence))
            }
        }
    }

    /// Sends the client an error, where one can follow what it has got.
    fn broken(&mut self, error: &Broken, sequence: Option<u8>) -> &'static str {
        warn!(connection = self.state.id, %error, "lost the session on the primary");
        if let (Some(sequence), false) = (sequence, matches!(error, Broken::Client(_))) {
            let error = SqlError::passthrough(&error.to_string());
            self.connection.packets.set_sequence(sequence);
            self.connection.put(|out| ServerError::from(error).encode(out));
        }
        "its session on the primary was lost"
    }

    /// Waits until what the primary's session sees of the binlog is stored here.
    async fn catch_up(&mut self, upstream: &mut Upstream, sql: &[u8]) -> Result<(), SqlError> {
        let waiting = self.catch_up_with(upstream, sql);
        tokio::time::timeout(CATCH_UP_TIMEOUT, waiting).await.unwrap_or_else(|_| {
            let seconds = CATCH_UP_TIMEOUT.as_secs();
            Err(SqlError::passthrough(&format!(
                "binlogd has not stored up to that position within {seconds} s: a dump could not begin there"
            )))
        })
    }

    async fn catch_up_with(&self, upstream: &mut Upstream, sql: &[u8]) -> Result<(), SqlError> {
        let facts = &self.service.server.facts;
        let first = sql.trim_ascii_start().get(..4).unwrap_or_default();
        let text = String::from_utf8_lossy(sql).to_ascii_lowercase();
        if first.eq_ignore_ascii_case(b"show") && text.contains("status") {
            if !upstream.is_with(facts.primary_options().as_ref()) {
                return Err(SqlError::passthrough(
                    "this session is not with the server that binlogd follows: its file names and positions \
                     mean nothing here. Use GTIDs",
                ));
            }
            let mut rows =
                upstream.connection.query(&text).await.map_err(|error| sql_error(&error))?;
            let row = rows.next().await.map_err(|error| sql_error(&error))?;
            let Some(row) = row else { return Ok(()) };
            let file = row.by_name("File").unwrap_or_default().into_owned();
            let position = row.by_name("Position").unwrap_or_default().parse().unwrap_or(u64::MAX);
            loop {
                match facts.file_reaches(&file, position) {
                    Ok(true) => return Ok(()),
                    Ok(false) => tokio::time::sleep(LOOK_EVERY).await,
                    Err(name) => {
                        return Err(SqlError::passthrough(&format!(
                            "the primary's {file} is {name} here, since another server had a file of that \
                             name. Use GTIDs"
                        )));
                    }
                }
            }
        }
        let is_mariadb = self.service.server.dialect().mariadb;
        let sql = match is_mariadb {
            true => "SELECT @@GLOBAL.gtid_binlog_pos",
            false => "SELECT @@GLOBAL.gtid_executed",
        };
        let mut rows = upstream.connection.query(sql).await.map_err(|error| sql_error(&error))?;
        let row = rows.next().await.map_err(|error| sql_error(&error))?;
        let text = row.and_then(|row| row.text(0).map(String::from)).unwrap_or_default();
        let nonsense = || SqlError::passthrough("the primary's GTIDs cannot be read");
        let gtids = match is_mariadb {
            true => Gtids::Position(text.parse::<GtidPosition>().map_err(|_| nonsense())?),
            false => Gtids::Set(text.parse::<GtidSet>().map_err(|_| nonsense())?),
        };
        facts.executed(gtids).await;
        Ok(())
    }
}
