//! The client that is a Rust library.

use std::future::poll_fn;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_core::Stream;
use mysql_async::binlog::EventFlags;
use mysql_async::binlog::events::{Event, EventData};
use mysql_async::{BinlogStream, BinlogStreamRequest, Conn, OptsBuilder};
use testkit::Endpoint;

use super::client::{FIRST_FILE, Said, last_line};

/// Longer than that nothing ever takes.
const IDLE: Duration = Duration::from_secs(20);

/// Streams the binlog that is at `from`, to the statement that holds `end`.
pub(super) fn stream(from: &Endpoint, end: &str) -> Said {
    let mut lines = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            // It panics at some values.
            let collected = || runtime.block_on(collect(from, end, &mut lines));
            let collected = panic::catch_unwind(AssertUnwindSafe(collected));
            collected.unwrap_or_else(|_| bail!("it panics"))
        }
        Err(error) => Err(error.into()),
    };
    Said { lines, error: outcome.err().map(|error| last_line(format!("{error:#}").as_bytes())) }
}

async fn collect(from: &Endpoint, end: &str, lines: &mut Vec<String>) -> Result<()> {
    let options = OptsBuilder::default()
        .ip_or_hostname(from.host.clone())
        .tcp_port(from.port)
        .user(Some(from.user.clone()))
        .pass(Some(from.password.clone()));
    let connection = Conn::new(options).await.context("connect")?;
    let request =
        BinlogStreamRequest::new(4105).with_filename(FIRST_FILE.as_bytes()).with_pos(4_u64);
    let mut stream = connection.get_binlog_stream(request).await.context("dump")?;
    loop {
        let event = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx));
        let event = tokio::time::timeout(IDLE, event).await.context("nothing came")?;
        let Some(event) = event else { bail!("it ended before the end") };
        let event = event.context("event")?;
        let (content, is_last) = content(&event, &stream, end)?;
        let header = event.header();
        let (kind, at, size) = (header.event_type_raw(), header.log_pos(), header.event_size());
        lines.push(format!("{kind:?} {at} {size} {content}"));
        if is_last {
            return Ok(());
        }
    }
}

/// All that an event holds, and whether that is the last statement.
fn content(event: &Event, stream: &BinlogStream, end: &str) -> Result<(String, bool)> {
    if event.header().flags().contains(EventFlags::LOG_EVENT_ARTIFICIAL_F) {
        // The library takes its checksum, in which the server's id is, for a part of the file's name.
        return Ok(Default::default());
    }
    Ok(match event.read_data()? {
        Some(EventData::RowsEvent(rows)) => {
            let table = stream.get_tme(rows.table_id()).context("rows without a table map")?;
            let rows = rows.rows(table).collect::<Result<Vec<_>, _>>()?;
            (format!("{rows:?}"), false)
        }
        Some(EventData::QueryEvent(query)) => (format!("{query:?}"), query.query().contains(end)),
        Some(other) => (format!("{other:?}"), false),
        None => (event.data().escape_ascii().to_string(), false),
    })
}
