//! Rows that are sent while they are read: of `SHOW BINLOG EVENTS`.

use binlogd_wire::packet::PacketWriter;

use super::{Next, Session};
use crate::downstream::connection::{ReadError, send};
use crate::downstream::error::SqlError;
use crate::downstream::query;
use crate::downstream::reply::Events;
use crate::downstream::sql::Value;

impl Session {
    /// Sends rows while they are read, so that a large file takes no more memory than a small one.
    pub(super) async fn send_events(&mut self, mut events: Events) -> Result<Next, ReadError> {
        let format = self.format();
        let mut out = Vec::new();
        let mut packets = std::mem::replace(&mut self.connection.packets, PacketWriter::new(0));
        let mut rows = format.begin(&events.columns, &mut packets, &mut out);
        let statement = self.registration.session().begin_lasting();
        loop {
            if statement.is_cancelled() {
                rows.fail(&SqlError::interrupted().into());
                break;
            }
            match events.next_batch() {
                Ok(Some(batch)) => {
                    for row in batch {
                        rows.row(row.iter().map(Value::to_bytes));
                    }
                }
                Ok(None) => {
                    rows.finish(format.status, 0);
                    break;
                }
                Err(error) => {
                    rows.fail(&query::events_failed(error).into());
                    break;
                }
            }
            let timeout = self.connection.write_timeout;
            tokio::select! {
                biased;
                _ = self.stop.stopped() => return Ok(Next::Leave("killed while it was sent events")),
                sent = send(&mut self.connection.transport, rows.buffer(), timeout) => sent?,
            }
            rows.buffer().clear();
        }
        self.connection.packets = packets;
        self.connection.out = out;
        Ok(Next::Command)
    }
}
