//! What table maps leave out: table definitions from elsewhere.

mod dump;
pub(crate) mod lexer;
mod types;

use std::sync::Arc;

pub use dump::{SchemaDump, SchemaError};

use crate::Charset;
use crate::table::{Column, ColumnType, Members, Sign};

/// Knows tables as they were when the log was written.
///
/// The answer is used only if it fits the table map; see
/// [`Table::schema_fits`](crate::Table::schema_fits).
pub trait Schema {
    /// The definition of a table, if it is known.
    ///
    /// # Errors
    /// If that cannot be found out; of a table that there is not, `None` is said.
    fn table(&self, schema: &str, table: &str) -> Result<Option<Arc<TableSchema>>, SchemaFailure>;
}

/// Why a table's definition could not be found out, in words for a person.
pub type SchemaFailure = Box<dyn std::error::Error + Send + Sync>;

/// A table's definition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableSchema {
    /// Its columns in their order.
    pub columns: Vec<ColumnSchema>,
    /// The names of the primary key's columns in its order.
    pub primary_key: Vec<String>,
    /// The character set of columns that name none, if the definition says it.
    pub charset: Option<Charset>,
    /// What its `ROW_FORMAT` makes of its records.
    pub row_format: RowFormat,
}

/// How a table's records are laid out, as far as its `ROW_FORMAT` has a say in that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RowFormat {
    /// As its columns have it: none is named, or one that changes nothing.
    #[default]
    ByColumns,
    /// `FIXED`.
    Fixed,
    /// `DYNAMIC`.
    Dynamic,
}

/// A column's definition, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSchema {
    /// Its name.
    pub name: String,
    /// Its type, to see whether it is the one of the table map.
    pub kind: SchemaType,
    /// The type's name in small letters; of several for the same type, such as `int4`, the one that
    /// servers tell.
    pub type_name: String,
    /// The first number in parentheses behind that.
    pub size: Option<u64>,
    /// The second one: the digits behind a `DECIMAL`'s point.
    pub scale: Option<u64>,
    /// Whether it may be NULL. Of a `TIMESTAMP` this must be said, as before MySQL 8.0.
    pub nullable: bool,
    /// Whether numbers have a sign.
    pub unsigned: bool,
    /// The character set of text; `binary` for bytes.
    pub charset: Option<Charset>,
    /// The strings of an `ENUM` or `SET`, in UTF-8.
    pub members: Vec<String>,
    /// Whether its values are computed, so that no statement may set them.
    pub generated: bool,
}

/// A column's type without its sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are the types")]
pub enum SchemaType {
    Integer {
        len: u8,
    },
    Decimal,
    Float,
    Double,
    Bit,
    Year,
    Date,
    Time,
    DateTime,
    Timestamp,
    Char,
    VarChar,
    Blob,
    Enum,
    Set,
    Json,
    Geometry,
    Vector,
    /// A type that is not known here, which fits none.
    Other,
}

impl TableSchema {
    /// Fills in what the table map left out, if all columns fit; says whether they do.
    pub(crate) fn apply(&self, columns: &mut [Column]) -> bool {
        let fits = self.columns.len() == columns.len()
            && self.columns.iter().zip(&*columns).all(|(schema, column)| schema.fits(column));
        if fits {
            for (schema, column) in self.columns.iter().zip(columns.iter_mut()) {
                schema.apply(column);
            }
            if columns.iter().all(|column| column.key_part.is_none()) {
                self.apply_key(columns);
            }
        }
        fits
    }

    fn apply_key(&self, columns: &mut [Column]) {
        for (part, name) in self.primary_key.iter().enumerate() {
            let column = columns
                .iter_mut()
                .find(|c| c.name().is_some_and(|known| known.eq_ignore_ascii_case(name)));
            if let Some(column) = column {
                column.key_part = u16::try_from(part).ok();
            }
        }
    }
}

impl ColumnSchema {
    fn fits(&self, column: &Column) -> bool {
        if column.name().is_some_and(|name| !name.eq_ignore_ascii_case(&self.name)) {
            return false;
        }
        match (&column.kind, self.kind) {
            (ColumnType::Integer { len, sign }, SchemaType::Integer { len: wanted }) => {
                let same_sign = match sign {
                    Sign::Unknown => true,
                    Sign::Signed => !self.unsigned,
                    Sign::Unsigned => self.unsigned,
                };
                *len == wanted && same_sign
            }
            (ColumnType::Decimal { .. }, SchemaType::Decimal)
            | (ColumnType::Float, SchemaType::Float)
            | (ColumnType::Double, SchemaType::Double)
            | (ColumnType::Bit { .. }, SchemaType::Bit)
            | (ColumnType::Year, SchemaType::Year)
            | (ColumnType::Date, SchemaType::Date)
            | (ColumnType::Time { .. } | ColumnType::OldTime, SchemaType::Time)
            | (ColumnType::DateTime { .. } | ColumnType::OldDateTime, SchemaType::DateTime)
            | (ColumnType::Timestamp { .. } | ColumnType::OldTimestamp, SchemaType::Timestamp)
            | (ColumnType::Char { .. }, SchemaType::Char)
            | (
                ColumnType::VarChar { .. } | ColumnType::CompressedVarChar { .. },
                SchemaType::VarChar,
            )
            | (ColumnType::Blob { .. } | ColumnType::CompressedBlob { .. }, SchemaType::Blob)
            | (ColumnType::Enum { .. }, SchemaType::Enum)
            | (ColumnType::Set { .. }, SchemaType::Set)
            | (ColumnType::Geometry { .. }, SchemaType::Geometry)
            | (ColumnType::Vector { .. } | ColumnType::VarChar { .. }, SchemaType::Vector) => true,
            // MariaDB's JSON is a text.
            (ColumnType::Json { .. } | ColumnType::Blob { .. }, SchemaType::Json) => true,
            _ => false,
        }
    }

    fn apply(&self, column: &mut Column) {
        column.generated = self.generated;
        if column.name.is_none() {
            column.name = Some(self.name.as_str().into());
        }
        if let Some(charset @ None) = column.kind.charset_mut() {
            *charset = self.charset;
        }
        match &mut column.kind {
            ColumnType::Integer { sign: sign @ Sign::Unknown, .. } => {
                *sign = if self.unsigned { Sign::Unsigned } else { Sign::Signed };
            }
            ColumnType::Enum { members: members @ None, .. }
            | ColumnType::Set { members: members @ None, .. }
                if !self.members.is_empty() =>
            {
                let names = self.members.iter().map(|name| name.as_bytes().into()).collect();
                *members = Some(Arc::new(Members::new(names, Some(Charset::UTF8MB4))));
            }
            _ => {}
        }
    }
}
