//! Changes as Debezium's MySQL connector writes them, an envelope a line.
//!
//! Facts are from the connector's documentation, "Change event values" and "Data type mappings".
//! What it calls the payload is written, as its JSON converter does with `schemas.enable=false`.

mod schema_change;
mod value;

use binlogd_event::body::RowsChange;

use super::json::{bytes_field, null_field, number_field, text_field};
use super::untold::is_xa_rollback;
use super::{Format, FormatError, Untold, now_us, switch, whole};
use crate::changes::{At, Change, End, Statement, Transaction};
use crate::{Charset, Image, Rows};
pub use value::{BinaryMode, DecimalMode, TimeMode, UnsignedMode};

/// The connector's settings that change what is written; its names, and its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebeziumOptions {
    /// `topic.prefix`: the name of the server in `source`.
    pub topic_prefix: String,
    /// `decimal.handling.mode`.
    pub decimals: DecimalMode,
    /// `time.precision.mode`.
    pub times: TimeMode,
    /// `bigint.unsigned.handling.mode`.
    pub unsigned: UnsignedMode,
    /// `binary.handling.mode`.
    pub binaries: BinaryMode,
    /// `include.query`: the statement that changed the rows, where the server logs it.
    pub include_query: bool,
    /// `include.schema.changes`: statements that define tables.
    pub include_schema_changes: bool,
}

impl Default for DebeziumOptions {
    fn default() -> Self {
        Self {
            topic_prefix: "binlogd".to_owned(),
            decimals: DecimalMode::default(),
            times: TimeMode::default(),
            unsigned: UnsignedMode::default(),
            binaries: BinaryMode::default(),
            include_query: false,
            include_schema_changes: true,
        }
    }
}

impl DebeziumOptions {
    /// Sets an option by the connector's own name.
    ///
    /// # Errors
    /// If there is no such option or value here; the text says which there are.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let done = match name {
            "topic.prefix" => {
                value.clone_into(&mut self.topic_prefix);
                Ok(())
            }
            "decimal.handling.mode" => DecimalMode::parse(value).map(|mode| self.decimals = mode),
            "time.precision.mode" => TimeMode::parse(value).map(|mode| self.times = mode),
            "bigint.unsigned.handling.mode" => {
                UnsignedMode::parse(value).map(|mode| self.unsigned = mode)
            }
            "binary.handling.mode" => BinaryMode::parse(value).map(|mode| self.binaries = mode),
            "include.query" => switch(value).map(|on| self.include_query = on),
            "include.schema.changes" => switch(value).map(|on| self.include_schema_changes = on),
            _ => {
                return Err(format!(
                    "no option '{name}'; there are topic.prefix, decimal.handling.mode, \
                     time.precision.mode, bigint.unsigned.handling.mode, binary.handling.mode, \
                     include.query and include.schema.changes"
                ));
            }
        };
        done.map_err(|known| format!("{name} can be {known}, not '{value}'"))
    }
}

/// Writes an envelope a line for each row that changed, and what the connector sends to its schema
/// change topic for statements that define tables.
#[derive(Debug)]
pub struct DebeziumFormat {
    options: DebeziumOptions,
    source: Vec<u8>,
    /// Whether rows of the transaction under way were written.
    has_rows: bool,
}

/// What happened to a row, by the connector's letters.
const CREATE: u8 = b'c';
const UPDATE: u8 = b'u';
const DELETE: u8 = b'd';

impl DebeziumFormat {
    /// A writer.
    #[must_use]
    pub fn new(options: DebeziumOptions) -> Self {
        Self { options, source: Vec::new(), has_rows: false }
    }

    fn rows(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        rows: Rows<'_>,
        query: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let table = rows.table();
        let mut source = std::mem::take(&mut self.source);
        source.clear();
        self.source_head(at, transaction, table.schema().as_bytes(), &mut source);
        text_field("table", table.name(), &mut source);
        let query = query.filter(|_| self.options.include_query);
        let key: Vec<usize> = table.primary_key().collect();
        let change = rows.change();
        let row = rows.first_row();
        let mut envelope = Envelope { options: &self.options, source: &source, query, row };
        for row in rows {
            self.has_rows = true;
            let row = row?;
            match (row.before, row.after) {
                (Some(before), Some(after)) if keys_differ(&key, &before, &after)? => {
                    envelope.write(DELETE, Some(before), None, out)?;
                    envelope.write(CREATE, None, Some(after), out)?;
                }
                (before, after) => {
                    let operation = match change {
                        RowsChange::Insert => CREATE,
                        RowsChange::Update => UPDATE,
                        RowsChange::Delete => DELETE,
                    };
                    envelope.write(operation, before, after, out)?;
                }
            }
            envelope.row += 1;
        }
        self.source = source;
        Ok(())
    }

