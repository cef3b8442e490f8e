//! The rows of an event, one by one, and their values.

mod json;

use binlogd_event::body::{RowsBody, RowsChange};

use crate::cursor::Cursor;
use crate::json::JsonDiffs;
use crate::table::{Column, RecordNulls, Table, Width};
use crate::value::{Value, read};
use crate::{DecodeError, Flaw, Place, ValueError};

/// The rows of an event: an iterator of [`Row`]s.
///
/// A row's values are measured when it is reached, and decoded when they are asked for. Nothing
/// comes after an error.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    body: RowsBody<'a>,
    table: &'a Table,
    place: Place,
    layout: Layout<'a>,
    /// Whether rows after an update are completed from the rows before.
    completes: bool,
    rest: Cursor<'a>,
    /// How many rows of the event came before.
    first: u64,
}

/// A part of an event's rows has no more, so that memory stays bounded whatever is made of them.
const PART_ROWS_MAX: u64 = 1000;
/// Nor has it many more values: those that are NULL take no bytes, but have names.
const PART_VALUES_MAX: u64 = 20_000;
/// Nor has it much more, in bytes.
const PART_BYTES_MAX: usize = 64 << 10;

/// How NULL is said in front of a row.
#[derive(Debug, Clone, Copy)]
enum Layout<'a> {
    /// By a bit for each column that the image has; a column that is NULL has no bytes.
    Images,
    /// By the bits of the table's records (version 0); all columns have their bytes.
    Records(&'a RecordNulls),
    /// Not known, and why.
    Unknown(&'static str),
    /// Nor is more of the table.
    Undefined,
}

/// A row that was inserted, updated or deleted.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// What it was before; `None` for an insert.
    pub before: Option<Image<'a>>,
    /// What it is now; `None` for a delete.
    pub after: Option<Image<'a>>,
}

/// A row's values at one time, or those of them that the event has (`binlog_row_image`).
///
/// Where an update was logged with more of the row before than its key, the image after it has all of these
/// columns, too: one that the event does not repeat has its value from before. So MariaDB logs with
/// `binlog_row_image=FULL_NODUP`, and servers with `MINIMAL` where the table has no primary key. A document
/// without [differences](Value::JsonDiffs) is the one before, too.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    table: &'a Table,
    place: Place,
    stored: Stored<'a>,
    record: Option<&'a RecordNulls>,
    /// Bits for the table's JSON columns: whether the value is a list of differences.
    partial: &'a [u8],
    /// Where columns that are not present have their values.
    former: Option<Stored<'a>>,
}

// Larger ones are copied by a call, which costs more than reading a value.
const _: () = assert!(size_of::<Image<'_>>() <= 128);

/// The columns and bytes of an image in the event.
#[derive(Debug, Clone, Copy)]
struct Stored<'a> {
    /// A bit for each column of the table.
    present: &'a [u8],
    /// The bits of those that are NULL, and the values.
    bytes: &'a [u8],
    /// How many of the bytes are those bits: one for each present column, if not those of the table's records.
    /// There are at most 4096 columns.
    nulls_len: u16,
    /// Of a row before an update: whether columns that are not present after it are those that stayed, and
    /// not only documents without differences are.
    completes: bool,
}

impl<'a> Stored<'a> {
    /// The bits of what is NULL, and the values.
    #[inline]
    fn parts(&self) -> (&'a [u8], &'a [u8]) {
        self.bytes.split_at_checked(usize::from(self.nulls_len)).unwrap_or((self.bytes, &[]))
    }
}

/// The values of an [`Image`]: an iterator of column indices, from 0, and values.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    image: Image<'a>,
    nulls: &'a [u8],
    rest: Cursor<'a>,
    /// What is left of the row before, if values are taken from there.
    former: Cursor<'a>,
    /// How many columns before `column` are present in that.
    former_seen: usize,
    column: usize,
    /// How many columns before `column` are present.
    seen: usize,
    /// How many columns before `column` are JSON.
    json_seen: usize,
}

/// In front of an after-image of partial updates: differences may follow.
const PARTIAL_JSON: u64 = 1;

impl<'a> Rows<'a> {
    /// The rows of an event, not compressed any more, of the table that it names.
    ///
    /// # Errors
    /// If event and table have different numbers of columns.
    pub fn new(table: &'a Table, body: &RowsBody<'a>, place: Place) -> Result<Self, DecodeError> {
        let columns = table.columns().len();
        if body.column_count != columns {
            let flaw = Flaw::ColumnCount { rows: body.column_count, table: columns };
            return Err(DecodeError::new(place, None, flaw));
        }
        let layout = match (body.version, table.is_undefined()) {
            (_, true) => Layout::Undefined,
            (0, false) => table.record_nulls().map_or_else(Layout::Unknown, Layout::Records),
            (_, false) => Layout::Images,
        };
        let completes = matches!(layout, Layout::Images) && lacks_what_stayed(table, body);
        let rest = Cursor::new(body.rows);
        Ok(Self { body: *body, table, place, layout, completes, rest, first: 0 })
    }

