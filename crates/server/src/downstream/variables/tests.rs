//! The table as a whole. Single variables are tested with the statements that ask for them.

use super::super::testing::{FakeFacts, server, session};
use super::*;

/// Names that clients were seen to ask for, or that tools are known to want.
const WANTED: &[&str] = &[
    "auto_increment_increment",
    "autocommit",
    "binlog_checksum",
    "binlog_format",
    "binlog_row_image",
    "character_set_client",
    "character_set_connection",
    "character_set_results",
    "character_set_server",
    "collation_connection",
    "collation_server",
    "hostname",
    "init_connect",
    "interactive_timeout",
    "license",
    "log_bin",
    "lower_case_table_names",
    "max_allowed_packet",
    "net_write_timeout",
    "performance_schema",
    "port",
    "read_only",
    "server_id",
    "socket",
    "sql_mode",
    "system_time_zone",
    "time_zone",
    "transaction_isolation",
    "version",
    "version_comment",
    "wait_timeout",
];

#[test]
fn what_clients_ask_for_exists_on_every_presented_server() {
    for version in ["5.6.24", "5.7.44-log", "8.0.36", "9.7.4", "10.11.6-MariaDB", "11.8.3-MariaDB"]
    {
        let (server, _) = server(version);
        let session = session();
        let view = View { server: &server, session: &session };
        for name in WANTED {
            select(&view, None, name).unwrap_or_else(|error| panic!("{version}: {error}"));
        }
        assert_eq!(select(&view, None, "VERSION"), Ok(Value::text(version)));
    }
}

#[test]
fn show_lists_what_select_knows_and_nothing_else() {
    let (server, _) = server("9.7.4");
    let session = session();
    let view = View { server: &server, session: &session };
    let rows = show(&view, Scope::Session, &Filter::All);
    assert!(rows.len() > 70, "{}", rows.len());
    for (name, value) in &rows {
        let selected = select(&view, None, name).unwrap();
        if let Value::Text(text) = selected {
            assert_eq!(text, *value, "{name}");
        }
    }
    let listed = |name: &str| rows.iter().any(|(listed, _)| listed == name);
    assert!(listed("binlog_row_metadata"), "the upstream has it");
    assert!(!listed("binlog_row_value_options"), "the upstream has it not");
    assert_eq!(select(&view, None, "binlog_row_value_options").unwrap_err().code, 1193);
    assert!(listed("pseudo_thread_id"));
    let global = show(&view, Scope::Global, &Filter::All);
    assert!(global.iter().all(|(name, _)| name != "pseudo_thread_id"));
}

#[test]
fn twins_of_semi_sync_exist_where_it_is_offered_the_newer_for_mysqls_replicas_alone() {
    for (version, source) in [("9.7.4", true), ("5.6.24", true), ("11.8.3-MariaDB", false)] {
        let (mut server, _) = server(version);
        let session = session();
        let names = ["rpl_semi_sync_master_enabled", "rpl_semi_sync_source_enabled"];
        for name in names {
            let view = View { server: &server, session: &session };
            assert_eq!(select(&view, None, name).unwrap_err().code, 1193, "{version}");
        }
        let facts = FakeFacts { semi_sync: true, ..FakeFacts::new(version) };
        server.facts = std::sync::Arc::new(facts);
        let view = View { server: &server, session: &session };
        assert_eq!(select(&view, None, names[0]), Ok(Value::Int(1)));
        assert_eq!(select(&view, None, names[1]).is_ok(), source, "{version}");
    }
}

#[test]
fn the_upstreams_values_are_passed_on() {
    let (mut server, _) = server("9.7.4");
    let mut facts = FakeFacts::new("9.7.4");
    facts.upstream.insert("max_allowed_packet", "1073741824");
    facts.upstream.insert("character_set_server", "latin1");
    facts.upstream.insert("collation_server", "latin1_swedish_ci");
    server.facts = std::sync::Arc::new(facts);
    let session = session();
    let view = View { server: &server, session: &session };
    assert_eq!(select(&view, None, "max_allowed_packet"), Ok(Value::UInt(1 << 30)));
    assert_eq!(select(&view, None, "character_set_database"), Ok(Value::text("latin1")));
    assert_eq!(select(&view, None, "collation_server"), Ok(Value::text("latin1_swedish_ci")));
}
