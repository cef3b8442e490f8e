//! An image as a JSON object, from which each value can be had back.

use super::Image;
use crate::DecodeError;
use crate::value::Value;
use crate::write::unsigned;

impl<'a> Image<'a> {
    /// Appends the image as a JSON object of the columns that it has, by their names or, where they
    /// are not known, as `@1`, `@2` and so on. See [`Value::write_json`].
    ///
    /// A document of which the event has only the [changes](Value::JsonDiffs) is left out: as a list they
    /// could be taken for a document. An `ENUM` or `SET` is a number where an empty name could mean that none
    /// is set.
    ///
    /// # Errors
    /// If a value is damaged; `out` then ends in the middle.
    pub fn write_json(&self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        self.write_json_noting(out, &mut Vec::new())
    }

    /// The same; puts the values that were left out, and documents that may have values which JSON does not
    /// have, into `noted`, each with its column.
    pub(crate) fn write_json_noting(
        &self,
        out: &mut Vec<u8>,
        noted: &mut Vec<(usize, Value<'a>)>,
    ) -> Result<(), DecodeError> {
        let columns = self.table.columns();
        out.push(b'{');
        let mut first = true;
        self.each_value::<DecodeError>(|index, value| {
            match value {
                Value::JsonDiffs(_) => {
                    noted.push((index, *value));
                    return Ok(());
                }
                Value::Json(json) if json.may_have_types() => noted.push((index, *value)),
                _ => {}
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.extend_from_slice(&columns[index].json_key);
            match number_of_ambiguous(value) {
                Some(number) => unsigned(number, out),
                None => value.write_json(out).map_err(|error| self.error(index, error))?,
            }
            Ok(())
        })?;
        out.push(b'}');
        Ok(())
    }
}

/// The number of an `ENUM` or `SET` whose name is empty, if that may be the name of a member or of none.
fn number_of_ambiguous(value: &Value<'_>) -> Option<u64> {
    let (members, number, is_empty) = match value {
        Value::Enum(value) => {
            (value.members?, value.number, value.name().is_some_and(<[u8]>::is_empty))
        }
        Value::Set(value) => (
            value.members?,
            value.bits,
            value.names().is_some_and(|names| names.flatten().next().is_none()),
        ),
        _ => return None,
    };
    (is_empty && members.names().any(<[u8]>::is_empty)).then_some(number)
}