    /// Whether these are so many rows that they should be taken in [parts](Self::next_part).
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.rest.rest().len() > PART_BYTES_MAX
    }

    /// Takes off the next rows, not too many; `None` if there are no more. A row that cannot be read is
    /// the last one of its part.
    pub fn next_part(&mut self) -> Option<Self> {
        let rest = self.rest.rest();
        let mut part = self.clone();
        let mut count = 0;
        let columns = self.table.columns().len().max(1) as u64;
        let count_max = (PART_VALUES_MAX / columns).clamp(1, PART_ROWS_MAX);
        let is_full = |rows: &Self, count| {
            rest.len() - rows.rest.rest().len() >= PART_BYTES_MAX || count == count_max
        };
        while !self.rest.is_empty() && !is_full(self, count) {
            if self.row().is_err() {
                self.rest = Cursor::new(&[]);
            }
            count += 1;
        }
        self.first += count;
        let len = rest.len() - self.rest.rest().len();
        part.rest = Cursor::new(&rest[..len]);
        (count > 0).then_some(part)
    }

    /// How many rows of the event came before these.
    #[must_use]
    pub fn first_row(&self) -> u64 {
        self.first
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &'a Table {
        self.table
    }

    /// What happened to the rows.
    #[must_use]
    pub fn change(&self) -> RowsChange {
        self.body.change
    }

    /// The event's other parts.
    #[must_use]
    pub fn body(&self) -> &RowsBody<'a> {
        &self.body
    }

    /// Whether an image of the row before, or after, has this column.
    #[must_use]
    pub fn has_column(&self, index: usize, after: bool) -> bool {
        let before = bit(self.body.present, index);
        if after { bit(self.body.present_after, index) || self.completes && before } else { before }
    }

    fn row(&mut self) -> Result<Row<'a>, DecodeError> {
        let left = self.rest.rest().len();
        let (present, after) = (self.body.present, self.body.present_after);
        let row = match self.body.change {
            RowsChange::Insert => Row { before: None, after: Some(self.image(present, false)?) },
            RowsChange::Delete => Row { before: Some(self.image(present, false)?), after: None },
            RowsChange::Update => {
                let before = self.image(present, false)?;
                let after = self.image(after, self.body.partial)?;
                let stored = Stored { completes: self.completes, ..before.stored };
                let former = (self.completes || after.partial.iter().any(|&bits| bits != 0))
                    .then_some(stored);
                Row { before: Some(before), after: Some(Image { former, ..after }) }
            }
        };
        if self.rest.rest().len() == left {
            // Rows without a single byte would never end.
            let flaw = ValueError::Truncated { needed: 1, available: 0 };
            return Err(DecodeError::new(self.place, None, flaw));
        }
        Ok(row)
    }

    /// Measures the image at the front of what is left.
    #[inline]
    fn image(&mut self, present: &'a [u8], may_be_partial: bool) -> Result<Image<'a>, DecodeError> {
        match self.layout {
            Layout::Images => self.image_with_bits(present, may_be_partial),
            Layout::Records(nulls) => self.image_of_record(present, nulls),
            Layout::Unknown(why) => Err(DecodeError::new(self.place, None, Flaw::OldRows { why })),
            Layout::Undefined => Err(DecodeError::new(self.place, None, Flaw::UndefinedTable)),
        }
    }

    #[inline]
    fn image_with_bits(
        &mut self,
        present: &'a [u8],
        may_be_partial: bool,
    ) -> Result<Image<'a>, DecodeError> {
        let at = |error: ValueError| DecodeError::new(self.place, None, error);
        let mut partial: &[u8] = &[];
        if may_be_partial && self.rest.packed().map_err(at)? & PARTIAL_JSON != 0 {
            let len = self.table.json_columns().div_ceil(8);
            partial = self.rest.take(len).map_err(at)?;
        }
        let columns = self.table.widths().len();
        let start = self.rest.rest();
        let nulls_len = count_ones(present, columns).div_ceil(8);
        let nulls = self.rest.take(nulls_len).map_err(at)?;
        let mut seen = 0;
        for (index, width) in self.table.widths().iter().enumerate() {
            if !bit(present, index) {
                continue;
            }
            if !bit(nulls, seen)
                && let Err(error) = width.skip(&mut self.rest)
            {
                return Err(DecodeError::new(self.place, Some(index), error));
            }
            seen += 1;
        }
        Ok(Image { partial, ..self.image_of(present, start, nulls_len, None) })
    }

    /// The image that begins at `start` and ends at what is left.
    #[inline]
    fn image_of(
        &self,
        present: &'a [u8],
        start: &'a [u8],
        nulls_len: usize,
        record: Option<&'a RecordNulls>,
    ) -> Image<'a> {
        let bytes = &start[..start.len() - self.rest.rest().len()];
        let nulls_len = u16::try_from(nulls_len).unwrap_or(u16::MAX);
        let stored = Stored { present, bytes, nulls_len, completes: false };
        Image { table: self.table, place: self.place, stored, record, partial: &[], former: None }
    }

    /// The same for version 0, where what is NULL has bytes as well.
    fn image_of_record(
        &mut self,
        present: &'a [u8],
        record: &'a RecordNulls,
    ) -> Result<Image<'a>, DecodeError> {
        let (table, place) = (self.table, self.place);
        let at = |column| move |error: ValueError| DecodeError::new(place, column, error);
        let start = self.rest.rest();
        self.rest.take(record.len()).map_err(at(None))?;
        for (index, width) in table.widths().iter().enumerate() {
            if bit(present, index) {
                width.skip(&mut self.rest).map_err(at(Some(index)))?;
            }
        }
        Ok(self.image_of(present, start, record.len(), Some(record)))
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<Row<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let row = self.row();
        if row.is_err() {
            self.rest = Cursor::new(&[]);
        }
        Some(row)
    }
}

