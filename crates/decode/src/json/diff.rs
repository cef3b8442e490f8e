//! What an update changes in a document (`binlog_row_value_options=PARTIAL_JSON`).

use super::{Json, JsonValue, print_sql};
use crate::cursor::Cursor;
use crate::{ValueError, write};

/// The changes of one document, to be made in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonDiffs<'a> {
    bytes: &'a [u8],
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonDiff<'a> {
    /// What is done.
    pub operation: JsonOperation,
    /// Where, as a path like `$.name[3]`.
    pub path: &'a str,
    /// The new value, but for what is removed.
    pub value: Option<Json<'a>>,
}

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonOperation {
    /// Puts another value in place of the one there.
    Replace,
    /// Adds a member to an object, or to an array at this place.
    Insert,
    /// Removes the value.
    Remove,
}

impl JsonOperation {
    fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Insert => "insert",
            Self::Remove => "remove",
        }
    }
}

impl<'a> JsonDiffs<'a> {
    /// Changes in their binary form.
    #[must_use]
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The changes in order. Nothing comes after an error.
    pub fn iter(&self) -> impl Iterator<Item = Result<JsonDiff<'a>, ValueError>> + use<'a> {
        let mut cursor = Cursor::new(self.bytes);
        std::iter::from_fn(move || {
            if cursor.is_empty() {
                return None;
            }
            let diff = JsonDiff::read(&mut cursor);
            if diff.is_err() {
                cursor = Cursor::new(&[]);
            }
            Some(diff)
        })
    }

    /// Appends the changes as a JSON array: `[{"op":"replace","path":"$.a","value":1},…]`. Where a value has
    /// types that JSON does not have, `types` names them: `"types":"DATE"`, of members `"types":{"a":"DATE"}`.
    ///
    /// # Errors
    /// If they are damaged; `out` then ends in the middle.
    pub fn write_json(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        out.push(b'[');
        for (index, diff) in self.iter().enumerate() {
            let diff = diff?;
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"op\":\"");
            out.extend_from_slice(diff.operation.name().as_bytes());
            out.extend_from_slice(b"\",\"path\":");
            write::json_string(diff.path, out);
            if let Some(value) = diff.value {
                out.extend_from_slice(b",\"value\":");
                value.write_compact(out)?;
                write_types_of(&value, out)?;
            }
            out.push(b'}');
        }
        out.push(b']');
        Ok(())
    }

    /// Appends an SQL expression that makes the changes in `document`, such as a column's name:
    /// `JSON_REMOVE(JSON_REPLACE(…), …)`.
    ///
    /// # Errors
    /// If they are damaged; `out` then ends in the middle.
    pub fn write_sql(&self, document: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        // The last change is the outermost call, and comes first.
        let mut calls = Vec::new();
        for diff in self.iter() {
            calls.push(diff?);
        }
        for diff in calls.iter().rev() {
            out.extend_from_slice(match diff.operation {
                JsonOperation::Replace => b"JSON_REPLACE(",
                JsonOperation::Insert if diff.path.ends_with(']') => b"JSON_ARRAY_INSERT(",
                JsonOperation::Insert => b"JSON_INSERT(",
                JsonOperation::Remove => b"JSON_REMOVE(",
            });
        }
        out.extend_from_slice(document);
        for diff in &calls {
            out.extend_from_slice(b", ");
            write::sql_text(diff.path, out);
            if let Some(value) = diff.value {
                out.extend_from_slice(b", ");
                print_sql(&value, out)?;
            }
            out.push(b')');
        }
        Ok(())
    }
}

fn write_types_of(value: &Json<'_>, out: &mut Vec<u8>) -> Result<(), ValueError> {
    // A new value is no column, which could be NULL.
    if !value.may_have_types() || value.root()? == JsonValue::Null {
        return Ok(());
    }
    let start = out.len();
    out.extend_from_slice(b",\"types\":");
    if !value.write_types(out)? {
        out.truncate(start);
    }
    Ok(())
}

impl<'a> JsonDiff<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, ValueError> {
        let operation = match cursor.u8()? {
            0 => JsonOperation::Replace,
            1 => JsonOperation::Insert,
            2 => JsonOperation::Remove,
            other => return Err(ValueError::bad("JSON operation", other)),
        };
        let len = cursor.packed_len()?;
        let path = super::text(cursor.take(len)?)?;
        let value = match operation {
            JsonOperation::Remove => None,
            _ => {
                let len = cursor.packed_len()?;
                Some(Json::new(cursor.take(len)?))
            }
        };
        Ok(Self { operation, path, value })
    }
}
