//! Columns' types by the names that statements give them.

use super::SchemaType;
use super::lexer::{Lexer, Token};
use crate::Charset;

/// A type's name, with what it says beside the type.
pub(super) struct TypeName {
    /// In small letters; of several for the same type the one that servers tell.
    pub(super) name: String,
    /// All of its words as they are written, in capital letters.
    pub(super) words: String,
    pub(super) charset: Option<Charset>,
    pub(super) unsigned: bool,
    /// `SERIAL`, which says more than the type.
    pub(super) is_serial: bool,
}

impl TypeName {
    /// The words of a type; `None` if there are none.
    pub(super) fn read(lexer: &mut Lexer<'_>) -> Option<Self> {
        let mut words = Words { lexer, taken: String::new() };
        let mut first = words.next()?;
        let mut is_national = matches!(&*first, "nchar" | "nvarchar" | "national");
        if first == "national" {
            first = words.next()?;
            is_national = true;
        }
        let name = match &*first {
            "char" | "character" | "nchar" if words.take_varying() => "varchar",
            "real" if words.lexer.mode().real_as_float => "float",
            "double" | "real" | "float8" => {
                words.take("precision");
                "double"
            }
            "long" if words.take("varbinary") => "mediumblob",
            "long" => {
                // LONG VARCHAR, LONG CHAR VARYING
                let _ = words.take_varying() || words.take("char") && words.take_varying();
                "mediumtext"
            }
            name => usual(name),
        };
        let charset = if is_national { Some(Charset::UTF8MB3) } else { fixed_charset(name) };
        let is_serial = first == "serial";
        let words = words.taken;
        Some(Self { charset, unsigned: is_serial, is_serial, name: name.to_owned(), words })
    }
}

/// Takes the words of a type, and keeps them.
struct Words<'l, 'a> {
    lexer: &'l mut Lexer<'a>,
    taken: String,
}

impl Words<'_, '_> {
    fn next(&mut self) -> Option<String> {
        let Token::Word(word) = self.lexer.next()? else { return None };
        self.keep(&word);
        Some(word.to_ascii_lowercase())
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.lexer.take_word(word);
        if is_next {
            self.keep(word);
        }
        is_next
    }

    fn take_varying(&mut self) -> bool {
        self.take("varying") || self.take("varchar")
    }

    fn keep(&mut self, word: &str) {
        if !self.taken.is_empty() {
            self.taken.push(' ');
        }
        self.taken.push_str(&word.to_ascii_uppercase());
    }
}

/// The name that servers tell.
fn usual(name: &str) -> &str {
    match name {
        "bool" | "boolean" | "int1" => "tinyint",
        "int2" => "smallint",
        "int3" | "middleint" => "mediumint",
        "integer" | "int4" => "int",
        "int8" | "serial" => "bigint",
        "numeric" | "dec" | "fixed" | "number" => "decimal",
        "float4" => "float",
        "character" | "nchar" => "char",
        "nvarchar" | "varchar2" => "varchar",
        name => name,
    }
}

/// The character set of types that can have no other.
fn fixed_charset(name: &str) -> Option<Charset> {
    if name == "json" {
        // Where it is a text, in MariaDB.
        return Some(Charset::UTF8MB4);
    }
    (name.ends_with("blob") || name.ends_with("binary") || is_fixed_bytes(name))
        .then_some(Charset::BINARY)
}

/// The type of a name as servers tell it.
pub(super) fn kind(name: &str) -> SchemaType {
    match name {
        "tinyint" => SchemaType::Integer { len: 1 },
        "smallint" => SchemaType::Integer { len: 2 },
        "mediumint" => SchemaType::Integer { len: 3 },
        "int" => SchemaType::Integer { len: 4 },
        "bigint" => SchemaType::Integer { len: 8 },
        "decimal" => SchemaType::Decimal,
        "float" => SchemaType::Float,
        "double" => SchemaType::Double,
        "bit" => SchemaType::Bit,
        "year" => SchemaType::Year,
        "date" => SchemaType::Date,
        "time" => SchemaType::Time,
        "datetime" => SchemaType::DateTime,
        "timestamp" => SchemaType::Timestamp,
        "char" | "binary" => SchemaType::Char,
        name if is_fixed_bytes(name) => SchemaType::Char,
        "varchar" | "varbinary" => SchemaType::VarChar,
        "tinyblob" | "blob" | "mediumblob" | "longblob" | "tinytext" | "text" | "mediumtext"
        | "longtext" => SchemaType::Blob,
        "enum" => SchemaType::Enum,
        "set" => SchemaType::Set,
        "json" => SchemaType::Json,
        "vector" => SchemaType::Vector,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
        | "multipolygon" | "geometrycollection" | "geomcollection" => SchemaType::Geometry,
        _ => SchemaType::Other,
    }
}

/// MariaDB's types that look like `BINARY` in events.
fn is_fixed_bytes(name: &str) -> bool {
    matches!(name, "uuid" | "inet4" | "inet6")
}

/// The character set that a single word behind a type stands for.
pub(super) fn charset_attribute(token: &Token) -> Option<Charset> {
    [("ascii", Charset::LATIN1), ("unicode", Charset::UCS2), ("byte", Charset::BINARY)]
        .into_iter()
        .find_map(|(word, charset)| token.is_word(word).then_some(charset))
}
