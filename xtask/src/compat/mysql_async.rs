//! The client that is a Rust library.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_core::Stream;
use mysql_async::{BinlogStreamRequest, Conn, OptsBuilder};
use testkit::Endpoint;

use super::client::{FIRST_FILE, Said, last_line};

/// A stream is at its end when nothing has come for so long.
const IDLE: Duration = Duration::from_secs(3);

/// Streams the binlog that is at `from`.
pub(super) fn stream(from: &Endpoint) -> Said {
    let mut lines = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(collect(from, &mut lines)),
        Err(error) => Err(error.into()),
    };
    Said { lines, error: outcome.err().map(|error| last_line(format!("{error:#}").as_bytes())) }
}

async fn collect(from: &Endpoint, lines: &mut Vec<String>) -> Result<()> {
    let options = OptsBuilder::default()
        .ip_or_hostname(from.host.clone())
        .tcp_port(from.port)
        .user(Some(from.user.clone()))
        .pass(Some(from.password.clone()));
    let connection = Conn::new(options).await.context("connect")?;
    let request =
        BinlogStreamRequest::new(4105).with_filename(FIRST_FILE.as_bytes()).with_pos(4_u64);
    let mut stream = connection.get_binlog_stream(request).await.context("dump")?;
    // It waits at the end.
    let mut next = async || {
        let event = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx));
        tokio::time::timeout(IDLE, event).await.unwrap_or_default()
    };
    while let Some(event) = next().await {
        let header = event.context("event")?.header();
        lines.push(format!(
            "{:?} {} {}",
            header.event_type_raw(),
            header.log_pos(),
            header.event_size()
        ));
    }
    Ok(())
}
