//! Changes for people: a line each.

use binlogd_event::body::RowsChange;

use super::{Format, FormatError, whole};
use crate::changes::{At, Change, End, Statement, Transaction};
use crate::write::has_acting;
use crate::{Image, Rows, Timestamp, Value, shown_on_terminal};

/// The most bytes that a value takes on a line.
const VALUE_MAX: usize = 120;

const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const CYAN: &str = "\x1b[36m";
const DIM: &str = "\x1b[2m";

/// Writes a line for each row that changed, each statement, and each beginning and end of a
/// transaction. Long values are cut. A file in a folder is named with its path once, and then without.
#[derive(Debug)]
pub struct TextFormat {
    colour: bool,
    /// The file of the last line.
    file: String,
}

impl TextFormat {
    /// A writer; with colours if it writes to a terminal.
    #[must_use]
    pub fn new(colour: bool) -> Self {
        Self { colour, file: String::new() }
    }

    /// Names the file, if it is another one than before.
    fn enter(&mut self, file: &str, out: &mut Vec<u8>) {
        if self.file == file {
            return;
        }
        file.clone_into(&mut self.file);
        if file.contains('/') {
            let start = out.len();
            out.extend_from_slice(format!("# {file}").as_bytes());
            end_line(start, out);
        }
    }

    fn head(
        &self,
        time: u32,
        file: &str,
        offset: u64,
        verb: &str,
        colour: &str,
        out: &mut Vec<u8>,
    ) {
        let time = Timestamp { seconds: time, microseconds: 0, decimals: 0 };
        if self.colour {
            out.extend_from_slice(DIM.as_bytes());
        }
        time.to_utc().write(out);
        let file = file.rsplit('/').next().unwrap_or(file);
        out.extend_from_slice(format!(" {}:{offset} ", shown_on_terminal(file)).as_bytes());
        if self.colour {
            out.extend_from_slice(b"\x1b[0m");
            out.extend_from_slice(colour.as_bytes());
        }
        out.extend_from_slice(verb.as_bytes());
        if self.colour {
            out.extend_from_slice(b"\x1b[0m");
        }
    }

    fn rows(&self, at: &At<'_>, rows: Rows<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let (verb, colour) = match rows.change() {
            RowsChange::Insert => ("insert", GREEN),
            RowsChange::Update => ("update", YELLOW),
            RowsChange::Delete => ("delete", RED),
        };
        let table = rows.table();
        for row in rows {
            let row = row?;
            whole(out, |out| {
                self.head(at.header.timestamp, at.file, at.offset, verb, colour, out);
                let start = out.len();
                out.extend_from_slice(format!(" {}.{}", table.schema(), table.name()).as_bytes());
                match (row.before, row.after) {
                    (Some(before), Some(after)) => update(&before, &after, out)?,
                    (Some(image), None) | (None, Some(image)) => all(&image, out)?,
                    (None, None) => {}
                }
                end_line(start, out);
                Ok::<_, FormatError>(())
            })?;
        }
        Ok(())
    }

    fn statement(&self, at: &At<'_>, statement: &Statement<'_>, out: &mut Vec<u8>) {
        self.head(at.header.timestamp, at.file, at.offset, "statement", CYAN, out);
        let start = out.len();
        if !statement.schema.is_empty() {
            let schema = String::from_utf8_lossy(statement.schema);
            out.extend_from_slice(format!(" [{schema}]").as_bytes());
        }
        out.push(b' ');
        out.extend_from_slice(statement.to_text().as_bytes());
        end_line(start, out);
    }
}

impl Format for TextFormat {
    fn begin(&mut self, transaction: &Transaction, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.enter(&transaction.file, out);
        self.head(transaction.time, &transaction.file, transaction.offset, "begin", "", out);
        let start = out.len();
        if let Some(gtid) = &transaction.gtid {
            out.extend_from_slice(format!(" {gtid}").as_bytes());
        }
        out.extend_from_slice(format!(" server {}", transaction.server_id).as_bytes());
        if let Some(thread) = transaction.thread_id {
            out.extend_from_slice(format!(" thread {thread}").as_bytes());
        }
        if let Some(xa) = &transaction.xa_start {
            out.extend_from_slice(format!(" {xa}").as_bytes());
        }
        end_line(start, out);
        Ok(())
    }

