//! Changes as JSON, an object a line. `docs/tail-json.md` describes it.

use binlogd_event::body::{RowsChange, StatusVar, StatusVars};

use super::{Format, FormatError, whole};
use crate::changes::{AlterPhase, At, Change, End, LoadedFile, RowsQuery, Statement, Transaction};
use crate::write::{base64, json_string, unsigned};
use crate::{Charset, DecodeError, Image, Row, Rows, Value};

/// Writes a JSON object a line for each row that changed, each statement, and each beginning and
/// end of a transaction.
#[derive(Debug, Default)]
pub struct JsonFormat {
    prefix: Vec<u8>,
}

impl JsonFormat {
    /// The version of this form, in each object's `v`.
    pub const VERSION: u64 = 1;

    /// A writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn rows(
        &mut self,
        at: &At<'_>,
        transaction: &Transaction,
        rows: Rows<'_>,
        query: Option<RowsQuery<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let kind = match rows.change() {
            RowsChange::Insert => "insert",
            RowsChange::Update => "update",
            RowsChange::Delete => "delete",
        };
        let mut prefix = std::mem::take(&mut self.prefix);
        prefix.clear();
        head(kind, at, transaction, &mut prefix);
        let table = rows.table();
        text_field("db", table.schema(), &mut prefix);
        text_field("table", table.name(), &mut prefix);
        if table.primary_key().next().is_some() {
            prefix.extend_from_slice(b",\"key\":[");
            for (index, column) in table.primary_key().enumerate() {
                if index > 0 {
                    prefix.push(b',');
                }
                match table.columns()[column].name() {
                    Some(name) => json_string(name, &mut prefix),
                    None => json_string(&format!("@{}", column + 1), &mut prefix),
                }
            }
            prefix.push(b']');
        }
        if let Some(query) = query {
            let charset = query.charset.unwrap_or(Charset::UTF8MB4);
            bytes_field("query", query.text, Some(charset), &mut prefix);
        }
        let (mut of_before, mut of_after) = (Vec::new(), Vec::new());
        let written = (rows.first_row()..).zip(rows).try_for_each(|(index, row)| {
            let row = row?;
            whole(out, |out| {
                out.extend_from_slice(&prefix);
                number_field("row", index, out);
                of_before.clear();
                of_after.clear();
                if let Some(before) = row.before {
                    field("before", out);
                    before.write_json_noting(out, &mut of_before)?;
                }
                if let Some(after) = row.after {
                    field("after", out);
                    after.write_json_noting(out, &mut of_after)?;
                    diffs(&after, &of_after, out)?;
                }
                types(&row, [&of_before, &of_after], out)?;
                out.extend_from_slice(b"}\n");
                Ok::<_, FormatError>(())
            })
        });
        self.prefix = prefix;
        written
    }
}

/// A column's number and a value of which its image does not say all.
type Noted<'a> = (usize, Value<'a>);

/// The changes of documents that the event has only changes of, by column.
fn diffs(image: &Image<'_>, noted: &[Noted<'_>], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut separator = b'{';
    for (column, value) in noted {
        let Value::JsonDiffs(diffs) = value else { continue };
        if separator == b'{' {
            field("diffs", out);
        }
        out.push(separator);
        separator = b',';
        out.extend_from_slice(&image.table().columns()[*column].json_key);
        diffs.write_json(out).map_err(|error| image.error(*column, error))?;
    }
    if separator == b',' {
        out.push(b'}');
    }
    Ok(())
}

