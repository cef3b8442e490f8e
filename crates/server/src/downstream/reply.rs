//! What a statement is answered with, and its way into packets.

use binlogd_wire::packet::PacketWriter;
use binlogd_wire::response::OkPacket;
use binlogd_wire::resultset::{ColumnDefinition, ColumnType, ResultSetWriter, RowFormat};
use binlogd_wire::statement::InvalidText;
use binlogd_wire::{Capabilities, ErrorCode, ServerError, StatusFlags, charset};

use super::answer::Question;
use super::error::SqlError;
use super::facts::{EventRows, EventsError};
use super::sql::{Limit, Temporal, Value};

/// A statement's answer, if it is not an error.
#[derive(Debug)]
pub(super) enum Reply {
    /// Done.
    Ok,
    /// Done, but there is something to be said, which `SHOW WARNINGS` tells.
    Warned(Vec<SqlError>),
    /// Rows.
    Rows(ResultSet),
    /// Rows that are read while they are sent.
    Events(Events),
    /// What the primary answers to this.
    Asked(Question),
}

/// The rows of `SHOW BINLOG EVENTS`.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) columns: Vec<Column>,
    rows: Box<dyn EventRows>,
    skip: u64,
    left: u64,
}

impl Events {
    pub(super) fn new(
        columns: Vec<Column>,
        rows: Box<dyn EventRows>,
        limit: Option<Limit>,
    ) -> Self {
        let limit = limit.unwrap_or(Limit { offset: 0, count: u64::MAX });
        Self { columns, rows, skip: limit.offset, left: limit.count }
    }

    /// Some more rows; `None` at the end.
    pub(super) fn next_batch(&mut self) -> Result<Option<Vec<Vec<Value>>>, EventsError> {
        if self.left == 0 {
            return Ok(None);
        }
        let batch = self.rows.next_batch()?;
        if batch.is_empty() {
            return Ok(None);
        }
        let mut rows = Vec::new();
        for event in batch {
            if self.skip > 0 {
                self.skip -= 1;
            } else if self.left > 0 {
                self.left -= 1;
                rows.push(vec![
                    Value::text(event.file),
                    Value::UInt(event.position),
                    Value::text(event.kind),
                    Value::UInt(u64::from(event.server_id)),
                    Value::UInt(event.end),
                    Value::Text(event.info),
                ]);
            }
        }
        Ok(Some(rows))
    }
}

impl Reply {
    /// Done, with these warnings if there are any.
    pub(super) fn warned(warnings: Vec<SqlError>) -> Self {
        if warnings.is_empty() { Self::Ok } else { Self::Warned(warnings) }
    }
}

/// Rows, each with as many values as there are columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResultSet {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
}

/// What a column is said to hold; all values travel as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Unsigned,
    Signed,
    Decimal,
    Double,
    Date,
    /// With so many digits after a second's point.
    Time(u8),
    DateTime(u8),
    Binary,
    Null,
}

impl Kind {
    /// The kind that fits a value.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(_) => Self::Signed,
            Value::UInt(_) => Self::Unsigned,
            Value::Decimal(_) => Self::Decimal,
            Value::Double(_) => Self::Double,
            Value::Temporal(Temporal::Date(_)) => Self::Date,
            Value::Temporal(Temporal::Time(_, decimals)) => Self::Time(*decimals),
            Value::Temporal(Temporal::DateTime(_, decimals)) => Self::DateTime(*decimals),
            Value::Text(_) => Self::Text,
            Value::Binary(_) => Self::Binary,
        }
    }
}

/// Times. Manual: "Protocol::MYSQL_TYPE".
const DATE: ColumnType = ColumnType(0x0a);
const TIME: ColumnType = ColumnType(0x0b);
const DATETIME: ColumnType = ColumnType(0x0c);
/// DOUBLE, and what is said of its digits: they vary.
const DOUBLE: ColumnType = ColumnType(0x05);
const DECIMALS_VARY: u8 = 31;
/// DECIMAL.
const NEWDECIMAL: ColumnType = ColumnType(0xf6);
/// Column flags.
const UNSIGNED: u16 = 1 << 5;
const BINARY: u16 = 1 << 7;

/// How replies are framed for one client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    /// Agreed on with the client.
    pub(super) capabilities: Capabilities,
    /// The session's status.
    pub(super) status: StatusFlags,
    /// The collation id of texts.
    pub(super) charset: u16,
    /// The form of rows.
    pub(super) rows: RowFormat,
}

