//! Readers by GTID that have to wait before their dump begins.
//!
//! A reader may have transactions of the source itself which are not here. Mostly those are on their
//! way: the reader came from the source, which is a moment ahead. If the source does not have them
//! either, it has lost them, and will give their GTIDs to others: a primary refuses such a reader, and so
//! it is refused here. Which of the two it is only the source can tell.
//!
//! Also no reader begins before the source was asked which transactions stand in none of its files: one
//! that lacks them would be served over the hole.

use std::pin::pin;
use std::time::{Duration, Instant as StdInstant};

use binlogd_event::{GtidSet, ServerUuid};
use binlogd_store::Catalog;
use tokio::time::Instant;

use super::mariadb::resolve_own_position;
use super::serve::send;
use super::start::says_master;
use super::{DumpError, Options, Sender, Start, find};
use crate::downstream::{DumpEnd, DumpSession, FromReader, Gtids, Question, StreamFacts};
use crate::stream::{Stream, UpstreamState};

/// What is on its way comes within that, mostly.
const GRACE: Duration = Duration::from_secs(1);

/// How long to wait before the source is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// How long a reader waits for what the source's variables say. They are asked for when a dump has
/// begun, over a second connection, which the source may refuse.
const VARIABLES_TIMEOUT: Duration = Duration::from_secs(10);

/// MySQL's errors are no longer, in bytes.
const TEXT_LEN_MAX: usize = 511;

/// So much of a GTID set is logged, in bytes.
const LOGGED_GTIDS_LEN_MAX: usize = 500;

/// As the process list has it.
const WAITING: &str = "Waiting for transactions that the replica has";

/// As the process list has it.
const WAITING_FOR_VARIABLES: &str = "Waiting for the source's GTID variables";

/// Why a dump does not begin.
pub(super) enum Unfit {
    /// The reader is told so.
    Refused(DumpError),
    /// It is over.
    Over(DumpEnd),
}

/// A reader that has asked for a dump by GTID.
pub(super) struct Newcomer<'a> {
    pub(super) stream: &'a Stream,
    pub(super) session: &'a mut DumpSession,
    pub(super) start: &'a Start,
    pub(super) options: Options,
    /// Its dump, once it was sent something.
    pub(super) sender: Option<Sender>,
    heartbeat_at: Option<Instant>,
}

impl<'a> Newcomer<'a> {
    pub(super) fn new(
        stream: &'a Stream,
        session: &'a mut DumpSession,
        start: &'a Start,
        options: Options,
    ) -> Self {
        Self { stream, session, start, options, sender: None, heartbeat_at: None }
    }

    /// Waits until it is known what readers by GTID must have, and the source's own transactions that
    /// this one has are here, too. Meanwhile it is sent heartbeats, as if there were nothing new.
    ///
    /// # Errors
    /// The source does not have the transactions either, or the reader has left.
    pub(super) async fn settle(&mut self) -> Result<(), Unfit> {
        let start = self.start;
        let has = start.has.as_ref().filter(|_| start.file.is_empty());
        if has.is_some() || start.mariadb.as_ref().is_some_and(|wishes| wishes.state.is_some()) {
            self.learn_what_is_unlogged().await?;
        }
        match has {
            Some(has) => {
                // Not before: the first heartbeat begins the dump, for which it must be known what is needed.
                self.set_next_heartbeat();
                self.wait_for_source(has).await
            }
            None => Ok(()),
        }
    }

    /// Waits until the source's own transactions that the reader `has` are here.
    async fn wait_for_source(&mut self, has: &GtidSet) -> Result<(), Unfit> {
        let (stream, catalog) = (self.stream, self.stream.catalog());
        let mut patience = GRACE;
        while let Some((source, ahead)) = ahead(catalog, has) {
            self.session.writer.show_status(WAITING);
            let mut arrived = pin!(stream.executed(Gtids::Set(ahead.clone())));
            let mut lost = pin!(is_lost(stream, source, &ahead, patience));
            let is_lost = loop {
                tokio::select! {
                    biased;
                    is_due = self.attend() => if is_due? { self.send_heartbeat().await?; },
                    () = &mut arrived => break None,
                    is_lost = &mut lost => break Some(is_lost),
                }
            };
            match is_lost {
                None => continue,
                Some(true) => {
                    let master = says_master_of(stream);
                    return Err(Unfit::Refused(DumpError::fatal(text(master))));
                }
                // It wants what is here now.
                Some(false) if self.session.request.is_non_blocking() => return Ok(()),
                Some(false) => patience = ASK_AGAIN,
            }
            self.report(&ahead);
        }
        Ok(())
    }