impl<'a> Image<'a> {
    /// The table.
    #[must_use]
    pub fn table(&self) -> &'a Table {
        self.table
    }

    /// Whether the image has this column.
    #[must_use]
    pub fn has(&self, index: usize) -> bool {
        let is_former = |former: Stored<'_>| former.completes && bit(former.present, index);
        bit(self.stored.present, index) || self.former.is_some_and(is_former)
    }

    /// The values, in the order of columns. Columns that the image does not have are left out.
    #[must_use]
    #[inline]
    pub fn values(&self) -> Values<'a> {
        let (nulls, values) = self.stored.parts();
        let former = self.former.map_or(&[][..], |former| former.parts().1);
        Values {
            image: *self,
            nulls,
            rest: Cursor::new(values),
            former: Cursor::new(former),
            former_seen: 0,
            column: 0,
            seen: 0,
            json_seen: 0,
        }
    }

    /// Gives each of the [values](Self::values) to `see`, with its column's index. Faster than the iterator: a
    /// value stays where it was read, and reading what was just written, to move it, makes a processor wait.
    ///
    /// # Errors
    /// If a value is damaged, or what `see` returns; no value follows.
    #[inline]
    pub fn each_value<E: From<DecodeError>>(
        &self,
        mut see: impl FnMut(usize, &Value<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut values = self.values();
        if self.former.is_some() {
            return values.try_for_each(|item| item.map_err(E::from).and_then(|(i, v)| see(i, &v)));
        }
        for (index, column) in self.table.columns().iter().enumerate() {
            if !bit(self.stored.present, index) {
                values.json_seen += usize::from(column.kind().is_json());
                continue;
            }
            match &values.read(column) {
                Ok(value) => see(index, value)?,
                Err(error) => return Err(self.error(index, *error).into()),
            }
        }
        Ok(())
    }

    /// The value of one column, if the image has it. To find it, those before it are measured.
    ///
    /// # Errors
    /// If the value is damaged.
    pub fn value(&self, index: usize) -> Result<Option<Value<'a>>, DecodeError> {
        for item in self.values() {
            match item? {
                (column, value) if column == index => return Ok(Some(value)),
                (column, _) if column > index => break,
                _ => {}
            }
        }
        Ok(None)
    }

    /// Puts the values into a buffer that can be used again: one for each column of the table,
    /// `None` where the image has none.
    ///
    /// # Errors
    /// If a value is damaged; the buffer then has those before it.
    pub fn collect_into(&self, out: &mut Vec<Option<Value<'a>>>) -> Result<(), DecodeError> {
        out.clear();
        for item in self.values() {
            let (column, value) = item?;
            out.resize(column, None);
            out.push(Some(value));
        }
        out.resize(self.table.columns().len(), None);
        Ok(())
    }

    /// Says where a value is that could not be written.
    #[must_use]
    pub fn error(&self, column: usize, error: ValueError) -> DecodeError {
        DecodeError::new(self.place, Some(column), error)
    }
}

impl<'a> IntoIterator for Image<'a> {
    type Item = Result<(usize, Value<'a>), DecodeError>;
    type IntoIter = Values<'a>;

    fn into_iter(self) -> Values<'a> {
        self.values()
    }
}

