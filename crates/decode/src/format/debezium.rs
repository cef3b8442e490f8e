//! Changes as Debezium's MySQL connector writes them, an envelope a line.
//!
//! Facts are from the connector's documentation, "Change event values" and "Data type mappings".
//! What it calls the payload is written, as its JSON converter does with `schemas.enable=false`.

mod options;
mod record;
mod schema_change;
mod table_change;
mod value;

use binlogd_event::body::RowsChange;

use record::{KeyOf, Record};

use super::json::{null_field, number_field, text_field};
use super::untold::is_xa_rollback;
use super::{Format, FormatError, Untold, must_have_names, now_us, whole};
use crate::changes::{At, Change, End, RowsQuery, Transaction};
use crate::{Image, Rows};
pub use options::DebeziumOptions;
pub use value::{BinaryMode, DecimalMode, TimeMode, UnsignedMode};

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
        query: Option<RowsQuery<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let table = rows.table();
        if self.options.keys {
            // Which columns a key has is not known either.
            must_have_names(table, "debezium with keys")?;
        }
        let mut source = std::mem::take(&mut self.source);
        source.clear();
        let time_us = commit_time_us(at, transaction);
        // The connector knows the session by the transaction's BEGIN.
        let thread_id = transaction.thread_id.filter(|_| transaction.xa_start.is_none());
        let origin = Origin { at, transaction, time_us, thread_id, schema: table.schema() };
        self.source_head(&origin, &mut source);
        text_field("table", table.name(), &mut source);
        let query = query.filter(|_| self.options.include_query);
        let record = Record::of_table(&self.options, table);
        let change = rows.change();
        let row = rows.first_row();
        let mut envelope = Envelope { record, source: &source, query, row };
        for row in rows {
            self.has_rows = true;
            let row = row?;
            match (row.before, row.after) {
                (Some(before), Some(after)) if keys_differ(table.row_key(), &before, &after)? => {
                    let key = [Some(after), Some(before)];
                    envelope.write(DELETE, [Some(before), None], [Some(before), None], out)?;
                    envelope.write(CREATE, [None, Some(after)], key, out)?;
                }
                (before, after) => {
                    let operation = match change {
                        RowsChange::Insert => CREATE,
                        RowsChange::Update => UPDATE,
                        RowsChange::Delete => DELETE,
                    };
                    envelope.write(operation, [before, after], [after, before], out)?;
                }
            }
            envelope.row += 1;
        }
        self.source = source;
        Ok(())
    }

    /// What `source` says of all rows of an event, or of a statement.
    fn source_head(&self, origin: &Origin<'_>, out: &mut Vec<u8>) {
        let Origin { at, transaction, time_us, thread_id, schema } = *origin;
        let is_mariadb = transaction.gtid.is_some_and(|gtid| gtid.domain().is_some());
        out.extend_from_slice(b"{\"version\":\"");
        out.extend_from_slice(concat!("binlogd ", env!("CARGO_PKG_VERSION"), "\"").as_bytes());
        text_field("connector", if is_mariadb { "mariadb" } else { "mysql" }, out);
        text_field("name", &self.options.topic_prefix, out);
        times(time_us, out);
        text_field("snapshot", "false", out);
        text_field("db", schema, out);
        null_field("sequence", out);
        number_field("server_id", u64::from(at.header.server_id), out);
        match transaction.gtid {
            Some(gtid) => text_field("gtid", &gtid.to_string(), out),
            None => null_field("gtid", out),
        }
        text_field("file", at.file_name(), out);
        number_field("pos", at.offset, out);
        match thread_id {
            Some(thread) => number_field("thread", u64::from(thread), out),
            None => null_field("thread", out),
        }
    }
}

/// Where rows or a statement come from.
#[derive(Clone, Copy)]
struct Origin<'a> {
    at: &'a At<'a>,
    transaction: &'a Transaction,
    time_us: u64,
    thread_id: Option<u32>,
    schema: &'a str,
}

/// What all envelopes of an event share.
struct Envelope<'a> {
    record: Record<'a>,
    source: &'a [u8],
    query: Option<RowsQuery<'a>>,
    /// The row's number in its event.
    row: u64,
}

impl Envelope<'_> {
    fn write(
        &self,
        operation: u8,
        [before, after]: [Option<Image<'_>>; 2],
        key: KeyOf<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        whole(out, |out| {
            self.record.begin(key, out)?;
            out.extend_from_slice(b"{\"before\":");
            self.record.image(before, out)?;
            out.extend_from_slice(b",\"after\":");
            self.record.image(after, out)?;
            out.extend_from_slice(b",\"source\":");
            out.extend_from_slice(self.source);
            number_field("row", self.row, out);
            match self.query {
                Some(query) => text_field("query", &query.to_text(), out),
                None => null_field("query", out),
            }
            out.push(b'}');
            null_field("transaction", out);
            out.extend_from_slice(b",\"op\":\"");
            out.extend_from_slice(&[operation, b'"']);
            times(now_us(), out);
            out.push(b'}');
            self.record.end(out);
            if operation == DELETE {
                self.record.tombstone(key, out)?;
            }
            Ok(())
        })
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

/// When a transaction was committed, in microseconds since 1970: as its GTID says, or else when the event was
/// logged, in whole seconds.
fn commit_time_us(at: &At<'_>, transaction: &Transaction) -> u64 {
    let logged_us = || u64::from(at.header.timestamp) * 1_000_000;
    transaction.commit_us.filter(|_| transaction.gtid.is_some()).unwrap_or_else(logged_us)
}

/// A moment since 1970 in each unit.
fn times(us: u64, out: &mut Vec<u8>) {
    number_field("ts_ms", us / 1000, out);
    number_field("ts_us", us, out);
    number_field("ts_ns", us.saturating_mul(1000), out);
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
                    && schema_change::is_sent(&statement)
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
            Change::Statement(statement) if statement.verb() == "truncate" => {
                Some(Untold::Statement(*statement))
            }
            change if is_xa_rollback(change) => Some(Untold::RolledBack),
            change => Untold::by_rows(change),
        }
    }

    fn tells_tables(&self) -> bool {
        true
    }

    fn asks_for_tables(&self) -> bool {
        true
    }

    fn takes_parts(&self) -> bool {
        true
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}
