//! Geometries and vectors.

use crate::ValueError;
use crate::cursor::Cursor;

/// A geometry: the number of its spatial reference system, and its well-known binary form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry<'a> {
    stored: &'a [u8],
}

/// A vector of 32-bit numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vector<'a> {
    stored: &'a [u8],
}

const SRID_LEN: usize = 4;
const DIMENSION_LEN: usize = 4;

impl<'a> Geometry<'a> {
    /// How deep collections are followed in collections.
    pub const DEPTH_MAX: usize = 64;

    #[inline]
    pub(crate) fn new(stored: &'a [u8]) -> Result<Self, ValueError> {
        // A column that must have a value may have an empty one (`INSERT IGNORE`).
        if !stored.is_empty() {
            Cursor::new(stored).take(SRID_LEN)?;
        }
        Ok(Self { stored })
    }

    /// The bytes as MySQL stores them, which it also takes: reference system, then well-known
    /// binary form.
    #[must_use]
    pub fn stored(&self) -> &'a [u8] {
        self.stored
    }

    /// The number of the spatial reference system, 0 if it has none.
    #[must_use]
    pub fn srid(&self) -> u32 {
        self.stored.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// The well-known binary form.
    #[must_use]
    pub fn wkb(&self) -> &'a [u8] {
        self.stored.get(SRID_LEN..).unwrap_or_default()
    }

    /// The coordinates of a point, in their stored order; `None` if it is another geometry.
    #[must_use]
    pub fn point(&self) -> Option<(f64, f64)> {
        let mut cursor = Cursor::new(self.wkb());
        let (big_endian, kind) = head(&mut cursor).ok()?;
        let mut next = || coordinate(&mut cursor, big_endian).ok();
        (kind == POINT).then(|| Some((next()?, next()?))).flatten()
    }

    /// Appends the well-known text form, such as `POINT(1 2)`; coordinates in their stored order,
    /// which for geographic systems is longitude first.
    ///
    /// # Errors
    /// If the binary form is damaged or nested too deep; `out` then ends in the middle.
    pub fn write_wkt(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        wkt(&mut Cursor::new(self.wkb()), out, 0)
    }
}

impl<'a> Vector<'a> {
    #[inline]
    pub(crate) fn new(stored: &'a [u8]) -> Result<Self, ValueError> {
        match stored.len() % DIMENSION_LEN {
            0 => Ok(Self { stored }),
            _ => Err(ValueError::bad("length of a vector", stored.len() as u64)),
        }
    }

    /// The bytes as MySQL stores them, which it also takes.
    #[must_use]
    pub fn stored(&self) -> &'a [u8] {
        self.stored
    }

    /// The numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f32> + use<'a> {
        self.stored.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes))
    }
}

const POINT: u32 = 1;
const LINESTRING: u32 = 2;
const POLYGON: u32 = 3;
const NAMES: [&str; 7] = [
    "POINT",
    "LINESTRING",
    "POLYGON",
    "MULTIPOINT",
    "MULTILINESTRING",
    "MULTIPOLYGON",
    "GEOMETRYCOLLECTION",
];
const COLLECTION: u32 = 7;

fn wkt(cursor: &mut Cursor<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), ValueError> {
    let (big_endian, kind) = head(cursor)?;
    out.extend_from_slice(NAMES[kind as usize - 1].as_bytes());
    body(cursor, big_endian, kind, out, depth)
}

fn head(cursor: &mut Cursor<'_>) -> Result<(bool, u32), ValueError> {
    let big_endian = match cursor.u8()? {
        0 => true,
        1 => false,
        other => return Err(ValueError::bad("byte order of a geometry", other)),
    };
    match number(cursor, big_endian)? {
        kind @ 1..=7 => Ok((big_endian, kind)),
        other => Err(ValueError::bad("type of a geometry", other)),
    }
}

fn body(
    cursor: &mut Cursor<'_>,
    big_endian: bool,
    kind: u32,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), ValueError> {
    if depth > Geometry::DEPTH_MAX {
        return Err(ValueError::GeometryDepth { limit: Geometry::DEPTH_MAX });
    }
    if kind == COLLECTION && empty(cursor, big_endian)? {
        out.extend_from_slice(b" EMPTY");
        return Ok(());
    }
    out.push(b'(');
    match kind {
        POINT => point(cursor, big_endian, out)?,
        LINESTRING => list(cursor, big_endian, out, |c, out| point(c, big_endian, out))?,
        POLYGON => list(cursor, big_endian, out, |c, out| {
            out.push(b'(');
            list(c, big_endian, out, |c, out| point(c, big_endian, out))?;
            out.push(b')');
            Ok(())
        })?,
        COLLECTION => list(cursor, big_endian, out, |c, out| wkt(c, out, depth + 1))?,
        // Parts have heads of their own, but no names in text.
        _ => list(cursor, big_endian, out, |c, out| {
            let (big_endian, part) = head(c)?;
            if part != kind - 3 {
                return Err(ValueError::bad("type of a geometry's part", part));
            }
            body(c, big_endian, part, out, depth + 1)
        })?,
    }
    out.push(b')');
    Ok(())
}

fn empty(cursor: &Cursor<'_>, big_endian: bool) -> Result<bool, ValueError> {
    let mut peek = *cursor;
    Ok(number(&mut peek, big_endian)? == 0)
}

fn list<'a>(
    cursor: &mut Cursor<'a>,
    big_endian: bool,
    out: &mut Vec<u8>,
    mut item: impl FnMut(&mut Cursor<'a>, &mut Vec<u8>) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    // A wrong count ends where the bytes do.
    for index in 0..number(cursor, big_endian)? {
        if index > 0 {
            out.push(b',');
        }
        item(cursor, out)?;
    }
    Ok(())
}

fn point(cursor: &mut Cursor<'_>, big_endian: bool, out: &mut Vec<u8>) -> Result<(), ValueError> {
    for index in 0..2 {
        if index > 0 {
            out.push(b' ');
        }
        crate::write::double(coordinate(cursor, big_endian)?, out);
    }
    Ok(())
}

fn coordinate(cursor: &mut Cursor<'_>, big_endian: bool) -> Result<f64, ValueError> {
    let bytes = cursor.array()?;
    Ok(if big_endian { f64::from_be_bytes(bytes) } else { f64::from_le_bytes(bytes) })
}

fn number(cursor: &mut Cursor<'_>, big_endian: bool) -> Result<u32, ValueError> {
    let bytes = cursor.array()?;
    Ok(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}
