//! Parameters: of a prepared statement, or the attributes of a query. Both have the same form.

use super::BinaryValue;
use crate::error::WireError;
use crate::reader::Reader;
use crate::resultset::ColumnType;

/// A parameter's type, as the client declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterType {
    /// The type of the value.
    pub kind: ColumnType,
    /// Whether an integer is unsigned.
    pub is_unsigned: bool,
}

/// Parameters with their types.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters<'a> {
    /// A type for each value.
    pub types: Vec<ParameterType>,
    /// The values; `None` for one that was sent by COM_STMT_SEND_LONG_DATA.
    pub values: Vec<Option<BinaryValue<'a>>>,
}

impl<'a> Parameters<'a> {
    /// Reads `count` parameters, at least one: which are NULL, the types if they are sent again, the values.
    /// What is not read stays in `r`.
    ///
    /// # Errors
    /// Malformed, or there are no types, neither here nor in `declared`.
    pub(crate) fn parse(
        r: &mut Reader<'a>,
        count: usize,
        has_names: bool,
        declared: &[ParameterType],
        is_long: impl Fn(usize) -> bool,
    ) -> Result<Self, WireError> {
        const FLAG: &str = "new parameters flag";
        let nulls = r.bytes(count.div_ceil(8), "null bitmap")?;
        let types = match r.u8(FLAG)? {
            // Nothing is allocated before it is read: the count alone may say anything.
            1 => {
                (0..count).map(|_| ParameterType::parse(r, has_names)).collect::<Result<_, _>>()?
            }
            0 if declared.len() == count => declared.to_vec(),
            other => return Err(r.bad_value(FLAG, u64::from(other))),
        };
        let types: Vec<ParameterType> = types;
        let mut values = Vec::with_capacity(types.len());
        for (i, kind) in types.iter().enumerate() {
            let is_null = nulls.get(i / 8).is_some_and(|bits| bits >> (i % 8) & 1 == 1);
            values.push(if is_long(i) {
                None
            } else if is_null {
                Some(BinaryValue::Null)
            } else {
                Some(BinaryValue::parse(r, *kind)?)
            });
        }
        Ok(Self { types, values })
    }
}

impl ParameterType {
    const UNSIGNED: u8 = 0x80;

    /// Reads a type, and skips the name after it.
    fn parse(r: &mut Reader<'_>, has_name: bool) -> Result<Self, WireError> {
        let [kind, flags] = r.array("parameter type")?;
        if has_name {
            r.lenenc_bytes("parameter name")?;
        }
        Ok(Self { kind: ColumnType(kind), is_unsigned: flags & Self::UNSIGNED != 0 })
    }
}
