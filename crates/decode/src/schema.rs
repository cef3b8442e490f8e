//! What table maps leave out: table definitions from elsewhere.

mod alter;
mod declared;
pub(crate) mod definition;
mod dump;
pub(crate) mod effect;
mod followed;
pub(crate) mod lexer;
pub(crate) mod mode;
mod named;
mod table_parser;
mod types;

use std::sync::Arc;

pub use declared::Declared;
pub use dump::{SchemaDump, SchemaError};
pub use followed::{FollowedSchema, LostTable, NamedTable, TableChange};
pub(crate) use named::named_tables;

use crate::Charset;
use crate::table::{Column, ColumnType, Members, Sign, Spelling};

/// Knows tables as they were when the log was written.
///
/// The answer is used only if it fits the table map; see
/// [`Table::schema_fits`](crate::Table::schema_fits).
pub trait Schema {
    /// The definition of a table, if it is known. `fits` says whether one can be that of the table
    /// map, in the number of columns, their types, and their names if it has those.
    ///
    /// # Errors
    /// If that cannot be found out; of a table that there is not, `None` is said.
    fn table(&self, schema: &str, table: &str, fits: &Fits<'_>) -> SchemaAnswer;
}

impl<S: Schema + ?Sized> Schema for Arc<S> {
    fn table(&self, schema: &str, table: &str, fits: &Fits<'_>) -> SchemaAnswer {
        (**self).table(schema, table, fits)
    }
}

/// Says whether a definition can be that of a table map.
pub type Fits<'f> = dyn Fn(&TableSchema) -> bool + 'f;

/// A table's definition, if it is known.
pub type SchemaAnswer = Result<Option<Arc<TableSchema>>, SchemaFailure>;

/// Why a table's definition could not be found out, in words for a person.
pub type SchemaFailure = Box<dyn std::error::Error + Send + Sync>;

/// A table's definition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableSchema {
    /// Its columns in their order.
    pub columns: Vec<ColumnSchema>,
    /// The names of the primary key's columns in its order.
    pub primary_key: Vec<String>,
    /// Those of the first unique key that is made of columns, none of which may be NULL: tools take it for the
    /// primary key where there is none.
    pub unique_key: Vec<String>,
    /// Its comment as it is written.
    pub comment: Option<String>,
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
    /// Whether it may be NULL. Of a `TIMESTAMP` this must be said, as before MySQL 8.0, unless a statement's
    /// session has it otherwise.
    pub nullable: bool,
    /// Whether numbers have a sign.
    pub unsigned: bool,
    /// The character set of text; `binary` for bytes.
    pub charset: Option<Charset>,
    /// The strings of an `ENUM` or `SET`, in UTF-8.
    pub members: Vec<String>,
    /// Whether the server numbers rows by it.
    pub auto_increment: bool,
    /// Whether its values are computed, so that no statement may set them.
    pub generated: bool,
    /// What its definition says beside that, as it is written.
    pub declared: Declared,
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

impl SchemaType {
    fn is_text(self) -> bool {
        matches!(self, Self::Char | Self::VarChar | Self::Blob)
    }
}

impl TableSchema {
    /// Gives text the character set that it has by default: the table's, or that of its database.
    pub(crate) fn settle(&mut self, of_database: Option<Charset>) {
        self.charset = self.charset.or(of_database);
        for column in &mut self.columns {
            column.nullable &= !self.primary_key.iter().any(|key| column.is_called(key));
            if column.kind.is_text() {
                column.charset = column.charset.or(self.charset);
                column.settle();
            }
        }
    }

    /// Whether there is a primary key, or a unique one that tools take for it.
    pub(crate) fn has_key(&self) -> bool {
        !self.primary_key.is_empty() || !self.unique_key.is_empty()
    }

    /// The columns of the primary key, or of the unique key that tools take for it.
    pub(crate) fn row_key(&self) -> &[String] {
        if self.primary_key.is_empty() { &self.unique_key } else { &self.primary_key }
    }

    /// Another unique key: it is the one that tools take if it is the first, and no column may be NULL.
    pub(crate) fn add_unique(&mut self, key: Vec<String>) {
        let must_have_value = |name: &String| {
            self.columns.iter().any(|column| column.is_called(name) && !column.nullable)
        };
        if !self.has_key() && key.iter().all(must_have_value) {
            self.unique_key = key;
        }
    }