    fn change(
        &mut self,
        at: &At<'_>,
        _: &Transaction,
        change: Change<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        self.enter(at.file, out);
        match change {
            Change::Rows { rows, .. } => self.rows(at, rows, out)?,
            Change::Statement(statement) | Change::Load(statement) => {
                self.statement(at, &statement, out);
            }
            Change::Incident(incident) => {
                self.head(at.header.timestamp, at.file, at.offset, "incident", RED, out);
                let start = out.len();
                out.push(b' ');
                out.extend_from_slice(String::from_utf8_lossy(incident.message).as_bytes());
                end_line(start, out);
            }
            Change::Unknown { .. } => {
                let kind = at.header.kind.to_string();
                self.head(at.header.timestamp, at.file, at.offset, &kind, RED, out);
                out.push(b'\n');
            }
            Change::End(end) => {
                let verb = match &end {
                    End::Commit => "commit",
                    End::Rollback => "rollback",
                    End::Prepared(statement) => statement,
                };
                self.head(at.header.timestamp, at.file, at.offset, verb, "", out);
                out.push(b'\n');
            }
        }
        Ok(())
    }

    fn takes_parts(&self) -> bool {
        true
    }

    fn finish(&mut self, _: &mut Vec<u8>) {}
}

fn all(image: &Image<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
    image.each_value(|index, value| {
        name(image, index, out);
        out.push(b'=');
        short(image, index, value, out)
    })
}

/// Columns that have changed as `name=old→new`, others as they are.
fn update(before: &Image<'_>, after: &Image<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    before.collect_into(&mut old)?;
    after.collect_into(&mut new)?;
    for (index, values) in old.into_iter().zip(new).enumerate() {
        if values == (None, None) {
            continue;
        }
        name(before, index, out);
        out.push(b'=');
        match values {
            (Some(old), Some(new)) if old != new => {
                short(before, index, &old, out)?;
                out.extend_from_slice("→".as_bytes());
                short(after, index, &new, out)?;
            }
            (None, Some(new)) => {
                out.extend_from_slice("→".as_bytes());
                short(after, index, &new, out)?;
            }
            (Some(old), _) => short(before, index, &old, out)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn name(image: &Image<'_>, index: usize, out: &mut Vec<u8>) {
    out.push(b' ');
    image.table().columns()[index].write_name(out);
}

fn short(
    image: &Image<'_>,
    index: usize,
    value: &Value<'_>,
    out: &mut Vec<u8>,
) -> Result<(), FormatError> {
    let start = out.len();
    if let Value::AmbiguousInt { .. } = value {
        value.write_text(out).map_err(|error| image.error(index, error))?;
    } else {
        value.write_sql(out).map_err(|error| image.error(index, error))?;
        if out[start..].starts_with(b"_utf8mb4'") {
            out.drain(start..start + b"_utf8mb4".len());
        }
    }
    if out.len() - start > VALUE_MAX {
        let mut end = start + VALUE_MAX;
        // Not within a character.
        while end > start && out[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        out.truncate(end);
        out.extend_from_slice("…".as_bytes());
    }
    Ok(())
}

/// A line stays a line, and a terminal shows it as it is: line ends become spaces, and other characters
/// that a terminal acts on get escapes.
fn end_line(start: usize, out: &mut Vec<u8>) {
    if str::from_utf8(&out[start..]).is_err() || has_acting(&out[start..]) {
        let line = String::from_utf8_lossy(&out[start..]);
        let shown: String = line.chars().map(|c| if is_space(c) { ' ' } else { c }).collect();
        out.truncate(start);
        out.extend_from_slice(shown_on_terminal(&shown).as_bytes());
    }
    out.push(b'\n');
}

fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_orders_from_a_line() {
        let mut out = "\x1b[0m \u{9b}31m\u{1b} a\nb ü…\u{7f}\0\u{202e}".as_bytes().to_vec();
        end_line(4, &mut out);
        let shown = "\x1b[0m \\u{9b}31m\\u{1b} a b ü…\\u{7f}\\u{0}\\u{202e}\n";
        assert_eq!(String::from_utf8(out).unwrap(), shown);
        // A terminal may take this byte for U+009B.
        let mut out = b"a\x9b31m".to_vec();
        end_line(0, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a\u{fffd}31m\n");
    }
}
