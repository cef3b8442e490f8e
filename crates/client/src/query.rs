//! Queries and what they answer: result sets, streamed row by row.

use std::borrow::Cow;
use std::fmt;
use std::ops::{DerefMut, Range};
use std::sync::Arc;

use binlogd_wire::command::Command;
use binlogd_wire::response::{EofPacket, shown_text};
use binlogd_wire::resultset::{ColumnDefinition, ColumnType, QueryResponse, RowResponse, TextRow};
use binlogd_wire::{Capabilities, StatusFlags, WireError};

use crate::answer::AnswerBudget;
use crate::connection::{Connection, Phase};
use crate::error::ClientError;

/// A column of a result set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The table's database.
    pub schema: String,
    /// The table's alias.
    pub table: String,
    /// The table's name.
    pub org_table: String,
    /// The name, or its alias.
    pub name: String,
    /// The name in the table.
    pub org_name: String,
    /// The collation id; 63 is bytes.
    pub charset: u16,
    /// The longest value, in bytes.
    pub length: u32,
    /// The type that the text stands for.
    pub kind: ColumnType,
    /// Flags: NOT NULL, unsigned and so on.
    pub flags: u16,
    /// Digits behind the point.
    pub decimals: u8,
}

impl From<ColumnDefinition<'_>> for Column {
    fn from(column: ColumnDefinition<'_>) -> Self {
        let text = |name| String::from_utf8_lossy(name).into_owned();
        Self {
            schema: text(column.schema),
            table: text(column.table),
            org_table: text(column.org_table),
            name: text(column.name),
            org_name: text(column.org_name),
            charset: column.charset,
            length: column.length,
            kind: column.kind,
            flags: column.flags,
            decimals: column.decimals,
        }
    }
}

impl<'a> From<&'a Column> for ColumnDefinition<'a> {
    fn from(column: &'a Column) -> Self {
        Self {
            schema: column.schema.as_bytes(),
            table: column.table.as_bytes(),
            org_table: column.org_table.as_bytes(),
            name: column.name.as_bytes(),
            org_name: column.org_name.as_bytes(),
            charset: column.charset,
            length: column.length,
            kind: column.kind,
            flags: column.flags,
            decimals: column.decimals,
        }
    }
}

/// A row: one text, or NULL, for each column.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    bytes: Vec<u8>,
    values: Vec<Option<Range<usize>>>,
    columns: Arc<[Column]>,
}

impl Row {
    fn new(row: TextRow<'_>, columns: &Arc<[Column]>) -> Result<Self, WireError> {
        let mut bytes = Vec::new();
        let mut values = Vec::with_capacity(columns.len());
        for value in row {
            values.push(value?.map(|value| {
                bytes.extend_from_slice(value);
                bytes.len() - value.len()..bytes.len()
            }));
        }
        if values.len() != columns.len() {
            return Err(WireError::BadValue {
                structure: "text row",
                field: "number of values",
                value: values.len() as u64,
            });
        }
        Ok(Self { bytes, values, columns: Arc::clone(columns) })
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The value in a column, counted from 0; `None` if it is NULL or there is no such column.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.values.get(index)?.clone().map(|range| &self.bytes[range])
    }

    /// As [`get`](Self::get), as text; what is not UTF-8 is shown as well as it can be.
    #[must_use]
    pub fn text(&self, index: usize) -> Option<Cow<'_, str>> {
        self.get(index).map(String::from_utf8_lossy)
    }

    /// The value in the column of this name, in any case; `None` if it is NULL or there is none.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<Cow<'_, str>> {
        let index = self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name))?;
        self.text(index)
    }

    /// The values in order; `None` is NULL.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Option<&[u8]>> {
        self.values.iter().map(|value| value.clone().map(|range| &self.bytes[range]))
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.values().map(|value| value.map(String::from_utf8_lossy));
        f.debug_map().entries(self.columns.iter().map(|c| &c.name).zip(values)).finish()
    }
}

/// What a statement says of itself at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Summary {
    affected_rows: u64,
    last_insert_id: u64,
    warnings: u16,
    status: StatusFlags,
    info: String,
}

/// The answer to a query: a result set, perhaps followed by others. `C` is the connection, borrowed or
/// owned.
///
/// Dropping it early is fine: the connection skips what is left before its next command.
#[derive(Debug)]
pub struct QueryResult<C> {
    connection: C,
    columns: Arc<[Column]>,
    summary: Summary,
}

