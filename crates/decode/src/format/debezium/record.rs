//! A record as it goes to a topic: its value alone, or with topic and key.

use super::super::FormatError;
use super::super::json::field;
use super::{DebeziumOptions, value};
use crate::write::json_string;
use crate::{Image, Table, Value};

/// The longest name of a topic, in characters.
const TOPIC_LEN_MAX: usize = 249;

/// The images that have a row's key. A column that the first one does not have did not change, and has its value
/// in the second one.
pub(super) type KeyOf<'a> = [Option<Image<'a>>; 2];

/// What records of a topic share.
pub(super) struct Record<'a> {
    options: &'a DebeziumOptions,
    topic: String,
    /// The columns of the key, in the table's order; of no table none.
    key: Vec<usize>,
}

impl<'a> Record<'a> {
    /// Those of a table's rows.
    pub(super) fn of_table(options: &'a DebeziumOptions, table: &'a Table) -> Self {
        let name = match options.keys {
            true => format!("{}.{}.{}", options.topic_prefix, table.schema(), table.name()),
            false => String::new(),
        };
        let mut key = table.row_key().to_vec();
        key.sort_unstable();
        Self { options, topic: topic(&name), key }
    }

    /// Those of statements.
    pub(super) fn of_statements(options: &'a DebeziumOptions) -> Self {
        Self { options, topic: topic(&options.topic_prefix), key: Vec::new() }
    }

    /// Begins a line, in which a row's value follows.
    pub(super) fn begin(&self, of: KeyOf<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        if !self.options.keys {
            return Ok(());
        }
        self.topic(out);
        self.key(of, out)?;
        field("value", out);
        Ok(())
    }

    /// The row's key; `null` if there is none, or if the event does not have all of it.
    fn key(&self, of: KeyOf<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let image_with = |column: usize| of.into_iter().flatten().find(|image| image.has(column));
        if self.key.is_empty() || self.key.iter().any(|&column| image_with(column).is_none()) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        let mut separator = b'{';
        for &column in &self.key {
            if let Some(image) = image_with(column)
                && let Some(value) = image.value(column)?
            {
                out.push(std::mem::replace(&mut separator, b','));
                self.column(image, column, &value, out)?;
            }
        }
        out.push(b'}');
        Ok(())
    }

    /// The same of a statement.
    pub(super) fn begin_statement(&self, schema: &str, out: &mut Vec<u8>) {
        if self.options.keys {
            self.topic(out);
            out.extend_from_slice(b"{\"databaseName\":");
            json_string(schema, out);
            out.push(b'}');
            field("value", out);
        }
    }

    fn topic(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"topic\":");
        json_string(&self.topic, out);
        field("key", out);
    }

    /// Ends the line.
    pub(super) fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.options.keys { b"}\n" } else { b"\n" });
    }

    /// The record without a value that follows a deleted row's.
    pub(super) fn tombstone(&self, of: KeyOf<'_>, out: &mut Vec<u8>) -> Result<(), FormatError> {
        if self.options.keys && self.options.tombstones {
            self.begin(of, out)?;
            out.extend_from_slice(b"null");
            self.end(out);
        }
        Ok(())
    }

    /// A row's values.
    pub(super) fn image(
        &self,
        image: Option<Image<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
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
            self.column(image, index, &value, out)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn column(
        &self,
        image: Image<'_>,
        index: usize,
        value: &Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let column = &image.table().columns()[index];
        out.extend_from_slice(&column.json_key);
        value::write(column, value, self.options, out)
            .map_err(|error| image.error(index, error))?;
        Ok(())
    }
}

/// A name as Kafka takes it: other characters are underscores.
fn topic(name: &str) -> String {
    let is_valid =
        |c: u16| u8::try_from(c).is_ok_and(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c));
    let valid = name.encode_utf16().map(|c| if is_valid(c) { c } else { u16::from(b'_') });
    let name = String::from_utf16_lossy(&valid.take(TOPIC_LEN_MAX).collect::<Vec<_>>());
    match &*name {
        "." => "_".to_owned(),
        ".." => "__".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_have_only_what_kafka_takes() {
        assert_eq!(topic("a-1.b_2.C"), "a-1.b_2.C");
        // A character beyond 16 bits is two to the connector.
        assert_eq!(topic("a.odd `ü` 🐬"), "a.odd_______");
        assert_eq!((topic("."), topic("..")), ("_".to_owned(), "__".to_owned()));
        assert_eq!(topic(&"x".repeat(300)).len(), 249);
    }
}
