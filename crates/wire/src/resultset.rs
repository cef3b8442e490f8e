//! Result sets: what a query or a prepared statement answers with.
//!
//! Values are their text here; [`statement`](crate::statement) knows their binary form. Manual: "Text Resultset",
//! "Binary Protocol Resultset".

use crate::capability::Capabilities;
use crate::charset;
use crate::error::WireError;
use crate::packet::{MAX_BODY_LEN, PacketWriter};
use crate::reader::{LENENC_NULL, Reader};
use crate::response::{EOF, ERR, EofPacket, LOCAL_INFILE, OK, OkPacket, ServerError};
use crate::statement::{BinaryColumn, InvalidText, ParameterType, encode_row};
use crate::status::StatusFlags;
use crate::writer::Put;

/// The most columns that a result set can have; MySQL allows 4096 in a table.
pub const MAX_COLUMNS: usize = 0xffff;

/// A column's type. Unknown ones survive. Manual: "Protocol::MYSQL_TYPE".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ColumnType(pub u8);

impl ColumnType {
    /// TINYINT.
    pub const TINY: Self = Self(0x01);
    /// SMALLINT.
    pub const SHORT: Self = Self(0x02);
    /// INT.
    pub const LONG: Self = Self(0x03);
    /// FLOAT.
    pub const FLOAT: Self = Self(0x04);
    /// DOUBLE.
    pub const DOUBLE: Self = Self(0x05);
    /// NULL.
    pub const NULL: Self = Self(0x06);
    /// TIMESTAMP.
    pub const TIMESTAMP: Self = Self(0x07);
    /// BIGINT.
    pub const LONGLONG: Self = Self(0x08);
    /// MEDIUMINT.
    pub const INT24: Self = Self(0x09);
    /// DATE.
    pub const DATE: Self = Self(0x0a);
    /// TIME.
    pub const TIME: Self = Self(0x0b);
    /// DATETIME.
    pub const DATETIME: Self = Self(0x0c);
    /// YEAR.
    pub const YEAR: Self = Self(0x0d);
    /// DATE, as it is stored.
    pub const NEWDATE: Self = Self(0x0e);
    /// DECIMAL.
    pub const NEWDECIMAL: Self = Self(0xf6);
    /// VARCHAR.
    pub const VAR_STRING: Self = Self(0xfd);
    /// Any BLOB or TEXT.
    pub const BLOB: Self = Self(0xfc);
}

/// What is said about one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnDefinition<'a> {
    /// The table's database.
    pub schema: &'a [u8],
    /// The table's alias.
    pub table: &'a [u8],
    /// The table's name.
    pub org_table: &'a [u8],
    /// The column's alias.
    pub name: &'a [u8],
    /// The column's name.
    pub org_name: &'a [u8],
    /// The collation id.
    pub charset: u16,
    /// The longest value, in bytes.
    pub length: u32,
    /// The type.
    pub kind: ColumnType,
    /// Flags: NOT NULL, unsigned and so on.
    pub flags: u16,
    /// Digits behind the point.
    pub decimals: u8,
}

impl<'a> ColumnDefinition<'a> {
    /// The length of the fields behind the names, in bytes.
    const FIXED_LEN: u64 = 0x0c;
    const NOT_NULL: u16 = 1;
    const UNSIGNED: u16 = 1 << 5;
    const BINARY: u16 = 1 << 7;
    const CATALOG: &'static [u8] = b"def";

    /// A column of text that belongs to no table.
    #[must_use]
    pub fn text(name: &'a str) -> Self {
        Self {
            schema: b"",
            table: b"",
            org_table: b"",
            name: name.as_bytes(),
            org_name: b"",
            charset: charset::UTF8MB4,
            length: 1024,
            kind: ColumnType::VAR_STRING,
            flags: 0,
            decimals: 31,
        }
    }

    /// A column of unsigned integers that belongs to no table.
    #[must_use]
    pub fn unsigned(name: &'a str) -> Self {
        Self {
            charset: charset::BINARY,
            length: 21,
            kind: ColumnType::LONGLONG,
            flags: Self::NOT_NULL | Self::UNSIGNED | Self::BINARY,
            decimals: 0,
            ..Self::text(name)
        }
    }

