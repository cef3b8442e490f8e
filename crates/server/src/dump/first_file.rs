//! Readers that come before the stream's first file.
//!
//! There is nothing yet that a dump could begin with. Error 1236 would be wrong: a replica takes it for final, and stops.
//! Nor can a heartbeat be sent, which names a file. So the reader waits in silence, for as long as it may believe that the
//! connection lives; then the connection is closed, and a replica connects anew.

use std::time::Duration;

use tokio::time::Instant;

use crate::downstream::{DumpEnd, DumpSession, FromReader};
use crate::stream::Stream;

/// How long a reader waits that has asked for no heartbeats.
const PATIENCE: Duration = Duration::from_secs(30);

/// As the process list has it.
const WAITING: &str = "Waiting for the first binlog file";

/// Waits until there is a file.
///
/// # Errors
/// The dump is over: the reader has left, has to end, or has to connect anew.
pub(super) async fn wait_for_first_file(
    stream: &Stream,
    session: &mut DumpSession,
) -> Result<(), DumpEnd> {
    let catalog = stream.catalog();
    if !catalog.files().is_empty() {
        return Ok(());
    }
    session.writer.show_status(WAITING);
    let mut frontier = catalog.watch();
    let deadline = Instant::now() + patience(session.wishes.heartbeat_period);
    loop {
        // In this order, so that nothing is missed between.
        let durable = frontier.now().durable;
        if !catalog.files().is_empty() {
            return Ok(());
        }
        let more = async {
            if frontier.past(durable).await.is_none() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            reason = session.stop.stopped() => return Err(DumpEnd::Stopped(reason)),
            () = more => {}
            said = session.reader.next() => match said {
                // It has nothing to acknowledge.
                Ok(FromReader::Ack { .. }) => {}
                Ok(FromReader::Left) => return Err(DumpEnd::ReaderLeft),
                Err(end) => return Err(end),
            },
            () = tokio::time::sleep_until(deadline) => {
                let what = "nothing is stored yet: the reader has to connect again";
                return Err(DumpEnd::Io(std::io::Error::other(what)));
            }
        }
    }
}

/// Replicas take a connection for dead after two periods without a heartbeat, by default.
fn patience(heartbeat_period: Option<Duration>) -> Duration {
    heartbeat_period.map_or(PATIENCE, |period| period.saturating_mul(3) / 2)
}
