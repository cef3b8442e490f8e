//! Status variables: what `SHOW STATUS` shows.

use std::sync::atomic::{AtomicU64, Ordering};

use binlogd_wire::compress::Compression;

use super::super::sql::Filter;
use super::View;

type Compute = fn(&View<'_>) -> String;

/// The status variables that servers have too, by name; the stream may have more.
static TABLE: &[(&str, Compute)] = &[
    ("Aborted_connects", |v| count(&v.server.registry.counters().aborted_connects)),
    ("Compression", |v| if v.session.compression.is_some() { "ON" } else { "OFF" }.into()),
    ("Compression_algorithm", |v| v.session.compression.map_or("", Compression::name).to_owned()),
    ("Compression_level", |v| v.session.compression.map_or(0, Compression::level).to_string()),
    ("Connections", |v| count(&v.server.registry.counters().connections)),
    ("Max_used_connections", |v| count(&v.server.registry.counters().max_used)),
    ("Questions", |v| count(&v.server.registry.counters().questions)),
    ("Rpl_semi_sync_master_clients", reading),
    ("Rpl_semi_sync_master_no_tx", no_tx),
    ("Rpl_semi_sync_master_status", semi_sync_status),
    ("Rpl_semi_sync_master_yes_tx", yes_tx),
    ("Rpl_semi_sync_replica_status", acknowledges),
    ("Rpl_semi_sync_slave_status", acknowledges),
    ("Rpl_semi_sync_source_clients", reading),
    ("Rpl_semi_sync_source_no_tx", no_tx),
    ("Rpl_semi_sync_source_status", semi_sync_status),
    ("Rpl_semi_sync_source_yes_tx", yes_tx),
    ("Ssl_cipher", |v| v.session.tls.as_ref().map_or_else(String::new, |tls| tls.cipher.clone())),
    ("Ssl_version", |v| v.session.tls.as_ref().map_or("", |tls| tls.version).to_owned()),
    ("Threads_connected", |v| v.server.registry.len().to_string()),
    ("Threads_running", |_| "1".into()),
    ("Uptime", |v| v.server.uptime_s().to_string()),
    ("Uptime_since_flush_status", |v| v.server.uptime_s().to_string()),
];

/// The rows of `SHOW STATUS`. Both scopes show the same: nothing is counted by session.
pub(in super::super) fn show(view: &View<'_>, filter: &Filter) -> Vec<(String, Vec<u8>)> {
    let ours = view.server.facts.status();
    let named = TABLE.iter().filter(|(name, _)| filter.may_match_name(name));
    let mut rows: Vec<_> =
        named.map(|(name, compute)| ((*name).to_owned(), compute(view))).chain(ours).collect();
    rows.retain(|(name, value)| filter.matches(name, value.as_bytes()));
    rows.sort();
    rows.into_iter().map(|(name, value)| (name, value.into_bytes())).collect()
}

fn count(counter: &AtomicU64) -> String {
    counter.load(Ordering::Relaxed).to_string()
}

/// Whether binlogd acknowledges what the primary commits.
fn acknowledges(view: &View<'_>) -> String {
    let status = view.server.facts.replica_status();
    if status.is_some_and(|status| status.semi_sync) { "ON" } else { "OFF" }.to_owned()
}

/// Whether readers acknowledge in time.
fn semi_sync_status(view: &View<'_>) -> String {
    if view.server.facts.reader_acks().is_on { "ON" } else { "OFF" }.to_owned()
}

/// Readers that acknowledge.
fn reading(view: &View<'_>) -> String {
    view.server.facts.reader_acks().readers.to_string()
}

/// For how many acknowledgements to the primary readers were waited for, and were enough.
fn yes_tx(view: &View<'_>) -> String {
    view.server.facts.reader_acks().counts.yes.to_string()
}

/// For how many they were not enough.
fn no_tx(view: &View<'_>) -> String {
    view.server.facts.reader_acks().counts.no.to_string()
}