    /// The type of the column's values in a binary row.
    #[must_use]
    pub fn value_type(&self) -> ParameterType {
        ParameterType { kind: self.kind, is_unsigned: self.flags & Self::UNSIGNED != 0 }
    }

    /// Parses a payload.
    ///
    /// # Errors
    /// Truncated or over-long, or the fixed part has another length than it has today.
    pub fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "ColumnDefinition");
        r.lenenc_bytes("catalog")?;
        let schema = r.lenenc_bytes("schema")?;
        let table = r.lenenc_bytes("table")?;
        let org_table = r.lenenc_bytes("original table")?;
        let name = r.lenenc_bytes("name")?;
        let org_name = r.lenenc_bytes("original name")?;
        match r.lenenc_int("length of fixed fields")? {
            Self::FIXED_LEN => {}
            other => return Err(r.bad_value("length of fixed fields", other)),
        }
        let column = Self {
            schema,
            table,
            org_table,
            name,
            org_name,
            charset: r.u16("character set")?,
            length: r.u32("column length")?,
            kind: ColumnType(r.u8("type")?),
            flags: r.u16("flags")?,
            decimals: r.u8("decimals")?,
        };
        r.u16("filler")?;
        r.finish()?;
        Ok(column)
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_lenenc_bytes(Self::CATALOG);
        for name in [self.schema, self.table, self.org_table, self.name, self.org_name] {
            out.put_lenenc_bytes(name);
        }
        out.put_lenenc_int(Self::FIXED_LEN);
        out.put_u16(self.charset);
        out.put_u32(self.length);
        out.put_u8(self.kind.0);
        out.put_u16(self.flags);
        out.put_u8(self.decimals);
        out.put_zeros(2);
    }
}

/// The first payload that answers a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryResponse<'a> {
    /// Done, without rows.
    Ok(OkPacket<'a>),
    /// Failed.
    Err(ServerError),
    /// The server wants this local file.
    LocalInfile(&'a [u8]),
    /// So many column definitions follow, then the rows.
    Columns(usize),
}

impl<'a> QueryResponse<'a> {
    /// Parses a payload.
    ///
    /// # Errors
    /// None of the four, or more than [`MAX_COLUMNS`].
    pub fn parse(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        match payload.first() {
            Some(&OK) => OkPacket::parse(payload, capabilities).map(Self::Ok),
            Some(&ERR) => ServerError::parse(payload).map(Self::Err),
            Some(&LOCAL_INFILE) => Ok(Self::LocalInfile(&payload[1..])),
            _ => {
                let mut r = Reader::new(payload, "result set");
                let count = r.lenenc_int("column count")?;
                let columns = usize::try_from(count).ok().filter(|&n| n <= MAX_COLUMNS);
                let columns = columns.ok_or(r.bad_value("column count", count))?;
                r.finish()?;
                Ok(Self::Columns(columns))
            }
        }
    }
}

/// The payloads behind the column definitions.
#[derive(Debug, Clone)]
pub enum RowResponse<'a> {
    /// A row.
    Row(TextRow<'a>),
    /// There are no more rows. The status says whether there are more result sets.
    End {
        /// The status.
        status: StatusFlags,
        /// How many warnings there are.
        warnings: u16,
    },
    /// The query failed on the way.
    Err(ServerError),
}

impl<'a> RowResponse<'a> {
    /// Parses a payload.
    ///
    /// # Errors
    /// The end or an error is malformed. A row is parsed when its values are read.
    pub fn parse(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        let deprecate_eof = capabilities.contains(Capabilities::DEPRECATE_EOF);
        match payload.first() {
            Some(&ERR) => ServerError::parse(payload).map(Self::Err),
            // A row starts with this byte only if its first value has 16 MiB or more.
            Some(&EOF) if deprecate_eof && payload.len() < MAX_BODY_LEN => {
                let ok = OkPacket::parse(payload, capabilities)?;
                Ok(Self::End { status: ok.status, warnings: ok.warnings })
            }
            Some(&EOF) if EofPacket::is_eof(payload) => {
                let eof = EofPacket::parse(payload)?;
                Ok(Self::End { status: eof.status, warnings: eof.warnings })
            }
            _ => Ok(Self::Row(TextRow::new(payload))),
        }
    }
}

/// The values of one row: an iterator of bytes, or `None` for NULL.
#[derive(Debug, Clone)]
pub struct TextRow<'a>(Reader<'a>);

