//! mysql_async: streams a binlog from its start, and prints a line for each event with all that it holds.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use mysql_async::binlog::EventFlags;
use mysql_async::binlog::events::{Event, EventData};
use mysql_async::{BinlogStream, BinlogStreamRequest, Conn, OptsBuilder};

/// No event takes longer than this.
const IDLE: Duration = Duration::from_secs(20);

/// Arguments: HOST PORT USER PASSWORD PRODUCT FILE END. Ends after the statement that contains END.
pub(crate) async fn run(args: &[String]) -> Result<(), Box<dyn Error>> {
    let [host, port, user, password, _product, file, end] = args else {
        return Err("seven arguments are needed".into());
    };
    let options = OptsBuilder::default()
        .ip_or_hostname(host.as_str())
        .tcp_port(port.parse()?)
        .user(Some(user.as_str()))
        .pass(Some(password.as_str()));
    let connection = Conn::new(options).await?;
    let request = BinlogStreamRequest::new(4105).with_filename(file.as_bytes()).with_pos(4_u64);
    let mut stream = pin!(connection.get_binlog_stream(request).await?);
    loop {
        let Ok(event) = tokio::time::timeout(IDLE, stream.next()).await else {
            return Err("no event came".into());
        };
        let event = event.ok_or("the stream ended before the last statement")??;
        let (content, is_last) = content(&event, &stream, end)?;
        let header = event.header();
        let (kind, at, size) = (header.event_type_raw(), header.log_pos(), header.event_size());
        println!("{kind:?} {at} {size} {content}");
        if is_last {
            return Ok(());
        }
    }
}

/// All that an event holds, and whether it is the last statement.
fn content(
    event: &Event,
    stream: &BinlogStream,
    end: &str,
) -> Result<(String, bool), Box<dyn Error>> {
    if event.header().flags().contains(EventFlags::LOG_EVENT_ARTIFICIAL_F) {
        // The library takes its checksum, which covers the server's id, for a part of the file's name.
        return Ok(Default::default());
    }
    Ok(match event.read_data()? {
        Some(EventData::RowsEvent(rows)) => {
            let table = stream.get_tme(rows.table_id()).ok_or("rows without a table map")?;
            let rows = rows.rows(table).collect::<Result<Vec<_>, _>>()?;
            (format!("{rows:?}"), false)
        }
        Some(EventData::QueryEvent(query)) => (format!("{query:?}"), query.query().contains(end)),
        Some(other) => (format!("{other:?}"), false),
        None => (event.data().escape_ascii().to_string(), false),
    })
}
