//! A table map's optional metadata: names, signs, character sets and so on.
//!
//! Fields and their order are those of MySQL's [Table_map_event] page; MariaDB writes the first
//! eleven alike.
//!
//! [Table_map_event]: https://dev.mysql.com/doc/dev/mysql-server/latest/classbinary__log_1_1Table__map__event.html

use std::sync::Arc;

use super::column::{Column, ColumnType, Members, Sign};
use crate::cursor::Cursor;
use crate::{Charset, ValueError};

const SIGNEDNESS: u8 = 1;
const DEFAULT_CHARSET: u8 = 2;
const COLUMN_CHARSET: u8 = 3;
const COLUMN_NAME: u8 = 4;
const SET_MEMBERS: u8 = 5;
const ENUM_MEMBERS: u8 = 6;
const GEOMETRY_TYPE: u8 = 7;
const SIMPLE_PRIMARY_KEY: u8 = 8;
const PRIMARY_KEY_WITH_PREFIX: u8 = 9;
const ENUM_AND_SET_DEFAULT_CHARSET: u8 = 10;
const ENUM_AND_SET_COLUMN_CHARSET: u8 = 11;
const COLUMN_VISIBILITY: u8 = 12;
const VECTOR_DIMENSIONS: u8 = 13;

/// Fills in what the metadata tells. Fields of an unknown type are left alone.
///
/// `geometries_have_charsets` says whether geometries have a place among the character sets, as those
/// of MariaDB have.
pub(super) fn apply(
    bytes: &[u8],
    columns: &mut [Column],
    geometries_have_charsets: bool,
) -> Result<(), ValueError> {
    // Members need their character set, which comes behind them.
    let mut charsets = vec![None; columns.iter().filter(|c| c.kind.is_enum_or_set()).count()];
    let mut members = Vec::new();
    let mut cursor = Cursor::new(bytes);
    while !cursor.is_empty() {
        let field = cursor.u8()?;
        let len = cursor.packed_len()?;
        let value = Cursor::new(cursor.take(len)?);
        match field {
            SIGNEDNESS => signs(value, columns)?,
            DEFAULT_CHARSET => {
                default_charset(value, text_columns(columns, geometries_have_charsets))?;
            }
            COLUMN_CHARSET => {
                column_charsets(value, text_columns(columns, geometries_have_charsets))?;
            }
            COLUMN_NAME => names(value, columns)?,
            SET_MEMBERS | ENUM_MEMBERS => members.push((field, value)),
            GEOMETRY_TYPE => {
                let is_geometry = |c: &Column| matches!(c.kind, ColumnType::Geometry { .. });
                numbers(value, columns, is_geometry, |c, n| c.geometry_type = Some(n))?;
            }
            VECTOR_DIMENSIONS => {
                let is_vector = |c: &Column| matches!(c.kind, ColumnType::Vector { .. });
                numbers(value, columns, is_vector, |c, n| c.dimensions = Some(n))?;
            }
            SIMPLE_PRIMARY_KEY => primary_key(value, columns, false)?,
            PRIMARY_KEY_WITH_PREFIX => primary_key(value, columns, true)?,
            ENUM_AND_SET_DEFAULT_CHARSET => default_charset(value, charsets.iter_mut().map(Some))?,
            ENUM_AND_SET_COLUMN_CHARSET => column_charsets(value, charsets.iter_mut().map(Some))?,
            COLUMN_VISIBILITY => {
                for (index, column) in columns.iter_mut().enumerate() {
                    column.visible = bit(value.rest(), index);
                }
            }
            _ => {}
        }
    }
    for (field, value) in members {
        set_members(value, columns, field == SET_MEMBERS, &charsets)?;
    }
    Ok(())
}

/// Bits stand in the order of columns, the highest of a byte first.
fn bit(bytes: &[u8], index: usize) -> Option<bool> {
    bytes.get(index / 8).map(|byte| byte >> (7 - index % 8) & 1 != 0)
}

fn signs(value: Cursor<'_>, columns: &mut [Column]) -> Result<(), ValueError> {
    let numeric = columns.iter_mut().filter(|c| c.kind.is_numeric());
    for (index, column) in numeric.enumerate() {
        let unsigned = bit(value.rest(), index).ok_or(ValueError::Truncated {
            needed: index / 8 + 1,
            available: value.rest().len(),
        })?;
        if let ColumnType::Integer { sign, .. } = &mut column.kind {
            *sign = if unsigned { Sign::Unsigned } else { Sign::Signed };
        }
    }
    Ok(())
}

