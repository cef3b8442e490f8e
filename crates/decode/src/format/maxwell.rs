//! Changes as Maxwell's daemon writes them, a row or definition a line.
//!
//! Facts are from its documentation, "Data format" and "Configuration reference". What of a row only
//! the end of its transaction tells is put in later: see [`MaxwellPiece`].

mod definitions;
mod options;
mod piece;
mod value;

use std::borrow::Cow;

use binlogd_event::body::RowsChange;

use super::json::{field, null_field, number_field, text_field};
use super::untold::is_xa_rollback;
use super::{Format, FormatError, Untold, must_have_names, now_us, whole};
use crate::changes::{At, Change, End, RowsQuery, Transaction};
use crate::value::Value;
use crate::write::{json_string, padded};
use crate::{Image, Row, Rows};
pub use options::MaxwellOptions;
pub use piece::{MaxwellCommit, MaxwellPiece, MaxwellRow};

/// Writes [pieces](MaxwellPiece) for rows and their transactions and, if wanted, for statements that
/// define databases and tables.
#[derive(Debug)]
pub struct MaxwellFormat {
    options: MaxwellOptions,
    /// Whether rows wait.
    begun: bool,
    head: Vec<u8>,
    place: Vec<u8>,
}

impl MaxwellFormat {
    /// A writer.
    #[must_use]
    pub fn new(options: MaxwellOptions) -> Self {
        Self { options, begun: false, head: Vec::new(), place: Vec::new() }
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
        must_have_names(table, "Maxwell's format")?;
        self.head.clear();
        self.head_of(at, &rows, query);
        self.place.clear();
        place(&self.options, at, transaction, &mut self.place);
        let writer = RowWriter {
            options: &self.options,
            names: table.columns().iter().map(|column| self.options.key(column)).collect(),
            key: table.primary_key().collect(),
        };
        let (mut data, mut old) = (Vec::new(), Vec::new());
        for row in rows {
            let Some((image, before)) = data_and_old(row?) else { continue };
            image.collect_into(&mut data)?;
            old.clear();
            if let Some(before) = before {
                before.collect_into(&mut old)?;
            }
            whole(out, |out| {
                piece::row(&self.head, out, |out| {
                    out.extend_from_slice(&self.place);
                    writer.write(&image, &data, &old, out)
                })
            })?;
            self.begun = true;
        }
        Ok(())
    }

    /// What comes before the transaction's fields.
    fn head_of(&mut self, at: &At<'_>, rows: &Rows<'_>, query: Option<RowsQuery<'_>>) {
        let (table, out) = (rows.table(), &mut self.head);
        out.extend_from_slice(b"{\"database\":");
        json_string(table.schema(), out);
        text_field("table", table.name(), out);
        if let Some(query) = query.filter(|_| self.options.row_query) {
            let query = query.to_text();
            text_field("query", shortened(&query, self.options.row_query_max_length), out);
        }
        let kind = match rows.change() {
            RowsChange::Insert => "insert",
            RowsChange::Update => "update",
            RowsChange::Delete => "delete",
        };
        text_field("type", kind, out);
        number_field("ts", u64::from(at.header.timestamp), out);
    }
}

/// The image that a row's `data` is of, and for an update the one that `old` is of.
fn data_and_old<'a>(row: Row<'a>) -> Option<(Image<'a>, Option<Image<'a>>)> {
    match (row.before, row.after) {
        (before, Some(after)) => Some((after, before)),
        (before, None) => Some((before?, None)),
    }
}

/// The first `chars_max` characters; all if that is 0.
fn shortened(text: &str, chars_max: usize) -> &str {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) if chars_max > 0 => &text[..end],
        _ => text,
    }
}

/// What rows and definitions say of where they come from, as far as it is wanted.
fn position(options: &MaxwellOptions, at: &At<'_>, transaction: &Transaction, out: &mut Vec<u8>) {
    if options.binlog_position {
        text_field("position", &format!("{}:{}", at.file_name(), at.offset), out);
    }
    if options.gtid_position {
        match transaction.gtid {
            Some(gtid) => text_field("gtid", &gtid.to_string(), out),
            None => null_field("gtid", out),
        }
    }
}

/// What stands between a row's transaction and its values.
fn place(options: &MaxwellOptions, at: &At<'_>, transaction: &Transaction, out: &mut Vec<u8>) {
    position(options, at, transaction, out);
    if options.server_id {
        number_field(&options.field("server_id"), u64::from(transaction.server_id), out);
    }
    if let Some(thread) = transaction.thread_id.filter(|_| options.thread_id) {
        number_field(&options.field("thread_id"), u64::from(thread), out);
    }
    if options.push_timestamp {
        let us = now_us();
        number_field(&options.field("push_ts"), us / 1_000_000, out);
        out.push(b'.');
        padded(u32::try_from(us % 1_000_000).unwrap_or_default(), 6, out);
    }
}

