//! What a format makes of a server's newest binlog file.

use std::sync::Arc;

use binlogd_decode::changes::{At, Change, Changes};
use binlogd_decode::format::Format;
use binlogd_decode::{Decoder, Events, FollowedSchema};
use serde_json::Value;
use testkit::Server;

pub(crate) fn written(server: &Server, format: &mut dyn Format) -> Vec<u8> {
    try_written(server, format).unwrap()
}

/// The same; or why it cannot be written.
pub(crate) fn try_written(server: &Server, format: &mut dyn Format) -> anyhow::Result<Vec<u8>> {
    let path = server.binlog_files()?.pop().unwrap();
    let file = std::fs::read(&path)?;
    let name = path.to_str().unwrap();
    let followed = Arc::new(FollowedSchema::default());
    let mut decoder = match format.asks_for_tables() {
        true => Decoder::new().with_schema(followed.clone()),
        false => Decoder::new(),
    };
    let (mut changes, mut out) = (Changes::new(), Vec::new());
    for (offset, event) in Events::new(&file) {
        let event = event?;
        let end = offset + u64::try_from(event.len())?;
        decoder.walk(offset, event, |event| {
            let at = At { file: name, offset, end, header: event.header };
            if let Some((transaction, mut change)) = changes.take(&at, event)? {
                let tables;
                if let Change::Statement(statement) = &mut change {
                    tables = followed.follow(statement);
                    statement.tables = &tables;
                }
                format.change(&at, transaction, change, &mut out)?;
            }
            anyhow::Ok(())
        })?;
    }
    format.finish(&mut out);
    Ok(out)
}

/// The JSON objects of lines.
pub(crate) fn objects(lines: &[u8]) -> Vec<Value> {
    lines
        .split(|&b| b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}
