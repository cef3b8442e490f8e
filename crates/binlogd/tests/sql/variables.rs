//! binlogd shows the primary's variables, but for those that say what binlogd itself is.

use std::collections::BTreeMap;

use super::{Answer, Session};

/// Variables whose values are binlogd's own. `docs/sql.md` lists them.
const OWN: &[&str] = &[
    "local_infile",
    "max_connections",
    "port",
    "protocol_compression_algorithms",
    "query_cache_size",
    "read_only",
    "server_id",
    "server_uuid",
    "socket",
    "super_read_only",
    "sync_binlog",
    "version_comment",
];

/// Variables that binlogd does not show: secrets, and those of a MariaDB's semi-sync, by which replicas ask for it.
const HIDDEN: &[&str] = &["report_password", "rpl_semi_sync_", "wsrep_sst_auth"];

/// The variables that differ, with both values.
pub(crate) fn compare(theirs: &mut Session, ours: &mut Session) -> Vec<String> {
    let (shown_theirs, shown_ours) = (globals(theirs), globals(ours));
    let mut failures = Vec::new();
    let mut names = Vec::new();
    for (name, value) in &shown_theirs {
        let is_own = OWN.contains(&name.as_str());
        match shown_ours.get(name) {
            None if HIDDEN.iter().any(|hidden| name.starts_with(hidden)) => {}
            None => failures.push(format!("{name} is missing")),
            Some(ours) if !is_own && ours != value => {
                failures.push(format!("{name} is {ours:?}, at the primary {value:?}"));
            }
            Some(_) if !is_own => names.push(name),
            Some(_) => {}
        }
    }
    // The types by SELECT, many at once.
    for names in names.chunks(100) {
        let items: Vec<_> = names.iter().map(|name| format!("@@global.{name}")).collect();
        let sql = format!("SELECT {}", items.join(", "));
        let (Answer::Rows(_, theirs), Answer::Rows(_, ours)) = (theirs.ask(&sql), ours.ask(&sql))
        else {
            failures.push(format!("{sql}: {:?}", ours.ask(&sql)));
            continue;
        };
        for (name, (theirs, ours)) in names.iter().zip(theirs[0].iter().zip(&ours[0])) {
            if theirs != ours {
                failures.push(format!("@@{name} is {ours:?}, at the primary {theirs:?}"));
            }
        }
    }
    failures
}

fn globals(session: &mut Session) -> BTreeMap<String, String> {
    let Answer::Rows(_, rows) = session.ask("SHOW GLOBAL VARIABLES") else { panic!("no rows") };
    let text = |value: &Option<Vec<u8>>| {
        String::from_utf8_lossy(value.as_deref().unwrap_or_default()).into_owned()
    };
    rows.iter().map(|row| (text(&row[0]), text(&row[1]))).collect()
}
