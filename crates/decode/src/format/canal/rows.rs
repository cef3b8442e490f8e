//! A message of rows: its `data` and `old`, and what it says of their columns.

use super::{Message, kind, value};
use crate::format::{FormatError, Pieces, whole};
use crate::write::{json_string, signed};
use crate::{Image, Row, Rows, Table};

/// Appends a message of rows; nothing if there are none. Says whether there is one.
pub(super) fn write(
    message: &Message<'_>,
    rows: Rows<'_>,
    out: &mut Vec<u8>,
) -> Result<bool, FormatError> {
    if rows.clone().next().is_none() {
        return Ok(false);
    }
    whole(out, |out| {
        let mut columns = Columns::new(rows.table());
        let (mut data, mut old, mut old_rows) = (List::new(), List::new(), Vec::new());
        out.extend_from_slice(DATA);
        for row in rows {
            let Some((image, before)) = data_and_old(row?) else { continue };
            columns.note(&image, before)?;
            data.next(out);
            columns.data(&image, out)?;
            if let Some(before) = before {
                old.next(&mut old_rows);
                columns.old(&before, &mut old_rows)?;
            }
        }
        data.end(out);
        message.middle(Some(&columns), out);
        out.append(&mut old_rows);
        old.end(out);
        message.end(Some(&columns), out);
        Ok(true)
    })
}

/// Sees that all that a message of these rows has can be written.
pub(super) fn check(rows: Rows<'_>) -> Result<(), FormatError> {
    let mut columns = Columns::new(rows.table());
    let mut scratch = Vec::new();
    for row in rows {
        let Some((image, before)) = data_and_old(row?) else { continue };
        columns.note(&image, before)?;
        for image in [Some(image), before].into_iter().flatten() {
            scratch.clear();
            columns.data(&image, &mut scratch)?;
        }
    }
    Ok(())
}

/// Writes a message of many rows part by part. They are read twice: for `data`, and for `old`.
pub(super) struct RowsPieces<'a> {
    message: Message<'a>,
    rows: Rows<'a>,
    columns: Columns<'a>,
    stage: Stage<'a>,
}

/// Which list is written, and the rows that it still lacks.
enum Stage<'a> {
    Begin,
    Data(List, Rows<'a>),
    Old(List, Rows<'a>),
    Done,
}

impl<'a> RowsPieces<'a> {
    /// Of rows that were [checked](check).
    pub(super) fn new(message: Message<'a>, rows: Rows<'a>) -> Self {
        let columns = Columns::new(rows.table());
        Self { message, rows, columns, stage: Stage::Begin }
    }
}

impl Pieces for RowsPieces<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, FormatError> {
        let columns = &mut self.columns;
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Begin => {
                out.extend_from_slice(DATA);
                Stage::Data(List::new(), self.rows.clone())
            }
            Stage::Data(mut list, mut rest) => match rest.next_part() {
                Some(part) => {
                    for row in part {
                        let Some((image, before)) = data_and_old(row?) else { continue };
                        columns.note(&image, before)?;
                        list.next(out);
                        columns.data(&image, out)?;
                    }
                    Stage::Data(list, rest)
                }
                None => {
                    list.end(out);
                    self.message.middle(Some(columns), out);
                    columns.forget_updates();
                    Stage::Old(List::new(), self.rows.clone())
                }
            },
            Stage::Old(mut list, mut rest) => match rest.next_part() {
                Some(part) => {
                    for row in part {
                        let Some((image, Some(before))) = data_and_old(row?) else { continue };
                        columns.note(&image, Some(before))?;
                        list.next(out);
                        columns.old(&before, out)?;
                    }
                    Stage::Old(list, rest)
                }
                None => {
                    list.end(out);
                    self.message.end(Some(columns), out);
                    Stage::Done
                }
            },
            Stage::Done => return Ok(false),
        };
        Ok(true)
    }
}

/// What a message with `data` begins with.
const DATA: &[u8] = b"{\"data\":";

