//! Which values of a document have types that JSON text does not have.

use super::{Json, JsonValue, kind};
use crate::{ValueError, write};

impl Json<'_> {
    /// Whether [`write_types`](Self::write_types) may write anything. Cheap.
    pub(crate) fn may_have_types(&self) -> bool {
        const NULL: u8 = 0;
        match self.bytes {
            [] | [kind::LITERAL, NULL, ..] => true,
            bytes => bytes.contains(&kind::OPAQUE),
        }
    }

    /// Appends, as JSON, the types of those values of which the text does not tell them, as MySQL's `JSON_TYPE`
    /// calls them: of a value by itself a string, `"DATE"`; of members an object, `{"a":{"0":"DATE"}}`. Decimals
    /// have their digits, `"DECIMAL(10,2)"`. A document that is `null` is `"NULL"`, as the column itself may be
    /// NULL. Says whether there are any; if not, nothing is written.
    ///
    /// # Errors
    /// If the document is damaged; `out` then ends in the middle.
    pub(crate) fn write_types(&self, out: &mut Vec<u8>) -> Result<bool, ValueError> {
        match self.root()? {
            JsonValue::Null => {
                out.extend_from_slice(b"\"NULL\"");
                Ok(true)
            }
            root => types(root, 0, out),
        }
    }
}

fn types(value: JsonValue<'_>, depth: usize, out: &mut Vec<u8>) -> Result<bool, ValueError> {
    if depth > Json::DEPTH_MAX {
        return Err(ValueError::JsonDepth { limit: Json::DEPTH_MAX });
    }
    let name = match value {
        JsonValue::Object(object) => {
            let members = object.iter().map(|member| {
                member.map(|(name, value)| {
                    (value, move |out: &mut Vec<u8>| write::json_string(name, out))
                })
            });
            return of_members(members, depth, out);
        }
        JsonValue::Array(array) => {
            let members = array.iter().enumerate().map(|(index, value)| {
                value.map(|value| {
                    (value, move |out: &mut Vec<u8>| write::json_string(&index.to_string(), out))
                })
            });
            return of_members(members, depth, out);
        }
        JsonValue::Decimal(number) => {
            let text = format!("\"DECIMAL({},{})\"", number.precision(), number.scale());
            out.extend_from_slice(text.as_bytes());
            return Ok(true);
        }
        JsonValue::Date(_) => "\"DATE\"",
        JsonValue::Time(_) => "\"TIME\"",
        JsonValue::DateTime(_) => "\"DATETIME\"",
        JsonValue::Opaque { .. } => "\"OPAQUE\"",
        _ => return Ok(false),
    };
    out.extend_from_slice(name.as_bytes());
    Ok(true)
}

/// An object of those members that have any.
fn of_members<'a>(
    members: impl Iterator<Item = Result<(JsonValue<'a>, impl FnOnce(&mut Vec<u8>)), ValueError>>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<bool, ValueError> {
    let start = out.len();
    let mut separator = b'{';
    for member in members {
        let (value, write_name) = member?;
        let before = out.len();
        out.push(separator);
        write_name(out);
        out.push(b':');
        if types(value, depth + 1, out)? {
            separator = b',';
        } else {
            out.truncate(before);
        }
    }
    if out.len() == start {
        return Ok(false);
    }
    out.push(b'}');
    Ok(true)
}