    /// What `source` says of all rows of an event.
    fn source_head(
        &self,
        at: &At<'_>,
        transaction: &Transaction,
        schema: &[u8],
        out: &mut Vec<u8>,
    ) {
        let is_mariadb = transaction.gtid.is_some_and(|gtid| gtid.domain().is_some());
        out.extend_from_slice(b"{\"version\":\"");
        out.extend_from_slice(concat!("binlogd ", env!("CARGO_PKG_VERSION"), "\"").as_bytes());
        text_field("connector", if is_mariadb { "mariadb" } else { "mysql" }, out);
        text_field("name", &self.options.topic_prefix, out);
        times(u64::from(at.header.timestamp) * 1_000_000, out);
        text_field("snapshot", "false", out);
        bytes_field("db", schema, Some(Charset::UTF8MB4), out);
        null_field("sequence", out);
        number_field("server_id", u64::from(at.header.server_id), out);
        match transaction.gtid {
            Some(gtid) => text_field("gtid", &gtid.to_string(), out),
            None => null_field("gtid", out),
        }
        text_field("file", at.file_name(), out);
        number_field("pos", at.offset, out);
        match transaction.thread_id {
            Some(thread) => number_field("thread", u64::from(thread), out),
            None => null_field("thread", out),
        }
    }
}

/// What all envelopes of an event share.
struct Envelope<'a> {
    options: &'a DebeziumOptions,
    source: &'a [u8],
    query: Option<&'a [u8]>,
    /// The row's number in its event.
    row: u64,
}

impl Envelope<'_> {
    fn write(
        &self,
        operation: u8,
        before: Option<Image<'_>>,
        after: Option<Image<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        whole(out, |out| {
            out.extend_from_slice(b"{\"before\":");
            self.image(before, out)?;
            out.extend_from_slice(b",\"after\":");
            self.image(after, out)?;
            out.extend_from_slice(b",\"source\":");
            out.extend_from_slice(self.source);
            number_field("row", self.row, out);
            match self.query {
                Some(query) => bytes_field("query", query, Some(Charset::UTF8MB4), out),
                None => null_field("query", out),
            }
            out.push(b'}');
            null_field("transaction", out);
            out.extend_from_slice(b",\"op\":\"");
            out.extend_from_slice(&[operation, b'"']);
            times(now_us(), out);
            out.extend_from_slice(b"}\n");
            Ok(())
        })
    }

    fn image(&self, image: Option<Image<'_>>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let Some(image) = image else {
            out.extend_from_slice(b"null");
            return Ok(());
        };
        out.push(b'{');
        for (number, item) in image.values().enumerate() {
            let (index, value) = item?;
            if number > 0 {
                out.push(b',');
            }
            let column = &image.table().columns()[index];
            out.extend_from_slice(&column.json_key);
            value::write(column, &value, self.options, out)
                .map_err(|error| image.error(index, error))?;
        }
        out.push(b'}');
        Ok(())
    }
}

/// Whether an update gives the row another primary key, which the connector tells as a delete and a
/// create.
fn keys_differ(key: &[usize], before: &Image<'_>, after: &Image<'_>) -> Result<bool, FormatError> {
    for &column in key {
        if let (old, Some(new)) = (before.value(column)?, after.value(column)?)
            && old.is_some_and(|old| old != new)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A moment since 1970 in each unit.
fn times(us: u64, out: &mut Vec<u8>) {
    number_field("ts_ms", us / 1000, out);
    number_field("ts_us", us, out);
    number_field("ts_ns", us.saturating_mul(1000), out);
}

/// Whether a statement defines something, rather than changing rows.
fn is_definition(statement: &Statement<'_>) -> bool {
    matches!(&*statement.verb(), "create" | "alter" | "drop" | "rename" | "truncate")
}

impl Format for DebeziumFormat {
    fn begin(&mut self, _: &Transaction, _: &mut Vec<u8>) -> Result<(), FormatError> {
        Ok(())
    }

    fn change(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        change: Change<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        match change {
            Change::Rows { rows, query, .. } => self.rows(at, transaction, rows, query, out)?,
            Change::Statement(statement)
                if self.options.include_schema_changes
                    && is_definition(&statement)
                    && transaction.takes_effect() =>
            {
                self.schema_changes(at, transaction, &statement, out);
            }
            Change::End(_) => self.has_rows = false,
            // As the connector: changes that are logged as statements are not seen.
            Change::Statement(_)
            | Change::Load(_)
            | Change::Incident(_)
            | Change::Unknown { .. } => {}
        }
        Ok(())
    }

    fn untold<'a>(&self, change: &Change<'a>) -> Option<Untold<'a>> {
        match change {
            Change::End(End::Rollback) if self.has_rows => Some(Untold::RolledBack),
            change if is_xa_rollback(change) => Some(Untold::RolledBack),
            change => Untold::by_rows(change),
        }
    }

    fn tells_tables(&self) -> bool {
        self.options.include_schema_changes
    }

    fn takes_parts(&self) -> bool {
        true
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}
