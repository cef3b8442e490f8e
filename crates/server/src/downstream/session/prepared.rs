//! The commands of prepared statements.
//!
//! Cursors are not kept: a client that wants one is sent all rows at once, as MySQL does where a statement
//! cannot have a cursor.

use binlogd_wire::resultset::{ColumnDefinition, RowFormat};
use binlogd_wire::statement::{Execute, PrepareOk};

use super::rows::Asked;
use super::{Next, Session};
use crate::downstream::connection::{Connection, ReadError};
use crate::downstream::error::SqlError;
use crate::downstream::query::{self, Columns, Request};
use crate::downstream::reply::{Format, Reply};

impl Session {
    /// COM_STMT_PREPARE: its answer defines the columns, for which the primary may have to be asked.
    pub(super) async fn prepare(&mut self, sql: &[u8]) -> Result<Next, ReadError> {
        self.show("Prepare", Some(sql));
        let prepared = query::prepare(&self.service.server, &mut self.state, sql);
        let result = match prepared {
            Ok(prepared) => match prepared.columns {
                Columns::Known(columns) => {
                    let format = self.format(RowFormat::Binary);
                    let columns: Vec<_> =
                        columns.iter().map(|column| format.column_of_rows(column)).collect();
                    self.prepared(sql, prepared.parameters, &columns)
                }
                Columns::Asked(question) => match self.ask(question).await {
                    // The rest of the answer is not read: its connection ends here.
                    Asked::Answer(answer) => {
                        let columns = answer.columns();
                        let columns: Vec<_> = columns.iter().map(ColumnDefinition::from).collect();
                        self.prepared(sql, prepared.parameters, &columns)
                    }
                    Asked::Failed(error) => Err(error),
                    Asked::Leave(next) => return Ok(next),
                },
            },
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            self.state.prepared.none_is_last();
            self.state.last_error = Some(error.clone());
            self.answer(&Err(error));
        }
        Ok(Next::Command)
    }

    fn prepared(
        &mut self,
        sql: &[u8],
        parameters: u16,
        columns: &[ColumnDefinition<'_>],
    ) -> Result<(), SqlError> {
        let id = self.state.prepared.insert(sql, parameters)?;
        let Format { capabilities, status, .. } = self.format(RowFormat::Binary);
        let Connection { packets, out, .. } = &mut self.connection;
        PrepareOk::write(id, parameters, columns, (capabilities, status), packets, out);
        Ok(())
    }

    /// COM_STMT_EXECUTE
    pub(super) async fn execute(&mut self, execute: &Execute<'_>) -> Result<Next, ReadError> {
        match self.state.prepared.bind(execute, self.capabilities) {
            Ok(bound) => {
                self.show("Execute", Some(&bound.sql));
                self.run_statement(&Request::bound(&bound), RowFormat::Binary).await
            }
            Err(error) => {
                self.state.last_error = Some(error.clone());
                self.answer(&Err(error));
                Ok(Next::Command)
            }
        }
    }

    /// COM_STMT_RESET
    pub(super) fn reset_statement(&mut self, id: u32) -> Result<Reply, SqlError> {
        if self.state.prepared.reset(id) {
            return Ok(Reply::Ok);
        }
        Err(SqlError::unknown_statement(&id.to_string(), "mysqld_stmt_reset"))
    }

    /// COM_STMT_FETCH: there is never a cursor.
    pub(super) fn fetch(&self, id: u32) -> SqlError {
        match self.state.prepared.sql(id) {
            Some(_) => SqlError::no_open_cursor(id),
            None => SqlError::unknown_statement(&id.to_string(), "mysqld_stmt_fetch"),
        }
    }
}