/// The types of values in documents that JSON does not tell, by image and column.
fn types(
    row: &Row<'_>,
    [before, after]: [&[Noted<'_>]; 2],
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    if before.is_empty() && after.is_empty() {
        return Ok(());
    }
    let start = out.len();
    field("types", out);
    let mut separator = b'{';
    for (name, image, noted) in [("before", row.before, before), ("after", row.after, after)] {
        let Some(image) = image else { continue };
        let before = out.len();
        out.push(separator);
        json_string(name, out);
        out.push(b':');
        if types_of_image(&image, noted, out)? {
            separator = b',';
        } else {
            out.truncate(before);
        }
    }
    if separator == b'{' {
        out.truncate(start);
    } else {
        out.push(b'}');
    }
    Ok(())
}

/// Says whether there are any; if not, nothing is written.
fn types_of_image(
    image: &Image<'_>,
    noted: &[Noted<'_>],
    out: &mut Vec<u8>,
) -> Result<bool, DecodeError> {
    let mut separator = b'{';
    for (column, value) in noted {
        let Value::Json(json) = value else { continue };
        let before = out.len();
        out.push(separator);
        out.extend_from_slice(&image.table().columns()[*column].json_key);
        if json.write_types(out).map_err(|error| image.error(*column, error))? {
            separator = b',';
        } else {
            out.truncate(before);
        }
    }
    if separator == b',' {
        out.push(b'}');
    }
    Ok(separator == b',')
}

impl Format for JsonFormat {
    fn begin(&mut self, transaction: &Transaction, out: &mut Vec<u8>) -> Result<(), FormatError> {
        out.extend_from_slice(b"{\"v\":1,\"type\":\"begin\"");
        text_field("file", &transaction.file, out);
        number_field("pos", transaction.offset, out);
        number_field("time", u64::from(transaction.time), out);
        identity(transaction, out);
        if let Some(xa) = &transaction.xa_start {
            text_field("xa", xa, out);
        }
        out.extend_from_slice(b"}\n");
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
            Change::Statement(text) => statement("statement", at, transaction, &text, out),
            Change::Load(text) => statement("load", at, transaction, &text, out),
            Change::Incident(incident) => {
                head("incident", at, transaction, out);
                number_field("code", u64::from(incident.code), out);
                bytes_field("message", incident.message, Some(Charset::UTF8MB4), out);
                out.extend_from_slice(b"}\n");
            }
            Change::Unknown { .. } => {
                head("unknown", at, transaction, out);
                number_field("event_type", u64::from(at.header.kind.0), out);
                out.extend_from_slice(b"}\n");
            }
            Change::End(end) => {
                let kind = match end {
                    End::Commit => "commit",
                    End::Rollback => "rollback",
                    End::Prepared(_) => "prepare",
                };
                head(kind, at, transaction, out);
                if let Some(xid) = transaction.xid {
                    number_field("xid", xid, out);
                }
                if let End::Prepared(xa) = end {
                    text_field("xa", &xa, out);
                }
                out.extend_from_slice(b"}\n");
            }
        }
        Ok(())
    }

    fn takes_parts(&self) -> bool {
        true
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}

fn statement(
    kind: &str,
    at: &At<'_>,
    transaction: &Transaction,
    statement: &Statement<'_>,
    out: &mut Vec<u8>,
) {
    head(kind, at, transaction, out);
    if !statement.schema.is_empty() {
        bytes_field("db", statement.schema, Some(Charset::UTF8MB4), out);
    }
    bytes_field("sql", statement.text, statement.charset(), out);
    out.extend_from_slice(if statement.alone { b",\"alone\":true" } else { b",\"alone\":false" });
    if let Some(phase) = transaction.alter {
        let phase = match phase {
            AlterPhase::Start => "start",
            AlterPhase::Commit => "commit",
            AlterPhase::Rollback => "rollback",
        };
        text_field("alter", phase, out);
    }
    if statement.error_code != 0 {
        number_field("error", u64::from(statement.error_code), out);
    }
    if !statement.context.is_empty() {
        out.extend_from_slice(b",\"context\":[");
        for (index, set) in statement.context.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            json_string(set, out);
        }
        out.push(b']');
    }
    if let Some(file) = statement.file {
        loaded(&file, out);
    }
    settings(statement.settings, out);
    out.extend_from_slice(b"}\n");
}

/// The file of `LOAD DATA`, whose bytes are too many for a line.
fn loaded(file: &LoadedFile<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"loaded\":{\"path\":");
    match file.path {
        Some(path) => json_string(path, out),
        None => out.extend_from_slice(b"null"),
    }
    let duplicates = match file.duplicates {
        0 => "error",
        1 => "ignore",
        _ => "replace",
    };
    text_field("duplicates", duplicates, out);
    out.push(b'}');
}

/// What has a meaning of its own by name, and all of it as bytes.
fn settings(settings: StatusVars<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"session\":{\"bytes\":\"");
    base64(settings.bytes().iter().copied(), out);
    out.push(b'"');
    for item in settings.iter().map_while(Result::ok) {
        match item {
            StatusVar::SqlMode(mode) => number_field("sql_mode", mode, out),
            StatusVar::TimeZone(zone) => bytes_field("time_zone", zone, Some(Charset::ASCII), out),
            StatusVar::Charset { client, connection, server } => {
                number_field("character_set_client", u64::from(client), out);
                number_field("collation_connection", u64::from(connection), out);
                number_field("collation_server", u64::from(server), out);
            }
            StatusVar::Microseconds(us) => number_field("microseconds", u64::from(us), out),
            _ => {}
        }
    }
    out.push(b'}');
}

/// What every object about an event begins with.
fn head(kind: &str, at: &At<'_>, transaction: &Transaction, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"v\":");
    unsigned(JsonFormat::VERSION, out);
    text_field("type", kind, out);
    text_field("file", at.file, out);
    number_field("pos", at.offset, out);
    number_field("end", at.end, out);
    number_field("time", u64::from(at.header.timestamp), out);
    identity(transaction, out);
}

fn identity(transaction: &Transaction, out: &mut Vec<u8>) {
    number_field("server_id", u64::from(transaction.server_id), out);
    if let Some(gtid) = &transaction.gtid {
        text_field("gtid", &gtid.to_string(), out);
    }
    if let Some(thread) = transaction.thread_id {
        number_field("thread_id", u64::from(thread), out);
    }
}

pub(super) fn field(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

pub(super) fn null_field(name: &str, out: &mut Vec<u8>) {
    field(name, out);
    out.extend_from_slice(b"null");
}

pub(super) fn text_field(name: &str, value: &str, out: &mut Vec<u8>) {
    field(name, out);
    json_string(value, out);
}

pub(super) fn number_field(name: &str, value: u64, out: &mut Vec<u8>) {
    field(name, out);
    unsigned(value, out);
}

/// Text in a character set; bytes that are none as `{"$base64":"…"}`.
pub(super) fn bytes_field(name: &str, bytes: &[u8], charset: Option<Charset>, out: &mut Vec<u8>) {
    let mut text = Vec::new();
    let known = charset.is_some_and(|charset| charset.to_utf8(bytes, &mut text).is_ok());
    match std::str::from_utf8(&text) {
        Ok(text) if known => text_field(name, text, out),
        _ => {
            field(name, out);
            out.extend_from_slice(b"{\"$base64\":\"");
            base64(bytes.iter().copied(), out);
            out.extend_from_slice(b"\"}");
        }
    }
}

/// A list of what `write` makes of each item.
pub(super) fn list<T>(
    items: impl IntoIterator<Item = T>,
    out: &mut Vec<u8>,
    write: impl Fn(T, &mut Vec<u8>),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}
