//! Rows that are sent while they are read: of `SHOW BINLOG EVENTS`, and of what the primary answers.

use binlogd_wire::packet::PacketWriter;
use binlogd_wire::resultset::{ColumnDefinition, TextResultSet};

use super::{Next, Session};
use crate::downstream::answer::{Answer, AnswerError, Question};
use crate::downstream::connection::{ReadError, send};
use crate::downstream::error::SqlError;
use crate::downstream::query;
use crate::downstream::reply::Events;
use crate::downstream::sql::Value;

/// How many bytes of rows are sent at once, about.
const BATCH_BYTES: usize = 64 << 10;

/// Where rows come from.
trait Rows {
    /// Appends some rows; `false` at their end. Cancellation ends them.
    async fn next(&mut self, out: &mut TextResultSet<'_>) -> Result<bool, SqlError>;
}

impl Rows for Events {
    async fn next(&mut self, out: &mut TextResultSet<'_>) -> Result<bool, SqlError> {
        let Some(batch) = self.next_batch().map_err(query::events_failed)? else {
            return Ok(false);
        };
        for row in batch {
            out.row(row.iter().map(Value::to_bytes));
        }
        Ok(true)
    }
}

impl Rows for Answer {
    async fn next(&mut self, out: &mut TextResultSet<'_>) -> Result<bool, SqlError> {
        while out.buffer().len() < BATCH_BYTES {
            let row = Self::next(self).await.map_err(AnswerError::into_sql)?;
            let Some(row) = row else { return Ok(false) };
            out.row(row.values());
        }
        Ok(true)
    }
}

impl Session {
    /// Sends a file's events.
    pub(super) async fn send_events(&mut self, mut events: Events) -> Result<Next, ReadError> {
        let format = self.format();
        let columns = events.columns.clone();
        let columns: Vec<_> = columns.iter().map(|column| format.column_of_rows(column)).collect();
        self.send_rows(&columns, &mut events).await
    }

    /// Asks the primary, and sends what it answers.
    pub(super) async fn send_answer(&mut self, question: Question) -> Result<Next, ReadError> {
        let statement = self.registration.session().begin_lasting();
        let asking = self.service.server.facts.ask_primary(question);
        let answer = tokio::select! {
            biased;
            _ = self.stop.stopped() => return Ok(Next::Leave("killed while the primary was asked")),
            () = statement.cancelled() => Err(SqlError::interrupted()),
            answer = asking => answer.map_err(AnswerError::into_sql),
        };
        match answer {
            Ok(mut answer) => {
                let columns = answer.columns().to_vec();
                let columns: Vec<_> = columns.iter().map(ColumnDefinition::from).collect();
                let sent = self.send_rows(&columns, &mut answer).await;
                answer.end().await;
                sent
            }
            Err(error) => {
                self.state.last_error = Some(error.clone());
                self.answer(&Err(error));
                Ok(Next::Command)
            }
        }
    }

    /// Sends rows while they are read, so that many take no more memory than few.
    async fn send_rows(
        &mut self,
        columns: &[ColumnDefinition<'_>],
        rows: &mut impl Rows,
    ) -> Result<Next, ReadError> {
        let format = self.format();
        let mut out = Vec::new();
        let mut packets = std::mem::replace(&mut self.connection.packets, PacketWriter::new(0));
        let (capabilities, status) = (format.capabilities, format.status);
        let mut set = TextResultSet::begin(&mut out, &mut packets, capabilities, status, columns);
        let statement = self.registration.session().begin_lasting();
        loop {
            let more = tokio::select! {
                biased;
                _ = self.stop.stopped() => return Ok(Next::Leave("killed while it was sent rows")),
                () = statement.cancelled() => Err(SqlError::interrupted()),
                more = rows.next(&mut set) => more,
            };
            match more {
                Ok(true) => {}
                Ok(false) => {
                    set.finish(status, 0);
                    break;
                }
                Err(error) => {
                    set.fail(&error.into());
                    break;
                }
            }
            let timeout = self.connection.write_timeout;
            tokio::select! {
                biased;
                _ = self.stop.stopped() => return Ok(Next::Leave("killed while it was sent rows")),
                sent = send(&mut self.connection.transport, set.buffer(), timeout) => sent?,
            }
            set.buffer().clear();
        }
        self.connection.packets = packets;
        self.connection.out = out;
        Ok(Next::Command)
    }
}
