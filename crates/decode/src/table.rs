//! A table as its table map describes it, with the layout of its columns worked out once.

mod column;
mod definition;
mod layout;
mod metadata;
mod record;

use std::sync::{Arc, OnceLock};

use binlogd_event::EventKind;
use binlogd_event::body::TableMapBody;

pub(crate) use column::Spelling;
pub use column::{Column, ColumnType, Members, Sign};
pub(crate) use layout::{Width, length_len};
pub(crate) use record::RecordNulls;

use crate::schema::{Fits, RowFormat, TableSchema};
use crate::write::sql_identifier;
use crate::{Charset, DecodeError, Place};

/// A table's definition, if it is known.
type Known = Option<Arc<TableSchema>>;

/// The table that row events refer to, ready to decode them.
///
/// What a table map leaves out stays unknown, unless a [`Schema`](crate::Schema) tells it: names
/// come with `binlog_row_metadata=FULL`, signedness and character sets with MySQL 8.0.1 or MariaDB
/// 10.5 and `binlog_row_metadata=MINIMAL`.
#[derive(Debug, Clone)]
pub struct Table {
    schema: Box<str>,
    name: Box<str>,
    columns: Box<[Column]>,
    widths: Box<[Width]>,
    primary_key: Box<[usize]>,
    /// Those of the primary key, or else of a unique key that tools take for it.
    row_key: Box<[usize]>,
    /// Its full name in backticks.
    sql_name: Box<[u8]>,
    /// Columns whose updates may be differences, for reading their bits.
    json_columns: usize,
    /// The event that it was made of, to tell whether another says the same.
    event: Box<[u8]>,
    schema_fits: Option<bool>,
    is_bare: bool,
    row_format: Option<RowFormat>,
    record_nulls: OnceLock<Result<RecordNulls, &'static str>>,
    is_asked_for: bool,
}

impl Table {
    /// Makes sense of a table map.
    ///
    /// `event` is the whole body, by which [`is_of`](Self::is_of) knows it again. `schema` is asked for
    /// the definition, and told what says whether one fits. `is_mariadb` says whether a MariaDB wrote
    /// it, whose metadata differs.
    ///
    /// # Errors
    /// If metadata is cut short or impossible, or `schema` fails. A column type that is not known is no error before
    /// rows are decoded.
    pub fn new(
        map: &TableMapBody<'_>,
        event: &[u8],
        schema: Option<impl FnOnce(&Fits<'_>) -> Result<Known, DecodeError>>,
        assumed_charset: Option<Charset>,
        is_mariadb: bool,
        place: Place,
    ) -> Result<Self, DecodeError> {
        let is_asked_for = schema.is_some();
        let read = |schema: Option<&TableSchema>| columns_of(map, schema, is_mariadb, place);
        let bare = read(None)?;
        let fits = |schema: &TableSchema| match map.is_bare() {
            true => read(Some(schema)).is_ok_and(|columns| schema.fits(&columns)),
            false => schema.fits(&bare),
        };
        let known = schema.map(|ask| ask(&fits)).transpose()?.flatten();
        let known = known.as_deref();
        let mut columns = match known.filter(|_| map.is_bare()) {
            Some(schema) => read(Some(schema))?,
            None => bare,
        };
        let schema_fits = known.map(|schema| schema.apply(&mut columns));
        let fitting = known.filter(|_| schema_fits == Some(true));
        if let Some(schema) = fitting.filter(|_| map.is_bare()) {
            let nullable = schema.columns.iter().map(|column| column.nullable);
            columns.iter_mut().zip(nullable).for_each(|(column, is)| column.nullable = is);
        }
        for column in &mut columns {
            column.finish(assumed_charset);
        }
        let primary_key = primary_key(&columns);
        let row_key = match fitting {
            Some(schema) if primary_key.is_empty() => {
                TableSchema::key_of(&columns, &schema.unique_key)
            }
            _ => None,
        };
        let mut sql_name = Vec::new();
        sql_identifier(map.schema, &mut sql_name);
        sql_name.push(b'.');
        sql_identifier(map.table, &mut sql_name);
        Ok(Self {
            schema: map.schema.into(),
            name: map.table.into(),
            sql_name: sql_name.into(),
            row_key: row_key.map_or_else(|| primary_key.clone(), Into::into),
            primary_key,
            widths: columns.iter().map(|column| Width::of(&column.kind)).collect(),
            json_columns: columns.iter().filter(|c| c.kind.is_json()).count(),
            columns: columns.into(),
            event: event.into(),
            schema_fits,
            is_bare: map.is_bare(),
            row_format: fitting.map(|schema| schema.row_format),
            record_nulls: OnceLock::new(),
            is_asked_for,
        })
    }

    /// The schema (database) that it is in.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its columns in their order.
    #[must_use]
    #[inline]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether the schema that was given for it fits the table map; `None` if none was given. One
    /// that does not, in the number of columns or their types, is from another time, and was not
    /// used.
    #[must_use]
    pub fn schema_fits(&self) -> Option<bool> {
        self.schema_fits
    }

    /// Whether a schema was asked, and does not know it.
    #[must_use]
    pub fn schema_lacks_it(&self) -> bool {
        self.is_asked_for && self.schema_fits.is_none()
    }

    /// The columns of the primary key in the key's order, if the table map or a schema tells it.
    pub fn primary_key(&self) -> impl Iterator<Item = usize> + '_ {
        self.primary_key.iter().copied()
    }

