//! A table's names, and statements that change single rows of it.

use super::{ColumnTest, FormatError, must_have_names};
use crate::write::{decompressed, hex_upper, unsigned};
use crate::{Image, Table, Value};

/// A table's names as SQL.
pub(super) struct Names<'t> {
    table: &'t Table,
    /// Which columns statements can set: those that are not generated.
    settable: Vec<bool>,
    /// Whether rows are found by all their values, also where the key would do.
    is_exact: bool,
}

impl<'t> Names<'t> {
    pub(super) fn of(table: &'t Table, is_generated: &ColumnTest) -> Result<Self, FormatError> {
        let (schema, name) = (table.schema(), table.name());
        must_have_names(table, "SQL")?;
        let settable = table.columns().iter().map(|column| {
            let text = column.name().unwrap_or_default();
            !column.is_generated() && !is_generated(schema, name, text)
        });
        Ok(Self { table, settable: settable.collect(), is_exact: false })
    }

    /// The same, for statements that find rows only as they were.
    pub(super) fn exact(self, is_exact: bool) -> Self {
        Self { is_exact, ..self }
    }

    fn column(&self, index: usize) -> &'t [u8] {
        &self.table.columns()[index].sql_name
    }

    pub(super) fn insert(&self, after: &Image<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        out.extend_from_slice(b"INSERT INTO ");
        out.extend_from_slice(self.table.sql_name());
        out.extend_from_slice(b" (");
        let mut comma = Separator::new(b", ");
        for column in self.settable().filter(|&column| after.has(column)) {
            comma.write(out);
            out.extend_from_slice(self.column(column));
        }
        out.extend_from_slice(b") VALUES (");
        let mut comma = Separator::new(b", ");
        after.each_value::<FormatError>(|index, value| {
            if self.settable[index] {
                comma.write(out);
                value.write_sql(out).map_err(|error| after.error(index, error))?;
            }
            Ok(())
        })?;
        out.extend_from_slice(b");\n");
        Ok(())
    }

    /// Makes the row that is as `before` what `after` says.
    pub(super) fn update(
        &self,
        before: &Image<'_>,
        after: &Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        self.change(before, after, |_| true, out)
    }

    /// Gives the row that is now as `after` says the values of `before`, in the columns that changed.
    pub(super) fn restore(
        &self,
        before: &Image<'_>,
        after: &Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        self.change(after, before, |column| after.has(column), out)
    }

    /// Gives the row that is as `now` says the values of `wanted`, in the columns that `is_set` names.
    fn change(
        &self,
        now: &Image<'_>,
        wanted: &Image<'_>,
        is_set: impl Fn(usize) -> bool,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let start = out.len();
        out.extend_from_slice(b"UPDATE ");
        out.extend_from_slice(self.table.sql_name());
        out.extend_from_slice(b" SET ");
        let mut comma = Separator::new(b", ");
        wanted.each_value::<FormatError>(|index, value| {
            if !self.settable[index] || !is_set(index) {
                return Ok(());
            }
            let name = self.column(index);
            comma.write(out);
            out.extend_from_slice(name);
            out.push(b'=');
            let written = match value {
                Value::JsonDiffs(diffs) => diffs.write_sql(name, out),
                value => value.write_sql(out),
            };
            written.map_err(|error| wanted.error(index, error).into())
        })?;
        if comma.first {
            // Nothing but generated columns.
            out.truncate(start);
            return Ok(());
        }
        self.condition("update", now, out)
    }

    pub(super) fn delete(&self, before: &Image<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        out.extend_from_slice(b"DELETE FROM ");
        out.extend_from_slice(self.table.sql_name());
        self.condition("delete", before, out)
    }

    /// The columns that a statement can set.
    pub(super) fn settable(&self) -> impl Iterator<Item = usize> {
        (0..self.settable.len()).filter(|&column| self.settable[column])
    }

    pub(super) fn by_key(&self, image: &Image<'_>) -> bool {
        let mut key = self.table.primary_key().peekable();
        key.peek().is_some() && key.all(|column| image.has(column))
    }

    /// Finds the row: by its whole primary key if that is known, else by all of its values.
    ///
    /// Columns that no statement can set have values to compare like others. Only where all values are
    /// compared they are left out, since other columns say what they are.
    fn condition(
        &self,
        change: &'static str,
        before: &Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let by_key = self.by_key(before);
        if !by_key {
            self.must_be_whole(change, before)?;
        }
        let has_settable = self.settable().next().is_some();
        out.extend_from_slice(b" WHERE ");
        let mut and = Separator::new(b" AND ");
        before.each_value::<FormatError>(|index, value| {
            let is_key = by_key && self.table.primary_key().any(|column| column == index);
            let is_compared = match by_key {
                true => is_key || self.is_exact && self.settable[index],
                false => self.settable[index] || !has_settable,
            };
            // A difference between documents does not say what there is.
            if !is_compared || matches!(value, Value::JsonDiffs(_)) {
                return Ok(());
            }
            and.write(out);
            comparison(self.column(index), value, is_key, out)
                .map_err(|error| before.error(index, error).into())
        })?;
        out.extend_from_slice(if by_key { b";\n" } else { b" LIMIT 1;\n" });
        Ok(())
    }

    /// Sees that an image has all columns that find its row where no key does.
    fn must_be_whole(&self, change: &'static str, image: &Image<'_>) -> Result<(), FormatError> {
        let lost: Vec<&str> = self
            .settable()
            .filter(|&column| !image.has(column))
            .map(|column| self.table.columns()[column].name().unwrap_or_default())
            .collect();
        if lost.is_empty() && image.values().next().is_some() {
            return Ok(());
        }
        let table = format!("{}.{}", self.table.schema(), self.table.name());
        Err(FormatError::PartialRow { change, table, columns: lost.join(", ") })
    }
}

