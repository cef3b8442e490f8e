//! The stream as a replica: its status, and the orders that it takes.

use std::time::SystemTime;

use super::{Stream, UpstreamState};
use crate::downstream::{
    LastError, Obeyed, Order, OrderError, ReplicaStatus, Running, SourceChange, StreamFacts,
};
use crate::upstream::now_s;

impl Stream {
    pub(super) fn status_as_replica(&self) -> Option<ReplicaStatus> {
        let source = self.source()?;
        let (running, semi_sync) = match self.upstream() {
            UpstreamState::Following { semi_sync, .. } => (Running::Yes, semi_sync),
            UpstreamState::Connecting => (Running::Connecting, false),
            UpstreamState::Waiting(_) => (Running::Waiting, false),
            UpstreamState::Blocked(_) | UpstreamState::Halted(_) | UpstreamState::Stopped => {
                (Running::No, false)
            }
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
            Ok(purged) => executed.difference(&purged).to_lines(),
            Err(_) => String::new(),
        };
        let (source_id, source_uuid, ahead_s) = self.with_primary(|primary| match primary {
            Some(primary) => (primary.server_id, primary.source.to_string(), primary.clock_ahead_s),
            None => (0, String::new(), 0),
        });
        let newest = self.counters.newest_time();
        let seconds_behind =
            (running == Running::Yes).then(|| seconds_behind(newest, now_s(), ahead_s));
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
            seconds_behind,
            source_id,
            source_uuid,
            received: (name_of(frontier.written.file), frontier.written.offset),
            durable: (name_of(frontier.durable.file), frontier.durable.offset),
            retrieved_gtids: retrieved,
            executed_gtids: executed.to_lines(),
            by_gtid: self.gtid_mode() == "ON",
            semi_sync,
            last_error: self.last_error(),
        })
    }

    pub(super) fn obey(&self, order: Order) -> Result<Obeyed, OrderError> {
        match (order, self.upstream()) {
            (Order::Start, UpstreamState::Halted(failure)) => Err(OrderError::Halted(failure.text)),
            (Order::Start, UpstreamState::Blocked(_)) => Ok(self.control.try_now()),
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
        // The upstream knows the file by its bare name.
        let newest = self.catalog.files().pop();
        let is_end = |name: &String| {
            *name == end.file || newest.as_ref().is_some_and(|file| *name == *file.name.as_str())
        };
        if change.log_file.as_ref().is_none_or(is_end)
            && change.log_pos.unwrap_or(end.position) == end.position
        {
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
        let (text, number) = match state {
            UpstreamState::Waiting(failure)
            | UpstreamState::Blocked(failure)
            | UpstreamState::Halted(failure) => (&failure.text, failure.number),
            UpstreamState::Following { .. } => {
                return self.set_failed(None);
            }
            UpstreamState::Connecting | UpstreamState::Stopped => return,
        };
        let mariadb = self.is_mariadb();
        let old = mariadb || self.server_version().starts_with("5.");
        let number = match number {
            // ER_SERVER_SOURCE_FATAL_ERROR_READING_BINLOG: a replica's name for the primary's error.
            Some(1236) if !old => 13_114,
            Some(number) => number,
            // ER_SLAVE_FATAL_ERROR, ER_REPLICA_FATAL_ERROR: whatever else stops receiving.
            None if old => 1593,
            None => 13_117,
        };
        let error = LastError { number, text: text.clone(), at: SystemTime::now() };
        self.set_failed(Some(error));
    }

    fn set_failed(&self, failed: Option<LastError>) {
        *self.failed.write().unwrap_or_else(std::sync::PoisonError::into_inner) = failed;
    }
}

/// How old the newest event is by the primary's clock, which is `ahead_s` before ours; 0 if there is none.
fn seconds_behind(newest: Option<u32>, now_s: i64, ahead_s: i64) -> u64 {
    let age =
        newest.map_or(0, |time| now_s.saturating_add(ahead_s).saturating_sub(i64::from(time)));
    u64::try_from(age).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_as_far_behind_as_its_newest_event_is_old_at_the_primary() {
        for (newest, now, ahead, behind) in [
            (None, 1000, 0, 0),
            (Some(900), 1000, 0, 100),
            (Some(900), 1000, -60, 40),
            (Some(900), 1000, 60, 160),
            (Some(1001), 1000, 0, 0),
            (Some(u32::MAX), i64::MAX, i64::MAX, (i64::MAX - i64::from(u32::MAX)).unsigned_abs()),
        ] {
            assert_eq!(seconds_behind(newest, now, ahead), behind, "{newest:?} {now} {ahead}");
        }
    }
}