    /// The columns that tools know rows by: those of the primary key, or else of a unique key that has no NULL,
    /// if a schema tells it.
    pub(crate) fn row_key(&self) -> &[usize] {
        &self.row_key
    }

    /// Whether it was made of this very event.
    pub(crate) fn is_of(&self, event: &[u8]) -> bool {
        *self.event == *event
    }

    pub(crate) fn sql_name(&self) -> &[u8] {
        &self.sql_name
    }

    pub(crate) fn widths(&self) -> &[Width] {
        &self.widths
    }

    /// Whether neither the table map nor a schema tells how its values lie.
    pub(crate) fn is_undefined(&self) -> bool {
        self.is_bare && self.schema_fits != Some(true)
    }

    /// The NULL bits in front of rows of version 0, or why they cannot be told.
    pub(crate) fn record_nulls(&self) -> Result<&RecordNulls, &'static str> {
        let new = || RecordNulls::new(&self.columns, self.row_format);
        self.record_nulls.get_or_init(new).as_ref().map_err(|why| *why)
    }

    pub(crate) fn json_columns(&self) -> usize {
        self.json_columns
    }

    /// A table without columns, for the event that ends a statement and names none.
    pub(crate) fn nothing() -> Self {
        Self {
            schema: Box::default(),
            name: Box::default(),
            columns: Box::default(),
            widths: Box::default(),
            primary_key: Box::default(),
            row_key: Box::default(),
            sql_name: Box::default(),
            json_columns: 0,
            event: Box::default(),
            schema_fits: None,
            is_bare: false,
            row_format: None,
            record_nulls: OnceLock::new(),
            is_asked_for: false,
        }
    }

    /// Where a table map is, to make one by hand.
    #[must_use]
    pub fn place(offset: u64) -> Place {
        Place { offset, kind: EventKind::TABLE_MAP }
    }
}

/// The columns of a table map. One that is bare has no more than their type codes: what else they are
/// `schema` says.
fn columns_of(
    map: &TableMapBody<'_>,
    schema: Option<&TableSchema>,
    is_mariadb: bool,
    place: Place,
) -> Result<Vec<Column>, DecodeError> {
    let at = |(column, error)| DecodeError::new(place, column, error);
    let types = match map.is_bare() {
        true => definition::column_types(map, schema),
        false => layout::column_types(map).map_err(at)?,
    };
    let mut columns: Vec<Column> = types
        .into_iter()
        .enumerate()
        .map(|(index, kind)| {
            let bits = map.nullable.get(index / 8).copied().unwrap_or_default();
            Column::new(index, kind, bits >> (index % 8) & 1 != 0)
        })
        .collect();
    metadata::apply(map.optional_metadata, &mut columns, is_mariadb).map_err(|e| at((None, e)))?;
    Ok(columns)
}

/// The columns that say which part of the key they are, in that order.
fn primary_key(columns: &[Column]) -> Box<[usize]> {
    let parts = columns.iter().filter(|column| column.key_part.is_some()).count();
    let column = |part| columns.iter().position(|c| c.key_part.map(usize::from) == Some(part));
    (0..parts).filter_map(column).collect()
}
