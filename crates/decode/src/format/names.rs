//! A table's names, and statements that change single rows of it.

use super::{ColumnTest, FormatError, must_have_names};
use crate::write::{hex_upper, unsigned};
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
        for item in after.values() {
            let (index, value) = item?;
            if self.settable[index] {
                comma.write(out);
                value.write_sql(out).map_err(|error| after.error(index, error))?;
            }
        }
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
        for item in wanted.values() {
            let (index, value) = item?;
            if !self.settable[index] || !is_set(index) {
                continue;
            }
            let name = self.column(index);
            comma.write(out);
            out.extend_from_slice(name);
            out.push(b'=');
            let written = match value {
                Value::JsonDiffs(diffs) => diffs.write_sql(name, out),
                value => value.write_sql(out),
            };
            written.map_err(|error| wanted.error(index, error))?;
        }
        if comma.first {
            // Nothing but generated columns.
            out.truncate(start);
            return Ok(());
        }
        self.condition(now, out)
    }

    pub(super) fn delete(&self, before: &Image<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        out.extend_from_slice(b"DELETE FROM ");
        out.extend_from_slice(self.table.sql_name());
        self.condition(before, out)
    }

    /// The columns that a statement can set.
    pub(super) fn settable(&self) -> impl Iterator<Item = usize> {
        (0..self.settable.len()).filter(|&column| self.settable[column])
    }

    pub(super) fn by_key(&self, image: &Image<'_>) -> bool {
        let mut key = self.table.primary_key().peekable();
        key.peek().is_some() && key.all(|column| image.has(column))
    }

    /// Finds the row: by its primary key if that is known and enough, else by all of its values.
    fn condition(&self, before: &Image<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let by_key = self.by_key(before);
        out.extend_from_slice(b" WHERE ");
        let mut and = Separator::new(b" AND ");
        for item in before.values() {
            let (index, value) = item?;
            let is_key = by_key && self.table.primary_key().any(|column| column == index);
            // A difference between documents does not say what there is.
            let is_known = self.is_exact && !matches!(value, Value::JsonDiffs(_));
            if !self.settable[index] || by_key && !is_key && !is_known {
                continue;
            }
            and.write(out);
            comparison(self.column(index), &value, is_key, out)
                .map_err(|error| before.error(index, error))?;
        }
        out.extend_from_slice(if by_key { b";\n" } else { b" LIMIT 1;\n" });
        Ok(())
    }
}

/// Of a column of the key a plain one, for which the server has an index.
fn comparison(
    name: &[u8],
    value: &Value<'_>,
    by_key: bool,
    out: &mut Vec<u8>,
) -> Result<(), crate::ValueError> {
    // Collations may take different texts for the same.
    let stored = match value {
        Value::Text(text) if !by_key => Some(text.bytes),
        Value::TextOrBytes(bytes) if !by_key => Some(*bytes),
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
        }
        // MySQL 5.6 does not find 64 bits by a literal of bits.
        Value::Bit(bits) => {
            out.push(b'=');
            unsigned(bits.value, out);
        }
        Value::Enum(value) if !by_key => {
            out.extend_from_slice(b"+0=");
            unsigned(value.number, out);
        }
        Value::Set(value) if !by_key => {
            out.extend_from_slice(b"+0=");
            unsigned(value.bits, out);
        }
        value => {
            out.push(b'=');
            value.write_sql(out)?;
        }
    }
    Ok(())
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
