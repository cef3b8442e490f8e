//! Statistics as one JSON object.

use anyhow::Result;
use serde::Serialize;

use super::collect::{Changed, Named, Stats};
use super::timeline::Span;

/// More spans are not told.
const SPANS_MAX: u32 = 240;

#[derive(Serialize)]
struct Report<'a> {
    first_time: Option<u32>,
    last_time: Option<u32>,
    total: &'a Changed,
    rolled_back: u64,
    statements: u64,
    ddl: u64,
    tables: Vec<Table<'a>>,
    other_tables: Option<Changed>,
    servers: Vec<Server>,
    other_servers: Option<Changed>,
    span_seconds: u32,
    spans: Vec<Span>,
    sizes: Vec<Range>,
    durations: Vec<Range>,
    largest: &'a [Named],
    longest: &'a [Named],
}

#[derive(Serialize)]
struct Table<'a> {
    table: &'a str,
    #[serde(flatten)]
    changed: Changed,
}

#[derive(Serialize)]
struct Server {
    server_id: u32,
    #[serde(flatten)]
    changed: Changed,
}

/// How many transactions have from `min` to `max`, of bytes or seconds.
#[derive(Serialize)]
struct Range {
    min: u64,
    max: u64,
    transactions: u64,
}

pub(super) fn write(stats: &Stats, out: &mut Vec<u8>) -> Result<()> {
    let (span_seconds, spans) = stats.timeline.clone().spans(SPANS_MAX);
    let ranges = |ranges: Vec<(u64, u64, u64)>| {
        ranges
            .into_iter()
            .map(|(min, max, transactions)| Range { min, max, transactions })
            .collect()
    };
    let tables = stats.tables().into_iter().map(|(table, changed)| Table { table, changed });
    let servers = stats.servers.iter();
    let report = Report {
        first_time: stats.first_time,
        last_time: stats.last_time,
        total: &stats.total,
        rolled_back: stats.rollbacks,
        statements: stats.statements,
        ddl: stats.ddl,
        tables: tables.collect(),
        other_tables: stats.other_tables,
        servers: servers.map(|(&server_id, &changed)| Server { server_id, changed }).collect(),
        other_servers: stats.other_servers,
        span_seconds,
        spans,
        sizes: ranges(stats.sizes.ranges()),
        durations: ranges(stats.durations.ranges()),
        largest: &stats.largest,
        longest: &stats.longest,
    };
    serde_json::to_writer(&mut *out, &report)?;
    out.push(b'\n');
    Ok(())
}
