//! A column: its type, and what is known of it besides.

use std::sync::{Arc, OnceLock};

use crate::{Charset, write};

/// A column of a table map.
#[derive(Debug, Clone)]
pub struct Column {
    pub(crate) kind: ColumnType,
    pub(crate) name: Option<Box<str>>,
    /// The name or `@N` as JSON, with quotes and a colon behind.
    pub(crate) json_key: Box<[u8]>,
    /// The name in backticks, or `@N`.
    pub(crate) sql_name: Box<[u8]>,
    /// The type's name as JSON, once a format asks for it.
    pub(crate) json_type: OnceLock<Box<[u8]>>,
    index: usize,
    pub(crate) nullable: bool,
    pub(crate) visible: Option<bool>,
    pub(crate) generated: bool,
    pub(crate) spelling: Spelling,
    pub(crate) key_part: Option<u16>,
    pub(crate) geometry_type: Option<u64>,
    pub(crate) dimensions: Option<u64>,
}

/// What a definition says of a type that events do not, and that Debezium's values depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Spelling {
    /// Nothing.
    #[default]
    Plain,
    /// `BOOLEAN`, which is `TINYINT(1)` in all else.
    Boolean,
    /// `FLOAT(7,3)`.
    FloatWithScale,
    /// Text whose character set is `binary`, which makes bytes of it.
    BinaryText,
}

/// Whether numbers of a column have a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// They may be negative.
    Signed,
    /// They are never negative.
    Unsigned,
    /// Neither the table map nor a schema tells.
    Unknown,
}

/// A column's type, with all that is needed to read its values.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ColumnType {
    /// No value but NULL.
    Null,
    /// An integer of 1, 2, 3, 4 or 8 bytes.
    Integer {
        /// Its length in bytes.
        len: u8,
        /// Whether it has a sign.
        sign: Sign,
    },
    /// An exact number.
    Decimal {
        /// The number of digits.
        precision: u8,
        /// How many of them stand behind the point.
        scale: u8,
    },
    /// A number of 32 bits.
    Float,
    /// A number of 64 bits.
    Double,
    /// Bits.
    Bit {
        /// How many.
        bits: u8,
    },
    /// A year.
    Year,
    /// A date.
    Date,
    /// A time of day or a span, also negative.
    Time {
        /// Digits of the seconds' fraction.
        decimals: u8,
    },
    /// `TIME` as it was before MySQL 5.6.
    OldTime,
    /// A date and a time, of no particular time zone.
    DateTime {
        /// Digits of the seconds' fraction.
        decimals: u8,
    },
    /// `DATETIME` as it was before MySQL 5.6.
    OldDateTime,
    /// A moment.
    Timestamp {
        /// Digits of the seconds' fraction.
        decimals: u8,
    },
    /// `TIMESTAMP` as it was before MySQL 5.6.
    OldTimestamp,
    /// `CHAR` or `BINARY`, and MariaDB's `UUID`, `INET4` and `INET6`.
    Char {
        /// The most bytes that a value has.
        len_max: u16,
        /// The character set, if it is known.
        charset: Option<Charset>,
    },
    /// `VARCHAR` or `VARBINARY`.
    VarChar {
        /// The most bytes that a value has.
        len_max: u16,
        /// The character set, if it is known.
        charset: Option<Charset>,
    },
    /// `TEXT` or `BLOB` of any size.
    Blob {
        /// The bytes of a value's length: 1 for `TINYBLOB` to 4 for `LONGBLOB`.
        len_bytes: u8,
        /// The character set, if it is known.
        charset: Option<Charset>,
    },
    /// MariaDB's `VARCHAR COMPRESSED` or `VARBINARY COMPRESSED`.
    CompressedVarChar {
        /// The most bytes that a value has.
        len_max: u16,
        /// The character set, if it is known.
        charset: Option<Charset>,
    },
    /// MariaDB's `TEXT COMPRESSED` or `BLOB COMPRESSED`.
    CompressedBlob {
        /// The bytes of a value's length.
        len_bytes: u8,
        /// The character set, if it is known.
        charset: Option<Charset>,
    },
    /// One of some strings.
    Enum {
        /// The bytes of its number: 1 or 2.
        len: u8,
        /// The strings, if they are known.
        members: Option<Arc<Members>>,
    },
    /// Any of some strings.
    Set {
        /// The bytes of its bits: 1 to 8.
        len: u8,
        /// The strings, if they are known.
        members: Option<Arc<Members>>,
    },
    /// MySQL's JSON. (MariaDB's is text.)
    Json {
        /// The bytes of a value's length.
        len_bytes: u8,
    },
    /// A geometry.
    Geometry {
        /// The bytes of a value's length.
        len_bytes: u8,
    },
    /// MySQL's vector. (MariaDB's is a `VARBINARY`.)
    Vector {
        /// The bytes of a value's length.
        len_bytes: u8,
    },
    /// A type that is not known here.
    Unknown {
        /// Its code.
        code: u8,
    },
}

