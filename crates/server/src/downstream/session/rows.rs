//! Rows that are sent while they are read: of `SHOW BINLOG EVENTS`, and of what the primary answers.

use binlogd_wire::packet::PacketWriter;
use binlogd_wire::resultset::{ColumnDefinition, ResultSetWriter, RowFormat};

use super::{Next, Session};
use crate::downstream::answer::{Answer, AnswerError, Question};
use crate::downstream::connection::{ReadError, send};
use crate::downstream::error::SqlError;
use crate::downstream::query;
use crate::downstream::reply::{Events, invalid_value};
use crate::downstream::sql::Value;

/// How many bytes of rows are sent at once, about.
const BATCH_BYTES: usize = 64 << 10;

/// What came of asking the primary.
pub(super) enum Asked {
    Answer(Answer),
    Failed(SqlError),
    /// The session ends.
    Leave(Next),
}

/// Where rows come from.
trait Rows {
    /// Appends some rows; `false` at their end. Cancellation ends them.
    async fn next(&mut self, out: &mut ResultSetWriter<'_>) -> Result<bool, SqlError>;
}

impl Rows for Events {
    async fn next(&mut self, out: &mut ResultSetWriter<'_>) -> Result<bool, SqlError> {
        let Some(batch) = self.next_batch().map_err(query::events_failed)? else {
            return Ok(false);
        };
        for row in batch {
            out.row(row.iter().map(Value::to_bytes)).map_err(invalid_value)?;
        }
        Ok(true)
    }
}

impl Rows for Answer {
    async fn next(&mut self, out: &mut ResultSetWriter<'_>) -> Result<bool, SqlError> {
        while out.buffer().len() < BATCH_BYTES {
            let row = Self::next(self).await.map_err(AnswerError::into_sql)?;
            let Some(row) = row else { return Ok(false) };
            out.row(row.values()).map_err(invalid_value)?;
        }
        Ok(true)
    }
}

impl Session {
    /// Sends a file's events.
    pub(super) async fn send_events(
        &mut self,
        mut events: Events,
        rows: RowFormat,
    ) -> Result<Next, ReadError> {
        let format = self.format(rows);
        let columns = events.columns.clone();
        let columns: Vec<_> = columns.iter().map(|column| format.column_of_rows(column)).collect();
        self.send_rows(&columns, &mut events, rows).await
    }

    /// Asks the primary, and sends what it answers.
    pub(super) async fn send_answer(
        &mut self,
        question: Question,
        rows: RowFormat,
    ) -> Result<Next, ReadError> {
        match self.ask(question).await {
            Asked::Answer(mut answer) => {
                let columns = answer.columns().to_vec();
                let columns: Vec<_> = columns.iter().map(ColumnDefinition::from).collect();
                let sent = self.send_rows(&columns, &mut answer, rows).await;
                answer.end().await;
                sent
            }
            Asked::Failed(error) => {
                self.state.last_error = Some(error.clone());
                self.answer(&Err(error));
                Ok(Next::Command)
            }
            Asked::Leave(next) => Ok(next),
        }
    }

    /// Asks the primary.
    pub(super) async fn ask(&mut self, question: Question) -> Asked {
        let statement = self.registration.session().begin_lasting();
        let asking = self.service.server.facts.ask_primary(question);
        tokio::select! {
            biased;
            _ = self.stop.stopped() => Asked::Leave(Next::Leave("killed while the primary was asked")),
            () = statement.cancelled() => Asked::Failed(SqlError::interrupted()),
            answer = asking => match answer {
                Ok(answer) => Asked::Answer(answer),
                Err(error) => Asked::Failed(error.into_sql()),
            },
        }
    }

    /// Sends rows while they are read, so that many take no more memory than few.
    async fn send_rows(
        &mut self,
        columns: &[ColumnDefinition<'_>],
        rows: &mut impl Rows,
        format: RowFormat,
    ) -> Result<Next, ReadError> {
        let format = self.format(format);
        let mut out = Vec::new();
        let mut packets = std::mem::replace(&mut self.connection.packets, PacketWriter::new(0));
        let (how, status) = ((format.capabilities, format.rows), format.status);
        let mut set = ResultSetWriter::begin(&mut out, &mut packets, how, status, columns);
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
