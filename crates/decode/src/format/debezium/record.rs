//! A record as it goes to a topic: its value alone, or with topic and key.

use super::super::FormatError;
use super::super::json::field;
use super::{DebeziumOptions, value};
use crate::write::json_string;
use crate::{Image, Table};

/// The longest name of a topic, in characters.
const TOPIC_LEN_MAX: usize = 249;

/// What records of a topic share.
pub(super) struct Record<'a> {
    options: &'a DebeziumOptions,
    topic: String,
    /// The columns of the key; of no table none.
    key: &'a [usize],
}

impl<'a> Record<'a> {
    /// Those of a table's rows.
    pub(super) fn of_table(options: &'a DebeziumOptions, table: &'a Table) -> Self {
        let name = match options.keys {
            true => format!("{}.{}.{}", options.topic_prefix, table.schema(), table.name()),
            false => String::new(),
        };
        Self { options, topic: topic(&name), key: table.row_key() }
    }

    /// Those of statements.
    pub(super) fn of_statements(options: &'a DebeziumOptions) -> Self {
        Self { options, topic: topic(&options.topic_prefix), key: &[] }
    }

    /// Begins a line, in which a row's value follows.
    pub(super) fn begin(
        &self,
        image: Option<Image<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        if !self.options.keys {
            return Ok(());
        }
        self.topic(out);
        match image.filter(|image| !self.key.is_empty() && self.key.iter().all(|&c| image.has(c))) {
            Some(image) => self.columns(image, |column| self.key.contains(&column), out)?,
            None => out.extend_from_slice(b"null"),
        }
        field("value", out);
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
    pub(super) fn tombstone(
        &self,
        image: Option<Image<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        if self.options.keys && self.options.tombstones {
            self.begin(image, out)?;
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
        match image {
            Some(image) => self.columns(image, |_| true, out),
            None => {
                out.extend_from_slice(b"null");
                Ok(())
            }
        }
    }

    fn columns(
        &self,
        image: Image<'_>,
        is_wanted: impl Fn(usize) -> bool,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        out.push(b'{');
        let start = out.len();
        for item in image.values() {
            let (index, value) = item?;
            if !is_wanted(index) {
                continue;
            }
            if out.len() > start {
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
