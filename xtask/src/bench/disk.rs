//! How long the disk takes to make a small append safe. Whoever acknowledges only what is on disk
//! cannot be faster, so it belongs beside every such measurement.

use std::io::Write;
use std::time::Instant;

use anyhow::Result;

use super::stats::median;

/// About what a transaction of one row adds to the binlog, in bytes.
const APPEND: [u8; 700] = [b'x'; 700];
const APPENDS: usize = 50;

/// The median time of appending and syncing where servers keep their data, in milliseconds.
///
/// # Errors
/// If that cannot be written.
pub(super) fn sync_ms() -> Result<f64> {
    let mut file = tempfile::tempfile()?;
    let mut times = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let started = Instant::now();
        file.write_all(&APPEND)?;
        file.sync_data()?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(times))
}
