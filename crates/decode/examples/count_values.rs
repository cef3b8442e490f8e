//! Counts the rows and values of a binlog file, decoding each: by this crate, or by `mysql_common`.
//!
//! `cargo run --release -p binlogd-decode --example count_values -- binlog.000001 [mysql_common]`

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write, stdout};

use binlogd_decode::{Body, DecodeError, Decoder};
use binlogd_event::{EventHeader, HEADER_LEN};
use mysql_common::binlog::EventStreamReader;
use mysql_common::binlog::consts::BinlogVersion;
use mysql_common::binlog::events::EventData;

#[derive(Debug, Default)]
struct Counts {
    rows: u64,
    values: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let file = File::open(args.next().ok_or("a file's name is missing")?)?;
    // Read as it goes: a large file in memory at once costs more than its values.
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut magic = [0; 4];
    file.read_exact(&mut magic)?;
    let counts = match args.next() {
        None => ours(file)?,
        Some(name) if name == "mysql_common" => theirs(file)?,
        Some(_) => return Err("behind the file's name there can be mysql_common".into()),
    };
    writeln!(stdout(), "{} {}", counts.rows, counts.values)?;
    Ok(())
}

fn ours(mut file: impl BufRead) -> Result<Counts, Box<dyn Error>> {
    let mut decoder = Decoder::new();
    let mut counts = Counts::default();
    let (mut offset, mut event) = (4, Vec::new());
    while !file.fill_buf()?.is_empty() {
        event.resize(HEADER_LEN, 0);
        file.read_exact(&mut event)?;
        let size = EventHeader::parse(&event)?.size as usize;
        event.resize(size, 0);
        file.read_exact(event.get_mut(HEADER_LEN..).ok_or("an event without a header")?)?;
        decoder.walk(offset, &event, |event| {
            let Body::Rows(rows) = event.body else { return Ok(()) };
            for row in rows {
                let row = row?;
                counts.rows += 1;
                for image in [row.before, row.after].into_iter().flatten() {
                    for value in image.values() {
                        black_box(value?);
                        counts.values += 1;
                    }
                }
            }
            Ok::<(), DecodeError>(())
        })?;
        offset += size as u64;
    }
    Ok(counts)
}

/// Without what is in compressed transactions.
fn theirs(mut file: impl BufRead) -> Result<Counts, Box<dyn Error>> {
    let mut reader = EventStreamReader::new(BinlogVersion::Version4);
    let mut counts = Counts::default();
    while let Some(event) = reader.read(&mut file)? {
        let Some(EventData::RowsEvent(rows)) = event.read_data()? else { continue };
        let table = reader.get_tme(rows.table_id()).ok_or("no table map")?;
        for row in rows.rows(table) {
            let (before, after) = row?;
            counts.rows += 1;
            for image in [before, after].into_iter().flatten() {
                for value in image.unwrap() {
                    black_box(value);
                    counts.values += 1;
                }
            }
        }
    }
    Ok(counts)
}