impl Format {
    /// Appends an answer as packets.
    pub(super) fn encode(
        &self,
        reply: &Result<Reply, SqlError>,
        packets: &mut PacketWriter,
        out: &mut Vec<u8>,
    ) {
        match reply {
            Ok(Reply::Ok) => self.ok(0, packets, out),
            Ok(Reply::Warned(warnings)) => self.ok(warnings.len(), packets, out),
            Ok(Reply::Rows(set)) => self.rows(set, packets, out),
            // Sent by the session, batch by batch.
            Ok(Reply::Events(_) | Reply::Asked(_)) => self.ok(0, packets, out),
            Err(error) => {
                let error = ServerError::from(error.clone());
                packets.build(out, |out| error.encode(out));
            }
        }
    }

    fn ok(&self, warnings: usize, packets: &mut PacketWriter, out: &mut Vec<u8>) {
        let warnings = u16::try_from(warnings).unwrap_or(u16::MAX);
        packets.build(out, |out| {
            let ok = OkPacket { status: self.status, warnings, ..OkPacket::default() };
            ok.encode(out, self.capabilities);
        });
    }

    fn rows(&self, set: &ResultSet, packets: &mut PacketWriter, out: &mut Vec<u8>) {
        let columns: Vec<_> = set
            .columns
            .iter()
            .enumerate()
            .map(|(i, column)| self.column(column, longest(set, i)))
            .collect();
        let how = (self.capabilities, self.rows);
        let mut rows = ResultSetWriter::begin(out, packets, how, self.status, &columns);
        for row in &set.rows {
            if let Err(error) = rows.row(row.iter().map(Value::to_bytes)) {
                return rows.fail(&invalid_value(error).into());
            }
        }
        rows.finish(self.status, 0);
    }

    /// A column of rows that are not all there yet.
    pub(super) fn column_of_rows<'a>(&self, column: &'a Column) -> ColumnDefinition<'a> {
        const LENGTH: u32 = 1 << 20;
        self.column(column, LENGTH)
    }

    fn column<'a>(&self, column: &'a Column, length: u32) -> ColumnDefinition<'a> {
        let text = ColumnDefinition {
            name: &column.name,
            charset: self.charset,
            length: length.max(256),
            ..ColumnDefinition::text("")
        };
        let number = ColumnDefinition {
            charset: charset::BINARY,
            kind: ColumnType::LONGLONG,
            flags: BINARY,
            length: 21,
            decimals: 0,
            ..text
        };
        match column.kind {
            Kind::Text => text,
            Kind::Signed => number,
            Kind::Unsigned => ColumnDefinition { flags: BINARY | UNSIGNED, ..number },
            Kind::Decimal => {
                ColumnDefinition { kind: NEWDECIMAL, length: length.max(21), ..number }
            }
            Kind::Double => {
                ColumnDefinition { kind: DOUBLE, length: 23, decimals: DECIMALS_VARY, ..number }
            }
            Kind::Date => ColumnDefinition { kind: DATE, length: 10, ..number },
            Kind::Time(decimals) => ColumnDefinition { kind: TIME, length: 17, decimals, ..number },
            Kind::DateTime(decimals) => {
                ColumnDefinition { kind: DATETIME, length: 26, decimals, ..number }
            }
            Kind::Binary => ColumnDefinition { charset: charset::BINARY, flags: BINARY, ..text },
            Kind::Null => ColumnDefinition { kind: ColumnType::NULL, length: 0, ..number },
        }
    }
}

/// The length of a column's longest value, in bytes.
fn longest(set: &ResultSet, column: usize) -> u32 {
    let values = set.rows.iter().filter_map(|row| row.get(column));
    let longest = values.filter_map(|value| value.to_bytes().map(|bytes| bytes.len())).max();
    u32::try_from(longest.unwrap_or(0)).unwrap_or(u32::MAX)
}

/// ER_UNKNOWN_ERROR: a value that is not of its column's type, by the primary's fault or ours, is not sent
/// as another one.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn invalid_value(error: InvalidText) -> SqlError {
    SqlError::new(1105, b"HY000", error.to_string())
}

impl From<SqlError> for ServerError {
    fn from(error: SqlError) -> Self {
        let SqlError { code, state, message } = error;
        Self { code: ErrorCode(code), sqlstate: state, message: message.into() }
    }
}
