//! Counts the rows and values of a binlog file, decoding each: by this crate, or by `mysql_common`.
//!
//! `cargo run --release -p binlogd-decode --example count_values -- binlog.000001 [mysql_common]`

use std::error::Error;
use std::hint::black_box;
use std::io::{Write, stdout};

use binlogd_decode::{Body, DecodeError, Decoder, Events};
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
    let file = std::fs::read(args.next().ok_or("a file's name is missing")?)?;
    let counts = match args.next() {
        None => ours(&file)?,
        Some(name) if name == "mysql_common" => theirs(&file)?,
        Some(_) => return Err("behind the file's name there can be mysql_common".into()),
    };
    writeln!(stdout(), "{} {}", counts.rows, counts.values)?;
    Ok(())
}

fn ours(file: &[u8]) -> Result<Counts, DecodeError> {
    let mut decoder = Decoder::new();
    let mut counts = Counts::default();
    for (offset, event) in Events::new(file) {
        decoder.walk(offset, event?, |event| {
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
    }
    Ok(counts)
}

/// Without what is in compressed transactions.
fn theirs(file: &[u8]) -> Result<Counts, Box<dyn Error>> {
    let mut reader = EventStreamReader::new(BinlogVersion::Version4);
    let mut counts = Counts::default();
    let mut rest = file.get(4..).ok_or("no binlog")?;
    while let Some(event) = reader.read(&mut rest)? {
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