/// The image that a row's `data` is of, and for an update the one that `old` is of.
fn data_and_old<'a>(row: Row<'a>) -> Option<(Image<'a>, Option<Image<'a>>)> {
    match (row.before, row.after) {
        (before, Some(after)) => Some((after, before)),
        (before, None) => Some((before?, None)),
    }
}

/// A list that is written item by item; `null` if there are none.
struct List {
    separator: u8,
}

impl List {
    fn new() -> Self {
        Self { separator: b'[' }
    }

    /// Before the next item.
    fn next(&mut self, out: &mut Vec<u8>) {
        out.push(self.separator);
        self.separator = b',';
    }

    fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.separator == b'[' { b"null" } else { b"]" });
    }
}

/// What a message says of the columns of its rows.
pub(super) struct Columns<'a> {
    table: &'a Table,
    /// Those that `data` has.
    present: Vec<bool>,
    /// Those that were changed in this row, or in one before it: of these Canal tells old values.
    updated: Vec<bool>,
    /// By the last row: a number without sign may need a larger type than another.
    sql_types: Vec<i16>,
}

impl<'a> Columns<'a> {
    fn new(table: &'a Table) -> Self {
        let len = table.columns().len();
        Self {
            table,
            present: vec![false; len],
            updated: vec![false; len],
            sql_types: vec![0; len],
        }
    }

    /// Takes note of a row; `before` is what it was if it was updated.
    fn note(&mut self, image: &Image<'_>, before: Option<Image<'_>>) -> Result<(), FormatError> {
        let mut former = Vec::new();
        if let Some(before) = before {
            before.collect_into(&mut former)?;
        }
        for item in image.values() {
            let (index, value) = item?;
            self.present[index] = true;
            self.sql_types[index] = kind::sql_type(&self.table.columns()[index], &value);
            if before.is_some() && former.get(index).copied().flatten() != Some(value) {
                self.updated[index] = true;
            }
        }
        Ok(())
    }

    fn forget_updates(&mut self) {
        self.updated.fill(false);
    }

    /// Appends a row.
    fn data(&self, image: &Image<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        row(image, |_| true, out)
    }

    /// Appends what a row was before, in the columns that were updated.
    fn old(&self, before: &Image<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        row(before, |column| self.updated[column], out)
    }

    /// The primary key's columns, in the table's order.
    pub(super) fn keys(&self, out: &mut Vec<u8>) {
        let mut keys = List::new();
        for column in self.table.columns() {
            if column.key_part().is_some() && self.present[column.index()] {
                keys.next(out);
                json_string(column.name().unwrap_or_default(), out);
            }
        }
        keys.end(out);
    }

    pub(super) fn sql_types(&self, out: &mut Vec<u8>) {
        self.map(out, |column, out| signed(self.sql_types[column].into(), out));
    }

    pub(super) fn mysql_types(&self, out: &mut Vec<u8>) {
        self.map(out, |column, out| {
            out.extend_from_slice(kind::mysql_type(&self.table.columns()[column]));
        });
    }

    /// An object with something of each column; `null` without columns.
    fn map(&self, out: &mut Vec<u8>, write: impl Fn(usize, &mut Vec<u8>)) {
        let mut separator = b'{';
        for column in self.table.columns().iter().filter(|c| self.present[c.index()]) {
            out.push(separator);
            separator = b',';
            out.extend_from_slice(&column.json_key);
            write(column.index(), out);
        }
        out.extend_from_slice(if separator == b'{' { b"null" } else { b"}" });
    }
}

/// Appends a row's columns, as far as they are wanted.
fn row(
    image: &Image<'_>,
    is_wanted: impl Fn(usize) -> bool,
    out: &mut Vec<u8>,
) -> Result<(), FormatError> {
    out.push(b'{');
    let mut is_first = true;
    for item in image.values() {
        let (index, value) = item?;
        if !is_wanted(index) {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        let column = &image.table().columns()[index];
        out.extend_from_slice(&column.json_key);
        value::write(column, &value, out).map_err(|error| image.error(index, error))?;
    }
    out.push(b'}');
    Ok(())
}