/// A comparison that is true of the very value, and of no other that is merely equal to it. For a column of
/// the key equality is enough, since no other row of the table has an equal key; and a plain comparison
/// lets the server use the key's index.
fn comparison(
    name: &[u8],
    value: &Value<'_>,
    by_key: bool,
    out: &mut Vec<u8>,
) -> Result<(), crate::ValueError> {
    if let Value::Compressed(value) = value {
        return comparison(name, &decompressed(value)?.value(), by_key, out);
    }
    // Collations may take different texts for the same, and vectors have no equality.
    let stored = match value {
        Value::Text(text) if !by_key => Some(text.bytes),
        Value::TextOrBytes(bytes) if !by_key => Some(*bytes),
        Value::Vector(vector) => Some(vector.stored()),
        _ => None,
    };
    if let Some(stored) = stored {
        out.extend_from_slice(b"HEX(");
        out.extend_from_slice(name);
        out.extend_from_slice(b")='");
        hex_upper(stored, out);
        out.push(b'\'');
        return Ok(());
    }
    out.extend_from_slice(name);
    match value {
        Value::Null => out.extend_from_slice(b" IS NULL"),
        // As the server widens the column.
        Value::Float(number) => {
            out.push(b'=');
            Value::Double(f64::from(*number)).write_sql(out)?;
            zeros_sign(name, f64::from(*number), by_key, out);
        }
        Value::Double(number) => {
            out.push(b'=');
            value.write_sql(out)?;
            zeros_sign(name, *number, by_key, out);
        }
        // MySQL 5.6 does not find 64 bits by a literal of bits.
        Value::Bit(bits) => {
            out.push(b'=');
            unsigned(bits.value, out);
        }
        // Without a name in the key, too: the number 0 and an empty member look the same.
        Value::Enum(value) if !by_key || value.name().is_none_or(<[u8]>::is_empty) => {
            out.extend_from_slice(b"+0=");
            unsigned(value.number, out);
        }
        Value::Set(value) if !by_key || value.bits < 2 => {
            out.extend_from_slice(b"+0=");
            unsigned(value.bits, out);
        }
        // Numbers of different types in documents are equal.
        Value::Json(_) if !by_key => {
            out.push(b'=');
            let start = out.len();
            value.write_sql(out)?;
            let literal = out[start..].to_vec();
            out.extend_from_slice(b" AND HEX(CAST(");
            out.extend_from_slice(name);
            out.extend_from_slice(b" AS CHAR))=HEX(CAST(");
            out.extend_from_slice(&literal);
            out.extend_from_slice(b" AS CHAR))");
        }
        value => {
            out.push(b'=');
            value.write_sql(out)?;
        }
    }
    Ok(())
}

/// There are two zeros, which are equal.
fn zeros_sign(name: &[u8], number: f64, by_key: bool, out: &mut Vec<u8>) {
    if number == 0.0 && !by_key {
        out.extend_from_slice(b" AND LEFT(");
        out.extend_from_slice(name);
        out.extend_from_slice(if number.is_sign_negative() { b",1)='-'" } else { b",1)<>'-'" });
    }
}

/// What stands between items.
struct Separator {
    text: &'static [u8],
    first: bool,
}

impl Separator {
    fn new(text: &'static [u8]) -> Self {
        Self { text, first: true }
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.first) {
            out.extend_from_slice(self.text);
        }
    }
}
