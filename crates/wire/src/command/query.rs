//! The attributes that may stand before the text of COM_QUERY. Manual: "COM_QUERY".

use crate::error::WireError;
use crate::reader::Reader;
use crate::statement::Parameters;
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
        let count = usize::try_from(count).map_err(|_| r.truncated("null bitmap"))?;
        Parameters::parse(&mut r, count, true, &[], |_| false)?;
    }
    Ok(r.rest())
}

/// Appends the attributes' place for none.
pub(super) fn put_no_attributes(out: &mut Vec<u8>) {
    out.put_lenenc_int(0);
    out.put_lenenc_int(1);
}
