//! COM_STMT_EXECUTE and COM_STMT_SEND_LONG_DATA.

use super::{ParameterType, Parameters};
use crate::capability::Capabilities;
use crate::error::WireError;
use crate::reader::Reader;
use crate::writer::Put;

/// COM_STMT_EXECUTE. Its parameters can only be read with what is known of the statement.
/// Manual: "COM_STMT_EXECUTE".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execute<'a> {
    /// The statement.
    pub statement_id: u32,
    /// Which cursor is wanted, and [`PARAMETER_COUNT_AVAILABLE`](Self::PARAMETER_COUNT_AVAILABLE).
    pub flags: u8,
    /// Always 1.
    pub iterations: u32,
    /// The parameters, as they were sent.
    pub parameters: &'a [u8],
}

impl<'a> Execute<'a> {
    /// A flag: the parameters begin with their number, also where the statement has none.
    pub const PARAMETER_COUNT_AVAILABLE: u8 = 0x08;

    /// Parses what follows the command byte.
    ///
    /// # Errors
    /// Truncated.
    pub fn parse(rest: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(rest, "COM_STMT_EXECUTE");
        Ok(Self {
            statement_id: r.u32("statement id")?,
            flags: r.u8("flags")?,
            iterations: r.u32("iteration count")?,
            parameters: r.rest(),
        })
    }

    /// Appends what follows the command byte.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.statement_id);
        out.put_u8(self.flags);
        out.put_u32(self.iterations);
        out.put_bytes(self.parameters);
    }

    /// Reads the values of a statement's `count` parameters; query attributes after them are skipped.
    ///
    /// `declared` are the types of the execution before: a client need not send them again. Parameters for
    /// which `is_long` holds were sent by COM_STMT_SEND_LONG_DATA, so that there is no value here.
    ///
    /// # Errors
    /// Malformed; or there are no types, neither here nor in `declared`.
    pub fn read(
        &self,
        count: usize,
        declared: &[ParameterType],
        is_long: impl Fn(usize) -> bool,
        capabilities: Capabilities,
    ) -> Result<Parameters<'a>, WireError> {
        let mut r = Reader::new(self.parameters, "COM_STMT_EXECUTE");
        let has_attributes = capabilities.contains(Capabilities::QUERY_ATTRIBUTES);
        let says_count = self.flags & Self::PARAMETER_COUNT_AVAILABLE != 0;
        if count == 0 && !(has_attributes && says_count) {
            return Ok(Parameters::default());
        }
        let mut sent = count;
        if has_attributes {
            let number = r.lenenc_int("parameter count")?;
            sent = usize::try_from(number).map_err(|_| r.truncated("null bitmap"))?;
            if sent < count {
                return Err(r.bad_value("parameter count", number));
            }
        }
        if sent == 0 {
            return Ok(Parameters::default());
        }
        let mut parameters =
            Parameters::parse(&mut r, sent, has_attributes, declared, |i| i < count && is_long(i))?;
        parameters.types.truncate(count);
        parameters.values.truncate(count);
        Ok(parameters)
    }
}

/// COM_STMT_SEND_LONG_DATA: a piece of a parameter's value. It is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongData<'a> {
    /// The statement.
    pub statement_id: u32,
    /// The parameter, counted from 0.
    pub parameter: u16,
    /// What is appended to its value.
    pub data: &'a [u8],
}

impl<'a> LongData<'a> {
    /// Parses what follows the command byte.
    ///
    /// # Errors
    /// Truncated.
    pub fn parse(rest: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(rest, "COM_STMT_SEND_LONG_DATA");
        let statement_id = r.u32("statement id")?;
        Ok(Self { statement_id, parameter: r.u16("parameter")?, data: r.rest() })
    }

    /// Appends what follows the command byte.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.statement_id);
        out.put_u16(self.parameter);
        out.put_bytes(self.data);
    }
}
