//! Sessions, and those of them that read the binlog.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::super::super::error::SqlError;
use super::super::super::registry::{Session, State};
use super::super::super::reply::{Column, Kind, ResultSet};
use super::super::super::sql::Value;
use super::super::super::variables::View;
use super::super::show::{needs_replication_client, text, unsigned};

fn or_null(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::text)
}

fn user(state: &State) -> String {
    state.user.clone().unwrap_or_else(|| "unauthenticated user".into())
}

/// The sessions that this one may see.
fn seen(view: &View<'_>) -> Vec<(Arc<Session>, State)> {
    let sessions = view.server.registry.all().into_iter().map(|session| {
        let state = session.state();
        (session, state)
    });
    let may_see = |(_, state): &(Arc<Session>, State)| {
        view.session.rights.process() || state.user.as_deref() == Some(view.session.user.as_str())
    };
    sessions.filter(may_see).collect()
}

/// `PROCESSLIST`: what `SHOW FULL PROCESSLIST` shows.
pub(super) fn process_list(view: &View<'_>) -> ResultSet {
    let columns = vec![
        unsigned("ID"),
        text("USER"),
        text("HOST"),
        text("DB"),
        text("COMMAND"),
        unsigned("TIME"),
        text("STATE"),
        text("INFO"),
    ];
    let rows = seen(view).into_iter().map(|(session, state)| {
        vec![
            Value::UInt(u64::from(session.id)),
            Value::text(user(&state)),
            Value::text(session.host.as_str()),
            or_null(state.db),
            Value::text(state.command),
            Value::UInt(state.since.elapsed().as_secs()),
            Value::text(state.status),
            or_null(state.info),
        ]
    });
    ResultSet { columns, rows: rows.collect() }
}

/// `threads`: a session is one, in the columns that all versions have.
pub(super) fn threads(view: &View<'_>) -> ResultSet {
    let columns = vec![
        unsigned("THREAD_ID"),
        text("NAME"),
        text("TYPE"),
        unsigned("PROCESSLIST_ID"),
        text("PROCESSLIST_USER"),
        text("PROCESSLIST_HOST"),
        text("PROCESSLIST_DB"),
        text("PROCESSLIST_COMMAND"),
        unsigned("PROCESSLIST_TIME"),
        text("PROCESSLIST_STATE"),
        text("PROCESSLIST_INFO"),
        unsigned("PARENT_THREAD_ID"),
        text("ROLE"),
        text("INSTRUMENTED"),
        text("HISTORY"),
        text("CONNECTION_TYPE"),
        unsigned("THREAD_OS_ID"),
    ];
    let rows = seen(view).into_iter().map(|(session, state)| {
        let id = Value::UInt(u64::from(session.id));
        let host = session.host.rsplit_once(':').map_or(session.host.as_str(), |(host, _)| host);
        vec![
            id.clone(),
            Value::text("thread/sql/one_connection"),
            Value::text("FOREGROUND"),
            id,
            Value::text(user(&state)),
            Value::text(host),
            or_null(state.db),
            Value::text(state.command),
            Value::UInt(state.since.elapsed().as_secs()),
            or_null((!state.status.is_empty()).then(|| state.status.to_owned())),
            or_null(state.info),
            Value::Null,
            Value::Null,
            Value::text("YES"),
            Value::text("NO"),
            Value::Null,
            Value::Null,
        ]
    });
    ResultSet { columns, rows: rows.collect() }
}

/// `BINLOG_READERS`: who is sent the binlog, and how far each one is.
pub(super) fn binlog_readers(view: &View<'_>, needs_gtids: bool) -> Result<ResultSet, SqlError> {
    needs_replication_client(view)?;
    let columns = vec![
        unsigned("CONNECTION_ID"),
        text("USER"),
        text("HOST"),
        unsigned("SERVER_ID"),
        text("SERVER_UUID"),
        text("STATE"),
        unsigned("TIME"),
        text("FILE"),
        unsigned("POSITION"),
        Column { name: b"GTIDS".to_vec(), kind: Kind::Text },
        unsigned("LAG_BYTES"),
        unsigned("LAG_SECONDS"),
        unsigned("SENT_BYTES"),
    ];
    let facts = &view.server.facts;
    let mut rows = Vec::new();
    for session in view.server.registry.all() {
        let state = session.state();
        let Some(reader) = &state.dumping else { continue };
        let mut row = vec![
            Value::UInt(u64::from(session.id)),
            Value::text(user(&state)),
            Value::text(session.host.as_str()),
            Value::UInt(u64::from(reader.server_id)),
            or_null(reader.uuid.clone()),
            Value::text(state.status),
            Value::UInt(state.since.elapsed().as_secs()),
        ];
        match session.progress() {
            None => row.resize(columns.len(), Value::Null),
            Some(progress) => {
                let place = progress.place;
                let lag = facts.bytes_after(place.position);
                let gtids = needs_gtids.then(|| facts.gtids_before(place.position)).flatten();
                row.extend([
                    Value::text(&*place.file),
                    Value::UInt(place.position.offset),
                    or_null(gtids),
                    Value::UInt(lag),
                    lag_seconds(lag, place.event_time),
                    Value::UInt(progress.sent_bytes),
                ]);
            }
        }
        rows.push(row);
    }
    Ok(ResultSet { columns, rows })
}

/// How old the last event is that a reader was sent, if that is not the last there is.
fn lag_seconds(lag_bytes: u64, event_time: u32) -> Value {
    match (lag_bytes, event_time) {
        (0, _) => Value::UInt(0),
        (_, 0) => Value::Null,
        (_, time) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
            Value::UInt(now.saturating_sub(u64::from(time)))
        }
    }
}