impl<C: DerefMut<Target = Connection>> QueryResult<C> {
    /// The columns; none if the statement does not answer with rows.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Rows changed, of a statement without rows.
    #[must_use]
    pub fn affected_rows(&self) -> u64 {
        self.summary.affected_rows
    }

    /// The value generated for an AUTO_INCREMENT column, of a statement without rows.
    #[must_use]
    pub fn last_insert_id(&self) -> u64 {
        self.summary.last_insert_id
    }

    /// How many warnings there are. Of a statement with rows, known after the last row.
    #[must_use]
    pub fn warnings(&self) -> u16 {
        self.summary.warnings
    }

    /// The session's status. Of a statement with rows, known after the last row.
    #[must_use]
    pub fn status(&self) -> StatusFlags {
        self.summary.status
    }

    /// What the server says about a statement without rows.
    #[must_use]
    pub fn info(&self) -> &str {
        &self.summary.info
    }

    /// The next row, or `None` after the last. Cancellation loses nothing.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub async fn next(&mut self) -> Result<Option<Row>, ClientError> {
        if self.connection.phase != Phase::Rows {
            return Ok(None);
        }
        match self.connection.row(&self.columns).await? {
            Ok(row) => Ok(Some(row)),
            Err(summary) => {
                self.summary = summary;
                Ok(None)
            }
        }
    }

    /// Goes on to the next result set, skipping the rest of this one; `false` if there is none.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub async fn next_set(&mut self) -> Result<bool, ClientError> {
        while self.next().await?.is_some() {}
        if self.connection.phase != Phase::Response {
            return Ok(false);
        }
        self.read_head().await?;
        Ok(true)
    }

    /// The connection, which skips what is left of the answer before its next command.
    #[must_use]
    pub fn into_connection(self) -> C {
        self.connection
    }

    async fn read_head(&mut self) -> Result<(), ClientError> {
        let (columns, summary) = self.connection.head().await?;
        (self.columns, self.summary) = (columns.into(), summary);
        Ok(())
    }
}