impl<'a> Values<'a> {
    fn read(&mut self, column: &'a Column) -> Result<Value<'a>, ValueError> {
        let kind = column.kind();
        if let Some(record) = self.image.record {
            let bit_at = record.bit(column.index());
            if bit_at.is_some_and(|at| bit(self.nulls, at)) {
                // Its bytes are there, but mean nothing.
                return Width::of(kind).skip(&mut self.rest).map(|()| Value::Null);
            }
            return read(kind, &mut self.rest);
        }
        let null = bit(self.nulls, self.seen);
        self.seen += 1;
        if kind.is_json() {
            let partial = bit(self.image.partial, self.json_seen);
            self.json_seen += 1;
            if let (crate::ColumnType::Json { len_bytes }, true, false) = (kind, partial, null) {
                return self.rest.prefixed(*len_bytes).map(|b| Value::JsonDiffs(JsonDiffs::new(b)));
            }
        }
        if null { Ok(Value::Null) } else { read(kind, &mut self.rest) }
    }

    /// The next item where values may come from the row before. It is not inlined, so that rows that are
    /// logged whole are read as fast as without it.
    #[cold]
    #[inline(never)]
    fn next_completed(&mut self) -> Option<Result<(usize, Value<'a>), DecodeError>> {
        let columns = self.image.table.columns();
        loop {
            let index = self.column;
            let column = columns.get(index)?;
            self.column += 1;
            let Some(value) = self.read_completed(column) else { continue };
            return Some(value.map(|value| (index, value)).map_err(|error| {
                self.column = usize::MAX;
                self.image.error(index, error)
            }));
        }
    }

    /// Reads the value that a column has after an update, or had before where the event does not repeat what
    /// stayed; `None` if it has neither.
    fn read_completed(&mut self, column: &'a Column) -> Option<Result<Value<'a>, ValueError>> {
        let former = self.image.former?;
        let (index, kind) = (column.index(), column.kind());
        let (former_nulls, _) = former.parts();
        let was_present = bit(former.present, index);
        let stayed = was_present.then(|| match bit(former_nulls, self.former_seen) {
            true => Ok(Value::Null),
            false => read(kind, &mut self.former),
        });
        self.former_seen += usize::from(was_present);
        if !bit(self.image.stored.present, index) {
            self.json_seen += usize::from(kind.is_json());
            return stayed.filter(|_| former.completes);
        }
        match (self.read(column), stayed) {
            (Ok(Value::JsonDiffs(diffs)), Some(stayed)) if diffs.is_empty() => Some(stayed),
            (value, _) => Some(value),
        }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<(usize, Value<'a>), DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.image.former.is_some() {
            return self.next_completed();
        }
        let columns = self.image.table.columns();
        loop {
            let index = self.column;
            let column = columns.get(index)?;
            self.column += 1;
            if !bit(self.image.stored.present, index) {
                self.json_seen += usize::from(column.kind().is_json());
                continue;
            }
            return Some(match self.read(column) {
                Ok(value) => Ok((index, value)),
                Err(error) => {
                    self.column = usize::MAX;
                    Err(self.image.error(index, error))
                }
            });
        }
    }
}

/// Whether an event has updates without what stayed as it was: fewer columns after than before, where not
/// only a key was before. Some are in neither, as MariaDB logs no generated ones.
fn lacks_what_stayed(table: &Table, body: &RowsBody<'_>) -> bool {
    if body.change != RowsChange::Update || body.present == body.present_after {
        return false;
    }
    let (before, after) = (body.present, body.present_after);
    let is_key = |column| table.primary_key().any(|key| key == column);
    let (mut lacks, mut is_whole, mut is_only_key) = (false, true, true);
    for column in 0..table.columns().len() {
        match (bit(before, column), bit(after, column)) {
            (false, true) => return false,
            (was, is) => lacks |= was != is,
        }
        is_whole &= bit(before, column);
        is_only_key &= bit(before, column) == is_key(column);
    }
    lacks && (is_whole || !is_only_key)
}

/// Bits of row events begin with the lowest of the first byte. What is not there is not set.
#[inline]
fn bit(bytes: &[u8], index: usize) -> bool {
    bytes.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 != 0)
}

/// The number of bits set among the first `len`.
#[inline]
fn count_ones(bytes: &[u8], len: usize) -> usize {
    let whole = &bytes[..(len / 8).min(bytes.len())];
    let ones: u32 = whole.iter().map(|byte| byte.count_ones()).sum();
    let rest = bytes
        .get(len / 8)
        .map_or(0, |byte| (byte & ((1_u16 << (len % 8)) - 1).to_le_bytes()[0]).count_ones());
    (ones + rest) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_count_from_the_lowest() {
        assert!(bit(&[0b100], 2) && !bit(&[0b100], 1) && !bit(&[0xff], 8));
        assert_eq!(count_ones(&[0xff, 0xff], 11), 11);
        assert_eq!(count_ones(&[0xff, 0xf8], 11), 8);
        assert_eq!(count_ones(&[], 0), 0);
        assert_eq!(count_ones(&[0xff], 8), 8);
    }
}