/// The strings of an `ENUM` or `SET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    names: Box<[Box<[u8]>]>,
    charset: Option<Charset>,
}

impl Members {
    pub(crate) fn new(names: Vec<Box<[u8]>>, charset: Option<Charset>) -> Self {
        Self { names: names.into(), charset }
    }

    /// The strings' bytes, in their order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.names.iter().map(|name| &**name)
    }

    /// One string's bytes, by its index from 0.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<&[u8]> {
        self.names.get(index).map(|name| &**name)
    }

    /// Their character set, if it is known.
    #[must_use]
    pub fn charset(&self) -> Option<Charset> {
        self.charset
    }
}

impl ColumnType {
    /// Whether it is MySQL's JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        matches!(self, Self::Json { .. })
    }

    /// Whether table maps tell signedness for columns of this type.
    pub(crate) fn is_numeric(&self) -> bool {
        matches!(
            self,
            Self::Integer { .. } | Self::Decimal { .. } | Self::Float | Self::Double | Self::Year
        )
    }

    /// Where its character set is, if it is a type of text or bytes.
    pub(crate) fn charset_mut(&mut self) -> Option<&mut Option<Charset>> {
        match self {
            Self::Char { charset, .. }
            | Self::VarChar { charset, .. }
            | Self::Blob { charset, .. }
            | Self::CompressedVarChar { charset, .. }
            | Self::CompressedBlob { charset, .. } => Some(charset),
            _ => None,
        }
    }

    /// Whether it is an `ENUM` or `SET`.
    pub(crate) fn is_enum_or_set(&self) -> bool {
        matches!(self, Self::Enum { .. } | Self::Set { .. })
    }
}

impl Column {
    pub(crate) fn new(index: usize, kind: ColumnType, nullable: bool) -> Self {
        Self {
            kind,
            name: None,
            json_key: Box::default(),
            sql_name: Box::default(),
            json_type: OnceLock::new(),
            index,
            nullable,
            visible: None,
            generated: false,
            spelling: Spelling::Plain,
            key_part: None,
            geometry_type: None,
            dimensions: None,
        }
    }

    /// Works out what every row needs, once all is known.
    pub(crate) fn finish(&mut self, assumed: Option<Charset>) {
        if let Some(charset @ None) = self.kind.charset_mut() {
            *charset = assumed;
        }
        let (mut key, mut sql) = (Vec::new(), Vec::new());
        match &self.name {
            Some(name) => {
                write::json_string(name, &mut key);
                write::sql_identifier(name.as_bytes(), &mut sql);
            }
            None => {
                sql = format!("@{}", self.index + 1).into_bytes();
                key = format!("\"@{}\"", self.index + 1).into_bytes();
            }
        }
        key.push(b':');
        (self.json_key, self.sql_name) = (key.into(), sql.into());
    }

    /// Its name, if the table map or a schema tells it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether its values are computed, which only a schema tells.
    #[must_use]
    pub fn is_generated(&self) -> bool {
        self.generated
    }

    /// Its place in the table, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> &ColumnType {
        &self.kind
    }

    /// Whether it may be NULL.
    #[must_use]
    pub fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// Whether `SELECT *` shows it, if the table map tells.
    #[must_use]
    pub fn is_visible(&self) -> Option<bool> {
        self.visible
    }

    /// Its place in the primary key, from 0, if it is known to be part of that.
    #[must_use]
    pub fn key_part(&self) -> Option<u16> {
        self.key_part
    }

    /// The kind of geometry as WKB numbers it, 0 for any, if the table map tells.
    #[must_use]
    pub fn geometry_type(&self) -> Option<u64> {
        self.geometry_type
    }

    /// A vector's number of dimensions at most, if the table map tells.
    #[must_use]
    pub fn dimensions(&self) -> Option<u64> {
        self.dimensions
    }

    /// Appends its name as an SQL identifier, in backticks; `@N` where no name is known.
    pub fn write_name(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sql_name);
    }
}
