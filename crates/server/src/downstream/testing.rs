//! A stream that is not there, for the tests of this side.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use binlogd_store::Ambiguous;

use super::facts::{
    BinaryLog, BinaryLogStatus, EventRow, EventRows, EventsError, PurgeError, PurgeOutcome,
    PurgeTarget, StreamFacts,
};
use super::prepared::PreparedStatements;
use super::query::{self, Request};
use super::registry::Registry;
use super::replica::{Obeyed, Order, OrderError, ReplicaStatus};
use super::reply::{Column, Reply};
use super::server::Server;
use super::sql::Value;
use super::state::{Endpoint, SessionState, SystemValues, UserVariables};
use crate::config::{Limits, Rights};

/// A stream with two files.
pub(crate) struct FakeFacts {
    pub(crate) version: &'static str,
    pub(crate) semi_sync: bool,
    pub(crate) upstream: HashMap<&'static str, &'static str>,
    /// How often the large GTID sets were computed.
    pub(crate) gtid_sets_computed: AtomicUsize,
    /// What was to be purged.
    pub(crate) purges: Mutex<Vec<PurgeTarget>>,
    /// How following goes.
    pub(crate) replica: Mutex<Option<ReplicaStatus>>,
    /// What was ordered.
    pub(crate) orders: Mutex<Vec<Order>>,
    /// What an order comes to.
    pub(crate) obeyed: Mutex<Result<Obeyed, OrderError>>,
    /// What a purge comes to.
    pub(crate) purged: Mutex<Result<PurgeOutcome, PurgeError>>,
}

impl FakeFacts {
    pub(crate) fn new(version: &'static str) -> Self {
        let upstream = HashMap::from([("binlog_row_metadata", "MINIMAL"), ("sql_mode", "ANSI")]);
        Self {
            version,
            semi_sync: false,
            upstream,
            gtid_sets_computed: AtomicUsize::new(0),
            purges: Mutex::default(),
            replica: Mutex::default(),
            orders: Mutex::default(),
            obeyed: Mutex::new(Ok(Obeyed::Done)),
            purged: Mutex::new(Ok(PurgeOutcome::default())),
        }
    }
}

/// Five events of ten bytes each, two at once.
#[derive(Debug)]
struct FakeEvents(u64);

impl EventRows for FakeEvents {
    fn next_batch(&mut self) -> Result<Vec<EventRow>, EventsError> {
        let mut rows = Vec::new();
        while self.0 < 54 && rows.len() < 2 {
            rows.push(EventRow {
                file: "binlog.000001".into(),
                position: self.0,
                kind: "Query".into(),
                server_id: 1,
                end: self.0 + 10,
                info: b"BEGIN".to_vec(),
            });
            self.0 += 10;
        }
        Ok(rows)
    }
}

impl StreamFacts for FakeFacts {
    fn server_version(&self) -> String {
        self.version.into()
    }

    fn server_id(&self) -> u32 {
        4000
    }

    fn server_uuid(&self) -> String {
        "11111111-2222-3333-4444-555555555555".into()
    }

    fn gtid_mode(&self) -> String {
        "ON".into()
    }

    fn gtid_executed(&self) -> String {
        self.gtid_sets_computed.fetch_add(1, Ordering::Relaxed);
        "aaaaaaaa-0000-0000-0000-000000000000:1-9".into()
    }

    fn gtid_purged(&self) -> String {
        self.gtid_sets_computed.fetch_add(1, Ordering::Relaxed);
        "aaaaaaaa-0000-0000-0000-000000000000:1-3".into()
    }

    fn binlog_checksum(&self) -> String {
        "CRC32".into()
    }

    fn upstream_variable(&self, name: &str) -> Option<String> {
        self.upstream.get(name).map(|value| (*value).to_owned())
    }

    fn upstream_variables(&self) -> Vec<(String, String)> {
        let own = |(name, value): (&&str, &&str)| ((*name).to_owned(), (*value).to_owned());
        self.upstream.iter().map(own).collect()
    }

    fn binary_logs(&self) -> Vec<BinaryLog> {
        let log = |name: &str, size| BinaryLog { name: name.into(), size };
        vec![log("binlog.000001", 1000), log("binlog.000002", 157)]
    }

