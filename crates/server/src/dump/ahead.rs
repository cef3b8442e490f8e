//! Readers by GTID that have transactions of the source itself which are not here.
//!
//! Mostly those are on their way: the reader came from the source, which is a moment ahead. If the
//! source does not have them either, it has lost them, and will give their GTIDs to others: a primary
//! refuses such a reader, and so it is refused here. Which of the two it is only the source can tell.

use std::time::Duration;

use binlogd_event::{GtidSet, ServerUuid};
use binlogd_store::Catalog;

use super::DumpError;
use super::start::says_master;
use crate::downstream::{DumpEnd, DumpSession, FromReader, Gtids, Question, StreamFacts};
use crate::stream::Stream;

/// What is on its way comes within that, mostly.
const GRACE: Duration = Duration::from_secs(1);

/// How long to wait before the source is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// MySQL's errors are no longer, in bytes.
const TEXT_LEN_MAX: usize = 511;

/// As the process list has it.
const WAITING: &str = "Waiting for transactions that the replica has";

/// Why a dump does not begin.
pub(super) enum Unfit {
    /// The reader is told so.
    Refused(DumpError),
    /// It is over.
    Over(DumpEnd),
}

/// Waits until the source's own transactions that the reader has are here, too. Meanwhile it is sent
/// nothing, as if there were nothing new.
///
/// # Errors
/// The source does not have them either, or the reader has left.
pub(super) async fn settle(
    stream: &Stream,
    session: &mut DumpSession,
    has: &GtidSet,
) -> Result<(), Unfit> {
    let catalog = stream.catalog();
    let mut patience = GRACE;
    while let Some((source, ahead)) = ahead(catalog, has) {
        session.writer.show_status(WAITING);
        tokio::select! {
            biased;
            reason = session.stop.stopped() => return Err(Unfit::Over(DumpEnd::Stopped(reason))),
            said = session.reader.next() => match said {
                // It has nothing to acknowledge.
                Ok(FromReader::Ack { .. }) => {}
                Ok(FromReader::Left) => return Err(Unfit::Over(DumpEnd::ReaderLeft)),
                Err(end) => return Err(Unfit::Over(end)),
            },
            () = stream.executed(Gtids::Set(ahead.clone())) => {}
            is_lost = is_lost(stream, source, &ahead, patience) => {
                if is_lost {
                    let master = says_master_of(stream);
                    return Err(Unfit::Refused(DumpError::fatal(text(master))));
                }
                if session.request.is_non_blocking() {
                    // It wants what is here now.
                    return Ok(());
                }
                patience = ASK_AGAIN;
            }
        }
    }
    Ok(())
}

/// What the reader has of the newest source's own transactions, that is not here; and who that is.
fn ahead(catalog: &Catalog, has: &GtidSet) -> Option<(ServerUuid, GtidSet)> {
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