    async fn learn_what_is_unlogged(&mut self) -> Result<(), Unfit> {
        let stream = self.stream;
        let is_unknown = || {
            stream.catalog().unlogged().is_none()
                && matches!(stream.upstream(), UpstreamState::Following { .. })
        };
        if !is_unknown() {
            return Ok(());
        }
        self.session.writer.show_status(WAITING_FOR_VARIABLES);
        let mut noted = stream.catalog().watch_unlogged();
        let mut late = pin!(tokio::time::sleep(VARIABLES_TIMEOUT));
        while is_unknown() {
            tokio::select! {
                biased;
                heard = self.attend() => { heard?; }
                _ = noted.changed() => {}
                () = &mut late => {
                    tracing::warn!(
                        reader = %self.name(),
                        "the primary has not yet answered which transactions stand in none of its \
                         binlog files (gtid_purged, gtid_slave_pos). It is not known yet whether this \
                         reader lacks such transactions, or needs them"
                    );
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Takes what the reader says until it has said something or a heartbeat is due; whether it is.
    /// Cancel safe.
    async fn attend(&mut self) -> Result<bool, Unfit> {
        let heartbeat_at = self.heartbeat_at;
        let heartbeat = async {
            match heartbeat_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            reason = self.session.stop.stopped() => Err(Unfit::Over(DumpEnd::Stopped(reason))),
            said = self.session.reader.next() => match said {
                // It has nothing to acknowledge.
                Ok(FromReader::Ack { .. }) => Ok(false),
                Ok(FromReader::Left) => Err(Unfit::Over(DumpEnd::ReaderLeft)),
                Err(end) => Err(Unfit::Over(end)),
            },
            () = heartbeat => Ok(true),
        }
    }

    fn set_next_heartbeat(&mut self) {
        let period = self.session.wishes.heartbeat_period;
        self.heartbeat_at = period.map(|period| Instant::now() + period);
    }

    /// Before the first one the reader gets the file's name, as at the begin of any dump. Not cancel safe.
    async fn send_heartbeat(&mut self) -> Result<(), Unfit> {
        self.set_next_heartbeat();
        let mut out = Vec::new();
        if self.sender.is_none() {
            self.sender = Some(self.begin(&mut out).map_err(Unfit::Refused)?);
        }
        if let Some(sender) = &mut self.sender {
            sender.heartbeat(&mut out);
        }
        send(self.session, &out).await.map_err(Unfit::Over)
    }

    /// The begin of the dump.
    ///
    /// # Errors
    /// There is nothing that it could begin with, or the files cannot be read.
    pub(super) fn begin(&self, out: &mut Vec<u8>) -> Result<Sender, DumpError> {
        let catalog = self.stream.catalog();
        let mut start = self.start.clone();
        if let Some(wishes) = &mut start.mariadb {
            resolve_own_position(catalog, wishes);
        }
        tokio::task::block_in_place(|| {
            let point = find(catalog, &start)?;
            let sender = Sender::begin(catalog, point, self.options, start.mariadb, out)?;
            sender.set_reader(self.session.who.connection_id);
            Ok(sender)
        })
    }

    /// Logs what the reader waits for.
    fn report(&self, ahead: &GtidSet) {
        if !self.stream.wait_log().is_due(&self.name(), StdInstant::now()) {
            return;
        }
        let mut gtids = ahead.to_string();
        if gtids.len() > LOGGED_GTIDS_LEN_MAX {
            gtids.truncate(LOGGED_GTIDS_LEN_MAX);
            gtids.push('…');
        }
        let state = match self.stream.upstream() {
            UpstreamState::Following { .. } => "the primary has them, they are not stored here yet",
            _ => "the primary is not followed now",
        };
        tracing::info!(
            reader = %self.name(), %gtids,
            "a reader waits: it has transactions of the primary that are not stored here ({state}). \
             It gets nothing but heartbeats until they are"
        );
    }

    fn name(&self) -> String {
        let (who, server_id) = (&self.session.who, self.session.request.server_id);
        format!("{}@{} with server id {server_id}", who.user, who.host)
    }
}

/// What the reader has of the newest source's own transactions, that is not here; and who that is.
#[must_use]
pub fn ahead(catalog: &Catalog, has: &GtidSet) -> Option<(ServerUuid, GtidSet)> {
    let source = catalog.timelines().last()?.source.as_str().parse().ok()?;
    let ahead = has.of_server(source).difference(&catalog.executed());
    (!ahead.is_empty()).then_some((source, ahead))
}

/// Asks the source, after a while, whether it lacks transactions. While it cannot be asked, nobody
/// knows.
async fn is_lost(stream: &Stream, source: ServerUuid, ahead: &GtidSet, patience: Duration) -> bool {
    tokio::time::sleep(patience).await;
    let question = Question {
        sql: format!(
            "SELECT @@server_uuid = '{source}' AND NOT GTID_SUBSET('{ahead}', @@global.gtid_executed)"
        ),
        asked_in: None,
        answered_in: None,
    };
    let Ok(mut answer) = stream.ask_primary(question).await else { return false };
    let row = answer.next().await.ok().flatten();
    let is_lost = row.is_some_and(|row| row.get(0) == Some(b"1"));
    // The row is the last.
    let _ = answer.next().await;
    answer.end().await;
    is_lost
}

fn says_master_of(stream: &Stream) -> bool {
    says_master(&binlogd_event::ServerVersion::new(stream.server_version()))
}

/// MySQL's text, in the words of its version.
fn text(says_master: bool) -> String {
    let mut text = match says_master {
        true => {
            "Slave has more GTIDs than the master has, using the master's SERVER_UUID. This may \
             indicate that the end of the binary log was truncated or that the last binary log file \
             was lost, e.g., after a power or disk failure when sync_binlog != 1. The master may or \
             may not have rolled back transactions that were already replicated to the slave. Suggest \
             to replicate any transactions that master has rolled back from slave to master, and/or \
             commit empty transactions on master to account for transactions that have been \
             committed on master but are not included in GTID_EXECUTED."
        }
        false => {
            "Replica has more GTIDs than the source has, using the source's SERVER_UUID. This may \
             indicate that the the last binary log file was truncated or lost, e.g., after a power \
             failure when sync_binlog != 1. The source may have rolled back transactions that were \
             already replicated to the replica. Replicate any transactions that source has rolled back \
             from replica to source, and/or commit empty transactions on source to account for \
             transactions that have been committed on source but are not included in GTID_EXECUTED."
        }
    }
    .to_owned();
    text.truncate(TEXT_LEN_MAX);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_where_mysql_cuts_them() {
        assert!(text(false).ends_with("are not included in GTID_EXECU"), "{}", text(false));
        assert!(text(true).ends_with("account for transactions that have been"), "{}", text(true));
    }
}
