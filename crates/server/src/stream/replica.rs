//! The stream as a replica: its status, and the orders that it takes.

use std::time::SystemTime;

use super::{Stream, UpstreamState};
use crate::downstream::{
    LastError, Obeyed, Order, OrderError, ReplicaStatus, Running, SourceChange, StreamFacts,
};

impl Stream {
    pub(super) fn status_as_replica(&self) -> Option<ReplicaStatus> {
        let sources = self.control.sources();
        let source = self.followed().or_else(|| sources.first().cloned())?;
        let (running, semi_sync) = match self.upstream() {
            UpstreamState::Following { semi_sync } => (Running::Yes, semi_sync),
            UpstreamState::Connecting => (Running::Connecting, false),
            UpstreamState::Waiting { .. } => (Running::Waiting, false),
            UpstreamState::Halted { .. } | UpstreamState::Stopped => (Running::No, false),
        };
        let frontier = self.catalog.frontier();
        let name_of = |id| {
            let files = self.catalog.files();
            let file = files.into_iter().rev().find(|file| file.id == id);
            let file = file.or_else(|| self.catalog.newest().filter(|file| file.id == id));
            file.map(|file| file.name.to_string()).unwrap_or_default()
        };
        let executed = self.catalog.executed();
        let retrieved = match self.catalog.purged() {
            Ok(purged) => executed.difference(&purged).to_string(),
            Err(_) => String::new(),
        };
        let (source_id, source_uuid) = self.with_primary(|primary| match primary {
            Some(primary) => (primary.server_id, primary.source.to_string()),
            None => (0, String::new()),
        });
        let tls = source.tls();
        Some(ReplicaStatus {
            host: source.host_name().to_owned(),
            port: source.tcp_port(),
            user: source.user_name().to_owned(),
            tls: tls.is_allowed,
            tls_verify: tls.verifies,
            tls_ca: tls.ca,
            tls_cert: tls.cert,
            tls_key: tls.key,
            fetch_public_key: source.fetches_public_key(),
            running,
            source_id,
            source_uuid,
            received: (name_of(frontier.written.file), frontier.written.offset),
            durable: (name_of(frontier.durable.file), frontier.durable.offset),
            retrieved_gtids: retrieved,
            executed_gtids: executed.to_string(),
            by_gtid: self.gtid_mode_on(),
            semi_sync,
            last_error: self.last_error(),
        })
    }

    pub(super) fn obey(&self, order: Order) -> Result<Obeyed, OrderError> {
        match (order, self.upstream()) {
            (Order::Start, UpstreamState::Halted { error }) => Err(OrderError::Halted(error)),
            (Order::Start, _) => Ok(self.control.start()),
            (Order::Stop, _) => self.control.stop(),
            (Order::Reset, _) => self.control.reset(),
            (Order::Change(change), _) => {
                self.check_position(&change)?;
                let change = SourceChange { log_file: None, log_pos: None, ..*change };
                self.control.change(change)
            }
        }
    }

    /// binlogd goes on exactly where its files end: a position that says something else would be a
    /// gap, and one that says the same is taken.
    fn check_position(&self, change: &SourceChange) -> Result<(), OrderError> {
        if change.log_file.is_none() && change.log_pos.is_none() {
            return Ok(());
        }
        let Some(end) = self.binary_log_status() else {
            let what = "nothing is stored yet: where to begin is said by --start, or start in the \
                        configuration";
            return Err(OrderError::Invalid(what.into()));
        };
        let file = change.log_file.as_ref().unwrap_or(&end.file);
        if *file == end.file && change.log_pos.unwrap_or(end.position) == end.position {
            return Ok(());
        }
        Err(OrderError::Invalid(format!(
            "binlogd goes on where its files end, at {}:{}, so that none has a gap: leave \
             SOURCE_LOG_FILE and SOURCE_LOG_POS out",
            end.file, end.position
        )))
    }

    fn last_error(&self) -> Option<LastError> {
        self.failed.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Notes what `SHOW REPLICA STATUS` tells of a failure; following again makes it past.
    pub(super) fn note(&self, state: &UpstreamState) {
        let text = match state {
            UpstreamState::Waiting { error } | UpstreamState::Halted { error } => error,
            UpstreamState::Following { .. } => {
                return self.set_failed(None);
            }
            UpstreamState::Connecting | UpstreamState::Stopped => return,
        };
        let mariadb = self.is_mariadb();
        let old = mariadb || self.server_version().starts_with("5.");
        // ER_REPLICA_FATAL_ERROR, ER_SLAVE_FATAL_ERROR: whatever stops receiving.
        let number = if old { 1593 } else { 13_117 };
        let error = LastError { number, text: text.clone(), at: SystemTime::now() };
        self.set_failed(Some(error));
    }

    fn set_failed(&self, failed: Option<LastError>) {
        *self.failed.write().unwrap_or_else(std::sync::PoisonError::into_inner) = failed;
    }
}
