//! The attributes that may stand before the text of COM_QUERY. Manual: "COM_QUERY".

use crate::error::WireError;
use crate::reader::Reader;
use crate::writer::Put;

/// The SQL text behind the attributes of a COM_QUERY under `CLIENT_QUERY_ATTRIBUTES`.
pub(super) fn skip_attributes(rest: &[u8]) -> Result<&[u8], WireError> {
    let mut r = Reader::new(rest, "COM_QUERY");
    let count = r.lenenc_int("parameter count")?;
    match r.lenenc_int("parameter set count")? {
        1 => {}
        other => return Err(r.bad_value("parameter set count", other)),
    }
    if count > 0 {
        skip_parameters(&mut r, count)?;
    }
    Ok(r.rest())
}

/// Appends the attributes' place for none.
pub(super) fn put_no_attributes(out: &mut Vec<u8>) {
    out.put_lenenc_int(0);
    out.put_lenenc_int(1);
}

fn skip_parameters(r: &mut Reader<'_>, count: u64) -> Result<(), WireError> {
    let count = usize::try_from(count).map_err(|_| r.truncated("null bitmap"))?;
    let nulls = r.bytes(count.div_ceil(8), "null bitmap")?;
    match r.u8("new parameters flag")? {
        1 => {}
        other => return Err(r.bad_value("new parameters flag", u64::from(other))),
    }
    // The types and names come first, then the values.
    let mut types = r.clone();
    for _ in 0..count {
        skip_type(r)?;
    }
    for i in 0..count {
        let kind = skip_type(&mut types)?;
        if nulls[i / 8] >> (i % 8) & 1 == 0 {
            skip_value(r, kind)?;
        }
    }
    Ok(())
}

/// Skips a parameter's type and name; returns the type.
fn skip_type(r: &mut Reader<'_>) -> Result<u8, WireError> {
    let [kind, _unsigned] = r.array("parameter type")?;
    r.lenenc_bytes("parameter name")?;
    Ok(kind)
}

/// Skips a binary value of a column type. Manual: "Binary Protocol Value".
fn skip_value(r: &mut Reader<'_>, kind: u8) -> Result<(), WireError> {
    const FIELD: &str = "parameter value";
    match kind {
        0x06 => {}                                         // NULL
        0x01 => drop(r.u8(FIELD)?),                        // TINY
        0x02 | 0x0d => drop(r.u16(FIELD)?),                // SHORT, YEAR
        0x03 | 0x04 | 0x09 => drop(r.u32(FIELD)?),         // LONG, FLOAT, INT24
        0x05 | 0x08 => drop(r.u64(FIELD)?),                // DOUBLE, LONGLONG
        0x07 | 0x0a..=0x0c => drop(r.short_bytes(FIELD)?), // TIMESTAMP, DATE, TIME, DATETIME
        _ => drop(r.lenenc_bytes(FIELD)?),                 // everything that is text or bytes
    }
    Ok(())
}