    /// The name of a key's column with the letters of the column itself.
    pub(crate) fn spelled<'a>(&'a self, name: &'a str) -> &'a str {
        let mut columns = self.columns.iter().map(|column| column.name.as_str());
        columns.find(|known| known.eq_ignore_ascii_case(name)).unwrap_or(name)
    }

    /// Whether a table map may be of this table.
    pub(crate) fn fits(&self, columns: &[Column]) -> bool {
        self.columns.len() == columns.len()
            && self.columns.iter().zip(columns).all(|(schema, column)| schema.fits(column))
    }

    /// Fills in what the table map left out, if all columns fit; says whether they do.
    pub(crate) fn apply(&self, columns: &mut [Column]) -> bool {
        let fits = self.fits(columns);
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

    /// Tells columns of the key that they are.
    fn apply_key(&self, columns: &mut [Column]) {
        for (part, column) in
            Self::key_of(columns, &self.primary_key).into_iter().flatten().enumerate()
        {
            columns[column].key_part = u16::try_from(part).ok();
        }
    }

    /// The places of a key's columns, if it is made of columns alone: a part of a key finds other rows, too.
    /// (MariaDB's `WITHOUT OVERLAPS` names a period.)
    pub(crate) fn key_of(columns: &[Column], names: &[String]) -> Option<Vec<usize>> {
        let place = |name: &String| {
            columns.iter().position(|c| c.name().is_some_and(|known| is_same(known, name)))
        };
        names.iter().map(place).collect()
    }
}

/// Whether two names are of the same column. Large and small letters are the same.
fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || one.chars().flat_map(char::to_lowercase).eq(other.chars().flat_map(char::to_lowercase))
}

/// The types of text and bytes that differ in what they can hold, and how many bytes that is.
const BLOBS: [(&str, &str, u64); 4] = [
    ("tinytext", "tinyblob", 0xff),
    ("text", "blob", 0xffff),
    ("mediumtext", "mediumblob", 0xff_ffff),
    ("longtext", "longblob", 0xffff_ffff),
];

impl ColumnSchema {
    /// Whether this is its name. Large and small letters are the same.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        is_same(&self.name, name)
    }

    /// Makes `TEXT(n)` and `BLOB(n)` the type that servers make of it, as they do with `VARCHAR` that
    /// is too long.
    fn settle(&mut self) {
        let (Some(size), Some(charset)) = (self.size, self.charset) else { return };
        let bytes = size.saturating_mul(u64::from(charset.char_len_max()));
        let is_blob = matches!(&*self.type_name, "text" | "blob");
        let is_too_long = self.kind == SchemaType::VarChar && bytes > 0xffff;
        if is_blob || is_too_long {
            let is_bytes = matches!(&*self.type_name, "blob" | "varbinary");
            let fitting = BLOBS.iter().find(|(_, _, bytes_max)| bytes <= *bytes_max);
            let &(text, blob, _) = fitting.unwrap_or(&BLOBS[3]);
            self.type_name = if is_bytes { blob } else { text }.to_owned();
            (self.kind, self.size) = (SchemaType::Blob, None);
        }
    }

    /// Converts text to another character set; `TEXT` becomes larger if its characters do.
    fn convert(&mut self, new: Charset) {
        if !self.kind.is_text() || self.charset == Some(Charset::BINARY) {
            return;
        }
        let width = self.charset.replace(new).map_or(1, Charset::char_len_max);
        if new.char_len_max() > width
            && let Some(at) = BLOBS.iter().position(|(text, _, _)| *text == self.type_name)
            && let Some((text, _, _)) = BLOBS.get(at + 1)
        {
            (*text).clone_into(&mut self.type_name);
        }
    }

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

    /// What its definition says of the type that events do not.
    fn spelling(&self) -> Spelling {
        let is_text =
            matches!(&*self.type_name, "char" | "varchar") || self.type_name.ends_with("text");
        match &*self.declared.type_name {
            "BOOL" | "BOOLEAN" => Spelling::Boolean,
            _ if self.kind == SchemaType::Float && self.scale.is_some() => Spelling::FloatWithScale,
            _ if is_text && self.charset == Some(Charset::BINARY) => Spelling::BinaryText,
            _ => Spelling::Plain,
        }
    }

    fn apply(&self, column: &mut Column) {
        column.generated = self.generated;
        column.spelling = self.spelling();
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