impl Connection {
    /// Runs SQL and streams the answer.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub async fn query(&mut self, sql: &str) -> Result<QueryResult<&mut Self>, ClientError> {
        let (columns, summary) = self.ask(sql).await?;
        Ok(QueryResult { connection: self, columns: columns.into(), summary })
    }

    /// As [`query`](Self::query), for an answer that outlives the function that asks.
    ///
    /// # Errors
    /// The server's, or the connection's; the connection is closed then.
    pub async fn into_query(mut self, sql: &str) -> Result<QueryResult<Box<Self>>, ClientError> {
        let (columns, summary) = self.ask(sql).await?;
        Ok(QueryResult { connection: Box::new(self), columns: columns.into(), summary })
    }

    async fn ask(&mut self, sql: &str) -> Result<(Vec<Column>, Summary), ClientError> {
        self.send(&Command::Query(sql.as_bytes())).await?;
        self.head().await
    }

    /// Runs SQL and collects the rows of its first result set.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub async fn query_all(&mut self, sql: &str) -> Result<Vec<Row>, ClientError> {
        let mut result = self.query(sql).await?;
        let mut rows = Vec::new();
        while let Some(row) = result.next().await? {
            rows.push(row);
        }
        Ok(rows)
    }

    /// Runs SQL and returns the first row, if there is one.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub async fn query_first(&mut self, sql: &str) -> Result<Option<Row>, ClientError> {
        self.query(sql).await?.next().await
    }

    /// Runs SQL and returns the first value of the first row; `None` is NULL.
    ///
    /// # Errors
    /// The server's, or the connection's, or [`ClientError::NoRow`].
    pub async fn scalar(&mut self, sql: &str) -> Result<Option<String>, ClientError> {
        match self.query_first(sql).await? {
            Some(row) => Ok(row.text(0).map(Cow::into_owned)),
            None => {
                let address = self.address().to_owned();
                Err(ClientError::NoRow { address, query: sql.to_owned() })
            }
        }
    }

    /// Runs SQL to its end, rows and further result sets included, and returns how many rows the
    /// last statement changed.
    ///
    /// # Errors
    /// The server's, or the connection's.
    pub async fn execute(&mut self, sql: &str) -> Result<u64, ClientError> {
        let mut result = self.query(sql).await?;
        while result.next_set().await? {}
        Ok(result.affected_rows())
    }

    /// Skips what the last command's answer still brings.
    pub(crate) async fn skip_answers(&mut self) -> Result<(), ClientError> {
        loop {
            let skipped = match self.phase {
                Phase::Idle => return Ok(()),
                Phase::Unusable => return Err(self.unusable()),
                Phase::Response => self.head().await.map(drop),
                Phase::Columns(_) | Phase::ColumnsEnd => self.columns().await.map(drop),
                Phase::Rows => self.row_step(|_| Ok(())).await.map(drop),
            };
            // Nobody waits for the errors of an answer that nobody reads.
            match skipped {
                Ok(()) | Err(ClientError::Server { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The start of an answer: its columns, or what it says of itself if it has none.
    async fn head(&mut self) -> Result<(Vec<Column>, Summary), ClientError> {
        let capabilities = self.capabilities;
        let response = match QueryResponse::parse(self.payload().await?, capabilities) {
            Ok(QueryResponse::Ok(ok)) => Ok(Ok(Summary {
                affected_rows: ok.affected_rows,
                last_insert_id: ok.last_insert_id,
                warnings: ok.warnings,
                status: ok.status,
                info: String::from_utf8_lossy(shown_text(ok.info)).into_owned(),
            })),
            Ok(QueryResponse::Columns(count)) => Ok(Err(count)),
            Ok(QueryResponse::Err(error)) => return Err(self.server_error(Ok(error))),
            // We never said that we have files for the server.
            Ok(QueryResponse::LocalInfile(_)) => Err(WireError::BadValue {
                structure: "result set",
                field: "request for a local file",
                value: 0xfb,
            }),
            Err(error) => Err(error),
        };
        match response {
            Ok(Ok(summary)) => {
                self.phase = after_end(summary.status);
                Ok((Vec::new(), summary))
            }
            Ok(Err(count)) => {
                self.phase = Phase::Columns(count);
                Ok((self.columns().await?, Summary::default()))
            }
            Err(error) => Err(self.broken(error)),
        }
    }

    /// The column definitions that are left, and the EOF behind them.
    async fn columns(&mut self) -> Result<Vec<Column>, ClientError> {
        let mut columns = Vec::new();
        while let Phase::Columns(left) = self.phase {
            if left == 0 {
                let no_eof = self.capabilities.contains(Capabilities::DEPRECATE_EOF);
                self.phase = if no_eof { Phase::Rows } else { Phase::ColumnsEnd };
                break;
            }
            match ColumnDefinition::parse(self.payload().await?).map(Column::from) {
                Ok(column) => columns.push(column),
                Err(error) => return Err(self.broken(error)),
            }
            self.phase = Phase::Columns(left - 1);
            self.spend(|budget| budget.take_bytes(size_of::<Column>()))?;
        }
        if self.phase == Phase::ColumnsEnd {
            let eof = EofPacket::parse(self.payload().await?);
            eof.map_err(|error| self.broken(error))?;
            self.phase = Phase::Rows;
        }
        Ok(columns)
    }

    /// The next row, or what the statement says of itself at the end of its rows.
    async fn row(&mut self, columns: &Arc<[Column]>) -> Result<Result<Row, Summary>, ClientError> {
        let step = self.row_step(|row| Row::new(row, columns)).await?;
        if step.is_ok() {
            let values_size = columns.len().saturating_mul(size_of::<Option<Range<usize>>>());
            self.spend(|budget| budget.take_bytes(size_of::<Row>().saturating_add(values_size)))?;
        }
        Ok(step)
    }

    async fn row_step<T>(
        &mut self,
        on_row: impl FnOnce(TextRow<'_>) -> Result<T, WireError>,
    ) -> Result<Result<T, Summary>, ClientError> {
        let capabilities = self.capabilities;
        let parsed = match RowResponse::parse(self.payload().await?, capabilities) {
            Ok(RowResponse::Row(row)) => on_row(row).map(Ok),
            Ok(RowResponse::End { status, warnings }) => {
                Ok(Err(Summary { status, warnings, ..Summary::default() }))
            }
            Ok(RowResponse::Err(error)) => return Err(self.server_error(Ok(error))),
            Err(error) => Err(error),
        };
        let step = parsed.map_err(|error| self.broken(error))?;
        match &step {
            Ok(_) => self.spend(AnswerBudget::take_row)?,
            Err(summary) => self.phase = after_end(summary.status),
        }
        Ok(step)
    }
}

/// What follows the end of a result set.
fn after_end(status: StatusFlags) -> Phase {
    if status.contains(StatusFlags::MORE_RESULTS) { Phase::Response } else { Phase::Idle }
}