/// A column's place among the character sets; `None` inside if it needs none.
type Place<'c> = Option<&'c mut Option<Charset>>;

fn text_columns(columns: &mut [Column], with_geometries: bool) -> impl Iterator<Item = Place<'_>> {
    columns.iter_mut().filter_map(move |column| match &mut column.kind {
        ColumnType::Geometry { .. } => with_geometries.then_some(None),
        kind => kind.charset_mut().map(Some),
    })
}

/// The most frequent collation, then index and collation of each column that has another one.
fn default_charset<'c>(
    mut value: Cursor<'_>,
    columns: impl Iterator<Item = Place<'c>>,
) -> Result<(), ValueError> {
    let default = Charset::of_collation(value.packed()?);
    let mut next = other_charset(&mut value)?;
    for (index, place) in columns.enumerate() {
        let mut charset = default;
        if let Some((of, other)) = next
            && of == index
        {
            charset = other;
            next = other_charset(&mut value)?;
        }
        place.into_iter().for_each(|place| *place = charset);
    }
    Ok(())
}

type IndexAndCharset = (usize, Option<Charset>);

fn other_charset(value: &mut Cursor<'_>) -> Result<Option<IndexAndCharset>, ValueError> {
    if value.is_empty() {
        return Ok(None);
    }
    Ok(Some((value.packed_len()?, Charset::of_collation(value.packed()?))))
}

fn column_charsets<'c>(
    mut value: Cursor<'_>,
    columns: impl Iterator<Item = Place<'c>>,
) -> Result<(), ValueError> {
    for place in columns {
        let charset = Charset::of_collation(value.packed()?);
        place.into_iter().for_each(|place| *place = charset);
    }
    Ok(())
}

fn names(mut value: Cursor<'_>, columns: &mut [Column]) -> Result<(), ValueError> {
    for column in columns {
        let len = value.packed_len()?;
        let name = std::str::from_utf8(value.take(len)?)
            .map_err(|e| ValueError::bad("byte of a column name", e.valid_up_to() as u64))?;
        column.name = Some(name.into());
    }
    Ok(())
}

fn set_members(
    mut value: Cursor<'_>,
    columns: &mut [Column],
    of_sets: bool,
    charsets: &[Option<Charset>],
) -> Result<(), ValueError> {
    let columns = columns.iter_mut().filter(|c| c.kind.is_enum_or_set()).zip(charsets);
    for (column, &charset) in columns {
        let (is_set, place) = match &mut column.kind {
            ColumnType::Set { members, .. } => (true, members),
            ColumnType::Enum { members, .. } => (false, members),
            _ => continue,
        };
        if is_set != of_sets {
            continue;
        }
        let count = value.packed_len()?;
        // Each takes a byte at least, so that a wrong count cannot ask for much memory.
        if count > value.rest().len() {
            return Err(ValueError::Truncated { needed: count, available: value.rest().len() });
        }
        let mut names = Vec::with_capacity(count);
        for _ in 0..count {
            let len = value.packed_len()?;
            names.push(value.take(len)?.into());
        }
        *place = Some(Arc::new(Members::new(names, charset)));
    }
    Ok(())
}

fn numbers(
    mut value: Cursor<'_>,
    columns: &mut [Column],
    wanted: impl Fn(&Column) -> bool,
    set: impl Fn(&mut Column, u64),
) -> Result<(), ValueError> {
    for column in columns.iter_mut().filter(|column| wanted(column)) {
        set(column, value.packed()?);
    }
    Ok(())
}

fn primary_key(
    mut value: Cursor<'_>,
    columns: &mut [Column],
    prefixes: bool,
) -> Result<(), ValueError> {
    for part in 0_u64.. {
        if value.is_empty() {
            break;
        }
        let index = value.packed_len()?;
        if prefixes {
            value.packed()?;
        }
        let column = columns
            .get_mut(index)
            .ok_or_else(|| ValueError::bad("column of the primary key", index as u64))?;
        if column.key_part.is_some() {
            return Err(ValueError::bad("column of the primary key", index as u64));
        }
        // A key has 16 parts at most.
        column.key_part = Some(
            u16::try_from(part).map_err(|_| ValueError::bad("part of the primary key", part))?,
        );
    }
    Ok(())
}