impl<'a> TextRow<'a> {
    /// The row in a payload.
    #[must_use]
    pub fn new(payload: &'a [u8]) -> Self {
        Self(Reader::new(payload, "text row"))
    }
}

impl<'a> Iterator for TextRow<'a> {
    type Item = Result<Option<&'a [u8]>, WireError>;

    /// The next value; an error ends the row.
    fn next(&mut self) -> Option<Self::Item> {
        let value = match self.0.peek()? {
            LENENC_NULL => self.0.u8("NULL").map(|_| None),
            _ => self.0.lenenc_bytes("value").map(Some),
        };
        if value.is_err() {
            self.0.rest();
        }
        Some(value)
    }
}

/// How rows travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    /// As the answer to a query.
    Text,
    /// As the answer to an executed statement.
    Binary,
}

/// Writes a whole result set into a buffer, packet by packet.
///
/// The buffer grows by what is written; a caller with many rows may send and clear it between rows
/// by [`buffer`](Self::buffer).
#[derive(Debug)]
#[must_use = "a result set must be finished"]
pub struct ResultSetWriter<'o> {
    out: &'o mut Vec<u8>,
    packets: &'o mut PacketWriter,
    capabilities: Capabilities,
    /// The columns, if rows are binary.
    binary: Option<Vec<BinaryColumn>>,
}

impl<'o> ResultSetWriter<'o> {
    /// Appends the column count and definitions, at least one. `capabilities` are those agreed on
    /// with the client.
    pub fn begin(
        out: &'o mut Vec<u8>,
        packets: &'o mut PacketWriter,
        (capabilities, format): (Capabilities, RowFormat),
        status: StatusFlags,
        columns: &[ColumnDefinition<'_>],
    ) -> Self {
        debug_assert!(!columns.is_empty() && columns.len() <= MAX_COLUMNS);
        packets.build(out, |out| out.put_lenenc_int(columns.len() as u64));
        for column in columns {
            packets.build(out, |out| column.encode(out));
        }
        if !capabilities.contains(Capabilities::DEPRECATE_EOF) {
            packets.build(out, |out| EofPacket { warnings: 0, status }.encode(out));
        }
        let binary = match format {
            RowFormat::Text => None,
            RowFormat::Binary => Some(columns.iter().map(BinaryColumn::new).collect()),
        };
        Self { out, packets, capabilities, binary }
    }

    /// Appends a row of values as text; `None` is NULL. There must be as many values as columns.
    ///
    /// # Errors
    /// The row is to be binary, and a value is not of its column's type. Nothing was appended.
    pub fn row<V: AsRef<[u8]>>(
        &mut self,
        values: impl IntoIterator<Item = Option<V>>,
    ) -> Result<(), InvalidText> {
        let Some(columns) = &self.binary else {
            self.packets.build(self.out, |out| {
                for value in values {
                    match value {
                        Some(value) => out.put_lenenc_bytes(value.as_ref()),
                        None => out.put_null(),
                    }
                }
            });
            return Ok(());
        };
        let start = self.out.len();
        let frame = self.packets.begin(self.out);
        let encoded = encode_row(columns, values, self.out);
        match encoded {
            Ok(()) => self.packets.end(self.out, frame),
            Err(_) => self.out.truncate(start),
        }
        encoded
    }

    /// The buffer as it stands between rows: complete packets.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Appends the end of the rows.
    pub fn finish(self, status: StatusFlags, warnings: u16) {
        let Self { out, packets, capabilities, .. } = self;
        packets.build(out, |out| {
            if capabilities.contains(Capabilities::DEPRECATE_EOF) {
                let ok = OkPacket { status, warnings, ..OkPacket::default() };
                ok.encode_as_eof(out, capabilities);
            } else {
                EofPacket { warnings, status }.encode(out);
            }
        });
    }

    /// Appends an error instead of further rows.
    pub fn fail(self, error: &ServerError) {
        self.packets.build(self.out, |out| error.encode(out));
    }
}

#[cfg(test)]
mod tests;
