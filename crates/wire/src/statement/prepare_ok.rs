//! The answer to COM_STMT_PREPARE.

use crate::capability::Capabilities;
use crate::error::WireError;
use crate::packet::PacketWriter;
use crate::reader::Reader;
use crate::response::{EofPacket, OK};
use crate::resultset::ColumnDefinition;
use crate::status::StatusFlags;
use crate::writer::Put;

/// A statement was prepared. The definitions of its parameters and columns follow.
/// Manual: "COM_STMT_PREPARE Response".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrepareOk {
    /// The statement's id.
    pub statement_id: u32,
    /// How many columns its rows have; 0 for a statement without rows, or if that is not known yet.
    pub columns: u16,
    /// How many parameters it has.
    pub parameters: u16,
    /// How many warnings there are.
    pub warnings: u16,
}

impl PrepareOk {
    /// Parses a payload.
    ///
    /// # Errors
    /// Truncated, or it does not begin as an OK.
    pub fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "COM_STMT_PREPARE response");
        match r.u8("status")? {
            OK => {}
            other => return Err(r.bad_value("status", u64::from(other))),
        }
        let statement_id = r.u32("statement id")?;
        let columns = r.u16("column count")?;
        let parameters = r.u16("parameter count")?;
        r.u8("filler")?;
        // Servers before 4.1.1 ended here.
        let warnings = if r.is_empty() { 0 } else { r.u16("warnings")? };
        Ok(Self { statement_id, columns, parameters, warnings })
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(OK);
        out.put_u32(self.statement_id);
        out.put_u16(self.columns);
        out.put_u16(self.parameters);
        out.put_u8(0);
        out.put_u16(self.warnings);
    }

    /// Appends all packets of the answer. No client makes anything of a parameter's definition but its number.
    pub fn write(
        statement_id: u32,
        parameters: u16,
        columns: &[ColumnDefinition<'_>],
        (capabilities, status): (Capabilities, StatusFlags),
        packets: &mut PacketWriter,
        out: &mut Vec<u8>,
    ) {
        let ok = Self {
            statement_id,
            columns: u16::try_from(columns.len()).unwrap_or(u16::MAX),
            parameters,
            warnings: 0,
        };
        packets.build(out, |out| ok.encode(out));
        let parameter = ColumnDefinition::text("?");
        let mut define = |columns: &mut dyn Iterator<Item = &ColumnDefinition<'_>>| {
            let mut any = false;
            for column in columns {
                packets.build(out, |out| column.encode(out));
                any = true;
            }
            if any && !capabilities.contains(Capabilities::DEPRECATE_EOF) {
                packets.build(out, |out| EofPacket { warnings: 0, status }.encode(out));
            }
        };
        define(&mut std::iter::repeat_n(&parameter, usize::from(parameters)));
        define(&mut columns.iter().take(usize::from(ok.columns)));
    }
}