    fn binary_log_status(&self) -> Option<BinaryLogStatus> {
        Some(BinaryLogStatus { file: "binlog.000002".into(), position: 157 })
    }

    fn binlog_gtid_pos(&self, file: &str, position: u64) -> Result<Option<String>, Ambiguous> {
        if file == "twice.000001" {
            return Err(Ambiguous { name: file.into(), files: Vec::new() });
        }
        Ok((file == "binlog.000001" && position == 4).then(|| "0-1-7".into()))
    }

    fn purge(&self, target: &PurgeTarget) -> Result<PurgeOutcome, PurgeError> {
        self.purges.lock().unwrap().push(target.clone());
        self.purged.lock().unwrap().clone()
    }

    fn events(&self, file: Option<&str>, from: u64) -> Result<Box<dyn EventRows>, EventsError> {
        match file {
            None | Some("binlog.000001") => Ok(Box::new(FakeEvents(from.max(4)))),
            Some(_) => Err(EventsError::NoSuchFile),
        }
    }

    fn replica_status(&self) -> Option<ReplicaStatus> {
        self.replica.lock().unwrap().clone()
    }

    fn order(&self, order: Order) -> Result<Obeyed, OrderError> {
        self.orders.lock().unwrap().push(order);
        self.obeyed.lock().unwrap().clone()
    }

    fn semi_sync_offered(&self) -> bool {
        self.semi_sync
    }

    fn status(&self) -> Vec<(String, String)> {
        vec![("Binlogd_lag_bytes".into(), "0".into())]
    }
}

/// A server over fake facts.
pub(crate) fn server(version: &'static str) -> (Server, Arc<FakeFacts>) {
    let facts = Arc::new(FakeFacts::new(version));
    let server = Server {
        facts: Arc::clone(&facts) as Arc<dyn StreamFacts>,
        registry: Arc::new(Registry::default()),
        limits: Limits::default(),
        hostname: "fakehost".into(),
        started: Instant::now(),
        offers_tls: true,
        requires_tls: false,
    };
    (server, facts)
}

/// A session that may replicate.
pub(crate) fn session() -> SessionState {
    SessionState {
        id: 7,
        user: "repl".into(),
        host: "10.0.0.1".into(),
        rights: Rights { replicate: true, ..Rights::default() },
        db: None,
        endpoint: Endpoint { port: 3307, socket: None },
        tls: None,
        compression: None,
        user_variables: UserVariables::new(&Limits::default()),
        prepared: PreparedStatements::new(&Limits::default()),
        system: SystemValues::default(),
        savepoints: None,
        last_error: None,
        warnings: Vec::new(),
    }
}

/// Runs a statement and writes its answer on lines: `OK`, `ERROR code: text`, or the columns' names
/// and the rows, cells separated by ` | `.
pub(crate) fn ask(server: &Server, session: &mut SessionState, sql: &str) -> String {
    let line = |cells: Vec<String>| cells.join(" | ");
    match query::run(server, session, &Request::text(sql.as_bytes())) {
        Ok(Reply::Ok) => "OK".into(),
        Ok(Reply::Events(mut events)) => {
            let mut lines = vec![line(names(&events.columns))];
            while let Some(rows) = events.next_batch().unwrap() {
                lines.extend(rows.iter().map(|row| line(cells(row))));
            }
            lines.join("\n")
        }
        Ok(Reply::Asked(question)) => {
            let asked_in = question.asked_in.map(|charset| format!(" from {charset}"));
            let answered_in = question.answered_in.as_deref().unwrap_or("NULL");
            format!("ASKS{} in {answered_in}: {}", asked_in.unwrap_or_default(), question.sql)
        }
        Ok(Reply::Warned(warnings)) => format!("OK, {} warnings", warnings.len()),
        Err(error) => format!("ERROR {}: {}", error.code, error.message),
        Ok(Reply::Rows(set)) => {
            let mut lines = vec![line(names(&set.columns))];
            lines.extend(set.rows.iter().map(|row| line(cells(row))));
            lines.join("\n")
        }
    }
}

fn names(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| String::from_utf8_lossy(&column.name).into_owned()).collect()
}

fn cells(row: &[Value]) -> Vec<String> {
    let cell = |value: &Value| match value.to_bytes() {
        Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        None => "NULL".into(),
    };
    row.iter().map(cell).collect()
}