/// What all rows of an event share.
struct RowWriter<'a> {
    options: &'a MaxwellOptions,
    /// Each column's name as JSON, with a colon behind.
    names: Vec<Cow<'a, [u8]>>,
    key: Vec<usize>,
}

/// A value for each column that the image has.
type Values<'a> = [Option<Value<'a>>];

impl RowWriter<'_> {
    /// `old` is empty unless the row was updated.
    fn write(
        &self,
        image: &Image<'_>,
        data: &Values<'_>,
        old: &Values<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        if self.options.primary_keys {
            field(&self.options.field("primary_key"), out);
            self.list(out, |column, out| {
                let value = value_of(data, column).or(value_of(old, column));
                value::write(&value.unwrap_or(Value::Null), self.options, out)
                    .map_err(|error| image.error(column, error).into())
            })?;
        }
        if self.options.primary_key_columns {
            field(&self.options.field("primary_key_columns"), out);
            self.list(out, |column, out| {
                json_string(image.table().columns()[column].name().unwrap_or_default(), out);
                Ok(())
            })?;
        }
        field("data", out);
        // Where the row after an update is logged without its key, the row before has it.
        let found = present(old).filter(|&(column, _)| value_of(data, column).is_none());
        self.object(image, present(data).chain(found), out)?;
        let changed = |column: usize, value: &Value<'_>| {
            value_of(data, column).is_some_and(|new| new != *value)
        };
        let mut replaced =
            present(old).filter(|(column, value)| changed(*column, value)).peekable();
        if replaced.peek().is_some() {
            field("old", out);
            self.object(image, replaced, out)?;
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }

    /// A list of something of each column of the primary key.
    fn list(
        &self,
        out: &mut Vec<u8>,
        write: impl Fn(usize, &mut Vec<u8>) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        out.push(b'[');
        for (index, &column) in self.key.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write(column, out)?;
        }
        out.push(b']');
        Ok(())
    }

    fn object<'v>(
        &self,
        image: &Image<'_>,
        values: impl Iterator<Item = (usize, &'v Value<'v>)>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let mut separator = b'{';
        for (column, value) in values {
            if !self.options.nulls && value::is_null(value, self.options) {
                continue;
            }
            out.push(separator);
            separator = b',';
            out.extend_from_slice(&self.names[column]);
            value::write(value, self.options, out).map_err(|error| image.error(column, error))?;
        }
        if separator == b'{' {
            out.push(b'{');
        }
        out.push(b'}');
        Ok(())
    }
}

fn value_of<'a>(values: &Values<'a>, column: usize) -> Option<Value<'a>> {
    values.get(column).copied().flatten()
}

fn present<'v, 'a>(values: &'v Values<'a>) -> impl Iterator<Item = (usize, &'v Value<'a>)> {
    values.iter().enumerate().filter_map(|(column, value)| Some((column, value.as_ref()?)))
}

impl Format for MaxwellFormat {
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
            Change::Statement(statement) if self.options.ddl && transaction.takes_effect() => {
                definitions::write(&self.options, at, transaction, &statement, out);
            }
            // As Maxwell: changes that are logged as statements are not seen.
            Change::Statement(_)
            | Change::Load(_)
            | Change::Incident(_)
            | Change::Unknown { .. } => {}
            Change::End(end) if std::mem::take(&mut self.begun) => match end {
                End::Commit | End::Prepared(_) => {
                    let (info, offsets) = (self.options.commit_info, self.options.xoffset);
                    let commit = MaxwellCommit { xid: transaction.xid, info, offsets };
                    piece::commit(commit, out);
                }
                End::Rollback => piece::rollback(out),
            },
            Change::End(_) => {}
        }
        Ok(())
    }

    fn untold<'a>(&self, change: &Change<'a>) -> Option<Untold<'a>> {
        match change {
            Change::Statement(statement) if statement.verb() == "truncate" => {
                Some(Untold::Statement(*statement))
            }
            change if is_xa_rollback(change) => Some(Untold::RolledBack),
            change => Untold::by_rows(change),
        }
    }

    fn tells_tables(&self) -> bool {
        self.options.ddl
    }

    fn takes_parts(&self) -> bool {
        true
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}
