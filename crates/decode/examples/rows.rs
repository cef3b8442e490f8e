//! Prints the rows of a binlog file, a JSON object for each.
//!
//! `cargo run --release -p binlogd-decode --example rows -- binlog.000001`

use std::error::Error;
use std::io::{Write, stdout};

use binlogd_decode::{Body, DecodeError, Decoder, Event, Events, RowsChange};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("a file's name is missing")?;
    let file = std::fs::read(path)?;
    let mut decoder = Decoder::new();
    let mut out = Vec::new();
    for (offset, event) in Events::new(&file) {
        decoder.walk(offset, event?, |event| write_rows(event, &mut out))?;
        if out.len() > 1 << 16 {
            stdout().write_all(&out)?;
            out.clear();
        }
    }
    Ok(stdout().write_all(&out)?)
}

fn write_rows(event: Event<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let Body::Rows(rows) = event.body else { return Ok(()) };
    let change = match rows.change() {
        RowsChange::Insert => "insert",
        RowsChange::Update => "update",
        RowsChange::Delete => "delete",
    };
    let head = format!("{{\"{change}\":\"{}.{}\"", rows.table().schema(), rows.table().name());
    for row in rows {
        let row = row?;
        out.extend_from_slice(head.as_bytes());
        if let Some(before) = row.before {
            out.extend_from_slice(b",\"before\":");
            before.write_json(out)?;
        }
        if let Some(after) = row.after {
            out.extend_from_slice(b",\"after\":");
            after.write_json(out)?;
        }
        out.extend_from_slice(b"}\n");
    }
    Ok(())
}
